"""Lung-RADS v2022 against reference cases, its own table, and properties that must hold."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_ai.assessment.lung_rads import (
    CATEGORY_CODES,
    SEVERITY,
    LungRadsResult,
    ScreenedNodule,
    assess_exam,
    assess_nodule,
    tenth,
)
from tests.support.reference_cases import load_cases


def from_case(case: Mapping[str, Any]) -> ScreenedNodule:
    """Turn a case of the reference file into our input."""
    if "airway" in case:
        return ScreenedNodule(
            type="airway", timepoint=case["timepoint"], airway_level=case["airway"]
        )
    return ScreenedNodule(
        type=case["type"],
        timepoint=case["timepoint"],
        mean_mm=case.get("total_mm", case.get("mean_mm")),
        solid_mm=case.get("solid_mm"),
        prior_category=case.get("prior_category"),
        suspicious=tuple(case.get("suspicious", ())),
    )


@pytest.mark.parametrize("case", load_cases("lung_rads_v2022"), ids=lambda c: str(c["input"]))
def test_reference_cases(case: dict[str, Any]) -> None:
    assert assess_nodule(from_case(case["input"])).category == case["expected"]["category"]


# Rows of the ACR table, at and beside every limit: type, timepoint, size, solid part, category
TABLE = [
    ("solid", "baseline", 6.0, None, "3"),
    ("solid", "baseline", 8.0, None, "4A"),
    ("solid", "baseline", 15.0, None, "4B"),
    ("solid", "new", 4.0, None, "3"),
    ("solid", "new", 6.0, None, "4A"),
    ("solid", "new", 8.0, None, "4B"),
    ("solid", "growing", 8.0, None, "4B"),
    ("solid", "stable", 7.0, None, "3"),
    ("juxtapleural", "baseline", 9.9, None, "2"),
    ("juxtapleural", "new", 9.9, None, "2"),
    ("juxtapleural", "stable", 9.9, None, "2"),
    ("juxtapleural", "new", 10.0, None, "4B"),
    ("part_solid", "baseline", 5.9, 2.0, "2"),
    ("part_solid", "baseline", 6.0, 0.0, "3"),
    ("part_solid", "baseline", 12.0, 6.0, "4A"),
    ("part_solid", "baseline", 12.0, 8.0, "4B"),
    ("part_solid", "new", 6.0, 2.0, "4A"),
    ("part_solid", "new", 5.9, 4.0, "4B"),
    ("part_solid", "growing", 10.0, 3.9, "4A"),
    ("nonsolid", "baseline", 30.0, None, "3"),
    ("nonsolid", "growing", 29.9, None, "2"),
    ("nonsolid", "growing", 31.0, None, "3"),
]


@pytest.mark.parametrize(("kind", "timepoint", "size", "solid", "category"), TABLE)
def test_size_limits(
    kind: Any, timepoint: Any, size: float, solid: float | None, category: str
) -> None:
    nodule = ScreenedNodule(type=kind, timepoint=timepoint, mean_mm=size, solid_mm=solid)
    assert assess_nodule(nodule).category == category


def test_mean_diameter_is_rounded_half_up_to_one_decimal() -> None:
    assert tenth(6.65) == 6.7
    assert tenth(5.95) == 6.0
    assert tenth(5.949) == 5.9
    assert assess_nodule(ScreenedNodule("solid", mean_mm=5.95)).category == "3"


@pytest.mark.parametrize(
    ("fields", "category"),
    [
        ({"airway_level": "subsegmental"}, "2"),
        ({"airway_level": "subsegmental", "timepoint": "stable"}, "2"),
        ({"timepoint": "new"}, "4A"),
        ({"timepoint": "stable"}, "4B"),
        ({"timepoint": "growing"}, "4B"),
        ({"timepoint": "stable", "prior_category": "4A"}, "4B"),  # airway does not step down
        ({"airway_air": True}, "2"),
    ],
)
def test_airway_nodules(fields: dict[str, Any], category: str) -> None:
    assert assess_nodule(ScreenedNodule(type="airway", **fields)).category == category


@pytest.mark.parametrize(
    ("cyst", "change", "category"),
    [
        ("thin_walled", "none", "1"),
        ("thick_walled", "none", "4A"),
        ("multilocular", "none", "4A"),
        ("became_multilocular", "none", "4A"),
        ("thick_walled", "larger_cyst", "3"),
        ("thick_walled", "thicker_wall", "4B"),
        ("multilocular", "larger_cyst", "4B"),
        ("multilocular", "more_loculation", "4B"),
    ],
)
def test_atypical_cysts(cyst: Any, change: Any, category: str) -> None:
    nodule = ScreenedNodule(type="cyst", cyst=cyst, cyst_change=change)
    assert assess_nodule(nodule).category == category


@pytest.mark.parametrize(
    ("fields", "category"),
    [
        ({"prior_category": "3"}, "2"),
        ({"prior_category": "3", "months_since_prior": 3}, "3"),
        ({"prior_category": "4A", "months_since_prior": 3}, "3"),
        ({"prior_category": "4A", "months_since_prior": 2}, "4A"),
        ({"prior_category": "4B"}, "4B"),
        ({"prior_category": "4X"}, "4X"),
        ({"prior_category": "2"}, "2"),
        ({"prior_category": "4B", "proven_benign": True}, "2"),
        ({"slow_growth": True}, "4B"),
        ({"benign_pattern": True}, "1"),
        ({"prior_category": "4A", "suspicious": ("spiculation",)}, "4X"),
    ],
)
def test_unchanged_solid_nodule_of_7_mm(fields: dict[str, Any], category: str) -> None:
    nodule = ScreenedNodule(type="solid", timepoint="stable", mean_mm=7.0, **fields)
    assert assess_nodule(nodule).category == category


def test_slow_growth_of_a_ground_glass_nodule_may_stay_category_2() -> None:
    nodule = ScreenedNodule("nonsolid", "growing", mean_mm=34.0, slow_growth=True)
    assert assess_nodule(nodule).category == "2"


def test_suspicious_features_do_not_raise_category_2() -> None:
    nodule = ScreenedNodule("solid", mean_mm=5.0, suspicious=("spiculation",))
    assert assess_nodule(nodule).category == "2"


def test_unmeasured_solid_part_is_said() -> None:
    result = assess_nodule(ScreenedNodule("part_solid", mean_mm=12.0))
    assert result.category == "3"
    assert any("Solid part not measured" in str(note) for note in result.notes)


def test_exam_takes_the_most_suspicious_nodule_and_the_modifier() -> None:
    results = [assess_nodule(ScreenedNodule("solid", mean_mm=mm)) for mm in (5.0, 16.0, 7.0)]
    exam = assess_exam(results, significant_other_finding=True)
    assert exam.category == "4B"
    assert exam.label == "4B S"


@pytest.mark.parametrize(
    ("flags", "category", "text"),
    [
        ({}, "1", "12 months"),
        ({"prior_being_located": True}, "0", "earlier CT"),
        ({"lungs_evaluable": False}, "0", "repeat"),
        ({"infection_suspected": True}, "0", "1 to 3 months"),
    ],
)
def test_exam_without_nodules(flags: dict[str, bool], category: str, text: str) -> None:
    exam = assess_exam([], **flags)
    assert exam.category == category
    assert text in str(exam.recommendation)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"type": "stone", "mean_mm": 5}, "stone"),
        ({"type": "solid"}, "mean_mm"),
        ({"type": "solid", "mean_mm": -1}, "-1"),
        ({"type": "solid", "mean_mm": float("nan")}, "nan"),
        ({"type": "part_solid", "mean_mm": 5, "solid_mm": 6}, "larger"),
        ({"type": "solid", "mean_mm": 5, "prior_category": "5"}, "5"),
    ],
)
def test_impossible_input_is_refused_with_the_value(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ScreenedNodule(**fields)


sizes = st.floats(0, 100)


@given(
    kind=st.sampled_from(["solid", "juxtapleural", "nonsolid"]),
    timepoint=st.sampled_from(["baseline", "new", "stable", "growing"]),
    pair=st.tuples(sizes, sizes),
)
def test_a_larger_nodule_is_never_less_suspicious(
    kind: Any, timepoint: Any, pair: tuple[float, float]
) -> None:
    small, large = (
        SEVERITY.index(assess_nodule(ScreenedNodule(kind, timepoint, mean_mm=mm)).category)
        for mm in sorted(pair)
    )
    assert small <= large


@given(total=sizes, share=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_a_larger_solid_part_is_never_less_suspicious(
    total: float, share: tuple[float, float]
) -> None:
    for timepoint in ("baseline", "new", "growing"):
        small, large = (
            SEVERITY.index(
                assess_nodule(
                    ScreenedNodule("part_solid", timepoint, mean_mm=total, solid_mm=total * s)
                ).category
            )
            for s in sorted(share)
        )
        assert small <= large


@given(
    st.lists(
        st.builds(
            ScreenedNodule,
            type=st.sampled_from(["solid", "nonsolid"]),
            mean_mm=sizes,
            suspicious=st.sampled_from([(), ("spiculation",)]),
        ),
        min_size=1,
    )
)
def test_every_result_has_a_code_and_texts_and_the_exam_is_one_of_them(
    nodules: list[ScreenedNodule],
) -> None:
    results: list[LungRadsResult] = [assess_nodule(n) for n in nodules]
    for result in results:
        assert CATEGORY_CODES[result.category].meaning == f"Lung-RADS {result.category}"
        assert str(result.branch)
        assert str(result.recommendation)
        assert all(str(note) for note in result.notes)
    exam = assess_exam(results)
    assert exam.category == max((r.category for r in results), key=SEVERITY.index)
