"""Cases and what people say of them; nothing said is ever altered or deleted.

Every step is one transaction and leaves an audit event. A closed case takes nothing more until
somebody reopens it, which stays visible.
"""

import hashlib
import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sqlalchemy import Connection, Row, select, update

from clinical_ai.accounts import Account, Role, authenticate
from clinical_ai.errors import CaseError
from clinical_ai.messages import N_
from clinical_ai.record_link import linked_person, study_patient
from clinical_ai.services import Services
from clinical_ai.store.audit import record_event
from clinical_ai.store.tables import case_entry, case_study, patient_case
from pacs_bridge.database import writing
from pacs_bridge.tables import study as study_table

BOARD_ROLES: frozenset[Role] = frozenset({"radiologist", "physician"})
MAX_TITLE_CHARACTERS = 120
MAX_TEXT_CHARACTERS = 8000

EntryKind = Literal["question", "opinion", "conclusion", "reopened"]

NO_CASE = N_("There is no such case; refresh the page.")
MAY_NOT = N_("Your role may not take part in the case board.")
CLOSED = N_("This case is closed; reopen it first.")
NOT_CLOSED = N_("This case is open already.")
TEXT_NEEDED = N_("Write something.")
TOO_LONG = N_("The text is too long.")
IMPORTED = N_("This opinion is in the case already.")
TITLE_NEEDED = N_("Give the case a title of at most 120 characters.")
NO_STUDY = N_("Name at least one study that is in the archive.")
OTHER_PATIENT = N_("These studies are of different patients; a case is about one.")


@dataclass(frozen=True, slots=True)
class Entry:
    """Something said of a case.

    Parameters
    ----------
    author, full_name, role
        Who said it; of an imported opinion the author is empty and the name that of the place.
    refers_to
        Number of the entry that it answers.
    imported
        It came back from a tele-consultation.
    at
        UTC epoch seconds.
    """

    number: int
    kind: EntryKind
    text: str
    author: str
    full_name: str
    role: str
    at: float
    refers_to: int | None = None
    imported: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """A case with everything said of it, the oldest first.

    Parameters
    ----------
    origin, person
        The record of the patient, where one is surely his or hers; else empty.
    is_intact
        Whether no entry was changed, removed or put in between in the database. That the last
        ones were cut off is not noticed by this; the audit trail tells of them.
    """

    id: str
    title: str
    patient_id: str
    origin: str
    person: str
    is_open: bool
    opened_by: str
    opened_at: float
    study_uids: tuple[str, ...]
    entries: tuple[Entry, ...]
    is_intact: bool = True


def open_case(
    services: Services, account: Account, title: str, question: str, study_uids: Sequence[str]
) -> Case:
    """Open a case about one patient.

    Raises
    ------
    CaseError
        When a study is not archived, the studies are of several patients, or a text is missing.
    """
    _may(account)
    title = title.strip()
    if not 0 < len(title) <= MAX_TITLE_CHARACTERS:
        raise CaseError(TITLE_NEEDED)
    text = _text(question)
    uids = tuple(dict.fromkeys(study_uids))
    patient_id = _one_patient(services, uids)
    origin, person = _record(services, uids[0])
    case_id = str(uuid.uuid4())
    now = time.time()
    with writing(services.engine) as connection:
        connection.execute(
            patient_case.insert().values(
                id=case_id,
                title=title,
                patient_id=patient_id,
                origin=origin,
                person=person,
                is_open=True,
                opened_by=account.username,
                opened_at=now,
            )
        )
        connection.execute(
            case_study.insert(), [{"case_id": case_id, "study_uid": uid} for uid in uids]
        )
        _say(connection, case_id, "question", text, account, now)
        for uid in uids:
            record_event(
                connection, account.username, "case-open", study_uid=uid, detail=f"case {case_id}"
            )
    return find_case(services, case_id)


def find_case(services: Services, case_id: str) -> Case:
    """Return a case.

    Raises
    ------
    CaseError
        When there is none.
    """
    with services.engine.connect() as connection:
        return _case(connection, _row(connection, case_id))


