"""Study complete by what should be there: the sender's count, and the site's requirements."""

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from pacs_bridge.assembly import Assembler
from pacs_bridge.completeness import (
    Completeness,
    CompletenessRules,
    Expected,
    Outlook,
    Present,
    Requirement,
    complete_at,
    views_of,
)
from pacs_bridge.database import writing
from pacs_bridge.errors import PeerError
from pacs_bridge.peer import Peer
from pacs_bridge.retrieve.attempts import take_due
from pacs_bridge.retrieve.dimse_source import DimseSource
from pacs_bridge.retrieve.expected import ExpectedCounts, expected_at
from pacs_bridge.retrieve.matches import SeriesMatch
from pacs_bridge.retrieve.retrievals import Wanted, want
from pacs_bridge.send import send
from pacs_bridge.tables import study
from tests.pacs_bridge.support import ct_slice, poll, store, write_file
from tests.support.orthanc import orthanc

QUIET = {"default": 60.0}
RULES = CompletenessRules(settle_seconds=3, forced_seconds=600)


class Told:
    """An `ExpectedCount` that was told the answer, and notes when it was asked."""

    def __init__(self, expected=None, pending=False):
        self.outlook_now = Outlook(expected, pending)
        self.asked = []

    def outlook(self, study_uid, *, not_before):
        self.asked.append((study_uid, not_before))
        return self.outlook_now


def completed_after(archive, seconds, expected, rules=RULES):
    """Whether the study is complete so many seconds after its last image."""
    received = []
    assembler = Assembler(archive, QUIET, received.append, Completeness(archive, rules, expected))
    last = archive.study("1.2.3").last_received_at
    with writing(archive.engine) as connection:
        connection.execute(update(study).values(due_at=last, state="receiving"))
    return assembler.run_due(last + seconds) == 1


def test_a_study_that_has_all_is_complete_when_it_has_settled(archive):
    for n in (1, 2):
        store(archive, ct_slice(n))
    told = Told(Expected(2, images_only=True))
    assert not completed_after(archive, 2.9, told)
    assert told.asked == []  # nobody is asked before: the sender may be receiving itself
    assert completed_after(archive, 3.1, told)
    assert told.asked == [("1.2.3", archive.study("1.2.3").last_received_at + 3)]


def test_a_study_that_is_short_waits_longer_but_not_for_ever(archive):
    store(archive, ct_slice(1))
    told = Told(Expected(2, images_only=True))
    assert not completed_after(archive, 61, told)
    assert not completed_after(archive, 599, told)
    assert completed_after(archive, 601, told)


def test_reports_are_not_counted_as_images(archive):
    store(archive, ct_slice(1))
    store(archive, ct_slice(1, series="1.2.3.8", Modality="SR"))
    assert not completed_after(archive, 61, Told(Expected(2, images_only=True)))
    assert completed_after(archive, 4, Told(Expected(1, images_only=True)))
    assert completed_after(archive, 4, Told(Expected(2, images_only=False)))


def test_without_an_answer_the_quiet_time_counts(archive):
    store(archive, ct_slice(1))
    assert not completed_after(archive, 59, Told())
    assert completed_after(archive, 61, Told())


def test_an_answer_on_its_way_is_waited_for_only_so_long(archive):
    store(archive, ct_slice(1))
    assert not completed_after(archive, 70, Told(pending=True))
    assert completed_after(archive, 81, Told(pending=True))


def test_at_least_so_many_images(archive):
    rules = CompletenessRules(required={"CT": Requirement(min_images=2)}, forced_seconds=600)
    store(archive, ct_slice(1))
    assert not completed_after(archive, 61, None, rules)
    assert completed_after(archive, 601, None, rules)
    store(archive, ct_slice(2))
    assert not completed_after(archive, 59, None, rules)  # enough, but there may be more
    assert completed_after(archive, 61, None, rules)


def mammogram(archive, number, side, view):
    store(
        archive,
        ct_slice(
            number,
            series=f"1.2.3.{number}",
            Modality="MG",
            ImageLaterality=side,
            ViewPosition=view,
        ),
    )


def test_four_views_of_a_mammogram(archive):
    views = ("L-CC", "R-CC", "L-MLO", "R-MLO")
    rules = CompletenessRules(required={"MG": Requirement(views=views)}, forced_seconds=600)
    for number, (side, view) in enumerate((("L", "CC"), ("R", "CC"), ("L", "MLO")), 1):
        mammogram(archive, number, side, view)
    assert not completed_after(archive, 61, None, rules)
    mammogram(archive, 4, "L", "MLO")  # four images, but one view twice
    assert not completed_after(archive, 61, None, rules)
    mammogram(archive, 5, "R", "MLO")
    assert completed_after(archive, 4, None, rules)
    assert views_of(archive.instances("1.2.3")) == set(views)


def test_requirements_of_other_modalities_do_not_hold(archive):
    rules = CompletenessRules(required={"MG": Requirement(min_images=4)})
    store(archive, ct_slice(1))
    assert completed_after(archive, 61, None, rules)


