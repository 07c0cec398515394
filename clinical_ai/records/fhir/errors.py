"""What can go wrong with a FHIR server, in the terms that decide what happens next.

No message holds anything that the server wrote, except codes of value sets and names of
elements: diagnostics of a server quote what they complain of.
"""

from clinical_ai.errors import FhirError
from clinical_ai.records.fhir.outcome import Outcome

__all__ = [
    "FhirConflictError",
    "FhirError",
    "FhirNotFoundError",
    "FhirProtocolError",
    "FhirSignInError",
    "FhirStatusError",
    "FhirUnreachableError",
]


class FhirUnreachableError(FhirError):
    """The server gave no answer in time.

    Parameters
    ----------
    arrived
        Whether the request may have reached the server and been carried out.
    retry_after
        Seconds that it asks us to wait; None if it does not say.
    """

    def __init__(
        self, message: str, *, arrived: bool = True, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.arrived = arrived
        self.retry_after = retry_after


class FhirSignInError(FhirError):
    """The server, or its authorization server, does not let us in."""


class FhirProtocolError(FhirError):
    """The server answered what is no FHIR, or more than we take."""


class FhirStatusError(FhirError):
    """The server answered with an HTTP status that is no success.

    Parameters
    ----------
    status
        HTTP status.
    outcome
        What its OperationOutcome says.
    retry_after
        Seconds that it asks us to wait; None if it does not say.
    """

    def __init__(
        self, message: str, *, status: int, outcome: Outcome, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.outcome = outcome
        self.retry_after = retry_after


class FhirNotFoundError(FhirStatusError):
    """There is no such resource, or it was deleted (404, 410)."""


class FhirConflictError(FhirStatusError):
    """The resource is not as we expected it: another changed it, or several match (409, 412)."""
