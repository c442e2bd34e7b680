"""Makes one page of what `dbt docs generate --static` writes, which can't reach the network."""

from __future__ import annotations

from pathlib import Path

STATIC_PAGE, PAGE = "static_index.html", "docs.html"
# dbt's page has its scripts, styles and data inside. It also has code that loads a tracker, which dbt switches on by a
# setting: the browser is told to load nothing, whatever the page asks for.
POLICY = (
    '<meta http-equiv="Content-Security-Policy" content="'
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data:; "
    "font-src data:; form-action 'none'; base-uri 'none'"
    '">'
)


def write_page(folder: Path) -> Path:
    """Writes `docs.html` from dbt's static page in the same folder and returns its path."""
    written = folder / STATIC_PAGE
    head, mark, rest = written.read_text(encoding="utf-8").partition("<head>")
    assert mark, f"{written} has no head"
    page = folder / PAGE
    page.write_text(head + mark + POLICY + rest, encoding="utf-8")
    written.unlink()
    return page
