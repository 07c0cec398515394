"""Fleischner Society 2017: what to do about incidental lung nodules on CT.

Source: MacMahon H, et al. Radiology 2017;284:228-243, doi:10.1148/radiol.2017161659, table 1.
Cells were checked against two independent transcriptions, which agree.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from clinical_ai.messages import N_, Message

SCHEME = "Fleischner Society 2017"
CITATION = "MacMahon H, et al. Radiology 2017;284:228-243 (doi:10.1148/radiol.2017161659)"
MINIMUM_AGE_YEARS = 35  # the guideline leaves out the younger

NoduleType = Literal["solid", "ground_glass", "part_solid"]
Advice = Literal[
    "no_routine_followup",
    "optional_ct_12m",
    "ct_6_12m_then_consider_ct_18_24m",
    "ct_6_12m_then_ct_18_24m",
    "consider_ct_3m_petct_or_tissue",
    "ct_3_6m_then_consider_ct_18_24m",
    "ct_3_6m_then_ct_18_24m",
    "ct_6_12m_then_every_2y_to_5y",
    "ct_3_6m_then_annual_to_5y",
    "ct_3_6m_if_stable_consider_2y_4y",
    "ct_3_6m_then_by_most_suspicious",
]

ADVICE_TEXT: dict[Advice, str] = {
    "no_routine_followup": N_("No routine follow-up."),
    "optional_ct_12m": N_("CT at 12 months is optional."),
    "ct_6_12m_then_consider_ct_18_24m": N_(
        "CT at 6 to 12 months, then consider CT at 18 to 24 months."
    ),
    "ct_6_12m_then_ct_18_24m": N_("CT at 6 to 12 months, then CT at 18 to 24 months."),
    "consider_ct_3m_petct_or_tissue": N_("Consider CT at 3 months, PET/CT or tissue sampling."),
    "ct_3_6m_then_consider_ct_18_24m": N_(
        "CT at 3 to 6 months, then consider CT at 18 to 24 months; the most suspicious nodule "
        "guides."
    ),
    "ct_3_6m_then_ct_18_24m": N_(
        "CT at 3 to 6 months, then CT at 18 to 24 months; the most suspicious nodule guides."
    ),
    "ct_6_12m_then_every_2y_to_5y": N_(
        "CT at 6 to 12 months to confirm that it persists, then CT every 2 years until 5 years."
    ),
    "ct_3_6m_then_annual_to_5y": N_(
        "CT at 3 to 6 months to confirm that it persists; if unchanged and the solid part stays "
        "under 6 mm, CT every year for 5 years; a solid part of 6 mm or more is highly suspicious."
    ),
    "ct_3_6m_if_stable_consider_2y_4y": N_(
        "CT at 3 to 6 months; if stable, consider CT at 2 and 4 years."
    ),
    "ct_3_6m_then_by_most_suspicious": N_(
        "CT at 3 to 6 months; then by the most suspicious nodule."
    ),
}


# From the least to the most that is done; the most suspicious nodule of a study guides.
INTENSITY: tuple[Advice, ...] = (
    "no_routine_followup",
    "optional_ct_12m",
    "ct_6_12m_then_consider_ct_18_24m",
    "ct_6_12m_then_every_2y_to_5y",
    "ct_6_12m_then_ct_18_24m",
    "ct_3_6m_if_stable_consider_2y_4y",
    "ct_3_6m_then_consider_ct_18_24m",
    "ct_3_6m_then_ct_18_24m",
    "ct_3_6m_then_annual_to_5y",
    "ct_3_6m_then_by_most_suspicious",
    "consider_ct_3m_petct_or_tissue",
)


@dataclass(frozen=True, slots=True)
class IncidentalNodule:
    """One nodule, or the most suspicious of several, found by chance.

    Parameters
    ----------
    type
        Composition.
    size_mm
        Mean of long and short axis, mm; compared after rounding to the nearest millimetre.
    multiple
        More than one nodule.
    high_risk
        Risk factors for lung cancer (smoking, upper lobe, spiculation, emphysema, family
        history, exposure); see the guideline.
    """

    type: NoduleType
    size_mm: float
    multiple: bool = False
    high_risk: bool = False

    def __post_init__(self) -> None:
        if self.type not in get_args(NoduleType):
            raise ValueError(f"type {self.type!r} is not one of {list(get_args(NoduleType))}")
        if not (math.isfinite(self.size_mm) and self.size_mm >= 0):
            raise ValueError(f"size_mm {self.size_mm!r} is not a size in mm")


@dataclass(frozen=True, slots=True)
class FleischnerResult:
    """The advice, and the cell of the table that gave it."""

    advice: Advice
    branch: Message
    recommendation: Message


@dataclass(frozen=True, slots=True)
class Applicability:
    """Whether the guideline may be used for this patient.

    Parameters
    ----------
    excluded
        Reasons against; empty when none is known.
    unknown
        What the record did not say and was assumed.
    """

    excluded: tuple[Message, ...]
    unknown: tuple[Message, ...]


def applicability(
    age_years: float | None, known_cancer: bool | None, immunosuppressed: bool | None
) -> Applicability:
    """Check age, cancer and immune state; None means that the record does not say."""
    excluded: list[Message] = []
    unknown: list[Message] = []
    if age_years is None:
        unknown.append(Message(N_("Age unknown: assumed 35 years or older.")))
    elif age_years < MINIMUM_AGE_YEARS:
        excluded.append(
            Message(N_("Does not apply: younger than {age} years."), {"age": MINIMUM_AGE_YEARS})
        )
    if known_cancer is None:
        unknown.append(Message(N_("Cancer history unknown: assumed none.")))
    elif known_cancer:
        excluded.append(Message(N_("Does not apply: known cancer.")))
    if immunosuppressed is None:
        unknown.append(Message(N_("Immune state unknown: assumed normal.")))
    elif immunosuppressed:
        excluded.append(Message(N_("Does not apply: immunosuppressed.")))
    return Applicability(tuple(excluded), tuple(unknown))


def whole_mm(size_mm: float) -> int:
    """Round half up to the nearest millimetre, as the guideline measures."""
    return math.floor(size_mm + 0.5 + 1e-9)


def assess_nodule(nodule: IncidentalNodule) -> FleischnerResult:
    """Return the 2017 advice for one nodule, or for the most suspicious of several."""
    size = whole_mm(nodule.size_mm)
    advice, cell = _solid(nodule, size) if nodule.type == "solid" else _subsolid(nodule, size)
    return FleischnerResult(advice, Message(cell), Message(ADVICE_TEXT[advice]))


def _solid(nodule: IncidentalNodule, size: int) -> tuple[Advice, str]:
    if size < 6:
        if nodule.high_risk:
            return "optional_ct_12m", N_("Solid, under 6 mm, high risk")
        return "no_routine_followup", N_("Solid, under 6 mm, low risk")
    if nodule.multiple:
        if nodule.high_risk:
            return "ct_3_6m_then_ct_18_24m", N_("Several solid, 6 mm or more, high risk")
        return "ct_3_6m_then_consider_ct_18_24m", N_("Several solid, 6 mm or more, low risk")
    if size > 8:
        return "consider_ct_3m_petct_or_tissue", N_("Single solid, over 8 mm")
    if nodule.high_risk:
        return "ct_6_12m_then_ct_18_24m", N_("Single solid, 6 to 8 mm, high risk")
    return "ct_6_12m_then_consider_ct_18_24m", N_("Single solid, 6 to 8 mm, low risk")


def _subsolid(nodule: IncidentalNodule, size: int) -> tuple[Advice, str]:
    if nodule.multiple:
        if size < 6:
            return "ct_3_6m_if_stable_consider_2y_4y", N_("Several subsolid, under 6 mm")
        return "ct_3_6m_then_by_most_suspicious", N_("Several subsolid, 6 mm or more")
    if size < 6:
        return "no_routine_followup", N_("Single subsolid, under 6 mm")
    if nodule.type == "ground_glass":
        return "ct_6_12m_then_every_2y_to_5y", N_("Single ground-glass, 6 mm or more")
    return "ct_3_6m_then_annual_to_5y", N_("Single part-solid, 6 mm or more")
