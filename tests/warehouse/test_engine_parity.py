"""Every model's query gives the same rows on Spark as the model has on DuckDB, from the same inputs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestration.lib.core.settings import PROJECT_ROOT, read_settings
from tests.conftest import Warehouse
from tests.warehouse.spark_copy import Model, SparkCopy, compiled_models, copy_to_spark

pytestmark = [pytest.mark.spark, pytest.mark.xdist_group("spark")]

# A model that has no query of its own to run: it is part of others, or is made by other statements.
WITHOUT_QUERY = re.compile(r"materialized='(?:ephemeral|connected_components|python_step)'")
MODELS = sorted(
    path.stem
    for path in (PROJECT_ROOT / "models").rglob("*.sql")
    if not WITHOUT_QUERY.search(path.read_text(encoding="utf-8"))
)
# Columns that an engine draws from a hash of its own. They are equal if each value of one engine is one of the other.
DRAWN = {
    "int_inner_links": ("node_a", "node_b"),
    "int_instance_paths": ("path_key",),
}
CUSTOMERS, DAYS = 60, 60


@dataclass(frozen=True)
class OnBothEngines:
    """A data set's tables on both engines, and its models as compiled for Spark."""

    copy: SparkCopy
    models: dict[str, Model]


def omnichannel(folder: Path) -> Warehouse:
    """The default example in a small size, built on DuckDB."""
    from examples import omnichannel as example

    settings = read_settings({"JOURNEYS_VAR": str(folder / "var"), "JOURNEYS_SERVING": str(folder / "serving")})
    sizes: dict[str, Any] = dict(settings.example.sizes) | {"customers": CUSTOMERS, "days": DAYS}
    example.generate(
        settings.extracts, settings.truth, as_of=settings.example.as_of, **sizes, progress=lambda line: None
    )
    warehouse = Warehouse(settings)
    warehouse.land()
    warehouse.build()
    return warehouse


def scenarios(folder: Path) -> Warehouse:
    """All stories of tests/scenarios in one delivery, built on DuckDB."""
    from tests.warehouse.test_stories import warehouse_of

    return warehouse_of(folder, "one")


@pytest.fixture(scope="module", params=[omnichannel, scenarios], ids=lambda made: made.__name__)
def on_both(
    request: pytest.FixtureRequest, spark: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OnBothEngines]:
    folder = tmp_path_factory.mktemp(request.param.__name__)
    warehouse: Warehouse = request.param(folder)
    models = compiled_models(PROJECT_ROOT / "var" / ".dbt-spark", warehouse.settings)
    (folder / "parquet").mkdir()
    with copy_to_spark(warehouse.settings.warehouse, spark, folder / "parquet") as copy:
        yield OnBothEngines(copy, models)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_has_the_same_rows_on_both_engines(name: str, on_both: OnBothEngines) -> None:
    assert on_both.copy.differences(on_both.models[name], drawn=DRAWN.get(name, ())) == []
