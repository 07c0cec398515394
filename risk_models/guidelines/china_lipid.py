"""ASCVD risk and lipid targets of the Chinese guideline for lipid management 2023.

Chin Circ J 2023;38:237-271. The flow rests on one source (a program, not print).
"""

from risk_models.guidelines.classification import (
    Answer,
    Classification,
    Guideline,
    NotClassified,
    Values,
    number,
    read,
    required,
)
from risk_models.records import Record
from risk_models.text import N_, Message
from risk_models.units import Unit
from risk_models.variables import (
    CURRENT_SMOKER,
    DIABETES,
    SEX,
    Flag,
    Measure,
    age,
    body_mass_index,
    diastolic_bp,
    hdl_cholesterol,
    ldl_cholesterol,
    systolic_bp,
    total_cholesterol,
)

GUIDELINE = Guideline(
    "china_lipid_2023",
    "Chinese guideline for lipid management",
    "2023",
    "Chinese guideline for lipid management 2023, Chin Circ J 2023;38:237-271",
    "one source",
)

STRATA = ((3.1, 1.8), (4.1, 2.6), (5.2, 3.4))
"""Lower limits of the three strata, mmol/L: total cholesterol OR LDL cholesterol."""

MATRIX: dict[bool, dict[int, tuple[str, str, str]]] = {
    False: {
        0: ("low", "low", "low"),
        1: ("low", "low", "low"),
        2: ("low", "low", "medium"),
        3: ("low", "medium", "medium"),
    },
    True: {
        0: ("low", "low", "low"),
        1: ("low", "medium", "medium"),
        2: ("medium", "high", "high"),
        3: ("high", "high", "high"),
    },
}
"""10-year risk by hypertension, number of risk factors and stratum."""

LDL_TARGETS = {"low": 3.4, "medium": 2.6, "high": 2.6, "very high": 1.8, "super high": 1.4}
"""mmol/L. Very high and super high also ask for a fall by more than half."""

DIABETES_LDL_TARGETS = {
    "low": 2.6,
    "medium": 2.6,
    "high": 1.8,
    "very high": 1.4,
    "super high": 1.4,
}
"""mmol/L: 1.4 with ASCVD, 1.8 at high risk, 2.6 at low or medium risk."""

NON_HDL_ABOVE_LDL = 0.8
"""mmol/L; in the source for the rows with diabetes, the same for the others."""

_SECONDARY = (
    Measure("severe_ascvd_events", Unit.COUNT, 0, 20, whole=True),
    Measure("ascvd_high_risk_factors", Unit.COUNT, 0, 8, whole=True),
    DIABETES,
)
_PRIMARY = (
    age(18, 120),
    SEX,
    total_cholesterol(Unit.MMOL_L),
    ldl_cholesterol(),
    hdl_cholesterol(Unit.MMOL_L),
    DIABETES,
    Measure("ckd_stage", Unit.COUNT, 0, 5, whole=True),
    Flag("hypertension"),
    CURRENT_SMOKER,
)
_LIFETIME = (systolic_bp(), diastolic_bp(), body_mass_index())
_CELL = (
    Flag("hypertension"),
    Measure("risk_factors", Unit.COUNT, 0, 3, whole=True),
    Measure("stratum", Unit.COUNT, 1, 3, whole=True),
)


def matrix_risk(record: Record) -> Answer:
    """Look one cell up: ``hypertension``, ``risk_factors`` (0-3), ``stratum`` (1-3)."""
    values, problems = read(_CELL, record)
    if problems:
        return NotClassified(GUIDELINE, "matrix", problems)
    count, stratum = int(required(values, "risk_factors")), int(required(values, "stratum"))
    return _from_matrix(bool(values["hypertension"]), count, stratum, "matrix", ())


def ascvd_risk(record: Record) -> Answer:
    """Overall ASCVD risk and LDL target of one person.

    Parameters
    ----------
    record
        ``ascvd`` first. With ASCVD: ``severe_ascvd_events``, ``ascvd_high_risk_factors``
        (counts as the guideline defines them) and ``diabetes``. Without: ``age``, ``sex``,
        total, LDL and HDL cholesterol, ``diabetes``, ``ckd_stage`` (0 for none),
        ``hypertension`` and ``current_smoker``; and at medium risk under 55 also blood
        pressure and BMI.
    """
    values, problems = read((Flag("ascvd"),), record)
    if problems:
        return NotClassified(GUIDELINE, "risk", problems)
    return _secondary(record) if values["ascvd"] else _primary(record)


def _secondary(record: Record) -> Answer:
    values, problems = read(_SECONDARY, record)
    if problems:
        return NotClassified(GUIDELINE, "risk", problems)
    events = required(values, "severe_ascvd_events")
    factors = required(values, "ascvd_high_risk_factors")
    diabetes = bool(values["diabetes"])
    if events >= 2:
        step = Message(N_("ASCVD with two or more severe events"))
        return _answer("super high", (step,), diabetes)
    if events == 1 and factors >= 2:
        step = Message(N_("ASCVD with one severe event and two or more high-risk factors"))
        return _answer("super high", (step,), diabetes)
    return _answer("very high", (Message(N_("other ASCVD")),), diabetes)


