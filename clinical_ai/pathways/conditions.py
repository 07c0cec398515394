"""What a pathway file can ask of a record: a small closed vocabulary, validated, no code.

A condition is a mapping; all of its tests must hold. Numbers always come with their unit, and
the unit must be that of the kind, so that no limit in mg/dL is ever held against mmol/L.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError

from clinical_ai.pathways import vocabulary
from clinical_ai.pathways.durations import Duration, parse_duration
from clinical_ai.records.record import Sex, SmokingStatus
from pacs_bridge.routing.reading import listed, suggestion
from risk_models import EQUATIONS

T = TypeVar("T")


def wrong(says: str, *at: str | int) -> PydanticCustomError:
    """Return the error of a validator; `at` leads from the mapping to what is wrong in it."""
    return PydanticCustomError("pathway", "{says}", {"says": says, "at": list(at)})


def known(value: str, allowed: Mapping[str, object] | frozenset[str], what: str) -> str:
    """Return `value` if it is allowed; else raise an error that says what is."""
    if value not in allowed:
        raise wrong(
            f"unknown {what} {value!r}{suggestion(value, allowed)}; allowed: "
            f"{listed(sorted(allowed))}"
        )
    return value


def in_file(value: str, info: ValidationInfo, table: str, what: str) -> str:
    """Return `value` if the file itself defines it under `table`."""
    allowed = frozenset((info.context or {}).get(table, ()))
    return known(value, allowed, f"{what} (none of those in this file)")


def filled(value: T) -> T:
    """Return a list or table that is not empty; unlike a length, asked only of what is right."""
    if not value:
        raise wrong("nothing is in it; write at least one entry")
    return value


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _duration(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


Span = Annotated[Duration, BeforeValidator(_duration)]
Measure = Annotated[str, AfterValidator(lambda v: known(v, vocabulary.measures(), "measure"))]
ProblemKind = Annotated[str, AfterValidator(lambda v: known(v, vocabulary.problems(), "problem"))]
DrugClass = Annotated[
    str, AfterValidator(lambda v: known(v, vocabulary.drug_classes(), "class of drugs"))
]
ProcedureKind = Annotated[
    str, AfterValidator(lambda v: known(v, vocabulary.procedures(), "procedure"))
]
ImagingKind = Annotated[
    str, AfterValidator(lambda v: known(v, vocabulary.imaging(), "imaging result"))
]
Equation = Annotated[str, AfterValidator(lambda v: known(v, EQUATIONS, "equation"))]
GoalGroup = Annotated[str, AfterValidator(lambda v, i: in_file(v, i, "groups", "group of goals"))]


class Strict(BaseModel):
    """A mapping of a pathway file: fixed keys, frozen; an unknown key is named with its cure."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    shorthand: ClassVar[str] = ""  # the key that a bare text or list stands for

    @model_validator(mode="before")
    @classmethod
    def _keys(cls, value: object) -> object:
        if cls.shorthand and isinstance(value, str | list):
            return {cls.shorthand: value}
        allowed = [field.alias or name for name, field in cls.model_fields.items()]
        if not isinstance(value, Mapping):
            stands = "a list" if isinstance(value, list) else repr(value)
            raise wrong(f"a mapping with the keys {listed(allowed)} must stand here, not {stands}")
        for key in value:
            if key not in allowed:
                raise wrong(
                    f"unknown key {key!r}{suggestion(str(key), allowed)}; allowed: "
                    f"{listed(allowed)}",
                    str(key),
                )
            if value[key] is None:
                raise wrong(f"nothing stands after {key!r}; write its value or leave it out", key)
        return value


class Limits(Strict):
    """Bounds on a number: ``min`` and ``max`` include the bound, ``above`` and ``below`` not."""

    low: float | None = Field(default=None, alias="min")
    above: float | None = None
    high: float | None = Field(default=None, alias="max")
    below: float | None = None

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.bounds():
            raise wrong("no bound is given; write min, above, max or below")
        return self

    def bounds(self) -> tuple[tuple[str, float], ...]:
        """Return the bounds as comparison signs with numbers."""
        signs = (("≥", self.low), (">", self.above), ("≤", self.high), ("<", self.below))
        return tuple((sign, bound) for sign, bound in signs if bound is not None)

    def hold(self, value: float) -> bool:
        """Whether `value` lies within the bounds; NaN never does."""
        compare = {
            "≥": value >= (self.low or 0.0),
            ">": value > (self.above or 0.0),
            "≤": value <= (self.high or 0.0),
            "<": value < (self.below or 0.0),
        }
        return all(compare[sign] for sign, _ in self.bounds())


