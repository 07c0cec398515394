"""The inputs of an equation: what each is, its unit, and the range in which it is accepted.

Ranges are the equation's own where its source gives them. Elsewhere they are this package's
plausibility limits (the factories below), there to catch wrong units and typing errors:
no ordinary patient lies outside them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from risk_models.text import N_, Message
from risk_models.units import (
    CHOLESTEROL_MG_DL_PER_MMOL_L,
    CREATININE_UMOL_L_PER_MG_DL,
    FIELD_SUFFIX,
    GLUCOSE_MG_DL_PER_MMOL_L,
    HBA1C_MMOL_MOL_FROM_PERCENT,
    HBA1C_PERCENT_FROM_MMOL_MOL,
    TRIGLYCERIDES_MG_DL_PER_MMOL_L,
    UACR_MG_G_PER_MG_MMOL,
    URIC_ACID_UMOL_L_PER_MG_DL,
    Conversion,
    Unit,
    printed,
)


@dataclass(frozen=True, slots=True)
class Measure:
    """A number with a unit.

    Parameters
    ----------
    name
        Field name, e.g. ``systolic_bp``.
    unit
        Unit the equation works in.
    low, high
        Accepted range, both ends included, in `unit`.
    below
        If given, values up to but not including it are accepted as well: completed years
        (40-69 accepts 69.9), or a strict upper limit.
    conversions
        Other accepted units and how they become `unit`.
    whole
        Only whole numbers are accepted.
    optional
        May be missing; the equation has a published way to go on without it.
    only_for
        ``(choice, option)``: needed only where that choice has that option.
    """

    name: str
    unit: Unit
    low: float
    high: float
    below: float | None = None
    conversions: Mapping[Unit, Conversion] = field(default_factory=dict)
    whole: bool = False
    optional: bool = False
    only_for: tuple[str, str] | None = None

    @property
    def fields(self) -> dict[str, Unit]:
        """Field or column names that may hold this measure, and the unit each one states."""
        units = (self.unit, *self.conversions)
        named = {f"{self.name}_{FIELD_SUFFIX[unit]}": unit for unit in units}
        return {self.name: self.unit, **named} if len(units) == 1 else named

    @property
    def valid(self) -> Message:
        """The accepted range in words, e.g. ``60 to 280 mmHg``."""
        values = {"low": f"{self.low:g}", "high": f"{self.high:g}", "unit": printed(self.unit)}
        if self.whole:
            return Message(N_("{low} to {high}, whole numbers"), values)
        if not values["unit"]:
            return Message(N_("{low} to {high}"), values)
        if self.below is not None and self.below - self.high != 1:
            values["high"] = f"{self.below:g}"
            return Message(N_("{low} to below {high} {unit}"), values)
        return Message(N_("{low} to {high} {unit}"), values)


@dataclass(frozen=True, slots=True)
class Flag:
    """Yes or no: ``True``/``False`` or 1/0."""

    name: str
    optional: bool = False
    only_for: tuple[str, str] | None = None

    @property
    def fields(self) -> dict[str, Unit]:
        """The one field name; a flag has no unit."""
        return {self.name: Unit.COUNT}

    @property
    def valid(self) -> Message:
        """What is accepted, in words."""
        return Message(N_("true or false (1 or 0)"))


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several words. An equation sees the position in `options`."""

    name: str
    options: tuple[str, ...]
    optional: bool = False
    only_for: tuple[str, str] | None = None

    @property
    def fields(self) -> dict[str, Unit]:
        """The one field name; a choice has no unit."""
        return {self.name: Unit.COUNT}

    @property
    def valid(self) -> Message:
        """What is accepted, in words."""
        return Message(N_("{options}"), {"options": ", ".join(self.options)})


Variable = Measure | Flag | Choice

MALE, FEMALE = 0, 1
SEX = Choice("sex", ("male", "female"))
DIABETES = Flag("diabetes")
CURRENT_SMOKER = Flag("current_smoker")
BP_TREATED = Flag("bp_treated")


def age(low: float, high: float) -> Measure:
    """Age in years; `high` counts completed years, so 69 accepts 69.9."""
    return Measure("age", Unit.YEAR, low, high, below=high + 1)


def systolic_bp(low: float = 60, high: float = 280) -> Measure:
    """Systolic blood pressure; plausibility limits unless the equation has its own."""
    return Measure("systolic_bp", Unit.MMHG, low, high)


def diastolic_bp(low: float = 30, high: float = 180) -> Measure:
    """Diastolic blood pressure."""
    return Measure("diastolic_bp", Unit.MMHG, low, high)


def body_mass_index(low: float = 10, high: float = 80) -> Measure:
    """Body mass index."""
    return Measure("bmi", Unit.KG_M2, low, high)


