"""What a mammogram shows: breast, view, calibration and processing, and where the breast lies.

DICOM PS3.3 C.8.11.3 (DX positioning) and C.8.11.7 (mammography image).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.multival import MultiValue
from pydicom.uid import (
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    SecondaryCaptureImageStorage,
)

from clinical_ai.codes import CRANIO_CAUDAL, MEDIO_LATERAL_OBLIQUE

Side = Literal["R", "L"]
Projection = Literal["CC", "MLO"]
ImageSide = Literal["left", "right"]

# Order in which a screening examination is hung.
STANDARD_VIEWS: tuple[tuple[Side, Projection], ...] = (
    ("R", "CC"),
    ("L", "CC"),
    ("R", "MLO"),
    ("L", "MLO"),
)
_SECONDARY_CAPTURE = {
    SecondaryCaptureImageStorage,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
}
_VIEW_CODES: dict[str, Projection] = {
    CRANIO_CAUDAL.value: "CC",
    MEDIO_LATERAL_OBLIQUE.value: "MLO",
    # The SNOMED-RT style values that older systems write for the same two views.
    "R-10242": "CC",
    "R-10226": "MLO",
}


@dataclass(frozen=True, slots=True)
class Mammogram:
    """One image of a mammography examination.

    Parameters
    ----------
    side, projection
        None when the header does not say, or says another view.
    from_text
        Side or view had to be taken from a free text instead of the coded attributes.
    calibrated
        Whether a pixel spacing is given.
    for_processing
        Raw detector data, not meant to be looked at.
    digitized
        Scanned film.
    secondary_capture
        Not stored as a mammography object: scanned, converted or exported by other software.
    wall_expected
        Side of the image on which the chest wall should be; None when the header does not say.
    """

    side: Side | None
    projection: Projection | None
    from_text: bool
    calibrated: bool
    for_processing: bool
    digitized: bool
    secondary_capture: bool
    wall_expected: ImageSide | None

    @property
    def view(self) -> tuple[Side, Projection] | None:
        """Side and projection, when both are known."""
        if self.side is None or self.projection is None:
            return None
        return self.side, self.projection


def describe(header: Dataset) -> Mammogram:
    """Return what `header` says of its image; never raises on odd values."""
    side = _side(header.get("ImageLaterality")) or _side(header.get("Laterality"))
    projection = _coded_view(header) or _projection(header.get("ViewPosition"))
    words = _words(header)
    from_text = False
    if side is None and (side := _side_in(words)) is not None:
        from_text = True
    if projection is None and (projection := _projection_in(words)) is not None:
        from_text = True
    return Mammogram(
        side=side,
        projection=projection,
        from_text=from_text,
        calibrated=bool(header.get("PixelSpacing") or header.get("ImagerPixelSpacing")),
        for_processing=str(header.get("PresentationIntentType", "")) == "FOR PROCESSING",
        digitized=str(header.get("ConversionType", "")) == "DF",
        secondary_capture=str(header.get("SOPClassUID", "")) in _SECONDARY_CAPTURE,
        wall_expected=_wall_expected(header, side),
    )


def wall_side(pixels: NDArray[np.integer], *, inverted: bool) -> ImageSide | None:
    """Return the side of the image on which the breast meets the chest wall.

    The breast covers one edge of a mammogram and leaves air at the other, so the mean grey of
    the outer thirds differs by far. None when it differs by less than a factor of two.

    Parameters
    ----------
    pixels
        (rows, columns); every 16th in each direction is looked at.
    inverted
        MONOCHROME1: air is bright.
    """
    sample = pixels[::16, ::16].astype(np.float64)
    if sample.shape[1] < 3:
        return None
    sample = sample.max() - sample if inverted else sample - sample.min()
    third = sample.shape[1] // 3
    left, right = float(sample[:, :third].mean()), float(sample[:, -third:].mean())
    if max(left, right) < 2 * min(left, right) or left == right:
        return None
    return "left" if left > right else "right"


def _wall_expected(header: Dataset, side: Side | None) -> ImageSide | None:
    """Return the chest wall's side from the patient orientation, else from how films are hung.

    The first value of Patient Orientation is the direction of the rows (PS3.3 C.7.6.1.1.1):
    towards anterior, the chest wall is at the left. Without it, left breasts have it there.
    """
    orientation = header.get("PatientOrientation")
    if isinstance(orientation, MultiValue) and len(orientation) == 2:
        direction = str(orientation[0])[:1].upper()
        if direction in ("A", "P"):
            return "left" if direction == "A" else "right"
    if side is None:
        return None
    return "left" if side == "L" else "right"


def _side(value: object) -> Side | None:
    text = str(value or "").strip().upper()
    if text == "R":
        return "R"
    return "L" if text == "L" else None


def _projection(value: object) -> Projection | None:
    text = str(value or "").strip().upper()
    if text == "CC":
        return "CC"
    return "MLO" if text == "MLO" else None


def _coded_view(header: Dataset) -> Projection | None:
    for item in header.get("ViewCodeSequence") or []:
        found = _VIEW_CODES.get(str(item.get("CodeValue", "")))
        if found is not None:
            return found
    return None


def _words(header: Dataset) -> list[str]:
    # Digitised collections put the view into PatientOrientation, which has no place for it.
    keywords = ("SeriesDescription", "ProtocolName", "PatientOrientation")
    joined = " ".join(str(header.get(keyword) or "") for keyword in keywords).upper()
    return "".join(c if c.isalpha() else " " for c in joined).split()


def _side_in(words: list[str]) -> Side | None:
    right = any(w in {"RIGHT", "R", "RCC", "RMLO"} for w in words)
    left = any(w in {"LEFT", "L", "LCC", "LMLO"} for w in words)
    if right == left:
        return None
    return "R" if right else "L"


def _projection_in(words: list[str]) -> Projection | None:
    cc = any(w in {"CC", "RCC", "LCC"} for w in words)
    mlo = any(w in {"MLO", "RMLO", "LMLO"} for w in words)
    if cc == mlo:
        return None
    return "CC" if cc else "MLO"
