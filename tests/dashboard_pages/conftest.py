"""Looks at the pages over the published examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pytest

from dashboard.filters import read_filters
from dashboard.release import Release, Releases
from dashboard.view import View
from orchestration.lib.core.settings import Settings


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
