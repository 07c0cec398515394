"""Information models of Query/Retrieve (PS3.4 C.6): their levels and unique keys."""

from dataclasses import dataclass
from enum import StrEnum

from pacs_bridge.query import Level

UNIQUE_KEYS = {
    Level.PATIENT: "PatientID",
    Level.STUDY: "StudyInstanceUID",
    Level.SERIES: "SeriesInstanceUID",
    Level.IMAGE: "SOPInstanceUID",
}


class Operation(StrEnum):
    """What a SOP class does."""

    FIND = "find"
    MOVE = "move"
    GET = "get"


@dataclass(frozen=True, slots=True)
class Model:
    """One SOP class.

    Parameters
    ----------
    root
        Its topmost level.
    """

    root: Level
    operation: Operation

    @property
    def levels(self) -> tuple[Level, ...]:
        """From the root down."""
        return tuple(level for level in Level if level.depth >= self.root.depth)


MODELS = {
    "1.2.840.10008.5.1.4.1.2.1.1": Model(Level.PATIENT, Operation.FIND),
    "1.2.840.10008.5.1.4.1.2.1.2": Model(Level.PATIENT, Operation.MOVE),
    "1.2.840.10008.5.1.4.1.2.1.3": Model(Level.PATIENT, Operation.GET),
    "1.2.840.10008.5.1.4.1.2.2.1": Model(Level.STUDY, Operation.FIND),
    "1.2.840.10008.5.1.4.1.2.2.2": Model(Level.STUDY, Operation.MOVE),
    "1.2.840.10008.5.1.4.1.2.2.3": Model(Level.STUDY, Operation.GET),
}
