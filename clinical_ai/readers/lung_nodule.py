"""Lung nodules on chest CT: lung mask, blobs, patch network, outline, size, composition."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from scipy import ndimage

from clinical_ai.bundles.bundle import Bundle, find_bundle
from clinical_ai.bundles.refused import RefusedBundleError
from clinical_ai.errors import BundleError
from clinical_ai.findings import Reading
from clinical_ai.imaging.blobs import find_blobs
from clinical_ai.imaging.ct_series import SkippedSeries, choose_ct_series
from clinical_ai.imaging.lung_mask import Lungs, find_lungs
from clinical_ai.imaging.nodule_segmentation import Outline, segment_nodule
from clinical_ai.imaging.nodule_shape import elongation
from clinical_ai.imaging.resample import resample
from clinical_ai.imaging.unusable import UnusableImagesError
from clinical_ai.imaging.volume import Volume, load_stack
from clinical_ai.messages import N_, Message
from clinical_ai.readers.base import Progress, Refusal, StudyInput, not_read, reading_id
from clinical_ai.readers.lung_nodule_cautions import cautions_of
from clinical_ai.readers.lung_nodule_findings import Nodule, finding_of, measure
from clinical_ai.readers.nodule_score import NoduleScorer
from clinical_ai.settings import Settings

NAME = "lung_nodule"
BUNDLE = "lung_nodule_ct"
LEAST_MM = 4.0  # smaller ones need no follow-up in Lung-RADS v2022
MOST_FINDINGS = 20
# Twice as long as wide in space is a vessel rather than a nodule.
MOST_ELONGATED = 2.0
_LUNG_GRID_MM, _BLOB_GRID_MM = 2.0, 1.5


@dataclass(frozen=True)
class _Found:
    nodules: tuple[Nodule, ...]
    dropped: int


class LungNoduleReader:
    """Finds nodules of 4 mm and more.

    Parameters
    ----------
    settings
        Where bundles are and which device to use; the model is opened at the first study.
    """

    name = NAME
    modalities = frozenset({"CT"})

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def accepts(self, study: StudyInput) -> Refusal | None:
        """Refuse studies whose CT series all say that they show another body part."""
        parts = {s.body_part.upper().strip() for s in study.series if s.modality == "CT"}
        if parts and all(part and not _may_hold_lungs(part) for part in parts):
            return Refusal(
                Message(
                    N_(
                        "Not read: the body part is {part}; only chest CT is read for lung nodules."
                    ),
                    {"part": ", ".join(sorted(parts))[:64]},
                )
            )
        return None

    def read(self, study: StudyInput, progress: Progress) -> Reading:
        """Read the best CT series of the study."""
        try:
            bundle, scorer = self._model
        except RefusedBundleError as error:
            return not_read(study, NAME, error.reason)
        except BundleError as error:
            reason = Message(N_("Not read: the model cannot be opened ({error})."), _text(error))
            return not_read(study, NAME, reason)
        try:
            return self._read(study, bundle, scorer, progress)
        except UnusableImagesError as error:
            return not_read(study, NAME, error.reason, model=bundle.identity())

    @cached_property
    def _model(self) -> tuple[Bundle, NoduleScorer]:
        bundle = find_bundle(BUNDLE, self._settings.bundles_dir)
        return bundle, NoduleScorer.of(bundle, self._settings.device)

    def _read(
        self, study: StudyInput, bundle: Bundle, scorer: NoduleScorer, progress: Progress
    ) -> Reading:
        choice = choose_ct_series(
            {s.series_uid: s.files for s in study.series if s.modality == "CT"}
        )
        if choice.stack is None:
            raise UnusableImagesError(_why_none(choice.skipped))
        header = choice.stack.slices[0].dataset
        volume = load_stack(choice.stack)
        progress(0.2)
        lungs = _lungs(volume)
        progress(0.4)
        found = _find(volume, lungs, scorer, lambda share: progress(0.4 + 0.6 * share))
        identity = reading_id(study, NAME, bundle.metadata.version)
        return Reading(
            id=identity,
            study_uid=study.study_uid,
            content_version=study.content_version,
            series_uids=(volume.series_uid,),
            reader=NAME,
            model=bundle.identity(),
            status="read",
            reason=None,
            cautions=_cautions(study, header, volume, bundle, found, choice.skipped),
            findings=tuple(
                finding_of(volume, nodule, identity, number, _right_of_patient(volume, lungs))
                for number, nodule in enumerate(found.nodules, start=1)
            ),
            assessments=(),
            urgency="routine",
            made_at=study.made_at,
        )


def _may_hold_lungs(part: str) -> bool:
    # What scanners write is free text; only words that exclude the chest refuse a study.
    return any(word in part for word in ("CHEST", "LUNG", "THORAX", "BODY", "TRUNK", "HEART"))


def _text(error: Exception) -> dict[str, str | int | float]:
    return {"error": str(error)}


def _why_none(skipped: tuple[SkippedSeries, ...]) -> Message:
    """The reason that the least unsuitable series was left out."""
    if skipped:
        return skipped[0].reason
    return Message(N_("The study holds no CT images."))


def _lungs(volume: Volume) -> Lungs:
    coarse = resample(volume.hu, volume.spacing, _LUNG_GRID_MM)
    lungs = find_lungs(coarse)
    if lungs is None:
        raise UnusableImagesError(Message(N_("Not read: no lungs were found in the images.")))
    return lungs


def _find(volume: Volume, lungs: Lungs, scorer: NoduleScorer, progress: Progress) -> _Found:
    """Proposals, then the network, then outline and size; strongest first, none twice."""
    grid = resample(volume.hu, volume.spacing, _BLOB_GRID_MM)
    blobs = find_blobs(grid, _on_grid(lungs.mask, grid.values.shape))
    if not blobs:
        return _Found((), 0)
    places = [(grid.to_source(blob.index), blob.radius_mm) for blob in blobs]
    probabilities = scorer.score(volume, places, progress)
    nodules: list[Nodule] = []
    within = _on_grid(lungs.mask, volume.hu.shape)
    taken = np.zeros(volume.hu.shape, dtype=np.bool_)
    for number in np.argsort(-probabilities, kind="stable"):
        if probabilities[number] < scorer.threshold:
            break
        index, radius_mm = places[number]
        outline = segment_nodule(volume.hu, volume.spacing, index, radius_mm, within)
        if outline is None or _overlaps(taken, outline):
            continue
        if elongation(outline.mask, volume.spacing) > MOST_ELONGATED:
            continue
        nodule = measure(volume, outline, float(probabilities[number]))
        if nodule.diameters.mean_mm >= LEAST_MM:
            nodules.append(nodule)
            taken[outline.box] |= outline.mask
    # The largest first: it decides the category.
    nodules.sort(key=lambda nodule: -nodule.diameters.mean_mm)
    return _Found(tuple(nodules[:MOST_FINDINGS]), max(0, len(nodules) - MOST_FINDINGS))


def _on_grid(mask: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The lung mask of the coarse grid on a grid of another shape, nearest voxel."""
    indices = [
        np.minimum(((np.arange(n) + 0.5) * m / n).astype(int), m - 1)
        for n, m in zip(shape, mask.shape, strict=True)
    ]
    result: NDArray[np.bool_] = mask[np.ix_(*indices)]
    return result


