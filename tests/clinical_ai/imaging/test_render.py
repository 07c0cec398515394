"""Slices drawn as pictures."""

import numpy as np
import pytest

from clinical_ai.imaging import render
from clinical_ai.imaging.render import Crop
from pacs_bridge.images.voi import Window


def test_pixel_spacing_makes_millimetres_square():
    drawn = render.render_slice(
        np.zeros((50, 100)), Window(0, 100), pixel_spacing_mm=(3.0, 1.0), longest_side=300
    )
    assert drawn.shape == (300, 200, 3)


def test_contour_lies_around_the_mask_and_leaves_its_inside_unchanged():
    values = np.full((64, 64), -600.0)
    mask = np.zeros((64, 64), dtype=bool)
    mask[20:30, 40:52] = True
    plain = render.render_slice(values, render.LUNG_WINDOW, longest_side=256)
    drawn = render.render_slice(values, render.LUNG_WINDOW, mask=mask, longest_side=256)
    changed = (plain != drawn).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert (drawn[changed] == render.CONTOUR_COLOUR).all()
    assert 20 * 4 - 4 <= rows.min() <= 20 * 4
    assert 30 * 4 - 1 <= rows.max() <= 30 * 4 + 4
    assert 40 * 4 - 4 <= columns.min() <= 40 * 4
    assert 52 * 4 - 1 <= columns.max() <= 52 * 4 + 4
    assert not changed[21 * 4 : 29 * 4, 41 * 4 : 51 * 4].any()


def test_a_one_pixel_mask_on_a_large_image_is_still_drawn():
    mask = np.zeros((3000, 2000), dtype=bool)
    mask[1500, 1000] = True
    drawn = render.render_slice(np.zeros((3000, 2000)), Window(0, 100), mask=mask, longest_side=300)
    assert (drawn == render.CONTOUR_COLOUR).all(axis=2).any()


def test_monochrome1_shows_low_values_white():
    values = np.array([[0.0, 1000.0]])
    drawn = render.render_slice(values, Window(500, 1000), monochrome1=True, longest_side=2)
    assert drawn[0, 0, 0] == 255
    assert drawn[0, 1, 0] == 0


def test_crop_shows_that_part_only():
    values = np.zeros((10, 10))
    values[5:, 5:] = 100
    drawn = render.render_slice(values, Window(50, 100), crop=Crop(5, 10, 5, 10), longest_side=5)
    assert (drawn == 255).all()


def test_square_crop_stays_inside_the_slice():
    assert render.square_crop((0, 511), 50, (0.5, 0.5), (512, 512)) == Crop(0, 100, 412, 512)
    assert render.square_crop((10, 10), 500, (1, 1), (20, 30)) == Crop(0, 20, 0, 30)


def test_axial_slice_has_the_patients_right_on_the_left():
    assert render.orientation_letters((1, 0, 0), (0, 1, 0)) == ("R", "L", "A", "P")
    assert render.orientation_letters((0, 1, 0), (0, 0, -1)) == ("A", "P", "H", "F")


def test_letters_are_drawn_near_the_edges_only():
    values = np.zeros((100, 100))
    plain = render.render_slice(values, Window(0, 100), longest_side=200)
    drawn = render.render_slice(
        values, Window(0, 100), longest_side=200, letters=("R", "L", "A", "P")
    )
    changed = (plain != drawn).any(axis=2)
    assert changed[:, :40].any()
    assert changed[:, -40:].any()
    assert changed[:40].any()
    assert changed[-40:].any()
    assert not changed[50:150, 50:150].any()


def test_colour_is_shown_as_it_is():
    values = np.zeros((4, 4, 3), dtype=np.uint8)
    values[..., 1] = 200
    drawn = render.render_slice(values, Window(0, 1), longest_side=4)
    assert (drawn == values).all()


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="not \\(2, 2, 2, 2\\)"):
        render.render_slice(np.zeros((2, 2, 2, 2)), Window(0, 1))
    with pytest.raises(ValueError, match="mask of shape"):
        render.render_slice(np.zeros((2, 2)), Window(0, 1), mask=np.zeros((3, 3), dtype=bool))
