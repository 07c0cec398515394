"""Choose earlier studies to compare a new one with. Pure: no network, no database."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pacs_bridge.retrieve.comparable import comparability
from pacs_bridge.retrieve.regions import regions_of

_DATE = re.compile(r"[0-9]{8}")


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """What is known of a study before its images are looked at; empty where unknown.

    Parameters
    ----------
    body_parts, descriptions
        Of the study and its series.
    peer
        Name of the peer that has it; empty for our own archive.
    """

    study_uid: str
    patient_id: str
    issuer_of_patient_id: str = ""
    patient_birth_date: str = ""
    patient_sex: str = ""
    study_date: str = ""
    modalities: frozenset[str] = frozenset()
    body_parts: frozenset[str] = frozenset()
    descriptions: tuple[str, ...] = ()
    peer: str = ""

    @property
    def regions(self) -> frozenset[str]:
        """Coarse regions of the body; empty if nothing says."""
        return regions_of(self.modalities, self.body_parts, self.descriptions)


def same_patient(one: StudyFacts, other: StudyFacts) -> bool:
    """Whether two studies are of one patient, by identifiers; the name is never looked at.

    The patient ID must be equal and not empty. If both issuers are known, they must be equal;
    if only one is, the birth dates must be known and equal, because two hospitals may give one
    number to two people. A birth date or sex that contradicts rules a match out.
    """
    if not one.patient_id or one.patient_id != other.patient_id:
        return False
    births = one.patient_birth_date, other.patient_birth_date
    issuers = one.issuer_of_patient_id, other.issuer_of_patient_id
    if all(issuers) and issuers[0] != issuers[1]:
        return False
    if any(issuers) and not all(issuers) and not (all(births) and births[0] == births[1]):
        return False
    sexes = {s for s in (one.patient_sex, other.patient_sex) if s in {"M", "F"}}
    return len(sexes) < 2 and not (all(births) and births[0] != births[1])


def select_priors(
    current: StudyFacts, candidates: Iterable[StudyFacts], count: int
) -> tuple[StudyFacts, ...]:
    """Return the earlier studies of the patient to compare with, best first, at most `count`.

    First those of the same modality and region, newest first; then those of another modality
    that can be compared (`comparable.ALSO_COMPARABLE`); then those of the same modality whose
    region is not known. A study that several peers have is taken from the first that named it.

    Parameters
    ----------
    current
        The new study; without a date it has no priors.
    candidates
        Any studies, in order of preference of their peers.
    count
        How many at most.
    """
    if not _DATE.fullmatch(current.study_date):
        return ()
    ranked: dict[str, tuple[int, StudyFacts]] = {}
    for candidate in candidates:
        rank = _rank(current, candidate)
        if rank is not None and candidate.study_uid not in ranked:
            ranked[candidate.study_uid] = (rank, candidate)
    newest_first = sorted(ranked.values(), key=lambda r: r[1].study_date, reverse=True)
    best_first = sorted(newest_first, key=lambda r: r[0])
    return tuple(candidate for _, candidate in best_first[: max(0, count)])


def may_be_prior(current: StudyFacts, candidate: StudyFacts) -> bool:
    """Whether a study is an earlier one of the patient, whatever it shows."""
    if candidate.study_uid == current.study_uid or not same_patient(current, candidate):
        return False
    date = candidate.study_date
    return _DATE.fullmatch(date) is not None and date < current.study_date


def _rank(current: StudyFacts, candidate: StudyFacts) -> int | None:
    if not may_be_prior(current, candidate):
        return None
    return comparability(
        current.modalities, current.regions, candidate.modalities, candidate.regions
    )
