"""Lungs, outlines, diameters, shape and composition on solids of known size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from clinical_ai.imaging.axial_diameters import axial_diameters
from clinical_ai.imaging.blobs import find_blobs
from clinical_ai.imaging.lung_mask import find_lungs
from clinical_ai.imaging.nodule_composition import composition
from clinical_ai.imaging.nodule_segmentation import segment_nodule
from clinical_ai.imaging.nodule_shape import elongation
from clinical_ai.imaging.resample import Grid, resample

Triple = tuple[float, float, float]
LUNG_HU = -860.0


def distance(shape: tuple[int, ...], spacing: Triple, centre: Triple) -> NDArray[np.float64]:
    """Distance of every voxel from a voxel index, mm."""
    axes = [(np.arange(n) - c) * mm for n, c, mm in zip(shape, centre, spacing, strict=True)]
    z, y, x = np.meshgrid(*axes, indexing="ij", sparse=True)
    return np.sqrt(z**2 + y**2 + x**2)


def in_lung(depth: NDArray[np.float64], hu: float, spacing: Triple) -> NDArray[np.int16]:
    """A solid of `hu` in lung with edges softened over one pixel and a little noise."""
    cover = np.clip(depth / spacing[1] + 0.5, 0.0, 1.0)
    noise = np.random.default_rng(0).normal(0.0, 15.0, depth.shape)
    return np.rint(LUNG_HU + cover * (hu - LUNG_HU) + noise).astype(np.int16)


@settings(max_examples=25, deadline=None)
@given(
    diameter=st.floats(6.0, 30.0),
    slice_mm=st.sampled_from([1.0, 1.25, 2.5]),
    pixel_mm=st.floats(0.5, 0.9),
    hu=st.sampled_from([40.0, -100.0, -600.0]),
)
def test_a_ball_is_outlined_and_measured(
    diameter: float, slice_mm: float, pixel_mm: float, hu: float
) -> None:
    spacing = (slice_mm, pixel_mm, pixel_mm)
    shape = tuple(int(50 / mm) for mm in spacing)
    centre = tuple(n / 2 for n in shape)
    volume = in_lung(diameter / 2 - distance(shape, spacing, centre), hu, spacing)
    outline = segment_nodule(volume, spacing, centre, diameter / 2 * 1.2)
    assert outline is not None
    measured = axial_diameters(outline.mask, spacing[1:])
    assert measured.mean_mm == pytest.approx(diameter, rel=0.15, abs=0.5)
    assert elongation(outline.mask, spacing) < 1.6
    kind = composition(
        volume[
            tuple(slice(o, o + n) for o, n in zip(outline.origin, outline.mask.shape, strict=True))
        ],
        outline.mask,
    ).composition
    assert kind == ("ground_glass" if hu < -500 else "solid")


def test_the_chest_wall_and_a_vessel_are_cut_off() -> None:
    spacing, shape = (1.0, 0.7, 0.7), (50, 72, 72)
    ball = 6.0 - distance(shape, spacing, (25.0, 36.0, 36.0))
    columns = np.arange(72)[None, None, :]
    wall = (columns - 44.0) * 0.7 * np.ones(shape)  # the pleura runs through the ball's edge
    rows = distance((50, 1, 72), spacing, (25.0, 0.0, 36.0))
    vessel = np.where(np.arange(72)[None, :, None] > 36, 1.5 - rows, -9.0)
    joined = np.maximum(np.maximum(ball, wall), vessel)
    outline = segment_nodule(in_lung(joined, 40.0, spacing), spacing, (25.0, 36.0, 36.0), 6.0)
    assert outline is not None
    assert axial_diameters(outline.mask, spacing[1:]).mean_mm == pytest.approx(12.0, rel=0.2)


def test_nothing_stands_out_in_empty_lung() -> None:
    volume = in_lung(np.full((20, 40, 40), -9.0), 40.0, (1.0, 1.0, 1.0))
    assert segment_nodule(volume, (1.0, 1.0, 1.0), (10.0, 20.0, 20.0), 4.0) is None


@pytest.mark.parametrize("angle", [0.0, 25.0, 45.0, 80.0])
def test_both_axes_of_an_ellipse_at_any_angle(angle: float) -> None:
    y, x = np.mgrid[-60:61, -60:61] * 0.5
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    mask = ((x * c + y * s) / 12.0) ** 2 + ((y * c - x * s) / 7.0) ** 2 <= 1.0
    smaller = np.zeros_like(mask)
    smaller[60, 60] = True
    measured = axial_diameters(np.stack([smaller, mask]), (0.5, 0.5))
    assert measured.slice_index == 1
    assert measured.long_mm == pytest.approx(24.0, abs=0.8)
    assert measured.short_mm == pytest.approx(14.0, abs=0.8)
    assert measured.mean_mm == round(measured.mean_mm, 1)


def test_an_empty_mask_has_no_diameter() -> None:
    with pytest.raises(ValueError, match="empty"):
        axial_diameters(np.zeros((2, 3, 3), dtype=np.bool_), (1.0, 1.0))


def test_rods_are_long_balls_and_discs_are_not() -> None:
    spacing = (2.5, 0.7, 0.7)
    ball = distance((9, 31, 31), spacing, (4.0, 15.0, 15.0)) < 8.0
    rod = np.zeros((9, 31, 31), dtype=np.bool_)
    rod[4:6, 13:18, :] = True
    disc = np.zeros((9, 31, 31), dtype=np.bool_)
    disc[4, 5:26, 5:26] = True
    assert elongation(ball, spacing) < 1.2
    assert elongation(disc, spacing) < 1.2
    assert elongation(rod, spacing) > 3.0
    assert elongation(np.ones((1, 1, 1), dtype=np.bool_), spacing) < 4.0


def test_part_solid_has_a_solid_core() -> None:
    spacing = (1.0, 0.7, 0.7)
    away = distance((30, 40, 40), spacing, (15.0, 20.0, 20.0))
    hu = np.where(away < 4.5, 20, np.where(away < 9.0, -600, -860)).astype(np.int16)
    inside = composition(hu, away < 9.0)
    assert inside.composition == "part_solid"
    assert axial_diameters(inside.solid, spacing[1:]).mean_mm == pytest.approx(9.0, abs=1.0)


def chest(spacing: float = 2.0) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Two lungs in a body in air; a nodule on the pleura of one. Returns HU and the lungs."""
    shape = (60, 120, 160)
    z, y, x = np.meshgrid(*[(np.arange(n) - n / 2) * spacing for n in shape], indexing="ij")
    lungs = sum(((x - s) / 45) ** 2 + (y / 70) ** 2 + (z / 55) ** 2 <= 1 for s in (-60, 60)) > 0
    hu = np.where((x / 140) ** 2 + (y / 100) ** 2 <= 1, 40.0, -1000.0)
    hu[lungs] = -860.0
    hu[(x + 104) ** 2 + y**2 + z**2 <= 8**2] = 40.0
    return hu.astype(np.float32), lungs


