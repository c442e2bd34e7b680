"""The smallest data there is publishes, or a sentence says which is the smallest that does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestration.lib.core.settings import EXAMPLES, PROJECT_ROOT
from tests.orchestration.test_damaged_files import HEADER, Shop


def run(var: Path, *arguments: str, example: str = "omnichannel") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "EXAMPLE": example, "JOURNEYS_VAR": str(var), "JOURNEYS_SERVING": str(var / "serving")}
    environment.pop("JOURNEYS_EXTRACTS", None)
    return subprocess.run(
        [sys.executable, "-m", "orchestration", "run", *arguments],
        cwd=PROJECT_ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("example", "sizes", "smallest"),
    [
        ("omnichannel", ("--customers", "5", "--days", "5"), "DAYS=14"),
        ("omnichannel", ("--customers", "0"), "CUSTOMERS=1"),
        ("omnichannel", ("--days", "99999999999999999999"), "DAYS=36500"),
        ("omnichannel", ("--seed", "-1"), "SEED=0"),
        ("complete_journey", ("--households", "0"), "HOUSEHOLDS=1"),
    ],
)
def test_a_size_that_cannot_be_made_is_said_before_anything_is_removed(
    tmp_path: Path, example: str, sizes: tuple[str, ...], smallest: str
) -> None:
    """The example that was there was removed first, and a traceback followed."""
    home = tmp_path / example
    (home / "extracts").mkdir(parents=True)
    (home / "example.json").write_text(json.dumps(dict(EXAMPLES[example].sizes)), encoding="utf-8")
    (home / "warehouse.duckdb").write_text("days of work", encoding="utf-8")
    ended = run(tmp_path, *sizes, example=example)
    assert ended.returncode == 2, ended.stdout
    assert smallest in ended.stderr and "Nothing was changed" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert (home / "warehouse.duckdb").read_text(encoding="utf-8") == "days of work"


def test_a_size_that_is_no_number_is_said(tmp_path: Path) -> None:
    ended = run(tmp_path, "--customers", "many")
    assert ended.returncode == 2
    assert "--customers" in ended.stderr and "valid integer" in ended.stderr and "Traceback" not in ended.stderr


@pytest.mark.long
@pytest.mark.parametrize(
    ("example", "sizes"),
    [("omnichannel", ("--customers", "1", "--days", "14")), ("complete_journey", ("--households", "1"))],
)
def test_the_smallest_example_publishes(tmp_path: Path, example: str, sizes: tuple[str, ...]) -> None:
    ended = run(tmp_path, *sizes, example=example)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Hygiene: pass" in ended.stdout


ROW = 'a1,2026-01-05T10:00:00Z,order_placed,till,10,EUR,"{""email"": ""a@example.com""}"\n'


@pytest.mark.long
@pytest.mark.parametrize(
    ("content", "events"),
    [(HEADER, []), (HEADER + ROW, ["a1"]), (HEADER + ROW + ROW.replace("a1", "a2"), ["a1", "a2"])],
    ids=["a header alone", "one row", "one customer"],
)
def test_own_extracts_of_almost_nothing_publish(tmp_path: Path, content: str, events: list[str]) -> None:
    shop = Shop(tmp_path)
    shop.deliver("1.csv")
    (shop.extracts / "feed" / "events" / "1.csv").write_text(content, encoding="utf-8")
    ended = shop.command("run")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert shop.orders() == events
