"""Writes what the suites found as Data Docs: static pages next to a release, one per suite and an index.

The pages are made from the ledger's kind of results: these hold counts, sentences and hashed keys, so no row
of anybody's data can reach a page. They are pages of our own templates. Great Expectations' pages load style
sheets, scripts, a logo and icons from eight hosts, and a release is opened without a network.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from orchestration.lib.core.templates import templates
from orchestration.lib.hygiene.results import SuiteResult

_TEMPLATES = templates(Path(__file__).with_name("templates"))


def write_data_docs(results: Sequence[SuiteResult], directory: Path, *, run_id: str) -> Path:
    """Writes the site into `directory`, replacing the one that was there, and returns its index page.

    The new site is complete before it takes the old one's place.
    """
    directory = Path(directory)
    directory.parent.mkdir(parents=True, exist_ok=True)
    ordered = sorted(results, key=lambda suite: (not suite.blocks, not suite.warnings))
    pages = [(suite, f"{re.sub(r'[^A-Za-z0-9_.-]', '_', suite.suite)}.html") for suite in ordered]
    building = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    try:
        _write(building / "index.html", pages=pages, run_id=run_id)
        for suite, page in pages:
            _write(building / page, template="suite.html", suite=suite, run_id=run_id)
        if directory.exists():
            shutil.rmtree(directory)
        building.chmod(0o755)  # mkdtemp makes private folders; readers of a release may be others
        building.rename(directory)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return directory / "index.html"


def _write(path: Path, *, template: str | None = None, **content: object) -> None:
    text = _TEMPLATES.get_template(template or path.name).render(**content)
    path.write_text(text, encoding="utf-8")
