"""The graph of models keeps the rules of dbt-project-evaluator that can be read from dbt's manifest.

Its other rules are held elsewhere: layers, sources and exposures' readers in test_layers, names in test_names,
descriptions of models, columns and sources in test_documentation. Its limits of fan-out and of joins are not used:
dimensions and the timeline are read by many models on purpose.

A rule that a model breaks is listed in KNOWN with the reason. An entry that no longer breaks its rule fails, too.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest

from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.dbt.node_states import broken_declarations
from orchestration.lib.dbt.project import ensure_manifest, parsed_project
from orchestration.lib.dbt.python_steps import PYTHON_STEP, Step, broken_steps, code_of_steps

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

pytestmark = pytest.mark.xdist_group("graph")

KEY_TESTS = {"unique", "unique_together", "intervals_do_not_overlap"}
# The key of the identifier hashes: every staging view that hashes reads it.
SETTINGS = "landing.settings"

# rule → what breaks it → why it may
KNOWN: Mapping[str, Mapping[str, str]] = {
    "no model joins what its only reader reads again": {
        "int_named_paths → int_variants": "few paths have a name; every instance is counted, under (other) without one",
        "fct_kpi_values → kpi_scorecard": "the scorecard adds what a KPI is to its last values",
        "int_kpi_values_at_age → fct_kpi_values": "an open period is compared with other values than a mature one",
        "int_measure_customers_by_period → int_measure_values_by_period": "an increment keeps the customers",
        "int_journey_costs → agg_journey_costs": "an increment keeps those of instances; one row is of steps of none",
        "int_hand_over_norms → fct_gaps": "each hand-over is compared with what is usual among all",
        "int_shared_device_events → int_events_stitched": "an increment keeps those of visitors that people share",
        "int_unusable_event_identifiers → int_unusable_identifiers": "an increment keeps those of events",
        "int_unnamed_events → int_events_stitched": "few events name nobody; every event is stitched",
        "int_text_topics → int_feedback_sentiments": "few texts have a topic; every answer with words has a row",
        "int_learnt_sentiments → int_feedback_sentiments": "a Python step scores texts; every answer has one or none",
        "int_conflicting_links → int_resolved_links": "SQL prepares what a Python step splits",
        "stalled_customers → agg_stalled_customers": "the aggregate also counts open intervals that are not stalled",
    },
    "the key of every model is tested": {
        "int_measured_facts": "what it unites has no common key; a measure counts each row of its subject once",
    },
    "every model reads something": {
        "int_calendar_days": "its rows are made of the project's variables",
        "stg_landing__quarantined_rows": "it lists the tables of all sources, which dbt names when the model runs",
        "stg_landing__tables": "it lists the tables of all sources, which dbt names when the model runs",
    },
    "every source table is read": dict.fromkeys(
        (
            "hygiene_ledgers.customer_id_changes", "hygiene_ledgers.delivery_anomalies",
            "hygiene_ledgers.expectation_results", "hygiene_ledgers.releases", "hygiene_ledgers.restatements",
            "hygiene_ledgers.kpi_anomalies", "hygiene_ledgers.kpi_bands",
            "hygiene_ledgers.source_deliveries", "hygiene_ledgers.source_trends",
        ),
        "a ledger that the orchestration writes and publishes; dbt describes it",
    ),
    "a source table has one staging model": {
        "loyalty.members": "a row is an event and a people record",
        "surveys.responses": "a row is an event of a customer, or the answer of an employee; its comment is in none",
        "feed.events": "a row is an event of a customer, or the answer of an employee; its text is in none",
        **dict.fromkeys(
            ("social.mentions", "social.messages", "support.tickets"),
            "a row is an event, and its text is in none: it is read by what finds its mood alone",
        ),
    },
}  # fmt: skip


@dataclass(frozen=True)
class Graph:
    """dbt's manifest: nodes by id, and what reads what."""

    manifest: Mapping[str, Any]

    @cached_property
    def models(self) -> dict[str, dict[str, Any]]:
        nodes = self.manifest["nodes"].items()
        return {node_id: node for node_id, node in nodes if node["resource_type"] == "model"}

    @cached_property
    def parents(self) -> dict[str, frozenset[str]]:
        return {model: frozenset(node["depends_on"]["nodes"]) for model, node in self.models.items()}

    @cached_property
    def children(self) -> dict[str, set[str]]:
        """The models that read a node."""
        found: dict[str, set[str]] = defaultdict(set)
        for model, parents in self.parents.items():
            for parent in parents:
                found[parent].add(model)
        return found

    @cached_property
    def key_tests(self) -> Counter[str]:
        """How many tests of a key each node has."""
        return Counter(
            node["attached_node"]
            for node in self.manifest["nodes"].values()
            if node["resource_type"] == "test" and (node.get("test_metadata") or {}).get("name") in KEY_TESTS
        )

    @cached_property
    def relations(self) -> set[tuple[str, str]]:
        """Schema and name of all that dbt makes or reads."""
        nodes = self.manifest["nodes"].values()
        made = {(node["schema"], node["alias"]) for node in nodes if node["resource_type"] in ("model", "seed")}
        return made | {(source["schema"], source["identifier"]) for source in self.manifest["sources"].values()}

    def sources_of(self, model: str) -> set[str]:
        return {name_of(parent) for parent in self.parents[model] if parent.startswith("source.")} - {SETTINGS}


