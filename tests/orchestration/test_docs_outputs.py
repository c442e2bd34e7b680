"""What README and docs show below a query is what the query gives."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.release.candidate import MACROS
from orchestration.lib.release.docs_outputs import BLOCK, differing, pages, shown_in, write_outputs
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
    with open_duckdb(settings.warehouse) as connection:
        for macro in sorted(MACROS.glob("*.sql")):
            connection.execute(macro.read_text(encoding="utf-8"))
        found = differing([connection], PROJECT_ROOT, folder=settings.var.parent)
    assert found == [], "\n\n".join(found)
