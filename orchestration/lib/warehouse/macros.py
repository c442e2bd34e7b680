"""Renders the models' own macros, and some models, to SQL without starting dbt, so that no rule is written twice."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import yaml

from orchestration.lib.core.settings import PROJECT_ROOT

FOLDERS = ("engine", "identity", "journeys")
ENGINE = "duckdb"


class _Adapter:
    """Stands in for dbt's adapter: finds the engine's form of a macro."""

    def __init__(self) -> None:
        self.macros: Any = None

    def dispatch(self, name: str, package: str) -> Any:
        return getattr(self.macros, f"{ENGINE}__{name}")


def render_macro(name: str, *arguments: Any, **variables: Any) -> str:
    """The SQL that a macro of `macros/engine`, `macros/identity` or `macros/journeys` gives for these arguments.

    Only for macros that need nothing of dbt but `var`, `return` and dispatch; `variables` stand in for the project's.

    >>> render_macro("hash_text", "'a'")
    "left(sha256('a'), 32)"
    """
    return str(getattr(_macros(tuple(sorted(variables.items()))), name)(*arguments)).strip()


def render_model(path: Path, relations: Mapping[str, str], *, as_of: str, **variables: Any) -> str:
    """The SQL of a model as a full build runs it, on other relations, by the names that it refers to.

    `as_of` is the clock as an SQL expression; `variables` stand in for those of the project. Only for models whose
    macros `render_macro` knows, besides `is_changed` and `as_of`.
    """
    macros = _macros(tuple(sorted(variables.items())))
    known = {name: getattr(macros, name) for name in dir(macros) if not name.startswith("_")}
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    template = environment.from_string(
        path.read_text(encoding="utf-8"),
        globals={
            **known,
            "config": lambda **options: "",
            "ref": relations.__getitem__,
            "as_of": lambda: as_of,
            "is_changed": lambda expression, changed, key: "true",
        },
    )
    return template.render()


@functools.cache
def _macros(changed: tuple[tuple[str, Any], ...] = ()) -> Any:
    texts = [
        path.read_text(encoding="utf-8")
        for folder in FOLDERS
        for path in sorted((PROJECT_ROOT / "macros" / folder).glob("*.sql"))
    ]
    variables = yaml.safe_load((PROJECT_ROOT / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
    variables |= dict(changed)
    adapter = _Adapter()
    environment = jinja2.Environment(extensions=["jinja2.ext.do"], undefined=jinja2.StrictUndefined)
    template = environment.from_string(
        "\n".join(texts), globals={"adapter": adapter, "return": lambda value: value, "var": variables.__getitem__}
    )
    adapter.macros = template.module
    return template.module
