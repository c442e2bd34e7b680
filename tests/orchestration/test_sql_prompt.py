"""`make sql` without a query is a prompt on the release: many statements, one file, and Ctrl-C ends only the query."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import psutil
import pytest

from orchestration.cli import sql_prompt
from orchestration.lib.core.settings import PROJECT_ROOT, SettingsError
from tests.terminal import Session, at_terminal

SQL = [sys.executable, "-m", "orchestration", "sql"]
# no end in sight, and DuckDB looks up from it now and then
ENDLESS = "select sum(a.n * b.n % 7) from range(10000000) a(n), range(10000000) b(n);"


def make_release(folder: Path, number: int) -> Path:
    """A file with a table of the release's number, and a manifest."""
    release = folder / "var" / "own" / "releases" / f"release_{number}"
    release.mkdir(parents=True)
    with duckdb.connect(str(release / "customer_journeys.duckdb")) as connection:
        connection.execute("create schema core")
        connection.execute(f"create table core.fct_figures as select {number} as figure, 'a' as named")
        connection.execute("comment on table core.fct_figures is 'One row per figure. Nothing is left out.'")
        connection.execute("comment on column core.fct_figures.figure is 'How much it is.'")
    moment = "2026-07-01T00:00:00Z"
    manifest = {
        **{"release_id": release.name, "data_set": "own", "as_of": moment, "created_at": moment, "run_id": "run"},
        **{"previous_release_id": None, "git": None, "checks": {}, "tables": []},
    }
    (release / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return release / "customer_journeys.duckdb"


def serve(folder: Path, database: Path) -> None:
    link = folder / "serving" / "customer_journeys.duckdb"
    link.parent.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(database)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "extracts").mkdir()
    serve(tmp_path, make_release(tmp_path, 1))
    return tmp_path


def environment(folder: Path) -> dict[str, str]:
    ours = ("NO_COLOR", "FORCE_COLOR", "TERM", "COLUMNS", "JOURNEYS_EXTRACTS", "JOURNEYS_DATA_SET", "EXAMPLE")
    return {
        **{name: text for name, text in os.environ.items() if name not in ours},
        "TERM": "xterm-256color",
        "INPUTRC": os.devnull,
        "PYTHONPATH": str(PROJECT_ROOT),
        "JOURNEYS_VAR": str(folder / "var"),
        "JOURNEYS_SERVING": str(folder / "serving"),
    }


def talk(folder: Path, *keys: str, options: tuple[str, ...] = (), **others: str) -> Session:
    """What is at the terminal when each of the lines was typed as soon as the prompt was there, and then Ctrl-D."""
    typed = [(">", line if line.startswith("\x03") else line + "\n") for line in keys]
    typed = [("sql> ", typed[0][1]), *[("> ", text) for _, text in typed[1:]], ("sql> ", "\x04")]
    return at_terminal([*SQL, *options], environment=environment(folder) | others, typed=typed, seconds=60)


