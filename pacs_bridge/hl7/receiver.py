"""The MLLP listener: one thread a connection, one message at a time, each answered in turn."""

import contextlib
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from pacs_bridge.errors import BridgeError, MessageError
from pacs_bridge.hl7.mllp import Deframer, TooLongError, frame
from pacs_bridge.tls import TlsFiles, listener_context

_BACKLOG = 64
_READ_BYTES = 65_536

_log = structlog.get_logger(__name__)


class MessageSink(Protocol):
    """Takes messages and says how to answer; see `pacs_bridge.hl7.inbox.Inbox`."""

    def accept(self, raw: bytes, peer_host: str) -> bytes | None: ...  # noqa: D102

    def refuse(self, head: bytes, peer_host: str, reason: str) -> bytes | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class ReceiverLimits:
    """What a sender may ask of us.

    Parameters
    ----------
    message_bytes
        Longest message.
    message_seconds
        From the first byte of a message, or of a TLS handshake, to its last; also for taking
        our answer. It is absolute: bytes that trickle in do not extend it.
    idle_seconds
        Between two messages of a connection.
    connections
        At one time; more are closed at once.
    """

    message_bytes: int = 2**20
    message_seconds: float = 30.0
    idle_seconds: float = 3600.0
    connections: int = 32


class Receiver:
    """Listens for MLLP connections.

    Parameters
    ----------
    sink
        Called by one thread for each connection.
    host, port
        Where to listen; port 0 takes a free one.
    tls
        Our certificate; with trusted authorities senders must show one too.
    allowed_hosts
        Addresses or networks (``10.1.2.0/24``) that may connect; empty means any.

    Raises
    ------
    BridgeError
        When an allowed host is no address, or the TLS files cannot be used.
    """

    def __init__(
        self,
        sink: MessageSink,
        *,
        host: str,
        port: int,
        tls: TlsFiles | None = None,
        allowed_hosts: Sequence[str] = (),
        limits: ReceiverLimits | None = None,
    ) -> None:
        self._sink = sink
        self._address = (host, port)
        self._context = None if tls is None else listener_context(tls)
        self._allowed = [_network(text) for text in allowed_hosts]
        self._limits = limits or ReceiverLimits()
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._open: dict[threading.Thread, socket.socket] = {}
        self._lock = threading.Lock()
        self._stopping = False

    @property
    def port(self) -> int:
        """The port we listen on."""
        return self._address[1]

    @property
    def connections(self) -> int:
        """How many senders are connected now."""
        with self._lock:
            return len(self._open)

    def start(self) -> None:
        """Listen in threads of our own.

        Raises
        ------
        BridgeError
            When the address cannot be had.
        """
        try:
            family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
            self._socket = socket.create_server(self._address, family=family, backlog=_BACKLOG)
        except OSError as error:
            host, port = self._address
            raise BridgeError(
                f"cannot listen for HL7 on {host}:{port}: {error.strerror}; is the port taken?"
            ) from error
        self._address = (self._address[0], self._socket.getsockname()[1])
        self._stopping = False
        self._thread = threading.Thread(target=self._listen, name="hl7-receiver", daemon=True)
        self._thread.start()
        _log.info("hl7.receiver_started", port=self._address[1], tls=self._context is not None)

    def stop(self) -> None:
        """Close the listener and every connection; a message in work is finished first."""
        self._stopping = True
        if self._socket is not None:
            _shut(self._socket, socket.SHUT_RDWR)
            self._socket.close()
            self._socket = None
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        with self._lock:
            open_now = dict(self._open)
        for connection in open_now.values():
            _shut(connection, socket.SHUT_RD)
        for thread in open_now:
            thread.join()

    def _listen(self) -> None:
        listener = self._socket
        while listener is not None and not self._stopping:
            try:
                connection, address = listener.accept()
            except OSError:
                if not self._stopping:
                    time.sleep(0.1)  # out of descriptors; some will be closed
                continue
            self._admit(connection, str(address[0]))

    def _admit(self, connection: socket.socket, host: str) -> None:
        refused = ""
        with self._lock:
            if not self._may_connect(host):
                refused = "address not allowed"
            elif len(self._open) >= self._limits.connections:
                refused = "too many connections"
            else:
                refused = self._begin(connection, host)
        if refused:
            _log.warning("hl7.connection_refused", host=host, reason=refused)
            connection.close()

    def _begin(self, connection: socket.socket, host: str) -> str:
        """Serve the connection in a thread, under the lock; returns why not, or ""."""
        thread = threading.Thread(
            target=self._serve, args=(connection, host), name="hl7-connection", daemon=True
        )
        self._open[thread] = connection
        try:
            thread.start()
        except RuntimeError:  # the system gives no more threads; later it may
            del self._open[thread]
            return "no more threads"
        return ""

    def _may_connect(self, host: str) -> bool:
        if not self._allowed:
            return True
        address = ipaddress.ip_address(host.partition("%")[0])
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self._allowed)

    def _serve(self, connection: socket.socket, host: str) -> None:
        try:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is not None:
                connection = self._secured(connection, self._context)
            self._converse(connection, host)
        except TimeoutError:
            _log.warning("hl7.deadline_passed", host=host)
        except MessageError as error:
            _log.warning("hl7.connection_dropped", host=host, reason=str(error))
        except OSError as error:  # ssl.SSLError is one
            _log.warning("hl7.connection_lost", host=host, error=type(error).__name__)
        finally:
            with self._lock:
                self._open.pop(threading.current_thread(), None)
            connection.close()

    def _secured(self, plain: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
        """Return the connection after its TLS handshake, which has one deadline as a whole."""
        plain.settimeout(self._limits.message_seconds)
        secured = context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        with self._lock:
            self._open[threading.current_thread()] = secured
        try:
            secured.do_handshake()
        except OSError:
            secured.close()
            raise
        return secured

    def _converse(self, connection: socket.socket, host: str) -> None:
        limits = self._limits
        deframer = Deframer(limits.message_bytes)
        deadline: float | None = None
        while not self._stopping:
            wait = limits.idle_seconds if deadline is None else deadline - time.monotonic()
            if wait <= 0:
                raise TimeoutError
            connection.settimeout(wait)
            data = connection.recv(_READ_BYTES)
            if not data:
                if deframer.inside:
                    _log.warning("hl7.closed_inside_message", host=host)
                return
            try:
                messages = deframer.feed(data)
            except TooLongError as error:
                answer = self._sink.refuse(error.head, host, str(error))
                self._reply(connection, answer)
                raise
            for message in messages:
                self._reply(connection, self._sink.accept(message, host))
            if not deframer.inside:
                deadline = None
            elif deadline is None or messages:
                deadline = time.monotonic() + limits.message_seconds

    def _reply(self, connection: socket.socket, answer: bytes | None) -> None:
        if answer is not None:
            connection.settimeout(self._limits.message_seconds)
            connection.sendall(frame(answer))


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise BridgeError(
            f"{text!r} is neither an address nor a network such as 10.1.2.0/24"
        ) from error


def _shut(connection: socket.socket, how: int) -> None:
    """Wake a thread that waits on `connection`; one that is closed already needs no waking."""
    with contextlib.suppress(OSError):
        connection.shutdown(how)
