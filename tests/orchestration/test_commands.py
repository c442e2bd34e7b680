"""The commands behind `make`: each is listed, says what it takes, and ends with the code that its outcome has."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from orchestration.cli import app, dbt
from orchestration.cli.app import COMMANDS, main
from orchestration.defs.warehouse.reporting import BuildProgress
from orchestration.lib.core.settings import PROJECT_ROOT, SettingsError
from orchestration.lib.dbt.building import NodeResult
from orchestration.lib.release.folders import ReleaseError

# Nothing that takes long to import belongs before the command that needs it.
HEAVY = ("dagster", "dagster_dbt", "dbt", "duckdb", "great_expectations", "numpy", "pyarrow", "rich", "sqlalchemy")


def test_every_command_is_in_a_file_of_its_name() -> None:
    for name, command in COMMANDS.items():
        assert command.__module__ == f"orchestration.cli.{name.replace('-', '_')}"


def test_every_command_of_make_exists() -> None:
    makefile = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8")
    called = set(re.findall(r"\$\(RUN\) ([a-z-]+)", makefile))
    assert called == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("--help", "-h"):
        assert main([name, option]) == 0
    said = capsys.readouterr().out
    assert f"Usage: python -m orchestration {name}" in said


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_and_each_option_is_explained_with_an_example(name: str) -> None:
    """In the help of the command, as typed with make; of a value, how one looks."""
    command: Any = getattr(typer.main.get_command(app.application()), "commands")[name]  # noqa: B009
    assert (command.epilog or "").startswith(f"Example: make {name}")
    options = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8")
    given = set(re.findall(r" ([A-Z_]+)=", command.epilog))
    known = set(re.findall(r"^OPTIONS := (.*)$", options, flags=re.MULTILINE)[0].split())
    assert given <= known | {
        "EXAMPLE",
        "JOURNEYS_EXTRACTS",
        "JOURNEYS_PORT",
        "JOURNEYS_DASHBOARD_PORT",
        "JOURNEYS_MCP_PORT",
        "JOURNEYS_SPARK_PORT",
        "JOURNEYS_SUPERSET_PORT",
    }
    for parameter in command.params:
        assert parameter.help, f"{parameter.name} has no help"
        if not getattr(parameter, "is_flag", False):
            assert " such as " in parameter.help, f"{parameter.name}: {parameter.help}"


def test_the_list_of_commands_shows_each_sentence_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    assert "..." not in said.partition("Commands:")[2]
    assert [line.split()[0] for line in said.partition("Commands:\n")[2].splitlines()] == list(COMMANDS)


def test_the_list_of_commands_imports_nothing_heavy() -> None:
    listed = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "orchestration", "--help"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in listed.stderr.splitlines()}
    assert not imported & set(HEAVY)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Usage: "),
        (["nonsense"], "No such command 'nonsense'"),
        (["run", "--customers", "many"], "--customers"),
        (["run", "--nonsense"], "--nonsense"),
        (["withdraw"], "FILE"),
    ],
)
def test_a_command_line_that_makes_no_sense_ends_with_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert said.lower() in capsys.readouterr().err.lower()


@pytest.mark.parametrize(
    ("outcome", "code"),
    [(0, 0), (1, 1), (3, 3), (SettingsError("wrong"), 2), (ReleaseError("refused"), 1), (KeyboardInterrupt(), 130)],
)
def test_the_exit_code_says_what_came_of_it(
    outcome: Any, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def command() -> int:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    monkeypatch.setitem(app.COMMANDS, "releases", command)
    assert main(["releases"]) == code
    if isinstance(outcome, (SettingsError, ReleaseError)):
        assert capsys.readouterr().err == f"\n{outcome}\n"


def test_an_error_that_nobody_foresaw_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def command() -> int:
        raise ZeroDivisionError

    monkeypatch.setitem(app.COMMANDS, "releases", command)
    with pytest.raises(ZeroDivisionError):
        main(["releases"])


@pytest.mark.parametrize(
    ("arguments", "taken"),
    [
        (["dbt", "ls", "-s", "fct_events"], ["ls", "-s", "fct_events"]),
        (["dbt", "build", "--select", "a+", "--help"], ["build", "--select", "a+", "--help"]),
        (["dbt", "--version"], ["--version"]),
        (["dbt", "show", "--inline", "select 1", "--limit", "3"], ["show", "--inline", "select 1", "--limit", "3"]),
    ],
)
def test_what_follows_dbt_is_dbts(arguments: list[str], taken: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str] | None] = []

    def command(arguments: dbt.Arguments = None) -> int:
        seen.append(arguments)
        return 0

    monkeypatch.setattr(dbt, "command", command)
    monkeypatch.setitem(app.COMMANDS, "dbt", command)
    assert main(arguments) == 0
    assert seen == [taken]


def test_a_line_for_dbt_is_split_as_a_shell_does_and_an_open_quote_runs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """xargs and the like run what comes before the open quote: a whole build for half a selection."""
    ran: list[list[str]] = []

    class Ended:
        returncode = 3

    def runs(arguments: list[str], **_: object) -> Ended:
        ran.append(arguments)
        return Ended()

    monkeypatch.setenv("JOURNEYS_VAR", str(tmp_path))
    (tmp_path / "omnichannel").mkdir()
    monkeypatch.setattr("orchestration.cli.preparing.prepare_run", lambda *args, **named: None)
    monkeypatch.setattr("orchestration.lib.warehouse.build.last_complete_build", lambda connection: None)
    monkeypatch.setattr("subprocess.run", runs)
    assert main(["dbt", "--line", """ls -s 'fct events' --vars '{"a": "$b"}'"""]) == 3
    [arguments] = ran
    begins = arguments.index("ls")
    assert arguments[begins : begins + 5] == ["ls", "-s", "fct events", "--vars", '{"a": "$b"}']
    assert main(["dbt", "--line", "build 'fct_events"]) == 2
    assert "No closing quotation. Nothing was run." in capsys.readouterr().err
    assert len(ran) == 1


def test_values_may_look_like_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, ...]] = []

    def ask(query: str, warehouse: bool = False) -> int:
        seen.append((query, str(warehouse)))
        return 0

    def hashed(type: str, value: str) -> int:
        seen.append((type, value))
        return 0

    monkeypatch.setitem(app.COMMANDS, "sql", ask)
    monkeypatch.setitem(app.COMMANDS, "hash", hashed)
    assert main(["sql", "--warehouse", "from kpis.kpi_scorecard"]) == 0
    assert main(["hash", "phone", "+31 20 123"]) == 0
    assert main(["hash", "email", " Ann@Example.com "]) == 0
    assert seen == [("from kpis.kpi_scorecard", "True"), ("phone", "+31 20 123"), ("email", " Ann@Example.com ")]


def test_no_run_leaves_its_settings_in_the_environment_of_the_process() -> None:
    """Two data sets in one process would take each other's warehouse; a child's environment is given at its start."""
    writing = []
    for path in sorted((PROJECT_ROOT / "orchestration").rglob("*.py")):
        if path.name in ("child.py", "compiling.py", "pages.py"):
            continue  # processes of their own; what make up starts is this data set's to its end
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            text = ast.unparse(node) if isinstance(node, (ast.Call, ast.Assign, ast.AugAssign, ast.Delete)) else ""
            if re.match(
                r"(del )?os\.environ( \|=|\.(update|setdefault|pop|clear)\(|\[.*\]( =|$))|os\.(un)?(put|set)env\(", text
            ):
                writing.append(f"{path.name}: {text}")
    assert writing == []


class Log:
    """Keeps what a step logs."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def info(self, line: str) -> None:
        self.lines.append(("info", line.strip()))

    def warning(self, line: str) -> None:
        self.lines.append(("warning", line.strip()))

    def error(self, line: str) -> None:
        self.lines.append(("error", line.strip()))


