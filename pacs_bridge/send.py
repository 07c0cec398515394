"""The storage and verification SCU."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom.sop_class import Verification

from pacs_bridge.association import RequestedAssociation
from pacs_bridge.errors import EncodingError, NoContextError, PeerError
from pacs_bridge.failure import Failure, FailureKind, Sending, file_failure
from pacs_bridge.part10 import FileMeta, read_file_meta
from pacs_bridge.peer import Peer

_log = structlog.get_logger(__name__)

_MAX_CONTEXTS = 128  # odd numbers of one byte (PS3.8 9.3.2.2)

Progress = Callable[[int, int], None]
"""Called with the number of files done and of all files."""


@dataclass(frozen=True, slots=True)
class SendReport:
    """What became of the files.

    Parameters
    ----------
    sent
        Accepted by the peer, with success or a warning.
    failed
        The others, each with the reason.
    """

    sent: tuple[Path, ...]
    failed: tuple[tuple[Path, str], ...]


def send(
    files: Iterable[Path],
    peer: Peer,
    *,
    calling_ae_title: str,
    on_progress: Progress | None = None,
) -> SendReport:
    """Send DICOM files to a peer by C-STORE, each in the transfer syntax it has.

    Every pair of SOP class and transfer syntax is proposed in a presentation context of its
    own; more than 128 pairs take several associations, one after the other.

    Parameters
    ----------
    files
        Part 10 files.
    peer
        Where to.
    calling_ae_title
        Who we are.
    on_progress
        Called after each file.
    """
    paths = list(files)
    sent: list[Path] = []
    failed: list[tuple[Path, str]] = []
    for path, failure in send_each(paths, peer, calling_ae_title=calling_ae_title):
        if failure is None:
            sent.append(path)
        else:
            failed.append((path, failure.reason))
        if on_progress is not None:
            on_progress(len(sent) + len(failed), len(paths))
    _log.info("send.done", peer=peer.name, sent=len(sent), failed=len(failed))
    return SendReport(tuple(sent), tuple(failed))


def send_each(files: Iterable[Path], peer: Peer, *, calling_ae_title: str) -> Sending:
    """Send DICOM files as `send` does, and yield each as soon as it is known what became of it.

    Closing the iterator releases the association; what was not yielded was not sent.

    Yields
    ------
    tuple
        The file, and None if the peer keeps it, otherwise why not.
    """
    metas: list[tuple[Path, FileMeta]] = []
    for path in files:
        try:
            metas.append((path, read_file_meta(path)))
        except OSError as error:
            yield path, file_failure(error)
        except EncodingError as error:
            yield path, Failure("gone", str(error))
    for group in _groups(metas):
        yield from _send_group(group, peer, calling_ae_title)


def echo(peer: Peer, calling_ae_title: str) -> float:
    """Verify a peer by C-ECHO (PS3.4 annex A).

    Returns
    -------
    float
        Seconds from opening the connection to the answer.

    Raises
    ------
    PeerError
        If the peer cannot be reached, rejects us, or does not answer with success.
    """
    begin = time.perf_counter()
    association = RequestedAssociation(
        peer, calling_ae_title, [(Verification, ImplicitVRLittleEndian)]
    )
    try:
        association.echo()
    finally:
        association.close()
    return time.perf_counter() - begin


def _groups(
    metas: Sequence[tuple[Path, FileMeta]],
) -> list[list[tuple[Path, FileMeta]]]:
    """Split the files so that each group needs at most 128 presentation contexts."""
    group_of: dict[tuple[str, str], int] = {}
    groups: list[list[tuple[Path, FileMeta]]] = []
    for path, meta in metas:
        pair = (meta.sop_class_uid, meta.transfer_syntax_uid)
        number = group_of.setdefault(pair, len(group_of) // _MAX_CONTEXTS)
        if number == len(groups):
            groups.append([])
        groups[number].append((path, meta))
    return groups


def _send_group(
    group: Sequence[tuple[Path, FileMeta]], peer: Peer, calling_ae_title: str
) -> Sending:
    """Yield each file with None if accepted, else the reason."""
    pairs = {(meta.sop_class_uid, meta.transfer_syntax_uid): None for _, meta in group}
    try:
        association = RequestedAssociation(peer, calling_ae_title, list(pairs))
    except PeerError as error:
        kind: FailureKind = "permanent" if isinstance(error, NoContextError) else "unreachable"
        yield from ((path, Failure(kind, str(error))) for path, _ in group)
        return
    try:
        for path, meta in group:
            yield path, association.store(path, meta.sop_class_uid, meta.transfer_syntax_uid)
    finally:
        association.close()
