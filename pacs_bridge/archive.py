"""The durable archive: a received instance is on disk and indexed before it is acknowledged."""

import hashlib
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from pacs_bridge import status
from pacs_bridge.database import writing
from pacs_bridge.errors import EncodingError, RefusedError
from pacs_bridge.files import PART_SUFFIX, write_durably
from pacs_bridge.header import Header, read_header
from pacs_bridge.index import (
    Archived,
    add_instance,
    find_sha256,
    find_study,
    list_instances,
    list_series,
)
from pacs_bridge.part10 import file_head, read_file_meta
from pacs_bridge.quarantine import Quarantine
from pacs_bridge.records import InstanceRecord, SeriesRecord, StoreOutcome, StudyRecord
from pacs_bridge.tables import instance

_log = structlog.get_logger(__name__)

DEFAULT_WATERMARK_BYTES = 1024 * 1024 * 1024
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
        self._staging = self.root / _INCOMING
        self._staging.mkdir(parents=True, exist_ok=True)
        self._quarantine = Quarantine(self.root, engine, self._staging)

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
        try:
            self._check_space(len(dataset))
            header = read_header(dataset, transfer_syntax_uid)
            _check_command(header, sop_class_uid, sop_instance_uid)
            archived = Archived(
                header=header,
                transfer_syntax_uid=transfer_syntax_uid,
                path=_relative_path(header),
                size_bytes=len(dataset),
                sha256=hashlib.sha256(dataset).hexdigest(),
                calling_ae_title=calling_ae_title,
                received_at=received_at,
            )
            with self._in_flight.alone(header.sop_instance_uid):
                is_new = self._store(dataset, archived)
        except RefusedError as error:
            if error.status != status.OUT_OF_RESOURCES:
                self._keep_refused(
                    dataset,
                    error.reason,
                    transfer_syntax_uid=transfer_syntax_uid,
                    sop_class_uid=sop_class_uid,
                    sop_instance_uid=sop_instance_uid,
                    calling_ae_title=calling_ae_title,
                )
            _log.warning("archive.refused", status=f"{error.status:04X}", reason=error.reason)
            return StoreOutcome(error.status, error.reason, None, False)
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
        for part in self._staging.glob(f"*{PART_SUFFIX}"):
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
        write_durably(path, self._staging, head, dataset)
        with writing(self.engine) as connection:
            add_instance(connection, archived)
        return True

    def _index_file(self, path: Path) -> bool:
        """Insert the row of a file that has none; a file that is not whole is set aside."""
        try:
            meta = read_file_meta(path)
            dataset = path.read_bytes()[meta.offset :]
            header = read_header(dataset, meta.transfer_syntax_uid)
        except (EncodingError, RefusedError) as error:
            _log.error("archive.unreadable_file", name=path.name, reason=str(error))
            self._quarantine.set_aside(path, f"a file found at the start is not whole: {error}")
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

    def _keep_refused(self, dataset: bytes, reason: str, **names: str) -> None:
        try:
            self._quarantine.keep(dataset, reason, **names)
        except (OSError, SQLAlchemyError) as failure:
            _log.error("archive.quarantine_failed", error=type(failure).__name__)


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
