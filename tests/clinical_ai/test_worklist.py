import pytest

from clinical_ai.messages import Message
from clinical_ai.store.migrate import migrate
from clinical_ai.store.reads import finish_failed, queue_read, set_step
from clinical_ai.worklist import versions, worklist
from pacs_bridge.database import open_engine
from tests.support.rows import add_reading, add_study


@pytest.fixture
def engine(database_url):
    opened = open_engine(database_url)
    migrate(opened)
    yield opened
    opened.dispose()


def uids(rows):
    return [row.study_uid for row in rows]


def test_a_study_shows_from_its_first_image_on(engine):
    add_study(engine, "1.1", images=3)
    (row,) = worklist(engine)
    assert (row.state, row.content_version, row.instances) == ("arriving", None, 3)
    assert row.patient_name == "Zhang^San=张^三"
    queue_read(engine, "1.1", "v1", 1)
    assert worklist(engine)[0].state == "queued"
    set_step(engine, "1.1", "v1", "read", 0.4)
    (row,) = worklist(engine)
    assert (row.state, row.step, row.progress) == ("reading", "read", 0.4)


def test_urgent_first_then_the_longest_waiting_and_signed_last(engine):
    for number, urgency in enumerate(("routine", "soon", "urgent", "urgent")):
        add_study(engine, f"1.{number}", created_at=100.0 - number)
        add_reading(engine, f"1.{number}", urgency=urgency)
    assert uids(worklist(engine)) == ["1.3", "1.2", "1.1", "1.0"]


def test_a_late_image_makes_a_new_version_and_the_old_one_is_superseded(engine):
    add_study(engine, "1.1")
    add_reading(engine, "1.1", "v1", 1)
    queue_read(engine, "1.1", "v2", 2)
    assert [(r.content_version, r.state) for r in worklist(engine)] == [("v2", "queued")]
    assert [(r.content_version, r.state) for r in versions(engine, "1.1")] == [
        ("v2", "queued"),
        ("v1", "superseded"),
    ]
    set_step(engine, "1.1", "v1", "read")  # a worker that does not know yet
    assert versions(engine, "1.1")[1].state == "superseded"


def test_queueing_a_version_twice_changes_nothing(engine):
    add_study(engine, "1.1")
    add_reading(engine, "1.1")
    queue_read(engine, "1.1", "v1", 1)
    assert [r.state for r in worklist(engine)] == ["ready"]


def test_why_a_study_was_not_read_is_on_its_row(engine):
    add_study(engine, "1.1")
    reason = Message("Not read: {what}.", {"what": "a localizer only"})
    add_reading(engine, "1.1", status="not_read", reason=reason)
    (row,) = worklist(engine)
    assert (row.state, row.reason) == ("not_read", reason)
    add_study(engine, "1.2")
    queue_read(engine, "1.2", "v1", 1)
    finish_failed(engine, "1.2", "v1", reason)
    assert versions(engine, "1.2")[0].state == "failed"


@pytest.mark.parametrize(
    ("search", "found"),
    [("张", ["1.1"]), ("zhang", ["1.1"]), ("A-77", ["1.2"]), ("%", []), ("_", []), ("", None)],
)
def test_search_by_name_id_or_accession_without_wildcards(engine, search, found):
    add_study(engine, "1.1", accession_number="A-12")
    add_study(engine, "1.2", patient_name="Li^Si", accession_number="A-77")
    expected = ["1.1", "1.2"] if found is None else found
    assert sorted(uids(worklist(engine, search=search))) == expected


def test_filter_by_state(engine):
    add_study(engine, "1.1")
    add_study(engine, "1.2")
    add_reading(engine, "1.2")
    assert uids(worklist(engine, states=["ready"])) == ["1.2"]
    assert uids(worklist(engine, states=["arriving"])) == ["1.1"]
