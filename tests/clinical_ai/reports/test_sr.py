"""The report, read back: what went in comes out, preliminary and signed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pydicom
import pytest
from highdicom.sr import srread
from pydicom.dataset import Dataset

from clinical_ai import codes
from clinical_ai.assessment.assess import assess
from clinical_ai.assessment.context import AssessmentContext
from clinical_ai.errors import ReportError
from clinical_ai.findings import Reading
from clinical_ai.reports import identity
from clinical_ai.reports.signing import Signer, Verdict
from clinical_ai.reports.sr import build_sr
from tests.support.ct_series import MADE_AT, lung_reading, read_headers, slice_uid, write_ct_series

SIGNER = Signer("wang", "王医生", "示范医院", 1795509000.5)
VERDICTS: dict[str, Verdict] = {
    "1": ("rejected", "vessel"),
    "2": ("accepted", ""),
    "3": ("accepted", ""),
}


@pytest.fixture
def sources(tmp_path: Path) -> list[Dataset]:
    return read_headers(write_ct_series(tmp_path / "ct"))


@pytest.fixture
def reading() -> Reading:
    return assess(lung_reading(findings=3), AssessmentContext(age_years=66, sex="F"))


def preliminary(reading: Reading, sources: list[Dataset]) -> Dataset:
    return build_sr(reading, sources, institution="示范医院")


def signed(reading: Reading, sources: list[Dataset]) -> Dataset:
    return build_sr(reading, sources, institution="示范医院", verdicts=VERDICTS, signer=SIGNER)


def reread(document: Dataset, tmp_path: Path) -> Any:
    path = tmp_path / "sr.dcm"
    document.save_as(path, enforce_file_format=True)
    return srread(path)


def named(item: Dataset, value: str) -> list[Dataset]:
    """Return the children of `item` whose concept has this code value."""
    return [
        child
        for child in item.get("ContentSequence", [])
        if child.ConceptNameCodeSequence[0].CodeValue == value
    ]


def groups(document: Dataset) -> list[Dataset]:
    return [g for m in named(document, "126010") for g in named(m, "125007")]


def words(document: Dataset) -> list[str]:
    (container,) = named(document, codes.QUALITATIVE_EVALUATIONS.value)
    return [str(c.TextValue) for c in container.ContentSequence if c.ValueType == "TEXT"]


def test_measurements_and_qualities_come_back_as_they_went_in(
    reading: Reading, sources: list[Dataset], tmp_path: Path
) -> None:
    content = reread(preliminary(reading, sources), tmp_path).content
    with_region = content.get_volumetric_roi_measurement_groups()
    assert len(with_region) == 2
    for finding, group in zip(reading.findings, with_region, strict=False):
        assert group.tracking_uid == finding.tracking_uid
        assert group.finding_type.value == codes.LUNG_NODULE.value
        found = {m.name.value: (m.value, m.unit.value) for m in group.get_measurements()}
        expected = {
            m.name.value: (pytest.approx(m.value, abs=5e-4), m.unit.value)
            for m in finding.measurements
        }
        if finding.confidence is not None:
            expected[codes.CERTAINTY_OF_FINDING.value] = (
                pytest.approx(100 * finding.confidence),
                "%",
            )
        assert found == expected
        qualities = {e.name.value: e.value.value for e in group.get_qualitative_evaluations()}
        assert qualities[codes.NODULE_COMPOSITION.value] == finding.qualities[0].value.value
        assert qualities[codes.REVIEW_DECISION.value] == codes.UNDECIDED.value
        category = next(
            a.code for a in reading.assessments if a.finding_id == finding.id and a.code
        )
        assert qualities[codes.LUNG_RADS.value] == category.value


def test_groups_point_at_our_segments_and_their_slices(
    reading: Reading, sources: list[Dataset], tmp_path: Path
) -> None:
    content = reread(preliminary(reading, sources), tmp_path).content
    for number, (finding, group) in enumerate(
        zip(reading.findings, content.get_volumetric_roi_measurement_groups(), strict=False), 1
    ):
        segment = group.referenced_segment
        assert segment[0].referenced_sop_instance_uid == identity.instance_uid(reading, "SEG")
        assert segment[0].referenced_segment_numbers == [number]
        images = {s.referenced_sop_instance_uid for s in segment[1:]}
        assert finding.region is not None
        assert images == set(finding.region.sop_instance_uids)


def test_finding_without_a_region_points_at_its_key_image(
    reading: Reading, sources: list[Dataset]
) -> None:
    last = groups(preliminary(reading, sources))[2]
    assert last.ContentTemplateSequence[0].TemplateIdentifier == "1501"
    (image,) = named(last, "121112")
    assert image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == slice_uid(2)


def test_every_referenced_instance_is_evidence(reading: Reading, sources: list[Dataset]) -> None:
    document = preliminary(reading, sources)
    evidence = {
        sop.ReferencedSOPInstanceUID
        for study in document.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for sop in series.ReferencedSOPSequence
    }
    images = {str(s.SOPInstanceUID) for s in sources}
    assert evidence == images | {identity.instance_uid(reading, "SEG")}


def test_preliminary_flags_and_device_observer(reading: Reading, sources: list[Dataset]) -> None:
    document = preliminary(reading, sources)
    assert document.PreliminaryFlag == "PRELIMINARY"
    assert document.VerificationFlag == "UNVERIFIED"
    assert document.CompletionFlag == "PARTIAL"
    assert "VerifyingObserverSequence" not in document
    assert "PredecessorDocumentsSequence" not in document
    assert named(document, "121008") == []  # person observer name
    assert named(document, "121015")[0].TextValue == "lung-nodule-test 1.2.3"
    assert document.SeriesInstanceUID != signed(reading, sources).SeriesInstanceUID


def test_study_level_words_hold_category_advice_assumptions_and_the_model_card(
    reading: Reading, sources: list[Dataset]
) -> None:
    text = "\n".join(words(preliminary(reading, sources)))
    for expected in (
        "Lung-RADS v2022: 4B",
        "Baseline assumed",
        "Fleischner Society 2017",
        "not yet reviewed by a physician",
        "Slices of 2 mm.",
        "For tests only.",
        "Not measured.",
    ):
        assert expected in text


def test_signed_report_is_verified_final_and_follows_the_preliminary(
    reading: Reading, sources: list[Dataset]
) -> None:
    document = signed(reading, sources)
    assert document.PreliminaryFlag == "FINAL"
    assert document.VerificationFlag == "VERIFIED"
    assert document.CompletionFlag == "COMPLETE"
    (observer,) = document.VerifyingObserverSequence
    assert str(observer.VerifyingObserverName).rstrip("^") == "王医生"
    assert observer.VerifyingOrganization == "示范医院"
    when = pydicom.valuerep.DT(observer.VerificationDateTime)
    assert when.timestamp() == pytest.approx(SIGNER.signed_at)
    before = preliminary(reading, sources)
    predecessor = document.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
    assert predecessor.SeriesInstanceUID == before.SeriesInstanceUID
    assert predecessor.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == before.SOPInstanceUID
    assert str(named(document, "121008")[0].PersonName).rstrip("^") == "王医生"


def test_signed_report_leaves_rejected_findings_out_and_judges_the_rest_alone(
    reading: Reading, sources: list[Dataset]
) -> None:
    document = signed(reading, sources)
    labels = [named(g, "112039")[0].TextValue for g in groups(document)]
    assert labels == ["Finding 2", "Finding 3"]
    decisions = {
        named(g, codes.REVIEW_DECISION.value)[0].ConceptCodeSequence[0].CodeValue
        for g in groups(document)
    }
    assert decisions == {codes.ACCEPTED.value}
    text = "\n".join(words(document))
    assert "Lung-RADS v2022: 4B" not in text
    assert "Lung-RADS v2022: 3" in text
    assert "1 of 3 findings" in text
    (container,) = named(document, codes.QUALITATIVE_EVALUATIONS.value)
    whole = named(container, codes.LUNG_RADS.value)[0].ConceptCodeSequence[0]
    assert whole.CodeValue == codes.LUNG_RADS_3.value
    # the accepted finding keeps its segment number in the SEG
    segment = named(groups(document)[0], "121191")[0].ReferencedSOPSequence[0]
    assert segment.ReferencedSegmentNumber == 2


def test_probabilities_of_equations_are_said_with_what_is_not_known(
    sources: list[Dataset],
) -> None:
    known = AssessmentContext(age_years=66, sex="F", smoking="current", has_record=True)
    done = assess(lung_reading(findings=3), known)
    before = [w for w in words(preliminary(done, sources)) if "Brock (PanCan)" in w]
    assert [w[:2] for w in before] == ["1.", "2.", "3."]
    assert all("not the confidence of the model" in w and "upper lobe" in w for w in before)
    after = [w for w in words(signed(done, sources)) if "Brock (PanCan)" in w]
    assert [w[:2] for w in after] == ["2.", "3."]
    assert after != before[1:]  # fewer nodules, another probability


def test_report_without_findings_still_says_what_was_concluded(sources: list[Dataset]) -> None:
    document = preliminary(assess(lung_reading(findings=0), AssessmentContext()), sources)
    assert groups(document) == []
    assert "not a negative reading" in "\n".join(words(document))


def test_all_findings_rejected(reading: Reading, sources: list[Dataset]) -> None:
    verdicts: dict[str, Verdict] = {f.id: ("rejected", "no") for f in reading.findings}
    document = build_sr(reading, sources, institution="H", verdicts=verdicts, signer=SIGNER)
    assert groups(document) == []
    assert "No finding of the model was accepted" in "\n".join(words(document))


def test_times_are_those_of_the_reading_in_the_zone_of_the_study(
    reading: Reading, sources: list[Dataset]
) -> None:
    for source in sources:
        source.TimezoneOffsetFromUTC = "+0800"
    document = preliminary(reading, sources)
    assert MADE_AT == "2026-11-24T08:30:00+00:00"
    assert (str(document.ContentDate), str(document.ContentTime)) == ("20261124", "163000")
    assert document.TimezoneOffsetFromUTC == "+0800"
    assert document.InstanceCreationTime == document.ContentTime


def test_undecided_finding_and_unread_study_cannot_be_reported(
    reading: Reading, sources: list[Dataset]
) -> None:
    with pytest.raises(ReportError, match="finding 3 has no verdict"):
        build_sr(
            reading,
            sources,
            institution="H",
            verdicts={k: VERDICTS[k] for k in ("1", "2")},
            signer=SIGNER,
        )
    with pytest.raises(ReportError, match="was not read"):
        preliminary(lung_reading(status="not_read"), sources)
    with pytest.raises(ReportError, match="names no model"):
        preliminary(replace(reading, model=None), sources)
    with pytest.raises(ReportError, match="no time zone"):
        preliminary(replace(reading, made_at="2026-11-24T08:30:00"), sources)
