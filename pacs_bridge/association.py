"""An association that we request, which ends by itself when the connection is lost.

pynetdicom's association can wait for a full response timeout, or for ever, when the
connection closes between two requests: its reactor takes the notice of the loss, and the
thread that sends waits for a reactor that is gone. Here the loss always wakes the sender.
"""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLContext

from pydicom.dataset import Dataset
from pynetdicom import build_context, build_role, evt
from pynetdicom.events import Event
from pynetdicom.pdu import A_ABORT_RQ

from pacs_bridge.errors import AssociationRejectedError, BridgeError, NoContextError, PeerError
from pacs_bridge.failure import Failure, file_failure, store_failure
from pacs_bridge.network import application_entity
from pacs_bridge.peer import Peer
from pacs_bridge.reactor import ParkedReactor
from pacs_bridge.responses import Answer, Offered, answer_of, offered_by
from pacs_bridge.tls import requestor_context

_CONNECT_SECONDS = 10.0
_RESPONSE_SECONDS = 60.0
_WAKE_SECONDS = 0.02
_READY = "Sta6"  # association established and ready for data transfer (PS3.8 table 9-4)
_SUCCESS = 0x0000
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)
_WARNING_FAMILY = 0xB  # the peer keeps the instance (PS3.4 table B.2-1)
_MESSAGE_ID = 1  # one operation at a time


@dataclass(frozen=True, slots=True)
class MoveOriginator:
    """Who asked by C-MOVE for what we send (PS3.7 9.1.1.1).

    Parameters
    ----------
    ae_title, message_id
        Of the C-MOVE request.
    """

    ae_title: str
    message_id: int


