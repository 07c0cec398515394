"""Whose record belongs to the patient of a DICOM study: evidence, confidence, and a verdict.

Evidence is added as in Fellegi and Sunter's model (doi:10.1080/01621459.1969.10501049): each
element (number, name, birth date, sex) gives the logarithm of how much likelier its outcome is
for one person than for two. A lattice of rules alone would have to list every combination,
and could not say how sure it is or which of two namesakes is nearer. A sum alone would let a
long agreement outweigh a contradiction, and treats elements as independent, which twins are
not. So the sum ranks and gives the probability, and rules stand before ``certain``:

- a number under the same issuer, no other number against it, the sex not against it, and the
  birth date and the name in agreement (without a birth date, the whole name); or
- without a number against it, the whole name, birth date and sex, if they alone leave less
  than 1 in 1,000 for chance among all persons of the catchment;
- and in both cases no second candidate within a factor of 1,000, and no other person of that
  name and sex whose birth date may be the same: the number may have been taken from the wrong one.

Anything else that may be true is ``uncertain`` and left to a person; nothing is merged here.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from clinical_ai.messages import N_, Message
from clinical_ai.records import match_weights
from clinical_ai.records.birth_dates import BirthDate, compare_birth_dates, parse_birth_date
from clinical_ai.records.name_agreement import compare_names
from clinical_ai.records.patient_identifiers import canonical, compare_identifiers
from clinical_ai.records.person_names import NameForm, forms_of_dicom, forms_of_record
from clinical_ai.records.record import Demographics, Identifier, Sex

Outcome = Literal["certain", "uncertain", "none"]
Element = Literal["identifier", "name", "birth_date", "sex"]

_DICOM_SEXES: Mapping[str, Sex] = {"M": "male", "F": "female"}  # O says nothing (PS3.3 C.7.1.1)
_WHOLE_NAMES = frozenset({"same_characters", "same_two_characters", "same_letters", "sounds_same"})
_AGREEING_NAMES = _WHOLE_NAMES | {
    "other_characters_same_sound",
    "typing_error",
    "initials",
    "other_family_name",
}
_SAME_DAY = frozenset({"same", "same_placeholder_day"})

BY_NUMBER = N_("The number, the name, the birth date and the sex agree.")
BY_DEMOGRAPHICS = N_("Name, birth date and sex agree; no number speaks against it.")
NOBODY = N_("No person of the record is like this patient.")
TWO_ALIKE = N_("More than one person of the record may be meant.")
NUMBER_CONTRADICTED = N_("The number agrees, but birth date, sex or name speak against it.")
NUMBERS_DIFFER = N_("The person is alike, but a number under the same issuer differs.")
NOT_ENOUGH = N_("What agrees is not enough to be sure.")


@dataclass(frozen=True, slots=True)
class MatchPolicy:
    """What a site declares about its patients.

    Parameters
    ----------
    default_issuer
        FHIR identifier system of patient numbers without an issuer; empty: not declared, so
        that no number without an issuer makes anybody certain.
    issuers
        DICOM Issuer of Patient ID to FHIR identifier system.
    population
        Persons who may come to the hospital: the prior is 1 in so many.
    demographics_alone
        Whether name, birth date and sex can ever be certain without a number.
    certain, possible
        Probability from which a match can be certain; odds below which a candidate is none.
    margin_bits
        How far the second candidate must be behind a certain one.
    """

    default_issuer: str = ""
    issuers: Mapping[str, str] = field(default_factory=dict)
    population: int = 1_000_000
    demographics_alone: bool = True
    certain: float = 0.999
    possible: float = 0.001
    margin_bits: float = 10.0


@dataclass(frozen=True, slots=True)
class PatientQuery:
    """A patient as DICOM gives them; texts as received.

    Parameters
    ----------
    patient_id, issuer
        (0010,0020) and (0010,0021).
    name
        (0010,0010), with its component groups.
    birth_date, sex
        (0010,0030) and (0010,0040).
    other_ids
        From (0010,1002); `system` is the issuer.
    """

    patient_id: str = ""
    issuer: str = ""
    name: str = ""
    birth_date: str = ""
    sex: str = ""
    other_ids: tuple[Identifier, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person of a record: id and origin as in `clinical_ai.records.record`."""

    person: str
    origin: str
    demographics: Demographics


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one element says.

    Parameters
    ----------
    outcome
        A name of the tables of `match_weights`.
    bits
        Positive for, negative against; 0 where a side does not state the element.
    issuer
        Of a number.
    """

    element: Element
    outcome: str
    bits: float
    issuer: str = ""


@dataclass(frozen=True, slots=True)
class Scored:
    """A candidate with the evidence, its sum and the probability that it is the patient."""

    candidate: Candidate
    evidence: tuple[Evidence, ...]
    bits: float
    probability: float

    def outcomes(self, element: Element) -> frozenset[str]:
        """Return what an element says; several only for numbers."""
        return frozenset(e.outcome for e in self.evidence if e.element == element)


@dataclass(frozen=True, slots=True)
class MatchResult:
    """The verdict.

    Parameters
    ----------
    ranked
        Candidates that may be meant, the likeliest first; all of them are shown to a person
        when the outcome is ``uncertain``.
    """

    outcome: Outcome
    reason: Message
    ranked: tuple[Scored, ...] = ()

    @property
    def match(self) -> Candidate | None:
        """The person, only when certain."""
        return self.ranked[0].candidate if self.outcome == "certain" else None


def match(
    query: PatientQuery,
    candidates: Sequence[Candidate],
    policy: MatchPolicy = MatchPolicy(),
) -> MatchResult:
    """Match a patient with persons of a record.

    Parameters
    ----------
    candidates
        Every person that may be meant (see `clinical_ai.records.blocking`): a second one that
        is left out cannot make the match uncertain.
    """
    scored = _with_probabilities([_score(query, c, policy) for c in candidates], policy)
    ranked = tuple(s for s in scored if _is_possible(s, policy))
    if not ranked:
        return MatchResult("none", Message(NOBODY))
    best = ranked[0]
    is_alone = all(
        best.bits - other.bits >= policy.margin_bits and not _is_namesake(other)
        for other in scored[1:]
    )
    if _contradicts(best):
        return MatchResult("uncertain", Message(NUMBER_CONTRADICTED), ranked)
    if not is_alone:
        return MatchResult("uncertain", Message(TWO_ALIKE), ranked)
    if best.outcomes("identifier") & {"different", "one_digit_differs"}:
        return MatchResult("uncertain", Message(NUMBERS_DIFFER), ranked)
    if best.probability >= policy.certain:
        if _agrees_by_number(best):
            return MatchResult("certain", Message(BY_NUMBER), ranked)
        if policy.demographics_alone and _agrees_by_demographics(best, policy):
            return MatchResult("certain", Message(BY_DEMOGRAPHICS), ranked)
    return MatchResult("uncertain", Message(NOT_ENOUGH), ranked)


def query_identifiers(query: PatientQuery, policy: MatchPolicy) -> frozenset[tuple[str, str]]:
    """Return (issuer, value) of every number of the patient."""
    own = Identifier(query.patient_id, query.issuer)
    return canonical((own, *query.other_ids), policy.issuers, policy.default_issuer)


def record_identifiers(one: Demographics, policy: MatchPolicy) -> frozenset[tuple[str, str]]:
    """Return (issuer, value) of every number of a person of the record."""
    return canonical(one.identifiers, policy.issuers, "")


def name_forms(one: Demographics) -> frozenset[NameForm]:
    """Return the forms of every name of a person of the record."""
    return frozenset(form for name in one.names for form in forms_of_record(name))


def _score(query: PatientQuery, candidate: Candidate, policy: MatchPolicy) -> Scored:
    theirs = candidate.demographics
    numbers = compare_identifiers(
        query_identifiers(query, policy), record_identifiers(theirs, policy)
    )
    name = compare_names(forms_of_dicom(query.name), name_forms(theirs))
    born = theirs.birth_date
    birth_date = compare_birth_dates(
        parse_birth_date(query.birth_date),
        BirthDate() if born is None else parse_birth_date(f"{born:%Y%m%d}"),
    )
    sex = _compare_sexes(_DICOM_SEXES.get(query.sex.strip().upper()), theirs.sex)
    evidence = (
        *(
            Evidence("identifier", outcome, match_weights.IDENTIFIER[outcome].bits, issuer)
            for issuer, outcome in numbers.items()
        ),
        Evidence("name", name, match_weights.NAME[name].bits),
        Evidence("birth_date", birth_date, match_weights.BIRTH_DATE[birth_date].bits),
        Evidence("sex", sex, match_weights.SEX[sex].bits),
    )
    return Scored(candidate, evidence, sum(e.bits for e in evidence), 0.0)


def _compare_sexes(ours: Sex | None, theirs: Sex | None) -> str:
    if ours is None or theirs not in ("male", "female"):
        return "unknown"
    return "same" if ours == theirs else "different"


def _with_probabilities(scored: Sequence[Scored], policy: MatchPolicy) -> list[Scored]:
    """Return candidates by rank, each with its probability beside all others and nobody."""
    prior = math.log2(policy.population)
    odds = [2.0 ** (one.bits - prior) for one in scored]
    total = 1.0 + sum(odds)
    with_probability = [
        Scored(one.candidate, one.evidence, one.bits, o / total)
        for one, o in zip(scored, odds, strict=True)
    ]
    return sorted(with_probability, key=lambda s: (-s.bits, s.candidate.origin, s.candidate.person))


def _is_possible(one: Scored, policy: MatchPolicy) -> bool:
    """Whether a person should see a candidate, however much likelier another one is."""
    odds = 2.0**one.bits / policy.population
    return odds >= policy.possible or "same" in one.outcomes("identifier")


def _contradicts(one: Scored) -> bool:
    """Whether a shared number stands against the demographics or another number."""
    numbers = one.outcomes("identifier")
    against_number = numbers & {"different", "one_digit_differs"}
    against_person = (
        one.outcomes("birth_date")
        & {"different", "day_and_month_swapped", "spreadsheet_shift", "one_digit_differs"}
        or one.outcomes("sex") & {"different"}
        or not one.outcomes("name") & (_AGREEING_NAMES | {"unknown"})
    )
    return "same" in numbers and bool(against_number or against_person)


def _agrees_by_number(one: Scored) -> bool:
    if "same" not in one.outcomes("identifier"):
        return False
    if one.outcomes("birth_date") & _SAME_DAY:
        return bool(one.outcomes("name") & _AGREEING_NAMES)
    return bool(one.outcomes("name") & _WHOLE_NAMES) and "same" in one.outcomes("sex")


def _is_namesake(one: Scored) -> bool:
    """Whether name, birth date and sex leave nothing to tell a candidate from the patient."""
    return (
        bool(one.outcomes("name") & _WHOLE_NAMES)
        and bool(one.outcomes("birth_date") & {*_SAME_DAY, "same_as_far_as_known", "unknown"})
        and "different" not in one.outcomes("sex")
    )


def _agrees_by_demographics(one: Scored, policy: MatchPolicy) -> bool:
    """Whether name, birth date and sex are enough, whatever numbers say."""
    bits = sum(e.bits for e in one.evidence if e.element != "identifier")
    odds = 2.0**bits / policy.population
    return (
        odds >= policy.certain / (1 - policy.certain)
        and bool(one.outcomes("birth_date") & _SAME_DAY)
        and bool(one.outcomes("name") & _WHOLE_NAMES)
        and "same" in one.outcomes("sex")
    )