def view_case(services: Services, case_id: str, username: str) -> Case:
    """Return a case, and note who looked at it.

    Raises
    ------
    CaseError
        When there is none.
    """
    case = find_case(services, case_id)
    with writing(services.engine) as connection:
        for uid in case.study_uids:
            record_event(connection, username, "case-view", study_uid=uid, detail=f"case {case_id}")
    return case


def list_cases(services: Services, *, closed: bool = False) -> list[Case]:
    """Return the open cases, or all, the newest first."""
    query = select(patient_case).order_by(patient_case.c.opened_at.desc())
    if not closed:
        query = query.where(patient_case.c.is_open)
    with services.engine.connect() as connection:
        return [_case(connection, row) for row in connection.execute(query).all()]


def add_question(services: Services, case_id: str, account: Account, text: str) -> Entry:
    """Add an open question.

    Raises
    ------
    CaseError
        When the case is closed, the role may not, or there is no text.
    """
    return _add(services, case_id, account, "question", text, None)


def add_opinion(
    services: Services, case_id: str, account: Account, text: str, refers_to: int | None = None
) -> Entry:
    """Record an opinion, which may answer an earlier entry of the case.

    Raises
    ------
    CaseError
        As `add_question`, or when `refers_to` is no entry of the case.
    """
    return _add(services, case_id, account, "opinion", text, refers_to)


def add_imported(connection: Connection, case_id: str, entry: Entry, username: str) -> None:
    """Record an opinion that came back from elsewhere, in the caller's transaction."""
    case = _case(connection, _row(connection, case_id))
    if not case.is_open:
        raise CaseError(CLOSED)
    known = {(e.full_name, e.role, e.text) for e in case.entries if e.imported}
    if (entry.full_name, entry.role, _text(entry.text)) in known:
        raise CaseError(IMPORTED)
    _insert(connection, case_id, replace(entry, kind="opinion", text=_text(entry.text)))
    record_event(connection, username, "case-import", detail=f"case {case_id}")


def close_case(
    services: Services, case_id: str, account: Account, password: str, conclusion: str
) -> Entry:
    """Close a case with a conclusion, after the password was given again.

    Raises
    ------
    CaseError
        When the case is closed, the role may not, or there is no conclusion.
    AccountError
        When the password is wrong.
    """
    _may(account)
    text = _text(conclusion)
    signer = authenticate(services.engine, account.username, password)
    with writing(services.engine) as connection:
        if not _row(connection, case_id).is_open:
            raise CaseError(CLOSED)
        entry = _say(connection, case_id, "conclusion", text, signer, time.time())
        _set_open(connection, case_id, is_open=False)
        record_event(connection, account.username, "case-close", detail=f"case {case_id}")
    return entry


def reopen_case(
    services: Services, case_id: str, account: Account, password: str, reason: str
) -> Entry:
    """Reopen a closed case, after the password was given again; the conclusion stays visible.

    Raises
    ------
    CaseError
        When the case is open, the role may not, or no reason is given.
    AccountError
        When the password is wrong.
    """
    _may(account)
    text = _text(reason)
    account = authenticate(services.engine, account.username, password)
    with writing(services.engine) as connection:
        if _row(connection, case_id).is_open:
            raise CaseError(NOT_CLOSED)
        entry = _say(connection, case_id, "reopened", text, account, time.time())
        _set_open(connection, case_id, is_open=True)
        record_event(connection, account.username, "case-reopen", detail=f"case {case_id}")
    return entry


def _add(
    services: Services,
    case_id: str,
    account: Account,
    kind: EntryKind,
    text: str,
    refers_to: int | None,
) -> Entry:
    _may(account)
    text = _text(text)
    with writing(services.engine) as connection:
        case = _case(connection, _row(connection, case_id))
        if not case.is_open:
            raise CaseError(CLOSED)
        if refers_to is not None and refers_to not in {e.number for e in case.entries}:
            raise CaseError(f"the case has no entry {refers_to}")
        entry = _say(connection, case_id, kind, text, account, time.time(), refers_to)
        record_event(connection, account.username, f"case-{kind}", detail=f"case {case_id}")
    return entry


def _say(
    connection: Connection,
    case_id: str,
    kind: EntryKind,
    text: str,
    account: Account,
    at: float,
    refers_to: int | None = None,
) -> Entry:
    said = Entry(0, kind, text, account.username, account.full_name, account.role, at, refers_to)
    return replace(said, number=_insert(connection, case_id, said))


