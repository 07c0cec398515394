"""Charts as SVG, drawn from Vega-Lite specifications without any network."""

from collections.abc import Mapping, Sequence
from typing import Any

import vl_convert

FONT = "Noto Sans CJK SC, Noto Sans SC, Microsoft YaHei, PingFang SC, sans-serif"
INK, GRID = "#1f2933", "#e4e7eb"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's colours, told apart by the colour-blind."""
CLASS_COLOURS = ("#a6cee3", "#fdbf6f", "#d95f02", "#7f0000", "#c7c9cc")
WIDTH = 620

Rows = Sequence[Mapping[str, Any]]


def svg(spec: Mapping[str, Any]) -> str:
    """Draw a Vega-Lite specification."""
    whole = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "config": {
            "font": FONT,
            "background": None,
            "view": {"stroke": None},
            "axis": {
                "labelColor": INK,
                "titleColor": INK,
                "gridColor": GRID,
                "labelFontSize": 11,
                "titleFontSize": 12,
                "titleFontWeight": "normal",
                "labelLimit": 260,
            },
            "legend": {
                "labelColor": INK,
                "titleColor": INK,
                "orient": "top",
                "labelFontSize": 11,
                "titleFontSize": 12,
                "titleFontWeight": "normal",
                "labelLimit": 300,
            },
        },
        **spec,
    }
    # No address is allowed: a chart holds its data.
    drawn: str = vl_convert.vegalite_to_svg(whole, vl_version="5.20", allowed_base_urls=[])
    return drawn


def distribution(rows: Rows, x: str, y: str, series: str) -> str:
    """Histogram lines: `at` (per cent), `share` (per cent of the series), `of`."""
    order = list(dict.fromkeys(row["of"] for row in rows))
    return svg(
        {
            "width": WIDTH,
            "height": 220,
            "data": {"values": list(rows)},
            "mark": {"type": "line", "interpolate": "step-after", "strokeWidth": 2},
            "encoding": {
                "x": {"field": "at", "type": "quantitative", "title": x},
                "y": {"field": "share", "type": "quantitative", "title": y},
                "color": _colour("of", order, series),
            },
        }
    )


def stacked_shares(rows: Rows, order: Sequence[str], classes: Sequence[str], x: str) -> str:
    """Bars of classes adding up to 100 %: `label`, `class`, `share`."""
    ranks = {name: position for position, name in enumerate(classes)}
    values = [{**row, "rank": ranks[row["class"]]} for row in rows]
    colours = [*CLASS_COLOURS[: len(classes) - 1], CLASS_COLOURS[-1]]
    return svg(
        {
            "width": WIDTH,
            "height": {"step": 22},
            "data": {"values": values},
            "mark": {"type": "bar", "height": 16},
            "encoding": {
                "y": {"field": "label", "type": "nominal", "sort": list(order), "title": None},
                "x": {
                    "field": "share",
                    "type": "quantitative",
                    "title": x,
                    "stack": "zero",
                    "scale": {"domain": [0, 100]},
                },
                "order": {"field": "rank"},
                "color": {
                    "field": "class",
                    "type": "nominal",
                    "title": None,
                    "scale": {"domain": list(classes), "range": colours},
                },
            },
        }
    )


def intervals(rows: Rows, order: Sequence[str], x: str, series: Sequence[str] = ()) -> str:
    """Points with intervals: `label`, `value`, `low`, `high` (per cent), `of`."""
    placed: dict[str, Any] = {
        "y": {"field": "label", "type": "nominal", "sort": list(order), "title": None}
    }
    if len(series) > 1:
        placed["yOffset"] = {"field": "of", "type": "nominal", "sort": list(series)}
    colour = _colour("of", list(series), None) if series else {"value": COLOURS[0]}
    return svg(
        {
            "width": WIDTH,
            "height": {"step": 10 + 12 * max(1, len(series)), "for": "position"},
            "data": {"values": list(rows)},
            "layer": [
                {
                    "mark": {"type": "rule", "strokeWidth": 2},
                    "encoding": {
                        **placed,
                        "x": {
                            "field": "low",
                            "type": "quantitative",
                            "title": x,
                            "scale": {"zero": False, "nice": True},
                        },
                        "x2": {"field": "high"},
                        "color": colour,
                    },
                },
                {
                    "mark": {"type": "point", "filled": True, "size": 55, "opacity": 1},
                    "encoding": {
                        **placed,
                        "x": {"field": "value", "type": "quantitative"},
                        "color": colour,
                    },
                },
            ],
        }
    )


def months(rows: Rows, y: str, series: Sequence[str]) -> str:
    """Lines by month: `month` (YYYY-MM), `value` (per cent), `of`."""
    return svg(
        {
            "width": WIDTH,
            "height": 220,
            "data": {"values": list(rows)},
            "mark": {"type": "line", "point": {"size": 30}, "strokeWidth": 2},
            "encoding": {
                "x": {
                    "field": "month",
                    "type": "ordinal",
                    "title": None,
                    "axis": {"labelAngle": -45, "labelOverlap": True},
                },
                "y": {
                    "field": "value",
                    "type": "quantitative",
                    "title": y,
                    "scale": {"zero": False},
                },
                "color": _colour("of", list(series), None),
            },
        }
    )


def _colour(field: str, domain: Sequence[str], title: str | None) -> dict[str, Any]:
    return {
        "field": field,
        "type": "nominal",
        "title": title,
        "scale": {"domain": list(domain), "range": list(COLOURS[: len(domain)])},
    }