def ask(folder: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    """The command with a text as its input, and no terminal."""
    return subprocess.run(
        [*SQL, *options],
        input=text,
        env=environment(folder),
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=False,
        timeout=60,
    )


def test_statements_over_several_lines_are_answered_until_ctrl_d(folder: Path) -> None:
    ended = talk(folder, "select figure + 41", "from core.fct_figures;", "select 'a;b' as x, 7 * 6 as y;", ".nonsense")
    assert ended.code == 0, ended.sent
    assert "Release release_1, as of 2026-07-01 00:00: 1 tables." in ended.sent
    assert ended.sent.count("42") == 2 and "a;b" in ended.sent
    assert "...> " in ended.sent, "a second line is asked for"
    assert ".nonsense is not known. .help lists what is." in ended.sent
    assert "Traceback" not in ended.sent


def test_the_prompt_says_what_is_in_the_file(folder: Path) -> None:
    ended = talk(
        folder, ".tables", ".schema fct_figures", ".schema figures", ".help", ".upright", "from core.fct_figures;"
    )
    assert ended.code == 0, ended.sent
    assert "core.fct_figures  1  figure" in ended.sent
    assert "How much it is." in ended.sent and "Nothing is left out." in ended.sent
    assert "There is no table or schema figures. Close are" in ended.sent
    assert ".refresh           open the newest release" in ended.sent
    assert "row 1\r\n  figure  1\r\n  named   a" in ended.sent


def test_a_mistake_ends_a_statement_and_not_the_prompt(folder: Path) -> None:
    """Refused are other files and settings, and what the first statement of two did is shown."""
    refused = ("from read_text('/etc/hostname');", "set enable_external_access = true;", "attach 'x.duckdb';")
    ended = talk(folder, "from nowhere;", *refused, "create table core.b as select 1;", "select 6 * 7;")
    assert ended.code == 0, ended.sent
    assert "nowhere does not exist" in ended.sent
    assert "A query reads customer_journeys.duckdb alone" in ended.sent
    assert "read-only" in ended.sent
    assert "42" in ended.sent, "the prompt goes on"


def test_every_statement_of_a_line_is_answered(folder: Path) -> None:
    """Of two statements on one line only the last was shown once."""
    ended = talk(folder, "select 40 + 1 as one; select 40 + 2 as two;", "select 40 + 3 as three; from nowhere;")
    assert ended.code == 0, ended.sent
    assert all(number in ended.sent for number in ("41", "42", "43")) and "nowhere does not exist" in ended.sent
    query = "select 40 + 1 as one; select 40 + 2 as two; pivot core.fct_figures on named using sum(figure)"
    asked = ask(folder, "", "--", query)
    assert asked.returncode == 0, asked.stderr
    assert "41" in asked.stdout and "42" in asked.stdout and asked.stdout.count("┌") == 3, asked.stdout


def test_what_is_typed_wrongly_does_not_end_the_prompt(folder: Path) -> None:
    """Each of these ended it with a traceback once."""
    rows = ".rows 99999999999999999999999"
    ended = talk(folder, "select '\udcff';", ".schema \udcff", rows, ".rows " + "9" * 5000, ".rows 0", "select 6 * 7;")
    assert ended.code == 0 and "Traceback" not in ended.sent, ended.sent
    assert ended.sent.count("What was typed is not UTF-8 at character") == 2
    assert ended.sent.count("Write .rows with a number from 1 to 1,000,000") == 3
    assert "42" in ended.sent, "the prompt goes on"


def test_an_error_that_nobody_expects_is_said_and_the_prompt_goes_on() -> None:
    with pytest.raises(SettingsError, match="RuntimeError: of another library"), sql_prompt._going_on():
        raise RuntimeError("of another library")


@pytest.mark.parametrize("asked", ["typed", "given"])
def test_a_query_that_is_not_utf_8_is_a_sentence(folder: Path, asked: str) -> None:
    query = b"select 1;\nselect '\xff';"
    text = os.fsdecode(query)
    done = ask(folder, text) if asked == "typed" else ask(folder, "", "--", text)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert ("Line 2 of the input" if asked == "typed" else "The query") + " is not UTF-8 at character" in done.stderr


def test_an_upright_row_has_the_values_of_the_table(folder: Path) -> None:
    columns = {
        "span": ("interval 1 month", "1 month"),
        "moment": ("'infinity'::timestamp", "infinity"),
        "day": ("'-infinity'::date", "-infinity"),
        "blanks": ("'a  b   c'", "a  b   c"),
        "lines": ("'a' || chr(10) || '  b'", "a\\n  b"),
        "nothing": ("null", "NULL"),
        "truth": ("true", "true"),
        "twice": ("1.0::double", "1.0"),
    }
    selected = ", ".join(f"{sql} as {name}" for name, (sql, _) in columns.items())
    done = ask(folder, f".upright\nselect {selected}, 2 as twice;")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    expected = [f"  {name.ljust(7)}  {shown}" for name, (_, shown) in columns.items()]
    assert lines[1:] == ["row 1", *expected, "  twice    2", "1 row"]


def test_ctrl_c_ends_the_query_or_forgets_the_lines_and_the_prompt_goes_on(folder: Path) -> None:
    """Ctrl-C ended the whole command once, with the release that was open and what was typed."""
    ended = at_terminal(
        SQL,
        environment=environment(folder),
        typed=[
            ("sql> ", f"{ENDLESS}\n"),
            ("… the query", "\x03"),
            ("sql> ", "select 'never\n"),
            ("...> ", "\x03"),
            ("sql> ", "select 6 * 7 as answer;\n"),
            ("sql> ", ".quit\n"),
        ],
        seconds=90,
    )
    assert ended.code == 0, ended.sent
    assert "The query was ended." in ended.sent and "That is forgotten." in ended.sent
    assert "42" in ended.sent and "Traceback" not in ended.sent


def test_a_release_that_is_published_meanwhile_is_said_and_opened_when_it_is_asked_for(folder: Path) -> None:
    newer = make_release(folder, 2)

    def publish(keys: str) -> None:
        if keys.startswith("select 1000"):
            serve(folder, newer)

    asking = "select 1000 + figure as n from core.fct_figures;\n"
    ended = at_terminal(
        SQL,
        environment=environment(folder),
        typed=[
            ("sql> ", asking),
            (".refresh opens the other", "select 2000 + figure as n from core.fct_figures;\n"),
            ("sql> ", ".refresh\n"),
            ("Release release_2", "select 3000 + figure as n from core.fct_figures;\n"),
            ("3002", ".quit\n"),
        ],
        before_typing=publish,
        seconds=60,
    )
    assert ended.code == 0, ended.sent
    assert "Release release_2 is current now. This is release_1" in ended.sent
    assert ended.sent.count("is current now") == 1, "it is said once"
    assert all(number in ended.sent for number in ("1001", "2001", "3002"))


def test_what_was_typed_is_there_the_next_time_and_its_owners_alone(folder: Path) -> None:
    talk(folder, "select 40 +", "2 as answer;", JOURNEYS_DATA_SET="own", JOURNEYS_EXTRACTS=str(folder / "extracts"))
    history = folder / "var" / "own" / "sql_history"
    assert [json.loads(line) for line in history.read_text(encoding="utf-8").splitlines()] == [
        "select 40 +\n2 as answer;"
    ]
    assert history.stat().st_mode & 0o777 == 0o600
    up = at_terminal(
        SQL,
        environment=environment(folder) | {"JOURNEYS_DATA_SET": "own", "JOURNEYS_EXTRACTS": str(folder / "extracts")},
        typed=[("sql> ", "\x1b[A\n"), ("42", ""), ("sql> ", "\x04")],
        seconds=60,
    )
    assert up.code == 0 and "42" in up.sent, up.sent


def is_prompt(process: psutil.Process) -> bool:
    """Whether it is a running prompt; a process that has just ended has no command line any more."""
    with contextlib.suppress(psutil.Error):
        return "sql" in process.cmdline()
    return False


def test_what_was_typed_is_kept_at_once_however_the_prompt_ends_and_by_each_of_two(folder: Path) -> None:
    """A terminal that was closed left no history once, and of two prompts the one that ended last wrote over it."""
    own = {"JOURNEYS_DATA_SET": "own", "JOURNEYS_EXTRACTS": str(folder / "extracts")}
    history = folder / "var" / "own" / "sql_history"
    old = [f"select {number};" for number in range(1002)]
    history.write_text("".join(json.dumps(line) + "\n" for line in old) + '"select cut', encoding="utf-8")
    history.chmod(0o644)

    def typed() -> list[str]:
        return [json.loads(line) for line in history.read_text(encoding="utf-8").splitlines()]

    def also(keys: str) -> None:
        if keys.startswith("select 40 + 2"):
            assert typed() == [*old[-1000:], "select 40 + 1;"], "it is there while the prompt goes on"
            talk(folder, "select 'of another';", JOURNEYS_DATA_SET="own", JOURNEYS_EXTRACTS=own["JOURNEYS_EXTRACTS"])
        elif not keys:
            sessions = [one for one in psutil.Process().children() if is_prompt(one)]
            assert len(sessions) == 1
            sessions[0].kill()

    ended = at_terminal(
        SQL,
        environment=environment(folder) | own,
        typed=[("sql> ", "select 40 + 1;\n"), ("sql> ", "select 40 + 2;\n"), ("sql> ", "")],
        before_typing=also,
        seconds=90,
    )
    assert ended.code == -signal.SIGKILL, ended.sent
    # on opening, a prompt leaves the newest thousand
    assert typed() == [*old[-999:], "select 40 + 1;", "select 'of another';", "select 40 + 2;"]
    assert history.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in history.parent.iterdir() if "history" in path.name] == ["sql_history"]


