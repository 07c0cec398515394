"""The lungs on a coarse grid, by threshold and shape, with what lies inside and against them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from clinical_ai.imaging.resample import Grid

Mask = NDArray[np.bool_]

_AIR_HU = -400.0  # between lung and soft tissue (Hu et al. 2001, doi:10.1109/42.929615)
_OUTSIDE_HU = -1050.0
_SMALLEST_LUNG_ML = 150.0  # one lung, deep expiration or partly in the field of view
# Closing takes in what is narrower than twice this: nodules on the pleura, hilar vessels.
_CLOSING_MM = 12.0


@dataclass(frozen=True)
class Lungs:
    """Masks on the grid they were found on.

    Parameters
    ----------
    mask
        Both lungs, closed.
    volume_ml
        Of the air-filled lungs before closing.
    """

    mask: Mask
    volume_ml: float


def find_lungs(grid: Grid) -> Lungs | None:
    """Return the lungs in a chest CT, or None when nothing of their size and place is there.

    Parameters
    ----------
    grid
        HU at about 2 mm; any orientation of the axes.
    """
    air = (grid.values < _AIR_HU) & (grid.values > _OUTSIDE_HU)
    inside = air & ~_outside_body(air)
    labels, count = ndimage.label(inside)
    if count == 0:
        return None
    voxel_ml = float(np.prod(grid.spacing)) / 1000.0
    sizes = np.bincount(labels.ravel(), minlength=count + 1) * voxel_ml
    sizes[0] = 0.0
    keep = np.flatnonzero(sizes >= _SMALLEST_LUNG_ML)
    # The two lungs are the largest; bowel gas may be next.
    keep = keep[np.argsort(sizes[keep])[::-1][:2]]
    if keep.size == 0:
        return None
    air_filled = np.isin(labels, keep)
    return Lungs(_closed(air_filled, grid.spacing), float(sizes[keep].sum()))


def _outside_body(air: Mask) -> Mask:
    """Air connected, in its slice, with the border of the image: round the patient."""
    outside = np.zeros_like(air)
    for index, plane in enumerate(air):
        labels, _ = ndimage.label(plane)
        edge = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
        outside[index] = np.isin(labels, edge[edge > 0])
    return outside


def _closed(mask: Mask, spacing: tuple[float, ...]) -> Mask:
    """Morphological closing with a ball, each lung by itself, then holes filled slice by slice."""
    boxes = ndimage.find_objects(mask.astype(np.int8))
    pad = [int(np.ceil(_CLOSING_MM / mm)) + 1 for mm in spacing]
    box = tuple(
        slice(max(0, s.start - p), min(n, s.stop + p))
        for s, p, n in zip(boxes[0], pad, mask.shape, strict=True)
    )
    labels, count = ndimage.label(mask[box])
    closed = np.zeros_like(labels, dtype=np.bool_)
    for label in range(1, count + 1):
        grown = ndimage.distance_transform_edt(labels != label, sampling=spacing) <= _CLOSING_MM
        closed |= ndimage.distance_transform_edt(grown, sampling=spacing) > _CLOSING_MM
        closed |= labels == label
    for plane in closed:
        plane[...] = ndimage.binary_fill_holes(plane)
    full = np.zeros_like(mask)
    full[box] = closed
    return full
