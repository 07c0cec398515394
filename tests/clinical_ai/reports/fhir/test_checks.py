"""Each promise of our own checks, broken once: the check must say so."""

import copy

import pytest

from clinical_ai.reports.fhir import final_resources
from clinical_ai.reports.fhir.checks import faults
from tests.support.fhir_readings import SIGNER, VERDICTS, lung, risks, told

FINAL = final_resources(told(), lung(), VERDICTS, SIGNER, corrects=False)


def change(kind, alter, resources=FINAL):
    """Return what the checks say when the first resource of a kind is altered."""
    altered = copy.deepcopy(list(resources))
    alter(next(r for r in altered if r["resourceType"] == kind))
    return [str(f) for f in faults(altered)]


def drop(name):
    return lambda resource: resource.pop(name)


def put(name, value):
    return lambda resource: resource.update({name: value})


SEEDED = [
    ("DiagnosticReport", drop("resultsInterpreter"), "named clinician"),
    ("DiagnosticReport", drop("performer"), "named clinician"),
    ("DiagnosticReport", put("status", "bananas"), "none of"),
    ("DiagnosticReport", drop("code"), "is missing"),
    ("DiagnosticReport", put("subject", {"type": "Patient"}), "refers to nothing"),
    (
        "DiagnosticReport",
        put("imagingStudy", [{"reference": "ImagingStudy/x"}]),
        "not in the bundle",
    ),
    ("DiagnosticReport", put("imagingStudy", [{"reference": "../../x"}]), "neither Type/id"),
    ("DiagnosticReport", put("result", []), "no clinician has reported"),
    ("DiagnosticReport", put("effectiveDateTime", "2026-13-01"), "no date"),
    ("DiagnosticReport", put("issued", "2026-11-24T10:00:00"), "no zone"),
    ("Task", put("lastModified", "yesterday"), "no date"),
    ("ImagingStudy", put("identifier", [{"system": "urn:dicom:uid"}]), "identifies nothing"),
    ("Observation", drop("device"), "is missing"),
    ("Observation", put("id", "a b"), "no FHIR id"),
    ("Observation", put("code", {"coding": [{"code": "1"}]}), "both its system"),
    ("Observation", put("code", {"coding": [{"system": "x", "code": "1"}]}), "no URI"),
    ("Observation", put("code", {"coding": []}), "neither a code"),
    ("ServiceRequest", put("intent", "order"), "only a clinician"),
    (
        "ServiceRequest",
        put("occurrencePeriod", {"start": "2027-01-02", "end": "2027-01-01"}),
        "ends before",
    ),
    ("Provenance", put("target", [{"reference": "Observation/x"}]), "no Provenance"),
    ("Device", drop("version"), "is missing"),
]


def test_the_resources_are_right_before_they_are_broken():
    assert faults(FINAL) == ()
    assert faults(risks()) == ()


@pytest.mark.parametrize(("kind", "alter", "said"), SEEDED)
def test_a_seeded_error_is_found(kind, alter, said):
    assert any(said in fault for fault in change(kind, alter))


@pytest.mark.parametrize("value", [-0.1, 100.1, "0.2", True, float("nan")])
def test_a_probability_that_cannot_be_is_found(value):
    def alter(resource):
        resource["prediction"][0]["probabilityDecimal"] = value

    said = change("RiskAssessment", alter, risks())
    assert any("between 0 and 100" in fault for fault in said)


def test_ages_in_the_wrong_order_are_found():
    def alter(resource):
        ages = resource["prediction"][0]["whenRange"]
        ages["low"], ages["high"] = ages["high"], ages["low"]

    assert any("ages" in fault for fault in change("RiskAssessment", alter, risks()))


def test_a_final_risk_needs_a_person():
    said = change("RiskAssessment", put("status", "final"), risks())
    assert any("no clinician" in fault for fault in said)


@pytest.mark.parametrize(("name", "value"), [("system", "http://x.example"), ("value", "7")])
def test_a_measure_without_ucum_or_number_is_found(name, value):
    def alter(resource):
        measured = next(c for c in resource["component"] if "valueQuantity" in c)
        measured["valueQuantity"][name] = value

    finding = next(r for r in FINAL if "component" in r)
    altered = copy.deepcopy([finding])
    alter(altered[0])
    assert any("UCUM" in str(f) or "number" in str(f) for f in faults(altered))


def test_a_kind_that_is_never_written_is_found():
    said = [str(f) for f in faults([*FINAL, {"resourceType": "Patient", "id": "new"}])]
    assert any("no kind of resource" in fault for fault in said)


def test_the_same_id_twice_is_found():
    assert any("twice" in str(f) for f in faults([*FINAL, FINAL[0]]))


def test_a_fault_never_says_what_the_value_was():
    secret = {"reference": "Zhang San 110101196001011234"}
    said = change("DiagnosticReport", put("subject", secret))
    assert said
    assert not any("Zhang" in fault or "1101" in fault for fault in said)
