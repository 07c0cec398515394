"""Write new files past the page cache, in blocks from aligned memory.

An instance is read once or twice, minutes later; copying each into the page cache costs more
time than all else that receiving does, and pushes out what is read often. With `O_DIRECT` the
disk takes the data from our memory. File systems that do not know it are written as usual.
"""

import errno
import fcntl
import mmap
import os
import threading
from pathlib import Path

from pacs_bridge.files import write_all

BUFFER_BYTES = 2 * 1024 * 1024
# Memory, offset and length of a direct write are multiples of it: the largest block that
# disks have (open(2), O_DIRECT).
_BLOCK_BYTES = 4096
_POOLED = 16
_O_DIRECT = getattr(os, "O_DIRECT", 0)  # Linux


class BufferPool:
    """Aligned buffers of `BUFFER_BYTES`, used again: new memory costs a page fault each 4 KiB."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free: list[mmap.mmap] = []

    def take(self) -> mmap.mmap:
        """Return a buffer; what it holds is arbitrary."""
        with self._lock:
            if self._free:
                return self._free.pop()
        return mmap.mmap(-1, BUFFER_BYTES)

    def give(self, buffer: mmap.mmap) -> None:
        """Take a buffer back; nobody may hold a view of it any more."""
        with self._lock:
            if len(self._free) < _POOLED:
                self._free.append(buffer)
                return
        buffer.close()


class BlockFile:
    """A new file that is written from its beginning to its end, once.

    Parameters
    ----------
    path
        Must not exist.

    Raises
    ------
    OSError
        If it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
        try:
            self._descriptor = os.open(path, flags | _O_DIRECT, 0o640)
            self._is_direct = _O_DIRECT != 0
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            path.unlink(missing_ok=True)  # some systems refuse only after they made it
            self._descriptor = os.open(path, flags, 0o640)
            self._is_direct = False
        self._size = 0

    def fileno(self) -> int:
        """Return the file descriptor, for mapping what was written."""
        return self._descriptor

    def write(self, data: memoryview) -> None:
        """Append; all but the last call give whole blocks, from the start of a buffer.

        Raises
        ------
        OSError
            If the disk refuses.
        """
        whole = len(data) // _BLOCK_BYTES * _BLOCK_BYTES if self._is_direct else 0
        if whole:
            self._write_blocks(data[:whole])
        if whole < len(data):
            self._leave_direct()
            write_all(self._descriptor, (data[whole:],))
        self._size += len(data)

    def sync(self) -> None:
        """Put the content on disk and close the file.

        Raises
        ------
        OSError
            If the disk refuses.
        """
        os.fdatasync(self._descriptor)
        self.close()

    def close(self) -> None:
        """Close the file, whatever was written."""
        os.close(self._descriptor)

    def _write_blocks(self, blocks: memoryview) -> None:
        try:
            write_all(self._descriptor, (blocks,))
        except OSError as error:
            # The system took the flag, but wants something else of a direct write.
            if error.errno != errno.EINVAL:
                raise
            self._leave_direct()
            written = os.lseek(self._descriptor, 0, os.SEEK_CUR) - self._size
            write_all(self._descriptor, (blocks[written:],))

    def _leave_direct(self) -> None:
        if self._is_direct:
            flags = fcntl.fcntl(self._descriptor, fcntl.F_GETFL)
            fcntl.fcntl(self._descriptor, fcntl.F_SETFL, flags & ~_O_DIRECT)
            self._is_direct = False
