"""Builds with dbt in a child forked from this process, which holds dbt's imports and the parsed project.

A start of the dbt command costs four times as much as such a child. The child opens the warehouse file, so the lock on
it ends with the child, however that ends; and it dies with its parent. What dbt does is dbt's own, but for two things:
the SQL of tests, which the code alone decides, is compiled once and kept, and log files are not written, since the
parent takes the results of nodes from a pipe.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from orchestration.lib.core.settings import PROJECT_ROOT, Settings
from orchestration.lib.dbt.project import QUIET, held_project, target
from orchestration.lib.dbt.running import DbtFailed, dbt_environment, dbt_variables

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

# Linux's prctl: the signal that this process gets when its parent dies.
PR_SET_PDEATHSIG = 1
# A macro with one of these may say something else in each build.
OF_THE_BUILD = re.compile(r"\b(env_var|flags|run_query|graph|is_incremental|load_relation|get_relation)\b")

BAD = ("error", "fail", "runtime error", "partial success")


@dataclass(frozen=True)
class NodeResult:
    """What became of one node: dbt's status (success, pass, warn, fail, error, skipped), message and seconds.

    `number` and `count` are its place among the nodes of the build.
    """

    unique_id: str
    status: str
    message: str
    failures: int | None
    seconds: float
    number: int
    count: int

    @property
    def is_bad(self) -> bool:
        return self.status in BAD


@dataclass(frozen=True)
class DbtBuild:
    """The results of a build, in the order in which nodes ended, and dbt's own error where there was one."""

    results: tuple[NodeResult, ...]
    error: str | None

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
    environment: Mapping[str, str] | None = None,
    *,
    progress: Callable[[NodeResult], None] = lambda result: None,
) -> DbtBuild:
    """Runs `dbt build` with more arguments on a data set and returns what became of its nodes.

    `environment` is what `BuildPlan.environment` says. The warehouse file must not be open. Raises DbtFailed where the
    child died, with its last words.
    """
    digest, manifest = held_project()
    work = settings.dbt_target / "build"
    work.mkdir(parents=True, exist_ok=True)
    said = work / "said.txt"
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _build_and_exit(settings, arguments, environment or {}, manifest, digest, work, said, writing)
    os.close(writing)
    results: list[NodeResult] = []
    error: str | None = None
    is_told = False
    try:
        with os.fdopen(reading, encoding="utf-8") as lines:
            for line in lines:
                told = json.loads(line)
                if "unique_id" in told:
                    results.append(NodeResult(**told))
                    progress(results[-1])
                else:
                    is_told, error = True, told["error"]
    except BaseException:
        os.kill(child, signal.SIGKILL)
        raise
    finally:
        _, status = os.waitpid(child, 0)
    if not is_told:
        raise DbtFailed(_death_of(status, results, said))
    return DbtBuild(tuple(results), error)


def _death_of(status: int, results: Sequence[NodeResult], said: Path) -> str:
    how = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit code {os.WEXITSTATUS(status)}"
    after = f" after {results[-1].unique_id}" if results else ""
    tail = said.read_text(encoding="utf-8", errors="replace")[-2000:].strip() if said.exists() else ""
    return f"dbt's process ended{after} with {how}. Run again; the next build starts from raw.\n{tail}".rstrip()


