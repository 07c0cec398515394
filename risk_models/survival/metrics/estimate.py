"""A number with its uncertainty."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval; NaN bounds where none could be computed."""

    value: float
    low: float
    high: float
