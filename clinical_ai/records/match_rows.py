"""Questions of the match queue as rows of lists."""

from clinical_ai.formats import dicom_date, iso_moment, person_name, visible
from clinical_ai.records.match_queue import KeptCandidate, PatientMatch
from clinical_ai.records.match_words import evidence_in_words, sign
from clinical_ai.records.record import Demographics
from clinical_ai.records.store import RecordStore

LIST_COLUMNS = (
    "id",
    "state",
    "patient_id",
    "name",
    "birth_date",
    "sex",
    "candidates",
    "why",
    "asked",
    "study_uid",
)
CANDIDATE_COLUMNS = (
    "person",
    "origin",
    "probability",
    "name",
    "birth_date",
    "sex",
    "identifiers",
    "evidence",
)
DECISION_COLUMNS = ("made", "action", "person", "reason", "username")


def match_row(one: PatientMatch) -> dict[str, object]:
    """Return a question as people read it."""
    query = one.query
    return {
        "id": one.id,
        "state": one.state,
        "patient_id": visible(query.patient_id),
        "name": person_name(query.name),
        "birth_date": dicom_date(query.birth_date),
        "sex": visible(query.sex),
        "candidates": len(one.candidates),
        "why": one.why,
        "asked": iso_moment(one.asked_at),
        "study_uid": one.study_uid,
    }


def candidate_rows(store: RecordStore, one: PatientMatch) -> list[dict[str, object]]:
    """Return who may be meant, the likeliest first, as the store knows them now."""
    return [_candidate_row(store, candidate) for candidate in one.candidates]


def decision_rows(one: PatientMatch) -> list[dict[str, object]]:
    """Return what was decided, the oldest first."""
    return [
        {
            "made": iso_moment(d.made_at),
            "action": d.action,
            "person": "" if d.person is None else f"{d.origin}/{d.person}",
            "reason": visible(d.reason),
            "username": d.username,
        }
        for d in one.decisions
    ]


def names_of(who: Demographics) -> str:
    """Return every name of a person as one text."""
    names = (n.text or f"{n.family} {n.given}" for n in who.names)
    return "; ".join(visible(name) for name in names)


def numbers_of(who: Demographics) -> str:
    """Return every number of a person with its issuer as one text."""
    return "; ".join(visible(f"{i.value} ({i.system or 'no issuer'})") for i in who.identifiers)


def _candidate_row(store: RecordStore, candidate: KeptCandidate) -> dict[str, object]:
    stored = store.person(candidate.person, origin=candidate.origin)
    who = Demographics() if stored is None else stored.demographics
    return {
        "person": candidate.person,
        "origin": candidate.origin,
        "probability": round(candidate.probability, 6),
        "name": names_of(who),
        "birth_date": "" if who.birth_date is None else who.birth_date.isoformat(),
        "sex": who.sex or "",
        "identifiers": numbers_of(who),
        "evidence": "; ".join(
            f"{sign(e)} {evidence_in_words(e)} ({e.bits:+.1f} bits)" for e in candidate.evidence
        ),
    }
