"""Builds with dbt in a process of our own, which is cheaper than the dbt command and tells of each node as it ends.

The process opens the warehouse file, so the lock on it ends with the process, however that ends; and it dies with its
parent. What dbt does is dbt's own; `child.py` says what is different.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from orchestration.lib.core.activity import doing
from orchestration.lib.core.settings import PROJECT_ROOT, Settings
from orchestration.lib.dbt.node_states import BuildInputs, NodeState
from orchestration.lib.dbt.running import DbtFailed, dbt_environment, dbt_variables
from orchestration.lib.spark.building import SparkBuild

CHILD: tuple[str, ...] = ("-m", "orchestration.lib.dbt.child")

# What became of a node that was not built, as nothing changed that it reads.
UNCHANGED = "unchanged"
BAD = ("error", "fail", "runtime error", "partial success")


@dataclass(frozen=True)
class NodeResult:
    """What became of one node: dbt's status (success, pass, warn, fail, error, skipped) or `unchanged`, and seconds.

    `number` and `count` are its place among the nodes of the build. `state` is what it is built from now; none where
    the ledger says so already.
    """

    unique_id: str
    status: str
    message: str
    failures: int | None
    seconds: float
    number: int
    count: int
    state: NodeState | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of_json(cls, told: Mapping[str, Any]) -> NodeResult:
        state = told["state"]
        return cls(**{**told, "state": None if state is None else NodeState(**state)})

    @property
    def is_bad(self) -> bool:
        return self.status in BAD


@dataclass(frozen=True)
class DbtBuild:
    """The results of a build, in the order in which nodes ended, and dbt's own error where there was one."""

    results: tuple[NodeResult, ...]
    error: str | None
    # the folder of each table that Spark wrote, by relation; none: the table was dropped
    written: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def is_success(self) -> bool:
        return self.error is None and not any(result.is_bad for result in self.results)


def explain(built: DbtBuild, manifest: Mapping[str, Any]) -> str:
    """What went wrong: which nodes, how many rows, where to look."""
    problems = [] if built.error is None else [built.error]
    for result in built.results:
        if not result.is_bad:
            continue
        node = manifest["nodes"].get(result.unique_id, {})
        if result.status == "fail" and node.get("alias"):
            problems.append(
                f"check {node['name']} ({node['original_file_path']}): {result.failures} rows break it. "
                f"Look with: make sql IN=warehouse SQL='from {node['schema']}.{node['alias']}'"
            )
        else:
            problems.append(f"{result.unique_id}: {(result.message or 'no message').strip()}")
    return "\n".join(["the build failed:", *(f"  {line}" for line in problems)])


def build(
    settings: Settings,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    inputs: BuildInputs,
    spark: SparkBuild | None = None,
    progress: Callable[[NodeResult], None] = lambda result: None,
) -> DbtBuild:
    """Runs `dbt build` with more arguments on a data set and returns what became of its nodes.

    `environment` is what `BuildPlan.environment` says, `inputs` what the ledger of nodes does, `spark` what Spark
    has to know to build; without it DuckDB does. The warehouse file must not be open. Raises DbtFailed where the
    process died, with its last words.
    """
    work = settings.dbt_target / "build"
    work.mkdir(parents=True, exist_ok=True)
    said = work / "said.txt"
    request = {
        "arguments": list(arguments),
        "variables": dbt_variables(settings),
        "environment": {**dbt_environment(settings), **environment},
        "seeds": str(settings.resolved_seeds.relative_to(PROJECT_ROOT)),
        "own": str(settings.resolved_sources) if settings.resolved_sources else None,
        "work": str(work),
        "inputs": inputs.as_json(),
        "spark": spark.as_json() if spark is not None else None,
        "parent": os.getpid(),
    }
    doing("dbt build", name="starting")
    results: list[NodeResult] = []
    # by when they began: the one that others wait for is the first
    running: dict[str, None] = {}
    error: str | None = None
    written: Mapping[str, str | None] = {}
    is_told = False
    with (
        said.open("wb") as words,
        subprocess.Popen(
            [sys.executable, *CHILD],
            cwd=PROJECT_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=words,
            text=True,
            encoding="utf-8",
        ) as child,
    ):
        assert child.stdin is not None and child.stdout is not None
        try:
            with contextlib.suppress(BrokenPipeError):
                child.stdin.write(json.dumps(request))
                child.stdin.close()
            for line in child.stdout:
                told = json.loads(line)
                if "begins" in told:
                    running[told["begins"]] = None
                    _say_what_runs(running, results)
                elif "unique_id" in told:
                    results.append(NodeResult.of_json(told))
                    running.pop(results[-1].unique_id, None)
                    _say_what_runs(running, results)
                    progress(results[-1])
                elif "written" in told:
                    written = told["written"]
                else:
                    is_told, error = True, told["error"]
        except BaseException:
            child.kill()
            raise
        code = child.wait()
    if not is_told:
        raise DbtFailed(_death_of(code, results, said))
    return DbtBuild(tuple(results), error, written)


def _say_what_runs(running: Mapping[str, None], results: Sequence[NodeResult]) -> None:
    """How far the build is, and the node that has been running for longest."""
    if results:
        number, count = results[-1].number, results[-1].count
        name = next(iter(running), ".." if number < count else "..finishing").split(".")[2]
        doing("dbt build", number=number, of=count, name=name)


def _death_of(code: int, results: Sequence[NodeResult], said: Path) -> str:
    """What died, after what, and what to do."""
    after = f" after {results[-1].unique_id}" if results else ""
    tail = said.read_text(encoding="utf-8", errors="replace")[-2000:].strip() if said.exists() else ""
    if code == -signal.SIGKILL:
        # nobody who kills says why; the system does so to whom it takes memory from
        return (
            f"dbt's process was killed (signal 9){after}: by a person, or by the system for want of memory (dmesg says "
            f"so). Free memory or set JOURNEYS_MEMORY lower, and run again; the next build starts from raw.\n{tail}"
        ).rstrip()
    how = f"was ended by signal {-code} ({signal.strsignal(-code)})" if code < 0 else f"ended with exit code {code}"
    return f"dbt's process {how}{after}. Run again; the next build starts from raw.\n{tail}".rstrip()
