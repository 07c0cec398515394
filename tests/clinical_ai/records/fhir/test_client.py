"""The client with `sekmet-fhir`, an independent server: nothing here is our own on both sides."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import orjson
import pytest

from clinical_ai.errors import RecordError
from clinical_ai.records.fhir import FhirClient
from clinical_ai.records.fhir.errors import (
    FhirConflictError,
    FhirNotFoundError,
    FhirSignInError,
    FhirStatusError,
)
from tests.support.sekmet import Sekmet, running_sekmet

_T = TypeVar("_T")
SYSTEM = "urn:oid:1.2.3"


def with_client(server: Sekmet, work: Callable[[FhirClient], Awaitable[_T]], **settings: Any) -> _T:
    async def run() -> _T:
        async with FhirClient("his", server.settings(**settings)) as client:
            return await work(client)

    return asyncio.run(run())


def patient(number: str) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "identifier": [{"system": SYSTEM, "value": number}],
        "name": [{"family": "王", "given": ["小明"]}],
    }


def observation(resource_id: str, patient_id: str, **others: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": resource_id,
        "status": "final",
        "code": {"text": "systolic"},
        "subject": {"reference": f"Patient/{patient_id}"},
        **others,
    }


async def new_patient(client: FhirClient) -> str:
    number = uuid.uuid4().hex
    written = await client.create(patient(number), if_none_exist=[("identifier", number)])
    return written.reference.partition("/")[2]


def test_what_is_created_is_read_back(sekmet: Sekmet) -> None:
    async def work(client: FhirClient) -> None:
        patient_id = await new_patient(client)
        read = await client.read("Patient", patient_id)
        assert read["name"] == [{"family": "王", "given": ["小明"]}]
        assert (await client.capability())["fhirVersion"] == "4.0.1"

    with_client(sekmet, work)


def test_a_conditional_create_makes_one_resource(sekmet: Sekmet) -> None:
    async def work(client: FhirClient) -> None:
        number = uuid.uuid4().hex
        criteria = [("identifier", f"{SYSTEM}|{number}")]
        first = await client.create(patient(number), if_none_exist=criteria)
        second = await client.create(patient(number), if_none_exist=criteria)
        assert first.created
        assert not second.created
        assert second.reference == first.reference

    with_client(sekmet, work)


def test_a_search_follows_all_pages_though_links_name_another_host(sekmet: Sekmet) -> None:
    async def work(client: FhirClient) -> None:
        patient_id = await new_patient(client)
        made = {f"{patient_id[:20]}-{n}" for n in range(23)}
        for one in made:
            await client.update(observation(one, patient_id))
        found = await client.search("Observation", [("patient", patient_id)])
        assert {one["id"] for one in found.matches} == made
        assert not found.truncated
        assert found.bases == {sekmet.base_url, sekmet.base_url.replace("127.0.0.1", "localhost")}
        some = await client.search("Observation", [("patient", patient_id)], limit=10)
        assert len(some.matches) == 10
        assert some.truncated

    with_client(sekmet, work, page_size=5)


def test_a_search_by_identifier_is_a_post_page_after_page(sekmet: Sekmet) -> None:
    async def work(client: FhirClient) -> None:
        number = uuid.uuid4().hex
        for n in range(5):
            await client.update({**patient(number), "id": f"{number[:20]}-{n}"})
        found = await client.search("Patient", [("identifier", f"{SYSTEM}|{number}")])
        assert len(found.matches) == 5

    with_client(sekmet, work, page_size=2)


def test_a_server_refuses_a_parameter_that_it_does_not_know(sekmet: Sekmet) -> None:
    async def work(client: FhirClient) -> None:
        with pytest.raises(FhirStatusError, match="HTTP 400: not-supported") as caught:
            await client.search("RiskAssessment", [("subject", "p1")])
        assert caught.value.outcome.has("not-supported")
        lenient = await client.search("RiskAssessment", [("subject", "p1")], strict=False)
        assert [issue.code for issue in lenient.warnings] == ["not-supported"]

    with_client(sekmet, work)


def test_an_update_of_an_old_version_is_a_conflict(sekmet: Sekmet) -> None:
    async def work(client: FhirClient) -> None:
        patient_id = await new_patient(client)
        first = await client.read("Patient", patient_id)
        await client.update({**first, "gender": "male"}, version="1")
        with pytest.raises(FhirConflictError, match="HTTP 412") as caught:
            await client.update({**first, "gender": "female"}, version="1")
        assert "王" not in str(caught.value)
        assert (await client.read("Patient", patient_id))["gender"] == "male"

    with_client(sekmet, work)


def test_an_amendment_keeps_what_another_wrote_meanwhile(sekmet: Sekmet) -> None:
    async def work(client: FhirClient) -> None:
        patient_id = await new_patient(client)
        calls = 0

        def change(resource: dict[str, Any]) -> dict[str, Any]:
            nonlocal calls
            calls += 1
            return {**resource, "active": True}

        class Slow(FhirClient):
            """Between its first reading and writing, another writes."""

            async def update(self, resource: dict[str, Any], *, version: str | None = None) -> Any:
                if calls == 1:
                    await client.update({**patient("1"), "id": patient_id, "gender": "male"})
                return await super().update(resource, version=version)

        async with Slow("his", sekmet.settings()) as slow:
            written = await slow.amend("Patient", patient_id, change)
        read = await client.read("Patient", patient_id)
        assert (read["gender"], read["active"]) == ("male", True)
        assert calls == 2
        assert written.version == read["meta"]["versionId"]

    with_client(sekmet, work)


def bundle(*entries: dict[str, Any]) -> bytes:
    return orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": list(entries)})


def entry(method: str, url: str, resource: dict[str, Any], **request: str) -> dict[str, Any]:
    return {"resource": resource, "request": {"method": method, "url": url, **request}}


def test_a_transaction_sent_twice_makes_nothing_twice(sekmet: Sekmet) -> None:
    async def work(client: FhirClient) -> None:
        patient_id = await new_patient(client)
        number, place = uuid.uuid4().hex, f"urn:uuid:{uuid.uuid4()}"
        device = {"resourceType": "Device", "identifier": [{"system": SYSTEM, "value": number}]}
        result = observation(number, patient_id, device={"reference": place})
        once = bundle(
            {
                "fullUrl": place,
                **entry("POST", "Device", device, ifNoneExist=f"identifier={SYSTEM}|{number}"),
            },
            entry("PUT", f"Observation/{number}", result),
        )
        first = await client.transaction(once)
        second = await client.transaction(once)
        assert [w.created for w in first] == [True, True]
        assert [w.created for w in second] == [False, False]
        assert [w.reference for w in first] == [w.reference for w in second]
        read = await client.read("Observation", number)
        assert read["device"]["reference"] == first[0].reference

    with_client(sekmet, work)


def test_a_transaction_is_whole_or_nothing(sekmet: Sekmet) -> None:
    async def work(client: FhirClient) -> None:
        patient_id = await new_patient(client)
        number = uuid.uuid4().hex
        with pytest.raises(FhirConflictError):
            await client.transaction(
                bundle(
                    entry("PUT", f"Observation/{number}", observation(number, patient_id)),
                    entry(
                        "PUT",
                        f"Patient/{patient_id}",
                        {**patient("1"), "id": patient_id},
                        ifMatch='W/"7"',
                    ),
                )
            )
        with pytest.raises(FhirNotFoundError):
            await client.read("Observation", number)

    with_client(sekmet, work)


def test_a_transaction_that_would_make_duplicates_is_not_sent(sekmet: Sekmet) -> None:
    async def work(client: FhirClient) -> None:
        with pytest.raises(RecordError, match=r"entry 0 .*POST Patient.* duplicate"):
            await client.transaction(bundle(entry("POST", "Patient", patient("1"))))

    with_client(sekmet, work)


def test_a_refusal_names_the_element_and_not_what_the_server_quotes(sekmet: Sekmet) -> None:
    async def work(client: FhirClient) -> None:
        wrong = {**patient("1"), "id": "wrong", "birthDate": "王小明1960"}
        with pytest.raises(FhirStatusError, match=r"HTTP 400: \w+ at Patient.birthDate") as caught:
            await client.update(wrong)
        assert "1960" not in str(caught.value)
        assert "1960" not in repr(caught.value.outcome)

    with_client(sekmet, work)


@pytest.mark.parametrize("auth", ["basic", "bearer"])
def test_signing_in_with_what_the_settings_say(tmp_path, auth: str) -> None:
    accepted = {"users": {"ai": "geheim"}, "tokens": ["abc"], "types": [auth]}
    right = {"basic": {"username": "ai", "password": "geheim"}, "bearer": {"token": "abc"}}[auth]
    wrong = {"basic": {"username": "ai", "password": "x"}, "bearer": {"token": "x"}}[auth]

    async def work(client: FhirClient) -> None:
        await client.search("Patient", [("_count", "1")])

    with running_sekmet(tmp_path, {"server_auth": accepted}) as server:
        with_client(server, work, auth={"type": auth, **right})
        for refused in ({"type": auth, **wrong}, {"type": "none"}):
            with pytest.raises(FhirSignInError, match="HTTP 401") as caught:
                with_client(server, work, auth=refused)
            assert "geheim" not in str(caught.value)
