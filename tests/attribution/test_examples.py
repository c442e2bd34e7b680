"""The published tables of both examples say what the oracle makes of their timelines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT, Settings
from tests.conftest import Warehouse
from tests.oracles import feed
from tests.oracles.attribution import Attribution, attributed
from tests.oracles.release import Release
from tests.warehouse.against_oracle import COMPARISONS_OF_ATTRIBUTION

pytestmark = pytest.mark.xdist_group("published_examples")

SHIPPED = PROJECT_ROOT / "seeds"


@dataclass(frozen=True)
class Published:
    """A release that is asked as a warehouse is."""

    path: Path

    def query(self, sql: str) -> list[dict[str, Any]]:
        with open_duckdb(self.path, read_only=True) as connection:
            result = connection.execute(sql)
            names = [column[0] for column in result.description]
            return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


@pytest.fixture(scope="module", params=["omnichannel", "complete_journey"])
def compared(request: pytest.FixtureRequest) -> Iterator[tuple[Published, Attribution]]:
    settings: Settings = request.getfixturevalue(request.param)
    path = (settings.serving / "customer_journeys.duckdb").resolve()
    manifest = json.loads((path.parent / "manifest.json").read_text(encoding="utf-8"))
    release = Published(path)
    events = [
        {**event, "properties": json.loads(event["properties"] or "{}")}
        for event in release.query("select * from core.fct_events")
    ]
    said = attributed(
        events,
        _seeds(settings.seeds),
        as_of=datetime.fromisoformat(manifest["as_of"]).replace(tzinfo=None),
        currency=manifest["reporting_currency"],
        time_zone=manifest["reporting_time_zone"],
        has_intervals=False,
    )
    yield release, said


def _seeds(own: Path) -> Mapping[str, Sequence[Mapping[str, str]]]:
    """The example's own seeds, and those of touches and rules that are shipped where it has none."""
    seeds = feed.read_seeds(own)
    shipped = feed.read_seeds(SHIPPED)
    return {**{name: shipped[name] for name in ("touch_rules", "attribution_rules")}, **seeds}


@pytest.mark.parametrize("place", range(len(COMPARISONS_OF_ATTRIBUTION)))
def test_a_published_table_says_what_the_oracle_says(place: int, compared: tuple[Published, Attribution]) -> None:
    release, said = compared
    compare = COMPARISONS_OF_ATTRIBUTION[place]
    assert compare(cast(Warehouse, release), cast(Release, SimpleNamespace(attribution=said))) == []


def test_attribution_is_put_to_the_test(compared: tuple[Published, Attribution]) -> None:
    """The comparison says little where nothing converts, is refunded or is left open."""
    _, said = compared
    assert {path.outcome for path in said.paths} == {"converted", "null", "pending"}
    assert len({row["unattributed_reason"] for row in said.conversions}) >= 3
