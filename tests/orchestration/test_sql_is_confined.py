"""`make sql` reads one file: whatever a query says, no other file, network, extension or setting is within reach."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from orchestration.lib.core.settings import PROJECT_ROOT

# {} is a folder that the query has no business in; secret.csv lies there
REFUSED = (
    "from read_text('{}/secret.csv')",
    "from '{}/secret.csv'",
    "from read_csv('{}/secret.csv')",
    "from read_blob('{}/secret.csv')",
    "from glob('{}/*')",
    "from read_parquet('{}/*.parquet')",
    "select 1; copy (select 1) to '{}/written.csv'",
    "copy figures to '{}/written.csv'",
    "copy figures from '{}/secret.csv'",
    "attach '{}/written.duckdb'",
    "export database '{}/written'",
    "import database '{}/written'",
    "install httpfs",
    "load httpfs",
    "load '{}/secret.csv'",
    "from 'https://example.com/a.csv'",
    "from duckdb_secrets()",
    "create secret (type s3, key_id 'a', secret 'b')",
    "set lock_configuration = false",
    "set enable_external_access = true",
    "set temp_directory = '{}'",
    "reset enable_external_access",
    "set log_query_path = '{}/written.log'",
    "call enable_logging(storage = 'file', storage_path = '{}')",
    "pragma enable_profiling; set profiling_output = '{}/written.json'; select 1",
    "create table written as select 1",
    "update figures set n = 2",
    "drop table figures",
)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("confined")
    for file in ("serving/customer_journeys.duckdb", "var/omnichannel/warehouse.duckdb"):
        (folder / file).parent.mkdir(parents=True)
        with duckdb.connect(str(folder / file)) as connection:
            connection.execute("create table figures as select 1 as n")
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "secret.csv").write_text("what nobody asked for\n", encoding="utf-8")
    return folder


def ask(folder: Path, query: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "orchestration", "sql", *options, "--", query],
        cwd=PROJECT_ROOT,
        env={**os.environ, "JOURNEYS_SERVING": str(folder / "serving"), "JOURNEYS_VAR": str(folder / "var")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("query", REFUSED)
def test_a_query_reaches_nothing_else(asked: Path, query: str) -> None:
    elsewhere = asked / "elsewhere"
    before = (asked / "serving" / "customer_journeys.duckdb").read_bytes()
    ended = ask(asked, query.format(elsewhere))
    assert ended.returncode == 2, ended.stdout
    assert "what nobody asked for" not in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    assert [path.name for path in elsewhere.iterdir()] == ["secret.csv"]
    assert (asked / "serving" / "customer_journeys.duckdb").read_bytes() == before


def test_a_refusal_says_what_a_query_may_read(asked: Path) -> None:
    said = ask(asked, "from read_text('/etc/hostname')").stderr
    assert "A query reads customer_journeys.duckdb alone" in said
    assert "docs/querying.md" in said


def test_what_is_in_a_row_does_not_act_on_the_terminal(asked: Path) -> None:
    texts = ("\x1b[2J", "\x9b31m", "\u202e", "\r", "\x07")
    query = "select " + ", ".join(
        f"'seen' || chr({ord(character)}) || 'after'" for text in texts for character in text[:1]
    )
    shown = ask(asked, query).stdout
    assert shown.count("seen") >= len(texts)
    assert not any(text[0] in shown for text in texts)


def test_an_ordinary_question_is_answered(asked: Path) -> None:
    ended = ask(asked, "select n + 41 as answer from figures")
    assert ended.returncode == 0, ended.stderr
    assert "answer" in ended.stdout
    assert "42" in ended.stdout


# One of each kind: all of them take the same way as on a release.
REFUSED_ON_THE_WAREHOUSE = (
    "from read_text('{}/secret.csv')",
    "select 1; copy (select 1) to '{}/written.csv'",
    "attach '{}/written.duckdb'",
    "load httpfs",
    "set lock_configuration = false",
    "update figures set n = 2",
)


@pytest.mark.parametrize("query", REFUSED_ON_THE_WAREHOUSE)
def test_a_query_of_the_warehouse_reaches_nothing_else(asked: Path, query: str) -> None:
    elsewhere = asked / "elsewhere"
    before = (asked / "var" / "omnichannel" / "warehouse.duckdb").read_bytes()
    ended = ask(asked, query.format(elsewhere), "--warehouse")
    assert ended.returncode == 2, ended.stdout
    assert "what nobody asked for" not in ended.stdout + ended.stderr
    assert "with personal data in clear" in ended.stderr and "Traceback" not in ended.stderr
    assert [path.name for path in elsewhere.iterdir()] == ["secret.csv"]
    assert (asked / "var" / "omnichannel" / "warehouse.duckdb").read_bytes() == before


def test_a_question_to_the_warehouse_is_answered_without_acting_on_the_terminal(asked: Path) -> None:
    ended = ask(asked, "select n + 41 as answer, chr(27) || '[2J' || chr(8238) as acting from figures", "--warehouse")
    assert ended.returncode == 0, ended.stderr
    assert "42" in ended.stdout and "[2J" in ended.stdout
    assert "\x1b" not in ended.stdout and "\u202e" not in ended.stdout
