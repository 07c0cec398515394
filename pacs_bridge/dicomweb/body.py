"""Answers that are sent as they are read: pieces of files, bytes, and multipart around them.

A piece is read only when the client has taken what came before, so a slow client holds one
chunk in memory, however large the study is.
"""

import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from anyio import CapacityLimiter, to_thread

from pacs_bridge.dicomweb.media import MULTIPART

CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class FileRange:
    """`length` bytes of a file from `offset`."""

    path: Path
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Made:
    """Bytes that cost work (decoding); made in a thread when their turn comes."""

    make: Callable[[], bytes]


Piece = bytes | FileRange | Made


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart answer.

    Parameters
    ----------
    media_type
        With its parameters.
    pieces
        The content.
    location
        URL of the part, if it has one.
    """

    media_type: str
    pieces: Iterable[Piece]
    location: str = ""


class Boundary:
    """A boundary that no client can foresee, and the lines made of it."""

    def __init__(self) -> None:
        self.text = secrets.token_hex(16)

    def content_type(self, media_type: str) -> str:
        """Return the Content-Type of the answer, for parts of `media_type`."""
        return f'{MULTIPART}; type="{media_type}"; boundary={self.text}'

    def pieces(self, parts: Iterable[Part]) -> Iterator[Piece]:
        """Return the whole body (RFC 2046 5.1.1)."""
        start = ""
        for part in parts:
            location = f"Content-Location: {part.location}\r\n" if part.location else ""
            head = f"{start}--{self.text}\r\nContent-Type: {part.media_type}\r\n{location}\r\n"
            yield head.encode("ascii")
            yield from part.pieces
            start = "\r\n"
        yield f"{start}--{self.text}--\r\n".encode("ascii")


async def stream(pieces: Iterable[Piece], work: CapacityLimiter) -> AsyncIterator[bytes]:
    """Yield the bytes of `pieces`, about `CHUNK_BYTES` at a time.

    Parameters
    ----------
    work
        How many threads may make bytes at once, all requests together.

    Raises
    ------
    OSError
        If a file is gone or shorter than it was; the answer breaks off.
    """
    source = iter(pieces)
    over = False
    while not over:
        chunk, pending, over = await to_thread.run_sync(_gather, source)
        if chunk:
            yield chunk
        if isinstance(pending, Made):
            yield await to_thread.run_sync(pending.make, limiter=work)
        elif pending is not None:
            async with aclosing(_read_large(pending)) as chunks:
                async for chunk in chunks:
                    yield chunk


def _gather(source: Iterator[Piece]) -> tuple[bytes, FileRange | Made | None, bool]:
    """Join pieces that are at hand up to a chunk.

    Returns
    -------
    tuple
        The chunk; the piece after it that is not at hand; whether that was all.
    """
    gathered: list[bytes] = []
    size = 0
    while size < CHUNK_BYTES:
        piece = next(source, None)
        if isinstance(piece, bytes):
            gathered.append(piece)
        elif isinstance(piece, FileRange) and piece.length <= CHUNK_BYTES:
            gathered.append(_read_small(piece))
        else:
            return b"".join(gathered), piece, piece is None
        size += len(gathered[-1])
    return b"".join(gathered), None, False


async def _read_large(piece: FileRange) -> AsyncGenerator[bytes, None]:
    file = await to_thread.run_sync(_open, piece)
    try:
        left = piece.length
        while left:
            chunk = await to_thread.run_sync(file.read, min(left, CHUNK_BYTES))
            if not chunk:
                raise OSError("a file of the archive is shorter than it was")
            left -= len(chunk)
            yield chunk
    finally:
        file.close()


def _open(piece: FileRange) -> FileIO:
    file = FileIO(piece.path)
    file.seek(piece.offset)
    return file


def _read_small(piece: FileRange) -> bytes:
    with _open(piece) as file:
        data = file.read(piece.length)
    if len(data) != piece.length:
        raise OSError("a file of the archive is shorter than it was")
    return data
