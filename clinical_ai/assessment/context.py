"""What is known of the patient when a guideline is applied."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class AssessmentContext:
    """The record as far as the guidelines ask for it; None means that it does not say.

    Parameters
    ----------
    age_years
        Age at the examination.
    sex
        ``"M"``, ``"F"`` or ``"O"``.
    known_cancer
        A malignancy, past or present.
    immunosuppressed
        Disease or treatment that weakens the immune system.
    smoking
        Smoking history.
    prior_studies
        Number of earlier studies of the same kind that are at hand but were not compared.
    """

    age_years: float | None = None
    sex: str | None = None
    known_cancer: bool | None = None
    immunosuppressed: bool | None = None
    smoking: Literal["never", "former", "current"] | None = None
    prior_studies: int = 0
