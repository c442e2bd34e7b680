"""The process that builds: dbt, with a task that tells of each node that ended.

What is not dbt's own: nodes that are up to date are left out (node_states.py), the tests of a table are one statement,
the SQL of tests that the code alone decides is compiled once and kept, and no log is written, since the parent takes
the results of nodes from a pipe.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.lib.core.files import read_checked, write_checked
from orchestration.lib.core.processes import answers, die_with_parent, end_at_once, look_for_garbage_rarely
from orchestration.lib.core.settings import DUCKDB, PROJECT_ROOT, SPARK
from orchestration.lib.dbt.building import UNCHANGED, NodeResult
from orchestration.lib.dbt.node_states import BuildInputs, Decision, NodeStates, read_by
from orchestration.lib.dbt.project import command, parsed_project, target
from orchestration.lib.dbt.python_steps import digests_of_steps, let_models_run_python
from orchestration.lib.dbt.quicker import make_dbt_quicker
from orchestration.lib.dbt.spark_storage import let_models_write
from orchestration.lib.spark.building import SparkBuild
from orchestration.lib.spark.catalog import without_stack
from orchestration.lib.spark.java import SparkError
from orchestration.lib.spark.storage import Storage

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

# A macro with one of these may say something else in each build.
OF_THE_BUILD = re.compile(r"\b(env_var|flags|run_query|graph|is_incremental|load_relation|get_relation)\b")


def main() -> None:
    look_for_garbage_rarely()
    # the terminal sends Ctrl-C to all processes of a command: who started this one ends it
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    request = json.load(sys.stdin)
    # it may have died before it could take this one along
    if not is_child_of(request["parent"]):
        return
    pipe = answers()

    one_at_a_time = threading.Lock()

    def tell(told: Mapping[str, Any]) -> None:
        with one_at_a_time:
            pipe.write(json.dumps(told) + "\n")
            pipe.flush()

    # parsed in the environment of no data set
    own = Path(request["own"]) if request["own"] else None
    spark = SparkBuild.of_json(request["spark"]) if request["spark"] else None
    digest, manifest = parsed_project(own, engine=engine_of(spark))
    # dbt looks through the whole environment at each of its events
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
    needed = {
        name: text
        for name, text in request["environment"].items()
        if name in kept or name.startswith(("JOURNEYS_", "DBT_"))
    }
    os.environ.clear()
    os.environ.update(needed)
    if spark is None:
        tell({"error": invoke(request, manifest, digest, tell, own)})
    else:
        os.environ.update(spark.environment)
        try:
            with spark.open_storage(schemas_of(manifest)) as storage:
                error = invoke(request, manifest, digest, tell, own, storage)
                tell({"written": storage.written})
        except SparkError as error_of_spark:
            error = str(error_of_spark)
        tell({"error": error})
    pipe.close()


def engine_of(spark: SparkBuild | None) -> str:
    return DUCKDB if spark is None else SPARK


def schemas_of(manifest: Manifest) -> set[str]:
    """The schemas of a project's models, seeds and tests."""
    return {node.schema for node in manifest.nodes.values()}


def is_child_of(process: int) -> bool:
    return os.getppid() == process


def invoke(
    request: Mapping[str, Any],
    manifest: Manifest,
    digest: str,
    tell: Callable[[Mapping[str, Any]], None],
    own: Path | None,
    storage: Storage | None = None,
) -> str | None:
    """Runs dbt and returns its error, if any that is not a node's."""
    from dbt.cli.main import dbtRunner
    from dbt.node_types import NodeType
    from dbt.task import build as dbt_build

    for node in manifest.nodes.values():
        if node.resource_type == NodeType.Seed:
            file = Path(request["seeds"]) / Path(node.original_file_path).name
            node.original_file_path = str(file)
            # dbt's own is that of the file it parsed, which another data set may have
            node.checksum.checksum = hashlib.sha256((PROJECT_ROOT / file).read_bytes()).hexdigest()
    variables, work, arguments = request["variables"], request["work"], request["arguments"]
    _drop_small_talk()
    make_dbt_quicker()
    let_models_run_python(PROJECT_ROOT / request["seeds"])
    engine = manifest.metadata.adapter_type or DUCKDB
    if storage is not None:
        let_models_write(storage)
    with _kept_test_sql(manifest, f"{digest}-{variables[-1]}", target(own, engine)) as kept:
        start = BuildInputs.of_json(request["inputs"])
        setattr(dbt_build, "BuildTask", _task_class(tell, kept, start, PROJECT_ROOT / request["seeds"]))  # noqa: B010  (mypy: a type)
        result = dbtRunner(manifest=manifest).invoke(
            command("build", *arguments, *variables, work=Path(work), engine=engine)
        )
    return None if result.exception is None else str(result.exception)


