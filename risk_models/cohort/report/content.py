"""What a cohort report says, block by block, from counts alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from risk_models.cohort.counts import RISK_BINS, Counts
from risk_models.cohort.indicators import CONTROLS, GAPS, PREVALENCES, Indicator
from risk_models.cohort.report import charts
from risk_models.cohort.report.document import (
    Block,
    Chart,
    Document,
    Figures,
    Heading,
    Paragraph,
    Table,
)
from risk_models.cohort.report.methods import methods_blocks
from risk_models.cohort.report.quality import quality_blocks
from risk_models.cohort.report.texts import (
    HIDDEN,
    Texts,
    number,
    percent,
    percent_with_interval,
)
from risk_models.cohort.run import Manifest
from risk_models.cohort.scoring import ChosenEquation, is_risk
from risk_models.cohort.standardise import Rate, StandardPopulation
from risk_models.cohort.strata import CohortTables, Stratified
from risk_models.cohort.suppression import SMALLEST_SHOWN, protect
from risk_models.equations.registry import EQUATIONS
from risk_models.text import N_

LATEST_MONTHS = 36
MOST_DISTRICTS = 40


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What a report is to hold.

    Parameters
    ----------
    standards
        Standard populations, one column of rates each.
    ages
        Completed years between which rates are standardised, both included.
    made_on
        Day it is made, for the title.
    """

    title: str | None
    standards: tuple[StandardPopulation, ...]
    ages: tuple[int, int]
    made_on: str


@dataclass(frozen=True, slots=True)
class Cohort:
    """Everything a report is made from: no person's data."""

    manifest: Manifest
    counts: Counts
    tables: CohortTables

    @classmethod
    def of(cls, manifest: Manifest, counts: Counts) -> "Cohort":
        """Protect the tables of a scored cohort."""
        return cls(manifest, counts, CohortTables(counts.cube, _labels(manifest.chosen[0])))

    @property
    def people(self) -> int:
        """Living people."""
        return int(dict(self.counts.totals.iter_rows()).get("people", 0))


def build_document(cohort: Cohort, request: ReportRequest, language: str) -> Document:
    """Write the report in one language."""
    t = Texts(language)
    blocks: list[Block] = [
        *_summary(cohort, t),
        *_risk(cohort, t),
        *_control(cohort, t),
        *_gaps(cohort, t),
        *_standardised(cohort, request, t),
        *_trend(cohort, t),
        *quality_blocks(cohort.manifest, cohort.counts, t),
        *methods_blocks(cohort.manifest, request.standards, request.ages, t),
    ]
    title = request.title or t("Cardiovascular risk of the population")
    subtitle = t(
        "{source}; as of {day}; made on {made}",
        source=cohort.manifest.source,
        day=cohort.manifest.as_of,
        made=request.made_on,
    )
    return Document(
        language,
        title,
        subtitle,
        tuple(blocks),
        (("contents", t("Contents")), ("warning", t("Note"))),
    )


def _labels(main: ChosenEquation) -> tuple[str, ...]:
    for outcome in main.outcomes:
        if outcome.classes is not None:
            return outcome.classes.labels
    return ()


def _summary(cohort: Cohort, t: Texts) -> Iterator[Block]:
    tables, main = cohort.tables, cohort.manifest.chosen[0]
    scored = _scored(cohort.counts, main)
    figures = [(number(cohort.people), t("people"))]
    if cohort.people:
        share = percent(scored / cohort.people)
        figures.append((f"{share} %", t("scored by {name}", name=t.name(_title(main)))))
    for indicator, name in (
        (PREVALENCES[2], N_("in the high class")),
        (CONTROLS[0], N_("with hypertension below 140/90 mmHg")),
        (CONTROLS[2], N_("below their LDL target")),
        (CONTROLS[3], N_("with diabetes below the HbA1c target")),
    ):
        line = tables.overall(indicator)
        if line.rate is not None:
            figures.append((f"{percent(line.rate.value)} %", t(name)))
    yield Heading(t("In short"))
    yield Figures(tuple(figures))
    yield Paragraph(
        t(
            "Counts from 1 to {most}, and others that would give them away, are hidden and shown "
            "as {mark}. Rates are of people who could be asked, not of everyone; the chapter on "
            "data quality says who is missing.",
            most=SMALLEST_SHOWN - 1,
            mark=HIDDEN,
        )
    )
    yield Paragraph(
        t(
            "A risk is an estimate for a group of like people. It is no diagnosis, and the report "
            "takes no decision about a person's care."
        ),
        warning=True,
    )


