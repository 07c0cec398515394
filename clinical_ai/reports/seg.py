"""The regions of a reading as one binary DICOM Segmentation (PS3.3 A.51)."""

from collections.abc import Sequence

import numpy as np
from highdicom.content import AlgorithmIdentificationSequence
from highdicom.seg import Segmentation, SegmentDescription
from highdicom.sr import CodedConcept
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from clinical_ai import codes
from clinical_ai.errors import ReportError
from clinical_ai.findings import Finding, Reading, Region
from clinical_ai.identifiers import derive_uid
from clinical_ai.reports import identity
from clinical_ai.reports.source import (
    character_set,
    copy_patient_and_study,
    one_line,
    without_patient,
)


def segment_numbers(reading: Reading) -> dict[str, int]:
    """Return the segment number of each finding that has a region, by finding id."""
    with_region = [f.id for f in reading.findings if f.region is not None]
    return {finding_id: number for number, finding_id in enumerate(with_region, start=1)}


def build_seg(reading: Reading, sources: Sequence[Dataset], *, institution: str) -> Dataset:
    """Return the segmentation: one segment a finding, in the geometry of the source series.

    Only slices on which a finding lies become frames.

    Parameters
    ----------
    sources
        Headers of the source series; more than the regions need does no harm.

    Raises
    ------
    ReportError
        When no finding has a region, regions lie on different series, or a source is missing.
    """
    findings = [f for f in reading.findings if f.region is not None]
    if not findings:
        raise ReportError(f"reading {reading.id} has no region, so no SEG can be made")
    slices = _slices([f.region for f in findings if f.region is not None], sources)
    model = identity.model_of(reading)
    made_at = identity.local_time(identity.reading_time(reading), slices[0])
    segmentation: Dataset = Segmentation(
        source_images=[without_patient(s) for s in slices],
        pixel_array=_pixels(findings, slices),
        segmentation_type="BINARY",
        segment_descriptions=[
            _description(finding, number, reading)
            for number, finding in enumerate(findings, start=1)
        ],
        series_instance_uid=identity.series_uid(reading, identity.SEG),
        series_number=identity.SERIES_NUMBERS[identity.SEG],
        sop_instance_uid=identity.instance_uid(reading, identity.SEG),
        instance_number=1,
        manufacturer=identity.MANUFACTURER,
        manufacturer_model_name=one_line(model.name, 64),
        software_versions=identity.SOFTWARE_VERSION,
        device_serial_number=one_line(model.manifest_sha256[:16] or "none", 64),
        content_label="AI_FINDINGS",
        content_description="Findings marked by an AI model, not reviewed",
        content_creator_name="clinical-ai^",
        series_description="AI findings (segmentation)",
        institution_name=one_line(institution, 64),
        content_date=made_at.date(),
        content_time=made_at.time(),
        series_date=made_at.date(),
        series_time=made_at.time(),
        specific_character_set=character_set(slices[0]),
    )
    _make_repeatable(segmentation, reading)
    identity.mark_as_ours(segmentation)
    copy_patient_and_study(segmentation, slices[0])
    return segmentation


def _slices(regions: Sequence[Region], sources: Sequence[Dataset]) -> list[Dataset]:
    """Return the sources on which a region lies, each once, in the order of the series."""
    series = {region.series_uid for region in regions}
    if len(series) > 1:
        raise ReportError(f"regions lie on {len(series)} series; one SEG can describe one only")
    by_uid = {str(s.SOPInstanceUID): s for s in sources}
    position: dict[str, int] = {}
    for region in regions:
        for index, uid in enumerate(region.sop_instance_uids):
            if uid not in by_uid:
                raise ReportError(f"source image {uid} of a region is not among the sources")
            position[uid] = region.origin[0] + index
    return [by_uid[uid] for uid in sorted(position, key=position.__getitem__)]


def _pixels(findings: Sequence[Finding], slices: Sequence[Dataset]) -> NDArray[np.uint8]:
    """Return masks as (slices, rows, columns, segments)."""
    rows, columns = int(slices[0].Rows), int(slices[0].Columns)
    at = {str(s.SOPInstanceUID): index for index, s in enumerate(slices)}
    pixels = np.zeros((len(slices), rows, columns, len(findings)), dtype=np.uint8)
    for segment, finding in enumerate(findings):
        region = finding.region
        assert region is not None  # build_seg passes findings with a region only
        _, top, left = region.origin
        _, height, width = region.shape
        if top < 0 or left < 0 or top + height > rows or left + width > columns:
            raise ReportError(
                f"region of finding {finding.id} reaches beyond its {rows} x {columns} image"
            )
        mask = region.mask
        for index, uid in enumerate(region.sop_instance_uids):
            pixels[at[uid], top : top + height, left : left + width, segment] = mask[index]
    return pixels


def _description(finding: Finding, number: int, reading: Reading) -> SegmentDescription:
    model = identity.model_of(reading)
    return SegmentDescription(
        segment_number=number,
        segment_label=f"Finding {finding.id}",
        segmented_property_category=_concept(codes.MORPHOLOGICALLY_ABNORMAL_STRUCTURE),
        segmented_property_type=_concept(finding.code),
        algorithm_type="AUTOMATIC",
        algorithm_identification=AlgorithmIdentificationSequence(
            name=one_line(model.name, 64),
            family=_concept(codes.ARTIFICIAL_INTELLIGENCE),
            version=one_line(model.version, 64),
        ),
        tracking_uid=finding.tracking_uid,
        tracking_id=f"Finding {finding.id}",
        anatomic_regions=None if finding.site is None else [_concept(finding.site)],
    )


def _concept(code: codes.Code) -> CodedConcept:
    return CodedConcept(*identity.dicom_code(code))


def _make_repeatable(segmentation: Dataset, reading: Reading) -> None:
    """Replace what highdicom draws at random or from the clock."""
    identity.settle_times(segmentation)
    organization = derive_uid(reading.id, "SEG", "dimensions")
    segmentation.DimensionOrganizationSequence[0].DimensionOrganizationUID = organization
    for index in segmentation.DimensionIndexSequence:
        index.DimensionOrganizationUID = organization
