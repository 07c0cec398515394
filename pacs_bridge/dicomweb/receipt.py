"""One instance of a store request on its way into the archive."""

from dataclasses import dataclass

from pacs_bridge import status
from pacs_bridge.archive import Archive
from pacs_bridge.errors import EncodingError, RefusedError
from pacs_bridge.header import is_uid, read_header
from pacs_bridge.incoming import Incoming, Origin
from pacs_bridge.part10 import MAX_META_BYTES, FileMeta, parse_file_meta


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an instance.

    Parameters
    ----------
    status
        0 or a failure reason (PS3.3 C.14; the statuses of `pacs_bridge.status`).
    sop_class_uid, sop_instance_uid
        As the file names them; empty where it names none.
    study_uid, series_uid
        Of an archived instance; else empty.
    """

    status: int
    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    study_uid: str = ""
    series_uid: str = ""


class Receipt:
    """Takes a DICOM file as it comes; all methods block.

    Parameters
    ----------
    source
        Who sends it.
    study_uid
        The only study it may be of; None for any.
    max_bytes
        A file that is larger is refused.
    """

    def __init__(
        self, archive: Archive, *, source: str, study_uid: str | None, max_bytes: int
    ) -> None:
        self._archive = archive
        self._source = source
        self._study_uid = study_uid
        self._left = max_bytes
        self._head: bytes | None = b""
        self._meta: FileMeta | None = None
        self._incoming: Incoming | None = None
        self._failed = 0

    def write(self, fragments: list[bytes]) -> None:
        """Take the next bytes of the file."""
        for fragment in fragments:
            self._left -= len(fragment)
            if self._failed:
                return
            if self._head is not None:
                self._head += fragment
                if len(self._head) >= MAX_META_BYTES or self._left < 0:
                    self._begin(self._head)
            else:
                self._take(fragment)
            if self._left < 0:
                self._fail(status.OUT_OF_RESOURCES)

    def finish(self) -> Outcome:
        """Archive the file, which is whole, or say why not."""
        if self._head is not None and not self._failed:
            self._begin(self._head)
        meta, incoming = self._meta, self._incoming
        if self._failed or meta is None or incoming is None:
            return self._outcome(self._failed or status.CANNOT_UNDERSTAND)
        study = series = ""
        try:
            incoming.finish()
            with incoming.dataset() as dataset:
                header = read_header(dataset, meta.transfer_syntax_uid)
            study, series = header.study_instance_uid, header.series_instance_uid
        except RefusedError:
            pass  # the archive refuses it too, and keeps it in quarantine
        except OSError:
            self._fail(status.OUT_OF_RESOURCES)
            return self._outcome(self._failed)
        if study and self._study_uid not in (None, study):
            self._fail(status.MISMATCH)
            return self._outcome(self._failed)
        self._incoming = None
        try:
            stored = self._archive.admit(incoming)
        except OSError:  # the disk refuses, wherever that is
            return self._outcome(status.OUT_OF_RESOURCES)
        if stored.status != status.SUCCESS:
            return self._outcome(stored.status)
        return Outcome(status.SUCCESS, meta.sop_class_uid, meta.sop_instance_uid, study, series)

    def discard(self) -> None:
        """Forget what came so far."""
        if self._incoming is not None:
            self._incoming.discard()
            self._incoming = None

    def _begin(self, head: bytes) -> None:
        """Open the file in the archive, once its file meta information is here."""
        self._head = None
        try:
            meta = self._meta = parse_file_meta(head)
            if not is_uid(meta.transfer_syntax_uid):
                self._fail(status.CANNOT_UNDERSTAND)
                return
            self._incoming = self._archive.incoming(
                Origin(
                    meta.transfer_syntax_uid,
                    meta.sop_class_uid,
                    meta.sop_instance_uid,
                    self._source,
                )
            )
        except EncodingError:
            self._fail(status.CANNOT_UNDERSTAND)
            return
        except RefusedError as error:
            self._fail(error.status)
            return
        except OSError:
            self._fail(status.OUT_OF_RESOURCES)
            return
        self._take(head[meta.offset :])

    def _take(self, fragment: bytes) -> None:
        assert self._incoming is not None
        try:
            self._incoming.write(fragment)
        except RefusedError as error:
            self._fail(error.status)
        except OSError:
            self._fail(status.OUT_OF_RESOURCES)

    def _fail(self, reason: int) -> None:
        self._failed = reason
        self.discard()

    def _outcome(self, reason: int) -> Outcome:
        uids = (self._meta.sop_class_uid, self._meta.sop_instance_uid) if self._meta else ("", "")
        return Outcome(reason, *(uid if is_uid(uid) else "" for uid in uids))
