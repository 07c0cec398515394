"""The storage commitment SCU: asks a peer to keep what it was sent.

The transaction is in the database before the peer hears of it, so that an answer always finds
it, on whichever association and after whichever restart.
"""

import threading
import time
import uuid
from dataclasses import dataclass

import structlog
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian
from sqlalchemy import Engine, delete, or_, select, update

from pacs_bridge.association import RequestedAssociation
from pacs_bridge.commitment.datasets import (
    PUSH_MODEL,
    PUSH_MODEL_INSTANCE,
    REQUEST_ACTION,
    parse_report,
    request_dataset,
)
from pacs_bridge.commitment.reports import (
    PROCESSING_FAILURE,
    SUCCESS,
    record_report,
    send_again,
)
from pacs_bridge.database import finds, writing
from pacs_bridge.errors import EncodingError, NoContextError, PeerError
from pacs_bridge.failure import Failure, store_failure
from pacs_bridge.peer import Peer
from pacs_bridge.retry import RetryPolicy
from pacs_bridge.tables import commitment, delivery

_log = structlog.get_logger(__name__)

_MAX_REFERENCES = 500  # in one transaction
_LEASE_SECONDS = 300.0  # longer than connecting, asking and waiting can take together
_KEEP_SECONDS = 30 * 86_400.0  # transactions, for answers that come late


@dataclass(frozen=True, slots=True)
class _Question:
    transaction_uid: str
    delivery_ids: tuple[int, ...]
    references: tuple[tuple[str, str], ...]
    refusals: int


