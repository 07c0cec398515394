"""A table of follow-up, checked once, so that every model can trust it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from polars.exceptions import PolarsError

from risk_models.survival.arrays import Floats, Ints, Texts
from risk_models.survival.errors import FitError, SurvivalDataError

NO_STRATUM = ""
"""Stratum of everyone in a model without strata."""


@dataclass(frozen=True, slots=True)
class SurvivalData:
    """Follow-up of n people with p covariates.

    Parameters
    ----------
    time : (n,)
        Follow-up in any one unit, > 0.
    event : (n,)
        0 censored, 1 the event of interest, 2 and above competing events.
    covariates
        Names of the columns of `x`.
    x : (n, p)
        Covariates; NaN where missing.
    strata : (n,)
        Stratum of each person as text; `NO_STRATUM` if the model has none.
    strata_columns
        Columns that the strata come from, in the order in which their values are joined.
    """

    time: Floats
    event: Ints
    covariates: tuple[str, ...]
    x: Floats
    strata: Texts
    strata_columns: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Number of people."""
        return len(self.time)

    @property
    def events(self) -> int:
        """Number of events of interest."""
        return int(np.count_nonzero(self.event == 1))

    @property
    def missing(self) -> dict[str, int]:
        """Number of people without a value, by covariate."""
        counts = np.isnan(self.x).sum(axis=0)
        return {name: int(count) for name, count in zip(self.covariates, counts, strict=True)}

    def take(self, rows: Ints) -> "SurvivalData":
        """The people at these positions; one may come several times."""
        return replace(
            self,
            time=self.time[rows],
            event=self.event[rows],
            x=self.x[rows],
            strata=self.strata[rows],
        )

    def complete(self) -> "SurvivalData":
        """Only the people with every covariate."""
        return self.take(np.flatnonzero(~np.isnan(self.x).any(axis=1)))

    def with_values(self, x: Floats) -> "SurvivalData":
        """The same people with other covariate values, e.g. imputed ones."""
        return replace(self, x=x)

    def censored_at(self, horizon: float) -> "SurvivalData":
        """Follow-up that ends at `horizon`; later events are not seen."""
        late = self.time > horizon
        return replace(
            self,
            time=np.where(late, horizon, self.time),
            event=np.where(late, 0, self.event),
        )


def check_fittable(data: SurvivalData) -> None:
    """Refuse what no model can be fitted to; a bootstrap sample or a stratum may come to that.

    Raises
    ------
    FitError
        If nobody has the event, or a covariate is the same for everyone.
    """
    if data.events == 0:
        raise FitError("nobody has the event")
    same = (data.x == data.x[:1]).all(axis=0)
    if same.any():
        name = data.covariates[int(np.argmax(same))]
        raise FitError(f"{name}: the same for everyone; leave it out")


def join_strata(values: Sequence[object]) -> str:
    """Text that names one stratum, e.g. ``1|north``."""
    return "|".join(_plain(value) for value in values)


def _plain(value: object) -> str:
    # 1, 1.0 and True name the same stratum, whichever type the file gave the column.
    if isinstance(value, bool | int | float | np.number):
        return f"{float(value):g}"
    return str(value)


def survival_data(
    frame: pl.DataFrame,
    *,
    duration: str,
    event: str,
    covariates: Sequence[str],
    strata: Sequence[str] = (),
) -> SurvivalData:
    """Check a table and take what a model needs from it.

    Parameters
    ----------
    frame
        One row a person.
    duration
        Column of follow-up time; > 0 and known for everyone.
    event
        Column of 0, 1 (2 and above: competing events), or of truth values.
    covariates
        Columns of numbers or truth values; nulls and NaN count as missing. A category must
        be given as 0/1 columns.
    strata
        Columns of groups with a baseline of their own; no nulls.

    Raises
    ------
    SurvivalDataError
        If a column is absent, given twice or not numeric, a time is not positive, an event is not a
        code, nobody has the event, or a covariate is the same for everyone.
    """
    names = [duration, event, *covariates, *strata]
    if absent := [name for name in names if name not in frame.columns]:
        raise SurvivalDataError(
            f"no column {', '.join(map(repr, absent))}; there are: {', '.join(frame.columns)}"
        )
    if len(set(names)) < len(names):
        raise SurvivalDataError(f"a column is named twice among {', '.join(names)}")
    time = _numbers(frame, duration)
    codes = _numbers(frame, event)
    wrong = ~(time > 0) | ~np.isfinite(time)
    if wrong.any():
        raise SurvivalDataError(
            f"{duration}: {int(wrong.sum())} rows without a time above 0; leave these rows out "
            "(who has the event at the start is not at risk)"
        )
    wrong = ~np.isfinite(codes) | (codes < 0) | (codes != np.round(codes))
    if wrong.any():
        raise SurvivalDataError(
            f"{event}: {int(wrong.sum())} rows are not 0 (censored), 1 (event) or 2 and above "
            "(competing events)"
        )
    if not np.any(codes == 1):
        raise SurvivalDataError(f"{event}: nobody has the event, code 1")
    x = np.column_stack(
        [_numbers(frame, name) for name in covariates] or [np.empty((len(time), 0))]
    )
    for name, column in zip(covariates, x.T, strict=True):
        known = column[~np.isnan(column)]
        if not np.isfinite(known).all():
            raise SurvivalDataError(f"{name}: a value is infinite")
        if len(known) == 0 or known.min() == known.max():
            raise SurvivalDataError(f"{name}: the same for everyone; leave it out")
    return SurvivalData(
        time, codes.astype(np.int64), tuple(covariates), x, _strata(frame, strata), tuple(strata)
    )


def _numbers(frame: pl.DataFrame, name: str) -> Floats:
    try:
        return frame.get_column(name).cast(pl.Float64).fill_null(float("nan")).to_numpy()
    except PolarsError:
        raise SurvivalDataError(
            f"{name}: holds text; numbers or truth values are needed, a category as 0/1 columns"
        ) from None


def _strata(frame: pl.DataFrame, columns: Sequence[str]) -> Texts:
    if not columns:
        return np.full(frame.height, NO_STRATUM)
    for name in columns:
        if frame.get_column(name).null_count():
            raise SurvivalDataError(f"{name}: a stratum is missing; strata must be known")
    return np.array([join_strata(row) for row in frame.select(columns).iter_rows()])
