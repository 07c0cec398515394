"""Servers that answer badly, or mean harm: an error soon, without following or telling."""

import asyncio
import gzip
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from clinical_ai.records.fhir import FhirClient, Found
from clinical_ai.records.fhir.errors import (
    FhirError,
    FhirProtocolError,
    FhirStatusError,
    FhirUnreachableError,
)
from tests.support.processes import free_port
from tests.support.scripted_fhir import (
    Answer,
    Asked,
    Reply,
    ScriptedFhir,
    scripted_fhir,
    searchset,
)

SECRET = "wang-1960"  # what a server may quote, and we must not


def search(server: ScriptedFhir, *parameters: tuple[str, str], **settings: Any) -> Found:
    async def run() -> Found:
        async with FhirClient("his", server.settings(**settings)) as client:
            return await client.search("Patient", parameters)

    return asyncio.run(run())


def refused(
    answer: Answer, kind: type[FhirError], match: str, **settings: Any
) -> tuple[FhirError, list[Asked]]:
    with scripted_fhir(answer) as server:
        with pytest.raises(kind, match=match) as caught:
            search(server, ("patient", "p1"), **settings)
        assert SECRET not in str(caught.value)
        return caught.value, server.asked


def always(reply: Reply) -> Answer:
    return lambda _: reply


def raw(text: str) -> Callable[[Callable[[bytes], None]], None]:
    return lambda write: write(text.encode())


def test_a_huge_body_is_not_read_to_its_end():
    written = 0

    def endless(write: Callable[[bytes], None]) -> None:
        nonlocal written
        write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        for _ in range(200):
            write(b" " * 2**20)
            written += 1

    refused(always(Reply(pieces=endless)), FhirProtocolError, "more than 2 MB", max_answer_mb=2)
    assert written < 100


def test_a_body_that_says_it_is_huge_is_not_read_at_all():
    head = "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{"
    refused(always(Reply(pieces=raw(head))), FhirProtocolError, "more than 64 MB")


def test_a_small_body_that_unpacks_to_a_huge_one_is_refused():
    bomb = gzip.compress(b" " * 2**23)
    reply = Reply(body=bomb, headers={"Content-Encoding": "gzip"})
    refused(always(reply), FhirProtocolError, "more than 2 MB", max_answer_mb=2)


@pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "deflate"])
def test_an_encoding_that_was_not_asked_for_is_refused(encoding):
    reply = Reply(body=b"{}", headers={"Content-Encoding": encoding})
    refused(always(reply), FhirProtocolError, "content encoding")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_to_another_host_is_not_followed(status):
    with scripted_fhir(always(Reply(body=searchset()))) as other:
        reply = Reply(status, {}, {"Location": f"{other.base_url}/Patient?x={SECRET}"})
        refused(always(reply), FhirProtocolError, "redirect", auth={"type": "bearer", "token": "t"})
        assert other.asked == []


@pytest.mark.parametrize(
    "body",
    [
        b"<html>wang-1960</html>",
        b"",
        b"[1, 2]",
        b'"wang-1960"',
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"resourceType": "Bundle", "type": "searchset"',
        b'{"resourceType": "Patient", "id": "wang-1960"}',
        b'{"resourceType": "Bundle", "type": "collection", "entry": []}',
    ],
)
def test_what_is_no_searchset_is_an_error(body):
    refused(always(Reply(body=body)), FhirProtocolError, "his .*(JSON|searchset)")


def test_entries_of_wrong_types_are_passed_over():
    broken = {
        **searchset({"resourceType": "Patient", "id": "p1"}),
        "link": [None, 5, {"relation": "next"}, {"relation": "next", "url": 7}],
    }
    broken["entry"] += [None, 5, {"resource": 5}, {"resource": {"resourceType": 5}}, {"search": 1}]
    with scripted_fhir(always(Reply(body=broken))) as server:
        found = search(server, ("patient", "p1"))
    assert [one["id"] for one in found.matches] == ["p1"]


def test_pages_that_go_in_a_circle_end():
    def circle(asked: Asked) -> Reply:
        page = "b" if "page=a" in asked.path else "a"
        next_url = f"{server.base_url}/Patient?page={page}"
        return Reply(body=searchset({"resourceType": "Patient", "id": page}, next=next_url))

    with scripted_fhir(circle) as server, pytest.raises(FhirProtocolError, match="without an end"):
        search(server, ("patient", "p1"))
    assert len(server.asked) == 3


def test_empty_pages_without_an_end_end():
    def more(asked: Asked) -> Reply:
        next_url = f"{server.base_url}/Patient?page={len(server.asked)}"
        return Reply(body=searchset(next=next_url))

    with scripted_fhir(more) as server, pytest.raises(FhirProtocolError, match="without an end"):
        search(server, ("patient", "p1"))
    assert len(server.asked) < 10


@pytest.mark.parametrize(
    "link",
    [
        "http://127.0.0.1:{other}/elsewhere?page=2",
        "http://127.0.0.1:{other}/fhir/../../admin?page=2",
        "http://127.0.0.1:{port}/admin?page=2",
        "/admin",
        "file:///etc/passwd",
        "Patient/../../admin",
        "http://[::1",
    ],
)
def test_a_next_link_out_of_the_service_is_not_followed(link):
    with scripted_fhir(always(Reply(body=searchset()))) as other:

        def answer(asked: Asked) -> Reply:
            return Reply(body=searchset(next=link.format(other=other.port, port=server.port)))

        with scripted_fhir(answer) as server, pytest.raises(FhirProtocolError, match="base URL"):
            search(server, ("patient", "p1"))
        assert len(server.asked) == 1
        assert other.asked == []


