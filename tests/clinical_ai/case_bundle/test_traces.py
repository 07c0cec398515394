"""What identifies a patient is found in any text that holds it, and nothing else is."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_ai.case_bundle.traces import found_in, traces

SOUGHT = traces(
    ["Zhang^Sanfeng=张^三丰", "Long^May"],
    ["P20260040", "110101195603123456", "1.2.3.40", "42"],
    [date(1956, 3, 12), None],
)


def kinds(text, *, free_text=True):
    return sorted(found_in(text, SOUGHT, free_text=free_text))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Mr ZHANG came", "name"),
        ("患者张三丰，男", "name"),
        ("sanfeng", "name"),
        ("Ｚhang Ｓanfeng", "name"),
        ("no. p20260040.", "number"),
        ('"110101195603123456"', "number"),
        ("study 1.2.3.40", "number"),
        ("born 12.03.1956", "birth date"),
        ("1956年3月12日出生", "birth date"),
        ("19560312", "birth date"),
    ],
)
def test_found(text, kind):
    assert kind in kinds(text)


@pytest.mark.parametrize(
    "text", ["long axis 12 mm, may grow", "zhangsan is another word", "1.2.3.401", "42 mm", "1956"]
)
def test_words_and_numbers_of_ours_are_no_traces(text):
    assert kinds(text, free_text=False) == []


def test_a_whole_name_is_found_on_our_own_pages_too():
    assert kinds("Zhang  Sanfeng", free_text=False) == ["name"]
    assert kinds("May Long", free_text=False) == []
    assert kinds("Long May", free_text=False) == ["name"]


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_name_in_chinese_is_found_wherever_it_stands(before, after):
    assert "name" in kinds(f"{before}张三丰{after}")


@given(st.text(max_size=60))
def test_no_text_breaks_it(text):
    assert set(kinds(text)) <= {"name", "number", "birth date"}
    assert list(found_in("x", traces([text], [text], []), free_text=True)) in ([], ["name"])


def test_a_short_number_is_looked_for_in_free_text_only():
    sought = traces([], ["123"], [])
    assert list(found_in("patient 123", sought, free_text=True)) == ["number"]
    assert list(found_in("123 mmHg", sought, free_text=False)) == []
