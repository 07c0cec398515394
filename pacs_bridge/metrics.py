"""What Prometheus is told: reception, archive, outbox, database. Never patient data.

Labels are bounded: peers by the names of the settings (all others are `OTHER`), statuses,
states and a few fixed reasons. Gauges of the database are read at a scrape, but not more
often than every `FRESH_SECONDS`, and counts stop at `MOST_COUNTED`, so that scraping costs
little however large the archive is.
"""

import shutil
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from prometheus_client import Histogram
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry
from prometheus_client.utils import floatToGoString
from sqlalchemy import Connection, Engine, case, event, func, select
from sqlalchemy.exc import SQLAlchemyError

from pacs_bridge.statistics import LATENCY_BOUNDS_S, OTHER, PeerStatistics, ReceiveStatistics
from pacs_bridge.tables import delivery, quarantine, study

FRESH_SECONDS = 5.0
MOST_COUNTED = 100_000
_COMMIT_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
# How the archive puts each kind of reason (pacs_bridge.archive, header, admission).
_REASONS = {
    "duplicate": "%other content%",
    "mismatch": "%command names another%",
    "uid": "%UID is%",
    "pixel_data": "%pixel data%",
    "broken_file": "a file found at the start%",
}
_OPEN_STATES = ("queued", "stored", "dead")
_COMMIT_BEGUN = "pacs_bridge.metrics.commit_begun"


class ReceiveCollector(Collector):
    """The counters of a listener, by calling AE title and status."""

    def __init__(self, statistics: ReceiveStatistics) -> None:
        self._statistics = statistics

    def describe(self) -> Iterable[Metric]:
        """Name nothing in advance: all is read at a scrape."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Return the metric families as they are now."""
        peers = self._statistics.snapshot()
        yield from _received(peers)
        yield from _associations(peers)


def _received(peers: Mapping[str, PeerStatistics]) -> Iterable[Metric]:
    labels = ("peer", "status")
    instances = CounterMetricFamily(
        "clinical_ai_received_instances", "C-STORE requests answered.", labels=labels
    )
    size = CounterMetricFamily(
        "clinical_ai_received_bytes", "Encoded data sets received by C-STORE.", labels=labels
    )
    seconds = HistogramMetricFamily(
        "clinical_ai_receive_seconds",
        "From the first byte of a C-STORE to its answer.",
        labels=labels,
    )
    last = GaugeMetricFamily(
        "clinical_ai_last_instance_timestamp_seconds",
        "When the last instance was answered.",
        labels=("peer",),
    )
    bounds = [*map(floatToGoString, LATENCY_BOUNDS_S), "+Inf"]
    for title, peer in peers.items():
        if peer.last_at is not None:
            last.add_metric((title,), peer.last_at)
        for status, outcome in peer.outcomes.items():
            values = (title, f"{status:04X}")
            instances.add_metric(values, outcome.instances)
            size.add_metric(values, outcome.size_bytes)
            total, buckets = 0, []
            for bound, count in zip(bounds, outcome.latency_counts, strict=True):
                total += count
                buckets.append((bound, float(total)))
            seconds.add_metric(values, buckets, outcome.seconds)
    return instances, size, seconds, last


def _associations(peers: Mapping[str, PeerStatistics]) -> Iterable[Metric]:
    now = GaugeMetricFamily(
        "clinical_ai_associations_open", "Accepted associations that are open.", labels=("peer",)
    )
    total = CounterMetricFamily(
        "clinical_ai_associations", "Associations accepted.", labels=("peer",)
    )
    rejected = CounterMetricFamily(
        "clinical_ai_associations_rejected",
        "Associations and connections not accepted.",
        labels=("peer", "reason"),
    )
    for title, peer in peers.items():
        now.add_metric((title,), peer.associations_open)
        total.add_metric((title,), peer.associations_total)
        for reason, count in peer.associations_rejected.items():
            rejected.add_metric((title, reason), count)
    return now, total, rejected


