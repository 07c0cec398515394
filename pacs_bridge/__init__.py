"""DICOM in and out; knows nothing of models."""

from importlib.metadata import PackageNotFoundError, version

# Our implementation's UID (PS3.7 D.3.3.2); a UUID-derived UID (PS3.5 B.2), drawn once.
IMPLEMENTATION_CLASS_UID = "2.25.127348719640914337287214517041372418921"


def implementation_version_name() -> str:
    """Return the version name sent to peers and written to file meta, at most 16 characters."""
    try:
        return f"CLINICALAI_{version('clinical-ai')}"[:16]
    except PackageNotFoundError:
        return "CLINICALAI_DEV"
