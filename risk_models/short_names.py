"""Turns an equation's own short field names into the full, unit-bearing ones."""

from collections.abc import Mapping

from risk_models.equations.definition import Equation, ShortName
from risk_models.units import FIELD_SUFFIX, Quantity, Unit


def expand(
    equation: Equation, record: Mapping[str, object]
) -> tuple[dict[str, object], str | None]:
    """Return the record with full field names, and the variant it names, if any.

    Full names already in the record win over short ones. A ``unit`` field ("mg/dL" or
    "mmol/L") replaces the unit of every short name that is in one of those two.
    """
    full: dict[str, object] = {}
    stated = record.get("unit")
    for name, value in record.items():
        short = equation.short_names.get(name)
        if short is None:
            full[name] = value
        else:
            field, meaning = _translate(short, value, stated)
            full.setdefault(field, meaning)
    present = frozenset(name for name, value in full.items() if value is not None)
    return full, _variant_of(equation, record, present)


def _translate(short: ShortName, value: object, stated: object) -> tuple[str, object]:
    if isinstance(value, Quantity):
        return short.variable, value
    if short.words:
        # Words are looked up by equality, and 1 == True == 1.0, as the literature writes flags.
        known = value.__hash__ is not None and value in short.words
        return short.variable, short.words[value] if known else value
    unit = short.unit
    if unit is None:
        return short.variable, value
    if unit in (Unit.MG_DL, Unit.MMOL_L) and stated is not None:
        if stated not in (Unit.MG_DL, Unit.MMOL_L):
            return short.variable, value  # unit unknown: refused as not stated
        unit = Unit(str(stated))
    return f"{short.variable}_{FIELD_SUFFIX[unit]}", value


def _variant_of(
    equation: Equation, record: Mapping[str, object], fields: frozenset[str]
) -> str | None:
    if equation.variant_field is not None:
        named = record.get(equation.variant_field)
        if isinstance(named, str):
            return named
    return equation.choose_variant(fields) if equation.choose_variant is not None else None