def test_a_study_that_we_are_fetching_is_not_complete(archive):
    store(archive, ct_slice(1))
    with writing(archive.engine) as connection:
        want(connection, Wanted("1.2.3", "pacs", "read"))
    take_due(archive.engine, "pacs", holder="x", now=time.time(), seconds=3600)
    assert not completed_after(archive, 600, Told())


@given(
    st.floats(0, 2000),
    st.booleans(),
    st.integers(0, 5),
    st.none() | st.integers(0, 5),
    st.booleans(),
    st.booleans(),
)
def test_every_study_is_complete_in_the_end_and_none_before_it_settled(
    now, pending, images, count, unmet, views
):
    at = complete_at(
        RULES,
        last_received_at=0.0,
        quiet_until=60.0,
        present=Present(images, images),
        outlook=Outlook(None if count is None else Expected(count, images_only=True), pending),
        unmet=unmet,
        has_all_views=views and not unmet,
        now=now,
    )
    if now < RULES.settle_seconds:
        assert at > now
    if now >= RULES.forced_seconds:
        assert at <= now


class Source:
    """A peer with scripted counts."""

    name = "pacs"

    def __init__(self, series=(), count=None, error=None):
        self.series, self.count, self.error = series, count, error
        self.release = threading.Event()
        self.release.set()
        self.asked = 0

    def find_series(self, study_uid):
        self.asked += 1
        assert self.release.wait(10)
        if self.error:
            raise PeerError(self.error)
        return [
            SeriesMatch(study_uid, f"1.{n}", modality, "", "", n, "", count)
            for n, (modality, count) in enumerate(self.series)
        ]

    def count_instances(self, study_uid):
        return self.count


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (Source([("CT", 100), ("SR", 1), ("CT", 2)]), Expected(102, images_only=True)),
        (Source([("CT", None), ("CT", 5)], 7), Expected(7, images_only=False)),
        (Source([], 7), Expected(7, images_only=False)),
        (Source([], None), None),
        (Source([], 0), None),
    ],
)
def test_what_a_peer_says_it_has(source, expected):
    assert expected_at(source, "1.2.3") == expected


def settled(counts, not_before=0.0):
    poll(lambda: not counts.outlook("1.2.3", not_before=not_before).pending)
    return counts.outlook("1.2.3", not_before=not_before).expected


def test_nobody_waits_for_an_answer():
    source = Source([("CT", 3)])
    source.release.clear()
    counts = ExpectedCounts(lambda _: [source])
    try:
        begin = time.monotonic()
        assert counts.outlook("1.2.3", not_before=0) == Outlook(None, pending=True)
        assert counts.outlook("1.2.3", not_before=0).pending
        assert time.monotonic() - begin < 1
        source.release.set()
        assert settled(counts) == Expected(3, images_only=True)
        assert source.asked == 1
        later = time.time() + 0.01
        poll(lambda: time.time() > later)
        assert settled(counts, later) == Expected(3, images_only=True)
        assert source.asked == 2
    finally:
        counts.close()


def test_a_peer_that_does_not_answer_is_passed_over():
    counts = ExpectedCounts(lambda _: [Source(error="away"), Source([("CT", 2)])])
    try:
        assert settled(counts) == Expected(2, images_only=True)
    finally:
        counts.close()


def test_with_orthanc_as_the_sender(tmp_path, sqlite_archive):
    slices = [ct_slice(n) for n in (1, 2, 3)]
    report = ct_slice(1, series="1.2.3.9", Modality="SR")
    nodes = {"DicomModalities": {"us": ["CLINICALAI", "127.0.0.1", 1]}}
    with orthanc(tmp_path / "orthanc", more=nodes) as server:
        peer = Peer("orthanc", "ORTHANC", "127.0.0.1", server.dicom_port)
        files = [write_file(ds, tmp_path) for ds in (*slices, report)]
        assert not send(files, peer, calling_ae_title="TEST").failed
        counts = ExpectedCounts(lambda _: [DimseSource(peer, "CLINICALAI")])
        try:
            for ds in slices[:2]:
                store(sqlite_archive, ds)
            rules = CompletenessRules(settle_seconds=0.2, forced_seconds=600)
            received = []
            assembler = Assembler(
                sqlite_archive,
                QUIET,
                received.append,
                Completeness(sqlite_archive, rules, counts),
            )
            # Two of three: it knows, and will wait ten minutes.
            poll(lambda: not assembler.run_due(time.time()) and due(sqlite_archive) > soon(100))
            assert received == []
            store(sqlite_archive, slices[2])
            poll(lambda: assembler.run_due(time.time()) == 1)
            last = sqlite_archive.study("1.2.3").last_received_at
            assert time.time() - last < QUIET["default"]
        finally:
            counts.close()
    assert len(received) == 1


def soon(seconds):
    return time.time() + seconds


def due(archive):
    return archive.study("1.2.3").due_at
