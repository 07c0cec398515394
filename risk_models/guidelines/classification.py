"""What applying a guideline to one person returns: a category and the way to it, or why not."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from risk_models.cures import explained
from risk_models.equations.engine import check, input_problems
from risk_models.records import Record, one_row, plain_values
from risk_models.results import Problem
from risk_models.text import Message
from risk_models.variables import Variable


@dataclass(frozen=True, slots=True)
class Guideline:
    """A guideline as cited here.

    Parameters
    ----------
    confidence
        How well the rules used here were verified against print.
    """

    identifier: str
    title: str
    edition: str
    citation: str
    confidence: str


@dataclass(frozen=True, slots=True)
class Classification:
    """A guideline's answer for one person.

    Parameters
    ----------
    category
        In the guideline's words, in English.
    branch
        Every step taken, first to last, so that a reader can follow it in the guideline.
    details
        Further answers of the same rule, e.g. targets; numbers in the units of their names.
    notes
        What limits the answer.
    """

    guideline: Guideline
    rule: str
    category: str
    branch: tuple[Message, ...]
    details: Mapping[str, str | float | bool | None] = field(default_factory=dict)
    notes: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class NotClassified:
    """No category, and why: inputs to mend, or a rule that has no source here."""

    guideline: Guideline
    rule: str
    problems: tuple[Problem, ...]
    reason: Message | None = None


Answer = Classification | NotClassified
Values = dict[str, float | bool | str | None]


def read(variables: tuple[Variable, ...], record: Record) -> tuple[Values, tuple[Problem, ...]]:
    """Check the variables in a record; values that are refused come back as None."""
    inputs = check(variables, one_row(variables, record))
    values = plain_values(variables, inputs.values)
    named = {variable.name: variable for variable in variables}
    problems = input_problems(variables, inputs, 0)
    return values, tuple(explained(p, named[p.variable], record) for p in problems)


def number(values: Values, name: str) -> float | None:
    """A measure's value, or None."""
    value = values[name]
    return None if value is None else float(value)


def required(values: Values, name: str) -> float:
    """A measure's value that `read` has found acceptable."""
    value = number(values, name)
    assert value is not None
    return value
