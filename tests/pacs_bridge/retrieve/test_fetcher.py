"""Durable retrievals: wanted once, fetched, tried again, given up, and told from new studies."""

import threading
import time
from datetime import datetime
from datetime import time as clock_time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from pacs_bridge.database import writing
from pacs_bridge.errors import PeerError, RetrievalError
from pacs_bridge.retrieve.attempts import claim, take_due
from pacs_bridge.retrieve.fetch import FetchPolicy, fetch_retrieval
from pacs_bridge.retrieve.fetcher import Fetcher
from pacs_bridge.retrieve.matches import SeriesMatch
from pacs_bridge.retrieve.retrievals import (
    Wanted,
    came_by_retrieval,
    find_retrieval,
    is_being_fetched,
    list_retrievals,
    note_sent_again,
    want,
)
from pacs_bridge.retrieve.source import Fetched, FetchProgress
from pacs_bridge.retrieve.throttle import DailyWindow, Pace, daily_window
from pacs_bridge.tables import instance, retrieval, retrieval_attempt
from tests.pacs_bridge.support import ct_slice, poll, store

POLICY = FetchPolicy(max_attempts=3, first_retry_seconds=10, longest_retry_seconds=40)
LATER = 10_000.0


class ScriptedSource:
    """A peer that brings slices of study 1.2.3 into the archive, or fails as told."""

    name = "pacs"

    def __init__(self, archive, *, slices=2, failures=(), failed=0, reasons=(), wait=None):
        self.archive = archive
        self.slices = slices
        self.failures = list(failures)
        self.failed = failed
        self.reasons = reasons
        self.calls = []
        self.wait = wait
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()

    def find_series(self, study_uid):
        return [
            SeriesMatch(study_uid, f"1.2.3.{n}", "CT", "CHEST", "", n, "", None) for n in (1, 2)
        ]

    def count_instances(self, study_uid):
        return None

    def fetch_study(self, study_uid, *, on_progress=None, cancel=None):
        series_uid = f"{study_uid}.1"
        return self.fetch_series(study_uid, series_uid, on_progress=on_progress, cancel=cancel)

    def fetch_series(self, study_uid, series_uid, *, on_progress=None, cancel=None):
        with self.lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return self._fetch(study_uid, series_uid, on_progress, cancel)
        finally:
            with self.lock:
                self.at_once -= 1

    def _fetch(self, study_uid, series_uid, on_progress, cancel):
        self.calls.append((study_uid, series_uid))
        if self.wait is not None:
            self.wait(cancel)
        if self.failures:
            raise PeerError(self.failures.pop(0))
        for n in range(1, self.slices + 1):
            store(self.archive, ct_slice(n, study=study_uid, series=series_uid))
            on_progress(FetchProgress(n, 0, self.slices, 0))
        return Fetched(self.slices, self.failed, self.reasons, 0)


def wanted(archive, purpose="prior", study="1.2.3", peer="pacs", **more) -> int:
    with writing(archive.engine) as connection:
        return want(connection, Wanted(study, peer, purpose, **more))


def row(archive, number):
    with archive.engine.connect() as connection:
        return find_retrieval(connection, number)


def fetcher(archive, source, **more):
    more = {"policy": POLICY, "name": "test", **more}
    return Fetcher(archive, ["pacs"], lambda _: source, **more)


def test_a_prior_is_fetched_and_known_as_such(archive):
    number = wanted(archive, for_study_uid="1.2.9")
    assert fetcher(archive, ScriptedSource(archive)).run_due("pacs", time.time()) == 1
    done = row(archive, number)
    assert (done.state, done.instances_done, done.last_error, done.attempts) == ("done", 2, None, 1)
    assert came_by_retrieval(archive.engine, "1.2.3")
    assert not came_by_retrieval(archive.engine, "1.2.4")


def test_wanted_twice_is_fetched_once(archive):
    source = ScriptedSource(archive)
    first = wanted(archive)
    assert wanted(archive) == first
    one = fetcher(archive, source)
    assert one.run_due("pacs", time.time()) == 1
    assert wanted(archive) == first
    assert one.run_due("pacs", time.time() + LATER) == 0
    assert len(source.calls) == 1


