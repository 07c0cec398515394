"""A DICOM application entity that we talk to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Peer:
    """A remote application entity.

    Parameters
    ----------
    name
        The name people and settings use for it.
    ae_title
        Its AE title, 1 to 16 characters (PS3.5 table 6.2-1, VR AE).
    host, port
        Where it listens.
    """

    name: str
    ae_title: str
    host: str
    port: int
