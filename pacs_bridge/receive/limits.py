"""How much of the listener one peer can take, and for how long."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps and deadlines of a listener.

    Parameters
    ----------
    associations
        Open at a time; more are rejected as "local limit exceeded".
    negotiating
        Connections that have not yet an association; more are closed unanswered.
    negotiation_seconds
        From the connection to the whole A-ASSOCIATE-RQ, with the TLS handshake.
    pdu_seconds
        A PDU must have arrived this long after its first byte, the next PDU of a message
        must begin, and a response be taken.
    idle_seconds
        Between two messages of an association.
    object_bytes
        Larger data sets end the association.
    """

    associations: int = 256
    negotiating: int = 256
    negotiation_seconds: float = 15.0
    pdu_seconds: float = 30.0
    idle_seconds: float = 600.0
    object_bytes: int = 4 * 1024**3
