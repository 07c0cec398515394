"""Cases and what was said of them; every entry is added, none is ever changed.

The state of a case follows from its entries. Each entry holds a digest over itself and the
entry before it, so that a change made past this module, in the database, shows.
"""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import orjson
from sqlalchemy import Connection, Engine, Row, select

from clinical_ai.accounts import Account, Role, authenticate
from clinical_ai.errors import CaseError
from clinical_ai.messages import N_, Message
from clinical_ai.store.audit import record_event
from clinical_ai.store.tables import board_case, board_entry
from pacs_bridge.database import writing
from pacs_bridge.tables import study

Kind = Literal["open", "question", "opinion", "close", "reopen", "export", "import"]
State = Literal["open", "closed"]
CASE_ROLES: frozenset[Role] = frozenset({"radiologist", "physician"})
"""Who may look at a case, speak of it, close it and open it again."""
MAX_TEXT = 4000

NO_SUCH_CASE = N_("There is no such case; see the list of cases.")
NO_SUCH_STUDY = N_("The study is not in the archive; a case is opened on a study.")
CLOSED = N_("The case is closed; open it again first, which is recorded.")
NOT_CLOSED = N_("The case is not closed.")
TEXT_NEEDED = N_("Write 1 to {most} characters.")
MAY_NOT = N_("Your role may not take part in cases; ask a radiologist or a physician.")
ALREADY_IMPORTED = N_("These opinions are in the case already.")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was said or done.

    Parameters
    ----------
    number
        Counts from 1 within the case.
    author, author_name, role
        User name, name and role when it was written; of an imported opinion, `author` is who
        imported it, name and role are as the file states them.
    origin
        SHA-256 of the file that an imported opinion is from; else empty.
    at
        UTC epoch seconds; of an imported opinion when it was imported.
    """

    number: int
    kind: Kind
    text: str
    author: str
    author_name: str
    role: str
    at: float
    origin: str
    digest: str


@dataclass(frozen=True, slots=True)
class Case:
    """A case: the patient as the images name them, and all entries in order.

    Parameters
    ----------
    study_uid
        The study that the case was opened on.
    intact
        Whether every entry is as it was written.
    """

    id: int
    study_uid: str
    patient_id: str
    issuer: str
    opened_at: float
    entries: tuple[Entry, ...]
    intact: bool

    @property
    def state(self) -> State:
        """Open, or closed and not opened again."""
        return _state(self.entries)

    def of_kind(self, kind: Kind) -> tuple[Entry, ...]:
        """Return the entries of a kind."""
        return tuple(e for e in self.entries if e.kind == kind)

    @property
    def conclusion(self) -> Entry | None:
        """What the case was closed with; None while it is open."""
        return self.of_kind("close")[-1] if self.state == "closed" else None


@dataclass(frozen=True, slots=True)
class Said:
    """What is to become an entry; `author_name` and `role` as in `Entry`."""

    kind: Kind
    text: str
    author_name: str
    role: str
    origin: str = ""


def open_case(engine: Engine, study_uid: str, account: Account, question: str) -> Case:
    """Open a case on the patient of a study, with the question that it is about.

    Raises
    ------
    CaseError
        When there is no such study, or the role may not.
    """
    text = _checked(account, question)
    with writing(engine) as connection:
        found = connection.execute(
            select(study.c.patient_id, study.c.issuer_of_patient_id).where(
                study.c.study_instance_uid == study_uid
            )
        ).one_or_none()
        if found is None:
            raise CaseError(Message(NO_SUCH_STUDY))
        case_id = connection.execute(
            board_case.insert()
            .values(
                study_uid=study_uid,
                patient_id=found.patient_id,
                issuer=found.issuer_of_patient_id,
                opened_at=time.time(),
            )
            .returning(board_case.c.id)
        ).scalar_one()
        case = _locked(connection, case_id)
        for kind, words in (("open", ""), ("question", text)):
            case = _add(connection, case, _by(account, kind, words), account.username)
    return case


def list_cases(engine: Engine) -> list[Case]:
    """Return all cases, the newest first."""
    with engine.connect() as connection:
        ids = connection.execute(select(board_case.c.id).order_by(board_case.c.id.desc()))
        return [_case(connection, i) for i in ids.scalars().all()]


def find_case(engine: Engine, case_id: int) -> Case:
    """Return a case.

    Raises
    ------
    CaseError
        When there is none of that number.
    """
    with engine.connect() as connection:
        return _case(connection, case_id)


def view_case(engine: Engine, case_id: int, username: str) -> Case:
    """Return a case, and note in the audit trail that somebody looked at it."""
    with writing(engine) as connection:
        case = _case(connection, case_id)
        record_event(
            connection, username, "case-view", study_uid=case.study_uid, detail=f"case {case_id}"
        )
    return case


def add_question(engine: Engine, case_id: int, account: Account, text: str) -> Case:
    """Add an open question; errors as `add_opinion`."""
    return _say(engine, case_id, account, "question", text)


def add_opinion(engine: Engine, case_id: int, account: Account, text: str) -> Case:
    """Add an opinion under the name of its author.

    Raises
    ------
    CaseError
        When the case is closed, the text empty or too long, or the role may not.
    """
    return _say(engine, case_id, account, "opinion", text)


def close_case(engine: Engine, case_id: int, account: Account, password: str, text: str) -> Case:
    """Close a case with a conclusion, under the name of a clinician who signs in again.

    Raises
    ------
    CaseError
        As `add_opinion`.
    AccountError
        When the password is wrong.
    """
    _checked(account, text)
    return _say(engine, case_id, authenticate(engine, account.username, password), "close", text)


def reopen_case(engine: Engine, case_id: int, account: Account, password: str, text: str) -> Case:
    """Open a closed case again and record why; the conclusion stays. Errors as `close_case`."""
    reason = _checked(account, text)
    signed_in = authenticate(engine, account.username, password)
    _checked(signed_in, reason)
    with writing(engine) as connection:
        case = _locked(connection, case_id)
        if case.state != "closed":
            raise CaseError(Message(NOT_CLOSED))
        return _add(connection, case, _by(signed_in, "reopen", reason), signed_in.username)


def note_export(engine: Engine, case_id: int, username: str, detail: str) -> Case:
    """Record that a bundle of a case left; of a closed case too."""
    with writing(engine) as connection:
        case = _locked(connection, case_id)
        return _add(connection, case, Said("export", detail, "", ""), username)


def add_imported(engine: Engine, case_id: int, said: list[Said], username: str) -> Case:
    """Add the opinions of one file together.

    Raises
    ------
    CaseError
        When the case is closed, or the file was imported before.
    """
    with writing(engine) as connection:
        case = _locked(connection, case_id)
        if case.state == "closed":
            raise CaseError(Message(CLOSED))
        if {s.origin for s in said} & {e.origin for e in case.of_kind("import")}:
            raise CaseError(Message(ALREADY_IMPORTED))
        for one in said:
            case = _add(connection, case, one, username)
    return case


def _say(engine: Engine, case_id: int, account: Account, kind: Kind, text: str) -> Case:
    words = _checked(account, text)
    with writing(engine) as connection:
        case = _locked(connection, case_id)
        if case.state == "closed":
            raise CaseError(Message(CLOSED))
        return _add(connection, case, _by(account, kind, words), account.username)


def _checked(account: Account, text: str) -> str:
    if account.role not in CASE_ROLES:
        raise CaseError(Message(MAY_NOT))
    if not 1 <= len(text.strip()) <= MAX_TEXT or "\0" in text:
        raise CaseError(Message(TEXT_NEEDED, {"most": MAX_TEXT}))
    return text.strip()


def _by(account: Account, kind: str, text: str) -> Said:
    return Said(_kind(kind), text, account.full_name, account.role)


def _add(connection: Connection, case: Case, said: Said, username: str) -> Case:
    values: dict[str, Any] = {
        "case_id": case.id,
        "number": len(case.entries) + 1,
        "kind": said.kind,
        "text": said.text,
        "author": username,
        "author_name": said.author_name,
        "role": said.role,
        "at": time.time(),
        "origin": said.origin,
    }
    values["digest"] = _digest(case.entries[-1].digest if case.entries else "", values)
    connection.execute(board_entry.insert().values(values))
    record_event(
        connection,
        username,
        f"case-{said.kind}",
        study_uid=case.study_uid,
        detail=f"case {case.id} entry {values['number']}",
    )
    return _case(connection, case.id)


def _locked(connection: Connection, case_id: int) -> Case:
    """Return a case that nobody else adds to until the commit."""
    connection.execute(
        select(board_case.c.id).where(board_case.c.id == case_id).with_for_update()
    ).one_or_none()
    return _case(connection, case_id)


def _case(connection: Connection, case_id: int) -> Case:
    row = connection.execute(select(board_case).where(board_case.c.id == case_id)).one_or_none()
    if row is None:
        raise CaseError(Message(NO_SUCH_CASE))
    rows = connection.execute(
        select(board_entry).where(board_entry.c.case_id == case_id).order_by(board_entry.c.number)
    ).all()
    entries = tuple(_entry(r) for r in rows)
    return Case(
        row.id, row.study_uid, row.patient_id, row.issuer, row.opened_at, entries, _intact(rows)
    )


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        number=row.number,
        kind=_kind(row.kind),
        text=row.text,
        author=row.author,
        author_name=row.author_name,
        role=row.role,
        at=row.at,
        origin=row.origin,
        digest=row.digest,
    )


def _intact(rows: Sequence[Row[Any]]) -> bool:
    before = ""
    for position, row in enumerate(rows, 1):
        values = {str(k): v for k, v in row._mapping.items() if k not in ("id", "digest")}
        if row.number != position or row.digest != _digest(before, values):
            return False
        before = row.digest
    return True


def _digest(before: str, values: dict[str, Any]) -> str:
    body = orjson.dumps({**values, "before": before}, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(body).hexdigest()


def _state(entries: tuple[Entry, ...]) -> State:
    last = next((e.kind for e in reversed(entries) if e.kind in ("close", "reopen")), "reopen")
    return "closed" if last == "close" else "open"


def _kind(value: str) -> Kind:
    for kind in get_args(Kind):
        if value == kind:
            return kind  # type: ignore[no-any-return]
    raise ValueError(f"{value!r} is no kind of entry; the database is of a newer version")
