"""Which FHIR servers are told of a reading, and what the local record keeps of it."""

import json
from dataclasses import replace

import pytest

from clinical_ai.fhir_results import enqueue_fhir, final_fhir, preliminary_fhir
from clinical_ai.fhir_settings import FhirServerSettings
from clinical_ai.findings import RecordUse, to_json
from clinical_ai.messages import Message
from clinical_ai.record_settings import RecordSettings
from clinical_ai.records.outgoing import list_transactions
from clinical_ai.records.store import RecordStore
from clinical_ai.risk.stored import keep_profile
from clinical_ai.services import open_services
from clinical_ai.settings import Settings
from clinical_ai.store.audit import record_event
from clinical_ai.store.tables import reading as reading_table
from clinical_ai.store.tables import signature
from pacs_bridge.database import writing
from tests.support.ct_series import STUDY_UID
from tests.support.fhir_readings import SIGNER, VERDICTS, lung, mammography, newer, profile
from tests.support.rows import add_study

SERVERS = {
    "his": FhirServerSettings(base_url="http://127.0.0.1:1/fhir", roles=("read", "write")),
    "old": FhirServerSettings(
        base_url="http://127.0.0.1:2/fhir", roles=("write",), client_ids=False
    ),
    "source": FhirServerSettings(base_url="http://127.0.0.1:3/fhir"),
}
PATIENT = {"resourceType": "Patient", "id": "p-1", "identifier": [{"value": "P1"}]}


def opened(folder, **settings):
    return open_services(Settings(data_dir=folder, language="zh", **settings))


@pytest.fixture
def services(tmp_path):
    found = opened(tmp_path, fhir_servers=SERVERS)
    add_study(found.engine, STUDY_UID, accession_number="ACC1", patient_id="P1")
    yield found
    found.close()


@pytest.fixture
def alone(tmp_path):
    """A site without a FHIR server; the patient's record is in the local store."""
    found = opened(tmp_path / "alone")
    add_study(found.engine, STUDY_UID, patient_id="P1")
    RecordStore(found.engine).put([PATIENT], origin="local")
    yield found
    found.close()


def matched(reading, origin):
    use = RecordUse("matched", Message("found"), person="p-1", origin=origin)
    return replace(reading, record=use)


def keep(services, reading, *, signed_at=None):
    """Store a reading as an earlier one of the study."""
    with writing(services.engine) as connection:
        connection.execute(
            reading_table.insert().values(
                id=reading.id,
                study_uid=reading.study_uid,
                content_version=reading.content_version,
                reader=reading.reader,
                body=to_json(reading),
                created_at=1.0,
            )
        )
        if signed_at is not None:
            connection.execute(
                signature.insert().values(
                    reading_id=reading.id,
                    username="li",
                    full_name="李医生",
                    signed_at=signed_at,
                    sr_sop_instance_uid="2.25.9",
                )
            )


def resources(results, server="his"):
    (found,) = (t for t in results.transactions if t.server == server)
    return [entry["resource"] for entry in json.loads(found.bundle)["entry"]]


def report_of(results, server="his"):
    return next(r for r in resources(results, server) if r["resourceType"] == "DiagnosticReport")


def statuses(found, kind):
    return [r["status"] for r in found if r["resourceType"] == kind]


def test_servers_that_results_go_to_are_told_each_in_its_way(services):
    told = preliminary_fhir(services, lung(), "2.25.1")
    assert [t.server for t in told.transactions] == ["his", "old"]
    assert {t.refused for t in told.transactions} == {""}
    methods = {
        t.server: {e["request"]["url"] for e in json.loads(t.bundle)["entry"]}
        for t in told.transactions
    }
    assert any(url.startswith("DiagnosticReport/") for url in methods["his"])
    assert any(url.startswith("DiagnosticReport?identifier=") for url in methods["old"])
    assert told.local == ()


def test_a_matched_patient_is_referred_to_where_he_was_found_only(services):
    told = preliminary_fhir(services, matched(lung(), "his"), "2.25.1")
    subjects = {server: report_of(told, server)["subject"] for server in ("his", "old")}
    assert subjects["his"]["reference"] == "Patient/p-1"
    assert "reference" not in subjects["old"]
    assert subjects["old"]["identifier"]["value"] == "P1"


@pytest.mark.parametrize(
    ("issuer", "declared", "system"),
    [
        ("", RecordSettings(), None),
        ("", RecordSettings(default_issuer="urn:hospital"), "urn:hospital"),
        ("HOSP", RecordSettings(issuers={"HOSP": "urn:hospital"}), "urn:hospital"),
        ("HOSP", RecordSettings(default_issuer="urn:other"), None),
    ],
)
def test_the_number_goes_out_with_a_declared_system_only(tmp_path, issuer, declared, system):
    found = opened(tmp_path, fhir_servers=SERVERS, records=declared)
    add_study(found.engine, STUDY_UID, patient_id="P1", issuer_of_patient_id=issuer)
    told = preliminary_fhir(found, lung(), "")
    assert report_of(told)["subject"]["identifier"].get("system") == system
    found.close()


