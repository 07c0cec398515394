"""De-identification of DICOM objects for research (PS3.15 Annex E)."""

from pacs_bridge.deidentify.export import Export, FileReport, Mapping, write_report
from pacs_bridge.deidentify.key import Key, create_key_file, read_key_file
from pacs_bridge.deidentify.options import Options
from pacs_bridge.deidentify.verify import Finding, Retained, verify

__all__ = [
    "Export",
    "FileReport",
    "Finding",
    "Key",
    "Mapping",
    "Options",
    "Retained",
    "create_key_file",
    "read_key_file",
    "verify",
    "write_report",
]