class ArchiveCollector(Collector):
    """Disk, studies, quarantine and outbox, as the database and the disk have them.

    Parameters
    ----------
    engine, root
        Of the archive.
    peer_names
        Destinations that are named; what is queued for others counts as `OTHER`.
    clock
        Seconds since 1970 UTC.
    """

    def __init__(
        self,
        engine: Engine,
        root: Path,
        peer_names: Iterable[str],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._root = root
        self._peer_names = frozenset(peer_names)
        self._clock = clock
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._read: list[Metric] = []

    def describe(self) -> Iterable[Metric]:
        """Name nothing in advance: all is read at a scrape."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Return the metric families as they are now, or were `FRESH_SECONDS` ago."""
        with self._lock:
            if self._clock() - self._read_at >= FRESH_SECONDS:
                self._read = [*self._disk(), *self._database()]
                self._read_at = self._clock()
            return list(self._read)

    def _disk(self) -> Iterable[Metric]:
        usage = shutil.disk_usage(self._root)
        yield _gauge("clinical_ai_archive_free_bytes", "Free on the archive's disk.", usage.free)
        yield _gauge("clinical_ai_archive_disk_bytes", "Size of the archive's disk.", usage.total)

    def _database(self) -> Iterable[Metric]:
        families: list[Metric] = []
        try:
            with self._engine.connect() as connection:
                families = [
                    _studies(connection),
                    _quarantined(connection),
                    *_outbox(connection, self._peer_names, self._clock()),
                ]
        except SQLAlchemyError:
            families = []
        up = _gauge("clinical_ai_database_up", "1 if the database answered.", bool(families))
        return up, *families


def _studies(connection: Connection) -> Metric:
    family = GaugeMetricFamily(
        "clinical_ai_studies",
        f"Studies in the archive by state; counts stop at {MOST_COUNTED}.",
        labels=("state",),
    )
    for state in ("receiving", "complete"):
        some = select(study.c.state).where(study.c.state == state).limit(MOST_COUNTED).subquery()
        count = connection.execute(select(func.count()).select_from(some)).scalar_one()
        family.add_metric((state,), count)
    return family


def _quarantined(connection: Connection) -> Metric:
    family = GaugeMetricFamily(
        "clinical_ai_quarantined_objects",
        f"Refused objects that are kept, the last {MOST_COUNTED} at most, by kind of reason.",
        labels=("kind",),
    )
    some = select(quarantine.c.reason).order_by(quarantine.c.id.desc()).limit(MOST_COUNTED)
    reason = some.subquery().c.reason
    kind = case(*((reason.like(form), kind) for kind, form in _REASONS.items()), else_=OTHER)
    counted = select(kind.label("kind"), func.count().label("objects")).group_by("kind")
    counts = dict.fromkeys((*_REASONS, OTHER), 0)
    counts.update({row.kind: row.objects for row in connection.execute(counted)})
    for name, count in counts.items():
        family.add_metric((name,), count)
    return family


def _outbox(connection: Connection, names: frozenset[str], now: float) -> Iterable[Metric]:
    deliveries = GaugeMetricFamily(
        "clinical_ai_outbox_deliveries",
        "Deliveries queued, stored (not yet committed to by the peer) or dead.",
        labels=("peer", "state"),
    )
    oldest = GaugeMetricFamily(
        "clinical_ai_outbox_oldest_seconds",
        "Age of the oldest delivery that is queued or stored.",
        labels=("peer",),
    )
    query = (
        select(
            delivery.c.peer,
            delivery.c.state,
            func.count().label("objects"),
            func.min(delivery.c.created_at).label("oldest_at"),
        )
        .where(delivery.c.state.in_(_OPEN_STATES))
        .group_by(delivery.c.peer, delivery.c.state)
    )
    counts = {(name, state): 0 for name in sorted(names) for state in _OPEN_STATES}
    ages = dict.fromkeys(sorted(names), 0.0)
    for row in connection.execute(query):
        peer = row.peer if row.peer in names else OTHER
        counts[peer, row.state] = counts.get((peer, row.state), 0) + row.objects
        if row.state != "dead":
            ages[peer] = max(ages.get(peer, 0.0), now - row.oldest_at)
    for (peer, state), count in counts.items():
        deliveries.add_metric((peer, state), count)
    for peer, age in ages.items():
        oldest.add_metric((peer,), age)
    return deliveries, oldest


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def observe_commits(engine: Engine, registry: CollectorRegistry) -> None:
    """Measure how long each commit takes, from the request to the return of the connection."""
    seconds = Histogram(
        "clinical_ai_database_commit_seconds",
        "How long a commit took, with its fsync.",
        registry=registry,
        buckets=_COMMIT_BOUNDS_S,
    )

    def begun(connection: Connection) -> None:
        connection.info[_COMMIT_BEGUN] = time.perf_counter()

    def done(_dbapi_connection: object, record: object) -> None:
        begun_at = record.info.pop(_COMMIT_BEGUN, None)  # type: ignore[attr-defined]
        if begun_at is not None:
            seconds.observe(time.perf_counter() - begun_at)

    event.listen(engine, "commit", begun)
    event.listen(engine, "checkin", done)
