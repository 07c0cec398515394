"""Tables by district, sex, age and risk class, with small cells hidden in all of them alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from risk_models.cohort.counts import LAST_CLASSLESS
from risk_models.cohort.indicators import INDICATORS, Indicator
from risk_models.cohort.standardise import (
    LAST_BAND,
    Rate,
    StandardPopulation,
    bands_between,
    directly_standardised,
    proportion,
)
from risk_models.cohort.suppression import BoolArray, IntArray, ProtectedTable, protect

AGE_GROUPS = ((0, "<35"), (35, "35-44"), (45, "45-54"), (55, "55-64"), (65, "65-74"), (75, "75+"))
"""Age groups of tables: lower limit and label."""

SMALLEST_DISTRICT = 30
"""Districts with fewer people are put together: their own lines would be hidden anyway."""

OTHER = "other districts"

UNKNOWN = "?"
"""Label of people whose stratum is not known."""


@dataclass(frozen=True, slots=True)
class Stratified:
    """Counts of one question by one stratum.

    Parameters
    ----------
    labels
        Strata in order; the table's last row is everyone.
    columns
        What the table's columns count; its last one is their sum.
    """

    by: str
    labels: tuple[str, ...]
    columns: tuple[str, ...]
    table: ProtectedTable


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a report table: None where hidden."""

    label: str
    yes: int | None
    asked: int | None
    rate: Rate | None


def with_groups(cube: pl.DataFrame) -> pl.DataFrame:
    """The cube with `age_group` and labels for what is not known."""
    age = pl.col("age_band")
    group = pl.lit(None, pl.String)
    for low, label in AGE_GROUPS:
        group = pl.when(age >= low).then(pl.lit(label)).otherwise(group)
    return cube.with_columns(
        group.fill_null(UNKNOWN).alias("age_group"),
        pl.col("district", "sex").fill_null(UNKNOWN),
        pl.col("risk_class").fill_null(LAST_CLASSLESS),
    )


class _SharedTotals:
    """Remembers which totals are hidden, by what they count, for all tables that show them."""

    def __init__(self) -> None:
        self.hidden: dict[str, BoolArray] = {}
        self.changed = False

    def protect(self, inner: IntArray, rows: str, bottom: str) -> ProtectedTable:
        """Protect a table whose row totals and bottom line others may show as well."""
        height, width = inner.shape
        forced = np.zeros((height + 1, width + 1), dtype=np.bool_)
        forced[:, -1] = self.hidden.get(rows, forced[:, -1])
        forced[-1] |= self.hidden.get(bottom, np.zeros(width + 1, dtype=np.bool_))
        table = protect(inner, forced)
        self._remember(rows, table.hidden[:, -1])
        self._remember(bottom, table.hidden[-1])
        return table

    def _remember(self, name: str, hidden: BoolArray) -> None:
        known = self.hidden.get(name, np.zeros_like(hidden))
        if (hidden & ~known).any():
            self.changed = True
        self.hidden[name] = known | hidden


