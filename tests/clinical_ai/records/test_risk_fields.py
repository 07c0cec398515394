from datetime import date, timedelta

import pytest

from clinical_ai.records.extract import clinical_record
from clinical_ai.records.risk_fields import risk_fields
from risk_models import evaluate
from risk_models.cohort.fields import FIELDS
from tests.clinical_ai.records.test_extract import (
    SCT,
    blood_pressure,
    concept,
    observation,
    patient,
    resource,
)

ON = date(2024, 6, 1)


def fields(*resources, on=ON, **more):
    return risk_fields(clinical_record([patient(), *resources], origin="his"), on, **more)


def test_a_stated_unit_is_kept_to_the_last_digit():
    values, facts = fields(
        observation("2093-3", 193.7, "mg/dL"),
        observation("2571-8", 1.13, "mmol/L", name="o2"),
        observation("4548-4", 53, "mmol/mol", name="o3"),
    )
    assert values["total_cholesterol_mg_dl"] == 193.7
    assert "total_cholesterol_mmol_l" not in values
    assert values["triglycerides_mmol_l"] == 1.13
    assert values["hba1c_mmol_mol"] == 53
    fact = facts["total_cholesterol"]
    assert (fact.unit, fact.on, fact.source.reference) == (
        "mg/dL",
        date(2024, 3, 1),
        "Observation/o1",
    )


def test_the_newest_not_later_than_the_day_and_not_too_old():
    given = (
        blood_pressure("b1", 150, effectiveDateTime="2020-01-01"),
        blood_pressure("b2", 140, effectiveDateTime="2023-01-01"),
        blood_pressure("b3", 130, effectiveDateTime="2024-12-01"),
    )
    assert fields(*given)[0]["systolic_bp"] == 140
    assert "systolic_bp" not in fields(*given, within=timedelta(days=365))[0]
    assert fields(*given, on=date(2021, 1, 1))[0]["systolic_bp"] == 150


def test_blood_pressure_at_home_does_not_enter():
    home = blood_pressure("h", performer=[{"reference": "Patient/p1"}])
    assert "systolic_bp" not in fields(home)[0]


def test_only_what_is_stated():
    values, facts = fields()
    assert values == {"age": 64.0, "sex": "female"}
    assert facts["age"].unit == "a"


def test_diseases_drugs_and_smoking():
    values, facts = fields(
        resource(
            "Condition",
            "c1",
            code=concept("44054006", SCT),
            onsetDateTime="2010-05-01",
            clinicalStatus=concept("resolved", "urn:x"),
        ),
        resource("Condition", "c2", code=concept("399957001", SCT)),
        resource("Condition", "c3", code=concept("49436004", SCT), onsetDateTime="2030-01-01"),
        resource(
            "MedicationRequest",
            "m1",
            status="active",
            medicationCodeableConcept={"text": "amlodipine / atorvastatin"},
        ),
        resource(
            "MedicationRequest",
            "m2",
            status="stopped",
            medicationCodeableConcept={"text": "aspirin"},
        ),
        observation("72166-2", name="s", valueCodeableConcept=concept("8517006", SCT)),
    )
    assert values["diabetes"] is True and values["vascular_disease"] is True
    assert values["bp_treated"] is True and values["statin"] is True
    assert (values["current_smoker"], values["ever_smoker"]) == (False, True)
    assert values["age_at_diagnosis"] == pytest.approx(50, abs=0.01)
    assert "atrial_fibrillation" not in values  # after the day
    assert "drugs_antiplatelet_nsaid" not in values
    assert facts["diabetes"].source.reference == "Condition/c1"


def family(relation, code):
    return {
        "resourceType": "FamilyMemberHistory",
        "id": f"{relation}-{code}",
        "status": "completed",
        "patient": {"reference": "Patient/p1"},
        "relationship": concept(relation, "urn:v3"),
        "condition": [{"code": concept(code, SCT)}],
    }


def test_relatives_of_the_first_degree_only():
    values, _ = fields(family("FTH", "22298006"), family("UNCLE", "73211009"))
    assert values["family_history_ascvd"] is True
    assert values["family_history_heart_attack"] is True
    assert "family_history_diabetes" not in values


def test_hypertensive_parents_are_counted_once_each():
    values, _ = fields(family("MTH", "38341003"), family("NMTH", "59621000"))
    assert values["parents_with_hypertension"] == 1.0
    values, _ = fields(family("MTH", "38341003"), family("FTH", "38341003"))
    assert values["parents_with_hypertension"] == 2.0
    assert "parents_with_hypertension" not in fields(family("BRO", "38341003"))[0]


def test_a_disease_in_the_family_without_a_relation():
    stated = resource("Condition", "c1", code=concept("160303001", SCT))
    values, _ = fields(stated)
    assert values["family_history_diabetes"] is True and "diabetes" not in values


def test_body_mass_index_from_height_and_weight():
    values, facts = fields(
        observation("8302-2", 1.6, "m"), observation("29463-7", 64, "kg", name="w")
    )
    assert values["bmi"] == pytest.approx(25.0)
    assert facts["bmi"].source.reference == "Observation/w"


def test_every_field_is_one_of_risk_models_and_an_equation_takes_them():
    values, facts = fields(
        blood_pressure(),
        observation("2093-3", 5.2, "mmol/L", name="tc"),
        observation("2085-9", 1.3, "mmol/L", name="hdl"),
        observation("8280-0", 88, "cm", name="waist"),
        observation("72166-2", name="s", valueCodeableConcept=concept("266919005", SCT)),
    )
    assert set(facts) <= set(FIELDS)
    assumed = {
        "diabetes": False,
        "bp_treated": False,
        "north_of_yangtze": True,
        "urban": True,
        "family_history_ascvd": False,
    }
    (outcome,) = evaluate("china_par_10y", {**assumed, **values}).outcomes
    assert 0 < outcome.value < 1
