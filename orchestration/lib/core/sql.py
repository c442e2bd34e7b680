"""Spells names and values so that DuckDB reads them as they are meant."""

from __future__ import annotations

from collections.abc import Iterable


def name(*parts: str) -> str:
    """A quoted, possibly qualified name: `name("core", "dim_dates")` is `"core"."dim_dates"`."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def literal(value: object) -> str:
    """A value as an SQL literal. Numbers and truths are bare; everything else is quoted text.

    For the statements that take no parameters (attach, comment, copy) and for expressions that are composed.

    >>> literal("it's"), literal(3), literal(True)
    ("'it''s'", '3', 'true')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    return "'" + str(value).replace("'", "''") + "'"


def in_list(values: Iterable[object]) -> str:
    """`(a, b, c)` of SQL literals; `(null)` for no values, which nothing is in."""
    return "(" + (", ".join(literal(value) for value in values) or "null") + ")"
