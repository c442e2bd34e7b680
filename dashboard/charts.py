"""Draws charts as SVG on the server (Vega-Lite), wide and narrow; colours are the page's, so dark mode has them."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from markupsafe import Markup

# A chart is drawn for both, and the page shows the one that fits: text keeps its size on a phone.
WIDTHS = {"wide": 600, "narrow": 300}
# in a figure that has the whole width of the page
WIDEST = 1180
# Told apart by the colour-blind (Okabe and Ito), in the order in which series take them; style.css says what they are.
SERIES = ("var(--s1)", "var(--s2)", "var(--s3)", "var(--s4)", "var(--s5)", "var(--s6)", "var(--s7)")

CONFIG = {
    "font": "system-ui, sans-serif",
    "background": "transparent",
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "gridColor": "var(--line)",
        "tickColor": "var(--line)",
        "domainColor": "var(--line)",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelOverlap": True,
    },
    "legend": {
        "labelColor": "var(--text)",
        "titleColor": "var(--muted)",
        "labelFontSize": 12,
        "orient": "top",
        "title": None,
        "labelLimit": 220,
        "symbolOpacity": 1,
    },
    "range": {"category": list(SERIES)},
}


def draw(spec: dict[str, Any], label: str, *, height: int = 220, is_wide: bool = False) -> Markup:
    """A Vega-Lite chart as two SVGs, wide and narrow; `label` says for a screen reader what it shows.

    Data stand in the spec (`data.values`); days and moments may be Python's.
    """
    text = json.dumps(spec, default=_plain, sort_keys=True)
    return Markup("").join(
        Markup('<div class="chart {}" role="img" aria-label="{}">{}</div>').format(name, label, Markup(svg))
        for name, svg in (
            (name, _svg(text, WIDEST if is_wide and name == "wide" else width, height))
            for name, width in WIDTHS.items()
        )
    )


def lines(
    rows: Sequence[dict[str, Any]],
    *,
    x: str,
    y: str,
    label: str,
    series: str | None = None,
    low: str | None = None,
    high: str | None = None,
    is_step: bool = False,
    percent: bool = False,
    x_title: str | None = None,
    y_title: str | None = None,
    is_wide: bool = False,
    is_incomplete: str | None = None,
    target: float | None = None,
    said: str | None = None,
) -> Markup:
    """Lines over time or a number, with their intervals (`low` to `high`).

    Points of rows where `is_incomplete` is true are drawn hollow: they still move. `said` names the column of what a
    point says. A line breaks where a row has no value.
    """
    is_time = bool(rows) and isinstance(rows[0][x], (date, datetime))
    axis_x: dict[str, Any] = {"title": x_title, "grid": False}
    if is_time:
        axis_x |= _by_month([row[x] for row in rows])
    x_channel: dict[str, Any] = {"field": x, "type": "temporal" if is_time else "quantitative", "axis": axis_x}
    if is_time:
        x_channel["scale"] = {"type": "utc"}
    y_axis: dict[str, Any] = {"title": y_title, "tickCount": 4}
    if percent:
        y_axis["format"] = ".0%"
    y_channel = {"field": y, "type": "quantitative", "axis": y_axis, "scale": {"zero": percent or None}}
    color = {"field": series, "type": "nominal", "sort": None} if series else {"value": SERIES[0]}
    step = {"interpolate": "step-after"} if is_step else {}
    layers: list[dict[str, Any]] = []
    if low and high:
        layers.append(
            {
                "mark": {"type": "area", "opacity": 0.16, "aria": False, **step},
                "encoding": {"x": x_channel, "y": {**y_channel, "field": low}, "y2": {"field": high}, "color": color},
            }
        )
    layers.append(
        {
            "mark": {"type": "line", "strokeWidth": 2, "aria": False, **step},
            "encoding": {"x": x_channel, "y": y_channel, "color": color},
        }
    )
    if not is_step:
        tips = [{"field": name} for name in (series, x, y) if name]
        point: dict[str, Any] = {"x": x_channel, "y": y_channel, "color": color}
        if said:
            point["description"] = {"field": said}
        else:
            point["tooltip"] = tips
        test = f"datum[{json.dumps(is_incomplete)}]" if is_incomplete else "false"
        kinds = {bool(is_incomplete and row[is_incomplete]) for row in rows}
        layers.extend(_points(point, test, kinds=kinds))
    if target is not None:
        layers.append(
            {
                "data": {"values": [{"target": target}]},
                "mark": {"type": "rule", "strokeDash": [5, 4], "color": "var(--muted)", "aria": False},
                "encoding": {"y": {"field": "target", "type": "quantitative"}},
            }
        )
    return draw({"data": {"values": list(rows)}, "layer": layers}, label, is_wide=is_wide)


def _points(encoding: dict[str, Any], is_open: str, *, kinds: set[bool], size: int = 45) -> list[dict[str, Any]]:
    """Points, hollow where the test `is_open` holds: as two layers they share one legend.

    `kinds` says which there are: a layer without a mark would be a picture without a name.
    """
    point = {"type": "point", "size": size, "strokeWidth": 2, "opacity": 1}
    hollow = {**point, "filled": False, "fill": "var(--card)"}
    layers = {
        False: {"transform": [{"filter": f"!({is_open})"}], "mark": {**point, "filled": True}, "encoding": encoding},
        True: {"transform": [{"filter": is_open}], "mark": hollow, "encoding": encoding},
    }
    return [layers[kind] for kind in (False, True) if kind in kinds]


def _by_month(days: Sequence[date]) -> dict[str, Any]:
    """How an axis says days: of more than a quarter no month twice."""
    is_long = bool(days) and (max(days) - min(days)).days > 92
    return {"format": "%b %y"} | ({"tickCount": {"interval": "month", "step": 1}} if is_long else {})


# Status by colour and by shape: nobody has to tell red from green.
STATUSES = (
    ("green", "green", "circle", "var(--green)"),
    ("amber", "amber", "triangle-up", "var(--amber)"),
    ("red", "red", "square", "var(--red)"),
    ("", "not rated", "diamond", "var(--muted)"),
)


def rated(rows: Sequence[dict[str, Any]], *, label: str, percent: bool, y_title: str | None) -> Markup:
    """Values of periods (`day`, `value`, `low`, `high`, `target`, `status`, `is_open`, `said`) and how they were rated.

    Open periods are drawn hollow: they still move. Intervals and targets are drawn where a row has them.
    """
    words = {status: said for status, said, _, _ in STATUSES}
    values = [{**row, "status": words.get(row["status"] or "", words[""])} for row in rows]
    found = [one for one in STATUSES if any(row["status"] == one[1] for row in values)]
    scale = {"domain": [one[1] for one in found]}
    x = {
        "field": "day",
        "type": "temporal",
        "scale": {"type": "utc"},
        "axis": {"title": None, "grid": False, **_by_month([row["day"] for row in rows])},
    }
    y_axis: dict[str, Any] = {"title": y_title, "tickCount": 4} | ({"format": ".0%"} if percent else {})
    y = {"field": "value", "type": "quantitative", "axis": y_axis, "scale": {"zero": True}}
    color = {
        "field": "status",
        "type": "nominal",
        "scale": {**scale, "range": [one[3] for one in found]},
    }
    shape = {"field": "status", "type": "nominal", "scale": {**scale, "range": [one[2] for one in found]}}
    # rows without an interval stay, so that the band breaks there
    band = values if any(row["low"] is not None for row in values) else []
    aims = [row for row in values if row["target"] is not None]
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": band},
            "mark": {"type": "area", "opacity": 0.16, "color": SERIES[0], "aria": False},
            "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
        },
        {
            "data": {"values": aims},
            "mark": {"type": "line", "strokeDash": [5, 4], "color": "var(--muted)", "aria": False},
            "encoding": {"x": x, "y": {**y, "field": "target"}},
        },
        {
            "mark": {"type": "line", "strokeWidth": 2, "color": SERIES[0], "aria": False},
            "encoding": {"x": x, "y": y},
        },
        *_points(
            {"x": x, "y": y, "color": color, "shape": shape, "description": {"field": "said"}},
            "datum.is_open",
            kinds={bool(row["is_open"]) for row in values},
            size=70,
        ),
    ]
    return draw({"data": {"values": values}, "layer": layers}, label, is_wide=True)


def columns(
    rows: Sequence[dict[str, Any]],
    *,
    x: str,
    y: str,
    series: str,
    said: str,
    order: Sequence[str],
    colors: Sequence[str],
    label: str,
    percent: bool = False,
    y_title: str | None = None,
    is_wide: bool = False,
) -> Markup:
    """Stacked columns per month, the parts in a fixed order and colour; `said` names the column of a part's words."""
    y_axis: dict[str, Any] = {"title": y_title, "tickCount": 4}
    if percent:
        y_axis["format"] = ".0%"
    spec = {
        "data": {"values": list(rows)},
        "transform": [
            {"calculate": f"indexof({json.dumps(list(order))}, datum[{json.dumps(series)}])", "as": "_order"}
        ],
        "mark": {"type": "bar", "cornerRadius": 1},
        "encoding": {
            # months are those of the data, wherever the server stands
            "x": {
                "field": x,
                "type": "ordinal",
                "timeUnit": "utcyearmonth",
                "axis": {"title": None, "format": "%b %y", "labelAngle": 0, "grid": False},
            },
            "y": {"field": y, "type": "quantitative", "stack": "zero", "axis": y_axis},
            "color": {
                "field": series,
                "type": "nominal",
                "scale": {"domain": list(order), "range": list(colors)},
                "legend": {"columns": 0 if is_wide else 3},
            },
            "order": {"field": "_order", "type": "quantitative"},
            "description": {"field": said},
        },
    }
    return draw(spec, label, is_wide=is_wide)


