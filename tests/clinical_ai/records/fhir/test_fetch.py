"""A patient's record from a server: all of it, nothing of others, and a copy for worse days."""

import asyncio
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine

from clinical_ai.errors import RecordError
from clinical_ai.records.fhir import FhirClient
from clinical_ai.records.fhir.copies import RecordServers
from clinical_ai.records.fhir.errors import FhirNotFoundError, FhirUnreachableError
from clinical_ai.records.fhir.fetch import (
    FetchedRecord,
    fetch_patient,
    find_patients,
    patient_resources,
)
from clinical_ai.records.store import RecordStore
from clinical_ai.store.migrate import migrate
from pacs_bridge.database import open_engine
from tests.support.scripted_fhir import Asked, Reply, scripted_fhir, searchset
from tests.support.sekmet import Sekmet, running_sekmet

BP = {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'store.sqlite3'}")
    migrate(engine)
    yield engine
    engine.dispose()


def record(person: str) -> list[dict[str, Any]]:
    """A resource of every kind that is asked for."""
    subject = {"reference": f"Patient/{person}"}
    code = {"text": "x"}
    active = {
        "coding": [
            {
                "system": "http://terminology.hl7.org/CodeSystem/condition-clinical",
                "code": "active",
            }
        ]
    }
    drug = {"reference": f"Medication/{person}-m"}
    about: dict[str, dict[str, Any]] = {
        "AllergyIntolerance": {"patient": subject, "code": code, "clinicalStatus": active},
        "Condition": {"subject": subject, "code": code, "clinicalStatus": active},
        "DiagnosticReport": {"subject": subject, "code": code, "status": "final"},
        "FamilyMemberHistory": {"patient": subject, "status": "completed", "relationship": code},
        "MedicationRequest": {
            "subject": subject,
            "status": "active",
            "intent": "order",
            "medicationReference": drug,
        },
        "MedicationStatement": {
            "subject": subject,
            "status": "active",
            "medicationReference": drug,
        },
        "Observation": {
            "subject": subject,
            "status": "final",
            "code": BP,
            "effectiveDateTime": "2026-01-02T08:00:00Z",
            "valueQuantity": {
                "value": 151,
                "unit": "mmHg",
                "system": "http://unitsofmeasure.org",
                "code": "mm[Hg]",
            },
        },
        "Procedure": {"subject": subject, "status": "completed", "code": code},
        "RiskAssessment": {"subject": subject, "status": "final"},
    }
    resources = [
        {"resourceType": kind, "id": f"{person}-{kind[:9]}{kind[-3:]}", **rest}
        for kind, rest in about.items()
    ]
    return [
        {
            "resourceType": "Patient",
            "id": person,
            "identifier": [{"system": "urn:mrn", "value": f"no,{person}"}],
            "birthDate": "1960-01-02",
        },
        {"resourceType": "Medication", "id": f"{person}-m", "code": code},
        *resources,
    ]


def load(server: Sekmet, *resources: dict[str, Any]) -> None:
    async def work() -> None:
        async with FhirClient("his", server.settings()) as client:
            entries = [
                {
                    "resource": one,
                    "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"},
                }
                for one in resources
            ]
            bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
            await client.transaction(orjson.dumps(bundle))

    asyncio.run(work())


def fetch(server: Any, person: str) -> FetchedRecord:
    async def work() -> FetchedRecord:
        async with FhirClient("his", server.settings(), attempts=1) as client:
            return await fetch_patient(client, person)

    return asyncio.run(work())


def names(resources: Any) -> set[str]:
    return {f"{one['resourceType']}/{one['id']}" for one in resources}


def new_person() -> str:
    return uuid.uuid4().hex[:20]


def test_all_of_one_patient_and_nothing_of_another(sekmet: Sekmet) -> None:
    """Its search of RiskAssessment knows no patient: they are looked through and filtered."""
    one, other = new_person(), new_person()
    load(sekmet, *record(one), *record(other))
    fetched = fetch(sekmet, one)
    assert names(fetched.resources) == names(record(one))
    assert fetched.missing == ()
    assert fetched.resources[0]["resourceType"] == "Patient"

    async def work() -> list[dict[str, Any]]:
        async with FhirClient("his", sekmet.settings()) as client:
            return await patient_resources(client, one)

    assert names(asyncio.run(work())) == names(record(one))


def test_references_with_the_name_that_the_server_has_for_itself(tmp_path: Path) -> None:
    options = {"server_behaviour": {"absolute_references": True}}
    with running_sekmet(tmp_path, options) as server:
        load(server, *record("p1"))
        assert names(fetch(server, "p1").resources) == names(record("p1"))


def test_patients_are_found_by_identifier_exactly(sekmet: Sekmet) -> None:
    person = new_person()
    load(sekmet, *record(person))

    async def find(value: str, system: str = "") -> set[str]:
        async with FhirClient("his", sekmet.settings()) as client:
            return names(await find_patients(client, value, system=system))

    assert asyncio.run(find(f"no,{person}")) == {f"Patient/{person}"}
    assert asyncio.run(find(f"no,{person}", "urn:mrn")) == {f"Patient/{person}"}
    assert asyncio.run(find(f"no,{person}", "urn:other")) == set()
    assert asyncio.run(find(f"NO,{person}")) == set()


