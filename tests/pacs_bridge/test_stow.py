"""STOW-RS: what is sent, and how each kind of answer is judged."""

import base64
import email.message
import email.parser
import json
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from pacs_bridge.outbox import Outbox
from pacs_bridge.peer import WebPeer
from pacs_bridge.stow import outcomes_of, retry_after_seconds, store_each
from tests.pacs_bridge.support import ct_slice, encode, free_port, queue, rows, states, write_file
from tests.support.orthanc import orthanc

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC).timestamp()


class Seen:
    """One request as the server got it."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self.path = handler.path
        self.headers = handler.headers
        self.body = handler.rfile.read(int(handler.headers["Content-Length"]))

    def parts(self) -> list[email.message.Message]:
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        return email.parser.BytesParser().parsebytes(head + self.body).get_payload()


@contextmanager
def web_server(
    answer: Callable[[Seen], tuple[int, dict, object]], context: ssl.SSLContext | None = None
) -> Iterator[tuple[str, list[Seen]]]:
    """A server that answers each POST with (status, headers, JSON)."""
    seen: list[Seen] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = Seen(self)
            seen.append(request)
            status, headers, body = answer(request)
            data = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *arguments) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http{'s' if context else ''}://127.0.0.1:{server.server_address[1]}/dicom", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def item(uid: str, reason: int | None = None) -> dict:
    found = {"00081155": {"vr": "UI", "Value": [uid]}}
    if reason is not None:
        found["00081197"] = {"vr": "US", "Value": [reason]}
    return found


def answer_body(stored=(), failed=()) -> dict:
    return {
        "00081199": {"vr": "SQ", "Value": [item(uid) for uid in stored]},
        "00081198": {"vr": "SQ", "Value": [item(uid, reason) for uid, reason in failed]},
    }


def files(folder, numbers):
    return [write_file(ct_slice(n), folder) for n in numbers]


def kinds(outcomes) -> list[str | None]:
    return [None if failure is None else failure.kind for _, failure in outcomes]


def test_the_files_arrive_as_they_are_in_requests_of_ten(tmp_path):
    paths = files(tmp_path, range(1, 13))
    with web_server(lambda _: (200, {}, None)) as (url, seen):
        outcomes = list(store_each(paths, WebPeer("pacs", url, username="u", password="ü:p")))
    assert outcomes == [(path, None) for path in paths]
    assert [request.path for request in seen] == ["/dicom/studies"] * 2
    parts = [part for request in seen for part in request.parts()]
    assert [part.get_content_type() for part in parts] == ["application/dicom"] * 12
    assert encode(ct_slice(1)) in seen[0].body
    assert paths[0].read_bytes() in seen[0].body
    assert seen[0].headers["Authorization"] == (
        "Basic " + base64.b64encode("u:ü:p".encode()).decode()
    )
    assert seen[0].headers["Accept"] == "application/dicom+json"


def test_a_token_is_sent_as_bearer(tmp_path):
    with web_server(lambda _: (200, {}, None)) as (url, seen):
        list(store_each(files(tmp_path, (1,)), WebPeer("pacs", url, token="abc")))
    assert seen[0].headers["Authorization"] == "Bearer abc"


def test_each_instance_is_judged_by_itself(tmp_path):
    body = answer_body(stored=["1.2.3.1.1"], failed=[("1.2.3.1.2", 0xC000), ("1.2.3.1.3", 0xA700)])
    paths = files(tmp_path, (1, 2, 3, 4))
    with web_server(lambda _: (202, {}, body)) as (url, _):
        outcomes = list(store_each(paths, WebPeer("pacs", url)))
    assert kinds(outcomes) == [None, "permanent", "transient", "transient"]
    assert outcomes[1][1].reason == "the peer answered status 0xC000"
    assert "did not say" in outcomes[3][1].reason


def test_too_large_together_is_sent_one_by_one(tmp_path):
    def answer(request: Seen):
        if len(request.parts()) > 1 or b"1.2.3.1.2\0" in request.body:
            return 413, {}, None
        return 200, {}, None

    with web_server(answer) as (url, seen):
        outcomes = list(store_each(files(tmp_path, (1, 2, 3)), WebPeer("pacs", url)))
    assert kinds(outcomes) == [None, "permanent", None]
    assert "too large" in outcomes[1][1].reason
    assert [len(request.parts()) for request in seen] == [3, 1, 1, 1]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((code, "unreachable") for code in (401, 407, 429, 502, 503, 504)),
        *((code, "permanent") for code in (301, 400, 403, 404, 415, 422)),
        *((code, "transient") for code in (204, 408, 409, 500)),
    ],
)
def test_statuses(status, kind):
    found = outcomes_of(status, None, ["1.2"], 7.0)["1.2"]
    assert (found.kind, found.retry_after) == (kind, 7.0)
    assert str(status) in found.reason


def test_a_failure_in_an_answer_of_status_200_counts():
    outcomes = outcomes_of(200, [answer_body(failed=[("1.2", 0x0122)])], ["1.2", "1.3"], None)
    assert (outcomes["1.2"].kind, outcomes["1.3"]) == ("permanent", None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["00081198", "00081199", "00081197", "00081155", "Value", "vr"]), inner
        )
    ),
    max_leaves=15,
)


@given(st.integers(100, 599), JSON)
def test_no_answer_breaks_us(status, answer):
    assert outcomes_of(status, answer, ["1.2.3"], None).keys() == {"1.2.3"}


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        (" 0 ", 0.0),
        ("99999999999999", 3600.0),
        (format_datetime(datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=90)), 90.0),
        (format_datetime(datetime.fromtimestamp(NOW, UTC) - timedelta(seconds=90)), 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600.0),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_retry_after(header, seconds):
    assert retry_after_seconds(header, NOW) == seconds


@given(st.text())
def test_retry_after_is_bounded(header):
    seconds = retry_after_seconds(header, NOW)
    assert seconds is None or 0 <= seconds <= 3600


def test_a_server_that_asks_to_wait_is_left_alone_so_long(sqlite_engine, tmp_path):
    queue(sqlite_engine, tmp_path, (1, 2))
    now = time.time()
    with web_server(lambda _: (503, {"Retry-After": "500"}, None)) as (url, seen):
        outbox = Outbox(sqlite_engine, {"pacs": WebPeer("pacs", url)}, calling_ae_title="X")
        outbox.run_due(now)
        outbox.run_due(now + 400)
    assert len(seen) == 1
    assert states(sqlite_engine) == ["queued", "queued"]
    assert all(row.due_at >= now + 500 and row.refusals == 0 for row in rows(sqlite_engine))
    with web_server(lambda _: (200, {}, None)) as (url, _):
        outbox = Outbox(sqlite_engine, {"pacs": WebPeer("pacs", url)}, calling_ae_title="X")
        assert outbox.run_due(now + 1000) == 2


def test_a_server_that_is_not_there_is_away(tmp_path):
    peer = WebPeer("pacs", f"http://127.0.0.1:{free_port()}")
    outcomes = list(store_each([*files(tmp_path, (1,)), tmp_path / "none.dcm"], peer))
    assert sorted(kinds(outcomes)) == ["gone", "unreachable"]


def test_a_request_that_is_cut_off_is_no_reason_to_leave_the_server_alone(tmp_path):
    def answer(_request: Seen):
        raise ConnectionAbortedError

    ThreadingHTTPServer.handle_error, kept = lambda *_: None, ThreadingHTTPServer.handle_error
    try:
        with web_server(answer) as (url, _):
            outcomes = list(store_each(files(tmp_path, (1,)), WebPeer("pacs", url)))
    finally:
        ThreadingHTTPServer.handle_error = kept
    assert kinds(outcomes) == ["transient"]


def certificate(folder):
    """A certificate of its own authority for 127.0.0.1, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    import ipaddress

    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    trusted = folder / "trusted.pem"
    trusted.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return pem, trusted


