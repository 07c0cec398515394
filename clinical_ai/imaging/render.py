"""One slice as a picture: window, pixel aspect, orientation letters, contour.

Pure functions on arrays; reading files is somebody else's job, and so is showing the result.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from pacs_bridge.images.voi import Window, apply_window

CONTOUR_COLOUR = (255, 214, 10)  # yellow, seen well on lung and on soft tissue
_CONTOUR_PIXELS = 2
_LETTER_COLOUR = (120, 200, 255)


LUNG_WINDOW = Window(-600, 1500)
SOFT_TISSUE_WINDOW = Window(40, 400)
BONE_WINDOW = Window(480, 2500)


@dataclass(frozen=True, slots=True)
class Crop:
    """A rectangle of a slice, in pixels, end exclusive."""

    row_start: int
    row_stop: int
    column_start: int
    column_stop: int


def square_crop(
    centre: tuple[float, float],
    side_mm: float,
    pixel_spacing_mm: tuple[float, float],
    shape: tuple[int, int],
) -> Crop:
    """Return a square of `side_mm` around `centre` that lies inside the slice.

    Parameters
    ----------
    centre
        (row, column) in pixels.
    side_mm
        Side of the square; shortened where the slice is smaller.
    pixel_spacing_mm
        Distance between rows, between columns.
    shape
        Rows, columns of the slice.
    """
    limits: list[int] = []
    for position, spacing, size in zip(centre, pixel_spacing_mm, shape, strict=True):
        length = min(size, max(1, round(side_mm / spacing)))
        start = min(max(0, round(position - length / 2)), size - length)
        limits += [start, start + length]
    return Crop(*limits)


def orientation_letters(
    row_cosines: tuple[float, float, float], column_cosines: tuple[float, float, float]
) -> tuple[str, str, str, str]:
    """Return the patient directions at the left, right, top and bottom edge.

    Parameters
    ----------
    row_cosines, column_cosines
        The two halves of Image Orientation (Patient), LPS (DICOM PS3.3 C.7.6.2.1.1).

    Returns
    -------
    tuple of str
        Letters out of R, L, A, P, H, F; the main axis only.
    """
    right, left = _axis_letters(row_cosines)
    bottom, top = _axis_letters(column_cosines)
    return left, right, top, bottom


def _axis_letters(direction: tuple[float, float, float]) -> tuple[str, str]:
    """Return the letters towards and away from `direction`."""
    axis = int(np.argmax(np.abs(direction)))
    positive, negative = (("L", "R"), ("P", "A"), ("H", "F"))[axis]
    return (positive, negative) if direction[axis] > 0 else (negative, positive)


def outline(mask: NDArray[np.bool_], thickness: int = _CONTOUR_PIXELS) -> NDArray[np.bool_]:
    """Return the ring of `thickness` pixels just outside `mask`, so that it hides no lesion."""
    if not mask.any():
        return np.zeros_like(mask)
    grown = ndimage.binary_dilation(mask, iterations=thickness)
    return np.asarray(grown & ~mask, dtype=np.bool_)


def render_slice(
    values: NDArray[np.floating] | NDArray[np.integer],
    window: Window,
    *,
    monochrome1: bool = False,
    mask: NDArray[np.bool_] | None = None,
    pixel_spacing_mm: tuple[float, float] = (1.0, 1.0),
    crop: Crop | None = None,
    longest_side: int = 768,
    letters: tuple[str, str, str, str] | None = None,
) -> NDArray[np.uint8]:
    """Draw one slice.

    Parameters
    ----------
    values
        (rows, columns) in the unit of `window`, or (rows, columns, 3) uint8 colour, which
        is shown without a window.
    monochrome1
        Photometric Interpretation is MONOCHROME1.
    mask
        (rows, columns); its contour is drawn.
    pixel_spacing_mm
        Distance between rows, between columns; makes the drawn pixels square.
    crop
        Part of the slice to draw; all of it when None.
    longest_side
        Size of the picture's longer side, pixels.
    letters
        Orientation at the left, right, top and bottom edge.

    Returns
    -------
    numpy.ndarray
        (height, width, 3) RGB.

    Raises
    ------
    ValueError
        When `values` or `mask` has a shape that cannot be drawn.
    """
    if values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[2] != 3):
        raise ValueError(f"a slice is (rows, columns) or (rows, columns, 3), not {values.shape}")
    if mask is not None and mask.shape != values.shape[:2]:
        raise ValueError(f"mask of shape {mask.shape} on a slice of shape {values.shape[:2]}")
    part = crop or Crop(0, values.shape[0], 0, values.shape[1])
    rows, columns = (
        slice(part.row_start, part.row_stop),
        slice(part.column_start, part.column_stop),
    )
    values = values[rows, columns]
    if values.ndim == 2:
        levels = apply_window(values, window, inverted=monochrome1)
    else:
        levels = values.astype(np.uint8)
    width, height = _drawn_size(values.shape[:2], pixel_spacing_mm, longest_side)
    picture = Image.fromarray(np.ascontiguousarray(levels)).convert("RGB")
    picture = picture.resize((width, height), _resampling(values.shape[:2], (height, width)))
    drawn = np.array(picture)
    if mask is not None:
        drawn[outline(_resize_mask(mask[rows, columns], (width, height)))] = CONTOUR_COLOUR
    return _with_letters(drawn, letters) if letters else drawn


def _drawn_size(
    shape: tuple[int, ...], spacing: tuple[float, float], longest_side: int
) -> tuple[int, int]:
    """Return (width, height) in which a millimetre is as long down as across."""
    height_mm, width_mm = shape[0] * spacing[0], shape[1] * spacing[1]
    scale = longest_side / max(height_mm, width_mm)
    return max(1, round(width_mm * scale)), max(1, round(height_mm * scale))


def _resampling(source: tuple[int, ...], target: tuple[int, int]) -> Image.Resampling:
    """Average when shrinking, interpolate when enlarging."""
    shrinks = target[0] < source[0] or target[1] < source[1]
    return Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR


def _resize_mask(mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Resize a mask without losing one of a single pixel."""
    grey = Image.fromarray(mask.astype(np.uint8) * 255)
    levels = np.asarray(grey.resize(size, _resampling(mask.shape, (size[1], size[0]))))
    half = levels > 127
    return half if half.any() or not mask.any() else levels > 0


def _with_letters(
    drawn: NDArray[np.uint8], letters: tuple[str, str, str, str]
) -> NDArray[np.uint8]:
    """Write the orientation letters inside the four edges."""
    height, width = drawn.shape[:2]
    picture = Image.fromarray(drawn)
    pen = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=max(12, round(max(height, width) / 38)))
    places = (
        (6, height / 2, "lm"),
        (width - 6, height / 2, "rm"),
        (width / 2, 6, "mt"),
        (width / 2, height - 6, "mb"),
    )
    for (x, y, anchor), letter in zip(places, letters, strict=True):
        pen.text(
            (x, y),
            letter,
            fill=_LETTER_COLOUR,
            font=font,
            anchor=anchor,
            stroke_width=1,
            stroke_fill=(0, 0, 0),
        )
    return np.array(picture)
