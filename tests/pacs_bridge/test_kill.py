"""Kill -9 of the listener under load: what was acknowledged is there, whole and indexed."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pydicom
import pytest

from pacs_bridge.archive import Archive
from pacs_bridge.database import open_engine
from pacs_bridge.peer import Peer
from pacs_bridge.send import send
from tests.pacs_bridge.support import ct_slice, write_file

ROUNDS = int(os.environ.get("CLINICAL_AI_TEST_KILLS", "6"))
SENDERS = 3
EACH = 40
REPOSITORY = Path(__file__).parents[2]


@contextmanager
def listener_process(folder: Path) -> Iterator[tuple[subprocess.Popen[str], Peer]]:
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.pacs_bridge.listener_process", str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    try:
        assert child.stdout is not None
        port = next(int(line.split()[1]) for line in child.stdout if line.startswith("port "))
        # Its log must not fill the pipe.
        drain = threading.Thread(target=child.stdout.read, daemon=True)
        drain.start()
        yield child, Peer("listener", "CLINICALAI", "127.0.0.1", port)
    finally:
        child.kill()
        child.wait(10)
        drain.join(10)
        child.stdout.close()


def send_until_killed(files: list[list[Path]], peer: Peer, child, kill_after: int) -> set[Path]:
    """Send from several threads, kill when `kill_after` are acknowledged; those acknowledged."""
    moment = threading.Event()
    done = [0] * len(files)

    def one_sender(number: int) -> tuple[Path, ...]:
        def progress(sent: int, _total: int) -> None:
            done[number] = sent
            if sum(done) >= kill_after:
                moment.set()

        return send(
            files[number], peer, calling_ae_title=f"SENDER{number}", on_progress=progress
        ).sent

    with ThreadPoolExecutor(len(files)) as pool:
        futures = [pool.submit(one_sender, number) for number in range(len(files))]
        assert moment.wait(60)
        # A random moment within the next instance, too.
        threading.Event().wait(random.uniform(0, 0.03))
        child.send_signal(signal.SIGKILL)
        return {path for future in futures for path in future.result()}


def assert_whole(archive: Archive, sources: dict[str, bytes]) -> set[str]:
    """Every row has a file with the content that was sent; the UIDs indexed."""
    records = archive.instances("1.2.3")
    for record in records:
        content = record.path.read_bytes()
        data = sources[record.sop_instance_uid]
        assert content.endswith(data)
        assert record.sha256 == hashlib.sha256(data).hexdigest()
        assert pydicom.dcmread(record.path).SOPInstanceUID == record.sop_instance_uid
    files = {path for path in archive.root.glob("[0-9]*/**/*") if path.is_file()}
    assert files == {record.path for record in records}
    assert not list(archive.root.rglob("*.part"))
    assert not list((archive.root / "quarantine").iterdir())
    return {record.sop_instance_uid for record in records}


@pytest.mark.slow
def test_kill_9_at_random_moments_under_load(tmp_path):
    sources: dict[str, bytes] = {}
    acknowledged: set[str] = set()
    uid_of: dict[Path, str] = {}
    (tmp_path / "sent").mkdir()
    killed_early = 0
    for round_ in range(ROUNDS):
        files: list[list[Path]] = []
        for sender in range(SENDERS):
            series = f"1.2.3.1{round_}{sender}"
            slices = [ct_slice(n, series=series) for n in range(1, EACH + 1)]
            paths = [write_file(ds, tmp_path / "sent") for ds in slices]
            for ds, path in zip(slices, paths, strict=True):
                content = path.read_bytes()
                uid_of[path] = ds.SOPInstanceUID
                sources[ds.SOPInstanceUID] = content[content.index(b"\x08\x00\x05\x00") :]
            files.append(paths)
        with listener_process(tmp_path) as (child, peer):
            kill_after = random.randint(1, SENDERS * EACH * 3 // 4)
            sent = send_until_killed(files, peer, child, kill_after)
        acknowledged |= {uid_of[path] for path in sent}
        killed_early += len(sent) < SENDERS * EACH

        engine = open_engine(f"sqlite:///{tmp_path / 'index.sqlite3'}")
        archive = Archive(tmp_path / "archive", engine, watermark_bytes=0)
        archive.rebuild()
        assert acknowledged <= assert_whole(archive, sources)
        assert archive.study("1.2.3").due_at is not None
        engine.dispose()
    assert killed_early == ROUNDS
