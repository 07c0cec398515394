"""A refused value is named with its range and its likely cure, and never gives a number."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from risk_models import EQUATIONS, Quantity, Refusal, Result, Unit, evaluate
from risk_models.guidelines import Classification, NotClassified, classify
from risk_models.records import field_of
from risk_models.results import Problem, ProblemKind
from risk_models.variables import Choice, Flag, Variable
from tests.risk_models.people import people
from tests.risk_models.reference_cases import load

VARIANTS = [
    (equation, variant.name)
    for equation, content in EQUATIONS.items()
    for variant in content.variants
]
MISSING = st.sampled_from([None, math.nan, np.nan])
NEVER = st.one_of(
    st.sampled_from([math.inf, -math.inf, 1e300, -1e300, 10**400, -(10**9), 10**9, 0.123456e-9]),
    st.sampled_from(["", "n/a", "12 mmHg", "高", "nan nan", b"55", object(), [50], {"value": 50}]),
    st.builds(Quantity, st.floats(allow_nan=False), st.just(Unit.HOUNSFIELD)),
)


def garbage(variable: Variable) -> st.SearchStrategy[Any]:
    """What no equation accepts for this input; None and NaN only where it must be given."""
    bad = NEVER
    if isinstance(variable, Flag):
        bad |= st.sampled_from([2, -1, 0.5, "maybe"])
    elif isinstance(variable, Choice):
        bad |= st.sampled_from([True, 0, 1.0, "other than these"])
    else:
        bad |= st.booleans()
    return bad if variable.optional else bad | MISSING


def accepts_anything(variable: Variable, value: Any) -> bool:
    """A number of the pool above that happens to lie in the range, or in the unit of the range."""
    low, high = getattr(variable, "low", math.inf), getattr(variable, "high", -math.inf)
    if isinstance(value, Quantity):
        return variable.fields[field_of(variable)] is value.unit
    if isinstance(value, int | float) and not isinstance(value, bool):
        return bool(low <= value <= high)
    return False


@pytest.mark.parametrize(("equation", "variant"), VARIANTS)
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_garbage_in_one_field_is_refused_by_name_or_not_asked_for(
    equation: str, variant: str, data: st.DataObject
) -> None:
    chosen = EQUATIONS[equation].variant(variant)
    person = data.draw(people(chosen))
    variable = data.draw(st.sampled_from(chosen.variables))
    value = data.draw(garbage(variable))
    if accepts_anything(variable, value):
        return
    before = evaluate(equation, person, variant)
    after = evaluate(equation, {**person, field_of(variable): value}, variant)
    unused = variable.only_for is not None and person[variable.only_for[0]] != variable.only_for[1]
    for outcome, old, new in zip(chosen.outcomes, before, after, strict=True):
        if unused or (outcome.needs is not None and variable.name not in outcome.needs):
            assert isinstance(old, Result) == isinstance(new, Result)
            if isinstance(old, Result) and isinstance(new, Result):
                assert (new.value, new.category) == (old.value, old.category)
            continue
        assert isinstance(new, Refusal)
        named = {problem.variable: problem for problem in new.problems}
        # A choice that decides which other inputs are needed may leave those in question too.
        assert variable.name in named
        problem = named[variable.name]
        assert str(problem.valid) == str(variable.valid)
        assert problem.cure is not None
        assert (problem.given is None) == (problem.kind is ProblemKind.MISSING)
        assert problem.given is None or problem.given not in repr(problem) + str(problem)


PREVENT = {
    "age": 50,
    "sex": "male",
    "systolic_bp": 140,
    "bp_treated": False,
    "total_cholesterol_mg_dl": 200,
    "hdl_cholesterol_mg_dl": 50,
    "statin": False,
    "diabetes": False,
    "current_smoker": False,
    "egfr": 90,
    "bmi": 27,
    "hba1c_percent": 6,
    "uacr_mg_g": 10,
}


def problem_of(equation: str, record: Mapping[str, Any], variant: str | None = None) -> Problem:
    (problem,) = evaluate(equation, record, variant).refusals[0].problems
    return problem


@pytest.mark.parametrize(
    ("change", "given_as", "valid", "cure"),
    [
        ({"systolic_bp": 1200}, "1200 mmHg", "90 to 180 mmHg", "A tenth would be in range"),
        ({"systolic_bp": 17}, "17 mmHg", "90 to 180 mmHg", "In kPa it would be in range"),
        ({"systolic_bp": 200}, "200 mmHg", "90 to 180 mmHg", "If the value is right, this is not"),
        ({"systolic_bp": math.inf}, "inf mmHg", "90 to 180 mmHg", "not a finite number"),
        ({"systolic_bp": 10**400}, "inf mmHg", "90 to 180 mmHg", "not a finite number"),
        ({"systolic_bp": True}, "true", "90 to 180 mmHg", "A yes or no stands where a number"),
        ({"systolic_bp": "140/90"}, '"140/90"', "90 to 180 mmHg", "Give a number alone"),
        ({"systolic_bp": [140]}, "a list", "90 to 180 mmHg", "Give a number alone"),
        ({"systolic_bp": None}, None, "90 to 180 mmHg", "Give systolic_bp / systolic_bp_mmhg."),
        ({"systolic_bp": math.nan}, None, "90 to 180 mmHg", "Give systolic_bp"),
        ({"age": -50}, "-50 years", "30 to 79 years", "Without its minus sign"),
        ({"age": 1975}, "1975 years", "30 to 79 years", "a year of birth"),
        ({"age": 600}, "600 years", "30 to 79 years", "In months it would be in range"),
        (
            {"total_cholesterol_mg_dl": 5.2},
            "5.2 mg/dL",
            "130 to 320 mg/dL",
            "In mmol/L it would be in range: if that is its unit, give it as "
            "total_cholesterol_mmol_l.",
        ),
        (
            {"hba1c_percent": 48},
            "48 %",
            "4.5 to 15 %",
            "In mmol/mol it would be in range: if that is its unit, give it as hba1c_mmol_mol.",
        ),
        ({"bmi": 0.00265}, "0.00265 kg/m2", "18.5 to 39.9 kg/m2", "metres, not centimetres"),
        ({"bmi": 0.038}, "0.038 kg/m2", "18.5 to 39.9 kg/m2", "pounds per square inch"),
        ({"bmi": 265}, "265 kg/m2", "18.5 to 39.9 kg/m2", "a lost decimal point"),
        ({"egfr": 1.5}, "1.5 mL/min/1.73 m2", "15 to 140 mL/min/1.73 m2", "In mL/s"),
        ({"sex": "Male"}, '"Male"', "male, female", 'Write it as "male".'),
        ({"sex": 1}, "1", "male, female", "Give one of the words listed."),
        ({"diabetes": "maybe"}, '"maybe"', "true or false (1 or 0)", "Give true or false"),
    ],
    ids=str,
)
def test_slips_of_the_pen(
    change: dict[str, Any], given_as: str | None, valid: str, cure: str
) -> None:
    problem = problem_of("prevent_2023", {**PREVENT, **change}, "hba1c")
    assert problem.variable in next(iter(change))
    assert (problem.given, str(problem.valid)) == (given_as, valid)
    assert cure in str(problem.cure)


@pytest.mark.parametrize(
    ("field", "value", "cure"),
    [
        ("creatinine_mg_dl", 80, "In umol/L it would be in range"),
        ("creatinine_umol_l", 0.9, "In mg/dL it would be in range"),
        ("creatinine", 80, "State the unit in the name: creatinine_mg_dl / creatinine_umol_l."),
        ("creatinine", Quantity(80, Unit.MG_DL), "In umol/L it would be in range"),
        ("creatinine", Quantity(80, Unit.MMHG), "one of these units: mg/dL, umol/L."),
        ("creatinine_mg_dl", "80", "In umol/L it would be in range"),
    ],
)
def test_creatinine_in_the_wrong_unit(field: str, value: object, cure: str) -> None:
    problem = problem_of("ckd_epi_2021", {"age": 50, "sex": "male", field: value})
    assert problem.variable == "creatinine"
    assert cure in str(problem.cure)


def test_two_values_of_one_quantity() -> None:
    record = {"age": 50, "sex": "male", "creatinine_mg_dl": 0.9, "creatinine_umol_l": 200}
    problem = problem_of("ckd_epi_2021", record)
    assert problem.given == "0.9 mg/dL; 200 umol/L"
    assert "leave the other out" in str(problem.cure)


def test_whole_numbers() -> None:
    person = {**PREVENT, "sdi_decile": 2.5}
    assert str(problem_of("prevent_2023", person, "sdi").cure) == "Give a whole number."


def test_a_long_text_is_cut() -> None:
    problem = problem_of("prevent_2023", {**PREVENT, "egfr": "x" * 5000}, "hba1c")
    assert problem.given is not None
    assert len(problem.given) < 50


@pytest.mark.parametrize(
    ("guideline", "record", "cure"),
    [
        ("china_bp_2018_2024", {"sbp": 1500, "dbp": 90}, "A tenth would be in range"),
        ("diabetes_diagnosis", {"hba1c": 48}, "In mmol/mol it would be in range"),
        ("diabetes_diagnosis", {"fpg": 126}, "In mg/dL it would be in range"),
    ],
)
def test_guidelines_name_the_cure_too(guideline: str, record: dict[str, Any], cure: str) -> None:
    answer = classify(guideline, record)
    assert isinstance(answer, NotClassified)
    assert cure in str(answer.problems[0].cure)
    assert answer.problems[0].given is not None


def test_pressures_that_were_swapped() -> None:
    answer = classify("china_bp_2018_2024", {"sbp": 90, "dbp": 150})
    assert isinstance(answer, NotClassified)
    (problem,) = answer.problems
    assert (problem.variable, problem.given) == ("systolic_bp", "90/150 mmHg")
    assert "swapped" in str(problem.cure)


GUIDELINE_CASES = [
    (name, case["input"])
    for name in (
        "china_bp_2018_2024",
        "china_lipid_2023",
        "diabetes_diagnosis",
        "china_cvd_guideline_2019_flow",
    )
    for case in load(name)
]


@pytest.mark.parametrize(("guideline", "record"), GUIDELINE_CASES)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_garbage_in_one_field_of_a_guideline_changes_no_category(
    guideline: str, record: dict[str, Any], data: st.DataObject
) -> None:
    before = classify(guideline, record)
    field = data.draw(st.sampled_from(sorted(record)))
    # A risk of next to nothing per cent is allowed.
    value = data.draw(NEVER.filter(lambda value: not (isinstance(value, float) and 0 < value < 1)))
    after = classify(guideline, {**record, field: value})
    if isinstance(after, NotClassified):
        assert after.problems or after.reason
    else:
        assert isinstance(before, Classification)
        assert after.category == before.category