def _risk(cohort: Cohort, t: Texts) -> Iterator[Block]:
    yield Heading(t("Risk"))
    rows = []
    for equation in cohort.manifest.chosen:
        horizons: set[int | None] = set()
        for outcome in equation.outcomes:
            # The first outcome of each horizon; the others are in scores.
            if is_risk(outcome) and outcome.horizon_years not in horizons:
                horizons.add(outcome.horizon_years)
                column = f"{equation.name}.{outcome.key}"
                rows += _risk_rows(cohort.counts.risks, column, t)
    yield Table(
        "risk",
        t("Predicted risk, per cent"),
        (t("equation and outcome"), t("sex"), t("people"), t("mean"), t("median"), "P90"),
        tuple(rows),
        text_columns=2,
    )
    main = cohort.manifest.chosen[0]
    chart = _distribution(cohort.counts.risks, main, t)
    if chart is not None:
        yield chart
    for by in cohort.tables.by:
        yield from _class_blocks(cohort.tables.class_table(by), t)


def _risk_rows(risks: pl.DataFrame, column: str, t: Texts) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for sex in ("male", "female"):
        found = risks.filter((pl.col("column") == column) & (pl.col("sex") == sex)).sort("bin")
        count = int(found.get_column("count").sum())
        if count == 0:
            continue
        name = t.name(column)
        if name == column:
            equation, _, outcome = column.partition(".")
            name = t.pair(t.name(EQUATIONS[equation].title), t(outcome.replace("_", " ")))
        if count < SMALLEST_SHOWN:
            rows.append((name, t(sex), HIDDEN, HIDDEN, HIDDEN, HIDDEN))
            continue
        mean = int(found.get_column("total").sum()) / 1e9 / count
        rows.append(
            (
                name,
                t(sex),
                number(count),
                percent(mean),
                percent(_quantile(found, count, 0.5)),
                percent(_quantile(found, count, 0.9)),
            )
        )
    return rows


def _quantile(histogram: pl.DataFrame, count: int, share: float) -> float:
    """Upper end of the bin that holds the quantile: right to a tenth of a per cent."""
    bins = histogram.get_column("bin").to_numpy()
    sums = np.cumsum(histogram.get_column("count").to_numpy())
    return float((bins[np.searchsorted(sums, share * count)] + 1) / RISK_BINS)


