"""DICOM in and out; knows nothing of models."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version

# Our implementation's UID (PS3.7 D.3.3.2); a UUID-derived UID (PS3.5 B.2), drawn once.
IMPLEMENTATION_CLASS_UID = "2.25.127348719640914337287214517041372418921"

# Manufacturer's Device Class UID (0018,100B) of every object that this software makes, whatever
# its version and wherever it runs; drawn once. A PACS that corrects the patient leaves it, so
# our results are known when they come back. The Implementation Class UID cannot tell: it says
# who wrote a file last, and an archive or sender of ours writes those of others too.
DEVICE_CLASS_UID = "2.25.230455742468558846661069149492052484013"


@cache
def implementation_version_name() -> str:
    """Return the version name sent to peers and written to file meta, at most 16 characters."""
    try:
        return f"CLINICALAI_{version('clinical-ai')}"[:16]
    except PackageNotFoundError:
        return "CLINICALAI_DEV"
