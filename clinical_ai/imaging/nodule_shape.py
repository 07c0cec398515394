"""Whether an outline is drawn out like a vessel."""

import numpy as np
from numpy.typing import NDArray

from clinical_ai.findings import Triple


def elongation(mask: NDArray[np.bool_], spacing: Triple) -> float:
    """Return the longest over the middle principal axis: 1 for balls and discs, more for rods.

    Flat nodules on a fissure are discs, so the shortest axis is not asked.

    Parameters
    ----------
    mask
        (slices, rows, columns), not empty.
    spacing
        mm; the size of a voxel is part of the spread, so that one slice is no plane.
    """
    points = np.argwhere(mask) * np.asarray(spacing)
    spread = np.diag(np.square(spacing)) / 12.0
    if len(points) > 1:
        spread = spread + np.cov(points.T, bias=True)
    axes = np.sqrt(np.linalg.eigvalsh(spread))
    return float(axes[2] / axes[1])
