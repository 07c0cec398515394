"""What the listener refused and kept aside, with the reason, for worklist and command line."""

from dataclasses import dataclass

from sqlalchemy import Engine, select

from pacs_bridge.tables import quarantine


@dataclass(frozen=True, slots=True)
class Refused:
    """One object that was not taken into the archive.

    Parameters
    ----------
    received_at
        UTC epoch seconds.
    sop_instance_uid
        As the sender named it; None when that was no UID.
    reason
        What is wrong with it, in English; never patient data.
    """

    received_at: float
    calling_ae_title: str
    sop_instance_uid: str | None
    reason: str


def refused_objects(engine: Engine, *, limit: int = 200) -> list[Refused]:
    """Return the newest refused objects."""
    with engine.connect() as connection:
        rows = connection.execute(
            select(quarantine).order_by(quarantine.c.received_at.desc()).limit(limit)
        )
        return [
            Refused(r.received_at, r.calling_ae_title, r.sop_instance_uid, r.reason) for r in rows
        ]
