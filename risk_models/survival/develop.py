"""From a checked table to a model file: missing values, penalty, fit, checks, performance."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from risk_models.survival.aft import WeibullFit, fit_weibull
from risk_models.survival.arrays import Floats
from risk_models.survival.assumptions import proportional_hazards_tests
from risk_models.survival.bootstrap import Progress
from risk_models.survival.coefficients import Coefficient
from risk_models.survival.cox import NO_PENALTY, CoxFit, Penalty, fit_cox
from risk_models.survival.cross_validation import choose_penalty
from risk_models.survival.data import SurvivalData
from risk_models.survival.errors import SurvivalDataError
from risk_models.survival.fine_gray import FineGrayFit, fit_fine_gray
from risk_models.survival.imputation import impute
from risk_models.survival.imputed_cox import ImputedCoxFit, fit_imputed_cox
from risk_models.survival.metrics.kaplan_meier import censoring_curve
from risk_models.survival.model_json import (
    Baseline,
    CovariateEntry,
    Development,
    Kind,
    Missing,
    ModelFile,
    PerformanceEntry,
    TimeUnit,
    WeibullShape,
    data_digest,
)
from risk_models.survival.optimism import Corrected, correct_optimism
from risk_models.survival.prediction import Prediction, ProportionalHazards

StageProgress = Callable[[str, int, int], None]
"""Called with the stage (``impute``, ``penalty``, ``bootstrap``), how much is done, of how much."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to fit and how.

    Parameters
    ----------
    horizon
        In `time_unit`; where the performance is measured.
    missing
        `Missing.NONE` refuses data with gaps.
    l1_ratio
        None: no penalty. 0 ridge to 1 lasso: its strength by cross-validation.
    repeats
        Bootstrap fits for intervals and optimism; 0 measures nothing.
    """

    name: str
    outcome: str
    population: str
    horizon: float
    time_unit: TimeUnit
    kind: Kind = Kind.COX
    missing: Missing = Missing.NONE
    imputations: int = 20
    l1_ratio: float | None = None
    repeats: int = 200
    seed: int = 0


_Fit = CoxFit | ImputedCoxFit | WeibullFit | FineGrayFit


def develop(
    data: SurvivalData, plan: Plan, *, code_version: str, created: str, progress: StageProgress
) -> ModelFile:
    """Fit a model and write down everything about it.

    With imputation, performance and proportional hazards are measured on the first completed copy.
    A penalty's strength is chosen once, not anew in each bootstrap fit.

    Parameters
    ----------
    code_version, created
        For the record: version of this program, and today's date.

    Raises
    ------
    SurvivalDataError, FitError, HorizonError
        See `fit_cox`, `fit_weibull`, `fit_fine_gray`, `correct_optimism`.
    """
    if plan.kind is not Kind.COX and plan.missing is Missing.IMPUTED:
        raise SurvivalDataError(f"imputed data can be fitted by a Cox model only, not {plan.kind}")
    if plan.kind is not Kind.COX and plan.l1_ratio is not None:
        raise SurvivalDataError(f"a penalty is offered for a Cox model only, not {plan.kind}")
    copies, missing = _completed(data, plan, progress)
    used = copies[0]
    penalty = _penalty(used, plan, progress)
    fit = fit_imputed_cox(copies, penalty=penalty) if len(copies) > 1 else _fit(used, plan, penalty)
    prediction = fit.fit.prediction if isinstance(fit, ImputedCoxFit) else fit.prediction
    # Asked for here, so that a horizon out of reach fails before the long part.
    prediction.risk(used.x[:1], plan.horizon, used.strata[:1])
    tests = (
        proportional_hazards_tests(used, fit if isinstance(fit, CoxFit) else fit_cox(used))
        if plan.kind is Kind.COX and plan.l1_ratio is None
        else ()
    )
    development = Development(
        n=len(used),
        events=used.events,
        competing_events=int((used.event > 1).sum()),
        median_follow_up=_median_follow_up(used),
        missing=missing,
        left_out=len(data) - len(used),
        imputations=len(copies) if len(copies) > 1 else 0,
        penalty_strength=penalty.strength,
        l1_ratio=penalty.l1_ratio,
        log_likelihood=_log_likelihood(fit),
        proportional_hazards_p={test.name: test.p for test in tests},
        bootstrap_repeats=plan.repeats,
        seed=plan.seed,
        code_version=code_version,
        data_digest=data_digest(data),
        created=created,
    )
    return ModelFile(
        name=plan.name,
        outcome=plan.outcome,
        population=plan.population,
        kind=plan.kind,
        time_unit=plan.time_unit,
        horizon=plan.horizon,
        covariates=_entries(
            data, used, fit.coefficients, prediction, penalised=penalty.strength > 0
        ),
        strata_columns=data.strata_columns,
        **_shape(prediction),  # type: ignore[arg-type]
        development=development,
        performance=_performance(used, plan, penalty, progress),
    )


def _completed(
    data: SurvivalData, plan: Plan, progress: StageProgress
) -> tuple[tuple[SurvivalData, ...], Missing]:
    gaps = {name: count for name, count in data.missing.items() if count}
    if not gaps:
        return (data,), Missing.NONE
    if plan.missing is Missing.LEFT_OUT:
        return (data.complete(),), Missing.LEFT_OUT
    if plan.missing is Missing.IMPUTED:
        told = _stage(progress, "impute")
        copies = impute(data, imputations=plan.imputations, seed=plan.seed, progress=told)
        return copies, Missing.IMPUTED
    told_gaps = ", ".join(f"{name} {count}" for name, count in gaps.items())
    raise SurvivalDataError(
        f"missing values: {told_gaps} of {len(data)} people; choose to impute them or to leave "
        "these people out"
    )


def _penalty(data: SurvivalData, plan: Plan, progress: StageProgress) -> Penalty:
    if plan.l1_ratio is None:
        return NO_PENALTY
    told = _stage(progress, "penalty")
    choice = choose_penalty(data, l1_ratio=plan.l1_ratio, seed=plan.seed, progress=told)
    return choice.penalty


def _fit(
    data: SurvivalData, plan: Plan, penalty: Penalty, start: Floats | None = None
) -> CoxFit | WeibullFit | FineGrayFit:
    match plan.kind:
        case Kind.COX:
            return fit_cox(data, penalty=penalty, start=start)
        case Kind.WEIBULL:
            return fit_weibull(data)
        case Kind.FINE_GRAY:
            return fit_fine_gray(data)


def _performance(
    data: SurvivalData, plan: Plan, penalty: Penalty, progress: StageProgress
) -> dict[str, PerformanceEntry]:
    if plan.repeats == 0:
        return {}

    # The fits of samples end near that of everyone: a third of the time from there.
    start = _fit(data, plan, penalty).prediction.coefficients

    def again(sample: SurvivalData) -> Prediction:
        return _fit(sample, plan, penalty, start).prediction

    corrected = correct_optimism(
        data, again, plan.horizon,
        repeats=plan.repeats, seed=plan.seed, progress=_stage(progress, "bootstrap"),
    )  # fmt: skip
    return {name: _performance_entry(value) for name, value in corrected.items()}


def _performance_entry(value: Corrected) -> PerformanceEntry:
    mine = value.apparent
    numbers = {"value": mine.value, "low": mine.low, "high": mine.high, "optimism": value.optimism}
    return PerformanceEntry(**{k: None if np.isnan(v) else v for k, v in numbers.items()})


def _entries(
    data: SurvivalData,
    used: SurvivalData,
    coefficients: tuple[Coefficient, ...],
    prediction: Prediction,
    *,
    penalised: bool,
) -> tuple[CovariateEntry, ...]:
    reference = (
        prediction.reference
        if isinstance(prediction, ProportionalHazards)
        else np.zeros(len(coefficients))
    )
    # What was measured, not what was imputed, is the range the model knows.
    seen = data if len(used) == len(data) else used
    return tuple(
        CovariateEntry(
            name=one.name,
            coefficient=one.value,
            standard_error=None if penalised else one.standard_error,
            low=None if penalised else one.low,
            high=None if penalised else one.high,
            p=None if penalised else one.p,
            reference=float(reference[position]),
            missing=data.missing[one.name],
            **_range(seen.x[:, position]),  # type: ignore[arg-type]
        )
        for position, one in enumerate(coefficients)
    )


def _range(column: Floats) -> dict[str, object]:
    known = np.unique(column[~np.isnan(column)])
    return {
        "smallest": float(known[0]),
        "largest": float(known[-1]),
        "values": tuple(float(value) for value in known) if len(known) <= 2 else (),
    }


def _shape(prediction: Prediction) -> dict[str, object]:
    if not isinstance(prediction, ProportionalHazards):
        shape = WeibullShape(intercept=prediction.intercept, shape=prediction.shape)
        return {"baselines": {}, "weibull": shape}
    baselines = {
        name: Baseline(
            times=tuple(step.times.tolist()), values=tuple(step.values.tolist()), end=step.end
        )
        for name, step in prediction.baselines.items()
    }
    return {"baselines": baselines, "weibull": None}


def _log_likelihood(fit: _Fit) -> float | None:
    if isinstance(fit, FineGrayFit):
        return None
    return fit.fit.log_likelihood if isinstance(fit, ImputedCoxFit) else fit.log_likelihood


def _median_follow_up(data: SurvivalData) -> float:
    """Reverse Kaplan-Meier (Schemper, Smith 1996); the longest time if half were not censored."""
    curve = censoring_curve(data.time, data.event > 0)
    below = curve.times[curve.values <= 0.5]
    return float(below[0]) if len(below) else float(data.time.max())


def _stage(progress: StageProgress, stage: str) -> Progress:
    return lambda done, total: progress(stage, done, total)