def _drop_small_talk() -> None:
    """Has dbt not compose the dozen events per node that no log of ours shows: they cost as much as a small table."""
    from dbt_common.events import event_manager_client
    from dbt_common.events.base_types import BaseEvent, EventLevel
    from dbt_common.events.event_manager import EventManager

    class Warnings(EventManager):
        def fire_event(self, e: BaseEvent, level: EventLevel | None = None, *rest: Any, **more: Any) -> None:
            if (level or e.level_tag()) in (EventLevel.WARN, EventLevel.ERROR):
                super().fire_event(e, level, *rest, **more)

    event_manager_client.ctx_set_event_manager(Warnings())


def _task_class(
    tell: Callable[[Mapping[str, Any]], None], kept: dict[str, str], start: BuildInputs, seeds: Path
) -> type:
    """dbt's task for `build`, which leaves out what is up to date and tells of each node that ended."""
    from dbt.adapters.factory import get_adapter
    from dbt.artifacts.schemas.results import RunStatus, TestStatus
    from dbt.artifacts.schemas.run import RunResult
    from dbt.node_types import NodeType
    from dbt.task.build import BuildTask
    from dbt.task.test import TestRunner
    from dbt_common.exceptions import DbtRuntimeError

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

    class TellingTask(BuildTask):
        def _runtime_initialize(self) -> None:
            super()._runtime_initialize()
            assert self.manifest is not None and self._flattened_nodes is not None
            self.states = NodeStates(
                self.manifest,
                start,
                self.config.vars.to_dict() | self.config.cli_vars,
                steps=digests_of_steps(self.manifest, seeds),
            )
            self.unchanged: set[str] = set()
            self.ended = itertools.count(1)
            tests: dict[frozenset[str], list[Any]] = {}
            for test in self._flattened_nodes:
                if test.resource_type == NodeType.Test:
                    tests.setdefault(frozenset(read_by(test)), []).append(test)
            self.passing = PassingTests(tests)

        def get_runner_type(self, node: Any) -> Any:
            return KeptTestRunner if node.resource_type == NodeType.Test else super().get_runner_type(node)

        def _submit(self, pool: Any, args: Any, callback: Callable[[Any], None]) -> None:
            [runner] = args
            node = runner.node
            if runner.skip or node.resource_type not in (NodeType.Model, NodeType.Seed, NodeType.Test):
                super()._submit(pool, args, callback)
            elif node.is_ephemeral_model:
                if node.unique_id in self.states.parts:
                    # compiled when its whole is, whose decision it follows
                    callback(self._quiet_result(node))
                else:
                    super()._submit(pool, args, callback)
            elif self._decision(node).mode == "unchanged":
                self.unchanged.add(node.unique_id)
                callback(self._quiet_result(node, "nothing it reads changed"))
            else:
                super()._submit(pool, args, callback)

        def _decision(self, node: Any) -> Decision:
            decision = self.states.decide(node, exists=node.resource_type == NodeType.Test or self._is_there(node))
            if node.resource_type == NodeType.Model:
                self.states.tell(node, decision)
            return decision

        def _is_there(self, node: Any) -> bool:
            found = get_adapter(self.config).get_relation(node.database, node.schema, node.alias)
            is_view = node.config.materialized == "view" and not self.states.is_kept(node)
            return found is not None and found.is_view == is_view

        def call_runner(self, runner: Any) -> Any:
            if isinstance(runner, KeptTestRunner) and not runner.skip and self.passing.is_passed(runner, self):
                return self._quiet_result(runner.node)
            if not runner.node.is_ephemeral_model:
                tell({"begins": runner.node.unique_id})
            return super().call_runner(runner)

        def _quiet_result(self, node: Any, message: str | None = None) -> Any:
            """The result of a node that dbt does not have to run, as if it had."""
            is_test = node.resource_type == NodeType.Test
            return RunResult(
                status=TestStatus.Pass if is_test else RunStatus.Success,
                timing=[],
                thread_id="",
                execution_time=0.0,
                adapter_response={},
                message=message,
                failures=0 if is_test else None,
                node=node,
                batch_results=None,
            )

        def _handle_result(self, result: Any) -> None:
            # dbt waits for ever for a node whose result is not taken
            try:
                super()._handle_result(result)
                self._note_and_tell(result)
            except Exception as error:
                self._raise_next_tick = DbtRuntimeError(f"{result.node.unique_id}: {error!r}")

        def _note_and_tell(self, result: Any) -> None:
            node = result.node
            if node.is_ephemeral_model:
                return
            status = str(result.status)
            is_skipped = status == "skipped" or node.resource_type not in (NodeType.Model, NodeType.Seed, NodeType.Test)
            state = None if is_skipped else self.states.note(node, status, result.adapter_response or {})
            tell(
                NodeResult(
                    node.unique_id,
                    UNCHANGED if node.unique_id in self.unchanged else status,
                    without_stack(result.message or ""),
                    result.failures,
                    result.execution_time,
                    next(self.ended),
                    self.num_nodes,
                    state,
                ).as_json()
            )

    return TellingTask


