"""Which of our languages a reader wants: the header Accept-Language (RFC 9110 12.5.4)."""

import re

from clinical_ai.texts import LANGUAGE_NAMES, Language

_MAX_CHARACTERS = 512
_RANGE = re.compile(  # language, subtags, quality
    r"[ \t]*(\*|[A-Za-z]{1,8})(?:-[A-Za-z0-9-]{1,64})?[ \t]*"
    r"(?:;[ \t]*q=([01](?:\.\d{0,3})?)[ \t]*)?"
)


def wanted_language(header: str, default: Language) -> Language:
    """Return the language of the highest quality that we have; `default` if none is named.

    A header that does not follow the grammar is no reason to refuse a call.
    """
    best, best_quality = default, 0.0
    for part in header[:_MAX_CHARACTERS].split(","):
        found = _RANGE.fullmatch(part)
        if found is None:
            continue
        quality = float(found[2]) if found[2] is not None else 1.0
        for known in LANGUAGE_NAMES:
            if found[1].lower() == known and quality > best_quality:
                best, best_quality = known, quality
    return best
