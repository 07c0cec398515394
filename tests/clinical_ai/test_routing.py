"""Routing applied to an archive: what is stored, queued and forwarded, on both databases."""

import pytest
from sqlalchemy import select

from clinical_ai.dicom_settings import DicomSettings, PeerSettings
from clinical_ai.errors import ReviewError
from clinical_ai.messages import Message
from clinical_ai.routing import known_names, release, retry, route
from clinical_ai.services import open_services
from clinical_ai.settings import Settings
from clinical_ai.store.reads import finish_failed, mark_dispatched, set_step, undispatched
from clinical_ai.store.routing import (
    PRIORITY_NUMBERS,
    find_actions,
    find_decision,
    find_result_peers,
    find_stored,
)
from clinical_ai.store.tables import audit_event
from clinical_ai.worklist import versions, worklist
from pacs_bridge.assembly import Assembler, StudyVersion
from pacs_bridge.database import writing
from pacs_bridge.outbox import enqueue_delivery
from pacs_bridge.routing.actions import PriorsWish
from pacs_bridge.routing.load import parse_rules
from pacs_bridge.routing.rules import RuleSet
from pacs_bridge.tables import delivery
from tests.pacs_bridge.support import ct_slice, store

PEERS = {
    "pacs": PeerSettings(ae_title="PACS", host="127.0.0.1", port=104),
    "backup": PeerSettings(ae_title="BACKUP", host="127.0.0.1", port=104),
    "ours": PeerSettings(ae_title="CLINICALAI", host="127.0.0.1", port=11112),
}


@pytest.fixture
def services(tmp_path, database_url):
    settings = Settings(
        data_dir=tmp_path / "data",
        database_url=database_url,
        peers=PEERS,
        result_peers=("pacs",),
        dicom=DicomSettings(watermark_mb=0),
    )
    opened = open_services(settings)
    yield opened
    opened.close()


@pytest.fixture
def rules(services):
    def made(text: str) -> RuleSet:
        return parse_rules(text.encode(), "r.yaml", known_names(services.settings)).rules

    return made


def one_rule(then: str) -> str:
    return f"rules: [{{name: the rule, then: {then}}}]"


def receive(services, *slices, source: str = "CT1") -> list[StudyVersion]:
    """Store slices and complete their studies; returns the versions handed on."""
    for image in slices:
        stored = store(services.archive, image, calling_ae_title=source)
        assert stored.status == 0, stored.reason
    complete: list[StudyVersion] = []
    Assembler(services.archive, {"default": 0.0}, complete.append).run_due(2**33)
    return complete


def forwarded(services) -> set[tuple[str, str]]:
    with services.engine.connect() as connection:
        rows = connection.execute(select(delivery).where(delivery.c.purpose == "forward"))
        return {(r.sop_instance_uid, r.peer) for r in rows}


def state(services, study_uid: str = "1.2.3") -> str:
    return versions(services.engine, study_uid)[0].state


def test_without_rules_a_study_is_queued_as_ever(services):
    (version,) = receive(services, ct_slice())
    decision = route(services, RuleSet(), version)
    assert decision.rule is None
    (row,) = worklist(services.engine)
    assert (row.state, row.priority, row.reason) == ("queued", "normal", None)
    assert [r.study_uid for r in undispatched(services.engine)] == ["1.2.3"]
    assert forwarded(services) == set()
    with services.engine.connect() as connection:
        key = ("1.2.3", version.content_version)
        assert find_result_peers(connection, *key, ("pacs",)) == ("pacs",)
        assert find_result_peers(connection, "1.2.4", "unknown", ("pacs",)) == ("pacs",)


