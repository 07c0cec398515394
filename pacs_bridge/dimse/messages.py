"""Whole DIMSE messages out of P-DATA-TF PDUs, and the way back (PS3.7 6.3, PS3.8 annex E)."""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from pacs_bridge.dimse.command import Command, decode_command
from pacs_bridge.dimse.pdu import ABORT, P_DATA_TF, RELEASE_RP, RELEASE_RQ, PduStream, encode_pdu
from pacs_bridge.errors import AssociationLostError, AssociationReleasedError, ProtocolError

_COMMAND, _LAST = 0x01, 0x02  # message control header (PS3.8 E.2)
_MAX_COMMAND_BYTES = 64 * 1024
_PDV_HEAD_BYTES = 6
_pdv_head = struct.Struct(">LBB")


@dataclass(frozen=True, slots=True)
class Context:
    """An accepted presentation context.

    Parameters
    ----------
    requestor_is_scp
        The peer that opened the association plays the SCP of this class (PS3.7 D.3.3.4).
    """

    context_id: int
    abstract_syntax: str
    transfer_syntax: str
    requestor_is_scp: bool = False


class Sink(Protocol):
    """Takes the data set of a message as it comes."""

    def write(self, fragment: memoryview, /) -> None:
        """Take the next bytes."""


class BytesSink:
    """Keeps a data set in memory, up to a limit.

    Parameters
    ----------
    max_bytes
        More is a protocol error: only C-STORE carries large data sets.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self.data = bytearray()

    def write(self, fragment: memoryview) -> None:
        """Take the next bytes.

        Raises
        ------
        ProtocolError
            If there are more than allowed.
        """
        self.data += fragment
        if len(self.data) > self._max_bytes:
            raise ProtocolError(f"a data set of more than {self._max_bytes} bytes", 6)


class MessageStream:
    """DIMSE messages on an established association, read and written by one thread.

    Parameters
    ----------
    pdus
        The connection.
    contexts
        Accepted presentation contexts by their ID.
    peer_max_pdu_bytes
        The largest P-DATA-TF that the peer takes; 0 is any (PS3.8 D.1).
    idle_seconds
        Within this the next message must begin.
    fragment_seconds
        Within this the next PDU of a message must begin.
    """

    def __init__(
        self,
        pdus: PduStream,
        contexts: dict[int, Context],
        *,
        peer_max_pdu_bytes: int,
        idle_seconds: float,
        fragment_seconds: float,
    ) -> None:
        self._pdus = pdus
        self._contexts = contexts
        limit = peer_max_pdu_bytes or 2**17
        self._fragment_bytes = max(min(limit, 2**17) - _PDV_HEAD_BYTES, 64)
        self._idle_seconds = idle_seconds
        self._fragment_seconds = fragment_seconds
        self._pdvs: Iterator[tuple[Context, int, memoryview]] = iter(())

    @property
    def has_buffered(self) -> bool:
        """Whether more of the peer's bytes have been read than were asked for."""
        return self._pdus.has_buffered

    def read(self, sink_of: Callable[[Context, Command], Sink]) -> tuple[Context, Command, Sink]:
        """Wait for a message and take all of it.

        Parameters
        ----------
        sink_of
            Called with each command that has a data set; what it returns takes the data set.

        Raises
        ------
        AssociationReleasedError, AssociationLostError
            If the association ends instead.
        ProtocolError
            If the peer does not keep to the standard.
        """
        context, encoded = self._read_command()
        command = decode_command(encoded)
        sink: Sink = _NO_SINK
        if command.has_dataset:
            sink = sink_of(context, command)
            self._read_dataset(context, sink)
        return context, command, sink

    def write(self, context_id: int, command: bytes, dataset: bytes | memoryview = b"") -> None:
        """Send a message.

        Raises
        ------
        AssociationLostError
            If the connection ends.
        """
        data = b"".join(self._fragments(context_id, memoryview(command), _COMMAND))
        if not dataset:
            self._pdus.write(data)
            return
        for fragment in self._fragments(context_id, memoryview(dataset), 0):
            self._pdus.write(data + fragment if data else fragment)
            data = b""

    def _fragments(self, context_id: int, data: memoryview, control: int) -> Iterator[bytes]:
        for start in range(0, len(data), self._fragment_bytes):
            piece = data[start : start + self._fragment_bytes]
            last = _LAST if start + self._fragment_bytes >= len(data) else 0
            head = _pdv_head.pack(len(piece) + 2, context_id, control | last)
            yield encode_pdu(P_DATA_TF, head + piece)

    def _read_command(self) -> tuple[Context, bytes]:
        context, control, fragment = self._next_pdv(self._idle_seconds)
        encoded = bytes(fragment)
        first = context
        while True:
            if not control & _COMMAND or context != first:
                raise ProtocolError("a fragment of a data set where a command should be", 6)
            if len(encoded) > _MAX_COMMAND_BYTES:
                raise ProtocolError("a command set of more than 64 KiB", 6)
            if control & _LAST:
                return context, encoded
            context, control, fragment = self._next_pdv(self._fragment_seconds)
            encoded += fragment

    def _read_dataset(self, expected: Context, sink: Sink) -> None:
        while True:
            context, control, fragment = self._next_pdv(self._fragment_seconds)
            if control & _COMMAND or context != expected:
                raise ProtocolError("a command where the rest of a data set should be", 6)
            sink.write(fragment)
            if control & _LAST:
                return

    def _next_pdv(self, begin_within: float) -> tuple[Context, int, memoryview]:
        while True:
            pdv = next(self._pdvs, None)
            if pdv is not None:
                return pdv
            self._pdvs = self._values(self._read_data(begin_within))

    def _read_data(self, begin_within: float) -> memoryview:
        kind, body = self._pdus.read(begin_within)
        if kind == P_DATA_TF:
            if not body:
                raise ProtocolError("a P-DATA-TF PDU without a value", 6)
            return body
        if kind == RELEASE_RQ:
            self._pdus.write(encode_pdu(RELEASE_RP, bytes(4)))
            raise AssociationReleasedError("the peer released the association")
        if kind == ABORT:
            raise AssociationLostError("the peer aborted the association")
        raise ProtocolError(f"PDU type {kind:#04x} within an association", 2)

    def _values(self, body: memoryview) -> Iterator[tuple[Context, int, memoryview]]:
        """Yield context, control header and fragment of each PDV (PS3.8 9.3.5.1)."""
        position = 0
        while position < len(body):
            if position + _PDV_HEAD_BYTES > len(body):
                raise ProtocolError("a presentation data value is cut short", 6)
            length, context_id, control = _pdv_head.unpack_from(body, position)
            stop = position + 4 + length
            if length < 2 or stop > len(body):
                raise ProtocolError("a presentation data value does not fit in its PDU", 6)
            context = self._contexts.get(context_id)
            if context is None:
                raise ProtocolError(f"presentation context {context_id} was not accepted", 6)
            yield context, control, body[position + _PDV_HEAD_BYTES : stop]
            position = stop


class _NoSink:
    def write(self, _fragment: memoryview, /) -> None:
        raise AssertionError("a message without a data set has no fragments")


_NO_SINK = _NoSink()
