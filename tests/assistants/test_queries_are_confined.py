"""A query that an assistant writes reads the release alone, for a while, and gives bounded rows; else it is refused."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client

from assistants import limits
from assistants.asking import NotAnswered, ask
from assistants.asking import answer as answer_here
from orchestration.lib.core.settings import PROJECT_ROOT, Settings
from tests.assistants.talking import by_http, call, talk, write_release

# {} is a folder that the query has no business in; secret.csv lies there
REFUSED = (
    "from read_text('{}/secret.csv')",
    "from '{}/secret.csv'",
    "from read_csv('{}/secret.csv')",
    "from read_csv_auto('{}/secret.csv')",
    "from read_blob('{}/secret.csv')",
    "from read_json('{}/secret.csv')",
    "from read_parquet('{}/*')",
    "from parquet_metadata('{}/*')",
    "from read_duckdb('{}/other.duckdb')",
    "from sniff_csv('{}/secret.csv')",
    "from glob('{}/*')",
    "select * from (values (1)) where 1 in (select 1 from read_text('{}/secret.csv'))",
    "with a as (from read_text('{}/secret.csv')) from a",
    "select (select content from read_text('{}/secret.csv'))",
    "from query('from read_text(''{}/secret.csv'')')",
    "from query_table('duckdb_settings')",
    "from json_execute_serialized_sql(json_serialize_sql('from duckdb_settings()'))",
    "copy (select 1) to '{}/written.csv'",
    "copy core.facts from '{}/secret.csv'",
    "attach '{}/written.duckdb'",
    "attach ':memory:' as other",
    "export database '{}/written'",
    "import database '{}/written'",
    "install httpfs",
    "load httpfs",
    "load '{}/secret.csv'",
    "from 'https://example.com/a.csv'",
    "create secret (type s3, key_id 'a', secret 'b')",
    "set lock_configuration = false",
    "set memory_limit = '100GB'",
    "reset enable_external_access",
    "call enable_logging(storage = 'file', storage_path = '{}')",
    "pragma database_list",
    "from pragma_database_list",
    "from duckdb_databases()",
    "from duckdb_databases",
    "from system.main.duckdb_databases",
    "from pg_catalog.pg_settings",
    "with duckdb_databases as (select 1 as n) select (select n from duckdb_databases), path from (select 1) as x,"
    " duckdb_databases",
    "select (select max(n) from (with duckdb_databases as (select 1 as n) from duckdb_databases)), path"
    " from duckdb_databases",
    "from duckdb_settings()",
    "select * from (from duckdb_settings())",
    "select current_setting('temp_directory')",
    "select 'home_directory'.current_setting()",
    "select list_transform(['temp_directory'], lambda x: current_setting(x))",
    "from duckdb_extensions()",
    "from duckdb_secrets()",
    "from duckdb_logs",
    "from duckdb_temporary_files()",
    "from duckdb_variables()",
    "from pragma_storage_info('core.facts')",
    "select getenv('HOME')",
    "select getvariable('x')",
    "select sleep_ms(100000)",
    "select write_log('x')",
    "from sys",
    "from pandas_scan(1, 2, 3)",
    "from arrow_scan(1, 2, 3)",
    "show databases",
    "show all tables",
    "describe duckdb_settings",
    "summarize duckdb_settings",
    "explain select 1",
    "pivot core.facts on n",
    "create table written as select 1",
    "create or replace macro x() as 1",
    "prepare x as select 1",
    "update core.facts set n = 2",
    "drop table core.facts",
    "begin",
    "vacuum",
    "checkpoint",
    "select 1; select 2",
    "select 1; drop table core.facts",
    ";",
    "",
    "nothing of the kind",
    "(" * 15_000,
    "select " + "-" * 30_000 + "\n1",
)
FINE = {
    "select n + 41 as answer from core.facts": [{"answer": 42}],
    "with recursive t as (select 1 as n union all select n + 1 from t where n < 3) select max(n) as n from t": [
        {"n": 3}
    ],
    "select x.n from (values (7)) as x(n) inner join core.facts on true": [{"n": 7}],
    "from core.doubled(21)": [{"n": 42}],
    "select count(*) as n from range(3) as r(i) where i in (select n from core.facts)": [{"n": 1}],
    "select table_name from duckdb_tables where schema_name = 'core' order by 1 limit 1;": [{"table_name": "facts"}],
    "from core.facts -- a word at the end": [{"n": 1}],
    "select column_name from (describe core.facts)": [{"column_name": "n"}],
    "select 1 as n, 2 as n": [{"n": 1, "n_2": 2}],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("confined")


@pytest.fixture(scope="module")
def settings(folder: Path) -> Settings:
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "secret.csv").write_text("what nobody asked for\n", encoding="utf-8")
    return write_release(
        folder,
        "one",
        "create table r.core.facts as select 1 as n",
        "create macro r.core.doubled(x) as table select 2 * x as n",
    )


def test_a_query_reaches_nothing_else(settings: Settings, folder: Path) -> None:
    elsewhere = folder / "elsewhere"
    file = (settings.serving / "customer_journeys.duckdb").resolve()
    before = file.read_bytes()
    answered, said = list[str](), list[str]()
    for query in REFUSED:
        answer = answer_here(file, query.format(elsewhere), most_rows=1, seconds=20)
        (said if "problem" in answer else answered).append(answer.get("problem", query))
    assert answered == []
    for query, rows in FINE.items():
        assert answer_here(file, query, most_rows=10, seconds=20).get("rows") == rows, query
    # what is said names no folder but those that were asked for
    whole = "\n".join(said).replace(str(elsewhere), "")
    assert "what nobody asked for" not in whole
    assert not any(str(one) in whole for one in (settings.var, settings.serving, Path.home(), PROJECT_ROOT))
    assert all(len(one) > 30 for one in said)
    assert [path.name for path in elsewhere.iterdir()] == ["secret.csv"]
    assert file.read_bytes() == before


def test_a_client_is_refused_the_same_and_its_next_query_is_answered(
    settings: Settings, folder: Path, tmp_path: Path
) -> None:
    said = []

    async def questions(client: Client) -> None:
        for query in REFUSED[::7]:
            answer = await call(client, "query", sql=query.format(folder / "elsewhere"))
            assert answer.error, query
            said.append(answer.error)
        for query, rows in list(FINE.items())[:2]:
            assert (await call(client, "query", sql=query)).rows == rows, query

    logged = talk(settings, tmp_path / "errors", questions)
    assert logged == ""
    assert len(said) > 10 and "what nobody asked for" not in "\n".join(said)
    assert [path.name for path in (folder / "elsewhere").iterdir()] == ["secret.csv"]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("select count(*) from range(1000000000000)", "longer than"),
        ("with recursive t as (select 1 as n union all select n + 1 from t) select count(*) from t", "longer than"),
        (
            "select count(*) from range(100000) a, range(100000) b, range(100000) c where hash(a, b, c) = 1",
            "longer than",
        ),
        ("select list(i) from range(1000000000) as r(i)", "memory"),
        ("select length(repeat('x', 4000000000)) + length(repeat('y', 4000000000))", "memory"),
        ("select string_agg(repeat('x', 1000000), '') from range(1000000)", "memory"),
        ("from range(500000000) as r(i) order by hash(i)", "memory"),
        ("select list_transform(range(2000000), lambda x: repeat('y', 2000))", "memory"),
    ],
)
def test_a_query_that_takes_too_much_is_ended(settings: Settings, query: str, reason: str) -> None:
    begun = time.monotonic()
    with pytest.raises(NotAnswered) as problem:
        ask((settings.serving / "customer_journeys.duckdb").resolve(), query, most_rows=10, seconds=0.5)
    # a busy machine may be over its time before the memory is full
    assert reason in str(problem.value) or "longer than" in str(problem.value)
    assert time.monotonic() - begun < 1 + limits.SECONDS_TO_END + 5


def test_rows_are_bounded(settings: Settings) -> None:
    database = (settings.serving / "customer_journeys.duckdb").resolve()
    found = ask(database, "from range(1000000000000)", most_rows=10)
    assert (len(found.rows), found.is_cut) == (10, True)
    assert not ask(database, "from range(10)", most_rows=10).is_cut
    # wide values, many columns, long lists: each is cut, and says so
    found = ask(database, "select repeat('x', 5000000) as wide, range(1000000) as long", most_rows=10)
    assert found.rows[0]["wide"].endswith("… (5,000,000 characters)")
    assert found.rows[0]["long"][-1] == "… 1000000 values"
    found = ask(database, "select repeat('x', 2000) as wide from range(1000)", most_rows=1000)
    assert found.is_cut and 80 < len(found.rows) <= limits.MOST_CHARACTERS / 2_000
    columns = ", ".join(f"repeat('x', 2000) as c{n}" for n in range(500))
    assert ask(database, f"select {columns}", most_rows=10).rows == []


def test_values_of_every_type_are_written(settings: Settings) -> None:
    database = (settings.serving / "customer_journeys.duckdb").resolve()
    [row] = ask(
        database,
        "select 'nan'::double as a, 9223372036854775807 as b, 1.50::decimal(18,2) as c, date '2026-01-01' as d,"
        " 'ab'::blob as e, {'k': [1, null]} as f, interval 1 day as g,"
        " uuid '00000000-0000-0000-0000-000000000000' as h, map {'x': 1} as i, null as j, true as k",
        most_rows=1,
    ).rows
    assert row == {
        "a": "nan", "b": "9223372036854775807", "c": 1.5, "d": "2026-01-01", "e": "6162", "f": {"k": [1, None]},
        "g": "1 day, 0:00:00", "h": "00000000-0000-0000-0000-000000000000", "i": {"x": 1}, "j": None, "k": True,
    }  # fmt: skip


def test_nothing_of_the_environment_is_in_the_process_that_asks(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever DuckDB may one day show of its process, the key is not there."""
    monkeypatch.setenv("JOURNEYS_PEPPER", "a key that nobody may see")
    seen: dict[str, Any] = {}

    def run(arguments: list[str], **options: object) -> object:
        seen.update(options)
        raise NotAnswered("seen")

    monkeypatch.setattr("assistants.asking.subprocess.run", run)
    with pytest.raises(NotAnswered):
        ask(settings.serving, "select 1", most_rows=1)
    assert set(seen["env"]) == {"JOURNEYS_MEMORY", "JOURNEYS_SPILL", "LANG"}


def test_over_http_the_same_is_refused_and_answered(settings: Settings, folder: Path) -> None:
    import asyncio

    async def questions(address: str) -> None:
        async with Client(address, read_timeout_seconds=60) as client:
            for query in ("from read_text('{}/secret.csv')", "from duckdb_databases()", "select 1; select 2"):
                answer = await call(client, "query", sql=query.format(folder / "elsewhere"))
                assert answer.error and "nobody asked" not in answer.error
            assert (await call(client, "query", sql="select n from core.facts")).rows == [{"n": 1}]

    with by_http(settings) as address:
        asyncio.run(questions(address))