def timeline(
    events: Sequence[dict[str, Any]], phases: Sequence[dict[str, Any]], *, order: Sequence[str], label: str
) -> Markup:
    """Events (`at`, `lane`, `said`) on a lane per channel, phases over them (`from`, `to`, `phase`, `said`)."""
    lanes = sorted({event["lane"] for event in events})
    x = {"field": "at", "type": "temporal", "scale": {"type": "utc"}, "axis": {"title": None, "grid": False}}
    y = {
        "type": "nominal",
        "scale": {"domain": ["Phase", *lanes]},
        "axis": {"title": None, "labelLimit": 110, "ticks": False},
    }
    # what a mark says under the pointer and to a screen reader
    said = {"description": {"field": "said"}}
    spec = {
        "layer": [
            {
                "data": {"values": [{**phase, "lane": "Phase"} for phase in phases]},
                "mark": {"type": "bar", "height": {"band": 0.7}},
                "encoding": {
                    "x": {**x, "field": "from"},
                    "x2": {"field": "to"},
                    "y": {**y, "field": "lane"},
                    "color": {"field": "phase", "type": "nominal", "scale": {"domain": list(order)}},
                    **said,
                },
            },
            {
                "data": {"values": list(events)},
                "mark": {"type": "point", "filled": True, "size": 50, "opacity": 0.55, "color": "var(--accent)"},
                "encoding": {"x": x, "y": {**y, "field": "lane"}, **said},
            },
        ]
    }
    return draw(spec, label, height=34 * (len(lanes) + 1) + 60, is_wide=True)


@functools.lru_cache(maxsize=1_000)
def _svg(text: str, width: int, height: int) -> str:
    # the first call starts the engine that draws, which takes a second
    import vl_convert

    spec = json.loads(text)
    spec |= {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": width,
        "height": height,
        "autosize": {"type": "fit", "contains": "padding"},
        "config": CONFIG,
    }
    svg = vl_convert.vegalite_to_svg(spec)
    # the width is the page's
    return re.sub(r'<svg ([^>]*?) width="[\d.]+" height="[\d.]+"', r"<svg \1", svg, count=1)


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value.isoformat()}Z"
    if isinstance(value, date):
        return f"{value.isoformat()}T00:00:00Z"
    raise TypeError(f"{type(value).__name__} can't be drawn")
