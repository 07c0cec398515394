"""QIDO-RS and WADO-RS as user agent: a scripted server, and Orthanc's DICOMweb plug-in."""

import json
import logging
import threading

import httpx
import pytest

from pacs_bridge.errors import PeerError, QueryError
from pacs_bridge.peer import Peer, WebPeer
from pacs_bridge.retrieve.keep import keep_in
from pacs_bridge.retrieve.matches import StudyQuery
from pacs_bridge.retrieve.web_source import WebSource
from pacs_bridge.send import send
from tests.pacs_bridge.retrieve.test_parts import body
from tests.pacs_bridge.support import ct_slice, write_file
from tests.support.orthanc import orthanc

CHINESE = "WANG^XIAOMING=王^小明"
PEER = WebPeer("web", "http://pacs.test/dicom-web", token="secret-token")


def source(answer, keep=None) -> WebSource:
    return WebSource(PEER, keep, transport=httpx.MockTransport(answer))


def study(uid: str = "1.2.3", **more) -> dict:
    found = {
        "0020000D": {"vr": "UI", "Value": [uid]},
        "00100020": {"vr": "LO", "Value": ["P1"]},
        "00100010": {
            "vr": "PN",
            "Value": [{"Alphabetic": "WANG^XIAOMING", "Ideographic": "王^小明"}],
        },
        "00080061": {"vr": "CS", "Value": ["SR", "CT"]},
        "00201208": {"vr": "IS", "Value": [3]},
    }
    return {**found, **more}


def test_a_study_found_is_what_the_server_says():
    asked = []

    def answer(request):
        asked.append(request)
        return httpx.Response(200, json=[study()])

    (found,) = source(answer).find_studies(
        StudyQuery(patient_id="P1", date_from="20240101", modality="CT")
    )
    assert (found.study_uid, found.patient_name, found.instance_count) == ("1.2.3", CHINESE, 3)
    assert found.modalities == ("CT", "SR")
    parameters = dict(asked[0].url.params)
    assert (parameters["PatientID"], parameters["StudyDate"]) == ("P1", "20240101-")
    assert asked[0].headers["Authorization"] == "Bearer secret-token"


@pytest.mark.parametrize(
    "hostile",
    [
        [1, None, "x", {"0020000D": 5}, {"0020000D": {"Value": "1.2.3"}}],
        [study("../../etc")],
        [{"0020000D": {"Value": [{"Alphabetic": "1.2.3", "Ideographic": 5}, None]}}],
        [study("")],
    ],
)
def test_hostile_answers_are_no_studies(hostile):
    found = source(lambda _: httpx.Response(200, json=hostile)).find_studies(StudyQuery())
    assert [s.study_uid for s in found] in ([], ["1.2.3"])


@pytest.mark.parametrize("content", [b"<html>", b'{"a": 1}', b"[" * 100_000, b"\xff"])
def test_an_answer_that_is_no_list_of_matches_is_named(content):
    with pytest.raises(PeerError, match="web did not answer with"):
        source(lambda _: httpx.Response(200, content=content)).find_studies(StudyQuery())


def test_pages_are_asked_for_until_there_are_no_more():
    def answer(request):
        first, count = int(request.url.params["offset"]), int(request.url.params["limit"])
        numbers = range(first, min(first + count, 2300))
        return httpx.Response(200, json=[study(f"1.2.{n}") for n in numbers])

    assert len(source(answer).find_studies(StudyQuery(), limit=5000)) == 2300
    assert len(source(answer).find_studies(StudyQuery(), limit=1500)) == 1500


def test_a_server_that_ignores_pages_is_not_asked_for_ever():
    asked = []

    def answer(request):
        asked.append(request)
        return httpx.Response(200, json=[study(f"1.2.{n}") for n in range(1000)])

    assert len(source(answer).find_studies(StudyQuery(), limit=5000)) == 1000
    assert len(asked) == 2


def test_a_failure_that_passes_is_tried_again_as_the_server_asks():
    answers = iter(
        [
            httpx.Response(503, headers={"Retry-After": "0"}),
            httpx.ConnectError("no"),
            httpx.Response(200, json=[study()]),
        ]
    )

    def answer(_request):
        one = next(answers)
        if isinstance(one, Exception):
            raise one
        return one

    assert len(source(answer).find_studies(StudyQuery())) == 1


@pytest.mark.parametrize(("status", "tries"), [(503, 3), (404, 1), (400, 1), (401, 1)])
def test_failures_end(status, tries):
    asked = []

    def answer(request):
        asked.append(request)
        return httpx.Response(status, headers={"Retry-After": "0"})

    if status == 404:
        assert source(answer).find_studies(StudyQuery()) == []
    else:
        with pytest.raises(PeerError, match=f"web answered HTTP {status}"):
            source(answer).find_studies(StudyQuery(patient_id="P1"))
    assert len(asked) == tries


