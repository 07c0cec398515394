"""Counts with the expected count, the threshold and the alarms, as SVG."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from risk_models.cohort.report.charts import COLOURS, INK, WIDTH, svg
from risk_models.cohort.suppression import SMALLEST_SHOWN
from risk_models.surveillance.counts import Status
from risk_models.surveillance.periods import Period, next_start
from risk_models.surveillance.report.texts import Words
from risk_models.surveillance.results import Judgement, SeriesResult

SHOWN = {Period.WEEK: 156, Period.MONTH: 60}
"""Latest periods that a chart shows."""
BARS = {"complete": "#9fb3c8", "not complete": "#dde3ea", "hidden": "#e8dfc8"}
ALARM = "#c81e1e"


def alarm_chart(result: SeriesResult, judgement: Judgement, w: Words) -> str:
    """Draw one method on one series; hidden counts stand at the height of the largest of them.

    Where a count is hidden and there is an alarm, the threshold is left out, and limits and
    expected counts are rounded, so that the picture says no more than the tables.
    """
    first = max(0, len(result.series.starts) - SHOWN[result.series.period])
    names = {
        "complete": w("counted"),
        "not complete": w("not completely reported"),
        "hidden": w("hidden (1 to 4)") if result.hidden.any() else "",
    }
    bars = list(_bars(result, first))
    used = [kind for kind in names if any(bar["kind"] == kind for bar in bars)]
    lines = list(_lines(result, judgement, first, w))
    order = [w("expected"), w("threshold")]
    x = {"field": "start", "type": "temporal", "title": None, "axis": {"format": "%Y-%m"}}
    y = {"type": "quantitative", "title": w("events")}
    return svg(
        {
            "width": WIDTH,
            "height": 240,
            "resolve": {"scale": {"color": "independent", "shape": "independent"}},
            "layer": [
                {
                    "data": {"values": [{**bar, "of": names[bar["kind"]]} for bar in bars]},
                    "mark": {"type": "bar"},
                    "encoding": {
                        "x": x,
                        "x2": {"field": "end"},
                        "y": {"field": "value", **y, "scale": {"domainMin": 0}},
                        "y2": {"datum": 0},
                        "color": _colour({names[kind]: BARS[kind] for kind in used}),
                    },
                },
                {
                    "data": {"values": lines},
                    "mark": {"type": "line", "interpolate": "step", "strokeWidth": 1.6},
                    "encoding": {
                        "x": {"field": "middle", "type": "temporal"},
                        "y": {"field": "value", **y},
                        "color": _colour(dict(zip(order, (INK, COLOURS[0]), strict=True))),
                        "strokeDash": {
                            "field": "of",
                            "type": "nominal",
                            "legend": None,
                            "scale": {"domain": order, "range": [[4, 3], [1, 0]]},
                        },
                    },
                },
                {
                    "data": {"values": list(_marks(result, judgement, first, w))},
                    "mark": {
                        "type": "point",
                        "filled": True,
                        "size": 70,
                        "opacity": 1,
                        "yOffset": -9,
                    },
                    "encoding": {
                        "x": {"field": "middle", "type": "temporal"},
                        "y": {"field": "value", **y},
                        "color": {
                            **_colour({w("alarm"): ALARM}),
                            "legend": {"symbolType": "triangle-down"},
                        },
                        "shape": {"value": "triangle-down"},
                    },
                },
            ],
        }
    )


def _colour(colours: Mapping[str, str]) -> dict[str, Any]:
    return {
        "field": "of",
        "type": "nominal",
        "title": None,
        "scale": {"domain": list(colours), "range": list(colours.values())},
    }


def _height(result: SeriesResult, index: int) -> int:
    return SMALLEST_SHOWN - 1 if result.hidden[index] else int(result.series.events[index])


def _middle(result: SeriesResult, index: int) -> str:
    start = result.series.starts[index]
    return (start + (next_start(start, result.series.period) - start) / 2).isoformat()


def _bars(result: SeriesResult, first: int) -> Iterator[dict[str, Any]]:
    series = result.series
    for index in range(first, len(series.starts)):
        complete = series.status[index] is Status.COMPLETE
        kind = "hidden" if result.hidden[index] else "complete" if complete else "not complete"
        yield {
            "start": series.starts[index].isoformat(),
            "end": next_start(series.starts[index], series.period).isoformat(),
            "value": _height(result, index),
            "kind": kind,
        }


def _lines(
    result: SeriesResult, judgement: Judgement, first: int, w: Words
) -> Iterator[dict[str, Any]]:
    found = judgement.detection
    exact = not result.hidden.any()
    for index in range(max(first, judgement.first), found.expected.size):
        secret = bool(result.hidden[index] and found.alarm[index])
        for name, values in ((w("expected"), found.expected), (w("threshold"), found.threshold)):
            value = float(values[index])
            missing = np.isnan(value) or (secret and values is found.threshold)
            shown = value if exact else float(np.round(value))
            yield {
                "middle": _middle(result, index),
                "value": None if missing else shown,
                "of": name,
            }


def _marks(
    result: SeriesResult, judgement: Judgement, first: int, w: Words
) -> Iterator[dict[str, Any]]:
    for index in np.flatnonzero(judgement.detection.alarm):
        if index >= first:
            yield {
                "middle": _middle(result, int(index)),
                "value": _height(result, int(index)),
                "of": w("alarm"),
            }
