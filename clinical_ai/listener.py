"""The listener process: receives studies, and queues each complete one to be read."""

from collections.abc import Iterator
from contextlib import contextmanager

from clinical_ai.routing import route, rule_source
from clinical_ai.services import Services
from pacs_bridge.assembly import Assembler, StudyVersion
from pacs_bridge.dimse.channel import Service
from pacs_bridge.polling import Poller
from pacs_bridge.query_retrieve import query_retrieve_service
from pacs_bridge.receive import Listener

RULES_INTERVAL_S = 2.0


@contextmanager
def running_listener(services: Services) -> Iterator[Listener]:
    """Accept studies until the block ends; timers of incomplete studies survive a restart.

    Raises
    ------
    pacs_bridge.routing.load.RulesError
        When the routing rules cannot be used and never could be.
    """
    dicom = services.settings.dicom
    source = rule_source(services.settings, remember=True)
    source.current()
    services.archive.rebuild()

    def queue(version: StudyVersion) -> None:
        route(services, source.current().rules, version)

    def look_at_rules(_now: float) -> int:
        source.current()  # says in the log at once, not with the next study, what is wrong
        return 0

    rules = Poller("routing-rules", look_at_rules, interval_seconds=RULES_INTERVAL_S)
    assembler = Assembler(services.archive, dicom.quiet_seconds, queue)
    listener = Listener(
        services.archive,
        ae_title=dicom.ae_title,
        host=dicom.host,
        port=dicom.port,
        called_ae_titles=dicom.called_ae_titles,
        allowed_calling=dicom.allowed_calling,
        services=dimse_services(services),
    )
    rules.start()
    assembler.start()
    listener.start()
    try:
        yield listener
    finally:
        listener.stop()
        assembler.stop()
        rules.stop()


def dimse_services(services: Services) -> list[Service]:
    """Return what the settings let the listener do beyond receiving."""
    found: list[Service] = []
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
