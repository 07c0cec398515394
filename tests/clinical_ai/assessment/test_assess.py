"""Findings of a lung reading judged by both guidelines, with what was assumed."""

from dataclasses import replace

import pytest

from clinical_ai import codes
from clinical_ai.assessment.after_review import after_review
from clinical_ai.assessment.assess import assess
from clinical_ai.assessment.context import AssessmentContext
from clinical_ai.codes import Code
from clinical_ai.findings import (
    Assessment,
    Finding,
    Measurement,
    Quality,
    Reading,
    reading_from_json,
    to_json,
)
from clinical_ai.messages import Message


def finding(
    number: int,
    mean_mm: float | None,
    composition: Code | None = codes.SOLID,
    solid_mm: float | None = None,
) -> Finding:
    measurements = []
    if mean_mm is not None:
        measurements.append(Measurement(codes.MEAN_DIAMETER, mean_mm, codes.MILLIMETER))
    if solid_mm is not None:
        measurements.append(Measurement(codes.SOLID_COMPONENT_DIAMETER, solid_mm, codes.MILLIMETER))
    qualities = () if composition is None else (Quality(codes.NODULE_COMPOSITION, composition),)
    return Finding(
        id=str(number),
        tracking_uid=f"2.25.{number}",
        code=codes.LUNG_NODULE,
        site=codes.RIGHT_LUNG,
        confidence=0.9,
        measurements=tuple(measurements),
        qualities=qualities,
        region=None,
        key_sop_instance_uid="1.2.3",
    )


def reading(*findings: Finding, reader: str = "lung_nodule") -> Reading:
    return Reading(
        id="r",
        study_uid="1.2",
        content_version="v",
        series_uids=("1.2.1",),
        reader=reader,
        model=None,
        status="read",
        reason=None,
        cautions=(),
        findings=findings,
        assessments=(),
        urgency="routine",
        made_at="2026-11-24T08:00:00+00:00",
    )


KNOWN = AssessmentContext(
    age_years=60, sex="M", known_cancer=False, immunosuppressed=False, smoking="current"
)


def of(done: Reading, scheme: str, finding_id: str | None) -> list[Assessment]:
    return [
        a for a in done.assessments if a.scheme.startswith(scheme) and a.finding_id == finding_id
    ]


@pytest.mark.parametrize(
    ("mean_mm", "category", "urgency"),
    [(5.0, "2", "routine"), (7.0, "3", "routine"), (9.0, "4A", "soon"), (23.0, "4B", "urgent")],
)
def test_category_code_and_urgency(mean_mm: float, category: str, urgency: str) -> None:
    done = assess(reading(finding(1, mean_mm)), KNOWN)
    whole = of(done, "Lung-RADS", None)[0]
    assert done.assessments[0] == whole
    assert whole.category == of(done, "Lung-RADS", "1")[0].category == category
    assert whole.code is not None
    assert whole.code.meaning == f"Lung-RADS {category}"
    assert done.urgency == urgency


def test_study_takes_the_most_suspicious_finding_in_both_schemes() -> None:
    done = assess(reading(finding(1, 4.0), finding(2, 16.0), finding(3, 7.0)), KNOWN)
    assert of(done, "Lung-RADS", None)[0].category == "4B"
    (advice,) = of(done, "Fleischner", None)
    assert "3 to 6 months, then CT at 18 to 24 months" in str(advice.recommendation)
    assert advice.category == "high risk"
    assert [a.finding_id for a in done.assessments if a.finding_id] == ["1", "2", "3"] * 2


def test_unknown_risk_shows_low_and_high_side_by_side() -> None:
    done = assess(reading(finding(1, 7.0)), AssessmentContext())
    low, high = of(done, "Fleischner", None)
    assert (low.category, high.category) == ("low risk", "high risk")
    assert "consider CT at 18" in str(low.recommendation)
    assert "consider" not in str(high.recommendation)
    said = " ".join(map(str, low.assumptions))
    assert "Smoking unknown" in said
    assert "Age unknown" in said
    assert "Cancer history unknown" in said


def test_same_advice_for_both_risks_is_shown_once() -> None:
    done = assess(reading(finding(1, 20.0)), AssessmentContext(age_years=60))
    (advice,) = of(done, "Fleischner", None)
    assert advice.category == "any risk"
    assert "PET/CT" in str(advice.recommendation)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"age_years": 30.0}, "younger than 35"),
        ({"known_cancer": True}, "known cancer"),
        ({"immunosuppressed": True}, "immunosuppressed"),
    ],
)
def test_fleischner_says_when_it_does_not_apply(change: dict[str, object], reason: str) -> None:
    done = assess(reading(finding(1, 7.0)), replace(KNOWN, **change))
    (advice,) = of(done, "Fleischner", None)
    assert advice.category == "not applicable"
    assert reason in str(advice.recommendation)
    assert of(done, "Fleischner", "1") == []
    assert of(done, "Lung-RADS", None)[0].category == "3"


