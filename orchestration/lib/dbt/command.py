"""The dbt command with the project's Python steps: `python -m orchestration.lib.dbt.command`, arguments as dbt's."""

from __future__ import annotations

import os
import sys
from typing import TextIO, cast

from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.core.terminal import PrintableStream
from orchestration.lib.dbt.python_steps import let_models_run_python


def main() -> None:
    from dbt.cli.main import cli

    # `dbt show` prints rows
    sys.stdout = cast("TextIO", PrintableStream(sys.stdout, keeps_colors=True))
    sys.stderr = cast("TextIO", PrintableStream(sys.stderr, keeps_colors=True))
    let_models_run_python(PROJECT_ROOT / os.environ.get("JOURNEYS_RESOLVED_SEEDS", "seeds"))
    cli(prog_name="dbt")


if __name__ == "__main__":
    main()
