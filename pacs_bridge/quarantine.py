"""What was refused: kept with the reason, never read by anything else."""

import hashlib
import time
from pathlib import Path

from sqlalchemy import Engine

from pacs_bridge.database import insert_or_ignore, writing
from pacs_bridge.files import fsync_folder, write_durably
from pacs_bridge.header import is_uid
from pacs_bridge.part10 import file_head
from pacs_bridge.tables import quarantine

_FOLDER = "quarantine"
_NO_UID = "0"  # in the file meta, where the sender gave nothing usable


class Quarantine:
    """Files in the folder ``quarantine`` and rows in the table of that name.

    The same bytes are kept once, however often they are sent.

    Parameters
    ----------
    root
        Folder of the archive.
    engine
        Database of the archive.
    staging
        Folder for files in the making.
    """

    def __init__(self, root: Path, engine: Engine, staging: Path) -> None:
        self._root = root
        self._engine = engine
        self._staging = staging
        (root / _FOLDER).mkdir(parents=True, exist_ok=True)

    def keep(
        self,
        dataset: bytes,
        reason: str,
        *,
        transfer_syntax_uid: str,
        sop_class_uid: str,
        sop_instance_uid: str,
        calling_ae_title: str,
    ) -> None:
        """Keep a data set as received; the UIDs are as the sender named them.

        Raises
        ------
        OSError, sqlalchemy.exc.SQLAlchemyError
            If disk or database refuse.
        """
        sha256 = hashlib.sha256(dataset).hexdigest()
        head = file_head(
            sop_class_uid=sop_class_uid if is_uid(sop_class_uid) else _NO_UID,
            sop_instance_uid=sop_instance_uid if is_uid(sop_instance_uid) else _NO_UID,
            transfer_syntax_uid=transfer_syntax_uid,
            source_ae_title=calling_ae_title,
        )
        path = self._path(sha256)
        if not path.exists():
            write_durably(path, self._staging, head, dataset)
        self._add_row(sha256, reason, sop_instance_uid, calling_ae_title)

    def set_aside(self, path: Path, reason: str) -> None:
        """Move a file of the archive here.

        Raises
        ------
        OSError, sqlalchemy.exc.SQLAlchemyError
            If disk or database refuse.
        """
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        path.rename(self._path(sha256))
        fsync_folder(path.parent)
        fsync_folder(self._root / _FOLDER)
        self._add_row(sha256, reason, path.stem, "")

    def _path(self, sha256: str) -> Path:
        return self._root / _FOLDER / f"{sha256}.dcm"

    def _add_row(
        self, sha256: str, reason: str, sop_instance_uid: str, calling_ae_title: str
    ) -> None:
        row = {
            "received_at": time.time(),
            "calling_ae_title": calling_ae_title,
            "reason": reason,
            "sop_instance_uid": sop_instance_uid if is_uid(sop_instance_uid) else None,
            "path": f"{_FOLDER}/{sha256}.dcm",
            "sha256": sha256,
        }
        with writing(self._engine) as connection:
            insert_or_ignore(connection, quarantine, row)
