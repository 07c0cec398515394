"""Instances get their name and their row together, many in one transaction.

A commit costs the disk the same for one row and for fifty. The threads that receive hand their
finished files to this module; whichever comes first commits for all that wait. Names are given
inside the transaction that holds the rows, so two processes cannot give one name twice.
"""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from pacs_bridge import status
from pacs_bridge.database import writing
from pacs_bridge.errors import RefusedError
from pacs_bridge.files import fsync_folder, make_folder
from pacs_bridge.index import (
    Archived,
    IndexWriter,
    find_digests,
    is_kept_own_result,
    own_results,
)

_MAX_GROUP = 64
_ATTEMPTS = 3  # at one instance that another process commits at the same moment
_OTHER_CONTENT = "the SOP Instance UID is archived with other content"


class _Entry:
    def __init__(self, archived: Archived, part: Path) -> None:
        self.archived = archived
        self.part = part
        self.done = False
        self.is_new = False
        self.error: Exception | None = None


_NewOf = Callable[[Connection, Sequence[_Entry]], Sequence[_Entry]]


class Admission:
    """Gives files that are whole and on disk their name and their row.

    Parameters
    ----------
    engine
        Database of the archive.
    root
        Folder of the archive.
    """

    def __init__(self, engine: Engine, root: Path) -> None:
        self._engine = engine
        self._root = root
        self._index = IndexWriter()
        self._waiting: list[_Entry] = []
        self._waiting_lock = threading.Lock()
        self._commit_lock = threading.Lock()

    def admit(self, archived: Archived, part: Path) -> bool:
        """Rename `part` to its place and commit its row.

        Returns
        -------
        bool
            False if the same content is archived already, or the instance is a result of ours
            that is archived already and that somebody changed; `part` is deleted then.

        Raises
        ------
        RefusedError
            If the SOP Instance UID is archived with other content; `part` stays.
        OSError, sqlalchemy.exc.SQLAlchemyError
            If disk or database refuse.
        """
        entry = _Entry(archived, part)
        with self._waiting_lock:
            self._waiting.append(entry)
        while not entry.done:
            with self._commit_lock:
                if not entry.done:
                    self._commit_group(self._take_group())
        if entry.error is not None:
            raise entry.error
        return entry.is_new

    def _take_group(self) -> list[_Entry]:
        with self._waiting_lock:
            group, self._waiting = self._waiting[:_MAX_GROUP], self._waiting[_MAX_GROUP:]
        return group

    def _commit_group(self, group: Sequence[_Entry]) -> None:
        try:
            try:
                # Nearly always: nothing of it is archived, so nobody need ask.
                self._commit(group, self._as_new)
            except IntegrityError:
                self._commit(group, self._by_digest)
        except Exception:  # noqa: BLE001 - each is tried again, and then raised in its thread
            # One bad row must not refuse the others; and rows that the index writer remembered
            # may have been deleted meanwhile.
            for entry in group:
                self._commit_alone(entry)
        for entry in group:
            entry.done = True

    def _commit_alone(self, entry: _Entry) -> None:
        for _ in range(_ATTEMPTS):
            try:
                self._commit([entry], self._by_digest)
                return
            except IntegrityError as error:
                # Another process has just committed the same instance: the next look finds it.
                entry.error = error
            except Exception as error:  # noqa: BLE001 - raised again in the thread it belongs to
                entry.error = error
                return

    def _commit(self, group: Sequence[_Entry], new_of: _NewOf) -> None:
        for entry in group:
            entry.error = None  # of an attempt with others that failed
        try:
            with writing(self._engine) as connection:
                new = new_of(connection, group)
                self._index.add(connection, [entry.archived for entry in new])
                self._name(new)
        except BaseException:
            self._index.forget()
            raise
        for entry in new:
            entry.is_new = True
        for entry in group:
            if not entry.is_new and entry.error is None:
                entry.part.unlink(missing_ok=True)

    @staticmethod
    def _as_new(_connection: Connection, group: Sequence[_Entry]) -> Sequence[_Entry]:
        return group

    @staticmethod
    def _by_digest(connection: Connection, group: Sequence[_Entry]) -> list[_Entry]:
        """Return those that are not archived; those with other content get their error."""
        new: list[_Entry] = []
        uids = [entry.archived.header.sop_instance_uid for entry in group]
        digests = find_digests(connection, uids)
        for uid, entry in zip(uids, group, strict=True):
            present = digests.setdefault(uid, "")
            if not present:
                digests[uid] = entry.archived.sha256
                new.append(entry)
            elif present != entry.archived.sha256 and not _is_own_again(connection, entry, new):
                entry.error = RefusedError(status.DUPLICATE, _OTHER_CONTENT)
        return new

    def _name(self, entries: Sequence[_Entry]) -> None:
        folders: set[Path] = set()
        for entry in entries:
            path = self._root / entry.archived.path
            make_folder(path.parent)
            try:
                entry.part.rename(path)
            except FileNotFoundError:
                if not path.exists():  # else it was named by a commit that then failed
                    raise
            folders.add(path.parent)
        for folder in folders:
            fsync_folder(folder)


def _is_own_again(connection: Connection, entry: _Entry, new: Sequence[_Entry]) -> bool:
    """Whether this is a result of ours that a PACS sent back with other content.

    It corrects patient attributes in its copy. The first one stays, and it is no conflict of
    content: a quarantine that fills with our own results would hide what matters.
    """
    uid = entry.archived.header.sop_instance_uid
    if uid not in own_results(connection, [entry.archived]):
        return False
    earlier = [e.archived for e in new if e.archived.header.sop_instance_uid == uid]
    if earlier:
        return uid in own_results(connection, earlier)
    return is_kept_own_result(connection, uid)
