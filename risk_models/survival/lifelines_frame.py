"""The one way from our data into lifelines, and from its complaints into our errors."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pandas as pd
from lifelines.exceptions import ConvergenceError, ConvergenceWarning, StatisticalWarning
from scipy.linalg import LinAlgWarning

from risk_models.survival.arrays import Floats
from risk_models.survival.data import SurvivalData, check_fittable
from risk_models.survival.errors import FitError, SurvivalDataError

# Names that cannot meet a covariate's.
TIME, EVENT, STRATUM = "\0time", "\0event", "\0stratum"


@dataclass(frozen=True, slots=True)
class Scale:
    """Mean and standard deviation (n - 1) of each covariate, (p,)."""

    mean: Floats
    deviation: Floats

    def coefficients(self, fitted: Floats) -> Floats:
        """Coefficients per unit of those per standard deviation."""
        return fitted / self.deviation

    def covariance(self, fitted: Floats) -> Floats:
        """Their covariance (p, p)."""
        return fitted / np.outer(self.deviation, self.deviation)


def lifelines_frame(data: SurvivalData) -> tuple[pd.DataFrame, Scale]:
    """Standardised covariates, time, event (1 or not) and, where there are strata, the stratum.

    lifelines standardises too, but takes a covariate in a large unit (variance below 1e-4) for a
    constant.

    Raises
    ------
    SurvivalDataError
        If a covariate is missing.
    FitError
        If nobody has the event, or a covariate is the same for everyone.
    """
    if gaps := {name: count for name, count in data.missing.items() if count}:
        told = ", ".join(f"{name} {count}" for name, count in gaps.items())
        raise SurvivalDataError(
            f"missing values: {told}; impute them, or leave these people out on purpose"
        )
    check_fittable(data)
    scale = Scale(data.x.mean(axis=0), data.x.std(axis=0, ddof=1))
    frame = pd.DataFrame((data.x - scale.mean) / scale.deviation, columns=list(data.covariates))
    frame[TIME] = data.time
    frame[EVENT] = (data.event == 1).astype(np.int64)
    if data.strata_columns:
        frame[STRATUM] = data.strata
    return frame, scale


@contextmanager
def fit_errors(what: str) -> Iterator[None]:
    """Turn a fit that did not converge into a `FitError` that says what to try."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            warnings.simplefilter("error", LinAlgWarning)
            warnings.simplefilter("ignore", StatisticalWarning)
            yield
    except (ConvergenceError, ConvergenceWarning, LinAlgWarning, np.linalg.LinAlgError) as error:
        raise FitError(
            f"the {what} did not converge: a covariate may follow from the others, or separate "
            "those with the event from those without; leave it out or use a penalty"
        ) from error