def test_a_patient_who_is_not_there(sekmet: Sekmet) -> None:
    with pytest.raises(FhirNotFoundError):
        fetch(sekmet, "nobody")


def test_a_server_that_ignores_the_patient_gives_nothing_of_others_to_us() -> None:
    foreign = {"reference": "https://other.example/fhir/Patient/p1"}

    def answer(asked: Asked) -> Reply:
        if asked.path == "/fhir/Patient/p1":
            return Reply(body={"resourceType": "Patient", "id": "p1"})
        if not asked.path.startswith("/fhir/Observation"):
            return Reply(body=searchset())
        subjects = [{"reference": "Patient/p1"}, {"reference": "Patient/p2"}, foreign, 5, None]
        return Reply(
            body=searchset(
                *(
                    {"resourceType": "Observation", "id": f"o{n}", "subject": subject}
                    for n, subject in enumerate(subjects)
                )
            )
        )

    with scripted_fhir(answer) as server:
        fetched = fetch(server, "p1")
    assert names(fetched.resources) == {"Patient/p1", "Observation/o0"}


@pytest.mark.parametrize("status", [400, 403, 404, 501])
def test_a_type_that_is_not_offered_is_named_as_missing(status: int) -> None:
    def answer(asked: Asked) -> Reply:
        if asked.path == "/fhir/Patient/p1":
            return Reply(body={"resourceType": "Patient", "id": "p1"})
        if asked.path.startswith("/fhir/FamilyMemberHistory"):
            return Reply(status, {})
        return Reply(body=searchset())

    with scripted_fhir(answer) as server:
        assert fetch(server, "p1").missing == ("FamilyMemberHistory",)


def test_what_was_said_of_merged_patients_comes_with_the_one_that_stays(
    engine: Engine, sekmet: Sekmet
) -> None:
    old, new, stranger = new_person(), new_person(), new_person()
    load(sekmet, *record(old), *record(new), *record(stranger))

    def link(person: str, other: str, kind: str) -> None:
        patient = record(person)[0]
        reference = {"reference": f"Patient/{other}"}
        foreign = {"reference": f"https://other.example/fhir/Patient/{stranger}"}
        links = [{"other": reference, "type": kind}, {"other": foreign, "type": "replaces"}]
        sekmet.put({**patient, "link": links})

    link(old, new, "replaced-by")
    link(new, old, "replaces")
    both = names(record(old)) | names(record(new))
    for person in (old, new):
        assert names(fetch(sekmet, person).resources) == both
    RecordServers(engine, {"his": sekmet.settings()}).refresh("his", old)
    found = RecordStore(engine).record(old, origin="his")
    assert found is not None
    assert found.person == new
    assert len(found.series("systolic_bp")) == 2


def test_a_copy_is_read_while_the_server_is_down_and_tells_its_age(
    engine: Engine, tmp_path: Path
) -> None:
    with running_sekmet(tmp_path / "sekmet") as server:
        load(server, *record("p1"))
        servers = RecordServers(engine, {"his": server.settings()})
        assert servers.look_for("no,p1") == ()
        copy = servers.refresh("his", "p1")
    with pytest.raises(FhirUnreachableError):
        RecordServers(engine, {"his": server.settings()}, seconds=5).refresh("his", "p1")
    assert servers.look_for("no,p1") == ("his",)
    kept = servers.copy("his", "p1")
    assert kept == copy
    assert 0 <= kept.age_seconds(time.time()) < 60
    assert kept.age_seconds(copy.copied_at + 600) == 600
    found = RecordStore(engine).record("p1", origin="his")
    assert found is not None
    latest = found.latest("systolic_bp")
    assert latest is not None
    assert (latest.value, latest.source.origin) == (151.0, "his")


def test_a_copy_loses_what_the_server_no_longer_has(engine: Engine, sekmet: Sekmet) -> None:
    person, other = new_person(), new_person()
    load(sekmet, *record(person), *record(other))
    servers = RecordServers(engine, {"his": sekmet.settings()})
    servers.refresh("his", person)
    servers.refresh("his", other)
    gone = next(one for one in names(record(person)) if one.startswith("Observation/"))
    sekmet.delete(gone)
    servers.refresh("his", person)
    store = RecordStore(engine)
    assert names(store.resources(person, origin="his")) == names(record(person)) - {gone}
    assert names(store.resources(other, origin="his")) == names(record(other))


def test_a_server_that_is_not_for_reading_is_not_read(engine: Engine, sekmet: Sekmet) -> None:
    servers = RecordServers(engine, {"his": sekmet.settings(roles=["write"])})
    assert servers.names == ()
    assert servers.look_for("1") == ()
    with pytest.raises(RecordError, match="no FHIR server with role 'read' is named 'his'"):
        servers.refresh("his", "p1")


def test_a_server_that_is_slow_is_waited_for_only_so_long(engine: Engine) -> None:
    def answer(asked: Asked) -> Reply:
        time.sleep(0.5)
        return Reply(503, {})

    with scripted_fhir(answer) as server:
        servers = RecordServers(engine, {"his": server.settings()}, seconds=0.2)
        begun = time.monotonic()
        assert servers.look_for("1") == ("his",)
        with pytest.raises(FhirUnreachableError, match=r"within 0.2 s"):
            servers.refresh("his", "p1")
        assert time.monotonic() - begun < 2
