"""Fills the templates of what is written with a release: Data Docs, digests, the dictionary."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jinja2


def templates(folder: Path, filters: Mapping[str, Callable[..., Any]] | None = None) -> jinja2.Environment:
    """The templates of a folder. Values are escaped in `.html`, and one that is missing is an error."""
    # a run that finds nothing new imports no templates
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(filters or {})
    return environment
