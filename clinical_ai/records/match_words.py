"""What the evidence of a match says, in words that people read."""

from collections.abc import Mapping

from clinical_ai.messages import N_, Message
from clinical_ai.records.matching import Element, Evidence

_WORDS: Mapping[tuple[Element, str], str] = {
    ("identifier", "same"): N_("same number under the same issuer"),
    ("identifier", "same_issuer_unknown"): N_("same number, but its issuer is not known"),
    ("identifier", "one_digit_differs"): N_(
        "number under the same issuer differs by one character"
    ),
    ("identifier", "different"): N_("another number under the same issuer"),
    ("name", "same_characters"): N_("name in the same characters"),
    ("name", "same_two_characters"): N_("name in the same two characters, which many share"),
    ("name", "same_letters"): N_("name in the same letters"),
    ("name", "sounds_same"): N_("name of the same pinyin"),
    ("name", "other_characters_same_sound"): N_("name of the same sound in other characters"),
    ("name", "typing_error"): N_("name alike but for a typing error"),
    ("name", "initials"): N_("same family name, given name in initials"),
    ("name", "other_family_name"): N_("same given name, another family name"),
    ("name", "one_character_differs"): N_("one character of the name differs"),
    ("name", "near_in_pinyin"): N_("one letter of the pinyin differs"),
    ("name", "family_name_only"): N_("same family name, another given name"),
    ("name", "different"): N_("another name"),
    ("name", "unknown"): N_("a name is missing"),
    ("birth_date", "same"): N_("same birth date"),
    ("birth_date", "same_placeholder_day"): N_("same birth date, on 1 January"),
    ("birth_date", "same_as_far_as_known"): N_("birth date agrees as far as it is known"),
    ("birth_date", "day_and_month_swapped"): N_("birth date with day and month swapped"),
    ("birth_date", "spreadsheet_shift"): N_(
        "birth date four years and a day apart, as spreadsheets do"
    ),
    ("birth_date", "one_digit_differs"): N_("one digit of the birth date differs"),
    ("birth_date", "different"): N_("another birth date"),
    ("birth_date", "unknown"): N_("a birth date is missing"),
    ("sex", "same"): N_("same sex"),
    ("sex", "different"): N_("another sex"),
    ("sex", "unknown"): N_("a sex is missing"),
}


def evidence_in_words(evidence: Evidence) -> Message:
    """Return what a piece of evidence says; holds nothing of the patient."""
    return Message(_WORDS[evidence.element, evidence.outcome])


def sign(evidence: Evidence) -> str:
    """Return ``+`` for evidence that speaks for the match, ``-`` against, ``?`` for none."""
    if evidence.bits == 0:
        return "?"
    return "+" if evidence.bits > 0 else "-"
