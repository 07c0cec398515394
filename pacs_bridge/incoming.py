"""One data set on its way in: in memory while it is small, on disk once it is large."""

import hashlib
import mmap
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pacs_bridge.files import write_all
from pacs_bridge.staging import Staging

# A CT or MR slice stays in memory and is written once, with its file meta; a mammogram or an
# ultrasound clip goes to disk as it comes.
SPILL_BYTES = 2 * 1024 * 1024


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
        self._head = head
        self._check_space = check_space
        self._buffer = bytearray()
        self._digest = hashlib.sha256()
        self._sha256: str | None = None
        self._descriptor: int | None = None
        self._synced = False
        self.part: Path | None = None
        self.size_bytes = 0

    def write(self, fragment: bytes | memoryview) -> None:
        """Take the next bytes of the data set.

        Raises
        ------
        OSError
            If the disk refuses.
        """
        self.size_bytes += len(fragment)
        if self._descriptor is not None:
            self._check_space(len(fragment))
            self._append(fragment)
            return
        self._buffer += fragment
        if len(self._buffer) >= SPILL_BYTES:
            self._check_space(len(self._buffer))
            self._open()
            assert self._descriptor is not None
            write_all(self._descriptor, (self._head,))
            self._append(self._buffer)
            self._buffer = bytearray()

    def finish(self) -> str:
        """Return the SHA-256 of the data set, hexadecimal, once all of it was written."""
        if self._sha256 is None:
            if self._descriptor is None:
                self._digest.update(self._buffer)
            self._sha256 = self._digest.hexdigest()
        return self._sha256

    @contextmanager
    def dataset(self) -> Iterator[memoryview]:
        """Give access to the whole encoded data set, after `finish`."""
        if self._descriptor is None:
            with memoryview(self._buffer) as view:
                yield view
            return
        with (
            mmap.mmap(self._descriptor, 0, access=mmap.ACCESS_READ) as mapped,
            memoryview(mapped) as whole,
            whole[len(self._head) :] as view,
        ):
            yield view

    def sync(self) -> Path:
        """Put the file on disk and return where it is; the caller renames it.

        Raises
        ------
        OSError
            If the disk refuses.
        """
        if self._synced:
            assert self.part is not None
            return self.part
        if self._descriptor is None:
            self._open()
            assert self._descriptor is not None
            write_all(self._descriptor, (self._head, self._buffer))
        assert self._descriptor is not None and self.part is not None
        os.fdatasync(self._descriptor)
        os.close(self._descriptor)
        self._descriptor = None
        self._synced = True
        return self.part

    def discard(self) -> None:
        """Forget it; what was already on disk and not renamed is deleted."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        if self.part is not None:
            self.part.unlink(missing_ok=True)
        self._buffer = bytearray()

    def _open(self) -> None:
        self.part = self._staging.new_part()
        self._descriptor = os.open(self.part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o640)

    def _append(self, data: bytes | bytearray | memoryview) -> None:
        assert self._descriptor is not None
        self._digest.update(data)
        write_all(self._descriptor, (data,))
