"""The error for bundles that are not opened, with a reason that screens can translate."""

from clinical_ai.errors import BundleError
from clinical_ai.messages import Message


class RefusedBundleError(BundleError):
    """A bundle that is missing or must not be opened.

    Parameters
    ----------
    reason
        Why; shown on the worklist and by ``clinical-ai models``.
    """

    def __init__(self, reason: Message) -> None:
        super().__init__(str(reason))
        self.reason = reason
