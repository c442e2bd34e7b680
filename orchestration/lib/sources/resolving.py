"""Brings the sources outside the project together with what dbt needs of them: models for mappings, list of unions."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from orchestration.lib.config.contracts import ContractError, TableContract, load_document, read_contracts
from orchestration.lib.config.faults import suggestion
from orchestration.lib.core.settings import PROJECT_ROOT, Settings, SettingsError
from orchestration.lib.sources.staging_models import StagingModel, mapped_models, properties_file

# What dbt reads in a folder of models.
READ_BY_DBT = (".sql", ".yml", ".yaml", ".md")
KINDS = ("events", "people", "spend")
# How a staging model names the table that it reads.
READS = re.compile(r"""\b(?:source|landed)\(\s*['"](\w+)['"]\s*,\s*['"](\w+)['"]\s*\)""")


def read_all_contracts(settings: Settings) -> tuple[TableContract, ...]:
    """The contracts of the project and of the sources outside of it. Raises ContractError."""
    return read_contracts(PROJECT_ROOT / "models", settings.sources)


def resolve_sources(settings: Settings, contracts: Sequence[TableContract]) -> None:
    """Writes the folder of models that dbt reads besides its own; nothing where JOURNEYS_SOURCES is not set.

    It holds the files of the data set's folder, a staging model for each table whose contract maps its columns, and the
    list of models that unions read. What did not change is not written again, or dbt would parse it again. Raises
    ContractError.
    """
    if settings.sources is None or settings.resolved_sources is None:
        return
    files = dict(_files_of(settings.sources, contracts))
    wanted = {settings.resolved_sources / path: content for path, content in files.items()}
    for path in sorted(settings.resolved_sources.rglob("*"), reverse=True):
        if path.is_file() and path not in wanted:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    for path, content in wanted.items():
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def check_identifier_types(settings: Settings, contracts: Iterable[TableContract]) -> None:
    """Raises ContractError for a mapping of a type that the resolved seeds don't have: staging ignores other types."""
    own = [contract for contract in contracts if contract.is_own]
    if not own:
        return
    with (settings.resolved_seeds / "identifier_types.csv").open(encoding="utf-8", newline="") as file:
        known = tuple(row["identifier_type"] for row in csv.DictReader(file))
    for contract in own:
        people = () if contract.people is None else (("people", contract.people.identifiers),)
        events = ((f"event {number}", event.identifiers) for number, event in enumerate(contract.events, start=1))
        for what, identifiers in (*events, *people):
            for kind in (kind for kind, _ in identifiers if kind not in known):
                hint = suggestion(kind, known) or f" There are: {', '.join(known)}."
                raise ContractError(
                    f"{contract.declared_in}: {what} of {contract.name} has identifiers of type {kind}, which "
                    f"identifier_types.csv does not have.{hint} Correct it, or add the type there."
                )


def unread_tables(settings: Settings, contracts: Iterable[TableContract]) -> list[TableContract]:
    """The tables outside the project that land and that no staging model reads."""
    if settings.sources is None:
        return []
    read = {
        pair for path in settings.sources.rglob("*.sql") for pair in READS.findall(path.read_text(encoding="utf-8"))
    }
    return [
        contract
        for contract in contracts
        if contract.is_own and not contract.has_mapping and (contract.source, contract.table) not in read
    ]


def _files_of(sources: Path, contracts: Iterable[TableContract]) -> Iterator[tuple[str, bytes]]:
    """Path in the resolved folder and content of each file."""
    own = [contract for contract in contracts if contract.is_own]
    if not own:
        raise SettingsError(
            f"JOURNEYS_SOURCES={sources}: no source is declared in it. Write a file _<source>__sources.yml there, "
            "or have make new-source write one."
        )
    taken = {path.stem for path in (PROJECT_ROOT / "models").rglob("*.sql")}
    united: dict[str, list[str]] = {kind: [] for kind in KINDS}
    written: dict[str, Path] = {}
    for path in sorted(sources.rglob("*")):
        place = path.relative_to(sources)
        if not path.is_file() or any(part.startswith(".") for part in place.parts):
            continue
        if path.suffix == ".py":
            raise ContractError(f"{path}: dbt would run it as a model; a staging model is SQL. Take it out.")
        if path.suffix not in READ_BY_DBT:
            continue
        if path.suffix == ".sql":
            if path.stem in taken:
                raise ContractError(f"{path}: {path.stem} is a model of the project. Give the file another name.")
            if path.stem in written:
                raise ContractError(f"{path}: {written[path.stem]} has the same name. Keep one of the two.")
            written[path.stem] = path
        elif path.suffix != ".md":
            for kind, names in _united_in(path).items():
                united[kind] += names
        content = path.read_bytes()
        yield (
            f"models/staging/{place.as_posix()}",
            content if path.suffix in (".sql", ".md") else _not_rendered(content),
        )
    for source in sorted({contract.source for contract in own}):
        models = [model for contract in own if contract.source == source for model in mapped_models(contract)]
        for model in models:
            _check_free(model, taken, written)
            united[model.kind].append(model.name)
            yield f"models/staging/{source}/{model.name}.sql", model.sql.encode()
        if models:
            yield f"models/staging/{source}/_{source}__mapped_models.yml", properties_file(models).encode()
    yield "macros/own_models.sql", _own_models(united).encode()


def _not_rendered(content: bytes) -> bytes:
    """A file of YAML whose meta dbt reads as it is: headers of others are in it, and dbt would render their Jinja."""
    if not any(mark in content for mark in (b"{{", b"{%", b"{#")):
        return content
    document = yaml.safe_load(content)
    changed = _with_literals(document, is_meta=False)
    return content if changed == document else yaml.safe_dump(changed, allow_unicode=True, sort_keys=False).encode()


def _with_literals(node: Any, *, is_meta: bool) -> Any:
    if isinstance(node, dict):
        return {key: _with_literals(member, is_meta=is_meta or key == "meta") for key, member in node.items()}
    if isinstance(node, list):
        return [_with_literals(member, is_meta=is_meta) for member in node]
    if is_meta and isinstance(node, str) and any(mark in node for mark in ("{{", "{%", "{#")):
        # a text of Jinja, with codes for all that could end it
        return '{{ "' + "".join(c if c.isalnum() and c.isascii() else f"\\U{ord(c):08x}" for c in node) + '" }}'
    return node


def _check_free(model: StagingModel, taken: set[str], written: Mapping[str, Path]) -> None:
    if model.name in written or model.name in taken:
        raise ContractError(
            f"{model.table.declared_in}: the mapping of {model.table.name} makes the model {model.name}, and "
            f"{written.get(model.name, 'the project')} has one of that name. Take out the mapping, or that file."
        )


def _united_in(path: Path) -> dict[str, list[str]]:
    """The models of a YAML file whose rows are events, people or spend, by kind."""
    document = load_document(path, str(path))
    if "sources" in document and not path.stem.endswith("__sources"):
        raise ContractError(
            f"{path} line {document.lines['sources']}: only files named _<source>__sources.yml declare "
            "sources. Rename the file."
        )
    found: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for model in document.get("models") or ():
        kind = _meta_of(model).get("rows_are") if isinstance(model, dict) else None
        if kind is None:
            continue
        if kind not in KINDS:
            raise ContractError(f"{path} line {model.line}: `rows_are` may be {', '.join(KINDS)}, and is `{kind}`.")
        found[kind].append(model["name"])
    return found


def _meta_of(model: Mapping[str, Any]) -> Mapping[str, Any]:
    config = model.get("config")
    meta = config.get("meta") if isinstance(config, dict) else None
    return meta if isinstance(meta, dict) else {}


def _own_models(united: Mapping[str, Sequence[str]]) -> str:
    lists = ",\n".join(
        f"        '{kind}': [{', '.join(repr(name) for name in sorted(names))}]" for kind, names in united.items()
    )
    return (
        "{#- The models of sources outside the project, by what their rows are; written from their YAML. -#}\n"
        f"{{% macro own_models() -%}}\n    {{{{ return({{\n{lists},\n    }}) }}}}\n{{%- endmacro %}}\n"
    )
