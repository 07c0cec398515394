"""Why an object did not arrive, in the terms that decide what happens next."""

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

FailureKind = Literal["unreachable", "transient", "permanent", "gone"]

# General DIMSE statuses (PS3.7 annex C) that come back however often the object is sent:
# SOP class not supported, class-instance conflict, duplicate SOP instance, not authorized,
# invalid attribute or argument value, invalid object instance, no such SOP class, missing
# attribute or value, unrecognized operation, mistyped argument.
_PERMANENT = frozenset(
    {
        *(0x0105, 0x0106, 0x0111, 0x0115, 0x0117, 0x0118, 0x0119),
        *(0x0120, 0x0121, 0x0122, 0x0124, 0x0211, 0x0212),
    }
)
_PERMANENT_FAMILIES = (0xA9, 0xC)  # data set does not match, cannot understand (PS3.4 B.2-1)


@dataclass(frozen=True, slots=True)
class Failure:
    """One attempt that failed.

    Parameters
    ----------
    kind
        ``unreachable``: the peer does not answer or does not let us in, so nothing gets through
        to it; ``transient``: this object may pass later; ``permanent``: it hardly will;
        ``gone``: our own file is missing or broken.
    reason
        One sentence, without patient data.
    retry_after
        Seconds that the peer asks us to wait; None if it does not say.
    said
        What the peer said of it, which may hold patient data: kept in the database, not logged.
    """

    kind: FailureKind
    reason: str
    retry_after: float | None = None
    said: str = ""


Sending = Generator[tuple[Path, Failure | None], None, None]
"""Yields each file as soon as it is known what became of it: None if the peer keeps it.

Closing it ends the connection; what was not yielded was not sent.
"""


def store_failure(status: int) -> Failure:
    """Return the failure that a C-STORE status or a STOW-RS failure reason stands for.

    Parameters
    ----------
    status
        A failure status of PS3.4 table B.2-1, PS3.7 annex C or PS3.18 table I.2-2.
    """
    families = (status >> 8, status >> 12)
    permanent = status in _PERMANENT or any(f in _PERMANENT_FAMILIES for f in families)
    return Failure(
        "permanent" if permanent else "transient", f"the peer answered status 0x{status:04X}"
    )


def file_failure(error: OSError) -> Failure:
    """Return the failure of an object whose file cannot be read."""
    kind: FailureKind = "gone" if isinstance(error, FileNotFoundError) else "transient"
    return Failure(kind, f"the file to send cannot be read: {error.strerror}")
