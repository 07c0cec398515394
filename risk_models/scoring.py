"""The public way in: score one person (`evaluate`, `score`) or a table (`evaluate_columns`).

One person is scored as a table of one row, so both ways run the same checks and the same
arithmetic.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from risk_models.cures import explained
from risk_models.equations.definition import (
    BoolArray,
    CautionRule,
    Columns,
    Equation,
    Outcome,
    always,
)
from risk_models.equations.engine import ScoredColumns, problems_at, score_checked
from risk_models.equations.registry import PANELS, equation_named
from risk_models.errors import UnknownEquationError
from risk_models.records import Record, one_row, plain_values
from risk_models.results import Caution, Evaluation, ProblemKind, Refusal, Result
from risk_models.short_names import expand


def evaluate(equation: str, record: Record, variant: str | None = None) -> Evaluation:
    """Score one person with one equation.

    Parameters
    ----------
    equation
        Name in `risk_models.equations.registry`.
    record
        Field names as the registry lists them; the name states the unit
        (``total_cholesterol_mmol_l=5.2``) unless there is only one (``age``,
        ``systolic_bp``), or the value is a `Quantity`. None and NaN mean missing.
        Other fields are ignored.
    variant
        Name of a variant; the equation's default if None.

    Returns
    -------
    Evaluation
        One `Result` or `Refusal` per outcome. A missing, impossible or out-of-range input is
        a refusal that names it; no exception is raised for anything a patient's record holds.

    Raises
    ------
    UnknownEquationError
        If the equation or variant does not exist.
    """
    found = equation_named(equation)
    chosen = found.variant(variant)
    scored = score_checked(chosen, one_row(chosen.variables, record))
    outcomes = tuple(_outcome_of(found, scored, outcome, record) for outcome in chosen.outcomes)
    return Evaluation(found.identifier, chosen.name, outcomes)


def score(equation: str, record: Record, variant: str | None = None) -> Evaluation:
    """Score one person whose record uses the equation's own short field names.

    As `evaluate`, but accepts the names the equation's literature uses (``tc``, ``sbp``,
    ``tx`` ...) besides the full ones. Each short name stands for one unit, which the registry
    states (``tc`` is mg/dL in the Pooled Cohort Equations and mmol/L in SCORE2); a field
    ``unit`` overrides it where the equation says so. The record may also name the variant
    (``model``).
    """
    found = equation_named(equation)
    full, named_variant = expand(found, record)
    return evaluate(equation, full, variant if variant is not None else named_variant)


def score_panel(panel: str, record: Record) -> tuple[Evaluation, ...]:
    """Score one person with every equation of a panel, e.g. ``ldl_equations``.

    An equation whose inputs the record does not hold gives refusals, as `score` does.
    """
    if panel not in PANELS:
        raise UnknownEquationError(f"no panel {panel!r}; there are: {', '.join(PANELS)}")
    return tuple(score(equation, record) for equation in PANELS[panel])


def evaluate_columns(
    equation: str,
    frame: pl.DataFrame,
    variant: str | None = None,
    *,
    outcomes: Sequence[str] | None = None,
    details: bool = True,
) -> pl.DataFrame:
    """Score every row of a table with one equation.

    Parameters
    ----------
    equation, variant
        As in `evaluate`.
    frame
        One person per row; column names state units as record fields do.
    outcomes
        Outcome keys to give, e.g. ``["total_cvd_10y"]``; all of them if None.
    details
        Also give classes, problems and cautions.

    Returns
    -------
    polars.DataFrame
        As many rows as `frame`. ``<equation>.<outcome key>`` (Float64, null where refused);
        with `details` also ``<equation>.<outcome key>_class``, ``<equation>.problems`` and
        ``<equation>.cautions`` (text, null where there is none; cautions that hold for
        everyone are in the registry).
    """
    found = equation_named(equation)
    chosen = found.variant(variant)
    if outcomes is not None:
        chosen = chosen.only(outcomes)
    scored = score_checked(chosen, frame)
    prefix = found.identifier
    columns = [
        pl.Series(f"{prefix}.{outcome.key}", scored.values[outcome.key], nan_to_null=True)
        for outcome in chosen.outcomes
    ]
    if details:
        columns += [_classes(prefix, scored, o) for o in chosen.outcomes if o.classes is not None]
        columns.append(_problem_texts(prefix, scored))
        columns.append(_caution_codes(prefix, scored))
    return pl.DataFrame(columns)


def _outcome_of(
    equation: Equation, scored: ScoredColumns, outcome: Outcome, record: Record
) -> Result | Refusal:
    variant = scored.variant
    named = {variable.name: variable for variable in variant.variables}
    problems = tuple(
        # What is not defined is a fault of no single input.
        explained(p, named[p.variable], record) if p.kind is not ProblemKind.NOT_DEFINED else p
        for p in problems_at(scored, outcome, 0)
    )
    if problems:
        return Refusal(
            equation.identifier,
            variant.name,
            outcome.name,
            outcome.horizon_years,
            problems,
            equation.source,
        )
    value = float(scored.values[outcome.key][0])
    return Result(
        equation=equation.identifier,
        variant=variant.name,
        outcome=outcome.name,
        horizon_years=outcome.horizon_years,
        value=value,
        unit=outcome.unit,
        category=_category(outcome, scored.values[outcome.key], scored.inputs.values),
        inputs=plain_values(variant.variables, scored.inputs.values),
        citation=equation.source,
        warnings=tuple(
            Caution(rule.code, rule.message)
            for rule in variant.cautions
            if _speaks_of(rule, outcome) and bool(rule.applies(scored.inputs.values)[0])
        ),
    )


def _speaks_of(rule: CautionRule, outcome: Outcome) -> bool:
    return rule.outcomes is None or outcome.key in rule.outcomes


def _category(outcome: Outcome, value: np.ndarray, inputs: Columns) -> str | None:
    if outcome.classes is None:
        return None
    position = int(outcome.classes.assign(value, inputs)[0])
    return outcome.classes.labels[position] if position >= 0 else None


def _classes(prefix: str, scored: ScoredColumns, outcome: Outcome) -> pl.Series:
    assert outcome.classes is not None
    found = outcome.classes.assign(scored.values[outcome.key], scored.inputs.values)
    labels = pl.Series([*outcome.classes.labels, None], dtype=pl.String)
    # Position -1 (no class) picks the null at the end.
    picked = labels.gather(np.where(found < 0, len(labels) - 1, found).astype(np.uint32))
    return picked.rename(f"{prefix}.{outcome.key}_class")


def _problem_texts(prefix: str, scored: ScoredColumns) -> pl.Series:
    """One text per row with problems; rows with the same problems share it."""
    rows = len(next(iter(scored.values.values())))
    code = np.zeros(rows, dtype=np.int64)
    for status in scored.inputs.status.values():
        code = code * 8 + status
    for values in scored.values.values():
        code = code * 2 + np.isnan(values)
    texts = np.full(rows, None, dtype=object)
    for group in np.unique(code[code != 0]):
        members = np.flatnonzero(code == group)
        found = {
            str(problem): None
            for outcome in scored.variant.outcomes
            for problem in problems_at(scored, outcome, int(members[0]))
        }
        texts[members] = "; ".join(found) or None
    return pl.Series(f"{prefix}.problems", texts.tolist(), dtype=pl.String)


def _caution_codes(prefix: str, scored: ScoredColumns) -> pl.Series:
    inputs = scored.inputs.values
    given: BoolArray = np.any([~np.isnan(v) for v in scored.values.values()], axis=0)
    rules = [rule for rule in scored.variant.cautions if rule.applies is not always]
    held = np.zeros(len(given), dtype=np.int64)
    for position, rule in enumerate(rules):
        held |= (rule.applies(inputs) & given).astype(np.int64) << position
    texts = np.full(len(given), None, dtype=object)
    for group in np.unique(held[held != 0]):
        codes = [rule.code for position, rule in enumerate(rules) if int(group) >> position & 1]
        texts[held == group] = "; ".join(codes)
    return pl.Series(f"{prefix}.cautions", texts.tolist(), dtype=pl.String)
