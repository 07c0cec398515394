"""The header Accept-Language."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_ai.cds_language import wanted_language


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("", "zh"),
        ("en", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("zh-Hans-CN, en;q=0.8", "zh"),
        ("de, en;q=0.5, zh;q=0.4", "en"),
        ("de", "zh"),
        ("*", "zh"),
        ("en;q=0", "zh"),
        ("EN", "en"),
        ("en;q=nan, ,;;", "zh"),
    ],
)
def test_the_language_of_the_highest_quality(header, wanted):
    assert wanted_language(header, "zh") == wanted


@given(st.text(max_size=600))
def test_any_header_has_a_language(header):
    assert wanted_language(header, "zh") in ("zh", "en")
