"""Reads the contracts of the source tables from the dbt sources files beside the staging models."""

from __future__ import annotations

import codecs
import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

FORMATS = ("csv", "jsonl", "parquet")
DELIVERIES = ("append", "snapshot")
PLAIN_TYPES = ("string", "bigint", "double", "boolean", "date", "timestamp", "json")
DECIMAL = re.compile(r"^decimal\((\d{1,2}),\s*(\d{1,2})\)$")
NAME = re.compile(r"^[a-z][a-z0-9_]{0,60}$")

TABLE_META = ("formats", "key", "key_scope", "version_column", "delivery", "time_zone", "csv")
COLUMN_META = (
    "required",
    "personal",
    "accepted_values",
    "optional_column",
    "public_keys",
    "identifier_type",
    "identifier_type_column",
)
# As the identifier type of a json column: the object's own keys are the types.
TYPES_ARE_KEYS = "*"
CSV_META = ("delimiter", "quote", "escape", "encoding", "null_text")


class ContractError(ValueError):
    """A sources file that landing can't work with; the message names file, line and the way to mend it."""


@dataclass(frozen=True)
class CsvDialect:
    """How a source writes its CSV files. An empty `quote` means that nothing is quoted."""

    delimiter: str = ","
    quote: str = '"'
    escape: str = '"'
    encoding: str = "utf-8"
    null_text: str = ""


@dataclass(frozen=True)
class ColumnContract:
    """What one column of a source table promises.

    `identifier_type` is the type of the identifiers it holds, `*` for an object of type and value;
    `identifier_type_column` the column beside it that names the type row by row.
    """

    name: str
    data_type: str
    description: str = ""
    required: bool = False
    personal: bool = False
    optional_column: bool = False
    accepted_values: tuple[str, ...] = ()
    public_keys: tuple[str, ...] = ()
    identifier_type: str | None = None
    identifier_type_column: str | None = None

    @property
    def decimal_size(self) -> tuple[int, int] | None:
        """Digits and digits after the point of a decimal; None for every other type."""
        match = DECIMAL.match(self.data_type)
        return (int(match[1]), int(match[2])) if match else None


@dataclass(frozen=True)
class TableContract:
    """What one source table promises: its files, its columns, and which of two rows with one key counts."""

    source: str
    table: str
    description: str
    formats: tuple[str, ...]
    key: tuple[str, ...]
    columns: tuple[ColumnContract, ...]
    key_scope: str | None = None
    version_column: str | None = None
    delivery: str = "append"
    time_zone: str = "UTC"
    csv: CsvDialect = field(default_factory=CsvDialect)
    declared_in: str = ""

    @property
    def identifier(self) -> str:
        """The table's name in the schemas raw and quarantine."""
        return f"{self.source}__{self.table}"

    @property
    def name(self) -> str:
        return f"{self.source}.{self.table}"

    @property
    def folder(self) -> Path:
        """Where its files lie, relative to the extracts folder."""
        return Path(self.source) / self.table

    @property
    def holds_identifiers(self) -> bool:
        """Whether a column of it says of which identifier type its values are."""
        return any(column.identifier_type or column.identifier_type_column for column in self.columns)

    def column(self, name: str) -> ColumnContract:
        return next(column for column in self.columns if column.name == name)


def read_contracts(models: Path) -> tuple[TableContract, ...]:
    """Reads every contract under `models/staging`, ordered by source and table.

    Only sources with `schema: raw` are landed; others belong to somebody else. Raises ContractError.
    """
    staging = models / "staging"
    contracts: list[TableContract] = []
    for path in sorted([*staging.rglob("*__sources.yml"), *staging.rglob("*__sources.yaml")]):
        contracts.extend(_read_file(path, path.relative_to(models.parent).as_posix()))
    seen: dict[str, TableContract] = {}
    for contract in contracts:
        if contract.name in seen:
            raise ContractError(
                f"{contract.declared_in}: {contract.name} is already declared in "
                f"{seen[contract.name].declared_in}. "
                "Keep one of the two."
            )
        seen[contract.name] = contract
    return tuple(sorted(contracts, key=lambda contract: (contract.source, contract.table)))


