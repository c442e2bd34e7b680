"""What each node of the dbt project was built from, and what a build has to do about it now.

A node is a seed, a model with a table, or a test. Its state says which code, configuration and inputs it was last built
from. A view or an ephemeral model has no rows of its own: its reader reads what it reads. An input is

- a table of the project, whose version is the number of the build in which its rows last changed,
- a raw table, whose version is the last batch that changed it,
- a table that the orchestration keeps (`landing.files`), whose version is a hash of its rows,
- the clock, whose version is the clock.

A node whose code and inputs are the same is not built. An incremental model whose inputs say what changed in them since
it last read them replaces the rows of changed keys. Everything else is built from all rows.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from orchestration.lib.dbt.python_steps import PYTHON_STEP

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

Version = int | str
# unchanged: not built; changes: rows of changed keys are replaced; all: every row is computed, and the table compared
# with it; scratch: as if there were no table.
Mode = Literal["unchanged", "changes", "all", "scratch"]

CLOCK = "clock"
BATCH = "batch"
# A model that calls it is compiled by what is decided of it.
ASKS_FOR_DECISION = "macro.journeys.this_build"
RAW = "raw"
SETTINGS = "settings"
CLOCK_MACRO = "macro.journeys.as_of"
GOOD = ("success", "pass")
NO_ROWS_OF_THEIR_OWN = ("view", "ephemeral")
VARIABLE = re.compile(r"""\bvar\(\s*['"](\w+)['"]""")
# A model with this in its code reads tables that dbt does not know of while it parses.
READS_GRAPH = re.compile(r"\bgraph\.")
# How a change of an input reaches a model, where it is no name of a column; see docs/increments.md.
ALL_ROWS = "all"
NEVER = "never: "


class DeclarationError(ValueError):
    """An incremental model's `meta.increment` says nothing, or nothing usable, of what the model reads."""


@dataclass(frozen=True)
class NodeState:
    """What a node was last built from, and what came of it.

    `version` is the number of the build in which its rows last changed; `changed_since` the version that the list of
    changed rows starts from (none where there is no list); `content` a hash of a table's rows where one was taken;
    `batch` and `as_of` the landing batch and the clock that it was built at; `verdict` dbt's status, `built_at` when.
    """

    fingerprint: str
    version: int
    inputs: Mapping[str, Version]
    batch: int
    as_of: str
    verdict: str
    built_at: str
    changed_since: int | None = None
    content: str | None = None


@dataclass(frozen=True)
class BuildInputs:
    """What a build starts from: its number, batch and clock, whether it starts from raw, versions of what dbt does not
    build, and the states of nodes by their names in the manifest."""

    number: int
    batch: int
    as_of: str
    is_full: bool
    now: str
    versions: Mapping[str, Version]
    states: Mapping[str, NodeState]
    # nodes that are built whatever their state; none: those that need it
    is_forced: bool = False

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of_json(cls, told: Mapping[str, Any]) -> BuildInputs:
        states = {name: NodeState(**state) for name, state in told["states"].items()}
        return cls(**{**told, "states": states})


@dataclass(frozen=True)
class Decision:
    """What a build does about a node, why, and what the macros have to know for it (`this_build`)."""

    mode: Mode
    because: str
    inputs: Mapping[str, Version]
    said: Mapping[str, Any] = field(default_factory=dict)


class NodeStates:
    """Decides node by node, in dbt's order: what is decided of a node rests on what came of those before it."""

    def __init__(
        self, manifest: Manifest, start: BuildInputs, variables: Mapping[str, Any], *, steps: Mapping[str, str]
    ) -> None:
        """`variables` are dbt's, `steps` what `digests_of_steps` says of Python steps."""
        self.start = start
        self._steps = steps
        self.states = dict(start.states)
        self._manifest = manifest
        self._nodes: Mapping[str, Any] = {**manifest.nodes, **manifest.sources}
        self._macros = _MacroTexts(manifest, variables)
        self._inputs_behind: dict[str, frozenset[str]] = {}
        self._texts: dict[str, str] = {}
        self._decisions: dict[str, Decision] = {}
        self._tracked = _tracked_columns(manifest)
        self.parts = parts_of_increments(manifest, self._macros)

    def decide(self, node: Any, *, exists: bool) -> Decision:
        """What the build has to do about a node whose inputs are as they will be. `exists`: its table is there."""
        decision = self._decide(node, exists=exists)
        self._decisions[node.unique_id] = decision
        return decision

    def note(self, node: Any, verdict: str, response: Mapping[str, Any]) -> NodeState | None:
        """The state of a node that ended, from dbt's status and what its materialisation reported; none: as it was.

        A node that failed is as it was: its table was not written, and its inputs were not read.
        """
        decision = self._decisions[node.unique_id]
        if verdict not in (*GOOD, "warn") and node.resource_type != "test":
            return None
        before = self.states.get(node.unique_id)
        if decision.mode == "unchanged":
            assert before is not None
            if before.inputs == decision.inputs:
                return None
            state = replace(before, inputs=decision.inputs)
        else:
            state = NodeState(
                fingerprint=self.fingerprint(node),
                inputs=decision.inputs,
                batch=self.start.batch,
                as_of=self.start.as_of,
                verdict=verdict,
                built_at=self.start.now,
                **{"version": self.start.number, **self._changes(before, decision, response)},
            )
        self.states[node.unique_id] = state
        return state

    def _changes(self, before: NodeState | None, decision: Decision, response: Mapping[str, Any]) -> dict[str, Any]:
        """Which version the rows are, by what a materialisation reported (macro `report_rows`)."""
        code = response.get("code")
        if before is None or decision.mode == "scratch":
            return {"content": response["_message"] if code == "content" else None}
        if code == "content":
            content = response["_message"]
            return {"content": content, **({"version": before.version} if content == before.content else {})}
        if code == "changed" and response["rows_affected"] == 0:
            return {"version": before.version, "changed_since": before.changed_since}
        if code == "changed":
            return {"changed_since": before.version}
        return {}

    def _decide(self, node: Any, *, exists: bool) -> Decision:
        now = self._inputs_of(node)
        before = self.states.get(node.unique_id)
        if self.start.is_full:
            return Decision("scratch", "a full build", now)
        if before is None or not exists:
            return Decision("all", "it is new", now)
        if self.start.is_forced:
            return Decision("all", "asked for", now)
        if before.fingerprint != self.fingerprint(node):
            return Decision("all", "its code changed", now)
        if before.verdict not in GOOD:
            return Decision("all", f"it ended with {before.verdict}", now)
        changed = {name for name in now.keys() | before.inputs.keys() if now.get(name) != before.inputs.get(name)}
        if node.config.materialized == "incremental":
            return self._decide_increment(node, before, now, changed)
        return Decision(
            "all" if changed else "unchanged", ", ".join(sorted(changed)) or "nothing it reads changed", now
        )

    def _decide_increment(
        self, node: Any, before: NodeState, now: Mapping[str, Version], changed: set[str]
    ) -> Decision:
        increment = node.config.meta["increment"]
        changes: list[Mapping[str, Any]] = []
        for name, ways in self._ways_by_input(node).items():
            if name not in changed:
                continue
            changed.discard(name)
            for way in ways:
                if way == ALL_ROWS:
                    return Decision("all", f"{name} changed", now)
                if isinstance(way, dict):
                    if "column" in way and self._changed_since(name) != before.inputs.get(name):
                        return Decision("all", f"it did not read the last changes of {name}", now)
                    changes.append(way)
        if changed:
            return Decision("all", f"{', '.join(sorted(changed))} changed", now)
        if not changes:
            return Decision("unchanged", "nothing it reads changed", now)
        said = {
            "mode": "changes",
            "alias": node.alias,
            "key": increment["key"],
            "changes": [change for number, change in enumerate(changes) if change not in changes[:number]],
            "built_through": before.batch,
            "built_as_of": before.as_of,
        }
        return Decision("changes", "rows of changed keys", now, said)

    def _changed_since(self, name: str) -> Version | None:
        """The version that the list of changed rows of a table starts from."""
        state = self.states.get(self._id_of(name))
        return None if state is None else state.changed_since

    def tell(self, node: Any, decision: Decision) -> None:
        """Tells the macros of a model, and of the ephemeral models that are a part of it, what was decided."""
        said = {"mode": decision.mode, **decision.said}
        if node.config.materialized == "incremental":
            key = node.config.meta["increment"]["key"]
            said["tracks"] = sorted({key} | self._tracked.get(node.name, set()))
        if node.config.materialized == PYTHON_STEP:
            before = self.states.get(node.unique_id)
            is_same_code = before is not None and before.fingerprint == self.fingerprint(node)
            said["continues"] = decision.mode == "all" and is_same_code
        for one in (node, *(self._nodes[part] for part, wholes in self.parts.items() if node.unique_id in wholes)):
            one.config.meta["build"] = said

    def _ways_by_input(self, node: Any) -> dict[str, list[Any]]:
        """How a change of each input reaches an incremental model, from `meta.increment`."""
        increment = node.config.meta["increment"]
        key = increment["key"]
        found: dict[str, list[Any]] = {}
        for reference in sorted(references_of(self._manifest, node)):
            read = self._nodes[reference]
            declared = increment["from"].get(read.name)
            if declared is None:
                raise DeclarationError(
                    f"{node.name} ({node.original_file_path}): meta.increment.from does not say how a change of "
                    f"{read.name} reaches {key}; see docs/increments.md"
                )
            for name in self._inputs_behind_of(reference):
                found.setdefault(name, []).extend(self._way(way, key, node, read, name) for way in _several(declared))
        if (declared := increment["from"].get(CLOCK)) is not None:
            found[CLOCK] = [self._way(way, key, node, None, CLOCK) for way in _several(declared)]
        return found

    def _way(self, declared: Any, key: str, node: Any, read: Any, name: str) -> Any:
        """One way of a change, with relations instead of names of models."""
        if declared == ALL_ROWS or (isinstance(declared, str) and declared.startswith(NEVER)):
            return declared
        if isinstance(declared, str):
            declared = {"column": declared}
        way = {**declared, "read": CLOCK if read is None else read.name}
        if "landed" in way:
            # only rows say which keys changed; a rule that a staging model reads changes them all
            return {**way, "of": read.relation_name} if name.startswith(f"{RAW}.") else ALL_ROWS
        if "column" in way:
            way["changed"] = _with_suffix(self._nodes[self._id_of(name)].relation_name, "__changed")
        if "of" in way:
            way["of"] = node.relation_name if way["of"] == "this" else self._nodes[self._id_of(way["of"])].relation_name
            way.setdefault("key", key)
        return way

    def _id_of(self, name: str) -> str:
        for kind in ("model", "seed"):
            if (unique_id := f"{kind}.{self._manifest.metadata.project_name}.{name}") in self._nodes:
                return unique_id
        raise DeclarationError(f"meta.increment names {name}, which is no model and no seed")

    def _inputs_of(self, node: Any) -> dict[str, Version]:
        names = self._asks_for(node)
        if node.config.materialized not in NO_ROWS_OF_THEIR_OWN or self.is_kept(node):
            names = names.union(*(self._inputs_behind_of(read) for read in read_by(node)))
        return {name: self._version(name) for name in sorted(names)}

    def is_kept(self, node: Any) -> bool:
        """Whether the rows of a view are kept in a table on the engine that builds, as dbt_project.yml has it."""
        return self._manifest.metadata.adapter_type in node.config.meta.get("kept_on", ())

    def _inputs_behind_of(self, unique_id: str) -> frozenset[str]:
        """The inputs that a reader of a node has: the node itself, or what a view or an ephemeral model reads."""
        if unique_id not in self._inputs_behind:
            node = self._nodes[unique_id]
            if unique_id.startswith("source."):
                # the key of hashes; another one is followed by a full build
                found = set() if node.name == SETTINGS else {source_input(node.schema, node.source_name, node.name)}
            elif node.config.materialized in NO_ROWS_OF_THEIR_OWN:
                found = self._asks_for(node).union(*(self._inputs_behind_of(read) for read in read_by(node)))
            else:
                found = {node.name}
            self._inputs_behind[unique_id] = frozenset(found)
        return self._inputs_behind[unique_id]

    def _asks_for(self, node: Any) -> set[str]:
        asked = {CLOCK} if CLOCK_MACRO in self._macros.called_by(node) else set()
        return asked | ({BATCH} if READS_GRAPH.search(node.raw_code or "") else set())

    def _version(self, name: str) -> Version:
        if name == CLOCK:
            return self.start.as_of
        if name == BATCH:
            return self.start.batch
        if "." in name:
            return self.start.versions.get(name, 0)
        state = self.states.get(self._id_of(name))
        return 0 if state is None else state.version

    def fingerprint(self, node: Any) -> str:
        """A hash of the code and configuration that decide a node's rows, those of views it reads included."""
        return hashlib.sha256(self._text(node.unique_id).encode()).hexdigest()[:32]

    def _text(self, unique_id: str) -> str:
        if unique_id not in self._texts:
            node = self._nodes[unique_id]
            texts = self._macros.texts_of(node)
            parts = [_own_text(node), *texts]
            if node.config.materialized == PYTHON_STEP:
                parts.append(self._steps[unique_id])
            reads_graph = any(READS_GRAPH.search(text) for text in texts)
            # DuckDB refuses a view of a table whose columns have other types than when it was made
            is_view = node.config.materialized == "view"
            for read in sorted(read_by(node)):
                found = self._nodes[read]
                if reads_graph:
                    parts += sorted(f"{name} {_public_keys(column)}" for name, column in found.columns.items())
                is_model = not read.startswith("source.")
                if is_model and (is_view or found.config.materialized in NO_ROWS_OF_THEIR_OWN):
                    parts.append(self._text(read))
            self._texts[unique_id] = hashlib.sha256("\0".join(parts).encode()).hexdigest()
        return self._texts[unique_id]


def _public_keys(column: Any) -> Any:
    """The keys of a json column that macros find in the graph to be published."""
    return (column.config.meta or column.meta).get("public_keys", "")


class _MacroTexts:
    """The project's own macros behind a node, those that they call included, and the variables that these read."""

    def __init__(self, manifest: Manifest, variables: Mapping[str, Any]) -> None:
        self._manifest = manifest
        self._project = manifest.metadata.project_name
        self._variables = variables
        self._closures: dict[str, frozenset[str]] = {}

    def called_by(self, node: Any) -> set[str]:
        return set().union(*(self._closure(macro) for macro in node.depends_on.macros))

    def texts_of(self, node: Any) -> list[str]:
        engine = self._manifest.metadata.adapter_type
        materialised = f"macro.{self._project}.materialization_{node.config.materialized}_{engine}"
        macros = sorted(self.called_by(node) | set(self._closure(materialised)))
        texts = [node.raw_code or "", *(self._manifest.macros[macro].macro_sql for macro in macros)]
        used = sorted({name for text in texts for name in VARIABLE.findall(text)})
        return [*texts[1:], *(f"{name}={self._variables.get(name)!r}" for name in used)]

    def _closure(self, macro: str) -> frozenset[str]:
        if macro not in self._closures:
            found = self._manifest.macros.get(macro)
            if found is None or found.package_name != self._project:
                return frozenset()
            self._closures[macro] = frozenset({macro})  # where macros call each other in a circle
            self._closures[macro] |= frozenset().union(*(self._closure(one) for one in found.depends_on.macros))
        return self._closures[macro]


def _with_suffix(relation: str, suffix: str) -> str:
    """A relation of a longer name, quoted as it is.

    >>> _with_suffix('"warehouse"."core"."fct_events"', "__changed"), _with_suffix("core.fct_events", "__changed")
    ('"warehouse"."core"."fct_events__changed"', 'core.fct_events__changed')
    """
    return relation[:-1] + suffix + relation[-1] if relation[-1] in '"`' else relation + suffix


def read_by(node: Any) -> Iterable[str]:
    """What a node reads, by `ref` or `source`; nothing for a seed."""
    return getattr(node.depends_on, "nodes", ())


def references_of(manifest: Manifest, node: Any) -> set[str]:
    """What a model reads, by `ref` or `source`: its own, and those of ephemeral models that become part of it."""
    found: set[str] = set()
    for read in read_by(node):
        other = manifest.nodes.get(read)
        if other is not None and other.config.materialized == "ephemeral":
            found |= references_of(manifest, other)
        else:
            found.add(read)
    return found


def source_input(schema: str, source: str, table: str) -> str:
    """The name of a source table among the inputs of nodes.

    >>> source_input("raw", "web", "events"), source_input("landing", "landing", "files")
    ('raw.web.events', 'landing.files')
    """
    return f"{RAW}.{source}.{table}" if schema == RAW else f"{schema}.{table}"


def parts_of_increments(manifest: Manifest, macros: _MacroTexts) -> dict[str, set[str]]:
    """The ephemeral models that are filtered by changed keys, or read one that is, and the models that they become
    part of: one each, or the keys of one would filter the other (`broken_declarations`)."""
    found: dict[str, set[str]] = {}

    def collect(node: Any, whole: str) -> bool:
        """Whether the SQL of a node depends on the decision about its whole."""
        asks = ASKS_FOR_DECISION in macros.called_by(node)
        for read in read_by(node):
            other = manifest.nodes.get(read)
            if other is not None and other.config.materialized == "ephemeral" and collect(other, whole):
                found.setdefault(read, set()).add(whole)
                asks = True
        return asks

    for node in list(manifest.nodes.values()):
        if node.resource_type in ("model", "test") and node.config.materialized != "ephemeral":
            collect(node, node.unique_id)
    return found


def _several(declared: Any) -> Iterable[Any]:
    return declared if isinstance(declared, list) else [declared]


def _tracked_columns(manifest: Manifest) -> dict[str, set[str]]:
    """The columns of changed rows that readers ask for, by the name of the model."""
    found: dict[str, set[str]] = {}
    for node in manifest.nodes.values():
        increment = node.config.meta.get("increment") if node.resource_type == "model" else None
        ways: Mapping[str, Any] = increment["from"] if increment else {}
        for name, declared in ways.items():
            for way in _several(declared):
                column = way if isinstance(way, str) else way.get("column")
                if column and column != ALL_ROWS and not column.startswith(NEVER):
                    found.setdefault(name, set()).add(column)
    return found


def _own_text(node: Any) -> str:
    """A node's code and the configuration that its rows follow from; descriptions are no part of it."""
    config = node.config
    said: dict[str, Any] = {"code": node.raw_code, "materialized": config.materialized}
    if node.resource_type == "model":
        said["meta"] = {name: config.meta[name] for name in ("increment", "components", "step") if name in config.meta}
        if config.contract.enforced:
            said["contract"] = [(column.name, column.data_type) for column in node.columns.values()]
    elif node.resource_type == "test":
        metadata = getattr(node, "test_metadata", None)
        said["test"] = [metadata.name, metadata.kwargs] if metadata is not None else []
        said["rules"] = [config.where, config.fail_calc, config.warn_if, config.error_if, config.severity, config.limit]
    elif node.resource_type == "seed":
        said["seed"] = node.checksum.checksum
        said["types"] = config.column_types
    return json.dumps(said, sort_keys=True, default=str)


def broken_declarations(manifest: Manifest) -> Iterator[str]:
    """What is wrong in the declarations of incremental models, for people; see docs/increments.md.

    Every input is declared, every declared input is read, and the clock is declared where it is asked.
    """
    macros = _MacroTexts(manifest, {})
    incremental = {
        node.name: node
        for node in manifest.nodes.values()
        if node.resource_type == "model" and node.config.materialized == "incremental"
    }
    for name, node in sorted(incremental.items()):
        increment = node.config.meta.get("increment")
        if not increment or "key" not in increment or "from" not in increment:
            yield f"{name}: no meta.increment with key and from"
            continue
        read = {manifest.nodes[one].name: manifest.nodes[one] for one in references_of(manifest, node)}
        parts = {node.unique_id} | set(_ephemeral_parts(manifest, node))
        asks = any(CLOCK_MACRO in macros.called_by(manifest.nodes[part]) for part in parts)
        declared = set(increment["from"])
        for missing in sorted((read.keys() | ({CLOCK} if asks else set())) - declared):
            yield f"{name}: says nothing of {missing}"
        for idle in sorted(declared - read.keys() - ({CLOCK} if asks else set())):
            yield f"{name}: names {idle}, which it does not read"
        for source, ways in sorted(increment["from"].items()):
            if source in read or source == CLOCK:
                for way in _several(ways):
                    yield from _broken_way(name, source, way, read, incremental)
    for part, wholes in sorted(parts_of_increments(manifest, macros).items()):
        if len(wholes) > 1:
            several = ", ".join(sorted(whole.split(".")[2] for whole in wholes))
            yield f"{part.split('.')[2]}: is filtered by changed keys, and is part of {several}; it can be of one only"


def _broken_way(
    name: str, source: str, way: Any, read: Mapping[str, Any], incremental: Mapping[str, Any]
) -> Iterator[str]:
    if isinstance(way, str):
        if way == ALL_ROWS:
            return
        if way.startswith(NEVER):
            if len(way.removeprefix(NEVER).split()) < 3:
                yield f"{name}: gives no reason why {source} changes no row"
            return
        way = {"column": way}
    if unknown := way.keys() - {"column", "of", "key", "where", "landed"}:
        yield f"{name}: {source} has {', '.join(sorted(unknown))}, which says nothing"
    if not way.keys() & {"column", "where", "landed"}:
        yield f"{name}: {source} says neither column nor where nor landed"
    if "column" in way and source not in incremental and read[source].config.materialized != "connected_components":
        yield f"{name}: {source} keeps no list of changed rows; a change of it can only mean all, where or never"
    if "landed" in way and (source == CLOCK or read[source].config.materialized != "view"):
        yield f"{name}: {source} is no view of landed rows"
    if "of" in way and way["of"] != "this" and way["of"] not in read:
        yield f"{name}: finds keys in {way['of']}, which it does not read"
    if "where" in way and "of" not in way:
        yield f"{name}: {source} has a where, and says not of what"


def _ephemeral_parts(manifest: Manifest, node: Any) -> Iterator[str]:
    for read in read_by(node):
        other = manifest.nodes.get(read)
        if other is not None and other.config.materialized == "ephemeral":
            yield read
            yield from _ephemeral_parts(manifest, other)
