"""STOW-RS with the field's own client and with bare HTTP."""

import errno
import io
import socket

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.uid import JPEGLSLossless

from pacs_bridge.archive import Archive
from pacs_bridge.dicomweb.limits import Limits
from pacs_bridge.dicomweb.problem import HttpError
from pacs_bridge.dicomweb.upload import PartBegins, PartEnds, splitter_for
from tests.pacs_bridge.dicomweb.web import WRITER, clip, multipart_of, noise, part10, put, serving
from tests.pacs_bridge.support import ct_slice, poll

TYPE = 'multipart/related; type="application/dicom"; boundary='


def reasons(answer):
    items = answer.json().get("00081198", {}).get("Value", [])
    return {i["00081155"]["Value"][0]: i["00081197"]["Value"][0] for i in items}


def referenced(answer):
    items = answer.json().get("00081199", {}).get("Value", [])
    return [i["00081155"]["Value"][0] for i in items]


def nothing_left(archive):
    return not list((archive.root / "incoming").glob("*/*.part"))


def test_client_stores_and_reads_back(web):
    files = [part10(ct_slice(n)) for n in (1, 2)] + [part10(clip(3), JPEGLSLossless)]
    datasets = [pydicom.dcmread(io.BytesIO(f)) for f in files]
    answer = web.client().store_instances(datasets)
    assert len(answer.ReferencedSOPSequence) == 3
    assert "FailedSOPSequence" not in answer
    assert answer.RetrieveURL == f"{web.url}/studies/1.2.3"
    item = answer.ReferencedSOPSequence[0]
    assert item.RetrieveURL == f"{web.url}/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.1"
    found = web.client().retrieve_study("1.2.3", media_types=(("application/dicom", "*"),))
    assert [f.PixelData for f in found] == [d.PixelData for d in datasets]
    assert {r.calling_ae_title for r in web.archive.instances("1.2.3")} == {"both"}
    assert [a.action for a in web.trail] == ["store", "retrieve"]


def test_stored_again_is_success_and_other_content_is_a_conflict(web):
    body, content_type = multipart_of([part10(ct_slice())])
    assert web.post("/studies", body, content_type).status_code == 200
    assert web.post("/studies", body, content_type).status_code == 200
    body, content_type = multipart_of([part10(ct_slice(PatientID="other"))])
    answer = web.post("/studies", body, content_type)
    assert (answer.status_code, reasons(answer)) == (409, {"1.2.3.1.1": 0xC111})
    assert list((web.archive.root / "quarantine").glob("*.dcm"))


def test_good_instances_are_stored_beside_bad_ones(web):
    short = part10(ct_slice(2))[:-100]
    body, content_type = multipart_of(
        [part10(ct_slice(1)), short, b"no DICOM", part10(ct_slice(3))]
    )
    answer = web.post("/studies", body, content_type)
    assert answer.status_code == 202
    assert referenced(answer) == ["1.2.3.1.1", "1.2.3.1.3"]
    assert reasons(answer) == {"1.2.3.1.2": 0xC000}
    assert answer.json()["0008119A"]["Value"] == [{"00081197": {"vr": "US", "Value": [0xC000]}}]
    assert len(web.archive.instances("1.2.3")) == 2
    assert nothing_left(web.archive)


def test_study_of_the_url_is_kept_to(web):
    body, content_type = multipart_of(
        [part10(ct_slice(1)), part10(ct_slice(2, study="1.2.4", series="1.2.4.1"))]
    )
    answer = web.post("/studies/1.2.3", body, content_type)
    assert (answer.status_code, reasons(answer)) == (202, {"1.2.4.1.2": 0xA900})
    assert web.archive.instances("1.2.4") == []
    assert web.post("/studies/a.b", body, content_type).status_code == 400


def test_single_part_body(web):
    answer = web.post("/studies", part10(ct_slice()), "application/dicom")
    assert (answer.status_code, referenced(answer)) == (200, ["1.2.3.1.1"])


