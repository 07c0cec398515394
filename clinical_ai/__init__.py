"""Reads studies, assesses findings and offers them to a clinician, who decides."""

__version__ = "0.1.0"
