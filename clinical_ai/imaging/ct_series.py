"""Which CT series of a study to read, and why not the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from clinical_ai.imaging.ct_geometry import MINIMUM_SLICES, Stack, read_stack
from clinical_ai.imaging.unusable import UnusableImagesError
from clinical_ai.messages import N_, Message

# Shorter stacks are bolus tracking, biopsy guidance or the edge of another body part.
MINIMUM_EXTENT_MM = 100.0


@dataclass(frozen=True, slots=True)
class SkippedSeries:
    """A series that was not read, and the reason."""

    series_uid: str
    reason: Message


@dataclass(frozen=True)
class SeriesChoice:
    """The series to read (None when there is none) and the others with their reasons."""

    stack: Stack | None
    skipped: tuple[SkippedSeries, ...]


def choose_ct_series(
    series: Mapping[str, Sequence[Path]], *, minimum_extent_mm: float = MINIMUM_EXTENT_MM
) -> SeriesChoice:
    """Choose the series best suited to find small nodules.

    Of the series that form a regular stack long enough, the one with the smallest slice
    spacing; of equals, the one with most slices; then the lowest UID. Reads headers only.

    Parameters
    ----------
    series
        Files by series UID.
    """
    usable: list[tuple[str, Stack]] = []
    skipped: list[SkippedSeries] = []
    for uid in sorted(series):
        try:
            stack = read_stack(series[uid], minimum_slices=MINIMUM_SLICES)
        except UnusableImagesError as error:
            skipped.append(SkippedSeries(uid, error.reason))
            continue
        extent = stack.spacing[0] * stack.shape[0]
        if extent < minimum_extent_mm:
            skipped.append(
                SkippedSeries(
                    uid,
                    Message(
                        N_("The series covers {extent} mm only; {minimum} mm are needed."),
                        {"extent": round(extent), "minimum": round(minimum_extent_mm)},
                    ),
                )
            )
            continue
        usable.append((uid, stack))
    usable.sort(key=lambda item: (round(item[1].spacing[0], 2), -item[1].shape[0], item[0]))
    for uid, _ in usable[1:]:
        skipped.append(SkippedSeries(uid, _less_suited(usable[0][1])))
    return SeriesChoice(usable[0][1] if usable else None, tuple(skipped))


def _less_suited(chosen: Stack) -> Message:
    return Message(
        N_("Another series is better suited: {spacing} mm and {count} slices."),
        {"spacing": round(chosen.spacing[0], 2), "count": chosen.shape[0]},
    )
