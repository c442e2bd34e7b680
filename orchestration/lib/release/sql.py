"""Spells names and values so that DuckDB reads them as they were meant."""

from __future__ import annotations


def name(*parts: str) -> str:
    """A quoted, possibly qualified name: `name("core", "dim_dates")` is `"core"."dim_dates"`."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def literal(text: object) -> str:
    """A text literal, for the statements that take no parameters (attach, comment, copy)."""
    return "'" + str(text).replace("'", "''") + "'"
