"""A pathway as CarePlan and Goals, judged by an independent validator and by our own checks."""

from dataclasses import replace
from datetime import date

import pytest

from clinical_ai.pathways.load import load_pathways
from clinical_ai.pathways.state import state
from clinical_ai.records.record import ImagingFact, Source
from clinical_ai.reports.fhir.bundle import transaction
from clinical_ai.reports.fhir.checks import faults
from clinical_ai.reports.fhir.pathway_plan import plan_of_pathway
from clinical_ai.reports.fhir.told import PatientLink
from tests.support.people import HERE, measured, medication, pressure, problem, record

fhirkit = pytest.importorskip("fhirkit", reason="fhirkit-rs is not installed")

ON = date(2026, 6, 30)
PATIENT = PatientLink(reference="Patient/p1")
PATHWAYS = load_pathways()
ILL = record(
    problems=[
        problem(kind, onset=date(2025, 1, 1))
        for kind in (
            "hypertension",
            "diabetes",
            "stroke",
            "stroke_ischaemic",
            "tia",
            "ascvd",
            "myocardial_infarction",
            "coronary_disease",
        )
    ],
    medications=[medication("statin", "lipid_lowering_drug")],
    measurements=[
        *pressure(150, 85, date(2026, 5, 1)),
        measured("hba1c", 6.4, date(2026, 5, 1)),
        measured("ldl_cholesterol", 2.9, date(2026, 5, 1)),
    ],
    imaging=[ImagingFact("dr_grade", "2", date(2026, 1, 1), HERE)],
)


def plan(pathway, person=ILL, language="en"):
    found = plan_of_pathway(state(PATHWAYS[pathway], person, ON), PATIENT, language)
    return {
        r["resourceType"]: [x for x in found if x["resourceType"] == r["resourceType"]]
        for r in found
    }


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("pathway", sorted(PATHWAYS))
def test_validators_find_nothing(pathway, language):
    resources = plan_of_pathway(state(PATHWAYS[pathway], ILL, ON), PATIENT, language)
    assert {r["resourceType"] for r in resources} == {"Device", "Goal", "CarePlan"}
    assert faults(resources) == ()
    for resource in resources:
        assert [str(i) for i in fhirkit.validate(resource)] == []
    assert [str(i) for i in fhirkit.validate(transaction(resources))] == []


def test_the_validator_finds_a_seeded_error():
    (goal, *_) = plan("hypertension")["Goal"]
    assert fhirkit.validate({**goal, "startDate": "30.6.2026"})
    assert fhirkit.validate({k: v for k, v in goal.items() if k != "lifecycleStatus"})


def test_goals_have_targets_achievement_and_their_source():
    goals = {g["description"]["text"]: g for g in plan("diabetes")["Goal"]}
    hba1c = goals["HbA1c below 7.0 %"]
    assert hba1c["achievementStatus"]["coding"][0]["code"] == "achieved"
    (target,) = hba1c["target"]
    assert target["measure"]["coding"][0]["code"] == "4548-4"
    assert target["detailRange"] == {
        "high": {"value": 7, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}
    }
    pressure_goal = goals["Office BP below 130/80 mmHg"]
    assert pressure_goal["achievementStatus"]["coding"][0]["code"] == "not-achieved"
    assert [t["detailRange"]["high"]["value"] for t in pressure_goal["target"]] == [130, 80]
    fasting = goals["Fasting glucose 4.4 to 7.0 mmol/L"]
    assert "achievementStatus" not in fasting
    assert fasting["target"][0]["detailRange"]["low"]["value"] == 4.4
    assert any("中国2型糖尿病防治指南" in n["text"] for n in hba1c["note"])


def test_a_plan_is_a_draft_proposal_that_names_goals_visits_and_problems():
    (found,) = plan("hypertension")["CarePlan"]
    assert (found["status"], found["intent"]) == ("draft", "proposal")
    goals = {f"Goal/{g['id']}" for g in plan("hypertension")["Goal"]}
    assert {g["reference"] for g in found["goal"]} == goals
    texts = [a["detail"]["code"]["text"] for a in found["activity"]]
    assert any(t.startswith("Follow-up visit") and "every" in t for t in texts)
    zh = plan("hypertension", language="zh")["CarePlan"][0]
    assert any("每4周" in a["detail"]["code"]["text"] for a in zh["activity"])


def test_the_same_state_gives_the_same_resources():
    assert plan("stroke") == plan("stroke")


def test_problems_of_the_record_are_addressed():
    source = Source("local", "Condition/c7")
    person = replace(ILL, problems=tuple(replace(p, source=source) for p in ILL.problems))
    (found,) = plan("hypertension", person)["CarePlan"]
    assert found["addresses"] == [{"reference": "Condition/c7"}]


def test_nobody_off_the_pathway_gets_a_plan():
    healthy = record(measurements=pressure(112, 70, ON))
    with pytest.raises(ValueError, match="not on the pathway hypertension"):
        plan("hypertension", healthy)
