"""`make metrics`: KPIs by any week, channel or other dimension, as MetricFlow counts them from the release."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli.data_set import announced_database
from orchestration.lib.core.settings import SettingsError, read_settings

if TYPE_CHECKING:
    from orchestration.lib.release.metric_definitions import MetricDefinitions


def command(
    metrics: Annotated[
        str, typer.Argument(help="Ids of KPIs or measures, such as orders,order_value; without any: the list.")
    ] = "",
    by: Annotated[
        str | None,
        typer.Option(help="What to group by, such as week,channel or event__touchpoint; docs/metrics.md has all."),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(help="A condition of MetricFlow, such as \"{{ Entity('channel') }} = 'web'\"."),
    ] = None,
    since: Annotated[str | None, typer.Option(help="First day that counts, such as 2026-06-01.")] = None,
    until: Annotated[str | None, typer.Option(help="Last day that counts, such as 2026-06-30.")] = None,
) -> int:
    """Ask for KPIs by week, channel and more."""
    from orchestration.lib.core.activity import step
    from orchestration.lib.release.metric_definitions import PERIODS
    from orchestration.lib.release.metrics import answer, metric_project

    settings = read_settings()
    database = announced_database(settings)
    if not database.exists():
        raise SettingsError(f"{database} does not exist yet. Type make run first.")
    with step("dbt reads the metrics"):
        project = metric_project(settings, database.resolve())
    asked = _separated(metrics)
    if not asked:
        _print_list(project.definitions)
        return 0
    _check(asked, project.definitions)
    options = [
        part
        for name, value in (("--where", where), ("--start-time", since), ("--end-time", until))
        if value
        for part in (name, value)
    ]
    with step("the query"):
        table = answer(
            project,
            asked,
            [f"metric_time__{one}" if one in PERIODS else one for one in _separated(by or "")],
            [*options, *_order(by)],
        )
    print(table.rstrip() or "No row answers this.")
    return 0


def _separated(text: str) -> list[str]:
    return [part for one in text.split(",") if (part := one.strip())]


def _order(by: str | None) -> list[str]:
    """Rows in the order of what they are grouped by."""
    from orchestration.lib.release.metric_definitions import PERIODS

    named = [f"metric_time__{one}" if one in PERIODS else one for one in _separated(by or "")]
    return ["--order", ",".join(named)] if named else []


def _check(asked: Iterable[str], definitions: MetricDefinitions) -> None:
    """Raises SettingsError for a metric that there is not, with the reason or the nearest name."""
    for name in asked:
        if name in definitions.left_out:
            raise SettingsError(f"METRICS={name}: this KPI has no metric: {definitions.left_out[name]}.")
        if name not in definitions.names:
            near = difflib.get_close_matches(name, definitions.names, n=1)
            raise SettingsError(
                f"METRICS={name}: there is no such metric{f'; did you mean {near[0]}' if near else ''}? "
                "make metrics lists them."
            )


def _print_list(definitions: MetricDefinitions) -> None:
    width = max((len(name) for name in definitions.names), default=0)
    for metric in definitions.metrics:
        said = metric.get("config", {}).get("meta", {})
        kind = f"KPI, {said.get('unit')}, by {said.get('period')}" if said else "measure"
        print(f"{metric['name']:{width}}  {metric['label']} ({kind})")
    for name, reason in definitions.left_out.items():
        print(f"\n{name}: no metric: {reason}.")
