"""Looks at the pages over the published examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import duckdb
import pytest

from dashboard.filters import read_filters
from dashboard.release import Release, Releases
from dashboard.view import View
from orchestration.lib.core.settings import Settings
from tests.conftest import Warehouse
from tests.served_releases import write_release

# What the pages of feedback and of attribution ask for, beside the channels, journeys and segments that filters offer.
MARTS_OF_PAGES = (
    "attribution",
    "voice",
    "customers",
    "journeys",
    "core.dim_channels",
    "core.dim_dates",
    "core.dim_touchpoints",
)


@pytest.fixture
def release(omnichannel: Settings) -> Iterator[Release]:
    releases = Releases(omnichannel)
    with releases.current() as opened:
        yield opened
    releases.close()


@pytest.fixture
def look(release: Release) -> Callable[..., View]:
    """A look at a page of the default example with the filters and other words of an address."""

    def look(takes: tuple[str, ...] = (), extra: Mapping[str, str] | None = None, **asked: str) -> View:
        filters, _ = read_filters(release, asked, takes or ("journey", *asked))
        assert not filters.unknown, filters.unknown
        return View(release, filters, extra=dict(extra or {}) | asked)

    return look


@pytest.fixture(scope="session")
def default_release(default_example: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """The marts of `MARTS_OF_PAGES` of the default example in its default size, as a release.

    Of a small world hardly any month and touchpoint has the scores and conversions that an interval needs.
    """
    attached = f"attach '{default_example.settings.warehouse}' as built (read_only)"
    with duckdb.connect() as connection:
        connection.execute(attached)
        tables = [
            (schema, table)
            for schema, table in connection.execute(
                "select schema_name, table_name from duckdb_tables() where database_name = 'built' "
                "union all select schema_name, view_name from duckdb_views() where database_name = 'built' order by all"
            ).fetchall()
            if not table.partition("__")[2] and {schema, f"{schema}.{table}"} & set(MARTS_OF_PAGES)
        ]
    statements = [f"create schema if not exists r.{schema}" for schema in sorted({schema for schema, _ in tables})]
    copies = [f"create table r.{schema}.{table} as from built.{schema}.{table}" for schema, table in tables]
    settings = write_release(tmp_path_factory.mktemp("default_release"), "default", attached, *statements, *copies)
    releases = Releases(settings)
    with releases.current() as opened:
        yield opened
    releases.close()
