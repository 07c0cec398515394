"""Validation of a model on people it was not fitted to, and splits that make such people.

References
----------
Collins GS, et al. BMJ 2024;384:e074819, doi:10.1136/bmj-2023-074819.
Ramspek CL, et al. Clin Kidney J 2021;14:49-58, doi:10.1093/ckj/sfaa188 (temporal validation).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from risk_models.survival.arrays import Floats, Ints
from risk_models.survival.bootstrap import Progress, bootstrap_intervals, no_progress
from risk_models.survival.data import SurvivalData
from risk_models.survival.errors import SurvivalDataError
from risk_models.survival.metrics.calibration import (
    CalibrationGroup,
    calibration_groups,
    observed_risk,
)
from risk_models.survival.metrics.decision_curve import NetBenefit, decision_curve
from risk_models.survival.metrics.estimate import Estimate
from risk_models.survival.performance import performance

THRESHOLDS = (0.05, 0.075, 0.1, 0.15, 0.2, 0.3)
"""Risks from which one might act; 5 and 10 % part the classes of Chinese guidelines."""


@dataclass(frozen=True, slots=True)
class Validation:
    """How a model does on one cohort.

    Parameters
    ----------
    events
        Events by the horizon.
    metrics
        By the names of `performance.METRICS`, with bootstrap intervals.
    """

    horizon: float
    n: int
    events: int
    observed: Estimate
    mean_predicted: float
    metrics: dict[str, Estimate]
    groups: tuple[CalibrationGroup, ...]
    decision_curve: tuple[NetBenefit, ...]


def validate(
    data: SurvivalData,
    risk: Floats,
    horizon: float,
    *,
    repeats: int = 200,
    seed: int = 0,
    thresholds: Sequence[float] = THRESHOLDS,
    progress: Progress = no_progress,
) -> Validation:
    """Measure predicted risks against what happened.

    Parameters
    ----------
    data
        Follow-up of people the model has not seen; its covariates are not used.
    risk : (n,)
        Their predicted probability of the event by the horizon.
    horizon
        Up to the longest follow-up.
    repeats
        Bootstrap samples for the intervals; 0 for none.

    Raises
    ------
    HorizonError
        If nobody was followed to the horizon.
    """

    def measured(rows: Ints) -> dict[str, float]:
        return performance(data.time[rows], data.event[rows], risk[rows], horizon)

    return Validation(
        horizon,
        len(data),
        int(((data.event == 1) & (data.time <= horizon)).sum()),
        observed_risk(data.time, data.event, horizon),
        float(risk.mean()),
        bootstrap_intervals(measured, len(data), repeats=repeats, seed=seed, progress=progress),
        calibration_groups(data.time, data.event, risk, horizon),
        decision_curve(data.time, data.event, risk, horizon, thresholds),
    )


def temporal_split(
    frame: pl.DataFrame,
    *,
    entered: str,
    cut: date,
    duration: str,
    event: str,
    days_per_unit: float = 1.0,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """People who entered before a day, to fit; and those who entered later, to validate.

    Follow-up of the first ends at the cut too: a model made on that day could not have seen more.

    Parameters
    ----------
    entered
        Column of entry days (dates).
    cut
        First entry day of the validation.
    duration, event
        Follow-up, and 0 where it ended without an event.
    days_per_unit
        Days in one unit of `duration`: 1 for days, 365.25 for years.

    Raises
    ------
    SurvivalDataError
        If an entry day is missing, or one of the two parts is empty.
    """
    if frame.get_column(entered).dtype != pl.Date or frame.get_column(entered).null_count():
        raise SurvivalDataError(f"{entered}: a day of entry is needed for everyone (type date)")
    before = pl.col(entered) < cut
    known = (pl.lit(cut) - pl.col(entered)).dt.total_days() / days_per_unit
    late = pl.col(duration) > known
    development = frame.filter(before).with_columns(
        pl.when(late).then(0).otherwise(pl.col(event)).alias(event),
        pl.when(late).then(known).otherwise(pl.col(duration)).alias(duration),
    )
    validation = frame.filter(~before)
    if development.is_empty() or validation.is_empty():
        raise SurvivalDataError(f"{entered}: everyone entered on one side of {cut}")
    return development, validation
