"""The segmentation, read back: every mask at its place, nothing else."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels import pixel_array

from clinical_ai import codes
from clinical_ai.errors import ReportError
from clinical_ai.findings import Finding, Reading
from clinical_ai.reports.seg import build_seg, segment_numbers
from tests.support.ct_series import (
    COLUMNS,
    FRAME_UID,
    ROWS,
    SERIES_UID,
    lung_reading,
    read_headers,
    region,
    slice_uid,
    write_ct_series,
)


@pytest.fixture
def sources(tmp_path: Path) -> list[Dataset]:
    return read_headers(write_ct_series(tmp_path / "ct"))


def frames(seg: Dataset) -> dict[tuple[int, str], np.ndarray]:
    """Return the pixels of each frame by segment number and source instance."""
    pixels = pixel_array(seg)
    found = {}
    for frame, groups in zip(pixels, seg.PerFrameFunctionalGroupsSequence, strict=True):
        segment = int(groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        derivation = groups.DerivationImageSequence[0].SourceImageSequence[0]
        found[segment, str(derivation.ReferencedSOPInstanceUID)] = frame
    return found


def test_every_mask_is_at_its_place_and_no_frame_is_empty(sources: list[Dataset]) -> None:
    reading = lung_reading(findings=3)
    seg = build_seg(reading, sources, institution="H")
    expected = {}
    for number, finding in enumerate(reading.findings[:2], start=1):
        assert finding.region is not None
        _, top, left = finding.region.origin
        for mask, uid in zip(finding.region.mask, finding.region.sop_instance_uids, strict=True):
            if mask.any():
                whole = np.zeros((ROWS, COLUMNS), dtype=np.uint8)
                whole[top : top + mask.shape[0], left : left + mask.shape[1]] = mask
                expected[number, uid] = whole
    found = frames(seg)
    assert found.keys() == expected.keys()
    for key, frame in found.items():
        np.testing.assert_array_equal(frame, expected[key])


def test_frames_lie_where_the_source_slices_lie(sources: list[Dataset]) -> None:
    seg = build_seg(lung_reading(), sources, institution="H")
    positions = {str(s.SOPInstanceUID): s.ImagePositionPatient for s in sources}
    for groups in seg.PerFrameFunctionalGroupsSequence:
        source = groups.DerivationImageSequence[0].SourceImageSequence[0]
        place = groups.PlanePositionSequence[0].ImagePositionPatient
        assert place == positions[str(source.ReferencedSOPInstanceUID)]
    assert seg.FrameOfReferenceUID == FRAME_UID
    shared = seg.SharedFunctionalGroupsSequence[0]
    assert shared.PixelMeasuresSequence[0].PixelSpacing == [1, 1]


def test_segments_say_what_they_are_and_who_drew_them(sources: list[Dataset]) -> None:
    reading = lung_reading(findings=3)
    seg = build_seg(reading, sources, institution="H")
    assert seg.SegmentationType == "BINARY"
    assert len(seg.SegmentSequence) == 2
    for finding, segment in zip(reading.findings, seg.SegmentSequence, strict=False):
        assert segment.TrackingUID == finding.tracking_uid
        assert segment.SegmentedPropertyTypeCodeSequence[0].CodeValue == codes.LUNG_NODULE.value
        assert segment.SegmentAlgorithmType == "AUTOMATIC"
        algorithm = segment.SegmentationAlgorithmIdentificationSequence[0]
        assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == (
            "lung-nodule-test",
            "1.2.3",
        )
    first = seg.SegmentSequence[0]
    assert first.AnatomicRegionSequence[0].CodeValue == codes.RIGHT_LUNG.value
    assert "AnatomicRegionSequence" not in seg.SegmentSequence[1]


def test_segment_numbers_pass_over_findings_without_a_region() -> None:
    reading = lung_reading(findings=3)
    first, second, without = reading.findings
    turned = replace(reading, findings=(without, second, first))
    assert segment_numbers(turned) == {"2": 1, "1": 2}


def test_order_of_the_source_files_does_not_matter(sources: list[Dataset]) -> None:
    one = build_seg(lung_reading(), sources, institution="H")
    other = build_seg(lung_reading(), sources[::-1], institution="H")
    assert str(one) == str(other)


def with_region(reading: Reading, **changes: object) -> Reading:
    finding = reading.findings[0]
    assert finding.region is not None
    changed: Finding = replace(finding, region=replace(finding.region, **changes))
    return replace(reading, findings=(changed, *reading.findings[1:]))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"series_uid": "1.2.3"}, "2 series"),
        ({"sop_instance_uids": ("1.9.9", slice_uid(2), slice_uid(3))}, "1.9.9"),
        ({"origin": (1, 60, 20)}, "finding 1 reaches beyond"),
    ],
)
def test_region_that_does_not_fit_is_refused(
    sources: list[Dataset], changes: dict[str, object], said: str
) -> None:
    with pytest.raises(ReportError, match=said):
        build_seg(with_region(lung_reading(), **changes), sources, institution="H")


def test_reading_without_regions_makes_no_segmentation(sources: list[Dataset]) -> None:
    with pytest.raises(ReportError, match="no region"):
        build_seg(lung_reading(findings=0), sources, institution="H")


def test_region_helper_matches_the_series() -> None:
    assert region(0, 0, 0, (1, 3, 3)).series_uid == SERIES_UID
