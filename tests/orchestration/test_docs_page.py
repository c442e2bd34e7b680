"""`make docs` writes one page that a browser opens from the disk and that asks no network for anything."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.dbt.pages import POLICY, write_page


class Loaded(HTMLParser):
    """What a page loads by itself, and its policy of what may be loaded."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.places: list[str] = []
        self.policies: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "meta" and given.get("http-equiv") == "Content-Security-Policy":
            self.policies.append(given["content"] or "")
        place = given.get("src") or (given.get("href") if tag == "link" else None)
        if place and tag in ("script", "link", "img", "iframe", "object", "embed"):
            self.places.append(place)


def test_the_policy_stands_before_anything_that_could_load(tmp_path: Path) -> None:
    (tmp_path / "static_index.html").write_text("<!doctype html><html><head><script>1</script></head></html>", "utf-8")
    page = write_page(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [page.name]
    assert page.read_text("utf-8") == f"<!doctype html><html><head>{POLICY}<script>1</script></head></html>"
    [policy] = Loaded(page.read_text("utf-8")).policies
    allowed = {part.split()[0]: part.split()[1:] for part in policy.split(";")}
    assert allowed["default-src"] == ["'none'"]
    assert not any("http" in source or "*" in source for sources in allowed.values() for source in sources)


@pytest.mark.long
def test_the_page_is_one_file_without_requests(tmp_path: Path) -> None:
    (tmp_path / "extracts").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "orchestration", "docs"],
        cwd=PROJECT_ROOT,
        env={
            **os.environ,
            "JOURNEYS_EXTRACTS": str(tmp_path / "extracts"),
            "JOURNEYS_VAR": str(tmp_path / "var"),
            "JOURNEYS_SERVING": str(tmp_path / "serving"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [place] = re.findall(r"file://(\S+)", done.stdout)
    page = Path(place).read_text("utf-8")
    loaded = Loaded(page)
    assert loaded.policies and page.index("Content-Security-Policy") < page.index("<script")
    assert [one for one in loaded.places if re.match("(https?:)?//", one)] == []
    assert '"send_anonymous_usage_stats": false' in page, "dbt's page has no tracker switched on"
    assert "model.journeys.fct_events" in page and "One row per event" in page, "the data is in the page"
    if chromium := shutil.which("chromium"):
        shown = subprocess.run(
            [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=20000", "--dump-dom",
             f"file://{place}#!/model/model.journeys.fct_events"],
            capture_output=True, text=True, check=True, timeout=120,
        ).stdout  # fmt: skip
        assert "fct_events" in re.sub(r"<script.*?</script>", "", shown, flags=re.DOTALL)
