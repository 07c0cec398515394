"""Attempts at retrievals: leased, renewed while they last, ended with their outcome.

Only the holder of a lease may write the outcome. A process that dies stops renewing, and
another goes on; when it begins, the attempt of the dead one is closed.
"""

import time
from collections.abc import Sequence

from sqlalchemy import Connection, Engine, case, insert, or_, select, update

from pacs_bridge.database import finds, writing
from pacs_bridge.errors import RetrievalError
from pacs_bridge.retrieve.retrievals import (
    PURPOSES,
    Purpose,
    Retrieval,
    RetrievalState,
    find_retrieval,
)
from pacs_bridge.tables import retrieval, retrieval_attempt, study

_MAX_ERROR_CHARACTERS = 500
# What somebody asked for goes before what is fetched ahead of a reading.
_ORDER = case({"read": 0, "keep": 1}, value=retrieval.c.purpose, else_=2)


def take_due(
    engine: Engine,
    peer: str,
    *,
    holder: str,
    now: float,
    seconds: float,
    purposes: Sequence[Purpose] = PURPOSES,
) -> Retrieval | None:
    """Lease the retrieval from `peer` that is due longest, and begin an attempt; None if none is.

    Parameters
    ----------
    holder
        Who takes it; at most 40 characters.
    now
        Seconds since 1970 UTC.
    seconds
        How long the lease lasts without `renew`.
    """
    free = or_(retrieval.c.leased_until.is_(None), retrieval.c.leased_until <= now)
    query = (
        select(retrieval.c.id)
        .where(
            retrieval.c.peer == peer,
            retrieval.c.state.in_(("waiting", "fetching")),
            retrieval.c.purpose.in_(purposes),
            retrieval.c.due_at <= now,
            free,
        )
        .order_by(_ORDER, retrieval.c.due_at, retrieval.c.id)
        .limit(1)
    )
    if not finds(engine, query):
        return None
    with writing(engine) as connection:
        found = connection.execute(query.with_for_update(skip_locked=True)).scalar_one_or_none()
        if found is None:
            return None
        _begin(connection, found, holder, now, seconds)
        return find_retrieval(connection, found)


def claim(
    engine: Engine, retrieval_id: int, *, holder: str, now: float, seconds: float
) -> Retrieval:
    """Lease one retrieval and begin an attempt.

    Raises
    ------
    RetrievalError
        If somebody else is fetching it.
    """
    with writing(engine) as connection:
        row = connection.execute(
            select(retrieval.c.leased_until).where(retrieval.c.id == retrieval_id).with_for_update()
        ).one()
        if row.leased_until is not None and row.leased_until > now:
            raise RetrievalError(f"retrieval {retrieval_id} is being fetched already")
        _begin(connection, retrieval_id, holder, now, seconds)
        return find_retrieval(connection, retrieval_id)


def renew(
    engine: Engine, retrieval_id: int, *, holder: str, until: float, done: int, total: int | None
) -> bool:
    """Extend the lease and note the progress; False if the lease is no longer ours."""
    with writing(engine) as connection:
        changed = connection.execute(
            update(retrieval)
            .where(retrieval.c.id == retrieval_id, retrieval.c.leased_by == holder)
            .values(leased_until=until, instances_done=done, instances_total=total)
        )
    return bool(changed.rowcount)


def finish(engine: Engine, retrieval_id: int, *, holder: str, done: int) -> None:
    """Note that everything arrived; what was to be read is looked at by the assembler again."""
    now = time.time()
    with writing(engine) as connection:
        if not _give_back(connection, retrieval_id, holder, now, state="done", done=done):
            return
        row = connection.execute(
            select(retrieval.c.purpose, retrieval.c.study_instance_uid).where(
                retrieval.c.id == retrieval_id
            )
        ).one()
        if row.purpose == "read":
            connection.execute(
                update(study)
                .where(
                    study.c.study_instance_uid == row.study_instance_uid,
                    study.c.due_at.is_(None),
                )
                .values(due_at=now, state="receiving")
            )


def fail(
    engine: Engine,
    retrieval_id: int,
    *,
    holder: str,
    reason: str,
    retry_at: float | None,
    done: int = 0,
) -> None:
    """Note that an attempt failed; it is tried again at `retry_at`, or given up if None."""
    now = time.time()
    with writing(engine) as connection:
        _give_back(
            connection,
            retrieval_id,
            holder,
            now,
            state="failed" if retry_at is None else "waiting",
            done=done,
            reason=reason[:_MAX_ERROR_CHARACTERS],
            retry_at=retry_at,
        )


def free_all(engine: Engine, holder: str) -> None:
    """Free the leases that a killed process of the same name left."""
    now = time.time()
    with writing(engine) as connection:
        held = select(retrieval.c.id).where(retrieval.c.leased_by == holder)
        _close_attempts(connection, list(connection.execute(held).scalars()), now)
        connection.execute(
            update(retrieval)
            .where(retrieval.c.leased_by == holder)
            .values(leased_until=None, leased_by=None, state="waiting")
        )


def give_up_unknown(engine: Engine, peers: Sequence[str]) -> int:
    """Give up what waits for a peer that is none of `peers`; returns how many rows."""
    unknown = (retrieval.c.state == "waiting", retrieval.c.peer.not_in(peers))
    with engine.connect() as connection:
        if connection.execute(select(retrieval.c.id).where(*unknown).limit(1)).first() is None:
            return 0
    with writing(engine) as connection:
        changed = connection.execute(
            update(retrieval)
            .where(*unknown)
            .values(
                state="failed",
                last_error="no peer of this name is in the settings; add it and ask again",
                finished_at=time.time(),
            )
        )
    return int(changed.rowcount)


def _begin(
    connection: Connection, retrieval_id: int, holder: str, now: float, seconds: float
) -> None:
    row = connection.execute(
        select(retrieval.c.leased_until).where(retrieval.c.id == retrieval_id)
    ).one()
    # The attempt of a process that died ended with its lease at the latest.
    ended = now if row.leased_until is None else min(now, row.leased_until)
    _close_attempts(connection, [retrieval_id], ended)
    connection.execute(insert(retrieval_attempt).values(retrieval_id=retrieval_id, started_at=now))
    connection.execute(
        update(retrieval)
        .where(retrieval.c.id == retrieval_id)
        .values(
            state="fetching",
            leased_until=now + seconds,
            leased_by=holder,
            attempts=retrieval.c.attempts + 1,
            instances_done=0,
            instances_total=None,
        )
    )


def _close_attempts(connection: Connection, retrieval_ids: Sequence[int], at: float) -> None:
    connection.execute(
        update(retrieval_attempt)
        .where(
            retrieval_attempt.c.retrieval_id.in_(retrieval_ids),
            retrieval_attempt.c.finished_at.is_(None),
        )
        .values(finished_at=at)
    )


def _give_back(
    connection: Connection,
    retrieval_id: int,
    holder: str,
    now: float,
    *,
    state: RetrievalState,
    done: int,
    reason: str | None = None,
    retry_at: float | None = None,
) -> bool:
    """Write the outcome, if the lease is still ours."""
    values: dict[str, object] = {
        "state": state,
        "leased_until": None,
        "leased_by": None,
        "instances_done": done,
        "last_error": reason,
    }
    if retry_at is None:
        values["finished_at"] = now
    else:
        values["due_at"] = retry_at
    changed = connection.execute(
        update(retrieval)
        .where(retrieval.c.id == retrieval_id, retrieval.c.leased_by == holder)
        .values(**values)
    )
    if changed.rowcount:
        _close_attempts(connection, [retrieval_id], now)
    return bool(changed.rowcount)
