"""What dbt's results are on Dagster's pages: materialised assets with the verdicts of their tests, and progress."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from orchestration.defs.naming import node_key
from orchestration.lib.dbt.building import UNCHANGED, DbtBuild, NodeResult

# What becomes of a node that people have to know of at once.
TROUBLE = ("error", "runtime error", "fail", "warn")


class BuildProgress:
    """Logs each tenth of dbt's way, and the nodes that went wrong."""

    def __init__(self, log: dg.DagsterLogManager) -> None:
        self._log = log
        self._tenth = -1

    def note(self, result: NodeResult) -> None:
        if result.status in TROUBLE:
            write = self._log.warning if result.status == "warn" else self._log.error
            write(f"  {result.status}: {result.unique_id.split('.')[2]}")
        tenth = result.number * 10 // max(result.count, 1)
        if tenth > self._tenth:
            self._tenth = tenth
            self._log.info(f"  dbt: {result.number} of {result.count}")


def asset_events(
    built: DbtBuild,
    manifest: Mapping[str, Any],
    number: int,
) -> Iterator[dg.MaterializeResult]:
    """One event per asset whose rows changed, with what became of its tests."""
    tests: dict[str, Counter[str]] = defaultdict(Counter)
    for result in built.results:
        if result.unique_id.startswith("test."):
            for tested in _tested(manifest["nodes"][result.unique_id]):
                tests[tested][result.status] += 1
    for result in built.results:
        if result.status == "success" and has_changed(result, number):
            asset = node_key(manifest["nodes"][result.unique_id])
            counts = {f"tests_{status}": count for status, count in sorted(tests[result.unique_id].items())}
            yield dg.MaterializeResult(asset_key=asset, metadata={"seconds": result.seconds, **counts})


def has_changed(result: NodeResult, number: int) -> bool:
    """Whether a build gave a table other rows than it had."""
    return result.state is not None and result.state.version == number


def said_of_nodes(results: Iterable[NodeResult], number: int) -> str:
    """What a build did about tables and tests, in one line."""
    kinds: dict[str, Counter[str]] = {"tables": Counter(), "tests": Counter()}
    for result in results:
        kind = kinds["tests" if result.unique_id.startswith("test.") else "tables"]
        kind["skipped" if result.status == UNCHANGED else "built"] += 1
        kind["changed"] += has_changed(result, number)
    tables, tests = kinds["tables"], kinds["tests"]
    return (
        f"{tables['built']} tables were built, {tables['changed']} of them changed, and {tests['built']} tests ran; "
        f"skipped: {tables['skipped']} tables and {tests['skipped']} tests, as nothing they read changed"
    )


def _tested(test: Mapping[str, Any]) -> Sequence[str]:
    """What a test is about: the model whose YAML declares it, else what it reads."""
    attached = test.get("attached_node")
    return [attached] if attached else test["depends_on"]["nodes"]
