"""The file of a fitted model: everything needed to score, to defend and to repeat it.

It holds no person's record, but it does hold the times of events and the extreme values of each
covariate; of a small cohort these may point to a person.
"""

import hashlib
from enum import StrEnum
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from risk_models.survival.arrays import Floats
from risk_models.survival.data import SurvivalData
from risk_models.survival.errors import ModelFileError
from risk_models.survival.prediction import (
    Prediction,
    ProportionalHazards,
    StepFunction,
    WeibullAcceleratedFailure,
)

FORMAT: Literal["clinical-ai survival model"] = "clinical-ai survival model"
VERSION: Literal[1] = 1


class Kind(StrEnum):
    """Which model."""

    COX = "cox"
    WEIBULL = "weibull"
    FINE_GRAY = "fine_gray"


class TimeUnit(StrEnum):
    """Unit of every time in a file."""

    DAYS = "days"
    WEEKS = "weeks"
    MONTHS = "months"
    YEARS = "years"

    @property
    def per_year(self) -> float:
        """Units in a mean year of 365.25 days."""
        return {"days": 365.25, "weeks": 365.25 / 7, "months": 12.0, "years": 1.0}[self.value]


class Missing(StrEnum):
    """What was done about missing covariates."""

    NONE = "none missing"
    LEFT_OUT = "left out"
    IMPUTED = "imputed"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class CovariateEntry(_Part):
    """A covariate: its coefficient, and the values the model has seen.

    Parameters
    ----------
    coefficient
        Log hazard ratio, or (Weibull) log time ratio, per unit.
    standard_error, low, high, p
        Its uncertainty, 95 % interval and Wald test; null under a penalty, where they mean nothing.
    values
        The only values seen, where there were two at most (0 and 1); else empty.
    """

    name: str
    coefficient: float
    standard_error: float | None
    low: float | None
    high: float | None
    p: float | None
    reference: float
    smallest: float
    largest: float
    values: tuple[float, ...] = ()
    missing: int = Field(ge=0)


class Baseline(_Part):
    """Cumulative hazard at the reference covariates, a step function."""

    times: tuple[float, ...]
    values: tuple[float, ...]
    end: float

    @model_validator(mode="after")
    def _consistent(self) -> "Baseline":
        times = np.array(self.times)
        if len(self.times) != len(self.values) or (np.diff(times) <= 0).any():
            raise ValueError("times and values of a baseline must be as many, times rising")
        return self


class WeibullShape(_Part):
    """Log scale at covariates 0, and shape."""

    intercept: float
    shape: float = Field(gt=0)


class PerformanceEntry(_Part):
    """A metric at the horizon on the people the model was fitted to; null: not computable.

    Parameters
    ----------
    value, low, high
        Apparent value with its bootstrap interval.
    optimism
        To be taken off, see `optimism`.
    """

    value: float | None
    low: float | None
    high: float | None
    optimism: float | None


class Development(_Part):
    """How the model came about."""

    n: int
    events: int
    competing_events: int
    median_follow_up: float
    missing: Missing
    left_out: int
    imputations: int
    penalty_strength: float
    l1_ratio: float
    log_likelihood: float | None
    proportional_hazards_p: dict[str, float]
    bootstrap_repeats: int
    seed: int
    code_version: str
    data_digest: str
    created: str


class ModelFile(_Part):
    """A fitted model, as JSON."""

    format: Literal["clinical-ai survival model"] = FORMAT
    version: Literal[1] = VERSION
    name: str
    outcome: str
    population: str
    kind: Kind
    time_unit: TimeUnit
    horizon: float = Field(gt=0)
    covariates: tuple[CovariateEntry, ...]
    strata_columns: tuple[str, ...]
    baselines: dict[str, Baseline]
    weibull: WeibullShape | None
    development: Development
    performance: dict[str, PerformanceEntry]

    @model_validator(mode="after")
    def _one_baseline(self) -> "ModelFile":
        if (self.weibull is None) == (not self.baselines):
            raise ValueError("a model has either baselines or a Weibull shape")
        return self

    @property
    def horizon_years(self) -> int | None:
        """The horizon in whole years; None where it is not within 1 % of one."""
        years = self.horizon / self.time_unit.per_year
        return round(years) if abs(years - round(years)) <= 0.01 * years and years > 0.5 else None

    @property
    def prediction(self) -> Prediction:
        """What gives risks."""
        names = tuple(entry.name for entry in self.covariates)
        coefficients = np.array([entry.coefficient for entry in self.covariates])
        if self.weibull is not None:
            return WeibullAcceleratedFailure(
                names, coefficients, self.weibull.intercept, self.weibull.shape
            )
        reference = np.array([entry.reference for entry in self.covariates])
        steps = {
            name: StepFunction(np.array(step.times), np.array(step.values), step.end)
            for name, step in self.baselines.items()
        }
        return ProportionalHazards(names, coefficients, reference, steps)


def write_model(model: ModelFile) -> str:
    """The file's text; numbers keep every bit."""
    return model.model_dump_json(indent=1) + "\n"


def read_model(text: str | bytes) -> ModelFile:
    """Read and check a file.

    Raises
    ------
    ModelFileError
        If it is not a model file of this version, or something in it is wrong.
    """
    try:
        return ModelFile.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ModelFileError(
            f"not a model file of version {VERSION}: {where}: {first['msg']} "
            f"({error.error_count()} problems in all)"
        ) from None


def data_digest(data: SurvivalData) -> str:
    """SHA-256 of follow-up and covariates as given: says whether two fits saw the same rows."""
    digest = hashlib.sha256("\0".join(data.covariates).encode())
    columns: tuple[Floats, ...] = (data.time, data.event.astype(np.float64), data.x)
    for column in columns:
        digest.update(np.ascontiguousarray(column, "<f8").tobytes())
    digest.update("\0".join(data.strata.tolist()).encode())
    return f"sha256:{digest.hexdigest()}"
