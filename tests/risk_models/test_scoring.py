"""One person and a table agree."""

import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models import EQUATIONS, evaluate, evaluate_columns
from risk_models.errors import UnknownEquationError
from risk_models.variables import Choice, Flag

VARIANTS = [(name, v.name) for name, e in EQUATIONS.items() for v in e.variants]


def person(variables, draw):
    record = {}
    for v in variables:
        if isinstance(v, Choice):
            record[v.name] = draw(st.sampled_from(v.options))
        elif isinstance(v, Flag):
            record[v.name] = draw(st.booleans())
        else:
            number = (
                st.integers(math.ceil(v.low), math.floor(v.high))
                if v.whole
                else st.floats(v.low, v.high)
            )
            record[next(f for f, unit in v.fields.items() if unit == v.unit)] = float(draw(number))
    return record


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
@settings(max_examples=4, deadline=None)
@given(data=st.data())
def test_a_row_scores_as_the_person_does(name, variant, data):
    variables = EQUATIONS[name].variant(variant).variables
    people = [person(variables, data.draw) for _ in range(3)]
    table = evaluate_columns(name, pl.DataFrame(people), variant)
    for row, record in enumerate(people):
        alone = evaluate(name, record, variant).values
        for outcome in EQUATIONS[name].variant(variant).outcomes:
            value = table[f"{name}.{outcome.key}"][row]
            assert (value is None) == (outcome.key not in alone)
            if value is not None:
                assert value == pytest.approx(alone[outcome.key], rel=1e-12)


def test_an_unknown_equation_is_an_error_that_lists_those_there_are():
    with pytest.raises(UnknownEquationError, match="score2"):
        evaluate("no_such", {})
