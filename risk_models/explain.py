"""Why a person's risk is what it is: the share of each risk factor.

The share of a factor is its Shapley value between the person and the same person at optimal
levels: the mean change of the risk when the factor is set to its level, over every order in
which the factors can be set. It needs no linearity, and the shares add up exactly to the
risk above optimal (Shapley LS, 1953; Lundberg S, Lee S-I, NeurIPS 2017 for its use here).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from math import factorial

import numpy as np
import polars as pl

from risk_models.equations.definition import FloatArray, Variant
from risk_models.equations.engine import score_checked
from risk_models.equations.registry import equation_named
from risk_models.optimal import OptimalProfile, optimal_profile
from risk_models.records import Record, field_of
from risk_models.results import Refusal, Result
from risk_models.scoring import evaluate
from risk_models.text import N_, Message

FACTORS: Mapping[str, str] = {
    "systolic_bp": "blood pressure",
    "diastolic_bp": "blood pressure",
    "bp_treated": "blood pressure",
    "total_cholesterol": "total cholesterol",
    "statin": "total cholesterol",
    "lipid_lowering_drug": "total cholesterol",
    "hdl_cholesterol": "HDL cholesterol",
    "waist": "body size",
    "bmi": "body size",
    "egfr": "kidney function",
    "diabetes": "glucose",
    "hba1c": "glucose",
    "current_smoker": "smoking",
    "daily_smoker": "smoking",
    "family_history_ascvd": "family history",
    "family_history_heart_attack": "family history",
    "parents_with_hypertension": "family history",
    "prevalent_cvd": "cardiovascular disease",
    "atrial_fibrillation": "atrial fibrillation",
}
"""Inputs that are one thing to a patient are moved together."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """Share of one factor, as a probability; negative if the person is better than optimal."""

    factor: str
    inputs: tuple[str, ...]
    value: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """A risk taken apart.

    Parameters
    ----------
    at_optimum
        Risk of the same person (age, sex, place) with the factors of `profile`.
    contributions
        Largest first; their sum is ``result.value - at_optimum``.
    """

    result: Result
    at_optimum: float
    contributions: tuple[Contribution, ...]
    profile: OptimalProfile


@dataclass(frozen=True, slots=True)
class NotExplained:
    """No explanation, and why."""

    reason: Message


def explain(
    equation: str, record: Record, outcome: str, variant: str | None = None
) -> Explanation | Refusal | NotExplained:
    """Take one outcome of one person apart.

    Parameters
    ----------
    equation, record, variant
        As in `risk_models.evaluate`.
    outcome
        Outcome key, e.g. ``ascvd_10y``.

    Returns
    -------
    Explanation, Refusal or NotExplained
        A refusal if the risk itself cannot be computed.
    """
    chosen = equation_named(equation).variant(variant)
    result = evaluate(equation, record, variant)[outcome]
    if isinstance(result, Refusal):
        return result
    sex = result.inputs.get("sex")
    profile = optimal_profile(equation, chosen, sex if isinstance(sex, str) else None)
    factors = _factors(profile)
    if not factors:
        return NotExplained(
            Message(N_("No optimal level is known for any input of this equation."))
        )
    risks = _risks_of_subsets(chosen, result, profile, factors, outcome)
    shares = _shapley(risks, len(factors))
    contributions = sorted(
        (
            Contribution(name, inputs, float(share))
            for (name, inputs), share in zip(factors.items(), shares, strict=True)
        ),
        key=lambda contribution: -abs(contribution.value),
    )
    return Explanation(result, float(risks[-1]), tuple(contributions), profile)


def _factors(profile: OptimalProfile) -> dict[str, tuple[str, ...]]:
    factors: dict[str, tuple[str, ...]] = {}
    for name in profile.levels:
        factors[FACTORS[name]] = (*factors.get(FACTORS[name], ()), name)
    return factors


def _risks_of_subsets(
    variant: Variant,
    result: Result,
    profile: OptimalProfile,
    factors: Mapping[str, tuple[str, ...]],
    outcome: str,
) -> FloatArray:
    """Risk for every subset of factors at their optimal level; bit i of the row is factor i."""
    subsets = np.array(list(product((False, True), repeat=len(factors))), dtype=np.bool_)[:, ::-1]
    optimal = {
        name: subsets[:, position]
        for position, names in enumerate(factors.values())
        for name in names
    }
    columns = {}
    for variable in variant.variables:
        own = result.inputs[variable.name]
        values: list[object] = [own] * len(subsets)
        if variable.name in optimal:
            level = profile.levels[variable.name]
            values = [level if at else own for at in optimal[variable.name]]
        columns[field_of(variable)] = pl.Series(values)
    return score_checked(variant, pl.DataFrame(columns)).values[outcome]


def _shapley(risks: FloatArray, count: int) -> FloatArray:
    """Mean fall of the risk as each factor is set to its optimal level; shape (count,)."""
    shares = np.zeros(count)
    rows = np.arange(len(risks))
    sizes = np.array([int(row).bit_count() for row in rows])
    for factor in range(count):
        without = (rows >> factor) & 1 == 0
        size = sizes[without]
        weight = np.array(
            [factorial(s) * factorial(count - s - 1) / factorial(count) for s in size.tolist()]
        )
        fall = risks[rows[without]] - risks[rows[without] | (1 << factor)]
        shares[factor] = np.sum(weight * fall)
    return shares