def test_a_next_link_to_another_host_is_asked_for_at_our_own():
    def answer(asked: Asked) -> Reply:
        if "_getpages" in asked.path:
            return Reply(body=searchset({"resourceType": "Patient", "id": "p2"}))
        return Reply(
            body=searchset(
                {"resourceType": "Patient", "id": "p1"},
                self="http://internal:8080/hapi/Patient?patient=p1",
                next="http://internal:8080/hapi?_getpages=abc&_getpagesoffset=1",
            )
        )

    with scripted_fhir(answer) as server:
        found = search(server, ("patient", "p1"))
    assert [one["id"] for one in found.matches] == ["p1", "p2"]
    assert server.asked[1].path == "/fhir?_getpages=abc&_getpagesoffset=1"


def test_names_and_identifiers_stand_in_no_url_of_any_page():
    def answer(asked: Asked) -> Reply:
        if b"page=2" in asked.body:
            return Reply(body=searchset())
        link = f"{server.base_url}/Patient?identifier={SECRET}&page=2"
        return Reply(body=searchset({"resourceType": "Patient", "id": "p1"}, next=link))

    with scripted_fhir(answer) as server:
        search(server, ("identifier", SECRET), ("birthdate", "1960-01-01"))
    assert [(a.method, a.path) for a in server.asked] == [("POST", "/fhir/Patient/_search")] * 2
    assert all(SECRET.encode() in a.body for a in server.asked)
    assert server.asked[0].headers["Prefer"] == "handling=strict"


def test_a_slow_trickle_ends_at_the_set_time():
    def trickle(write: Callable[[bytes], None]) -> None:
        write(b"HTTP/1.1 200 OK\r\n\r\n{")
        while not ended.wait(0.05):
            write(b" ")

    ended = threading.Event()
    try:
        _, asked = refused(
            always(Reply(pieces=trickle)),
            FhirUnreachableError,
            "did not answer within 0.3 s",
            answer_seconds=0.3,
            connect_seconds=0.2,
        )
    finally:
        ended.set()
    assert len(asked) == 3  # and was asked again


def test_a_server_that_hangs_up_is_asked_again():
    def answer(asked: Asked) -> Reply:
        if len(server.asked) < 3:
            return Reply(pieces=lambda write: None)
        return Reply(body=searchset({"resourceType": "Patient", "id": "p1"}))

    with scripted_fhir(answer) as server:
        assert len(search(server, ("patient", "p1")).matches) == 1


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_server_is_asked_again_after_the_time_that_it_asks_for(status):
    times: list[float] = []

    def answer(asked: Asked) -> Reply:
        times.append(time.monotonic())
        if len(times) == 1:
            return Reply(status, {}, {"Retry-After": "1"})
        return Reply(body=searchset())

    with scripted_fhir(answer) as server:
        search(server, ("patient", "p1"))
    assert times[1] - times[0] >= 1.0


def test_a_server_that_is_not_there_is_an_error_that_says_so():
    async def run() -> None:
        with scripted_fhir(always(Reply())) as server:
            settings = server.settings(base_url=f"http://127.0.0.1:{free_port()}/fhir")
        async with FhirClient("his", settings, attempts=1) as client:
            await client.capability()

    with pytest.raises(FhirUnreachableError, match="his does not answer: ConnectError") as caught:
        asyncio.run(run())
    assert not caught.value.arrived


def test_a_create_without_criteria_is_not_repeated():
    async def run(server: ScriptedFhir) -> None:
        async with FhirClient("his", server.settings()) as client:
            await client.create({"resourceType": "Patient"})

    with scripted_fhir(always(Reply(503, {}))) as server, pytest.raises(FhirStatusError):
        asyncio.run(run(server))
    assert len(server.asked) == 1


def test_an_update_whose_answer_was_lost_is_no_conflict_with_itself():
    stored = {"resourceType": "Patient", "id": "p1", "active": True}

    def answer(asked: Asked) -> Reply:
        if asked.method == "GET":
            return Reply(body={**stored, "meta": {"versionId": "2", "lastUpdated": "x"}})
        if len(server.asked) == 1:
            return Reply(pieces=lambda write: None)  # done, and then it died
        return Reply(412, {"resourceType": "OperationOutcome", "issue": [{"code": "conflict"}]})

    async def run() -> None:
        async with FhirClient("his", server.settings()) as client:
            written = await client.update(stored, version="1")
            assert written.version == "2"
            stored["active"] = False

    with scripted_fhir(answer) as server:
        asyncio.run(run())


@pytest.mark.parametrize(
    "location", ["", "https://evil/x", "http://h/Observation/1", "Patient/../..", "Patient/a b"]
)
def test_a_location_that_names_no_such_resource_is_an_error(location):
    async def run(server: ScriptedFhir) -> None:
        async with FhirClient("his", server.settings()) as client:
            await client.create({"resourceType": "Patient"})

    reply = Reply(201, {}, {"Location": location})
    with scripted_fhir(always(reply)) as server, pytest.raises(FhirProtocolError, match="id"):
        asyncio.run(run(server))


@pytest.mark.parametrize("resource_id", ["", "..", "a/b", "a?b", "é", "x" * 65, "a\nb"])
def test_an_id_that_would_change_the_url_is_not_asked_for(resource_id):
    async def run(server: ScriptedFhir) -> None:
        async with FhirClient("his", server.settings()) as client:
            await client.read("Patient", resource_id)

    with scripted_fhir(always(Reply())) as server, pytest.raises(FhirError, match="an id"):
        asyncio.run(run(server))
    assert server.asked == []
