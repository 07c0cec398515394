"""Questions that several rules ask of a record."""

from collections.abc import Iterator
from dataclasses import replace

from clinical_ai.decision_support.situation import Situation
from clinical_ai.messages import N_, Message
from clinical_ai.records.record import ClinicalRecord, Measured
from risk_models import evaluate

TYPE_1, TYPE_2 = "diabetes_type_1", "diabetes_type_2"
ASCVD = ("ascvd", "coronary_disease")
BP_DISEASE = (*ASCVD, "stroke", "tia", "heart_failure")
"""Clinical disease in the stratification of the Chinese hypertension guideline."""

# SNOMED CT and ICD-10 of pregnancy; O85-O99 also hold what follows birth and are left out.
_PREGNANT_SNOMED = frozenset({"77386006", "72892002"})
_PREGNANT_ICD10 = ("Z33", "Z34", "Z35", "O0", "O1", "O2", "O3", "O4")
_ABORTIVE = ("O00", "O01", "O02", "O03", "O04", "O05", "O06", "O07", "O08")
_SNOMED = "http://snomed.info/sct"
_ICD10 = "http://hl7.org/fhir/sid/icd-10"
_PREGNANCY_MAX_DAYS = 300
_EGFR_UNIT = "mL/min/{1.73_m2}"
_CKD_STAGES = ((15, 5), (30, 4), (60, 3))


def has_diabetes(record: ClinicalRecord) -> bool:
    """Whether diabetes is listed, active or not: it does not go away."""
    return record.has_problem("diabetes", ever=True)


def has_ascvd(record: ClinicalRecord) -> bool:
    """Whether an atherosclerotic disease was ever listed."""
    return any(record.has_problem(kind, ever=True) for kind in ASCVD)


def is_pregnant(situation: Situation) -> bool | None:
    """True when a current pregnancy is listed; None when that is merely not listed.

    A man, or a woman beyond 55, gets False: the rules would only make noise.
    """
    record, age = situation.record, situation.age
    if record.demographics.sex == "male" or (age is not None and age > 55):
        return False
    for problem in record.problems:
        code, system = problem.concept.code, problem.concept.system
        listed = system == _SNOMED and code in _PREGNANT_SNOMED
        if system.startswith(_ICD10):
            listed = code.startswith(_PREGNANT_ICD10) and not code.startswith(_ABORTIVE)
        began = problem.onset
        recent = began is None or situation.days_since(began) <= _PREGNANCY_MAX_DAYS
        if listed and problem.active and recent:
            return True
    return None


def egfr(situation: Situation) -> Measured | None:
    """The newest eGFR: as reported, or by CKD-EPI 2021 where creatinine is newer."""
    reported = situation.latest("egfr", "egfr_mdrd")
    creatinine = situation.latest("creatinine")
    if creatinine is None or (reported is not None and reported.at.date() >= creatinine.at.date()):
        return reported
    fields = {
        "age": situation.record.demographics.age_on(creatinine.at.date()),
        "sex": situation.record.demographics.sex,
        "creatinine_mg_dl": creatinine.value,
    }
    results = evaluate("ckd_epi_2021", fields).results
    if not results:
        return reported
    return replace(
        creatinine, kind="egfr", value=round(results[0].value, 1), unit=_EGFR_UNIT, stated=""
    )


def ckd_stage(situation: Situation) -> int | None:
    """KDIGO stage 3 to 5 by the newest eGFR, 0 above; None without one."""
    value = egfr(situation)
    if value is None:
        return None
    return next((stage for below, stage in _CKD_STAGES if value.value < below), 0)


def lipid_record(situation: Situation) -> tuple[dict[str, object], tuple[Message, ...]]:
    """Return the fields of the lipid guideline and what had to be assumed for them."""
    return dict(_lipid_fields(situation)), tuple(_lipid_assumptions(situation))


def _lipid_fields(situation: Situation) -> Iterator[tuple[str, object]]:
    record, profile = situation.record, situation.profile
    for field, fact in (profile.used if profile is not None else {}).items():
        yield field, fact.value
    yield "age", situation.age
    yield "sex", record.demographics.sex
    yield "ascvd", has_ascvd(record)
    yield "diabetes", has_diabetes(record)
    yield "hypertension", record.has_problem("hypertension", ever=True)
    # The lowest answers: at least the very high risk that ASCVD alone means.
    yield "severe_ascvd_events", 0
    yield "ascvd_high_risk_factors", 0
    stage = ckd_stage(situation)
    if stage is not None or not record.has_problem("chronic_kidney_disease"):
        yield "ckd_stage", stage or 0
    if record.smoking is not None:
        yield "current_smoker", record.smoking.status == "current"
    for kind, field in _LIPID_MEASURES:
        value = situation.latest(kind)
        if value is not None:
            yield field, value.value


_LIPID_MEASURES = (
    ("total_cholesterol", "total_cholesterol_mmol_l"),
    ("ldl_cholesterol", "ldl_cholesterol_mmol_l"),
    ("hdl_cholesterol", "hdl_cholesterol_mmol_l"),
    ("systolic_bp", "systolic_bp"),
    ("diastolic_bp", "diastolic_bp"),
    ("bmi", "bmi"),
)


def _lipid_assumptions(situation: Situation) -> Iterator[Message]:
    record = situation.record
    if has_ascvd(record):
        yield Message(
            N_(
                "Severe events were not counted; with two, or one and further risk factors, the "
                "goal is lower."
            )
        )
    else:
        yield Message(N_("No atherosclerotic disease is listed; taken as none."))
    if not has_diabetes(record):
        yield Message(N_("No diabetes is listed; taken as none."))
    if not record.has_problem("hypertension", ever=True):
        yield Message(N_("No hypertension is listed; taken as none."))
    if ckd_stage(situation) is None and not record.has_problem("chronic_kidney_disease"):
        yield Message(N_("No eGFR and no kidney disease is on record; taken as none."))
