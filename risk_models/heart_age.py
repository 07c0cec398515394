"""Heart age: the age at which a person of the same sex with optimal factors has this risk.

Defined for the Framingham general cardiovascular risk (D'Agostino RB Sr, et al. Circulation
2008;117:743-753). The levels of that paper's reference profile were not found in a source, so
the caller may give them; otherwise the levels of `optimal_profile` are used, and said.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from risk_models.equations.engine import score_checked
from risk_models.equations.registry import equation_named
from risk_models.explain import NotExplained
from risk_models.optimal import OptimalProfile, optimal_profile
from risk_models.records import Record, field_of
from risk_models.results import Refusal, Result
from risk_models.scoring import evaluate
from risk_models.text import N_, Message
from risk_models.variables import Measure

DEFINED_FOR = ("framingham_cvd_2008",)
STEP_YEARS = 0.01
"""Resolution of the search; the risk grows with age throughout."""


@dataclass(frozen=True, slots=True)
class HeartAge:
    """A heart age in years, or the end of the equation's age range that it lies beyond.

    Parameters
    ----------
    years
        The age, or the bound.
    bound
        ``"below"`` or ``"above"`` if the risk is outside what optimal factors give within the
        equation's ages, else None.
    """

    years: float
    bound: Literal["below", "above"] | None
    result: Result
    profile: OptimalProfile


def heart_age(
    equation: str,
    record: Record,
    variant: str | None = None,
    levels: Mapping[str, float | bool] | None = None,
) -> HeartAge | Refusal | NotExplained:
    """Heart age of one person.

    Parameters
    ----------
    levels
        Reference levels by input name in the equation's units, e.g. ``{"systolic_bp": 125}``;
        inputs not named keep the levels of `optimal_profile`.
    """
    if equation not in DEFINED_FOR:
        return NotExplained(Message(N_("Heart age is not defined in this equation's publication.")))
    chosen = equation_named(equation).variant(variant)
    outcome = chosen.outcomes[0].key
    result = evaluate(equation, record, variant)[outcome]
    if isinstance(result, Refusal):
        return result
    profile = optimal_profile(equation, chosen, str(result.inputs["sex"]))
    if levels is not None:
        given = Message(N_("reference levels given by the caller"))
        profile = OptimalProfile({**profile.levels, **levels}, False, given)
    age = next(v for v in chosen.variables if v.name == "age")
    assert isinstance(age, Measure)
    ages = np.arange(age.low, age.high + STEP_YEARS / 2, STEP_YEARS)
    person = {**result.inputs, **profile.levels}
    columns = {field_of(v): pl.Series([person[v.name]] * len(ages)) for v in chosen.variables}
    columns["age"] = pl.Series(ages)
    risks = score_checked(chosen, pl.DataFrame(columns)).values[outcome]
    if np.isnan(risks).any():
        raise ValueError("The reference levels lie outside the equation's accepted ranges.")
    if result.value < risks[0]:
        return HeartAge(age.low, "below", result, profile)
    if result.value > risks[-1]:
        return HeartAge(age.high, "above", result, profile)
    position = int(np.argmin(np.abs(risks - result.value)))
    return HeartAge(float(ages[position]), None, result, profile)
