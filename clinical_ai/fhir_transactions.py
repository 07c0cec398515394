"""Transactions for FHIR servers, and what an administrator does about them; every act audited."""

import getpass
from dataclasses import asdict

from sqlalchemy import Connection

from clinical_ai.formats import iso_moment
from clinical_ai.records.outgoing import (
    OutgoingTransaction,
    drop_transaction,
    list_transactions,
    resend_dead_transactions,
    resend_transaction,
)
from clinical_ai.services import Services
from clinical_ai.store.audit import record_event
from pacs_bridge.database import writing
from pacs_bridge.errors import DeliveryError


def transactions(
    services: Services, *, server: str | None = None, state: str | None = None
) -> list[OutgoingTransaction]:
    """Return the newest transactions, of one server or state if given.

    Raises
    ------
    DeliveryError
        If neither the settings nor a transaction name the server.
    """
    found = list_transactions(services.engine, state=state)
    if server is None:
        return list(found)
    of_server = [one for one in found if one.peer == server]
    if not of_server:
        _check_server(services, server)
    return of_server


def send_again(services: Services, transaction_id: int) -> None:
    """Queue a dead, dropped or sent transaction again.

    Raises
    ------
    DeliveryError
        If it cannot be: see `resend_transaction`.
    """
    with writing(services.engine) as connection:
        resend_transaction(connection, transaction_id)
        _audit(connection, "fhir-resend", f"transaction {transaction_id}")


def send_all_again(services: Services, server: str) -> tuple[int, int]:
    """Queue all dead transactions of a server again.

    Returns
    -------
    tuple of int
        How many, and how many are not, because a later one on their subject has arrived.

    Raises
    ------
    DeliveryError
        If no server has the name.
    """
    _check_server(services, server)
    with writing(services.engine) as connection:
        again, superseded = resend_dead_transactions(connection, server)
        _audit(connection, "fhir-resend", f"all {again} dead transactions to {server}")
    return again, superseded


def give_up(services: Services, transaction_id: int) -> None:
    """Drop a dead transaction for good.

    Raises
    ------
    DeliveryError
        If there is no such transaction, or it is not dead.
    """
    with writing(services.engine) as connection:
        drop_transaction(connection, transaction_id)
        _audit(connection, "fhir-drop", f"transaction {transaction_id}")


def transaction_row(one: OutgoingTransaction) -> dict[str, object]:
    """Return a transaction as people read it; times as text."""
    row = asdict(one)
    row["server"] = row.pop("peer")
    for name in ("due_at", "created_at", "sent_at"):
        row[name] = None if row[name] is None else iso_moment(row[name])
    return row


def _check_server(services: Services, server: str) -> None:
    servers = services.settings.fhir_servers
    if server not in servers:
        known = ", ".join(servers) or "none"
        raise DeliveryError(f"no FHIR server is named {server!r}; there are: {known}")


def _audit(connection: Connection, action: str, detail: str) -> None:
    record_event(connection, f"shell:{getpass.getuser()}", action, detail=detail)
