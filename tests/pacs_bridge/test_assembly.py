"""Study complete: durable timers, one version per content."""

import random
import threading
import time

import pytest
from sqlalchemy import update

from pacs_bridge.archive import Archive
from pacs_bridge.assembly import Assembler, StudyVersion
from pacs_bridge.tables import delivery, study
from tests.pacs_bridge.support import ct_slice, poll, store

QUIET = {"default": 10.0, "MG": 30.0}
AFTER = 3600.0


class Received(list[StudyVersion]):
    def __call__(self, version: StudyVersion) -> None:
        self.append(version)


def due(archive: Archive) -> float:
    return archive.study("1.2.3").due_at


def test_a_study_is_complete_after_its_quiet_time_and_not_before(archive):
    received = Received()
    assembler = Assembler(archive, QUIET, received)
    store(archive, ct_slice(1))
    last = archive.study("1.2.3").last_received_at
    assert assembler.run_due(last + 9.9) == 0
    assert due(archive) == pytest.approx(last + 10)
    assert assembler.run_due(last + 10.1) == 1
    assert assembler.run_due(last + AFTER) == 0
    assert [(v.study_uid, v.content_sequence, v.modalities) for v in received] == [
        ("1.2.3", 1, ("CT",))
    ]
    record = archive.study("1.2.3")
    assert (record.state, record.due_at) == ("complete", None)
    assert record.content_version == received[0].content_version


def test_the_longest_quiet_time_of_the_modalities_counts(archive):
    received = Received()
    assembler = Assembler(archive, QUIET, received)
    store(archive, ct_slice(1))
    store(archive, ct_slice(1, series="1.2.3.2", Modality="MG"))
    last = archive.study("1.2.3").last_received_at
    assert assembler.run_due(last + 29) == 0
    assert assembler.run_due(last + 31) == 1


def test_a_slice_in_the_quiet_time_starts_it_anew(archive):
    assembler = Assembler(archive, QUIET, Received())
    store(archive, ct_slice(1))
    first = archive.study("1.2.3").last_received_at
    assembler.run_due(first + 1)
    store(archive, ct_slice(2))
    last = archive.study("1.2.3").last_received_at
    assert last > first
    assert assembler.run_due(last + 9.99) == 0
    assert assembler.run_due(last + 10) == 1


def test_an_identical_resend_is_no_new_version(archive):
    received = Received()
    assembler = Assembler(archive, QUIET, received)
    store(archive, ct_slice(1))
    assembler.run_due(time.time() + AFTER)
    store(archive, ct_slice(1))
    assert due(archive) is None
    assert assembler.run_due(time.time() + AFTER) == 0
    assert len(received) == 1


def test_a_late_slice_makes_the_next_version(archive):
    received = Received()
    assembler = Assembler(archive, QUIET, received)
    store(archive, ct_slice(1))
    assembler.run_due(time.time() + AFTER)
    store(archive, ct_slice(2))
    assert archive.study("1.2.3").state == "receiving"
    assembler.run_due(time.time() + AFTER)
    assert [v.content_sequence for v in received] == [1, 2]
    assert received[0].content_version != received[1].content_version


