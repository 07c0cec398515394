"""What the resources of a reading say, and how they change from preliminary to final."""

import json
from dataclasses import replace

import pytest

from clinical_ai import codes
from clinical_ai.errors import ReportError
from clinical_ai.findings import Measurement
from clinical_ai.reports.fhir import PatientLink, final_resources, preliminary_resources
from clinical_ai.reports.fhir.audit import Audited, audit_event, told_of
from clinical_ai.reports.fhir.checks import faults
from tests.support.ct_series import SERIES_UID, STUDY_UID, slice_uid
from tests.support.fhir_readings import (
    SIGNER,
    STUDY,
    VERDICTS,
    lung,
    mammography,
    newer,
    no_finding,
    small_lung,
    told,
)


def of_kind(resources, kind, *statuses):
    return [
        r
        for r in resources
        if r["resourceType"] == kind and (not statuses or r["status"] in statuses)
    ]


def one(resources, kind, *statuses):
    (found,) = of_kind(resources, kind, *statuses)
    return found


def coded(concept):
    return {(c["system"], c["code"]) for c in concept.get("coding", [])}


def preliminary(**more):
    return preliminary_resources(told(), lung(), **more)


def final(reading=None, *, verdicts=VERDICTS, **more):
    return final_resources(
        told(), reading or lung(), verdicts, SIGNER, **{"corrects": False, **more}
    )


@pytest.mark.parametrize("reading", [lung(), small_lung(), no_finding(), mammography()])
def test_our_own_checks_find_nothing(reading):
    assert faults(preliminary_resources(told(), reading)) == ()


def test_the_same_reading_gives_the_same_resources():
    assert preliminary() == preliminary()
    assert final() == final()


def test_what_a_model_says_is_preliminary_and_marked():
    made = preliminary()
    report = one(made, "DiagnosticReport")
    assert report["status"] == "preliminary"
    assert "resultsInterpreter" not in report
    assert {r["status"] for r in of_kind(made, "Observation")} == {"preliminary"}
    assert {r["status"] for r in of_kind(made, "ServiceRequest")} == {"draft"}
    for resource in (report, *of_kind(made, "Observation")):
        assert resource["meta"]["tag"][0]["code"] == "DEVAST"


def test_a_finding_says_what_where_and_how_large():
    made = preliminary()
    found = next(r for r in of_kind(made, "Observation") if "bodySite" in r)
    assert coded(found["valueCodeableConcept"]) == {("http://snomed.info/sct", "786838002")}
    assert coded(found["bodySite"]) == {("http://snomed.info/sct", "3341006")}
    assert found["category"][0]["coding"][0]["code"] == "imaging"
    values = {
        code: c.get("valueQuantity", c) for c in found["component"] for _, code in coded(c["code"])
    }
    assert values[codes.LONG_AXIS.value]["value"] == 23.4567
    assert values[codes.LONG_AXIS.value]["code"] == "mm"
    assert values[codes.CERTAINTY_OF_FINDING.value]["value"] == 91.23
    assert values[codes.BEST_ILLUSTRATION.value]["valueString"] == f"urn:oid:{slice_uid(2)}"
    assert found["derivedFrom"][0]["reference"].startswith("ImagingStudy/")


def test_the_code_of_a_category_stands_for_the_study_alone():
    made = preliminary()
    (lung_rads,) = [
        r
        for r in of_kind(made, "Observation")
        if ("http://radlex.org", "RID50134") in coded(r["code"])
    ]
    assert coded(lung_rads["valueCodeableConcept"]) == {("http://radlex.org", "RID50140")}
    assert json.dumps(of_kind(made, "Observation")).count("RID50140") == 1
    fleischner = [r for r in of_kind(made, "Observation") if "Fleischner" in r["code"]["text"]]
    assert all("MacMahon" in r["method"]["text"] for r in fleischner)


def test_what_guidelines_say_of_a_finding_is_part_of_it():
    made = preliminary_resources(told(language="en"), lung())
    found = next(r for r in of_kind(made, "Observation") if "bodySite" in r)
    judged = [(c["code"]["text"], c["valueString"]) for c in found["component"][-2:]]
    assert judged == [("Lung-RADS v2022", "4B"), ("Fleischner Society 2017", "any risk")]
    assert any("Single solid, over 8 mm" in note["text"] for note in found["note"])


