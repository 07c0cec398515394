"""Blood pressure grades, risk stratification, drug start and targets, China 2018 and 2024.

Chinese Guidelines for the Management of Hypertension, 2018 and 2024 revisions. The grades and
diagnostic thresholds hold for both editions. The stratification table, the start of drugs
and the targets are those of 2024; those of 2018 were not found in a source and are refused.
"""

from typing import Literal

from risk_models.guidelines.classification import (
    Answer,
    Classification,
    Guideline,
    NotClassified,
    Values,
    read,
    required,
)
from risk_models.records import Record
from risk_models.results import Problem, ProblemKind
from risk_models.text import N_, Message
from risk_models.units import Unit
from risk_models.variables import Choice, Flag, Measure, diastolic_bp, systolic_bp

_CITATION = "Chinese Guidelines for the Management of Hypertension, {} revision"
EDITION_2018 = Guideline(
    "china_bp_2018_2024",
    "Chinese hypertension guideline",
    "2018",
    _CITATION.format(2018),
    "grades and thresholds: two sources; stratification: no source",
)
EDITION_2024 = Guideline(
    "china_bp_2018_2024",
    "Chinese hypertension guideline",
    "2024",
    _CITATION.format(2024),
    "grades and thresholds: two sources; stratification, drugs, targets: one source",
)
Edition = Literal["2018", "2024"]
_EDITIONS = {"2018": EDITION_2018, "2024": EDITION_2024}

_PRESSURES = (systolic_bp(), diastolic_bp())

GRADES = (("grade3", 180, 110), ("grade2", 160, 100), ("grade1", 140, 90), ("high_normal", 120, 80))
"""Office grades, highest first: a grade holds from its systolic OR its diastolic limit up."""

Setting = Literal["office", "home", "ambulatory_24h", "ambulatory_day", "ambulatory_night"]
HYPERTENSION_FROM: dict[Setting, tuple[int, int]] = {
    "office": (140, 90),
    "home": (135, 85),
    "ambulatory_24h": (130, 80),
    "ambulatory_day": (135, 85),
    "ambulatory_night": (120, 70),
}
"""mmHg, systolic or diastolic, by how it was measured."""

COLUMNS_2024 = ((180, 110), (160, 100), (140, 90), (130, 85))
"""Columns of the stratification table, highest first. High-normal starts at 130/85 here, not 80."""

ROWS_2024: dict[str, tuple[str, str, str, str]] = {
    "no other risk factor": ("high", "medium", "low", "low"),
    "1-2 risk factors": ("very high", "medium/high", "medium", "low"),
    ">=3 risk factors, or target organ damage, or CKD stage 3, or diabetes without complications": (
        "very high",
        "high",
        "high",
        "medium/high",
    ),
    "clinical disease, or CKD stage >=4, or diabetes with complications": (
        "very high",
        "very high",
        "very high",
        "high/very high",
    ),
}
"""Rows of the stratification table; columns as in `COLUMNS_2024`."""

ROW = Choice("row", tuple(ROWS_2024), optional=True)
_NO_OTHER, _FEW, _MANY, _DISEASE = ROW.options
_BACKGROUND = (
    Measure("risk_factor_count", Unit.COUNT, 0, 10, whole=True),
    Flag("target_organ_damage"),
    Flag("clinical_disease"),
    Measure("ckd_stage", Unit.COUNT, 0, 5, whole=True),
    Choice("diabetes_status", ("none", "without complications", "with complications")),
)


def grade(record: Record, edition: Edition = "2024") -> Answer:
    """Grade an office blood pressure (``systolic_bp``, ``diastolic_bp``, mmHg)."""
    guideline = _EDITIONS[edition]
    values, problems = _pressures(record)
    if problems:
        return NotClassified(guideline, "grade", problems)
    systolic, diastolic = required(values, "systolic_bp"), required(values, "diastolic_bp")
    isolated = systolic >= 140 and diastolic < 90
    category, step = "normal", Message(N_("systolic below 120 and diastolic below 80"))
    for name, from_systolic, from_diastolic in GRADES:
        if systolic >= from_systolic or diastolic >= from_diastolic:
            limits = {"systolic": from_systolic, "diastolic": from_diastolic}
            step = Message(N_("systolic from {systolic} or diastolic from {diastolic}"), limits)
            category = name
            break
    return Classification(
        guideline, "grade", category, (step,), details={"isolated_systolic": isolated}
    )


def is_hypertension(setting: Setting, systolic: float, diastolic: float) -> bool:
    """Whether a blood pressure (mmHg) reaches the diagnostic threshold of its setting."""
    from_systolic, from_diastolic = HYPERTENSION_FROM[setting]
    return systolic >= from_systolic or diastolic >= from_diastolic


def stratify(record: Record, edition: Edition = "2024") -> Answer:
    """Cardiovascular risk of a person with raised blood pressure.

    Parameters
    ----------
    record
        ``systolic_bp``, ``diastolic_bp``, and either ``row`` (one of `ROW.options`) or what
        decides it: ``risk_factor_count`` (without hypertension itself),
        ``target_organ_damage``, ``clinical_disease``, ``ckd_stage`` (0 for none) and
        ``diabetes_status``.

    Returns
    -------
    Classification or NotClassified
        Two-level cells ("medium/high") are returned as printed: choosing one is a local policy.
    """
    guideline = _EDITIONS[edition]
    if edition == "2018":
        reason = Message(N_("The stratification table of 2018 was not found in a source."))
        return NotClassified(guideline, "stratification", (), reason)
    values, problems = _pressures(record)
    row, row_step, row_problems = _row(record)
    if problems or row_problems:
        return NotClassified(guideline, "stratification", problems + row_problems)
    systolic, diastolic = required(values, "systolic_bp"), required(values, "diastolic_bp")
    for position, (from_systolic, from_diastolic) in enumerate(COLUMNS_2024):
        if systolic >= from_systolic or diastolic >= from_diastolic:
            limits = {"systolic": from_systolic, "diastolic": from_diastolic}
            column = Message(N_("column from {systolic}/{diastolic} mmHg"), limits)
            category = ROWS_2024[row][position]
            return Classification(
                guideline,
                "stratification",
                category,
                (column, row_step),
                details={"row": row},
                notes=_cell_notes(category, row, position),
            )
    reason = Message(N_("The table starts at 130 mmHg systolic or 85 mmHg diastolic."))
    return NotClassified(guideline, "stratification", (), reason)


