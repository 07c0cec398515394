"""Many threads and several archives (as in several processes) store into one folder at once."""

import gc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import func, select

from pacs_bridge import status
from pacs_bridge.archive import Archive
from pacs_bridge.incoming import Origin
from pacs_bridge.tables import instance, quarantine
from tests.pacs_bridge.support import ct_slice, encode, store


@pytest.fixture
def archives(engine, tmp_path):
    made = [Archive(tmp_path / "archive", engine, watermark_bytes=0) for _ in range(3)]
    yield made
    for archive in made:
        archive.close()


def count(archive, table):
    with archive.engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def test_the_same_instances_from_everywhere_are_kept_once(archives):
    slices = [ct_slice(n) for n in range(1, 9)]
    jobs = [(archive, ds) for _ in range(3) for archive in archives for ds in slices]
    with ThreadPoolExecutor(12) as pool:
        outcomes = list(pool.map(lambda job: store(*job), jobs))
    assert {o.status for o in outcomes} == {status.SUCCESS}
    assert sum(o.is_new for o in outcomes) == len(slices)
    records = archives[0].instances("1.2.3")
    assert [r.instance_number for r in records] == list(range(1, 9))
    for record, ds in zip(records, slices, strict=True):
        assert record.path.read_bytes().endswith(encode(ds))
    assert not [p for p in archives[0].root.rglob("*.part") if p.is_file()]


def test_of_different_contents_under_one_uid_exactly_one_is_kept(archives):
    contents = [ct_slice(1, PatientID=f"P{n}") for n in range(12)]
    jobs = [(archives[n % 3], ds) for n, ds in enumerate(contents)]
    with ThreadPoolExecutor(12) as pool:
        outcomes = list(pool.map(lambda job: store(*job), jobs))
    assert sorted(o.status for o in outcomes) == [status.SUCCESS] + [status.DUPLICATE] * 11
    (record,) = archives[0].instances("1.2.3")
    kept = next(ds for o, ds in zip(outcomes, contents, strict=True) if o.is_new)
    assert record.path.read_bytes().endswith(encode(kept))
    assert count(archives[0], quarantine) == 11


def test_a_row_that_the_database_refuses_does_not_refuse_its_neighbours(archive, monkeypatch):
    """The group that a bad row fails with is committed row by row."""
    import pacs_bridge.index as index

    made = index._instance_row

    def broken(archived, own):
        row = made(archived, own)
        if archived.header.instance_number == 3:
            row["sha256"] = None
        return row

    monkeypatch.setattr(index, "_instance_row", broken)
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda n: store(archive, ct_slice(n)), range(1, 9)))
    statuses = [o.status for o in outcomes]
    assert statuses.pop(2) == status.OUT_OF_RESOURCES
    assert set(statuses) == {status.SUCCESS}
    assert count(archive, instance) == 7


def test_an_archive_leaves_what_another_has_in_the_making(archives):
    first, second, _ = archives
    incoming = first.incoming(Origin("1.2.840.10008.1.2.1", "1.2", "1.2.3.1.1", "TEST"))
    incoming.write(bytes(3_000_000))
    part = incoming.part
    assert part is not None
    second.rebuild()
    assert part.is_file()
    first.close()
    second.rebuild()
    assert not part.exists()


def test_an_archive_that_is_forgotten_keeps_no_file_open(engine, tmp_path):
    def open_files():
        return len(list(Path("/proc/self/fd").iterdir()))

    store(Archive(tmp_path / "archive", engine, watermark_bytes=0), ct_slice(1))
    gc.collect()
    before = open_files()
    for number in range(2, 8):
        store(Archive(tmp_path / "archive", engine, watermark_bytes=0), ct_slice(number))
    gc.collect()
    assert open_files() <= before
    assert list((tmp_path / "archive" / "incoming").iterdir()) == []


def test_a_modality_that_another_process_added_stays(archives):
    first, second, _ = archives
    store(first, ct_slice(1))
    store(second, ct_slice(2, series="1.2.3.2", Modality="SR"))
    store(first, ct_slice(3))
    assert first.study("1.2.3").modalities == ("CT", "SR")
