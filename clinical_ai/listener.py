"""The listener process: receives studies, and queues each complete one to be read."""

from collections.abc import Iterator
from contextlib import contextmanager

from clinical_ai.services import Services
from clinical_ai.store.reads import queue_read
from pacs_bridge.assembly import Assembler, StudyVersion
from pacs_bridge.dimse.channel import Service
from pacs_bridge.query_retrieve import query_retrieve_service
from pacs_bridge.receive import Listener


@contextmanager
def running_listener(services: Services) -> Iterator[Listener]:
    """Accept studies until the block ends; timers of incomplete studies survive a restart."""
    dicom = services.settings.dicom
    services.archive.rebuild()

    def queue(version: StudyVersion) -> None:
        queue_read(
            services.engine,
            version.study_uid,
            version.content_version,
            version.content_sequence,
        )

    assembler = Assembler(services.archive, dicom.quiet_seconds, queue)
    listener = Listener(
        services.archive,
        ae_title=dicom.ae_title,
        host=dicom.host,
        port=dicom.port,
        allowed_calling=dicom.allowed_calling,
        services=dimse_services(services),
    )
    assembler.start()
    listener.start()
    try:
        yield listener
    finally:
        listener.stop()
        assembler.stop()


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