def test_large_instance_goes_through_disk(web):
    ds = ct_slice(Rows=2048, Columns=2048, PixelData=noise((2048, 2048)).tobytes())
    file = part10(ds)
    body, content_type = multipart_of([file, part10(ct_slice(2))])
    assert web.post("/studies", body, content_type).status_code == 200
    answer = web.get(
        "/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.1",
        "application/dicom; transfer-syntax=*",
    )
    assert pydicom.dcmread(io.BytesIO(answer.content)).PixelData == ds.PixelData


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 415),
        ("", 415),
        ("multipart/form-data; boundary=x", 415),
        ('multipart/related; type="application/dicom+json"; boundary=x', 415),
        ('multipart/related; type="application/dicom"', 400),
        (TYPE + "x" * 201, 400),
        (TYPE + '"a\\"b"', 400),
        (TYPE + "other", 400),
        ("multipart/related;;;", 400),
        ("multipart/related; boundary", 415),
    ],
)
def test_content_types_that_are_refused(web, content_type, status):
    body, _ = multipart_of([part10(ct_slice())])
    answer = web.post("/studies", body, content_type)
    assert answer.status_code == status
    assert "error" in answer.json()
    assert web.archive.instances("1.2.3") == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body[: len(body) // 2],
        lambda body: b"x" + body,
        lambda body: b"",
        lambda body: b"--b0undary--\r\n",
        lambda body: body.replace(b"Content-Type:", b"Content Type:"),
        lambda body: body.replace(b"Content-Type:", b"A: " + b"a" * 70_000 + b"\r\nContent-Type:"),
        lambda body: body.replace(b"Content-Type:", b"a: b\r\n" * 2000 + b"Content-Type:"),
    ],
)
def test_bodies_that_are_not_multipart(web, spoil):
    body, content_type = multipart_of([part10(ct_slice())])
    answer = web.post("/studies", spoil(body), content_type)
    assert answer.status_code == 400
    assert web.archive.instances("1.2.3") == []
    assert nothing_left(web.archive)


def test_what_was_stored_before_the_body_broke_is_told(web):
    body, content_type = multipart_of([part10(ct_slice(1)), part10(ct_slice(2))])
    answer = web.post("/studies", body[:-50], content_type)
    assert (answer.status_code, referenced(answer)) == (400, ["1.2.3.1.1"])
    assert len(web.archive.instances("1.2.3")) == 1


def test_limits_of_part_request_and_number(sqlite_archive):
    small = part10(ct_slice(1))
    large = part10(ct_slice(2, Rows=256, Columns=256, PixelData=bytes(131_072)))
    limits = Limits(max_part_bytes=100_000, max_request_bytes=300_000, max_parts=3)
    with serving(sqlite_archive, limits) as web:
        answer = web.post("/studies", *multipart_of([small, large]))
        assert (answer.status_code, reasons(answer)) == (202, {"1.2.3.1.2": 0xA700})
        answer = web.post("/studies", *multipart_of([large, large, large]))
        assert answer.status_code == 413  # by its Content-Length

        def chunks():
            body, _ = multipart_of([small] + [large] * 3)
            yield from (body[i : i + 1000] for i in range(0, len(body), 1000))

        answer = web.post("/studies", chunks(), multipart_of([])[1])
        assert (answer.status_code, referenced(answer)) == (413, ["1.2.3.1.1"])
        four = [part10(ct_slice(n)) for n in range(1, 5)]
        answer = web.post("/studies", *multipart_of(four))
        assert (answer.status_code, len(referenced(answer))) == (413, 3)
        assert nothing_left(sqlite_archive)


class FullAt(Archive):
    """An archive whose disk is full at one step."""

    step = "incoming"

    def incoming(self, origin):
        self._fail("incoming")
        return super().incoming(origin)

    def admit(self, incoming):
        self._fail("admit")
        return super().admit(incoming)

    def _fail(self, step):
        if self.step == step:
            raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("step", ["incoming", "admit", "audit"])
@pytest.mark.parametrize("count", [1, 3])
def test_a_disk_that_is_full_at_any_step_is_a_reason_to_come_again(
    sqlite_engine, tmp_path, step, count
):
    archive = FullAt(tmp_path / "archive", sqlite_engine, watermark_bytes=0)
    archive.step = step

    def record(access):
        if step == "audit":
            raise OSError(errno.ENOSPC, "No space left on device")

    body, content_type = multipart_of([part10(ct_slice(n + 1)) for n in range(count)])
    with serving(archive, record=record) as web:
        answer = web.post("/studies", body, content_type)
        assert answer.status_code == 503
        assert "No space" not in answer.text
        if step != "audit":
            assert set(reasons(answer).values()) == {0xA700}


