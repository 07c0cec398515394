"""What this system writes to a FHIR server is read back into a record."""

from clinical_ai.records.extract import clinical_record
from clinical_ai.reports.fhir import final_resources, preliminary_resources
from tests.support.fhir_readings import PATIENT_ID, SIGNER, VERDICTS, lung, no_finding, told

PATIENT = {"resourceType": "Patient", "id": PATIENT_ID}


def record(resources):
    return clinical_record([PATIENT, *resources], origin="his", person=PATIENT_ID)


def categories(found):
    return [i for i in found.imaging if i.kind == "lung_rads"]


def test_a_signed_reading():
    found = record(final_resources(told(), lung(), VERDICTS, SIGNER, corrects=False))
    (category,) = categories(found)
    assert (category.value, category.signed) == ("4B", True)
    assert category.on.isoformat() == "2026-11-23"
    assert category.source.reference.startswith("Observation/")
    assert "chest_ct" in {k for p in found.procedures for k in p.kinds}


def test_an_unsigned_reading_and_the_control_that_it_advises():
    found = record(preliminary_resources(told(), no_finding()))
    (category,) = categories(found)
    assert (category.value, category.signed) == ("1", False)
    due = found.newest_imaging("nodule_followup_due")
    assert (due.value, due.signed) == ("2027-11-23", False)
