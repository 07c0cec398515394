"""The generated half of docs/risk_models.md: what each equation is and how it agrees.

``python -m tests.risk_models.documentation`` rewrites it.
"""

from collections.abc import Iterator
from pathlib import Path

from risk_models import EQUATIONS, PANELS
from risk_models.equations.definition import Equation, ShortName
from risk_models.units import printed
from risk_models.variables import Variable
from tests.risk_models.reference_cases import COMPARE, compare, load

PAGE = Path(__file__).parents[2] / "docs" / "risk_models.md"
BEGIN, END = "<!-- generated: begin -->", "<!-- generated: end -->"


def page_now() -> str:
    """The page with its generated half renewed."""
    written = PAGE.read_text(encoding="utf-8")
    before, rest = written.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n\n{generated()}\n\n{END}{after}"


def generated() -> str:
    parts = [
        "## Agreement with the reference cases",
        "\n".join(_agreement()),
        "## Equations",
        "\n".join(_equations()),
        "## Inputs",
        "\n".join(_inputs()),
    ]
    return "\n\n".join(parts)


def _agreement() -> Iterator[str]:
    yield "Cases are in `tests/risk_models/data`, each with its source; every value is compared at"
    yield "the precision its file states. A test scores 100 random people for every variant of each"
    yield "equation alone and in a table, and people with missing and impossible values: the same"
    yield "bits, the same problems."
    yield ""
    yield "| cases | scored by | cases | values | agree | largest difference |"
    yield "|---|---|---:|---:|---:|---:|"
    for name in COMPARE:
        found = compare(name)
        differences = [
            abs(float(c.found) - float(c.expected))
            for c in found
            if not isinstance(c.expected, str | bool)
            and c.found is not None
            # Differences to figures printed in whole or tenths of a per cent say little.
            and c.tolerance < 0.01
        ]
        largest = f"{max(differences):.0e}" if differences else "-"
        agree = sum(comparison.agrees for comparison in found)
        scored_by = ", ".join(f"`{e}`" for e in _scored_by(name))
        yield f"| {name} | {scored_by} | {len(load(name))} | {len(found)} | {agree} | {largest} |"


def _scored_by(name: str) -> tuple[str, ...]:
    if name == "mayo_nodule":
        return PANELS["solitary_nodule"]
    if name in EQUATIONS:
        return (name,)
    return PANELS.get(name, (f"guidelines.classify({name!r})",))


def _equations() -> Iterator[str]:
    yield (
        "| equation | source | population | ages | outcomes | result in | inputs, units, ranges "
        "| variants (default first) | checked against | cases | agreement |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---:|---|"
    for equation in EQUATIONS.values():
        found = [o for variant in equation.variants for o in variant.outcomes]
        outcomes = ", ".join(dict.fromkeys(o.key for o in found))
        units = ", ".join(dict.fromkeys(printed(o.unit) or "probability" for o in found))
        variants = "; ".join(f"`{v.name}` ({v.description})" for v in equation.variants)
        cases, agreement = _agreement_of(equation.identifier)
        yield (
            f"| `{equation.identifier}` {equation.title} | {equation.source} "
            f"| {equation.population} | {equation.age_range} | {outcomes} | {units} "
            f"| [table](#{equation.identifier}) | {variants} "
            f"| {'; '.join(equation.checked_against)} | {cases} | {agreement} |"
        )


def _agreement_of(equation: str) -> tuple[int, str]:
    """Number of reference cases, and how many of their values agree.

    Values of a panel's cases (``cha2ds2_vasc`` in ``af_scores``) are counted together.
    """
    name = next(name for name in COMPARE if equation in _scored_by(name))
    found = compare(name)
    agree = sum(comparison.agrees for comparison in found)
    shared = "" if _scored_by(name) == (equation,) else f" ({name})"
    return len(load(name)), f"{agree} of {len(found)} values{shared}"


def _inputs() -> Iterator[str]:
    yield (
        "Fields of `evaluate` and `evaluate_columns`, and the short names that `score` also takes."
    )
    for equation in EQUATIONS.values():
        yield ""
        yield f"### {equation.identifier}"
        yield ""
        yield "| input | fields | accepted | short names |"
        yield "|---|---|---|---|"
        seen: dict[str, None] = {}
        for variant in equation.variants:
            for variable in variant.variables:
                row = _input_row(equation, variable)
                if row not in seen:
                    seen[row] = None
                    yield row


def _input_row(equation: Equation, variable: Variable) -> str:
    shorts = ", ".join(
        _short(name, short)
        for name, short in equation.short_names.items()
        if short.variable == variable.name
    )
    fields = ", ".join(f"`{field}`" for field in variable.fields)
    notes = " (may be missing)" if variable.optional else ""
    if variable.only_for is not None:
        notes = f" (only if {variable.only_for[0]} is {variable.only_for[1]})"
    return f"| {variable.name}{notes} | {fields} | {variable.valid} | {shorts} |"


def _short(name: str, short: ShortName) -> str:
    if short.unit is not None:
        return f"`{name}` ({printed(short.unit)})"
    if short.words:
        return f"`{name}` (" + ", ".join(f"{k} = {v}" for k, v in short.words.items()) + ")"
    return f"`{name}`"


if __name__ == "__main__":
    PAGE.write_text(page_now(), encoding="utf-8")
