"""The report of a run, as blocks in one language."""

from collections.abc import Iterator

import numpy as np

from risk_models.cohort.report.document import (
    Block,
    Bullets,
    Chart,
    Document,
    Figures,
    Heading,
    Paragraph,
    Table,
)
from risk_models.cohort.report.texts import HIDDEN
from risk_models.surveillance.counts import Status
from risk_models.surveillance.methods import METHODS
from risk_models.surveillance.periods import Period
from risk_models.surveillance.report.chart import alarm_chart
from risk_models.surveillance.report.methods import method_blocks
from risk_models.surveillance.report.texts import Words
from risk_models.surveillance.results import Alarm, Judgement, SeriesResult, in_order
from risk_models.surveillance.run import Surveillance
from risk_models.text import N_

MOST_ALARMS = 200
"""Alarms in the report's list; the CSV holds all of them."""
MOST_CHARTS = 60
_STATUS = {
    Status.PARTIAL: N_("partly reported, not judged"),
    Status.NOT_REPORTED: N_("not reported, not judged"),
    Status.SILENT: N_("no event of any disease where many are usual: taken as not reported"),
}


def build_document(run: Surveillance, language: str, made_on: str) -> Document:
    """Write the report in one language (``zh`` or ``en``)."""
    w = Words(language)
    blocks: list[Block] = [
        *_summary(run, w),
        *_alarms(run, w),
        *_series(run, w),
        *_data(run, w),
        *method_blocks(run, w),
    ]
    return Document(
        language,
        w("Surveillance of disease events"),
        w(
            "{source}; events to {day}; made on {made}",
            source=run.request.source.name,
            day=run.request.as_of,
            made=made_on,
        ),
        tuple(blocks),
        (("contents", w("Contents")), ("warning", w("Note"))),
    )


def _summary(run: Surveillance, w: Words) -> Iterator[Block]:
    series = run.results[0].series
    complete = [
        name
        for name, status in zip(series.labels, series.status, strict=True)
        if status is Status.COMPLETE
    ]
    alarms = _all_alarms(run)
    latest = complete[-1] if complete else "-"
    yield Heading(w("In short"))
    yield Figures(
        (
            (latest, w("last completely reported period")),
            (str(sum(alarm.period == latest for alarm in alarms)), w("alarms in that period")),
            (str(len(alarms)), w("alarms in all judged periods")),
            (str(len(run.results)), w("series judged")),
        )
    )
    yield Paragraph(
        w(
            "An alarm says that a count is higher than the method expects from the past. It is a "
            "reason to look, not an outbreak: a change of reporting, a holiday or chance raise "
            "alarms too, and with many series and methods some are raised by chance every week."
        )
    )
    if run.request.exact:
        yield Paragraph(
            w("Small counts are shown: this report stays with the surveillance team."), warning=True
        )
    elif any(result.hidden.any() for result in run.results):
        yield Paragraph(
            w(
                "Counts from 1 to 4, and others that would give them away, are hidden and shown as "
                "{mark}; limits and expected counts of their series are rounded.",
                mark=HIDDEN,
            )
        )
    for result in run.results:
        if result.problems:
            yield Paragraph(_problem(result, run.request.methods, w), warning=True)


def _problem(result: SeriesResult, asked: tuple[str, ...], w: Words) -> str:
    judged = {judgement.method for judgement in result.judgements}
    missing = w.list([w(METHODS[name].title) for name in asked if name not in judged])
    told = w(
        "{name}: not judged by every method, the baseline is too short.", name=_name(result, w)
    )
    return f"{told} {w('Not judged: {methods}.', methods=missing)}"


def _all_alarms(run: Surveillance) -> list[Alarm]:
    return in_order(
        [alarm for result in run.results for alarm in result.alarms(exact=run.request.exact)]
    )


def _alarms(run: Surveillance, w: Words) -> Iterator[Block]:
    groups = {result.series.group.name: result.series.group for result in run.results}
    alarms = _all_alarms(run)
    yield Heading(w("Alarms"))
    if not alarms:
        yield Paragraph(w("No method raised an alarm in the judged periods."))
        return
    yield Table(
        "alarms",
        w("Alarms, the latest first")
        + (
            w(" (the first {n} of {all})", n=MOST_ALARMS, all=len(alarms))
            if len(alarms) > MOST_ALARMS
            else ""
        ),
        tuple(
            w(name)
            for name in (
                N_("period"),
                N_("first day"),
                N_("disease"),
                N_("district"),
                N_("method"),
                N_("observed"),
                N_("expected"),
                N_("threshold"),
            )
        ),
        tuple(
            (
                alarm.period,
                alarm.start.isoformat(),
                w.group(groups[alarm.group]),
                _district(alarm.district, w),
                w(METHODS[alarm.method].title),
                HIDDEN if alarm.observed is None else f"{alarm.observed:,}",
                f"{alarm.expected:,.1f}",
                HIDDEN if alarm.threshold is None else f"{alarm.threshold:,.1f}",
            )
            for alarm in alarms[:MOST_ALARMS]
        ),
        text_columns=5,
    )
    if any(alarm.by_sum for alarm in alarms):
        yield Paragraph(
            w(
                "The threshold of a cumulative sum is the count at which the sum reaches its "
                "limit. It depends on the periods before and can lie below the expected count."
            )
        )


