"""What README and docs show below a query is what the query gives."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.dbt.marts import read_marts
from orchestration.lib.dbt.project import read_dbt_manifest
from orchestration.lib.release.candidate import PublishedTable, discard, make_release_id, write_candidate, write_macros
from orchestration.lib.release.docs_outputs import BLOCK, OF_OTHER_DATA, differing, pages, shown_in, write_outputs
from orchestration.lib.release.ledgers import create_ledgers
from tests.conftest import Warehouse

PAGE = """# Page

```sql
select name, seen from days order by name;
```

```text
name  seen
────  ──────────
ann   2026-01-01
bob
```

1. A query in a list:

   ```sql
   select count(*) as days from days
   ```

   ```text
   days
   ────
   7
   ```

<!-- of other data -->

```sql
select * from elsewhere
```

```text
nothing
```

```sql
select 'long' as text
from range(9)
```

```text
text
────
long
…
long
```

```sql
select 'no output is shown' as text
```

And prose.

```text
prose
```
"""
DAYS = "create table days as from (values ('ann', date '2026-01-01'), ('bob', null)) as rows (name, seen)"


def page(folder: Path, text: str = PAGE) -> Path:
    (folder / "docs").mkdir()
    (folder / "README.md").write_text("# Nothing is shown\n", encoding="utf-8")
    (folder / "docs" / "page.md").write_text(text, encoding="utf-8")
    return folder


def test_a_query_and_the_text_below_it_are_compared(tmp_path: Path) -> None:
    with open_duckdb() as connection:
        connection.execute(DAYS)
        assert differing([connection], page(tmp_path), folder=tmp_path) == ["docs/page.md line 16 gives\ndays\n────\n2"]


def test_a_query_that_fails_is_named_with_its_page_and_line(tmp_path: Path) -> None:
    with open_duckdb() as connection:
        first, second = differing([connection], page(tmp_path), folder=tmp_path)
    assert first.startswith("docs/page.md line 3: Catalog Error") and "days" in first
    assert second.startswith("docs/page.md line 16: Catalog Error")


def test_outputs_are_written_where_they_differ_and_nothing_else_is(tmp_path: Path) -> None:
    root = page(tmp_path)
    with open_duckdb() as empty, open_duckdb() as connection:
        connection.execute(DAYS)
        assert write_outputs([empty, connection], root, folder=root) == [Path("docs/page.md")]
        assert (root / "docs" / "page.md").read_text(encoding="utf-8") == PAGE.replace("   7\n", "   2\n")
        assert write_outputs([empty, connection], root, folder=root) == []


def test_the_pages_show_outputs() -> None:
    shown = [
        (path, query.line)
        for path in pages(PROJECT_ROOT)
        for query in shown_in(path, (PROJECT_ROOT / path).read_text(encoding="utf-8"))
    ]
    assert len(shown) > 40 and {Path("README.md"), Path("docs/gaps.md")} <= {path for path, _ in shown}


@pytest.mark.parametrize("page", pages(PROJECT_ROOT), ids=str)
def test_no_output_escapes_for_what_stands_between_it_and_its_query(page: Path) -> None:
    text = (PROJECT_ROOT / page).read_text(encoding="utf-8")
    for query, output in pairwise(BLOCK.finditer(text)):
        if (query["language"], output["language"]) == ("sql", "text") and "──" in output["content"]:
            assert not text[query.end() : output.start()].strip(), output["content"]


@pytest.mark.long
@pytest.mark.xdist_group("default_example")
def test_every_output_shown_is_that_of_the_default_example(default_example: Warehouse) -> None:
    """make run, then make docs-outputs writes those that differ; look at what changed, and at the prose around it."""
    settings = default_example.settings
    tables = {*default_example.tables(), "hygiene.releases"}
    with open_duckdb(settings.warehouse) as connection:
        write_macros(connection, tables)
        found = differing([connection], PROJECT_ROOT, folder=settings.var.parent)
    assert found == [], "\n\n".join(found)


@pytest.fixture(scope="module")
def example_release(default_example: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with `serving/customer_journeys.duckdb`, as readers of the default example have it."""
    settings, moment = default_example.settings, datetime(2026, 7, 1, tzinfo=UTC)
    with open_duckdb(settings.warehouse) as connection:
        create_ledgers(connection)
    candidate = write_candidate(
        settings.warehouse,
        settings=settings,
        release_id=make_release_id(settings, moment),
        tables=[
            PublishedTable(mart.schema, mart.name, mart.facts.key, mart.description, mart.column_descriptions)
            for mart in read_marts(read_dbt_manifest())
        ],
        as_of=moment,
        created_at=moment,
        run_id="docs",
        checks_summary={},
    )
    folder = tmp_path_factory.mktemp("reader")
    (folder / "serving").mkdir()
    (folder / "serving" / "customer_journeys.duckdb").symlink_to(candidate.directory / "customer_journeys.duckdb")
    yield folder
    discard(candidate)


