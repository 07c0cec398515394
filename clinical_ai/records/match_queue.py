"""Patients whose record a person must name: asked, decided with a reason, remembered, revoked.

What was decided counts for as long as the images say the same of the patient and the same
evidence stands; whenever either changes, a person is asked again.
"""

import hashlib
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import orjson
from sqlalchemy import Connection, Engine, Row, func, select, update

from clinical_ai.errors import RecordError
from clinical_ai.messages import N_, Message
from clinical_ai.records.blocking import query_keys
from clinical_ai.records.matching import (
    Candidate,
    Evidence,
    MatchPolicy,
    MatchResult,
    PatientQuery,
    Scored,
    match,
)
from clinical_ai.records.record import Identifier
from clinical_ai.records.store import RecordStore
from clinical_ai.store.audit import record_event
from clinical_ai.store.tables import patient_match, patient_match_decision
from pacs_bridge.database import insert_or_ignore, writing
from pacs_bridge.text import fold_name

State = Literal["waiting", "accepted", "rejected"]
Action = Literal["accept", "reject", "revoke"]

MOST_SHOWN = 10
"""Candidates of one patient that are kept for a person to look at."""

DECIDED = N_("A person has decided whose record this is.")
NO_LONGER = N_("A decision about this patient no longer fits what is known; decide again.")
NO_SUCH_MATCH = N_("There is no such question; refresh the list.")
REASON_NEEDED = N_("Give a reason; it is kept with the decision.")
NOT_A_CANDIDATE = N_("This person is not among the candidates.")
NOT_WAITING = N_("This question is decided; revoke the decision first.")
NOTHING_TO_REVOKE = N_("This question is not decided.")


@dataclass(frozen=True, slots=True)
class KeptCandidate:
    """A person who may be the patient, as shown: who they are is in the record store."""

    origin: str
    person: str
    probability: float
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Decided:
    """What a person decided, and why."""

    action: Action
    origin: str | None
    person: str | None
    reason: str
    username: str
    made_at: float


@dataclass(frozen=True, slots=True)
class PatientMatch:
    """A question to a person: whose record a patient's is.

    Parameters
    ----------
    study_uid
        The newest study that asked.
    why
        Why it is not certain.
    decisions
        The oldest first.
    """

    id: int
    study_uid: str
    query: PatientQuery
    candidates: tuple[KeptCandidate, ...]
    why: str
    state: State
    origin: str | None
    person: str | None
    asked_at: float
    decisions: tuple[Decided, ...] = ()


def match_known(engine: Engine, query: PatientQuery, policy: MatchPolicy) -> MatchResult:
    """Match a patient with the record store, as people have decided before; asks nobody.

    ``certain`` is either the verdict of the rules or a decision that still stands.
    """
    return _match_known(engine, query, policy)[0]


def match_patient(
    engine: Engine, query: PatientQuery, policy: MatchPolicy, *, study_uid: str
) -> MatchResult:
    """Match as `match_known`, and put an uncertain match into the queue, once a patient.

    Parameters
    ----------
    study_uid
        The study that the patient is of.
    """
    result, asked = _match_known(engine, query, policy)
    if result.outcome == "uncertain" and _is_news(result, asked):
        with writing(engine) as connection:
            _ask(connection, query, result, study_uid)
    return result


def _match_known(
    engine: Engine, query: PatientQuery, policy: MatchPolicy
) -> tuple[MatchResult, Row[Any] | None]:
    persons = RecordStore(engine).candidates(query_keys(query))
    found = [Candidate(p.person, p.origin, p.demographics) for p in persons]
    with engine.connect() as connection:
        asked = connection.execute(
            select(patient_match).where(patient_match.c.patient_key == patient_key(query))
        ).one_or_none()
        rejected = frozenset() if asked is None else _rejected(connection, asked)
    left = [c for c in found if (c.origin, c.person) not in rejected]
    result = match(query, left, policy)
    if asked is None or asked.state != "accepted":
        return result, asked
    standing = _standing(result, asked)
    if standing is None and result.outcome == "certain":
        return MatchResult("uncertain", Message(NO_LONGER), result.ranked), asked
    return standing or result, asked


def _is_news(result: MatchResult, asked: Row[Any] | None) -> bool:
    """Whether the queue does not show this already."""
    kept = _candidates_json([_kept(s) for s in result.ranked[:MOST_SHOWN]])
    return asked is None or asked.state != "waiting" or asked.candidates != kept


