"""The dbt command with the project's Python steps: `python -m orchestration.lib.dbt.command`, arguments as dbt's."""

from __future__ import annotations

import os

from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.dbt.python_steps import let_models_run_python


def main() -> None:
    from dbt.cli.main import cli

    let_models_run_python(PROJECT_ROOT / os.environ.get("JOURNEYS_RESOLVED_SEEDS", "seeds"))
    cli(prog_name="dbt")


if __name__ == "__main__":
    main()
