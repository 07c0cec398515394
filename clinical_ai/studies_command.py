"""What ``clinical-ai studies`` shows and does; UIDs and states, no names of patients."""

from dataclasses import asdict
from datetime import UTC, datetime

from clinical_ai.errors import ReviewError
from clinical_ai.quarantine import refused_objects
from clinical_ai.services import Services
from clinical_ai.store.reads import begin_attempt
from clinical_ai.worklist import versions, worklist


def study_rows(services: Services) -> list[dict[str, object]]:
    """Return one dictionary a study version."""
    return [
        {
            "study_uid": row.study_uid,
            "study_date": row.study_date,
            "modalities": row.modalities,
            "instances": row.instances,
            "version": row.content_sequence,
            "content_version": row.content_version,
            "state": row.state if row.step is None else f"{row.state}: {row.step}",
            "urgency": row.urgency,
            "result": row.category or (str(row.reason) if row.reason else None),
            "finding_count": row.finding_count,
            "signed_by": row.signed_by,
        }
        for row in worklist(services.engine, limit=100_000)
    ]


def refused_rows(services: Services) -> list[dict[str, object]]:
    """Return one dictionary an object that the listener refused, newest first."""
    return [
        {
            **asdict(refused),
            "received_at": datetime.fromtimestamp(refused.received_at, UTC).isoformat(
                timespec="seconds"
            ),
        }
        for refused in refused_objects(services.engine)
    ]


def retry_study(services: Services, study_uid: str) -> int:
    """Queue the newest version of a study again; returns the number of the attempt.

    Raises
    ------
    ReviewError
        When the study is unknown, or not in a state from which it may be read again.
    """
    rows = versions(services.engine, study_uid)
    if not rows or rows[0].content_version is None:
        raise ReviewError(f"study {study_uid} is not on the worklist; see `clinical-ai studies`")
    if rows[0].state not in {"failed", "not_read"}:
        raise ReviewError(
            f"study {study_uid} is {rows[0].state}; only failed and not_read can be read again"
        )
    return begin_attempt(services.engine, study_uid, rows[0].content_version)
