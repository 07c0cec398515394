"""The chapter on data: what came, what was not used, who could not be scored and why."""

from collections.abc import Iterator

import polars as pl

from risk_models.cohort.counts import Counts
from risk_models.cohort.fields import FIELDS
from risk_models.cohort.report.document import Block, Bullets, Heading, Paragraph, Table
from risk_models.cohort.report.texts import Texts, number, percent
from risk_models.cohort.run import Manifest
from risk_models.cohort.suppression import SMALLEST_SHOWN
from risk_models.equations.registry import EQUATIONS
from risk_models.units import Unit, printed

REASONS_SHOWN = 6


def quality_blocks(manifest: Manifest, counts: Counts, t: Texts) -> Iterator[Block]:
    """Blocks on input, assumptions, completeness, issues and who is not scored."""
    yield Heading(t("Data quality"))
    yield Bullets(tuple(_facts(manifest, counts, t)))
    yield scorable_table(counts, t)
    yield _reasons(counts, t)
    yield _completeness(counts, t)
    yield from _issues(counts, t)


def scorable_table(counts: Counts, t: Texts) -> Table:
    """How many people each equation scores."""
    people = _people(counts)
    rows = []
    for equation, scored in _scored_by(counts).items():
        missing = people - scored
        small = 0 < missing < SMALLEST_SHOWN or 0 < scored < SMALLEST_SHOWN
        rows.append(
            (
                t.name(EQUATIONS[equation].title),
                number(None if small else scored),
                number(None if small else missing),
                percent(scored / people) if people and not small else "-",
            )
        )
    return Table(
        "scorable",
        t("People scored by each equation (at least one outcome)"),
        (t("equation"), t("scored"), t("not scored"), t("scored, per cent")),
        tuple(rows),
    )


def _facts(manifest: Manifest, counts: Counts, t: Texts) -> Iterator[str]:
    totals = dict(counts.totals.iter_rows())
    notes = f" ({t.list(manifest.notes)})" if manifest.notes else ""
    yield t(
        "Input: {source}, {kind}{notes}", source=manifest.source, kind=manifest.kind, notes=notes
    )
    if manifest.resources:
        yield t(
            "Resources read: {resources}",
            resources=t.list(f"{kind} {number(n)}" for kind, n in manifest.resources.items()),
        )
    else:
        yield t("Rows read: {rows}", rows=number(totals.get("rows", 0)))
    dead = totals.get("deceased", 0)
    yield t(
        "People: {people}; deceased and left out: {dead}",
        people=number(_people(counts)),
        dead=number(None if 0 < dead < SMALLEST_SHOWN else dead),
    )
    yield t("Ages and due dates as of {day}", day=manifest.as_of)
    if manifest.oldest:
        yield t("Values dated before {day} are not used", day=manifest.oldest)
    if manifest.constants:
        yield t(
            "Taken for everyone without a value of their own: {constants}",
            constants=t.list(
                f"{t.field(name)} = {_word(value, t)}" for name, value in manifest.constants.items()
            ),
        )
    for equation in manifest.chosen:
        if equation.constants:
            yield t(
                "Taken for everyone in {equation}: {constants}",
                equation=t.name(EQUATIONS[equation.name].title),
                constants=t.list(
                    f"{t.field(n)} = {_word(v, t)}" for n, v in equation.constants.items()
                ),
            )
    if manifest.absent_means_no:
        yield t(
            "Counted as no where nothing is recorded: {fields}. Rates of these are lower limits.",
            fields=t.list(t.field(name) for name in manifest.absent_means_no),
        )
    if manifest.unused_columns:
        yield t("Columns not used: {columns}", columns=t.list(manifest.unused_columns))


def _reasons(counts: Counts, t: Texts) -> Table:
    rows = []
    for equation in _scored_by(counts):
        found = counts.problems.filter(
            (pl.col("equation") == equation) & (pl.col("problem") != "")
        ).sort("count", "problem", descending=[True, False])
        for problem, count in found.select("problem", "count").head(REASONS_SHOWN).rows():
            shown = None if count < SMALLEST_SHOWN else count
            rows.append((t.name(EQUATIONS[equation].title), t.problem(problem), number(shown)))
    return Table(
        "reasons",
        t("Why people are not scored (a person may have several reasons)"),
        (t("equation"), t("reason"), t("people")),
        tuple(rows),
        text_columns=2,
    )


def _completeness(counts: Counts, t: Texts) -> Table:
    people = _people(counts)
    rows = []
    for name, valid, derived in counts.completeness.sort("valid", descending=True).iter_rows():
        if valid == 0:
            continue
        missing = people - valid
        small = 0 < missing < SMALLEST_SHOWN or 0 < valid < SMALLEST_SHOWN
        unit = _printed_unit(name)
        rows.append(
            (
                t.field(name) + (f" ({unit})" if unit else ""),
                number(None if small else valid),
                percent(valid / people) if people and not small else "-",
                "" if derived == 0 else number(None if derived < SMALLEST_SHOWN else derived),
            )
        )
    return Table(
        "completeness",
        t("Valid values"),
        (t("field"), t("people"), t("per cent"), t("of these derived")),
        tuple(rows),
    )


def _issues(counts: Counts, t: Texts) -> Iterator[Block]:
    if counts.issues.is_empty():
        yield Paragraph(t("Every cell could be used."))
        return
    found = counts.issues.sort("count", descending=True)
    yield Table(
        "issues",
        t("Cells and rows that were not used (each with its row in issues.csv)"),
        (t("field"), t("issue"), t("count")),
        tuple(
            (t.field(field or "-"), t(issue), number(count))
            for field, issue, count in found.select("field", "issue", "count").iter_rows()
        ),
        text_columns=2,
    )


def _printed_unit(name: str) -> str:
    unit = FIELDS[name].unit if name in FIELDS else ""
    return "" if unit in ("", Unit.YEAR, Unit.COUNT) else printed(Unit(unit))


def _people(counts: Counts) -> int:
    return int(dict(counts.totals.iter_rows()).get("people", 0))


def _scored_by(counts: Counts) -> dict[str, int]:
    rows = counts.problems.filter(pl.col("problem") == "")
    found = dict(rows.select("equation", "count").iter_rows())
    return {name: found[name] for name in EQUATIONS if name in found}


def _word(value: object, t: Texts) -> str:
    if isinstance(value, bool):
        return t("yes") if value else t("no")
    return t(str(value))
