"""Mammography: whether the examination could be read; no model for it is installed yet."""

from collections import Counter
from collections.abc import Sequence

import pydicom
from pydicom.errors import InvalidDicomError

from clinical_ai.findings import Reading
from clinical_ai.imaging.mammogram import STANDARD_VIEWS, Mammogram, describe, wall_side
from clinical_ai.messages import N_, Message
from clinical_ai.readers.base import Progress, Refusal, StudyInput, not_read

NAME = "mammography"
# What pydicom and its decoders raise on files that are no image they can read
_UNREADABLE = (InvalidDicomError, OSError, ValueError, AttributeError, RuntimeError, KeyError)
NO_MODEL = N_("Not read: no model is installed for mammography.")


class MammographyReader:
    """Says what stands in the way of a reading, and that there is none."""

    name = NAME
    modalities = frozenset({"MG"})

    def accepts(self, study: StudyInput) -> Refusal | None:  # noqa: ARG002 - part of the protocol
        """Take every mammography study: its reading says why it was not read."""
        return None

    def read(self, study: StudyInput, progress: Progress) -> Reading:
        """Check the views; the status is always ``"not_read"`` until a model is installed."""
        series = [s for s in study.series if s.modality == "MG"]
        files = [file for s in series for file in s.files]
        images = []
        unreadable = turned = 0
        for done, file in enumerate(files):
            try:
                header = pydicom.dcmread(file)
                image = describe(header)
                turned += _is_turned(header, image)
            except _UNREADABLE:
                unreadable += 1
            else:
                images.append(image)
            progress((done + 1) / len(files))
        return not_read(
            study,
            NAME,
            Message(NO_MODEL),
            series_uids=tuple(s.series_uid for s in series),
            cautions=suitability(images, unreadable=unreadable, turned=turned),
        )


def _is_turned(dataset: pydicom.Dataset, image: Mammogram) -> bool:
    """Whether the breast lies on the other side of the image than its labels say."""
    if image.wall_expected is None or int(dataset.get("NumberOfFrames") or 1) > 1:
        return False
    if dataset.get("PhotometricInterpretation") not in ("MONOCHROME1", "MONOCHROME2"):
        return False
    found = wall_side(
        dataset.pixel_array, inverted=dataset.PhotometricInterpretation == "MONOCHROME1"
    )
    return found is not None and found != image.wall_expected


def suitability(
    images: Sequence[Mammogram], *, unreadable: int = 0, turned: int = 0
) -> tuple[Message, ...]:
    """Return what a four-view examination lacks, as far as headers and a glance tell.

    Parameters
    ----------
    unreadable
        Number of files that were no readable DICOM image.
    turned
        Number of images on which the breast lies on the other side than the labels say.
    """
    views = Counter(image.view for image in images if image.view is not None)
    missing = [
        f"{side}{projection}"
        for side, projection in STANDARD_VIEWS
        if (side, projection) not in views
    ]
    doubled = [f"{view[0]}{view[1]}" for view, count in views.items() if count > 1]
    unknown = sum(image.view is None for image in images)
    found: list[Message] = []
    if not missing:
        found.append(Message(N_("All four standard views are there.")))
    else:
        found.append(Message(N_("Views missing: {views}."), {"views": ", ".join(missing)}))
    if doubled:
        found.append(
            Message(N_("Views taken more than once: {views}."), {"views": ", ".join(doubled)})
        )
    counts = (
        (unknown, N_("Images whose breast or view is not stated: {count}.")),
        (sum(i.from_text for i in images), N_("Images whose view was taken from a text: {count}.")),
        (sum(not i.calibrated for i in images), N_("Images without pixel spacing: {count}.")),
        (sum(i.for_processing for i in images), N_("Raw images, not for presentation: {count}.")),
        (sum(i.digitized for i in images), N_("Digitized films: {count}.")),
        (
            sum(i.secondary_capture for i in images),
            N_("Images from no mammography system (scanned or converted): {count}."),
        ),
        (turned, N_("Images turned over or labelled with the wrong side: {count}.")),
        (unreadable, N_("Files that cannot be read: {count}.")),
    )
    found += [Message(template, {"count": count}) for count, template in counts if count]
    return tuple(found)
