"""Scores a table with one equation: read the columns, check every value, compute, mark refusals."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from risk_models.equations.definition import BoolArray, FloatArray, Outcome, Variant
from risk_models.results import Problem, ProblemKind
from risk_models.units import Conversion
from risk_models.variables import Choice, Flag, Measure, Variable

ROWS_AT_ONCE = 16_384
"""Rows per pass: a few columns of this length stay in a core's cache. No result depends on it."""

FEW_ROWS = 32
"""Up to here a look-up in Python is quicker than starting a query."""

TWO_UNITS_AGREE = 0.01
"""Relative difference allowed between one quantity given in two units: factors differ a little."""

StatusArray = NDArray[np.uint8]
FINE = 0
_KINDS = (
    ProblemKind.MISSING,
    ProblemKind.OUT_OF_RANGE,
    ProblemKind.NOT_ALLOWED,
    ProblemKind.CONTRADICTORY,
    ProblemKind.UNIT_NOT_STATED,
)
_STATUS = {kind: position + 1 for position, kind in enumerate(_KINDS)}


@dataclass(frozen=True, slots=True)
class CheckedInputs:
    """Columns ready for `Variant.compute`, and what is wrong with each value.

    Parameters
    ----------
    values
        By variable name; NaN wherever `status` is not fine.
    status
        By variable name, 0 where the value is accepted.
    """

    values: dict[str, FloatArray]
    status: dict[str, StatusArray]


@dataclass(frozen=True, slots=True)
class ScoredColumns:
    """What an equation gave for every row of a table.

    Parameters
    ----------
    values
        By outcome key, NaN where refused; shape (n,).
    refused
        By outcome key, True where an input it needs is not accepted.
    """

    variant: Variant
    inputs: CheckedInputs
    values: dict[str, FloatArray]
    refused: dict[str, BoolArray]


