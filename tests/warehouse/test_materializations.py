"""The project's own materialisations: what they put in place, what they refuse, and what a change leaves behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.warehouse.test_connected_components import Project, make_project

TABLE = "{{ config(materialized='table') }} select * from main.given"
VIEW = "{{ config(materialized='view') }} select * from main.given"
# What the orchestration says in a build, the model says by itself: nobody else tells dbt here.
KEPT = """
{{ config(materialized='incremental', meta={
    'increment': {'key': 'k', 'from': {}},
    'build': {
        'mode': var('mode', 'changes'), 'alias': 'kept', 'key': 'k', 'tracks': ['g', 'k'],
        'changes': [{'column': 'k', 'changed': 'main.listed_keys'}],
    },
}) }}
select * from main.given where {{ is_changed('k') }}
"""
CONTRACT = """
models:
  - name: promised
    config: {contract: {enforced: true}}
    columns:
      - {name: g, data_type: string}
      - {name: k, data_type: bigint}
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = make_project(tmp_path / "project", grouped=TABLE)
    given(made, (1, "a"), (2, "b"))
    return made


def given(project: Project, *rows: tuple[int, str | None]) -> None:
    values = ", ".join(f"({k}, {'null' if g is None else repr(g)})" for k, g in rows)
    project.execute(
        f"create or replace table given as select k::bigint as k, g::varchar as g from (values {values}) as t (k, g)"
    )


def model(project: Project, name: str, text: str) -> None:
    (project.folder / "models" / f"{name}.sql").write_text(text, encoding="utf-8")


def test_a_table_becomes_a_view_and_a_table_again(project: Project) -> None:
    kinds = "select table_type from information_schema.tables where table_name = 'grouped'"
    for text, kind in (
        (TABLE, "BASE TABLE"),
        (VIEW, "VIEW"),
        (TABLE, "BASE TABLE"),
        (KEPT.replace("'changes')", "'scratch')"), "BASE TABLE"),
    ):
        model(project, "grouped", text)
        project.build()
        assert project.query(kinds) == [(kind,)]
        assert project.query("select k, g from grouped order by k") == [(1, "a"), (2, "b")]


def test_a_failing_query_leaves_the_table_as_it_was(project: Project) -> None:
    project.build()
    model(project, "grouped", TABLE + " where error('broken on purpose') = 1")
    done = project.run()
    assert done.returncode == 1 and "broken on purpose" in done.stdout
    assert project.query("select count(*) from grouped") == [(2,)]


@pytest.mark.parametrize("kind", ["table", "view"])
def test_a_broken_contract_ends_the_build_and_a_kept_one_fixes_the_order(project: Project, kind: str) -> None:
    (project.folder / "models" / "promised.yml").write_text(CONTRACT, encoding="utf-8")
    start = f"{{{{ config(materialized='{kind}') }}}} "
    model(project, "promised", start + "select k, g, 1 as more from main.given")
    done = project.run("--select", "promised")
    assert done.returncode == 1 and "This model has an enforced contract that failed" in done.stdout
    model(project, "promised", start + "select k::integer as k, g from main.given")
    assert project.run("--select", "promised").returncode == 1
    model(project, "promised", start + "select k, g from main.given")
    project.build("--select", "promised")
    columns = project.query("select column_name from information_schema.columns where table_name = 'promised'")
    assert {name for (name,) in columns} == {"g", "k"}
    if kind == "table":
        assert columns == [("g",), ("k",)]


@pytest.fixture
def kept(project: Project) -> Project:
    project.execute("create table listed_keys (k bigint)")
    model(project, "kept", KEPT)
    given(project, (1, "a"), (1, "a"), (2, "b"), (3, None))
    project.build("--vars", "{mode: scratch}")
    return project


def change(
    project: Project, listed: tuple[int, ...], *rows: tuple[int, str | None], mode: str = "changes"
) -> tuple[list, list]:
    """Rows, and the rows that last changed, after a build in which the listed keys were said to have changed."""
    given(project, *rows)
    project.execute("delete from listed_keys", *(f"insert into listed_keys values ({key})" for key in listed))
    project.build("--vars", f"{{mode: {mode}}}")
    return project.query("select k, g from kept order by all"), project.query(
        "select k, g from kept__changed order by all"
    )


def test_listed_keys_are_replaced_and_only_differing_ones_are_passed_on(kept: Project) -> None:
    """A second copy of a row, a null and a key that is gone count; a listed key that is as it was does not."""
    rows, changed = change(kept, (1, 2, 3), (1, "a"), (2, "b"), (3, "c"), (4, "d"))
    assert rows == [(1, "a"), (2, "b"), (3, "c")], "4 is not listed"
    assert changed == [(1, "a"), (3, "c"), (3, None)]
    rows, changed = change(kept, (2, 4), (1, "a"), (3, "c"), (4, "d"))
    assert rows == [(1, "a"), (3, "c"), (4, "d")]
    assert changed == [(2, "b"), (4, "d")]
    same = change(kept, (1, 3, 4), (1, "a"), (3, "c"), (4, "d"))
    assert same == (rows, changed), "where nothing differs the list is that of the last change"


def test_where_all_rows_are_computed_the_list_holds_those_that_differ(kept: Project) -> None:
    rows, changed = change(kept, (), (1, "a"), (1, "a"), (2, "c"), (4, "d"), mode="all")
    assert rows == [(1, "a"), (1, "a"), (2, "c"), (4, "d")]
    assert changed == [(2, "b"), (2, "c"), (3, None), (4, "d")]
    # another type of a column is another table, of which no list says what changed
    model(kept, "kept", KEPT.replace("select *", "select k::integer as k, g"))
    kept.build("--vars", "{mode: all}")
    assert kept.query("select typeof(k) from kept limit 1") == [("INTEGER",)]
    assert kept.query("select 1 from duckdb_tables() where table_name = 'kept__changed'") == []


@pytest.mark.parametrize("columns", ["k, g, 1 as more", "k"])
def test_a_query_with_other_columns_than_its_table_ends_the_build(kept: Project, columns: str) -> None:
    model(kept, "kept", KEPT.replace("select *", f"select {columns}"))
    kept.execute("insert into listed_keys values (2)")
    assert kept.run().returncode == 1
    assert kept.query("select count(*) from kept") == [(4,)]
    kept.build("--vars", "{mode: scratch}")
    assert kept.query("select count(*) from kept") == [(4,)]


def test_rows_that_break_a_test_are_kept_until_it_passes(project: Project) -> None:
    (project.folder / "models" / "tested.yml").write_text(
        "models: [{name: grouped, columns: [{name: g, data_tests: [{not_null: {config: {store_failures: true}}}]}]}]",
        encoding="utf-8",
    )
    tables = "select count(*) from information_schema.tables where table_name = 'not_null_grouped_g'"

    def test() -> int:
        return project.run_command("test").returncode

    project.build()
    assert (test(), project.query(tables)) == (0, [(0,)])
    given(project, (1, None), (2, "b"))
    project.build()
    assert test() == 1
    [(schema,)] = project.query(
        "select table_schema from information_schema.tables where table_name = 'not_null_grouped_g'"
    )
    assert project.query(f"select k from {schema}.not_null_grouped_g") == [(1,)]
    given(project, (1, "a"))
    project.build()
    assert (test(), project.query(tables)) == (0, [(0,)])
