"""What every reader takes, says and promises.

A reader looks at one study and returns one `Reading`. It runs no guideline rule (that is
`clinical_ai.assessment`) and writes nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from clinical_ai.findings import ModelIdentity, Reading
from clinical_ai.identifiers import derive_uid, derive_uuid
from clinical_ai.messages import Message

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class SeriesInput:
    """One series of the study as the archive holds it.

    Parameters
    ----------
    modality, body_part, description
        As the index read them from the headers; empty when absent.
    files
        One DICOM file an instance, in any order.
    """

    series_uid: str
    modality: str
    body_part: str
    description: str
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class StudyInput:
    """One version of one study.

    Parameters
    ----------
    content_version
        Digest of the set of instances.
    patient_age_years
        Age at the study; None when the study does not say.
    patient_sex
        ``"M"``, ``"F"``, ``"O"``, or None when the study does not say.
    made_at
        Time of the reading, ISO 8601 with zone; fixed by the caller, so that a repeated
        step gives the same reading.
    """

    study_uid: str
    content_version: str
    series: tuple[SeriesInput, ...]
    patient_age_years: float | None
    patient_sex: str | None
    made_at: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a reader does not read a study: another modality, body part, view or age."""

    reason: Message


class Reader(Protocol):
    """One reading task, for example lung nodules on CT.

    Attributes
    ----------
    name
        Short and stable, for example ``"lung-nodule-ct"``; part of every derived UID.
    modalities
        DICOM modalities that can hold what it reads.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def modalities(self) -> frozenset[str]: ...  # noqa: D102

    def accepts(self, study: StudyInput) -> Refusal | None:
        """Return why the study is none of this reader's business, or None when it is.

        Looks at headers only, never at pixels.
        """
        ...

    def read(self, study: StudyInput, progress: Progress) -> Reading:
        """Read the study.

        The same study gives the same reading, identifiers included. Findings are sorted
        most important first with ids ``"1"``, ``"2"``, ...; assessments are empty and the
        urgency is ``"routine"``, for the assessment step to fill in. Pixels or geometry
        that cannot be used, and a missing or refused model, give status ``"not_read"``
        with the reason, never an exception.

        Parameters
        ----------
        progress
            Called with the share done, 0..1.
        """
        ...


def reading_id(study: StudyInput, reader: str, model_version: str) -> str:
    """Return the id of a reading: the same for the same content, reader and model version."""
    return str(derive_uuid(study.study_uid, study.content_version, reader, model_version))


def tracking_uid(reading: str, finding: str) -> str:
    """Return the tracking UID of a finding from the ids of its reading and of itself."""
    return derive_uid(reading, "tracking", finding)


def not_read(
    study: StudyInput,
    reader: str,
    reason: Message,
    *,
    model: ModelIdentity | None = None,
    series_uids: tuple[str, ...] = (),
    cautions: tuple[Message, ...] = (),
) -> Reading:
    """Return a reading with status ``"not_read"`` and its reason."""
    return Reading(
        id=reading_id(study, reader, model.version if model else "no model"),
        study_uid=study.study_uid,
        content_version=study.content_version,
        series_uids=series_uids,
        reader=reader,
        model=model,
        status="not_read",
        reason=reason,
        cautions=cautions,
        findings=(),
        assessments=(),
        urgency="routine",
        made_at=study.made_at,
    )
