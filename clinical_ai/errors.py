"""The one tree of errors that `clinical_ai` raises for its callers to handle."""


class ClinicalAIError(Exception):
    """Base of every error of this package; the message names the bad value and the cure."""


class SettingsError(ClinicalAIError):
    """The settings file or an environment variable holds a value that cannot work."""


class ImagingError(ClinicalAIError):
    """Pixels or geometry of a series cannot be used; the reading becomes "not read"."""


class BundleError(ClinicalAIError):
    """A model bundle is missing, altered, unsigned or of an unknown architecture."""


class EngineError(ClinicalAIError):
    """A network could not be compiled or run on any device."""


class ReportError(ClinicalAIError):
    """A DICOM result object could not be built from a reading."""


class ReviewError(ClinicalAIError):
    """A review action is not allowed in the state the reading is in."""


class AccountError(ClinicalAIError):
    """Sign-in refused, or an account change that is not allowed."""


class WorkerRunningError(ClinicalAIError):
    """Two workers of one name would resume the same studies."""


class LaunchError(ClinicalAIError):
    """A process of the system could not be started or kept running."""


class ResearchExportError(ClinicalAIError):
    """A de-identified export cannot be made as asked."""


class PullError(ClinicalAIError):
    """A study cannot be pulled from another archive as asked."""


class RecordError(ClinicalAIError):
    """A patient's record cannot be read, imported or written as asked."""


class FhirError(RecordError):
    """A FHIR server refused, did not answer, or answered what is no FHIR."""


class KnowledgeError(ClinicalAIError):
    """The knowledge graph or a care pathway file is not as it must be."""


class CaseError(ClinicalAIError):
    """A step of the case board is not allowed as asked."""


class DecisionSupportError(ClinicalAIError):
    """A CDS Hooks request is not as the specification has it, or its data cannot be had."""
