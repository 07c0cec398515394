"""The fault matrix: what a peer or the machine may do, and what must be on disk afterwards.

Every instance that was answered 0x0000 is there, whole and indexed; nothing else is.
"""

import hashlib
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import select

from pacs_bridge import status
from pacs_bridge.archive import Archive
from pacs_bridge.database import open_engine
from pacs_bridge.tables import metadata, quarantine
from tests.pacs_bridge.support import ct_slice, encode, listening, poll, storescu, write_file
from tests.support.scripted_scu import CT, EXPLICIT, ScriptedScu, p_data, store_rq

CUT_PIXELS = encode(ct_slice(2, PixelData=bytes(256)))


def uid_of(number: int) -> str:
    return f"1.2.3.1.{number}"


def send_one(port: int, dataset: bytes, uid: str, **options) -> int:
    with ScriptedScu(port) as peer:
        peer.associate()
        peer.send(*store_rq(dataset, uid, **options))
        return peer.response()


def assert_exactly(archive: Archive, expected: dict[str, bytes]) -> None:
    """The archive holds these data sets, each with its row, and no other file."""
    records = {r.sop_instance_uid: r for r in archive.instances("1.2.3")}
    assert records.keys() == expected.keys()
    for uid, data in expected.items():
        assert records[uid].path.read_bytes().endswith(data)
        assert records[uid].sha256 == hashlib.sha256(data).hexdigest()
    files = {p for p in archive.root.glob("[0-9]*/**/*") if p.is_file()}
    assert files == {r.path for r in records.values()}
    assert not [p for p in archive.root.rglob("*.part") if p.is_file()]


def quarantine_count(archive: Archive) -> int:
    with archive.engine.connect() as connection:
        rows = connection.execute(select(quarantine.c.path)).scalars().all()
    assert all((archive.root / path).is_file() for path in rows)
    return len(rows)


@pytest.mark.parametrize(
    ("dataset", "uid", "answer", "quarantined"),
    [
        pytest.param(encode(ct_slice(2))[:-100], uid_of(2), 0xC000, 1, id="cut pixel data"),
        pytest.param(encode(ct_slice(2))[:60], uid_of(2), 0xC000, 1, id="cut header"),
        pytest.param(CUT_PIXELS, uid_of(2), 0xC002, 1, id="fewer pixels than promised"),
        pytest.param(encode(ct_slice(2)), "../../evil", 0xA900, 1, id="traversal UID"),
        pytest.param(encode(ct_slice(2)), uid_of(3), 0xA900, 1, id="another instance named"),
        pytest.param(
            encode(ct_slice(1, SeriesDescription="OTHER")), uid_of(1), 0xC111, 1, id="other content"
        ),
        pytest.param(encode(ct_slice(1)), uid_of(1), 0x0000, 0, id="the same again"),
        pytest.param(b"\0" * 100, uid_of(2), 0xC000, 1, id="zeros"),
    ],
)
@pytest.mark.parametrize("piece", [97, 16000])
@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")  # our own sender's
def test_bad_objects(listener, sqlite_archive, dataset, uid, answer, quarantined, piece):
    first = encode(ct_slice(1))
    assert send_one(listener.port, first, uid_of(1)) == status.SUCCESS
    assert send_one(listener.port, dataset, uid, piece=piece) == answer
    assert_exactly(sqlite_archive, {uid_of(1): first})
    assert quarantine_count(sqlite_archive) == quarantined


def test_a_large_object_is_checked_and_kept_like_a_small_one(listener, sqlite_archive):
    pixels = random.Random(1).randbytes(2 * 2048 * 2048)
    whole = encode(ct_slice(5, Rows=2048, Columns=2048, PixelData=pixels))
    other = encode(ct_slice(5, Rows=2048, Columns=2048, PixelData=pixels, PatientID="P2"))
    assert send_one(listener.port, whole[:-4_000_000], uid_of(5), piece=60_000) == 0xC000
    assert send_one(listener.port, whole, uid_of(5), piece=60_000) == status.SUCCESS
    assert send_one(listener.port, whole, uid_of(5), piece=60_000) == status.SUCCESS
    assert send_one(listener.port, other, uid_of(5), piece=60_000) == status.DUPLICATE
    assert_exactly(sqlite_archive, {uid_of(5): whole})
    assert quarantine_count(sqlite_archive) == 2
    kept = [p.read_bytes() for p in (sqlite_archive.root / "quarantine").iterdir()]
    assert sum(content.endswith(other) for content in kept) == 1


