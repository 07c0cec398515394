"""The service that a listener is given: dispatches requests to the three operations."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from pacs_bridge.dimse.channel import Channel, Request, Service
from pacs_bridge.dimse.command import C_FIND_RQ, C_GET_RQ, C_MOVE_RQ
from pacs_bridge.errors import QueryError
from pacs_bridge.peer import Peer
from pacs_bridge.query_retrieve.answering import fail, refuse_identifier
from pacs_bridge.query_retrieve.find_scp import answer_find
from pacs_bridge.query_retrieve.get_scp import answer_get
from pacs_bridge.query_retrieve.identifier import check_unique_keys, read_identifier
from pacs_bridge.query_retrieve.models import MODELS, Model, Operation
from pacs_bridge.query_retrieve.move_scp import answer_move
from pacs_bridge.query_retrieve.selection import Selected, select_instances
from pacs_bridge.query_retrieve.statuses import (
    CANNOT_COUNT_MATCHES,
    UNKNOWN_DESTINATION,
)
from pacs_bridge.status import UNRECOGNIZED_OPERATION

_log = structlog.get_logger(__name__)

_COMMANDS = {C_FIND_RQ: Operation.FIND, C_MOVE_RQ: Operation.MOVE, C_GET_RQ: Operation.GET}


def query_retrieve_service(
    engine: Engine,
    root: Path,
    *,
    ae_title: str,
    peers: Callable[[], Iterable[Peer]],
    own_results: bool = True,
) -> Service:
    """Return the Query/Retrieve SCP of an archive.

    Whoever may associate may ask: give it to a listener only where that is meant.

    Parameters
    ----------
    engine, root
        The archive's database and folder.
    ae_title
        Ours.
    peers
        Returns the nodes that a C-MOVE may send to.
    own_results
        Whether our own results that came back are found and sent.
    """
    scp = _QueryRetrieve(engine, root, ae_title, peers, own_results)
    return Service(frozenset(MODELS), scp.handle)


@dataclass(frozen=True, slots=True)
class _QueryRetrieve:
    engine: Engine
    root: Path
    ae_title: str
    peers: Callable[[], Iterable[Peer]]
    own_results: bool

    def handle(self, channel: Channel, request: Request) -> None:
        model = MODELS[request.context.abstract_syntax]
        if _COMMANDS.get(int(request.command.CommandField)) is not model.operation:
            fail(
                channel, request, UNRECOGNIZED_OPERATION, f"this SOP class is for {model.operation}"
            )
        elif model.operation is Operation.FIND:
            answer_find(
                channel,
                request,
                model,
                engine=self.engine,
                ae_title=self.ae_title,
                own_results=self.own_results,
            )
        elif model.operation is Operation.MOVE:
            self._move(channel, request, model)
        else:
            instances = self._select(channel, request, model)
            if instances is not None:
                answer_get(channel, request, instances)

    def _move(self, channel: Channel, request: Request, model: Model) -> None:
        title = str(request.command.get("MoveDestination", "")).strip()
        peer = next((p for p in self.peers() if p.ae_title.strip() == title), None)
        if peer is None:
            _log.warning(
                "move.unknown_destination",
                calling=channel.calling_ae_title,
                destination=title[:16],  # of an AE, PS3.5 6.2
            )
            fail(channel, request, UNKNOWN_DESTINATION, "the move destination is no known peer")
            return
        instances = self._select(channel, request, model)
        if instances is not None:
            answer_move(channel, request, instances, peer=peer, ae_title=self.ae_title)

    def _select(self, channel: Channel, request: Request, model: Model) -> list[Selected] | None:
        """Return what the identifier names; None if the request has been answered."""
        try:
            identifier = read_identifier(request.dataset, request.context.transfer_syntax, model)
            check_unique_keys(identifier, model, retrieve=True)
            return select_instances(
                self.engine, self.root, identifier, model, own_results=self.own_results
            )
        except QueryError as error:
            _log.warning("retrieve.refused", calling=channel.calling_ae_title, reason=str(error))
            refuse_identifier(channel, request, error)
        except SQLAlchemyError as error:
            _log.error(
                "retrieve.failed", calling=channel.calling_ae_title, error=type(error).__name__
            )
            fail(channel, request, CANNOT_COUNT_MATCHES, "the index cannot be read now")
        return None
