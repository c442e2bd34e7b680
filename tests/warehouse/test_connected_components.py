"""Connected components, full and in increments, as an oracle that shares no code with them says.

The real materialisation runs through the real dbt, in small projects of its own. dbt's start costs more than most
graphs, so many graphs share a build, separated by the beginning of their nodes' names, and many builds share a start.
Each step of the materialisation also runs alone, on small tables whose result is worked by hand.
"""

from __future__ import annotations

import itertools
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT

Link = tuple[str | None, str | None]
Rows = dict[str, tuple[str, int]]

MACROS = ("engine", "increments", "materializations")
PROJECT = "{name: journeys, version: '1.0.0', config-version: 2, profile: components, macro-paths: [macros]}"
PROFILE = """
components:
  target: duckdb
  outputs:
    duckdb:
      {type: duckdb, path: warehouse.duckdb, threads: 1, settings: {disabled_optimizers: common_subplan}}
"""
MODEL = """
{{ config(
    materialized='connected_components',
    meta={'components': {'edge': ['one_end', 'other_end']}, 'build': {'mode': 'all'}},
) }}
select one_end, other_end from main.links
"""
# Runs dbt as often as asked in one process: from the second time on, a run costs a fraction of the start.
RUN_DBT = """
import sys
from dbt.cli.main import dbtRunner
for _ in range(int(sys.argv[1])):
    if not dbtRunner().invoke(sys.argv[2:]).success:
        sys.exit(1)
"""


