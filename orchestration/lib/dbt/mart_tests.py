"""What dbt's tests say of published tables, as sentences, and which columns name rows of which other table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestration.lib.dbt.marts import Mart

# More values than this are not listed: the description of the column says what they are.
VALUES_SHOWN = 12


@dataclass(frozen=True)
class Reference:
    """A column of a published table that names a row of a published table."""

    table: str
    column: str
    to_table: str
    to_column: str


@dataclass
class Tested:
    """Sentences about a table, and by column. `owner` is the group that answers for the table."""

    owner: str = ""
    table: list[str] = field(default_factory=list)
    columns: dict[str, list[str]] = field(default_factory=dict)
    references: list[Reference] = field(default_factory=list)


def read_tested(manifest: Mapping[str, Any], marts: Iterable[Mart]) -> dict[str, Tested]:
    """By label of each published table, what its tests say. Tests of several tables are said of each of them."""
    by_node = {mart.node: mart for mart in marts}
    by_name = {mart.name: mart for mart in by_node.values()}
    owners = {group["name"]: str(group["owner"].get("name") or "") for group in manifest.get("groups", {}).values()}
    # a ledger is none of dbt's models, and belongs to who answers for its schema
    found = {mart.label: Tested(owners.get(mart.schema, "")) for mart in by_node.values()}
    for node in manifest["nodes"].values():
        if node["resource_type"] != "test":
            continue
        named = node.get("test_metadata") or {}
        if named.get("name") is None:
            for one in node["depends_on"]["nodes"]:
                if one in by_node and node.get("description"):
                    found[by_node[one].label].table.append(" ".join(node["description"].split()).removesuffix("."))
            continue
        mart = by_node.get(node.get("attached_node") or "")
        if mart is None:
            continue
        said, arguments = found[mart.label], named.get("kwargs") or {}
        column = node.get("column_name")
        if named["name"] == "relationships":
            target = by_name.get(re.sub(r".*ref\('(\w+)'\).*", r"\1", str(arguments["to"])))
            if target is None:
                continue
            said.references.append(Reference(mart.label, str(column), target.label, arguments["field"]))
        sentence = _sentence(named["name"], arguments, by_name)
        if column:
            said.columns.setdefault(column, []).append(sentence)
        else:
            said.table.append(sentence)
    for said in found.values():
        said.table = sorted(set(said.table))
        said.references.sort(key=lambda one: (one.column, one.to_table))
    return found


def _sentence(test: str, arguments: Mapping[str, Any], by_name: Mapping[str, Mart]) -> str:
    """A test as a reader of the table understands it; one of our own by its name, which is a sentence."""
    columns = ", ".join(arguments.get("columns") or ())
    if test == "unique":
        return "unique"
    if test == "not_null":
        return "never null"
    if test == "unique_together":
        return f"unique: {columns}"
    if test == "columns_are_filled":
        return f"never null: {columns}"
    if test == "accepted_values":
        values = [str(value) for value in arguments["values"]]
        more = f" and {len(values) - VALUES_SHOWN} more" if len(values) > VALUES_SHOWN else ""
        return f"one of {', '.join(values[:VALUES_SHOWN])}{more}"
    if test == "relationships":
        name = re.sub(r".*ref\('(\w+)'\).*", r"\1", str(arguments["to"]))
        label = by_name[name].label if name in by_name else name
        return f"names a row of {label} ({arguments['field']})"
    if test == "intervals_do_not_overlap":
        starts, ends, of = arguments["starts"], arguments["ends"], arguments["partition_by"]
        return f"intervals from {starts} to {ends} of one {of} do not overlap"
    return test.replace("_", " ")
