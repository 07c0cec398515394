"""What a run writes: public files with small counts hidden, and records for the team."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from risk_models.cohort.issues import safe_for_spreadsheets
from risk_models.cohort.report.files import write_pages
from risk_models.cohort.report.texts import HIDDEN
from risk_models.surveillance.report.content import build_document
from risk_models.surveillance.results import SeriesResult, in_order
from risk_models.surveillance.run import Surveillance

FORMATS = ("html", "pdf")
RECORDS = "records"

Row = Mapping[str, Any]


def write_results(
    run: Surveillance,
    out: Path,
    languages: Sequence[str],
    formats: Sequence[str],
    made_on: str,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> list[Path]:
    """Write everything a run found into a folder.

    ``counts.csv``, ``alarms.csv``, ``surveillance.json`` and the reports hide small counts unless
    the run is exact; ``records/`` holds exact counts, what each method said of each period, and
    the cells that were not used, for the surveillance team only.

    Returns
    -------
    list of Path
        What was written.
    """
    records = out / RECORDS
    records.mkdir(parents=True, exist_ok=True)
    records.chmod(0o700)
    exact = run.request.exact
    alarms = in_order([alarm for result in run.results for alarm in result.alarms(exact=exact)])
    written = [
        _csv(out / "counts.csv", [row for r in run.results for row in _counts(r, exact=exact)]),
        _csv(out / "alarms.csv", [_alarm(asdict(alarm), alarm.reason) for alarm in alarms]),
        _csv(records / "counts.csv", [row for r in run.results for row in _counts(r, exact=True)]),
        _csv(records / "judgements.csv", [row for r in run.results for row in _judgements(r)]),
    ]
    issues = records / "issues.csv"
    safe_for_spreadsheets(run.issues.lazy()).sink_csv(issues, include_bom=True)
    summary = out / "surveillance.json"
    content = _summary(run, [_alarm(asdict(alarm), alarm.reason) for alarm in alarms])
    summary.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8")
    written += [issues, summary]
    for position, language in enumerate(languages):
        progress("report", position, len(languages))
        written += write_pages(out, build_document(run, language, made_on), formats)
    progress("report", len(languages), len(languages))
    return written


def _counts(result: SeriesResult, *, exact: bool) -> Iterator[Row]:
    series = result.series
    labels = series.labels
    for index, start in enumerate(series.starts):
        hide = bool(result.hidden[index]) and not exact
        rate = result.rate(index)
        yield {
            "group": series.group.name,
            "district": result.district or "",
            "period": labels[index],
            "first_day": start.isoformat(),
            "reporting": series.status[index].value,
            "events": None if hide else int(series.events[index]),
            "population": ""
            if result.population is None or np.isnan(result.population[index])
            else f"{result.population[index]:.0f}",
            "per_100000": "" if rate is None else f"{rate.value:.4f}",
            "low_95": "" if rate is None else f"{rate.low:.4f}",
            "high_95": "" if rate is None else f"{rate.high:.4f}",
        }


def _judgements(result: SeriesResult) -> Iterator[Row]:
    series = result.series
    labels = series.labels
    for judgement in result.judgements:
        found = judgement.detection
        for index in np.flatnonzero(found.judged):
            yield {
                "group": series.group.name,
                "district": result.district or "",
                "method": judgement.method,
                "period": labels[index],
                "first_day": series.starts[index].isoformat(),
                "events": int(series.events[index]),
                "expected": f"{found.expected[index]:.6g}",
                "threshold": f"{found.threshold[index]:.6g}",
                "statistic": f"{found.statistic[index]:.6g}",
                "alarm": int(found.alarm[index]),
            }


def _alarm(alarm: dict[str, Any], reason: str) -> dict[str, Any]:
    """An alarm as it is written; None is a hidden number."""
    limit = alarm["threshold"]
    return {
        **alarm,
        "district": alarm["district"] or "",
        "start": alarm["start"].isoformat(),
        "expected": round(alarm["expected"], 2),
        "threshold": None if limit is None else round(limit, 2),
        "reason": reason,
    }


def _summary(run: Surveillance, alarms: list[dict[str, Any]]) -> dict[str, Any]:
    request = run.request
    return {
        "source": request.source.name,
        "as_of": request.as_of.isoformat(),
        "by": request.period.value,
        "groups": [asdict(group) for group in request.groups],
        "methods": list(request.methods),
        "years": request.options.years,
        "reset": request.options.reset,
        "exact": request.exact,
        "rows": run.rows,
        "counted_rows": run.counted_rows,
        "cells_not_used": run.issues.height,
        "notes": list(run.notes),
        "series": [
            {
                "group": result.series.group.name,
                "district": result.district,
                "sex": result.series.selection.sex,
                "ages": result.series.selection.ages,
                "first_period": result.series.labels[0],
                "last_period": result.series.labels[-1],
                "judged_from": {
                    judgement.method: result.series.labels[judgement.first]
                    for judgement in result.judgements
                },
                "problems": list(result.problems),
            }
            for result in run.results
        ],
        "alarms": alarms,
    }


def _csv(path: Path, rows: Sequence[Row]) -> Path:
    """Write rows for spreadsheets; an empty file says that there is nothing."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        if rows:
            writer = csv.writer(file)
            writer.writerow(rows[0])
            writer.writerows([_cell(cell) for cell in row.values()] for row in rows)
    return path


def _cell(value: object) -> object:
    """A text that a spreadsheet does not run as a formula; the mark for a hidden number."""
    if value is None:
        return HIDDEN
    risky = isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r")
    return f"'{value}" if risky else value
