"""Voxels of a chest phantom: body, bones, lungs, airways, vessels and nodules in HU.

Plain solids in LPS millimetres round the centre of the volume, drawn with soft edges
(partial volume) one over the other. Sizes are those of a slim adult; no patient's data
is in it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from clinical_ai.findings import Triple

FloatArray = NDArray[np.float32]

# Attenuation in HU, typical of unenhanced chest CT at 120 kV.
AIR, LUNG, FAT, MUSCLE, BLOOD, SPONGY_BONE, CORTICAL_BONE, TABLE = (
    -1000.0,
    -860.0,
    -95.0,
    45.0,
    42.0,
    170.0,
    450.0,
    -350.0,
)
NOISE_HU = 18.0  # standard deviation in soft tissue after the in-plane blur
_BLUR_PIXELS = 0.6  # in-plane point spread
_THINNEST_MM = 0.45  # radius of the thinnest vessels drawn; thinner ones vanish in the noise


@dataclass(frozen=True, slots=True)
class PhantomNodule:
    """A ball in the lung: centre (LPS, mm), diameter (mm), attenuation (HU)."""

    center_mm: Triple
    diameter_mm: float
    hu: float


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the voxels are: shape (slices, rows, columns), spacing likewise in mm, centred on 0."""

    shape: tuple[int, int, int]
    spacing: Triple

    def axis(self, index: int) -> FloatArray:
        """Voxel centres along one array axis, mm (axis 0 is z, 1 is y, 2 is x)."""
        count = self.shape[index]
        return ((np.arange(count) - (count - 1) / 2) * self.spacing[index]).astype(np.float32)

    def box(self, low: Triple, high: Triple) -> tuple[slice, slice, slice]:
        """Array slices that cover the box between two LPS corners, clipped to the volume."""
        limits = []
        for index, (a, b) in enumerate(zip(low[::-1], high[::-1], strict=True)):
            first = self.axis(index)[0]
            start = int(np.floor((a - first) / self.spacing[index])) - 1
            stop = int(np.ceil((b - first) / self.spacing[index])) + 2
            limits.append(slice(max(start, 0), max(min(stop, self.shape[index]), 0)))
        return limits[0], limits[1], limits[2]


@dataclass(frozen=True, slots=True)
class Tube:
    """A tapering round bar from `start` to `end` (LPS, mm)."""

    start: Triple
    end: Triple
    start_radius: float
    end_radius: float


def draw_chest(
    grid: Grid, nodules: tuple[PhantomNodule, ...], random: np.random.Generator
) -> NDArray[np.int16]:
    """Return the phantom in HU, shape (slices, rows, columns), slices from feet to head."""
    volume = np.empty(grid.shape, dtype=np.float32)
    lungs = _draw_trunk(volume, grid)
    for tube, hu in _bones():
        _draw_tube(volume, grid, tube, hu)
    for tube in _vessels(random):
        if not any(_touches(tube, nodule) for nodule in nodules):
            _draw_tube(volume, grid, tube, BLOOD, within=lungs)
    for tube, hu in _airways():
        _draw_tube(volume, grid, tube, hu)
    for nodule in nodules:
        _draw_nodule(volume, grid, nodule)
    return _acquire(volume, random)


def inside_lung(point: Triple) -> bool:
    """Tell whether an LPS point (mm) lies in the lungs of the phantom."""
    return _depth_at(np.asarray(point)) > 0


def _ellipse_depth(
    x: FloatArray, y: FloatArray, center: tuple[float, float], axes: tuple[float, float]
) -> FloatArray:
    """Depth below the surface of an ellipse, about in mm; negative outside."""
    u, v = (x - center[0]) / axes[0], (y - center[1]) / axes[1]
    depth: FloatArray = (1.0 - np.sqrt(u * u + v * v)) * min(axes)
    return depth


def _ellipsoid_depth(
    x: FloatArray, y: FloatArray, z: FloatArray, center: Triple, axes: Triple
) -> FloatArray:
    u, v, w = (x - center[0]) / axes[0], (y - center[1]) / axes[1], (z - center[2]) / axes[2]
    depth: FloatArray = (1.0 - np.sqrt(u * u + v * v + w * w)) * min(axes)
    return depth


