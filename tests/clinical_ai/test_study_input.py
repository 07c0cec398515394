import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_ai.study_input import age_years


def test_age_is_counted_at_the_study():
    assert age_years("19600301", "20250301") == pytest.approx(65.0, abs=0.01)


@pytest.mark.parametrize(
    ("born", "examined"),
    [("", "20250101"), ("19600101", ""), ("1960", "20250101"), ("20260101", "20250101")],
)
def test_no_age_rather_than_a_wrong_one(born, examined):
    assert age_years(born, examined) is None


@given(st.text(max_size=10), st.text(max_size=10))
def test_any_text_gives_an_age_in_range_or_none(born, examined):
    age = age_years(born, examined)
    assert age is None or 0 <= age <= 130
