"""Published releases that all tests of the pages read: both examples, and one without a row."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from dashboard.filters import read_filters
from dashboard.release import Release, Releases
from dashboard.view import View
from orchestration.lib.core.settings import PROJECT_ROOT, Settings, read_settings


def publish(folder: Path, *arguments: str, **environment: str) -> Settings:
    """Runs the real command into a folder and returns the settings of the data set that it published."""
    where = {"JOURNEYS_VAR": str(folder / "var"), "JOURNEYS_SERVING": str(folder / "serving"), **environment}
    ended = subprocess.run(
        [sys.executable, "-m", "orchestration", "run", *arguments],
        cwd=PROJECT_ROOT,
        env=os.environ | where,
        check=False,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return read_settings(where)


@pytest.fixture(scope="session")
def omnichannel(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return publish(tmp_path_factory.mktemp("omnichannel"), "--customers", "250", "--days", "150")


@pytest.fixture(scope="session")
def complete_journey(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("households")
    return publish(folder, "--households", "60", EXAMPLE="complete_journey")


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A release of extracts that hold no row yet."""
    folder = tmp_path_factory.mktemp("empty")
    events = folder / "extracts" / "feed" / "events" / "2026-01.csv"
    events.parent.mkdir(parents=True)
    events.write_text("event_id,occurred_at,event_name,source_system\n", encoding="utf-8")
    return publish(
        folder,
        JOURNEYS_EXTRACTS=str(folder / "extracts"),
        JOURNEYS_AS_OF="2026-02-01T00:00:00Z",
        JOURNEYS_PEPPER="a key for all tests",
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
