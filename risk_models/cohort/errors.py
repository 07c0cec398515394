"""Errors of cohort work: files, mappings and choices that cannot work.

What a row holds is never an error; it goes into the issue report and the rest is scored.
"""

from risk_models.errors import RiskModelError


class CohortError(RiskModelError):
    """Base; the message names the file, column or value and the cure."""


class InputFileError(CohortError):
    """The file cannot be read as what it claims to be."""


class MappingError(CohortError):
    """A column cannot be tied to a field, or its unit is not stated."""


class EngineError(CohortError):
    """The wanted engine is not installed or failed."""


class ReportError(CohortError):
    """A report cannot be made as asked, e.g. for want of a font."""
