"""The archive's promises: durable, idempotent, never overwritten, refused with a reason."""

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor

import pydicom
import pytest
from pydicom.uid import ImplicitVRLittleEndian
from sqlalchemy import func, select

from pacs_bridge import status
from pacs_bridge.archive import Archive
from pacs_bridge.tables import instance, quarantine, study
from tests.pacs_bridge.support import ct_slice, encode, store


def count(archive, table):
    with archive.engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def quarantined(archive):
    with archive.engine.connect() as connection:
        return connection.execute(select(quarantine)).all()


def test_an_instance_is_kept_as_received_and_indexed(archive):
    ds = ct_slice(4)
    outcome = store(archive, ds, ImplicitVRLittleEndian)
    assert (outcome.status, outcome.is_new, outcome.study_instance_uid) == (0, True, "1.2.3")
    (record,) = archive.instances("1.2.3")
    data = encode(ds, ImplicitVRLittleEndian)
    assert record.path.read_bytes().endswith(data)
    assert record.sha256 == hashlib.sha256(data).hexdigest()
    assert record.size_bytes == len(data)
    assert record.transfer_syntax_uid == ImplicitVRLittleEndian
    assert record.calling_ae_title == "TEST"
    assert pydicom.dcmread(record.path).PixelData == ds.PixelData


def test_study_and_series_rows(archive):
    store(archive, ct_slice(1))
    store(archive, ct_slice(2))
    store(archive, ct_slice(1, series="1.2.3.2", Modality="SR", SeriesNumber=1))
    record = archive.study("1.2.3")
    assert record.modalities == ("CT", "SR")
    assert record.state == "receiving"
    assert record.due_at == record.last_received_at
    assert record.patient_id == "P1"
    assert record.content_version is None
    first, second = archive.series("1.2.3")
    assert (first.modality, first.instance_count) == ("SR", 1)
    assert (second.body_part_examined, second.instance_count) == ("CHEST", 2)
    assert archive.study("9.9") is None


@pytest.mark.parametrize(
    "name",
    ["Wang^XiaoDong=王^小东", "<script>alert(1)</script>", "O'Brien^\"; DROP TABLE study; --"],
)
@pytest.mark.parametrize("character_set", ["ISO_IR 192", "GB18030"])
def test_names_reach_the_study_row_unchanged(archive, name, character_set):
    store(archive, ct_slice(SpecificCharacterSet=character_set, PatientName=name))
    assert archive.study("1.2.3").patient_name == name


def test_the_same_content_again_changes_nothing(archive):
    store(archive, ct_slice())
    before = archive.study("1.2.3")
    outcome = store(archive, ct_slice())
    assert (outcome.status, outcome.is_new) == (status.SUCCESS, False)
    assert archive.study("1.2.3") == before
    assert count(archive, instance) == 1
    assert quarantined(archive) == []


def test_other_content_under_the_same_uid_is_kept_beside_the_first(archive):
    store(archive, ct_slice())
    before = archive.instances("1.2.3")
    other = ct_slice(PatientID="P2")
    for _ in range(2):
        outcome = store(archive, other)
        assert outcome.status == status.DUPLICATE
        assert not outcome.is_new
    assert archive.instances("1.2.3") == before
    assert hashlib.sha256(before[0].path.read_bytes()[-before[0].size_bytes :]).hexdigest() == (
        before[0].sha256
    )
    (row,) = quarantined(archive)
    assert row.sop_instance_uid == "1.2.3.1.1"
    assert "other content" in row.reason
    assert pydicom.dcmread(archive.root / row.path).PatientID == "P2"


def test_the_same_uid_in_another_study_is_other_content(archive):
    store(archive, ct_slice())
    other = ct_slice(StudyInstanceUID="5.6.7")
    assert store(archive, other).status == status.DUPLICATE
    assert archive.study("5.6.7") is None


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [
        (b"", status.BAD_UID),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", status.CANNOT_UNDERSTAND),
        (encode(ct_slice())[:300], status.CANNOT_UNDERSTAND),
        (encode(ct_slice())[40:], status.CANNOT_UNDERSTAND),
    ],
)
def test_what_is_no_data_set_is_refused_and_kept_in_quarantine(archive, dataset, expected):
    outcome = store(archive, ct_slice(), dataset=dataset)
    assert outcome.status == expected
    assert outcome.reason
    (row,) = quarantined(archive)
    assert (archive.root / row.path).read_bytes().endswith(dataset)
    assert count(archive, instance) == count(archive, study) == 0


