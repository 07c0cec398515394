"""Sends queued messages by MLLP; a message that is sent again has the same MSH-10."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import Engine, Row

from pacs_bridge.failure import Failure
from pacs_bridge.hl7.sender import Hl7Peer, MllpConnection
from pacs_bridge.hl7.tables import HL7_QUEUE
from pacs_bridge.ordered.outbox import OrderedOutbox, Patience

_DEFAULT = Patience()


class Hl7Outbox(OrderedOutbox):
    """Sends queued messages.

    Parameters
    ----------
    engine
        Database of the messages; several outboxes may share it.
    peers
        By name.
    name
        Of this sender, if it is the only one of that name; see `OrderedOutbox`.
    max_attempts
        After so many failures a message is dead until `resend_message`.
    max_errors
        The same for failures of which the last is the answer AE: the content is wrong. A RIS
        gives it too while an order is not there yet.
    first_retry_seconds
        The wait after the first failure; it doubles with each further one.
    """

    def __init__(
        self,
        engine: Engine,
        peers: Mapping[str, Hl7Peer],
        *,
        name: str | None = None,
        max_attempts: int = _DEFAULT.attempts,
        max_errors: int = _DEFAULT.permanent,
        first_retry_seconds: float = _DEFAULT.first_seconds,
    ) -> None:
        super().__init__(
            engine,
            HL7_QUEUE,
            {peer_name: _MllpChannel(peer) for peer_name, peer in peers.items()},
            missing="no HL7 peer is named {peer}; add it to the settings, then send again",
            name=name,
            patience=Patience(max_attempts, max_errors, first_retry_seconds),
        )


class _MllpChannel:
    def __init__(self, peer: Hl7Peer) -> None:
        self._peer = peer

    @property
    def longest_seconds(self) -> float:
        return self._peer.connect_seconds + self._peer.acknowledge_seconds

    @contextmanager
    def open(self) -> Iterator["_MllpConversation"]:
        with MllpConnection(self._peer) as connection:
            yield _MllpConversation(connection)


class _MllpConversation:
    def __init__(self, connection: MllpConnection) -> None:
        self._connection = connection

    def send(self, message: Row[tuple[object, ...]]) -> Failure | None:
        answer = self._connection.exchange(bytes(message.body), message.control_id)
        if answer.verdict == "accept":
            return None
        return Failure(
            "permanent" if answer.verdict == "error" else "transient",
            f"{message.peer} answered {answer.code}",
            said=answer.text,
        )
