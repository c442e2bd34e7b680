"""What a cluster can't share out among its machines is found here: removed, or listed with the reason."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.architecture.project import COMMENT, Model, models

# A window without a partition brings all rows to one machine.
NUMBERED = "keys alone go through one task: joins and groups of steps by numbers take half the time of those by texts"
WINDOWS_OVER_ALL_ROWS = {
    "int_calendar_bounds": "its rows are the months that have events",
    "int_conflicting_links": "its rows are the links of the few components that a decision splits",
    "int_customer_sizes": "customers are ranked by size, and the rank is of all of them",
    "int_event_versions": "its rows are the distinct combinations of what rules of channels look at",
    "int_instance_numbers": NUMBERED,
    "int_journey_versions": "its rows are the versions of journeys in a seed",
    "int_map_lines": "its rows are the lines of the subway map, some dozens",
    "int_step_instances": NUMBERED,
    "int_step_intervals": NUMBERED,
    "int_step_names": "its rows are the distinct names of steps",
    "int_steps_in_intervals": NUMBERED,
}
# A recursive query is a job per round on Spark, 100 rounds and a million rows at most unless settings say otherwise.
RECURSIVE = {
    "agg_funnel_steps": "a round per required phase of a journey",
    "int_bounded_starts": "a round per version of a journey that has a first or last day",
    "int_events_sessionized": "a round per session_max_hours of the rare spells of activity that outlast them",
    "int_match_cases": "a round per match of a customer of whom some matches have a case and others none",
}
# A list or text made of all rows is on one machine, and one row long.
COLLECTED_INTO_ONE_ROW: dict[str, str] = {}
# A function of Python gets its rows in the process that runs dbt.
ON_THE_DRIVER = {
    "int_bridge_links": "its rows are the links between people that one removal would split",
    "int_channel_credit_bounds": "its rows are sums by channel, month, rule and one of twenty groups of customers",
    "int_channel_solutions": "its rows are counts of moves between channels, by month and group of customers",
    "int_kpi_relations": "its rows are the periods of the KPIs with a timing",
    "int_learnt_sentiments": "its rows are distinct texts in languages with labels enough",
    "int_record_pairs": "its rows are people records, which are fewer than customers",
    "int_resolved_links": "its rows are the links of components in which a decision or rule is broken",
    "int_score_drivers": "its rows are the step scores of customers who gave an overall score in a year",
    "int_step_impacts": "its rows are sums by kind of feedback, step and one of twenty groups of customers",
    "int_text_readings": "its rows are distinct texts, each read once",
}

STRING = re.compile(r"'(?:[^']|'')*'")


def sql_of(model: Model) -> str:
    """A model's SQL in lower case, without comments, texts and the braces of Jinja."""
    text = re.sub(r"--[^\n]*", "", COMMENT.sub("", model.text).lower())
    return STRING.sub("''", text)


def in_brackets(sql: str, opened: int) -> str:
    """What is between the bracket that opens at a place and the one that closes it."""
    depth = 0
    for place in range(opened, len(sql)):
        depth += {"(": 1, ")": -1}.get(sql[place], 0)
        if depth == 0:
            return sql[opened + 1 : place].strip()
    raise AssertionError("a bracket is not closed")


def windows(sql: str) -> Iterator[str]:
    """The definitions of windows: those behind `over`, and those with a name."""
    for found in re.finditer(
        r"\bover\s*\(|\bwindow\s+\w+\s+as\s*\(|,\s*\w+\s+as\s*\((?=\s*(?:partition|order)\s+by)", sql
    ):
        yield in_brackets(sql, found.end() - 1)


def windows_over_all_rows(sql: str) -> list[str]:
    return [window for window in windows(sql) if not window.startswith("partition by")]


def collects_into_one_row(sql: str) -> bool:
    lists = r"\b(list|array_agg|string_agg|listagg|sorted_values|ordered_path|map_aggregated|collect_list)\s*\("
    return re.search(lists, sql) is not None and re.search(r"\bgroup\s+by\b", sql) is None


def listed(found: set[str], allowed: dict[str, str], what: str) -> None:
    assert found - set(allowed) == set(), f"{what}: remove it, or list the model here with the reason"
    assert set(allowed) - found == set(), f"{what}: listed here, and no longer there"
    assert all(len(reason.split()) > 3 for reason in allowed.values())


def test_windows_over_all_rows_are_listed() -> None:
    found = {model.name for model in models() if windows_over_all_rows(sql_of(model))}
    listed(found, WINDOWS_OVER_ALL_ROWS, "a window without a partition")


def test_recursive_queries_are_listed() -> None:
    found = {model.name for model in models() if re.search(r"\bwith\s+recursive\b", sql_of(model))}
    listed(found, RECURSIVE, "a recursive query")


def test_lists_of_all_rows_are_listed() -> None:
    found = {model.name for model in models() if collects_into_one_row(sql_of(model))}
    listed(found, COLLECTED_INTO_ONE_ROW, "a list of all rows")


def test_steps_on_the_driver_are_listed() -> None:
    found = {model.name for model in models() if "materialized='python_step'" in model.text}
    listed(found, ON_THE_DRIVER, "a step in Python")


def test_no_model_asks_the_engine_while_it_is_compiled() -> None:
    asking = r"\b(run_query|statement|load_result|get_column_values|adapter\.(?!dispatch))\b"
    assert [model.name for model in models() if re.search(asking, model.text)] == []


@pytest.mark.parametrize(
    ("sql", "is_found"),
    [
        ("select row_number() over (order by a) from t", True),
        ("select row_number() over () from t", True),
        ("select row_number() over (partition by a order by b) from t", False),
        ("select sum(a) over w from t window w as (order by b)", True),
        ("select sum(a) over w, sum(a) over v from t window w as (partition by a), v as (order by b)", True),
        ("with a as (select 1), b as (select 2) select sum(x) over w from a window w as (partition by b)", False),
    ],
)
def test_a_window_over_all_rows_is_found(sql: str, is_found: bool) -> None:
    assert bool(windows_over_all_rows(sql)) == is_found