def drug_treatment(systolic: float, diastolic: float, risk: str) -> Answer:
    """When to start drugs (2024), from the blood pressure (mmHg) and the stratified risk."""
    values, problems = _pressures({"systolic_bp": systolic, "diastolic_bp": diastolic})
    if problems:
        return NotClassified(EDITION_2024, "drug treatment", problems)
    if values["systolic_bp"] is not None and (systolic >= 160 or diastolic >= 100):
        return _drug("at once", Message(N_("from 160/100 mmHg, at any risk")))
    if not (systolic >= 130 or diastolic >= 85):
        reason = Message(N_("The rule starts at 130 mmHg systolic or 85 mmHg diastolic."))
        return NotClassified(EDITION_2024, "drug treatment", (), reason)
    if risk == "medium/high":
        return _drug(
            "local policy",
            Message(N_("the table leaves medium or high open, and the two differ here")),
        )
    if risk in ("high", "very high", "high/very high"):
        return _drug("at once", Message(N_("from 130/85 mmHg at high or very high risk")))
    if risk not in ("low", "medium"):
        valid = Message(N_("low, medium, high, very high, or a two-level cell of the table"))
        cure = Message(N_("Give one of the words listed."))
        problem = Problem("risk", ProblemKind.NOT_ALLOWED, valid, ("risk",), f'"{risk}"', cure)
        return NotClassified(EDITION_2024, "drug treatment", (problem,))
    if systolic >= 140 or diastolic >= 90:
        return _drug(
            "lifestyle for 4-12 weeks, then drug",
            Message(N_("140-159/90-99 mmHg at low or medium risk")),
        )
    return _drug("lifestyle", Message(N_("130-139/85-89 mmHg at low or medium risk")))


def target(age_years: float, risk: str, *, clinical_disease: bool) -> Classification:
    """Blood pressure to aim for (2024). Age is asked first, in the order the source lists."""
    note = Message(N_("The source lists age before risk; whether age or risk wins is not said."))
    if age_years >= 80:
        step = Message(N_("80 years and over"))
        return _target("<150/90, if tolerated <140/90", step, (note,))
    if age_years >= 65:
        return _target("<140/90", Message(N_("65 to 79 years")), (note,))
    if clinical_disease or risk in ("high", "very high", "high/very high"):
        step = Message(N_("high or very high risk, or clinical disease"))
        return _target("<130/80", step)
    return _target("<140/90", Message(N_("everyone else")))


def _drug(category: str, step: Message) -> Classification:
    return Classification(EDITION_2024, "drug treatment", category, (step,))


def _target(category: str, step: Message, notes: tuple[Message, ...] = ()) -> Classification:
    return Classification(EDITION_2024, "target", category, (step,), notes=notes)


def _pressures(record: Record) -> tuple[Values, tuple[Problem, ...]]:
    """Both pressures; systolic not above diastolic is a slip of the pen."""
    values, problems = read(_PRESSURES, record)
    if not problems and required(values, "systolic_bp") <= required(values, "diastolic_bp"):
        problems = (_not_above(required(values, "systolic_bp"), required(values, "diastolic_bp")),)
    return values, problems


def _not_above(systolic: float, diastolic: float) -> Problem:
    return Problem(
        "systolic_bp",
        ProblemKind.NOT_ALLOWED,
        Message(N_("greater than the diastolic pressure")),
        ("systolic_bp",),
        f"{systolic:g}/{diastolic:g} mmHg",
        Message(N_("Check whether the two pressures were swapped.")),
    )


def _cell_notes(category: str, row: str, column: int) -> tuple[Message, ...]:
    if row == _NO_OTHER and column == len(COLUMNS_2024) - 1:
        return (Message(N_("The table prints no level in this cell; it is taken as low.")),)
    if "/" not in category:
        return ()
    return (Message(N_("The table prints two levels here; which one applies is a local policy.")),)


def _row(record: Record) -> tuple[str, Message, tuple[Problem, ...]]:
    """The table's row, the step that led to it, and what is missing for it."""
    if record.get("row") is not None:
        values, problems = read((ROW,), record)
        return str(values["row"]), Message(N_("row as given")), problems
    values, problems = read(_BACKGROUND, record)
    # The gravest known fact decides, whatever else is missing.
    stage, count = values["ckd_stage"], values["risk_factor_count"]
    diabetes = values["diabetes_status"]
    if values["clinical_disease"] or diabetes == "with complications" or (stage or 0) in (4, 5):
        return _DISEASE, Message(N_("clinical disease, CKD stage 4-5 or complicated diabetes")), ()
    if problems:
        return "", Message(N_("row not decided")), problems
    assert isinstance(count, float)
    if values["target_organ_damage"] or stage == 3 or diabetes == "without complications":
        return _MANY, Message(N_("organ damage, CKD stage 3 or diabetes without complications")), ()
    if count >= 3:
        return _MANY, Message(N_("three or more risk factors")), ()
    if count >= 1:
        return _FEW, Message(N_("one or two risk factors")), ()
    return _NO_OTHER, Message(N_("no other risk factor")), ()