def _insert(connection: Connection, case_id: str, entry: Entry) -> int:
    """Add an entry, chained to the one before by its digest; returns its number."""
    before = connection.execute(
        select(case_entry.c.digest)
        .where(case_entry.c.case_id == case_id)
        .order_by(case_entry.c.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    number = connection.execute(
        case_entry.insert()
        .values(
            case_id=case_id,
            kind=entry.kind,
            body=entry.text,
            author=entry.author,
            full_name=entry.full_name,
            role=entry.role,
            refers_to=entry.refers_to,
            imported=entry.imported,
            at=entry.at,
            digest=_digest(before or case_id, entry),
        )
        .returning(case_entry.c.id)
    ).scalar_one()
    return int(number)


def _digest(before: str, entry: Entry) -> str:
    """Return the SHA-256 of an entry and of the digest before it."""
    values = [
        before,
        entry.kind,
        entry.text,
        entry.author,
        entry.full_name,
        entry.role,
        repr(entry.at),
        entry.refers_to,
        entry.imported,
    ]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def _set_open(connection: Connection, case_id: str, *, is_open: bool) -> None:
    connection.execute(
        update(patient_case).where(patient_case.c.id == case_id).values(is_open=is_open)
    )


def _row(connection: Connection, case_id: str) -> Row[tuple[object, ...]]:
    row = connection.execute(
        select(patient_case).where(patient_case.c.id == case_id).with_for_update()
    ).one_or_none()
    if row is None:
        raise CaseError(NO_CASE)
    return row


def _case(connection: Connection, row: Row[tuple[object, ...]]) -> Case:
    studies = connection.execute(
        select(case_study.c.study_uid)
        .where(case_study.c.case_id == row.id)
        .order_by(case_study.c.study_uid)
    ).scalars()
    rows = connection.execute(
        select(case_entry).where(case_entry.c.case_id == row.id).order_by(case_entry.c.id)
    ).all()
    entries = tuple(
        Entry(
            e.id, e.kind, e.body, e.author, e.full_name, e.role, e.at, e.refers_to, bool(e.imported)
        )
        for e in rows
    )
    digests = [row.id, *(e.digest for e in rows)]
    return Case(
        id=row.id,
        title=row.title,
        patient_id=row.patient_id,
        origin=row.origin,
        person=row.person,
        is_open=bool(row.is_open),
        opened_by=row.opened_by,
        opened_at=row.opened_at,
        study_uids=tuple(studies),
        entries=entries,
        is_intact=all(
            _digest(before, entry) == digest
            for before, entry, digest in zip(digests, entries, digests[1:], strict=False)
        ),
    )


def _one_patient(services: Services, study_uids: Sequence[str]) -> str:
    """Return the patient ID of the studies, which must agree in all that says who it is."""
    c = study_table.c
    query = select(
        c.patient_id,
        c.issuer_of_patient_id,
        c.patient_name_folded,
        c.patient_birth_date,
        c.patient_sex,
    ).where(c.study_instance_uid.in_(study_uids))
    with services.engine.connect() as connection:
        rows = connection.execute(query).all()
    if not study_uids or len(rows) != len(study_uids):
        raise CaseError(NO_STUDY)
    # Studies without a patient ID may be anybody's: only one alone can be sure of itself.
    if len({tuple(row) for row in rows}) != 1 or (len(rows) > 1 and not rows[0][0].strip()):
        raise CaseError(OTHER_PATIENT)
    return str(rows[0][0])


def _record(services: Services, study_uid: str) -> tuple[str, str]:
    patient = study_patient(services, study_uid)
    found = None if patient is None else linked_person(services, patient.query)
    return ("", "") if found is None else found


def _may(account: Account) -> None:
    if account.role not in BOARD_ROLES:
        raise CaseError(MAY_NOT)


def _text(text: str) -> str:
    text = text.replace("\0", "").strip()  # which PostgreSQL cannot keep
    if not text:
        raise CaseError(TEXT_NEEDED)
    if len(text) > MAX_TEXT_CHARACTERS:
        raise CaseError(TOO_LONG)
    return text