def _series(run: Surveillance, w: Words) -> Iterator[Block]:
    yield Heading(w("Counts over time"))
    charts = 0
    for result in run.results:
        if charts >= MOST_CHARTS:
            yield Paragraph(w("Further series are in the tables only."), warning=True)
            return
        yield Heading(_name(result, w), level=2)
        for judgement in result.judgements:
            charts += 1
            yield _chart(result, judgement, w)
        years = list(result.years())
        if years:
            yield _years(result, w)


def _chart(result: SeriesResult, judgement: Judgement, w: Words) -> Chart:
    count = int(judgement.detection.alarm.sum())
    return Chart(
        w(
            "{name}, {method}: alarms since {first}: {count}",
            name=_name(result, w),
            method=w(METHODS[judgement.method].title),
            count=count,
            first=result.series.labels[judgement.first],
        ),
        alarm_chart(result, judgement, w),
        w("Counts as bars, expected count and threshold as lines, alarms as triangles."),
    )


def _years(result: SeriesResult, w: Words) -> Table:
    unit = w("weeks") if result.series.period is Period.WEEK else w("months")
    rated = result.population is not None
    header = [w("year"), w("completely reported {unit}", unit=unit), w("events")]
    if rated:
        header.append(w("per 100,000 people (95 % interval)"))
    rows = []
    for year in result.years():
        row = [
            str(year.year),
            str(year.periods),
            HIDDEN if year.events is None else f"{year.events:,}",
        ]
        if rated:
            rate = year.rate
            row.append(
                "-" if rate is None else f"{rate.value:.1f} ({rate.low:.1f}–{rate.high:.1f})"
            )
        rows.append(tuple(row))
    name = "-".join(filter(None, ("years", result.series.group.name, result.district)))
    return Table(
        name,
        w("{name}: events by year, completely reported periods only", name=_name(result, w)),
        tuple(header),
        tuple(rows),
    )


def _data(run: Surveillance, w: Words) -> Iterator[Block]:
    yield Heading(w("Data"))
    yield Paragraph(
        w(
            "{rows} rows were read; {counted} could be counted. One row is one event; rows are not "
            "checked for being the same person or case.",
            rows=f"{run.rows:,}",
            counted=f"{run.counted_rows:,}",
        )
    )
    if run.issues.height:
        yield Table(
            "issues",
            w("Cells that were not used"),
            (w("problem"), w("cells")),
            tuple((w(kind), f"{count:,}") for kind, count in run.issues_by_kind),
        )
    series = run.results[0].series
    items = []
    for status, text in _STATUS.items():
        found = [i for i, one in enumerate(series.status) if one is status]
        if found:
            items.append(w.pair(w(text), _runs(found, series.labels)))
    if items:
        yield Bullets(tuple(items))
    last = np.flatnonzero([status is Status.PARTIAL for status in series.status])
    if last.size and last[-1] == len(series.status) - 1:
        yield Paragraph(
            w(
                "The last period has only begun, or its last days hold no event. If it was "
                "reported to its end, say so with --complete-to."
            )
        )


def _runs(found: list[int], labels: tuple[str, ...]) -> str:
    """Periods as runs: ``2020-W03, 2021-W10 – 2021-W14``."""
    runs: list[list[int]] = []
    for index in found:
        if runs and runs[-1][-1] == index - 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    return ", ".join(
        labels[run[0]] if len(run) == 1 else f"{labels[run[0]]} – {labels[run[-1]]}" for run in runs
    )


def _district(name: str | None, w: Words) -> str:
    return w("all") if name is None else w(name) if name == "unstated" else name


def _name(result: SeriesResult, w: Words) -> str:
    selection = result.series.selection
    parts = [w.group(result.series.group)]
    if result.district is not None:
        parts.append(_district(result.district, w))
    if selection.sex is not None:
        parts.append(w(selection.sex))
    if selection.ages is not None:
        parts.append(w("{low} to {high} years", low=selection.ages[0], high=selection.ages[1]))
    return w.list(parts)
