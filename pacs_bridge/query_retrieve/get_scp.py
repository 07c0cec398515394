"""The C-GET SCP (PS3.4 C.4.3): C-STORE sub-operations on the association of the request."""

from collections.abc import Sequence
from pathlib import Path

import structlog
from pydicom.dataset import Dataset

from pacs_bridge.dimse.channel import Channel, Request
from pacs_bridge.dimse.command import C_STORE_RQ, RESPONSE
from pacs_bridge.dimse.messages import Context
from pacs_bridge.errors import EncodingError, ProtocolError
from pacs_bridge.part10 import read_file_meta
from pacs_bridge.query_retrieve.answering import message_id
from pacs_bridge.query_retrieve.selection import Selected
from pacs_bridge.query_retrieve.sub_operations import Tally, respond_final, respond_pending
from pacs_bridge.transcode import UNCOMPRESSED, uncompressed

_log = structlog.get_logger(__name__)

_MEDIUM_PRIORITY = 0x0000
_SUCCESS = 0x0000
_WARNING_FAMILY = 0xB  # the receiver keeps the instance (PS3.4 table B.2-1)


def answer_get(channel: Channel, request: Request, instances: Sequence[Selected]) -> None:
    """Send the instances to the requester, and answer its C-GET request."""
    tally = Tally(len(instances))
    for number, selected in enumerate(instances, start=1):
        if channel.cancelled(message_id(request)):
            respond_final(channel, request, tally, cancelled=True)
            _log.info("get.cancelled", calling=channel.calling_ae_title, left=tally.remaining)
            return
        _store(channel, selected, number, tally)
        respond_pending(channel, request, tally)
    respond_final(channel, request, tally)
    _log.info(
        "get.done",
        calling=channel.calling_ae_title,
        completed=tally.completed + tally.warnings,
        failed=len(tally.failed),
    )


def _store(channel: Channel, selected: Selected, number: int, tally: Tally) -> None:
    context = _context(channel.contexts, selected)
    if context is None:
        _failed(channel, selected, "the requester accepts neither it nor an uncompressed form")
        tally.fail(selected.sop_instance_uid)
        return
    try:
        dataset = _dataset(selected, context.transfer_syntax)
    except EncodingError as error:
        _failed(channel, selected, str(error))
        tally.fail(selected.sop_instance_uid)
        return
    except OSError as error:
        _failed(channel, selected, f"its file cannot be read: {error.strerror}")
        tally.fail(selected.sop_instance_uid)
        return
    number = (number - 1) % 0xFFFF + 1  # VR US
    channel.send(context, _command(selected, number), dataset)
    status = _status(channel, number)
    if status == _SUCCESS or status >> 12 == _WARNING_FAMILY:
        tally.complete(warning=status != _SUCCESS)
    else:
        _failed(channel, selected, f"the requester answered status 0x{status:04X}")
        tally.fail(selected.sop_instance_uid)


def _context(contexts: Sequence[Context], selected: Selected) -> Context | None:
    """The context for the encoding it has, else one without compression."""
    usable = {
        c.transfer_syntax: c
        for c in contexts
        if c.requestor_is_scp and c.abstract_syntax == selected.sop_class_uid
    }
    wanted = (selected.transfer_syntax_uid, *UNCOMPRESSED)
    return next((usable[syntax] for syntax in wanted if syntax in usable), None)


def _dataset(selected: Selected, transfer_syntax_uid: str) -> bytes:
    if transfer_syntax_uid != selected.transfer_syntax_uid:
        return uncompressed(selected.path, transfer_syntax_uid)
    offset = read_file_meta(selected.path).offset
    return _after(selected.path, offset)


def _after(path: Path, offset: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read()


def _command(selected: Selected, number: int) -> Dataset:
    command = Dataset()
    command.AffectedSOPClassUID = selected.sop_class_uid
    command.CommandField = C_STORE_RQ
    command.MessageID = number
    command.Priority = _MEDIUM_PRIORITY
    command.AffectedSOPInstanceUID = selected.sop_instance_uid
    return command


def _status(channel: Channel, number: int) -> int:
    """Wait for the response to our C-STORE request; a C-CANCEL on the way is noted."""
    answer = channel.receive().command
    if (
        answer.get("CommandField") != C_STORE_RQ | RESPONSE
        or answer.get("MessageIDBeingRespondedTo") != number
        or answer.get("Status") is None
    ):
        raise ProtocolError("another message where the response to C-STORE should be", 2)
    return int(answer.Status)


def _failed(channel: Channel, selected: Selected, reason: str) -> None:
    _log.warning(
        "get.failed",
        calling=channel.calling_ae_title,
        sop_instance_uid=selected.sop_instance_uid,
        reason=reason,
    )
