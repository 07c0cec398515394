"""How far two names agree, as one of a few named outcomes."""

from collections.abc import Iterable
from typing import Literal

from rapidfuzz.distance import OSA

from clinical_ai.records.person_names import (
    NameForm,
    is_pinyin,
    pinyin_syllables,
    readings,
)

NameOutcome = Literal[
    "same_characters",
    "same_two_characters",
    "same_letters",
    "sounds_same",
    "other_characters_same_sound",
    "typing_error",
    "initials",
    "other_family_name",
    "one_character_differs",
    "near_in_pinyin",
    "family_name_only",
    "different",
    "unknown",
]
"""In the order of what they say for a match; ``unknown``: a side has no name.

``same_characters`` has three or more Chinese characters; two are much more often shared.
``sounds_same`` is pinyin against characters or pinyin. ``typing_error`` is only said of names
that are not pinyin, where one letter makes another name (Ming, Min). ``other_family_name`` is
only said where both sides part the name: the given name of a swapped one is the family's.
"""

_ORDER: tuple[NameOutcome, ...] = (
    "same_characters",
    "same_two_characters",
    "same_letters",
    "sounds_same",
    "other_characters_same_sound",
    "typing_error",
    "initials",
    "other_family_name",
    "one_character_differs",
    "near_in_pinyin",
    "family_name_only",
    "different",
)
_SHORT = 5  # letters: in a shorter word one letter makes another name (Jan, Jon)
_LONG = 12  # letters: in a longer name two slips are believed


def compare_names(ours: Iterable[NameForm], theirs: Iterable[NameForm]) -> NameOutcome:
    """Return how far the best-agreeing forms of two persons' names agree.

    Where both sides have Chinese characters, these decide alone: many names sound the same.
    """
    ours, theirs = list(ours), list(theirs)
    pairs = [(a, b) for a in ours for b in theirs]
    if not pairs:
        return "unknown"
    in_characters = [(a, b) for a, b in pairs if a.is_han and b.is_han]
    return min((_compare(a, b) for a, b in in_characters or pairs), key=_ORDER.index)


def _compare(a: NameForm, b: NameForm) -> NameOutcome:
    if a.is_han and b.is_han:
        return _characters(a, b)
    if a.is_han or b.is_han:
        return _sound(a, b) if a.is_han else _sound(b, a)
    return _pinyin(a, b) if is_pinyin(a) and is_pinyin(b) else _letters(a, b)


def _characters(a: NameForm, b: NameForm) -> NameOutcome:
    if b.whole in (a.whole, a.swapped):
        return "same_characters" if len(a.whole) > 2 else "same_two_characters"
    sounds = {"".join(r) for r in readings(a.whole)}
    if sounds & {"".join(r) for form in (b.whole, b.swapped) for r in readings(form)}:
        return "other_characters_same_sound"
    if a.family == b.family:
        differing = sum(x != y for x, y in zip(a.whole, b.whole, strict=False))
        if len(a.whole) == len(b.whole) >= 3 and differing == 1:
            return "one_character_differs"
        return "family_name_only"
    if a.given == b.given and len(a.given) > 1:
        return "other_family_name"
    return "different"


def _sound(characters: NameForm, letters: NameForm) -> NameOutcome:
    family = {"".join(r) for r in readings(characters.family)}
    given = readings(characters.given)
    whole = {f + "".join(g) for f in family for g in given}
    if {letters.whole, letters.swapped} & whole:
        return "sounds_same"
    joined = {"".join(g) for g in given}
    initials = {"".join(s[:1] for s in g) for g in given}
    best: NameOutcome = "different"
    if letters.is_parted and letters.given.replace(" ", "") in joined and len(characters.given) > 1:
        best = "other_family_name"
    for one, other in ((letters.family, letters.given), (letters.given, letters.family)):
        first, second = one.replace(" ", ""), other.replace(" ", "")
        if first in family:
            if second and second in initials:
                return "initials"
            is_near = second and any(OSA.distance(second, g) == 1 for g in joined)
            found: NameOutcome = "near_in_pinyin" if is_near else "family_name_only"
            best = min(best, found, key=_ORDER.index)
        elif second in joined and any(OSA.distance(first, f) == 1 for f in family):
            best = min(best, "near_in_pinyin", key=_ORDER.index)
    return best


def _pinyin(a: NameForm, b: NameForm) -> NameOutcome:
    if b.whole in (a.whole, a.swapped):
        return "sounds_same"
    if OSA.distance(a.whole, b.whole) == 1 or OSA.distance(a.swapped, b.whole) == 1:
        return "near_in_pinyin"
    outcomes: list[NameOutcome] = ["different"]
    if a.is_parted and b.is_parted and a.given == b.given and len(a.given) > _SHORT:
        outcomes.append("other_family_name")
    for family, given, other_family, other_given in _orders(a, b):
        if family == other_family:
            is_short = _is_initials(given, other_given) or _is_initials(other_given, given)
            outcomes.append("initials" if is_short else "family_name_only")
    return min(outcomes, key=_ORDER.index)


def _orders(a: NameForm, b: NameForm) -> list[tuple[str, str, str, str]]:
    """Return both names' parts as they stand, and with one of them the other way round."""
    return [
        (a.family, a.given, b.family, b.given),
        (a.family, a.given, b.given, b.family),
        (a.given, a.family, b.family, b.given),
    ]


def _letters(a: NameForm, b: NameForm) -> NameOutcome:
    if b.whole in (a.whole, a.swapped):
        return "same_letters"
    is_parted = a.is_parted and b.is_parted
    outcomes = (
        _parted(*(part.split() for part in parts), may_be_married=is_parted and position == 0)
        for position, parts in enumerate(_orders(a, b))
    )
    return min(outcomes, key=_ORDER.index)


def _parted(
    own_family: list[str],
    own_given: list[str],
    family: list[str],
    given: list[str],
    *,
    may_be_married: bool,
) -> NameOutcome:
    if not (own_family and own_given and family and given):
        return "family_name_only" if own_family == family else "different"
    same_family, same_first = own_family == family, own_given[0] == given[0]
    if same_family and same_first:
        return "same_letters"  # one of them without the middle names
    one, other = " ".join(own_given), " ".join(given)
    if same_family and (_is_initials(one, other) or _is_initials(other, one)):
        return "initials"
    if _is_slip(" ".join(own_family), " ".join(family)) and _is_slip(own_given[0], given[0]):
        return "typing_error"
    if may_be_married and same_first and len(own_given[0]) > 2:
        return "other_family_name"
    return "family_name_only" if same_family else "different"


def _is_slip(a: str, b: str) -> bool:
    """Whether two words are the same but for a slip of the keyboard."""
    shorter = min(len(a), len(b))
    allowed = 0 if shorter < _SHORT else 1 if shorter < _LONG else 2
    return OSA.distance(a, b) <= allowed


def _is_initials(short: str, full: str) -> bool:
    """Whether `short` (``j a``, ``ja``, ``xm``) holds the initials of `full`."""
    letters = short.replace(" ", "")
    words = full.split()
    if not letters or not words or len(letters) > 3:
        return False
    if len(letters) > 1 and " " not in short and pinyin_syllables(letters) is not None:
        return False  # a name of its own, such as Li
    syllables = [s for w in words for s in (pinyin_syllables(w) or (w,))]
    options = {
        "".join(w[:1] for w in words),
        "".join(s[:1] for s in syllables),
        words[0][:1],
    }
    return letters in options and letters != full.replace(" ", "")
