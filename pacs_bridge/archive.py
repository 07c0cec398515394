"""The durable archive: a received instance is on disk and indexed before it is acknowledged."""

import hashlib
import mmap
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from pacs_bridge import status
from pacs_bridge.admission import Admission
from pacs_bridge.database import writing
from pacs_bridge.errors import EncodingError, RefusedError
from pacs_bridge.header import Header, is_uid, read_header
from pacs_bridge.incoming import Incoming, Origin
from pacs_bridge.index import (
    Archived,
    IndexWriter,
    find_digests,
    find_study,
    list_instances,
    list_series,
)
from pacs_bridge.part10 import file_head, read_file_meta
from pacs_bridge.quarantine import Quarantine
from pacs_bridge.records import InstanceRecord, SeriesRecord, StoreOutcome, StudyRecord
from pacs_bridge.staging import Staging
from pacs_bridge.tables import instance

_log = structlog.get_logger(__name__)

DEFAULT_WATERMARK_BYTES = 1024 * 1024 * 1024
_INCOMING = "incoming"
# Asked of the disk before an instance comes; large ones ask again as they grow.
_TYPICAL_BYTES = 2 * 1024 * 1024
# Clocks of a file server and of this machine may differ.
_REBUILD_MARGIN_SECONDS = 86_400.0


