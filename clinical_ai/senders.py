"""Who sent what: counts of the archive, and answer times of the listener that runs now."""

import time
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, case, func, select

from clinical_ai.formats import iso_moment
from clinical_ai.services import Services
from pacs_bridge.exposition import ServedPeer, served_peers
from pacs_bridge.tables import instance, quarantine

MOST_SENDERS = 200
_HOUR_S, _DAY_S = 3600.0, 86_400.0


@dataclass(frozen=True, slots=True)
class Sender:
    """One calling AE title.

    Parameters
    ----------
    known
        The settings name it, as allowed or as a peer.
    instances, size_bytes
        Archived in the time looked at.
    last_hour, last_day
        Instances archived.
    refused
        Objects kept in quarantine.
    first_at, last_at
        Seconds since 1970 UTC; None if only refused.
    served
        By the listener that runs now; None if it does not tell.
    """

    ae_title: str
    known: bool
    instances: int
    size_bytes: int
    last_hour: int
    last_day: int
    refused: int
    first_at: float | None
    last_at: float | None
    served: ServedPeer | None

    def shown(self) -> dict[str, Any]:
        """Return the row of a table: times in this machine's zone, sizes in megabytes."""
        served = self.served
        row = asdict(self)
        return {
            **row,
            "megabytes": round(self.size_bytes / 1e6, 1),
            "first_at": None if self.first_at is None else iso_moment(self.first_at),
            "last_at": None if self.last_at is None else iso_moment(self.last_at),
            "open": served.associations_open if served else None,
            "mean_ms": served.mean_ms if served else None,
            "mb_per_s": served.mb_per_s if served else None,
        }


def sender_statistics(services: Services, days: float) -> list[Sender]:
    """Return the senders of the last `days`, those with most instances first.

    Raises
    ------
    pacs_bridge.errors.MetricsError
        When something else than a listener answers on the port for metrics.
    """
    settings = services.settings
    known = {*settings.dicom.allowed_calling, *(p.ae_title for p in settings.peers.values())}
    served = served_peers(settings.metrics_port) if settings.metrics_port else {}
    since = time.time() - days * _DAY_S
    with services.engine.connect() as connection:
        archived = _archived(connection, since)
        refused = _refused(connection, since)
    titles = [*archived, *(t for t in refused if t not in archived)]
    titles += sorted(t for t in known if t not in archived and t not in refused)
    return [
        Sender(
            ae_title=title,
            known=title in known,
            refused=refused.get(title, 0),
            served=served.get(title),
            **archived.get(title, _NOTHING),
        )
        for title in titles
    ]


_NOTHING: dict[str, Any] = {
    "instances": 0,
    "size_bytes": 0,
    "last_hour": 0,
    "last_day": 0,
    "first_at": None,
    "last_at": None,
}


def _archived(connection: Connection, since: float) -> dict[str, dict[str, Any]]:
    now, at = time.time(), instance.c.received_at
    query = (
        select(
            instance.c.calling_ae_title,
            func.count().label("instances"),
            func.sum(instance.c.size_bytes).label("size_bytes"),
            func.sum(case((at >= now - _HOUR_S, 1), else_=0)).label("last_hour"),
            func.sum(case((at >= now - _DAY_S, 1), else_=0)).label("last_day"),
            func.min(at).label("first_at"),
            func.max(at).label("last_at"),
        )
        .where(at >= since)
        .group_by(instance.c.calling_ae_title)
        .order_by(func.count().desc(), instance.c.calling_ae_title)
        .limit(MOST_SENDERS)
    )
    found = {}
    for row in connection.execute(query).mappings():
        values = dict(row)
        values["size_bytes"] = int(values["size_bytes"])  # PostgreSQL sums to a decimal number
        found[values.pop("calling_ae_title")] = values
    return found


def _refused(connection: Connection, since: float) -> dict[str, int]:
    query = (
        select(quarantine.c.calling_ae_title, func.count().label("refused"))
        .where(quarantine.c.received_at >= since)
        .group_by(quarantine.c.calling_ae_title)
        .order_by(func.count().desc())
        .limit(MOST_SENDERS)
    )
    return {row.calling_ae_title: row.refused for row in connection.execute(query)}
