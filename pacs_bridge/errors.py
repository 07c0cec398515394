"""The errors that `pacs_bridge` raises for its callers to handle."""


class BridgeError(Exception):
    """Base of every error of this package; the message names the bad value and the cure."""


class EncodingError(BridgeError):
    """Bytes do not hold a whole DICOM data set in the stated transfer syntax."""


class RefusedError(BridgeError):
    """An instance cannot be accepted.

    Parameters
    ----------
    status
        The C-STORE response status (PS3.4 table B.2-1).
    reason
        Why, in one sentence, without text taken from the data set.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class PeerError(BridgeError):
    """A peer cannot be reached, refuses the association, or answers against the standard."""


class QueryError(BridgeError):
    """A key of a query cannot be used; the message names the attribute, never its value.

    Parameters
    ----------
    reason
        One sentence.
    keyword
        Of the attribute at fault; empty if it is none.
    """

    def __init__(self, reason: str, *, keyword: str = "") -> None:
        super().__init__(reason)
        self.keyword = keyword


class AssociationRejectedError(PeerError):
    """The peer answers, but rejects the association, for its AE titles or for now."""


class NoContextError(PeerError):
    """The peer accepts the association, but nothing of what we want to do on it."""


class IntakeError(BridgeError):
    """A folder, file or zip given by a user cannot be read safely."""


class DeliveryError(BridgeError):
    """A delivery does not exist or is not in the state that an action needs."""


class RoutingError(BridgeError):
    """Routing rules cannot be used, or a stored decision cannot be read."""


class AssociationLostError(PeerError):
    """An association ended without a release: aborted, closed, or silent for too long."""


class AssociationReleasedError(PeerError):
    """The peer released the association."""


class ProtocolError(PeerError):
    """A peer sent what the standard does not allow.

    Parameters
    ----------
    message
        What it was, without text from the peer.
    abort_reason
        For the A-ABORT PDU (PS3.8 table 9-26).
    """

    def __init__(self, message: str, abort_reason: int = 0) -> None:
        super().__init__(message)
        self.abort_reason = abort_reason


class MessageError(BridgeError):
    """An HL7 message cannot be read or written; the reason holds nothing of its content."""


class RetrievalError(BridgeError):
    """A retrieval does not exist or cannot be noted as the caller put it."""


class DeidentifyError(BridgeError):
    """An export cannot be made de-identified as asked."""


class MetricsError(BridgeError):
    """Metrics cannot be served, or read from a listener."""