def test_a_prior_that_left_the_archive_is_fetched_again(archive):
    number = wanted(archive)
    one = fetcher(archive, ScriptedSource(archive))
    one.run_due("pacs", time.time())
    with writing(archive.engine) as connection:
        for table in ("instance", "series", "study"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    for path in archive.root.rglob("*.dcm"):
        path.unlink()
    assert wanted(archive) == number
    assert row(archive, number).state == "waiting"


def test_failures_are_tried_again_later_and_given_up_with_a_reason(archive):
    number = wanted(archive)
    source = ScriptedSource(archive, failures=["first", "second", "third"])
    one = fetcher(archive, source)
    now = time.time()
    assert one.run_due("pacs", now) == 1
    failed = row(archive, number)
    assert (failed.state, failed.last_error) == ("waiting", "first")
    assert one.run_due("pacs", now + 4) == 0
    assert one.run_due("pacs", now + LATER) == 1
    assert one.run_due("pacs", now + 2 * LATER) == 1
    given_up = row(archive, number)
    assert (given_up.state, given_up.last_error, given_up.attempts) == ("failed", "third", 3)
    assert one.run_due("pacs", now + 3 * LATER) == 0
    # Not again at once, which would be a loop; but after some hours.
    wanted(archive)
    assert row(archive, number).state == "failed"
    with writing(archive.engine) as connection:
        connection.execute(update(retrieval).values(finished_at=now - 7 * 3600))
    wanted(archive)
    assert (row(archive, number).state, row(archive, number).attempts) == ("waiting", 0)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ({"failed": 3, "reasons": ("too dark",)}, "3 instances did not arrive: too dark"),
        ({"slices": 0}, "pacs sent nothing"),
    ],
)
def test_what_did_not_arrive_is_a_failure(archive, source, reason):
    number = wanted(archive)
    fetcher(archive, ScriptedSource(archive, **source)).run_due("pacs", time.time())
    assert row(archive, number).last_error.startswith(reason)


def test_a_move_that_went_somewhere_else_is_noticed(archive):
    class Elsewhere(ScriptedSource):
        def fetch_study(self, study_uid, *, on_progress=None, cancel=None):
            return Fetched(7, 0, (), 0)

    number = wanted(archive)
    fetcher(archive, Elsewhere(archive)).run_due("pacs", time.time())
    assert "sent 7 instances, but 0 are here" in row(archive, number).last_error


def test_a_retrieval_of_a_killed_process_is_taken_up(archive):
    number = wanted(archive)
    now = time.time()
    assert take_due(archive.engine, "pacs", holder="dead", now=now, seconds=60).id == number
    source = ScriptedSource(archive)
    other = fetcher(archive, source)
    assert other.run_due("pacs", now + 30) == 0
    assert other.run_due("pacs", now + 61) == 1
    assert row(archive, number).state == "done"
    with archive.engine.connect() as connection:
        ends = connection.execute(select(retrieval_attempt.c.finished_at)).scalars().all()
    assert None not in ends


def test_a_restarted_fetcher_frees_what_it_held(archive):
    number = wanted(archive)
    take_due(archive.engine, "pacs", holder="test", now=time.time(), seconds=600)
    one = fetcher(archive, ScriptedSource(archive))
    one.start()
    try:
        poll(lambda: row(archive, number).state == "done")
    finally:
        one.stop()


def test_stopping_gives_a_fetch_back(archive):
    number = wanted(archive)
    begun = threading.Event()

    def wait(cancel):
        begun.set()
        assert cancel.wait(10)

    source = ScriptedSource(archive, slices=0, wait=wait)
    one = fetcher(archive, source)
    one.start()
    assert begun.wait(10)
    assert is_being_fetched(archive.engine, "1.2.3", time.time())
    one.stop()
    stopped = row(archive, number)
    assert (stopped.state, stopped.attempts) == ("waiting", 1)
    assert "stopped" in stopped.last_error
    assert not is_being_fetched(archive.engine, "1.2.3", time.time())


def test_a_peer_gets_no_more_associations_than_allowed(archive):
    numbers = [wanted(archive, study=f"1.2.{n}") for n in range(10, 16)]
    together = threading.Barrier(2)

    def wait(_cancel):
        together.wait(10)  # passes only if two run at once

    source = ScriptedSource(archive, wait=wait)
    one = fetcher(archive, source, associations=2)
    one.start()
    try:
        poll(lambda: all(row(archive, n).state == "done" for n in numbers))
    finally:
        one.stop()
    assert source.most_at_once == 2


def test_priors_wait_for_their_hours_and_an_operator_does_not(archive):
    prior, asked = wanted(archive), wanted(archive, "keep", study="1.2.4")
    now = time.time()
    hour = datetime.fromtimestamp(now).astimezone().hour
    closed = DailyWindow(clock_time((hour + 2) % 24), clock_time((hour + 3) % 24))
    one = fetcher(archive, ScriptedSource(archive), window=closed)
    assert one.run_due("pacs", now) == 1
    assert one.run_due("pacs", now) == 0
    assert (row(archive, prior).state, row(archive, asked).state) == ("waiting", "done")


