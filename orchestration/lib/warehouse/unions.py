"""Writes the list of models that unions read: dbt has to know it when it parses, before it knows their YAML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from orchestration.lib.core.settings import PROJECT_ROOT

UNION_MODELS = Path("macros") / "unions" / "union_models.sql"


def models_by_kind(root: Path = PROJECT_ROOT) -> Mapping[str, Sequence[str]]:
    """Names of the models whose YAML says `meta: {rows_are: <kind>}`, per kind, both in alphabetical order."""
    found: dict[str, list[str]] = {}
    for path in (root / "models").rglob("_*__models.yml"):
        for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models") or []:
            kind = ((model.get("config") or {}).get("meta") or {}).get("rows_are")
            if kind is not None:
                found.setdefault(kind, []).append(model["name"])
    return {kind: sorted(found[kind]) for kind in sorted(found)}


def union_models_text(root: Path = PROJECT_ROOT) -> str:
    """The macro file that lists the models."""
    lists = ",\n".join(
        f"        '{kind}': [\n" + "".join(f"            '{name}',\n" for name in names) + "        ]"
        for kind, names in models_by_kind(root).items()
    )
    return (
        "{#- The models that unions read, by what their rows are. `make unions` writes it from YAML. -#}\n"
        "{% macro union_models() -%}\n"
        f"    {{{{ return({{\n{lists},\n    }}) }}}}\n"
        "{%- endmacro %}\n"
    )


def write_union_models(root: Path = PROJECT_ROOT) -> bool:
    """Writes the macro file where it is not up to date, and says whether it was written."""
    path = root / UNION_MODELS
    text = union_models_text(root)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.write_text(text, encoding="utf-8")
    return True
