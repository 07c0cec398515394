"""Views and sides of mammograms, from clean headers to odd ones."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from clinical_ai.imaging.mammogram import describe, wall_side


def header(**values: Any) -> Dataset:
    image = Dataset()
    for keyword, value in values.items():
        setattr(image, keyword, value)
    return image


def view_code(value: str) -> list[Dataset]:
    return [header(CodeValue=value, CodingSchemeDesignator="SCT", CodeMeaning="view")]


@pytest.mark.parametrize(
    ("values", "view", "from_text"),
    [
        ({"ImageLaterality": "R", "ViewPosition": "CC"}, ("R", "CC"), False),
        ({"Laterality": "L", "ViewPosition": "MLO"}, ("L", "MLO"), False),
        ({"ImageLaterality": "L", "ViewCodeSequence": view_code("399162004")}, ("L", "CC"), False),
        ({"ImageLaterality": "L", "ViewCodeSequence": view_code("R-10226")}, ("L", "MLO"), False),
        ({"Laterality": "L", "PatientOrientation": "CC"}, ("L", "CC"), True),  # CBIS-DDSM
        ({"SeriesDescription": "R MLO Tomo"}, ("R", "MLO"), True),
        ({"SeriesDescription": "LEFT-CC"}, ("L", "CC"), True),
        ({"SeriesDescription": "R and L CC"}, None, True),
        ({"ImageLaterality": "B", "ViewPosition": "CC"}, None, False),
        ({"ImageLaterality": "R", "ViewPosition": "ML"}, None, False),
        ({}, None, False),
    ],
)
def test_view(values: dict[str, Any], view: tuple[str, str] | None, from_text: bool) -> None:
    image = describe(header(**values))
    assert image.view == view
    assert image.from_text == from_text


def test_coded_view_wins_over_the_text() -> None:
    image = describe(
        header(
            ImageLaterality="R", ViewCodeSequence=view_code("399162004"), SeriesDescription="MLO"
        )
    )
    assert image.view == ("R", "CC")


def test_calibration_processing_film_and_capture() -> None:
    plain = describe(
        header(ImagerPixelSpacing=[0.07, 0.07], SOPClassUID="1.2.840.10008.5.1.4.1.1.1.2")
    )
    assert plain.calibrated
    assert not (plain.for_processing or plain.digitized or plain.secondary_capture)
    odd = describe(
        header(
            PresentationIntentType="FOR PROCESSING",
            ConversionType="DF",
            SOPClassUID="1.2.840.10008.5.1.4.1.1.7",
        )
    )
    assert not odd.calibrated
    assert odd.for_processing
    assert odd.digitized
    assert odd.secondary_capture


@pytest.mark.parametrize(
    ("values", "side"),
    [
        ({"PatientOrientation": ["A", "F"], "ImageLaterality": "R"}, "left"),
        ({"PatientOrientation": ["P", "F"], "ImageLaterality": "L"}, "right"),
        ({"ImageLaterality": "R"}, "right"),
        ({"ImageLaterality": "L", "PatientOrientation": "CC"}, "left"),
        ({}, None),
    ],
)
def test_side_of_the_chest_wall_by_the_header(values: dict[str, Any], side: str | None) -> None:
    assert describe(header(**values)).wall_expected == side


def breast(*, at_left: bool) -> np.ndarray:
    """Return a half disc on one edge, bright on black."""
    y, x = np.mgrid[:640, :480]
    pixels = np.where((y - 320) ** 2 + x**2 < 300**2, 3000, 20).astype(np.uint16)
    return pixels if at_left else pixels[:, ::-1]


def test_side_of_the_chest_wall_in_the_image() -> None:
    for at_left, side in ((True, "left"), (False, "right")):
        pixels = breast(at_left=at_left)
        assert wall_side(pixels, inverted=False) == side
        assert wall_side(4095 - pixels, inverted=True) == side


def test_even_and_tiny_images_have_no_side() -> None:
    assert wall_side(np.full((640, 480), 7, np.uint16), inverted=False) is None
    assert wall_side(np.ones((16, 16), np.uint16), inverted=False) is None


@given(
    st.dictionaries(
        st.sampled_from(["ViewPosition", "ImageLaterality", "Laterality"]),
        st.text(st.characters(codec="ascii", categories=("Lu", "Nd")), max_size=16),
    ),
    st.text(max_size=40),
)
def test_odd_values_never_break_the_description(values: dict[str, str], words: str) -> None:
    image = header(**values)
    image.add_new("SeriesDescription", "LO", "x")
    image["SeriesDescription"]._value = words
    assert describe(image).view in (
        None,
        *[(side, view) for side in "RL" for view in ("CC", "MLO")],
    )
