"""Read and write PDUs (PS3.8 9.3) on a socket: large reads, and a deadline for each PDU.

A sender that leaves Nagle's algorithm on waits for our acknowledgement of each small packet,
which Linux delays by 40 ms and more. `TCP_QUICKACK`, set again after each read because the
kernel clears it, sends the acknowledgement at once.
"""

import contextlib
import math
import socket
import ssl
import struct
import time

from pacs_bridge.errors import AssociationLostError, ProtocolError

ASSOCIATE_RQ, ASSOCIATE_AC, ASSOCIATE_RJ = 0x01, 0x02, 0x03
P_DATA_TF, RELEASE_RQ, RELEASE_RP, ABORT = 0x04, 0x05, 0x06, 0x07

HEAD_BYTES = 6
MAX_PDU_BYTES = 131_072
"""The largest P-DATA-TF PDU that we ask peers for (PS3.8 D.1)."""
# Some peers count the header, or do not keep to what they were told.
_TOLERATED_PDU_BYTES = 1024 * 1024
_READ_BYTES = 256 * 1024

_QUICKACK = getattr(socket, "TCP_QUICKACK", None)
_head = struct.Struct(">BxL")


def encode_pdu(kind: int, body: bytes) -> bytes:
    """Return a PDU with its header."""
    return _head.pack(kind, len(body)) + body


def abort_pdu(reason: int = 0) -> bytes:
    """Return an A-ABORT PDU of the service provider (PS3.8 9.3.8).

    Parameters
    ----------
    reason
        0 not specified, 1 unrecognised PDU, 2 unexpected PDU, 6 invalid parameter value.
    """
    return encode_pdu(ABORT, bytes((0, 0, 2, reason)))


class PduStream:
    """PDUs on one connection, read and written by one thread.

    Parameters
    ----------
    connection
        A connected socket, with or without TLS.
    pdu_seconds
        Within this a PDU must have arrived once it began, and one of ours must be taken.
    """

    def __init__(self, connection: socket.socket, *, pdu_seconds: float) -> None:
        self._socket = connection
        self._pdu_seconds = pdu_seconds
        self._buffer = bytearray(_READ_BYTES)
        self._view = memoryview(self._buffer)
        self._start = 0
        self._stop = 0
        self._quickack = _QUICKACK is not None and connection.family in (
            socket.AF_INET,
            socket.AF_INET6,
        )

    @property
    def has_buffered(self) -> bool:
        """Whether bytes have been read that no PDU was taken from yet."""
        return self._stop > self._start or (
            isinstance(self._socket, ssl.SSLSocket) and self._socket.pending() > 0
        )

    def fileno(self) -> int:
        """Return the file descriptor, for `select`."""
        return self._socket.fileno()

    def read(self, begin_within: float, *, end_within: float = math.inf) -> tuple[int, memoryview]:
        """Wait for a PDU.

        Parameters
        ----------
        begin_within
            Seconds in which its first byte must come.
        end_within
            Seconds in which its last byte must come, beside the limit on each PDU.

        Returns
        -------
        tuple[int, memoryview]
            PDU type, and the bytes after the header: valid until the next call.

        Raises
        ------
        AssociationLostError
            If the connection ends or a deadline passes.
        ProtocolError
            If the PDU is of no known type or larger than we tolerate.
        """
        called_at = time.monotonic()
        if self._stop == self._start:
            self._start = self._stop = 0
            self._receive(called_at + begin_within)
        deadline = min(time.monotonic() + self._pdu_seconds, called_at + end_within)
        self._fill(HEAD_BYTES, deadline)
        kind, length = _head.unpack_from(self._buffer, self._start)
        if not ASSOCIATE_RQ <= kind <= ABORT:
            raise ProtocolError(f"PDU type {kind:#04x} does not exist (PS3.8 table 9-11)", 1)
        if length > _TOLERATED_PDU_BYTES:
            raise ProtocolError(f"a PDU of {length} bytes; {MAX_PDU_BYTES} were agreed", 6)
        self._fill(HEAD_BYTES + length, deadline)
        body = self._view[self._start + HEAD_BYTES : self._start + HEAD_BYTES + length]
        self._start += HEAD_BYTES + length
        return kind, body

    def write(self, data: bytes) -> None:
        """Send bytes; a peer that does not take them in time is given up.

        Raises
        ------
        AssociationLostError
            If the connection ends or the deadline passes.
        """
        try:
            self._socket.settimeout(self._pdu_seconds)
            self._socket.sendall(data)
        except TimeoutError as error:
            raise AssociationLostError("the peer does not read what we send") from error
        except OSError as error:
            raise AssociationLostError("the connection is lost") from error

    def await_close(self, seconds: float) -> None:
        """Let the peer close first, as the one that asked for the release does (PS3.8 9.2.1)."""
        deadline = time.monotonic() + seconds
        with contextlib.suppress(AssociationLostError):
            while True:
                self._start = self._stop = 0
                self._receive(deadline)

    def _fill(self, wanted: int, deadline: float) -> None:
        """Have at least `wanted` bytes in the buffer after `_start`."""
        if self._stop - self._start >= wanted:
            return
        if self._start + wanted > len(self._buffer):
            self._make_room(wanted)
        while self._stop - self._start < wanted:
            self._receive(deadline)

    def _make_room(self, wanted: int) -> None:
        rest = bytes(self._view[self._start : self._stop])
        if wanted > len(self._buffer):
            self._buffer = bytearray(wanted)
            self._view = memoryview(self._buffer)
        self._view[: len(rest)] = rest
        self._start, self._stop = 0, len(rest)

    def _receive(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise AssociationLostError("the peer is silent for too long")
        try:
            self._socket.settimeout(left)
            count = self._socket.recv_into(self._view[self._stop :])
            if self._quickack:
                assert _QUICKACK is not None
                self._socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
        except TimeoutError as error:
            raise AssociationLostError("the peer is silent for too long") from error
        except OSError as error:
            raise AssociationLostError("the connection is lost") from error
        if count == 0:
            raise AssociationLostError("the peer closed the connection")
        self._stop += count
