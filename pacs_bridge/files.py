"""Write a file so that it is whole and on disk, or not there at all."""

import os
import uuid
from pathlib import Path

PART_SUFFIX = ".part"


def write_durably(path: Path, staging: Path, *buffers: bytes) -> None:
    """Write `buffers` to a new file in `staging`, fsync it, and rename it to `path`.

    On return the file and its name are on disk. An existing file at `path` is replaced.

    Parameters
    ----------
    path
        Where the file goes; its folder and the folder's parent are made if absent.
    staging
        A folder on the same file system.

    Raises
    ------
    OSError
        If the disk refuses; nothing is left behind.
    """
    part = staging / f"{uuid.uuid4().hex}{PART_SUFFIX}"
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
        try:
            write_all(descriptor, buffers)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        make_folder(path.parent)
        part.rename(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    fsync_folder(path.parent)


def fsync_folder(folder: Path) -> None:
    """Put the names in a folder on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, buffers: tuple[bytes | bytearray | memoryview, ...]) -> None:
    """Write all of `buffers`, however little the system takes at a time."""
    views = [memoryview(b) for b in buffers if b]
    while views:
        written = os.writev(descriptor, views)
        while views and written >= len(views[0]):
            written -= len(views.pop(0))
        if views:
            views[0] = views[0][written:]


def make_folder(folder: Path) -> None:
    """Make a folder and its parent, each durably; nothing if it exists."""
    if folder.is_dir():
        return
    for level in (folder.parent, folder):
        if not level.is_dir():
            level.mkdir(exist_ok=True)
            fsync_folder(level.parent)
