"""Makes MetricFlow's metrics from the KPIs and measures of a data set: one per measure that a KPI uses, one per KPI.

A measure of events or intervals is counted from the facts, with its filters; one of money or scores, which the facts
of a release don't hold in one currency or scale, adds up what `fct_kpi_values_daily` says. What can be neither is left
out with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import yaml

HEAD = """\
version: 2

# Made from seeds/kpis.csv and seeds/measures.csv by `make docs-tables`; a change belongs there. docs/metrics.md.
"""
# Names that MetricFlow takes for a period, and its own.
PERIODS = frozenset({"day", "week", "month", "quarter", "year"})
RESERVED = PERIODS | {"nanosecond", "microsecond", "millisecond", "second", "minute", "hour", "metric_time"}

IN_TURN = "it counts a customer's second or later event, which no sum of days and no filter gives"
SCORED_CUSTOMERS = (
    "it counts customers of churn, or of what has an amount, a score or a cost, which no sum of days gives"
)
BRACES = "a text of its filters has braces, which MetricFlow would read as code"


class _Indented(yaml.SafeDumper):
    """YAML whose lists are indented, as yamllint has them."""

    def ignore_aliases(self, data: object) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, indentless=False)


class Row(Protocol):
    """A row of a seed: its filled values by column."""

    def get(self, column: str, /) -> str | None: ...


@dataclass(frozen=True)
class MetricDefinitions:
    """The metrics as MetricFlow's YAML has them, and why a KPI (by its id) has none."""

    metrics: Sequence[Mapping[str, Any]]
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(metric["name"] for metric in self.metrics)

    @property
    def text(self) -> str:
        """The file of metrics."""
        said = {"metrics": list(self.metrics)}
        return HEAD + yaml.dump(said, Dumper=_Indented, sort_keys=False, allow_unicode=True, width=110)


class _LeftOut(Exception):
    """Why there is no metric."""


def define_metrics(kpis: Iterable[Row], measures: Iterable[Row]) -> MetricDefinitions:
    """One metric per KPI and one per measure of a KPI, in the order of the KPIs; both are named by their ids."""
    kpis = list(kpis)
    known = {str(measure.get("measure_id")): measure for measure in measures}
    ids = {str(kpi.get("kpi_id")) for kpi in kpis}
    of_measures: dict[str, Mapping[str, Any]] = {}
    of_kpis: list[Mapping[str, Any]] = []
    left_out: dict[str, str] = {}
    labels: set[str] = set()
    # first of all, so that a KPI bears its plain name and a measure of that name does not
    described = {str(kpi.get("kpi_id")): _described(kpi, "kpi", str(kpi.get("kpi_id")), labels) for kpi in kpis}
    for kpi in kpis:
        kpi_id = str(kpi.get("kpi_id"))
        parts = [part for part in ("numerator", "denominator") if kpi.get(f"{part}_measure_id")]
        try:
            _check_name(kpi_id)
            counted = {
                part: (measure_id, _counting(known[measure_id], kpi_id=kpi_id, part=part))
                for part in parts
                for measure_id in [str(kpi.get(f"{part}_measure_id"))]
            }
        except _LeftOut as reason:
            left_out[kpi_id] = str(reason)
            continue
        names = {}
        for part, (measure_id, counting) in counted.items():
            # a KPI may bear the name of a measure
            names[part] = measure_id if measure_id not in ids else f"{measure_id}_measure"
            if names[part] not in of_measures:
                of_measures[names[part]] = _described(known[measure_id], "measure", names[part], labels) | counting
        said = described[kpi_id] | {
            "config": {"meta": {key: kpi.get(key) for key in ("unit", "direction", "period") if kpi.get(key)}}
        }
        if "denominator" in names:
            of_kpis.append(said | {"type": "ratio", "type_params": names})
        else:
            of_kpis.append(said | counted["numerator"][1])
    return MetricDefinitions([*of_kpis, *of_measures.values()], left_out)


