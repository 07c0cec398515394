"""The C-MOVE SCP (PS3.4 C.4.2): C-STORE sub-operations on an association to a known peer."""

import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import structlog

from pacs_bridge.association import MoveOriginator, RequestedAssociation
from pacs_bridge.dimse.channel import Channel, Request
from pacs_bridge.errors import EncodingError, PeerError
from pacs_bridge.failure import Failure
from pacs_bridge.part10 import file_head
from pacs_bridge.peer import Peer
from pacs_bridge.query_retrieve.answering import message_id
from pacs_bridge.query_retrieve.selection import Selected
from pacs_bridge.query_retrieve.sub_operations import Tally, respond_final, respond_pending
from pacs_bridge.transcode import UNCOMPRESSED, uncompressed

_log = structlog.get_logger(__name__)

_MAX_CONTEXTS = 128  # odd numbers of one byte (PS3.8 9.3.2.2)


def answer_move(
    channel: Channel, request: Request, instances: Sequence[Selected], *, peer: Peer, ae_title: str
) -> None:
    """Send the instances to `peer`, and answer the C-MOVE request on the way.

    Parameters
    ----------
    ae_title
        Who we are.
    """
    tally = Tally(len(instances))
    originator = MoveOriginator(channel.calling_ae_title, message_id(request))
    with closing(_send(instances, peer, ae_title, originator)) as outcomes:
        while tally.remaining:
            if channel.cancelled(message_id(request)):
                respond_final(channel, request, tally, cancelled=True)
                _log.info("move.cancelled", peer=peer.name, left=tally.remaining)
                return
            selected, reason = next(outcomes)
            if reason is None:
                tally.complete()
            else:
                tally.fail(selected.sop_instance_uid)
                _log.warning(
                    "move.failed",
                    peer=peer.name,
                    sop_instance_uid=selected.sop_instance_uid,
                    reason=reason,
                )
            respond_pending(channel, request, tally)
    respond_final(channel, request, tally)
    _log.info(
        "move.done",
        calling=channel.calling_ae_title,
        peer=peer.name,
        completed=tally.completed,
        failed=len(tally.failed),
    )


_Outcomes = Generator[tuple[Selected, str | None], None, None]


def _send(
    instances: Sequence[Selected], peer: Peer, ae_title: str, originator: MoveOriginator
) -> _Outcomes:
    """Yield each instance with None if the peer keeps it, otherwise why not."""
    for pairs, group in _groups(instances):
        try:
            association = RequestedAssociation(peer, ae_title, pairs)
        except PeerError as error:
            yield from ((selected, str(error)) for selected in group)
            continue
        try:
            for selected in group:
                yield selected, _store(association, selected, originator)
        finally:
            association.close()


def _groups(
    instances: Sequence[Selected],
) -> Iterator[tuple[list[tuple[str, str]], list[Selected]]]:
    """Split the instances so that each group needs at most 128 presentation contexts."""
    pairs: dict[tuple[str, str], None] = {}
    group: list[Selected] = []
    for selected in instances:
        syntaxes = (selected.transfer_syntax_uid, *UNCOMPRESSED)
        wanted = dict.fromkeys((selected.sop_class_uid, syntax) for syntax in syntaxes)
        if len(pairs | wanted) > _MAX_CONTEXTS:
            yield list(pairs), group
            pairs, group = {}, []
        pairs |= wanted
        group.append(selected)
    if group:
        yield list(pairs), group


def _store(
    association: RequestedAssociation, selected: Selected, originator: MoveOriginator
) -> str | None:
    sop_class, syntax = selected.sop_class_uid, selected.transfer_syntax_uid
    plain = next((s for s in UNCOMPRESSED if (sop_class, s) in association.accepted), None)
    if (sop_class, syntax) in association.accepted or plain is None:
        return _reason(association.store(selected.path, sop_class, syntax, originator=originator))
    with tempfile.TemporaryDirectory(prefix="clinical-ai-move-") as folder:
        copy = Path(folder) / "uncompressed.dcm"
        try:
            copy.write_bytes(_head(selected, plain) + uncompressed(selected.path, plain))
        except EncodingError as error:
            return f"the peer does not accept transfer syntax {syntax}, and {error}"
        except OSError as error:
            return f"no room to re-encode it without compression: {error.strerror}"
        return _reason(association.store(copy, sop_class, plain, originator=originator))


def _reason(failure: Failure | None) -> str | None:
    return None if failure is None else failure.reason


def _head(selected: Selected, transfer_syntax_uid: str) -> bytes:
    return file_head(
        sop_class_uid=selected.sop_class_uid,
        sop_instance_uid=selected.sop_instance_uid,
        transfer_syntax_uid=transfer_syntax_uid,
        source_ae_title="",
    )
