"""The few formulas that many equations share.

Sums run term by term in the order of the coefficient file, so a row gives the same bits
alone as in a million.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from risk_models.equations.definition import BoolArray, Columns, FloatArray


@dataclass(frozen=True, slots=True)
class LinearPredictor:
    """``constant + sum(coefficient * product of terms)``."""

    constant: float
    terms: tuple[tuple[float, tuple[str, ...]], ...]

    @classmethod
    def of(cls, coefficients: Mapping[str, float]) -> "LinearPredictor":
        """Build from a table whose keys are terms or products such as ``age*sbp``."""
        terms = tuple(
            (value, tuple(name.split("*")))
            for name, value in coefficients.items()
            if name != "constant"
        )
        return cls(coefficients.get("constant", 0.0), terms)

    def __call__(self, values: Columns) -> FloatArray:
        """Evaluate row by row; shape (n,)."""
        total = np.full(len(values[self.terms[0][1][0]]), self.constant)
        product = np.empty_like(total)
        for coefficient, factors in self.terms:
            np.multiply(values[factors[0]], coefficient, out=product)
            for factor in factors[1:]:
                np.multiply(product, values[factor], out=product)
            np.add(total, product, out=total)
        return total


def logistic(predictor: FloatArray) -> FloatArray:
    """``1 / (1 + exp(-x))``, without overflow."""
    probability: FloatArray = 1.0 / (1.0 + np.exp(-np.clip(predictor, -700.0, 700.0)))
    return probability


def event_probability(cumulative_hazard: FloatArray) -> FloatArray:
    """``1 - exp(-H)``, written so that a small risk keeps its digits."""
    probability: FloatArray = -np.expm1(-cumulative_hazard)
    return probability


def cox_risk(baseline_survival: float, predictor: FloatArray) -> FloatArray:
    """``1 - S0 ** exp(x)``."""
    hazard = -np.log(baseline_survival) * np.exp(np.minimum(predictor, 700.0))
    return event_probability(hazard)


def recalibrated_risk(
    baseline_survival: float, predictor: FloatArray, intercept: float, slope: float
) -> FloatArray:
    """``1 - exp(-exp(intercept + slope * ln(-ln(1 - raw))))``, ``raw = 1 - S0 ** exp(x)``.

    The complementary log-log recalibration of SCORE2 and the WHO charts. As
    ``ln(-ln(1 - raw)) = ln(-ln S0) + x``, the raw risk itself, which may round to 1, is not
    needed.
    """
    log_hazard = np.log(-np.log(baseline_survival)) + predictor
    return event_probability(np.exp(np.minimum(intercept + slope * log_hazard, 700.0)))


def by_group(
    groups: Columns,
    inputs: Columns,
    compute: Callable[[tuple[int, ...], Columns], Mapping[str, FloatArray]],
    sizes: tuple[int, ...],
    outcomes: tuple[str, ...],
) -> dict[str, FloatArray]:
    """Apply `compute` to the rows of each combination of choices; NaN where a choice is missing.

    Parameters
    ----------
    groups
        Columns of choice positions, e.g. sex and region, each with ``sizes[i]`` options.
    compute
        Gets one combination of positions and its rows.
    """
    code = np.zeros(len(next(iter(groups.values()))))
    for column, size in zip(groups.values(), sizes, strict=True):
        code = code * size + column
    result = {name: np.full(len(code), np.nan) for name in outcomes}
    for group in np.unique(code[~np.isnan(code)]):
        rows: BoolArray = code == group
        positions = tuple(int(i) for i in np.unravel_index(int(group), sizes))
        part = inputs if rows.all() else {name: column[rows] for name, column in inputs.items()}
        for name, values in compute(positions, part).items():
            result[name][rows] = values
    return result


def points_from(value: FloatArray, edges: list[float], points: list[float]) -> FloatArray:
    """Points of a table row: row i holds values from ``edges[i]`` up; NaN stays NaN."""
    row = np.searchsorted(np.asarray(edges, dtype=np.float64), value, side="right") - 1
    found = np.asarray(points, dtype=np.float64)[np.clip(row, 0, len(points) - 1)]
    return np.where(np.isnan(value), np.nan, found)
