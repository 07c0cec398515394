"""The language of the system: what a reader found, how it was judged, and where it lies.

Everything here is frozen, free of I/O, and turns to JSON and back without loss
(`to_json`, `reading_from_json`). Positions are LPS patient coordinates in millimetres;
voxel indices count (slice, row, column) with slices sorted along the slice normal.
"""

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from clinical_ai.codes import Code
from clinical_ai.messages import Message

Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number of a finding, for example its long axis in mm."""

    name: Code
    value: float
    unit: Code


@dataclass(frozen=True, slots=True)
class Quality:
    """One coded property of a finding, for example composition = solid."""

    name: Code
    value: Code


@dataclass(frozen=True, slots=True)
class Region:
    """Voxels of one finding on its source series, cropped to their bounding box.

    Parameters
    ----------
    series_uid, frame_of_reference_uid
        The series the mask was drawn on.
    sop_instance_uids
        Source instance of each slice of the crop, in the order of the crop's first axis.
    origin
        Index (slice, row, column) of the crop's first voxel in the source series.
    shape
        Size of the crop (slices, rows, columns).
    bits
        The mask: C order, bits packed big-endian, zlib, base64. Use `mask`.
    centroid_mm
        Centre of mass, LPS, mm.
    """

    series_uid: str
    frame_of_reference_uid: str
    sop_instance_uids: tuple[str, ...]
    origin: tuple[int, int, int]
    shape: tuple[int, int, int]
    bits: str
    centroid_mm: Triple

    @property
    def mask(self) -> NDArray[np.bool_]:
        """The mask as a boolean array of `shape`."""
        packed = np.frombuffer(zlib.decompress(base64.b64decode(self.bits)), dtype=np.uint8)
        flat = np.unpackbits(packed, count=int(np.prod(self.shape)))
        return flat.reshape(self.shape).astype(np.bool_)

    @property
    def key_sop_instance_uid(self) -> str:
        """Source instance of the slice on which the region is largest."""
        areas = self.mask.sum(axis=(1, 2))
        return self.sop_instance_uids[int(np.argmax(areas))]


def pack_mask(mask: NDArray[np.bool_]) -> str:
    """Return `mask` in the form that `Region.bits` holds."""
    return base64.b64encode(zlib.compress(np.packbits(mask.ravel()).tobytes(), 6)).decode("ascii")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a reader saw and a clinician accepts, edits or rejects.

    Parameters
    ----------
    id
        ``"1"``, ``"2"``, ... within the reading, most important first.
    tracking_uid
        DICOM UID of this finding, the same in SR and SEG.
    code
        What it is, for example *nodule of lung*.
    site
        Body part, for example *right lung*; None when the reader cannot tell.
    confidence
        Probability in 0..1 that the finding is real, as the model states it; None if it has none.
    key_sop_instance_uid
        The image to show first.
    """

    id: str
    tracking_uid: str
    code: Code
    site: Code | None
    confidence: float | None
    measurements: tuple[Measurement, ...]
    qualities: tuple[Quality, ...]
    region: Region | None
    key_sop_instance_uid: str

    def measurement(self, name: Code) -> float | None:
        """Return the value measured under `name`, or None."""
        return next((m.value for m in self.measurements if m.name == name), None)

    def quality(self, name: Code) -> Code | None:
        """Return the coded value of the property `name`, or None."""
        return next((q.value for q in self.qualities if q.name == name), None)


@dataclass(frozen=True, slots=True)
class Assessment:
    """What a guideline says of one finding or of the whole study.

    Parameters
    ----------
    scheme
        Guideline and edition, for example ``"Lung-RADS v2022"``.
    category
        The guideline's own label, for example ``"4B"``.
    code
        The category as a coded concept, where one is confirmed.
    recommendation
        What the guideline advises for the category.
    branch
        The rule that decided, in words.
    assumptions
        What had to be assumed because the record did not say.
    citation
        Publication the rule comes from.
    finding_id
        The finding judged; None for the whole study.
    inputs
        What went into a published equation, by the name of its input; None as a value means
        that it is not known. None as a whole for what is not an equation.
    """

    scheme: str
    category: str
    code: Code | None
    recommendation: Message
    branch: Message
    assumptions: tuple[Message, ...]
    citation: str
    finding_id: str | None
    inputs: Mapping[str, float | bool | str | None] | None = None


@dataclass(frozen=True, slots=True)
class RecordFact:
    """One fact of the patient's record that was taken into account.

    Parameters
    ----------
    field
        Name of an `clinical_ai.assessment.context.AssessmentContext` field, for example
        ``"pack_years"``.
    value, unit
        As it was used; the unit in UCUM, empty for words and yes or no.
    on
        Day of the fact; None when the record gives none.
    origin, reference
        The store or server that holds the record, and ``Type/id`` of the resource.
    """

    field: str
    value: float | bool | str
    unit: str
    on: date | None
    origin: str
    reference: str


LinkState = Literal["matched", "uncertain", "not_found", "unavailable"]


@dataclass(frozen=True, slots=True)
class RecordUse:
    """Whether a record of the patient was used for a reading, and what of it.

    Parameters
    ----------
    state
        ``"matched"``: used. ``"uncertain"``: one was found that may be another person's, so it
        was not used. ``"unavailable"``: a source did not answer.
    why
        The reason in words; never patient data.
    person, origin
        Id of the Patient resource that was used, and the store or server that it is of; empty
        if none was.
    complete
        False when a source did not give all of the record, so that what it does not list is
        not known.
    """

    state: LinkState
    why: Message
    person: str = ""
    origin: str = ""
    facts: tuple[RecordFact, ...] = ()
    complete: bool = True


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which model spoke, and how good it is known to be.

    Parameters
    ----------
    accuracy
        Measured results, one sentence each with n and 95 % CI, from the model card.
    intended_use
        What the model was made for.
    manifest_sha256
        Digest of the signed manifest of the bundle that was opened.
    """

    name: str
    version: str
    intended_use: Message
    accuracy: tuple[Message, ...]
    manifest_sha256: str


Urgency = Literal["urgent", "soon", "routine"]


@dataclass(frozen=True, slots=True)
class Reading:
    """The whole result of one reader on one version of a study.

    Parameters
    ----------
    id
        Same for the same study content, reader and model version.
    content_version
        Digest of the set of source instances that were read.
    status
        ``"read"``, or ``"not_read"`` with `reason`.
    cautions
        Where the input differs from what the model was made for, and what that means.
    record
        What was used of the patient's record; None in readings made before records were linked.
    """

    id: str
    study_uid: str
    content_version: str
    series_uids: tuple[str, ...]
    reader: str
    model: ModelIdentity | None
    status: Literal["read", "not_read"]
    reason: Message | None
    cautions: tuple[Message, ...]
    findings: tuple[Finding, ...]
    assessments: tuple[Assessment, ...]
    urgency: Urgency
    made_at: str
    record: RecordUse | None = None


@cache
def _adapter() -> TypeAdapter[Reading]:
    return TypeAdapter(Reading)


def to_json(reading: Reading) -> str:
    """Return `reading` as JSON text."""
    return _adapter().dump_json(reading).decode("utf-8")


def reading_from_json(text: str) -> Reading:
    """Return the reading written by `to_json`.

    Raises
    ------
    pydantic.ValidationError
        When `text` is not such a reading.
    """
    return _adapter().validate_json(text)
