"""Routing decisions as stored: one a study version, written when it was complete."""

import time
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, select, update

from clinical_ai.store.tables import routing_decision, study_read
from pacs_bridge.database import insert_or_ignore
from pacs_bridge.routing.actions import Actions, Priority
from pacs_bridge.routing.decision import Decision, decision_from_json, decision_to_json

# Order of reading, smaller first. DBOS takes 1 to 2**31 - 1 and keeps 0, its highest, for
# workflows without a priority.
PRIORITY_NUMBERS: dict[Priority, int] = {"stat": 1, "high": 2, "normal": 3, "low": 4}


def find_decision(connection: Connection, study_uid: str, content_version: str) -> Decision | None:
    """Return the decision about a study version; None if none was made.

    Raises
    ------
    pacs_bridge.errors.RoutingError
        If what is stored cannot be read.
    """
    body = connection.execute(
        select(routing_decision.c.body).where(*_key(study_uid, content_version))
    ).scalar_one_or_none()
    return None if body is None else decision_from_json(body)


@dataclass(frozen=True, slots=True)
class StoredDecision:
    """A decision with the study version it is about.

    Parameters
    ----------
    released_by
        Who let the study go on; None when nobody did.
    """

    content_version: str
    decision: Decision
    released_by: str | None


def find_stored(connection: Connection, study_uid: str) -> StoredDecision | None:
    """Return the newest decision about a study; None if none was made.

    Raises
    ------
    pacs_bridge.errors.RoutingError
        If what is stored cannot be read.
    """
    row = connection.execute(
        select(routing_decision)
        .join(
            study_read,
            and_(
                study_read.c.study_uid == routing_decision.c.study_uid,
                study_read.c.content_version == routing_decision.c.content_version,
            ),
        )
        .where(routing_decision.c.study_uid == study_uid)
        .order_by(study_read.c.content_sequence.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    return StoredDecision(row.content_version, decision_from_json(row.body), row.released_by)


def find_actions(connection: Connection, study_uid: str, content_version: str) -> Actions:
    """Return what is to be done with a study version; the default if nothing was decided."""
    decision = find_decision(connection, study_uid, content_version)
    return Actions() if decision is None else decision.actions


def find_result_peers(
    connection: Connection, study_uid: str, content_version: str, usual: tuple[str, ...]
) -> tuple[str, ...]:
    """Return who gets the results of a study version: the `usual` peers unless a rule says."""
    named = find_actions(connection, study_uid, content_version).results_to
    return usual if named is None else named


def was_released(connection: Connection, study_uid: str, content_version: str) -> bool:
    """Whether somebody let the study version go on, against the rules."""
    query = select(routing_decision.c.released_at).where(*_key(study_uid, content_version))
    return connection.execute(query).scalar_one_or_none() is not None


def add_decision(
    connection: Connection, study_uid: str, content_version: str, decision: Decision
) -> bool:
    """Store the decision, unless there is one already; whether it was stored."""
    return insert_or_ignore(
        connection,
        routing_decision,
        {"study_uid": study_uid, "content_version": content_version, **_values(decision)},
    )


def replace_decision(
    connection: Connection, study_uid: str, content_version: str, decision: Decision
) -> None:
    """Store the decision in place of an earlier one; a release of that is forgotten."""
    if add_decision(connection, study_uid, content_version, decision):
        return
    connection.execute(
        update(routing_decision)
        .where(*_key(study_uid, content_version))
        .values(**_values(decision), released_at=None, released_by=None)
    )


def mark_released(
    connection: Connection, study_uid: str, content_version: str, released_by: str
) -> None:
    """Note who let a held or ignored study go on, and when."""
    connection.execute(
        update(routing_decision)
        .where(*_key(study_uid, content_version))
        .values(released_at=time.time(), released_by=released_by)
    )


def _values(decision: Decision) -> dict[str, object]:
    return {
        "rule": decision.rule,
        "rules_digest": decision.rules_digest,
        "body": decision_to_json(decision),
        "decided_at": decision.decided_at,
    }


def _key(study_uid: str, content_version: str) -> tuple[ColumnElement[bool], ...]:
    return (
        routing_decision.c.study_uid == study_uid,
        routing_decision.c.content_version == content_version,
    )
