"""The audit trail: who viewed, decided, signed or signed in, and when. Rows are only added."""

import time

from sqlalchemy import Connection

from clinical_ai.store.tables import audit_event


def record_event(
    connection: Connection,
    username: str,
    action: str,
    *,
    study_uid: str | None = None,
    reading_id: str | None = None,
    detail: str = "",
) -> None:
    """Add one audit event in the caller's transaction.

    Parameters
    ----------
    action
        ``sign-in``, ``sign-in-refused``, ``view``, ``accept``, ``reject``, ``sign``, ...
    detail
        Never patient data; the study is named by its UID.
    """
    connection.execute(
        audit_event.insert().values(
            at=time.time(),
            username=username,
            action=action,
            study_uid=study_uid,
            reading_id=reading_id,
            detail=detail,
        )
    )
