"""Long and short axis of an outline on the axial slice where it is largest.

As radiologists measure nodules: the longest diameter, and the largest width at a right
angle to it (Bankier et al. 2017, doi:10.1148/radiol.2017162894).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError


@dataclass(frozen=True, slots=True)
class AxialDiameters:
    """In mm; `slice_index` counts in the mask's first axis."""

    long_mm: float
    short_mm: float
    slice_index: int

    @property
    def mean_mm(self) -> float:
        """Mean of both axes to one decimal, as Lung-RADS v2022 asks."""
        return round((self.long_mm + self.short_mm) / 2, 1)


def axial_diameters(mask: NDArray[np.bool_], pixel_spacing: tuple[float, float]) -> AxialDiameters:
    """Measure `mask` (slices, rows, columns) on its largest slice.

    Parameters
    ----------
    pixel_spacing
        Between rows and between columns, mm.

    Raises
    ------
    ValueError
        The mask is empty.
    """
    areas = mask.sum(axis=(1, 2))
    if not areas.any():
        raise ValueError("an empty mask has no diameter")
    index = int(np.argmax(areas))
    points = _outer_corners(mask[index]) * np.asarray(pixel_spacing)
    differences = points[:, None] - points[None]
    distances = np.linalg.norm(differences, axis=-1)
    a, b = np.unravel_index(int(np.argmax(distances)), distances.shape)
    long_mm = float(distances[a, b])
    direction = (points[b] - points[a]) / long_mm
    across = points @ np.asarray([-direction[1], direction[0]])
    # Corners of pixels lie half a pixel outside the edge that threshold and eye agree on.
    pixel = float(np.mean(pixel_spacing))
    short_mm = float(across.max() - across.min())
    return AxialDiameters(
        round(max(long_mm - 0.4 * pixel, pixel), 2),
        round(max(short_mm - 0.4 * pixel, pixel), 2),
        index,
    )


def _outer_corners(plane: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Corners of the outer pixels, hull only; in pixels."""
    rows, columns = np.nonzero(plane)
    corners = np.concatenate(
        [np.stack([rows + dr, columns + dc], axis=1) for dr in (0, 1) for dc in (0, 1)]
    ).astype(np.float64)
    try:
        hull = ConvexHull(corners).vertices
    except QhullError:
        return corners
    result: NDArray[np.float64] = corners[hull]
    return result
