"""The VOI transformation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs_bridge.images.voi import Window, apply_window, full_range


def test_window_maps_its_edges_to_black_and_white():
    grey = apply_window(np.array([-1350.0, -601.0, -600.0, 150.0, 3000.0]), Window(-600, 1500))
    assert grey[0] == 0
    assert grey[3] == 255
    assert grey[4] == 255
    assert 126 <= grey[1] <= grey[2] <= 129


@given(
    st.floats(-2000, 4000),
    st.floats(1, 5000),
    st.lists(st.floats(-3000, 5000), min_size=2, max_size=20),
)
def test_window_never_reverses_order_and_monochrome1_is_its_negative(centre, width, values):
    array = np.sort(np.array(values))
    grey = apply_window(array, Window(centre, width)).astype(int)
    assert (np.diff(grey) >= 0).all()
    negative = apply_window(array, Window(centre, width), inverted=True).astype(int)
    assert (grey + negative == 255).all()


def test_window_of_width_one_is_a_threshold():
    grey = apply_window(np.array([39.4, 39.6]), Window(40, 1))
    assert grey.tolist() == [0, 255]


@pytest.mark.parametrize("width", [0.5, 0, -10, float("nan")])
def test_window_refuses_a_width_below_one(width):
    with pytest.raises(ValueError, match="at least 1"):
        Window(0, width)


def test_missing_values_are_black():
    assert apply_window(np.array([np.nan]), Window(0, 100)).tolist() == [0]


def test_full_range_survives_a_flat_image():
    assert full_range(np.full((4, 4), 7)) == Window(7.0, 1.0)


def test_other_functions_follow_their_formulas():
    values = np.array([50.0, 75.0, 100.0, 112.5, 160.0])
    exact = apply_window(values, Window(100, 50, "LINEAR_EXACT"))
    assert exact.tolist() == [0, 0, 128, 191, 255]  # PS3.3 C.11.2.1.3.2 by hand
    sigmoid = apply_window(values, Window(100, 50, "SIGMOID"))
    # 255 / (1 + exp(-4 (x - 100) / 50)), PS3.3 C.11.2.1.3.1, for -4, -2, 0, 1, 4.8
    assert sigmoid.tolist() == [5, 30, 128, 186, 253]


def test_exact_and_sigmoid_windows_may_be_narrower_than_one():
    assert apply_window(np.array([0.0, 1.0]), Window(0.5, 0.1, "LINEAR_EXACT")).tolist() == [0, 255]
    with pytest.raises(ValueError, match="above 0"):
        Window(0, 0, "SIGMOID")


def test_sigmoid_does_not_overflow():
    values = np.array([-1e6, 1e6])
    assert apply_window(values, Window(0, 1e-3, "SIGMOID")).tolist() == [0, 255]


@given(
    st.lists(st.integers(-2000, 4000), min_size=1, max_size=300),
    st.floats(-2000, 4000),
    st.floats(1, 5000),
    st.booleans(),
)
def test_whole_numbers_get_the_levels_of_their_values(values, centre, width, inverted):
    whole = np.array(values, dtype=np.int16)
    expected = apply_window(whole.astype(float), Window(centre, width), inverted=inverted)
    assert np.array_equal(apply_window(whole, Window(centre, width), inverted=inverted), expected)


def test_a_wide_range_of_a_narrow_dtype_does_not_overflow():
    values = np.tile(np.arange(-20000, 20001, 1000, dtype=np.int16), 2000)
    expected = apply_window(values.astype(float), Window(5000, 9000))
    assert np.array_equal(apply_window(values, Window(5000, 9000)), expected)
