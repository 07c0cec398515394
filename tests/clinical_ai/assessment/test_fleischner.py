"""Fleischner 2017 against reference cases and every cell of its table."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_ai.assessment.fleischner import (
    ADVICE_TEXT,
    INTENSITY,
    Advice,
    IncidentalNodule,
    applicability,
    assess_nodule,
    whole_mm,
)
from tests.support.reference_cases import load_cases


@pytest.mark.parametrize("case", load_cases("fleischner_2017"), ids=lambda c: str(c["input"]))
def test_reference_cases(case: dict[str, Any]) -> None:
    given_case = case["input"]
    nodule = IncidentalNodule(
        type=given_case["type"],
        size_mm=given_case["size_mm"],
        multiple=bool(given_case["multiple"]),
        high_risk=bool(given_case["high_risk"]),
    )
    assert assess_nodule(nodule).advice == case["expected"]["code"]


# type, multiple, size -> advice at low risk, at high risk
CELLS = [
    ("solid", False, 5, "no_routine_followup", "optional_ct_12m"),
    ("solid", False, 8, "ct_6_12m_then_consider_ct_18_24m", "ct_6_12m_then_ct_18_24m"),
    ("solid", False, 9, "consider_ct_3m_petct_or_tissue", "consider_ct_3m_petct_or_tissue"),
    ("solid", True, 5, "no_routine_followup", "optional_ct_12m"),
    ("solid", True, 6, "ct_3_6m_then_consider_ct_18_24m", "ct_3_6m_then_ct_18_24m"),
    ("solid", True, 20, "ct_3_6m_then_consider_ct_18_24m", "ct_3_6m_then_ct_18_24m"),
    ("ground_glass", False, 5, "no_routine_followup", "no_routine_followup"),
    ("ground_glass", False, 6, "ct_6_12m_then_every_2y_to_5y", "ct_6_12m_then_every_2y_to_5y"),
    ("part_solid", False, 5, "no_routine_followup", "no_routine_followup"),
    ("part_solid", False, 6, "ct_3_6m_then_annual_to_5y", "ct_3_6m_then_annual_to_5y"),
    ("ground_glass", True, 5, *["ct_3_6m_if_stable_consider_2y_4y"] * 2),
    ("part_solid", True, 6, *["ct_3_6m_then_by_most_suspicious"] * 2),
]


@pytest.mark.parametrize(("kind", "multiple", "size", "low", "high"), CELLS)
def test_cells_of_the_table(kind: Any, multiple: bool, size: float, low: str, high: str) -> None:
    assert assess_nodule(IncidentalNodule(kind, size, multiple, False)).advice == low
    assert assess_nodule(IncidentalNodule(kind, size, multiple, True)).advice == high


def test_size_is_rounded_half_up_to_the_nearest_millimetre() -> None:
    assert whole_mm(5.5) == 6
    assert whole_mm(8.4) == 8
    assert assess_nodule(IncidentalNodule("solid", 5.4)).advice == "no_routine_followup"
    assert assess_nodule(IncidentalNodule("solid", 8.5)).advice == "consider_ct_3m_petct_or_tissue"


@pytest.mark.parametrize(
    ("age", "cancer", "immune", "excluded", "unknown"),
    [
        (50, False, False, 0, 0),
        (34.9, False, False, 1, 0),
        (35, False, False, 0, 0),
        (50, True, True, 2, 0),
        (None, None, None, 0, 3),
        (20, None, None, 1, 2),
    ],
)
def test_applicability(
    age: float | None, cancer: bool | None, immune: bool | None, excluded: int, unknown: int
) -> None:
    may = applicability(age, cancer, immune)
    assert (len(may.excluded), len(may.unknown)) == (excluded, unknown)


def test_every_advice_has_a_text_and_a_rank() -> None:
    assert set(ADVICE_TEXT) == set(INTENSITY) == set(get_args(Advice))


@pytest.mark.parametrize(("kind", "size"), [("stone", 5), ("solid", -1), ("solid", float("inf"))])
def test_impossible_input_is_refused_with_the_value(kind: Any, size: float) -> None:
    with pytest.raises(ValueError, match=r"stone|-1|inf"):
        IncidentalNodule(kind, size)


@given(
    kind=st.sampled_from(["solid", "ground_glass", "part_solid"]),
    multiple=st.booleans(),
    pair=st.tuples(st.floats(0, 100), st.floats(0, 100)),
)
def test_more_is_done_for_high_risk_and_for_larger_nodules(
    kind: Any, multiple: bool, pair: tuple[float, float]
) -> None:
    def rank(size: float, high_risk: bool) -> int:
        return INTENSITY.index(
            assess_nodule(IncidentalNodule(kind, size, multiple, high_risk)).advice
        )

    small, large = sorted(pair)
    assert rank(small, False) <= rank(small, True)
    assert rank(small, False) <= rank(large, False)
    assert rank(small, True) <= rank(large, True)
