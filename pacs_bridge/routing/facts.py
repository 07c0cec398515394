"""What the rules may look at: the facts of one version of one study."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

_MAX_AGE_YEARS = 130
# VR AS (PS3.5 table 6.2-1): three digits and D, W, M or Y.
_AGE = re.compile(r"([0-9]{3})([DWMY])")
_UNITS_A_YEAR = {"D": 365.25, "W": 52.18, "M": 12.0, "Y": 1.0}


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """The facts of a study; a tuple holds each different value once, without empty ones.

    Parameters
    ----------
    calling_ae, called_ae
        AE titles that sent the images, and ours that they called.
    modality, body_part, laterality, series_description
        Of the series.
    study_description, patient_sex
        At most one value each.
    sop_class
        SOP Class UIDs of the instances.
    age_years
        Completed years at the study, 0..130; None when the study does not say.
    images
        Number of instances.
    at
        Local time at which the decision is made.
    tags
        Values of the data elements that rules ask for, by tag ``0xGGGGEEEE``.
    """

    study_uid: str
    at: datetime
    images: int = 0
    age_years: int | None = None
    calling_ae: tuple[str, ...] = ()
    called_ae: tuple[str, ...] = ()
    modality: tuple[str, ...] = ()
    body_part: tuple[str, ...] = ()
    laterality: tuple[str, ...] = ()
    study_description: tuple[str, ...] = ()
    series_description: tuple[str, ...] = ()
    patient_sex: tuple[str, ...] = ()
    sop_class: tuple[str, ...] = ()
    tags: Mapping[int, tuple[str, ...]] = field(default_factory=dict)


def completed_years(birth_date: str, study_date: str, patient_age: str = "") -> int | None:
    """Return the age at the study in completed years, or None when it cannot be told.

    Parameters
    ----------
    birth_date, study_date
        VR DA, ``YYYYMMDD``.
    patient_age
        VR AS, for example ``045Y``; counts where the dates say nothing.
    """
    born, examined = _date(birth_date), _date(study_date)
    if born is not None and examined is not None:
        before_birthday = (examined.month, examined.day) < (born.month, born.day)
        years = examined.year - born.year - int(before_birthday)
        if 0 <= years <= _MAX_AGE_YEARS:
            return years
    stated = _AGE.fullmatch(patient_age.strip())
    if stated is None:
        return None
    years = int(int(stated[1]) / _UNITS_A_YEAR[stated[2]])
    return years if years <= _MAX_AGE_YEARS else None


def _date(text: str) -> date | None:
    if not re.fullmatch("[0-9]{8}", text):
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None