def test_with_a_pace_a_study_comes_series_by_series(archive):
    number = wanted(archive, megabytes_per_second=50.0)
    source = ScriptedSource(archive)
    fetcher(archive, source).run_due("pacs", time.time())
    assert source.calls == [("1.2.3", "1.2.3.1"), ("1.2.3", "1.2.3.2")]
    assert row(archive, number).instances_done == 4


def test_an_unknown_peer_is_a_reason_to_give_up(archive):
    number = wanted(archive, peer="gone")
    one = fetcher(archive, ScriptedSource(archive))
    one.start()
    try:
        poll(lambda: row(archive, number).state == "failed")
    finally:
        one.stop()
    assert "settings" in row(archive, number).last_error


def test_what_somebody_sent_is_new_even_if_it_was_fetched_too(archive):
    store(archive, ct_slice(9))
    with writing(archive.engine) as connection:
        connection.execute(update(instance).values(received_at=time.time() - 3600))
    wanted(archive)
    fetcher(archive, ScriptedSource(archive)).run_due("pacs", time.time())
    assert len(archive.instances("1.2.3")) == 3
    assert not came_by_retrieval(archive.engine, "1.2.3")


def test_what_was_fetched_to_be_read_is_new(archive):
    wanted(archive)
    one = fetcher(archive, ScriptedSource(archive))
    one.run_due("pacs", time.time())
    wanted(archive, "read")
    with writing(archive.engine) as connection:
        connection.exec_driver_sql("UPDATE study SET due_at = NULL, state = 'complete'")
    one.run_due("pacs", time.time())
    assert not came_by_retrieval(archive.engine, "1.2.3")
    assert archive.study("1.2.3").due_at is not None


def test_a_fetched_study_that_is_sent_later_becomes_new(archive):
    wanted(archive)
    fetcher(archive, ScriptedSource(archive)).run_due("pacs", time.time())
    assert not note_sent_again(archive.engine, "1.2.3", "1.2.3.1.1")  # our own fetch, just now
    with writing(archive.engine) as connection:
        for table in (retrieval_attempt.c.started_at, retrieval_attempt.c.finished_at):
            connection.execute(update(retrieval_attempt).values({table.name: table - 3600}))
        connection.execute(update(instance).values(received_at=instance.c.received_at - 3600))
        connection.exec_driver_sql("UPDATE study SET due_at = NULL, state = 'complete'")
    assert came_by_retrieval(archive.engine, "1.2.3")
    assert note_sent_again(archive.engine, "1.2.3", "1.2.3.1.1")
    assert not came_by_retrieval(archive.engine, "1.2.3")
    assert archive.study("1.2.3").state == "receiving"
    assert not note_sent_again(archive.engine, "1.2.99", "1.2.99.1")


def test_a_claimed_retrieval_cannot_be_claimed_twice(archive):
    number = wanted(archive, "keep")
    now = time.time()
    taken = claim(archive.engine, number, holder="cli-1", now=now, seconds=60)
    with pytest.raises(RetrievalError, match="already"):
        claim(archive.engine, number, holder="cli-2", now=now, seconds=60)
    source = ScriptedSource(archive)
    assert fetch_retrieval(archive, source, taken, holder="cli-1", policy=POLICY) is None
    with archive.engine.connect() as connection:
        assert [r.state for r in list_retrievals(connection)] == ["done"]


@pytest.mark.parametrize(
    "bad", [{"study": "../x"}, {"series_uids": ("",)}, {"series_uids": ("1",) * 40}]
)
def test_what_cannot_be_wanted(archive, bad):
    with pytest.raises(RetrievalError):
        wanted(archive, **bad)


def test_a_daily_window_may_go_over_midnight():
    night = daily_window("20:00-06:30")
    day = daily_window("07:00-19:00")
    for hour, minute, in_night in ((19, 59, False), (20, 0, True), (6, 29, True), (6, 30, False)):
        moment = datetime(2026, 1, 2, hour, minute).astimezone()
        assert night.holds(moment) is in_night
        assert day.holds(moment) is (not in_night and hour >= 7 and hour < 19)
    assert daily_window("00:00-00:00").holds(datetime(2026, 1, 2).astimezone())


@given(st.text(max_size=12))
def test_what_is_no_window_is_refused(text):
    try:
        daily_window(text)
    except RetrievalError as error:
        assert "20:00-06:30" in str(error)


def test_the_pace_is_kept_on_average():
    assert Pace(None).wait_seconds(10**9) == 0
    pace = Pace(1.0)
    assert 1.5 < pace.wait_seconds(2_000_000) <= 2.0
    stop = threading.Event()
    stop.set()
    pace.wait(10**12, stop)  # returns at once