def waist() -> Measure:
    """Waist circumference."""
    return Measure("waist", Unit.CM, 40, 200)


def _lipid(
    name: str, unit: Unit, low_mg_dl: float, high_mg_dl: float, mg_dl_per_mmol_l: float
) -> Measure:
    if unit is Unit.MG_DL:
        conversions = {Unit.MMOL_L: Conversion(mg_dl_per_mmol_l)}
        return Measure(name, unit, low_mg_dl, high_mg_dl, conversions=conversions)
    conversions = {Unit.MG_DL: Conversion(1 / mg_dl_per_mmol_l)}
    low, high = (round(limit / mg_dl_per_mmol_l, 2) for limit in (low_mg_dl, high_mg_dl))
    return Measure(name, unit, low, high, conversions=conversions)


def total_cholesterol(
    unit: Unit,
    low_mg_dl: float = 50,
    high_mg_dl: float = 800,
    mg_dl_per_mmol_l: float = CHOLESTEROL_MG_DL_PER_MMOL_L,
) -> Measure:
    """Total cholesterol. The two units' ranges do not meet, so a swapped unit is refused."""
    return _lipid("total_cholesterol", unit, low_mg_dl, high_mg_dl, mg_dl_per_mmol_l)


def hdl_cholesterol(
    unit: Unit,
    low_mg_dl: float = 10,
    high_mg_dl: float = 200,
    mg_dl_per_mmol_l: float = CHOLESTEROL_MG_DL_PER_MMOL_L,
) -> Measure:
    """HDL cholesterol. The two units' ranges do not meet (0.26-5.17 mmol/L, 10-200 mg/dL)."""
    return _lipid("hdl_cholesterol", unit, low_mg_dl, high_mg_dl, mg_dl_per_mmol_l)


def ldl_cholesterol() -> Measure:
    """LDL cholesterol, in mmol/L. The two units' ranges do not meet (0.4-15, 15.5-580)."""
    return Measure(
        "ldl_cholesterol",
        Unit.MMOL_L,
        0.4,
        15,
        conversions={Unit.MG_DL: Conversion(1 / CHOLESTEROL_MG_DL_PER_MMOL_L)},
    )


def glucose(name: str) -> Measure:
    """Plasma glucose, in mmol/L."""
    conversions = {Unit.MG_DL: Conversion(1 / GLUCOSE_MG_DL_PER_MMOL_L)}
    return Measure(name, Unit.MMOL_L, 1, 60, conversions=conversions)


def uric_acid() -> Measure:
    """Serum uric acid, in umol/L."""
    conversions = {Unit.MG_DL: Conversion(URIC_ACID_UMOL_L_PER_MG_DL)}
    return Measure("uric_acid", Unit.UMOL_L, 50, 1500, conversions=conversions)


def triglycerides(low_mg_dl: float, high_mg_dl: float, below_mg_dl: float | None = None) -> Measure:
    """Triglycerides, in mg/dL."""
    return Measure(
        "triglycerides",
        Unit.MG_DL,
        low_mg_dl,
        high_mg_dl,
        below=below_mg_dl,
        conversions={Unit.MMOL_L: Conversion(TRIGLYCERIDES_MG_DL_PER_MMOL_L)},
    )


def creatinine() -> Measure:
    """Serum creatinine, in mg/dL; 0.1-20 mg/dL and 8.8-1768 umol/L, so 80 mg/dL is refused."""
    return Measure(
        "creatinine",
        Unit.MG_DL,
        0.1,
        20,
        conversions={Unit.UMOL_L: Conversion(1 / CREATININE_UMOL_L_PER_MG_DL)},
    )


def hba1c_percent(low: float, high: float, *, optional: bool = False) -> Measure:
    """Haemoglobin A1c in NGSP per cent."""
    conversions = {Unit.MMOL_MOL: HBA1C_PERCENT_FROM_MMOL_MOL}
    return Measure("hba1c", Unit.PERCENT, low, high, conversions=conversions, optional=optional)


def hba1c_mmol_mol(low: float, high: float) -> Measure:
    """Haemoglobin A1c in IFCC mmol/mol."""
    conversions = {Unit.PERCENT: HBA1C_MMOL_MOL_FROM_PERCENT}
    return Measure("hba1c", Unit.MMOL_MOL, low, high, conversions=conversions)


def egfr(low: float, high: float) -> Measure:
    """Estimated glomerular filtration rate (CKD-EPI)."""
    return Measure("egfr", Unit.ML_MIN_173, low, high)


def uacr(low: float, high: float, *, optional: bool = False) -> Measure:
    """Urine albumin-to-creatinine ratio."""
    conversions = {Unit.MG_MMOL: Conversion(UACR_MG_G_PER_MG_MMOL)}
    return Measure("uacr", Unit.MG_G, low, high, conversions=conversions, optional=optional)
