"""What ``clinical-ai studies`` shows and does; UIDs and states, no names of patients."""

from dataclasses import asdict

from clinical_ai.formats import iso_moment
from clinical_ai.quarantine import refused_objects
from clinical_ai.routing import Retried, release, retry, rule_source
from clinical_ai.services import Services
from clinical_ai.worklist import worklist

COMMAND_LINE = "command line"  # in the audit trail, where no account did it


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
            "priority": row.priority,
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
            "received_at": iso_moment(refused.received_at),
        }
        for refused in refused_objects(services.engine)
    ]


def retry_study(services: Services, study_uid: str) -> Retried:
    """Decide anew about a study that failed or was not read, and queue it if that says so.

    Raises
    ------
    ReviewError
        When the study is unknown, or not in a state from which it may be read again.
    """
    rules = rule_source(services.settings, applies=False).current().rules
    return retry(services, rules, study_uid)


def release_study(services: Services, study_uid: str) -> str:
    """Let a held or ignored study go on; returns its state then.

    Raises
    ------
    ReviewError
        When the study is neither held nor ignored.
    """
    return release(services, study_uid, COMMAND_LINE)