def test_one_association_goes_on_after_each_refusal(listener, sqlite_archive):
    good = {uid_of(n): encode(ct_slice(n)) for n in (1, 3)}
    with ScriptedScu(listener.port) as peer:
        peer.associate()
        answers = []
        for dataset, uid in (
            (good[uid_of(1)], uid_of(1)),
            (CUT_PIXELS, uid_of(2)),
            (good[uid_of(3)], uid_of(3)),
            (good[uid_of(3)], "1.2.3.1.99"),
        ):
            peer.send(*store_rq(dataset, uid))
            answers.append(peer.response())
        assert peer.echo() == status.SUCCESS
    assert answers == [0, status.PIXEL_DATA, 0, status.MISMATCH]
    assert_exactly(sqlite_archive, good)


def test_a_store_without_a_data_set_is_refused(listener, sqlite_archive):
    with ScriptedScu(listener.port) as peer:
        peer.associate(contexts=[(CT, EXPLICIT)])
        command = store_rq(b"x", uid_of(1), context_id=1)[0][12:]
        no_dataset = command.replace(b"\0\0\0\x08\2\0\0\0\1\0", b"\0\0\0\x08\2\0\0\0\1\1")
        assert no_dataset != command
        peer.send(p_data(1, no_dataset, command=True, last=True))
        assert peer.response() == status.CANNOT_UNDERSTAND
    assert_exactly(sqlite_archive, {})


@pytest.mark.parametrize("number", range(12))
def test_a_connection_cut_anywhere_leaves_all_or_nothing(listener, sqlite_archive, number):
    """Whatever was not answered may be there whole, or not at all."""
    random.seed(number)
    whole = {uid_of(n): encode(ct_slice(n)) for n in (1, 2)}
    stream = b"".join(pdu for uid, data in whole.items() for pdu in store_rq(data, uid, piece=200))
    with ScriptedScu(listener.port) as peer:
        peer.associate()
        peer.send(stream[: random.randrange(len(stream))])
    poll(lambda: listener.open_connections == 0)
    kept = {r.sop_instance_uid for r in sqlite_archive.instances("1.2.3")}
    assert_exactly(sqlite_archive, {uid: whole[uid] for uid in kept})


def test_dcmtk_aborting_after_each_image_loses_none_that_was_answered(
    listener, sqlite_archive, tmp_path
):
    files = [write_file(ct_slice(n), tmp_path) for n in range(1, 6)]
    assert storescu(listener.port, "--abort", *map(str, files)).returncode == 0
    poll(lambda: listener.open_connections == 0)
    assert_exactly(sqlite_archive, {uid_of(n): encode(ct_slice(n)) for n in range(1, 6)})


def small_disk(tmp_path: Path, megabytes: int) -> Path:
    """Mount a file system of a few MB, or skip where that is not allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small file system needs root")
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mount.returncode:
        pytest.skip("mounting a small file system is not allowed here")
    return folder


@pytest.mark.parametrize("watermark", [0, 2 * 2**20])
@pytest.mark.parametrize("size", [20_000, 3_000_000])
def test_a_full_disk_refuses_and_what_was_answered_stays(tmp_path, watermark, size):
    """Without a watermark the disk really fills; with one we refuse before."""
    folder = small_disk(tmp_path, 12)
    engine = open_engine(f"sqlite:///{tmp_path / 'index.sqlite3'}")
    metadata.create_all(engine)
    try:
        archive = Archive(folder / "archive", engine, watermark_bytes=watermark)
        pixels = bytes(size)
        sent = {
            uid_of(n): encode(ct_slice(n, Rows=size // 200, Columns=100, PixelData=pixels))
            for n in range(1, 30_000_000 // size if size > 100_000 else 700)
        }
        taken = {}
        refused = 0
        with listening(archive) as listener, ScriptedScu(listener.port) as peer:
            peer.associate()
            for uid, dataset in sent.items():
                peer.send(*store_rq(dataset, uid, piece=60_000))
                answer = peer.response()
                assert answer in (status.SUCCESS, status.OUT_OF_RESOURCES)
                if answer == status.SUCCESS:
                    taken[uid] = dataset
                else:
                    refused += 1
                    if refused > 5:
                        break
            assert peer.echo() == status.SUCCESS
        assert taken
        assert refused
        assert_exactly(archive, taken)
        assert shutil.disk_usage(folder).free >= min(watermark, 0)
        archive.close()
    finally:
        engine.dispose()
        subprocess.run(["umount", str(folder)], check=True)
