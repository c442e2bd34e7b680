"""The keys of models that the warehouse does not keep: views and ephemeral models say theirs in `meta.key`.

A dbt test would compute such a model once more in every build. Here each is computed once, on random customers.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.core.sql import literal, name
from orchestration.lib.dbt.compiled import models_on
from tests.conftest import Warehouse


def declared() -> Iterator[tuple[str, tuple[str, ...]]]:
    for path in sorted((PROJECT_ROOT / "models").rglob("_*__models.yml")):
        for model in yaml.safe_load(path.read_text(encoding="utf-8"))["models"]:
            if key := model.get("config", {}).get("meta", {}).get("key"):
                yield model["name"], tuple(key)


KEYS = dict(declared())


@pytest.fixture(scope="module")
def compiled(at_once: Warehouse) -> dict[str, str]:
    tables = at_once.query(
        "select schema_name, table_name as name from duckdb_tables() "
        "union all select schema_name, view_name from duckdb_views() where not internal"
    )
    relations = {row["name"]: name(row["schema_name"], row["name"]) for row in tables}
    as_of = at_once.settings.as_of
    assert as_of is not None
    return models_on(tuple(KEYS), relations, as_of=f"timestamp {literal(f'{as_of:%Y-%m-%d %H:%M:%S}')}")


@pytest.mark.parametrize("model", KEYS)
def test_a_key_names_one_row(model: str, at_once: Warehouse, compiled: dict[str, str]) -> None:
    key = ", ".join(name(column) for column in KEYS[model])
    with open_duckdb(at_once.settings.warehouse, read_only=True) as connection:
        rows, keys = connection.execute(
            f"select count(*), count(distinct ({key})) from ({compiled[model]}) as rows_of_model"
        ).fetchone()
        repeated = connection.execute(
            f"select {key}, count(*) from ({compiled[model]}) as rows_of_model group by all having count(*) > 1 limit 5"
        ).fetchall()
    assert repeated == []
    assert rows == keys > 0
