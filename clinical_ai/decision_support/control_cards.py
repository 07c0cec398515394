"""Risk factors that are not where their guideline wants them: pressure, LDL, HbA1c.

The goals come from `risk_models.guidelines` (China 2023, 2024); that of HbA1c is the general one
of the American and Chinese diabetes guidelines, which the clinician sets for each person.
"""

from collections.abc import Iterator

from clinical_ai import codes
from clinical_ai.decision_support.advice import DECISION_REASONS, Advice, Proposal, Rule, Sentence
from clinical_ai.decision_support.citations import (
    ADA_GLYCAEMIA_2024,
    CHINA_BP_2024,
    CHINA_LIPID_2023,
)
from clinical_ai.decision_support.facts import (
    BP_DISEASE,
    ckd_stage,
    has_ascvd,
    has_diabetes,
    lipid_record,
)
from clinical_ai.decision_support.situation import YEAR_DAYS, Situation, value_line
from clinical_ai.messages import N_, Message
from clinical_ai.records.record import Measured
from risk_models.cohort.targets import BP_TARGET_BELOW, HBA1C_TARGET_PERCENT
from risk_models.guidelines import china_blood_pressure, china_lipid
from risk_models.guidelines.china_blood_pressure import HYPERTENSION_FROM
from risk_models.guidelines.classification import Classification

_GRADE_3 = (180, 110)  # mmHg; china_blood_pressure.GRADES
_ADULT = 18
_OLD = 65  # from here on age decides the goal, china_blood_pressure.target
_ORDINARY = "<140/90"
_DIABETIC_COMPLICATIONS = ("diabetic_retinopathy", "diabetic_kidney_disease")


def control_advice(situation: Situation) -> Iterator[Advice]:
    """Yield a card for each risk factor that is above its goal, or has no recent value."""
    if situation.age is None or situation.age < _ADULT:
        return
    yield from _blood_pressure(situation)
    yield from _ldl(situation)
    yield from _hba1c(situation)


def _blood_pressure(situation: Situation) -> Iterator[Advice]:
    record, age = situation.record, situation.age
    assert age is not None
    pressures = _pair(situation, home=False)
    known = record.has_problem("hypertension")
    if pressures is None or situation.days_since(pressures[0].at.date()) > YEAR_DAYS:
        if known:
            yield _no_pressure(situation, pressures)
        return
    systolic, diastolic = pressures
    from_systolic, from_diastolic = HYPERTENSION_FROM["office"]
    raised = systolic.value >= from_systolic or diastolic.value >= from_diastolic
    if not (known or raised or has_diabetes(record)):
        return
    disease = any(record.has_problem(kind, ever=True) for kind in BP_DISEASE)
    risk = _least_risk(situation, systolic.value, diastolic.value, disease=disease)
    target = china_blood_pressure.target(age, risk, clinical_disease=disease)
    below = BP_TARGET_BELOW[target.category]
    if systolic.value < below[0] and diastolic.value < below[1]:
        return
    grave = systolic.value >= _GRADE_3[0] or diastolic.value >= _GRADE_3[1]
    lines: list[Sentence] = [
        value_line(SYSTOLIC, systolic, situation.on),
        value_line(DIASTOLIC, diastolic, situation.on),
        Message(N_("Goal of the guideline: {goal} mmHg"), {"goal": target.category}),
        Rule(target.branch),
        *target.notes,
        *_home_lines(situation),
    ]
    if target.category == _ORDINARY and age < _OLD:
        lines.append(
            Message(
                N_(
                    "With high cardiovascular risk the goal is below 130/80 mmHg; the risk level "
                    "of the guideline was not decided from this record."
                )
            )
        )
    if not known:
        lines.append(
            Message(
                N_(
                    "Hypertension is not in the problem list. A diagnosis needs raised values on "
                    "more than one day."
                )
            )
        )
    yield Advice(
        "blood-pressure",
        "control",
        "critical" if grave else "warning",
        Message(
            N_("Blood pressure {systolic}/{diastolic} mmHg on {day}, goal {goal}"),
            {
                "systolic": f"{systolic.value:g}",
                "diastolic": f"{diastolic.value:g}",
                "day": systolic.at.date().isoformat(),
                "goal": target.category,
            },
        ),
        tuple(lines),
        CHINA_BP_2024,
        reasons=DECISION_REASONS,
    )


def _least_risk(situation: Situation, systolic: float, diastolic: float, *, disease: bool) -> str:
    """The lowest level of the guideline's table that the record allows: nothing is counted twice.

    Risk factors and organ damage are taken as none, since a record hardly ever lists them all.
    """
    record = situation.record
    diabetes = "without complications" if has_diabetes(record) else "none"
    if any(record.has_problem(kind, ever=True) for kind in _DIABETIC_COMPLICATIONS):
        diabetes = "with complications"
    answer = china_blood_pressure.stratify(
        {
            "systolic_bp": systolic,
            "diastolic_bp": diastolic,
            "risk_factor_count": 0,
            "target_organ_damage": False,
            "clinical_disease": disease,
            "ckd_stage": ckd_stage(situation) or 0,
            "diabetes_status": diabetes,
        }
    )
    return answer.category if isinstance(answer, Classification) else "low"