def test_a_study_of_nobody_is_told_to_nobody(tmp_path):
    found = opened(tmp_path, fhir_servers=SERVERS)
    add_study(found.engine, STUDY_UID, patient_id=" ")
    assert preliminary_fhir(found, lung(), "").transactions == ()
    found.close()


def test_fhir_off_costs_nothing(tmp_path):
    found = opened(tmp_path)
    add_study(found.engine, STUDY_UID, patient_id="P1")
    assert preliminary_fhir(found, lung(), "").transactions == ()
    found.close()


def test_a_study_that_was_not_read_is_told_as_such(services):
    (study,) = resources(preliminary_fhir(services, mammography(), ""))
    assert study["note"]


def test_the_risk_goes_with_the_reading(services):
    reading = matched(lung(), "his")
    with writing(services.engine) as connection:
        keep_profile(connection, reading.id, profile(), origin="his")
    told = resources(preliminary_fhir(services, reading, ""))
    risks = [r for r in told if r["resourceType"] == "RiskAssessment"]
    assert len(risks) == 4
    assert {"reference": "Observation/bp-1"} in risks[0]["basis"]


def test_a_newer_reading_takes_the_unsigned_one_back(services):
    keep(services, lung())
    told = resources(preliminary_fhir(services, newer(lung()), ""))
    assert statuses(told, "DiagnosticReport") == ["preliminary"]
    assert "entered-in-error" in statuses(told, "Observation")


def test_after_a_final_report_comes_a_correction_and_no_preliminary_one(services):
    keep(services, lung(), signed_at=100.0)
    early = resources(preliminary_fhir(services, newer(lung()), ""))
    assert statuses(early, "DiagnosticReport") == []
    assert "entered-in-error" not in statuses(early, "Observation")
    late = resources(final_fhir(services, newer(lung()), VERDICTS, SIGNER, "2.25.2"))
    assert statuses(late, "DiagnosticReport") == ["corrected"]
    assert "entered-in-error" in statuses(late, "Observation")


def test_the_trail_since_the_last_signature_goes_out(services):
    with writing(services.engine) as connection:
        record_event(connection, "li", "view", study_uid=STUDY_UID)
        record_event(connection, "li", "sign-in", study_uid=STUDY_UID)
    late = resources(final_fhir(services, lung(), VERDICTS, SIGNER, ""))
    assert len([r for r in late if r["resourceType"] == "AuditEvent"]) == 2
    keep(services, newer(lung()), signed_at=SIGNER.signed_at + 1e9)
    late = resources(final_fhir(services, lung(), VERDICTS, SIGNER, ""))
    assert len([r for r in late if r["resourceType"] == "AuditEvent"]) == 1


def test_a_result_queued_twice_is_one_transaction(services):
    for _ in range(2):
        told = preliminary_fhir(services, lung(), "2.25.1")
        with writing(services.engine) as connection:
            enqueue_fhir(connection, services, told)
    rows = list_transactions(services.engine)
    assert sorted(row.peer for row in rows) == ["his", "old"]
    assert {row.subject for row in rows} == {STUDY_UID}
    assert {row.state for row in rows} == {"queued"}


def test_the_local_record_sees_our_own_results(alone):
    reading = matched(lung(), "local")
    told = preliminary_fhir(alone, reading, "2.25.1")
    assert told.transactions == ()
    with writing(alone.engine) as connection:
        enqueue_fhir(connection, alone, told)
    fact = RecordStore(alone.engine).record("p-1").newest_imaging("lung_rads")
    assert (fact.value, fact.signed) == ("4B", False)
    with writing(alone.engine) as connection:
        enqueue_fhir(connection, alone, final_fhir(alone, reading, VERDICTS, SIGNER, "2.25.2"))
    record = RecordStore(alone.engine).record("p-1")
    told = {(f.kind, f.value, f.signed) for f in record.imaging}
    assert {v for k, v, _ in told if k == "lung_rads"} == {"4B"}
    assert all(signed for _, _, signed in told)


def test_what_is_rolled_back_is_not_kept(alone, services):
    told = preliminary_fhir(alone, matched(lung(), "local"), "")
    with pytest.raises(RuntimeError), writing(alone.engine) as connection:
        enqueue_fhir(connection, alone, told)
        raise RuntimeError
    assert RecordStore(alone.engine).record("p-1").imaging == ()