def test_lungs_are_found_with_a_nodule_on_the_pleura() -> None:
    hu, lungs = chest()
    found = find_lungs(Grid(hu, (2.0, 2.0, 2.0), (1.0, 1.0, 1.0)))
    assert found is not None
    both = found.mask & lungs
    assert 2 * both.sum() / (found.mask.sum() + lungs.sum()) > 0.95
    notch = lungs & (hu > 0)
    assert (found.mask & notch).sum() / notch.sum() > 0.6  # the rim of the notch stays out
    assert found.volume_ml == pytest.approx((lungs & (hu < 0)).sum() * 0.008, rel=0.02)


def test_no_lungs_in_a_body_without_air() -> None:
    hu, lungs = chest()
    hu[lungs] = 40.0
    assert find_lungs(Grid(hu, (2.0, 2.0, 2.0), (1.0, 1.0, 1.0))) is None


def test_blobs_of_all_sizes_are_proposed_and_a_straight_vessel_is_not() -> None:
    spacing, shape = (1.5, 1.5, 1.5), (60, 60, 60)
    centres = {4.0: (12.0, 12.0, 12.0), 10.0: (12.0, 45.0, 45.0), 24.0: (40.0, 15.0, 20.0)}
    depth = np.full(shape, -99.0)
    for diameter, centre in centres.items():
        depth = np.maximum(depth, diameter / 2 - distance(shape, spacing, centre))
    depth = np.maximum(depth, 2.5 - distance((1, 60, 60), spacing, (0.0, 48.0, 48.0)))
    hu = in_lung(depth, 40.0, spacing).astype(np.float32)
    hu[48:, 48:, 48:] = LUNG_HU
    blobs = find_blobs(Grid(hu, spacing, (1.0, 1.0, 1.0)), np.ones(shape, dtype=np.bool_))
    for diameter, centre in centres.items():
        near = [
            b
            for b in blobs
            if np.linalg.norm(np.subtract(b.index, centre)) * 1.5 < max(diameter / 3, 1.6)
        ]
        assert near, f"no proposal at the ball of {diameter} mm"


def test_resampling_keeps_places_and_values() -> None:
    hu = np.zeros((40, 100, 100), dtype=np.int16)
    hu[18:24, 40:60, 70:90] = 1000
    grid = resample(hu, (2.5, 0.7, 0.7), 1.5)
    bright = np.argwhere(grid.values > 500).mean(axis=0)
    assert grid.to_source(tuple(bright)) == pytest.approx((20.5, 49.5, 79.5), abs=0.4)
    assert grid.values.mean() == pytest.approx(hu.mean(), rel=0.1)
    assert grid.spacing == pytest.approx((1.5, 1.5, 1.5), rel=0.05)
