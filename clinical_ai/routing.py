"""Routing applied: when a study version is complete, decide what is done with it and do that.

Decision, place in the queue and forwards are one transaction, made once a study version.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog
from sqlalchemy import Connection

from clinical_ai.errors import ReviewError
from clinical_ai.messages import N_, Message
from clinical_ai.peers import dicom_peers
from clinical_ai.readers.names import READER_NAMES
from clinical_ai.services import Services
from clinical_ai.settings import Settings
from clinical_ai.store.audit import record_event
from clinical_ai.store.reads import Placement, begin_attempt, newest_read, place_read
from clinical_ai.store.routing import (
    PRIORITY_NUMBERS,
    add_decision,
    find_decision,
    mark_released,
    replace_decision,
    was_released,
)
from pacs_bridge.assembly import StudyVersion
from pacs_bridge.database import writing
from pacs_bridge.hl7.order_index import order_of_study
from pacs_bridge.hl7.orders import Priority as OrderPriority
from pacs_bridge.outbox import enqueue_delivery
from pacs_bridge.records import InstanceRecord
from pacs_bridge.routing.actions import READ_NONE, Actions, Priority
from pacs_bridge.routing.decision import Decision
from pacs_bridge.routing.facts import StudyFacts
from pacs_bridge.routing.gather import facts_of_archived
from pacs_bridge.routing.read_actions import Known
from pacs_bridge.routing.rules import RuleSet, decide
from pacs_bridge.routing.source import RuleSource

HELD = N_("Held by routing rule {rule} until it is released.")
HELD_BY_DEFAULT = N_("Held by the default of the routing rules until it is released.")
IGNORED = N_("Ignored by routing rule {rule}.")
IGNORED_BY_DEFAULT = N_("Ignored by the default of the routing rules.")
UNREAD = N_("Not read: routing rule {rule} asks for no reading.")
UNREAD_BY_DEFAULT = N_("Not read: the default of the routing rules asks for no reading.")
NOT_LISTED = "study {study_uid} is not on the worklist; see `clinical-ai studies`"
STOPPED_STATES = ("held", "ignored")
RETRY_STATES = ("failed", "not_read")

# A routine order says nothing: the rules' own priority, even "low", stands.
_PRIORITIES_OF_ORDERS: dict[OrderPriority, Priority] = {
    "stat": "stat",
    "asap": "high",
    "routine": "low",
}

_log = structlog.get_logger(__name__)


def known_names(settings: Settings) -> Known:
    """Return the peers and readers that rules of this installation may name."""
    own = {settings.dicom.ae_title, *settings.dicom.called_ae_titles}
    return Known(
        peers=frozenset(settings.peers) | frozenset(settings.web_peers),
        readers=frozenset(READER_NAMES),
        ourselves=frozenset(name for name, p in settings.peers.items() if p.ae_title in own),
    )


def rule_source(settings: Settings, *, applies: bool) -> RuleSource:
    """Return the source of the rules; `applies` is for the listener alone."""
    return RuleSource(
        settings.routing_file,
        known_names(settings),
        settings.last_good_routing_file,
        applies=applies,
    )


def route(services: Services, rules: RuleSet, version: StudyVersion) -> Decision:
    """Decide what is done with a study version and begin it; doing it again changes nothing."""
    with services.engine.connect() as connection:
        stored = find_decision(connection, version.study_uid, version.content_version)
    if stored is not None:
        return stored
    decision = decide(rules, _facts(services, rules, version.study_uid))
    images = _forwarded(services, decision.actions, version.study_uid)
    key = (version.study_uid, version.content_version)
    with writing(services.engine) as connection:
        if not add_decision(connection, *key, decision):
            return decision  # somebody else was quicker, with the same rules
        placed = _raised_by_order(connection, version.study_uid, placement(decision))
        place_read(connection, *key, version.content_sequence, placed)
        if not _is_stopped(decision.actions):
            _forward(connection, images)
    _log.info(
        "study.routed",
        study=version.study_uid,
        version=version.content_version,
        rule=decision.rule,
        actions=str(decision.actions),
    )
    return decision


def release(services: Services, study_uid: str, released_by: str) -> str:
    """Let a held or ignored study go on; returns the state it is in then.

    A held study is treated as the rule that held it says beside that; an ignored one is read
    as without any rule. Images that come later are decided anew.

    Raises
    ------
    ReviewError
        When the newest version of the study is neither held nor ignored.
    """
    with writing(services.engine) as connection:
        read = newest_read(connection, study_uid)
        if read is None:
            raise ReviewError(NOT_LISTED.format(study_uid=study_uid))
        decision = find_decision(connection, study_uid, read.content_version)
        if read.state not in STOPPED_STATES or decision is None:
            raise ReviewError(
                f"study {study_uid} is {read.state}; only held and ignored studies are released"
            )
        images = _forwarded(services, decision.actions, study_uid)
        placed = placement(decision, released=True)
        begin_attempt(connection, study_uid, read.content_version, placed)
        mark_released(connection, study_uid, read.content_version, released_by)
        _forward(connection, images)
        record_event(
            connection, released_by, "release", study_uid=study_uid, detail=f"was {read.state}"
        )
    _log.info("study.released", study=study_uid, state=placed.state)
    return placed.state


@dataclass(frozen=True, slots=True)
class Retried:
    """What came of trying a study again: the state it is in, and the number of the attempt."""

    state: str
    attempt: int
    decision: Decision | None


def retry(services: Services, rules: RuleSet, study_uid: str) -> Retried:
    """Decide anew about a study that failed or was not read, by the present rules.

    A study that somebody released by hand keeps its decision, or the rule that held it would
    hold it again.

    Raises
    ------
    ReviewError
        When the study is unknown, or not in a state from which it may be read again.
    """
    facts = _facts(services, rules, study_uid)
    with writing(services.engine) as connection:
        read = newest_read(connection, study_uid)
        if read is None:
            raise ReviewError(NOT_LISTED.format(study_uid=study_uid))
        if read.state not in RETRY_STATES:
            raise ReviewError(
                f"study {study_uid} is {read.state}; only failed and not_read can be read again"
            )
        key = (study_uid, read.content_version)
        if was_released(connection, *key):
            decision = find_decision(connection, *key)
            placed = Placement("queued") if decision is None else placement(decision, released=True)
            return Retried(placed.state, begin_attempt(connection, *key, placed), decision)
        decision = decide(rules, facts)
        placed = placement(decision)
        replace_decision(connection, *key, decision)
        if not _is_stopped(decision.actions):
            _forward(connection, _forwarded(services, decision.actions, study_uid))
        return Retried(placed.state, begin_attempt(connection, *key, placed), decision)


def placement(decision: Decision, *, released: bool = False) -> Placement:
    """Return where a study stands by a decision; `released` passes over hold and ignore."""
    actions = decision.actions
    priority = PRIORITY_NUMBERS[actions.priority]
    if actions.ignore and not released:
        return Placement("ignored", priority, _reason(decision, IGNORED, IGNORED_BY_DEFAULT))
    if actions.hold and not released:
        return Placement("held", priority, _reason(decision, HELD, HELD_BY_DEFAULT))
    if actions.read == READ_NONE:
        return Placement("not_read", priority, _reason(decision, UNREAD, UNREAD_BY_DEFAULT))
    return Placement("queued", priority)


def _raised_by_order(connection: Connection, study_uid: str, placed: Placement) -> Placement:
    """Return where a study stands when the RIS, too, says how urgent it is; rules may say more."""
    found = order_of_study(connection, study_uid)
    if found is None or not found.patient_agrees or found.order.state == "cancelled":
        return placed
    ordered = PRIORITY_NUMBERS[_PRIORITIES_OF_ORDERS[found.order.priority]]
    return replace(placed, priority=min(placed.priority, ordered))


def _reason(decision: Decision, by_rule: str, by_default: str) -> Message:
    return (
        Message(by_default) if decision.rule is None else Message(by_rule, {"rule": decision.rule})
    )


def _is_stopped(actions: Actions) -> bool:
    return actions.hold or actions.ignore


def _facts(services: Services, rules: RuleSet, study_uid: str) -> StudyFacts:
    now = datetime.now(UTC).astimezone()
    facts = facts_of_archived(services.archive, study_uid, rules.tags(), now)
    if facts is None:
        raise ReviewError(NOT_LISTED.format(study_uid=study_uid))
    return facts


@dataclass(frozen=True, slots=True)
class _Forward:
    image: InstanceRecord
    peer_name: str


def _forwarded(services: Services, actions: Actions, study_uid: str) -> list[_Forward]:
    """Return what goes where: source images only, and none back to the AE that sent it."""
    if not actions.forward_to:
        return []
    titles = {name: peer.ae_title for name, peer in dicom_peers(services.settings).items()}
    return [
        _Forward(image, peer_name)
        for image in services.archive.instances(study_uid)
        for peer_name in actions.forward_to
        if image.calling_ae_title.strip() != titles.get(peer_name)
    ]


def _forward(connection: Connection, forwards: Iterable[_Forward]) -> None:
    for one in forwards:
        enqueue_delivery(
            connection,
            sop_instance_uid=one.image.sop_instance_uid,
            path=one.image.path,
            peer_name=one.peer_name,
            purpose="forward",
        )
