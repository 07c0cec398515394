"""Reports that are still to be made, in the database, so that a restart loses none."""

import json
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Engine, delete, select, update

from pacs_bridge.commitment.action import CommitmentRequest
from pacs_bridge.database import insert_or_ignore, writing
from pacs_bridge.retry import backoff_seconds
from pacs_bridge.tables import commitment_report

_MAX_REPORTS = 20  # in one round


@dataclass(frozen=True, slots=True)
class PendingReport:
    """A request that was accepted and not reported on yet.

    Parameters
    ----------
    calling_ae_title
        Who asked.
    created_at
        Seconds since 1970 UTC.
    attempts
        How often a report failed.
    """

    calling_ae_title: str
    request: CommitmentRequest
    created_at: float
    attempts: int


def add(
    engine: Engine, calling_ae_title: str, request: CommitmentRequest, *, now: float, due_at: float
) -> PendingReport:
    """Record that a report is due; the same transaction again starts anew."""
    report = PendingReport(calling_ae_title, request, now, 0)
    values = {
        "calling_ae_title": calling_ae_title,
        "transaction_uid": request.transaction_uid,
        "requested": json.dumps(request.references),
        "created_at": now,
        "due_at": due_at,
    }
    with writing(engine) as connection:
        _remove(connection, report)
        insert_or_ignore(connection, commitment_report, values)
    return report


def due(engine: Engine, now: float) -> list[PendingReport]:
    """Return reports whose time has come, the oldest first."""
    query = (
        select(commitment_report)
        .where(commitment_report.c.due_at <= now)
        .order_by(commitment_report.c.due_at)
        .limit(_MAX_REPORTS)
    )
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    return [
        PendingReport(
            calling_ae_title=row.calling_ae_title,
            request=CommitmentRequest(
                row.transaction_uid, tuple((c, i) for c, i in json.loads(row.requested))
            ),
            created_at=row.created_at,
            attempts=row.attempts,
        )
        for row in rows
    ]


def done(engine: Engine, report: PendingReport) -> None:
    """Forget a report that was made, or given up."""
    with writing(engine) as connection:
        _remove(connection, report)


def postpone(engine: Engine, report: PendingReport, *, now: float, failed: bool) -> None:
    """Set when to try next: at once, or later and later after failures."""
    attempts = report.attempts + failed
    wait = backoff_seconds(attempts) if failed else 0.0
    with writing(engine) as connection:
        connection.execute(
            update(commitment_report)
            .where(*_key(report))
            .values(due_at=now + wait, attempts=attempts)
        )


def _remove(connection: Connection, report: PendingReport) -> None:
    connection.execute(delete(commitment_report).where(*_key(report)))


def _key(report: PendingReport) -> tuple[ColumnElement[bool], ...]:
    columns = commitment_report.c
    return (
        columns.calling_ae_title == report.calling_ae_title,
        columns.transaction_uid == report.request.transaction_uid,
    )
