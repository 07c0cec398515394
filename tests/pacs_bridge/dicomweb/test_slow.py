"""Slow clients, many clients, and the event loop beside heavy work."""

import gc
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import structlog
from pydicom.uid import JPEG2000Lossless

from pacs_bridge.dicomweb.limits import Limits
from tests.pacs_bridge.dicomweb.web import READER, clip, noise, part10, put, serving
from tests.pacs_bridge.support import ct_slice, poll

INSTANCE = "/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.1"
SIZE = 64 * 2**20


def put_large(archive):
    """An instance of 64 MB."""
    put(archive, part10(ct_slice(Rows=4096, Columns=8192, PixelData=bytes(SIZE))))


def resident() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) * 1024


def ask(port: int) -> socket.socket:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
    connection.connect(("127.0.0.1", port))
    connection.sendall(
        f"GET /dicomweb{INSTANCE} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"Authorization: {READER['Authorization']}\r\n\r\n".encode()
    )
    connection.settimeout(20)
    assert connection.recv(12) == b"HTTP/1.1 200"
    return connection


def test_readers_that_stall_hold_no_memory_and_others_are_served(sqlite_archive):
    put_large(sqlite_archive)
    with serving(sqlite_archive) as web:
        web.get(f"{INSTANCE}/metadata")
        before = resident()
        stalled = [ask(web.port) for _ in range(10)]
        try:
            for _ in range(5):
                assert web.get(f"{INSTANCE}/metadata").status_code == 200
            assert resident() - before < SIZE // 2
        finally:
            for connection in stalled:
                connection.close()


def test_a_reader_that_takes_nothing_is_given_up(sqlite_archive):
    put_large(sqlite_archive)
    with (
        structlog.testing.capture_logs() as log,
        serving(sqlite_archive, Limits(stall_seconds=0.3)) as web,
        ask(web.port) as connection,
    ):
        poll(lambda: any(entry["event"] == "dicomweb.request" for entry in log))
        taken = 0
        while chunk := connection.recv(2**20):
            taken += len(chunk)
        assert taken < SIZE
        gc.collect()  # says so if the file was left open
        assert web.get(f"{INSTANCE}/metadata").status_code == 200


def test_decoding_does_not_hold_up_the_event_loop(sqlite_archive):
    ds = ct_slice(Rows=2048, Columns=2048, PixelData=noise((2048, 2048)).tobytes())
    put(sqlite_archive, part10(ds, JPEG2000Lossless))
    with serving(sqlite_archive, Limits(decoders=1)) as web, httpx.Client() as client:
        done = threading.Event()

        def render():
            assert web.get(f"{INSTANCE}/rendered").status_code == 200
            done.set()

        thread = threading.Thread(target=render)
        thread.start()
        answered = 0
        while not done.is_set():
            assert client.get(f"{web.url}/studies").status_code == 401
            answered += 1
        thread.join()
        assert answered > 3


def test_more_pictures_than_may_wait_are_told_to_come_again(sqlite_archive):
    put(sqlite_archive, part10(clip(frames=40), JPEG2000Lossless))
    with (
        serving(sqlite_archive, Limits(decoders=1, waiting=2)) as web,
        ThreadPoolExecutor(24) as pool,
    ):
        answers = list(pool.map(lambda n: web.get(f"{INSTANCE}/frames/{n}/rendered"), range(1, 41)))
    codes = [answer.status_code for answer in answers]
    assert set(codes) <= {200, 503}
    assert codes.count(200) >= 3
    assert all(a.headers["retry-after"] for a in answers if a.status_code == 503)
