"""The dbt command with the project's Python steps: `python -m orchestration.lib.dbt.command`, arguments as dbt's."""

from __future__ import annotations

import os
import re
import sys

from orchestration.lib.core.processes import die_with_parent
from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.core.terminal import PrintableStream, styled
from orchestration.lib.dbt.python_steps import let_models_run_python

# How dbt ends the line of a node that it is done with, such as `[PASS in 0.1s]`, and its last words.
OUTCOME = re.compile(r"\[(?P<word>[A-Z]{2,}).*\]$|(?<=  )Completed (?P<end>successfully|with [1-9])", re.MULTILINE)
STYLES = {
    "successfully": "green",
    **dict.fromkeys(("OK", "PASS", "INSERT", "CREATE", "SELECT"), "green"),
    **dict.fromkeys(("WARN", "SKIP", "NO"), "amber"),
}


def main() -> None:
    # one that outlives a killed command would keep the warehouse file
    die_with_parent()
    from dbt.cli.main import cli

    # `dbt show` prints rows: dbt's own colours can't be told from escapes in them, so its outcomes are coloured here
    sys.stdout = PrintableStream(sys.stdout, styles=with_styles).as_text()
    sys.stderr = PrintableStream(sys.stderr, styles=with_styles).as_text()
    let_models_run_python(PROJECT_ROOT / os.environ.get("JOURNEYS_RESOLVED_SEEDS", "seeds"))
    cli(args=["--no-use-colors", *sys.argv[1:]], prog_name="dbt")


def with_styles(text: str) -> str:
    """What dbt prints, with the outcomes of nodes in their colours."""
    shown, place = "", 0
    for found in OUTCOME.finditer(text):
        style = STYLES.get(found["word"] or found["end"], "red")
        shown = shown + text[place : found.start()] + styled(found[0], style)
        place = found.end()
    return shown + text[place:]


if __name__ == "__main__":
    main()