def _build_and_exit(
    settings: Settings,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    manifest: Manifest,
    digest: str,
    work: Path,
    said: Path,
    writing: int,
) -> NoReturn:
    """The child: everything from here on happens in a process of its own."""
    code = 1
    try:
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        with said.open("wb") as words:
            os.dup2(words.fileno(), 1)
            os.dup2(words.fileno(), 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
        os.chdir(PROJECT_ROOT)
        # dbt looks through the whole environment at each of its events
        kept = {"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR"}
        needed = {
            name: text
            for name, text in {**dbt_environment(settings), **environment}.items()
            if name in kept or name.startswith(("JOURNEYS_", "DBT_"))
        }
        os.environ.clear()
        os.environ.update(needed)
        with os.fdopen(writing, "w", encoding="utf-8") as pipe:

            def tell(told: Mapping[str, Any]) -> None:
                pipe.write(json.dumps(told) + "\n")
                pipe.flush()

            error = _invoke(settings, arguments, manifest, digest, work, tell)
            tell({"error": error})
        code = 0
    except BaseException:
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
    finally:
        _let_go()
        # no handler of the parent's may run twice, and no thread of the parent's is waited for
        os._exit(code)


def _let_go() -> None:
    """Releases the locks that dbt made in this process: Python's tracker of them would report each as leaked."""
    import gc

    from dbt.adapters.factory import reset_adapters

    reset_adapters()
    gc.collect()


def _invoke(
    settings: Settings,
    arguments: Sequence[str],
    manifest: Manifest,
    digest: str,
    work: Path,
    tell: Callable[[Mapping[str, Any]], None],
) -> str | None:
    """Runs dbt and returns its error, if any that is not a node's."""
    from dbt.cli.main import dbtRunner
    from dbt.node_types import NodeType
    from dbt.task import build as dbt_build

    seeds = settings.resolved_seeds.relative_to(PROJECT_ROOT)
    for node in manifest.nodes.values():
        if node.resource_type == NodeType.Seed:
            node.original_file_path = str(seeds / Path(node.original_file_path).name)
    variables = dbt_variables(settings)
    with _kept_test_sql(manifest, f"{digest}-{variables[-1]}") as kept:
        setattr(dbt_build, "BuildTask", _task_class(tell, kept))  # noqa: B010  (mypy: a type)
        result = dbtRunner(manifest=manifest).invoke(
            [
                *QUIET,
                "--no-write-json",
                "build",
                "--no-send-anonymous-usage-stats",
                *("--project-dir", str(PROJECT_ROOT), "--profiles-dir", str(PROJECT_ROOT)),
                *("--target-path", str(work), "--log-path", str(work)),
                *arguments,
                *variables,
            ]
        )
    return None if result.exception is None else str(result.exception)


def _task_class(tell: Callable[[Mapping[str, Any]], None], kept: dict[str, str]) -> type:
    """dbt's task for `build`, which tells of each node that ended and runs tests with SQL that is kept."""
    from dbt.node_types import NodeType
    from dbt.task.build import BuildTask
    from dbt.task.test import TestResultData, TestRunner

    class KeptTestRunner(TestRunner):
        def compile(self, manifest: Manifest) -> Any:
            if (sql := kept.get(self.node.unique_id)) is not None:
                self.node.compiled_code = sql
                self.node.compiled = self.node.extra_ctes_injected = True
                return self.node
            node = super().compile(manifest)
            if node.unique_id in kept:
                kept[node.unique_id] = node.compiled_code
            return node

        def execute_data_test(self, data_test: Any, manifest: Manifest) -> TestResultData:
            config = data_test.config
            relation = self.adapter.get_relation(data_test.database, data_test.schema, data_test.alias)
            if relation is None and config.limit is None:
                count = config.fail_calc
                _, table = self.adapter.execute(
                    f"select {count}, {count} {config.warn_if}, {count} {config.error_if} "
                    f"from ({data_test.compiled_code}) as breaking_rows",
                    fetch=True,
                )
                failures, should_warn, should_error = table.rows[0]
                if not should_warn and not should_error:
                    return TestResultData(int(failures or 0), False, False, {})
            # rows are written down, or those of an earlier build removed
            return super().execute_data_test(data_test, manifest)

    ended = itertools.count(1)

    class TellingTask(BuildTask):
        def get_runner_type(self, node: Any) -> Any:
            return KeptTestRunner if node.resource_type == NodeType.Test else super().get_runner_type(node)

        def _handle_result(self, result: Any) -> None:
            super()._handle_result(result)
            if not result.node.is_ephemeral_model:
                tell(
                    asdict(
                        NodeResult(
                            result.node.unique_id,
                            str(result.status),
                            result.message or "",
                            result.failures,
                            result.execution_time,
                            next(ended),
                            self.num_nodes,
                        )
                    )
                )

    return TellingTask


@contextlib.contextmanager
def _kept_test_sql(manifest: Manifest, state: str) -> Iterator[dict[str, str]]:
    """The compiled SQL of tests that the code and the variables decide, by test; empty for those not yet compiled."""
    import hashlib

    file = target() / f"tests-{hashlib.sha256(state.encode()).hexdigest()[:16]}.json"
    before = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    kept: dict[str, Any] = {name: before.get(name) for name in _fixed_tests(manifest)}
    yield kept
    now = {name: sql for name, sql in kept.items() if sql is not None}
    if now.keys() - before.keys():
        unfinished = file.with_suffix(f".{os.getpid()}")
        unfinished.write_text(json.dumps(before | now), encoding="utf-8")
        unfinished.replace(file)


def _fixed_tests(manifest: Manifest) -> Iterator[str]:
    """Tests whose SQL says the same in every build: no macro of ours that they call asks what build it is."""
    from dbt.node_types import NodeType

    asks: dict[str, bool] = {}

    def asks_the_build(macro: str) -> bool:
        if macro not in asks:
            asks[macro] = False  # where macros call each other in a circle
            found = manifest.macros.get(macro)
            if found is not None and found.package_name == manifest.metadata.project_name:
                asks[macro] = bool(OF_THE_BUILD.search(found.macro_sql)) or any(
                    asks_the_build(called) for called in found.depends_on.macros
                )
        return asks[macro]

    for name, node in manifest.nodes.items():
        if (
            node.resource_type == NodeType.Test
            and not OF_THE_BUILD.search(node.raw_code)
            and not any(asks_the_build(macro) for macro in node.depends_on.macros)
        ):
            yield name