def test_what_was_decided_is_stored_and_stays(services, rules):
    (version,) = receive(services, ct_slice())
    key = (version.study_uid, version.content_version)
    first = route(
        services,
        rules(
            "rules:\n- {name: other, when: {modality: MR}, then: {ignore: true}}\n"
            "- {name: the rule, when: {modality: CT}, then: {read: lung_nodule, priority: stat,"
            " forward_to: [backup], results_to: [], priors: {count: 2, from: pacs}}}\n"
        ),
        version,
    )
    before = forwarded(services)
    again = route(services, rules(one_rule("{ignore: true}")), version)
    assert again == first
    assert (state(services), forwarded(services)) == ("queued", before)
    with services.engine.connect() as connection:
        assert find_decision(connection, *key) == first
        assert find_actions(connection, *key).read == "lung_nodule"
        assert find_result_peers(connection, *key, ("pacs",)) == ()
        stored = find_stored(connection, "1.2.3")
    assert first.priors == PriorsWish(2, "pacs")
    assert first.tried[0].trace is not None
    assert first.tried[0].trace.seen == "CT"
    assert stored is not None
    assert (stored.content_version, stored.released_by) == (version.content_version, None)


def test_priority_orders_the_queue_and_the_worklist(services, rules):
    by_title = "\n".join(
        f"- {{name: {name}, when: {{calling_ae: {name.upper()}}}, then: {{priority: {name}}}}}"
        for name in PRIORITY_NUMBERS
    )
    for number, name in enumerate(("low", "normal", "stat", "high")):
        study = f"1.9.{number}"
        (version,) = receive(
            services, ct_slice(study=study, series=f"{study}.1"), source=name.upper()
        )
        route(services, rules(f"rules:\n{by_title}\n"), version)
    assert [r.priority for r in undispatched(services.engine)] == [1, 2, 3, 4]
    assert [r.priority for r in worklist(services.engine)] == list(PRIORITY_NUMBERS)


def test_images_go_to_the_peers_named_and_never_back_or_to_ourselves(services, rules):
    receive(services, ct_slice(1))
    (version,) = receive(services, ct_slice(2), source="BACKUP")
    own = ct_slice(9, series="1.2.3.9")
    with writing(services.engine) as connection:
        enqueue_delivery(
            connection,
            sop_instance_uid=own.SOPInstanceUID,
            path=services.settings.results_dir / "x.dcm",
            peer_name="pacs",
        )
    assert receive(services, own, source="PACS") == []  # our own result comes back
    assert known_names(services.settings).ourselves == {"ours"}
    route(services, rules(one_rule("{forward_to: [pacs, backup]}")), version)
    assert forwarded(services) == {
        ("1.2.3.1.1", "pacs"),
        ("1.2.3.1.1", "backup"),
        ("1.2.3.1.2", "pacs"),
    }


def test_a_forwarded_image_that_comes_back_is_no_new_version(services, rules):
    (version,) = receive(services, ct_slice())
    route(services, rules(one_rule("{forward_to: backup}")), version)
    assert receive(services, ct_slice(), source="BACKUP") == []
    assert len(forwarded(services)) == 1
    assert not services.archive.instances("1.2.3")[0].own_result


def test_a_held_study_waits_and_then_follows_the_rest_of_its_rule(services, rules):
    (version,) = receive(services, ct_slice())
    then = "{hold: true, read: lung_nodule, priority: high, forward_to: pacs}"
    route(services, rules(one_rule(then)), version)
    (row,) = worklist(services.engine)
    assert (row.state, row.priority) == ("held", "high")
    assert str(row.reason) == "Held by routing rule the rule until it is released."
    assert undispatched(services.engine) == []
    assert forwarded(services) == set()
    assert release(services, "1.2.3", "command line") == "queued"
    assert [r.priority for r in undispatched(services.engine)] == [2]
    assert forwarded(services) == {("1.2.3.1.1", "pacs")}
    with services.engine.connect() as connection:
        stored = find_stored(connection, "1.2.3")
        events = connection.execute(select(audit_event)).all()
    assert stored is not None
    assert stored.released_by == "command line"
    assert [(e.action, e.study_uid, e.detail) for e in events] == [("release", "1.2.3", "was held")]
    with pytest.raises(ReviewError, match=r"1\.2\.3 is queued; only held and ignored"):
        release(services, "1.2.3", "command line")


