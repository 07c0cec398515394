"""Rows of the message tables as objects."""

from dataclasses import fields
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Engine, Row, Table, select

from pacs_bridge.errors import DeliveryError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_T = TypeVar("_T", bound="DataclassInstance")


def record(kind: type[_T], row: Row[tuple[object, ...]]) -> _T:
    """Return a row as a dataclass whose fields have the names of columns."""
    return kind(**{field.name: getattr(row, field.name) for field in fields(kind)})


def newest(
    engine: Engine, kind: type[_T], table: Table, *, state: str | None, limit: int
) -> tuple[_T, ...]:
    """Return the newest rows of a table of messages, or those in one state."""
    query = select(table).order_by(table.c.id.desc()).limit(limit)
    if state is not None:
        query = query.where(table.c.state == state)
    with engine.connect() as connection:
        return tuple(record(kind, row) for row in connection.execute(query))


def message_body(engine: Engine, table: Table, message_id: int) -> bytes:
    """Return a message as it is on the wire, without the frame.

    Raises
    ------
    DeliveryError
        If there is no such message.
    """
    with engine.connect() as connection:
        body = connection.execute(
            select(table.c.body).where(table.c.id == message_id)
        ).scalar_one_or_none()
    if body is None:
        raise DeliveryError(f"message {message_id} does not exist; see the list of messages")
    return bytes(body)
