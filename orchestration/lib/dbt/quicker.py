"""What dbt does again and again during a build, done once or only where it is needed: a third of its own time.

Each function replaces a part of dbt by one with the same result; dbt is pinned. `tests/orchestration/test_quicker.py`
compares them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

# The first word of a statement after blanks and comments, where it opens its CTEs.
_OPENS_CTES = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|/\*(?:[^*]|\*(?!/))*\*/)*with\b(?!\s+recursive\b)\s*", re.IGNORECASE)


def make_dbt_quicker() -> None:
    """Puts all of them in place, in this process."""
    look_names_up_in_one_place()
    insert_ctes_without_parsing()
    compose_events_when_read()
    keep_type_testers()


def look_names_up_in_one_place() -> None:
    """The names of macros are those of five dictionaries: dbt looks for each name in each, twice per node."""
    from dbt.context.macros import MacroNamespace

    def names(self: Any) -> dict[str, Any]:
        if "names" not in self.__dict__:
            self.__dict__["names"] = {}
            for some in reversed(list(self._search_order())):
                self.__dict__["names"] |= some
        found: dict[str, Any] = self.__dict__["names"]
        return found

    def of_name(self: Any, key: str) -> Any:
        return names(self)[key]

    def every_name(self: Any) -> Iterator[str]:
        return iter(names(self))

    MacroNamespace.__getitem__ = of_name  # type: ignore[method-assign]
    MacroNamespace.__iter__ = every_name  # type: ignore[method-assign]


def insert_ctes_without_parsing() -> None:
    """Ephemeral models become CTEs of their readers: dbt parses all SQL to find the `with` at its beginning."""
    from dbt import compilation

    by_parsing = compilation.inject_ctes_into_sql

    def inject(sql: str, ctes: list[Any]) -> str:
        opens = _OPENS_CTES.match(sql)
        if not ctes or opens is None:
            return by_parsing(sql, ctes)
        inserted = ", ".join(cte.sql for cte in ctes)
        return f"{sql[: opens.end()]}{inserted}, {sql[opens.end() :]}"

    compilation.inject_ctes_into_sql = inject


def compose_events_when_read() -> None:
    """dbt composes a message for each of its events; nearly none of them is shown."""
    from dbt_common.events.base_types import BaseEvent

    compose, read, write = BaseEvent.__init__, BaseEvent.__getattr__, BaseEvent.__setattr__

    def keep(self: Any, *args: Any, **fields: Any) -> None:
        self.__dict__["given"] = (args, fields)

    def composed(self: Any) -> None:
        if "pb_msg" not in self.__dict__ and "given" in self.__dict__:
            args, fields = self.__dict__.pop("given")
            compose(self, *args, **fields)

    def read_composed(self: Any, key: str) -> Any:
        composed(self)
        return self.__dict__["pb_msg"] if key == "pb_msg" else read(self, key)

    def write_composed(self: Any, key: str, value: Any) -> None:
        if key != "pb_msg":
            composed(self)
        write(self, key, value)

    BaseEvent.__init__ = keep  # type: ignore[method-assign]
    BaseEvent.__getattr__ = read_composed  # type: ignore[method-assign]
    BaseEvent.__setattr__ = write_composed  # type: ignore[method-assign]


def keep_type_testers() -> None:
    """What finds the types of a query's rows is made for each query, with a parser of all ways to write a time."""
    from dbt_common.clients import agate_helper

    make = agate_helper.build_type_tester

    @cache
    def kept(text_columns: tuple[str, ...], string_null_values: tuple[str, ...] | None) -> Any:
        return make(text_columns, string_null_values)

    def tester(text_columns: Iterable[str], string_null_values: Iterable[str] | None = ("null", "")) -> Any:
        return kept(tuple(text_columns), None if string_null_values is None else tuple(string_null_values))

    agate_helper.build_type_tester = tester