def test_an_urgent_reading_is_told_and_done_only_when_signed():
    early, late = one(preliminary(), "Communication"), one(final(), "Communication")
    assert (early["status"], early["priority"]) == ("in-progress", "urgent")
    assert "received" not in early
    assert late["status"] == "completed"
    assert late["recipient"][0]["display"] == SIGNER.full_name
    assert early["id"] == late["id"]
    assert of_kind(preliminary_resources(told(), small_lung()), "Communication") == []


def test_an_advice_is_a_proposal_with_its_time():
    made = preliminary_resources(told(language="en"), small_lung())
    screening, incidental = of_kind(made, "ServiceRequest")
    assert {r["intent"] for r in (screening, incidental)} == {"proposal"}
    assert screening["code"]["text"] == "Low-dose CT in 12 months."
    assert screening["occurrencePeriod"] == {"start": "2027-11-23", "end": "2027-11-23"}
    # Fleischner advises nothing for low risk, so only the advice for high risk is there
    assert incidental["code"]["text"] == "CT at 12 months is optional."
    assert "high risk" in incidental["note"][0]["text"]
    tasks = of_kind(made, "Task")
    assert [t["code"]["coding"][0]["code"] for t in tasks] == ["approve", "approve"]
    assert {t["focus"]["reference"].split("/")[0] for t in tasks} == {"ServiceRequest"}


def test_a_signature_makes_the_advice_active_and_asks_for_the_order():
    made = final_resources(told(), small_lung(), {"1": ("accepted", "")}, SIGNER, corrects=False)
    assert {r["status"] for r in of_kind(made, "ServiceRequest")} == {"active"}
    by_code = {(t["code"]["coding"][0]["code"], t["status"]): t for t in of_kind(made, "Task")}
    assert set(by_code) == {("approve", "completed"), ("fulfill", "requested")}
    assert by_code["approve", "completed"]["owner"]["display"] == SIGNER.full_name
    assert by_code["fulfill", "requested"]["restriction"]["period"]["end"] == "2027-11-23"


def test_final_needs_and_names_the_clinician():
    made = final()
    report = one(made, "DiagnosticReport")
    assert report["status"] == "final"
    assert report["resultsInterpreter"][0]["display"] == SIGNER.full_name
    assert report["performer"][0]["type"] == "Practitioner"
    assert "否定" in report["conclusion"]
    assert faults(made) == ()
    roles = {a["type"]["coding"][0]["code"]: a["who"] for a in one(made, "Provenance")["agent"]}
    assert set(roles) == {"assembler", "author", "verifier"}
    assert roles["verifier"]["display"] == SIGNER.full_name


def test_a_rejected_finding_is_taken_back_with_the_reason():
    made = final()
    gone = of_kind(made, "Observation", "entered-in-error")
    finding = next(r for r in gone if "component" in r)
    assert any("<vessel>" in note["text"] for note in finding["note"])
    assert "&lt;vessel&gt;" not in finding["note"][-1]["text"]
    before = {r["id"] for r in of_kind(preliminary(), "Observation")}
    assert {r["id"] for r in of_kind(made, "Observation")} == before
    referred = {r["reference"] for r in one(made, "DiagnosticReport")["result"]}
    assert not referred & {f"Observation/{r['id']}" for r in gone}


def test_with_nothing_left_to_fear_the_alert_is_taken_back():
    rejected = dict.fromkeys(("1", "2", "3"), ("rejected", "artefact"))
    made = final(verdicts=rejected)
    assert one(made, "Communication")["status"] == "entered-in-error"
    assert faults(made) == ()


def test_an_undecided_finding_makes_nothing_final():
    with pytest.raises(ReportError, match="no verdict"):
        final(verdicts={"1": ("accepted", "")})


def test_a_correction_replaces_the_report_and_takes_back_the_earlier_reading():
    old = lung()
    made = final(newer(old), corrects=True, earlier=[old])
    report = one(made, "DiagnosticReport")
    assert report["status"] == "corrected"
    assert report["id"] == one(final(), "DiagnosticReport")["id"]
    gone = {r["id"] for r in made if r.get("status") == "entered-in-error"}
    assert {r["id"] for r in of_kind(preliminary(), "Observation")} <= gone
    assert {r["id"] for r in of_kind(preliminary(), "ServiceRequest")} <= gone
    assert faults(made) == ()


