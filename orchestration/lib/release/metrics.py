"""A small dbt project over a release, in which MetricFlow answers questions about the data set's own KPIs.

It has the semantic models of the warehouse, the metrics of the data set's KPIs, and no model that could be built: the
tables are those of the release. dbt reads it in a second, again only after a change of a definition.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from orchestration.lib.config.seeds import read_definitions, read_resolved
from orchestration.lib.config.seeds.rows import read_rows
from orchestration.lib.core.locks import held
from orchestration.lib.core.settings import PROJECT_ROOT, Settings, SettingsError
from orchestration.lib.release.folders import DATABASE
from orchestration.lib.release.journal import read_manifest
from orchestration.lib.release.kpi_definitions import hashes_of
from orchestration.lib.release.metric_definitions import MetricDefinitions, define_metrics

SEMANTIC_MODELS = Path("models/marts/_semantic_models.yml")
METRICS = Path("models/marts/_metrics.yml")
# What dbt writes, and of which files.
PARSED = Path("target/semantic_manifest.json")
STAMP = Path("target/parsed_from")
TIME_SPINE = "dim_dates"
REFERENCE = re.compile(r"ref\('(\w+)'\)")
# A kept line of the definitions that the release does not know.
NEWER = "this release was published before it was defined as it is now: make run"
WAIT_SECONDS = 120


class MetricError(RuntimeError):
    """A question that MetricFlow can't answer, with its reason."""


@dataclass(frozen=True)
class MetricProject:
    """The folder in which `mf` runs on one release, and what it can be asked."""

    folder: Path
    database: Path
    definitions: MetricDefinitions


def shipped_definitions(root: Path) -> MetricDefinitions:
    """The metrics of the shipped KPIs, which the YAML of the project at `root` has."""
    seeds = root / "seeds"
    definitions = {one.name: one for one in read_definitions(seeds / "_seeds.yml")}
    kpis, measures = (read_rows(definitions[name], seeds / f"{name}.csv")[1] for name in ("kpis", "measures"))
    return define_metrics(kpis, measures)


def metric_project(settings: Settings, database: Path) -> MetricProject:
    """The project over the release that `database` is of, read by dbt if it isn't.

    Raises ReleaseError for an unreadable manifest, SettingsError where the data set's definitions are gone, and
    MetricError if dbt can't read the project.
    """
    manifest = read_manifest(database.parent)
    settings = replace(settings, data_set=str(manifest["data_set"]))
    if "kpi_definitions" not in manifest:
        raise MetricError(
            f"Release {database.parent.name} was made by another version of the warehouse and does not say what its "
            "KPIs were counted from, so metrics could give other figures. The next release, after make run, does."
        )
    definitions = _definitions(settings, manifest["kpi_definitions"])
    if not definitions.metrics:
        raise MetricError(
            f"Release {database.parent.name} has no KPI that can be a metric. KPIs are rows of kpis.csv; see "
            "docs/kpis.md."
        )
    folder = settings.home / "metrics"
    folder.mkdir(parents=True, exist_ok=True)
    with held(folder / ".lock", wait_seconds=WAIT_SECONDS):
        files = _files(settings, definitions, str(manifest.get("reporting_time_zone", "UTC")))
        stamp = hashlib.sha256(repr((sorted(files.items()), str(PROJECT_ROOT))).encode()).hexdigest()
        is_read = (folder / PARSED).is_file() and (folder / STAMP).is_file() and (folder / STAMP).read_text() == stamp
        if not is_read:
            _write(folder, files)
            _run("dbt", ["parse", "--quiet", "--no-partial-parse"], folder, database)
            (folder / STAMP).write_text(stamp)
    return MetricProject(folder, database, definitions)


def answer(project: MetricProject, metrics: Sequence[str], by: Sequence[str], options: Sequence[str] = ()) -> str:
    """The table that `mf query` prints. Raises MetricError with MetricFlow's reason."""
    arguments = ["query", "--quiet", "--decimals", "4", "--metrics", ",".join(metrics)]
    arguments += ["--group-by", ",".join(by)] if by else []
    return _run("mf", [*arguments, *options], project.folder, project.database)


