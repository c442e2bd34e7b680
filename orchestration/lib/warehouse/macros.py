"""Renders the models' own macros to SQL without starting dbt, so that no rule is written twice."""

from __future__ import annotations

import functools
from typing import Any

import jinja2
import yaml

from orchestration.lib.settings import PROJECT_ROOT

FOLDERS = ("engine", "identity")
ENGINE = "duckdb"


class _Adapter:
    """Stands in for dbt's adapter: finds the engine's form of a macro."""

    def __init__(self) -> None:
        self.macros: Any = None

    def dispatch(self, name: str, package: str) -> Any:
        return getattr(self.macros, f"{ENGINE}__{name}")


def render_macro(name: str, *arguments: Any) -> str:
    """The SQL that a macro of `macros/engine` or `macros/identity` gives for these arguments.

    Only for macros that need nothing of dbt but `var`, `return` and dispatch.

    >>> render_macro("hash_text", "'a'")
    "left(sha256('a'), 32)"
    """
    return str(getattr(_macros(), name)(*arguments)).strip()


@functools.cache
def _macros() -> Any:
    texts = [
        path.read_text(encoding="utf-8")
        for folder in FOLDERS
        for path in sorted((PROJECT_ROOT / "macros" / folder).glob("*.sql"))
    ]
    variables = yaml.safe_load((PROJECT_ROOT / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
    adapter = _Adapter()
    environment = jinja2.Environment(extensions=["jinja2.ext.do"], undefined=jinja2.StrictUndefined)
    template = environment.from_string(
        "\n".join(texts), globals={"adapter": adapter, "return": lambda value: value, "var": variables.__getitem__}
    )
    adapter.macros = template.module
    return template.module