class Of(Strict):
    """Which values of a measure are looked at.

    Parameters
    ----------
    home
        Only those (not) measured at home; both if left out.
    within
        Only those up to this long before the day of the question.
    """

    kind: Measure
    unit: str
    home: bool | None = None
    within: Span | None = None

    @model_validator(mode="after")
    def _unit(self) -> Self:
        expected = vocabulary.measures()[self.kind].unit
        if self.unit != expected:
            raise wrong(
                f"{self.kind} is kept in {expected}; convert the numbers and write unit: "
                f"'{expected}' instead of {self.unit!r}",
                "unit",
            )
        return self


class Latest(Of, Limits):
    """The newest value lies within bounds."""


class Mean(Of, Limits):
    """The mean of enough values lies within bounds.

    Parameters
    ----------
    readings, days
        How many values, on how many different days, there must be.
    without_first_day
        The first day with values is left out of the mean where others remain.
    """

    within: Span
    readings: int = Field(ge=1, le=1000)
    days: int = Field(default=1, ge=1, le=366)
    without_first_day: bool = False


class Count(Of, Limits):
    """At least so many values lie within bounds, on at least so many different days."""

    within: Span
    at_least: int = Field(default=1, ge=1, le=1000)
    days: int = Field(default=1, ge=1, le=366)


class Rise(Of):
    """The newest value is higher than an earlier one within the span by at least `by`."""

    within: Span
    by: float = Field(gt=0)


class Measured(Strict):
    """There is any value of a measure."""

    kind: Measure
    home: bool | None = None
    within: Span | None = None


class Dated(Strict):
    """When something must have happened, both counted back from the day of the question."""

    within: Span | None = None
    before: Span | None = None


class Problems(Dated):
    """A problem of one of the kinds is listed; `within` and `before` look at its onset.

    Parameters
    ----------
    ever
        One that is no longer active counts too.
    """

    shorthand: ClassVar[str] = "kind"
    kind: Annotated[tuple[ProblemKind, ...], BeforeValidator(_listed), AfterValidator(filled)]
    ever: bool = False


class Procedures(Dated):
    """A procedure of one of the kinds was done."""

    shorthand: ClassVar[str] = "kind"
    kind: Annotated[tuple[ProcedureKind, ...], BeforeValidator(_listed), AfterValidator(filled)]


class Imaging(Strict):
    """The newest imaging result of a kind has one of the values, or any if none is named."""

    shorthand: ClassVar[str] = "kind"
    kind: ImagingKind
    value: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    within: Span | None = None


class Risk(Strict):
    """What a risk equation says: bounds on its number, or its category.

    Parameters
    ----------
    outcome
        With its horizon, for example ``ascvd_10y``.
    """

    equation: Equation
    outcome: str = Field(min_length=1)
    value: Limits | None = None
    category: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.value is None) is not bool(self.category):
            raise wrong("write value (bounds on the number) or category, one of them")
        return self


class Condition(Strict):
    """Tests of a record, all of which must hold."""

    age: Limits | None = None
    sex: Sex | None = None
    smoking: Annotated[tuple[SmokingStatus, ...], BeforeValidator(_listed)] | None = None
    problem: Problems | None = None
    takes: Annotated[tuple[DrugClass, ...], BeforeValidator(_listed)] | None = None
    procedure: Procedures | None = None
    imaging: Imaging | None = None
    latest: Latest | None = None
    mean: Mean | None = None
    count: Count | None = None
    rise: Rise | None = None
    measured: Measured | None = None
    risk: Risk | None = None
    goals_met: GoalGroup | None = None
    every: tuple["Condition", ...] | None = Field(default=None, alias="all")
    some: tuple["Condition", ...] | None = Field(default=None, alias="any")
    negated: "Condition | None" = Field(default=None, alias="not")

    @model_validator(mode="after")
    def _some_test(self) -> Self:
        if not any(True for _ in self.tests()):
            raise wrong("the condition is empty; write at least one test")
        return self

    def tests(self) -> Iterator[tuple[str, object]]:
        """Yield the tests that are there, by name."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            if value is not None and value != ():
                yield name, value

    def leaves(self) -> Iterator[tuple[str, object]]:
        """Yield the tests at every depth, those under ``not`` left out."""
        for name, value in self.tests():
            if name in {"every", "some"}:
                for part in value:  # type: ignore[attr-defined]
                    yield from part.leaves()
            elif name != "negated":
                yield name, value
