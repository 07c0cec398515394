"""The listener process: receives studies, and queues each complete one to be read."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from ssl import SSLContext

import structlog

from clinical_ai.hl7_orders import running_order_receiver
from clinical_ai.metrics import listener_registry
from clinical_ai.peers import tls_files
from clinical_ai.retrieving import completeness, expected_counts, prior_fetcher
from clinical_ai.routing import route, rule_source
from clinical_ai.services import Services
from clinical_ai.settings import Settings
from pacs_bridge.assembly import Assembler, StudyVersion
from pacs_bridge.commitment.provider import CommitmentProvider
from pacs_bridge.commitment.service import commitment_service
from pacs_bridge.dimse.channel import Service
from pacs_bridge.exposition import serving_metrics
from pacs_bridge.polling import Poller
from pacs_bridge.query_retrieve import query_retrieve_service
from pacs_bridge.receive import Limits, Listener
from pacs_bridge.retrieve.retrievals import came_by_retrieval
from pacs_bridge.statistics import ReceiveStatistics
from pacs_bridge.tls import listener_context

_log = structlog.get_logger(__name__)

RULES_INTERVAL_S = 2.0


@contextmanager
def running_listener(services: Services) -> Iterator[ReceiveStatistics]:
    """Accept studies until the block ends; timers of incomplete studies survive a restart.

    Raises
    ------
    pacs_bridge.routing.load.RulesError
        When the routing rules cannot be used and never could be.
    pacs_bridge.errors.MetricsError
        When the port for metrics is taken.
    """
    source = rule_source(services.settings, applies=True)
    source.current()
    services.archive.rebuild()

    def queue(version: StudyVersion) -> None:
        if came_by_retrieval(services.engine, version.study_uid):
            _log.info("study.fetched", study=version.study_uid)  # by ourselves: kept, not read
            return
        route(services, source.current().rules, version)

    def look_at_rules(_now: float) -> int:
        source.current()  # says in the log at once, not with the next study, what is wrong
        return 0

    rules = Poller("routing-rules", look_at_rules, interval_seconds=RULES_INTERVAL_S)
    counts = expected_counts(services)
    assembler = Assembler(
        services.archive,
        services.settings.dicom.quiet_seconds,
        queue,
        completeness(services, counts),
    )
    fetcher = prior_fetcher(services)
    statistics = ReceiveStatistics(known_senders(services.settings))
    with ExitStack() as stack:
        registry = listener_registry(services, statistics)
        stack.enter_context(serving_metrics(registry, services.settings.metrics_port))
        rules.start()
        stack.callback(rules.stop)
        stack.callback(counts.close)
        assembler.start()
        stack.callback(assembler.stop)
        fetcher.start()
        stack.callback(fetcher.stop)
        stack.enter_context(running_order_receiver(services))
        provider = commitment_provider(services)
        if provider is not None:
            provider.start()
            stack.callback(provider.stop)
        for listener in _listeners(services, statistics, dimse_services(services, provider)):
            listener.start()
            stack.callback(listener.stop)
        # What was imported stays: the collector need not walk it while instances come.
        gc.collect()
        gc.freeze()
        yield statistics


def known_senders(settings: Settings) -> frozenset[str]:
    """Return the AE titles that are counted by name: those allowed, and the peers."""
    peers = (peer.ae_title for peer in settings.peers.values())
    return frozenset({*settings.dicom.allowed_calling, *peers})


def _listeners(
    services: Services, statistics: ReceiveStatistics, offered: Sequence[Service]
) -> list[Listener]:
    """One for each port of the settings: plain, TLS or both."""
    dicom = services.settings.dicom
    limits = Limits(
        associations=dicom.max_associations,
        idle_seconds=dicom.idle_seconds,
        pdu_seconds=dicom.pdu_seconds,
    )
    ports: list[tuple[int, SSLContext | None]] = [] if dicom.tls_only else [(dicom.port, None)]
    if dicom.tls_port is not None:
        ports.append((dicom.tls_port, listener_context(tls_files(services.settings.tls))))
    return [
        Listener(
            services.archive,
            ae_title=dicom.ae_title,
            host=dicom.host,
            port=port,
            called_ae_titles=dicom.called_ae_titles,
            allowed_calling=dicom.allowed_calling,
            limits=limits,
            tls=tls,
            services=offered,
            statistics=statistics,
        )
        for port, tls in ports
    ]


def commitment_provider(services: Services) -> CommitmentProvider | None:
    """Return who commits to keep what the archive has, if the settings want it."""
    dicom = services.settings.dicom
    if not dicom.storage_commitment:
        return None
    return CommitmentProvider(
        services.engine,
        services.archive.root,
        ae_title=dicom.ae_title,
        peers=services.peers.values,
        retrieve_ae_title=dicom.ae_title if dicom.query_retrieve else "",
    )


def dimse_services(services: Services, provider: CommitmentProvider | None) -> list[Service]:
    """Return what the settings let the listener do beyond receiving."""
    reports = commitment_service(services.engine, list(services.peers.values()))
    found = [reports if provider is None else provider.service(reports)]
    if services.settings.dicom.query_retrieve:
        found.append(
            query_retrieve_service(
                services.engine,
                services.archive.root,
                ae_title=services.settings.dicom.ae_title,
                peers=services.peers.values,
            )
        )
    return found
