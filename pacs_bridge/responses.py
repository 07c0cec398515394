"""What a peer answers, response by response, to the requests of a `RequestedAssociation`."""

from dataclasses import dataclass

from pydicom.dataset import Dataset
from pynetdicom.events import Event

_PENDING = (0xFF00, 0xFF01)  # PS3.4 tables C.4-1 to C.4-3


@dataclass(frozen=True, slots=True)
class Answer:
    """One response to a C-FIND, C-MOVE or C-GET request (PS3.7 9.3.2 to 9.3.4).

    The peer's Error Comment is left out: it may name a patient.

    Parameters
    ----------
    status
        The response status.
    pending
        Whether more responses follow.
    identifier
        The match of a pending C-FIND response, the failed instances of a final C-MOVE or C-GET
        response; None if absent or not to be understood.
    remaining, completed, failed, warning
        Sub-operations; None if the peer does not say.
    """

    status: int
    pending: bool
    identifier: Dataset | None
    remaining: int | None = None
    completed: int | None = None
    failed: int | None = None
    warning: int | None = None


@dataclass(frozen=True, slots=True)
class Offered:
    """An instance that the peer sends us by a C-STORE sub-operation of our C-GET.

    Parameters
    ----------
    dataset
        Encoded as received.
    sop_class_uid, sop_instance_uid
        As the command names them: not checked.
    """

    dataset: bytes
    transfer_syntax_uid: str
    sop_class_uid: str
    sop_instance_uid: str


def offered_by(event: Event) -> Offered:
    """Return the instance of pynetdicom's event."""
    request = event.request
    return Offered(
        dataset=request.DataSet.getvalue(),
        transfer_syntax_uid=str(event.context.transfer_syntax),
        sop_class_uid=str(request.AffectedSOPClassUID),
        sop_instance_uid=str(request.AffectedSOPInstanceUID),
    )


def answer_of(code: int, response: Dataset, identifier: Dataset | None) -> Answer:
    """Return the response that pynetdicom gives as a status, its elements and an identifier."""

    def count(keyword: str) -> int | None:
        value = response.get(keyword)
        return None if value is None else int(value)

    return Answer(
        status=code,
        pending=code in _PENDING,
        identifier=identifier,
        remaining=count("NumberOfRemainingSuboperations"),
        completed=count("NumberOfCompletedSuboperations"),
        failed=count("NumberOfFailedSuboperations"),
        warning=count("NumberOfWarningSuboperations"),
    )