def test_a_full_disk_is_a_reason_to_come_again(sqlite_engine, tmp_path):
    from pacs_bridge.archive import Archive

    full = Archive(tmp_path / "full", sqlite_engine, watermark_bytes=2**62)
    with serving(full) as web:
        answer = web.post("/studies", *multipart_of([part10(ct_slice())]))
        assert (answer.status_code, reasons(answer)) == (503, {"1.2.3.1.1": 0xA700})
        assert answer.headers["retry-after"]


def test_a_client_that_stops_in_the_middle_leaves_nothing(web):
    file = part10(ct_slice(Rows=2048, Columns=2048, PixelData=bytes(2048 * 2048 * 2)))
    body, content_type = multipart_of([file])
    with socket.create_connection(("127.0.0.1", web.port)) as connection:
        head = (
            f"POST /dicomweb/studies HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\n"
            f"Authorization: {WRITER['Authorization']}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        connection.sendall(head.encode() + body[: 6 * 2**20])
        poll(lambda: not nothing_left(web.archive))
    poll(lambda: nothing_left(web.archive))
    assert web.archive.instances("1.2.3") == []


def test_a_client_that_sends_nothing_more_is_let_go(sqlite_archive):
    with serving(sqlite_archive, Limits(stall_seconds=0.3)) as web:
        with socket.create_connection(("127.0.0.1", web.port)) as connection:
            head = (
                "POST /dicomweb/studies HTTP/1.1\r\nHost: x\r\nContent-Type: application/dicom\r\n"
                f"Authorization: {WRITER['Authorization']}\r\nContent-Length: 100000\r\n\r\n"
            )
            connection.sendall(head.encode() + b"some")
            connection.settimeout(20)
            assert b" 408 " in connection.recv(4096).split(b"\r\n")[0]
        assert nothing_left(sqlite_archive)


def test_too_many_uploads_at_once_are_told_to_wait(sqlite_archive):
    with (
        serving(sqlite_archive, Limits(uploads=1)) as web,
        socket.create_connection(("127.0.0.1", web.port)) as connection,
    ):
        head = (
            "POST /dicomweb/studies HTTP/1.1\r\nHost: x\r\nContent-Type: application/dicom\r\n"
            f"Authorization: {WRITER['Authorization']}\r\nContent-Length: 100000\r\n\r\n"
        )
        connection.sendall(head.encode())
        body, content_type = multipart_of([part10(ct_slice())])
        poll(lambda: web.post("/studies", body, content_type).status_code == 503)


# Headers of a part, and contents that look like its boundary.
CONTENTS = st.lists(
    st.one_of(
        st.binary(max_size=300), st.sampled_from([b"\r\n--", b"\r\n--b", b"--b0undary", b"\r"])
    ),
    max_size=6,
).map(b"".join)


@settings(deadline=None)
@given(st.lists(CONTENTS, min_size=1, max_size=5), st.lists(st.integers(1, 200), max_size=30))
def test_parts_come_out_as_they_went_in_however_the_body_is_cut(contents, cuts):
    contents = [c for c in contents if b"\r\n--b0undary" not in b"\r\n" + c + b"\r\n"]
    body, content_type = multipart_of(contents or [b""])
    splitter = splitter_for(content_type)
    events = []
    for size in [*cuts, len(body)]:
        piece, body = body[:size], body[size:]
        events.extend(splitter.feed(piece))
    splitter.close()
    found = []
    for event in events:
        if isinstance(event, PartBegins):
            assert event.content_type == "application/dicom"
            found.append(b"")
        elif not isinstance(event, PartEnds):
            found[-1] += event
    assert found == (contents or [b""])


@settings(deadline=None, max_examples=200)
@given(
    st.binary(max_size=400) | st.text('-b0undary\r\n: a;"', max_size=200).map(str.encode),
    st.integers(1, 50),
)
def test_any_bytes_are_parts_or_a_bad_request(body, size):
    splitter = splitter_for(TYPE + "b0undary")
    try:
        for i in range(0, len(body), size):
            splitter.feed(body[i : i + size])
        splitter.close()
    except HttpError as error:
        assert error.status == 400


def test_reader_may_not_store_and_writer_may_not_read(web):
    put(web.archive, part10(ct_slice()))
    body, content_type = multipart_of([part10(ct_slice(2))])
    refused = web.post("/studies", body, content_type, Authorization="Bearer reader")
    assert refused.status_code == 403
    assert web.get("/studies/1.2.3", headers=WRITER).status_code == 403
