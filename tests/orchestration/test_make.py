"""Values that are given to make arrive as they were typed, and nothing in them is executed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from orchestration.lib.core.settings import PROJECT_ROOT

PAYLOADS = (
    "plain",
    "ann$home@example.com",
    "$$twice",
    "a`touch owned`@example.com",
    '"; touch owned; "',
    "$(touch owned)",
    "$(shell touch owned)",
    "it's; touch owned",
    "a && touch owned",
    "%d/%m/%Y %H:%M | touch owned",
    "--help",
    "back\\slash",
    "number # and hash",
    "*",
    "two\nlines",
    "näme mit 空白",
)
# each option of each target, and where its value arrives
ARRIVES = {
    "hash": {"TYPE": "{}", "VALUE": "{}"},
    "withdraw": {"FILE": "{}"},
    "restore": {"FILE": "{}"},
    "staging-model": {"TABLE": "{}"},
    "new-source": {"FILE": "{}", "NAME": "{}", "TABLE": "--table={}", "INTO": "--into={}"},
    "requeue": {
        "SOURCE": "{}",
        "TABLE": "--table={}",
        "REASON": "--reason={}",
        "COLUMN": "--column={}",
        "FILE": "--file={}",
    },
    "land-again": {"SOURCE": "{}", "TABLE": "--table={}"},
    "quarantine": {
        "SOURCE": "--source={}",
        "TABLE": "--table={}",
        "REASON": "--reason={}",
        "COLUMN": "--column={}",
        "FILE": "--file={}",
    },
    "accept": {"ID": "{}", "NOTE": "--note={}"},
    "rollback": {"TO": "--to={}"},
    "compare": {"FROM": "--from={}", "TO": "--to={}", "INTO": "--into={}"},
    "journey-check": {"JOURNEY": "--journey={}"},
    "run": {"CUSTOMERS": "--customers={}", "DAYS": "--days={}", "SEED": "--seed={}", "HOUSEHOLDS": "--households={}"},
    "sql": {"SQL": "{}"},
    "dbt": {"ARGS": "--line={}"},
    "import-log": {
        "FILE": "{}",
        "CASE": "--case={}",
        "ACTIVITY": "--activity={}",
        "TIME": "--time={}",
        "CUSTOMER": "--customer={}",
        "SESSION": "--session={}",
        "JOURNEY": "--journey={}",
        "END": "--end={}",
        "INTO": "--into={}",
        "TIME_FORMAT": "--time-format={}",
        "ZONE": "--zone={}",
    },
}


def made(folder: Path, target: str, *given: str, environment: dict[str, str] | None = None) -> list[str]:
    """What the command behind a target of the Makefile gets as arguments. `owned` would be a file in the folder."""
    show = folder / "show.py"
    show.write_text("import json, sys\nprint(json.dumps(sys.argv[1:]))\n", encoding="utf-8")
    ended = subprocess.run(
        [
            "make",
            "-s",
            "-f",
            str(PROJECT_ROOT / "Makefile"),
            "-o",
            "setup",
            f"RUN={sys.executable} {show}",
            target,
            *given,
        ],
        cwd=folder,
        env={**os.environ, "MAKEFLAGS": "", **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.mark.parametrize("target", ARRIVES)
def test_values_arrive_as_typed(target: str, tmp_path: Path) -> None:
    for payload in PAYLOADS:
        arrived = made(tmp_path, target, *(f"{option}={payload}" for option in ARRIVES[target]))
        assert arrived[0] == target
        assert sorted(value for value in arrived[1:] if value != "--") == sorted(
            where.format(payload) for where in ARRIVES[target].values()
        )
        assert [file.name for file in tmp_path.iterdir()] == ["show.py"]


def test_no_recipe_has_make_write_a_value_into_a_command() -> None:
    """An option of a new target would be executed: it is for the shell to read, "$$NAME", and not for make."""
    makefile = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8")
    [options] = re.findall(r"^OPTIONS := (.*)$", makefile, flags=re.MULTILINE)
    read = set(re.findall(r"\$\$\{?([A-Z_]+)", makefile)) | set(re.findall(r"call option,[a-z-]+,([A-Z_]+)", makefile))
    by_make = {"CLOCK", "IN", "TARGET"}
    assert read - {"PYTHON"} == set(options.split()) - by_make, "each option is listed, and each is used"
    pasted = [
        line
        for line in makefile.splitlines()
        for option in options.split()
        if line.startswith("\t") and f"$({option})" in line and f",$({option}))" not in line
    ]
    assert pasted == []


def test_common_names_of_the_environment_are_no_options(tmp_path: Path) -> None:
    """Some systems set NAME to the machine's name."""
    assert made(tmp_path, "new-source", "FILE=a.csv", environment={"NAME": "machine", "TABLE": "t"}) == [
        *("new-source", "--", "a.csv", "")
    ]


def test_arguments_of_dbt_arrive_as_one_text(tmp_path: Path) -> None:
    arguments = """build -s fct_events+ --vars '{"a": "$b `touch owned`"}'"""
    assert made(tmp_path, "dbt", f"ARGS={arguments}") == ["dbt", f"--line={arguments}"]
    assert made(tmp_path, "dbt") == ["dbt", "--line="]


def test_the_list_of_targets_is_in_groups_and_fits_a_terminal() -> None:
    makefile = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8")
    [phony] = re.findall(r"^\.PHONY: (.*)$", makefile, flags=re.MULTILINE)
    listed = subprocess.run(["make", "-s"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True).stdout
    assert [line for line in listed.splitlines() if len(line) > 80] == []
    named = re.findall(r"^  ([a-z-]+) ", listed, flags=re.MULTILINE)
    # parts of others have no line of their own
    assert sorted(named) == sorted(set(phony.split()) - {"lint-python", "lint-yaml", "lint-sql", "setup-spark"})
    assert len(re.findall(r"^[A-Z]", listed, flags=re.MULTILINE)) == 8
