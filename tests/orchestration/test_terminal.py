"""What commands print of names and values cannot act on the terminal, and what they draw themselves is cleaned up."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.core.terminal import LiveLine, PrintableStream, Styled, printable, say, styled
from orchestration.lib.dbt.command import with_styles
from tests.terminal import Session, at_terminal

ORCHESTRATION = [sys.executable, "-m", "orchestration"]
# embeddings, overrides and isolates; a mark of direction without a name of its own moves nothing
BIDIRECTIONAL = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
NAMES = ("a\x1b[2J\x1b]0;owned\x07.csv", "b\rhidden.csv", "c\u202efdp.csv", "d\x9b31m.csv", "e\x1b[31mred\x1b[0m.csv")


def test_only_line_ends_and_tabs_are_left_of_what_acts() -> None:
    every = "".join(map(chr, range(0x3000)))
    shown = printable(every)
    acting = {
        character
        for character in shown
        if unicodedata.category(character) in ("Cc", "Zl", "Zp")
        or unicodedata.bidirectional(character) in BIDIRECTIONAL
    }
    assert acting == {"\n", "\t"}
    assert printable("naïve 空白 €") == "naïve 空白 €"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A data set whose extracts folder has files with names that act on terminals."""
    extracts = tmp_path / "extracts" / "fede" / "events"
    extracts.mkdir(parents=True)
    for name in NAMES:
        (extracts / name).write_text("id\n1\n", encoding="utf-8")
    ours = ("NO_COLOR", "FORCE_COLOR", "TERM", "COLUMNS")
    return {
        **{name: text for name, text in os.environ.items() if name not in ours},
        "TERM": "xterm-256color",
        "PYTHONPATH": str(PROJECT_ROOT),
        "JOURNEYS_EXTRACTS": str(tmp_path / "extracts"),
        "JOURNEYS_VAR": str(tmp_path / "var"),
        "JOURNEYS_SERVING": str(tmp_path / "serving"),
    }


def test_the_name_of_a_file_in_the_extracts_folder_is_printed_as_its_codes(environment: dict[str, str]) -> None:
    """Screens can be cleared, titles set, lines hidden and coloured by a file name that a command prints."""
    shown = at_terminal([*ORCHESTRATION, "check"], environment=environment)
    assert shown.code == 0
    assert "fede" in shown.sent
    assert "\x1b[33mwarning\x1b[0m" in shown.sent, "our own colour passes"
    # `rows` finds no other escape than ours, and none of these colours is in a warning's text
    assert any("fede" in row for row in shown.rows)
    assert [one for one in ("\x1b[31m", "\x1b[2J", "\x07", "\u202e", "\x9b") if one in shown.sent] == []
    piped = subprocess.run([*ORCHESTRATION, "check"], env=environment, capture_output=True, text=True, check=True)
    assert not any(character in piped.stdout + piped.stderr for character in ("\x1b", "\x07", "\r", "\u202e", "\x9b"))


def test_an_escape_in_data_that_looks_like_one_of_ours_stays_a_code() -> None:
    terminal = Terminal()
    stream = PrintableStream(terminal)
    value = "\x1b[32mgreen\x1b[0m"
    line = "KPI " + styled(f"{value} red", "red") + f" {value}"
    say(line, stream.as_text())
    code = "\\x1b[32mgreen\\x1b[0m"
    assert terminal.getvalue() == f"KPI \x1b[31m{code} red\x1b[0m {code}\n"
    assert line == f"KPI {value} red {value}" and isinstance(line, Styled), "for everybody else it is the text"
    # what makes another text of it loses the colours, and brings none in
    for other in (f"{line}", line.upper(), line.strip(), str(line)):
        terminal.truncate(terminal.seek(0))
        say(other, stream.as_text())
        assert "\x1b" not in terminal.getvalue()


class Terminal(io.StringIO):
    """A terminal without a size."""

    def isatty(self) -> bool:
        return True


def test_what_dbt_says_of_a_node_is_coloured_and_what_it_shows_of_rows_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    stream = PrintableStream(terminal, styles=with_styles)
    stream.write("09:00:01  3 of 9 PASS unique_a ........ [PASS in 0.01s]\n")
    stream.write("09:00:01  4 of 9 FAIL 3 unique_b ...... [FAIL 3 in 0.01s]\n")
    stream.write("09:00:02  Completed with 1 error, 0 partial successes, and 0 warnings:\n")
    stream.write("| \x1b[8mhidden | [PASS\x1b[0m in 0.1s]\n")
    passed, failed, end, row, _ = terminal.getvalue().split("\n")
    assert passed.endswith("\x1b[32m[PASS in 0.01s]\x1b[0m")
    assert failed.endswith("\x1b[31m[FAIL 3 in 0.01s]\x1b[0m")
    assert "\x1b[31mCompleted with 1\x1b[0m error" in end
    assert "\x1b[8m" not in row and "\\x1b[8mhidden" in row


