"""The docs as a site: it builds without a warning, opens from the disk, and asks nothing of a network."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from orchestration.lib.core.settings import PROJECT_ROOT

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PAGES = sorted((PROJECT_ROOT / "docs").glob("*.md"))
ON_GITHUB = [
    *PAGES,
    *sorted((PROJECT_ROOT / "docs" / "decisions").glob("*.md")),
    *(PROJECT_ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
]
FENCES = re.compile(r"^ *```.*?^ *```$|`(?:[^`\n]|\n(?!\s*\n))+`", re.DOTALL | re.MULTILINE)


def build(folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder), *options],
        cwd=PROJECT_ROOT,
        env={
            **{name: text for name, text in os.environ.items() if not name.startswith("JOURNEYS_")},
            **{"NO_MKDOCS_2_WARNING": "1", "JOURNEYS_SERVING": str(folder / "no"), "JOURNEYS_VAR": str(folder / "no")},
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs") / "site"
    done = build(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class Named(HTMLParser):
    """What a page loads by itself, where its links lead, and the places in it that a link can name."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.places: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: text or "" for name, text in attrs}
        self.places |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        elif tag == "link" and given.get("rel") not in ("canonical", "next", "prev"):
            self.loaded.append(given["href"])
        elif given.get("src"):
            self.loaded.append(given["src"])


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 50
    for page in pages:
        for place in Named(page).loaded:
            assert not urlsplit(place).netloc and not urlsplit(place).scheme, f"{page}: {place}"
        assert "default-src 'self' file:;" in page.read_text(encoding="utf-8"), f"{page} may load what it likes"
    for style in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*['\"]?(https?:)?//", style.read_text(encoding="utf-8")), style
    # the theme fetches its drawing of these from elsewhere
    assert not [page for page in pages if 'class="mermaid"' in page.read_text(encoding="utf-8")]


def test_every_link_of_the_site_leads_to_a_page_of_it_or_to_another_site(site: Path) -> None:
    known = {page: Named(page) for page in site.rglob("*.html")}
    wrong = []
    for page, named in known.items():
        for link in named.links:
            parts = urlsplit(link)
            if parts.scheme or page.name == "404.html":
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            if not target.is_file():
                wrong.append(f"{page.relative_to(site)}: {link}")
            elif target in known and parts.fragment and unquote(parts.fragment) not in known[target].places:
                wrong.append(f"{page.relative_to(site)}: {link} (no such heading)")
    assert wrong == []


def test_files_outside_the_docs_are_on_the_site(site: Path) -> None:
    contract = (site / "project" / "models" / "staging" / "feed" / "_feed__sources.yml.html").read_text("utf-8")
    assert "identifier" in contract
    assert (site / "project" / "CHANGELOG.html").is_file() and (site / "project" / "CONTRIBUTING.html").is_file()


def test_the_search_finds_words_of_the_pages(site: Path) -> None:
    # as a script, because a page from the disk can't fetch a file
    text = (site / "search" / "search_index.js").read_text(encoding="utf-8")
    index = json.loads(text[text.index("{") :].rstrip(";\n"))
    assert {"stalled customers", "quarantine"} <= {
        word for word in ("stalled customers", "quarantine") for entry in index["docs"] if word in entry["text"].lower()
    }


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium")
@pytest.mark.long
def test_a_reader_without_a_network_searches_and_reads_in_the_dark_and_on_a_phone(site: Path) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        asked: list[str] = []
        said: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.goto((site / "index.html").as_uri())
        page.keyboard.press("s")
        page.keyboard.type("quarantine")
        page.wait_for_function("document.querySelectorAll('.md-search-result__item').length > 3", timeout=20_000)
        assert [url for url in asked if not url.startswith(("file:", "data:"))] == [] and said == []
        colour = "getComputedStyle(document.body).backgroundColor"
        light = page.evaluate(colour)
        page.keyboard.press("Escape")
        page.locator("label[title='Switch to dark mode']").click()
        assert page.evaluate(colour) != light
        phone = browser.new_context(viewport={"width": 390, "height": 800}).new_page()
        for name in ("index.html", "architecture.html", "kpis.html"):
            phone.goto((site / name).as_uri())
            assert phone.evaluate("document.documentElement.scrollWidth") <= 390, name
        browser.close()


def test_pages_of_the_data_set_are_on_the_site_where_they_were_made(site: Path, tmp_path: Path) -> None:
    assert "make docs" in (site / "tables.html").read_text(encoding="utf-8")
    release, dbt = tmp_path / "release", tmp_path / "var" / "omnichannel" / "dbt"
    for folder in (release, dbt, tmp_path / "serving"):
        folder.mkdir(parents=True)
    (release / "customer_journeys.duckdb").touch()
    (release / "dictionary.html").write_text("<p>the dictionary</p>", encoding="utf-8")
    (release / "dictionary.html").chmod(0o444)
    (dbt / "docs.html").write_text("<p>pages of dbt</p>", encoding="utf-8")
    (tmp_path / "serving" / "customer_journeys.duckdb").symlink_to(release / "customer_journeys.duckdb")
    made = tmp_path / "site"
    for _ in range(2):  # what is copied of a sealed release can be written over
        done = build(made, JOURNEYS_VAR=str(tmp_path / "var"), JOURNEYS_SERVING=str(tmp_path / "serving"))
        assert done.returncode == 0, done.stderr
    links = Named(made / "tables.html").links
    for name, text in (("dictionary", "the dictionary"), ("dbt", "pages of dbt")):
        assert f"{name}/index.html" in links
        assert text in (made / name / "index.html").read_text(encoding="utf-8")


def test_a_link_to_nothing_fails_the_build(tmp_path: Path) -> None:
    shutil.copytree(PROJECT_ROOT / "docs", tmp_path / "docs", ignore=shutil.ignore_patterns("*.png"))
    config = (PROJECT_ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for place in ("docs_site/hooks.py", "docs_site/overrides"):
        config = config.replace(place, str(PROJECT_ROOT / place))
    (tmp_path / "mkdocs.yml").write_text(config, encoding="utf-8")
    page = tmp_path / "docs" / "phases.md"
    page.write_text(page.read_text(encoding="utf-8") + "\n[Nothing](../models/nothing.sql)\n", encoding="utf-8")
    done = build(tmp_path / "site", "--config-file", str(tmp_path / "mkdocs.yml"))
    assert done.returncode != 0 and "../models/nothing.sql" in done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_says_for_whom_it_is_in_its_first_lines(page: Path) -> None:
    title, empty, whom = page.read_text(encoding="utf-8").splitlines()[:3]
    assert title.startswith("# ") and not empty
    assert re.match(r"\*\*For:\*\* .+\.$", whom), f"{page.name} line 3 should say **For:** and who reads it"


def test_the_order_of_the_site_and_the_readme_name_every_page() -> None:
    nav = (PROJECT_ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
    readme = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
    for page in PAGES:
        assert f": {page.name}" in nav, f"mkdocs.yml: nav lacks {page.name}"
        assert f"(docs/{page.name}" in readme, f"README.md: nothing leads to docs/{page.name}"
    decisions = PROJECT_ROOT / "docs" / "decisions"
    listed = (decisions / "README.md").read_text(encoding="utf-8")
    for decision in decisions.glob("[0-9]*.md"):
        title = decision.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
        assert f"[{title}]({decision.name})" in listed, f"docs/decisions/README.md lacks {decision.name}"


@pytest.mark.parametrize("page", ON_GITHUB, ids=lambda page: str(page.relative_to(PROJECT_ROOT)))
def test_every_link_of_a_page_is_a_file_of_the_repository(page: Path) -> None:
    """As GitHub follows it: from the file that it is in."""
    text = FENCES.sub("", page.read_text(encoding="utf-8"))
    for link in re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", text):
        assert (page.parent / unquote(link)).exists(), link
