"""An association that we request, which ends by itself when the connection is lost.

pynetdicom's association can wait for a full response timeout, or for ever, when the
connection closes between two requests: its reactor takes the notice of the loss, and the
thread that sends waits for a reactor that is gone. Here the loss always wakes the sender.
"""

import threading
from collections.abc import Sequence
from pathlib import Path

from pynetdicom import build_context, evt
from pynetdicom.events import Event

from pacs_bridge.errors import PeerError
from pacs_bridge.network import application_entity
from pacs_bridge.peer import Peer
from pacs_bridge.tls import requestor_context

_CONNECT_SECONDS = 10.0
_RESPONSE_SECONDS = 60.0
_WAKE_SECONDS = 0.02
_READY = "Sta6"  # association established and ready for data transfer (PS3.8 table 9-4)
_SUCCESS = 0x0000
_WARNING_FAMILY = 0xB  # the peer keeps the instance (PS3.4 table B.2-1)


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

    Raises
    ------
    PeerError
        If the peer cannot be reached, rejects us, or accepts no context.
    """

    def __init__(self, peer: Peer, calling_ae_title: str, pairs: Sequence[tuple[str, str]]) -> None:
        self._finished = threading.Event()
        self._lost = False
        entity = application_entity(calling_ae_title)
        entity.connection_timeout = _CONNECT_SECONDS
        entity.acse_timeout = _CONNECT_SECONDS
        entity.dimse_timeout = _RESPONSE_SECONDS
        entity.network_timeout = _RESPONSE_SECONDS
        self._association = entity.associate(
            peer.host,
            peer.port,
            contexts=[build_context(sop_class, syntax) for sop_class, syntax in pairs],
            ae_title=peer.ae_title,
            tls_args=None if peer.tls is None else (requestor_context(peer.tls), ""),
        )
        if not self._association.is_established:
            raise PeerError(self._why_not(peer))
        self._association.bind(evt.EVT_CONN_CLOSE, self._on_close)
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

    def store(self, path: Path, sop_class_uid: str, transfer_syntax_uid: str) -> str | None:
        """Send a file as it is; None if the peer keeps it, otherwise why not."""
        if self._lost or not self._association.is_established:
            return "the association was lost"
        if (sop_class_uid, transfer_syntax_uid) not in self._accepted:
            return (
                f"the peer does not accept SOP class {sop_class_uid} in transfer syntax "
                f"{transfer_syntax_uid}"
            )
        try:
            code = self._association.send_c_store(path).get("Status")
        except (RuntimeError, ValueError, AttributeError, OSError) as error:
            return f"cannot be sent: {error}"
        if code is None:
            self._lost = True
            return "the peer did not answer, or closed the connection"
        if code == _SUCCESS or code >> 12 == _WARNING_FAMILY:
            return None
        return f"the peer answered {_describe(code)}"

    def close(self) -> None:
        """Release the association if it still stands."""
        try:
            if self._association.is_established and not self._lost:
                self._association.release()
        finally:
            self._finished.set()
            socket = self._association.dul.socket.socket
            if self._lost and socket is not None:
                socket.close()  # pynetdicom leaves it open when its shutdown() fails

    def _on_close(self, _event: Event) -> None:
        self._lost = True
        threading.Thread(target=self._wake_sender, name="lost-connection", daemon=True).start()

    def _wake_sender(self) -> None:
        """Give a waiting `send_c_store` what it waits for, until the association is closed."""
        while not self._finished.wait(_WAKE_SECONDS):
            self._association._is_paused = True
            self._association.dimse.msg_queue.put((None, None))

    def _why_not(self, peer: Peer) -> str:
        where = f"{peer.name} ({peer.ae_title} at {peer.host}:{peer.port})"
        answer = self._association.acceptor.primitive
        if self._association.is_rejected:
            return f"{where} rejected the association: {answer.reason_str}; check both AE titles"
        if self._association.is_aborted and answer is not None:
            return f"{where} accepts none of the proposed presentation contexts"
        return f"{where} cannot be reached"


def _describe(code: int | None) -> str:
    return "nothing" if code is None else f"status 0x{code:04X}"
