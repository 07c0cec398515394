"""The durable archive: a received instance is on disk and indexed before it is acknowledged."""

import hashlib
import os
import shutil
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from pacs_bridge import status
from pacs_bridge.database import insert_or_ignore, writing
from pacs_bridge.errors import EncodingError, RefusedError
from pacs_bridge.header import Header, is_uid, read_header
from pacs_bridge.index import (
    Archived,
    add_instance,
    find_sha256,
    find_study,
    list_instances,
    list_series,
)
from pacs_bridge.part10 import file_head, read_file_meta
from pacs_bridge.records import InstanceRecord, SeriesRecord, StoreOutcome, StudyRecord
from pacs_bridge.tables import instance, quarantine

_log = structlog.get_logger(__name__)

DEFAULT_WATERMARK_BYTES = 1024 * 1024 * 1024
_QUARANTINE = "quarantine"
_INCOMING = "incoming"


class Archive:
    """Received instances: files under `root`, rows in the database of `engine`.

    An instance is written to ``incoming/*.part``, fsynced, renamed to
    ``<study>/<series>/<SOP instance>.dcm``, its folder fsynced and its row committed; only
    then is its outcome a success. What is refused is kept in ``quarantine/`` with the reason.

    Parameters
    ----------
    root
        Folder of the archive; made if absent. One process at a time may store into it.
    engine
        From `pacs_bridge.database.open_engine`; the tables must exist.
    watermark_bytes
        With less free than this, instances are refused as out of resources.
    """

    def __init__(
        self, root: Path, engine: Engine, *, watermark_bytes: int = DEFAULT_WATERMARK_BYTES
    ) -> None:
        self.root = root.absolute()
        self.engine = engine
        self._watermark_bytes = watermark_bytes
        self._in_flight = _InFlight()
        for name in (_INCOMING, _QUARANTINE):
            (self.root / name).mkdir(parents=True, exist_ok=True)

    def store(
        self,
        dataset: bytes,
        *,
        transfer_syntax_uid: str,
        sop_class_uid: str,
        sop_instance_uid: str,
        calling_ae_title: str,
    ) -> StoreOutcome:
        """Archive one instance, or refuse and quarantine it.

        Parameters
        ----------
        dataset
            The encoded data set as received.
        transfer_syntax_uid
            Of the accepted presentation context.
        sop_class_uid, sop_instance_uid
            As the C-STORE command names them.
        calling_ae_title
            Who sent it.
        """
        received_at = time.time()
        sha256 = hashlib.sha256(dataset).hexdigest()
        try:
            self._check_space(len(dataset))
            header = read_header(dataset, transfer_syntax_uid)
            _check_command(header, sop_class_uid, sop_instance_uid)
            archived = Archived(
                header=header,
                transfer_syntax_uid=transfer_syntax_uid,
                path=_relative_path(header),
                size_bytes=len(dataset),
                sha256=sha256,
                calling_ae_title=calling_ae_title,
                received_at=received_at,
            )
            with self._in_flight.alone(header.sop_instance_uid):
                is_new = self._store(dataset, archived)
        except RefusedError as error:
            head = file_head(
                sop_class_uid=sop_class_uid if is_uid(sop_class_uid) else "0",
                sop_instance_uid=sop_instance_uid if is_uid(sop_instance_uid) else "0",
                transfer_syntax_uid=transfer_syntax_uid,
                source_ae_title=calling_ae_title,
            )
            return self._refuse(error, head, dataset, sha256, sop_instance_uid, calling_ae_title)
        except (OSError, SQLAlchemyError) as error:
            _log.error("archive.failed", error=type(error).__name__)
            return StoreOutcome(status.OUT_OF_RESOURCES, "the archive cannot write", None, False)
        _log.info("archive.stored", sop_instance_uid=header.sop_instance_uid, is_new=is_new)
        return StoreOutcome(status.SUCCESS, "", header.study_instance_uid, is_new)

    def instances(self, study_uid: str, *, own_results: bool = False) -> list[InstanceRecord]:
        """Return the study's instances by series, instance number and UID.

        Parameters
        ----------
        study_uid
            Study Instance UID.
        own_results
            With our own results that came back from a peer.
        """
        with self.engine.connect() as connection:
            return list_instances(connection, self.root, study_uid, own_results)

    def study(self, study_uid: str) -> StudyRecord | None:
        """Return what is known of the study; None if nothing of it was archived."""
        with self.engine.connect() as connection:
            return find_study(connection, study_uid)

    def series(self, study_uid: str, *, own_results: bool = False) -> list[SeriesRecord]:
        """Return the study's series in order of their number."""
        with self.engine.connect() as connection:
            return list_series(connection, study_uid, own_results)

    def rebuild(self) -> int:
        """Make the index agree with the files after a crash; call before receiving.

        Files without a row get one, ``.part`` files are deleted.

        Returns
        -------
        int
            Rows inserted.
        """
        for part in (self.root / _INCOMING).glob("*.part"):
            part.unlink()
        with self.engine.connect() as connection:
            indexed = set(connection.execute(select(instance.c.path)).scalars())
        present = {
            str(path.relative_to(self.root)) for path in self.root.glob("[0-9]*/[0-9]*/*.dcm")
        }
        missing = indexed - present
        if missing:
            _log.error("archive.files_missing", count=len(missing))
        inserted = sum(self._index_file(self.root / path) for path in sorted(present - indexed))
        if inserted:
            _log.warning("archive.rebuilt", rows=inserted)
        return inserted

    def _check_space(self, incoming_bytes: int) -> None:
        if shutil.disk_usage(self.root).free - incoming_bytes < self._watermark_bytes:
            raise RefusedError(status.OUT_OF_RESOURCES, "the archive's disk is nearly full")

    def _store(self, dataset: bytes, archived: Archived) -> bool:
        """Write file and row; False if the same content is already archived."""
        path = self.root / archived.path
        if path.exists():
            self._index_file(path)  # left by a crash or a failed commit; the first is kept
        with self.engine.connect() as connection:
            present = find_sha256(connection, archived.header.sop_instance_uid)
        if present == archived.sha256:
            return False
        if present is not None:
            raise RefusedError(
                status.DUPLICATE, "the SOP Instance UID is archived with other content"
            )
        head = file_head(
            sop_class_uid=archived.header.sop_class_uid,
            sop_instance_uid=archived.header.sop_instance_uid,
            transfer_syntax_uid=archived.transfer_syntax_uid,
            source_ae_title=archived.calling_ae_title,
        )
        self._write(path, head, dataset)
        with writing(self.engine) as connection:
            add_instance(connection, archived)
        return True

    def _write(self, path: Path, head: bytes, dataset: bytes) -> None:
        part = self.root / _INCOMING / f"{uuid.uuid4().hex}.part"
        try:
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
            try:
                _write_all(descriptor, head, dataset)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            _make_folder(path.parent)
            part.rename(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        _fsync_folder(path.parent)

    def _index_file(self, path: Path) -> bool:
        """Insert the row of a file that has none; a file that is not whole is set aside."""
        try:
            meta = read_file_meta(path)
            dataset = path.read_bytes()[meta.offset :]
            header = read_header(dataset, meta.transfer_syntax_uid)
        except (EncodingError, RefusedError):
            path.rename(self.root / _QUARANTINE / f"{uuid.uuid4().hex}.dcm")
            _log.error("archive.unreadable_file", name=path.name)
            return False
        archived = Archived(
            header=header,
            transfer_syntax_uid=meta.transfer_syntax_uid,
            path=str(path.relative_to(self.root)),
            size_bytes=len(dataset),
            sha256=hashlib.sha256(dataset).hexdigest(),
            calling_ae_title=meta.source_ae_title,
            received_at=time.time(),
        )
        with writing(self.engine) as connection:
            if find_sha256(connection, header.sop_instance_uid) is not None:
                return False
            add_instance(connection, archived)
        return True

    def _refuse(
        self,
        error: RefusedError,
        head: bytes,
        dataset: bytes,
        sha256: str,
        sop_instance_uid: str,
        calling_ae_title: str,
    ) -> StoreOutcome:
        _log.warning("archive.refused", status=f"{error.status:04X}", reason=error.reason)
        outcome = StoreOutcome(error.status, error.reason, None, False)
        if error.status == status.OUT_OF_RESOURCES:
            return outcome
        row = {
            "received_at": time.time(),
            "calling_ae_title": calling_ae_title,
            "reason": error.reason,
            "sop_instance_uid": sop_instance_uid if is_uid(sop_instance_uid) else None,
            "path": f"{_QUARANTINE}/{sha256}.dcm",
            "sha256": sha256,
        }
        try:
            self._write(self.root / _QUARANTINE / f"{sha256}.dcm", head, dataset)
            with writing(self.engine) as connection:
                insert_or_ignore(connection, quarantine, row)
        except (OSError, SQLAlchemyError) as failure:
            _log.error("archive.quarantine_failed", error=type(failure).__name__)
        return outcome


class _InFlight:
    """Lets one thread at a time work on a SOP Instance UID."""

    def __init__(self) -> None:
        self._uids: set[str] = set()
        self._changed = threading.Condition()

    @contextmanager
    def alone(self, uid: str) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: uid not in self._uids)
            self._uids.add(uid)
        try:
            yield
        finally:
            with self._changed:
                self._uids.discard(uid)
                self._changed.notify_all()


def _check_command(header: Header, sop_class_uid: str, sop_instance_uid: str) -> None:
    if (header.sop_class_uid, header.sop_instance_uid) != (sop_class_uid, sop_instance_uid):
        raise RefusedError(status.MISMATCH, "the command names another SOP class or instance")


def _relative_path(header: Header) -> str:
    return f"{header.study_instance_uid}/{header.series_instance_uid}/{header.sop_instance_uid}.dcm"


def _write_all(descriptor: int, head: bytes, dataset: bytes) -> None:
    buffers = [memoryview(head), memoryview(dataset)]
    while buffers:
        written = os.writev(descriptor, buffers)
        while buffers and written >= len(buffers[0]):
            written -= len(buffers.pop(0))
        if buffers:
            buffers[0] = buffers[0][written:]


def _make_folder(folder: Path) -> None:
    """Make a folder and its parent durable."""
    if folder.is_dir():
        return
    for level in (folder.parent, folder):
        if not level.is_dir():
            level.mkdir(exist_ok=True)
            _fsync_folder(level.parent)


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
