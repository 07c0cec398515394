"""Identifiers that come out the same each time, so that a repeated step changes nothing."""

import uuid

# Our own namespace for version-5 UUIDs; any fixed value serves, this one was drawn once.
_NAMESPACE = uuid.UUID("5e1d2c7a-0d6b-4b57-9f0e-6d3b7f1f2a90")


def derive_uid(*parts: str) -> str:
    """Return a DICOM UID that depends on `parts` only.

    The UID is ``2.25.`` and the decimal form of a version-5 UUID (DICOM PS3.5 B.2,
    RFC 9562 section 5.5).

    Parameters
    ----------
    *parts
        What the UID stands for, for example study UID, content version, model version, ``"SR"``.
    """
    return f"2.25.{derive_uuid(*parts).int}"


def derive_uuid(*parts: str) -> uuid.UUID:
    """Return a version-5 UUID that depends on `parts` only."""
    return uuid.uuid5(_NAMESPACE, "\x1f".join(parts))
