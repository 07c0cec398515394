"""Strength of a penalty by the cross-validated partial likelihood.

References
----------
Verweij PJM, Van Houwelingen HC. Stat Med 1993;12:2305-2314, doi:10.1002/sim.4780122407.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from risk_models.survival.arrays import Ints
from risk_models.survival.bootstrap import Progress, no_progress
from risk_models.survival.cox import Penalty, fit_cox
from risk_models.survival.data import SurvivalData
from risk_models.survival.partial_likelihood import log_partial_likelihood

STRENGTHS = tuple(float(10**power) for power in np.arange(-4, 0.51, 0.5))
"""From hardly any penalty to one that leaves hardly any effect, on standardised covariates."""


@dataclass(frozen=True, slots=True)
class PenaltyChoice:
    """The best strength, and the whole table.

    Parameters
    ----------
    scores
        Cross-validated log partial likelihood by strength; larger is better.
    """

    penalty: Penalty
    scores: dict[float, float]


def choose_penalty(
    data: SurvivalData,
    *,
    l1_ratio: float = 0.0,
    strengths: Sequence[float] = STRENGTHS,
    folds: int = 5,
    seed: int = 0,
    progress: Progress = no_progress,
) -> PenaltyChoice:
    """Find the strength with the largest cross-validated partial likelihood.

    Parameters
    ----------
    data
        Complete covariates.
    l1_ratio
        0 ridge, 1 lasso.
    strengths
        What is tried; 0 may be among them.
    folds
        At least 2. People with and without the event are spread evenly.
    seed
        Makes the folds.
    """
    fold = _folds(data, folds, seed)
    scores = {}
    for done, strength in enumerate(strengths):
        penalty = Penalty(strength, l1_ratio)
        total = 0.0
        for part in range(folds):
            train = data.take(np.flatnonzero(fold != part))
            beta = fit_cox(train, penalty=penalty).prediction.coefficients
            total += log_partial_likelihood(data, beta) - log_partial_likelihood(train, beta)
            progress(done * folds + part + 1, folds * len(strengths))
        scores[strength] = total
    return PenaltyChoice(Penalty(max(scores, key=lambda s: scores[s]), l1_ratio), scores)


def _folds(data: SurvivalData, folds: int, seed: int) -> Ints:
    if folds < 2 or data.events < folds:
        raise ValueError(f"{folds} folds: from 2 to the number of events ({data.events})")
    shuffled = np.random.default_rng(seed).permutation(len(data))
    by_event = shuffled[np.argsort(data.event[shuffled] == 1, kind="stable")]
    fold = np.empty(len(data), np.int64)
    fold[by_event] = np.arange(len(data)) % folds
    return fold
