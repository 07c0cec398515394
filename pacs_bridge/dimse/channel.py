"""What a service of the listener sees of an association: messages in, messages out."""

import select
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydicom import Dataset

from pacs_bridge.dimse.command import C_CANCEL_RQ, RESPONSE, Command, encode_command
from pacs_bridge.dimse.messages import BytesSink, Context, MessageStream, Sink
from pacs_bridge.errors import ProtocolError

MAX_DATASET_BYTES = 16 * 1024 * 1024
"""Of identifiers, actions and events; only C-STORE takes more."""


@dataclass(frozen=True, slots=True)
class Request:
    """A whole DIMSE message.

    Parameters
    ----------
    context
        The presentation context it came in.
    command
        All elements of its command set.
    dataset
        Its data set, encoded in the context's transfer syntax; empty if it has none.
    """

    context: Context
    command: Dataset
    dataset: bytes


class Channel:
    """An accepted association, used by one thread.

    Parameters
    ----------
    messages
        The association's messages.
    contexts
        Its accepted presentation contexts.
    calling_ae_title, called_ae_title, peer_host
        Who opened it, for whom, and from which address.
    poll_fileno
        File descriptor that becomes readable when the peer sends.
    """

    def __init__(
        self,
        messages: MessageStream,
        contexts: tuple[Context, ...],
        *,
        calling_ae_title: str,
        called_ae_title: str,
        peer_host: str,
        poll_fileno: Callable[[], int],
    ) -> None:
        self.contexts = contexts
        self.calling_ae_title = calling_ae_title
        self.called_ae_title = called_ae_title
        self.peer_host = peer_host
        self._messages = messages
        self._poll_fileno = poll_fileno
        self._cancelled: set[int] = set()

    def send(self, context: Context, command: Dataset, dataset: bytes = b"") -> None:
        """Send a message; group length and Data Set Type of `command` are set here.

        Raises
        ------
        AssociationLostError
            If the connection ends.
        """
        encoded = encode_command(command, has_dataset=bool(dataset))
        self._messages.write(context.context_id, encoded, dataset)

    def respond(
        self,
        request: Request,
        status: int,
        *,
        dataset: bytes = b"",
        elements: Mapping[str, Any] | None = None,
    ) -> None:
        """Send a response to `request`.

        Parameters
        ----------
        status
            (0000,0900).
        dataset
            Encoded in the transfer syntax of the request's context.
        elements
            Further command elements by keyword, such as the numbers of sub-operations.

        Raises
        ------
        AssociationLostError
            If the connection ends.
        """
        asked = request.command
        command = Dataset()
        for keyword in ("AffectedSOPClassUID", "AffectedSOPInstanceUID"):
            value = asked.get(keyword) or asked.get(keyword.replace("Affected", "Requested"))
            if value:
                setattr(command, keyword, value)
        command.CommandField = int(asked.CommandField) | RESPONSE
        command.MessageIDBeingRespondedTo = asked.get("MessageID", 0)
        command.Status = status
        for keyword, value in (elements or {}).items():
            setattr(command, keyword, value)
        self.send(request.context, command, dataset)

    def receive(self) -> Request:
        """Wait for the next message; a C-CANCEL is noted and not returned.

        Raises
        ------
        AssociationReleasedError, AssociationLostError, ProtocolError
            If the association ends instead.
        """
        while True:
            request = self.take(*self._messages.read(bytes_sink))
            if request is not None:
                return request

    def take(self, context: Context, command: Command, sink: Sink) -> Request | None:
        """Make a request of a message that was read; None if it is a C-CANCEL, which is noted."""
        if command.field == C_CANCEL_RQ:
            self._cancelled.add(command.message_id)
            return None
        if not command.field & RESPONSE:
            # A C-CANCEL that came too late for an earlier request with this ID.
            self._cancelled.discard(command.message_id)
        dataset = bytes(sink.data) if isinstance(sink, BytesSink) else b""
        return Request(context, command.dataset(), dataset)

    def is_quiet(self, seconds: float) -> bool:
        """Whether the peer sends nothing for so long, no release either; takes nothing."""
        if self._messages.has_buffered:
            return False
        return not select.select([self._poll_fileno()], [], [], seconds)[0]

    def cancelled(self, message_id: int) -> bool:
        """Whether a C-CANCEL for the message has come; does not wait for one.

        Raises
        ------
        AssociationReleasedError, AssociationLostError
            If the association has ended.
        ProtocolError
            If another request came: asynchronous operations are not negotiated (PS3.7 D.3.3.3).
        """
        while self._messages.has_buffered or select.select([self._poll_fileno()], [], [], 0)[0]:
            if self.take(*self._messages.read(bytes_sink)) is not None:
                raise ProtocolError("a request before the last one was answered", 2)
        return message_id in self._cancelled


@dataclass(frozen=True, slots=True)
class Service:
    """What a listener does beyond C-STORE and C-ECHO.

    Parameters
    ----------
    abstract_syntaxes
        SOP classes whose requests are its own.
    handle
        Called with each request, in the association's thread; it sends the responses.
    requestor_scp
        Accept these classes with the requestor as SCP, if it asks for that role.
    """

    abstract_syntaxes: frozenset[str]
    handle: Callable[[Channel, Request], None]
    requestor_scp: bool = False


def bytes_sink(_context: Context, _command: Command) -> Sink:
    """Return a sink for a data set that is not to be stored."""
    return BytesSink(MAX_DATASET_BYTES)