class RequestedAssociation:
    """An established association with a peer.

    Parameters
    ----------
    peer
        Whom to call.
    calling_ae_title
        Who we are.
    pairs
        SOP class and transfer syntax of each presentation context, at most 128.
    on_event_report
        Called, in another thread, with the data set of each N-EVENT-REPORT that comes on this
        association; returns the status to answer.
    response_seconds
        How long to wait for a response.
    on_offered
        Takes an instance of a C-GET and returns the C-STORE status; needs `scp_classes`.
    scp_classes
        SOP classes of `pairs` in which we are the SCP (role selection, PS3.7 D.3.3.4).

    Raises
    ------
    NoContextError
        If the peer accepts no context.
    PeerError
        If it cannot be reached or rejects us.
    """

    def __init__(
        self,
        peer: Peer,
        calling_ae_title: str,
        pairs: Sequence[tuple[str, str]],
        *,
        on_event_report: Callable[[Dataset], int] | None = None,
        response_seconds: float = _RESPONSE_SECONDS,
        on_offered: Callable[[Offered], int] | None = None,
        scp_classes: Sequence[str] = (),
    ) -> None:
        self._finished = threading.Event()
        self._lost = False
        self._aborted = False  # by the peer
        self._busy = False  # an operation has begun whose last response has not come
        entity = application_entity(calling_ae_title)
        entity.connection_timeout = _CONNECT_SECONDS
        entity.acse_timeout = _CONNECT_SECONDS
        entity.dimse_timeout = response_seconds
        entity.network_timeout = response_seconds
        self._association = entity.associate(
            peer.host,
            peer.port,
            contexts=[build_context(sop_class, syntax) for sop_class, syntax in pairs],
            ae_title=peer.ae_title,
            ext_neg=[build_role(sop_class, scp_role=True) for sop_class in scp_classes],
            tls_args=_tls_args(peer),
            evt_handlers=_handlers(on_event_report, on_offered),
        )
        if not self._association.is_established:
            raise self._why_not(peer)
        # Reports come by the reactor, so it must run.
        self._parked = None if on_event_report else ParkedReactor(self._association)
        _send_at_once(self._association.dul.socket.socket)
        self._association.bind(evt.EVT_DATA_SENT, _acknowledge_at_once)
        self._association.bind(evt.EVT_CONN_CLOSE, self._on_close)
        self._association.bind(evt.EVT_PDU_RECV, self._on_pdu)
        # Closed before the handler was bound?
        self._lost = self._association.dul.state_machine.current_state != _READY
        self._accepted = frozenset(
            (str(c.abstract_syntax), str(c.transfer_syntax[0]))
            for c in self._association.accepted_contexts
        )

    def echo(self) -> None:
        """Verify the peer (PS3.4 annex A).

        Raises
        ------
        PeerError
            If it does not answer with success.
        """
        if self._lost:
            raise PeerError("the association was lost")
        try:
            code = self._association.send_c_echo().get("Status")
        except (RuntimeError, ValueError) as error:
            raise PeerError(f"the peer does not accept verification: {error}") from error
        if code != _SUCCESS:
            raise PeerError(f"the peer answered C-ECHO with {_describe(code)}")

    @property
    def accepted(self) -> frozenset[tuple[str, str]]:
        """SOP class and transfer syntax of the accepted presentation contexts."""
        return self._accepted

    def store(
        self,
        path: Path,
        sop_class_uid: str,
        transfer_syntax_uid: str,
        *,
        originator: MoveOriginator | None = None,
    ) -> Failure | None:
        """Send a file as it is; None if the peer keeps it, otherwise why not."""
        if self._lost or not self._association.is_established:
            return Failure("unreachable", "the association was lost")
        if (sop_class_uid, transfer_syntax_uid) not in self._accepted:
            return Failure(
                "permanent",
                f"the peer does not accept SOP class {sop_class_uid} in transfer syntax "
                f"{transfer_syntax_uid}",
            )
        try:
            code = self._association.send_c_store(
                path,
                originator_aet=None if originator is None else originator.ae_title,
                originator_id=None if originator is None else originator.message_id,
            ).get("Status")
        except OSError as error:
            return file_failure(error)
        except (RuntimeError, ValueError, AttributeError) as error:
            return Failure("transient", f"cannot be sent: {error}")
        if code is None:
            self._lost = True
            return Failure("transient", "the peer did not answer, or closed the connection")
        if code == _SUCCESS or code >> 12 == _WARNING_FAMILY:
            return None
        return store_failure(code)

    def act(
        self, dataset: Dataset, *, action_type: int, sop_class_uid: str, sop_instance_uid: str
    ) -> int:
        """Request an action by N-ACTION (PS3.7 section 10.1.4); returns the status.

        Raises
        ------
        PeerError
            If there is no answer.
        """
        if self._lost:
            raise PeerError("the association was lost")
        try:
            answer, _ = self._association.send_n_action(
                dataset, action_type, sop_class_uid, sop_instance_uid
            )
        except (RuntimeError, ValueError) as error:
            raise PeerError(f"the action cannot be requested: {error}") from error
        return self._status_of(answer)

    def report_event(
        self, dataset: Dataset, *, event_type: int, sop_class_uid: str, sop_instance_uid: str
    ) -> int:
        """Report an event by N-EVENT-REPORT (PS3.7 section 10.1.1); returns the status.

        Raises
        ------
        PeerError
            If there is no answer, or the peer does not take us as the SCP of the class.
        """
        if self._lost:
            raise PeerError("the association was lost")
        try:
            answer, _ = self._association.send_n_event_report(
                dataset, event_type, sop_class_uid, sop_instance_uid
            )
        except (RuntimeError, ValueError) as error:
            raise PeerError(f"the event cannot be reported: {error}") from error
        return self._status_of(answer)

    def _status_of(self, answer: Dataset) -> int:
        if "Status" not in answer:
            self._lost = True
            raise PeerError("the peer did not answer, or closed the connection")
        return int(answer.Status)

    def accepts(self, sop_class_uid: str) -> bool:
        """Whether the peer accepted a presentation context for the SOP class."""
        return any(accepted == sop_class_uid for accepted, _ in self._accepted)

    def accepts_as_scp(self) -> bool:
        """Whether the peer accepted us as the SCP of at least one presentation context."""
        return any(context.as_scp for context in self._association.accepted_contexts)

    def find(self, model: str, identifier: Dataset) -> Iterator[Answer]:
        """Ask by C-FIND; the last answer is not pending.

        Parameters
        ----------
        model
            SOP Class UID of the information model, one that the peer `accepts`.

        Raises
        ------
        PeerError
            If the connection is lost or an answer does not come in time.
        """
        yield from self._answers(self._association.send_c_find, model, identifier)

    def get(self, model: str, identifier: Dataset) -> Iterator[Answer]:
        """Fetch by C-GET; as `find`. The instances go to `on_offered`."""
        yield from self._answers(self._association.send_c_get, model, identifier)

    def move(self, model: str, identifier: Dataset, destination: str) -> Iterator[Answer]:
        """Have the peer send to the AE title `destination` by C-MOVE; as `find`."""

        def send(keys: Dataset, query_model: str) -> Iterator[tuple[Dataset, Dataset | None]]:
            return iter(self._association.send_c_move(keys, destination, query_model))

        yield from self._answers(send, model, identifier)

    def cancel(self, model: str) -> None:
        """Ask the peer to end the operation in progress (C-CANCEL); any thread may."""
        if self._association.is_established and not self._lost:
            self._association.send_c_cancel(_MESSAGE_ID, query_model=model)

    def abort(self) -> None:
        """End the association at once; whoever waits for an answer gets a PeerError."""
        self._lost = True
        self._association.abort()

    def _answers(
        self,
        send: Callable[[Dataset, str], Iterator[tuple[Dataset, Dataset | None]]],
        model: str,
        identifier: Dataset,
    ) -> Iterator[Answer]:
        if self._lost or not self._association.is_established:
            raise PeerError("the association was lost")
        self._busy = True
        try:
            responses = send(identifier, model)
            for response, found in responses:
                code = response.get("Status")
                if code is None:
                    self._lost = True
                    raise PeerError(self._why_no_answer())
                answer = answer_of(int(code), response, found)
                self._busy = answer.pending
                yield answer
                if not answer.pending:
                    return
        except (RuntimeError, ValueError, AttributeError) as error:
            raise PeerError(f"the request cannot be sent: {error}") from error

    def close(self) -> None:
        """Release the association if it still stands; abort an operation in progress."""
        try:
            if self._association.is_established and not self._lost:
                if self._busy:
                    self._association.abort()
                else:
                    self._association.release()
        finally:
            self._finished.set()
            if self._parked is not None:
                self._parked.leave()
            connection = self._association.dul.socket.socket
            if self._lost and connection is not None:
                connection.close()  # pynetdicom leaves it open when its shutdown() fails

    def _on_close(self, _event: Event) -> None:
        self._lost = True
        threading.Thread(target=self._wake_sender, name="lost-connection", daemon=True).start()

    def _on_pdu(self, event: Event) -> None:
        self._aborted = self._aborted or isinstance(event.pdu, A_ABORT_RQ)

    def _why_no_answer(self) -> str:
        if self._aborted:
            return "the peer aborted the association; it may not allow our AE title what was asked"
        return (
            "the peer did not answer in time, closed the connection, or answered against the "
            "standard"
        )

    def _wake_sender(self) -> None:
        """Give a waiting `send_c_store` what it waits for, until the association is closed."""
        while not self._finished.wait(_WAKE_SECONDS):
            self._association._is_paused = True
            self._association.dimse.msg_queue.put((None, None))

    def _why_not(self, peer: Peer) -> PeerError:
        where = f"{peer.name} ({peer.ae_title} at {peer.host}:{peer.port})"
        answer = self._association.acceptor.primitive
        if self._association.is_rejected:
            return AssociationRejectedError(
                f"{where} rejected the association: {answer.reason_str}; check both AE titles"
            )
        if self._association.is_aborted and answer is not None:
            first = self._association.requestor.requested_contexts[0]
            syntaxes = ", ".join(syntax.name for syntax in first.transfer_syntax)
            return NoContextError(
                f"{where} accepts none of the proposed presentation contexts, such as "
                f"{first.abstract_syntax.name} ({first.abstract_syntax}) in {syntaxes}"
            )
        return PeerError(f"{where} cannot be reached")


