"""Cautions that several equations share."""

from risk_models.equations.definition import BoolArray, CautionRule, Columns
from risk_models.results import CautionCode
from risk_models.text import N_, Message

NOT_FOR_CHINA = CautionRule(
    CautionCode.NOT_FOR_CHINA,
    Message(N_("This equation was not calibrated for people in China.")),
)
ONE_SOURCE = CautionRule(
    CautionCode.ONE_SOURCE,
    Message(N_("The coefficients were verified in one source only.")),
)


def age_outside(low: float, high: float, outcomes: frozenset[str] | None = None) -> CautionRule:
    """Ages the equation accepts but its publication does not cover; `high` in completed years."""

    def applies(inputs: Columns) -> BoolArray:
        age = inputs["age"]
        return (age < low) | (age >= high + 1)

    message = Message(
        N_("Published for ages {low} to {high}; the number is an extrapolation."),
        {"low": low, "high": high},
    )
    return CautionRule(CautionCode.AGE_OUTSIDE_PUBLICATION, message, applies, outcomes)
