"""Solid, part-solid or ground glass, from the attenuation inside an outline."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Composition = Literal["solid", "part_solid", "ground_glass"]

# Limit between ground glass and solid parts on lung windows (de Hoop et al. 2010,
# doi:10.1148/radiol.09091571, measured at about -300 HU).
SOLID_HU = -300.0
_SOLID_SHARE, _GROUND_GLASS_SHARE = 0.65, 0.10


@dataclass(frozen=True)
class Inside:
    """What the voxels of a nodule say.

    Parameters
    ----------
    mean_hu
        Over the outline.
    solid
        Voxels that are solid, same shape as the outline.
    """

    composition: Composition
    mean_hu: float
    solid: NDArray[np.bool_]


def composition(hu: NDArray[np.int16], mask: NDArray[np.bool_]) -> Inside:
    """Judge a nodule by the share of solid voxels away from its edge.

    The edge voxels are a mixture with lung; they are left out where enough others remain.

    Parameters
    ----------
    hu, mask
        Same shape; the crop that holds the outline.
    """
    smooth = ndimage.gaussian_filter(hu.astype(np.float32), (0.0, 0.7, 0.7))
    inner = ndimage.binary_erosion(np.pad(mask, 1), ndimage.generate_binary_structure(3, 1))
    inner = inner[1:-1, 1:-1, 1:-1]
    if inner.sum() < 8:
        inner = mask
    share = float((smooth[inner] > SOLID_HU).mean())
    kind: Composition = "part_solid"
    if share >= _SOLID_SHARE:
        kind = "solid"
    elif share <= _GROUND_GLASS_SHARE:
        kind = "ground_glass"
    return Inside(kind, float(hu[mask].mean()), mask & (smooth > SOLID_HU))
