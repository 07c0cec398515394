"""The storage commitment SCP (PS3.4 annex J): takes requests, reports on each.

A request is in the database before it is answered. The report goes back on the association of
the request, if that stays open and quiet; otherwise on an association of our own, to the peer
with the AE title of who asked, again and again until it is taken.
"""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import structlog
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom.sop_class import Verification
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from pacs_bridge.association import RequestedAssociation
from pacs_bridge.commitment import pending
from pacs_bridge.commitment.action import event_information, event_type, read_request
from pacs_bridge.commitment.check import find_failures
from pacs_bridge.commitment.datasets import PUSH_MODEL, PUSH_MODEL_INSTANCE, REQUEST_ACTION
from pacs_bridge.commitment.pending import PendingReport
from pacs_bridge.dimse.channel import Channel, Request, Service
from pacs_bridge.dimse.command import N_ACTION_RQ, N_EVENT_REPORT_RQ, RESPONSE
from pacs_bridge.dimse.datasets import encode_dataset
from pacs_bridge.errors import EncodingError, PeerError, ProtocolError
from pacs_bridge.peer import Peer
from pacs_bridge.polling import Poller
from pacs_bridge.status import UNRECOGNIZED_OPERATION

_log = structlog.get_logger(__name__)

_SUCCESS = 0x0000
# PS3.7 annex C
_PROCESSING_FAILURE = 0x0110
_NO_SUCH_INSTANCE = 0x0112
_INVALID_ARGUMENT = 0x0115
_NO_SUCH_ACTION = 0x0123

_QUIET_SECONDS = 1.0  # requesters that want the report elsewhere release within this
_LEASE_SECONDS = 300.0  # longer than a report on the association of the request can take
_GIVE_UP_SECONDS = 7 * 86_400.0
_POLL_SECONDS = 1.0
_EVENT_MESSAGE_ID = 1


