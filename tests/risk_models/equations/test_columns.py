"""One definition, two forms: a person alone and the same person in a table give the same bits."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from risk_models import EQUATIONS, Refusal, evaluate, evaluate_columns
from risk_models.equations.engine import ROWS_AT_ONCE
from risk_models.errors import UnknownEquationError
from risk_models.records import field_of
from tests.risk_models.people import people

VARIANTS = [
    (equation, variant.name) for equation in EQUATIONS for variant in EQUATIONS[equation].variants
]


@pytest.mark.parametrize(("equation", "variant"), VARIANTS)
@settings(max_examples=1, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_hundred_people_alone_and_together(
    equation: str, variant: str, data: st.DataObject
) -> None:
    chosen = EQUATIONS[equation].variant(variant)
    seed = data.draw(st.integers(0, 2**32 - 1))
    crowd = [data.draw(people(chosen)) for _ in range(10)] + _random_people(
        equation, variant, 90, seed
    )
    table = evaluate_columns(equation, pl.DataFrame(crowd), variant)
    for row, person in enumerate(crowd):
        for outcome in evaluate(equation, person, variant):
            key = next(
                o.key
                for o in chosen.outcomes
                if (o.name, o.horizon_years) == (outcome.outcome, outcome.horizon_years)
            )
            together = table[f"{equation}.{key}"][row]
            if isinstance(outcome, Refusal):
                assert together is None
                assert str(outcome.problems[0]) in table[f"{equation}.problems"][row]
            else:
                assert outcome.value == together
                if f"{equation}.{key}_class" in table.columns:
                    assert outcome.category == table[f"{equation}.{key}_class"][row]


def _random_people(equation: str, variant: str, count: int, seed: int) -> list[dict[str, object]]:
    """Uniform over the accepted ranges; quicker than drawing each value."""
    dice = np.random.default_rng(seed)
    crowd: list[dict[str, object]] = []
    for _ in range(count):
        person: dict[str, object] = {}
        for variable in EQUATIONS[equation].variant(variant).variables:
            options = getattr(variable, "options", None)
            if options is not None:
                person[field_of(variable)] = str(dice.choice(options))
            elif hasattr(variable, "low"):
                value = float(dice.uniform(variable.low, variable.high))
                person[field_of(variable)] = float(round(value)) if variable.whole else value
            else:
                person[field_of(variable)] = bool(dice.integers(2))
        crowd.append(person)
    return crowd


@pytest.mark.parametrize(("equation", "variant"), VARIANTS)
def test_spoilt_records_alone_and_together(equation: str, variant: str) -> None:
    chosen = EQUATIONS[equation].variant(variant)
    crowd = _random_people(equation, variant, 40, 5)
    dice = np.random.default_rng(6)
    for person in crowd:
        for name in dice.choice(list(person), size=2):
            # A column of texts holds no numbers; elsewhere 1e9 is in no range.
            bad = "no such word" if isinstance(person[name], str) else 1e9
            person[name] = None if dice.random() < 0.5 else bad
    table = evaluate_columns(equation, pl.DataFrame(crowd, strict=False), variant)
    for row, person in enumerate(crowd):
        evaluation = evaluate(equation, person, variant)
        said = {str(problem): None for r in evaluation.refusals for problem in r.problems}
        assert table[f"{equation}.problems"][row] == ("; ".join(said) or None)
        for outcome, one in zip(chosen.outcomes, evaluation, strict=True):
            together = table[f"{equation}.{outcome.key}"][row]
            assert together == (None if isinstance(one, Refusal) else one.value)


def test_rows_do_not_depend_on_where_a_table_is_cut() -> None:
    crowd = pl.DataFrame(_random_people("prevent_2023", "base", 50, 7))
    long = pl.concat([crowd] * (ROWS_AT_ONCE // 50 + 2))
    scored = evaluate_columns("prevent_2023", long)["prevent_2023.total_cvd_10y"].to_numpy()
    assert (scored.reshape(-1, 50) == scored[:50]).all()


def test_one_bad_row_spoils_no_other() -> None:
    crowd = _random_people("china_par_10y", "official_site", 5, 3)
    good = evaluate_columns("china_par_10y", pl.DataFrame(crowd))
    crowd[2]["systolic_bp"] = 1200.0
    crowd[3]["waist"] = None
    found = evaluate_columns("china_par_10y", pl.DataFrame(crowd))
    risk = "china_par_10y.ascvd_10y"
    assert found[risk][2] is None
    assert found[risk][3] is None
    assert found["china_par_10y.problems"].to_list() == [
        None,
        None,
        "systolic_bp: out of range (60 to 280 mmHg)",
        "waist: missing (40 to 200 cm)",
        None,
    ]
    assert [found[risk][i] for i in (0, 1, 4)] == [good[risk][i] for i in (0, 1, 4)]


def test_an_empty_table_gives_an_empty_table() -> None:
    crowd = pl.DataFrame(_random_people("score2", "published", 1, 1)).clear()
    assert evaluate_columns("score2", crowd).height == 0


def test_texts_from_a_file_are_read_as_numbers_where_they_are() -> None:
    crowd = pl.DataFrame(
        {"age": ["50", "fifty"], "sex": ["male", "female"], "creatinine_mg_dl": ["0.9", "1"]}
    )
    found = evaluate_columns("ckd_epi_2021", crowd)
    assert math.isclose(found["ckd_epi_2021.egfr"][0], 104.0, abs_tol=2)
    assert found["ckd_epi_2021.problems"][1] == "age: not an allowed value (18 to 120 years)"


def test_categories_and_integer_flags_are_read() -> None:
    crowd = pl.DataFrame(
        {
            "age": pl.Series([74, 74], dtype=pl.UInt8),
            "sex": pl.Series(["male", "female"], dtype=pl.Enum(["male", "female"])),
            "congestive_heart_failure": [0, 1],
            "hypertension": [0, 2],
            "diabetes": [False, False],
            "stroke_tia_thromboembolism": [0.0, 0.0],
            "vascular_disease": [0, 0],
        }
    )
    found = evaluate_columns("cha2ds2_vasc", crowd)
    assert found["cha2ds2_vasc.points"].to_list() == [1.0, None]
    assert "hypertension: not an allowed value" in found["cha2ds2_vasc.problems"][1]


def test_cautions_that_depend_on_the_person_are_in_the_table() -> None:
    crowd = _random_people("prevent_2023", "base", 2, 5)
    crowd[0]["age"], crowd[1]["age"] = 45.0, 70.0
    cautions = evaluate_columns("prevent_2023", pl.DataFrame(crowd))["prevent_2023.cautions"]
    assert cautions.to_list() == [None, "age outside the published range"]


def test_only_the_outcomes_asked_for_and_the_same_bits() -> None:
    crowd = pl.DataFrame(_random_people("prevent_2023", "base", 50, 11))
    whole = evaluate_columns("prevent_2023", crowd, details=False)
    keys = ["stroke_30y", "total_cvd_10y"]
    part = evaluate_columns("prevent_2023", crowd, outcomes=keys, details=False)
    assert part.columns == [f"prevent_2023.{key}" for key in keys]
    assert part.equals(whole.select(part.columns))
    who = pl.DataFrame(_random_people("who_cvd_2019", "lab", 50, 11))
    assert evaluate_columns("who_cvd_2019", who, outcomes=["chd_10y"], details=False).equals(
        evaluate_columns("who_cvd_2019", who).select("who_cvd_2019.chd_10y")
    )
    with pytest.raises(UnknownEquationError, match="total_cvd_10y"):
        evaluate_columns("prevent_2023", crowd, outcomes=["total_cvd"])
