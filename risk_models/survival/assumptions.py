"""Are hazards proportional? Score tests on Schoenfeld residuals.

The test asks whether a coefficient changes with a function g of time, beta + theta * g(t), by the
score test of theta = 0 at the fitted beta, as `cox.zph` of R's survival 3 does; the older
approximation (lifelines, survival 2) gives other numbers.

References
----------
Grambsch PM, Therneau TM. Biometrika 1994;81:515-526, doi:10.1093/biomet/81.3.515.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy import stats

from risk_models.survival.arrays import Floats
from risk_models.survival.cox import CoxFit
from risk_models.survival.data import SurvivalData
from risk_models.survival.metrics.kaplan_meier import kaplan_meier
from risk_models.survival.partial_likelihood import event_times


class Transform(StrEnum):
    """The function of time g."""

    KM = "km"
    """1 - Kaplan-Meier just before t, all strata together: R's default."""
    RANK = "rank"
    IDENTITY = "identity"
    LOG = "log"


GLOBAL = "GLOBAL"


@dataclass(frozen=True, slots=True)
class ProportionalityTest:
    """Score test of one covariate, or of all (`GLOBAL`); a small p speaks against proportionality.

    Parameters
    ----------
    slope
        One-step estimate of theta, the change of the coefficient per unit of g; NaN for `GLOBAL`.
    """

    name: str
    chi_squared: float
    degrees_of_freedom: int
    p: float
    slope: float


def proportional_hazards_tests(
    data: SurvivalData, fit: CoxFit, transform: Transform = Transform.KM
) -> tuple[ProportionalityTest, ...]:
    """Test each covariate and all together.

    Parameters
    ----------
    data, fit
        A model and the data it was fitted to (unpenalised).
    transform
        Which function of time.
    """
    terms = event_times(data, fit.prediction.coefficients)
    g = _function_of_time(data, terms.time, transform)
    # The origin of g is free: it only re-labels beta. The middle keeps the matrices well scaled.
    g = g - np.average(g, weights=terms.events)
    score = g @ terms.score
    beta = terms.information.sum(axis=0)
    mixed = np.tensordot(g, terms.information, axes=1)
    theta = np.tensordot(g**2, terms.information, axes=1)
    information = theta - mixed @ np.linalg.solve(beta, mixed)
    tests = []
    for position, name in enumerate(data.covariates):
        u, i = score[position], information[position, position]
        tests.append(_test(name, float(u**2 / i), 1, float(u / i)))
    together = float(score @ np.linalg.solve(information, score))
    return (*tests, _test(GLOBAL, together, len(score), float("nan")))


def _test(name: str, chi_squared: float, degrees: int, slope: float) -> ProportionalityTest:
    p = float(stats.chi2.sf(chi_squared, degrees))
    return ProportionalityTest(name, chi_squared, degrees, p, slope)


def _function_of_time(data: SurvivalData, times: Floats, transform: Transform) -> Floats:
    match transform:
        case Transform.KM:
            return 1 - kaplan_meier(data.time, data.event == 1).before(times)
        case Transform.RANK:
            return np.asarray(stats.rankdata(times), np.float64)
        case Transform.IDENTITY:
            return times
        case Transform.LOG:
            return np.log(times)