class _Mapping(dict):
    """A YAML mapping that remembers the line of each of its keys."""

    line: int
    lines: dict[Any, int]


class _LineLoader(yaml.SafeLoader):
    """Loads YAML with line numbers, and refuses a key that stands twice in one mapping."""


def _construct_mapping(loader: _LineLoader, node: yaml.MappingNode) -> _Mapping:
    loader.flatten_mapping(node)
    mapping = _Mapping()
    mapping.line = node.start_mark.line + 1
    mapping.lines = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in mapping.lines:
            raise yaml.constructor.ConstructorError(
                None, None, f"{key!r} stands twice in one mapping", key_node.start_mark
            )
        mapping.lines[key] = key_node.start_mark.line + 1
        mapping[key] = loader.construct_object(value_node, deep=True)
    return mapping


_LineLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _construct_mapping)


def _read_file(path: Path, shown: str) -> Iterable[TableContract]:
    try:
        document = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_LineLoader)  # a SafeLoader underneath
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ContractError(f"{shown} line {line}: this is no valid YAML: {error.problem}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ContractError(f"{shown}: this is no valid YAML in UTF-8: {error}.") from error
    if not isinstance(document, _Mapping):
        raise ContractError(f"{shown} line 1: expected a mapping with `version` and `sources`.")
    reader = _Reader(shown)
    for source in reader.mappings(document, "sources"):
        if source.get("schema") != "raw":
            continue
        source_name = reader.name(source, "source")
        for table in reader.mappings(source, "tables"):
            yield reader.table(source_name, table)


@dataclass(frozen=True)
class _Reader:
    """Turns the YAML of one file into contracts; knows the file's name for its messages."""

    shown: str

    def fail(self, line: int, message: str) -> ContractError:
        return ContractError(f"{self.shown} line {line}: {message}")

    def mappings(self, parent: _Mapping, key: str) -> list[_Mapping]:
        line = parent.lines.get(key, parent.line)
        entries = parent.get(key)
        if not isinstance(entries, list) or not entries or not all(isinstance(e, _Mapping) for e in entries):
            raise self.fail(line, f"`{key}` must be a list with at least one entry, each with a `name`.")
        return entries

    def name(self, mapping: _Mapping, what: str) -> str:
        name = mapping.get("name")
        line = mapping.lines.get("name", mapping.line)
        if not isinstance(name, str) or not NAME.match(name):
            raise self.fail(
                line,
                f"the {what}'s name {name!r} must be lower-case letters, digits and underscores, a letter first.",
            )
        return name

    def meta(self, mapping: _Mapping, known: tuple[str, ...], what: str) -> _Mapping:
        config = mapping.get("config", _empty(mapping.line))
        if not isinstance(config, _Mapping):
            raise self.fail(mapping.lines["config"], f"`config` of {what} must be a mapping with `meta`.")
        meta = config.get("meta", _empty(config.line))
        if not isinstance(meta, _Mapping):
            raise self.fail(config.lines["meta"], f"`meta` of {what} must be a mapping.")
        self.only(meta, known, f"meta of {what}")
        if "meta" in mapping:
            raise self.fail(mapping.lines["meta"], f"`meta` of {what} belongs under `config:`.")
        return meta

    def only(self, mapping: _Mapping, known: tuple[str, ...], what: str) -> None:
        for key in mapping:
            if key not in known:
                near = difflib.get_close_matches(str(key), known, n=1)
                hint = f" Did you mean `{near[0]}`?" if near else f" Known are: {', '.join(known)}."
                raise self.fail(mapping.lines[key], f"{what} has no setting `{key}`.{hint}")

    def texts(self, mapping: _Mapping, key: str, what: str, *, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        if key not in mapping:
            return default
        values = mapping[key]
        if not isinstance(values, list) or not values or any(isinstance(v, (list, dict, type(None))) for v in values):
            raise self.fail(mapping.lines[key], f"`{key}` of {what} must be a list of names, such as [{key}_1].")
        if any(isinstance(v, bool) for v in values):
            raise self.fail(
                mapping.lines[key],
                f"`{key}` of {what}: YAML reads yes, no, on and off as truths; quote them.",
            )
        texts = tuple(str(v) for v in values)
        if len(set(texts)) < len(texts):
            raise self.fail(mapping.lines[key], f"`{key}` of {what} names something twice.")
        return texts

    def text(self, mapping: _Mapping, key: str, what: str, default: str | None) -> str | None:
        value = mapping.get(key, default)
        if value is not None and not isinstance(value, str):
            raise self.fail(mapping.lines[key], f"`{key}` of {what} must be text; quote it.")
        return value

    def truth(self, mapping: _Mapping, key: str, what: str) -> bool:
        value = mapping.get(key, False)
        if not isinstance(value, bool):
            raise self.fail(mapping.lines[key], f"`{key}` of {what} must be true or false.")
        return value

    def one_of(self, value: str, known: Iterable[str], line: int, what: str) -> str:
        known = tuple(known)
        if value not in known:
            near = difflib.get_close_matches(value, known, n=1)
            hint = f"Did you mean `{near[0]}`?" if near else f"It may be: {', '.join(known)}."
            raise self.fail(line, f"{what} is `{value}`. {hint}")
        return value

    def table(self, source: str, table: _Mapping) -> TableContract:
        name = self.name(table, "table")
        what = f"table {source}.{name}"
        identifier = table.get("identifier", name)
        if identifier != f"{source}__{name}":
            raise self.fail(
                table.lines.get("identifier", table.line),
                f"{what} lands in raw.{source}__{name}, so write `identifier: {source}__{name}`.",
            )
        meta = self.meta(table, TABLE_META, what)
        columns = self.columns(table, what)
        by_name = {column.name: column for column in columns}

        formats = self.texts(meta, "formats", what)
        if not formats:
            raise self.fail(meta.line, f"{what} needs `formats`, such as [csv, jsonl, parquet].")
        for kind in formats:
            self.one_of(kind, FORMATS, meta.lines["formats"], f"a format of {what}")
        key = self.texts(meta, "key", what)
        if not key:
            raise self.fail(meta.line, f"{what} needs `key`, the column or columns that tell its rows apart.")
        for column in key:
            self.one_of(column, by_name, meta.lines["key"], f"a key column of {what}")
        if not any(by_name[column].required for column in key):
            raise self.fail(
                meta.lines["key"],
                f"no key column of {what} is `required: true`: rows without a key can't be told apart.",
            )
        for setting in ("key_scope", "version_column"):
            column = self.text(meta, setting, what, None)
            if column is not None:
                self.one_of(column, by_name, meta.lines[setting], f"`{setting}` of {what}")
                if setting == "version_column" and by_name[column].data_type in ("json", "boolean"):
                    raise self.fail(meta.lines[setting], f"`{column}` of {what} has no order; a version needs one.")
                if setting == "key_scope" and not by_name[column].required:
                    raise self.fail(
                        meta.lines[setting], f"`{column}` of {what} scopes the key: make it `required: true`."
                    )
        delivery = self.text(meta, "delivery", what, "append")
        self.one_of(str(delivery), DELIVERIES, meta.lines.get("delivery", meta.line), f"`delivery` of {what}")
        zone = str(self.text(meta, "time_zone", what, "UTC"))
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError) as error:
            raise self.fail(
                meta.lines["time_zone"],
                f"`time_zone` of {what} is `{zone}`; expected a name such as Europe/Berlin or UTC.",
            ) from error
        return TableContract(
            source=source,
            table=name,
            description=str(table.get("description", "")).strip(),
            formats=formats,
            key=key,
            columns=columns,
            key_scope=meta.get("key_scope"),
            version_column=meta.get("version_column"),
            delivery=str(delivery),
            time_zone=zone,
            csv=self.dialect(meta, what),
            declared_in=f"{self.shown} line {table.line}",
        )

    def dialect(self, meta: _Mapping, what: str) -> CsvDialect:
        if "csv" not in meta:
            return CsvDialect()
        csv = meta["csv"]
        if not isinstance(csv, _Mapping):
            raise self.fail(meta.lines["csv"], f'`csv` of {what} must be a mapping, such as {{delimiter: ";"}}.')
        self.only(csv, CSV_META, f"csv of {what}")
        values: Mapping[str, str] = {key: str(self.text(csv, key, what, "")) for key in csv}
        dialect = CsvDialect(**values)
        for key, least in (("delimiter", 1), ("quote", 0), ("escape", 0)):
            value = getattr(dialect, key)
            if not least <= len(value) <= 1 or not value.isascii():
                raise self.fail(csv.lines[key], f"`{key}` of {what} must be one ASCII character.")
        if dialect.delimiter in (dialect.quote, dialect.escape, "\n", "\r"):
            raise self.fail(csv.line, f"the delimiter of {what} can't be its quote, its escape or a line end.")
        try:
            codecs.lookup(dialect.encoding)
        except LookupError as error:
            raise self.fail(
                csv.lines["encoding"],
                f"`encoding` of {what} is `{dialect.encoding}`; expected a name such as utf-8, cp1252 or utf-16.",
            ) from error
        return dialect

    def columns(self, table: _Mapping, what: str) -> tuple[ColumnContract, ...]:
        columns: dict[str, ColumnContract] = {}
        for entry in self.mappings(table, "columns"):
            name = self.name(entry, "column")
            shown = f"column {name} of {what}"
            if name == "file_row_number":
                raise self.fail(entry.line, f"{shown}: DuckDB keeps that name for itself; choose another.")
            if name in columns:
                raise self.fail(entry.line, f"{shown} stands twice.")
            data_type = str(entry.get("data_type", "")).replace(" ", "").lower()
            size = DECIMAL.match(data_type)
            if data_type not in PLAIN_TYPES and not (size and 1 <= int(size[1]) <= 38 and int(size[2]) <= int(size[1])):
                raise self.fail(
                    entry.lines.get("data_type", entry.line),
                    f"{shown} has data_type `{entry.get('data_type')}`; it may be "
                    f"{', '.join(PLAIN_TYPES)} or decimal(18,2).",
                )
            meta = self.meta(entry, COLUMN_META, shown)
            column = ColumnContract(
                name=name,
                data_type=data_type,
                description=str(entry.get("description", "")).strip(),
                required=self.truth(meta, "required", shown),
                personal=self.truth(meta, "personal", shown),
                optional_column=self.truth(meta, "optional_column", shown),
                accepted_values=self.texts(meta, "accepted_values", shown),
                public_keys=self.texts(meta, "public_keys", shown),
                identifier_type=self.text(meta, "identifier_type", shown, None),
                identifier_type_column=self.text(meta, "identifier_type_column", shown, None),
            )
            if column.required and column.optional_column:
                raise self.fail(entry.line, f"{shown} can't be both required and an optional column.")
            if column.public_keys and data_type != "json":
                raise self.fail(meta.lines["public_keys"], f"{shown} is no json column, so it has no `public_keys`.")
            if column.accepted_values and data_type not in ("string", "bigint"):
                raise self.fail(
                    meta.lines["accepted_values"],
                    f"{shown}: `accepted_values` is for string and bigint columns.",
                )
            if column.identifier_type and (column.identifier_type == TYPES_ARE_KEYS) != (data_type == "json"):
                raise self.fail(
                    meta.lines["identifier_type"],
                    f'{shown}: `identifier_type: "{TYPES_ARE_KEYS}"` is for json columns whose keys are identifier '
                    "types; any other column names its type, such as phone.",
                )
            columns[name] = column
        for entry in self.mappings(table, "columns"):
            naming = columns[entry["name"]].identifier_type_column
            if naming is not None:
                shown = f"column {entry['name']} of {what}"
                line = entry["config"]["meta"].lines["identifier_type_column"]
                self.one_of(naming, columns, line, f"`identifier_type_column` of {shown}")
        return tuple(columns.values())


def _empty(line: int) -> _Mapping:
    mapping = _Mapping()
    mapping.line = line
    mapping.lines = {}
    return mapping
