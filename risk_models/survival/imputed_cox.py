"""A Cox model of imputed data: one fit a copy, pooled by Rubin's rules."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from risk_models.survival.baseline import breslow
from risk_models.survival.coefficients import Coefficient, wald
from risk_models.survival.cox import NO_PENALTY, CoxFit, Penalty, fit_cox
from risk_models.survival.data import SurvivalData
from risk_models.survival.imputation import Pooled, pool
from risk_models.survival.prediction import ProportionalHazards


@dataclass(frozen=True, slots=True)
class ImputedCoxFit:
    """A pooled Cox model.

    Parameters
    ----------
    fit
        Pooled coefficients and covariance; likelihoods are the mean of the copies'. The baseline is
        the mean of Breslow's estimates at the pooled coefficients.
    pooled
        Degrees of freedom and share of missing information.
    """

    fit: CoxFit
    pooled: Pooled
    imputations: int

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """Coefficients with intervals and tests of Student's t."""
        pooled = self.pooled
        names = self.fit.prediction.covariates
        return wald(names, pooled.values, pooled.covariance, pooled.degrees_of_freedom)


def fit_imputed_cox(
    copies: Sequence[SurvivalData], *, penalty: Penalty = NO_PENALTY
) -> ImputedCoxFit:
    """Fit each imputed copy (see `imputation.impute`) and pool.

    Raises
    ------
    FitError
        If a fit does not converge.
    """
    fits = [fit_cox(copy, penalty=penalty) for copy in copies]
    pooled = pool(
        np.array([fit.prediction.coefficients for fit in fits]),
        np.array([fit.covariance for fit in fits]),
        max(fits[0].events - len(copies[0].covariates), 1),
    )
    reference = np.mean([copy.x.mean(axis=0) for copy in copies], axis=0)
    baselines = [breslow(copy, (copy.x - reference) @ pooled.values) for copy in copies]
    # Times and events are not imputed: the steps of all copies are at the same times.
    mean = {
        name: replace(step, values=np.mean([base[name].values for base in baselines], axis=0))
        for name, step in baselines[0].items()
    }
    prediction = ProportionalHazards(copies[0].covariates, pooled.values, reference, mean)
    fit = replace(
        fits[0],
        prediction=prediction,
        covariance=pooled.covariance,
        log_likelihood_null=float(np.mean([one.log_likelihood_null for one in fits])),
        log_likelihood=float(np.mean([one.log_likelihood for one in fits])),
    )
    return ImputedCoxFit(fit, pooled, len(copies))
