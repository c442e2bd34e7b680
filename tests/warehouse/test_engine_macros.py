"""Each macro of `macros/engine` gives the same results on DuckDB and on Spark, and the right ones."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT
from tests.warehouse.engine_macro_rows import CASES, OF_MATERIALISATIONS, TIME_ZONE, Case

MACROS = sorted(path.stem for path in (PROJECT_ROOT / "macros" / "engine").glob("*.sql"))
NEXT = "-- next case"
NAMES = [f"{case.macro}-{number}" for number, case in enumerate(CASES)]

COMPILING = """
import json, sys
sys.stdout, answer = sys.stderr, sys.stdout
from dbt.cli.main import dbtRunner
from orchestration.lib.dbt.project import parsed_project
request = json.load(sys.stdin)
# the project that was parsed for builds has what dbt-duckdb brings; for Spark it is parsed again
manifest = parsed_project()[1] if request["target"] == "duckdb" else None
result = dbtRunner(manifest=manifest).invoke(request["arguments"])
if not result.success:
    sys.exit(str(result.exception or [found.message for found in result.result]))
answer.write(json.dumps(result.result.results[0].node.compiled_code))
"""


def compiled(target: str) -> list[str]:
    """The queries of all cases as dbt compiles them for a target, without a connection to it."""
    text = f"\n{NEXT}\n".join(case.query for case in CASES)
    work = PROJECT_ROOT / "var" / f".dbt-macros-{target}"
    arguments = [
        *("--log-level", "none", "--log-level-file", "none", "--no-write-json", "compile", "--inline", text),
        *("--target", target, "--no-introspect", "--no-populate-cache"),
        *("--project-dir", str(PROJECT_ROOT), "--profiles-dir", str(PROJECT_ROOT)),
        *("--target-path", str(work), "--log-path", str(work)),
        *("--vars", json.dumps({"reporting_time_zone": TIME_ZONE})),
    ]
    done = subprocess.run(
        [sys.executable, "-c", COMPILING],
        input=json.dumps({"target": target, "arguments": arguments}),
        cwd=PROJECT_ROOT,
        env=os.environ | {"JOURNEYS_WAREHOUSE": ":memory:"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [query.strip() for query in json.loads(done.stdout).split(NEXT)]


@pytest.fixture(scope="module")
def for_duckdb() -> list[str]:
    return compiled("duckdb")


@pytest.fixture(scope="module")
def for_spark(spark: Any) -> list[str]:
    return compiled("spark")


@pytest.mark.xdist_group("engine_macros")
@pytest.mark.parametrize("number", range(len(CASES)), ids=NAMES)
def test_duckdb_gives_the_right_results(number: int, for_duckdb: list[str]) -> None:
    case = CASES[number]
    with open_duckdb(":memory:") as connection:
        connection.register("inputs", case.inputs())
        found = connection.sql(for_duckdb[number]).to_arrow_table()
    assert rows_of(found.to_pylist()) == expected_of(case)


@pytest.mark.spark
@pytest.mark.xdist_group("spark")
@pytest.mark.parametrize("number", range(len(CASES)), ids=NAMES)
def test_spark_gives_the_right_results(number: int, for_spark: list[str], spark: Any) -> None:
    from pyspark.sql.pandas.types import from_arrow_schema

    case = CASES[number]
    inputs = case.inputs(moment=pa.timestamp("us", tz="UTC"))
    # an empty table is not looked at for its columns
    frame = spark.createDataFrame(inputs if len(inputs) else [], schema=from_arrow_schema(inputs.schema))
    frame.createOrReplaceTempView("inputs")
    found = spark.sql(for_spark[number]).toArrow()
    assert rows_of(found.to_pylist()) == expected_of(case)


@pytest.mark.parametrize("macro", MACROS)
def test_each_macro_has_both_forms_and_rows(macro: str) -> None:
    text = (PROJECT_ROOT / "macros" / "engine" / f"{macro}.sql").read_text(encoding="utf-8")
    for form in ("duckdb", "spark"):
        assert re.search(rf"macro {form}__{macro}\(", text), f"macros/engine/{macro}.sql has no form {form}__{macro}"
    assert macro in {case.macro for case in CASES} | OF_MATERIALISATIONS, f"engine_macro_rows.py has no rows of {macro}"
    named = re.search(
        rf"^\| [^|]*`{macro}`", (PROJECT_ROOT / "docs" / "portability.md").read_text("utf-8"), re.MULTILINE
    )
    assert named, f"docs/portability.md does not say what differs in {macro}"


def rows_of(found: list[dict[str, Any]]) -> list[tuple]:
    return sorted((tuple(plain(value) for value in row.values()) for row in found), key=repr)


def expected_of(case: Case) -> list[tuple]:
    rows = [row if isinstance(row, tuple) else (number, row) for number, row in enumerate(case.expected)]
    return sorted(rows, key=repr)


def plain(value: Any) -> Any:
    """Instants without their zone, which is UTC; whole numbers whatever an engine counts in."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    return value
