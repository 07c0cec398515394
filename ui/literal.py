"""Text from DICOM, models or people, shown exactly as it is.

Such text is hostile until proven otherwise. Streamlit shows it literally in ``st.text`` and
in the cells of ``st.dataframe``; everywhere else its Markdown would come alive, and
`literal` must be called first.
"""

import re

from clinical_ai.formats import visible

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
# Streamlit turns these into links, emoji and arrows after it has parsed the Markdown, so a
# backslash does not stop it; a word joiner (U+2060, no width) breaks the pattern.
_AFTER_PARSING = re.compile(
    r"(?<=[Hh][Tt][Tt][Pp])(?=[Ss]?://)|(?<=[Ww]{3})(?=\.)|(?=@)|(?<=:)(?=[\w+-])"
)
_ARROWS = re.compile(r"(?<!\S)([<>~-])(?=(?:->|>|-|=)(?!\S))")
_WORD_JOINER = "\u2060"


def literal(text: str) -> str:
    """Return Markdown that Streamlit shows as `text`, letter by letter."""
    broken = _AFTER_PARSING.sub(_WORD_JOINER, visible(text))
    broken = _ARROWS.sub(rf"\1{_WORD_JOINER}", broken)
    return _PUNCTUATION.sub(r"\\\1", broken)
