"""What becomes of a received message: stored and applied in one transaction, then answered."""

import hashlib
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Connection, Engine, select, update
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from pacs_bridge.database import insert_or_ignore, writing
from pacs_bridge.errors import MessageError
from pacs_bridge.hl7 import acknowledgement as ack
from pacs_bridge.hl7.charset import UTF_8, decode, encode
from pacs_bridge.hl7.er7 import STANDARD, Delimiters, Message, parse
from pacs_bridge.hl7.header import Header, read_header
from pacs_bridge.hl7.order_index import keep_order
from pacs_bridge.hl7.orders import ACCESSION_FIELDS, ORDER_MESSAGES, read_orders
from pacs_bridge.hl7.tables import hl7_incoming
from pacs_bridge.rows import message_body, newest

# Two patients, records or numbers become one (HL7 table 0003). A study is never moved from one
# patient to another without a person.
MERGE_EVENTS = frozenset(
    {"A18", "A30", "A34", "A35", "A36", "A39", "A40", "A41", "A42", "A46", "A47", "A48", "A49"}
)
_VERSIONS = ("2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "2.7", "2.8")
# Control ids of many senders are counters that begin again; so long one names one message.
_CONTROL_ID_SECONDS = 7 * 86_400.0
# Later the same message may be taken; other errors of the database are the message's own.
_DATABASE_AWAY = (OperationalError, InterfaceError, PoolTimeoutError)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NOBODY = Header("", "", "", "", "", "", "", "", "P", "2.5.1", "", "")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class InboxPolicy:
    """Whose messages are taken, and how they are read.

    Parameters
    ----------
    allowed_senders
        ``APPLICATION`` or ``APPLICATION|FACILITY`` (MSH-3.1, MSH-4.1); empty means anyone.
    ignored
        Message codes (MSH-9.1) that are acknowledged and not applied.
    processing_ids
        MSH-11 that are taken: ``P`` production, ``T`` training, ``D`` debugging.
    character_set
        Of messages whose MSH-18 is empty.
    accession_fields, assigning_authority
        See `pacs_bridge.hl7.orders.read_orders`.
    """

    allowed_senders: Sequence[str] = ()
    ignored: Sequence[str] = ()
    processing_ids: Sequence[str] = ("P",)
    character_set: str = UTF_8
    accession_fields: Sequence[str] = ACCESSION_FIELDS
    assigning_authority: str = ""


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """A row of the table ``hl7_incoming``, without the message itself.

    Parameters
    ----------
    received_at
        First time, seconds since 1970 UTC.
    times
        How often the same bytes came.
    state
        ``applied``, ``attention`` (a person must act), ``ignored`` or ``quarantined``.
    reason
        Why; nothing of the message's content.
    """

    id: int
    received_at: float
    peer_host: str
    sending_application: str
    sending_facility: str
    message_type: str
    control_id: str
    times: int
    state: str
    reason: str


class Inbox:
    """Takes messages for a receiver.

    Parameters
    ----------
    engine
        Database of the messages and orders.
    """

    def __init__(self, engine: Engine, policy: InboxPolicy) -> None:
        self._engine = engine
        self._policy = policy

    def accept(self, raw: bytes, peer_host: str) -> bytes | None:
        """Store a message, apply it, and return the acknowledgement to send.

        An accepting answer is returned only after the commit. The same message sent again is
        acknowledged and not applied again. What cannot be taken is kept, with the reason.

        Parameters
        ----------
        raw
            The message without its frame.

        Returns
        -------
        bytes or None
            None when the sender wants no acknowledgement.
        """
        header, marks, name = _NOBODY, STANDARD, UTF_8
        problem: ack.NotAcceptedError | None = None
        try:
            text, name = decode(raw, self._policy.character_set)
            message = parse(text)
            marks = message.delimiters
            header = read_header(message)
            self._take(raw, message, header, peer_host)
        except ack.NotAcceptedError as error:
            problem = error
        except MessageError as error:
            problem = ack.NotAcceptedError("error", ack.DATA_TYPE_ERROR, str(error))
            header, marks, name = _legible_header(raw)
        except _DATABASE_AWAY as error:
            return self._unavailable(header, marks, name, error)
        except Exception as error:  # noqa: BLE001 - whatever a message does, it is kept and answered
            _log.error("hl7.message_failed", error=type(error).__name__)
            problem = ack.NotAcceptedError(
                "reject",
                ack.APPLICATION_INTERNAL_ERROR,
                f"internal error ({type(error).__name__})",
            )
        if problem is not None:
            try:
                self._quarantine(raw, header, peer_host, problem.reason)
            except SQLAlchemyError as error:
                return self._unavailable(header, marks, name, error)
        return _answer(header, marks, name, problem)

    def refuse(self, head: bytes, peer_host: str, reason: str) -> bytes | None:
        """Keep the beginning of a message that was not read to its end; return a rejection."""
        problem = ack.NotAcceptedError("reject", ack.APPLICATION_INTERNAL_ERROR, reason)
        try:
            self._quarantine(head, _NOBODY, peer_host, reason)
        except SQLAlchemyError as error:
            return self._unavailable(_NOBODY, STANDARD, UTF_8, error)
        return _answer(_NOBODY, STANDARD, UTF_8, problem)

    def _take(self, raw: bytes, message: Message, header: Header, peer_host: str) -> None:
        self._check_sender(header)
        with writing(self._engine) as connection:
            row = _columns(raw, header, peer_host)
            if _is_known(connection, str(row["sha256"])):
                return
            _check_control_id(connection, header)
            state, reason = self._apply(connection, message, header)
            _keep(connection, {**row, "state": state, "reason": reason})
        _log.info("hl7.received", message_type=row["message_type"], state=state)

    def _apply(self, connection: Connection, message: Message, header: Header) -> tuple[str, str]:
        """Do what the message says; returns the state it is kept in, and why."""
        if (header.code, header.event) in ORDER_MESSAGES:
            orders = read_orders(
                message,
                accession_fields=self._policy.accession_fields,
                assigning_authority=self._policy.assigning_authority,
            )
            for order in orders:
                keep_order(connection, order)
            return "applied", ""
        if header.code == "ADT" and header.event in MERGE_EVENTS:
            _log.warning("hl7.merge", event_code=header.event)
            return (
                "attention",
                "patients are merged or moved: compare the studies of both and correct the archive",
            )
        if header.code in self._policy.ignored:
            return "ignored", f"{header.code} is set to be ignored"
        known = header.code in {code for code, _ in ORDER_MESSAGES}
        raise ack.NotAcceptedError(
            "reject",
            ack.UNSUPPORTED_EVENT_CODE if known else ack.UNSUPPORTED_MESSAGE_TYPE,
            "only ORM^O01, OMI^O23 and patient merges are taken; set hl7.receive.ignored to "
            "acknowledge others",
            ("MSH", 9),
        )

    def _check_sender(self, header: Header) -> None:
        names = (
            header.sending_application,
            f"{header.sending_application}|{header.sending_facility}",
        )
        allowed = self._policy.allowed_senders
        if allowed and not any(name in allowed for name in names):
            text = "the sending application and facility are not on the list of allowed senders"
            raise ack.NotAcceptedError("reject", ack.TABLE_VALUE_NOT_FOUND, text, ("MSH", 3))
        if header.processing_id and header.processing_id not in self._policy.processing_ids:
            text = f"processing ids taken here: {', '.join(self._policy.processing_ids)}"
            raise ack.NotAcceptedError("reject", ack.UNSUPPORTED_PROCESSING_ID, text, ("MSH", 11))
        if header.version[:3] not in _VERSIONS:
            text = f"versions taken here: {', '.join(_VERSIONS)}"
            raise ack.NotAcceptedError("reject", ack.UNSUPPORTED_VERSION_ID, text, ("MSH", 12))

    def _quarantine(self, raw: bytes, header: Header, peer_host: str, reason: str) -> None:
        row = {**_columns(raw, header, peer_host), "state": "quarantined", "reason": reason}
        with writing(self._engine) as connection:
            _keep(connection, row)
        _log.warning("hl7.quarantined", host=peer_host, reason=reason)

    def _unavailable(
        self, header: Header, marks: Delimiters, name: str, error: SQLAlchemyError
    ) -> bytes | None:
        _log.error("hl7.database_failed", error=type(error).__name__)
        problem = ack.NotAcceptedError(
            "reject", ack.APPLICATION_INTERNAL_ERROR, "the database is away; send it again"
        )
        return _answer(header, marks, name, problem)


def list_incoming(
    engine: Engine, *, state: str | None = None, limit: int = 200
) -> tuple[IncomingMessage, ...]:
    """Return the newest received messages, or those in one state."""
    return newest(engine, IncomingMessage, hl7_incoming, state=state, limit=limit)


def incoming_body(engine: Engine, message_id: int) -> bytes:
    """Return a message as it was received, without the frame.

    Raises
    ------
    DeliveryError
        If there is no such message.
    """
    return message_body(engine, hl7_incoming, message_id)


def _legible_header(raw: bytes) -> tuple[Header, Delimiters, str]:
    """Return the header of a message that cannot be read as a whole, so that it can be named."""
    try:
        message = parse(re.split(rb"[\r\n]", raw, maxsplit=1)[0].decode("latin-1"))
        return read_header(message), message.delimiters, "8859/1"
    except MessageError:
        return _NOBODY, STANDARD, UTF_8


def _columns(raw: bytes, header: Header, peer_host: str) -> dict[str, object]:
    kind = f"{header.code}^{header.event}" if header.code else ""
    return {
        "received_at": time.time(),
        "peer_host": peer_host,
        "sending_application": _storable(header.sending_application),
        "sending_facility": _storable(header.sending_facility),
        "message_type": _storable(kind),
        "control_id": _storable(header.control_id),
        "sha256": hashlib.sha256(raw).hexdigest(),
        "body": raw,
    }


def _storable(text: str) -> str:
    """Return `text` without control characters, which nobody's terminal or table should get."""
    return _CONTROL.sub("", text)


def _is_known(connection: Connection, sha256: str) -> bool:
    """Count a message that was taken before; a quarantined one is tried again."""
    changed = connection.execute(
        update(hl7_incoming)
        .where(hl7_incoming.c.sha256 == sha256, hl7_incoming.c.state != "quarantined")
        .values(times=hl7_incoming.c.times + 1)
    )
    return bool(changed.rowcount)


def _check_control_id(connection: Connection, header: Header) -> None:
    other = connection.execute(
        select(hl7_incoming.c.id)
        .where(
            hl7_incoming.c.control_id == _storable(header.control_id),
            hl7_incoming.c.sending_application == _storable(header.sending_application),
            hl7_incoming.c.sending_facility == _storable(header.sending_facility),
            hl7_incoming.c.state != "quarantined",
            hl7_incoming.c.received_at > time.time() - _CONTROL_ID_SECONDS,
        )
        .limit(1)
    ).first()
    if other is not None:
        text = "another message with this MSH-10 was taken within seven days"
        raise ack.NotAcceptedError("error", ack.DUPLICATE_KEY, text, ("MSH", 10))


def _keep(connection: Connection, row: dict[str, object]) -> None:
    """Insert a message, or bring the row of the same bytes to its new state."""
    if not insert_or_ignore(connection, hl7_incoming, row):
        connection.execute(
            update(hl7_incoming)
            .where(hl7_incoming.c.sha256 == row["sha256"])
            .values(state=row["state"], reason=row["reason"], times=hl7_incoming.c.times + 1)
        )


def _answer(
    header: Header,
    marks: Delimiters,
    name: str,
    problem: ack.NotAcceptedError | None,
) -> bytes | None:
    message = ack.answer(header, marks, name, datetime.now().astimezone(), problem)
    return None if message is None else encode(str(message), name)
