"""What a command prints of names and values cannot act on the terminal."""

from __future__ import annotations

import os
import subprocess
import sys
import unicodedata
from pathlib import Path

from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.core.terminal import printable


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


# embeddings, overrides and isolates; a mark of direction without a name of its own moves nothing
BIDIRECTIONAL = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")


def test_the_name_of_a_file_in_the_extracts_folder_is_printed_as_its_codes(tmp_path: Path) -> None:
    """Screens can be cleared, titles set and lines hidden by a file name that a command prints."""
    names = ("a\x1b[2J\x1b]0;owned\x07.csv", "b\rhidden.csv", "c\u202efdp.csv", "d\x9b31m.csv")
    extracts = tmp_path / "extracts" / "fede" / "events"
    extracts.mkdir(parents=True)
    for name in names:
        (extracts / name).write_text("id\n1\n", encoding="utf-8")
    said = subprocess.run(
        [sys.executable, "-m", "orchestration", "check"],
        cwd=PROJECT_ROOT,
        env={
            **os.environ,
            "JOURNEYS_EXTRACTS": str(tmp_path / "extracts"),
            "JOURNEYS_VAR": str(tmp_path / "var"),
            "JOURNEYS_SERVING": str(tmp_path / "serving"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    shown = said.stdout + said.stderr
    assert "fede" in shown
    assert [character for character in ("\x1b", "\x07", "\r", "\u202e", "\x9b") if character in shown] == []