def test_no_findings_is_category_1_with_the_caveat() -> None:
    done = assess(reading(), KNOWN)
    (whole,) = done.assessments
    assert whole.category == "1"
    assert any("not a negative reading" in str(a) for a in whole.assumptions)
    assert done.urgency == "routine"


def test_what_was_assumed_is_said() -> None:
    done = assess(reading(finding(1, 9.0, composition=None)), KNOWN)
    said = [str(a) for a in of(done, "Lung-RADS", "1")[0].assumptions]
    assert "Composition unknown: assumed solid." in said
    assert any("Baseline assumed: no earlier CT" in s for s in said)
    with_prior = assess(reading(finding(1, 9.0)), replace(KNOWN, prior_studies=2))
    whole = of(with_prior, "Lung-RADS", None)[0]
    assert any("2 earlier studies" in str(a) for a in whole.assumptions)


def test_part_solid_nodule_is_judged_by_its_solid_part() -> None:
    measured = assess(reading(finding(1, 14.0, codes.PART_SOLID, solid_mm=8.2)), KNOWN)
    assert of(measured, "Lung-RADS", "1")[0].category == "4B"
    unmeasured = assess(reading(finding(1, 14.0, codes.PART_SOLID)), KNOWN)
    assert of(unmeasured, "Lung-RADS", "1")[0].category == "3"
    assert unmeasured.urgency == "soon"


def test_finding_without_a_size_is_not_judged_and_not_taken_for_a_negative() -> None:
    done = assess(reading(finding(1, None)), KNOWN)
    assert of(done, "Lung-RADS", "1") == []
    whole = of(done, "Lung-RADS", None)[0]
    assert whole.category == "0"
    assert any("Finding 1 has no size" in str(a) for a in whole.assumptions)


def test_not_read_and_foreign_readings_come_back_unchanged() -> None:
    foreign = reading(finding(1, 9.0), reader="mammography")
    assert assess(foreign, KNOWN) == foreign
    unread = replace(reading(), status="not_read", reason=Message("no model"))
    assert assess(unread, KNOWN) == unread


def test_assessed_reading_survives_json_and_is_the_same_each_time() -> None:
    start = reading(finding(1, 9.0), finding(2, 12.0, codes.GROUND_GLASS))
    done = assess(start, AssessmentContext())
    assert reading_from_json(to_json(done)) == done
    assert assess(start, AssessmentContext()) == done


def test_after_review_judges_the_study_by_the_accepted_findings() -> None:
    done = assess(reading(finding(1, 23.0), finding(2, 7.0)), AssessmentContext())
    final = after_review(done, {"2"})
    assert [f.id for f in final.findings] == ["2"]
    assert of(final, "Lung-RADS", None)[0].category == "3"
    assert final.urgency == "routine"
    alone = assess(reading(finding(2, 7.0)), AssessmentContext())
    assert of(final, "Fleischner", None) == of(alone, "Fleischner", None)
    assert of(final, "Lung-RADS", "1") == of(final, "Fleischner", "1") == []


@pytest.mark.parametrize("smoking", [None, "never", "former"])
def test_after_review_gives_what_a_reading_without_the_rejected_gives(smoking: str | None) -> None:
    context = replace(KNOWN, smoking=smoking)
    three = [finding(1, 16.0), finding(2, 7.0, codes.GROUND_GLASS), finding(3, 9.0)]
    final = after_review(assess(reading(*three), context), {"2", "3"})
    alone = assess(reading(*three[1:]), context)
    assert final == alone


def test_after_review_of_nothing_accepted_says_so() -> None:
    final = after_review(assess(reading(finding(1, 23.0)), KNOWN), set())
    (whole,) = final.assessments
    assert whole.category == "1"
    assert any("No finding of the model was accepted" in str(a) for a in whole.assumptions)


def test_after_review_of_everything_accepted_changes_nothing() -> None:
    done = assess(reading(finding(1, 23.0), finding(2, 7.0)), KNOWN)
    assert after_review(done, {"1", "2"}) is done


def test_after_review_keeps_the_exclusion() -> None:
    done = assess(reading(finding(1, 23.0), finding(2, 7.0)), replace(KNOWN, known_cancer=True))
    (advice,) = of(after_review(done, {"2"}), "Fleischner", None)
    assert advice.category == "not applicable"


def test_after_review_of_an_accepted_finding_without_a_size_is_incomplete() -> None:
    done = assess(reading(finding(1, 23.0), finding(2, None)), KNOWN)
    whole = of(after_review(done, {"2"}), "Lung-RADS", None)[0]
    assert whole.category == "0"


def test_one_solid_and_one_part_solid_nodule_are_each_single_in_fleischner() -> None:
    done = assess(reading(finding(1, 7.0), finding(2, 9.0, codes.PART_SOLID, 3.0)), KNOWN)
    (solid,) = of(done, "Fleischner", "1")
    (part_solid,) = of(done, "Fleischner", "2")
    assert str(solid.branch) == "Single solid, 6 to 8 mm, high risk"
    assert str(part_solid.branch) == "Single part-solid, 6 mm or more"
    assert of(done, "Fleischner", None)[0].branch == part_solid.branch
