"""Sends queued transactions to FHIR servers, in order for each subject."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import Engine, Row

from clinical_ai.errors import RecordError, SettingsError
from clinical_ai.fhir_settings import FhirServerSettings
from clinical_ai.records.fhir.client import FhirClient
from clinical_ai.records.fhir.errors import FhirSignInError, FhirStatusError, FhirUnreachableError
from clinical_ai.store.tables import FHIR_QUEUE
from pacs_bridge.errors import PeerError
from pacs_bridge.failure import Failure, FailureKind
from pacs_bridge.ordered.outbox import OrderedOutbox, Patience

# Sign-in may take three exchanges before the transaction, and after a refused token two more.
_EXCHANGES = 6
_PATIENCE = Patience(
    permanent=6,  # about three minutes: a server that is just being updated
    unreachable_seconds=60.0,
)
# The server, or what stands before it, asks to be left alone.
_NOT_NOW = frozenset({429, 502, 503})
# May pass: time-outs, faults of the server, and two clients that wrote the same at once.
_MAY_PASS = frozenset({408, 409, 425, 500, 504})


class FhirOutbox(OrderedOutbox):
    """Sends queued transactions until the server accepts them.

    While a server cannot be reached, or does not let us in, its transactions wait without
    failing. One that the server refuses is a dead letter after a few attempts, and the next on
    its subject goes on.

    Parameters
    ----------
    engine
        Database of the queue; several outboxes may share it.
    servers
        By name; only those with role ``write`` are sent anything.
    name
        Of this sender, if it is the only one of that name; see `OrderedOutbox`.
    """

    def __init__(
        self,
        engine: Engine,
        servers: Mapping[str, FhirServerSettings],
        *,
        name: str | None = None,
        patience: Patience = _PATIENCE,
    ) -> None:
        super().__init__(
            engine,
            FHIR_QUEUE,
            {
                server_name: _FhirChannel(server_name, server)
                for server_name, server in servers.items()
                if "write" in server.roles
            },
            missing="no FHIR server with role 'write' is named {peer}; correct fhir_servers in "
            "the settings, then send again",
            name=name,
            patience=patience,
        )


def failure_of(error: RecordError) -> Failure:
    """Return what an error of the client means for a transaction.

    Parameters
    ----------
    error
        Of `FhirClient.transaction`; it is not known that the transaction was carried out.
    """
    reason = str(error)
    match error:
        case FhirUnreachableError(arrived=False, retry_after=wait):
            return Failure("unreachable", reason, wait)
        case FhirSignInError():
            return Failure("unreachable", reason)
        case FhirStatusError(status=status, retry_after=wait, outcome=outcome):
            if status in _NOT_NOW:
                return Failure("unreachable", reason, wait)
            kind: FailureKind = "transient" if status in _MAY_PASS else "permanent"
            return Failure(kind, reason, wait, outcome.said)
        case _:
            return Failure("transient", reason)


class _FhirChannel:
    def __init__(self, name: str, server: FhirServerSettings) -> None:
        self._name = name
        self._server = server

    @property
    def longest_seconds(self) -> float:
        return _EXCHANGES * (self._server.connect_seconds + self._server.answer_seconds)

    @contextmanager
    def open(self) -> Iterator["_FhirConversation"]:
        # One attempt: when to make the next is the outbox's to say.
        client = FhirClient(self._name, self._server, attempts=1)
        with asyncio.Runner() as runner:
            try:
                runner.run(client.__aenter__())
            except SettingsError as error:
                raise PeerError(str(error)) from error
            try:
                yield _FhirConversation(runner, client)
            finally:
                runner.run(client.__aexit__(None, None, None))


class _FhirConversation:
    def __init__(self, runner: asyncio.Runner, client: FhirClient) -> None:
        self._runner = runner
        self._client = client

    def send(self, message: Row[tuple[object, ...]]) -> Failure | None:
        try:
            self._runner.run(self._client.transaction(bytes(message.body)))
        except FhirUnreachableError as error:
            if error.arrived:
                raise PeerError(str(error)) from error
            return failure_of(error)
        except RecordError as error:
            return failure_of(error)
        return None
