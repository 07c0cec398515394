"""Takes the storage commitment reports that a peer sends on an association of its own."""

from collections.abc import Sequence
from io import BytesIO

import structlog
from pydicom.filereader import read_dataset
from pydicom.uid import UID
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from pacs_bridge.commitment.datasets import PUSH_MODEL, CommitmentReport, parse_report
from pacs_bridge.commitment.reports import INVALID_ARGUMENT, PROCESSING_FAILURE, record_report
from pacs_bridge.dimse.channel import Channel, Request, Service
from pacs_bridge.errors import EncodingError
from pacs_bridge.peer import Peer
from pacs_bridge.retry import RetryPolicy
from pacs_bridge.status import UNRECOGNIZED_OPERATION

_log = structlog.get_logger(__name__)

_N_EVENT_REPORT_RQ = 0x0100  # PS3.7 table E.1-1
# PS3.7 annex C
_NO_SUCH_EVENT_TYPE = 0x0113
_NOT_AUTHORIZED = 0x0124
_EVENT_TYPES = (1, 2)  # PS3.4 table J.3-2


def commitment_service(
    engine: Engine, peers: Sequence[Peer], policy: RetryPolicy | None = None
) -> Service:
    """Return the service that a listener needs to hear of commitments.

    A report counts only from a node whose AE title is that of the peer asked, and only for a
    transaction of ours with that peer; its UID is random, so nobody else can know it.

    Parameters
    ----------
    engine
        Database of the deliveries.
    peers
        Those with storage commitment are asked, and may report.
    policy
        What becomes of what was not committed; as in the outbox.
    """
    reporter = _Reporter(engine, peers, policy or RetryPolicy())
    return Service(frozenset({PUSH_MODEL}), reporter.handle, requestor_scp=True)


class _Reporter:
    def __init__(self, engine: Engine, peers: Sequence[Peer], policy: RetryPolicy) -> None:
        self._engine = engine
        self._policy = policy
        self._names: dict[str, list[str]] = {}
        for peer in peers:
            if peer.storage_commitment:
                self._names.setdefault(peer.ae_title.strip(), []).append(peer.name)

    def handle(self, channel: Channel, request: Request) -> None:
        """Answer one request."""
        event_type = request.command.get("EventTypeID")
        elements = {} if event_type is None else {"EventTypeID": event_type}
        channel.respond(request, self._status(channel, request), elements=elements)

    def _status(self, channel: Channel, request: Request) -> int:
        if request.command.CommandField != _N_EVENT_REPORT_RQ:
            return UNRECOGNIZED_OPERATION
        if request.command.get("EventTypeID") not in _EVENT_TYPES:
            return _NO_SUCH_EVENT_TYPE
        names = self._names.get(channel.calling_ae_title.strip())
        if names is None:
            _log.warning("commitment.not_a_peer", calling_ae_title=channel.calling_ae_title)
            return _NOT_AUTHORIZED
        try:
            report = _report(request)
        except EncodingError:
            return INVALID_ARGUMENT
        try:
            return record_report(self._engine, report, names, self._policy)
        except SQLAlchemyError as error:
            _log.error("commitment.database_failed", error=type(error).__name__)
            return PROCESSING_FAILURE  # the peer may report again


def _report(request: Request) -> CommitmentReport:
    syntax = UID(request.context.transfer_syntax)
    try:
        return parse_report(
            read_dataset(BytesIO(request.dataset), syntax.is_implicit_VR, syntax.is_little_endian)
        )
    except EncodingError:
        raise
    except Exception as error:
        # On broken bytes pydicom raises what its parts raise: struct.error, KeyError, ...
        raise EncodingError("the report is no DICOM data set") from error
