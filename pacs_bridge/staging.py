"""Where files are made before they get their name, one folder for each process that receives.

Listener, screens (STOW-RS) and worker (C-GET) may all put instances into one archive. Each
holds a lock on its own staging folder, so that what a dead process left can be told from what
a living one is writing.
"""

import fcntl
import os
import shutil
import threading
import uuid
import weakref
from pathlib import Path

from pacs_bridge.block_file import BufferPool
from pacs_bridge.files import PART_SUFFIX

_LOCK = ".lock"


class Staging:
    """The staging folder of this process, made when first used.

    Parameters
    ----------
    root
        Folder that holds the staging folders of all processes; made if absent. It must be on
        the file system where the files end.
    """

    def __init__(self, root: Path) -> None:
        self.buffers = BufferPool()
        self._root = root
        root.mkdir(parents=True, exist_ok=True)
        self._folder: Path | None = None
        self._release: weakref.finalize[[Path, int], Staging] | None = None
        self._making = threading.Lock()

    def new_part(self) -> Path:
        """Return the path of a file that does not exist yet."""
        with self._making:
            if self._folder is None:
                self._folder = self._make()
        return self._folder / f"{uuid.uuid4().hex}{PART_SUFFIX}"

    def close(self) -> None:
        """Give the folder up, with what is in it."""
        with self._making:
            if self._release is not None:
                self._release()
                self._folder = self._release = None

    def clear_abandoned(self) -> int:
        """Delete what processes that are gone have left; returns the number of files."""
        deleted = 0
        for entry in self._root.iterdir():
            if entry.is_dir():
                deleted += _clear(entry) if entry != self._folder else 0
            else:
                entry.unlink()
                deleted += 1
        return deleted

    def _make(self) -> Path:
        """Make the folder, again if a starting listener took it for abandoned before the lock."""
        while True:
            folder = self._root / uuid.uuid4().hex
            folder.mkdir()
            try:
                # Kept open while the process lives: the lock says that somebody is here.
                lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o640)
            except FileNotFoundError:
                continue
            fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.is_dir():
                # Also when the archive is forgotten, and at the end of the process.
                self._release = weakref.finalize(self, _give_up, folder, lock)
                return folder
            os.close(lock)


def _give_up(folder: Path, lock: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os.close(lock)


def _clear(folder: Path) -> int:
    try:
        lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o640)
    except OSError:
        return 0  # its owner has just deleted it
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 0
    else:
        count = sum(1 for file in folder.iterdir() if file.name != _LOCK)
        shutil.rmtree(folder, ignore_errors=True)
        return count
    finally:
        os.close(lock)
