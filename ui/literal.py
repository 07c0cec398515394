"""Text from DICOM, models or people, shown exactly as it is.

Such text is hostile until proven otherwise. Streamlit shows it literally in ``st.text`` and
in the cells of ``st.dataframe``; everywhere else its Markdown would come alive, and
`literal` must be called first.
"""

import re
import unicodedata

# Control, format (among them the bidirectional overrides) and unassigned characters can hide
# or reorder what is shown; Unicode Technical Report 36, section 2.
_HIDDEN_CATEGORIES = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
# Streamlit turns these into links, emoji and arrows after it has parsed the Markdown, so a
# backslash does not stop it; a word joiner (U+2060, no width) breaks the pattern.
_AFTER_PARSING = re.compile(
    r"(?<=[Hh][Tt][Tt][Pp])(?=[Ss]?://)|(?<=[Ww]{3})(?=\.)|(?=@)|(?<=:)(?=[\w+-])"
)
_ARROWS = re.compile(r"(?<!\S)([<>~-])(?=(?:->|>|-|=)(?!\S))")
_WORD_JOINER = "\u2060"


def visible(text: str) -> str:
    """Return `text` on one line without characters that hide or reorder others."""
    kept = (
        " " if unicodedata.category(c) in _HIDDEN_CATEGORIES and c.isspace() else c
        for c in text
        if c.isspace() or unicodedata.category(c) not in _HIDDEN_CATEGORIES
    )
    return " ".join("".join(kept).split())


def literal(text: str) -> str:
    """Return Markdown that Streamlit shows as `text`, letter by letter."""
    broken = _AFTER_PARSING.sub(_WORD_JOINER, visible(text))
    broken = _ARROWS.sub(rf"\1{_WORD_JOINER}", broken)
    return _PUNCTUATION.sub(r"\\\1", broken)
