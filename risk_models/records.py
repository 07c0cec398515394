"""One person's record as a table of one row, and the checked values back as plain Python."""

from collections.abc import Mapping
from numbers import Real

import numpy as np
import polars as pl

from risk_models.equations.definition import Columns
from risk_models.units import FIELD_SUFFIX, Quantity
from risk_models.variables import Choice, Flag, Variable

Record = Mapping[str, object]


def one_row(variables: tuple[Variable, ...], record: Record) -> pl.DataFrame:
    """The fields of `record` that the variables may be read from, in a table of one row."""
    columns: dict[str, pl.Series] = {}
    for variable in variables:
        for name in (variable.name, *variable.fields):
            if name in record:
                field, value = _stated(variable, name, record[name])
                columns[field] = pl.Series(field, [value], strict=False)
    return pl.DataFrame(columns) if columns else pl.DataFrame({"nothing": [None]})


def field_of(variable: Variable) -> str:
    """The field that holds the variable in the unit the equation works in."""
    return next(iter(variable.fields))


def _stated(variable: Variable, name: str, value: object) -> tuple[str, object]:
    """A field whose name states the unit, and a value of a type a column can hold."""
    if isinstance(value, Quantity):
        field = f"{variable.name}_{FIELD_SUFFIX.get(value.unit)}"
        if field not in variable.fields:
            # A text where a number belongs is refused as such.
            return next(iter(variable.fields)), f"in {value.unit}"
        return field, _number(value.value)
    if value is None or isinstance(value, bool | str):
        return name, value
    if isinstance(value, np.bool_):
        return name, bool(value)
    if isinstance(value, Real):
        return name, _number(value)
    return name, f"a {type(value).__name__}"


def _number(value: Real | float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf")


def plain_values(
    variables: tuple[Variable, ...], values: Columns
) -> dict[str, float | bool | str | None]:
    """First row of checked columns: numbers, truth values, words; None where there is none."""
    plain: dict[str, float | bool | str | None] = {}
    for variable in variables:
        number = float(values[variable.name][0])
        if np.isnan(number):
            plain[variable.name] = None
        elif isinstance(variable, Flag):
            plain[variable.name] = bool(number)
        elif isinstance(variable, Choice):
            plain[variable.name] = variable.options[int(number)]
        else:
            plain[variable.name] = number
    return plain
