"""Who is to be screened for lung cancer by low-dose CT, as far as a record can tell.

Sources: US Preventive Services Task Force, JAMA 2021;325:962-970, doi:10.1001/jama.2021.1117.
He J, et al. China guideline for the screening and early detection of lung cancer (2021, Beijing).
Zhonghua Zhong Liu Za Zhi 2021;43:243-268, doi:10.3760/cma.j.cn112152-20210119-00060; of its
criteria a record holds smoking, COPD and the family, not passive smoking and occupation.
"""

from dataclasses import dataclass

from clinical_ai.assessment.context import AssessmentContext
from clinical_ai.messages import N_, Message

USPSTF_AGES, USPSTF_PACK_YEARS = (50, 80), 20
CHINA_AGES, CHINA_PACK_YEARS = (50, 74), 30
MAX_YEARS_SINCE_QUITTING = 15
USPSTF = "USPSTF 2021"
CHINA = N_("China 2021")
_MET = N_("Screening criteria of {guideline}: met.")
_NOT_MET = N_("Screening criteria of {guideline}: not met by what the record says.")
_OPEN = N_("Screening criteria of {guideline}: cannot be decided, the record lacks: {input}.")


@dataclass(frozen=True, slots=True)
class Eligibility:
    """Whether a guideline's criteria are met; None when the record lacks `missing` to decide."""

    guideline: str
    met: bool | None
    missing: str = ""

    @property
    def sentence(self) -> Message:
        """Say it in words."""
        if self.met is None:
            return Message(_OPEN, {"guideline": self.guideline, "input": self.missing})
        return Message(_MET if self.met else _NOT_MET, {"guideline": self.guideline})


def screening_criteria(context: AssessmentContext) -> tuple[Message, ...]:
    """Return what each guideline's criteria say of a person whose record was used."""
    return tuple(eligibility.sentence for eligibility in screening_eligibility(context))


def screening_eligibility(context: AssessmentContext) -> tuple[Eligibility, Eligibility]:
    """Apply the criteria of the USPSTF and of China, in this order."""
    smoked = _smoking(context, USPSTF_PACK_YEARS)
    china = _either(
        _smoking(context, CHINA_PACK_YEARS), context.copd, context.lung_cancer_in_family
    )
    return (
        _eligibility(USPSTF, _of_age(context, USPSTF_AGES), smoked, context),
        _eligibility(CHINA, _of_age(context, CHINA_AGES), china, context),
    )


def _of_age(context: AssessmentContext, ages: tuple[int, int]) -> bool | None:
    low, high = ages
    return None if context.age_years is None else low <= context.age_years < high + 1


def _smoking(context: AssessmentContext, pack_years: int) -> bool | None:
    """Return whether a person smoked enough and not too long ago; None when not known."""
    if context.smoking == "never":
        return False
    enough = None if context.pack_years is None else context.pack_years >= pack_years
    recent = None
    if context.smoking == "current":
        recent = True
    elif context.years_since_quitting is not None:
        recent = context.years_since_quitting <= MAX_YEARS_SINCE_QUITTING
    return _both(enough, recent)


def _both(first: bool | None, second: bool | None) -> bool | None:
    if first is False or second is False:
        return False
    return None if first is None or second is None else True


def _either(*facts: bool | None) -> bool | None:
    if any(facts):
        return True
    return None if None in facts else False


def _eligibility(
    guideline: str, of_age: bool | None, exposed: bool | None, context: AssessmentContext
) -> Eligibility:
    met = _both(of_age, exposed)
    missing = N_("age") if of_age is None else _missing(context)
    return Eligibility(guideline, met, missing if met is None else "")


def _missing(context: AssessmentContext) -> str:
    """Return the first fact that would decide, in the order in which one asks."""
    if context.smoking is None:
        return N_("smoking")
    if context.smoking != "never" and context.pack_years is None:
        return N_("pack-years")
    if context.smoking == "former" and context.years_since_quitting is None:
        return N_("years since smoking stopped")
    return N_("COPD, or lung cancer in the family")
