"""What replaces parts of dbt has the results of these parts."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from dbt import compilation
from dbt.compilation import InjectedCTE
from dbt.context.macros import MacroNamespace
from dbt_common.clients import agate_helper
from dbt_common.events.base_types import BaseEvent
from dbt_common.events.types import Note

from orchestration.lib.dbt import quicker


@pytest.fixture
def replaced(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Puts the replacements in place, until the test ends."""
    for owner, name in (
        (compilation, "inject_ctes_into_sql"),
        (MacroNamespace, "__getitem__"),
        (MacroNamespace, "__iter__"),
        (BaseEvent, "__init__"),
        (BaseEvent, "__getattr__"),
        (BaseEvent, "__setattr__"),
        (agate_helper, "build_type_tester"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    return quicker.make_dbt_quicker


@pytest.mark.parametrize(
    "sql",
    [
        "with a as (select 1)\nselect * from a",
        "\n\n-- with care\n/* with * stars */  WITH\n    -- a comment\n    a as (select 1) select * from a",
        "with recursive a as (select 1) select * from a",
        "select * from (with a as (select 1) select * from a)",
        "select 'with' as word",
        "-- nothing but\nselect 1 -- with",
        "within_it",
        # one after another they are read once, not in every way to divide them
        " " * 400 + "select 1",
        "\n    " * 60 + "with recursive a as (select 1) select * from a",
        "(with a as (select 1) select * from a) union all select 2",
    ],
)
def test_ctes_stand_where_dbt_puts_them(sql: str, replaced: Callable[[], None]) -> None:
    ctes = [
        InjectedCTE("one", "__dbt__cte__one as (\nselect 1\n)"),
        InjectedCTE("two", "__dbt__cte__two as (select 2)"),
    ]
    given = [compilation.inject_ctes_into_sql(sql, some) for some in (ctes, ctes[:1], [])]
    replaced()
    assert [compilation.inject_ctes_into_sql(sql, some) for some in (ctes, ctes[:1], [])] == given


def test_a_name_is_the_macro_that_dbt_finds_first(replaced: Callable[[], None]) -> None:
    def namespace() -> MacroNamespace:
        of_root: Any = {"local": "root", "root": "root", "dbt": "a macro of this name"}
        of_node: Any = {"local": "local"}
        of_dbt: Any = {"local": "dbt", "root": "dbt", "internal": "dbt", "package": "dbt"}
        packages: Any = {"package": {"inside": "package"}}
        return MacroNamespace(of_root, of_node, of_dbt, packages)

    given = dict(namespace())
    assert given["local"] == "local" and given["dbt"] == "a macro of this name"
    replaced()
    assert dict(namespace()) == given and len(namespace()) == len(given)
    assert "inside" not in namespace()
    with pytest.raises(KeyError):
        namespace()["inside"]


def test_an_event_that_is_read_says_what_it_says(replaced: Callable[[], None]) -> None:
    given = Note(msg="said").to_dict()
    replaced()
    event = Note(msg="said")
    assert "pb_msg" not in event.__dict__
    assert (event.msg, event.message(), event.to_dict()) == ("said", "said", given)
    changed = Note(msg="said")
    changed.msg = "said again"
    assert changed.message() == "said again"


def test_columns_of_a_query_have_the_same_types(replaced: Callable[[], None]) -> None:
    rows = [{"n": 1, "share": Decimal("0.5"), "text": "1", "day": "2026-01-05", "is_so": True, "none": None}]

    def table() -> Any:
        return agate_helper.table_from_data_flat(rows, list(rows[0]))

    given = table()
    replaced()
    for found in (table(), table()):
        assert [type(kind) for kind in found.column_types] == [type(kind) for kind in given.column_types]
        assert [tuple(row) for row in found.rows] == [tuple(row) for row in given.rows]
