"""The error for images that cannot be read, with a reason that screens can translate."""

from clinical_ai.errors import ImagingError
from clinical_ai.messages import Message


class UnusableImagesError(ImagingError):
    """Images whose pixels or geometry cannot be used.

    Parameters
    ----------
    reason
        Why, and what would help; shown on the worklist.
    """

    def __init__(self, reason: Message) -> None:
        super().__init__(str(reason))
        self.reason = reason
