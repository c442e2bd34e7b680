"""Writes what the suites found as Data Docs, the static site of Great Expectations, beside a release.

The pages are rendered from the ledger's kind of results, not from GX's own: these hold counts, sentences and
hashed keys, so no row of anybody's data can reach a page. GX's templates load style sheets, scripts, a logo
and icons from eight hosts. None of that is left in: a page asks nobody for anything and reads the same
without a network.
"""

from __future__ import annotations

import html
import re
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.lib.hygiene.results import CheckResult, SuiteResult

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuiteValidationResult

SITE = "hygiene"

# What stands in for the frameworks that GX's pages load from elsewhere: enough for tables, headings and
# verdicts.
STYLE = """
body { font-family: system-ui, sans-serif; line-height: 1.45; margin: 0 auto; max-width: 75rem;
       padding: 1rem; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; width: 100%; }
td, th { border-bottom: 1px solid #ccc; overflow-wrap: anywhere; padding: .35rem .6rem; text-align: left;
         vertical-align: top; }
h1 { font-size: 1.4rem; } h5 { font-size: 1.1rem; margin: 1.2rem 0 .3rem; }
.pass { color: #1a6b2d; }
.fail { color: #a3161f; font-weight: 600; } .error { color: #8a5a00; font-weight: 600; }
code { font-size: .9em; white-space: pre-wrap; }
@media (prefers-color-scheme: dark) {
  body { background: #16181c; color: #e6e6e6; } td, th { border-color: #444; } a { color: #8ab4f8; }
  .pass { color: #7fd694; } .fail { color: #ff8a90; } .error { color: #ffc560; }
}
"""

# Parts of GX's pages that need the network, a script, or a page that is not written.
LEFT_OUT = (
    re.compile(r"<script\b.*?</script>", re.DOTALL | re.IGNORECASE),
    re.compile(r"<link\b[^>]*>", re.IGNORECASE),
    re.compile(r"<style\b.*?</style>", re.DOTALL | re.IGNORECASE),
    re.compile(r"<img\b[^>]*>", re.IGNORECASE),
    re.compile(r"<footer\b.*?</footer>", re.DOTALL | re.IGNORECASE),
)
# The side bar holds buttons that only scripts bring to life; it ends where the wide column begins.
SIDE_BAR = re.compile(r'<div class="col-lg-2 col-md-2.*?(?=<div class="col-md-10)', re.DOTALL)
UNWRITTEN_PAGE = re.compile(r'<a\b[^>]*href="[^"]*expectations/[^"]*"[^>]*>(.*?)</a>', re.DOTALL)
OUTSIDE_LINK = re.compile(r'<a\b[^>]*href="(?:https?:)?//[^"]*"[^>]*>.*?</a>', re.DOTALL)
COLLAPSE_LINK = re.compile(r'<a\b[^>]*data-toggle="collapse"[^>]*>.*?</a>', re.DOTALL)
# GX's icons come from a font on another host.
ICONS = (
    (re.compile(r'<i class="fas fa-check-circle[^"]*"\s*>\s*</i>'), '<span class="pass">pass</span>'),
    (re.compile(r'<i class="fas fa-times[^"]*"\s*>\s*</i>'), '<span class="fail">fail</span>'),
    (
        re.compile(r'<i class="fas fa-exclamation-triangle[^"]*"\s*>\s*</i>'),
        '<span class="error">error</span>',
    ),
)
OUTSIDE = re.compile(r"(?:https?:)?//[a-z0-9]", re.IGNORECASE)


def write_data_docs(results: Sequence[SuiteResult], directory: Path, *, run_id: str) -> Path:
    """Writes the site into `directory` in place of what stood there and returns its index page.

    The new site is complete before it takes the old one's place.
    """
    directory = Path(directory)
    directory.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    try:
        pages = _render(results, building, run_id)
        (building / "index.html").write_text(_index_page(results, pages, run_id), encoding="utf-8")
        if directory.exists():
            shutil.rmtree(directory)
        building.chmod(0o755)  # mkdtemp makes private folders; readers of a release may be others
        building.rename(directory)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return directory / "index.html"


def _render(results: Sequence[SuiteResult], directory: Path, run_id: str) -> list[str]:
    """Lets GX render one page per suite; returns their paths relative to the directory, in the suites'
    order.
    """
    # importing GX takes seconds
    import great_expectations as gx
    from great_expectations.core import RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )

    context = gx.get_context(mode="ephemeral")
    context.enable_analytics(False)
    context.add_data_docs_site(
        SITE,
        {
            "class_name": "SiteBuilder",
            "show_how_to_buttons": False,
            "store_backend": {
                "class_name": "TupleFilesystemStoreBackend",
                "base_directory": str(directory / "gx"),
            },
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        },
    )
    for number, suite in enumerate(results):
        context.validation_results_store.set(
            ValidationResultIdentifier(
                expectation_suite_identifier=ExpectationSuiteIdentifier(suite.suite),
                run_id=RunIdentifier(run_name=run_id, run_time=suite.checked_at.replace(tzinfo=UTC)),
                batch_identifier=str(number),
            ),
            _gx_result(suite, run_id),
        )
    context.build_data_docs(site_names=[SITE])
    pages = []
    for number, suite in enumerate(results):
        # GX puts a page seven folders deep; beside each other they are easier to link and to hand on
        rendered = next((directory / "gx" / "validations").rglob(f"{number}.html"), None)
        if rendered is None:
            # GX only logs what goes wrong while it renders
            raise RuntimeError(f"Great Expectations could not render the page of {suite.suite}")
        page = f"{re.sub(r'[^A-Za-z0-9_.-]', '_', suite.suite)}.html"
        text = _self_contained(rendered.read_text(encoding="utf-8"))
        (directory / page).write_text(text, encoding="utf-8")
        pages.append(page)
    shutil.rmtree(directory / "gx")  # fonts and pictures of 4 MB that no page here shows
    return pages