class Archive:
    """Received instances: files under `root`, rows in the database of `engine`.

    An instance is written to a ``.part`` file below ``incoming/``, fsynced, renamed to
    ``<study>/<series>/<SOP instance>.dcm``, its folder fsynced and its row committed; only
    then is its outcome a success. What is refused is kept in ``quarantine/`` with the reason.
    Several processes may store into one archive.

    Parameters
    ----------
    root
        Folder of the archive; made if absent.
    engine
        From `pacs_bridge.database.open_engine`; the tables must exist.
    watermark_bytes
        With less free than this, instances are refused as out of resources.
    on_known
        Called with Study and SOP Instance UID when an instance arrives that is archived already
        with the same content.
    """

    def __init__(
        self,
        root: Path,
        engine: Engine,
        *,
        watermark_bytes: int = DEFAULT_WATERMARK_BYTES,
        on_known: Callable[[str, str], object] | None = None,
    ) -> None:
        self._on_known = on_known
        self.root = root.absolute()
        self.engine = engine
        self._watermark_bytes = watermark_bytes
        self._staging = Staging(self.root / _INCOMING)
        self._quarantine = Quarantine(self.root, engine)
        self._admission = Admission(engine, self.root)

    def incoming(self, origin: Origin) -> Incoming:
        """Begin to take an instance whose data set comes in fragments; `admit` ends it.

        Raises
        ------
        RefusedError
            If the disk is nearly full; `Incoming.write` raises it too.
        """
        self._check_space(_TYPICAL_BYTES)
        head = file_head(
            sop_class_uid=_safe_uid(origin.sop_class_uid),
            sop_instance_uid=_safe_uid(origin.sop_instance_uid),
            transfer_syntax_uid=origin.transfer_syntax_uid,
            source_ae_title=origin.source,
            receiving_ae_title=origin.called,
        )
        return Incoming(origin, self._staging, head, self._check_space)

    def admit(self, incoming: Incoming) -> StoreOutcome:
        """Archive an instance that was taken whole, or refuse and quarantine it."""
        origin = incoming.origin
        try:
            sha256 = incoming.finish()
            with incoming.dataset() as dataset:
                header = read_header(dataset, origin.transfer_syntax_uid)
            _check_command(header, origin.sop_class_uid, origin.sop_instance_uid)
            archived = Archived(
                header=header,
                transfer_syntax_uid=origin.transfer_syntax_uid,
                path=_relative_path(header),
                size_bytes=incoming.size_bytes,
                sha256=sha256,
                calling_ae_title=origin.source,
                received_at=time.time(),
                called_ae_title=origin.called,
            )
            is_new = self._admit(incoming, archived)
            if not is_new and self._on_known is not None:
                self._on_known(header.study_instance_uid, header.sop_instance_uid)
        except RefusedError as error:
            if error.status != status.OUT_OF_RESOURCES:
                self._keep_refused(incoming, error.reason)
            incoming.discard()
            _log.warning(
                "archive.refused",
                calling=origin.source,
                instance=origin.sop_instance_uid if is_uid(origin.sop_instance_uid) else None,
                status=f"{error.status:04X}",
                reason=error.reason,
            )
            return StoreOutcome(error.status, error.reason, None, False)
        except (OSError, SQLAlchemyError) as error:
            incoming.discard()
            _log.error("archive.failed", error=type(error).__name__)
            return StoreOutcome(status.OUT_OF_RESOURCES, "the archive cannot write", None, False)
        _log.debug("archive.stored", sop_instance_uid=header.sop_instance_uid, is_new=is_new)
        return StoreOutcome(status.SUCCESS, "", header.study_instance_uid, is_new)

    def store(
        self,
        dataset: bytes,
        *,
        transfer_syntax_uid: str,
        sop_class_uid: str,
        sop_instance_uid: str,
        calling_ae_title: str,
        called_ae_title: str = "",
    ) -> StoreOutcome:
        """Archive one instance that is in memory, or refuse and quarantine it.

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
        called_ae_title
            Our AE title that the sender called, where there was one.
        """
        try:
            incoming = self.incoming(
                Origin(
                    transfer_syntax_uid,
                    sop_class_uid,
                    sop_instance_uid,
                    calling_ae_title,
                    called_ae_title,
                )
            )
            incoming.write(dataset)
        except RefusedError as error:
            return StoreOutcome(error.status, error.reason, None, False)
        except OSError:
            return StoreOutcome(status.OUT_OF_RESOURCES, "the archive cannot write", None, False)
        return self.admit(incoming)

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

    def rebuild(self, *, full: bool = False) -> int:
        """Make the index agree with the files after a crash; call before receiving.

        Files without a row get one; what a killed process left in the making is deleted.

        Parameters
        ----------
        full
            Look at every file, and report rows whose file is missing; otherwise only at
            folders that changed since shortly before the newest row.

        Returns
        -------
        int
            Rows inserted.
        """
        self._staging.clear_abandoned()
        with self.engine.connect() as connection:
            newest = connection.execute(select(func.max(instance.c.received_at))).scalar()
            since = 0.0 if full or newest is None else newest - _REBUILD_MARGIN_SECONDS
            present = set(self._files_since(since))
            query = select(instance.c.path)
            if since:
                query = query.where(instance.c.received_at >= since)
            indexed = set(connection.execute(query).scalars())
        missing = indexed - present if full else set()
        if missing:
            _log.error("archive.files_missing", count=len(missing))
        inserted = sum(self._index_file(self.root / path) for path in sorted(present - indexed))
        if inserted:
            _log.warning("archive.rebuilt", rows=inserted)
        return inserted

    def close(self) -> None:
        """Delete what is still in the making."""
        self._staging.close()

    def _files_since(self, since: float) -> Iterator[str]:
        """Paths, relative to the root, in series folders that changed after `since`."""
        for study_folder in self.root.glob("[0-9]*"):
            for series_folder in study_folder.glob("[0-9]*"):
                if series_folder.stat().st_mtime >= since:
                    for entry in os.scandir(series_folder):
                        if entry.name.endswith(".dcm"):
                            yield f"{study_folder.name}/{series_folder.name}/{entry.name}"

    def _check_space(self, incoming_bytes: int) -> None:
        if shutil.disk_usage(self.root).free - incoming_bytes < self._watermark_bytes:
            raise RefusedError(status.OUT_OF_RESOURCES, "the archive's disk is nearly full")

    def _admit(self, incoming: Incoming, archived: Archived) -> bool:
        """Put file and row in place; False if the same content is already archived."""
        path = self.root / archived.path
        if path.exists() and not self._is_indexed(archived.header.sop_instance_uid):
            self._index_file(path)  # left by a crash or a failed commit; the first is kept
        part = incoming.sync()
        return self._admission.admit(archived, part)

    def _is_indexed(self, sop_instance_uid: str) -> bool:
        with self.engine.connect() as connection:
            return bool(find_digests(connection, [sop_instance_uid]))

    def _index_file(self, path: Path) -> bool:
        """Insert the row of a file that has none; a file that is not whole is set aside."""
        try:
            meta = read_file_meta(path)
            with _dataset_of(path, meta.offset) as dataset:
                header = read_header(dataset, meta.transfer_syntax_uid)
                size_bytes, sha256 = len(dataset), hashlib.sha256(dataset).hexdigest()
        except (EncodingError, RefusedError) as error:
            _log.error("archive.unreadable_file", name=path.name, reason=str(error))
            self._quarantine.set_aside(path, f"a file found at the start is not whole: {error}")
            return False
        archived = Archived(
            header=header,
            transfer_syntax_uid=meta.transfer_syntax_uid,
            path=str(path.relative_to(self.root)),
            size_bytes=size_bytes,
            sha256=sha256,
            calling_ae_title=meta.source_ae_title,
            received_at=time.time(),
            called_ae_title=meta.receiving_ae_title,
        )
        try:
            with writing(self.engine) as connection:
                if find_digests(connection, [header.sop_instance_uid]):
                    return False
                IndexWriter().add(connection, [archived])
        except IntegrityError:
            return False  # another process has committed its row meanwhile
        return True

    def _keep_refused(self, incoming: Incoming, reason: str) -> None:
        try:
            self._quarantine.keep(
                incoming,
                reason,
                sop_instance_uid=incoming.origin.sop_instance_uid,
                calling_ae_title=incoming.origin.source,
            )
        except (OSError, SQLAlchemyError) as failure:
            _log.error("archive.quarantine_failed", error=type(failure).__name__)


@contextmanager
def _dataset_of(path: Path, offset: int) -> Iterator[memoryview]:
    """Give access to the data set of a file without holding it in memory."""
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        memoryview(mapped) as whole,
        whole[offset:] as dataset,
    ):
        yield dataset


def _check_command(header: Header, sop_class_uid: str, sop_instance_uid: str) -> None:
    if (header.sop_class_uid, header.sop_instance_uid) != (sop_class_uid, sop_instance_uid):
        raise RefusedError(status.MISMATCH, "the command names another SOP class or instance")


def _relative_path(header: Header) -> str:
    return f"{header.study_instance_uid}/{header.series_instance_uid}/{header.sop_instance_uid}.dcm"


def _safe_uid(uid: str) -> str:
    """Return `uid` for the file meta, or "0" where the sender gave nothing usable."""
    return uid if is_uid(uid) else "0"