def test_the_version_does_not_depend_on_the_order_of_arrival(archive):
    received = Received()
    assembler = Assembler(archive, QUIET, received)
    numbers = list(range(1, 9))
    for n in numbers:
        store(archive, ct_slice(n))
    assembler.run_due(time.time() + AFTER)
    first = received[-1].content_version
    with archive.engine.begin() as connection:
        for table in ("instance", "series", "study"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    for path in archive.root.rglob("*.dcm"):
        path.unlink()
    random.Random(3).shuffle(numbers)
    for n in numbers:
        store(archive, ct_slice(n))
    assembler.run_due(time.time() + AFTER)
    assert received[-1].content_version == first


def test_timers_survive_a_restart(archive):
    store(archive, ct_slice(1))
    Assembler(archive, QUIET, Received()).run_due(time.time())
    received = Received()
    again = Archive(archive.root, archive.engine, watermark_bytes=0)
    again.rebuild()
    assert Assembler(again, QUIET, received).run_due(time.time() + AFTER) == 1
    assert len(received) == 1


def test_a_completion_that_raises_is_tried_again_with_the_same_number(archive):
    calls = Received()

    def fail_twice(version: StudyVersion) -> None:
        calls(version)
        if len(calls) < 3:
            raise RuntimeError("no worker")

    assembler = Assembler(archive, QUIET, fail_twice)
    store(archive, ct_slice(1))
    now = time.time() + AFTER
    assert assembler.run_due(now) == 0
    assert now < due(archive) <= now + 5
    assert assembler.run_due(now) == 0
    assert len(calls) == 1
    assert assembler.run_due(now + AFTER) == 0
    assert assembler.run_due(now + 2 * AFTER) == 1
    assert {v.content_sequence for v in calls} == {1}
    assert due(archive) is None


def test_a_slice_that_arrives_after_a_failed_completion_gets_its_own_number(archive):
    calls = Received()

    def fail_once(version: StudyVersion) -> None:
        calls(version)
        if len(calls) == 1:
            raise RuntimeError("no worker")

    assembler = Assembler(archive, QUIET, fail_once)
    store(archive, ct_slice(1))
    assembler.run_due(time.time() + AFTER)
    store(archive, ct_slice(2))
    assembler.run_due(time.time() + AFTER)
    assert [v.content_sequence for v in calls] == [1, 2]


def test_a_slice_that_arrives_during_the_completion_is_not_lost(archive):
    calls = Received()

    def complete(version: StudyVersion) -> None:
        calls(version)
        if len(calls) == 1:
            store(archive, ct_slice(2))

    assembler = Assembler(archive, QUIET, complete)
    store(archive, ct_slice(1))
    assembler.run_due(time.time() + AFTER)
    assert archive.study("1.2.3").state == "receiving"
    assembler.run_due(time.time() + AFTER)
    assert [v.content_sequence for v in calls] == [1, 2]
    assert archive.study("1.2.3").state == "complete"


def test_our_own_result_come_back_does_not_reopen_the_study(archive):
    received = Received()
    assembler = Assembler(archive, QUIET, received)
    store(archive, ct_slice(1))
    assembler.run_due(time.time() + AFTER)
    result = ct_slice(1, series="1.2.3.99", Modality="SR")
    with archive.engine.begin() as connection:
        connection.execute(
            delivery.insert().values(
                sop_instance_uid=result.SOPInstanceUID,
                path="/x",
                peer="pacs",
                state="sent",
                due_at=0,
                created_at=0,
            )
        )
    before = archive.study("1.2.3")
    assert store(archive, result).is_new
    assert archive.study("1.2.3") == before
    assert assembler.run_due(time.time() + AFTER) == 0
    assert [i.sop_instance_uid for i in archive.instances("1.2.3")] == ["1.2.3.1.1"]
    assert [s.modality for s in archive.series("1.2.3")] == ["CT"]
    both = archive.instances("1.2.3", own_results=True)
    assert [i.own_result for i in both] == [False, True]


def test_the_thread_completes_by_itself_and_survives_a_broken_database(sqlite_archive):
    archive = sqlite_archive
    done = threading.Event()
    assembler = Assembler(archive, {"default": 0.2}, lambda _: done.set())
    with archive.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE study RENAME TO hidden")
    assembler.start()
    try:
        with archive.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE hidden RENAME TO study")
        store(archive, ct_slice(1))
        assert done.wait(10)
        poll(lambda: archive.study("1.2.3").state == "complete")
    finally:
        assembler.stop()


def test_many_waiting_studies_are_all_completed(archive):
    received = Received()
    for n in range(3):
        store(archive, ct_slice(1, study=f"1.2.{n}", series=f"1.2.{n}.1"))
    with archive.engine.begin() as connection:
        connection.execute(update(study).values(last_received_at=0.0, due_at=1.0))
    assert Assembler(archive, QUIET, received).run_due(time.time()) == 3
    assert {v.study_uid for v in received} == {"1.2.0", "1.2.1", "1.2.2"}
