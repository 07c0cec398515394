"""Writes to the deliveries what a peer reports of its commitment."""

import time
from collections.abc import Collection, Mapping
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, Row, select, update

from pacs_bridge.commitment.datasets import CommitmentReport, describe_reason
from pacs_bridge.database import writing
from pacs_bridge.retry import RetryPolicy, backoff_seconds
from pacs_bridge.tables import commitment, delivery

_log = structlog.get_logger(__name__)

# N-EVENT-REPORT statuses (PS3.7 section 10.1.1.1.8)
SUCCESS = 0x0000
PROCESSING_FAILURE = 0x0110
INVALID_ARGUMENT = 0x0115


def record_report(
    engine: Engine, report: CommitmentReport, peer_names: Collection[str], policy: RetryPolicy
) -> int:
    """Mark what is committed as sent, and queue what is not to be sent again.

    A commitment counts even when it comes so late that we have asked again; a failure counts
    only for the newest question.

    Parameters
    ----------
    peer_names
        Peers that the reporter may be, by its AE title.

    Returns
    -------
    int
        Status to answer: a transaction that none of these peers was asked in is an invalid
        argument.
    """
    query = (
        select(delivery)
        .join(commitment, commitment.c.delivery_id == delivery.c.id)
        .where(
            commitment.c.transaction_uid == report.transaction_uid,
            delivery.c.peer.in_(peer_names),
        )
        .with_for_update()
    )
    committed = failed = 0
    with writing(engine) as connection:
        rows = connection.execute(query).all()
        for row in rows:
            if row.sop_instance_uid in report.committed and row.state != "dropped":
                _change(connection, row, {"state": "sent", "sent_at": time.time(), **_CLEAR})
                committed += 1
            elif row.sop_instance_uid in report.failed and _is_asked(row, report.transaction_uid):
                code = report.failed[row.sop_instance_uid]
                reason = f"the peer did not commit to keep it: {describe_reason(code)}"
                send_again(connection, row, reason, policy)
                failed += 1
    if not rows:
        _log.warning("commitment.unknown_transaction", peers=sorted(peer_names))
        return INVALID_ARGUMENT
    _log.info("commitment.reported", peer=rows[0].peer, committed=committed, failed=failed)
    return SUCCESS


def send_again(
    connection: Connection, row: Row[tuple[Any, ...]], reason: str, policy: RetryPolicy
) -> None:
    """Queue a stored delivery once more, or give it up after the last round.

    Parameters
    ----------
    row
        Of the table ``delivery``, locked.
    """
    now = time.time()
    rounds = row.commitment_rounds + 1
    is_last = rounds > policy.commitment_rounds
    values = {
        "state": "dead" if is_last else "queued",
        "commitment_rounds": rounds,
        "due_at": now + backoff_seconds(rounds, first=policy.first_seconds),
        "last_error": reason,
        "failing_since": row.failing_since or now,
        "leased_until": None,
        "leased_by": None,
    }
    _change(connection, row, values)


_CLEAR: dict[str, None] = {
    "last_error": None,
    "failing_since": None,
    "leased_until": None,
    "leased_by": None,
}


def _is_asked(row: Row[tuple[Any, ...]], transaction_uid: str) -> bool:
    return bool(row.state == "stored" and row.commitment_uid == transaction_uid)


def _change(
    connection: Connection, row: Row[tuple[Any, ...]], values: Mapping[str, object]
) -> None:
    connection.execute(update(delivery).where(delivery.c.id == row.id).values(**values))