def patient_key(query: PatientQuery) -> str:
    """Return a digest of all that the images say of a patient."""
    parts = (
        query.patient_id.strip(),
        query.issuer.strip(),
        fold_name(query.name),
        query.birth_date.strip(),
        query.sex.strip(),
        *sorted(f"{i.system}|{i.value}" for i in query.other_ids),
    )
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


_WAITING: tuple[State, ...] = ("waiting",)


def list_matches(engine: Engine, states: Collection[State] = _WAITING) -> list[PatientMatch]:
    """Return questions in one of the states, the longest asked first."""
    query = select(patient_match).where(patient_match.c.state.in_(sorted(states)))
    with engine.connect() as connection:
        rows = connection.execute(query.order_by(patient_match.c.asked_at, patient_match.c.id))
        return [_match(row, ()) for row in rows]


def count_waiting(engine: Engine) -> int:
    """Return how many patients wait for a person."""
    query = select(func.count()).where(patient_match.c.state == "waiting")
    with engine.connect() as connection:
        return int(connection.execute(query).scalar_one())


def find_match(engine: Engine, match_id: int) -> PatientMatch:
    """Return a question with its decisions.

    Raises
    ------
    RecordError
        `NO_SUCH_MATCH`.
    """
    with engine.connect() as connection:
        row = _row(connection, match_id)
        return _match(row, _decisions(connection, match_id))


def accept(
    engine: Engine, match_id: int, origin: str, person: str, *, reason: str, username: str
) -> PatientMatch:
    """Decide that a candidate is the patient.

    Raises
    ------
    RecordError
        Without a reason, for a person who is no candidate, or a question that is decided.
    """
    with writing(engine) as connection:
        one = _match(_row(connection, match_id), ())
        if one.state != "waiting":
            raise RecordError(NOT_WAITING)
        if (origin, person) not in {(c.origin, c.person) for c in one.candidates}:
            raise RecordError(NOT_A_CANDIDATE)
        _decide(connection, one, "accept", (origin, person), reason, username)
    return find_match(engine, match_id)


def reject(engine: Engine, match_id: int, *, reason: str, username: str) -> PatientMatch:
    """Decide that none of the candidates is the patient; a new candidate asks again.

    Raises
    ------
    RecordError
        Without a reason, or for a question that is decided.
    """
    with writing(engine) as connection:
        one = _match(_row(connection, match_id), ())
        if one.state != "waiting":
            raise RecordError(NOT_WAITING)
        _decide(connection, one, "reject", None, reason, username)
    return find_match(engine, match_id)


def revoke(engine: Engine, match_id: int, *, reason: str, username: str) -> PatientMatch:
    """Take a decision back: the patient has no record again, and the question waits.

    Raises
    ------
    RecordError
        Without a reason, or for a question that is not decided.
    """
    with writing(engine) as connection:
        one = _match(_row(connection, match_id), ())
        if one.state == "waiting":
            raise RecordError(NOTHING_TO_REVOKE)
        linked = None if one.person is None else (one.origin or "", one.person)
        _decide(connection, one, "revoke", linked, reason, username)
    return find_match(engine, match_id)


def _decide(
    connection: Connection,
    one: PatientMatch,
    action: Action,
    whom: tuple[str, str] | None,
    reason: str,
    username: str,
) -> None:
    if not reason.strip():
        raise RecordError(REASON_NEEDED)
    states: Mapping[Action, State] = {
        "accept": "accepted",
        "reject": "rejected",
        "revoke": "waiting",
    }
    connection.execute(
        patient_match_decision.insert().values(
            match_id=one.id,
            action=action,
            origin=whom[0] if whom else None,
            person=whom[1] if whom else None,
            shown=_candidates_json(one.candidates),
            reason=reason.strip(),
            username=username,
            made_at=time.time(),
        )
    )
    is_linked = action == "accept" and whom is not None
    connection.execute(
        update(patient_match)
        .where(patient_match.c.id == one.id)
        .values(
            state=states[action],
            origin=whom[0] if is_linked and whom else None,
            person=whom[1] if is_linked and whom else None,
        )
    )
    record_event(
        connection,
        username,
        f"match-{action}",
        study_uid=one.study_uid,
        detail=f"match {one.id}" + (f", {whom[0]} Patient/{whom[1]}" if whom else ""),
    )


