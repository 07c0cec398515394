"""Whether we keep what we are asked to: row and whole file, for each instance."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, select

from pacs_bridge.commitment.action import Reference
from pacs_bridge.errors import EncodingError
from pacs_bridge.part10 import read_file_meta
from pacs_bridge.tables import instance

# Failure Reasons (PS3.3 C.14.1.1)
PROCESSING_FAILURE = 0x0110
NO_SUCH_INSTANCE = 0x0112
CLASS_INSTANCE_CONFLICT = 0x0119

_CHUNK = 500  # bound values of a statement


def find_failures(
    engine: Engine, root: Path, references: Sequence[Reference]
) -> dict[Reference, int]:
    """Return the Failure Reason of each reference that we cannot commit to.

    An instance counts as kept if it is in the index with the SOP class asked, and its file
    still has the content that was received, by its SHA-256.

    Parameters
    ----------
    engine, root
        The archive's database and folder.
    """
    failed: dict[Reference, int] = {}
    for start in range(0, len(references), _CHUNK):
        chunk = references[start : start + _CHUNK]
        rows = _rows(engine, [uid for _, uid in chunk])
        for reference in chunk:
            reason = _reason(root, reference, rows.get(reference[1]))
            if reason is not None:
                failed[reference] = reason
    return failed


@dataclass(frozen=True, slots=True)
class _Kept:
    sop_class_uid: str
    path: str
    sha256: str


def _rows(engine: Engine, uids: Sequence[str]) -> dict[str, _Kept]:
    query = select(
        instance.c.sop_instance_uid, instance.c.sop_class_uid, instance.c.path, instance.c.sha256
    ).where(instance.c.sop_instance_uid.in_(uids))
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    return {r.sop_instance_uid: _Kept(r.sop_class_uid, r.path, r.sha256) for r in rows}


def _reason(root: Path, reference: Reference, kept: _Kept | None) -> int | None:
    if kept is None:
        return NO_SUCH_INSTANCE
    if kept.sop_class_uid != reference[0]:
        return CLASS_INSTANCE_CONFLICT
    return None if _is_whole(root / kept.path, kept.sha256) else PROCESSING_FAILURE


def _is_whole(path: Path, sha256: str) -> bool:
    try:
        offset = read_file_meta(path).offset
        with path.open("rb") as file:
            file.seek(offset)
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except (OSError, EncodingError):
        return False
