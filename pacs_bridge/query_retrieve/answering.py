"""Responses that all three operations send."""

from pydicom.datadict import tag_for_keyword

from pacs_bridge.dimse.channel import Channel, Request
from pacs_bridge.errors import QueryError
from pacs_bridge.query_retrieve.statuses import BAD_IDENTIFIER

_ERROR_COMMENT_CHARACTERS = 64  # VR LO


def message_id(request: Request) -> int:
    """Return the request's Message ID (0000,0110)."""
    return int(request.command.get("MessageID", 0) or 0)


def refuse_identifier(channel: Channel, request: Request, error: QueryError) -> None:
    """Answer that the identifier cannot be used, and which element is at fault."""
    elements: dict[str, object] = {"ErrorComment": str(error)[:_ERROR_COMMENT_CHARACTERS]}
    tag = tag_for_keyword(error.keyword) if error.keyword else None
    if tag is not None:
        elements["OffendingElement"] = tag
    channel.respond(request, BAD_IDENTIFIER, elements=elements)


def fail(channel: Channel, request: Request, status: int, comment: str) -> None:
    """Answer with a failure status and an Error Comment."""
    channel.respond(request, status, elements={"ErrorComment": comment[:_ERROR_COMMENT_CHARACTERS]})