def _standing(result: MatchResult, asked: Row[Any]) -> MatchResult | None:
    """Return the match that a person decided, if nothing that they saw has changed."""
    chosen = next(
        (
            s
            for s in result.ranked
            if (s.candidate.origin, s.candidate.person) == (asked.origin, asked.person)
        ),
        None,
    )
    shown = {(c.origin, c.person): c.evidence for c in _candidates(asked.candidates)}
    is_same = chosen is not None and chosen.evidence == shown.get((asked.origin, asked.person))
    is_contested = result.match is not None and result.match != (chosen and chosen.candidate)
    if chosen is None or not is_same or is_contested:
        return None
    others = tuple(s for s in result.ranked if s is not chosen)
    return MatchResult("certain", Message(DECIDED), (chosen, *others))


def _ask(connection: Connection, query: PatientQuery, result: MatchResult, study_uid: str) -> None:
    """Put a patient into the queue, or bring what is shown of them up to date."""
    values = {
        "study_uid": study_uid,
        "query": orjson.dumps(query).decode(),
        "candidates": _candidates_json([_kept(s) for s in result.ranked[:MOST_SHOWN]]),
        "why": result.reason.template,
        "state": "waiting",
        "origin": None,
        "person": None,
    }
    key = patient_key(query)
    is_new = insert_or_ignore(
        connection, patient_match, {**values, "patient_key": key, "asked_at": time.time()}
    )
    if is_new:
        return
    row = connection.execute(
        select(patient_match).where(patient_match.c.patient_key == key).with_for_update()
    ).one()
    connection.execute(update(patient_match).where(patient_match.c.id == row.id).values(values))
    if row.state != "waiting":
        record_event(
            connection, "system", "match-reopen", study_uid=study_uid, detail=f"match {row.id}"
        )


def _rejected(connection: Connection, asked: Row[Any]) -> frozenset[tuple[str, str]]:
    """Return whom a person saw and rejected, unless that was revoked since."""
    newest: set[tuple[str, str]] = set()
    rows = connection.execute(
        select(patient_match_decision)
        .where(patient_match_decision.c.match_id == asked.id)
        .order_by(patient_match_decision.c.id)
    )
    for row in rows:
        if row.action == "revoke":
            newest.clear()
        elif row.action == "reject":
            newest |= {(c.origin, c.person) for c in _candidates(row.shown)}
    return frozenset(newest)


def _row(connection: Connection, match_id: int) -> Row[Any]:
    row = connection.execute(
        select(patient_match).where(patient_match.c.id == match_id).with_for_update()
    ).one_or_none()
    if row is None:
        raise RecordError(NO_SUCH_MATCH)
    return row


def _decisions(connection: Connection, match_id: int) -> tuple[Decided, ...]:
    rows = connection.execute(
        select(patient_match_decision)
        .where(patient_match_decision.c.match_id == match_id)
        .order_by(patient_match_decision.c.id)
    )
    return tuple(
        Decided(r.action, r.origin, r.person, r.reason, r.username, r.made_at) for r in rows
    )


def _match(row: Row[Any], decisions: tuple[Decided, ...]) -> PatientMatch:
    query = orjson.loads(row.query)
    query["other_ids"] = tuple(Identifier(**i) for i in query["other_ids"])
    return PatientMatch(
        id=row.id,
        study_uid=row.study_uid,
        query=PatientQuery(**query),
        candidates=_candidates(row.candidates),
        why=row.why,
        state=row.state,
        origin=row.origin,
        person=row.person,
        asked_at=row.asked_at,
        decisions=decisions,
    )


def _kept(one: Scored) -> KeptCandidate:
    return KeptCandidate(one.candidate.origin, one.candidate.person, one.probability, one.evidence)


def _candidates_json(candidates: Sequence[KeptCandidate]) -> str:
    return orjson.dumps([asdict(c) for c in candidates]).decode()


def _candidates(body: str) -> tuple[KeptCandidate, ...]:
    return tuple(
        KeptCandidate(
            one["origin"],
            one["person"],
            one["probability"],
            tuple(Evidence(**e) for e in one["evidence"]),
        )
        for one in orjson.loads(body)
    )