def blocks(page: Path, language: str) -> list[str]:
    """The blocks of a language in a page about the default example."""
    text = (PROJECT_ROOT / page).read_text(encoding="utf-8")
    return [
        textwrap.dedent(block["content"])
        for block in BLOCK.finditer(text)
        if block["language"] == language and not text[: block.start()].rstrip().endswith(OF_OTHER_DATA)
    ]


# What another DuckDB makes of queries on a release: for each its rows as text, or its error.
ASKED = """
import duckdb, json, sys
assert duckdb.__version__.startswith("1."), duckdb.__version__
connection = duckdb.connect("serving/customer_journeys.duckdb", read_only=True)
given = []
for query in json.load(sys.stdin):
    try:
        given.append(str(connection.execute(query).fetchall()))
    except Exception as error:
        given.append(f"error: {error}")
print(json.dumps(given))
"""


@pytest.mark.long
@pytest.mark.xdist_group("default_example")
@pytest.mark.skipif(
    "JOURNEYS_OLD_DUCKDB_PYTHON" not in os.environ,
    reason="JOURNEYS_OLD_DUCKDB_PYTHON names no Python with DuckDB 1.1, which many BI tools carry (.ci/run sets it up)",
)
def test_what_pages_show_readers_runs_on_a_duckdb_of_years_ago_with_the_same_answers(example_release: Path) -> None:
    def run(python: str, script: str, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [python, "-c", script],
            input=given, cwd=example_release, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip

    old = os.environ["JOURNEYS_OLD_DUCKDB_PYTHON"]

    ran = 0
    for page in pages(PROJECT_ROOT):
        snippets = [one for one in blocks(page, "python") if "serving/customer_journeys.duckdb" in one]
        if snippets:
            # those of a page build on each other; other readers of Parquet are not of that environment
            is_of_duckdb = any("import duckdb" in one for one in snippets)
            done = run(old if is_of_duckdb else sys.executable, "\n".join(snippets))
            assert done.returncode == 0, f"{page}: {done.stderr}"
            ran += len(snippets)
    assert ran >= 3
    queries: dict[str, str] = {}
    release = example_release / "serving" / "customer_journeys.duckdb"
    with contextlib.chdir(example_release), duckdb.connect(str(release), read_only=True) as connection:
        connection.execute("set disabled_optimizers = 'common_subplan'")
        # a table that only PostgreSQL has is no variable of this function
        connection.execute("set python_enable_replacements = false")
        for page in pages(PROJECT_ROOT):
            for query in blocks(page, "sql"):
                try:
                    queries[query] = str(connection.execute(query).fetchall())
                except (duckdb.CatalogException, duckdb.ParserException, duckdb.IOException, duckdb.BinderException):
                    continue  # of the warehouse, of files, or a template
    assert len(queries) > 40
    done = run(old, ASKED, json.dumps(list(queries)))
    assert done.returncode == 0, done.stderr
    given = dict(zip(queries, json.loads(done.stdout.splitlines()[-1]), strict=True))
    assert {query: text for query, text in given.items() if text != queries[query]} == {}