class PassingTests:
    """Runs the tests of one table in one statement, and knows which of them passed.

    Those that did not, and those that left rows behind before, run once more as dbt runs them: it writes the rows that
    break a test, and removes those of an earlier build.
    """

    def __init__(self, tests: Mapping[frozenset[str], Sequence[Any]]) -> None:
        self._tests = tests
        self._locks = {read: threading.Lock() for read in tests}
        self._passed: dict[frozenset[str], set[str]] = {}

    def is_passed(self, runner: Any, task: Any) -> bool:
        """Whether a test passed; the first that is asked of those that read the same runs them all."""
        read = frozenset(read_by(runner.node))
        with self._locks[read]:
            if read not in self._passed:
                self._passed[read] = self._run(runner, task, [
                    test for test in self._tests[read]
                    if test.config.limit is None
                    and task.states.decide(test, exists=True).mode != "unchanged"
                    and runner.adapter.get_relation(test.database, test.schema, test.alias) is None
                ])  # fmt: skip
            return runner.node.unique_id in self._passed[read]

    def _run(self, runner: Any, task: Any, tests: Sequence[Any]) -> set[str]:
        if not tests:
            return set()
        try:
            with runner.adapter.connection_named("tests of one table"):
                statement = " union all ".join(
                    f"select {place} as place, {test.config.fail_calc} {test.config.warn_if} as is_warning, "
                    f"{test.config.fail_calc} {test.config.error_if} as is_failing "
                    f"from ({self._compiled(type(runner), test, task)}) as breaking_rows"
                    for place, test in enumerate(tests)
                )
                _, table = runner.adapter.execute(statement, fetch=True)
        except Exception:  # one of them can't be run: dbt says which, and why
            return set()
        return {
            tests[place].unique_id for place, is_warning, is_failing in table.rows if not (is_warning or is_failing)
        }

    @staticmethod
    def _compiled(runner_type: Any, test: Any, task: Any) -> str:
        from dbt.adapters.factory import get_adapter

        return runner_type(task.config, get_adapter(task.config), test, 0, 0).compile(task.manifest).compiled_code


@contextlib.contextmanager
def _kept_test_sql(manifest: Manifest, state: str, folder: Path) -> Iterator[dict[str, str]]:
    """The compiled SQL of tests that the code and the variables decide, by test; empty for those not yet compiled."""
    file = folder / f"tests-{hashlib.sha256(state.encode()).hexdigest()[:16]}.json"
    # what is damaged is compiled again
    before: dict[str, str] = json.loads(read_checked(file) or "{}")
    kept: dict[str, Any] = {name: before.get(name) for name in _fixed_tests(manifest)}
    yield kept
    now = {name: sql for name, sql in kept.items() if sql is not None}
    if now.keys() - before.keys():
        write_checked(file, json.dumps(before | now))


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
    end_at_once(0)
