"""Hostile text stays text."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_ai.formats import visible
from ui.literal import literal

JOINER = "\u2060"


def shown(markdown: str) -> str:
    """What CommonMark makes of backslash escapes, without the joiners."""
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", markdown).replace(JOINER, "")


@given(st.text())
def test_literal_shows_every_visible_character(text):
    assert shown(literal(text)) == visible(text)


@given(st.text(alphabet="*_`$<>[]()!#:~|\\.-+&@/wht ps1a\n", max_size=40))
def test_no_punctuation_is_left_to_markdown(text):
    assert not re.search(r"(?<!\\)[!-/:-@\[\]^-`{-~]", re.sub(r"\\.", "", literal(text)))


@pytest.mark.parametrize(
    "text",
    ["http://e.vil/a", "HTTPS://e.vil", "www.evil.com", "a@b.example", ":smile:", "a -> b", "--"],
)
def test_what_streamlit_changes_after_parsing_is_broken_up(text):
    assert JOINER in literal(text)


def test_plain_text_is_left_alone():
    assert literal("王小东 (Wang)") == "王小东 \\(Wang\\)"
    assert literal("Image 12") == "Image 12"


@given(st.text())
def test_visible_is_one_line_without_hidden_characters(text):
    result = visible(text)
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") for c in result)
    assert visible(result) == result


def test_bidirectional_override_cannot_reverse_a_name():
    assert visible("abc\u202edef\u202c\n g\x00h") == "abcdef gh"
