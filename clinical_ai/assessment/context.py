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
    pack_years
        Packs a day times years of smoking.
    years_since_quitting
        Of a former smoker.
    lung_cancer_in_family
        Lung cancer of a first-degree relative.
    emphysema, copd
        Listed in the record; neither is looked for in the images.
    years_since_cancer
        Since the newest malignancy was diagnosed.
    diabetes_years, hba1c_percent
        Known duration of diabetes, and the newest HbA1c (NGSP, %).
    has_record
        Whether a record of the patient was used at all.
    taken_as_absent
        Names of the fields above that are False only because the record, which lists other
        diagnoses, does not list this one.
    """

    age_years: float | None = None
    sex: str | None = None
    known_cancer: bool | None = None
    immunosuppressed: bool | None = None
    smoking: Literal["never", "former", "current"] | None = None
    prior_studies: int = 0
    pack_years: float | None = None
    years_since_quitting: float | None = None
    lung_cancer_in_family: bool | None = None
    emphysema: bool | None = None
    copd: bool | None = None
    years_since_cancer: float | None = None
    diabetes_years: float | None = None
    hba1c_percent: float | None = None
    has_record: bool = False
    taken_as_absent: frozenset[str] = frozenset()