def test_neither_log_nor_error_shows_the_patient(caplog):
    def answer(_request):
        raise httpx.ReadError("at http://pacs.test/?PatientID=SECRET77")

    caplog.set_level(logging.DEBUG)
    with pytest.raises(PeerError) as raised:
        source(answer).find_studies(StudyQuery(patient_id="SECRET77"))
    ok = source(lambda _: httpx.Response(200, json=[]))
    ok.find_studies(StudyQuery(patient_id="SECRET77"))
    assert "SECRET77" not in str(raised.value) + caplog.text


def test_a_uid_that_is_none_is_never_put_into_a_url():
    with pytest.raises(QueryError, match="no UID"):
        source(lambda _: httpx.Response(500)).find_series("../x")


def multipart(*contents: bytes, **more) -> httpx.Response:
    headers = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=b'}
    return httpx.Response(200, headers=headers, content=body(*contents), **more)


def test_instances_arrive_in_the_archive(sqlite_archive, tmp_path):
    files = [write_file(ct_slice(n), tmp_path).read_bytes() for n in (1, 2)]
    asked = []

    def answer(request):
        asked.append(request)
        return multipart(*files, b"no DICOM at all")

    seen = []
    web = source(answer, keep_in(sqlite_archive))
    fetched = web.fetch_series("1.2.3", "1.2.3.1", on_progress=seen.append)
    assert (fetched.done, fetched.failed) == (2, 1)
    assert "no DICM" in fetched.reasons[0]
    assert [p.done for p in seen] == [1, 2, 2]
    assert str(asked[0].url) == "http://pacs.test/dicom-web/studies/1.2.3/series/1.2.3.1"
    assert "transfer-syntax=*" in asked[0].headers["Accept"]
    assert {i.calling_ae_title for i in sqlite_archive.instances("1.2.3")} == {"web"}


def test_a_transfer_cut_short_is_an_error_and_keeps_what_was_whole(sqlite_archive, tmp_path):
    whole = body(*(write_file(ct_slice(n), tmp_path).read_bytes() for n in (1, 2)))

    def answer(_request):
        headers = {"Content-Type": "multipart/related; boundary=b"}
        return httpx.Response(200, headers=headers, content=whole[:-300])

    with pytest.raises(PeerError, match="last boundary"):
        source(answer, keep_in(sqlite_archive)).fetch_study("1.2.3")
    assert len(sqlite_archive.instances("1.2.3")) == 1


def test_a_study_that_is_not_there_brings_nothing(sqlite_archive):
    web = source(lambda _: httpx.Response(404), keep_in(sqlite_archive))
    assert web.fetch_study("1.2.3").done == 0


def test_a_transfer_can_be_cancelled(sqlite_archive, tmp_path):
    files = [write_file(ct_slice(n), tmp_path).read_bytes() for n in (1, 2, 3)]
    cancel = threading.Event()
    web = source(lambda _: multipart(*files), keep_in(sqlite_archive))
    fetched = web.fetch_study("1.2.3", on_progress=lambda _: cancel.set(), cancel=cancel)
    assert fetched.done == 1


def test_an_unreadable_file_of_authorities_is_named(tmp_path):
    peer = WebPeer("web", "https://pacs.test", trusted=tmp_path / "none.pem")
    with pytest.raises(PeerError, match=r"none\.pem"):
        WebSource(peer).find_studies(StudyQuery())


def test_with_orthanc(tmp_path, sqlite_archive):
    chinese = {"SpecificCharacterSet": "GB18030", "PatientName": CHINESE}
    files = [write_file(ct_slice(n, **chinese), tmp_path) for n in (1, 2, 3)]
    files.append(write_file(ct_slice(1, series="1.2.3.2", SeriesNumber=4, **chinese), tmp_path))
    utf8 = {"DefaultEncoding": "Utf8"}
    with orthanc(tmp_path / "o", plugins=["libOrthancDicomWeb.so"], more=utf8) as server:
        peer = Peer("orthanc", "ORTHANC", "127.0.0.1", server.dicom_port)
        assert not send(files, peer, calling_ae_title="TEST").failed
        address = f"http://127.0.0.1:{server.http_port}/dicom-web"
        web = WebSource(WebPeer("orthanc-web", address), keep_in(sqlite_archive))
        (found,) = web.find_studies(StudyQuery(patient_id="P1", modality="CT"))
        assert found.patient_name == CHINESE
        assert web.find_studies(StudyQuery(patient_id="NOBODY")) == []
        assert web.count_instances("1.2.3") == 4
        series = {s.series_uid: s for s in web.find_series("1.2.3")}
        assert set(series) == {"1.2.3.1", "1.2.3.2"}
        assert series["1.2.3.1"].body_part_examined == "CHEST"
        assert len(web.find_instances("1.2.3", "1.2.3.1")) == 3
        one = web.fetch_series("1.2.3", "1.2.3.2")
        assert (one.done, one.failed) == (1, 0)
        fetched = web.fetch_study("1.2.3")
    assert (fetched.done, fetched.failed) == (4, 0)
    assert len(sqlite_archive.instances("1.2.3")) == 4
    assert json.dumps(found.modalities) == '["CT"]'
