"""The fields of a person's record: what each is, the unit it is kept in, what is plausible.

Limits are plausibility limits of this package, there to catch slips of the pen and wrong
units. An equation's own published limits are narrower and refuse later, in its own name.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import resources
from types import MappingProxyType
from typing import Any

from risk_models.equations.registry import EQUATIONS
from risk_models.guidelines.china_bp_risk_factors import VARIABLES as BP_RISK_FACTORS
from risk_models.units import FIELD_SUFFIX, Conversion, Unit
from risk_models.variables import (
    Choice,
    Flag,
    Measure,
    Variable,
    body_mass_index,
    creatinine,
    diastolic_bp,
    egfr,
    glucose,
    hba1c_percent,
    hdl_cholesterol,
    ldl_cholesterol,
    systolic_bp,
    total_cholesterol,
    triglycerides,
    uacr,
    uric_acid,
    waist,
)


def load_table(name: str) -> Any:
    """Read a data file of this package, e.g. ``load_table("units")``."""
    text = resources.files("risk_models.cohort.data").joinpath(f"{name}.json").read_text("utf-8")
    return json.loads(text)


class Kind(StrEnum):
    """How a field's cells are read."""

    MEASURE = "measure"
    FLAG = "flag"
    CHOICE = "choice"
    DATE = "date"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the record.

    Parameters
    ----------
    unit
        Unit it is kept in (UCUM), for a measure.
    low, high
        Plausible range in `unit`, both ends included.
    conversions
        Other accepted units (UCUM) and how they become `unit`.
    options
        Words of a choice.
    column
        Name of its column in the record; states the unit where there are several, as the
        equations' fields do.
    stated_columns
        By other unit that equations know, the column that keeps a value as it was given: an
        equation converts it by its own factor (China-PAR and PREVENT differ), so no digit is
        lost on the way.
    """

    name: str
    kind: Kind
    unit: str = ""
    low: float = 0.0
    high: float = 0.0
    conversions: Mapping[str, Conversion] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    column: str = ""
    stated_columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def units(self) -> dict[str, Conversion]:
        """Every accepted unit with its conversion, the field's own first."""
        return {self.unit: Conversion(1.0), **self.conversions}

    @property
    def needs_unit(self) -> bool:
        """Whether a table must state the unit: there are several that are in common use."""
        return any(unit in _UNITS_IN_USE for unit in self.conversions)


_UNITS_IN_USE = frozenset(str(unit) for unit in Unit)
"""kPa, metres, pounds are accepted where stated; without a unit mmHg, cm and kg are meant."""

MMHG_PER_KPA = 7.500616827
"""1 mmHg = 133.322387415 Pa (BIPM)."""
KG_PER_POUND, KG_PER_JIN, CM_PER_INCH = 0.45359237, 0.5, 2.54
"""By definition (avoirdupois pound, shi jin, international inch)."""

_MORE_UNITS: dict[str, dict[str, Conversion]] = {
    "systolic_bp": {"kPa": Conversion(MMHG_PER_KPA)},
    "diastolic_bp": {"kPa": Conversion(MMHG_PER_KPA)},
    "height": {"m": Conversion(100.0), "[in_i]": Conversion(CM_PER_INCH)},
    "waist": {"m": Conversion(100.0), "[in_i]": Conversion(CM_PER_INCH)},
    "weight": {
        "g": Conversion(0.001),
        "[lb_av]": Conversion(KG_PER_POUND),
        "{jin}": Conversion(KG_PER_JIN),
    },
}

_MEASURES: tuple[Measure, ...] = (
    systolic_bp(),
    diastolic_bp(),
    total_cholesterol(Unit.MMOL_L),
    hdl_cholesterol(Unit.MMOL_L),
    ldl_cholesterol(),
    triglycerides(7, 8000),
    glucose("fasting_glucose"),
    glucose("glucose_2h"),
    hba1c_percent(3, 20),
    creatinine(),
    egfr(1, 250),
    uacr(0.1, 25_000),
    uric_acid(),
    body_mass_index(),
    Measure("height", Unit.CM, 80, 250),
    Measure("weight", Unit.KG, 20, 350),
    waist(),
    Measure("age", Unit.YEAR, 0, 120),
    Measure("ckd_stage", Unit.COUNT, 0, 5, whole=True),
)
_FLAGS = ("deceased", "ascvd", "clinical_disease", "target_organ_damage", "hypertension")


def _field_of(variable: Variable) -> Field:
    match variable:
        case Measure():
            units = {str(unit): change for unit, change in variable.conversions.items()}
            column = variable.name
            if units:
                column = f"{variable.name}_{FIELD_SUFFIX[variable.unit]}"
            return Field(
                variable.name,
                Kind.MEASURE,
                str(variable.unit),
                variable.low,
                variable.high,
                units | _MORE_UNITS.get(variable.name, {}),
                column=column,
                stated_columns={
                    str(unit): f"{variable.name}_{FIELD_SUFFIX[unit]}"
                    for unit in variable.conversions
                },
            )
        case Flag():
            return Field(variable.name, Kind.FLAG, column=variable.name)
        case Choice():
            return Field(variable.name, Kind.CHOICE, options=variable.options, column=variable.name)


def _all_fields() -> dict[str, Field]:
    fields = {
        name: Field(name, kind, column=name)
        for name, kind in (
            ("person_id", Kind.TEXT),
            ("district", Kind.TEXT),
            ("date", Kind.DATE),
            ("birth_date", Kind.DATE),
        )
    }
    fields |= {measure.name: _field_of(measure) for measure in _MEASURES}
    fields |= {name: _field_of(Flag(name)) for name in _FLAGS}
    used = [v for e in EQUATIONS.values() for variant in e.variants for v in variant.variables]
    for variable in (*used, *BP_RISK_FACTORS):
        known = fields.setdefault(variable.name, _field_of(variable))
        if isinstance(variable, Choice) and known.kind is Kind.CHOICE:
            # One word list for all equations (region); each refuses what it does not know.
            options = tuple(dict.fromkeys((*known.options, *variable.options)))
            fields[variable.name] = Field(
                variable.name, Kind.CHOICE, options=options, column=variable.name
            )
    return fields


FIELDS: Mapping[str, Field] = MappingProxyType(_all_fields())
"""Every field a record can have, by name."""

IDENTITY = ("person_id", "date", "birth_date", "sex", "district", "age", "deceased")
"""Who and when; the rest are findings that a later visit replaces."""