def test_tls_trusts_the_file_of_the_peer_and_nobody_else(tmp_path):
    pem, trusted = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    paths = files(tmp_path, (1,))
    with web_server(lambda _: (200, {}, None), context) as (url, seen):
        assert kinds(store_each(paths, WebPeer("pacs", url))) == ["unreachable"]
        assert seen == []
        assert kinds(store_each(paths, WebPeer("pacs", url, trusted=trusted))) == [None]
        missing = WebPeer("pacs", url, trusted=tmp_path / "none.pem")
        ((_, failure),) = store_each(paths, missing)
    assert failure.kind == "unreachable"
    assert "none.pem cannot be used" in failure.reason


def test_orthanc_stores_what_the_outbox_sends_it(sqlite_engine, tmp_path):
    settings = {"AuthenticationEnabled": True, "RegisteredUsers": {"us": "secret"}}
    queue(sqlite_engine, tmp_path, range(1, 14))
    now = time.time()
    with orthanc(tmp_path / "orthanc", plugins=["libOrthancDicomWeb.so"], more=settings) as server:
        url = f"http://127.0.0.1:{server.http_port}/dicom-web"
        wrong = {"pacs": WebPeer("pacs", url, username="us", password="guess")}
        Outbox(sqlite_engine, wrong, calling_ae_title="X").run_due(now)
        assert "HTTP 401" in rows(sqlite_engine)[0].last_error
        right = {"pacs": WebPeer("pacs", url, username="us", password="secret")}
        assert Outbox(sqlite_engine, right, calling_ae_title="X").run_due(now + 10) == 13
        with_login = type(server)(server.dicom_port, server.http_port, login=("us", "secret"))
        assert sorted(with_login.instances()) == sorted(f"1.2.3.1.{n}" for n in range(1, 14))
    assert states(sqlite_engine) == ["sent"] * 13
