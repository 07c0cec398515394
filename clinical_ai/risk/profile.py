"""What the equations say of a person on one day, and what stands beside them.

A risk enhancer is named and shown with its source; it never enters an equation that was not
published with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from clinical_ai.codes import Code
from clinical_ai.messages import Message
from clinical_ai.records.record import Source
from risk_models import Evaluation, Result, Unit


@dataclass(frozen=True, slots=True)
class UsedFact:
    """A fact of the record that entered an equation: field, value as used, date and source.

    Parameters
    ----------
    age_days
        How old the fact was on the day of the profile; None for lasting facts.
    """

    field: str
    value: float | bool | str
    unit: str
    on: date | None
    source: Source | None
    age_days: int | None = None


@dataclass(frozen=True, slots=True)
class RiskEnhancer:
    """Something that a guideline names as raising (or lowering) risk beside the equations.

    Parameters
    ----------
    kind
        For example ``"dr_grade"``, ``"coronary_artery_calcium"``, ``"family_history_ascvd"``.
    statement
        What is present and what the guideline says of it.
    citation
        The guideline.
    signed
        For an imaging result: whether a clinician has signed it.
    """

    kind: str
    statement: Message
    citation: str
    source: Source
    code: Code | None = None
    signed: bool = True


@dataclass(frozen=True, slots=True)
class PanelEntry:
    """Whether an equation was asked, and why.

    Parameters
    ----------
    equation
        Name in `risk_models.EQUATIONS`.
    """

    equation: str
    asked: bool
    why: Message


@dataclass(frozen=True, slots=True)
class RiskProfile:
    """The risk of one person on one day.

    Parameters
    ----------
    evaluations
        By equation id; each holds results or refusals that name what is missing.
    used
        By field: the fact that entered the equations.
    assumptions
        What had to be assumed because the record is silent, each said in words.
    panel
        Every equation of `risk_models`, those that were asked first.
    stale
        Fields of `used` whose facts are older than `clinical_ai.risk.facts` wants them.
    """

    person: str
    on: date
    evaluations: Mapping[str, Evaluation]
    used: Mapping[str, UsedFact]
    enhancers: tuple[RiskEnhancer, ...]
    assumptions: tuple[Message, ...]
    panel: tuple[PanelEntry, ...] = ()
    stale: tuple[str, ...] = ()

    @property
    def probabilities(self) -> tuple[Result, ...]:
        """The results that are probabilities, in the order of the equations."""
        return tuple(
            outcome
            for evaluation in self.evaluations.values()
            for outcome in evaluation.outcomes
            if isinstance(outcome, Result) and outcome.unit is Unit.PROBABILITY
        )
