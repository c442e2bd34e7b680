"""A query that an assistant writes reads the release alone, for a while, and gives bounded rows; else it is refused."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest
from mcp.client.client import Client

from assistants import limits
from assistants.allowed import FUNCTIONS, TABLE_FUNCTIONS
from assistants.asking import NotAnswered, ask
from assistants.asking import answer as answer_here
from orchestration.lib.core.settings import PROJECT_ROOT, Settings
from tests.assistants.talking import by_http, call, talk
from tests.served_releases import write_release

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
    "select json_serialize_plan('select current_setting(''secret_directory'')', optimize := true)",
    "select json_serialize_sql('select 1')",
    "select json_deserialize_sql(json_serialize_sql('select 1'))",
    "select system.main.current_setting('secret_directory')",
    "select max(n) filter (where current_setting('secret_directory') <> '') from core.facts",
    "select max(current_setting('secret_directory')) over () from core.facts",
    "select n from core.facts order by current_setting('secret_directory')",
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
# What DuckDB has besides what is allowed: shows or changes the machine, takes SQL, or is of use to DuckDB alone
NOT_ALLOWED = """
    assert_true bitstring_byte_comparable can_cast_implicitly cast_to_type col_description combine combine_aggr
    constant_or_null create_sort_key current_connection_id current_query current_query_id current_schemas
    current_setting current_transaction_id currval finalize format_pg_type format_type get_block_size getvariable
    has_any_column_privilege has_column_privilege has_database_privilege has_foreign_data_wrapper_privilege
    has_function_privilege has_language_privilege has_schema_privilege has_sequence_privilege has_server_privilege
    has_table_privilege has_tablespace_privilege hive_partition_component icu_sort_key in_search_path index_key
    inet_client_addr inet_client_port inet_server_addr inet_server_port invoke is_histogram_other_bin
    json_copy_strftime_if_date json_copy_strftime_if_timestamp json_deserialize_sql json_serialize_plan
    json_serialize_sql map_to_pg_oid nextval obj_description parse_duckdb_log_message pg_collation_is_visible
    pg_conf_load_time pg_conversion_is_visible pg_function_is_visible pg_get_constraintdef pg_get_expr
    pg_get_viewdef pg_has_role pg_is_other_temp_schema pg_my_temp_schema pg_opclass_is_visible
    pg_operator_is_visible pg_opfamily_is_visible pg_postmaster_start_time pg_sleep pg_table_is_visible
    pg_ts_config_is_visible pg_ts_dict_is_visible pg_ts_parser_is_visible pg_ts_template_is_visible
    pg_type_is_visible remap_struct replace_type setseed setval shobj_description sleep_ms stats sum_no_overflow
    timetz_byte_comparable to_aggregate_state txid_current variant_bytes_to_variant variant_comparator
    variant_to_parquet_variant vector_type write_log
"""
NO_TABLES = """
    arrow_scan arrow_scan_dumb checkpoint create_external_resource deregister_external_resource
    destroy_external_resource disable_logging disable_profiling duckdb_approx_database_count
    duckdb_available_metrics duckdb_connection_count duckdb_constraints duckdb_coordinate_systems duckdb_databases
    duckdb_dependencies duckdb_dialects duckdb_eviction_queues duckdb_extension_repositories duckdb_extensions
    duckdb_external_file_cache duckdb_external_resource_types duckdb_external_resources duckdb_functions
    duckdb_grammar_extensions duckdb_indexes duckdb_keywords duckdb_log_contexts duckdb_logs duckdb_logs_parsed
    duckdb_memory duckdb_optimizers duckdb_prepared_statements duckdb_profiling_settings duckdb_schemas
    duckdb_secret_type_parameters duckdb_secret_types duckdb_secrets duckdb_sequences duckdb_settings
    duckdb_table_sample duckdb_temporary_files duckdb_triggers duckdb_types duckdb_variables duckdb_views
    enable_logging enable_profiling force_checkpoint glob histogram histogram_values icu_calendar_names
    json_execute_serialized_sql json_tree pandas_scan parquet_bloom_probe parquet_file_metadata
    parquet_full_metadata parquet_kv_metadata parquet_metadata parquet_scan parquet_schema pg_timezone_names
    pragma_collations pragma_database_size pragma_metadata_info pragma_platform pragma_show pragma_storage_info
    pragma_table_info pragma_user_agent pragma_version python_arrow_scan python_map_function query query_table
    read_blob read_csv read_csv_auto read_duckdb read_json read_json_auto read_json_objects read_json_objects_auto
    read_ndjson read_ndjson_auto read_ndjson_objects read_parquet read_single_csv_file read_single_json_file
    read_single_parquet_file read_text register_external_resource register_external_resource_type repeat repeat_row
    seq_scan sniff_csv summary test_all_types test_vector_types truncate_duckdb_logs which_secret
