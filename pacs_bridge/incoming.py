"""One data set on its way in: in memory while it is small, on disk once it is large."""

import hashlib
import mmap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pacs_bridge.block_file import BUFFER_BYTES, BlockFile
from pacs_bridge.staging import Staging


@dataclass(frozen=True, slots=True)
class Origin:
    """How a data set came to us; UIDs as the sender gave them, not checked.

    Parameters
    ----------
    transfer_syntax_uid
        Of the accepted presentation context.
    sop_class_uid, sop_instance_uid
        As the C-STORE command names them.
    source
        AE title of the sender.
    called
        Our AE title that it called, where there was one.
    """

    transfer_syntax_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    source: str
    called: str = ""


class Incoming:
    """Takes the fragments of a data set and leaves a whole file, not yet named.

    A CT or MR slice fits in one buffer and is written once; a mammogram or an ultrasound clip
    goes to disk as it comes.

    Parameters
    ----------
    origin
        How it came.
    staging
        Where the file is made.
    head
        Preamble and file meta information, written before the data set.
    check_space
        Called with the number of bytes about to be written; raises to refuse them.
    """

    def __init__(
        self,
        origin: Origin,
        staging: Staging,
        head: bytes,
        check_space: Callable[[int], None],
    ) -> None:
        self.origin = origin
        self._staging = staging
        self._check_space = check_space
        self._head_bytes = len(head)
        self._buffer: mmap.mmap | None = staging.buffers.take()
        self._buffer[: len(head)] = head
        self._filled = len(head)
        # Fragment by fragment: while the sender prepares the next one.
        self._digest = hashlib.sha256()
        self._file: BlockFile | None = None
        self.part: Path | None = None
        self.size_bytes = 0

    def write(self, fragment: bytes | memoryview) -> None:
        """Take the next bytes of the data set.

        Raises
        ------
        OSError
            If the disk refuses.
        """
        assert self._buffer is not None, "it was finished or discarded"
        self._digest.update(fragment)
        self.size_bytes += len(fragment)
        while self._filled + len(fragment) > BUFFER_BYTES:
            room = BUFFER_BYTES - self._filled
            self._buffer[self._filled :] = fragment[:room]
            self._filled = BUFFER_BYTES
            self._check_space(BUFFER_BYTES)
            self._flush()
            fragment = fragment[room:]
        self._buffer[self._filled : self._filled + len(fragment)] = fragment
        self._filled += len(fragment)

    def finish(self) -> str:
        """Return the SHA-256 of the data set, hexadecimal, once all of it was written."""
        return self._digest.hexdigest()

    @contextmanager
    def dataset(self) -> Iterator[memoryview]:
        """Give access to the whole encoded data set, after its last fragment and before `sync`.

        Raises
        ------
        OSError
            If the disk refuses.
        """
        if self._file is None:
            assert self._buffer is not None, "it was discarded"
            with (
                memoryview(self._buffer) as buffer,
                buffer[self._head_bytes : self._filled] as view,
            ):
                yield view
            return
        self._flush()
        with (
            mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
            memoryview(mapped) as whole,
            whole[self._head_bytes :] as view,
        ):
            yield view

    def sync(self) -> Path:
        """Put the file on disk and return where it is; the caller renames it.

        Raises
        ------
        OSError
            If the disk refuses.
        """
        if self.part is None or self._file is not None:
            self._flush()
            assert self._file is not None
            self._file.sync()
            self._file = None
            self._give_buffer()
        assert self.part is not None
        return self.part

    def discard(self) -> None:
        """Forget it; what was already on disk and not renamed is deleted."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self.part is not None:
            self.part.unlink(missing_ok=True)
        self._give_buffer()

    def _flush(self) -> None:
        """Write what the buffer holds; less than a full buffer only at the end."""
        assert self._buffer is not None
        if self._file is None:
            self.part = self._staging.new_part()
            self._file = BlockFile(self.part)
        if self._filled:
            with memoryview(self._buffer) as buffer, buffer[: self._filled] as view:
                self._file.write(view)
            self._filled = 0

    def _give_buffer(self) -> None:
        if self._buffer is not None:
            self._staging.buffers.give(self._buffer)
            self._buffer = None
