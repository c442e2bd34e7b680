"""Metrics say what the marts say, asked as users ask them; every shipped KPI has one, or a reason."""

from __future__ import annotations

import csv
import math
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from orchestration.lib.config.seeds import read_definitions
from orchestration.lib.config.seeds.rows import read_rows
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT, Settings
from orchestration.lib.release.metric_definitions import IN_TURN, SCORED_CUSTOMERS, define_metrics

pytestmark = pytest.mark.xdist_group("published_examples")

EXAMPLES = {"omnichannel": PROJECT_ROOT / "seeds", "complete_journey": PROJECT_ROOT / "examples/complete_journey/seeds"}
# What a KPI without a metric counts; at most one in five may have none.
WITHOUT_METRIC = {"purchase_bought_before_share": IN_TURN, "purchase_churned_share": SCORED_CUSTOMERS}


def seed(folder: Path, name: str) -> list[Any]:
    definitions = {one.name: one for one in read_definitions(PROJECT_ROOT / "seeds" / "_seeds.yml")}
    return read_rows(definitions[name], folder / f"{name}.csv")[1]


def ask(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "orchestration", "metrics", *arguments],
        cwd=PROJECT_ROOT,
        env=os.environ | {"JOURNEYS_VAR": str(settings.var), "JOURNEYS_SERVING": str(settings.serving)},
        capture_output=True,
        text=True,
        check=False,
    )


def table(settings: Settings, metrics: Sequence[str], by: str) -> list[dict[str, str]]:
    """The rows that the command prints: its columns are as wide as the dashes below their names."""
    ended = ask(settings, "--by", by, "--", ",".join(metrics))
    assert ended.returncode == 0, ended.stderr
    head, dashes, *lines = ended.stdout.splitlines()
    ends, place = [], 0
    for dash in dashes.split():
        begin = dashes.index(dash, place)
        place = begin + len(dash)
        ends.append((begin, place))
    names = [head[begin:end].strip() for begin, end in ends]
    return [dict(zip(names, (line[b:e].strip() for b, e in ends), strict=True)) for line in lines]


