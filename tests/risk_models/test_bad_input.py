"""Whatever a record holds: no exception, and no number from a bad value."""

import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from risk_models import EQUATIONS, Quantity, Refusal, Result, Unit, evaluate, score
from risk_models.records import field_of
from risk_models.results import ProblemKind
from risk_models.variables import Measure
from tests.risk_models.people import people

ALL = list(EQUATIONS)

RUBBISH = st.one_of(
    st.none(),
    st.text(max_size=5),
    st.floats(),
    st.integers(),
    st.booleans(),
    st.lists(st.integers(), max_size=2),
    st.just(10**400),
    st.just(float("nan")),
    st.builds(Quantity, st.floats(), st.sampled_from(Unit)),
    st.just(b"55"),
    st.just(object()),
)


@pytest.mark.parametrize("equation", ALL)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_rubbish_is_refused_or_scored_but_never_raises(equation: str, data: st.DataObject) -> None:
    found = EQUATIONS[equation]
    variant = found.variants[0]
    record: dict[str, Any] = dict(data.draw(people(variant)))
    names = [*record, *found.short_names, *(v.name for v in variant.variables)]
    for name in data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=3)):
        record[name] = data.draw(RUBBISH)
    for outcome in score(equation, record, variant.name):
        if isinstance(outcome, Result):
            assert math.isfinite(outcome.value)
            assert outcome.unit is not Unit.PROBABILITY or 0 <= outcome.value <= 1
        else:
            assert outcome.problems


@pytest.mark.parametrize("equation", ALL)
def test_an_empty_record_names_everything_that_is_missing(equation: str) -> None:
    variant = EQUATIONS[equation].variants[0]
    evaluation = evaluate(equation, {})
    assert evaluation.results == ()
    named = {problem.variable for refusal in evaluation.refusals for problem in refusal.problems}
    assert named == {v.name for v in variant.variables if not (v.optional or v.only_for)}
    for refusal in evaluation.refusals:
        assert {problem.kind for problem in refusal.problems} == {ProblemKind.MISSING}
        assert refusal.citation == EQUATIONS[equation].source


@pytest.mark.parametrize(
    ("equation", "variant", "measure"),
    [
        (identifier, variant.name, variable)
        for identifier, equation in EQUATIONS.items()
        for variant in equation.variants
        for variable in variant.variables
        if isinstance(variable, Measure)
    ],
    ids=lambda value: value.name if isinstance(value, Measure) else str(value),
)
@pytest.mark.parametrize("side", ["below", "above"])
@settings(max_examples=1, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_value_outside_its_range_is_refused_with_the_range(
    equation: str, variant: str, measure: Measure, side: str, data: st.DataObject
) -> None:
    record = data.draw(people(EQUATIONS[equation].variant(variant)))
    if measure.only_for is not None:
        record[measure.only_for[0]] = measure.only_for[1]
    above = measure.high * 1.01 + 1 if measure.below is None else measure.below
    record[field_of(measure)] = measure.low - 0.01 - abs(measure.low) / 100
    if side == "above":
        record[field_of(measure)] = above
    refusals = evaluate(equation, record, variant).refusals
    assert refusals
    problems = {p.variable: p for p in refusals[0].problems}
    assert problems[measure.name].kind is ProblemKind.OUT_OF_RANGE
    assert problems[measure.name].valid == measure.valid


PERSON = {
    "age": 55,
    "sex": "male",
    "systolic_bp": 140,
    "bp_treated": False,
    "total_cholesterol_mg_dl": 213,
    "hdl_cholesterol_mg_dl": 50,
    "current_smoker": False,
    "diabetes": False,
    "race": "white",
}


def only_problem(record: dict[str, Any]) -> tuple[str, ProblemKind]:
    outcome = evaluate("pce_2013", record)["ascvd_10y"]
    assert isinstance(outcome, Refusal)
    (problem,) = outcome.problems
    return problem.variable, problem.kind


def test_units_are_stated_never_guessed() -> None:
    base = {k: v for k, v in PERSON.items() if k != "total_cholesterol_mg_dl"}
    swapped = {**base, "total_cholesterol_mg_dl": 5.2}
    assert only_problem(swapped) == ("total_cholesterol", ProblemKind.OUT_OF_RANGE)
    swapped = {**base, "total_cholesterol_mmol_l": 213}
    assert only_problem(swapped) == ("total_cholesterol", ProblemKind.OUT_OF_RANGE)
    bare = {**base, "total_cholesterol": 213}
    assert only_problem(bare) == ("total_cholesterol", ProblemKind.UNIT_NOT_STATED)
    foreign = {**base, "total_cholesterol": Quantity(213, Unit.MMHG)}
    assert only_problem(foreign) == ("total_cholesterol", ProblemKind.NOT_ALLOWED)
    twice = {**PERSON, "total_cholesterol_mmol_l": 4.0}
    assert only_problem(twice) == ("total_cholesterol", ProblemKind.CONTRADICTORY)


def test_both_units_give_the_same_risk() -> None:
    base = {k: v for k, v in PERSON.items() if k != "total_cholesterol_mg_dl"}
    in_mg_dl = evaluate("pce_2013", PERSON).values["ascvd_10y"]
    quantity = Quantity(213 / 38.67, Unit.MMOL_L)
    for field in ({"total_cholesterol": quantity}, {"total_cholesterol_mmol_l": 213 / 38.67}):
        assert evaluate("pce_2013", {**base, **field}).values["ascvd_10y"] == pytest.approx(
            in_mg_dl, rel=1e-12
        )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("systolic_bp", 1200),
        ("age", -5),
        ("age", 150),
        ("sex", "M"),
        ("sex", 1),
        ("current_smoker", 2),
        ("current_smoker", "maybe"),
        ("age", True),
        ("age", "old"),
    ],
)
def test_a_slip_of_the_pen_is_refused(field: str, value: object) -> None:
    name, kind = only_problem({**PERSON, field: value})
    assert name == field
    assert kind in (ProblemKind.OUT_OF_RANGE, ProblemKind.NOT_ALLOWED)


def test_a_problem_says_what_is_accepted_without_the_patients_value() -> None:
    outcome = evaluate("pce_2013", {**PERSON, "systolic_bp": 1234})["ascvd_10y"]
    assert isinstance(outcome, Refusal)
    assert str(outcome.problems[0]) == "systolic_bp: out of range (60 to 280 mmHg)"
