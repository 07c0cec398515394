"""The minimal lower layer protocol: where a message begins and ends in a stream of bytes.

HL7 2.5.1 implementation guide, appendix C.4: vertical tab, message, file separator, carriage
return. No character set that we take uses these bytes in a letter.
"""

from pacs_bridge.errors import MessageError

START = b"\x0b"
END = b"\x1c\x0d"
_MAX_BYTES_BETWEEN = 1024


class TooLongError(MessageError):
    """A message is longer than the limit; the connection cannot go on.

    Parameters
    ----------
    head
        The beginning of the message, as far as it was received.
    """

    def __init__(self, limit: int, head: bytes) -> None:
        super().__init__(f"the message is longer than {limit} bytes")
        self.head = head


def frame(message: bytes) -> bytes:
    """Return `message` between its block characters.

    Raises
    ------
    MessageError
        When the message itself holds the end of a block.
    """
    if END in message or message.endswith(END[:1]):
        raise MessageError("the message holds the bytes 1C 0D, which end a block")
    return START + message + END


class Deframer:
    """Cuts a stream, however it is split, into messages.

    Parameters
    ----------
    limit
        Longest message in bytes.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._inside = False
        self._searched = 0

    @property
    def inside(self) -> bool:
        """Whether a message has begun and not ended."""
        return self._inside

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes; return the messages that they complete.

        Raises
        ------
        TooLongError
            When a message is longer than the limit.
        MessageError
            When what is sent between two messages is not line ends.
        """
        self._buffer += data
        messages = []
        while (message := self._next()) is not None:
            messages.append(message)
        return messages

    def _next(self) -> bytes | None:
        if not self._inside and not self._begin():
            return None
        end = self._buffer.find(END, self._searched)
        if end < 0:
            if len(self._buffer) > self._limit + 1:
                raise TooLongError(self._limit, bytes(self._buffer[: self._limit]))
            self._searched = max(0, len(self._buffer) - 1)
            return None
        if end > self._limit:
            raise TooLongError(self._limit, bytes(self._buffer[: self._limit]))
        message = bytes(self._buffer[:end])
        del self._buffer[: end + len(END)]
        self._inside, self._searched = False, 0
        return message

    def _begin(self) -> bool:
        start = self._buffer.find(START)
        between = self._buffer if start < 0 else self._buffer[:start]
        if between.strip(b"\r\n") or len(between) > _MAX_BYTES_BETWEEN:
            raise MessageError("bytes outside a block; the sender does not speak MLLP")
        if start < 0:
            return False
        del self._buffer[: start + 1]
        self._inside = True
        return True
