"""What scoring one person returns: a number with everything needed to defend it, or why not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from risk_models.text import Message
from risk_models.units import Unit


class ProblemKind(StrEnum):
    """Why an input cannot be used."""

    MISSING = "missing"
    OUT_OF_RANGE = "out of range"
    NOT_ALLOWED = "not an allowed value"
    UNIT_NOT_STATED = "unit not stated"
    CONTRADICTORY = "given twice with different values"
    NOT_DEFINED = "not defined for these inputs"


@dataclass(frozen=True, slots=True)
class Problem:
    """One input that stops an equation.

    Parameters
    ----------
    variable
        Name of the input, as the registry lists it.
    kind
        What is wrong with it.
    valid
        What would be accepted, with the unit.
    fields
        Field names that may hold it.
    given
        The value as the record holds it, with its unit: a patient's data, so not part of the
        printed forms. None where nothing is held and in the column form.
    cure
        What is probably wrong and would mend it; None in the column form.
    """

    variable: str
    kind: ProblemKind
    valid: Message
    fields: tuple[str, ...] = ()
    given: str | None = field(default=None, repr=False)
    cure: Message | None = None

    def __str__(self) -> str:
        """One line without the patient's value, e.g. ``waist: missing (40 to 200 cm)``."""
        return f"{self.variable}: {self.kind} ({self.valid})"


class CautionCode(StrEnum):
    """What a reader must know before using a number."""

    AGE_OUTSIDE_PUBLICATION = "age outside the published range"
    OUTSIDE_POPULATION = "person outside the published population"
    NOT_FOR_CHINA = "not calibrated for China"
    DERIVED_COEFFICIENTS = "coefficients derived, not published"
    ONE_SOURCE = "coefficients verified in one source only"
    KNOWN_BIAS = "known to run high or low"
    BOUND_ONLY = "the value is a bound"
    STAND_IN = "another group's coefficients stand in"


@dataclass(frozen=True, slots=True)
class Caution:
    """A caution that holds for this person and this number."""

    code: CautionCode
    message: Message


@dataclass(frozen=True, slots=True)
class Result:
    """One outcome of one equation for one person.

    Parameters
    ----------
    value
        In `unit`: a probability (0 to 1) for every risk, points, or a measured unit.
    category
        The class the publication gives to this value, if it defines classes.
    inputs
        What was used: numbers in the equation's own units, words and truth values.
    """

    equation: str
    variant: str
    outcome: str
    horizon_years: int | None
    value: float
    unit: Unit
    category: str | None
    inputs: Mapping[str, float | bool | str | None]
    citation: str
    warnings: tuple[Caution, ...]

    @property
    def percent(self) -> float:
        """A risk in per cent; only a probability has one."""
        if self.unit is not Unit.PROBABILITY:
            raise TypeError(f"{self.equation} {self.outcome} is in {self.unit}, not a probability")
        return 100 * self.value


@dataclass(frozen=True, slots=True)
class Refusal:
    """No number, and why: every problem at once, so that all can be mended in one go."""

    equation: str
    variant: str
    outcome: str
    horizon_years: int | None
    problems: tuple[Problem, ...]
    citation: str


def outcome_key(outcome: str, horizon_years: int | None) -> str:
    """Name of an outcome with its horizon, e.g. ``ascvd_10y``; also its column name."""
    return outcome if horizon_years is None else f"{outcome}_{horizon_years}y"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Every outcome of one equation for one person, in the registry's order."""

    equation: str
    variant: str
    outcomes: tuple[Result | Refusal, ...]

    @property
    def results(self) -> tuple[Result, ...]:
        """The outcomes that have a number."""
        return tuple(item for item in self.outcomes if isinstance(item, Result))

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """The outcomes that have none."""
        return tuple(item for item in self.outcomes if isinstance(item, Refusal))

    @property
    def values(self) -> dict[str, float]:
        """Numbers by `outcome_key`; refused outcomes are left out."""
        return {outcome_key(item.outcome, item.horizon_years): item.value for item in self.results}

    def __getitem__(self, key: str) -> Result | Refusal:
        """The outcome named by `outcome_key`, e.g. ``evaluation["ascvd_10y"]``."""
        for item in self.outcomes:
            if outcome_key(item.outcome, item.horizon_years) == key:
                return item
        raise KeyError(key)

    def __iter__(self) -> Iterator[Result | Refusal]:
        """Iterate over the outcomes."""
        return iter(self.outcomes)