def _send_at_once(connection: socket.socket | None) -> None:
    """Switch off Nagle's algorithm, which waits for the peer's delayed acknowledgement.

    It costs about 50 ms an instance against receivers that do not acknowledge at once.
    """
    if connection is not None:
        with suppress(OSError):  # closed in the meantime
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _acknowledge_at_once(event: Event) -> None:
    """Make the kernel acknowledge the answer that comes now without delay (Linux only).

    Peers that leave Nagle's algorithm on (DCMTK does) send the second half of an answer only
    then. The kernel forgets the option, so it is set after each PDU.
    """
    connection = event.assoc.dul.socket.socket
    if connection is not None and _QUICKACK is not None:
        with suppress(OSError):  # closed in the meantime
            connection.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)


def _handlers(
    on_event_report: Callable[[Dataset], int] | None,
    on_offered: Callable[[Offered], int] | None,
) -> list[tuple[object, Callable[[Event], object]]]:
    handlers: list[tuple[object, Callable[[Event], object]]] = []
    if on_event_report is not None:

        def answer(event: Event) -> tuple[int, None]:
            return on_event_report(event.event_information), None

        handlers.append((evt.EVT_N_EVENT_REPORT, answer))
    if on_offered is not None:
        handlers.append((evt.EVT_C_STORE, lambda event: on_offered(offered_by(event))))
    return handlers


def _describe(code: int | None) -> str:
    return "nothing" if code is None else f"status 0x{code:04X}"


def _tls_args(peer: Peer) -> tuple[SSLContext, str] | None:
    """Return what pynetdicom takes; files that cannot be used are a peer that cannot be reached."""
    if peer.tls is None:
        return None
    try:
        # The name is only sent along (SNI), not compared; pynetdicom passes "" on, which the
        # ssl module refuses.
        return requestor_context(peer.tls), peer.host
    except BridgeError as error:
        raise PeerError(str(error)) from error
