"""A data set to publish, and another one next to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from orchestration.lib.core.settings import PROJECT_ROOT
from tests.orchestration.release.lines import Line, example_settings


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(example_settings(tmp_path.resolve()))


@pytest.fixture
def other_line(line: Line) -> Line:
    """Another data set that is served from the same folder."""
    return Line(replace(line.settings, data_set="households"))


@pytest.fixture
def kept(line: Line) -> Callable[[int], Line]:
    """The same line, with another number of kept releases."""
    return lambda count: Line(replace(line.settings, releases_kept=count))


@pytest.fixture
def child_prelude(tmp_path: Path) -> str:
    """First lines of a script that another process runs on the line of this test."""
    return (
        f"import sys; sys.path.insert(0, {str(PROJECT_ROOT)!r})\n"
        "from pathlib import Path\n"
        "from tests.orchestration.release.lines import Line, example_settings\n"
        f"line = Line(example_settings(Path({str(tmp_path.resolve())!r})))\n"
    )