class CohortTables:
    """Every published table of a cohort, protected together.

    Parameters
    ----------
    cube
        Of `Counts`.
    classes
        Labels of the main equation's classes, mildest first.
    by
        Strata to publish; those with one label only say nothing and are left out.
    """

    def __init__(
        self,
        cube: pl.DataFrame,
        classes: Sequence[str],
        by: Sequence[str] = ("district", "sex", "age_group"),
    ) -> None:
        self._cube = _with_small_districts_together(with_groups(cube))
        self.classes = (*classes, LAST_CLASSLESS)
        self.by = tuple(name for name in by if self._cube.get_column(name).n_unique() > 1)
        dimensions = self.by or tuple(by[:1])
        self._classes, self._answers = self._protected(dimensions)
        self.by = dimensions

    def class_table(self, by: str) -> Stratified:
        """People by stratum and risk class."""
        return self._classes[by]

    def answers(self, indicator: Indicator, by: str) -> Stratified:
        """Yes and no of an indicator by stratum."""
        return self._answers[by, indicator.name]

    def lines(self, indicator: Indicator, by: str) -> list[Line]:
        """The indicator's rate in each stratum; hidden strata without a rate."""
        found = self.answers(indicator, by)
        return [_line(found.table, row, label) for row, label in enumerate(found.labels)]

    def overall(self, indicator: Indicator) -> Line:
        """The indicator's rate among everyone."""
        found = self.answers(indicator, self.by[0])
        return _line(found.table, len(found.labels), "")

    def standardised(
        self, indicator: Indicator, by: str, standard: StandardPopulation, ages: tuple[int, int]
    ) -> list[tuple[str, Rate | None, Rate | None]]:
        """Crude and standardised rate of each stratum, and of everyone, between two ages.

        None where the counts are hidden, or where a five-year band has nobody.
        """
        found = self.answers(indicator, by)
        bands = bands_between(*ages)
        weights = np.array([_weight(standard, band) for band in bands])
        counts = [
            _by_band(self._cube.filter(pl.col(by) == label), indicator, bands)
            for label in found.labels
        ]
        inner = np.array([[yes.sum(), asked.sum() - yes.sum()] for yes, asked in counts])
        # Between the ages there are fewer people: their counts are protected anew.
        table = protect(inner, found.table.hidden)
        rows: list[tuple[str, Rate | None, Rate | None]] = []
        counts.append(_by_band(self._cube, indicator, bands))
        for row, (yes, asked) in enumerate(counts):
            label = "" if row == len(found.labels) else found.labels[row]
            if table.hidden[row].any() or asked.sum() == 0:
                rows.append((label, None, None))
                continue
            rate = directly_standardised(yes, asked, weights) if (asked > 0).all() else None
            rows.append((label, proportion(int(yes.sum()), int(asked.sum())), rate))
        return rows

    def _protected(
        self, dimensions: Sequence[str]
    ) -> tuple[dict[str, Stratified], dict[tuple[str, str], Stratified]]:
        """Protect every table again until no total is hidden in one and shown in another."""
        totals = _SharedTotals()
        while True:
            totals.changed = False
            classes: dict[str, Stratified] = {}
            answers: dict[tuple[str, str], Stratified] = {}
            for by in dimensions:
                labels = self._labels(by)
                counts = self._class_counts(by, labels)
                table = totals.protect(counts, f"people by {by}", "classes")
                classes[by] = Stratified(by, labels, self.classes, table)
                for indicator in INDICATORS:
                    whom = indicator.name if indicator.asked_of != "everyone" else "people"
                    counts = self._yes_no(by, labels, indicator)
                    table = totals.protect(counts, f"{whom} by {by}", indicator.name)
                    answers[by, indicator.name] = Stratified(by, labels, ("yes", "no"), table)
            if not totals.changed:
                return classes, answers

    def _labels(self, by: str) -> tuple[str, ...]:
        present = self._cube.get_column(by).unique().to_list()
        if by == "age_group":
            order = [label for _, label in AGE_GROUPS] + [UNKNOWN]
            return tuple(label for label in order if label in present)
        if by == "sex":
            return tuple(label for label in ("male", "female", UNKNOWN) if label in present)
        if by == "risk_class":
            return tuple(label for label in self.classes if label in present)
        return tuple(sorted(present, key=lambda label: (label in (OTHER, UNKNOWN), label)))

    def _class_counts(self, by: str, labels: tuple[str, ...]) -> IntArray:
        counts = self._cube.group_by(by, "risk_class").agg(pl.col("people").sum()).rows()
        return _matrix(counts, labels, self.classes)

    def _yes_no(self, by: str, labels: tuple[str, ...], indicator: Indicator) -> IntArray:
        name = indicator.name
        sums = self._cube.group_by(by).agg(
            pl.col(f"{name}.yes").sum(), pl.col(f"{name}.asked").sum()
        )
        cells = [
            cell
            for label, yes, asked in sums.rows()
            for cell in ((label, "yes", yes), (label, "no", asked - yes))
        ]
        return _matrix(cells, labels, ("yes", "no"))


def _with_small_districts_together(cube: pl.DataFrame) -> pl.DataFrame:
    people = pl.col("people").sum().over("district")
    small = (people < SMALLEST_DISTRICT) & (pl.col("district") != UNKNOWN)
    return cube.with_columns(
        pl.when(small).then(pl.lit(OTHER)).otherwise(pl.col("district")).alias("district")
    )


def _matrix(
    cells: Sequence[tuple[str, str, int]], rows: Sequence[str], columns: Sequence[str]
) -> IntArray:
    counts = np.zeros((len(rows), len(columns)), dtype=np.int64)
    for row, column, count in cells:
        counts[rows.index(row), columns.index(column)] += count
    return counts


def _line(table: ProtectedTable, row: int, label: str) -> Line:
    yes, asked = table.shown(row, 0), table.shown(row, 2)
    if yes is None or asked is None:
        return Line(label, yes, asked, None)
    return Line(label, yes, asked, proportion(yes, asked) if asked else None)


def _weight(standard: StandardPopulation, band: int) -> float:
    weights: Mapping[int, float] = standard.weights
    return weights[min(band, LAST_BAND)]


def _by_band(
    cube: pl.DataFrame, indicator: Indicator, bands: Sequence[int]
) -> tuple[IntArray, IntArray]:
    band = pl.col("age_band").clip(upper_bound=LAST_BAND)
    sums = {
        row[0]: row[1:]
        for row in cube.group_by(band.alias("band"))
        .agg(pl.col(f"{indicator.name}.yes").sum(), pl.col(f"{indicator.name}.asked").sum())
        .rows()
    }
    found = np.array([sums.get(one, (0, 0)) for one in bands], dtype=np.int64)
    return found[:, 0], found[:, 1]
