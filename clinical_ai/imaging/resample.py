"""Fast resampling of a volume to a coarser grid with cubic voxels."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from clinical_ai.findings import Triple


@dataclass(frozen=True)
class Grid:
    """A resampled array and how its indices go back to the source's.

    Parameters
    ----------
    values
        float32 (slices, rows, columns).
    spacing
        Of the grid, mm.
    scale
        Source voxels for one grid voxel, by axis.
    """

    values: NDArray[np.float32]
    spacing: Triple
    scale: Triple

    def to_source(self, index: Triple) -> Triple:
        """Return the source index of a grid index; voxel centres are at whole numbers."""
        s, r, c = ((i + 0.5) * f - 0.5 for i, f in zip(index, self.scale, strict=True))
        return s, r, c


def resample(hu: NDArray[np.int16], spacing: Triple, target_mm: float) -> Grid:
    """Return `hu` on a grid of about `target_mm`, by averaging where that is coarser.

    Parameters
    ----------
    hu
        (slices, rows, columns).
    spacing
        Between slices, rows and columns, mm.
    """
    shape = tuple(
        max(1, round(n * mm / target_mm)) for n, mm in zip(hu.shape, spacing, strict=True)
    )
    # In-plane first and slice by slice: the float copy of the whole volume is never made.
    planes = torch.empty((hu.shape[0], shape[1], shape[2]))
    for index in range(hu.shape[0]):
        plane = torch.from_numpy(hu[index].astype(np.float32))[None, None]
        planes[index] = _to(plane, shape[1:], [spacing[1], spacing[2]], target_mm)[0, 0]
    stacked = torch.nn.functional.interpolate(
        planes[None, None], size=shape, mode="trilinear", align_corners=False
    )[0, 0]
    scale = tuple(n / m for n, m in zip(hu.shape, shape, strict=True))
    size = tuple(mm * f for mm, f in zip(spacing, scale, strict=True))
    return Grid(stacked.numpy(), (size[0], size[1], size[2]), (scale[0], scale[1], scale[2]))


def _to(
    plane: torch.Tensor, shape: tuple[int, ...], spacing: list[float], target_mm: float
) -> torch.Tensor:
    if target_mm > max(spacing):
        return torch.nn.functional.interpolate(plane, size=shape, mode="area")
    return torch.nn.functional.interpolate(plane, size=shape, mode="bilinear", align_corners=False)
