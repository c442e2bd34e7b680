"""Python runs the models' own SQL: dbt compiles it, once per state of the code."""

from __future__ import annotations

from typing import NoReturn

import pytest
import yaml

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.dbt import compiled
from orchestration.lib.dbt.compiled import ANALYSES, expression, expressions, models_on
from orchestration.lib.dbt.running import DbtFailed

INPUTS = {"int_matched_events": "matched", "int_match_cases": "cases", "journeys": "journeys"}


def test_every_expression_is_described() -> None:
    documents = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in ANALYSES.glob("*.yml")]
    described = {entry["name"]: entry["description"] for document in documents for entry in document["analyses"]}
    assert set(described) == {path.stem for path in ANALYSES.glob("*.sql")}
    assert all(len(said) > 20 for said in described.values())


def test_every_expression_runs() -> None:
    columns = {
        "type": "'email'",
        "normalised_value": "'a@x.nl'",
        "pepper": "'key'",
        "json": "'{\"a\": 1}'",
        "name": "'a'",
        "occurred_at": "timestamp '2026-01-01 23:30:00'",
        "rule": "'email'",
        "rule_name": "'order_*'",
        "event_name": "'order_placed'",
        "trimmed_value": "'A@x.nl'",
        "value": "' A@x.nl '",
    }
    given = ", ".join(f"{sql} as {column}" for column, sql in columns.items())
    names = sorted(path.stem for path in ANALYSES.glob("*.sql"))
    with open_duckdb() as connection:
        # canonical_hash reads a hash and what the look-up of telephone numbers has for it
        row = connection.execute(f"""
            select {", ".join(expressions(*names))}
            from (select {given}) as given
            cross join (select 'written' as written_hash) as hashed
            left join (select 'written' as written_hash, 'known' as identifier_hash) as phone_numbers
                on phone_numbers.written_hash = hashed.written_hash
        """).fetchone()
    assert row is not None
    found = dict(zip(names, row, strict=True))
    assert found["json_member"] == "1"
    assert found["trimmed_identifier"] == "A@x.nl"
    assert found["normalised_identifier"] == found["normalised_by_rule"] == "a@x.nl"
    assert found["unusable_because"] is None
    assert found["canonical_hash"] == "known"
    assert len(found["identifier_hash"]) == 32


def test_a_day_is_one_of_the_reporting_time_zone() -> None:
    with open_duckdb() as connection:
        days = connection.execute(
            f"select {expression('local_date')}, {expression('local_date', time_zone='Asia/Tokyo')} "
            "from (select timestamp '2026-01-01 23:30:00' as occurred_at)"
        ).fetchone()
    assert [str(day) for day in days or ()] == ["2026-01-01", "2026-01-02"]


def test_a_model_is_placed_on_other_relations_with_another_clock() -> None:
    name = "int_phase_intervals"
    sql = models_on([name], INPUTS, as_of="timestamp '2026-02-03'")[name]
    assert '"' not in sql.replace('$."', "").replace("'\"'", ""), "a relation of dbt's is left"
    assert "timestamp '2026-02-03'" in sql
    with pytest.raises(KeyError, match="journeys"):
        models_on([name], {other: table for other, table in INPUTS.items() if other != "journeys"}, as_of="now()")


def test_dbt_is_asked_once_per_state_of_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    before = expression("json_member")
    calls: list[tuple[set[str], str]] = []

    def refuse(names: list[str], time_zone: str) -> NoReturn:
        calls.append((set(names), time_zone))
        raise DbtFailed("asked")

    monkeypatch.setattr(compiled, "_compile", refuse)
    assert expression("json_member") == before
    assert calls == []
    monkeypatch.setattr(compiled, "OF_EXPRESSIONS", ("dbt_project.yml",))
    with pytest.raises(DbtFailed, match="asked"):
        expression("json_member")
    assert calls == [({path.stem for path in ANALYSES.glob("*.sql")}, "UTC")]


def test_what_dbt_cannot_compile_is_said_with_its_names() -> None:
    with pytest.raises(DbtFailed, match="dbt could not compile no_such_expression"):
        compiled._compile(["no_such_expression"], "UTC")
