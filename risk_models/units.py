"""Units of measurement, and how a value passes from one to another.

A unit is always stated: by a `Quantity`, or by the name of the field or column that holds
the number (``total_cholesterol_mmol_l``). Nothing here looks at the size of a number to
decide what unit it may have been.
"""

from dataclasses import dataclass
from enum import StrEnum


class Unit(StrEnum):
    """Units in UCUM notation (unitsofmeasure.org)."""

    YEAR = "a"
    DAY = "d"
    MMHG = "mm[Hg]"
    MG_DL = "mg/dL"
    MMOL_L = "mmol/L"
    UMOL_L = "umol/L"
    PERCENT = "%"
    MMOL_MOL = "mmol/mol"
    MG_G = "mg/g"
    MG_MMOL = "mg/mmol"
    KG_M2 = "kg/m2"
    KG = "kg"
    CM = "cm"
    MM = "mm"
    MM2 = "mm2"
    MM3 = "mm3"
    HOUNSFIELD = "[hnsf'U]"
    ML_MIN_173 = "mL/min/{1.73_m2}"
    AGATSTON = "{Agatston}"
    PROBABILITY = "1"
    POINTS = "{points}"
    COUNT = "{count}"


FIELD_SUFFIX: dict[Unit, str] = {
    Unit.YEAR: "years",
    Unit.DAY: "days",
    Unit.MMHG: "mmhg",
    Unit.MG_DL: "mg_dl",
    Unit.MMOL_L: "mmol_l",
    Unit.UMOL_L: "umol_l",
    Unit.PERCENT: "percent",
    Unit.MMOL_MOL: "mmol_mol",
    Unit.MG_G: "mg_g",
    Unit.MG_MMOL: "mg_mmol",
    Unit.KG_M2: "kg_m2",
    Unit.KG: "kg",
    Unit.CM: "cm",
    Unit.MM: "mm",
    Unit.MM2: "mm2",
    Unit.MM3: "mm3",
    Unit.HOUNSFIELD: "hu",
    Unit.ML_MIN_173: "ml_min_173",
    Unit.AGATSTON: "agatston",
    Unit.COUNT: "count",
}
"""What a field's name ends with when it states its unit."""


_PRINTED = {
    Unit.YEAR: "years",
    Unit.DAY: "days",
    Unit.MMHG: "mmHg",
    Unit.HOUNSFIELD: "HU",
    Unit.ML_MIN_173: "mL/min/1.73 m2",
    Unit.AGATSTON: "Agatston units",
    Unit.PROBABILITY: "",
    Unit.POINTS: "points",
    Unit.COUNT: "",
}


def printed(unit: Unit) -> str:
    """Write the unit as people do, e.g. ``mmHg``; empty for plain numbers."""
    return _PRINTED.get(unit, str(unit))


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit, as a record may hold it."""

    value: float
    unit: Unit


@dataclass(frozen=True, slots=True)
class Conversion:
    """A linear change of unit: ``converted = factor * value + offset``."""

    factor: float
    offset: float = 0.0


CHOLESTEROL_MG_DL_PER_MMOL_L = 38.67
"""Molar mass of cholesterol, 386.7 g/mol; the reference set's factor.

Equations whose authors used another one (China-PAR 1/0.0259, PREVENT 1/0.02586) say so
in their own module.
"""

TRIGLYCERIDES_MG_DL_PER_MMOL_L = 88.57
"""As used with the LDL equations' reference values."""

CREATININE_UMOL_L_PER_MG_DL = 88.4
"""CKD-EPI: Scr in mg/dL = umol/L / 88.4."""

HBA1C_PERCENT_FROM_MMOL_MOL = Conversion(1 / 10.929, 2.15)
"""NGSP % = IFCC mmol/mol / 10.929 + 2.15 (the IFCC-NGSP master equation)."""

HBA1C_MMOL_MOL_FROM_PERCENT = Conversion(10.929, -2.15 * 10.929)
"""IFCC mmol/mol = (NGSP % - 2.15) * 10.929."""

GLUCOSE_MG_DL_PER_MMOL_L = 18.016
"""Molar mass of glucose, 180.16 g/mol."""

URIC_ACID_UMOL_L_PER_MG_DL = 59.48
"""Molar mass of uric acid, 168.11 g/mol."""

UACR_MG_G_PER_MG_MMOL = 8.84
"""Creatinine, 113.1 g/mol: 1 mg/mmol = 8.84 mg/g (from 88.4 umol/L per mg/dL)."""