@pytest.mark.parametrize("uid", ["../../evil", "..", "/etc/passwd", "1" * 65, "1.2\\3"])
def test_a_uid_that_is_a_path_never_becomes_one(archive, uid, tmp_path):
    before = sorted(p for p in tmp_path.rglob("*") if archive.root not in p.parents)
    data = encode(ct_slice()).replace(b"1.2.3.1.1\0", uid.encode()[:10].ljust(10, b"\0"))
    outcome = store(archive, ct_slice(), dataset=data, sop_instance_uid=uid)
    assert outcome.status in {status.BAD_UID, status.MISMATCH}
    assert count(archive, instance) == 0
    assert sorted(p for p in tmp_path.rglob("*") if archive.root not in p.parents) == before
    assert quarantined(archive)[0].sop_instance_uid is None


def test_the_command_must_name_the_instance(archive):
    assert store(archive, ct_slice(), sop_instance_uid="9.9").status == status.MISMATCH
    assert store(archive, ct_slice(), sop_class_uid="9.9").status == status.MISMATCH


def test_a_nearly_full_disk_refuses_before_it_writes(sqlite_engine, tmp_path):
    archive = Archive(tmp_path / "archive", sqlite_engine, watermark_bytes=2**62)
    outcome = store(archive, ct_slice())
    assert outcome.status == status.OUT_OF_RESOURCES
    assert [p for p in archive.root.rglob("*") if p.is_file()] == []


def test_a_database_that_fails_is_not_a_success(sqlite_archive):
    instance.drop(sqlite_archive.engine)
    assert store(sqlite_archive, ct_slice()).status == status.OUT_OF_RESOURCES


def test_a_crash_between_rename_and_commit_is_healed(archive):
    for number in (1, 2, 3):
        store(archive, ct_slice(number))
    rows = archive.instances("1.2.3")
    with archive.engine.begin() as connection:
        connection.execute(instance.delete().where(instance.c.instance_number != 2))
    stale = archive.root / "incoming" / "abc.part"
    stale.write_bytes(b"half")
    assert archive.rebuild() == 2
    assert archive.rebuild() == 0
    assert not stale.exists()

    def key(record):
        return (record.sop_instance_uid, record.sha256, record.path, record.calling_ae_title)

    assert list(map(key, archive.instances("1.2.3"))) == list(map(key, rows))
    assert archive.study("1.2.3").due_at is not None


def test_a_file_that_is_not_whole_is_set_aside_by_the_rebuild(archive):
    store(archive, ct_slice())
    (record,) = archive.instances("1.2.3")
    broken = record.path.with_name("1.2.3.1.9.dcm")
    broken.write_bytes(record.path.read_bytes()[:-100])
    assert archive.rebuild() == 0
    assert not broken.exists()
    assert len(list((archive.root / "quarantine").iterdir())) == 1
    assert "start" in quarantined(archive)[0].reason


def test_a_file_without_row_is_not_overwritten(archive):
    store(archive, ct_slice())
    with archive.engine.begin() as connection:
        connection.execute(instance.delete())
    assert store(archive, ct_slice(PatientID="P2")).status == status.DUPLICATE
    (record,) = archive.instances("1.2.3")
    assert pydicom.dcmread(record.path).PatientID == "P1"


def test_many_threads_storing_the_same_and_other_instances(archive):
    barrier = threading.Barrier(8)

    def work(thread):
        barrier.wait()
        return [store(archive, ct_slice(n)) for n in (1, 2, 3, 10 + thread)]

    with ThreadPoolExecutor(8) as pool:
        outcomes = [o for some in pool.map(work, range(8)) for o in some]
    assert {o.status for o in outcomes} == {status.SUCCESS}
    assert sum(o.is_new for o in outcomes) == 3 + 8
    assert len(archive.instances("1.2.3")) == 3 + 8
    assert quarantined(archive) == []


def test_one_of_two_contents_sent_at_once_wins_and_the_other_is_kept(archive):
    barrier = threading.Barrier(4)

    def work(thread):
        barrier.wait()
        return store(archive, ct_slice(PatientID=f"P{thread}"))

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(work, range(4)))
    assert sorted(o.status for o in outcomes) == [0, *[status.DUPLICATE] * 3]
    assert len(quarantined(archive)) == 3
