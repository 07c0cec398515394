"""What was refused: kept with the reason, never read by anything else."""

import hashlib
import time
from pathlib import Path

from sqlalchemy import Engine

from pacs_bridge.database import insert_or_ignore, writing
from pacs_bridge.files import fsync_folder
from pacs_bridge.header import is_uid
from pacs_bridge.incoming import Incoming
from pacs_bridge.tables import quarantine

_FOLDER = "quarantine"


class Quarantine:
    """Files in the folder ``quarantine`` and rows in the table of that name.

    The same bytes are kept once, however often they are sent.

    Parameters
    ----------
    root
        Folder of the archive.
    engine
        Database of the archive.
    """

    def __init__(self, root: Path, engine: Engine) -> None:
        self._root = root
        self._engine = engine
        (root / _FOLDER).mkdir(parents=True, exist_ok=True)

    def keep(
        self, incoming: Incoming, reason: str, *, sop_instance_uid: str, calling_ae_title: str
    ) -> None:
        """Keep a data set as received, after `Incoming.finish`; the UID is as the sender named it.

        Raises
        ------
        OSError, sqlalchemy.exc.SQLAlchemyError
            If disk or database refuse.
        """
        sha256 = incoming.finish()
        path = self._path(sha256)
        if not path.exists():
            incoming.sync().rename(path)
            fsync_folder(path.parent)
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
