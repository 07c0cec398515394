"""A reader for tests of the path: says that a fixed cube in the middle of a CT is a nodule."""

from collections.abc import Callable

import numpy as np
import pydicom

from clinical_ai import codes
from clinical_ai.findings import (
    Finding,
    Measurement,
    ModelIdentity,
    Quality,
    Reading,
    Region,
    pack_mask,
)
from clinical_ai.messages import Message
from clinical_ai.readers.base import (
    Progress,
    Refusal,
    StudyInput,
    not_read,
    reading_id,
    tracking_uid,
)

MODEL = ModelIdentity(
    name="scripted",
    version="1",
    intended_use=Message("Tests of the path; finds nothing real."),
    accuracy=(Message("none: it is a script"),),
    manifest_sha256="0" * 64,
)
SIZE = 6


class ScriptedReader:
    """Reads CT only; `before` runs at the start of each reading (to wait, to fail, to count)."""

    name = "lung_nodule"
    modalities = frozenset({"CT"})

    def __init__(self, before: Callable[[StudyInput], None] = lambda _: None) -> None:
        self._before = before

    def accepts(self, study: StudyInput) -> Refusal | None:
        return None

    def read(self, study: StudyInput, progress: Progress) -> Reading:
        self._before(study)
        series = next(s for s in study.series if s.modality == "CT")
        slices = sorted(
            (pydicom.dcmread(f, stop_before_pixels=True) for f in series.files),
            key=lambda d: float(d.ImagePositionPatient[2]),
        )
        if len(slices) < SIZE:
            return not_read(study, self.name, Message("Not read: too few images."), model=MODEL)
        progress(0.5)
        first = len(slices) // 2 - SIZE // 2
        row, column = int(slices[0].Rows) // 2, int(slices[0].Columns) // 2
        identity = reading_id(study, self.name, MODEL.version)
        chosen = slices[first : first + SIZE]
        return Reading(
            id=identity,
            study_uid=study.study_uid,
            content_version=study.content_version,
            series_uids=(series.series_uid,),
            reader=self.name,
            model=MODEL,
            status="read",
            reason=None,
            cautions=(),
            findings=(_finding(identity, series.series_uid, chosen, (first, row, column)),),
            assessments=(),
            urgency="routine",
            made_at=study.made_at,
        )


def _finding(
    identity: str, series_uid: str, slices: list[pydicom.Dataset], origin: tuple[int, int, int]
) -> Finding:
    position = [float(v) for v in slices[SIZE // 2].ImagePositionPatient]
    spacing = [float(v) for v in slices[0].PixelSpacing]
    return Finding(
        id="1",
        tracking_uid=tracking_uid(identity, "1"),
        code=codes.LUNG_NODULE,
        site=codes.LUNG,
        confidence=0.9,
        measurements=(
            Measurement(codes.LONG_AXIS, 9.0, codes.MILLIMETER),
            Measurement(codes.SHORT_AXIS, 8.0, codes.MILLIMETER),
            Measurement(codes.MEAN_DIAMETER, 8.5, codes.MILLIMETER),
        ),
        qualities=(Quality(codes.NODULE_COMPOSITION, codes.SOLID),),
        region=Region(
            series_uid=series_uid,
            frame_of_reference_uid=str(slices[0].FrameOfReferenceUID),
            sop_instance_uids=tuple(str(d.SOPInstanceUID) for d in slices),
            origin=origin,
            shape=(SIZE, SIZE, SIZE),
            bits=pack_mask(np.ones((SIZE, SIZE, SIZE), dtype=np.bool_)),
            centroid_mm=(
                position[0] + origin[2] * spacing[1],
                position[1] + origin[1] * spacing[0],
                position[2],
            ),
        ),
        key_sop_instance_uid=str(slices[SIZE // 2].SOPInstanceUID),
    )
