"""The process that builds: dbt, with a task that tells of each node that ended.

Two things are not dbt's own: the SQL of tests, which the code alone decides, is compiled once and kept, and log files
are not written, since the parent takes the results of nodes from a pipe.
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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.dbt.building import NodeResult
from orchestration.lib.dbt.project import QUIET, parsed_project, target

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

# Linux's prctl: the signal that this process gets when its parent dies.
PR_SET_PDEATHSIG = 1
# A macro with one of these may say something else in each build.
OF_THE_BUILD = re.compile(r"\b(env_var|flags|run_query|graph|is_incremental|load_relation|get_relation)\b")


def main() -> None:
    die_with_parent()
    request = json.load(sys.stdin)
    # what dbt and models print is no result
    pipe = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def tell(told: Mapping[str, Any]) -> None:
        pipe.write(json.dumps(told) + "\n")
        pipe.flush()

    # parsed in the environment of no data set
    digest, manifest = parsed_project()
    # dbt looks through the whole environment at each of its events
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
    needed = {
        name: text
        for name, text in request["environment"].items()
        if name in kept or name.startswith(("JOURNEYS_", "DBT_"))
    }
    os.environ.clear()
    os.environ.update(needed)
    tell({"error": invoke(request, manifest, digest, tell)})
    pipe.close()


def die_with_parent() -> None:
    """Has the kernel end this process when its parent dies, where it can."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def invoke(
    request: Mapping[str, Any], manifest: Manifest, digest: str, tell: Callable[[Mapping[str, Any]], None]
) -> str | None:
    """Runs dbt and returns its error, if any that is not a node's."""
    from dbt.cli.main import dbtRunner
    from dbt.node_types import NodeType
    from dbt.task import build as dbt_build

    for node in manifest.nodes.values():
        if node.resource_type == NodeType.Seed:
            node.original_file_path = str(Path(request["seeds"]) / Path(node.original_file_path).name)
    variables, work, arguments = request["variables"], request["work"], request["arguments"]
    with _kept_test_sql(manifest, f"{digest}-{variables[-1]}") as kept:
        setattr(dbt_build, "BuildTask", _task_class(tell, kept))  # noqa: B010  (mypy: a type)
        result = dbtRunner(manifest=manifest).invoke(
            [
                *QUIET,
                "--no-write-json",
                "build",
                "--no-send-anonymous-usage-stats",
                *("--project-dir", str(PROJECT_ROOT), "--profiles-dir", str(PROJECT_ROOT)),
                *("--target-path", work, "--log-path", work),
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


if __name__ == "__main__":
    main()
