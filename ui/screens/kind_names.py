"""Names of kinds of the record, and facts in words."""

from collections.abc import Iterable

from clinical_ai.messages import N_
from clinical_ai.pathways.examine import Fact, Missing
from clinical_ai.texts import Texts

KIND_NAMES = {
    "age": N_("age"),
    "sex": N_("sex"),
    "smoking": N_("smoking"),
    "systolic_bp": N_("systolic blood pressure"),
    "diastolic_bp": N_("diastolic blood pressure"),
    "heart_rate": N_("heart rate"),
    "glucose": N_("glucose"),
    "fasting_glucose": N_("fasting glucose"),
    "glucose_2h": N_("glucose 2 hours after a meal"),
    "hba1c": N_("HbA1c"),
    "spo2": N_("oxygen saturation"),
    "weight": N_("weight"),
    "waist": N_("waist"),
    "bmi": N_("body mass index"),
    "steps": N_("steps"),
    "total_cholesterol": N_("total cholesterol"),
    "ldl_cholesterol": N_("LDL cholesterol"),
    "hdl_cholesterol": N_("HDL cholesterol"),
    "triglycerides": N_("triglycerides"),
    "creatinine": N_("creatinine"),
    "egfr": N_("eGFR"),
    "uacr": N_("urine albumin-creatinine ratio"),
    "hypertension": N_("hypertension"),
    "diabetes": N_("diabetes"),
    "dyslipidaemia": N_("dyslipidaemia"),
    "stroke": N_("stroke"),
    "ischaemic_stroke": N_("ischaemic stroke"),
    "tia": N_("transient ischaemic attack"),
    "myocardial_infarction": N_("myocardial infarction"),
    "coronary_disease": N_("coronary disease"),
    "heart_failure": N_("heart failure"),
    "chronic_kidney_disease": N_("chronic kidney disease"),
    "statin": N_("statin"),
    "current_smoker": N_("current smoker"),
    "bp_treated": N_("treated blood pressure"),
    "family_history_ascvd": N_("cardiovascular disease in the family"),
    "north_of_yangtze": N_("home north or south of the Yangtze"),
    "urban": N_("home in town or country"),
}


def kind_name(kind: str, _: Texts) -> str:
    """Return the name of a kind; a kind without a name is told by its id."""
    return _(KIND_NAMES[kind]) if kind in KIND_NAMES else kind.replace("_", " ")


def facts_in_words(facts: Iterable[Fact], _: Texts) -> str:
    """Return facts on one line, each with its value and day."""
    return "; ".join(
        " ".join(
            part
            for part in (kind_name(f.what, _), f.value, f.on.isoformat() if f.on else "")
            if part
        )
        for f in facts
    )


def missing_in_words(missing: Iterable[Missing], _: Texts) -> str:
    """Return on one line what a record does not tell."""
    names = dict.fromkeys(kind_name(m.what, _) for m in missing)
    return "; ".join(names)
