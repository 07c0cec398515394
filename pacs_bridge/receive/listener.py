"""The storage SCP: accepts connections and gives each a thread."""

import socket
import ssl
import threading
from collections.abc import Callable, Sequence

import structlog

from pacs_bridge.archive import Archive
from pacs_bridge.dimse.channel import Service
from pacs_bridge.errors import BridgeError
from pacs_bridge.network import silence_pynetdicom
from pacs_bridge.receive.connection import Connection, Terms
from pacs_bridge.receive.limits import Limits
from pacs_bridge.receive.negotiation import Policy
from pacs_bridge.receive.repeated import Negotiator
from pacs_bridge.statistics import ReceiveStatistics

_log = structlog.get_logger(__name__)

_BACKLOG = 512
_STOP_SECONDS = 10.0


class Listener:
    """A DICOM storage and verification SCP on one port.

    Each connection has a thread, which waits in the kernel while the peer is idle. The TLS
    handshake and the negotiation happen in that thread, so a peer that stays silent or
    sends half a PDU keeps nobody else waiting.

    Parameters
    ----------
    archive
        Where instances go; its `rebuild` should have run.
    ae_title
        Our AE title; associations that call another one are rejected.
    host, port
        Where to listen; port 0 takes a free one, see `port`.
    called_ae_titles
        Further titles that we answer to.
    allowed_calling
        AE titles that may associate; empty means any.
    limits
        Caps and deadlines.
    tls
        From `pacs_bridge.tls.listener_context`; None listens without TLS.
    services
        What is served beyond storage and verification.
    statistics
        Counts what comes; one of its own if left out.
    on_stored
        Called with the Study Instance UID after each newly archived instance.
    """

    def __init__(
        self,
        archive: Archive,
        *,
        ae_title: str,
        host: str,
        port: int,
        called_ae_titles: tuple[str, ...] = (),
        allowed_calling: tuple[str, ...] = (),
        limits: Limits = Limits(),  # noqa: B008 - frozen
        tls: ssl.SSLContext | None = None,
        services: Sequence[Service] = (),
        statistics: ReceiveStatistics | None = None,
        on_stored: Callable[[str], None] | None = None,
    ) -> None:
        self._address = (host, port)
        self.statistics = statistics or ReceiveStatistics(allowed_calling)
        self._terms = Terms(
            archive=archive,
            negotiator=Negotiator(
                Policy(
                    called=frozenset({ae_title.strip(), *(t.strip() for t in called_ae_titles)}),
                    calling=frozenset(t.strip() for t in allowed_calling),
                    services=tuple(services),
                )
            ),
            limits=limits,
            statistics=self.statistics,
            tls=tls,
            on_stored=on_stored,
        )
        self._seats = _Seats(limits)
        self._server: socket.socket | None = None
        self._acceptor: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port listened on."""
        if self._server is None:
            raise BridgeError("the listener has no port before start()")
        return int(self._server.getsockname()[1])

    @property
    def open_connections(self) -> int:
        """Connections at this moment, with those that have no association yet."""
        return self._seats.count()

    def start(self) -> None:
        """Listen, in threads of its own.

        Raises
        ------
        BridgeError
            If the port cannot be opened.
        """
        silence_pynetdicom()
        host, port = self._address
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self._server = socket.create_server(
                (host, port), family=family, backlog=_BACKLOG, reuse_port=False
            )
        except OSError as error:
            raise BridgeError(
                f"cannot listen on {host}:{port}: {error.strerror}; choose another port"
            ) from error
        self._acceptor = threading.Thread(
            target=self._accept, args=(self._server,), name="dicom-accept", daemon=True
        )
        self._acceptor.start()
        _log.info("listener.started", port=self.port, tls=self._terms.tls is not None)

    def stop(self) -> None:
        """Stop listening and end open associations; what was answered is archived."""
        if self._server is None:
            return
        server, self._server = self._server, None
        # Wakes the thread in accept(), which close() alone does not.
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        if self._acceptor is not None:
            self._acceptor.join()
        self._seats.close_all(_STOP_SECONDS)

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                accepted, address = server.accept()
            except OSError as error:
                if self._server is None:
                    return
                _log.error("listener.accept_failed", error=error.strerror)
                self._seats.wait_for_leaver(1.0)  # out of file descriptors: until one is free
                continue
            if not self._seats.may_negotiate():
                self.statistics.association_rejected("", "too_many_connections")
                accepted.close()
                continue
            seat = self._seats.new(accepted, str(address[0]), self._terms)
            try:
                threading.Thread(target=seat.run, name="dicom-association", daemon=True).start()
            except RuntimeError:  # the system gives no more threads; later it may
                _log.error("listener.no_thread")
                self.statistics.association_rejected("", "too_many_connections")
                seat.connection.close()
                self._seats.leave(seat)


class _Seat:
    """A connection, and whether it holds one of the places for associations."""

    def __init__(self, connection: socket.socket, host: str, terms: Terms, seats: "_Seats") -> None:
        self.connection = Connection(connection, host, terms, self._take)
        self.is_associated = False
        self._seats = seats

    def run(self) -> None:
        try:
            self.connection.run()
        finally:
            self._seats.leave(self)

    def _take(self) -> bool:
        return self._seats.take(self)


class _Seats:
    """Counts connections against the limits."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._changed = threading.Condition()
        self._all: set[_Seat] = set()
        self._associated = 0

    def count(self) -> int:
        with self._changed:
            return len(self._all)

    def may_negotiate(self) -> bool:
        with self._changed:
            return len(self._all) - self._associated < self._limits.negotiating

    def new(self, connection: socket.socket, host: str, terms: Terms) -> _Seat:
        seat = _Seat(connection, host, terms, self)
        with self._changed:
            self._all.add(seat)
        return seat

    def take(self, seat: _Seat) -> bool:
        with self._changed:
            if self._associated >= self._limits.associations:
                return False
            self._associated += 1
            seat.is_associated = True
            return True

    def leave(self, seat: _Seat) -> None:
        with self._changed:
            self._all.discard(seat)
            self._associated -= seat.is_associated
            self._changed.notify_all()

    def wait_for_leaver(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait(seconds)

    def close_all(self, seconds: float) -> None:
        with self._changed:
            open_now = list(self._all)
        for seat in open_now:
            seat.connection.close()
        with self._changed:
            self._changed.wait_for(lambda: not self._all, seconds)
