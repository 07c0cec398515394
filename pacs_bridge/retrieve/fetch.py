"""Carry out one attempt at a retrieval: fetch, keep the lease, write the outcome."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from sqlalchemy.exc import SQLAlchemyError

from pacs_bridge.archive import Archive
from pacs_bridge.errors import BridgeError
from pacs_bridge.retrieve.attempts import fail, finish, renew
from pacs_bridge.retrieve.retrievals import Retrieval
from pacs_bridge.retrieve.source import (
    Fetched,
    FetchProgress,
    OnProgress,
    StudySource,
    ignore_progress,
)
from pacs_bridge.retrieve.throttle import Pace
from pacs_bridge.retry import backoff_seconds

_log = structlog.get_logger(__name__)

LEASE_SECONDS = 60.0
_RENEW_SECONDS = 2.0
_LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class FetchPolicy:
    """How fast, and how patient.

    Parameters
    ----------
    megabytes_per_second
        From one peer in one association; None for no limit.
    max_attempts
        After so many failures a retrieval is given up.
    first_retry_seconds, longest_retry_seconds
        The wait after the first failure, which doubles with each further one, and its limit.
    resume
        Whether an attempt that is ended early is taken up again.
    """

    megabytes_per_second: float | None = None
    max_attempts: int = 6
    first_retry_seconds: float = 30.0
    longest_retry_seconds: float = 1800.0
    resume: bool = True


class _Attempt:
    """The lease on one retrieval, and how far it has come."""

    def __init__(self, archive: Archive, retrieval: Retrieval, holder: str) -> None:
        self.archive = archive
        self.retrieval = retrieval
        self.holder = holder
        self.progress = FetchProgress(0, 0, None, 0)
        self.lost = False

    @contextmanager
    def renewed(self, cancel: threading.Event | None) -> Iterator[threading.Event]:
        """Renew the lease until the block ends; yields an event that is set to end it early."""
        ended, stop = threading.Event(), threading.Event()

        def run() -> None:
            renew_at = time.monotonic() + _RENEW_SECONDS
            while not ended.wait(_LOOK_SECONDS):
                if cancel is not None and cancel.is_set():
                    stop.set()
                if time.monotonic() >= renew_at:
                    renew_at = time.monotonic() + _RENEW_SECONDS
                    if not self._renew():
                        self.lost = True
                        stop.set()
                        return

        thread = threading.Thread(target=run, name="retrieve-lease", daemon=True)
        thread.start()
        try:
            yield stop
        finally:
            ended.set()
            thread.join()

    def _renew(self) -> bool:
        try:
            return renew(
                self.archive.engine,
                self.retrieval.id,
                holder=self.holder,
                until=time.time() + LEASE_SECONDS,
                done=self.progress.done,
                total=self.progress.total,
            )
        except SQLAlchemyError as error:
            _log.error("retrieve.renewal_failed", error=type(error).__name__)
            return True  # the database is away; the lease may well be ours


def fetch_retrieval(
    archive: Archive,
    source: StudySource,
    retrieval: Retrieval,
    *,
    holder: str,
    policy: FetchPolicy,
    on_progress: OnProgress = ignore_progress,
    cancel: threading.Event | None = None,
) -> str | None:
    """Fetch what a leased retrieval wants, and write how it went.

    Parameters
    ----------
    archive
        Where it arrives.
    source
        The retrieval's peer.
    retrieval
        Leased by `holder`, see `attempts.take_due` and `attempts.claim`.
    cancel
        Set it to end the attempt; it is tried again later.

    Returns
    -------
    str or None
        None if everything arrived, otherwise why not.
    """
    attempt = _Attempt(archive, retrieval, holder)
    rate = retrieval.megabytes_per_second or policy.megabytes_per_second
    with attempt.renewed(cancel) as stop:
        reason = _try(attempt, source, Pace(rate), on_progress, stop)
    _write_outcome(attempt, reason, policy, stopped=stop.is_set())
    return reason


def _write_outcome(
    attempt: _Attempt, reason: str | None, policy: FetchPolicy, *, stopped: bool
) -> None:
    retrieval, done = attempt.retrieval, attempt.progress.done
    if attempt.lost:
        return  # somebody else goes on
    if reason is None:
        finish(attempt.archive.engine, retrieval.id, holder=attempt.holder, done=done)
        _log.info("retrieve.done", peer=retrieval.peer, study=retrieval.study_uid, instances=done)
        return
    resumed = stopped and policy.resume
    given_up = not resumed and (stopped or retrieval.attempts >= policy.max_attempts)
    wait = backoff_seconds(
        retrieval.attempts,
        first=policy.first_retry_seconds,
        longest=policy.longest_retry_seconds,
    )
    fail(
        attempt.archive.engine,
        retrieval.id,
        holder=attempt.holder,
        reason=reason,
        retry_at=None if given_up else time.time() + (0.0 if stopped else wait),
        done=done,
    )
    _log.warning(
        "retrieve.failed",
        peer=retrieval.peer,
        study=retrieval.study_uid,
        attempts=retrieval.attempts,
        given_up=given_up,
    )


def _try(
    attempt: _Attempt,
    source: StudySource,
    pace: Pace,
    on_progress: OnProgress,
    stop: threading.Event,
) -> str | None:
    try:
        fetched = _fetch(attempt, source, pace, on_progress, stop)
    except BridgeError as error:
        return str(error)
    except OSError as error:
        return f"the connection or the disk failed: {error.strerror}"
    if stop.is_set():
        return "stopped before everything had arrived"
    if fetched.failed:
        why = "; ".join(fetched.reasons) or "the peer does not say why"
        return f"{fetched.failed} instances did not arrive: {why}"
    if not fetched.done:
        return f"{source.name} sent nothing; it may not have the study any more"
    present = len(attempt.archive.instances(attempt.retrieval.study_uid, own_results=True))
    if present < fetched.done:
        return (
            f"{source.name} says that it sent {fetched.done} instances, but {present} are here; "
            "check that it sends our AE title to this machine and port"
        )
    return None


def _fetch(
    attempt: _Attempt,
    source: StudySource,
    pace: Pace,
    on_progress: OnProgress,
    stop: threading.Event,
) -> Fetched:
    """Fetch the study at once, or series by series where that was asked or keeps the pace."""
    retrieval = attempt.retrieval
    series_uids = retrieval.series_uids
    if not series_uids and pace.limited:
        series_uids = tuple(s.series_uid for s in source.find_series(retrieval.study_uid))
    total = Fetched(0, 0, (), 0)

    def show(progress: FetchProgress) -> None:
        attempt.progress = FetchProgress(
            total.done + progress.done,
            total.failed + progress.failed,
            progress.total if len(series_uids) < 2 else None,
            total.received_bytes + progress.received_bytes,
        )
        on_progress(attempt.progress)
        pace.wait(attempt.progress.received_bytes, stop)

    if not series_uids:
        return source.fetch_study(retrieval.study_uid, on_progress=show, cancel=stop)
    for series_uid in series_uids:
        if stop.is_set():
            break
        fetched = source.fetch_series(
            retrieval.study_uid, series_uid, on_progress=show, cancel=stop
        )
        total = Fetched(
            total.done + fetched.done,
            total.failed + fetched.failed,
            (*total.reasons, *(r for r in fetched.reasons if r not in total.reasons)),
            total.received_bytes + (fetched.received_bytes or _size(attempt, series_uid)),
        )
        pace.wait(total.received_bytes, stop)
    return total


def _size(attempt: _Attempt, series_uid: str) -> int:
    """Bytes of a series in the archive: what a C-MOVE brought, whose bytes we do not see."""
    instances = attempt.archive.instances(attempt.retrieval.study_uid)
    return sum(i.size_bytes for i in instances if i.series_instance_uid == series_uid)
