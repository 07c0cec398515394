"""Studies to fetch, as durable rows: wanted, leased, fetched or given up with a reason.

What a retrieval brings must not be taken for a new study to be read. A C-MOVE arrives at the
listener like anything else, often from an AE title other than the one asked, so that the time
tells: whatever of the study arrived while an attempt of a retrieval for it was under way, that
retrieval brought. `came_by_retrieval` answers for a study as a whole: one instance that came
at another time, from a modality or by a router, and the study is new.
"""

import time
from dataclasses import dataclass
from typing import Literal, get_args

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    and_,
    exists,
    or_,
    select,
    update,
)

from pacs_bridge.database import insert_or_ignore, writing
from pacs_bridge.errors import RetrievalError
from pacs_bridge.header import is_uid
from pacs_bridge.tables import instance, retrieval, retrieval_attempt, study

Purpose = Literal["prior", "keep", "read"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
RetrievalState = Literal["waiting", "fetching", "done", "failed"]

MAX_SERIES = 32  # they are part of a key that PostgreSQL limits to 2,700 bytes
_AGAIN_SECONDS = 6 * 3600.0  # a retrieval that was given up may be wanted again after so long
# Listener and fetcher may run on machines whose clocks differ by this much.
_CLOCK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to fetch, from where and what for.

    Parameters
    ----------
    study_uid
        Study Instance UID.
    peer
        Name of the peer.
    purpose
        ``prior``: to compare `for_study_uid` with; ``keep``: to archive only; ``read``: to be
        read like a study that was sent to us.
    series_uids
        At most `MAX_SERIES`; empty for the whole study.
    megabytes_per_second
        At most this fast; None as the settings say.
    """

    study_uid: str
    peer: str
    purpose: Purpose
    series_uids: tuple[str, ...] = ()
    for_study_uid: str | None = None
    megabytes_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class Retrieval:
    """A row of the table ``retrieval``; times are seconds since 1970 UTC."""

    id: int
    study_uid: str
    series_uids: tuple[str, ...]
    peer: str
    purpose: Purpose
    state: RetrievalState
    attempts: int
    megabytes_per_second: float | None
    instances_done: int
    instances_total: int | None
    last_error: str | None
    created_at: float
    finished_at: float | None


def want(connection: Connection, wanted: Wanted, *, due: bool = True) -> int:
    """Note that something is to be fetched, in the caller's transaction; returns the row's id.

    Wanted twice is fetched once. A row that is done, or was given up long ago, waits again: for
    a prior only if nothing of the study is in the archive, otherwise always.

    Parameters
    ----------
    due
        False leaves it to the caller to fetch it, see `attempts.claim`.

    Raises
    ------
    RetrievalError
        If a UID is none, or there are too many series.
    """
    _check(wanted)
    now = time.time()
    series = ",".join(sorted(wanted.series_uids))
    insert_or_ignore(
        connection,
        retrieval,
        {
            "study_instance_uid": wanted.study_uid,
            "series_instance_uids": series,
            "peer": wanted.peer,
            "purpose": wanted.purpose,
            "for_study_uid": wanted.for_study_uid,
            "megabytes_per_second": wanted.megabytes_per_second,
            "state": "waiting",
            "due_at": now if due else now + _AGAIN_SECONDS,
            "created_at": now,
        },
    )
    key = (
        retrieval.c.study_instance_uid == wanted.study_uid,
        retrieval.c.series_instance_uids == series,
        retrieval.c.purpose == wanted.purpose,
    )
    row = connection.execute(select(retrieval).where(*key).with_for_update()).one()
    if _may_wait_again(connection, row.state, row.finished_at, wanted, now):
        connection.execute(
            update(retrieval)
            .where(retrieval.c.id == row.id)
            .values(
                state="waiting",
                peer=wanted.peer,
                attempts=0,
                due_at=now if due else now + _AGAIN_SECONDS,
                megabytes_per_second=wanted.megabytes_per_second,
                last_error=None,
                finished_at=None,
            )
        )
    return int(row.id)


def find_retrieval(connection: Connection, retrieval_id: int) -> Retrieval:
    """Return a row.

    Raises
    ------
    RetrievalError
        If there is none.
    """
    row = connection.execute(select(retrieval).where(retrieval.c.id == retrieval_id)).first()
    if row is None:
        raise RetrievalError(f"there is no retrieval {retrieval_id}")
    return Retrieval(
        id=row.id,
        study_uid=row.study_instance_uid,
        series_uids=tuple(uid for uid in row.series_instance_uids.split(",") if uid),
        peer=row.peer,
        purpose=row.purpose,
        state=row.state,
        attempts=row.attempts,
        megabytes_per_second=row.megabytes_per_second,
        instances_done=row.instances_done,
        instances_total=row.instances_total,
        last_error=row.last_error,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )


def list_retrievals(
    connection: Connection, *, state: RetrievalState | None = None, limit: int = 200
) -> list[Retrieval]:
    """Return rows, the newest first."""
    query = select(retrieval.c.id).order_by(retrieval.c.id.desc()).limit(limit)
    if state is not None:
        query = query.where(retrieval.c.state == state)
    return [find_retrieval(connection, i) for i in connection.execute(query).scalars()]


def came_by_retrieval(engine: Engine, study_uid: str) -> bool:
    """Whether all of the study was fetched by us as a prior or to keep, and none to be read."""
    brought = exists().where(
        _of_study(study_uid),
        instance.c.received_at >= retrieval_attempt.c.started_at - _CLOCK_SECONDS,
        or_(
            retrieval_attempt.c.finished_at.is_(None),
            instance.c.received_at <= retrieval_attempt.c.finished_at + _CLOCK_SECONDS,
        ),
    )
    source = (instance.c.study_instance_uid == study_uid, instance.c.own_result.is_(False))
    with engine.connect() as connection:
        purposes = connection.execute(
            select(retrieval.c.purpose).where(retrieval.c.study_instance_uid == study_uid)
        ).scalars()
        wanted = set(purposes)
        if not wanted or "read" in wanted:
            return False
        other = connection.execute(select(instance.c.path).where(*source, ~brought).limit(1))
        return other.first() is None


def note_sent_again(engine: Engine, study_uid: str, sop_instance_uid: str) -> bool:
    """Make a study that we had fetched a new one, because somebody else has sent it now.

    Call it when an instance arrives that is archived already. It does nothing unless the study
    was fetched, and not while it is being fetched.

    Returns
    -------
    bool
        Whether the assembler will look at the study again.
    """
    now = time.time()
    under_way = select(retrieval_attempt.c.id).where(
        _of_study(study_uid),
        or_(
            retrieval_attempt.c.finished_at.is_(None),
            retrieval_attempt.c.finished_at > now - _CLOCK_SECONDS,
        ),
    )
    with engine.connect() as connection:
        fetched = connection.execute(
            select(retrieval.c.id).where(retrieval.c.study_instance_uid == study_uid).limit(1)
        ).first()
        if fetched is None or connection.execute(under_way.limit(1)).first() is not None:
            return False
    with writing(engine) as connection:
        connection.execute(
            update(instance)
            .where(instance.c.sop_instance_uid == sop_instance_uid)
            .values(received_at=now)
        )
        connection.execute(
            update(study)
            .where(study.c.study_instance_uid == study_uid)
            .values(last_received_at=now, due_at=now, state="receiving")
        )
    return True


def is_being_fetched(engine: Engine, study_uid: str, now: float) -> bool:
    """Whether a retrieval of the study is under way."""
    query = select(retrieval.c.id).where(
        retrieval.c.study_instance_uid == study_uid,
        retrieval.c.state == "fetching",
        retrieval.c.leased_until > now,
    )
    with engine.connect() as connection:
        return connection.execute(query.limit(1)).first() is not None


def _check(wanted: Wanted) -> None:
    for uid in (wanted.study_uid, *wanted.series_uids):
        if not is_uid(uid):
            raise RetrievalError(f"{uid!r} is no UID: 1 to 64 digits and dots (PS3.5 9.1)")
    if len(wanted.series_uids) > MAX_SERIES:
        raise RetrievalError(
            f"{len(wanted.series_uids)} series at once; name at most {MAX_SERIES}, or none to "
            "fetch the whole study"
        )


def _may_wait_again(
    connection: Connection, state: str, finished_at: float | None, wanted: Wanted, now: float
) -> bool:
    if state not in ("done", "failed"):
        return False
    if wanted.purpose != "prior":
        return True
    if state == "failed":
        return finished_at is None or finished_at < now - _AGAIN_SECONDS
    present = select(study.c.study_instance_uid).where(
        study.c.study_instance_uid == wanted.study_uid
    )
    return connection.execute(present).first() is None


def _of_study(study_uid: str) -> ColumnElement[bool]:
    return and_(
        retrieval.c.id == retrieval_attempt.c.retrieval_id,
        retrieval.c.study_instance_uid == study_uid,
    )