def _no_pressure(situation: Situation, pressures: tuple[Measured, Measured] | None) -> Advice:
    lines: list[Sentence] = [Message(N_("Measure the blood pressure and record it."))]
    if pressures is not None:
        lines.append(value_line(SYSTOLIC, pressures[0], situation.on))
    return Advice(
        "blood-pressure-missing",
        "missing-data",
        "info",
        Message(N_("Hypertension without a blood pressure within one year")),
        (*lines, *_home_lines(situation)),
        CHINA_BP_2024,
        reasons=DECISION_REASONS,
    )


def _pair(situation: Situation, *, home: bool) -> tuple[Measured, Measured] | None:
    """The newest systolic value and the diastolic one of the same moment."""
    systolic = situation.latest("systolic_bp", home=home)
    if systolic is None:
        return None
    for diastolic in situation.record.series("diastolic_bp", home=home):
        if diastolic.at == systolic.at:
            return systolic, diastolic
    return None


def _home_lines(situation: Situation) -> Iterator[Sentence]:
    pair = _pair(situation, home=True)
    if pair is None:
        return
    systolic, diastolic = HYPERTENSION_FROM["home"]
    yield value_line(N_("Systolic pressure at home"), pair[0], situation.on)
    yield value_line(N_("Diastolic pressure at home"), pair[1], situation.on)
    yield Message(
        N_("At home, hypertension starts at {systolic}/{diastolic} mmHg."),
        {"systolic": systolic, "diastolic": diastolic},
    )


SYSTOLIC = N_("Systolic pressure")
DIASTOLIC = N_("Diastolic pressure")
LDL = N_("LDL cholesterol")


def _ldl(situation: Situation) -> Iterator[Advice]:
    record = situation.record
    ldl = situation.latest("ldl_cholesterol")
    asked = has_ascvd(record) or has_diabetes(record) or record.takes("statin")
    asked = asked or record.has_problem("dyslipidaemia")
    if ldl is None or situation.days_since(ldl.at.date()) > YEAR_DAYS:
        if asked:
            yield _no_ldl(situation, ldl)
        return
    fields, assumptions = lipid_record(situation)
    answer = china_lipid.ascvd_risk(fields)
    if not isinstance(answer, Classification):
        return
    goal = answer.details["ldl_target_mmol_l"]
    assert isinstance(goal, float)
    if ldl.value < goal:
        return
    therapy = N_("A statin is in the medication list.")
    if not record.takes("statin"):
        therapy = N_("No statin is in the medication list.")
    yield Advice(
        "ldl-cholesterol",
        "control",
        "warning",
        Message(
            N_("LDL cholesterol {value} mmol/L on {day}, goal below {goal}"),
            {
                "value": f"{ldl.value:.1f}",
                "day": ldl.at.date().isoformat(),
                "goal": f"{goal:.1f}",
            },
        ),
        (
            value_line(LDL, ldl, situation.on),
            Message(N_("Risk by the guideline: {category}"), {"category": _RISKS[answer.category]}),
            Rule(answer.branch),
            Message(therapy),
            *assumptions,
            *answer.notes,
        ),
        CHINA_LIPID_2023,
        reasons=DECISION_REASONS,
    )


_RISKS = {
    "low": N_("low risk"),
    "medium": N_("medium risk"),
    "high": N_("high risk"),
    "very high": N_("very high risk"),
    "super high": N_("extremely high risk"),
}


def _no_ldl(situation: Situation, ldl: Measured | None) -> Advice:
    lines: list[Sentence] = [] if ldl is None else [value_line(LDL, ldl, situation.on)]
    return Advice(
        "ldl-missing",
        "missing-data",
        "info",
        Message(N_("No LDL cholesterol within one year")),
        (*lines, Message(N_("Measure blood lipids; without them there is no goal to compare."))),
        CHINA_LIPID_2023,
        proposals=(Proposal(codes.LIPID_PANEL, Message(N_("Propose a lipid panel"))),),
        reasons=DECISION_REASONS,
    )


def _hba1c(situation: Situation) -> Iterator[Advice]:
    if not has_diabetes(situation.record):
        return
    proposals = (Proposal(codes.HBA1C, Message(N_("Propose HbA1c"))),)
    value = situation.latest("hba1c")
    if value is None or situation.days_since(value.at.date()) > YEAR_DAYS:
        yield Advice(
            "hba1c-missing",
            "missing-data",
            "info",
            Message(N_("Diabetes without an HbA1c within one year")),
            () if value is None else (value_line(HBA1C, value, situation.on),),
            ADA_GLYCAEMIA_2024,
            proposals=proposals,
            reasons=DECISION_REASONS,
        )
        return
    if value.value < HBA1C_TARGET_PERCENT:
        return
    yield Advice(
        "hba1c",
        "control",
        "warning",
        Message(
            N_("HbA1c {value} % on {day}, general goal below {goal} %"),
            {
                "value": f"{value.value:.1f}",
                "day": value.at.date().isoformat(),
                "goal": f"{HBA1C_TARGET_PERCENT:g}",
            },
        ),
        (
            value_line(HBA1C, value, situation.on),
            Message(
                N_(
                    "The goal is set for each person; it may be higher in old age, with "
                    "hypoglycaemia or short life expectancy."
                )
            ),
        ),
        ADA_GLYCAEMIA_2024,
        reasons=DECISION_REASONS,
    )


HBA1C = N_("HbA1c")