def rows(settings: Settings, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    with open_duckdb((settings.serving / "customer_journeys.duckdb").resolve(), read_only=True) as connection:
        return connection.execute(sql, parameters).fetchall()


def kpis_of(settings: Settings, period: str) -> list[str]:
    found = rows(settings, "select kpi_id from kpis.dim_kpis where period = ? order by kpi_id", period)
    return [kpi for (kpi,) in found if kpi not in WITHOUT_METRIC]


def compare(expected: Mapping[Any, float | None], got: Mapping[Any, str]) -> None:
    wrong = {}
    for key, value in expected.items():
        shown = float(got[key]) if got.get(key) else None
        # four decimals are shown
        if (value is None) != (shown is None) or (
            value is not None and shown is not None and not math.isclose(value, shown, abs_tol=6e-5)
        ):
            wrong[key] = (value, shown)
    assert not wrong


@pytest.mark.parametrize("example", EXAMPLES)
@pytest.mark.parametrize("period", ["month", "week"])
def test_every_kpi_is_in_each_period_what_the_mart_says(
    example: str, period: str, request: pytest.FixtureRequest
) -> None:
    settings: Settings = request.getfixturevalue(example)
    kpis = kpis_of(settings, period)
    answered = table(settings, kpis, period)
    got = {(kpi, row[f"metric_time__{period}"][:10]): row[kpi] for row in answered for kpi in kpis}
    published = rows(
        settings,
        "select kpi_id, cast(period_start as text), numerator, denominator from kpis.fct_kpi_values where period = ?",
        period,
    )
    expected = {
        (kpi, start): numerator if denominator is None else (numerator / denominator if denominator else None)
        for kpi, start, numerator, denominator in published
        if kpi not in WITHOUT_METRIC
    }
    assert len({start for _, start in expected}) >= 3
    compare(expected, got)
    # the scorecard's own figure is among them, wherever it has one
    scorecard = rows(
        settings,
        """
        select kpi_id, cast(period_start as text), value from kpis.kpi_scorecard
        where period = ? and value is not null
        """,
        period,
    )
    compare({(kpi, start): value for kpi, start, value in scorecard if kpi not in WITHOUT_METRIC}, got)


def test_kpis_that_add_up_agree_by_week_and_channel(omnichannel: Settings) -> None:
    measures = {row.get("measure_id"): row for row in seed(EXAMPLES["omnichannel"], "measures")}
    adding_up = [
        str(kpi.get("kpi_id"))
        for kpi in seed(EXAMPLES["omnichannel"], "kpis")
        if all(
            measures[kpi.get(part)].get("aggregation") != "distinct_customers"
            for part in ("numerator_measure_id", "denominator_measure_id")
            if kpi.get(part)
        )
    ]
    assert len(adding_up) > 40
    answered = table(omnichannel, adding_up, "week,channel")
    got = {(kpi, row["metric_time__week"][:10], row["channel"]): row[kpi] for row in answered for kpi in adding_up}
    published = rows(
        omnichannel,
        """
        select
            kpi_id, cast(cast(date_trunc('week', measured_on) as date) as text), channel,
            sum(numerator), sum(denominator)
        from kpis.fct_kpi_values_daily
        where channel <> 'all' and segment = 'all'
        group by all
        """,
    )
    expected = {
        (kpi, week, channel): numerator if denominator is None else (numerator / denominator if denominator else None)
        for kpi, week, channel, numerator, denominator in published
        if kpi in adding_up
    }
    assert len({week for _, week, _ in expected}) > 10 and len({channel for *_, channel in expected}) > 5
    compare(expected, got)


def test_customers_are_counted_once_a_week_and_touchpoint(omnichannel: Settings) -> None:
    answered = table(omnichannel, ["product_viewers"], "week,event__touchpoint")
    got = {(row["metric_time__week"][:10], row["event__touchpoint"]): row["product_viewers"] for row in answered}
    customers: dict[tuple[str, ...], set[str]] = {}
    for week, touchpoint, customer in rows(
        omnichannel,
        """
        select cast(cast(date_trunc('week', occurred_at) as date) as text), coalesce(touchpoint, ''), customer_id
        from core.fct_events where event_name = 'product_viewed' and not is_bot and not is_after_as_of
        """,
    ):
        customers.setdefault((week, touchpoint), set()).add(customer)
    compare({key: len(found) for key, found in customers.items()}, got)


def test_every_shipped_kpi_has_a_metric_or_a_reason() -> None:
    found, left_out = list[Any](), dict[str, str]()
    for folder in EXAMPLES.values():
        kpis = seed(folder, "kpis")
        definitions = define_metrics(kpis, seed(folder, "measures"))
        found += [kpi.get("kpi_id") for kpi in kpis if kpi.get("kpi_id") in definitions.names]
        left_out |= definitions.left_out
    assert left_out == WITHOUT_METRIC
    assert len(left_out) * 5 <= len(found)


def test_all_metrics_are_listed_and_a_wrong_name_is_answered_with_the_nearest(omnichannel: Settings) -> None:
    listed = ask(omnichannel).stdout
    for kpi in seed(EXAMPLES["omnichannel"], "kpis"):
        assert str(kpi.get("kpi_id")) in listed
    assert f"purchase_bought_before_share: no metric: {IN_TURN}" in listed
    for asked, said in (
        ("order_val", "did you mean order_value?"),
        ("purchase_bought_before_share", "has no metric: it counts a customer's second"),
    ):
        ended = ask(omnichannel, "--", asked)
        assert (ended.returncode, said in ended.stderr) == (2, True), ended.stderr
        assert "Traceback" not in ended.stderr


def test_a_kpi_that_is_newer_than_the_release_says_so(omnichannel: Settings) -> None:
    kpis = omnichannel.resolved_seeds / "kpis.csv"
    before = kpis.read_text(encoding="utf-8")
    first = before.splitlines()[1]
    try:
        kpis.write_text(f"{before}new_figure{first[first.index(',') :]}\n", encoding="utf-8")
        assert "new_figure: no metric: this release was published before" in ask(omnichannel).stdout
    finally:
        kpis.write_text(before, encoding="utf-8")


def test_a_kpi_that_is_counted_in_another_way_than_the_release_has_it_has_no_metric(omnichannel: Settings) -> None:
    """Every column of its measure says what is counted, except the words; a KPI of other measures goes on."""
    path = omnichannel.resolved_seeds / "measures.csv"
    before = path.read_text(encoding="utf-8")
    header, *lines = list(csv.reader(before.splitlines()))
    [place] = [number for number, line in enumerate(lines) if line[0] == "orders"]
    kpis = rows(
        omnichannel,
        "select kpi_id from kpis.dim_kpis where 'orders' in (numerator_measure_id, denominator_measure_id)",
    )
    for column, value, is_other in (("channel", "email", True), ("level", "omni", True), ("description", "x", False)):
        changed = [list(line) for line in lines]
        changed[place][header.index(column)] = value
        try:
            with path.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows([header, *changed])
            listed = ask(omnichannel).stdout
        finally:
            path.write_text(before, encoding="utf-8")
        for (kpi,) in kpis:
            assert (f"{kpi}: no metric: this release was published before" in listed) == is_other, (column, kpi)
        assert listed.count("no metric: this release was published before") == len(kpis) * is_other
    assert kpis


def test_a_question_reads_the_release_alone(omnichannel: Settings, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("what nobody asked for\n", encoding="utf-8")
    ended = ask(
        omnichannel, "--where", f"(select count(*) from read_text('{tmp_path / 'secret.csv'}')) = 1", "--", "orders"
    )
    assert ended.returncode == 1 and "file system operations are disabled" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("environment", "path"),
    [
        ({}, "serving/customer_journeys.duckdb"),
        ({"JOURNEYS_SERVING": "/srv/shop"}, "/srv/shop/customer_journeys.duckdb"),
        ({"JOURNEYS_SERVING": "/srv/shop", "JOURNEYS_RELEASE": "/srv/one.duckdb"}, "/srv/one.duckdb"),
    ],
)
def test_the_target_release_is_the_release_that_readers_get(environment: Mapping[str, str], path: str) -> None:
    profile = yaml.safe_load((PROJECT_ROOT / "profiles.yml").read_text(encoding="utf-8"))
    said = profile["journeys"]["outputs"]["release"]["path"]
    assert jinja2.Template(said).render(env_var=environment.get) == path


def test_without_a_release_the_command_says_what_to_type(tmp_path: Path, omnichannel: Settings) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "orchestration", "metrics"],
        cwd=PROJECT_ROOT,
        env=os.environ | {"JOURNEYS_VAR": str(tmp_path / "var"), "JOURNEYS_SERVING": str(tmp_path / "serving")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2 and "Type make run first" in ended.stderr


def define(measure: Mapping[str, str], **kpi: str) -> Any:
    return define_metrics(
        [{"kpi_id": "figure", "numerator_measure_id": "counted", **kpi}],
        [{"measure_id": "counted", "measure_name": "Counted", **measure}],
    )


def test_every_filter_of_a_measure_is_one_of_its_metric() -> None:
    events = {"subject": "events", "aggregation": "count", "event_name": "it's", "source_system": "a", "channel": "b"}
    [metric, _] = define({**events, "touchpoint": "c"}).metrics
    for said in ("event__event_name') }} = 'it''s'", "source_system') }} = 'a'", "Entity('channel') }} = 'b'", "= 'c'"):
        assert said in metric["filter"]
    intervals = {"subject": "intervals", "aggregation": "sum", "journey_id": "j", "phase_id": "p", "level": "omni"}
    [metric, _] = define({**intervals, "outcome": "fell_out|pending", "is_pending_included": "false"}).metrics
    assert metric["type_params"]["measure"]["name"] == "interval_seconds"
    for said in ("journey_id') }} = 'j'", "= 'p'", "= 'omni'", "in ('fell_out', 'pending')", "<> 'pending'"):
        assert said in metric["filter"]


@pytest.mark.parametrize(
    ("measure", "kpi", "reason"),
    [
        ({"event_name": "{{ x }}"}, {}, "braces"),
        ({}, {"kpi_id": "month"}, "takes ids of"),
        ({}, {"kpi_id": "Größe"}, "takes ids of"),
        ({"aggregation": "distinct_customers", "occurrence": "2"}, {}, "second or later"),
        ({"aggregation": "distinct_customers", "value_column": "amount"}, {}, "no sum of days"),
    ],
)
def test_a_kpi_that_cannot_be_a_metric_has_the_reason(
    measure: Mapping[str, str], kpi: Mapping[str, str], reason: str
) -> None:
    defined = define({"subject": "events", "aggregation": "count"} | dict(measure), **kpi)
    assert defined.metrics == []
    assert reason in defined.left_out[kpi.get("kpi_id", "figure")]


def test_a_kpi_that_bears_the_name_of_its_measure_has_a_metric_of_its_own() -> None:
    defined = define({"subject": "events", "aggregation": "count"}, kpi_id="counted", kpi_name="Counted")
    assert defined.names == ("counted", "counted_measure")
    assert len({metric["label"] for metric in defined.metrics}) == 2
