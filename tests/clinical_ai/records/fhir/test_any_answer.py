"""Whatever JSON a server answers, the client returns or raises an error of its own."""

import asyncio
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clinical_ai.records.fhir import FhirClient
from clinical_ai.records.fhir.errors import FhirError
from clinical_ai.records.fhir.fetch import fetch_patient, find_patients
from tests.support.scripted_fhir import Asked, Reply, ScriptedFhir, scripted_fhir

_NAMES = (
    "resourceType id meta versionId entry link url relation search mode resource response status "
    "location etag issue identifier subject reference medicationReference type value"
)
_WORDS = (
    "Bundle Patient p1 searchset next self match 201 W/ 1 transaction-response Observation "
    "OperationOutcome Patient/p1 Medication/m"
)
NAMES, WORDS = (st.sampled_from(text.split()) for text in (_NAMES, _WORDS))
LEAVES = st.none() | st.booleans() | st.integers(-5, 5) | WORDS
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=25,
)
OBJECTS = st.dictionaries(NAMES, JSON, max_size=6)
PATIENT = {"resourceType": "Patient", "id": "p1"}
TRANSACTION = orjson.dumps(
    {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"resource": PATIENT, "request": {"method": "PUT", "url": "Patient/p1"}}],
    }
)


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedFhir]:
    with scripted_fhir(lambda _: Reply()) as server:
        yield server


async def everything(server: ScriptedFhir) -> None:
    async with FhirClient("his", server.settings(), attempts=1) as client:
        for work in (
            client.capability,
            lambda: client.read("Patient", "p1"),
            lambda: client.search("Patient", [("patient", "p1")]),
            lambda: client.create(PATIENT),
            lambda: client.update(PATIENT, version="1"),
            lambda: client.amend("Patient", "p1", lambda one: one),
            lambda: client.transaction(TRANSACTION),
            lambda: fetch_patient(client, "p1"),
            lambda: find_patients(client, "7"),
        ):
            try:
                await work()
            except FhirError as error:
                assert len(str(error)) < 300


@given(
    answer=OBJECTS | OBJECTS.map(lambda o: {**o, "resourceType": "Bundle", "type": "searchset"})
    | OBJECTS.map(lambda o: {**o, **PATIENT}),
    status=st.sampled_from([200, 201, 400, 412]),
)  # fmt: skip
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_object(server: ScriptedFhir, answer: dict[str, Any], status: int) -> None:
    server.answer = lambda _: Reply(status, answer)
    asyncio.run(everything(server))


@given(entries=st.lists(JSON | OBJECTS.map(lambda o: {"resource": {**o, **PATIENT}, "search": 1})))
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_entries(server: ScriptedFhir, entries: list[Any]) -> None:
    def answer(asked: Asked) -> Reply:
        if asked.path == "/fhir/Patient/p1":
            return Reply(body={**PATIENT, "meta": entries})
        kind = "transaction-response" if asked.path == "/fhir" else "searchset"
        return Reply(body={"resourceType": "Bundle", "type": kind, "entry": entries})

    server.answer = answer
    asyncio.run(everything(server))