def name_of(node_id: str) -> str:
    parts = node_id.split(".")
    return ".".join(parts[-2:]) if parts[0] == "source" else parts[-1]


def layer_of(node: Mapping[str, Any]) -> str:
    return node["fqn"][1]


def check(rule: str, breaking: Iterable[str]) -> None:
    """Fails for what breaks a rule and is not known, and for what is known and does not break it."""
    found, known = set(breaking), set(KNOWN.get(rule, ()))
    assert sorted(found - known) == [], f"broken: {rule}"
    assert sorted(known - found) == [], f"no longer broken, take them out of KNOWN: {rule}"


@pytest.fixture(scope="module")
def graph() -> Graph:
    return Graph(json.loads(ensure_manifest().read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def parsed() -> Manifest:
    return parsed_project()[1]


@pytest.fixture
def manifest(parsed: Manifest, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    """The parsed project, of which a test may change these models."""
    for name in (
        "fct_journeys",
        "fct_phase_transitions",
        "int_events_sessionized",
        "int_bridge_links",
        "int_inner_links",
    ):
        unique_id = f"model.journeys.{name}"
        monkeypatch.setitem(parsed.nodes, unique_id, deepcopy(parsed.nodes[unique_id]))
    return parsed


def test_the_key_of_every_model_is_tested(graph: Graph) -> None:
    """By dbt, or, where the warehouse does not keep the rows, by tests/warehouse/test_keys_of_parts.py.

    Staging views of extracts hold every landed version of a row; the gate of landing tests their keys.
    """
    check(
        "the key of every model is tested",
        (
            name_of(model)
            for model, node in graph.models.items()
            if layer_of(node) != "staging" and not graph.key_tests[model] and (is_kept(node) or not key_of(node))
        ),
    )


def key_of(node: Mapping[str, Any]) -> Sequence[str]:
    return node["config"]["meta"].get("key", ())


def is_kept(node: Mapping[str, Any]) -> bool:
    """Whether the warehouse keeps the rows, or readers of a release do."""
    return layer_of(node) == "marts" or node["config"]["materialized"] not in ("view", "ephemeral")


def test_no_model_joins_what_its_only_reader_reads_again(graph: Graph) -> None:
    """A reads P and has one reader, B, which reads P as well: B could read A alone, or A be a part of B.

    An ephemeral model is a part of its reader already.
    """
    kept = {
        model: parents
        for model, parents in graph.parents.items()
        if graph.models[model]["config"]["materialized"] != "ephemeral"
    }
    check("no model joins what its only reader reads again", rejoined(kept, graph.children))


def rejoined(parents: Mapping[str, Collection[str]], children: Mapping[str, Collection[str]]) -> set[str]:
    """Pairs of models. Seeds do not count as P: configuration is read wherever it applies.

    >>> parents = {"model.j.a": {"model.j.p"}, "model.j.b": {"model.j.a", "model.j.p"}}
    >>> rejoined(parents, {"model.j.a": {"model.j.b"}, "model.j.p": {"model.j.a", "model.j.b"}})
    {'a → b'}
    """
    return {
        f"{name_of(between)} → {name_of(reader)}"
        for reader, read in parents.items()
        for between in read
        if between in parents and len(children[between]) == 1
        if any(not parent.startswith("seed.") and parent in read for parent in parents[between])
    }


def test_every_model_reads_something(graph: Graph) -> None:
    check("every model reads something", (name_of(model) for model, parents in graph.parents.items() if not parents))


def test_every_source_table_is_read(graph: Graph) -> None:
    sources = graph.manifest["sources"]
    check("every source table is read", (name_of(source) for source in sources if not graph.children[source]))


def test_no_table_is_declared_as_a_source_twice(graph: Graph) -> None:
    declared = Counter((source["schema"], source["identifier"]) for source in graph.manifest["sources"].values())
    assert [table for table, count in declared.items() if count > 1] == []


def test_a_source_table_has_one_staging_model(graph: Graph) -> None:
    readers = Counter(source for model in graph.models for source in graph.sources_of(model))
    check("a source table has one staging model", (source for source, count in readers.items() if count > 1))


def test_a_staging_model_reads_one_source_table(graph: Graph) -> None:
    several = [name_of(model) for model in graph.models if len(graph.sources_of(model)) > 1]
    assert several == [], "tables are joined after staging"


def test_every_incremental_model_says_how_a_change_of_each_input_reaches_its_key(manifest: Manifest) -> None:
    assert list(broken_declarations(manifest)) == []


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({}, "fct_journeys: says nothing of int_journey_instances"),
        ({"int_journey_instances": "all", "phases": "all"}, "fct_journeys: names phases, which it does not read"),
        (
            {"int_journey_instances": "never: so"},
            "fct_journeys: gives no reason why int_journey_instances changes no row",
        ),
        ({"int_journey_instances": {"landed": "x"}}, "fct_journeys: int_journey_instances is no view of landed rows"),
        (
            {"int_journey_instances": {"column": "x", "of": "phases"}},
            "fct_journeys: finds keys in phases, which it does not read",
        ),
        (
            {"int_journey_instances": {"where": "true"}},
            "fct_journeys: int_journey_instances has a where, and says not of what",
        ),
        (
            {"int_journey_instances": {"key": "x"}},
            "fct_journeys: int_journey_instances says neither column nor where nor landed",
        ),
    ],
)
def test_a_wrong_declaration_is_named(declared: Mapping[str, Any], said: str, manifest: Manifest) -> None:
    model = manifest.nodes["model.journeys.fct_journeys"]
    model.config.meta["increment"] = {"key": "customer_id", "from": declared}
    assert list(broken_declarations(manifest)) == [said]


def test_a_model_that_asks_the_clock_says_what_that_changes(manifest: Manifest) -> None:
    del manifest.nodes["model.journeys.int_events_sessionized"].config.meta["increment"]["from"]["clock"]
    assert list(broken_declarations(manifest)) == ["int_events_sessionized: says nothing of clock"]


def test_a_column_of_a_table_that_keeps_no_list_of_changes_is_refused(manifest: Manifest) -> None:
    ways = manifest.nodes["model.journeys.fct_phase_transitions"].config.meta["increment"]["from"]
    ways["int_designed_moves"] = "journey_id"
    [said] = broken_declarations(manifest)
    assert said.startswith("fct_phase_transitions: int_designed_moves keeps no list of changed rows")


def test_python_steps_are_declared_as_their_functions_want_them(manifest: Manifest) -> None:
    assert list(broken_steps(manifest)) == []
    steps = [Step.of(node) for node in manifest.nodes.values() if node.config.materialized == PYTHON_STEP]
    # what a build looks at first, without dbt
    assert set(code_of_steps().files) == {file for step in steps for file in step.code.files}
    assert len(steps) == 10


BRIDGES = "orchestration.lib.identity.bridges.bridge_links"
LINKS = "{{ argument('links') }}"


@pytest.mark.parametrize(
    ("step", "code", "said"),
    [
        ({"function": f"{BRIDGES}_found"}, LINKS, "there is no function"),
        ({"function": "orchestration.lib.bridges.bridge_links"}, LINKS, "there is no function"),
        ({"function": "bridge_links"}, LINKS, "there is no function"),
        ({}, LINKS, "meta.step has to name a function, and may have files and keeps; it has nothing."),
        ({"function": BRIDGES, "seed": "x"}, LINKS, "it has function, seed."),
        ({"function": BRIDGES}, "{{ argument('link') }}", f"{BRIDGES} takes links; the model gives link."),
        ({"function": BRIDGES, "keeps": ["old"]}, LINKS, f"{BRIDGES} takes links; the model gives kept, links."),
        ({"function": BRIDGES}, f"{LINKS} select 1; {LINKS} select 2", f"give each argument of {BRIDGES} one query"),
    ],
)
def test_a_wrong_declaration_of_a_python_step_is_named(
    step: Mapping[str, Any], code: str, said: str, manifest: Manifest
) -> None:
    model = manifest.nodes["model.journeys.int_bridge_links"]
    model.config.meta["step"] = dict(step)
    model.raw_code = code
    [wrong] = broken_steps(manifest)
    assert wrong.startswith("int_bridge_links") and said in wrong


def test_a_python_step_reads_no_ephemeral_model(manifest: Manifest) -> None:
    manifest.nodes["model.journeys.int_inner_links"].config.materialized = "ephemeral"
    [wrong] = broken_steps(manifest)
    assert wrong.startswith("int_bridge_links: reads int_inner_links, which is ephemeral")


def test_no_relation_is_named_by_hand(graph: Graph) -> None:
    """`ref` and `source` name relations, so that dbt knows the order and another target another schema."""
    named = re.compile(r"\b({})[\"`]?\.[\"`]?(\w+)".format("|".join(sorted({schema for schema, _ in graph.relations}))))
    texts = {name_of(model): node["raw_code"] for model, node in graph.models.items()}
    texts |= {
        name: macro["macro_sql"]
        for name, macro in graph.manifest["macros"].items()
        if macro["package_name"] == "journeys"
    }
    for name, text in texts.items():
        without_comments = re.sub(r"{#.*?#}|--[^\n]*", "", text, flags=re.DOTALL)
        assert not set(named.findall(without_comments)) & graph.relations, name


def test_an_exposure_reads_marts(graph: Graph) -> None:
    for exposure in graph.manifest["exposures"].values():
        read = {name_of(node): layer_of(graph.models[node]) for node in exposure["depends_on"]["nodes"]}
        assert set(read.values()) == {"marts"}, (exposure["name"], read)


# Readers whose queries are in the project, and where; what others read is for people to say.
MAP = "orchestration/lib/drawing/journey_map.py"
READERS = {"dashboard": ("dashboard/**/*.py", MAP), "digests": ("orchestration/lib/digests/**/*.py", MAP)}


@pytest.mark.parametrize("reader", READERS)
def test_an_exposure_depends_on_what_the_queries_of_its_reader_name(reader: str, graph: Graph) -> None:
    files = [path for pattern in READERS[reader] for path in PROJECT_ROOT.glob(pattern)]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    marts = {f"{model['schema']}.{name_of(one)}" for one, model in graph.models.items() if layer_of(model) == "marts"}
    [exposure] = [one for one in graph.manifest["exposures"].values() if one["name"] == reader]
    depends_on = {f"{graph.models[one]['schema']}.{name_of(one)}" for one in exposure["depends_on"]["nodes"]}
    assert depends_on == set(re.findall(r"\b\w+\.\w+\b", text)) & marts


def test_every_known_exception_has_a_reason() -> None:
    assert all(reason.strip() for exceptions in KNOWN.values() for reason in exceptions.values())