@dataclass(frozen=True)
class Project:
    """A dbt project in a temporary folder, with the product's macros and models of its own."""

    folder: Path

    @property
    def warehouse(self) -> Path:
        return self.folder / "warehouse.duckdb"

    def run(self, *arguments: str, times: int = 1) -> subprocess.CompletedProcess[str]:
        """Runs dbt's models; the caller says what to make of a failure."""
        return self.run_command("run", *arguments, times=times)

    def run_command(self, *arguments: str, times: int = 1) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", RUN_DBT, str(times), "--no-use-colors", *arguments]
        environment = {
            "DBT_PROFILES_DIR": str(self.folder),
            "DBT_TARGET_PATH": "target",
            "DBT_LOG_PATH": "logs",
            "PATH": str(Path(sys.executable).parent),
        }
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)

    def build(self, *arguments: str, times: int = 1) -> None:
        """Runs dbt's models, which has to succeed."""
        done = self.run(*arguments, times=times)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]

    def execute(self, *statements: str) -> None:
        with open_duckdb(self.warehouse) as connection:
            for statement in statements:
                connection.execute(statement)

    def query(self, sql: str) -> list[tuple]:
        with open_duckdb(self.warehouse, read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def write(self, links: Iterable[Link], table: str = "links") -> None:
        write_links(self.warehouse, links, table)

    def rows(self, model: str = "grouped") -> Rows:
        """The components as they are; every node has one row."""
        found = self.query(f"select node_key, component_key, component_size from {model}")
        rows = {node: (component, size) for node, component, size in found}
        assert len(rows) == len(found), "a node has two rows"
        return rows

    def changed(self, model: str = "grouped") -> set[str]:
        return {node for (node,) in self.query(f"select node_key from {model}__changed")}


def make_project(folder: Path, **models: str) -> Project:
    """Writes a project whose model `grouped` reads the table `links`, unless other models are given."""
    (folder / "models").mkdir(parents=True)
    (folder / "dbt_project.yml").write_text(PROJECT)
    (folder / "profiles.yml").write_text(PROFILE)
    for name in MACROS:
        shutil.copytree(PROJECT_ROOT / "macros" / name, folder / "macros" / name)
    for name, text in (models or {"grouped": MODEL}).items():
        (folder / "models" / f"{name}.sql").write_text(text)
    return Project(folder)


def write_links(warehouse: Path, links: Iterable[Link], table: str) -> None:
    ends = list(links)
    columns = {
        name: pa.array([link[number] for link in ends], pa.string())
        for number, name in enumerate(("one_end", "other_end"))
    }
    with open_duckdb(warehouse) as connection:
        connection.register("given", pa.table(columns))
        connection.execute(f"create or replace table {table} as select * from given")


def whole(links: Iterable[Link]) -> list[tuple[str, str]]:
    return [(a, b) for a, b in links if a is not None and b is not None]


def as_scipy_says(links: Iterable[Link]) -> Rows:
    """The components by scipy, for graphs of any size."""
    ends = whole(links)
    if not ends:
        return {}
    names, numbers = np.unique(np.array(ends), return_inverse=True)
    numbers = numbers.reshape(-1, 2)
    graph = coo_matrix((np.ones(len(ends)), (numbers[:, 0], numbers[:, 1])), shape=(len(names), len(names)))
    _, labels = connected_components(graph, directed=False)
    # names are in order, so the first node of a component is its smallest
    _, first, sizes = np.unique(labels, return_index=True, return_counts=True)
    return {str(name): (str(names[first[label]]), int(sizes[label])) for name, label in zip(names, labels, strict=True)}


def by_hand(links: Iterable[Link]) -> Rows:
    """The components by relabelling until nothing changes, for small graphs: slow, and plain to see through."""
    ends = whole(links)
    label = {node: node for link in ends for node in link}
    while True:
        before = dict(label)
        for a, b in ends:
            label[a] = label[b] = min(label[a], label[b])
        if label == before:
            sizes = Counter(label.values())
            return {node: (component, sizes[component]) for node, component in label.items()}


def differing(before: Rows, after: Rows) -> set[str]:
    return {node for node in before.keys() | after.keys() if before.get(node) != after.get(node)}


def chain(name: str, length: int) -> list[Link]:
    return [(f"{name}:{number:06}", f"{name}:{number + 1:06}") for number in range(length - 1)]


def shapes() -> dict[str, list[Link]]:
    """Graphs that are hard for one method or another, in shuffled order."""
    draw = random.Random(11)
    names = draw.sample(range(10**6), 100_000)
    many = 100_000
    graphs: dict[str, list[Link]] = {
        "chain": chain("chain", many),
        "mixed chain": [(f"mix:{a:06}", f"mix:{b:06}") for a, b in itertools.pairwise(names)],
        "star": [("star:centre", f"star:{number:06}") for number in range(many)],
        "star inwards": [(f"inwards:{number:06}", "inwards:zzz") for number in range(10_000)],
        "clique": [(f"clique:{a:03}", f"clique:{b:03}") for a in range(200) for b in range(200)],
        "self-links": [(f"self:{number}", f"self:{number}") for number in range(50)],
        "self-link on a pair": [("own:a", "own:a"), ("own:a", "own:b")],
        "duplicates": [("twice:a", "twice:b")] * 7 + [("twice:b", "twice:a")] * 3,
        "null ends": [("null:a", None), (None, "null:b"), (None, None), ("null:c", "null:d")],
        "two giants": [*chain("giant:left", 20_000), *chain("giant:right", 20_000)],
        "grid": [
            (f"grid:{row:02}:{column:02}", f"grid:{row + down:02}:{column + 1 - down:02}")
            for row in range(60)
            for column in range(60)
            for down in (0, 1)
        ],
        "odd names": [("", "odd:1"), ("odd:'", 'odd:"'), ("odd:É", "odd:é"), ("odd:ß", " odd:ß"), ("ODD:É", "odd:É")],
    }
    for density in (300, 500, 1000, 3000):
        ends = [(draw.randrange(1000), draw.randrange(1000)) for _ in range(density)]
        graphs[f"random of {density}"] = [(f"r{density}:{a}", f"r{density}:{b}") for a, b in ends]
    for links in graphs.values():
        draw.shuffle(links)
    return graphs


# Each step of the materialisation as a model of its own, on tables that the fixture `steps` writes.
STEPS = {
    "links": "{{ components_links('select one_end, other_end from main.links', ['one_end', 'other_end']) }}",
    "nodes": "{{ components_nodes('main.links_with_keys') }}",
    "pointers": "{{ components_pointers('main.path', 0) }}",
    "pointers_mixed": "{{ components_pointers('main.path', 7) }}",
    "shorter_edges": "{{ components_shorter_edges('main.path', 'main.path_pointers') }}",
    "composed": "{{ components_composed('main.path_pointers', 'main.later_pointers') }}",
    "contracted": "{% if execute %} select * from {{ components_contracted([], 'main.edges') }} {% endif %}",
    "contracted_nothing": """
        {% if execute %} select {{ components_contracted([], 'main.self_edges') is none }} as is_none {% endif %}
    """,
    "represented": "{{ components_represented('main.three_nodes', 'main.three_pointers') }}",
    "rows": "{{ components_rows('main.three_represented') }}",
    "changed_links": "{{ components_changed_links('select * from main.links_with_keys', 'main.links_before') }}",
    "restarted": "{{ components_restarted('main.components_before', 'main.links_changed') }}",
    "restarted_links": """
        {{ components_restarted_links('main.edges_before', 'main.restarted_path', 'main.came', 'main.went') }}
    """,
    "restarted_nodes": "{{ components_restarted_nodes('main.restarted_abc', 'main.came_bd', 'main.links_now') }}",
    "differing_keys": "{{ components_differing_keys('main.components_before', 'main.components_fresh') }}",
    "replaced": """
        {% if execute %}
            {%- do run_query(components_replacement(
                'main.components_to_change', 'main.components_fresh', 'main.keys_to_change',
                'main.edges_to_change', 'main.came', 'main.went'
            )) -%}
        {% endif %}
        select 1 as one
    """,
}


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """All steps, each run alone in one start of dbt. Nodes are small numbers where a step sees numbers alone."""
    project = make_project(
        tmp_path_factory.mktemp("steps"),
        **{f"step_{name}": "{{ config(materialized='table') }}" + text for name, text in STEPS.items()},
    )
    number = "cast(hash({}) >> 1 as bigint)".format
    a, b, c, d, x, y = (number(f"'{key}'") for key in "abcdxy")
    tables = {
        "links (one_end, other_end)": "('b', 'a'), ('a', 'b'), ('c', null), (null, 'c'), ('d', 'd')",
        "path (low, high)": "(1, 2), (2, 3), (3, 4), (1, 3)",
        "path_pointers (node, points_at)": "(1, 1), (2, 1), (3, 2), (4, 3), (5, 9)",
        "later_pointers (node, points_at)": "(1, 1), (2, 1), (3, 2)",
        "self_edges (low, high)": "(1, 1), (2, 2)",
        "three_nodes (node_key, node)": "('a', 1), ('b', 2), ('c', 3)",
        "three_pointers (node, points_at)": "(1, 2), (2, 2)",
        "three_represented (node_key, node)": "('b', 2), ('a', 2), ('c', 3)",
        "components_before (node_key, component_key, component_size)":
            "('a', 'a', 3), ('b', 'a', 3), ('c', 'a', 3), ('x', 'x', 2), ('y', 'x', 2)",
        "components_fresh (node_key, component_key, component_size)":
            "('a', 'a', 2), ('b', 'a', 2), ('x', 'x', 2), ('y', 'x', 2), ('z', 'z', 1)",
        "links_with_keys (node_a, node_b, low, high)":
            f"('a', 'b', least({a}, {b}), greatest({a}, {b})), ('c', 'b', least({b}, {c}), greatest({b}, {c}))",
        "links_before (low, high)": f"(least({a}, {b}), greatest({a}, {b})), ({x}, {y})",
        "links_changed (low, high)": f"({b}, {d})",
        "edges_before (low, high)": "(1, 2), (2, 3), (8, 9)",
        "restarted_path (node)": "(1), (2), (3)",
        "came (low, high)": "(3, 4), (3, 4)",
        "went (low, high)": "(2, 3)",
        "restarted_abc (node_key, node)": f"('a', {a}), ('b', {b}), ('c', {c})",
        "came_bd (node_a, node_b)": "('b', 'd'), ('d', 'b')",
        "links_now (low, high)": f"({a}, {b}), ({b}, {d})",
        "keys_to_change (node_key)": "('a'), ('c'), ('z')",
    }  # fmt: skip
    project.execute(
        *(
            f"create table {name.split()[0]} as from (values {rows}) as rows ({name.split('(')[1]}"
            for name, rows in tables.items()
        ),
        "create table edges as select range::bigint as low, range::bigint + 1 as high from range(1, 50) "
        "union all from (values (60, 60), (70, 71))",
        "create table components_to_change as from components_before",
        "create table edges_to_change as from edges_before",
    )
    project.build()
    return project


def numbered(project: Project, *keys: str) -> list[int]:
    return [project.query(f"select cast(hash('{key}') >> 1 as bigint)")[0][0] for key in keys]


def test_links_have_the_numbers_of_their_ends_in_order_and_two_ends(steps: Project) -> None:
    a, b, d = numbered(steps, "a", "b", "d")
    low, high = min(a, b), max(a, b)
    assert sorted(steps.query("select node_a, node_b, low, high from step_links")) == [
        ("a", "b", low, high),
        ("b", "a", low, high),
        ("d", "d", d, d),
    ]


def test_a_node_is_numbered_once_however_many_links_it_has(steps: Project) -> None:
    found = sorted(steps.query("select node_key, node from step_nodes"))
    assert found == list(zip("abc", numbered(steps, *"abc"), strict=True))


def test_in_a_round_each_node_points_at_the_smallest_of_its_neighbourhood_in_the_order_of_the_round(
    steps: Project,
) -> None:
    """The path 1-2-3-4 with a short cut 1-3. With 7 as the mix, the order of the nodes is 4, 3, 2, 1."""
    assert dict(steps.query("from step_pointers")) == {1: 1, 2: 1, 3: 1, 4: 3}
    assert dict(steps.query("from step_pointers_mixed")) == {1: 3, 2: 3, 3: 4, 4: 4}


def test_a_round_leaves_the_edges_between_what_the_ends_point_at_each_once(steps: Project) -> None:
    """1-2 is gone; 2-3 and 1-3 both become 1-2; 3-4 becomes 2-3."""
    assert sorted(steps.query("from step_shorter_edges")) == [(1, 2), (2, 3)]


def test_pointers_are_followed_through_a_later_round(steps: Project) -> None:
    """3 points at 2, which points at 1 later; what 5 points at is in no later round."""
    assert dict(steps.query("from step_composed")) == {1: 1, 2: 1, 3: 1, 4: 2, 5: 9}


def test_contracting_gives_the_nodes_of_a_component_one_representative(steps: Project) -> None:
    """A chain of 50, a pair, and an edge from a node to itself, which joins nothing."""
    found = dict(steps.query("from step_contracted"))
    assert found.keys() == {*range(1, 51), 70, 71}
    assert len({found[node] for node in range(1, 51)}) == 1
    assert found[70] == found[71] != found[1]
    assert all(found[node] == node for node in set(found.values())), "a representative is of its own component"
    assert steps.query("from step_contracted_nothing") == [(True,)], "where no edge joins two nodes, there is no table"


def test_a_node_is_represented_by_what_it_points_at_or_else_by_itself(steps: Project) -> None:
    assert sorted(steps.query("from step_represented")) == [("a", 2), ("b", 2), ("c", 3)]


def test_a_component_is_named_by_its_smallest_key_whichever_node_represents_it(steps: Project) -> None:
    assert sorted(steps.query("from step_rows")) == [("a", "a", 2), ("b", "a", 2), ("c", "c", 1)]


def test_changed_links_are_the_new_ones_with_their_keys_and_those_that_are_gone(steps: Project) -> None:
    b, c, x, y = numbered(steps, *"bcxy")
    found = steps.query("select node_a, node_b, low, high, is_new from step_changed_links order by is_new")
    assert found == [(None, None, x, y, False), ("c", "b", min(b, c), max(b, c), True)]


def test_a_component_with_an_end_of_a_changed_link_restarts_whole(steps: Project) -> None:
    a, b, c = numbered(steps, *"abc")
    found = sorted(steps.query("from step_restarted"))
    assert found == [("a", "a", 3, a), ("b", "a", 3, b), ("c", "a", 3, c)]


def test_restarted_components_keep_their_links_but_those_that_are_gone_and_have_the_new_ones(steps: Project) -> None:
    assert sorted(steps.query("from step_restarted_links")) == [(1, 2), (3, 4)]


def test_restarted_nodes_are_those_that_a_link_still_reaches(steps: Project) -> None:
    """No link reaches c any more, and d is new."""
    found = sorted(steps.query("from step_restarted_nodes"))
    assert found == list(zip("abd", numbered(steps, *"abd"), strict=True))


def test_differing_keys_are_of_rows_that_came_went_or_changed(steps: Project) -> None:
    assert sorted(steps.query("from step_differing_keys")) == [("a",), ("b",), ("c",), ("z",)]


def test_replacing_takes_differing_keys_alone_and_brings_the_stored_links_up_to_date(steps: Project) -> None:
    """The row of b differs as well, and does not change, because b is not among the keys."""
    assert sorted(steps.query("from components_to_change")) == [
        ("a", "a", 2),
        ("b", "a", 3),
        ("x", "x", 2),
        ("y", "x", 2),
        ("z", "z", 1),
    ]
    assert sorted(steps.query("from edges_to_change")) == [(1, 2), (3, 4), (8, 9)]


def test_every_shape_comes_out_as_scipy_says_and_grows_and_splits_with_its_links(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    graphs = shapes()
    links = [link for graph in graphs.values() for link in graph]
    random.Random(12).shuffle(links)
    project.write(links)
    project.build("--full-refresh")
    before = as_scipy_says(links)
    assert project.rows() == before
    assert {size for _, size in before.values()} >= {1, 2, 200, 10_001, 20_000, 100_000, 100_001}
    assert project.changed() == set(), "after a full refresh, everything is built anyway"

    # one link joins two giants, one cuts a chain; what is linked to neither does not change
    cut = ("chain:060000", "chain:060001")
    links.remove(cut)
    links.append(("giant:right:010000", "giant:left:000007"))
    project.write(links)
    project.build()
    after = as_scipy_says(links)
    assert project.rows() == after
    assert after["giant:left:000000"] == ("giant:left:000000", 40_000)
    assert after["chain:099999"] == ("chain:060001", 39_999)
    assert project.changed() == differing(before, after)
    assert len(project.changed()) == 140_000
    # a path of n nodes takes O(log n) rounds; dbt's own log shows them, the screen does not
    rounds = re.findall(r"contracted in (\d+) rounds", (tmp_path / "logs" / "dbt.log").read_text())
    assert len(rounds) == 2
    assert all(5 < int(number) < 30 for number in rounds), rounds
    [(stored,)] = project.query("select count(*) from grouped__edges")
    assert stored == len({(min(link), max(link)) for link in whole(links)})


WALKED = """
{{ config(
    materialized='connected_components',
    meta={'components': {'edge': ['one_end', 'other_end']}, 'build': {'mode': 'all'}},
    pre_hook='update main.clock set step = step + 1',
    post_hook=[
        'insert into main.walked_rows select (select step from main.clock), * from {{ this }}',
        'insert into main.walked_changed_rows select (select step from main.clock), * from main.walked__changed',
    ],
) }}
select one_end, other_end from main.steps where step = (select step from main.clock)
"""
REBUILT = """
{{ config(
    materialized='connected_components',
    meta={'components': {'edge': ['one_end', 'other_end']}, 'build': {'mode': 'scratch'}},
    post_hook='insert into main.rebuilt_rows select (select step from main.clock), * from {{ this }}',
) }}
-- depends_on: {{ ref('walked') }}
select one_end, other_end from main.steps where step = (select step from main.clock)
"""


def walk(draw: random.Random, name: str, *, nodes: int, links: int, churn: int, steps: int) -> list[list[Link]]:
    """The links of each step: some come and some go, some are listed twice, backwards, or without an end."""

    def drawn() -> Link:
        a, b = draw.randrange(nodes), draw.randrange(nodes)
        return f"{name}:{a}", f"{name}:{b}"

    standing = [drawn() for _ in range(links)]
    links_by_step = []
    for _ in range(steps):
        links_by_step.append(list(standing))
        for _ in range(draw.randrange(churn + 1)):
            if standing and draw.random() < 0.5:
                standing.pop(draw.randrange(len(standing)))
            else:
                standing.append(drawn())
        if standing and draw.random() < 0.5:
            a, b = draw.choice(standing)
            standing += [(b, a), (a, b)]
        if draw.random() < 0.3:
            standing.append((f"{name}:{draw.randrange(nodes)}", None))
        draw.shuffle(standing)
    return links_by_step


def steps_of_all_walks(count: int) -> list[list[Link]]:
    draw = random.Random(13)
    walks = [
        walk(draw, "sparse", nodes=200, links=90, churn=6, steps=count),
        walk(draw, "critical", nodes=100, links=50, churn=4, steps=count),
        walk(draw, "dense", nodes=30, links=90, churn=20, steps=count),
        walk(draw, "tiny", nodes=6, links=4, churn=3, steps=count),
        walk(draw, "still", nodes=40, links=40, churn=0, steps=count),
        # a chain that is cut at another place each time
        [[link for place, link in enumerate(chain("cut", 50)) if place != step * 7 % 49] for step in range(count)],
        # two that merge and part by turns
        [[("m:a", "m:b"), ("m:c", "m:d"), *([("m:b", "m:c")] if step % 2 else [])] for step in range(count)],
    ]
    steps = [[link for one in walks for link in one[number]] for number in range(count)]
    # the same again, nothing at all, nothing again, and all back
    steps[3] = list(reversed(steps[2]))
    steps[6] = steps[7] = []
    return steps


@pytest.mark.long
def test_any_sequence_of_links_that_come_and_go_equals_a_full_build_at_every_step(tmp_path: Path) -> None:
    project = make_project(tmp_path, walked=WALKED, rebuilt=REBUILT)
    steps = steps_of_all_walks(9)
    columns = "step integer, node_key varchar, component_key varchar, component_size bigint"
    project.execute(
        "create table clock as select -1 as step",
        f"create table walked_rows ({columns})",
        f"create table rebuilt_rows ({columns})",
        "create table walked_changed_rows (step integer, node_key varchar)",
        "create table steps (step integer, one_end varchar, other_end varchar)",
    )
    with open_duckdb(project.warehouse) as connection:
        numbered = [(number, *link) for number, links in enumerate(steps) for link in links]
        connection.executemany("insert into steps values (?, ?, ?)", numbered)
    project.build(times=len(steps))

    assert project.query("select * from walked_rows except all select * from rebuilt_rows") == []
    assert project.query("select * from rebuilt_rows except all select * from walked_rows") == []
    by_step: list[Rows] = [{} for _ in steps]
    for step, node, component, size in project.query("select * from walked_rows"):
        by_step[step][node] = (component, size)
    changed_by_step: list[list[str]] = [[] for _ in steps]
    for step, node in project.query("select * from walked_changed_rows"):
        changed_by_step[step].append(node)
    before: Rows = {}
    listed: list[str] = []
    for step, links in enumerate(steps):
        expected = by_hand(links)
        assert expected == as_scipy_says(links)
        assert by_step[step] == expected, f"step {step}"
        if step > 0 and differing(before, expected):
            listed = sorted(differing(before, expected))
        assert sorted(changed_by_step[step]) == listed, f"step {step}: the list of the last change"
        before = expected


FAILING = """
{{ config(
    materialized='connected_components',
    meta={'components': {'edge': ['one_end', 'other_end']}, 'build': {'mode': 'all'}},
    post_hook="select error('broken on purpose') from main.trouble",
) }}
select one_end, other_end from main.links
"""


def state(project: Project, model: str = "grouped") -> list[list[tuple]]:
    """All that a build leaves: the components, the links, and the keys that changed."""
    return [sorted(project.query(f"select * from {model}{suffix}")) for suffix in ("", "__edges", "__changed")]


@pytest.mark.long
def test_only_what_links_touch_is_rewritten_and_a_failure_leaves_all_as_it_was(tmp_path: Path) -> None:
    """A row that was tampered with shows whether its component was written again."""
    rebuilt = FAILING.replace("'all'", "'scratch'")
    project = make_project(tmp_path, grouped=FAILING, rebuilt=rebuilt)
    project.execute("create table trouble (what varchar)")
    project.write([("a", "b"), ("b", "c"), ("x", "y")])
    project.build()
    first = {"a": ("a", 3), "b": ("a", 3), "c": ("a", 3), "x": ("x", 2), "y": ("x", 2)}
    assert project.rows() == first
    assert project.changed() == set(), "without a table to compare with, there is no list of changes"

    # nothing new, listed in another order and twice: nothing is written, and nothing has changed
    project.execute("update grouped set component_size = -1 where node_key = 'c'")
    project.write([("y", "x"), ("c", "b"), ("b", "a"), ("a", "b")])
    project.build("-s", "grouped")
    assert project.rows() == {**first, "c": ("a", -1)}
    assert project.changed() == set()

    # a link elsewhere, and a build that fails after everything was written
    project.write([("a", "b"), ("b", "c"), ("y", "z"), ("z", "z")])
    project.execute("insert into trouble values ('any')")
    before, before_rebuilt = state(project), state(project, "rebuilt")
    failed = project.run()
    assert failed.stdout.count("Error: broken on purpose") == 2, failed.stdout
    assert state(project) == before
    assert state(project, "rebuilt") == before_rebuilt

    project.execute("delete from trouble")
    project.build("-s", "grouped")
    apart = {"y": ("y", 2), "z": ("y", 2)}
    assert project.rows() == {"a": ("a", 3), "b": ("a", 3), "c": ("a", -1), **apart}
    assert project.changed() == {"x", "y", "z"}

    # without the list of links all is built, and what comes out different is known all the same
    project.execute("drop table grouped__edges")
    project.build("-s", "grouped")
    assert project.rows() == {"a": ("a", 3), "b": ("a", 3), "c": ("a", 3), **apart}
    assert project.changed() == {"c"}

    tables = {name for (name,) in project.query("select table_name from duckdb_tables()")}
    kept = {f"{model}{suffix}" for model in ("grouped", "rebuilt") for suffix in ("", "__edges", "__changed")}
    assert tables == {*kept, "links", "trouble"}, "scratch tables are gone, also those of the builds that failed"


def test_two_keys_of_one_number_end_the_build_before_anything_is_written(tmp_path: Path) -> None:
    whole_again = MODEL.replace("'all'", "var('mode', 'all')")
    project = make_project(tmp_path, grouped=MODEL, rebuilt=whole_again)
    macro = tmp_path / "macros" / "engine" / "number_of_text.sql"
    exact, forged = "hash({{ text }}) >> 1", "length({{ text }})"
    assert exact in macro.read_text()
    macro.write_text(macro.read_text().replace(exact, forged))
    project.write([("a", "bb"), ("ccc", "dddd")])
    project.build()
    before = state(project)
    project.write([("a", "bb"), ("ccc", "dddd"), ("eee", "fffff")])
    failed = project.run("--vars", "{mode: scratch}")
    assert failed.stdout.count("two node keys share a 63-bit number") == 2, failed.stdout
    assert state(project) == before
    assert project.query("select * from rebuilt order by 1") == before[0]


@pytest.mark.parametrize("seed", range(40))
def test_the_oracles_agree(seed: int) -> None:
    draw = random.Random(seed)
    names: Sequence[str | None] = [None, *"abcdefghijklmnop"]
    links = [(draw.choice(names), draw.choice(names)) for _ in range(draw.randrange(14))]
    assert by_hand(links) == as_scipy_says(links)
