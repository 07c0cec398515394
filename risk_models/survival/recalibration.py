"""Recalibration of a published risk to a local cohort.

On the complementary log-log scale a published risk p becomes ``a + b * cloglog(p)``: `a` moves the
baseline, `b` widens or narrows the spread. Few local events are enough for `a`; `b` needs more.

References
----------
van Houwelingen HC. Stat Med 2000;19:3401-3415.
Janssen KJM, Moons KGM, Kalkman CJ, Grobbee DE, Vergouwe Y. J Clin Epidemiol 2008;61:76-86,
doi:10.1016/j.jclinepi.2007.04.018 (updating methods).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum

import numpy as np

from risk_models.results import Refusal, Result
from risk_models.survival.arrays import Floats, Ints
from risk_models.survival.baseline import breslow
from risk_models.survival.cox import fit_cox
from risk_models.survival.data import SurvivalData
from risk_models.survival.errors import SurvivalDataError
from risk_models.survival.metrics.cloglog import cloglog, fit_cloglog, inverse_cloglog
from risk_models.survival.metrics.estimate import Estimate
from risk_models.survival.metrics.horizon import status_at
from risk_models.survival.prediction import ProportionalHazards


class Method(StrEnum):
    """What is fitted."""

    IN_THE_LARGE = "in the large"
    """The baseline: a, with b = 1."""
    SLOPE = "slope"
    """The spread about the mean of the cohort; the mean stays as published."""
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Recalibration:
    """A published risk, moved: ``centre + intercept + slope * (cloglog(p) - centre)``.

    Parameters
    ----------
    horizon_years
        The equation's horizon; the recalibration holds for no other.
    centre
        Mean of cloglog(p) in the local cohort.
    n, events
        Of the local cohort; events by the horizon.
    """

    equation: str
    outcome: str
    horizon_years: int | None
    method: Method
    centre: float
    intercept: Estimate
    slope: Estimate
    cohort: str
    n: int
    events: int

    def apply(self, risk: Floats) -> Floats:
        """Recalibrated risks (n,) of published risks (n,), from 0 to 1."""
        spread = self.slope.value * (cloglog(risk) - self.centre)
        return inverse_cloglog(self.centre + self.intercept.value + spread)

    def on(self, result: Result | Refusal) -> Result | Refusal:
        """The outcome of `risk_models.evaluate` with its value recalibrated; a refusal as it is.

        The class is left out: published classes belong to the published risk.

        Raises
        ------
        SurvivalDataError
            If it is another equation, outcome or horizon.
        """
        mine = (self.equation, self.outcome, self.horizon_years)
        if (result.equation, result.outcome, result.horizon_years) != mine:
            raise SurvivalDataError(
                f"{result.equation} {result.outcome} ({result.horizon_years} years): this "
                f"recalibration is of {self.equation} {self.outcome} ({self.horizon_years} years)"
            )
        if isinstance(result, Refusal):
            return result
        return replace(
            result,
            value=float(self.apply(np.array([result.value]))[0]),
            variant=f"{result.variant}, recalibrated ({self.method}) to {self.cohort}",
            category=None,
        )

    def as_dict(self) -> dict[str, object]:
        """Content for JSON; `from_dict` reads it back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, object]) -> "Recalibration":
        """Read what `as_dict` wrote."""
        fields = dict(content)
        for name in ("intercept", "slope"):
            fields[name] = Estimate(**fields[name])  # type: ignore[arg-type]
        fields["method"] = Method(str(fields["method"]))
        return cls(**fields)  # type: ignore[arg-type]


def recalibrate(
    time: Floats,
    event: Ints,
    risk: Floats,
    horizon: float,
    method: Method,
    *,
    equation: str,
    outcome: str,
    horizon_years: int | None,
    cohort: str,
) -> Recalibration:
    """Fit a recalibration at the equation's horizon (IPCW).

    Parameters
    ----------
    time, event : (n,)
        Follow-up in the unit of `horizon`; 0 censored, 1 event, 2 and above competing.
    risk : (n,)
        Published risk of each person, 0 to 1.
    cohort
        Name of the local cohort, for people who read the result.

    Raises
    ------
    HorizonError
        If nobody was followed to the horizon.
    FitError
        If there are too few events, or risks are all equal and a slope is asked for.
    """
    status = status_at(time, event, horizon)
    value = cloglog(risk)
    centre = float(value.mean())
    ones = np.ones((len(risk), 1))
    spread = (value - centre)[:, None]
    design, offset = {
        Method.IN_THE_LARGE: (ones, value),
        Method.SLOPE: (spread, np.full(len(risk), centre)),
        Method.BOTH: (np.hstack([ones, spread]), np.full(len(risk), centre)),
    }[method]
    fit = fit_cloglog(status.outcome, status.weight, design, offset)
    found = [
        Estimate(float(b), float(b - 1.959964 * e), float(b + 1.959964 * e))
        for b, e in zip(fit.coefficients, np.sqrt(np.diag(fit.covariance)), strict=True)
    ]
    return Recalibration(
        equation,
        outcome,
        horizon_years,
        method,
        centre,
        Estimate(0.0, 0.0, 0.0) if method is Method.SLOPE else found[0],
        Estimate(1.0, 1.0, 1.0) if method is Method.IN_THE_LARGE else found[-1],
        cohort,
        len(risk),
        int(status.outcome.sum()),
    )


def recalibrate_linear_predictor(
    data: SurvivalData, linear_predictor: Floats, method: Method
) -> ProportionalHazards:
    """A local baseline, and with `Method.BOTH` a slope, for a published linear predictor.

    For equations that publish coefficients but no baseline that fits here. The baseline is always
    estimated, so a slope alone is not defined.

    Parameters
    ----------
    data
        Follow-up; its covariates are not used.
    linear_predictor : (n,)
        Published coefficients times covariates.

    Returns
    -------
    ProportionalHazards
        With one covariate, ``linear_predictor``.

    Raises
    ------
    ValueError
        If the method is `Method.SLOPE`.
    """
    if method is Method.SLOPE:
        raise ValueError("a slope alone is not defined on a linear predictor; use both")
    one = replace(data, covariates=("linear_predictor",), x=linear_predictor[:, None])
    if method is Method.BOTH:
        return fit_cox(one).prediction
    mean = linear_predictor.mean()
    return ProportionalHazards(
        one.covariates,
        np.ones(1),
        np.array([mean]),
        breslow(one, linear_predictor - mean),
    )
