"""Sends what lies in a folder, file or zip to a DICOM node, and says what was left out."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pydicom

from pacs_bridge.intake import dicom_files
from pacs_bridge.peer import Peer
from pacs_bridge.send import send


@dataclass(frozen=True, slots=True)
class Sent:
    """Outcome of one call of `send_path`.

    Parameters
    ----------
    study_uids
        Studies that the files belong to.
    sent
        Number of instances the peer accepted.
    failed, skipped
        (file name, reason) of what the peer refused, and of what is not DICOM.
    """

    study_uids: tuple[str, ...]
    sent: int
    failed: tuple[tuple[str, str], ...]
    skipped: tuple[tuple[str, str], ...]


def send_path(
    path: Path, peer: Peer, calling_ae_title: str, on_progress: Callable[[int, int], None]
) -> Sent:
    """Send every DICOM file at `path` to `peer`.

    Parameters
    ----------
    path
        A file, a folder (searched to the bottom) or a zip.
    on_progress
        Called with the number sent so far and the number of files.

    Raises
    ------
    pacs_bridge.errors.BridgeError
        When `path` cannot be read or the peer does not answer.
    """
    with dicom_files(path) as found:
        files = list(found.files)
        uids = {
            str(pydicom.dcmread(file, specific_tags=["StudyInstanceUID"]).StudyInstanceUID)
            for file in files
        }
        report = send(
            files,
            peer,
            calling_ae_title=calling_ae_title,
            on_progress=on_progress,
        )
        return Sent(
            tuple(sorted(uids)),
            len(report.sent),
            tuple((file.name, reason) for file, reason in report.failed),
            found.skipped,
        )