class CommitmentRequestor:
    """Asks one peer for commitment, and sends again what it did not commit to in time.

    Parameters
    ----------
    engine
        Database of the deliveries.
    peer
        Whom to ask.
    calling_ae_title
        Who we are; the peer answers to the node it knows by this title.
    holder
        Name of the leases.
    policy
        When to ask again and when to give up.
    """

    def __init__(
        self,
        engine: Engine,
        peer: Peer,
        *,
        calling_ae_title: str,
        holder: str,
        policy: RetryPolicy,
    ) -> None:
        self._engine = engine
        self._peer = peer
        self._calling_ae_title = calling_ae_title
        self._holder = holder
        self._policy = policy
        self._times_unreachable = 0  # in a row

    def run_due(self, now: float) -> None:
        """Give up waiting where the time is over, and ask for what was stored.

        Parameters
        ----------
        now
            Seconds since 1970 UTC.
        """
        self._end_waiting(now)
        while question := self._prepare(now):
            failure = self._ask(question)
            if failure is None:
                self._times_unreachable = 0
                self._asked(question)
            else:
                self._not_asked(question, failure, now)
                if failure.kind == "unreachable":
                    return

    def _end_waiting(self, now: float) -> None:
        hours = self._peer.commitment_seconds / 3600
        reason = f"no storage commitment came within {hours:g} h"
        query = select(delivery).where(
            delivery.c.peer == self._peer.name,
            delivery.c.state == "stored",
            delivery.c.commitment_asked_at.is_not(None),
            delivery.c.due_at <= now,
        )
        if not finds(self._engine, query):
            return
        with writing(self._engine) as connection:
            rows = connection.execute(query.with_for_update(skip_locked=True)).all()
            for row in rows:
                send_again(connection, row, reason, self._policy)
        if rows:
            _log.warning("commitment.none", peer=self._peer.name, deliveries=len(rows))

    def _prepare(self, now: float) -> _Question | None:
        """Lease what is to be asked for, under a new transaction UID."""
        query = (
            select(delivery)
            .where(
                delivery.c.peer == self._peer.name,
                delivery.c.state == "stored",
                delivery.c.commitment_asked_at.is_(None),
                delivery.c.due_at <= now,
                or_(delivery.c.leased_until.is_(None), delivery.c.leased_until <= now),
            )
            .order_by(delivery.c.id)
        )
        if not finds(self._engine, query):
            return None
        locked = query.limit(_MAX_REFERENCES).with_for_update(skip_locked=True)
        transaction_uid = f"2.25.{uuid.uuid4().int}"  # random, so that nobody else can answer
        with writing(self._engine) as connection:
            rows = connection.execute(locked).all()
            if not rows:
                return None
            ids = tuple(row.id for row in rows)
            connection.execute(
                update(delivery)
                .where(delivery.c.id.in_(ids))
                .values(
                    commitment_uid=transaction_uid,
                    leased_until=now + _LEASE_SECONDS,
                    leased_by=self._holder,
                )
            )
            connection.execute(
                commitment.insert(),
                [
                    {"transaction_uid": transaction_uid, "delivery_id": number, "created_at": now}
                    for number in ids
                ],
            )
            connection.execute(
                delete(commitment).where(commitment.c.created_at < now - _KEEP_SECONDS)
            )
        references = tuple((row.sop_class_uid, row.sop_instance_uid) for row in rows)
        return _Question(transaction_uid, ids, references, max(row.refusals for row in rows))

    def _ask(self, question: _Question) -> Failure | None:
        """Ask, and wait a moment for an answer on the same association."""
        reported = threading.Event()

        def on_report(dataset: Dataset) -> int:
            try:
                report = parse_report(dataset)
            except EncodingError:
                return PROCESSING_FAILURE
            status = record_report(self._engine, report, [self._peer.name], self._policy)
            if report.transaction_uid == question.transaction_uid:
                reported.set()
            return status

        try:
            association = RequestedAssociation(
                self._peer,
                self._calling_ae_title,
                [(PUSH_MODEL, ImplicitVRLittleEndian)],
                on_event_report=on_report,
            )
        except NoContextError:
            return Failure("permanent", "the peer does not offer storage commitment")
        except PeerError as error:
            return Failure("unreachable", str(error))
        try:
            status = association.act(
                request_dataset(question.transaction_uid, question.references),
                action_type=REQUEST_ACTION,
                sop_class_uid=PUSH_MODEL,
                sop_instance_uid=PUSH_MODEL_INSTANCE,
            )
            if status == SUCCESS:
                reported.wait(self._policy.commitment_here_seconds)
        except PeerError as error:
            return Failure("transient", str(error))
        finally:
            association.close()
        return None if status == SUCCESS else store_failure(status)

    def _asked(self, question: _Question) -> None:
        now = time.time()
        self._update(
            question,
            {"commitment_asked_at": now, "due_at": now + self._peer.commitment_seconds},
        )
        _log.info("commitment.asked", peer=self._peer.name, objects=len(question.delivery_ids))

    def _not_asked(self, question: _Question, failure: Failure, now: float) -> None:
        if failure.kind == "unreachable":
            self._times_unreachable += 1
            wait = self._policy.wait_seconds(failure, self._times_unreachable)
            self._update(question, {"due_at": now + wait, "last_error": failure.reason})
            return
        refusals = question.refusals + 1
        values: dict[str, object] = {
            "refusals": refusals,
            "due_at": now + self._policy.wait_seconds(failure, refusals),
            "last_error": f"stored, but it could not be asked to keep it: {failure.reason}",
        }
        if self._policy.is_last(failure, refusals, 0.0):
            values["state"] = "dead"
        self._update(question, values)
        _log.warning("commitment.refused", peer=self._peer.name, kind=failure.kind)

    def _update(self, question: _Question, values: dict[str, object]) -> None:
        """Change what the question is about, but for what was answered in the meantime."""
        with writing(self._engine) as connection:
            connection.execute(
                update(delivery)
                .where(
                    delivery.c.id.in_(question.delivery_ids),
                    delivery.c.state == "stored",
                    delivery.c.commitment_uid == question.transaction_uid,
                    delivery.c.leased_by == self._holder,
                )
                .values(leased_until=None, leased_by=None, **values)
            )
