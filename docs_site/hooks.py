"""What the site needs and GitHub doesn't: pages of files outside docs/, the list of decisions, dbt's pages if made.

Links in docs/ are those that GitHub follows. One that leaves docs/ gets a page of its own on the site: text as
it is, any other file as a block of code, a folder as a list. So nothing on the site leads to a place that a reader
without the repository, or without a network, does not have.
"""

from __future__ import annotations

import posixpath
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
DOCS, DECISIONS, OUTSIDE = "docs", "decisions", "project"
# where a link goes; pictures are links too
LINK = re.compile(r"(?<=\]\()(?!\w+:|#|/)([^)\s#]+)((?:#[^)\s]*)?)(?=\))")
CODE = re.compile(r"(^ *```.*?^ *```$|``[^`]+``|`(?:[^`\n]|\n(?!\s*\n))+`)", re.DOTALL | re.MULTILINE)
LANGUAGES = {"yml": "yaml", "yaml": "yaml", "sql": "sql", "py": "python", "csv": "text", "toml": "toml", "json": "json"}
# what readers of the site have in addition, where it was made
TABLES = "tables.md"
OF_THE_RELEASE = {
    "dictionary": "Every published table of the current release with its columns, on one page that can be searched.",
    "dbt": "dbt's pages: every model, source and test with its SQL, and the graph of what reads what.",
}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fills the list of decisions, and passes on which pages of the data set were made."""
    decisions = sorted(path.name for path in (ROOT / DOCS / DECISIONS).glob("[0-9]*.md"))
    pages = [f"{DECISIONS}/README.md", *(f"{DECISIONS}/{name}" for name in decisions)]
    config.nav = [
        {title: pages} if place == f"{DECISIONS}/" else {title: place}
        for entry in config.nav or []
        for title, place in entry.items()
    ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds a page for each file outside docs/ that a page links to, or that such a page links to in turn."""
    waiting = [file.src_uri for file in files.documentation_pages()]
    waiting += [f"{OUTSIDE}/CHANGELOG.md", f"{OUTSIDE}/CONTRIBUTING.md"]
    seen = set(waiting)
    while waiting:
        uri = waiting.pop()
        home = home_of(uri)
        if files.get_file_from_path(uri) is None:
            page = File.generated(config, uri, content=page_of(home))
            # the nav names those that are read for themselves
            page.inclusion = InclusionLevel.NOT_IN_NAV
            files.append(page)
        for target, _ in links_of(page_of(home), home):
            other = uri_of(target)
            if target.split("/")[0] != DOCS and other not in seen and (ROOT / target).exists():
                seen.add(other)
                waiting.append(other)
                if not other.endswith(".md"):  # a picture
                    files.append(File.generated(config, other, abs_src_path=str(ROOT / target)))
                    waiting.remove(other)
    for name in ("site.css", "iframe-worker.js"):
        files.append(File.generated(config, name, abs_src_path=str(ROOT / "docs_site" / name)))
    files.append(File.generated(config, TABLES, content=tables_page(config)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Has links that leave docs/ lead to the pages that were made of the files."""
    home = home_of(page.file.src_uri)

    def led(found: re.Match[str]) -> str:
        target = target_of(found[1], home)
        uri = uri_of(target)
        if not (ROOT / target).exists() or files.get_file_from_path(uri) is None:
            return found[0]  # MkDocs says what is wrong with it
        return posixpath.relpath(uri, posixpath.dirname(page.file.src_uri) or ".") + found[2]

    return "".join(part if number % 2 else LINK.sub(led, part) for number, part in enumerate(CODE.split(markdown)))


def on_post_build(config: MkDocsConfig) -> None:
    """Copies the pages of the data set next to the others."""
    for name, made in made_pages().items():
        target = Path(config.site_dir) / name / "index.html"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(made, target)
        # what is copied of a release can't be written over the next time
        target.chmod(0o644)


def made_pages() -> dict[str, Path]:
    """The pages of the data set that were made: dbt's, and the dictionary of the current release."""
    from orchestration.lib.core.settings import read_settings

    settings = read_settings()
    release = (settings.serving / "customer_journeys.duckdb").resolve().parent
    places = {"dictionary": release / "dictionary.html", "dbt": settings.dbt_target / "docs.html"}
    return {name: path for name, path in places.items() if path.is_file()}


def tables_page(config: MkDocsConfig) -> str:
    """A page that leads to what was made of the data set, and says how to make the rest."""
    made = made_pages()
    lines = [
        "# Tables and columns",
        "",
        "**For:** analysts and developers who look up what a table or column means.",
        "",
    ]
    for name, says in OF_THE_RELEASE.items():
        if name in made:
            lines += [f'- <a href="{name}/index.html">Open it</a>: {says}']
        else:
            command = {"dictionary": "make run", "dbt": "make docs"}[name]
            lines += [f"- Not made yet: `{command}`, then `make docs-site`. {says}"]
    lines += ["", "The same descriptions are comments in the release: [querying](querying.md#opening-it)."]
    return "\n".join(lines) + "\n"


def page_of(home: str) -> str:
    """A file of the repository as a page: text as it is, code as a block, a folder as a list."""
    path = ROOT / home
    if path.is_dir():
        entries = sorted(one.name for one in path.iterdir() if not one.name.startswith((".", "__")))
        return "\n".join([f"# {home}", "", *(f"- `{name}`" for name in entries)]) + "\n"
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return text
    language = LANGUAGES.get(path.suffix.removeprefix("."), "text")
    # a file may hold a fence of its own
    return f"# {home}\n\n`````{language}\n{text.rstrip()}\n`````\n"


def links_of(text: str, home: str) -> Iterator[tuple[str, str]]:
    """The places in the repository that a page links to, with the anchors; code has no links."""
    for part in CODE.split(text)[::2]:
        for found in LINK.finditer(part):
            yield target_of(found[1], home), found[2]


def target_of(link: str, home: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(home), unquote(link)))


def home_of(uri: str) -> str:
    """Where a page of the site is in the repository."""
    if not uri.startswith(f"{OUTSIDE}/"):
        return f"{DOCS}/{uri}"
    home = uri.removeprefix(f"{OUTSIDE}/")
    return home if (ROOT / home).is_file() else home.removesuffix(".md").removesuffix("/index")


def uri_of(target: str) -> str:
    """Where a file of the repository is on the site."""
    path = ROOT / target
    if target == DOCS or target.startswith(f"{DOCS}/"):
        uri = posixpath.relpath(target, DOCS)
        return f"{uri}/README.md" if path.is_dir() else uri
    if path.is_dir():
        return f"{OUTSIDE}/{target}/index.md"
    return f"{OUTSIDE}/{target}" if path.suffix in (".md", ".png", ".svg") else f"{OUTSIDE}/{target}.md"
