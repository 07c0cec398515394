"""Where a record comes from: known FHIR servers alone, and what happens when they fail."""

import uuid
from contextlib import closing

import anyio
import httpx
import pytest
from pydantic import SecretStr

from clinical_ai.cds_records import PREFETCH, RecordSource, known_server
from clinical_ai.decision_support.hook_request import FhirAuthorization, HookRequest
from clinical_ai.errors import DecisionSupportError, RecordError
from clinical_ai.fhir_settings import FhirServerSettings
from clinical_ai.records.store import RecordStore
from clinical_ai.services import open_services
from clinical_ai.settings import Settings
from tests.support.fhir_stub import FhirStub
from tests.support.sekmet import Sekmet

PATIENT = {"resourceType": "Patient", "id": "p1", "gender": "male", "birthDate": "1960-01-01"}
CONDITION = {
    "resourceType": "Condition",
    "id": "c1",
    "subject": {"reference": "Patient/p1"},
    "code": {"coding": [{"system": "http://snomed.info/sct", "code": "44054006"}]},
}


def asked(server=None, prefetch=None, token=None, patient="p1"):
    lent = None
    if token is not None:
        lent = FhirAuthorization(
            access_token=SecretStr(token),
            token_type="Bearer",
            expires_in=60,
            scope="x",
            subject="y",
        )
    return HookRequest(
        hook="order-sign",
        instance=uuid.uuid4(),
        patient=patient,
        fhir_server=server,
        fhir_authorization=lent,
        prefetch=prefetch or {},
        selections=None,
        orders=(),
        language=None,
    )


@pytest.fixture
def stub():
    with FhirStub([PATIENT, CONDITION]) as running:
        yield running


@pytest.fixture
def services(tmp_path, stub):
    servers = {"ehr": FhirServerSettings(base_url=stub.url)}
    opened = open_services(
        Settings(data_dir=tmp_path, fhir_servers=servers, cds={"fetch_seconds": 1.0})
    )
    yield opened
    opened.close()


def gather(services, request):
    return anyio.run(RecordSource(services).gather, request)


def test_base_urls_are_compared_whole():
    servers = {
        "a": FhirServerSettings(base_url="https://ehr.example/fhir"),
        "w": FhirServerSettings(base_url="https://write.example/fhir", roles=("write",)),
    }
    assert known_server("https://ehr.example/fhir/", servers) == "a"
    for url in (
        None,
        "",
        "https://ehr.example/fhir/x",
        "https://ehr.example/fhirx",
        "https://ehr.example@evil.example/fhir",
        "http://ehr.example/fhir",
        "https://write.example/fhir",
        "file:///etc/passwd",
        "http://169.254.169.254/",
    ):
        assert known_server(url, servers) is None


def test_what_is_missing_comes_from_the_known_server_with_the_lent_token(services, stub):
    found = gather(services, asked(stub.url, {"patient": PATIENT}, token="lent"))
    assert (found.origin, found.missing) == ("ehr", ())
    assert found.record.has_problem("diabetes")
    assert all(call.token == "Bearer lent" for call in stub.calls)
    assert not any(call.path.endswith("/Patient/p1") for call in stub.calls)  # it was sent along


def test_no_other_address_is_called(services, stub):
    with FhirStub([PATIENT, CONDITION]) as other:
        with pytest.raises(DecisionSupportError, match="fhir_servers"):
            gather(services, asked(other.url))
        assert other.calls == []
    assert stub.calls == []


def test_a_query_that_fails_is_named_and_the_rest_is_used(services, stub):
    stub.failing = {"Observation"}
    found = gather(services, asked(stub.url))
    assert found.missing == ("laboratory",)
    assert not found.record.complete
    assert found.record.has_problem("diabetes")


def test_a_server_that_does_not_come_to_an_end_is_left_and_the_store_stands_in(services, stub):
    RecordStore(services.engine).put([PATIENT, CONDITION], origin="ehr")
    stub.silent = True
    found = gather(services, asked(stub.url))
    assert found.origin == "ehr"
    assert found.record.has_problem("diabetes")


def test_the_store_of_another_origin_does_not_stand_in(services, stub):
    RecordStore(services.engine).put([PATIENT, CONDITION], origin="local")
    stub.failing = {"Patient", "Condition", "Observation", "MedicationRequest"}
    with pytest.raises(DecisionSupportError):
        gather(services, asked(stub.url))


def test_prefetch_of_nobody_known_is_not_mixed_with_the_store(services):
    RecordStore(services.engine).put([PATIENT, CONDITION], origin="local")
    found = gather(services, asked(None, {"patient": PATIENT}))
    assert found.origin == PREFETCH
    assert not found.record.has_problem("diabetes")
    assert set(found.missing) == {"conditions", "laboratory", "medications"}


def test_a_patient_id_of_two_sources_is_not_guessed(services):
    store = RecordStore(services.engine)
    store.put([PATIENT], origin="local")
    store.put([PATIENT], origin="ehr")
    with pytest.raises(RecordError):
        gather(services, asked(None))


@pytest.mark.slow
def test_an_independent_fhir_server_answers_the_templates(tmp_path):
    server = Sekmet(tmp_path / "sekmet")
    server.start()
    try:
        laboratory = {
            "resourceType": "Observation",
            "id": "o1",
            "status": "final",
            "category": [{"coding": [{"system": CATEGORY, "code": "laboratory"}]}],
            "code": {"coding": [{"system": "http://loinc.org", "code": "98979-8"}]},
            "subject": {"reference": "Patient/p1"},
            "effectiveDateTime": "2026-01-05T08:00:00Z",
            "valueQuantity": {
                "value": 25,
                "unit": "mL/min/{1.73_m2}",
                "system": "http://unitsofmeasure.org",
                "code": "mL/min/{1.73_m2}",
            },
        }
        other = {**CONDITION, "id": "c2", "subject": {"reference": "Patient/p2"}}
        for resource in (PATIENT, {**PATIENT, "id": "p2"}, CONDITION, other, laboratory):
            address = f"{server.base_url}/{resource['resourceType']}/{resource['id']}"
            assert httpx.put(address, json=resource, timeout=30).status_code in (200, 201)
        ehr = FhirServerSettings(base_url=server.base_url)
        opened = open_services(Settings(data_dir=tmp_path / "data", fhir_servers={"ehr": ehr}))
        with closing(opened) as services:
            found = gather(services, asked(server.base_url))
        assert found.missing == ()
        assert found.record.has_problem("diabetes")
        assert [m.value for m in found.record.series("egfr")] == [25]
    finally:
        server.stop()


CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
