"""One connection, from the TLS handshake to the release, in a thread of its own."""

import contextlib
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from pacs_bridge import status
from pacs_bridge.archive import Archive
from pacs_bridge.dimse.channel import Channel, Service, bytes_sink
from pacs_bridge.dimse.command import C_CANCEL_RQ, C_ECHO_RQ, C_STORE_RQ, Command, encode_response
from pacs_bridge.dimse.messages import Context, MessageStream, Sink
from pacs_bridge.dimse.pdu import ASSOCIATE_RQ, PduStream, abort_pdu, encode_pdu
from pacs_bridge.errors import (
    AssociationLostError,
    AssociationReleasedError,
    PeerError,
    ProtocolError,
)
from pacs_bridge.receive.limits import Limits
from pacs_bridge.receive.negotiation import Answer
from pacs_bridge.receive.repeated import Negotiator
from pacs_bridge.receive.storage import StorageSink
from pacs_bridge.statistics import ReceiveStatistics
from pacs_bridge.tracebacks import place_of

_log = structlog.get_logger(__name__)

_CLOSE_SECONDS = 2.0
_RESPONSE_BIT = 0x8000


@dataclass(frozen=True, slots=True)
class Terms:
    """What all connections of a listener share.

    Parameters
    ----------
    archive
        Where instances go.
    negotiator
        Answers association requests.
    limits
        Caps and deadlines.
    statistics
        Counts what comes.
    tls
        None for plain TCP.
    on_stored
        Called with the Study Instance UID after each newly archived instance.
    """

    archive: Archive
    negotiator: Negotiator
    limits: Limits
    statistics: ReceiveStatistics
    tls: ssl.SSLContext | None
    on_stored: Callable[[str], None] | None


