"""The dictionary of a release: one page with every table and column, found by words, without a request."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from orchestration.lib.dbt.mart_tests import read_tested
from orchestration.lib.dbt.marts import read_marts
from orchestration.lib.dbt.project import read_dbt_manifest
from orchestration.lib.release.dictionary import first_published, write_dictionary
from tests.orchestration.hostile import DataSet

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def table(name: str, *columns: str) -> dict[str, Any]:
    return {
        "schema": "core",
        "name": name,
        "key": [columns[0]],
        "row_count": 12345,
        "description": "One row per thing.",
        "columns": [{"name": column, "type": "VARCHAR", "description": f"The {column}."} for column in columns],
    }


def release(release_id: str, before: dict[str, Any] | None, *tables: dict[str, Any]) -> dict[str, Any]:
    said = {"release_id": release_id, "data_set": "own", "as_of": "2026-07-01T00:00:00Z", "tables": list(tables)}
    return {**said, "since": first_published(tables, release_id, before)}


def test_since_when_a_table_and_a_column_are_there_is_handed_on_from_release_to_release() -> None:
    first = release("r1", None, table("fct_a", "x"))
    second = release("r2", first, table("fct_a", "x", "y"), table("fct_b", "z"))
    third = release("r3", second, table("fct_a", "x", "y"), table("fct_b", "z"))
    assert first["since"] == {"core.fct_a": "r1"}
    assert third["since"] == second["since"] == {"core.fct_a": "r1", "core.fct_a.y": "r2", "core.fct_b": "r2"}
    assert release("r4", third, table("fct_b", "z"))["since"] == {"core.fct_b": "r2"}
    del second["since"]
    assert release("r3", second, table("fct_a", "x", "y"))["since"] == {"core.fct_a": "r2"}, "of an older version"


def test_a_description_is_text_whatever_it_holds(tmp_path: Path) -> None:
    hostile = table("fct_a", "x")
    hostile["columns"][0]["description"] = "`code` <script>alert(1)</script> & `one more"
    hostile["description"] = "One row per `<b>thing</b>`."
    text = write_dictionary(tmp_path, release("r1", None, hostile), [], {}).read_text("utf-8")
    assert "<script>alert" not in text and "<b>thing" not in text
    assert "<code>&lt;b&gt;thing&lt;/b&gt;</code>" in text and "12,345" in text


def test_what_a_table_is_joined_with_is_said_though_nothing_tests_it(tmp_path: Path) -> None:
    marts = read_marts(read_dbt_manifest())
    said = release("r1", None, table("fct_events", "event_id", "channel"))
    text = write_dictionary(tmp_path, said, marts, {}).read_text("utf-8")
    assert '<a href="#core.dim_channels"><code>core.dim_channels</code></a> on <code>channel</code>' in text
    assert 'The channel. <a href="#core.dim_channels">' in text


def test_what_the_tests_say_is_said_of_tables_and_columns() -> None:
    manifest = read_dbt_manifest()
    tested = read_tested(manifest, read_marts(manifest))
    events = tested["core.fct_events"]
    assert events.owner == "Data engineering"
    assert events.columns["event_id"] == ["unique"]
    assert "names a row of core.fct_sessions (session_id)" in events.columns["session_id"]
    assert any(line.startswith("never null: event_id, customer_id") for line in events.table)
    assert any(line == "Every event of the timeline belongs to a row of dim_customers" for line in events.table)
    outcomes = tested["journeys.fct_phase_intervals"].columns["outcome"]
    assert "one of fell_through, regressed, completed, fell_out, pending" in outcomes
    assert tested["hygiene.releases"].owner == "Data engineering", "a ledger has the owner of its schema"


@pytest.mark.xdist_group("hostile")
def test_a_published_release_has_its_dictionary(hostile: DataSet) -> None:
    page = hostile.served / "dictionary.html"
    text, manifest = page.read_text("utf-8"), json.loads((page.parent / "manifest.json").read_text("utf-8"))
    assert page.stat().st_mode & 0o777 == 0o444, "a part of the sealed release"
    for said in manifest["tables"]:
        label = f"{said['schema']}.{said['name']}"
        _, begins, rest = text.partition(f'<h3 id="{label}">')
        section = rest.partition("</section>")[0]
        assert begins and f"<dd>{said['row_count']:,}</dd>" in section, label
        assert re.findall(r'<th scope="row"><code>(\w+)</code>', section) == [one["name"] for one in said["columns"]]
        assert "Since release" in section and "Owner" in section
    assert not re.search(r"(src|href)=\"?(https?:)?//", text)


def requests_of(page: Any) -> list[str]:
    """What a page asks for from now on."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    return asked


@pytest.mark.long
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium")
def test_a_reader_finds_a_column_by_words_with_the_keyboard_on_a_phone_too(tmp_path: Path) -> None:
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    dbt = read_dbt_manifest()
    marts = read_marts(dbt)
    tables = [
        {
            "schema": mart.schema,
            "name": mart.name,
            "key": list(mart.facts.key),
            "row_count": 7,
            "description": mart.description,
            "columns": [
                {"name": name, "type": kind, "description": mart.column_descriptions[name]}
                for name, kind in mart.columns.items()
            ],
        }
        for mart in marts
    ]
    page_file = write_dictionary(tmp_path, release("r1", None, *tables), marts, read_tested(dbt, marts))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        for width in (1280, 390):
            scheme: Any = "light" if width > 1000 else "dark"
            context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
            page = context.new_page()
            asked = requests_of(page)
            page.goto(page_file.as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            wrong = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa"]}).response["violations"]
            assert [one["id"] for one in wrong] == []
            page.keyboard.press("/")
            page.keyboard.type("stalled value risk")
            assert page.locator("#found").inner_text().startswith("2 tables")
            assert page.locator("section.table:visible").count() == 2
            page.fill("#words", "no such thing anywhere")
            assert page.locator("#found").inner_text() == "Nothing has all of these words."
            page.evaluate("location.hash = '#core.fct_events'")
            page.locator("h3[id='core.fct_events']").wait_for(state="visible")
            assert [url for url in asked if not url.startswith("file:")] == []
        browser.close()