def test_after_a_signed_report_a_new_reading_leaves_it_final():
    made = preliminary_resources(told(), newer(lung()), report=False)
    assert of_kind(made, "DiagnosticReport") == []
    about = one(made, "Communication")["about"]
    assert {a["reference"].split("/")[0] for a in about} == {"Observation"}
    assert faults(made) == ()


def test_a_study_that_was_not_read_is_told_with_the_reason():
    (study,) = preliminary_resources(told(), mammography())
    assert study["resourceType"] == "ImagingStudy"
    assert "乳腺" in study["note"][0]["text"]


def test_the_study_is_known_by_its_uid_and_hostile_text_stays_text():
    study = one(preliminary(), "ImagingStudy")
    assert study["identifier"][0] == {
        "system": "urn:dicom:uid",
        "value": f"urn:oid:{STUDY_UID}",
    }
    assert study["series"][0]["uid"] == SERIES_UID
    assert study["description"] == "Chest  & <b>thorax</b>"
    assert "&lt;b&gt;" in study["text"]["div"]
    assert study["started"].startswith("2026-11-23T10:11:12")


def test_times_and_numbers_that_are_none_are_left_out():
    study = replace(STUDY, study_date="2026xx01", accession_number=" ", study_description="\x00")
    made = preliminary_resources(told(study=study), small_lung())
    assert "started" not in one(made, "ImagingStudy")
    assert "description" not in one(made, "ImagingStudy")
    assert "basedOn" not in one(made, "DiagnosticReport")
    assert all("occurrencePeriod" not in r for r in of_kind(made, "ServiceRequest"))
    assert faults(made) == ()


def test_an_unmatched_patient_is_named_by_number_and_never_made():
    link = PatientLink(None, "P1", "", "HOSP")
    made = preliminary_resources(told(patient=link), lung())
    subject = one(made, "DiagnosticReport")["subject"]
    assert "reference" not in subject
    assert subject["identifier"]["value"] == "P1"
    assert subject["identifier"]["assigner"] == {"display": "HOSP"}
    assert of_kind(made, "Patient") == []
    assert faults(made) == ()


def test_results_of_nobody_are_refused():
    with pytest.raises(ReportError, match="no patient ID"):
        preliminary_resources(told(patient=PatientLink(None)), lung())


def test_a_number_that_is_none_is_refused():
    reading = lung(findings=1)
    broken = replace(
        reading.findings[0],
        measurements=(Measurement(codes.LONG_AXIS, float("nan"), codes.MILLIMETER),),
    )
    with pytest.raises(ReportError, match="finite"):
        preliminary_resources(told(), replace(reading, findings=(broken,)))


def test_the_trail_goes_out_with_the_signature():
    seen = Audited(1795508000.0, "li", "view")
    rejected = Audited(1795508500.0, "wang", "reject", "finding 2")
    events = of_kind(final(audited=[seen, rejected]), "AuditEvent")
    kinds = [(e["type"]["code"], e["action"]) for e in events]
    assert kinds == [("110103", "R"), ("amend", "U"), ("attest", "U")]
    assert [e["agent"][0]["who"]["identifier"]["value"] for e in events] == ["li", "wang", "wang"]
    assert len({e["id"] for e in events}) == 3


def test_exports_are_told_of_and_sign_ins_are_not():
    assert told_of("deidentified-export")
    assert not told_of("sign-in")
    event = audit_event(told(), Audited(1795508000.0, "li", "deidentified-export"))
    assert event["type"]["code"] == "110106"


def test_the_conclusion_is_in_the_language_of_the_site():
    chinese, english = (
        one(preliminary_resources(told(language=language), lung()), "DiagnosticReport")
        for language in ("zh", "en")
    )
    assert "肺结节" in chinese["conclusion"]
    assert "Nodule of lung" in english["conclusion"]
    assert chinese["id"] == english["id"]


def test_what_stands_against_the_input_is_in_the_report():
    for made in (preliminary(), final()):
        report = one(made, "DiagnosticReport")
        assert "Slices of 2 mm." in report["conclusion"]
        assert "Slices of 2 mm." in report["text"]["div"]
