"""Writes the dictionary of a release: one page with every published table and column, which a browser searches.

The page is one file without a request: its style and its few lines of script are inside, and it tells the browser to
load nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from orchestration.lib.core.templates import templates
from orchestration.lib.dbt.mart_tests import Tested
from orchestration.lib.dbt.marts import Mart

DICTIONARY = "dictionary.html"


def _with_code(text: str) -> Markup:
    """A description with what is between backticks as code; nothing else in it is markup."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part) for number, part in enumerate(parts)
    )


def write_dictionary(
    folder: Path, manifest: Mapping[str, Any], marts: Sequence[Mart], tested: Mapping[str, Tested]
) -> Path:
    """Writes `dictionary.html` into the folder of a release and returns its path.

    `manifest` is the release's own: rows, types and descriptions are as its file has them.
    """
    by_label = {mart.label: mart for mart in marts}
    tables = [_table(table, manifest, by_label, tested) for table in manifest["tables"]]
    tables.sort(key=lambda table: table["label"])
    schemas = [(schema, list(of_schema)) for schema, of_schema in groupby(tables, key=lambda table: table["schema"])]
    text = (
        templates(Path(__file__).with_name("templates"), {"with_code": _with_code})
        .get_template(DICTIONARY)
        .render(
            release_id=manifest["release_id"],
            data_set=manifest["data_set"],
            as_of=str(manifest["as_of"])[:16].replace("T", " "),
            schemas=schemas,
            table_count=len(tables),
            column_count=sum(len(table["columns"]) for table in tables),
        )
    )
    path = folder / DICTIONARY
    path.write_text(text, encoding="utf-8")
    return path


def _table(
    said: Mapping[str, Any], manifest: Mapping[str, Any], marts: Mapping[str, Mart], tested: Mapping[str, Tested]
) -> dict[str, Any]:
    label = f"{said['schema']}.{said['name']}"
    mart, tests, since = marts.get(label), tested.get(label, Tested()), manifest.get("since", {})
    first = since.get(label, "")
    joins = mart.facts.joins if mart is not None else ()
    named = {join.columns[0]: join.to for join in joins if len(join.columns) == 1}
    named |= {reference.column: reference.to_table for reference in tests.references}
    return {
        "label": label,
        "schema": said["schema"],
        "grain": mart.grain if mart is not None else "",
        "answers": mart.facts.answers if mart is not None else "",
        "key": ", ".join(said["key"]),
        "description": said["description"],
        "row_count": said["row_count"],
        "owner": tests.owner,
        "tests": tests.table,
        "joins": [(join.to, ", ".join(join.columns)) for join in joins],
        "since": first,
        "columns": [
            {
                "name": column["name"],
                "type": column["type"].lower(),
                "description": column["description"],
                "is_key": column["name"] in said["key"],
                "tests": tests.columns.get(column["name"], []),
                "names": named.get(column["name"], ""),
                # of a column that came later than its table
                "since": since.get(f"{label}.{column['name']}", ""),
            }
            for column in said["columns"]
        ],
    }


def first_published(
    tables: Sequence[Mapping[str, Any]], release_id: str, before: Mapping[str, Any] | None
) -> dict[str, str]:
    """By table the release that had it first, and by column of those that came later than their table.

    `before` is the manifest of the release before. One of an older version says nothing of this: what it has, it had
    first as far as is known. What was gone in between counts from when it came back.
    """
    known = dict((before or {}).get("since") or {})
    columns_before = {
        f"{table['schema']}.{table['name']}": {column["name"] for column in table["columns"]}
        for table in (before or {}).get("tables", ())
    }
    found: dict[str, str] = {}
    for table in tables:
        label = f"{table['schema']}.{table['name']}"
        if before is None or label not in columns_before:
            found[label] = release_id
            continue
        found[label] = known.get(label, before["release_id"])
        for column in table["columns"]:
            place = f"{label}.{column['name']}"
            if column["name"] not in columns_before[label]:
                found[place] = release_id
            elif place in known:
                found[place] = known[place]
    return found