def _overlaps(taken: NDArray[np.bool_], outline: Outline) -> bool:
    return bool((taken[outline.box] & outline.mask).any())


def _right_of_patient(volume: Volume, lungs: Lungs) -> float:
    """LPS x of the plane between the lungs: smaller x is the patient's right."""
    centre = ndimage.center_of_mass(lungs.mask)
    index = tuple(
        (i + 0.5) * n / m - 0.5
        for i, n, m in zip(centre, volume.hu.shape, lungs.mask.shape, strict=True)
    )
    return volume.to_lps((index[0], index[1], index[2]))[0]


def _cautions(
    study: StudyInput,
    header: Dataset,
    volume: Volume,
    bundle: Bundle,
    found: _Found,
    skipped: tuple[SkippedSeries, ...],
) -> tuple[Message, ...]:
    dropped = (
        (
            Message(
                N_("{count} more marks of the model are not listed; only the largest are."),
                {"count": found.dropped},
            ),
        )
        if found.dropped
        else ()
    )
    others = (
        (
            Message(
                N_("{count} other CT series of the study were not read; the first: {reason}"),
                {"count": len(skipped), "reason": str(skipped[0].reason)},
            ),
        )
        if skipped
        else ()
    )
    return (
        *cautions_of(study, header, volume.spacing[0], bundle.metadata),
        *dropped,
        *others,
    )
