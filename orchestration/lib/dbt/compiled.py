"""The models' own SQL for Python to run: what dbt compiles of `analyses/`, and of models on other relations.

dbt compiles once per state of the code, in a few seconds, against an empty database in memory (`compiling.py`); no
data set is needed, and none is opened. What it gives is kept in `var/.compiled/`, apart for each reporting time zone.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestration.lib.core.activity import step
from orchestration.lib.core.files import read_checked, write_checked
from orchestration.lib.core.locks import held
from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.dbt.running import DbtFailed

ANALYSES = PROJECT_ROOT / "analyses"
# What an expression follows from, and what a model follows from besides.
OF_EXPRESSIONS = ("dbt_project.yml", "macros/**/*.sql", "own_sources/**/*.sql", "analyses/*")
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
            with step("dbt compiles expressions"):
                compiled = _compile([*analyses, *(set(names) - analyses)], time_zone)
            for name, entry in compiled.items():
                kept[name] = {"state": state[name], **entry}
            write_checked(folder / "kept.json", json.dumps(kept))
    return kept


def _compile(names: Sequence[str], time_zone: str) -> dict[str, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "orchestration.lib.dbt.compiling"],
        cwd=PROJECT_ROOT,
        input=json.dumps({"names": list(names), "time_zone": time_zone}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise DbtFailed(f"dbt could not compile {', '.join(sorted(names))}:\n{done.stderr[-4000:].strip()}")
    compiled: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return compiled


def _digest(patterns: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for pattern in patterns for path in PROJECT_ROOT.glob(pattern) if path.is_file()):
        digest.update(path.relative_to(PROJECT_ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:32]


def _read(path: Path) -> dict[str, Any]:
    # what is damaged is compiled again
    return json.loads(read_checked(path) or "{}")
