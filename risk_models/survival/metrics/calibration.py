"""Agreement of predicted risks at a horizon with what was observed.

References
----------
Van Calster B, et al. BMC Med 2019;17:230, doi:10.1186/s12916-019-1466-7 (levels of calibration).
Austin PC, Harrell FE, van Klaveren D. Stat Med 2020;39:2714-2742, doi:10.1002/sim.8570 (ICI).
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from risk_models.survival.arrays import Floats, Ints
from risk_models.survival.competing import aalen_johansen
from risk_models.survival.errors import HorizonError
from risk_models.survival.metrics.cloglog import cloglog, fit_cloglog, inverse_cloglog
from risk_models.survival.metrics.estimate import Estimate
from risk_models.survival.metrics.horizon import check_horizon, status_at

KNOTS = (0.05, 0.35, 0.65, 0.95)
"""Quantiles at which the smooth curve may bend (Harrell, Regression Modeling Strategies, 2.4)."""


@dataclass(frozen=True, slots=True)
class CalibrationGroup:
    """People of similar predicted risk.

    Parameters
    ----------
    predicted
        Mean predicted risk.
    observed
        Aalen-Johansen estimate at the horizon (1 - Kaplan-Meier without competing events).
    """

    n: int
    predicted: float
    observed: Estimate


def observed_risk(time: Floats, event: Ints, horizon: float) -> Estimate:
    """Observed risk by the horizon, with its interval.

    Raises
    ------
    HorizonError
        If nobody was followed to the horizon.
    """
    reached = check_horizon(time, horizon)
    curve = aalen_johansen(time, event)
    value = float(curve.at(horizon)[0])
    if value == 0:
        # No event gives no variance: the exact bound of 0 among those followed all the way.
        return Estimate(0.0, 0.0, float(1 - 0.025 ** (1 / reached.sum())))
    low, high = curve.interval(horizon)
    return Estimate(value, float(low[0]), float(high[0]))


def observed_expected_ratio(time: Floats, event: Ints, risk: Floats, horizon: float) -> Estimate:
    """Observed over mean predicted risk; 1 is right on average, above 1 the model runs low.

    Parameters
    ----------
    time, event : (n,)
        Follow-up; 0 censored, 1 event, 2 and above competing.
    risk : (n,)
        Predicted probability of the event by the horizon.

    Raises
    ------
    HorizonError
        If nobody was followed to the horizon.
    """
    check_horizon(time, horizon)
    curve = aalen_johansen(time, event)
    observed, variance = curve.at(horizon)[0], curve.variance_at(horizon)[0]
    ratio = float(observed / risk.mean())
    # Log scale: a ratio cannot be below 0. The predicted mean is taken as fixed.
    spread = np.exp(stats.norm.ppf(0.975) * np.sqrt(variance) / observed) if observed else np.nan
    return Estimate(ratio, ratio / float(spread), ratio * float(spread))


def calibration_slope(time: Floats, event: Ints, risk: Floats, horizon: float) -> Estimate:
    """Slope of outcome on predicted risk, both as complementary log-log (IPCW); 1 is right.

    Below 1 predictions are too extreme, as after overfitting; above 1 too timid. Parameters as
    `observed_expected_ratio`.

    Raises
    ------
    HorizonError
        If nobody was followed to the horizon.
    FitError
        If predictions are all equal or there are too few events.
    """
    status = status_at(time, event, horizon)
    x = np.column_stack([np.ones(len(risk)), cloglog(risk)])
    fit = fit_cloglog(status.outcome, status.weight, x)
    slope, error = float(fit.coefficients[1]), float(np.sqrt(fit.covariance[1, 1]))
    return Estimate(slope, slope - 1.959964 * error, slope + 1.959964 * error)


def smooth_calibration(time: Floats, event: Ints, risk: Floats, horizon: float) -> Floats:
    """Observed risk (n,) at each predicted risk, by a restricted cubic spline (IPCW).

    Parameters and errors as `calibration_slope`.
    """
    status = status_at(time, event, horizon)
    basis = _restricted_cubic_spline(cloglog(risk))
    fit = fit_cloglog(status.outcome, status.weight, basis)
    return inverse_cloglog(basis @ fit.coefficients)


def integrated_calibration_index(time: Floats, event: Ints, risk: Floats, horizon: float) -> float:
    """Mean absolute difference of predicted risk and the smooth observed risk; 0 is right.

    Parameters and errors as `calibration_slope`.
    """
    return float(np.mean(np.abs(smooth_calibration(time, event, risk, horizon) - risk)))


def calibration_groups(
    time: Floats, event: Ints, risk: Floats, horizon: float, groups: int = 10
) -> tuple[CalibrationGroup, ...]:
    """Predicted and observed risk in groups of equal size, by rising predicted risk.

    A group of which nobody was followed to the horizon is left out. Parameters as
    `observed_expected_ratio`.
    """
    check_horizon(time, horizon)
    edges = np.unique(np.quantile(risk, np.linspace(0, 1, groups + 1)[1:-1]))
    member = np.searchsorted(edges, risk, side="left")
    found = []
    for group in np.unique(member):
        rows = member == group
        try:
            observed = observed_risk(time[rows], event[rows], horizon)
        except HorizonError:
            continue
        found.append(CalibrationGroup(int(rows.sum()), float(risk[rows].mean()), observed))
    return tuple(found)


def _restricted_cubic_spline(values: Floats) -> Floats:
    """Basis (n, k): ones, the value, and terms that are linear beyond the outer knots."""
    columns = [np.ones(len(values)), values]
    knots = np.unique(np.quantile(values, KNOTS))
    if len(knots) == len(KNOTS) and np.diff(knots).min() > 1e-6 * np.ptp(knots):
        last, before = knots[-1], knots[-2]

        def cubed(knot: float) -> Floats:
            return np.maximum(values - knot, 0) ** 3

        for knot in knots[:-2]:
            term = (
                cubed(knot)
                - cubed(before) * (last - knot) / (last - before)
                + cubed(last) * (before - knot) / (last - before)
            )
            columns.append(term / (last - knots[0]) ** 2)
    return np.column_stack(columns)
