"""The models' own SQL for Python to run: what dbt compiles of `analyses/`, and of models on other relations.

dbt compiles once per state of the code, in a few seconds, against an empty database in memory; no data set is
needed, and none is opened. What it gives is kept in `var/.compiled/`, apart for each reporting time zone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestration.lib.core.locks import held
from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.dbt.running import call_dbt, environment_of

ANALYSES = PROJECT_ROOT / "analyses"
# What an expression follows from, and what a model follows from besides.
OF_EXPRESSIONS = ("dbt_project.yml", "macros/**/*.sql", "analyses/*")
OF_MODELS = ("models/**/*.sql", "models/**/*.yml")
# Another process may be compiling the same; it takes longer than this only when something is wrong.
WAIT_SECONDS = 600


def expressions(*names: str, time_zone: str = "UTC") -> tuple[str, ...]:
    """The SQL of expressions in `analyses/`, in the order of their names."""
    found = _compiled(names, time_zone)
    return tuple(found[name]["sql"] for name in names)


def expression(name: str, *, time_zone: str = "UTC") -> str:
    """The SQL of one expression in `analyses/`; the columns that it reads are in its description.

    >>> expression("local_date")
    'cast(occurred_at as date)'
    """
    return expressions(name, time_zone=time_zone)[0]


def models_on(
    names: Sequence[str], relations: Mapping[str, str], *, as_of: str, time_zone: str = "UTC"
) -> dict[str, str]:
    """The SQL of models as a full build runs them, on other relations, by the names that the models refer to.

    `as_of` is the clock as an SQL expression. Raises KeyError for a relation that is read and not given.
    """
    found = _compiled([*names, "as_of"], time_zone)
    return {name: _placed(found[name], relations, found["as_of"]["sql"], as_of) for name in names}


def _placed(model: Mapping[str, Any], relations: Mapping[str, str], clock: str, as_of: str) -> str:
    sql = model["sql"].replace(clock, as_of)
    for name, relation in model["relations"].items():
        # a full build does not read what lists the changed keys
        if relation in sql:
            sql = sql.replace(relation, relations[name])
    return sql


def _compiled(names: Sequence[str], time_zone: str) -> dict[str, Any]:
    """What is kept of each name; what is missing or older than the code is compiled first."""
    folder = PROJECT_ROOT / "var" / ".compiled" / hashlib.sha256(time_zone.encode()).hexdigest()[:8]
    analyses = {path.stem for path in ANALYSES.glob("*.sql")}
    of_expressions = _digest(OF_EXPRESSIONS)
    of_models = of_expressions if analyses.issuperset(names) else _digest((*OF_EXPRESSIONS, *OF_MODELS))
    state = {name: of_expressions if name in analyses else of_models for name in {*names, *analyses}}

    def is_kept(kept: Mapping[str, Any]) -> bool:
        return all(name in kept and kept[name]["state"] == state[name] for name in names)

    kept = _read(folder / "kept.json")
    if is_kept(kept):
        return kept
    folder.mkdir(parents=True, exist_ok=True)
    with held(folder / ".lock", wait_seconds=WAIT_SECONDS):
        kept = _read(folder / "kept.json")
        if not is_kept(kept):
            # all expressions at once: starting dbt costs more than compiling them
            for name, entry in _compile([*analyses, *(set(names) - analyses)], folder, time_zone):
                kept[name] = {"state": state[name], **entry}
            unfinished = folder / "kept.json.next"
            unfinished.write_text(json.dumps(kept), encoding="utf-8")
            unfinished.replace(folder / "kept.json")
    return kept


def _compile(names: Sequence[str], folder: Path, time_zone: str) -> Iterator[tuple[str, dict[str, Any]]]:
    # no build is under way: the clock is the project's own
    environment = {
        name: value for name, value in environment_of(folder).items() if not name.startswith("JOURNEYS_BUILD_")
    }
    environment |= {"JOURNEYS_WAREHOUSE": ":memory:", "JOURNEYS_RESOLVED_SEEDS": "seeds"}
    variables = json.dumps({"reporting_time_zone": time_zone})
    call_dbt(["compile", "--full-refresh", "--vars", variables, "--select", *sorted(names)], environment)
    manifest = _read(folder / "manifest.json")
    for result in _read(folder / "run_results.json")["results"]:
        node = manifest["nodes"][result["unique_id"]]
        if node["name"] in names:
            yield (
                node["name"],
                {
                    "sql": result["compiled_code"].strip(),
                    "relations": dict(_relations(manifest, result["unique_id"])),
                },
            )


def _relations(manifest: Mapping[str, Any], node: str) -> Iterator[tuple[str, str]]:
    """Name and relation of what a node reads; an ephemeral model is part of the SQL, so its own parents count."""
    for parent in manifest["nodes"][node]["depends_on"]["nodes"]:
        found = manifest["nodes"].get(parent) or manifest["sources"][parent]
        if found["relation_name"]:
            yield found["name"], found["relation_name"]
        else:
            yield from _relations(manifest, parent)


def _digest(patterns: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for pattern in patterns for path in PROJECT_ROOT.glob(pattern) if path.is_file()):
        digest.update(path.relative_to(PROJECT_ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:32]


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
