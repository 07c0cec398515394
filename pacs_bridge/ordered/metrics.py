"""What Prometheus is told of a queue of ordered messages. Never patient data."""

import time
from collections.abc import Callable, Iterable

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import SQLAlchemyError

from pacs_bridge.ordered.tables import QueueTables
from pacs_bridge.statistics import OTHER

_OPEN_STATES = ("queued", "dead")


class QueueCollector(Collector):
    """Messages that wait or were given up, by peer, and since when a peer is not reached.

    Parameters
    ----------
    peer_names
        Of the settings; what is queued for others counts as `OTHER`.
    clock
        Seconds since 1970 UTC.
    """

    def __init__(
        self,
        engine: Engine,
        tables: QueueTables,
        peer_names: Iterable[str],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._tables = tables
        self._names = frozenset(peer_names)
        self._clock = clock

    def describe(self) -> Iterable[Metric]:
        """Name nothing in advance: all is read at a scrape."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Return the metric families as they are now; nothing while the database is away."""
        try:
            with self._engine.connect() as connection:
                return [*self._messages(connection), self._failures(connection)]
        except SQLAlchemyError:
            return []

    def _messages(self, connection: Connection) -> Iterable[Metric]:
        kind, outgoing = self._tables.kind, self._tables.outgoing
        messages = GaugeMetricFamily(
            f"clinical_ai_{kind}_outbox_messages",
            "Messages queued or given up.",
            labels=("peer", "state"),
        )
        oldest = GaugeMetricFamily(
            f"clinical_ai_{kind}_outbox_oldest_seconds",
            "Age of the oldest message that is queued.",
            labels=("peer",),
        )
        query = (
            select(
                outgoing.c.peer,
                outgoing.c.state,
                func.count().label("messages"),
                func.min(outgoing.c.created_at).label("oldest_at"),
            )
            .where(outgoing.c.state.in_(_OPEN_STATES))
            .group_by(outgoing.c.peer, outgoing.c.state)
        )
        counts = {(name, state): 0 for name in sorted(self._names) for state in _OPEN_STATES}
        ages = dict.fromkeys(sorted(self._names), 0.0)
        for row in connection.execute(query):
            peer = row.peer if row.peer in self._names else OTHER
            counts[peer, row.state] = counts.get((peer, row.state), 0) + row.messages
            if row.state == "queued":
                ages[peer] = max(ages.get(peer, 0.0), self._clock() - row.oldest_at)
        for (peer, state), count in counts.items():
            messages.add_metric((peer, state), count)
        for peer, age in ages.items():
            oldest.add_metric((peer,), age)
        return messages, oldest

    def _failures(self, connection: Connection) -> Metric:
        kind, sender = self._tables.kind, self._tables.sender
        family = GaugeMetricFamily(
            f"clinical_ai_{kind}_outbox_unreachable_attempts",
            "How often in a row a peer could not be reached; 0 when it was.",
            labels=("peer",),
        )
        failures = dict.fromkeys(sorted(self._names), 0)
        for row in connection.execute(select(sender.c.peer, sender.c.failures)):
            if row.peer in failures:
                failures[row.peer] = row.failures
        for peer, count in failures.items():
            family.add_metric((peer,), count)
        return family
