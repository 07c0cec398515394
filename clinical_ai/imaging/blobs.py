"""Bright blobs of nodule size inside the lungs: where the classifier should look."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from clinical_ai.findings import Triple
from clinical_ai.imaging.resample import Grid

# A ball of radius r answers most at sigma = r / sqrt(3) (Lindeberg 1998,
# doi:10.1023/A:1008045108935); these cover diameters of about 4 to 30 mm.
SIGMAS_MM = (1.3, 1.9, 2.8, 4.2, 6.2, 8.7)
# Beyond soft tissue a blob does not get more interesting, and emptier than lung no darker.
_WINDOW_HU = (-950.0, 100.0)
_LEAST_RESPONSE = 40.0  # HU; a ground-glass ball of 4 mm answers above this
# Least over greatest curvature: 1 in a ball, 0 along a vessel (Li et al. 2003,
# doi:10.1118/1.1581411). Low, since a nodule on a vessel is drawn out too.
_LEAST_ROUNDNESS = 0.2
MOST_BLOBS = 1200


@dataclass(frozen=True, slots=True)
class Blob:
    """A candidate.

    Parameters
    ----------
    index
        (slice, row, column) on the grid.
    radius_mm
        Of the ball that fits best.
    response
        Scale-normalised, HU.
    """

    index: Triple
    radius_mm: float
    response: float


def find_blobs(grid: Grid, lungs: NDArray[np.bool_]) -> list[Blob]:
    """Return blobs in `lungs`, strongest first, at most `MOST_BLOBS`.

    Parameters
    ----------
    grid
        HU at 1.2 to 2 mm.
    lungs
        Mask on the same grid.
    """
    box = _box(lungs, round(2 * SIGMAS_MM[-1] / min(grid.spacing)))
    values = np.clip(grid.values[box], *_WINDOW_HU).astype(np.float32)
    inside = lungs[box]
    best = np.zeros(values.shape, dtype=np.float32)
    scale = np.zeros(values.shape, dtype=np.uint8)
    smoothed = []
    for number, sigma_mm in enumerate(SIGMAS_MM):
        smoothed.append(_smooth(values, sigma_mm, grid.spacing))
        response = _normalised_laplacian(smoothed[-1], sigma_mm, grid.spacing)
        stronger = response > best
        best[stronger] = response[stronger]
        scale[stronger] = number
    peaks = (ndimage.maximum_filter(best, size=3) == best) & inside & (best > _LEAST_RESPONSE)
    found = np.argwhere(peaks)
    round_enough = (
        np.array(
            [_roundness(smoothed[scale[i, j, k]], (i, j, k), grid.spacing) for i, j, k in found]
        ).reshape(-1)
        >= _LEAST_ROUNDNESS
    )
    found = found[round_enough]
    order = np.argsort(best[tuple(found.T)])[::-1]
    start = [s.start for s in box]
    blobs = [
        Blob(
            (float(i + start[0]), float(j + start[1]), float(k + start[2])),
            SIGMAS_MM[scale[i, j, k]] * 3**0.5,
            float(best[i, j, k]),
        )
        for i, j, k in found[order]
    ]
    return _apart(blobs, grid.spacing)


def _smooth(values: NDArray[np.float32], sigma_mm: float, spacing: Triple) -> NDArray[np.float32]:
    smooth: NDArray[np.float32] = ndimage.gaussian_filter(
        values, [sigma_mm / mm for mm in spacing], truncate=3.0
    )
    return smooth


def _normalised_laplacian(
    smooth: NDArray[np.float32], sigma_mm: float, spacing: Triple
) -> NDArray[np.float32]:
    """``-sigma^2 * Laplacian`` of smoothed values: positive at bright blobs."""
    total = np.zeros_like(smooth)
    for axis, mm in enumerate(spacing):
        total -= ndimage.correlate1d(smooth, [1.0, -2.0, 1.0], axis=axis) / mm**2
    total *= sigma_mm**2
    return total


def _roundness(smooth: NDArray[np.float32], index: tuple[int, int, int], spacing: Triple) -> float:
    """Least over greatest curvature of the smoothed values at a voxel; negative at a saddle."""
    low = [min(max(i - 1, 0), n - 3) for i, n in zip(index, smooth.shape, strict=True)]
    cube = smooth[tuple(slice(i, i + 3) for i in low)].astype(np.float64)
    hessian = np.empty((3, 3))
    for a in range(3):
        for b in range(3):
            if a == b:
                first, middle, last = (cube[_at(a, i)] for i in (0, 1, 2))
                hessian[a, a] = (first - 2 * middle + last) / spacing[a] ** 2
            else:
                corners = [cube[_at(a, i, b, j)] for i in (0, 2) for j in (0, 2)]
                mixed = corners[0] - corners[1] - corners[2] + corners[3]
                hessian[a, b] = mixed / (4 * spacing[a] * spacing[b])
    curvatures = -np.linalg.eigvalsh(hessian)  # positive where the blob falls off
    return float(curvatures.min() / max(curvatures.max(), 1e-6))


def _at(axis: int, position: int, other: int = -1, at: int = 1) -> tuple[int, ...]:
    """Index into a 3 x 3 x 3 cube: the middle but for one or two axes."""
    index = [1, 1, 1]
    index[axis] = position
    if other >= 0:
        index[other] = at
    return tuple(index)


def _apart(blobs: list[Blob], spacing: Triple) -> list[Blob]:
    """Drop a blob whose centre lies inside a stronger one."""
    kept: list[Blob] = []
    centres = np.empty((MOST_BLOBS, 3))
    radii = np.empty(MOST_BLOBS)
    for blob in blobs:
        here = np.asarray(blob.index) * spacing
        n = len(kept)
        if n and (np.linalg.norm(centres[:n] - here, axis=1) < 0.7 * radii[:n]).any():
            continue
        centres[n], radii[n] = here, blob.radius_mm
        kept.append(blob)
        if len(kept) == MOST_BLOBS:
            break
    return kept


def _box(mask: NDArray[np.bool_], margin: int) -> tuple[slice, ...]:
    bounds = ndimage.find_objects(mask.astype(np.int8))[0]
    return tuple(
        slice(max(0, s.start - margin), min(n, s.stop + margin))
        for s, n in zip(bounds, mask.shape, strict=True)
    )
