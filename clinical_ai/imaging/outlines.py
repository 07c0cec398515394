"""The outline of a mask as polygons in image coordinates."""

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

Point = tuple[int, int]


def mask_polygons(mask: NDArray[np.bool_]) -> list[list[Point]]:
    """Return the boundary of a mask along the edges of its pixels.

    The pixel in row r and column c covers x from c to c + 1 and y from r to r + 1, as in
    DICOM PS3.3 section C.10.5.1.2, so no pixel of the mask is cut and none is added.

    Parameters
    ----------
    mask
        (rows, columns).

    Returns
    -------
    list of list of (x, y)
        Closed polygons: the last point equals the first. Holes are polygons too. Points on
        straight lines are left out.
    """
    following = _edges(mask)
    polygons: list[list[Point]] = []
    while following:
        start = min(following)
        polygons.append(_corners(_walk(following, start)))
    return polygons


def _edges(mask: NDArray[np.bool_]) -> dict[Point, list[Point]]:
    """Return the directed edges between mask and background, the mask on the right-hand side."""
    padded = np.pad(mask, 1)
    inside = padded[1:-1, 1:-1]
    following: defaultdict[Point, list[Point]] = defaultdict(list)
    sides = (
        (padded[:-2, 1:-1], (0, 0), (1, 0)),  # above: left to right along the top
        (padded[1:-1, 2:], (1, 0), (1, 1)),  # right: downwards
        (padded[2:, 1:-1], (1, 1), (0, 1)),  # below: right to left
        (padded[1:-1, :-2], (0, 1), (0, 0)),  # left: upwards
    )
    for neighbour, (x0, y0), (x1, y1) in sides:
        for row, column in np.argwhere(inside & ~neighbour):
            x, y = int(column), int(row)
            following[(x + x0, y + y0)].append((x + x1, y + y1))
    return dict(following)


def _walk(following: dict[Point, list[Point]], start: Point) -> list[Point]:
    """Follow the edges from `start` until it comes again, and use them up."""
    path = [start]
    before: Point | None = None
    while len(path) == 1 or path[-1] != start:
        here = path[-1]
        onward = _next(following[here], here, before)
        following[here].remove(onward)
        if not following[here]:
            del following[here]
        path.append(onward)
        before = here
    return path


def _next(choices: list[Point], here: Point, before: Point | None) -> Point:
    """Where two pixels touch at a corner only, turn right, which keeps them apart."""
    if len(choices) == 1 or before is None:
        return choices[0]
    dx, dy = here[0] - before[0], here[1] - before[1]
    right = (here[0] - dy, here[1] + dx)
    return right if right in choices else choices[0]


def _corners(path: list[Point]) -> list[Point]:
    """Leave out the points between two edges of one direction; the polygon stays closed."""
    ring = path[:-1]
    count = len(ring)
    kept = [
        ring[i] for i in range(count) if not _straight(ring[i - 1], ring[i], ring[(i + 1) % count])
    ]
    return [*kept, kept[0]]


def _straight(a: Point, b: Point, c: Point) -> bool:
    return (b[0] - a[0], b[1] - a[1]) == (c[0] - b[0], c[1] - b[1])
