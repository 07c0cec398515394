"""Outline of one nodule: threshold, then cut off vessels and pleura by shape."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from clinical_ai.findings import Triple

Mask = NDArray[np.bool_]

# Half way between lung and the nodule's own attenuation; never below what counts as
# ground glass nor above the usual limit of soft tissue in lung.
_LUNG_HU = -860.0
_LOWEST_HU, _HIGHEST_HU = -700.0, -400.0
# Parts thinner than this share of the nodule's thickness are vessels or spicules.
_NECK = 0.45
_REACH = 2.2  # radii of the proposal: nothing farther out belongs to the nodule
_LARGEST_MM = 35.0  # beyond 30 mm it is a mass; a margin for its outline


@dataclass(frozen=True)
class Outline:
    """Mask of a nodule in a crop of the volume.

    Parameters
    ----------
    origin
        Voxel of the crop's first element in the volume.
    """

    origin: tuple[int, int, int]
    mask: Mask

    @property
    def box(self) -> tuple[slice, ...]:
        """The crop as slices of the volume."""
        return tuple(slice(o, o + n) for o, n in zip(self.origin, self.mask.shape, strict=True))


def segment_nodule(
    hu: NDArray[np.int16],
    spacing: Triple,
    centre: Triple,
    radius_mm: float,
    lungs: Mask | None = None,
) -> Outline | None:
    """Return the outline of the nodule at `centre`, or None when nothing stands out there.

    Parameters
    ----------
    hu
        The volume (slices, rows, columns).
    spacing
        mm.
    centre
        Voxel index inside the nodule.
    radius_mm
        Of the proposal, right within a factor of about two.
    lungs
        Closed lungs, same shape as `hu`: nothing outside them belongs to a nodule, which
        keeps the chest wall out. None means everywhere.
    """
    reach = min(_REACH * radius_mm + 4.0, _LARGEST_MM / 2 + 4.0)
    box, inside = _crop(hu.shape, spacing, centre, reach)
    part = hu[box].astype(np.float32)
    seed = _seed(part, spacing, _local(centre, box), radius_mm)
    threshold = float(np.clip((_LUNG_HU + seed[1]) / 2, _LOWEST_HU, _HIGHEST_HU))
    dense = (part > threshold) & inside
    if lungs is not None:
        dense &= lungs[box]
    labels, _ = ndimage.label(dense)
    if labels[seed[0]] == 0:
        return None
    component = labels == labels[seed[0]]
    body = _without_necks(component, spacing, seed[0])
    if body is None:
        return None
    bounds = ndimage.find_objects(body.astype(np.int8))[0]
    origin = tuple(b.start + o.start for b, o in zip(bounds, box, strict=True))
    return Outline((origin[0], origin[1], origin[2]), body[bounds])


def _crop(
    shape: tuple[int, ...], spacing: Triple, centre: Triple, reach_mm: float
) -> tuple[tuple[slice, ...], Mask]:
    """The box round `centre`, and the ball of radius `reach_mm` in it."""
    box = tuple(
        slice(max(0, int(np.floor(c - reach_mm / mm))), min(n, int(np.ceil(c + reach_mm / mm)) + 1))
        for c, mm, n in zip(centre, spacing, shape, strict=True)
    )
    axes = [
        (np.arange(b.start, b.stop) - c) * mm for b, c, mm in zip(box, centre, spacing, strict=True)
    ]
    distance = np.sqrt(sum(a**2 for a in np.meshgrid(*axes, indexing="ij", sparse=True)))
    return box, distance <= reach_mm


def _seed(
    part: NDArray[np.float32],
    spacing: Triple,
    centre: Triple,
    radius_mm: float,
) -> tuple[tuple[int, int, int], float]:
    """The densest place near the centre of the smoothed crop, and the attenuation there."""
    smooth = ndimage.gaussian_filter(part, [0.7 / mm for mm in spacing])
    near_box, near = _crop(part.shape, spacing, centre, max(0.6 * radius_mm, 2.0))
    values = np.where(near, smooth[near_box], -np.inf)
    at = np.unravel_index(int(np.argmax(values)), values.shape)
    place = tuple(int(i) + b.start for i, b in zip(at, near_box, strict=True))
    core = smooth[near_box][near]
    return (place[0], place[1], place[2]), float(np.percentile(core, 75))


def _local(centre: Triple, box: tuple[slice, ...]) -> Triple:
    s, r, c = (i - b.start for i, b in zip(centre, box, strict=True))
    return s, r, c


def _without_necks(component: Mask, spacing: Triple, seed: tuple[int, int, int]) -> Mask | None:
    """Opening by reconstruction: the part whose core is thick, grown back by what was eroded."""
    depth = ndimage.distance_transform_edt(np.pad(component, 1), sampling=spacing)[1:-1, 1:-1, 1:-1]
    # How thick the nodule is where it was proposed, not where it meets the chest wall.
    thickness = float(depth[_neighbourhood(depth.shape, seed, spacing, 3.0)].max())
    cut = _NECK * thickness
    labels, count = ndimage.label(depth >= cut)
    if count == 0:
        return None
    nearest = ndimage.distance_transform_edt(
        labels == 0, sampling=spacing, return_distances=False, return_indices=True
    )
    core = labels[tuple(nearest[(slice(None), *seed)])]
    from_core = ndimage.distance_transform_edt(labels != core, sampling=spacing)
    body: Mask = component & (from_core <= cut + min(spacing) / 2)
    pieces, _ = ndimage.label(body)
    inner = tuple(np.argwhere(labels == core)[0])
    chosen: Mask = pieces == pieces[inner]
    return chosen


def _neighbourhood(
    shape: tuple[int, ...], centre: tuple[int, int, int], spacing: Triple, mm: float
) -> tuple[slice, ...]:
    return tuple(
        slice(max(0, c - int(mm / s) - 1), min(n, c + int(mm / s) + 2))
        for c, s, n in zip(centre, spacing, shape, strict=True)
    )
