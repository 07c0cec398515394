"""Scores people with a model file. Needs numpy and polars, neither lifelines nor pandas.

A value that the model has not seen the like of gives no number but a `Refusal`, as the published
equations do.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl

from risk_models.results import Problem, ProblemKind, Refusal, Result
from risk_models.survival.arrays import Bools, Floats
from risk_models.survival.data import NO_STRATUM, join_strata
from risk_models.survival.model_json import CovariateEntry, ModelFile
from risk_models.text import N_, Message
from risk_models.units import Unit


def score(
    model: ModelFile, record: Mapping[str, object], horizon: float | None = None
) -> Result | Refusal:
    """Risk of one person.

    Parameters
    ----------
    record
        Covariates and strata by the names of the model; truth values count as 1 and 0.
    horizon
        In the model's time unit; the model's own where left out.

    Returns
    -------
    Result or Refusal
        The refusal lists every covariate that is missing, no number, or outside what was seen.

    Raises
    ------
    HorizonError
        If the horizon is beyond the follow-up of the model's cohort.
    """
    names = [*(entry.name for entry in model.covariates), *model.strata_columns]
    frame = pl.DataFrame(
        [pl.Series(name, [_plain(record.get(name))], strict=False) for name in names]
    )
    x, problems, strata = _read(model, frame)
    heading = (model.name, str(model.kind), model.outcome, _years(model, horizon))
    found = [problem for wrong, problem in problems if wrong[0]]
    if found:
        return Refusal(*heading, tuple(found), _citation(model))
    risk = model.prediction.risk(x, horizon or model.horizon, strata)[0, 0]
    inputs = {name: _plain(record.get(name)) for name in names}
    return Result(
        *heading, float(risk), Unit.PROBABILITY, None, inputs, _citation(model), warnings=()
    )


def score_columns(
    model: ModelFile, frame: pl.DataFrame, horizon: float | None = None
) -> pl.DataFrame:
    """Risk of everyone in a table.

    Returns
    -------
    polars.DataFrame
        ``risk``, null where refused, and ``problems``, a text that is empty where not.

    Raises
    ------
    HorizonError
        If the horizon is beyond the follow-up of the model's cohort.
    """
    names = [*(entry.name for entry in model.covariates), *model.strata_columns]
    absent = [pl.lit(None).alias(name) for name in names if name not in frame.columns]
    x, problems, strata = _read(model, frame.with_columns(absent))
    texts = [""] * frame.height
    refused = np.zeros(frame.height, np.bool_)
    for wrong, problem in problems:
        refused |= wrong
        for row in np.flatnonzero(wrong):
            texts[row] += f"; {problem}" if texts[row] else str(problem)
    risk = np.full(frame.height, np.nan)
    if not refused.all():
        good = ~refused
        asked = horizon or model.horizon
        risk[good] = model.prediction.risk(x[good], asked, strata[good])[:, 0]
    return pl.DataFrame({"risk": risk, "problems": texts}).with_columns(
        pl.col("risk").fill_nan(None)
    )


def _read(
    model: ModelFile, frame: pl.DataFrame
) -> tuple[Floats, list[tuple[Bools, Problem]], Floats]:
    """Covariates (n, p), whom each problem concerns, strata (n,)."""
    columns: list[Floats] = []
    problems: list[tuple[Bools, Problem]] = []
    for entry in model.covariates:
        given = frame.get_column(entry.name)
        value = given.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()
        columns.append(value)
        empty = given.is_null().to_numpy() | (
            given.is_nan().fill_null(value=True).to_numpy()
            if given.dtype.is_float()
            else np.zeros(len(given), np.bool_)
        )
        unread = np.isnan(value) & ~empty
        outside = ~np.isnan(value) & ~_seen(entry, value)
        kind = ProblemKind.NOT_ALLOWED if entry.values else ProblemKind.OUT_OF_RANGE
        for wrong, why in (
            (empty, ProblemKind.MISSING),
            (unread, ProblemKind.NOT_ALLOWED),
            (outside, kind),
        ):
            if wrong.any():
                problems.append((wrong, Problem(entry.name, why, _valid(entry), (entry.name,))))
    x = np.column_stack(columns) if columns else np.empty((frame.height, 0))
    if not model.strata_columns:
        return x, problems, np.full(frame.height, NO_STRATUM)
    strata = np.array([join_strata(row) for row in frame.select(model.strata_columns).iter_rows()])
    unknown = ~np.isin(strata, list(model.baselines))
    if unknown.any():
        valid = Message(N_("{options}"), {"options": ", ".join(sorted(model.baselines))})
        name = "|".join(model.strata_columns)
        problems.append((unknown, Problem(name, ProblemKind.NOT_ALLOWED, valid)))
    return x, problems, strata


def _seen(entry: CovariateEntry, value: Floats) -> Bools:
    if entry.values:
        return np.isin(value, entry.values)
    return (value >= entry.smallest) & (value <= entry.largest)


def _valid(entry: CovariateEntry) -> Message:
    if entry.values:
        options = ", ".join(f"{value:g}" for value in entry.values)
        return Message(N_("{options}"), {"options": options})
    return Message(
        N_("{low} to {high}, the range the model was fitted to"),
        {"low": f"{entry.smallest:g}", "high": f"{entry.largest:g}"},
    )


def _plain(value: object) -> float | bool | str | None:
    return value if isinstance(value, float | int | bool | str) else None


def _years(model: ModelFile, horizon: float | None) -> int | None:
    if horizon is None or horizon == model.horizon:
        return model.horizon_years
    return model.model_copy(update={"horizon": horizon}).horizon_years


def _citation(model: ModelFile) -> str:
    made = model.development
    return (
        f"local model of {model.population} ({made.n} people, {made.events} events), "
        f"{made.data_digest[:19]}, not published"
    )
