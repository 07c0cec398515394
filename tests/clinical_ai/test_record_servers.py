"""The record of a study when FHIR servers are away, slow, or give only a part."""

import socket
import time

import pytest
from sqlalchemy import insert

from clinical_ai.fhir_settings import FhirServerSettings
from clinical_ai.record_link import linked_record, match_policy, record_of_study, study_patient
from clinical_ai.record_settings import RecordSettings
from clinical_ai.records.match_queue import match_known
from clinical_ai.records.store import RecordStore
from clinical_ai.services import Services, open_services
from clinical_ai.settings import Settings
from clinical_ai.store.tables import fhir_copy
from pacs_bridge.database import writing
from pacs_bridge.tables import study
from tests.system.test_record import RECORD

UID = "1.2.3"


def open_with(tmp_path, servers: dict[str, FhirServerSettings]) -> Services:
    services = open_services(
        Settings(
            data_dir=tmp_path / "data",
            fhir_servers=servers,
            records=RecordSettings(default_issuer="urn:hospital", wait_seconds=4),
        )
    )
    with writing(services.engine) as connection:
        connection.execute(
            insert(study).values(
                study_instance_uid=UID,
                study_date="20260102",
                patient_id="MRN-1",
                patient_name="Zhang^Wei=张^伟",
                patient_birth_date="19660101",
                patient_sex="M",
                created_at=0.0,
                last_received_at=0.0,
                state="complete",
            )
        )
    return services


NOBODY = FhirServerSettings(base_url="http://127.0.0.1:9/fhir", connect_seconds=1)


@pytest.mark.parametrize(
    ("missing", "whole"), [("Condition RiskAssessment", False), ("RiskAssessment", True)]
)
def test_a_copy_without_all_diagnoses_or_drugs_is_said_not_to_be_whole(tmp_path, missing, whole):
    services = open_with(tmp_path, {"his": NOBODY})
    RecordStore(services.engine).put(RECORD, origin="his")
    with writing(services.engine) as connection:
        connection.execute(
            insert(fhir_copy).values(
                server="his", person="zhang", copied_at=time.time(), missing=missing
            )
        )
    found = match_known(
        services.engine,
        study_patient(services, UID).query,
        match_policy(services.settings),
    )
    linked = linked_record(services, found)
    assert linked.state == "matched"
    assert linked.record.complete is whole
    assert any("not whole" in str(c) for c in linked.cautions) is not whole
    services.close()


def test_a_server_that_was_never_reached_leaves_the_study_without_a_record(tmp_path):
    services = open_with(tmp_path, {"his": NOBODY})
    began = time.monotonic()
    linked = record_of_study(services, UID)
    assert time.monotonic() - began < 10
    assert (linked.state, linked.record) == ("unavailable", None)
    assert "his did not answer" in str(linked.why)
    services.close()


def test_a_server_that_says_nothing_delays_a_reading_by_the_time_allowed(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        his = FhirServerSettings(base_url=f"http://127.0.0.1:{port}/fhir")
        services = open_with(tmp_path, {"his": his})
        began = time.monotonic()
        linked = record_of_study(services, UID)
        assert 3 < time.monotonic() - began < 8
        assert linked.state == "unavailable"
        services.close()


def test_records_can_be_switched_off(tmp_path):
    services = open_with(tmp_path, {})
    off = Settings(data_dir=tmp_path / "data", records=RecordSettings(use=False))
    switched = Services(off, services.engine, services.archive)
    assert record_of_study(switched, UID).state == "not_found"
    services.close()