def _gx_result(suite: SuiteResult, run_id: str) -> ExpectationSuiteValidationResult:
    import great_expectations as gx
    from great_expectations.core import (
        ExpectationSuiteValidationResult,
        ExpectationValidationResult,
        RunIdentifier,
    )
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    from orchestration.lib.hygiene.engine import RecordedExpectation

    passed = sum(result.verdict == "pass" for result in suite.results)
    count = len(suite.results)
    return ExpectationSuiteValidationResult(
        success=suite.verdict == "pass",
        suite_name=suite.suite,
        results=[
            ExpectationValidationResult(
                success=result.verdict == "pass",
                expectation_config=ExpectationConfiguration(
                    type=RecordedExpectation.expectation_type,
                    kwargs={"column": result.subject, "unexpected_rows_query": "{batch}"},
                    description=_sentence(result),
                ),
                result=_gx_counts(result),
                exception_info={
                    "raised_exception": result.verdict == "error",
                    "exception_message": "It could not be run." if result.verdict == "error" else None,
                    "exception_traceback": "",
                },
            )
            for result in suite.results
        ],
        statistics={
            "evaluated_expectations": count,
            "successful_expectations": passed,
            "unsuccessful_expectations": count - passed,
            "success_percent": 100.0 * passed / count if count else None,
        },
        meta={
            "great_expectations_version": gx.__version__,
            "run_id": RunIdentifier(run_name=run_id, run_time=suite.checked_at.replace(tzinfo=UTC)),
            "active_batch_definition": {"data_asset_name": suite.suite},
        },
    )


def _gx_counts(result: CheckResult) -> dict[str, Any]:
    return {} if result.unexpected_count is None else {"observed_value": result.unexpected_count}


def _sentence(result: CheckResult) -> str:
    sample = f" Sample of keys, hashed: {', '.join(result.sample_keys)}." if result.sample_keys else ""
    warning = "Warning, blocks nothing. " if result.verdict == "fail" and result.severity == "warning" else ""
    # GX fills $names in a description from the expectation's arguments; a dollar of an expression is no
    # such name
    return html.escape(warning + result.message + sample).replace("$", "&#36;")


def _self_contained(page: str) -> str:
    """The page without anything that it would fetch, or that only a script could show."""
    for part in LEFT_OUT:
        page = part.sub("", page)
    page = SIDE_BAR.sub("", page)
    for icon, word in ICONS:
        page = icon.sub(word, page)
    page = UNWRITTEN_PAGE.sub(r"\1", page)
    page = OUTSIDE_LINK.sub("", page)
    page = COLLAPSE_LINK.sub("", page)
    page = re.sub(r'href="(?:\.\./)+index\.html"', 'href="index.html"', page)
    return page.replace("</head>", f"<style>{STYLE}</style></head>", 1)


def _index_page(results: Sequence[SuiteResult], pages: Sequence[str], run_id: str) -> str:
    """A list of the suites with their verdicts. GX's own index is a script that builds the list in the
    browser.
    """
    rows = "\n".join(_index_rows(results, pages))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="UTF-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1.0">'
        f"<title>Data Docs: hygiene of run {html.escape(run_id)}</title><style>{STYLE}</style></head><body>\n"
        f"<h1>Hygiene of run {html.escape(run_id)}</h1>\n"
        "<table><thead><tr><th>Suite</th><th>Verdict</th><th>Checks</th><th>Failed</th><th>Could not run</th>"
        f"<th>Warnings</th><th>Rows</th></tr></thead><tbody>\n{rows}\n</tbody></table>\n</body></html>\n"
    )


def _index_rows(results: Sequence[SuiteResult], pages: Sequence[str]) -> Iterable[str]:
    for suite, page in zip(results, pages, strict=True):
        errors = sum(result.verdict == "error" for result in suite.results)
        cells = [
            f'<a href="{html.escape(page)}">{html.escape(suite.suite)}</a>',
            f'<span class="{suite.verdict}">{suite.verdict}</span>',
            str(len(suite.results)),
            str(len(suite.blocking_results) - errors),
            str(errors),
            str(len(suite.warnings)),
            f"{suite.rows_checked:,}",
        ]
        yield "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