class Connection:
    """Serves one peer.

    Parameters
    ----------
    connection
        The accepted socket; closed at the end.
    peer_host
        Address of the peer.
    terms
        Of the listener.
    take_seat
        Called once the request has been read; False if no further association can be taken.
    """

    def __init__(
        self,
        connection: socket.socket,
        peer_host: str,
        terms: Terms,
        take_seat: Callable[[], bool],
    ) -> None:
        self._socket = connection
        self._peer_host = peer_host
        self._terms = terms
        self._take_seat = take_seat
        self._of_class: dict[str, Service] = {
            uid: service
            for service in terms.negotiator.policy.services
            for uid in service.abstract_syntaxes
        }

    def run(self) -> None:
        """Serve until the association ends; whatever the peer does, only this thread ends."""
        deadline = time.monotonic() + self._terms.limits.negotiation_seconds
        try:
            self._secure()
            pdus = PduStream(self._socket, pdu_seconds=self._terms.limits.pdu_seconds)
            self._associate(pdus, deadline)
        except (PeerError, OSError) as error:
            _log.info("association.failed", peer=self._peer_host, reason=str(error))
        finally:
            self.close()

    def close(self) -> None:
        """End the connection, from any thread; a read in progress ends at once."""
        with contextlib.suppress(OSError):  # already gone
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _secure(self) -> None:
        limits = self._terms.limits
        self._socket.settimeout(limits.negotiation_seconds)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._terms.tls is not None:
            # Here and not where connections are accepted: a silent peer keeps only its thread.
            self._socket = self._terms.tls.wrap_socket(self._socket, server_side=True)

    def _associate(self, pdus: PduStream, deadline: float) -> None:
        left = deadline - time.monotonic()
        kind, body = pdus.read(left, end_within=left)
        if kind != ASSOCIATE_RQ:
            pdus.write(abort_pdu(2))
            return
        is_full = not self._take_seat()
        try:
            agreed = self._terms.negotiator.answer(encode_pdu(kind, bytes(body)), is_full=is_full)
        except ProtocolError as error:
            pdus.write(abort_pdu(error.abort_reason))
            raise
        if agreed.rejected is not None:
            self._terms.statistics.association_rejected(agreed.calling_ae_title, agreed.rejected)
            _log.warning(
                "association.rejected",
                peer=self._peer_host,
                calling=agreed.calling_ae_title,
                called=agreed.called_ae_title,
                reason=agreed.rejected,
            )
            pdus.write(agreed.pdu)
            pdus.await_close(_CLOSE_SECONDS)
            return
        pdus.write(agreed.pdu)
        self._terms.statistics.association_opened(agreed.calling_ae_title)
        try:
            self._serve(pdus, agreed)
        finally:
            self._terms.statistics.association_closed(agreed.calling_ae_title)

    def _serve(self, pdus: PduStream, agreed: Answer) -> None:
        messages = MessageStream(
            pdus,
            {c.context_id: c for c in agreed.contexts},
            peer_max_pdu_bytes=agreed.peer_max_pdu_bytes,
            idle_seconds=self._terms.limits.idle_seconds,
            fragment_seconds=self._terms.limits.pdu_seconds,
        )
        channel = Channel(
            messages,
            agreed.contexts,
            calling_ae_title=agreed.calling_ae_title,
            called_ae_title=agreed.called_ae_title,
            peer_host=self._peer_host,
            poll_fileno=pdus.fileno,
        )
        try:
            while True:
                self._next_message(messages, channel)
        except AssociationReleasedError:
            pdus.await_close(_CLOSE_SECONDS)
        except AssociationLostError as error:
            _log.info("association.lost", peer=self._peer_host, reason=str(error))
        except ProtocolError as error:
            _log.warning("association.aborted", peer=self._peer_host, reason=str(error))
            pdus.write(abort_pdu(error.abort_reason))
        except Exception as error:  # noqa: BLE001 - a service that fails ends only its association
            _log.error(
                "association.service_failed",
                peer=self._peer_host,
                error=type(error).__name__,
                at=place_of(error),
            )
            pdus.write(abort_pdu())

    def _next_message(self, messages: MessageStream, channel: Channel) -> None:
        storing: StorageSink | None = None

        def sink_of(context: Context, command: Command) -> Sink:
            nonlocal storing
            if command.field != C_STORE_RQ:
                return bytes_sink(context, command)
            storing = StorageSink(
                self._terms.archive,
                context,
                command,
                source=channel.calling_ae_title,
                called=channel.called_ae_title,
                max_bytes=self._terms.limits.object_bytes,
            )
            return storing

        try:
            context, command, sink = messages.read(sink_of)
        except BaseException:
            if storing is not None:
                storing.discard()
            raise
        if storing is not None:
            self._store(messages, context, command, storing, channel.calling_ae_title)
        elif command.field == C_STORE_RQ:
            refused = encode_response(command, status.CANNOT_UNDERSTAND, "no data set")
            messages.write(context.context_id, refused)
        elif command.field == C_ECHO_RQ:
            messages.write(context.context_id, encode_response(command, status.SUCCESS))
        else:
            self._serve_other(messages, channel, context, command, sink)

    def _store(
        self,
        messages: MessageStream,
        context: Context,
        command: Command,
        sink: StorageSink,
        calling_ae_title: str,
    ) -> None:
        outcome = sink.finish()
        reason = outcome.reason if outcome.status != status.SUCCESS else ""
        messages.write(context.context_id, encode_response(command, outcome.status, reason))
        seconds = time.perf_counter() - sink.begun_at
        self._terms.statistics.instance(calling_ae_title, outcome.status, sink.size_bytes, seconds)
        if outcome.is_new and outcome.study_instance_uid and self._terms.on_stored:
            self._terms.on_stored(outcome.study_instance_uid)

    def _serve_other(
        self,
        messages: MessageStream,
        channel: Channel,
        context: Context,
        command: Command,
        sink: Sink,
    ) -> None:
        if command.field & _RESPONSE_BIT:
            raise ProtocolError("a response to nothing that we asked", 2)
        request = channel.take(context, command, sink)
        if command.field == C_CANCEL_RQ or request is None:
            return  # what it cancels has ended already
        service = self._of_class.get(context.abstract_syntax)
        if service is None:
            refused = encode_response(command, status.UNRECOGNIZED_OPERATION)
            messages.write(context.context_id, refused)
            return
        service.handle(channel, request)