"""
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
    "select core.tripled(n) as n from core.facts": [{"n": 3}],
    "select [x + 1 for x in [n]] as a, n::json as b, {'c': n}.c as c, date '2026-01-31' + interval 1 month as d,"
    " 'x' like '%x' as e, extract(year from date '2026-01-31') as f, row_number() over (order by n) as g,"
    " string_agg(n, ',') over () as h, coalesce(null, nullif(n, 2), 3) as i, -n % 2 as j, try_cast('x' as int) as k,"
    " timestamp '2026-01-01 00:00:00' at time zone 'UTC' < '2026-02-01'::timestamptz as l from core.facts": [
        {
            "a": [2],
            "b": "1",
            "c": 1,
            "d": "2026-02-28T00:00:00",
            "e": True,
            "f": 2026,
            "g": 1,
            "h": "1",
            "i": 1,
            "j": -1,
            "k": None,
            "l": True,
        }
    ],
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
        "create macro r.core.tripled(x) as 3 * x",
    )


def test_every_function_of_duckdb_was_looked_at() -> None:
    """One that a new version brings is refused; look at it, and name it in `functions.txt` or here."""
    with duckdb.connect() as connection:
        functions = connection.execute("select function_type, lower(function_name) from duckdb_functions()").fetchall()
    of_tables = {name for kind, name in functions if kind in ("table", "table_macro")}
    assert of_tables - TABLE_FUNCTIONS - set(NO_TABLES.split()) == set()
    # what orders texts, and what DuckDB puts into a plan, are many
    others = {
        name
        for kind, name in functions
        if kind not in ("pragma", "table", "table_macro")
        and not name.startswith(("__internal", "collate_", "icu_collate_", "is "))
    }
    assert others - FUNCTIONS - set(NOT_ALLOWED.split()) == set()
    assert FUNCTIONS & set(NOT_ALLOWED.split()) == TABLE_FUNCTIONS & set(NO_TABLES.split()) == set()


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


@pytest.mark.parametrize(
    ("code", "errors", "said"),
    [
        (-9, "", "memory"),
        (-6, "terminate called after throwing an instance of 'std::bad_alloc'", "memory"),
        (1, "Traceback\nMemoryError", "memory"),
        (1, "Traceback\nModuleNotFoundError: No module named 'x'", "could not be run; the server's log says why"),
        (1, "", "could not be run"),
    ],
)
def test_a_process_that_ends_for_another_reason_than_memory_is_not_called_large(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    errors: str,
    said: str,
) -> None:
    ended = subprocess.CompletedProcess([], code, b"", errors.encode())
    monkeypatch.setattr("assistants.asking.subprocess.run", lambda *arguments, **options: ended)
    logged: list[str] = []
    monkeypatch.setattr("assistants.asking.log.error", lambda text, *given: logged.append(text % given))
    with pytest.raises(NotAnswered, match=said):
        ask(settings.serving, "select 1", most_rows=1)
    assert any("No module named 'x'" in line for line in logged) == ("No module" in errors)


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
