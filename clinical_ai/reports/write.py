"""Result objects as files: whole or absent, and the same bytes however often they are written."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from pydicom.dataset import Dataset

from clinical_ai.findings import Reading
from clinical_ai.reports import identity
from clinical_ai.reports.presentation_state import build_presentation_states
from clinical_ai.reports.secondary_capture import build_secondary_captures
from clinical_ai.reports.seg import build_seg
from clinical_ai.reports.signing import Signer, Verdicts
from clinical_ai.reports.source import read_headers
from clinical_ai.reports.sr import build_sr
from clinical_ai.result_objects import DEFAULT_OBJECTS, ResultObject
from clinical_ai.texts import Language
from pacs_bridge.files import write_durably


@dataclass(frozen=True, slots=True)
class ResultFile:
    """One DICOM object that we made.

    Parameters
    ----------
    kind
        One of `clinical_ai.reports.identity`, for example ``"SEG"`` or ``"SR-preliminary"``.
    """

    sop_instance_uid: str
    path: Path
    kind: str


def write_results(
    reading: Reading,
    source_paths: Sequence[Path],
    folder: Path,
    *,
    institution: str,
    objects: Collection[ResultObject] = DEFAULT_OBJECTS,
    language: Language = "en",
) -> tuple[ResultFile, ...]:
    """Write the preliminary objects of a reading.

    A reading that was not read gives no object: it says nothing of the patient, and its reason
    is on the worklist. SEG and GSPS are made where a finding has a region.

    Parameters
    ----------
    source_paths
        Files of the study; those of other series than the reading's are left aside.
    folder
        Where the files go, named by their SOP Instance UID.
    objects
        What to make.
    language
        Of burned-in text.

    Raises
    ------
    ReportError
        When a source cannot be read or does not fit the reading.
    """
    if reading.status != "read":
        return ()
    sources = read_headers(source_paths, reading.series_uids)

    def made() -> Iterator[tuple[str, Dataset]]:
        if "SEG" in objects and _has_region(reading):
            yield identity.SEG, build_seg(reading, sources, institution=institution)
        if "SR" in objects:
            report = build_sr(reading, sources, institution=institution, objects=objects)
            yield identity.SR_PRELIMINARY, report
        if "SC" in objects:
            for page in build_secondary_captures(
                reading, sources, institution=institution, language=language
            ):
                yield identity.SC_PRELIMINARY, page
        if "GSPS" in objects:
            for marks in build_presentation_states(reading, sources, institution=institution):
                yield identity.PR_PRELIMINARY, marks

    return tuple(_write(dataset, folder, kind) for kind, dataset in made())


def write_final_results(
    reading: Reading,
    source_paths: Sequence[Path],
    folder: Path,
    *,
    verdicts: Verdicts,
    signer: Signer,
    objects: Collection[ResultObject] = DEFAULT_OBJECTS,
    language: Language = "en",
) -> tuple[ResultFile, ...]:
    """Write the signed objects; the first is the SR, which is made whatever the site wants.

    There is no signed SEG: the signed SR refers to the accepted segments of the first.

    Raises
    ------
    ReportError
        When a finding is undecided, or a source cannot be read or does not fit the reading.
    """
    sources = read_headers(source_paths, reading.series_uids)
    institution = signer.organization

    def made() -> Iterator[tuple[str, Dataset]]:
        yield (
            identity.SR_FINAL,
            build_sr(
                reading,
                sources,
                institution=institution,
                verdicts=verdicts,
                signer=signer,
                objects=objects,
            ),
        )
        if "SC" in objects:
            for page in build_secondary_captures(
                reading,
                sources,
                institution=institution,
                language=language,
                verdicts=verdicts,
                signer=signer,
            ):
                yield identity.SC_FINAL, page
        if "GSPS" in objects:
            for marks in build_presentation_states(
                reading, sources, institution=institution, verdicts=verdicts, signer=signer
            ):
                yield identity.PR_FINAL, marks

    return tuple(_write(dataset, folder, kind) for kind, dataset in made())


def _has_region(reading: Reading) -> bool:
    return any(finding.region is not None for finding in reading.findings)


def _write(dataset: Dataset, folder: Path, kind: str) -> ResultFile:
    folder.mkdir(parents=True, exist_ok=True)
    uid = str(dataset.SOPInstanceUID)
    path = folder / f"{uid}.dcm"
    encoded = BytesIO()
    dataset.save_as(encoded, enforce_file_format=True)
    write_durably(path, folder, encoded.getvalue())
    return ResultFile(uid, path, kind)