def _check_name(name: str) -> None:
    is_plain = name.replace("_", "a").isalnum() and name.isascii() and name == name.lower() and name[:1].isalpha()
    if not is_plain or len(name) < 2 or "__" in name or name.endswith("_") or name in RESERVED:
        raise _LeftOut(
            "MetricFlow takes ids of two or more lower-case letters, digits and single underscores, and not week or day"
        )


def _described(row: Row, kind: str, name: str, labels: set[str]) -> dict[str, Any]:
    """Name, label and description. No two metrics may bear one label."""
    label = _plain(row.get(f"{kind}_name") or name)
    if label in labels:
        label = f"{label} ({name})"
    labels.add(label)
    return {"name": name, "label": label, "description": _plain(row.get("description") or label)}


def _plain(text: str) -> str:
    """A text that Jinja passes on as it is."""
    return text.replace("{", "(").replace("}", ")")


def _counting(measure: Row, *, kpi_id: str, part: str) -> dict[str, Any]:
    """How a metric counts what a measure does. Raises _LeftOut."""
    measure_id, aggregation = str(measure.get("measure_id")), measure.get("aggregation")
    _check_name(measure_id)
    if measure.get("subject") == "intervals":
        kind = {"count": "interval_count", "distinct_customers": "interval_customers", "sum": "interval_seconds"}
        return _simple(kind[str(aggregation)], _interval_filters(measure))
    if measure.get("occurrence") and aggregation == "distinct_customers":
        raise _LeftOut(IN_TURN)
    is_published_alone = measure.get("subject") in ("spend", "costs", "conversions", "credits", "churn", "invitations")
    is_scored = is_published_alone or bool(measure.get("value_column") or measure.get("feedback_kind"))
    if is_scored and aggregation == "distinct_customers":
        raise _LeftOut(SCORED_CUSTOMERS)
    if is_scored or measure.get("occurrence"):
        published = [_is("kpi_day__kpi_id", kpi_id), "{{ Dimension('kpi_day__is_of_one_channel') }}"]
        return _simple(f"kpi_{part}", published)
    kind = {"count": "event_count", "distinct_customers": "event_customers"}
    return _simple(kind[str(aggregation)], _event_filters(measure))


def _simple(measure: str, filters: Sequence[str]) -> dict[str, Any]:
    return {
        "type": "simple",
        "type_params": {"measure": {"name": measure, "fill_nulls_with": 0}},
        "filter": " and ".join(filters),
    }


def _event_filters(measure: Row) -> list[str]:
    found = ["{{ Dimension('event__is_counted') }}"]
    found += [
        _is(f"event__{column}", value)
        for column in ("event_name", "source_system", "touchpoint")
        if (value := measure.get(column))
    ]
    return found + _channel_filter(measure)


def _interval_filters(measure: Row) -> list[str]:
    found = [
        _is(f"interval__{column}", value) for column in ("journey_id", "phase_id") if (value := measure.get(column))
    ]
    outcome = "{{ Dimension('interval__outcome') }}"
    if outcomes := measure.get("outcome"):
        found.append(f"{outcome} in ({', '.join(_quoted(one) for one in outcomes.split('|'))})")
    if (measure.get("is_pending_included") or "true").lower() == "false":
        found.append(f"{outcome} <> 'pending'")
    if level := measure.get("level"):
        found.append(_is("instance__level", level))
    return found + _channel_filter(measure)


def _channel_filter(measure: Row) -> list[str]:
    channel = measure.get("channel")
    return [f"{{{{ Entity('channel') }}}} = {_quoted(channel)}"] if channel else []


def _is(dimension: str, value: str) -> str:
    return f"{{{{ Dimension('{dimension}') }}}} = {_quoted(value)}"


def _quoted(value: str) -> str:
    if "{" in value or "}" in value:
        raise _LeftOut(BRACES)
    return "'" + value.replace("'", "''") + "'"