def score_checked(variant: Variant, frame: pl.DataFrame) -> ScoredColumns:
    """Score every row of `frame`; a bad value refuses its own row only."""
    inputs = check(variant.variables, frame)
    rows = frame.height
    values = {outcome.key: np.full(rows, np.nan) for outcome in variant.outcomes}
    for start in range(0, rows, ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        computed = variant.compute({name: column[part] for name, column in inputs.values.items()})
        for key, column in values.items():
            column[part] = computed[key]
    refused = {}
    for outcome in variant.outcomes:
        mask = _needs_unmet(variant, outcome, inputs)
        values[outcome.key][mask] = np.nan
        refused[outcome.key] = mask
    return ScoredColumns(variant, inputs, values, refused)


def problems_at(scored: ScoredColumns, outcome: Outcome, row: int) -> tuple[Problem, ...]:
    """Every reason why `outcome` has no number in `row`; empty if it has one."""
    needed = tuple(v for v in scored.variant.variables if _is_needed(outcome, v))
    found = input_problems(needed, scored.inputs, row)
    if not found and np.isnan(scored.values[outcome.key][row]):
        found.append(Problem(outcome.name, ProblemKind.NOT_DEFINED, outcome.undefined))
    return tuple(found)


def input_problems(
    variables: tuple[Variable, ...], inputs: CheckedInputs, row: int
) -> list[Problem]:
    """What is wrong with the values of `variables` in one row."""
    return [
        Problem(variable.name, _KINDS[status - 1], variable.valid, tuple(variable.fields))
        for variable in variables
        if (status := int(inputs.status[variable.name][row])) != FINE
    ]


def check(variables: tuple[Variable, ...], frame: pl.DataFrame) -> CheckedInputs:
    """Read and check variables from the columns of `frame`."""
    values: dict[str, FloatArray] = {}
    status: dict[str, StatusArray] = {}
    for variable in variables:
        values[variable.name], status[variable.name] = _read(variable, frame)
    for variable in variables:
        if variable.only_for is not None:
            choice = next(v for v in variables if v.name == variable.only_for[0])
            assert isinstance(choice, Choice)
            applies = choice.options.index(variable.only_for[1])
            # Elsewhere (e.g. women, for an input of men) it is neither needed nor judged; an
            # unknown choice is refused in its own right.
            elsewhere = values[choice.name] != applies
            name = variable.name
            values[name] = np.where(elsewhere, 0.0, values[name])
            status[name] = np.where(elsewhere, FINE, status[name]).astype(np.uint8)
    return CheckedInputs(values, status)


def _is_needed(outcome: Outcome, variable: Variable) -> bool:
    return outcome.needs is None or variable.name in outcome.needs


def _needs_unmet(variant: Variant, outcome: Outcome, inputs: CheckedInputs) -> BoolArray:
    unmet = np.zeros(len(next(iter(inputs.status.values()))), dtype=np.bool_)
    for variable in variant.variables:
        if _is_needed(outcome, variable):
            unmet |= inputs.status[variable.name] != FINE
    return unmet


def _read(variable: Variable, frame: pl.DataFrame) -> tuple[FloatArray, StatusArray]:
    match variable:
        case Measure():
            return _read_measure(variable, frame)
        case Flag():
            return _read_flag(variable, frame)
        case Choice():
            return _read_choice(variable, frame)


def _blank(rows: int, optional: bool) -> tuple[FloatArray, StatusArray]:
    missing = FINE if optional else _STATUS[ProblemKind.MISSING]
    return np.full(rows, np.nan), np.full(rows, missing, dtype=np.uint8)


def _numbers(series: pl.Series) -> tuple[FloatArray, BoolArray]:
    """The column as float64, and where something that is not a number stands in it."""
    if series.dtype == pl.Boolean or not (series.dtype.is_numeric() or series.dtype == pl.String):
        return np.full(len(series), np.nan), series.is_not_null().to_numpy()
    if series.dtype == pl.String:
        cast = series.str.strip_chars().cast(pl.Float64, strict=False)
        return cast.to_numpy(), (cast.is_null() & series.is_not_null()).to_numpy()
    numbers = series.cast(pl.Float64).to_numpy()
    return numbers, np.zeros(len(series), dtype=np.bool_)


def _read_measure(variable: Measure, frame: pl.DataFrame) -> tuple[FloatArray, StatusArray]:
    values, status = _blank(frame.height, variable.optional)
    for name, unit in variable.fields.items():
        if name not in frame.columns:
            continue
        numbers, foreign = _numbers(frame.get_column(name))
        if unit is not variable.unit:
            numbers = _converted(numbers, variable.conversions[unit])
        given = ~np.isnan(numbers)
        both = given & ~np.isnan(values)
        if both.any():
            with np.errstate(invalid="ignore", over="ignore"):
                apart = np.abs(numbers - values) > TWO_UNITS_AGREE * np.abs(values)
            status[both & apart] = _STATUS[ProblemKind.CONTRADICTORY]
        fresh = given & ~both
        values = np.where(fresh, numbers, values) if not fresh.all() else numbers
        status[fresh] = FINE
        status[foreign] = _STATUS[ProblemKind.NOT_ALLOWED]
    if variable.name in frame.columns and variable.name not in variable.fields:
        bare = frame.get_column(variable.name).is_not_null().to_numpy() & np.isnan(values)
        status[bare & (status != _STATUS[ProblemKind.NOT_ALLOWED])] = _STATUS[
            ProblemKind.UNIT_NOT_STATED
        ]
    accepted = (values >= variable.low) & (values <= variable.high)
    if variable.below is not None:
        accepted = (values >= variable.low) & (values < variable.below)
    status[~accepted & ~np.isnan(values) & (status == FINE)] = _STATUS[ProblemKind.OUT_OF_RANGE]
    if variable.whole:
        with np.errstate(invalid="ignore"):
            broken = (status == FINE) & ~np.isnan(values) & (values != np.floor(values))
        status[broken] = _STATUS[ProblemKind.NOT_ALLOWED]
    return _only_fine(values, status), status


def _converted(numbers: FloatArray, conversion: Conversion) -> FloatArray:
    with np.errstate(over="ignore"):
        return numbers * conversion.factor + conversion.offset


def _read_flag(variable: Flag, frame: pl.DataFrame) -> tuple[FloatArray, StatusArray]:
    values, status = _blank(frame.height, variable.optional)
    if variable.name not in frame.columns:
        return values, status
    series = frame.get_column(variable.name)
    if series.dtype == pl.Boolean:
        series = series.cast(pl.Float64)
    values, foreign = _numbers(series)
    status[~np.isnan(values)] = FINE
    foreign = foreign | (~np.isnan(values) & (values != 0.0) & (values != 1.0))
    status[foreign] = _STATUS[ProblemKind.NOT_ALLOWED]
    return _only_fine(values, status), status


def _read_choice(variable: Choice, frame: pl.DataFrame) -> tuple[FloatArray, StatusArray]:
    values, status = _blank(frame.height, variable.optional)
    if variable.name not in frame.columns:
        return values, status
    series = frame.get_column(variable.name)
    if series.dtype != pl.String:
        if not isinstance(series.dtype, pl.Categorical | pl.Enum):
            held = series.is_not_null() & (series.is_not_nan() if series.dtype.is_float() else True)
            status[held.to_numpy()] = _STATUS[ProblemKind.NOT_ALLOWED]
            return values, status
        series = series.cast(pl.String)
    positions = {option: float(position) for position, option in enumerate(variable.options)}
    if len(series) <= FEW_ROWS:
        values = np.array([positions.get(word, np.nan) for word in series.to_list()])
    else:
        coded = series.replace_strict(positions, default=None, return_dtype=pl.Float64)
        values = coded.to_numpy()
    status[~np.isnan(values)] = FINE
    foreign = np.isnan(values) & series.is_not_null().to_numpy()
    status[foreign] = _STATUS[ProblemKind.NOT_ALLOWED]
    return values, status


def _only_fine(values: FloatArray, status: StatusArray) -> FloatArray:
    bad = status != FINE
    return np.where(bad, np.nan, values) if bad.any() else values
