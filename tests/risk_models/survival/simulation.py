"""Cohorts whose truth is known."""

from dataclasses import dataclass

import numpy as np

from risk_models.survival.arrays import Floats
from risk_models.survival.data import NO_STRATUM, SurvivalData


@dataclass(frozen=True, slots=True)
class Weibull:
    """Proportional hazards with cumulative hazard (t / scale)^shape * exp(x beta)."""

    beta: tuple[float, ...] = (0.7, -0.5, 0.4)
    shape: float = 1.5
    scale: float = 10.0

    def risk(self, x: Floats, horizon: float) -> Floats:
        """True risk (n,) by the horizon."""
        cumulative = (horizon / self.scale) ** self.shape * np.exp(x @ np.array(self.beta))
        return 1 - np.exp(-cumulative)

    def cohort(self, n: int, seed: int, censoring_scale: float = 12.0) -> SurvivalData:
        """People with normal covariates (the second is 0/1) and exponential censoring."""
        random = np.random.default_rng(seed)
        x = random.standard_normal((n, len(self.beta)))
        x[:, 1] = x[:, 1] > 0
        relative = np.exp(x @ np.array(self.beta))
        time = self.scale * (random.exponential(size=n) / relative) ** (1 / self.shape)
        censored = random.exponential(censoring_scale, n)
        return _data(np.minimum(time, censored), (time <= censored).astype(np.int64), x)


@dataclass(frozen=True, slots=True)
class FineGray:
    """Cause 1 with subdistribution hazard ratio exp(beta); cause 2 competes.

    Fine and Gray 1999, section 5: P(cause 1 by t) = 1 - (1 - p (1 - exp(-t)))^exp(x beta).
    """

    beta: tuple[float, float] = (0.5, -0.5)
    other: tuple[float, float] = (-0.5, 0.5)
    p: float = 0.4

    def risk(self, x: Floats, horizon: float) -> Floats:
        base = 1 - self.p * (1 - np.exp(-horizon))
        return 1 - base ** np.exp(x @ np.array(self.beta))

    def cohort(self, n: int, seed: int, censoring_scale: float = 4.0) -> SurvivalData:
        random = np.random.default_rng(seed)
        x = random.standard_normal((n, 2))
        relative = np.exp(x @ np.array(self.beta))
        ever = 1 - (1 - self.p) ** relative
        first = random.random(n) < ever
        u = random.random(n) * ever
        inner = np.clip((1 - (1 - u) ** (1 / relative)) / self.p, 0, 1 - 1e-12)
        time = np.where(
            first, -np.log1p(-inner), random.exponential(size=n) / np.exp(x @ np.array(self.other))
        )
        censored = random.exponential(censoring_scale, n)
        event = np.where(time > censored, 0, np.where(first, 1, 2))
        return _data(np.minimum(time, censored), event, x)


def _data(time: Floats, event: np.ndarray, x: Floats) -> SurvivalData:
    names = tuple(f"x{column}" for column in range(1, x.shape[1] + 1))
    return SurvivalData(time, event.astype(np.int64), names, x, np.full(len(time), NO_STRATUM))
