"""The listener for orders of a RIS, as the settings describe it."""

from collections.abc import Iterator
from contextlib import contextmanager

from clinical_ai.peers import tls_files
from clinical_ai.services import Services
from pacs_bridge.hl7.inbox import Inbox, InboxPolicy
from pacs_bridge.hl7.receiver import Receiver, ReceiverLimits


@contextmanager
def running_order_receiver(services: Services) -> Iterator[Receiver | None]:
    """Receive HL7 messages until the block ends; None while no port is set for it.

    Raises
    ------
    pacs_bridge.errors.BridgeError
        When an allowed host is no address, a TLS file cannot be used or the port is taken.
    """
    settings, hl7 = services.settings, services.settings.hl7
    given = hl7.receive
    if given.port is None:
        yield None
        return
    policy = InboxPolicy(
        allowed_senders=given.allowed_senders,
        ignored=given.ignored,
        processing_ids=given.processing_ids,
        character_set=given.character_set,
        accession_fields=given.accession_fields,
        assigning_authority=hl7.assigning_authority,
    )
    receiver = Receiver(
        Inbox(services.engine, policy),
        host=given.host,
        port=given.port,
        tls=tls_files(settings.tls) if given.tls else None,
        allowed_hosts=given.allowed_hosts,
        limits=ReceiverLimits(
            message_bytes=given.max_message_kb * 1024,
            message_seconds=given.message_seconds,
            idle_seconds=given.idle_seconds,
            connections=given.connections,
        ),
    )
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.stop()