def _definitions(settings: Settings, published: Mapping[str, str]) -> MetricDefinitions:
    """The metrics of the KPIs as the last run resolved them, of those that the release counted so."""
    try:
        kpis, measures = read_resolved(settings, "kpis"), read_resolved(settings, "measures")
    except OSError as error:
        raise SettingsError(
            f"{settings.resolved_seeds} lacks the KPIs of {settings.data_set}, which metrics are made from "
            f"({error.strerror}). make check writes it again, for own extracts with their JOURNEYS_ settings."
        ) from error
    # typed, as the warehouse has them
    now = hashes_of(*([row.typed for row in rows] for rows in (kpis, measures)))
    newer = {kpi: NEWER for kpi, counted in now.items() if published.get(kpi) != counted}
    found = define_metrics([kpi for kpi in kpis if kpi.get("kpi_id") not in newer], measures)
    return replace(found, left_out={**found.left_out, **newer})


def _files(settings: Settings, definitions: MetricDefinitions, time_zone: str) -> dict[str, str]:
    """The files of the project by their paths."""
    semantic_models = (PROJECT_ROOT / SEMANTIC_MODELS).read_text(encoding="utf-8")
    profile = yaml.safe_load((PROJECT_ROOT / "profiles.yml").read_text(encoding="utf-8"))["journeys"]
    output = profile["outputs"]["release"]
    output["path"] = f"{{{{ env_var('JOURNEYS_RELEASE', '') or '{settings.serving / DATABASE}' }}}}"
    project = {
        "name": "journeys",
        "version": "1.0.0",
        "config-version": 2,
        "profile": "journeys",
        "model-paths": ["models"],
        "macro-paths": ["macros"],
        "vars": {"reporting_time_zone": time_zone},
        "flags": {"send_anonymous_usage_stats": False, "use_colors": False},
    }
    spine = {
        "name": TIME_SPINE,
        "time_spine": {"standard_granularity_column": "date_day"},
        "columns": [{"name": "date_day", "granularity": "day"}],
    }
    files = {
        "dbt_project.yml": yaml.safe_dump(project, sort_keys=False),
        "profiles.yml": yaml.safe_dump({"journeys": {"target": "release", "outputs": {"release": output}}}),
        "macros/generate_schema_name.sql": next(
            path.read_text(encoding="utf-8") for path in PROJECT_ROOT.glob("macros/*/generate_schema_name.sql")
        ),
        "models/_semantic_models.yml": semantic_models,
        "models/_metrics.yml": definitions.text,
        "models/_time_spine.yml": yaml.safe_dump({"version": 2, "models": [spine]}),
    }
    for model in sorted({TIME_SPINE, *REFERENCE.findall(semantic_models)}):
        [path] = PROJECT_ROOT.glob(f"models/marts/*/{model}.sql")
        files[f"models/{model}.sql"] = f"{{{{ config(schema='{path.parent.name}') }}}} select 1 as is_of_the_release\n"
    return files


def _write(folder: Path, files: Mapping[str, str]) -> None:
    (folder / STAMP).unlink(missing_ok=True)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def _run(program: str, arguments: Sequence[str], folder: Path, database: Path) -> str:
    """What a program of the environment prints. Raises MetricError with what it says is wrong."""
    # where the environment asks for another target or project, this one is still the release's
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DBT_", "JOURNEYS_"))}
    for name in ("JOURNEYS_MEMORY", "JOURNEYS_SPILL"):
        environment |= {name: os.environ[name]} if name in os.environ else {}
    ended = subprocess.run(
        [str(Path(sys.executable).parent / program), *arguments],
        cwd=folder,
        env={**environment, "JOURNEYS_RELEASE": str(database)},
        capture_output=True,
        text=True,
        check=False,
    )
    # they grow with each question, and hold what was asked
    shutil.rmtree(folder / "logs", ignore_errors=True)
    if ended.returncode:
        raise MetricError(_reason(program, ended.stdout + ended.stderr))
    return ended.stdout


def _reason(program: str, said: str) -> str:
    """What a program says is wrong, without where it logs and whom to tell."""
    _, _, after = said.partition("ERROR: ")
    lines = [line.strip() for line in (after or said).partition("Log File::")[0].splitlines()]
    shown = "\n".join("    " + line for line in lines if line)
    return f"{'MetricFlow' if program == 'mf' else program} has no answer to this:\n{shown}"