def test_an_ignored_study_does_nothing_until_it_is_released(services, rules):
    (version,) = receive(services, ct_slice())
    route(services, rules("default: {ignore: true}"), version)
    (row,) = worklist(services.engine)
    assert row.state == "ignored"
    assert str(row.reason) == "Ignored by the default of the routing rules."
    assert undispatched(services.engine) == []
    assert release(services, "1.2.3", "command line") == "queued"


def test_a_rule_may_ask_for_no_reading(services, rules):
    (version,) = receive(services, ct_slice())
    route(services, rules(one_rule("{read: none, forward_to: pacs}")), version)
    (row,) = worklist(services.engine)
    assert row.state == "not_read"
    assert str(row.reason) == "Not read: routing rule the rule asks for no reading."
    assert len(forwarded(services)) == 1
    assert undispatched(services.engine) == []


def test_late_images_are_decided_anew_and_supersede_what_was_held(services, rules):
    (first,) = receive(services, ct_slice(1))
    route(services, rules(one_rule("{hold: true, forward_to: pacs}")), first)
    (second,) = receive(services, ct_slice(2))
    assert second.content_sequence == 2
    route(services, rules(one_rule("{ignore: true}")), second)
    assert [v.state for v in versions(services.engine, "1.2.3")] == ["ignored", "superseded"]
    (third,) = receive(services, ct_slice(3))
    route(services, RuleSet(), third)
    assert [v.state for v in versions(services.engine, "1.2.3")] == [
        "queued",
        "superseded",
        "superseded",
    ]


def test_a_retry_asks_the_present_rules_and_is_dispatched_again(services, rules):
    (version,) = receive(services, ct_slice())
    route(services, rules(one_rule("{read: none}")), version)
    retried = retry(services, rules(one_rule("{priority: high, forward_to: pacs}")), "1.2.3")
    assert (retried.state, retried.attempt) == ("queued", 2)
    (read,) = undispatched(services.engine)
    assert (read.attempt, read.priority) == (2, 2)
    assert len(forwarded(services)) == 1
    mark_dispatched(services.engine, read)
    assert undispatched(services.engine) == []
    with pytest.raises(ReviewError, match=r"1\.2\.3 is queued; only failed and not_read"):
        retry(services, RuleSet(), "1.2.3")
    finish_failed(services.engine, "1.2.3", version.content_version, Message("x"))
    assert retry(services, RuleSet(), "1.2.3").attempt == 3
    assert [r.attempt for r in undispatched(services.engine)] == [3]
    with services.engine.connect() as connection:
        decision = find_decision(connection, "1.2.3", version.content_version)
    assert decision is not None
    assert decision.rules_digest is None


def test_a_retry_may_hold_or_ignore_too(services, rules):
    (version,) = receive(services, ct_slice())
    route(services, rules(one_rule("{read: none}")), version)
    retried = retry(services, rules(one_rule("{hold: true, forward_to: pacs}")), "1.2.3")
    assert (retried.state, state(services)) == ("held", "held")
    assert forwarded(services) == set()


def test_a_retry_of_a_released_study_does_not_hold_it_again(services, rules):
    (version,) = receive(services, ct_slice())
    hold = rules(one_rule("{hold: true}"))
    route(services, hold, version)
    release(services, "1.2.3", "command line")
    set_step(services.engine, "1.2.3", version.content_version, "read")
    finish_failed(services.engine, "1.2.3", version.content_version, Message("x"))
    assert retry(services, hold, "1.2.3").state == "queued"


def test_unknown_studies_are_refused(services):
    for act in (lambda: release(services, "9.9", "x"), lambda: retry(services, RuleSet(), "9.9")):
        with pytest.raises(ReviewError, match=r"study 9\.9 is not on the worklist"):
            act()