def _distribution(risks: pl.DataFrame, main: ChosenEquation, t: Texts) -> Chart | None:
    """Histogram by whole per cent, up to where 99.5 % of people are; small bins left empty."""
    if not is_risk(main.main):
        return None
    column = f"{main.name}.{main.main.key}"
    rows = []
    for sex in ("male", "female"):
        found = (
            risks.filter((pl.col("column") == column) & (pl.col("sex") == sex))
            .group_by(at=pl.col("bin") // 10)
            .agg(pl.col("count").sum())
            .sort("at")
        )
        total = int(found.get_column("count").sum())
        if total < SMALLEST_SHOWN:
            continue
        reach = 0
        by_bin = dict(found.iter_rows())
        for at in range(int(found.get_column("at").max()) + 1):  # type: ignore[arg-type]
            count = by_bin.get(at, 0)
            shown = 0 if 0 < count < SMALLEST_SHOWN else count
            rows.append({"at": at, "share": 100 * shown / total, "of": t(sex)})
            reach += count
            if reach > 0.995 * total:
                break
    if not rows:
        return None
    title = t("Distribution of the 10-year risk: {name}", name=t.name(_title(main)))
    drawn = charts.distribution(
        rows, t("predicted risk, per cent"), t("people of the sex, per cent"), t("sex")
    )
    return Chart(title, drawn, t("Share of men and women by whole per cent of predicted risk."))


def _class_blocks(found: Stratified, t: Texts) -> Iterator[Block]:
    names = [t.name(column) for column in found.columns]
    by = t.name(found.by)
    rows = []
    shares = []
    for position, label in enumerate((*found.labels, None)):
        shown = [found.table.shown(position, c) for c in range(len(names) + 1)]
        name = t("all") if label is None else t.name(label)
        rows.append((name, *(number(cell) for cell in shown)))
        total = shown[-1]
        if label is not None and total and all(cell is not None for cell in shown):
            shares += [
                {"label": name, "class": names[c], "share": 100 * (shown[c] or 0) / total}
                for c in range(len(names))
            ]
    yield Table(
        f"classes_by_{found.by}",
        t("People by {by} and risk class", by=by),
        (by, *names, t("all")),
        tuple(rows),
    )
    order = [t.name(label) for label in found.labels]
    if shares and len(order) <= MOST_DISTRICTS:
        yield Chart(
            t("Risk classes by {by}, per cent", by=by),
            charts.stacked_shares(shares, order, names, t("per cent")),
            t("Share of each risk class; the table above holds the counts."),
        )


def _control(cohort: Cohort, t: Texts) -> Iterator[Block]:
    yield Heading(t("Control"))
    tables = cohort.tables
    yield _overall(tables, CONTROLS, "control", t("Control rates"), t)
    for by in tables.by:
        yield _by_stratum(tables, CONTROLS, by, "control", t)
    by = tables.by[0]
    chart = [
        _point(t.name(line.label), line.rate, t(indicator.title))
        for indicator in CONTROLS
        for line in tables.lines(indicator, by)
        if line.rate is not None
    ]
    order = [t.name(label) for label in tables.class_table(by).labels]
    if chart and len(order) <= MOST_DISTRICTS:
        series = [t(i.title) for i in CONTROLS if any(p["of"] == t(i.title) for p in chart)]
        yield Chart(
            t("Control rates by {by} with 95 % intervals", by=t.name(by)),
            charts.intervals(chart, order, t("per cent"), series),
            t("The table above holds the numbers."),
        )


def _gaps(cohort: Cohort, t: Texts) -> Iterator[Block]:
    yield Heading(t("Care gaps and reassessment"))
    yield _overall(cohort.tables, GAPS, "gaps", t("Care gaps"), t)
    yield _by_stratum(cohort.tables, GAPS, cohort.tables.by[0], "gaps", t)
    yield from _due(cohort, t)
    yield Paragraph(
        t(
            "The list of people is not part of this report. It is written on request by "
            "clinical-ai cohort followup and holds the identifier, the district, the day and "
            "the reasons, nothing else."
        )
    )


def _due(cohort: Cohort, t: Texts) -> Iterator[Block]:
    due = cohort.counts.due.drop_nulls("month")
    as_of = cohort.manifest.as_of
    overdue = due.filter(pl.col("month") <= pl.lit(as_of).str.to_date().dt.truncate("1mo"))
    later = due.join(overdue, on="month", how="anti").sort("month").head(12)
    undated = cohort.counts.due.filter(pl.col("month").is_null()).get_column("count").sum()
    labels = [t("until {month}", month=as_of[:7])]
    labels += [f"{month:%Y-%m}" for month in later.get_column("month")]
    rest = int(due.get_column("count").sum()) - int(overdue.get_column("count").sum())
    rest -= int(later.get_column("count").sum())
    counts = [int(overdue.get_column("count").sum()), *later.get_column("count"), rest]
    labels += [t("later"), t("no date or no interval")]
    counts.append(int(undated))
    table = protect(np.array(counts, dtype=np.int64).reshape(-1, 1))
    yield Table(
        "due",
        t("People by the month by which the 2019 guideline wants them assessed again"),
        (t("month"), t("people")),
        tuple((label, number(table.shown(row, 0))) for row, label in enumerate(labels)),
    )


def _standardised(cohort: Cohort, request: ReportRequest, t: Texts) -> Iterator[Block]:
    by = "district"
    if by not in cohort.tables.by or not request.standards:
        return
    low, high = request.ages
    yield Heading(t("Age-standardised rates, {low} to {high} years", low=low, high=high))
    for indicator in PREVALENCES:
        columns = [
            cohort.tables.standardised(indicator, by, standard, request.ages)
            for standard in request.standards
        ]
        rows = []
        points = []
        for position, (label, crude, _) in enumerate(columns[0]):
            rates = [column[position][2] for column in columns]
            name = t.name(label) if label else t("all")
            absent = t("a band has nobody") if crude is not None else HIDDEN
            shown = [percent_with_interval(r) if r is not None else absent for r in rates]
            rows.append((name, percent_with_interval(crude), *shown))
            points += [
                _point(name, rate, t(standard.title))
                for rate, standard in zip(rates, request.standards, strict=True)
                if rate is not None and label
            ]
        title = t(indicator.title)
        yield Table(
            f"standardised_{indicator.name}",
            t("{title}: per cent with 95 % interval", title=title),
            (t.name(by), t("crude"), *(t(standard.title) for standard in request.standards)),
            tuple(rows),
        )
        if points and len(rows) <= MOST_DISTRICTS:
            yield Chart(
                title,
                charts.intervals(
                    points,
                    [row[0] for row in rows[:-1]],
                    t("age-standardised, per cent"),
                    [t(standard.title) for standard in request.standards],
                ),
                t("The table above holds the numbers."),
            )


_SERIES = {
    "bp": N_("blood pressure below 140/90 mmHg"),
    "ldl": N_("LDL cholesterol below 3.4 mmol/L"),
    "hba1c": N_("HbA1c below 7.0 %"),
}


def _trend(cohort: Cohort, t: Texts) -> Iterator[Block]:
    months = cohort.counts.trend.sort("month").tail(LATEST_MONTHS)
    if months.height < 2:
        return
    yield Heading(t("Trend by month"))
    labels = [f"{month:%Y-%m}" for month in months.get_column("month")]
    columns: list[list[str]] = []
    points = []
    for name, title in _SERIES.items():
        below = months.get_column(f"{name}.below").to_numpy()
        measured = months.get_column(f"{name}.measured").to_numpy()
        table = protect(np.stack([below, measured - below], axis=1))
        cells = []
        for row, label in enumerate(labels):
            yes, asked = table.shown(row, 0), table.shown(row, 2)
            if yes is None or not asked:
                cells.append((number(asked), HIDDEN if asked else "-"))
                continue
            cells.append((number(asked), percent(yes / asked)))
            points.append({"month": label, "value": 100 * yes / asked, "of": t(title)})
        columns += [[cell[0] for cell in cells], [cell[1] for cell in cells]]
    if points:
        yield Chart(
            t("Share of visits below the limit, per cent"),
            charts.months(points, t("per cent"), [t(title) for title in _SERIES.values()]),
            t("The table below holds the numbers."),
        )
    header = [t("month")]
    for title in _SERIES.values():
        header += [t("measured"), t(title) + ", %"]
    yield Table(
        "trend",
        t("Visits by month; people measured twice in a month count twice"),
        tuple(header),
        tuple(zip(labels, *columns, strict=True)),
    )


def _overall(
    tables: CohortTables, indicators: Sequence[Indicator], name: str, title: str, t: Texts
) -> Table:
    rows = []
    for indicator in indicators:
        line = tables.overall(indicator)
        if line.asked == 0:
            continue
        rows.append(
            (
                t(indicator.title),
                t(indicator.asked_of),
                number(line.yes),
                number(line.asked),
                percent_with_interval(line.rate),
            )
        )
    header = (t("what"), t("asked of"), t("people"), t("asked"), t("per cent (95 % interval)"))
    return Table(f"{name}_overall", title, header, tuple(rows), text_columns=2)


def _by_stratum(
    tables: CohortTables, indicators: Sequence[Indicator], by: str, name: str, t: Texts
) -> Table:
    asked = [one for one in indicators if tables.overall(one).asked != 0]
    lines = [tables.lines(one, by) for one in asked]
    labels = tables.class_table(by).labels
    rows = []
    for position, label in enumerate(labels):
        cells = []
        for column in lines:
            line = column[position]
            cells.append(
                HIDDEN
                if line.asked is None
                else "-"
                if line.asked == 0
                else HIDDEN
                if line.rate is None
                else f"{percent(line.rate.value)} ({number(line.asked)})"
            )
        rows.append((t.name(label), *cells))
    header = (t.name(by), *(t(one.title) for one in asked))
    return Table(
        f"{name}_by_{by}",
        t("By {by}: per cent (people asked)", by=t.name(by)),
        header,
        tuple(rows),
    )


def _point(label: str, rate: Rate, of: str) -> dict[str, object]:
    return {
        "label": label,
        "value": 100 * rate.value,
        "low": 100 * rate.low,
        "high": 100 * rate.high,
        "of": of,
    }


def _scored(counts: Counts, equation: ChosenEquation) -> int:
    rows = counts.problems.filter((pl.col("equation") == equation.name) & (pl.col("problem") == ""))
    return int(rows.get_column("count").sum())


def _title(equation: ChosenEquation) -> str:
    return EQUATIONS[equation.name].title
