"""What the YAML says of a published table is read strictly: a wrong key names file, table and fix."""

from __future__ import annotations

from typing import Any

import pytest

from orchestration.lib.dbt.marts import MartError, marts_by_schema, read_marts

FACTS = {"answers": "What happened?", "key": ["event_id"]}


def node(name: str = "fct_events", schema: str = "core", *, facts: Any = FACTS, **changed: Any) -> dict[str, Any]:
    """A model as dbt's manifest has it, as far as it is read."""
    columns = {"event_id": "string", "occurred_at": "timestamp", "amount": "decimal(18,2)"}
    return {
        "resource_type": "model",
        "unique_id": f"model.journeys.{name}",
        "fqn": ["journeys", "marts", schema, name],
        "schema": schema,
        "alias": name,
        "description": "One row per event: the timeline.\nMore of it.\n",
        "columns": {column: {"name": column, "data_type": kind} for column, kind in columns.items()},
        "config": {"meta": {} if facts is None else {"release": facts, "replace": {"key": "event_id"}}},
        "patch_path": f"journeys://models/marts/{schema}/_{schema}__models.yml",
        "original_file_path": f"models/marts/{schema}/{name}.sql",
        **changed,
    }


def ledger(**facts: Any) -> dict[str, Any]:
    place = "models/marts/hygiene/_hygiene__sources.yml"
    changed = {"resource_type": "source", "identifier": "releases", "patch_path": None, "original_file_path": place}
    return node("releases", "hygiene", facts={"answers": "What was published?", **facts}, **changed)


def manifest(*models: dict[str, Any], sources: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    staging = node("stg_feed__events", "feed", facts=None, fqn=["journeys", "staging", "feed", "stg_feed__events"])
    landed = node("events", "feed", facts=None, fqn=["journeys", "staging", "feed", "events"], identifier="events")
    return {
        "nodes": {model["alias"]: model for model in (*models, staging)},
        "sources": {source["alias"]: source for source in (*sources, landed)},
    }


def error_of(*models: dict[str, Any], sources: tuple[dict[str, Any], ...] = ()) -> str:
    with pytest.raises(MartError) as caught:
        read_marts(manifest(*models, sources=sources))
    return str(caught.value)


def test_marts_come_by_schema_and_name_and_ledgers_after_them() -> None:
    marts = read_marts(
        manifest(node("map_stops", "flows"), node("fct_gaps", "flows"), node(), sources=(ledger(is_ledger=True),))
    )
    assert [mart.label for mart in marts] == [
        "core.fct_events",
        "flows.fct_gaps",
        "flows.map_stops",
        "hygiene.releases",
    ]
    assert list(marts_by_schema(marts)) == ["core", "flows", "hygiene"]
    events = marts[0]
    assert (events.grain, events.facts.answers, events.facts.key) == ("event", "What happened?", ("event_id",))
    assert events.facts.may_shrink and events.facts.may_be_empty and not events.facts.is_ledger
    assert list(events.columns.items())[1] == ("occurred_at", "timestamp")


@pytest.mark.parametrize(
    ("facts", "finding"),
    [
        (None, "config.meta.release is missing; write it, with answers and key."),
        ({"key": ["event_id"]}, "meta.release.answers is missing; write it: the question that the table answers"),
        ({"answers": "?"}, "meta.release.key is missing; write the columns that name a row"),
        ({**FACTS, "freshnes": 3}, "meta.release.freshnes is no known key; write freshness."),
        ({**FACTS, "colour": 3}, "meta.release.colour is no known key; known are answers, key, joins, freshness"),
        (
            {**FACTS, "freshness": {"column": "occurred_at", "days": 3}},
            "meta.release.freshness.days is no known key; known are column, within_days.",
        ),
        (
            {**FACTS, "freshness": {"column": "occurred_at"}},
            "meta.release.freshness.within_days is missing; write it: it is required here.",
        ),
        (
            {**FACTS, "freshness": {"column": "seen_at", "within_days": 3}},
            "meta.release.freshness.column names seen_at, which is no column of the table; its columns are event_id,",
        ),
        (
            {**FACTS, "restated": {"day": "occurred_at", "measures": ["amounts"]}},
            "meta.release.restated.measures names amounts, which is no column of the table",
        ),
        (
            {**FACTS, "joins": [{"columns": ["event_id"], "to": "core.fct_event"}]},
            "meta.release.joins names core.fct_event, which is no published table; write core.fct_events.",
        ),
        (
            {**FACTS, "joins": [{"columns": ["event_id", "occurred_at"], "to": "core.fct_events"}]},
            "meta.release.joins has event_id, occurred_at for core.fct_events; write a column for each of its key:",
        ),
        (
            {**FACTS, "joins": [{"columns": ["channel"], "to": "core.fct_events"}]},
            "meta.release.joins names channel, which is no column of the table",
        ),
        ({**FACTS, "key": ["event_key"]}, "meta.release.key names event_key, which is no column of the table"),
        ({**FACTS, "may_shrink": "perhaps"}, "meta.release.may_shrink: "),
        ({**FACTS, "is_ledger": True}, "meta.release.is_ledger is for tables that runs append to; a model is none"),
    ],
)
def test_a_wrong_fact_names_file_table_and_fix(facts: dict[str, Any] | None, finding: str) -> None:
    said = error_of(node(facts=facts))
    assert f"models/marts/core/_core__models.yml: fct_events: {finding}" in said


def test_a_ledger_says_that_it_is_one_and_has_no_key() -> None:
    place = "models/marts/hygiene/_hygiene__sources.yml: releases: "
    assert f"{place}meta.release.is_ledger is missing" in error_of(sources=(ledger(),))
    keyed = ledger(is_ledger=True, key=["event_id"])
    assert f"{place}meta.release.key is for models" in error_of(sources=(keyed,))


def test_all_that_is_wrong_is_said_at_once() -> None:
    said = error_of(node(facts=None), node("map_stops", "flows", facts={"answers": "?"}))
    assert len(said.splitlines()) == 2
