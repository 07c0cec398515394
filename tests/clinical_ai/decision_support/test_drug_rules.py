"""Orders: limits of kidney function, combinations, pregnancy, and what is not checked."""

from datetime import date

import pytest

from clinical_ai.decision_support.facts import egfr
from clinical_ai.decision_support.orders import draft_orders
from clinical_ai.decision_support.situation import Situation
from tests.clinical_ai.decision_support.people import (
    TODAY,
    as_cards,
    drug,
    measured,
    person,
    problem,
    seen,
)

SNOMED = "http://snomed.info/sct"
ICD10 = "http://hl7.org/fhir/sid/icd-10"


def medication(text, number=1, **coding):
    concept = {"text": text} | ({"coding": [coding]} if coding else {})
    return {
        "resourceType": "MedicationRequest",
        "id": f"m{number}",
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": concept,
    }


def service(text, number=1):
    return {"resourceType": "ServiceRequest", "id": f"s{number}", "code": {"text": text}}


def order(record, *resources, hook="order-sign", selections=None):
    return seen(record, hook, orders=draft_orders(resources, selections))


@pytest.mark.parametrize(
    ("ordered", "value", "kind", "indicator"),
    [
        (medication("Metformin 500 mg"), 29.9, "metformin-egfr", "critical"),
        (medication("盐酸二甲双胍片"), 29.9, "metformin-egfr", "critical"),
        (medication("Metformin 500 mg"), 30, "metformin-egfr", "warning"),
        (medication("Metformin 500 mg"), 45, "metformin-egfr", None),
        (medication("Ibuprofen 400 mg"), 29, "nsaid-egfr", "critical"),
        (medication("布洛芬缓释胶囊"), 59, "nsaid-egfr", "warning"),
        (medication("Ibuprofen 400 mg"), 60, "nsaid-egfr", None),
        (medication("Diclofenac 1% gel"), 29, "nsaid-egfr", None),
        (service("CT abdomen with contrast"), 29, "contrast-egfr", "warning"),
        (service("CT Abdomen WO and W contrast IV"), 44, "contrast-egfr", "info"),
        (service("胸部CT增强"), 29, "contrast-egfr", "warning"),
        (service("CT abdomen without contrast"), 29, "contrast-egfr", None),
        (service("CT abdomen without IV contrast"), 29, "contrast-egfr", None),
        (service("MRI brain with contrast"), 29, "contrast-egfr", None),
        (service("CT Chest WO contrast"), 29, "contrast-egfr", None),
    ],
)
def test_limits_of_kidney_function(ordered, value, kind, indicator):
    found = order(person(measurements=(measured("egfr", value),)), ordered).get(kind)
    assert (found.indicator if found else None) == indicator


def test_a_drug_without_a_kidney_value_is_named_not_passed_over():
    for measurements in ((), (measured("egfr", 90, date(2024, 1, 1)),)):
        found = order(person(measurements=measurements), medication("Metformin"))
        assert found["metformin-egfr-missing"].indicator == "warning"


def test_egfr_comes_from_a_newer_creatinine():
    record = person(
        measurements=(measured("egfr", 80, date(2025, 6, 1)), measured("creatinine", 2.83))
    )
    value = egfr(Situation(record=record, on=TODAY))
    assert value is not None
    assert 24 < value.value < 26  # CKD-EPI 2021, man of 60
    assert "metformin-egfr" in order(record, medication("Metformin"))


@pytest.mark.parametrize(
    ("taken", "ordered", "there"),
    [
        ((drug("angiotensin_receptor_blocker", name="Valsartan"),), ("Enalapril",), True),
        ((drug("ace_inhibitor"),), ("Losartan",), True),
        ((drug("ace_inhibitor", active=False),), ("Losartan",), False),
        ((), ("Enalapril", "Valsartan"), True),
        ((), ("依那普利", "缬沙坦"), True),
        ((drug("ace_inhibitor"),), ("Amlodipine",), False),
        ((drug("ace_inhibitor"),), ("Ramipril",), False),
    ],
)
def test_ace_inhibitor_with_angiotensin_receptor_blocker(taken, ordered, there):
    drafts = [medication(name, n) for n, name in enumerate(ordered)]
    assert ("acei-arb" in order(person(medications=taken), *drafts)) is there


PREGNANT = [
    problem(code="77386006", system=SNOMED, onset=date(2025, 12, 1)),
    problem(code="Z34.9", system=ICD10, onset=date(2025, 12, 1)),
    problem(code="O24.4", system=ICD10, onset=None),
]


@pytest.mark.parametrize("listed", PREGNANT)
def test_statin_and_renin_drugs_in_pregnancy(listed):
    record = person(30, "female", problems=(listed,))
    found = order(record, medication("Atorvastatin"), medication("Enalapril", 2))
    assert found["statin-pregnancy"].indicator == found["renin-pregnancy"].indicator == "critical"


@pytest.mark.parametrize(
    "record",
    [
        person(30, "female"),
        person(30, "male", problems=(PREGNANT[0],)),
        person(30, "female", problems=(problem(code="77386006", system=SNOMED),)),  # years ago
        person(30, "female", problems=(problem(code="O03.9", system=ICD10, onset=None),)),
        person(30, "female", problems=(problem(code="72892002", system=SNOMED, active=False),)),
    ],
)
def test_no_pregnancy_no_card(record):
    assert "statin-pregnancy" not in order(record, medication("Atorvastatin"))


def test_every_order_says_that_interactions_are_not_checked():
    record = person(30, "female")
    drafts = draft_orders([medication("Atorvastatin"), medication("Obscurine 5 mg", 2)], None)
    card = as_cards(record, "order-sign", orders=drafts)["order-scope"]
    assert card["summary"] == "Drug interactions are not checked by this service"
    assert "NOT checked" in card["detail"]
    assert "No rule knows: Obscurine 5 mg" in card["detail"]
    assert "does not rule one out" in card["detail"]
    assert "order-scope" not in order(record)


def test_order_select_looks_at_what_was_selected_and_at_the_others_beside_it():
    record = person(measurements=(measured("egfr", 20),))
    drafts = (medication("Metformin"), medication("Losartan", 2), medication("Enalapril", 3))
    one = order(
        record, *drafts, hook="order-select", selections=frozenset({"MedicationRequest/m3"})
    )
    assert "metformin-egfr" not in one
    assert "acei-arb" in one


def test_a_drug_named_by_a_contained_or_neighbouring_medication():
    contained = {
        "resourceType": "MedicationRequest",
        "id": "m1",
        "contained": [{"resourceType": "Medication", "id": "a", "code": {"text": "Metformin"}}],
        "medicationReference": {"reference": "#a"},
    }
    beside = [
        {"resourceType": "Medication", "id": "b", "code": {"text": "Metformin"}},
        {
            "resourceType": "MedicationRequest",
            "id": "m1",
            "medicationReference": {"reference": "Medication/b"},
        },
    ]
    record = person(measurements=(measured("egfr", 20),))
    assert "metformin-egfr" in order(record, contained)
    assert "metformin-egfr" in order(record, *beside)
