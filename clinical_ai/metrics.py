"""What each process tells Prometheus."""

from collections.abc import Iterable

from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import SQLAlchemyError

from clinical_ai.services import Services
from clinical_ai.store.tables import FHIR_QUEUE, study_read
from pacs_bridge.hl7.tables import HL7_QUEUE
from pacs_bridge.metrics import ArchiveCollector, ReceiveCollector, observe_commits
from pacs_bridge.ordered.metrics import QueueCollector
from pacs_bridge.statistics import ReceiveStatistics


def listener_registry(services: Services, statistics: ReceiveStatistics) -> CollectorRegistry:
    """Return what the listener tells: reception, archive, outbox, reads, commits, process."""
    registry = worker_registry(services)
    registry.register(ReceiveCollector(statistics))
    registry.register(
        ArchiveCollector(services.engine, services.archive.root, services.destinations)
    )
    registry.register(ReadsCollector(services.engine))
    settings = services.settings
    registry.register(QueueCollector(services.engine, HL7_QUEUE, settings.hl7.peers))
    registry.register(QueueCollector(services.engine, FHIR_QUEUE, settings.fhir_servers))
    return registry


def worker_registry(services: Services) -> CollectorRegistry:
    """Return what every process tells: commits, memory, CPU time, open files."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(PLATFORM_COLLECTOR)
    registry.register(GC_COLLECTOR)
    observe_commits(services.engine, registry)
    return registry


class ReadsCollector(Collector):
    """Studies queued, being read and read."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def describe(self) -> Iterable[Metric]:
        """Name nothing in advance: all is read at a scrape."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Return the metric family as it is now; nothing while the database is away."""
        family = GaugeMetricFamily(
            "clinical_ai_reads",
            "Versions of studies by state of their reading.",
            labels=("state",),
        )
        state = study_read.c.state
        query = select(state, func.count().label("studies")).group_by(state)  # of an index alone
        try:
            with self._engine.connect() as connection:
                for row in connection.execute(query):
                    family.add_metric((row.state,), row.studies)
        except SQLAlchemyError:
            return
        yield family
