"""One picture of an archived file: decoded, through the modality transformation, windows read."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut

from pacs_bridge.errors import EncodingError
from pacs_bridge.images.attributes import frame_attributes, read_attributes
from pacs_bridge.images.frames import DECODING_ERRORS, Frames, decode_frame, find_frames
from pacs_bridge.images.stored import read_stored
from pacs_bridge.images.voi import VoiFunction, Window, full_range

# 16-bit frames of 16384 x 16384: above the largest detectors and scanned films.
MAX_FRAME_BYTES = 512 * 1024 * 1024
_FUNCTIONS: dict[str, VoiFunction] = {"LINEAR_EXACT": "LINEAR_EXACT", "SIGMOID": "SIGMOID"}


@dataclass(frozen=True, slots=True)
class Picture:
    """The values of one frame, and what is needed to show them.

    Parameters
    ----------
    values
        (rows, columns) after the modality transformation, or (rows, columns, 3) uint8 RGB.
    monochrome1
        The lowest value is white.
    pixel_spacing
        Distance between rows, between columns: mm, or a mere ratio where that is all the file
        has.
    windows
        As the file states them, else one that fits.
    attributes
        Of this frame.
    """

    values: NDArray[np.floating] | NDArray[np.integer]
    monochrome1: bool
    pixel_spacing: tuple[float, float]
    windows: tuple[Window, ...]
    attributes: Dataset


def read_picture(path: Path, frame: int, *, max_bytes: int = MAX_FRAME_BYTES) -> Picture:
    """Decode one frame (from 0) of a file.

    Parameters
    ----------
    max_bytes
        A frame that is larger once decoded is refused.

    Raises
    ------
    EncodingError
        When the frame cannot be decoded; the message has no patient data.
    OSError
        When the file cannot be read.
    """
    return picture_of(find_frames(read_stored(path)), frame, max_bytes=max_bytes)


def picture_of(frames: Frames, index: int, *, max_bytes: int = MAX_FRAME_BYTES) -> Picture:
    """Decode one frame (from 0) of a file whose frames were found.

    Raises
    ------
    EncodingError, OSError
        As `read_picture`.
    """
    if not 0 <= index < len(frames):
        raise EncodingError(f"there is no frame {index + 1}; the image has {len(frames)}")
    array = decode_frame(frames, index, max_bytes=max_bytes)
    header = frame_attributes(read_attributes(frames.stored.path).dataset, index)
    try:
        return _picture(array, header)
    except DECODING_ERRORS as error:
        raise EncodingError(
            f"the attributes of the image do not fit its pixels ({type(error).__name__})"
        ) from error


def _picture(array: NDArray[np.integer], header: Dataset) -> Picture:
    spacing = _spacing(header)
    photometric = header.PhotometricInterpretation
    if array.ndim == 3:
        colour = _eight_bits(array, int(header.BitsStored))
        return Picture(colour, False, spacing, (Window(128, 256),), header)
    if photometric == "PALETTE COLOR":
        bits = int(header.RedPaletteColorLookupTableDescriptor[2])
        colour = _eight_bits(apply_color_lut(array, header), bits)
        return Picture(colour, False, spacing, (Window(128, 256),), header)
    values = _rescaled(array, header)
    windows = windows_of(header)
    if header.get("VOILUTSequence"):
        values = apply_voi_lut(values, header, prefer_lut=True)
        windows = ()
    compact = values.astype(np.float32) if values.dtype.kind == "f" else values
    inverse = header.get("PresentationLUTShape") == "INVERSE"
    return Picture(
        compact,
        photometric == "MONOCHROME1" or inverse,
        spacing,
        windows or (full_range(compact),),
        header,
    )


def _rescaled(
    array: NDArray[np.integer], header: Dataset
) -> NDArray[np.floating] | NDArray[np.integer]:
    """Apply the modality transformation (PS3.3 C.11.1); whole numbers stay whole."""
    if not header.get("ModalityLUTSequence") and header.get("RescaleSlope") == 1:
        intercept = float(header.get("RescaleIntercept") or 0)
        if intercept.is_integer() and abs(intercept) < 2**30 and array.dtype.itemsize <= 2:
            return array.astype(np.int32) + np.int32(intercept)
    return apply_modality_lut(array, header)


def windows_of(header: Dataset) -> tuple[Window, ...]:
    """Return the windows that a file states; those the standard does not allow are left out."""
    function = _FUNCTIONS.get(str(header.get("VOILUTFunction", "")), "LINEAR")
    least = 1.0 if function == "LINEAR" else np.finfo(float).tiny

    def listed(keyword: str) -> list[float]:
        value = header.get(keyword)
        if value is None or value == "":
            return []
        return [float(v) for v in value] if hasattr(value, "__iter__") else [float(value)]

    pairs = zip(listed("WindowCenter"), listed("WindowWidth"), strict=False)
    return tuple(
        Window(centre, width, function)
        for centre, width in pairs
        if np.isfinite(centre) and np.isfinite(width) and width >= least
    )


def _spacing(header: Dataset) -> tuple[float, float]:
    """Return row and column spacing, or the aspect ratio, or squares (PS3.3 C.7.6.3.1.7)."""
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "PixelAspectRatio"):
        try:
            values = tuple(float(v) for v in header.get(keyword) or ())
        except (TypeError, ValueError):
            continue
        if len(values) == 2 and min(values) > 0 and np.isfinite(values).all():
            return values[0], values[1]
    return 1.0, 1.0


def _eight_bits(values: NDArray[np.integer], bits: int) -> NDArray[np.uint8]:
    return (values >> max(0, bits - 8)).astype(np.uint8)
