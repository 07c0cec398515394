"""How much each outcome of a comparison says: probabilities m and u, and where they are from.

m is the probability of an outcome for two entries of one person, u that for entries of two
persons; log2(m/u) bits are added for it (Fellegi and Sunter, doi:10.1080/01621459.1969.10501049).

u follows from arithmetic: 1/2 for a sex; 1 in 27,000 for a birth date (some 75 years of days),
16 times that for a date one digit away; for names, upper bounds for common ones, since a
match must hold for them: no full name of China is borne by more than about 1 in 4,000, and
rarer the more characters it has. m, and u of numbers and of partly agreeing names, are
assumptions about how often registration errs. They were set on perturbed pairs of one seed and
are measured on another (``python -m validation.records.patient_matching``); a site that has
reviewed its own queue should compare.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from clinical_ai.records.birth_dates import BirthDateOutcome
from clinical_ai.records.name_agreement import NameOutcome
from clinical_ai.records.patient_identifiers import IdentifierOutcome


@dataclass(frozen=True, slots=True)
class Weight:
    """Probability of an outcome for one person (`m`) and for two (`u`)."""

    m: float
    u: float

    @property
    def bits(self) -> float:
        """log2(m/u): positive speaks for one person, negative against."""
        return math.log2(self.m / self.u)


_NOTHING = Weight(1.0, 1.0)

IDENTIFIER: Mapping[IdentifierOutcome, Weight] = {
    "same": Weight(0.97, 1e-5),  # the number of another person was typed or chosen
    "same_issuer_unknown": Weight(0.9, 1e-3),  # two hospitals count from 1
    "one_digit_differs": Weight(0.01, 1e-3),
    "different": Weight(0.02, 1.0),  # one person registered twice
    "unknown": _NOTHING,
}
NAME: Mapping[NameOutcome, Weight] = {
    "same_characters": Weight(0.93, 2e-5),
    "same_two_characters": Weight(0.93, 2.5e-4),
    "same_letters": Weight(0.90, 1e-4),
    "sounds_same": Weight(0.90, 1e-3),
    "other_characters_same_sound": Weight(0.03, 1e-3),
    "typing_error": Weight(0.03, 1e-3),
    "initials": Weight(0.02, 4e-3),
    "other_family_name": Weight(0.01, 5e-3),
    "one_character_differs": Weight(0.01, 2e-3),
    "near_in_pinyin": Weight(0.02, 5e-3),
    "family_name_only": Weight(0.005, 0.05),
    "different": Weight(0.01, 0.93),
    "unknown": _NOTHING,
}
BIRTH_DATE: Mapping[BirthDateOutcome, Weight] = {
    "same": Weight(0.95, 1 / 27_000),
    "same_placeholder_day": Weight(0.95, 3e-4),  # 1 January stands for "year known only"
    "same_as_far_as_known": Weight(0.95, 0.015),
    "day_and_month_swapped": Weight(0.008, 1 / 27_000),
    "spreadsheet_shift": Weight(0.001, 1 / 27_000),
    "one_digit_differs": Weight(0.02, 16 / 27_000),
    "different": Weight(0.02, 1.0),
    "unknown": _NOTHING,
}
SEX: Mapping[str, Weight] = {
    "same": Weight(0.99, 0.5),
    "different": Weight(0.01, 0.5),
    "unknown": _NOTHING,
}