def test_a_prompt_on_the_warehouse_keeps_no_run_out_and_no_history(folder: Path) -> None:
    """A reader that stays holds DuckDB's lock, and the next run would wait for it and give up."""
    warehouse = folder / "var" / "own" / "warehouse.duckdb"
    duckdb.connect(str(warehouse)).close()

    def write(keys: str) -> None:
        if keys.startswith("from own"):
            with duckdb.connect(str(warehouse)) as connection:
                connection.execute("create or replace table own as select 42 as n")

    ended = at_terminal(
        [*SQL, "--warehouse"],
        environment=environment(folder) | {"JOURNEYS_DATA_SET": "own", "JOURNEYS_EXTRACTS": str(folder / "extracts")},
        typed=[("sql> ", "select 1 + 1;\n"), ("sql> ", "from own;\n"), ("sql> ", "\x04")],
        before_typing=write,
        seconds=60,
    )
    assert ended.code == 0, ended.sent
    assert "42" in ended.sent and "with personal data in clear" in ended.sent
    assert not list((folder / "var" / "own").glob("*history*"))


def test_statements_are_read_from_a_file_and_the_first_that_fails_ends_the_command(folder: Path) -> None:
    done = ask(folder, "select 40 + 2\n  as answer;\n.upright\nfrom core.fct_figures")
    assert done.returncode == 0, done.stderr
    assert "42" in done.stdout and "named" in done.stdout and "sql>" not in done.stdout
    failed = ask(folder, "select 1 as one; from nowhere; select 42 as answer")
    assert failed.returncode == 2 and "nowhere does not exist" in failed.stderr
    assert "one" in failed.stdout and "42" not in failed.stdout and "Traceback" not in failed.stderr