def _lung_depth(x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
    right = _ellipsoid_depth(x, y, z, (-72.0, 2.0, -5.0), (52.0, 80.0, 130.0))
    left = _ellipsoid_depth(x, y, z, (72.0, 2.0, -5.0), (50.0, 80.0, 130.0))
    liver = _ellipsoid_depth(x, y, z, (-66.0, -5.0, -150.0), (75.0, 95.0, 85.0))
    spleen = _ellipsoid_depth(x, y, z, (66.0, 0.0, -155.0), (75.0, 95.0, 80.0))
    heart = _ellipsoid_depth(x, y, z, (22.0, -38.0, -40.0), (55.0, 42.0, 58.0))
    lungs = np.maximum(right, left)
    return np.minimum(lungs, -np.maximum(np.maximum(liver, spleen), heart)).astype(np.float32)


def _over(under: FloatArray, depth: FloatArray, hu: float | FloatArray, width: float) -> None:
    """Draw a solid over `under`, its edge softened over one pixel width."""
    cover = np.clip(depth / width + 0.5, 0.0, 1.0)
    under += cover * (hu - under)


def _draw_trunk(volume: FloatArray, grid: Grid) -> NDArray[np.bool_]:
    """Draw body wall, table, spine and lungs; return where the lungs are."""
    y, x = grid.axis(1)[:, None], grid.axis(2)[None, :]
    width = grid.spacing[1]
    plane = np.full(grid.shape[1:], AIR, dtype=np.float32)
    _over(plane, _ellipse_depth(x, y, (0.0, -120.0), (250.0, 252.0)), TABLE, width)
    _over(plane, _ellipse_depth(x, y, (0.0, -120.0), (247.0, 249.0)), AIR, width)
    _over(plane, _ellipse_depth(x, y, (0.0, 0.0), (165.0, 115.0)), FAT, width)
    _over(plane, _ellipse_depth(x, y, (0.0, 0.0), (150.0, 102.0)), MUSCLE, width)
    _over(plane, _ellipse_depth(x, y, (0.0, 62.0), (19.0, 17.0)), CORTICAL_BONE, width)
    _over(plane, _ellipse_depth(x, y, (0.0, 62.0), (17.0, 15.0)), SPONGY_BONE, width)
    _over(plane, _ellipse_depth(x, y, (0.0, 86.0), (9.0, 7.0)), MUSCLE - 15.0, width)
    _over(plane, _ellipse_depth(x, y, (0.0, -88.0), (18.0, 5.0)), SPONGY_BONE, width)
    lungs = np.zeros(grid.shape, dtype=np.bool_)
    dependent = LUNG + 0.25 * y  # lung is denser where it lies lower (supine)
    for index, z in enumerate(grid.axis(0)):
        # Two heights inside the slice stand for its thickness.
        heights = (z - grid.spacing[0] / 4, z + grid.spacing[0] / 4)
        depths = [_lung_depth(x, y, np.full((1, 1), height, np.float32)) for height in heights]
        volume[index] = plane
        depth = ((depths[0] + depths[1]) / 2).astype(np.float32)
        _over(volume[index], depth, dependent, width)
        lungs[index] = depth > 0
    return lungs


def _bones() -> Iterator[tuple[Tube, float]]:
    """Ribs: hoops round the lungs that fall towards the front."""
    angles = np.linspace(-0.42 * np.pi, 0.47 * np.pi, 15)
    for side in (-1.0, 1.0):
        for level in np.arange(-150.0, 190.0, 25.0):
            points = [
                (
                    float(side * 138.0 * np.cos(a)),
                    float(93.0 * np.sin(a)),
                    float(level + 0.35 * 93.0 * np.sin(a)),
                )
                for a in angles
            ]
            for start, end in pairwise(points):
                yield Tube(start, end, 5.0, 5.0), CORTICAL_BONE
            for start, end in pairwise(points):
                yield Tube(start, end, 3.2, 3.2), SPONGY_BONE


def _airways() -> Iterator[tuple[Tube, float]]:
    carina: Triple = (0.0, 12.0, 35.0)
    for radius, hu in ((10.5, MUSCLE), (9.0, AIR)):
        yield Tube((0.0, 0.0, 200.0), carina, radius, radius), hu
        for side in (-1.0, 1.0):
            yield Tube(carina, (side * 14.0, 13.0, 20.0), radius * 0.7, radius * 0.6), hu


def _vessels(random: np.random.Generator) -> Iterator[Tube]:
    """Vessels that leave each hilum for all parts of the lung, taper and give off branches."""
    for side in (-1.0, 1.0):
        for angle in np.arange(8) * np.pi / 4:
            root = np.array([side * 20.0, 8.0 + 9.0 * np.cos(angle), 2.0 + 12.0 * np.sin(angle)])
            direction = np.array([side * random.uniform(0.5, 1.0), np.cos(angle), np.sin(angle)])
            yield from _branch(root, direction, random.uniform(3.0, 4.2), random)


def _branch(
    start: NDArray[np.float64],
    direction: NDArray[np.float64],
    radius: float,
    random: np.random.Generator,
) -> Iterator[Tube]:
    """A vessel that runs on nearly straight to the pleura and gives off thinner ones."""
    while radius > _THINNEST_MM:
        direction = direction / np.linalg.norm(direction)
        end = start + (5.0 + 2.5 * radius) * direction
        thinner = radius * random.uniform(0.82, 0.94)
        yield Tube(_point(start), _point(end), radius, thinner)
        if _depth_at(end) < 3.0 and abs(end[0]) > 45.0:  # near the pleura; the hilum is no end
            return
        aside = direction + random.normal(0.0, 0.6, 3)
        yield from _branch(end, aside, thinner * random.uniform(0.45, 0.7), random)
        start, radius, direction = end, thinner, direction + random.normal(0.0, 0.13, 3)


def _point(vector: NDArray[np.float64]) -> Triple:
    return float(vector[0]), float(vector[1]), float(vector[2])


def _depth_at(point: NDArray[np.float64]) -> float:
    """Distance to the pleura, about in mm; negative outside the lungs."""
    x, y, z = (np.full(1, value, np.float32) for value in point)
    return float(_lung_depth(x, y, z)[0])


def _touches(tube: Tube, nodule: PhantomNodule, clearance: float = 2.0) -> bool:
    a, b, p = (np.asarray(value) for value in (tube.start, tube.end, nodule.center_mm))
    along = np.clip(np.dot(p - a, b - a) / max(float(np.dot(b - a, b - a)), 1e-6), 0.0, 1.0)
    distance = float(np.linalg.norm(p - (a + along * (b - a))))
    return distance < nodule.diameter_mm / 2 + max(tube.start_radius, 1.0) + clearance


def _sub_axes(
    grid: Grid, box: tuple[slice, slice, slice], parts: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Coordinates of `parts` points in each voxel of the box, per axis (z, y, x)."""
    steps = (np.arange(parts) + 0.5) / parts - 0.5
    axes = [
        (grid.axis(i)[box[i]][:, None] + steps[None, :] * grid.spacing[i]).ravel() for i in range(3)
    ]
    z, y, x = (axis.astype(np.float32) for axis in axes)
    return z[:, None, None], y[None, :, None], x[None, None, :]


def _pool(values: FloatArray, parts: tuple[int, int, int]) -> FloatArray:
    a, b, c = (size // part for size, part in zip(values.shape, parts, strict=True))
    blocks = values.reshape(a, parts[0], b, parts[1], c, parts[2])
    pooled: FloatArray = blocks.mean(axis=(1, 3, 5), dtype=np.float32)
    return pooled


def _draw_tube(
    volume: FloatArray, grid: Grid, tube: Tube, hu: float, within: NDArray[np.bool_] | None = None
) -> None:
    reach = max(tube.start_radius, tube.end_radius)
    a, b = np.asarray(tube.start), np.asarray(tube.end)
    low, high = np.minimum(a, b) - reach, np.maximum(a, b) + reach
    box = grid.box(
        (float(low[0]), float(low[1]), float(low[2])),
        (float(high[0]), float(high[1]), float(high[2])),
    )
    if volume[box].size == 0:
        return
    steps = (-1 / 3, 0.0, 1 / 3)
    z = (grid.axis(0)[box[0]][:, None] + np.multiply(steps, grid.spacing[0])).ravel()
    z = z.astype(np.float32)[:, None, None]
    y, x = grid.axis(1)[box[1]][None, :, None], grid.axis(2)[box[2]][None, None, :]
    axis = (b - a).astype(np.float32)
    rx, ry, rz = x - np.float32(a[0]), y - np.float32(a[1]), z - np.float32(a[2])
    along = np.clip((rx * axis[0] + ry * axis[1] + rz * axis[2]) / float(axis @ axis), 0.0, 1.0)
    square = (rx - along * axis[0]) ** 2 + (ry - along * axis[1]) ** 2 + (rz - along * axis[2]) ** 2
    radius = tube.start_radius + along * (tube.end_radius - tube.start_radius)
    cover = np.clip((radius - np.sqrt(square)) / grid.spacing[1] + 0.5, 0.0, 1.0)
    cover = _pool(cover.astype(np.float32), (3, 1, 1))
    if within is not None:
        cover *= within[box]
    volume[box] += cover * (np.float32(hu) - volume[box])


def _draw_nodule(volume: FloatArray, grid: Grid, nodule: PhantomNodule) -> None:
    radius, center = nodule.diameter_mm / 2, nodule.center_mm
    box = grid.box(
        (center[0] - radius, center[1] - radius, center[2] - radius),
        (center[0] + radius, center[1] + radius, center[2] + radius),
    )
    z, y, x = _sub_axes(grid, box, 5)
    inside = (x - center[0]) ** 2 + (y - center[1]) ** 2 + (z - center[2]) ** 2 <= radius**2
    cover = _pool(inside.astype(np.float32), (5, 5, 5))
    volume[box] += cover * (np.float32(nodule.hu) - volume[box])


def _acquire(volume: FloatArray, random: np.random.Generator) -> NDArray[np.int16]:
    """Add noise, blur in the plane as a reconstruction kernel does, round to whole HU."""
    result = np.empty(volume.shape, dtype=np.int16)
    # White noise loses this factor of its deviation in the blur (2 sigma sqrt(pi) in 2D).
    inflate = NOISE_HU * max(2.0 * _BLUR_PIXELS * np.sqrt(np.pi), 1.0)
    for index, plane in enumerate(volume):
        noisy = plane + inflate * random.standard_normal(plane.shape, dtype=np.float32)
        blurred = ndimage.gaussian_filter(noisy, _BLUR_PIXELS, truncate=3.0)
        result[index] = np.clip(np.rint(blurred), -1024, 3071).astype(np.int16)
    return result
