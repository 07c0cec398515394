"""The C-FIND SCP (PS3.4 C.4.1)."""

from collections.abc import Iterator

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from pacs_bridge.dimse.channel import Channel, Request
from pacs_bridge.dimse.datasets import encode_dataset
from pacs_bridge.errors import QueryError
from pacs_bridge.query import Match, find, to_dataset
from pacs_bridge.query_retrieve.answering import fail, message_id, refuse_identifier
from pacs_bridge.query_retrieve.identifier import Identifier, check_unique_keys, read_identifier
from pacs_bridge.query_retrieve.models import UNIQUE_KEYS, Model
from pacs_bridge.query_retrieve.statuses import (
    CANCELLED,
    OUT_OF_RESOURCES,
    PENDING,
    PENDING_UNSUPPORTED_KEYS,
    SUCCESS,
)

_log = structlog.get_logger(__name__)

_PAGE = 500


def answer_find(
    channel: Channel,
    request: Request,
    model: Model,
    *,
    engine: Engine,
    ae_title: str,
    own_results: bool,
) -> None:
    """Answer a C-FIND request: one pending response a match, until done or cancelled.

    Parameters
    ----------
    engine
        The archive's database.
    ae_title
        Ours, returned as Retrieve AE Title.
    own_results
        Whether our own results that came back are found.
    """
    sent = 0
    try:
        identifier = read_identifier(request.dataset, request.context.transfer_syntax, model)
        check_unique_keys(identifier, model, retrieve=False)
        returned = _returned(identifier, model)
        status = PENDING_UNSUPPORTED_KEYS if identifier.unsupported else PENDING
        for match in _matches(engine, identifier, returned, own_results):
            if channel.cancelled(message_id(request)):
                channel.respond(request, CANCELLED)
                _log.info("find.cancelled", calling=channel.calling_ae_title, sent=sent)
                return
            dataset = to_dataset(match, returned, retrieve_ae_title=ae_title)
            dataset.QueryRetrieveLevel = str(identifier.level)
            encoded = encode_dataset(dataset, request.context.transfer_syntax)
            channel.respond(request, status, dataset=encoded)
            sent += 1
    except QueryError as error:
        _log.warning("find.refused", calling=channel.calling_ae_title, reason=str(error))
        refuse_identifier(channel, request, error)
        return
    except SQLAlchemyError as error:
        _log.error("find.failed", calling=channel.calling_ae_title, error=type(error).__name__)
        fail(channel, request, OUT_OF_RESOURCES, "the index cannot be read now")
        return
    channel.respond(request, SUCCESS)
    _log.info(
        "find.done",
        calling=channel.calling_ae_title,
        query_level=str(identifier.level),
        matches=sent,
    )


def _returned(identifier: Identifier, model: Model) -> list[str]:
    """What was asked for, and the unique keys down to the level (PS3.4 C.4.1.1.3.2)."""
    above = [UNIQUE_KEYS[v] for v in model.levels if v.depth <= identifier.level.depth]
    return list(dict.fromkeys((*above, *identifier.keys)))


def _matches(
    engine: Engine, identifier: Identifier, returned: list[str], own_results: bool
) -> Iterator[Match]:
    """Yield the matches page by page, so that the connection is not held while we send."""
    keys = dict.fromkeys(returned, "") | dict(identifier.keys)
    offset = 0
    while True:
        page = find(
            engine, identifier.level, keys, limit=_PAGE, offset=offset, own_results=own_results
        )
        yield from page
        if len(page) < _PAGE:
            return
        offset += _PAGE
