"""Cells of one column become values of a field, or an issue, as Polars expressions.

A column of text is first brought to one spelling (`prepared`). Each reader then returns the
cells' value, its issue (null where there is none) and a hint. A value is null wherever there is
an issue. Nothing here looks at more than one row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from risk_models.cohort.fields import FIELDS, Field, Kind
from risk_models.cohort.issues import Issue
from risk_models.cohort.mapping import ColumnPlan, Constant
from risk_models.cohort.words import MISSING, NO, SEX_WORDS, UNIT_SPELLINGS, YES
from risk_models.units import Conversion

EARLIEST_BIRTH = date(1890, 1, 1)


@dataclass(frozen=True, slots=True)
class Cells:
    """One column, read.

    Parameters
    ----------
    value
        In the field's own unit.
    stated
        By unit, the value as given, for units that equations convert by their own factor.
    """

    value: pl.Expr
    issue: pl.Expr
    hint: pl.Expr
    stated: Mapping[str, pl.Expr]


def read_cells(field: Field, plan: ColumnPlan, kind: pl.DataType, as_of: date) -> Cells:
    """Expressions that read a column of type `kind` as `field`; `as_of` bounds dates."""
    match field.kind:
        case Kind.MEASURE:
            return _measure(field, plan, kind)
        case Kind.FLAG:
            words: dict[str, Constant] = {**dict.fromkeys(YES, True), **dict.fromkeys(NO, False)}
            words |= plan.words
            return _by_words(field, plan, kind, words, pl.Boolean())
        case Kind.CHOICE:
            own = {option.lower(): option for option in field.options}
            known = own | (dict(SEX_WORDS) if field.name == "sex" else {}) | dict(plan.words)
            return _by_words(field, plan, kind, known, pl.String())
        case Kind.DATE:
            return _date(field, plan, kind, as_of)
        case Kind.TEXT:
            return _text(plan)


def prepared(frame: pl.DataFrame, plans: Sequence[ColumnPlan]) -> pl.DataFrame:
    """The used columns with texts as `words.plain` compares them; done once, read often.

    Identifiers and districts stay as they are written.
    """
    named = [plan.column for plan in plans if FIELDS[plan.field].kind is not Kind.TEXT]
    named += [plan.unit_column for plan in plans if plan.unit_column is not None]
    texts = [name for name in dict.fromkeys(named) if frame.schema[name] == pl.String]
    return frame.with_columns(
        pl.col(name).str.normalize("NFKC").str.strip_chars().str.to_lowercase() for name in texts
    )


def _present(column: str) -> pl.Expr:
    text = pl.col(column).cast(pl.String)
    return pl.when(~text.is_in(MISSING)).then(text)


def _numbers(column: str, kind: pl.DataType) -> tuple[pl.Expr, pl.Expr]:
    """Numbers, and where something stands that is none."""
    if kind.is_numeric():
        value = pl.col(column).cast(pl.Float64)
        bad = value.is_infinite()
        return pl.when(value.is_finite()).then(value), bad
    if kind == pl.Boolean:
        return pl.lit(None, pl.Float64), pl.col(column).is_not_null()
    text = _present(column)
    value = text.cast(pl.Float64, strict=False)
    finite = pl.when(value.is_finite()).then(value)
    return finite, text.is_not_null() & finite.is_null()


def _measure(field: Field, plan: ColumnPlan, kind: pl.DataType) -> Cells:
    number, foreign = _numbers(plan.column, kind)
    if plan.unit_column is None:
        unit = plan.unit or field.unit
        value = _converted(number, field.units[unit])
        no_unit: pl.Expr = pl.lit(False)
        stated = {name: number if name == unit else None for name in field.stated_columns}
        unit_text: pl.Expr = pl.lit(unit)
    else:
        codes = {key: code for key, code in UNIT_SPELLINGS.items() if code in field.units}
        text = pl.col(plan.unit_column).cast(pl.String).str.replace_all(r"\s+", "")
        text = text.str.replace_all("\u03bc", "u")
        unit_text = text.replace_strict(codes, default=None, return_dtype=pl.String)
        value = pl.lit(None, pl.Float64)
        for name, change in field.units.items():
            value = pl.when(unit_text == name).then(_converted(number, change)).otherwise(value)
        no_unit = number.is_not_null() & unit_text.is_null()
        stated = {name: pl.when(unit_text == name).then(number) for name in field.stated_columns}
    good = value.is_between(field.low, field.high)
    other_unit, other_good = _plausible_elsewhere(field, number, unit_text)
    issue = (
        pl.when(foreign)
        .then(pl.lit(Issue.NOT_A_NUMBER.value))
        .when(no_unit)
        .then(pl.lit(Issue.UNIT_UNKNOWN.value))
        .when(value.is_not_null() & ~good & other_good)
        .then(pl.lit(Issue.WRONG_UNIT.value))
        .when(value.is_not_null() & ~good)
        .then(pl.lit(Issue.IMPLAUSIBLE.value))
    )
    hint = (
        pl.when(no_unit)
        .then(pl.lit(f"units: {', '.join(field.units)}"))
        .when(value.is_not_null() & ~good & other_good)
        .then(pl.format("plausible in {}; check the unit", other_unit))
        .when(foreign | (value.is_not_null() & ~good))
        .then(pl.lit(f"{field.low:g} to {field.high:g} {field.unit}"))
    )
    return Cells(
        pl.when(good).then(value),
        issue,
        hint,
        {name: pl.when(good).then(cells) for name, cells in stated.items() if cells is not None},
    )


def _converted(number: pl.Expr, change: Conversion) -> pl.Expr:
    if change == Conversion(1.0):
        return number
    return number * change.factor + change.offset


def _plausible_elsewhere(field: Field, number: pl.Expr, unit: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """A unit in which the number would be plausible, and whether there is one."""
    found = pl.lit(None, pl.String)
    for name, change in field.units.items():
        fits = _converted(number, change).is_between(field.low, field.high) & (unit != name)
        found = pl.when(fits & found.is_null()).then(pl.lit(name)).otherwise(found)
    return found, found.is_not_null()


def _by_words(
    field: Field,
    plan: ColumnPlan,
    kind: pl.DataType,
    words: Mapping[str, Constant],
    answer: pl.DataType,
) -> Cells:
    if kind == pl.Boolean and field.kind is Kind.FLAG:
        return Cells(pl.col(plan.column), pl.lit(None, pl.String), pl.lit(None, pl.String), {})
    text = pl.col(plan.column).cast(pl.String).str.to_lowercase()
    if kind.is_float():
        text = text.str.strip_suffix(".0")  # 1.0 is the 1 of a column with gaps
    value = text.replace_strict(words, default=None, return_dtype=answer)
    bad = value.is_null() & ~text.is_in(MISSING)
    valid = ", ".join(field.options) or "1/0, true/false, yes/no, 是/否, 有/无"
    return Cells(
        value,
        pl.when(bad).then(pl.lit(Issue.UNKNOWN_WORD.value)),
        pl.when(bad).then(pl.lit(f"{valid}; or name the word in a mapping file")),
        {},
    )


def as_date(column: str, kind: pl.DataType) -> pl.Expr:
    """Dates, of a date column or of text such as 2024-05-01, 2024/5/1, 20240501, 2024年5月1日."""
    if kind == pl.Date:
        return pl.col(column)
    if kind == pl.Datetime:
        return pl.col(column).dt.date()
    text = _present(column).str.replace_all(r"[年月/.]", "-").str.replace("日", "")
    day = text.str.extract(r"^(\d{4}-\d{1,2}-\d{1,2})(?:$|[Tt ])")
    compact = text.str.extract(r"^(\d{8})(?:$|[Tt ])")
    return pl.coalesce(
        day.str.to_date("%Y-%m-%d", strict=False), compact.str.to_date("%Y%m%d", strict=False)
    )


def _date(field: Field, plan: ColumnPlan, kind: pl.DataType, as_of: date) -> Cells:
    value = as_date(plan.column, kind)
    written = pl.col(plan.column).is_not_null()
    if not kind.is_temporal():
        written = _present(plan.column).is_not_null()
    birth = field.name == "birth_date"
    future = Issue.FUTURE_BIRTH if birth else Issue.FUTURE_DATE
    early = value < EARLIEST_BIRTH
    issue = (
        pl.when(written & value.is_null())
        .then(pl.lit(Issue.BAD_DATE.value))
        .when(value > as_of)
        .then(pl.lit(future.value))
        .when(early)
        .then(pl.lit(Issue.IMPLAUSIBLE.value))
    )
    hint = (
        pl.when(written & value.is_null())
        .then(pl.lit("e.g. 2024-05-01, 2024/5/1, 20240501, 2024年5月1日"))
        .when((value > as_of) | early)
        .then(pl.lit(f"{EARLIEST_BIRTH} to {as_of}"))
    )
    return Cells(pl.when((value <= as_of) & ~early).then(value), issue, hint, {})


def _text(plan: ColumnPlan) -> Cells:
    text = pl.col(plan.column).cast(pl.String).str.strip_chars()
    nothing = pl.lit(None, pl.String)
    return Cells(pl.when(text != "").then(text), nothing, nothing, {})
