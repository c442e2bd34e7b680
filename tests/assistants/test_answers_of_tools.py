"""What the tools answer is what the marts of the same release say, with release, clock, n and SQL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client

from assistants.asking import answer as asked_here
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import Settings
from tests.assistants.talking import call, talk
from tests.served_releases import write_release

pytestmark = pytest.mark.xdist_group("published_examples")

CLEAR = ("ann@example.com", "+4917612345678", "Ann Smith", "c_zz", "cookie-1", "c_" + "0" * 32 + "@example.com")


def rows(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    with open_duckdb((settings.serving / "customer_journeys.duckdb").resolve(), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def release_of(settings: Settings) -> str:
    return (settings.serving / "customer_journeys.duckdb").resolve().parent.name


def test_every_tool_is_described_reads_only_and_has_a_schema_of_its_answers(
    omnichannel: Settings, tmp_path: Path
) -> None:
    async def questions(client: Client) -> None:
        tools = (await client.list_tools()).tools
        assert {tool.name for tool in tools} == {
            "list_marts", "describe_mart", "scorecard", "explain_kpi", "journey_map", "why_one_customer", "query",
        }  # fmt: skip
        for tool in tools:
            assert tool.title and len(tool.description or "") > 80, tool.name
            assert tool.annotations.read_only_hint is True and tool.annotations.destructive_hint is False
            assert {"release", "as_of", "n", "n_of", "sql"} <= set(tool.output_schema["required"]), tool.name
            for argument in tool.input_schema["properties"].values():
                assert argument["description"]

    assert talk(omnichannel, tmp_path / "errors", questions) == ""


def test_answers_are_those_of_the_marts(omnichannel: Settings, tmp_path: Path) -> None:
    database = (omnichannel.serving / "customer_journeys.duckdb").resolve()

    async def ask(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
        answer = (await call(client, tool, **arguments)).data
        assert answer["release"] == release_of(omnichannel) and answer["as_of"] == "2026-07-01T00:00:00+00:00"
        # each query can be asked again
        for query in answer["sql"]:
            again = asked_here(database, query, most_rows=1_000, seconds=20)
            assert "problem" not in again, (query, again)
        return answer

    async def questions(client: Client) -> None:
        marts = await ask(client, "list_marts")
        assert marts["n"] == len(marts["rows"]) > 50
        mart = await ask(client, "describe_mart", mart="core.fct_events")
        assert mart["n"] == rows(omnichannel, "select count(*) from core.fct_events")[0][0]
        assert mart["description"].startswith("One row per event") and len(mart["columns"]) == 22
        assert all(column["description"] for column in mart["columns"])

        card = await ask(client, "scorecard")
        published = dict(rows(omnichannel, "select kpi_id, value from kpis.kpi_scorecard"))
        assert {row["kpi_id"]: row["value"] for row in card["rows"]} == published and card["n"] == len(published)
        red = await ask(client, "scorecard", status="red", journey="purchase")
        assert red["rows"] == [row for row in card["rows"] if (row["status"], row["journey_id"]) == ("red", "purchase")]

        kpi = await ask(client, "explain_kpi", kpi_id="awareness_click_share", periods=4)
        assert kpi["definition"]["denominator_measure_id"] == "ad_impressions" and kpi["targets"]
        assert [row["role"] for row in kpi["people"]].count("accountable") == 1
        assert len(kpi["figures"]) == 4 and kpi["figures"][0]["value"] == published["awareness_click_share"]
        assert kpi["n"] == kpi["figures"][0]["n"] == sum(row["n"] or 0 for row in kpi["moved"])
        assert kpi["figures"][0]["numerator"] == sum(row["numerator"] or 0 for row in kpi["moved"])

        drawn = await ask(client, "journey_map", journey="purchase", most_ways=5)
        assert len(drawn["ways"]) == 5 and drawn["is_cut"]
        assert (
            drawn["n"]
            == rows(omnichannel, "select count(*) from journeys.fct_journeys where journey_id = 'purchase'")[0][0]
        )
        assert {way["to_stop_id"] for way in drawn["ways"]} <= {stop["stop_id"] for stop in drawn["stops"]}

        for name, tool in (
            ("interest_pased_share", "explain_kpi"),
            ("purchas", "journey_map"),
            ("core.events", "describe_mart"),
        ):
            argument = {"explain_kpi": "kpi_id", "journey_map": "journey", "describe_mart": "mart"}[tool]
            assert "did you mean" in (await call(client, tool, **{argument: name})).error

    assert talk(omnichannel, tmp_path / "errors", questions) == ""


def test_a_filter_that_no_kpi_has_is_no_answer_of_none(omnichannel: Settings, tmp_path: Path) -> None:
    async def questions(client: Client) -> None:
        assert "'red', 'amber', 'green' or 'no_data'" in (await call(client, "scorecard", status="Red")).error
        assert "did you mean purchase?" in (await call(client, "scorecard", journey="Purchase")).error
        assert "did you mean interest?" in (await call(client, "scorecard", phase="intrest")).error
        error = (await call(client, "scorecard", accountable="xyzxyz")).error
        assert "has this accountable person. KPIs have: " in error and "did you mean" not in error
        error = (await call(client, "journey_map", journey="xyzxyz")).error
        assert error.endswith("There is no such journey in this release. journeys.dim_journeys lists them.")

    talk(omnichannel, tmp_path / "errors", questions)


def test_moved_compares_final_periods_and_withholds_what_the_scorecard_withholds(
    omnichannel: Settings, tmp_path: Path
) -> None:
    kpis = dict(rows(omnichannel, "select kpi_id, is_mature from kpis.kpi_scorecard"))
    without = {
        kpi for (kpi,) in rows(omnichannel, "select kpi_id from kpis.dim_kpis where denominator_measure_id is null")
    }
    assert without and set(kpis.values()) == {True, False}
    withheld = 0

    async def questions(client: Client) -> None:
        nonlocal withheld
        for kpi, is_mature in kpis.items():
            answer = (await call(client, "explain_kpi", kpi_id=kpi, periods=3)).data
            assert bool(answer["moved"]) <= is_mature, kpi
            assert any("moved is empty" in note for note in answer["notes"]) == (not is_mature), kpi
            for row in answer["moved"]:
                for value, n in (("value", "n"), ("previous_value", "previous_n")):
                    if row[n] is None or row[n] < 5:
                        assert row[value] is None, (kpi, row)
                        withheld += row[n] is not None and row[n] > 0
            if kpi in without:
                assert answer["n"] == len(answer["figures"]) and answer["n_of"].startswith("periods; the KPI is a sum")
            else:
                assert answer["n"] == int(answer["scorecard"]["denominator"] or 0)

    talk(omnichannel, tmp_path / "errors", questions)
    assert withheld


def test_the_newest_restatements_of_a_kpi_are_given_and_those_of_no_other(
    omnichannel: Settings, tmp_path: Path
) -> None:
    """The KPI `orders` among others whose rows are newer, and whose keys have the word."""
    source = (omnichannel.serving / "customer_journeys.duckdb").resolve()
    names = [
        f"{schema}.{name}"
        for schema, name in rows(
            omnichannel, "select schema_name, table_name from duckdb_tables() where schema_name in ('kpis', 'hygiene')"
        )
    ]
    kpi = rows(omnichannel, "select min(kpi_id) from kpis.dim_kpis")[0][0]
    rival = '{"kpi_id":"' + kpi + '_more","channel":"' + kpi + '","segment":"all"}'
    own = '{"kpi_id":"' + kpi + '","channel":"email","segment":"all"}'
    settings = write_release(
        tmp_path,
        "restated",
        f"attach '{source}' as source (read_only)",
        "create schema r.kpis",
        "create schema r.hygiene",
        *(f"create table r.{name} as from source.{name}" for name in names),
        "delete from r.hygiene.restatements",
        *(
            f"""
            insert into r.hygiene.restatements by name
            select 'restated' as release_id, 'kpis' as table_schema, 'fct_kpi_values_daily' as table_name,
                '{key}' as key, 'numerator' as measure, date '{since}' + cast(i as integer) as measured_on
            from range({count}) as r(i)
            """
            for key, since, count in ((rival, "2026-05-01", 60), (own, "2026-01-01", 51))
        ),
    )
    said = []

    async def questions(client: Client) -> None:
        said.append((await call(client, "explain_kpi", kpi_id=kpi)).data)

    talk(settings, tmp_path / "errors", questions)
    days = [row["measured_on"] for row in said[0]["restated"]]
    assert {row["key"] for row in said[0]["restated"]} == {own}
    assert (len(days), days[0], days[-1]) == (50, "2026-02-20", "2026-01-02")
    assert any("the newest 50" in note for note in said[0]["notes"])


def test_why_identifiers_are_one_customer_is_asked_by_id_or_hash_and_never_in_clear(
    omnichannel: Settings, tmp_path: Path
) -> None:
    [(customer, hashes)] = rows(
        omnichannel,
        """
        select customer_id, list(identifier_hash order by identifier_hash)
        from core.bridge_customer_identifiers
        where valid_to is null and identifier_type in ('email', 'phone', 'loyalty_card', 'record')
        group by customer_id order by count(*) desc, customer_id limit 1
        """,
    )
    said: list[str] = []

    async def questions(client: Client) -> None:
        answer = (await call(client, "why_one_customer", customer_or_hash=customer)).data
        assert {row["identifier_hash"] for row in answer["identifiers"]} >= set(hashes)
        assert answer["n"] == len(answer["identifiers"]) and answer["evidence"] and answer["links"]
        by_hash = (await call(client, "why_one_customer", customer_or_hash=hashes[0], other_hash=hashes[-1])).data
        assert by_hash["customer_id"] == customer
        assert by_hash["path"][0]["from_identifier_hash"] == hashes[0]
        assert by_hash["path"][-1]["to_identifier_hash"] == hashes[-1]
        for clear in CLEAR:
            for arguments in ({"customer_or_hash": clear}, {"customer_or_hash": hashes[0], "other_hash": clear}):
                said.append((await call(client, "why_one_customer", **arguments)).error)
        for unknown in ("0" * 32, "c_" + "0" * 32):
            assert "in the release" in (
                error := (await call(client, "why_one_customer", customer_or_hash=unknown)).error
            ) or ("No customer has" in error)

    logged = talk(omnichannel, tmp_path / "errors", questions)
    assert logged == ""
    assert len(said) == 2 * len(CLEAR) and all("make hash" in one for one in said)
    assert not any(clear in one for clear in CLEAR for one in said)


def test_marts_are_resources(omnichannel: Settings, tmp_path: Path) -> None:
    async def questions(client: Client) -> None:
        marts: Any
        mart: Any
        [marts] = (await client.read_resource("release://marts")).contents
        assert "kpis.kpi_scorecard" in marts.text
        [mart] = (await client.read_resource("release://marts/kpis.kpi_scorecard")).contents
        assert "One row per KPI" in mart.text

    assert talk(omnichannel, tmp_path / "errors", questions) == ""


def test_a_release_without_rows_is_answered(empty: Settings, tmp_path: Path) -> None:
    async def questions(client: Client) -> None:
        for tool, arguments in (("list_marts", {}), ("scorecard", {}), ("describe_mart", {"mart": "core.fct_events"})):
            assert (await call(client, tool, **arguments)).error == ""
        assert (await call(client, "query", sql="from core.fct_events")).rows == []
        for tool, arguments in (("journey_map", {"journey": "purchase"}), ("explain_kpi", {"kpi_id": "orders"})):
            answer = await call(client, tool, **arguments)
            assert answer.data or "no such" in answer.error

    assert talk(empty, tmp_path / "errors", questions) == ""
