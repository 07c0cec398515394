"""Sends messages by MLLP, one at a time, each acknowledged before the next."""

import socket
import time
from dataclasses import dataclass
from types import TracebackType

from pacs_bridge.errors import BridgeError, MessageError, PeerError
from pacs_bridge.hl7.acknowledgement import Acknowledgement, read_acknowledgement
from pacs_bridge.hl7.charset import UTF_8, decode
from pacs_bridge.hl7.er7 import parse
from pacs_bridge.hl7.mllp import Deframer, frame
from pacs_bridge.tls import TlsFiles, requestor_context

_MAX_ANSWER_BYTES = 2**20
_READ_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Hl7Peer:
    """A RIS or interface engine that takes messages.

    Parameters
    ----------
    name
        The name people and settings use for it.
    host, port
        Where it listens.
    tls
        Our certificate and whom we trust; None connects without TLS.
    connect_seconds
        For the connection and the TLS handshake.
    acknowledge_seconds
        From the first byte of a message to the last of its acknowledgement.
    character_set
        Of acknowledgements that name none.
    """

    name: str
    host: str
    port: int
    tls: TlsFiles | None = None
    connect_seconds: float = 10.0
    acknowledge_seconds: float = 30.0
    character_set: str = UTF_8


class MllpConnection:
    """A connection to a peer, for a ``with`` block; use from one thread.

    Raises
    ------
    PeerError
        On entry, when the peer cannot be reached.
    """

    def __init__(self, peer: Hl7Peer) -> None:
        self._peer = peer
        self._socket: socket.socket | None = None

    def __enter__(self) -> "MllpConnection":
        peer = self._peer
        deadline = time.monotonic() + peer.connect_seconds
        try:
            connection = socket.create_connection((peer.host, peer.port), peer.connect_seconds)
        except OSError as error:
            raise self._lost("cannot be reached", error) from error
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if peer.tls is not None:
                connection.settimeout(max(0.1, deadline - time.monotonic()))
                connection = requestor_context(peer.tls).wrap_socket(
                    connection, server_hostname=peer.host
                )
        except OSError as error:
            connection.close()
            raise self._lost("did not agree on TLS", error) from error
        except BridgeError as error:
            connection.close()
            raise PeerError(f"{self._name} cannot be reached by TLS: {error}") from error
        self._socket = connection
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def exchange(self, message: bytes, control_id: str) -> Acknowledgement:
        """Send one message and return what the peer answers.

        Parameters
        ----------
        message
            In the character set that its MSH-18 names, without the frame.
        control_id
            Its MSH-10, which the answer must name.

        Raises
        ------
        MessageError
            When the message cannot be framed.
        PeerError
            When no whole acknowledgement of this message comes in time. The connection
            cannot be used further: a late answer would be taken for that of the next message.
        """
        assert self._socket is not None, "use the connection in a with block"
        framed = frame(message)
        deadline = time.monotonic() + self._peer.acknowledge_seconds
        try:
            self._socket.settimeout(self._peer.acknowledge_seconds)
            self._socket.sendall(framed)
            raw = self._read(self._socket, deadline)
        except TimeoutError as error:
            raise PeerError(
                f"{self._name} did not acknowledge within {self._peer.acknowledge_seconds:g} s"
            ) from error
        except OSError as error:
            raise self._lost("broke the connection", error) from error
        except MessageError as error:
            raise PeerError(f"{self._name} answered against MLLP: {error}") from error
        return self._read_answer(raw, control_id)

    def _read(self, connection: socket.socket, deadline: float) -> bytes:
        deframer = Deframer(_MAX_ANSWER_BYTES)
        while True:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise TimeoutError
            connection.settimeout(remaining)
            data = connection.recv(_READ_BYTES)
            if not data:
                moment = "inside" if deframer.inside else "before"
                raise PeerError(f"{self._name} closed the connection {moment} its acknowledgement")
            messages = deframer.feed(data)
            if messages:
                return messages[0]

    def _read_answer(self, raw: bytes, control_id: str) -> Acknowledgement:
        try:
            answer = read_acknowledgement(parse(decode(raw, self._peer.character_set)[0]))
        except MessageError as error:
            raise PeerError(f"{self._name} answered no acknowledgement: {error}") from error
        # A peer that could not read the message cannot name it, and does not accept it.
        unnamed = not answer.control_id and answer.verdict != "accept"
        if answer.control_id != control_id and not unnamed:
            raise PeerError(f"{self._name} acknowledged another message (MSA-2)")
        return answer

    @property
    def _name(self) -> str:
        return f"{self._peer.name} at {self._peer.host}:{self._peer.port}"

    def _lost(self, what: str, error: OSError) -> PeerError:
        return PeerError(f"{self._name} {what}: {error.strerror or type(error).__name__}")