def _primary(record: Record) -> Answer:
    values, problems = read(_PRIMARY, record)
    high = _high_at_sight(values)
    if high is not None:
        return _answer("high", (Message(N_("no ASCVD")), high), bool(values["diabetes"]))
    if problems:
        return NotClassified(GUIDELINE, "risk", problems)
    if values["ckd_stage"] == 5.0:
        reason = Message(N_("The source places kidney disease of stages 3 and 4, not of stage 5."))
        return NotClassified(GUIDELINE, "risk", (), reason)
    stratum = _stratum(values)
    if stratum == 0:
        reason = Message(N_("The matrix starts at total cholesterol 3.1 or LDL 1.8 mmol/L."))
        return NotClassified(GUIDELINE, "risk", (), reason)
    man = values["sex"] == "male"
    count = sum(
        (
            values["current_smoker"] is True,
            required(values, "hdl_cholesterol") < 1.0,
            required(values, "age") >= (45 if man else 55),
        )
    )
    steps = (Message(N_("no ASCVD")), Message(N_("no condition that is high risk at sight")))
    hypertension, diabetes = bool(values["hypertension"]), bool(values["diabetes"])
    cell = _from_matrix(hypertension, count, stratum, "risk", steps, diabetes)
    if cell.category != "medium" or required(values, "age") >= 55:
        return cell
    return _lifetime(record, values, cell)


def _high_at_sight(values: Values) -> Message | None:
    ldl, tc = number(values, "ldl_cholesterol"), number(values, "total_cholesterol")
    if (ldl is not None and ldl >= 4.9) or (tc is not None and tc >= 7.2):
        return Message(N_("LDL cholesterol from 4.9 or total cholesterol from 7.2 mmol/L"))
    years = number(values, "age")
    if values["diabetes"] and years is not None and years >= 40:
        return Message(N_("diabetes from 40 years on"))
    if values["ckd_stage"] in (3.0, 4.0):
        return Message(N_("chronic kidney disease stage 3 or 4"))
    return None


def _stratum(values: Values) -> int:
    tc, ldl = required(values, "total_cholesterol"), required(values, "ldl_cholesterol")
    return sum(tc >= from_tc or ldl >= from_ldl for from_tc, from_ldl in STRATA)


def _from_matrix(
    hypertension: bool,
    count: int,
    stratum: int,
    rule: str,
    steps: tuple[Message, ...],
    diabetes: bool = False,
) -> Classification:
    row = N_("with hypertension, {count} risk factors, stratum {stratum}")
    if not hypertension:
        row = N_("without hypertension, {count} risk factors, stratum {stratum}")
    step = Message(row, {"count": count, "stratum": stratum})
    return _answer(MATRIX[hypertension][count][stratum - 1], (*steps, step), diabetes, rule)


def _lifetime(record: Record, values: Values, cell: Classification) -> Answer:
    """Medium risk under 55: two of five factors make it high."""
    more, problems = read(_LIFETIME, record)
    non_hdl = required(values, "total_cholesterol") - required(values, "hdl_cholesterol")
    pressure: bool | None = None
    systolic, diastolic = number(more, "systolic_bp"), number(more, "diastolic_bp")
    if (systolic or 0) >= 160 or (diastolic or 0) >= 100:
        pressure = True
    elif systolic is not None and diastolic is not None:
        pressure = False
    bmi = number(more, "bmi")
    factors = (
        pressure,
        non_hdl >= 5.2,
        required(values, "hdl_cholesterol") < 1.0,
        None if bmi is None else bmi >= 28,
        values["current_smoker"] is True,
    )
    present, unknown = factors.count(True), factors.count(None)
    diabetes = bool(values["diabetes"])
    if present >= 2:
        step = Message(N_("under 55 with two or more lifetime risk factors"))
        return _answer("high", (*cell.branch, step), diabetes)
    if present + unknown >= 2:
        return NotClassified(GUIDELINE, "risk", problems)
    step = Message(N_("under 55 with fewer than two lifetime risk factors"))
    return _answer("medium", (*cell.branch, step), diabetes)


def _answer(
    category: str, branch: tuple[Message, ...], diabetes: bool = False, rule: str = "risk"
) -> Classification:
    ldl = LDL_TARGETS[category]
    if diabetes:
        ldl = DIABETES_LDL_TARGETS[category]
    return Classification(
        GUIDELINE,
        rule,
        category,
        branch,
        details={
            "ldl_target_mmol_l": ldl,
            "non_hdl_target_mmol_l": round(ldl + NON_HDL_ABOVE_LDL, 1),
            "ldl_fall_over_half": category in ("very high", "super high"),
        },
        notes=(Message(N_("The flow and targets were verified in one source only.")),),
    )
