"""Result objects as files: whole or absent, and the same bytes however often they are written."""

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset

from clinical_ai.findings import Reading
from clinical_ai.reports import identity
from clinical_ai.reports.seg import build_seg
from clinical_ai.reports.source import read_headers
from clinical_ai.reports.sr import Signer, Verdicts, build_sr


@dataclass(frozen=True, slots=True)
class ResultFile:
    """One DICOM object that we made.

    Parameters
    ----------
    kind
        ``"SEG"``, ``"SR-preliminary"`` or ``"SR-final"``.
    """

    sop_instance_uid: str
    path: Path
    kind: str


def write_results(
    reading: Reading, source_paths: Sequence[Path], folder: Path, *, institution: str
) -> tuple[ResultFile, ...]:
    """Write the SEG, when a finding has a region, and the preliminary SR.

    A reading that was not read gives no object: it says nothing of the patient, and its reason
    is on the worklist.

    Parameters
    ----------
    source_paths
        Files of the study; those of other series than the reading's are left aside.
    folder
        Where the files go, named by their SOP Instance UID.

    Raises
    ------
    ReportError
        When a source cannot be read or does not fit the reading.
    """
    if reading.status != "read":
        return ()
    sources = read_headers(source_paths, reading.series_uids)
    written = []
    if any(finding.region is not None for finding in reading.findings):
        seg = build_seg(reading, sources, institution=institution)
        written.append(_write(seg, folder, identity.SEG))
    report = build_sr(reading, sources, institution=institution)
    written.append(_write(report, folder, identity.SR_PRELIMINARY))
    return tuple(written)


def write_final_report(
    reading: Reading,
    source_paths: Sequence[Path],
    folder: Path,
    *,
    verdicts: Verdicts,
    signer: Signer,
) -> ResultFile:
    """Write the signed SR.

    Raises
    ------
    ReportError
        When a finding is undecided, or a source cannot be read or does not fit the reading.
    """
    sources = read_headers(source_paths, reading.series_uids)
    report = build_sr(
        reading, sources, institution=signer.organization, verdicts=verdicts, signer=signer
    )
    return _write(report, folder, identity.SR_FINAL)


def _write(dataset: Dataset, folder: Path, kind: str) -> ResultFile:
    """Write to a temporary file, flush it to the disk, and give it its name."""
    folder.mkdir(parents=True, exist_ok=True)
    uid = str(dataset.SOPInstanceUID)
    path = folder / f"{uid}.dcm"
    descriptor, name = tempfile.mkstemp(suffix=".part", dir=folder)
    part = Path(name)
    with os.fdopen(descriptor, "wb") as file:
        dataset.save_as(file, enforce_file_format=True)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return ResultFile(uid, path, kind)
