"""Outlines: exactly the mask, along the edges of its pixels."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from clinical_ai.imaging.outlines import mask_polygons


def filled(polygons, shape):
    """Even-odd rule at the centre of each pixel, from the upright edges to its left."""
    inside = np.zeros(shape, dtype=bool)
    for polygon in polygons:
        for (x0, y0), (x1, y1) in pairwise(polygon):
            if x0 == x1:
                inside[min(y0, y1) : max(y0, y1), x0:] ^= True
    return inside


def test_a_rectangle_has_four_corners_clockwise():
    mask = np.zeros((5, 6), dtype=bool)
    mask[1:4, 2:6] = True
    assert mask_polygons(mask) == [[(2, 1), (6, 1), (6, 4), (2, 4), (2, 1)]]


def test_no_mask_has_no_outline():
    assert mask_polygons(np.zeros((3, 3), dtype=bool)) == []


def test_a_hole_is_a_polygon_of_its_own():
    mask = np.ones((3, 3), dtype=bool)
    mask[1, 1] = False
    assert len(mask_polygons(mask)) == 2


def test_pixels_that_touch_at_a_corner_stay_apart():
    mask = np.array([[True, False], [False, True]])
    assert [len(p) for p in mask_polygons(mask)] == [5, 5]


@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_filling_the_polygons_gives_the_mask(mask):
    polygons = mask_polygons(mask)
    assert all(p[0] == p[-1] and len(p) >= 5 for p in polygons)
    assert np.array_equal(filled(polygons, mask.shape), mask)