@pytest.mark.parametrize(
    ("changed", "is_terminal", "has_colors"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, True, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
    ],
    ids=lambda value: str(value),
)
def test_a_refusal_is_red_where_colours_are_wanted(
    changed: dict[str, str], is_terminal: bool, has_colors: bool, environment: dict[str, str]
) -> None:
    command = [*ORCHESTRATION, "releases"]
    environment = {**environment, "JOURNEYS_CLOCK": "never", **changed}
    if is_terminal:
        ended = at_terminal(command, environment=environment)
        code, sent = ended.code, ended.sent
    else:
        piped = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        code, sent = piped.returncode, piped.stderr
    assert code == 2
    assert "JOURNEYS_CLOCK=never: choose one of hour, minute, day." in sent
    assert ("\x1b[31mJOURNEYS_CLOCK=never" in sent) == has_colors
    assert ("\x1b" in sent) == has_colors


SLOW = """
import os, sys, time
from orchestration.cli import activity_display
from orchestration.lib.core.activity import doing, step
activity_display.SECONDS_BEFORE_LIVE, activity_display.SECONDS_OF_SILENCE = 0.3, (0.3, 0.6)
sys.stdout, sys.stderr = activity_display.printable_streams(sys.stdout, sys.stderr, os.environ)
seconds = float(sys.argv[1])
with activity_display.activity_shown():
    print("begins")
    for number in (1, 2):
        doing("landing", number=number, of=2, name="a\\x1b[2J.csv" + "/long" * 30)
        time.sleep(seconds)
        print(f"landed {number}", end="")
        time.sleep(0.3)
        print(" whole")
    with step("verifying"):
        time.sleep(seconds)
print("ended")
"""


def slow(seconds: float, environment: dict[str, str], columns: int = 80) -> Session:
    return at_terminal([sys.executable, "-c", SLOW, str(seconds)], environment=environment, columns=columns)


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_a_long_step_is_shown_in_one_line_that_is_gone_afterwards(environment: dict[str, str], columns: int) -> None:
    shown = slow(0.8, environment, columns)
    assert shown.code == 0
    assert shown.rows == ["begins", "landed 1 whole", "landed 2 whole", "ended", ""]
    drawn = [text for text in shown.sent.split("\r") if text.startswith("  … ")]
    assert any("landing: 1 of 2, a\\x1b[2J.csv" in text for text in drawn) and any(
        "verifying" in text for text in drawn
    )
    assert all(len(text.removesuffix("\x1b[K").rstrip("\n")) < columns for text in drawn), "it never takes two lines"


def test_a_quick_step_shows_nothing(environment: dict[str, str]) -> None:
    assert slow(0, environment).sent.replace("\r", "") == "begins\nlanded 1 whole\nlanded 2 whole\nended\n"


@pytest.mark.parametrize("is_dumb", [False, True])
def test_without_a_terminal_a_long_step_says_a_line_now_and_then(environment: dict[str, str], is_dumb: bool) -> None:
    command = [sys.executable, "-c", SLOW, "1.3"]
    if is_dumb:
        said = at_terminal(command, environment={**environment, "TERM": "dumb"}).sent.replace("\r", "")
    else:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert done.stdout == "begins\nlanded 1 whole\nlanded 2 whole\nended\n", "what is piped is the command's own"
        said = done.stderr
    lines = [line for line in said.splitlines() if line.startswith("  … ")]
    assert "\x1b" not in said
    # of each of the three: once after a while, and once more
    assert [sum(what in line for line in lines) for what in ("1 of 2", "2 of 2", "verifying")] == [2, 2, 2]


def test_ctrl_c_leaves_the_terminal_clean(environment: dict[str, str]) -> None:
    ended = at_terminal(
        [sys.executable, "-c", SLOW, "60"],
        environment=environment,
        interrupts=lambda sent: "  … landing: 1 of 2" in sent,
    )
    assert ended.code != 0 and "KeyboardInterrupt" in ended.sent
    assert not any("…" in row for row in ended.rows)
    assert "\x1b[?" not in ended.sent, "no mode of the terminal is changed, so there is none to restore"


def test_a_live_line_waits_for_the_end_of_a_line_that_is_being_printed() -> None:
    terminal = Terminal()
    live = LiveLine(terminal)
    stream = PrintableStream(terminal, live=live)
    live.draw("one")
    stream.write("half ")
    live.draw("two")
    stream.write("a line\n")
    live.draw("three")
    assert terminal.getvalue() == "\rone\x1b[K\r\x1b[Khalf a line\n\rthree\x1b[K"