def test_progress_is_reported_each_tenth_of_the_way_and_trouble_at_once() -> None:
    log = Log()
    progress = BuildProgress(log)  # type: ignore[arg-type]
    for number in range(1, 21):
        node = {18: "test.journeys.unique_a.0123", 19: "test.journeys.known_b.4567"}.get(
            number, f"model.journeys.m_{number}"
        )
        status = {18: "fail", 19: "warn", 20: "skipped"}.get(number, "success")
        progress.note(NodeResult(node, status, "", None, 0.1, number, 20))
    steps = [line for kind, line in log.lines if kind == "info"]
    assert steps == [f"dbt: {max(1, 2 * tenth)} of 20" for tenth in range(11)]
    assert [line for line in log.lines if line[0] != "info"] == [
        ("error", "fail: unique_a"),
        ("warning", "warn: known_b"),
    ]


@pytest.mark.parametrize("at", ["noon", "61 * * * *", "0 5 * *"])
def test_make_up_refuses_a_time_that_is_none(
    at: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Dagster's pages would start, and show no job."""
    monkeypatch.setenv("JOURNEYS_SCHEDULE", at)
    assert main(["up"]) == 2
    assert f"JOURNEYS_SCHEDULE={at}: give minute, hour, day, month and weekday" in capsys.readouterr().err
