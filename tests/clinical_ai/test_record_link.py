"""The record of a study's patient, from a FHIR server: up to date, or as it was last copied."""

from contextlib import closing

import pytest

from clinical_ai.record_link import record_of_study
from clinical_ai.record_settings import RecordSettings
from clinical_ai.services import open_services
from clinical_ai.settings import Settings
from tests.pacs_bridge.support import ct_slice, store
from tests.support.sekmet import Sekmet

PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
    "identifier": [{"system": "urn:mrn", "value": "MRN7"}],
    "name": [{"family": "Wang", "given": ["Xiaoming"]}],
    "gender": "male",
    "birthDate": "1960-01-02",
}


def pressure(number: int) -> dict[str, object]:
    return {
        "resourceType": "Observation",
        "id": f"bp{number}",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": f"2026-01-{number:02}T08:00:00Z",
        "valueQuantity": {
            "value": 140 + number,
            "system": "http://unitsofmeasure.org",
            "code": "mm[Hg]",
        },
    }


@pytest.fixture
def server(tmp_path):
    server = Sekmet(tmp_path / "sekmet")
    server.start()
    yield server
    server.stop()


def test_a_reading_has_the_newest_record_and_the_last_copy_while_the_server_is_down(
    tmp_path, server
):
    settings = Settings(
        data_dir=tmp_path / "data",
        fhir_servers={"his": server.settings()},
        records=RecordSettings(default_issuer="urn:mrn", wait_seconds=15),
    )
    dataset = ct_slice(
        PatientID="MRN7", PatientName="Wang^Xiaoming", PatientBirthDate="19600102", PatientSex="M"
    )
    with closing(open_services(settings)) as services:
        store(services.archive, dataset)
        uid = dataset.StudyInstanceUID
        assert record_of_study(services, uid).state == "not_found"
        server.put(PATIENT)
        server.put(pressure(1))
        first = record_of_study(services, uid)
        assert (first.state, first.origin, first.cautions) == ("matched", "his", ())
        assert [m.value for m in first.record.series("systolic_bp")] == [141]
        assert first.record.complete
        server.put(pressure(2))
        second = record_of_study(services, uid)
        assert [m.value for m in second.record.series("systolic_bp")] == [141, 142]
        server.kill()
        third = record_of_study(services, uid)
        assert third.state == "matched"
        assert third.record.measurements == second.record.measurements
        assert not third.record.complete
        (caution,) = third.cautions
        assert str(caution).startswith("The record is as his had it at 20")