class CommitmentProvider:
    """Commits to keep what the archive has.

    Parameters
    ----------
    engine, root
        The archive's database and folder.
    ae_title
        Who we are.
    peers
        Returns the nodes that a report may be sent to on an association of our own.
    retrieve_ae_title
        Who can be asked for the instances; empty says nothing of it.
    quiet_seconds
        How long to wait whether the requester releases before the report goes on its
        association.
    """

    def __init__(
        self,
        engine: Engine,
        root: Path,
        *,
        ae_title: str,
        peers: Callable[[], Iterable[Peer]],
        retrieve_ae_title: str = "",
        quiet_seconds: float = _QUIET_SECONDS,
    ) -> None:
        self._engine = engine
        self._root = root
        self._ae_title = ae_title
        self._peers = peers
        self._retrieve_ae_title = retrieve_ae_title
        self._quiet_seconds = quiet_seconds
        self._poller = Poller("commitment", self.run_due, interval_seconds=_POLL_SECONDS)

    def service(self, reports: Service | None = None) -> Service:
        """Return the service for a listener.

        Parameters
        ----------
        reports
            Takes what is not a request for commitment: the reports that peers send us, in the
            same SOP class.
        """

        def handle(channel: Channel, request: Request) -> None:
            if int(request.command.CommandField) == N_ACTION_RQ:
                self._act(channel, request)
            elif reports is not None:
                reports.handle(channel, request)
            else:
                channel.respond(request, UNRECOGNIZED_OPERATION)

        return Service(frozenset({PUSH_MODEL}), handle, requestor_scp=reports is not None)

    def start(self) -> None:
        """Make the reports that are due, in a thread."""
        self._poller.start()

    def stop(self) -> None:
        """Stop the thread after the report in progress."""
        self._poller.stop()

    def run_due(self, now: float) -> int:
        """Make the reports that are due on associations of our own.

        Parameters
        ----------
        now
            Seconds since 1970 UTC.

        Returns
        -------
        int
            Reports that were taken.
        """
        return sum(self._report_elsewhere(report, now) for report in pending.due(self._engine, now))

    def _act(self, channel: Channel, request: Request) -> None:
        report, status, comment = self._accept(channel, request)
        action = request.command.get("ActionTypeID")
        elements: dict[str, object] = {} if action is None else {"ActionTypeID": action}
        if comment:
            elements["ErrorComment"] = comment[:64]  # VR LO
            _log.warning("commitment.refused", calling=channel.calling_ae_title, reason=comment)
        channel.respond(request, status, elements=elements)
        if report is not None:
            self._report_here_or_leave(channel, request, report)

    def _accept(self, channel: Channel, request: Request) -> tuple[PendingReport | None, int, str]:
        """Record the request; returns the status to answer, and why if it is refused."""
        if request.command.get("RequestedSOPInstanceUID") != PUSH_MODEL_INSTANCE:
            return None, _NO_SUCH_INSTANCE, "not the storage commitment instance"
        if request.command.get("ActionTypeID") != REQUEST_ACTION:
            return None, _NO_SUCH_ACTION, "not the action of requesting commitment"
        try:
            asked = read_request(request.dataset, request.context.transfer_syntax)
        except EncodingError as error:
            return None, _INVALID_ARGUMENT, str(error)
        now = time.time()
        try:
            report = pending.add(
                self._engine,
                channel.calling_ae_title,
                asked,
                now=now,
                due_at=now + _LEASE_SECONDS,
            )
        except SQLAlchemyError:
            return None, _PROCESSING_FAILURE, "the database cannot be written now"
        _log.info(
            "commitment.requested",
            calling=channel.calling_ae_title,
            references=len(asked.references),
        )
        return report, _SUCCESS, ""

    def _report_here_or_leave(
        self, channel: Channel, request: Request, report: PendingReport
    ) -> None:
        """Report on the association of the request, or leave it to the thread."""
        is_known = self._peer(report.calling_ae_title) is not None
        if is_known and not (_is_for_us_alone(channel) and channel.is_quiet(self._quiet_seconds)):
            pending.postpone(self._engine, report, now=time.time(), failed=False)
            return
        taken = False
        try:
            taken = self._report_here(channel, request, report)
        finally:
            if taken:
                pending.done(self._engine, report)
            else:
                pending.postpone(self._engine, report, now=time.time(), failed=False)

    def _report_here(self, channel: Channel, request: Request, report: PendingReport) -> bool:
        number, dataset = self._event(report)
        command = Dataset()
        command.AffectedSOPClassUID = PUSH_MODEL
        command.CommandField = N_EVENT_REPORT_RQ
        command.MessageID = _EVENT_MESSAGE_ID
        command.AffectedSOPInstanceUID = PUSH_MODEL_INSTANCE
        command.EventTypeID = number
        encoded = encode_dataset(dataset, request.context.transfer_syntax)
        channel.send(request.context, command, encoded)
        answer = channel.receive()
        while int(answer.command.CommandField) != N_EVENT_REPORT_RQ | RESPONSE:
            if int(answer.command.CommandField) & RESPONSE:
                raise ProtocolError("a response to nothing that we asked", 2)
            channel.respond(answer, _PROCESSING_FAILURE)  # one thing after the other
            answer = channel.receive()
        taken = int(answer.command.get("Status", _PROCESSING_FAILURE)) == _SUCCESS
        _log.info(
            "commitment.reported", calling=report.calling_ae_title, event_type=number, taken=taken
        )
        return taken

    def _report_elsewhere(self, report: PendingReport, now: float) -> bool:
        peer = self._peer(report.calling_ae_title)
        if peer is None or now - report.created_at > _GIVE_UP_SECONDS:
            _log.error(
                "commitment.report_given_up",
                calling=report.calling_ae_title,
                is_known_peer=peer is not None,
                attempts=report.attempts,
            )
            pending.done(self._engine, report)
            return False
        try:
            status = self._send(peer, report)
        except PeerError as error:
            _log.warning("commitment.report_failed", peer=peer.name, reason=str(error))
            pending.postpone(self._engine, report, now=now, failed=True)
            return False
        if status != _SUCCESS:
            _log.warning("commitment.report_refused", peer=peer.name, status=f"{status:04X}")
            pending.postpone(self._engine, report, now=now, failed=True)
            return False
        pending.done(self._engine, report)
        return True

    def _send(self, peer: Peer, report: PendingReport) -> int:
        number, dataset = self._event(report)
        association = RequestedAssociation(
            peer,
            self._ae_title,
            [(PUSH_MODEL, ImplicitVRLittleEndian)],
            scp_classes=[PUSH_MODEL],
        )
        try:
            status = association.report_event(
                dataset,
                event_type=number,
                sop_class_uid=PUSH_MODEL,
                sop_instance_uid=PUSH_MODEL_INSTANCE,
            )
        finally:
            association.close()
        _log.info("commitment.reported", peer=peer.name, event_type=number, status=f"{status:04X}")
        return status

    def _event(self, report: PendingReport) -> tuple[int, Dataset]:
        """Look at the archive now: event type and data set."""
        failed = find_failures(self._engine, self._root, report.request.references)
        dataset = event_information(report.request, failed, self._retrieve_ae_title)
        return event_type(failed), dataset

    def _peer(self, ae_title: str) -> Peer | None:
        return next((p for p in self._peers() if p.ae_title.strip() == ae_title), None)


def _is_for_us_alone(channel: Channel) -> bool:
    """Whether nothing but commitment, such as storage, can come on the association."""
    return {c.abstract_syntax for c in channel.contexts} <= {PUSH_MODEL, str(Verification)}
