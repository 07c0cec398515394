"""From pixel values to grey levels: the VOI transformation (PS3.3 C.11.2)."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

VoiFunction = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]
Values = NDArray[np.floating] | NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Window:
    """A grey-scale window.

    Parameters
    ----------
    centre, width
        In the unit of the pixel values (HU for CT); `width` is at least 1 for LINEAR
        (DICOM PS3.3 C.11.2.1.2.1), above 0 for the others.
    function
        VOI LUT Function (PS3.3 C.11.2.1.3).
    """

    centre: float
    width: float
    function: VoiFunction = "LINEAR"

    def __post_init__(self) -> None:
        """Refuse a width the standard does not allow."""
        if self.function == "LINEAR" and not self.width >= 1:
            raise ValueError(f"window width is {self.width}, but must be at least 1")
        if not self.width > 0:
            raise ValueError(f"window width is {self.width}, but must be above 0")


def apply_window(values: Values, window: Window, *, inverted: bool = False) -> NDArray[np.uint8]:
    """Map pixel values to 0..255.

    Parameters
    ----------
    values
        Pixel values after the modality transformation, any shape.
    window
        Centre, width and function of DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3.
    inverted
        True for MONOCHROME1, where the lowest value is white.

    Returns
    -------
    numpy.ndarray
        Grey levels of the same shape; values that are not numbers become black.
    """
    if values.dtype.kind in "iu" and values.dtype.itemsize <= 4 and values.size:
        low, high = int(values.min()), int(values.max())
        if high - low < min(values.size, 65536):  # a table of all values is shorter
            table = apply_window(np.arange(low, high + 1, dtype=np.float64), window)
            found: NDArray[np.uint8] = table[np.subtract(values, low, dtype=np.int64)]
            return (255 - found).astype(np.uint8) if inverted else found
    scaled = _scaled(values, window)
    grey = np.nan_to_num(np.clip(scaled, 0.0, 1.0)) * 255.0
    levels: NDArray[np.uint8] = np.rint(grey).astype(np.uint8)
    return (255 - levels).astype(np.uint8) if inverted else levels


def _scaled(values: Values, window: Window) -> NDArray[np.floating]:
    """Return the output of the VOI function, where 0 to 1 is from black to white."""
    centre, width = window.centre, window.width
    if window.function == "SIGMOID":
        # Beyond e^60 the level is 0 or 255 anyway, and exp would overflow.
        exponent = np.clip(-4.0 * (values - centre) / width, -60.0, 60.0)
        return np.asarray(1.0 / (1.0 + np.exp(exponent)))
    if window.function == "LINEAR_EXACT":
        return np.asarray((values - centre) / width + 0.5)
    if width == 1:
        return np.where(values > centre - 0.5, 1.0, 0.0)
    return np.asarray((values - (centre - 0.5)) / (width - 1) + 0.5)


def full_range(values: Values) -> Window:
    """Return a window that shows the middle 99 % of `values`, for images that name none."""
    low, high = np.percentile(values, (0.5, 99.5))
    return Window(float(low + high) / 2, max(1.0, float(high - low)))
