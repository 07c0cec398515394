"""Outlines over the source images, as a viewer will draw them."""

import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from PIL import Image, ImageDraw

from clinical_ai.errors import ReportError
from clinical_ai.reports import presentation_state
from clinical_ai.reports.presentation_state import build_presentation_states
from clinical_ai.reports.signing import Signer
from tests.support.ct_series import (
    COLUMNS,
    ROWS,
    lung_reading,
    read_headers,
    slice_uid,
    write_ct_series,
)

SIGNER = Signer("wang", "王医生", "示范医院", 1795509000.5)
ACCEPT_FIRST = {"1": ("accepted", ""), "2": ("rejected", "")}


def built(tmp_path, reading=None, **more):
    sources = read_headers(write_ct_series(tmp_path / "ct"))
    (state,) = build_presentation_states(
        reading or lung_reading(), sources, institution="H", **more
    )
    return state


def marks(state) -> dict[str, list]:
    """(polygons, labels) by SOP Instance UID of the image."""
    found = {}
    for item in state.GraphicAnnotationSequence:
        (image,) = item.ReferencedImageSequence
        polygons = [
            np.array(g.GraphicData).reshape(-1, 2) for g in item.get("GraphicObjectSequence", [])
        ]
        labels = [t.UnformattedTextValue for t in item.get("TextObjectSequence", [])]
        found[image.ReferencedSOPInstanceUID] = (polygons, labels)
    return found


def test_the_outlines_enclose_the_masks(tmp_path):
    reading = lung_reading()
    drawn = marks(built(tmp_path, reading))
    assert set(drawn) == {slice_uid(n) for n in (1, 2, 3)}
    for finding in reading.findings:
        region = finding.region
        _, top, left = region.origin
        height, width = region.shape[1:]
        for index, uid in enumerate(region.sop_instance_uids):
            expected = np.zeros((ROWS, COLUMNS), dtype=bool)
            expected[top : top + height, left : left + width] = region.mask[index]
            assert any(np.array_equal(_fill(p), expected) for p in drawn[uid][0])


def _fill(polygon) -> np.ndarray:
    """Draw it four times as large, and look at the middle of each pixel."""
    picture = Image.new("1", (4 * COLUMNS, 4 * ROWS))
    ImageDraw.Draw(picture).polygon([tuple(point) for point in 4 * polygon - 0.5], fill=1)
    return np.asarray(picture)[2::4, 2::4]


def test_labels_are_short_and_say_that_nobody_has_accepted(tmp_path):
    (_, labels) = marks(built(tmp_path))[slice_uid(2)]
    assert labels == ["AI 1?  23.5 x 16.1 mm  91%", "AI 2?  23.5 x 16.1 mm"]


def test_the_signed_state_holds_accepted_findings_only(tmp_path):
    final = built(tmp_path, verdicts=ACCEPT_FIRST, signer=SIGNER)
    first = built(tmp_path)
    assert [labels for _, labels in marks(final).values()] == [["AI 1  23.5 x 16.1 mm  91%"]] * 3
    assert final.SOPInstanceUID != first.SOPInstanceUID
    assert "accepted" in final.ContentDescription
    assert "not reviewed" in first.ContentDescription


def test_running_twice_gives_the_same_bytes(tmp_path):
    for folder in ("a", "b"):
        built(tmp_path / folder).save_as(tmp_path / f"{folder}.dcm", enforce_file_format=True)
    assert (tmp_path / "a.dcm").read_bytes() == (tmp_path / "b.dcm").read_bytes()


def test_without_a_region_on_a_grayscale_image_there_is_none(tmp_path):
    sources = read_headers(write_ct_series(tmp_path / "ct"))
    assert build_presentation_states(lung_reading(findings=0), sources, institution="H") == []
    for source in sources:
        source.SamplesPerPixel = 3
    assert build_presentation_states(lung_reading(), sources, institution="H") == []


def test_a_missing_source_is_said(tmp_path):
    sources = read_headers(write_ct_series(tmp_path / "ct"))
    with pytest.raises(ReportError, match="is not among the sources"):
        build_presentation_states(lung_reading(), sources[:2], institution="H")


def test_images_of_another_rescaling_get_a_state_of_their_own(tmp_path):
    sources = read_headers(write_ct_series(tmp_path / "ct"))
    sources[2].RescaleSlope = 2
    states = build_presentation_states(lung_reading(), sources, institution="H")
    assert [state.RescaleSlope for state in states] == [1, 2]
    assert [state.InstanceNumber for state in states] == [1, 2]
    assert len({state.SOPInstanceUID for state in states}) == 2
    assert [set(marks(state)) for state in states] == [
        {slice_uid(1), slice_uid(3)},
        {slice_uid(2)},
    ]


def test_pixels_that_are_not_square_stay_so(tmp_path):
    sources = read_headers(write_ct_series(tmp_path / "ct"))
    for source in sources:
        source.PixelSpacing = [1, 2]
    (state,) = build_presentation_states(lung_reading(), sources, institution="H")
    (area,) = state.DisplayedAreaSelectionSequence
    assert list(area.PresentationPixelSpacing) == [1, 2]
    assert "PresentationPixelAspectRatio" not in area


def test_an_outline_too_long_for_one_value_is_thinned_and_stays_closed(tmp_path, monkeypatch):
    monkeypatch.setattr(presentation_state, "_MAX_POINTS", 9)
    for polygons, _ in marks(built(tmp_path)).values():
        for polygon in polygons:
            assert len(polygon) <= 9
            assert np.array_equal(polygon[0], polygon[-1])


def test_dcmtk_finds_no_error_in_it(tmp_path):
    program = shutil.which("dcmpschk")
    if program is None:
        pytest.skip("dcmpschk is not installed")
    path = tmp_path / "state.dcm"
    built(tmp_path).save_as(path, enforce_file_format=True)
    check = subprocess.run([program, str(path)], capture_output=True, text=True)
    output = check.stdout + check.stderr
    assert check.returncode == 0, output
    assert "E: " not in output


def test_dcmtk_renders_the_image_through_it(tmp_path):
    program = shutil.which("dcmp2pgm")
    if program is None:
        pytest.skip("dcmp2pgm is not installed")
    path = tmp_path / "state.dcm"
    built(tmp_path).save_as(path, enforce_file_format=True)
    image = next(
        p for p in (tmp_path / "ct").iterdir() if pydicom.dcmread(p).SOPInstanceUID == slice_uid(2)
    )
    shown = subprocess.run(
        [program, "-p", str(path), str(image), str(tmp_path / "out.pgm")],
        capture_output=True,
        text=True,
    )
    assert shown.returncode == 0, shown.stderr
    assert "E: " not in shown.stderr
    with Image.open(tmp_path / "out.pgm") as rendered:
        assert rendered.size == (COLUMNS, ROWS)


def test_a_reading_without_a_model_cannot_be_drawn(tmp_path):
    with pytest.raises(ReportError, match="names no model"):
        built(tmp_path, replace(lung_reading(), model=None))
