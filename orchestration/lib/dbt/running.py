"""Runs dbt as a subprocess on one data set, with the variables that fix what a build covers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from orchestration.lib.core.settings import PROJECT_ROOT, Settings
from orchestration.lib.dbt.project import own_parse, own_variables


class DbtFailed(RuntimeError):
    """dbt ended with an error; the message holds the end of what it printed."""


def dbt_environment(settings: Settings) -> dict[str, str]:
    """The environment in which dbt works on a data set: its files, its folders, its memory."""
    # `make` calls the Python of .venv without activating it; dbt's own processes look for programs along PATH
    scripts, path = str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)
    return {
        **os.environ,
        "PATH": path if scripts in path.split(os.pathsep) else os.pathsep.join((scripts, path)),
        "DBT_TARGET_PATH": str(settings.dbt_target),
        "DBT_LOG_PATH": str(settings.dbt_target / "logs"),
        # dbt's debug lines cost a tenth of its time; what it ran is in the target folder
        "DBT_LOG_LEVEL_FILE": os.environ.get("DBT_LOG_LEVEL_FILE", "info"),
        "DBT_PROFILES_DIR": str(PROJECT_ROOT),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "JOURNEYS_WAREHOUSE": str(settings.warehouse),
        "JOURNEYS_RESOLVED_SEEDS": os.path.relpath(settings.resolved_seeds, PROJECT_ROOT),
        "JOURNEYS_MEMORY": settings.memory,
        "JOURNEYS_SPILL": str(settings.spill),
        "JOURNEYS_MATCHING": "on" if settings.is_matching_on else "off",
    }


def dbt_command() -> list[str]:
    """The dbt command with the project's Python steps, to be run in the project's folder."""
    return [sys.executable, "-m", "orchestration.lib.dbt.command"]


def dbt_variables(settings: Settings) -> list[str]:
    """The arguments with what is fixed for a data set. Every command gets the same: otherwise dbt parses again."""
    fixed = {
        "reporting_time_zone": settings.reporting_time_zone,
        "reporting_currency": settings.reporting_currency,
        "shared_devices": settings.shared_devices,
        "unlinkable_customers": settings.unlinkable_customers,
        "sessions": settings.sessions,
        "max_variants": settings.max_variants,
        "max_variant_names": settings.max_variant_names,
        **own_variables(settings.resolved_sources),
    }
    return ["--vars", json.dumps(fixed)]


def run_dbt(settings: Settings, arguments: Sequence[str], build: Mapping[str, str] | None = None) -> str:
    """Runs one dbt command on a data set to its end and returns what it printed. Raises DbtFailed.

    `build` is what `BuildPlan.environment` says. The warehouse file must not be open: dbt takes it for itself.
    """
    with own_parse(settings.dbt_target):
        done = subprocess.run(
            [*dbt_command(), "--no-use-colors", *arguments, *dbt_variables(settings)],
            cwd=PROJECT_ROOT,
            env={**dbt_environment(settings), **(build or {})},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-60:])
        raise DbtFailed(f"dbt {' '.join(arguments)} ended with code {done.returncode}:\n{tail}")
    return done.stdout
