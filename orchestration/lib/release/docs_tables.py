"""Writes the lists of published tables that the docs and the exposures hold, their diagram, and the metrics.

In a page a list is between two markers and made whole again; in `_exposures.yml` it is what an exposure depends on.
`_metrics.yml` follows from the seeds of KPIs alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestration.lib.dbt.mart_tests import read_tested
from orchestration.lib.dbt.marts import Mart, read_marts
from orchestration.lib.drawing.entity_diagram import Entity, draw_entities
from orchestration.lib.release.metrics import METRICS, shipped_definitions

BEGIN = "<!-- published tables: made by make docs-tables -->"
END = "<!-- end of published tables -->"

README = Path("README.md")
ARCHITECTURE = Path("docs/architecture.md")
EXPOSURES = Path("models/marts/_exposures.yml")
ENTITIES = Path("docs/images/entities.svg")
# What an exposure reads when it names no schema.
ALL = "all"


class DocsError(ValueError):
    """A file that the lists can't be written into; the message names it and the fix."""


def docs_with_tables(manifest: Mapping[str, Any], root: Path) -> dict[Path, str]:
    """The text that each file under `root` should have; files keep all that is not a list of published tables."""
    marts = read_marts(manifest)
    return {
        README: _page(root, README, _questions(marts)),
        ARCHITECTURE: _page(root, ARCHITECTURE, _columns(marts)),
        ENTITIES: _entities(manifest, marts),
        EXPOSURES: _exposures((root / EXPOSURES).read_text(encoding="utf-8"), manifest, marts),
        METRICS: shipped_definitions(root).text,
    }


def write_docs_tables(manifest: Mapping[str, Any], root: Path) -> list[Path]:
    """Brings the files up to date and says which of them were not."""
    changed = []
    for path, text in docs_with_tables(manifest, root).items():
        if not (root / path).is_file() or (root / path).read_text(encoding="utf-8") != text:
            (root / path).write_text(text, encoding="utf-8")
            changed.append(path)
    return changed


def _page(root: Path, path: Path, lines: Sequence[str]) -> str:
    text = (root / path).read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise DocsError(f"{path} lacks the lines {BEGIN} and {END}; write them where the published tables belong.")
    return "\n".join([before + begin, *lines, end + after])


def _questions(marts: Iterable[Mart]) -> list[str]:
    rows = [f"| `{mart.label}` | {mart.grain} | {mart.facts.answers} |" for mart in marts]
    return ["", "| table | one row per | answers |", "|---|---|---|", *rows, ""]


def _columns(marts: Iterable[Mart]) -> list[str]:
    rows = [f"| `{mart.label}` | {mart.grain} | {' '.join(mart.columns)} |" for mart in marts]
    return ["", "| schema.table | one row per | columns |", "|---|---|---|", *rows, ""]


def _entities(manifest: Mapping[str, Any], marts: Sequence[Mart]) -> str:
    """The diagram of tables, keys and references, as the contracts, `joins` and the tests of relationships say them."""
    tested = read_tested(manifest, marts)
    return draw_entities(
        [
            Entity(
                mart.label,
                mart.facts.key,
                tuple((one.column, one.to_table, one.to_column) for one in tested[mart.label].references),
                len(mart.columns),
                tuple((join.columns, join.to) for join in mart.facts.joins),
            )
            for mart in marts
        ]
    )


def _exposures(text: str, manifest: Mapping[str, Any], marts: Sequence[Mart]) -> str:
    """The exposures' YAML with `depends_on` of each made from `meta.reads`: schemas, schema.table, or `all`."""
    schemas = {mart.schema for mart in marts}
    labels = {mart.label for mart in marts}
    models = [mart for mart in marts if not mart.facts.is_ledger]
    for exposure in manifest["exposures"].values():
        reads = (exposure["config"].get("meta") or exposure["meta"]).get("reads", ALL)
        chosen = schemas if reads == ALL else set(reads)
        if unknown := sorted(chosen - schemas - labels):
            raise DocsError(
                f"{EXPOSURES}: {exposure['name']}: meta.reads names {', '.join(unknown)}, which is no published "
                f"schema and no table; published are {', '.join(sorted(schemas))}."
            )
        found = re.search(
            rf"^  - name: {exposure['name']}\n(?:    .*\n)*?    depends_on:\n((?:      - .*\n)*)", text, re.M
        )
        if found is None:
            raise DocsError(
                f"{EXPOSURES}: {exposure['name']} lacks the line `depends_on:`; write it with one "
                "table, such as ref('kpi_scorecard')."
            )
        lines = "".join(f"      - ref('{mart.name}')\n" for mart in models if {mart.schema, mart.label} & chosen)
        text = text[: found.start(1)] + lines + text[found.end(1) :]
    return text
