from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_models.cohort.cells import read_cells
from risk_models.cohort.fields import FIELDS, Kind
from risk_models.cohort.mapping import ColumnPlan
from risk_models.cohort.words import UNIT_SPELLINGS, unit_of

MEASURES = [field for field in FIELDS.values() if field.kind is Kind.MEASURE]
SEVERAL = [(field, unit) for field in MEASURES for unit in field.conversions]


def read(field, value, unit):
    plan = ColumnPlan("x", field.name, unit)
    cells = read_cells(field, plan, pl.Float64(), date(2025, 1, 1))
    frame = pl.DataFrame({"x": [value]})
    return frame.select(value=cells.value, issue=cells.issue, **dict(cells.stated)).row(
        0, named=True
    )


@given(st.sampled_from(SEVERAL), st.floats(0.001, 0.999))
def test_every_unit_comes_to_the_fields_own_unit(case, share):
    field, unit = case
    own = field.low + share * (field.high - field.low)
    change = field.conversions[unit]
    given_value = (own - change.offset) / change.factor
    found = read(field, given_value, unit)
    assert found["issue"] is None
    assert found["value"] == pytest.approx(own, rel=1e-9)
    if unit in field.stated_columns:
        assert found[unit] == given_value


@given(st.sampled_from(MEASURES), st.floats(allow_nan=True, allow_infinity=True))
def test_a_value_is_plausible_or_an_issue_never_both(field, value):
    found = read(field, value, field.unit)
    if found["value"] is not None:
        assert field.low <= found["value"] <= field.high and found["issue"] is None
    else:
        assert found["issue"] is not None or value != value  # NaN is missing


@given(st.text(max_size=30))
def test_any_text_is_read_or_reported(text):
    for name in ("systolic_bp", "current_smoker", "sex", "birth_date", "person_id"):
        field = FIELDS[name]
        cells = read_cells(field, ColumnPlan("x", name), pl.String(), date(2025, 1, 1))
        row = pl.DataFrame({"x": [text]}).select(value=cells.value, issue=cells.issue).row(0)
        assert row[0] is None or row[1] is None


def test_every_unit_of_a_field_has_a_spelling():
    for field in MEASURES:
        for unit in field.units:
            assert unit_of(unit) == unit
    assert set(UNIT_SPELLINGS.values()) >= {unit for field in MEASURES for unit in field.units}


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2024-05-01", date(2024, 5, 1)),
        ("2024/5/1", date(2024, 5, 1)),
        ("2024.05.01", date(2024, 5, 1)),
        ("20240501", date(2024, 5, 1)),
        ("2024年5月1日", date(2024, 5, 1)),
        ("2024-05-01T08:00:00+08:00", date(2024, 5, 1)),
        ("2024-05-01 08:00", date(2024, 5, 1)),
        ("2024-13-01", None),
        ("2024-05", None),
        ("45413", None),
        ("1/5/2024", None),
    ],
)
def test_dates(text, day):
    cells = read_cells(FIELDS["date"], ColumnPlan("x", "date"), pl.String(), date(2025, 1, 1))
    assert pl.DataFrame({"x": [text]}).select(cells.value).item() == day
