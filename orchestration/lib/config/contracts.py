"""Reads the contracts of the source tables from the dbt sources files next to the staging models."""

from __future__ import annotations

import codecs
import dataclasses
import hashlib
import itertools
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar
from zoneinfo import ZoneInfo

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict, ValidationError
from pydantic import model_validator as rule
from pydantic.dataclasses import dataclass

from orchestration.lib.config.faults import (
    MISSING,
    UNKNOWN,
    Fault,
    check_known,
    fault,
    faults,
    is_list_of_tables,
    must,
    near,
    read_texts,
    worded,
)
from orchestration.lib.config.json_paths import Step, read_path
from orchestration.lib.config.mapping import (
    WORDS_OF_MISSING_IN_MAPPINGS,
    Events,
    PeopleMapping,
    SpendMapping,
    check_mappings,
    check_moments_of_source,
    columns_of_people,
    model_of_keys,
)
from orchestration.lib.config.times_in_names import pattern_of_time
from orchestration.lib.config.value_formats import ValueFormats, read_time_unit
from orchestration.lib.config.yaml_lines import LinedMapping, line_of, load_lined

FORMATS = ("csv", "jsonl", "parquet")
DELIVERIES = ("append", "snapshot")
# What several lines of one key in one file are: values that only the first of them fills, or parts of a whole.
KEY_LINES = ("first_filled", "lines")
PLAIN_TYPES = ("string", "bigint", "double", "boolean", "date", "timestamp", "json")
DECIMAL = re.compile(r"^decimal\((\d{1,2}),\s*(\d{1,2})\)$")
# How values are written: what a table says of its columns.
INHERITED = tuple(field.name for field in fields(ValueFormats))
# What the table says that another one is a part of.
NOT_OF_PARTS = (
    "formats",
    "key",
    "key_scope",
    "version_column",
    "delivery",
    "csv",
    "rows_path",
    "key_lines",
    "delivered_at_pattern",
)
# What says nothing about how a row is read: what it means, and which files come in at all.
NOT_OF_READING = (
    "description",
    "declared_in",
    "is_own",
    "repeated_of_people",
    "formats",
    "optional_column",
    "events",
    "people",
    "spend",
    "day_column",
    "expected_every_hours",
    "identifier_type",
    "identifier_type_column",
    "public_keys",
    "columns",
    "parts",
)
# As the identifier type of a json column: the object's own keys are the types.
TYPES_ARE_KEYS = "*"

# In words: `{what}` is the table or the column, `{key}` the key at fault, `{value}` what it holds.
WORDS = {
    "string_type": "`{key}` of {what} must be text; quote it.",
    "dataclass_type": '`{key}` of {what} must be a mapping, such as {{delimiter: ";"}}.',
}
PATH_WORDS = "`{key}` of {what} is `{value}`; expected one such as $.requester.email or $.tags[0]."
TIME_IN_NAME_WORDS = (
    "`{key}` of {what} is `{value}`; expected how the name of a file says its time, such as orders_%Y-%m-%d or "
    "%Y%m%dT%H%M."
)
WORDS_OF_MISSING = {
    "formats": "{what} needs `formats`, such as [csv, jsonl, parquet].",
    "key": "{what} needs `key`, the column or columns that identify its rows.",
    **WORDS_OF_MISSING_IN_MAPPINGS,
}


def folded(header: str) -> str:
    """A header without what differs from tool to tool: case, blanks and punctuation.

    >>> folded("Created at") == folded("created_at") == folded("CREATED-AT")
    True
    """
    return "".join(letter for letter in unicodedata.normalize("NFKC", header).casefold() if letter.isalnum())


class ContractError(ValueError):
    """A sources file that landing can't work with; the message names file, line and fix."""


def one_of(known: tuple[str, ...], subject: str) -> AfterValidator:
    def checked(value: str) -> str:
        check_known(value, known, subject)
        return value

    return AfterValidator(checked)


def looked_up(find: Callable[[str], object], words: str) -> AfterValidator:
    """As metadata of a type: something can be found under this name."""

    def checked(name: str) -> str:
        try:
            find(name)
        except (LookupError, ValueError, OSError) as error:
            raise fault(words) from error
        return name

    return AfterValidator(checked)


def read_data_type(value: object) -> str:
    plain = str(value).replace(" ", "").lower()
    size = DECIMAL.match(plain)
    if plain in PLAIN_TYPES or (size and 1 <= int(size[1]) <= 38 and int(size[2]) <= int(size[1])):
        return plain
    raise fault(f"{{what}} has data_type `{{value}}`; it may be {', '.join(PLAIN_TYPES)} or decimal(18,2).")


Name = Annotated[
    str,
    Field(pattern=r"^[a-z][a-z0-9_]{0,60}$"),
    worded("the {kind}'s name {value!r} must be lower-case letters, digits and underscores, a letter first."),
]
Texts = Annotated[tuple[str, ...], BeforeValidator(read_texts)]
Truth = Annotated[bool, Strict(), worded("`{key}` of {what} must be true or false.")]
Hours = Annotated[
    int, Strict(), Field(gt=0), worded("`{key}` of {what} must be a whole number of hours above 0, such as 24.")
]
Description = Annotated[str, BeforeValidator(lambda value: "" if value is None else str(value).strip())]
ONE_CHARACTER = "`{key}` of {what} must be one ASCII character."
Character = Annotated[str, worded(WORDS["string_type"]), Field(pattern=r"^[\x00-\x7f]$"), worded(ONE_CHARACTER)]
CharacterOrNone = Annotated[str, worded(WORDS["string_type"]), Field(pattern=r"^[\x00-\x7f]?$"), worded(ONE_CHARACTER)]
Entries = must(
    lambda value: is_list_of_tables(value) and value != [],
    "`{key}` must be a list with at least one entry, each with a `name`.",
)


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class CsvDialect:
    """How a source writes its CSV files. An empty `quote` means that nothing is quoted.

    Without `encoding` a file that is no UTF-8 is read in the code page that its bytes are most like; files named .tsv
    have tabs where `delimiter` says nothing. `skip_lines` come before the header.
    """

    delimiter: Character = ","
    quote: CharacterOrNone = '"'
    escape: CharacterOrNone = '"'
    encoding: (
        Annotated[
            str,
            looked_up(
                codecs.lookup, "`{key}` of {what} is `{value}`; expected a name such as utf-8, cp1252 or utf-16."
            ),
        ]
        | None
    ) = None
    skip_lines: Annotated[
        int, Strict(), Field(ge=0), worded("`{key}` of {what} must be a number of lines, such as 2.")
    ] = 0

    @rule(mode="after")
    def delimiter_is_nothing_else(self) -> CsvDialect:
        if self.delimiter in (self.quote, self.escape, "\n", "\r"):
            raise fault("the delimiter of {what} can't be its quote, its escape or a line end.", "delimiter")
        return self


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class ColumnMeta(ValueFormats):
    """What `meta` of a column says.

    `source_name` is its name in the files, where that is another one beyond case, blanks and punctuation; `path` leads
    to it inside of nested JSON; in a table that is part of another, `parent_column` is the column of that one which it
    repeats. `identifier_type` is the type of the identifiers it holds, `*` for an object of type
    and value; `identifier_type_column` the column that names the type row by row.
    """

    source_name: Annotated[str, Field(min_length=1), worded(WORDS["string_type"])] | None = None
    path: (
        Annotated[
            str,
            looked_up(read_path, PATH_WORDS),
        ]
        | None
    ) = None
    time_unit: Annotated[str, BeforeValidator(read_time_unit)] | None = None
    parent_column: str | None = None

    required: Truth = False
    personal: Truth = False
    accepted_values: Texts = ()
    optional_column: Truth = False
    public_keys: Texts = ()
    identifier_type: str | None = None
    identifier_type_column: str | None = None


@dataclass(frozen=True)
class ColumnContract(ColumnMeta):
    """What one column of a source table promises."""

    name: str
    data_type: str
    description: str = ""

    @property
    def name_in_files(self) -> str:
        """The header or key that holds it, before case, blanks and punctuation are folded."""
        return self.source_name or self.name

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of its `path`; without one there are none."""
        return read_path(self.path) if self.path else ()

    @property
    def takes_objects_only(self) -> bool:
        """Whether it is a json column that is read by keys, so that an array would say nothing."""
        return self.data_type == "json" and bool(self.identifier_type or self.public_keys)

    @property
    def reading_rules(self) -> dict[str, Any]:
        """What it says about how its values are read, apart from what holds where nothing is said."""
        of_json = {"takes_objects_only": True} if self.takes_objects_only else {}
        of_json |= {"holds_identifiers": True} if of_json and self.identifier_type else {}
        return _stated(self) | of_json

    @property
    def decimal_size(self) -> tuple[int, int] | None:
        """Digits and digits after the point of a decimal; None for every other type."""
        match = DECIMAL.match(self.data_type)
        return (int(match[1]), int(match[2])) if match else None


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class TableMeta(ValueFormats):
    """What `meta` of a table says: its files, its key, and which of two rows with one key counts.

    `rows_path` leads to the rows in a JSON document. `key_lines` says what several lines of one key in one file are.
    A table that is `part_of` another has no files of its own: its rows are the elements of the array at `path` in the
    rows of that one, or the lines of its keys.
    """

    formats: Annotated[
        tuple[Annotated[str, one_of(FORMATS, "a format of {what}")], ...], BeforeValidator(read_texts)
    ] = ()
    key: Texts = ()
    key_scope: str | None = None
    version_column: str | None = None
    delivery: Annotated[str, one_of(DELIVERIES, "`delivery` of {what}")] = "append"
    time_zone: Annotated[
        str, looked_up(ZoneInfo, "`{key}` of {what} is `{value}`; expected a name such as Europe/Berlin or UTC.")
    ] = "UTC"
    csv: CsvDialect = CsvDialect()
    rows_path: Annotated[str, looked_up(read_path, PATH_WORDS)] | None = None
    key_lines: Annotated[str, one_of(KEY_LINES, "`key_lines` of {what}")] | None = None
    delivered_at_pattern: Annotated[str, looked_up(pattern_of_time, TIME_IN_NAME_WORDS)] | None = None
    part_of: str | None = None
    path: Annotated[str, looked_up(read_path, PATH_WORDS)] | None = None
    events: Events = ()
    people: PeopleMapping | None = None
    spend: SpendMapping | None = None
    day_column: str | None = None
    expected_every_hours: Annotated[
        int | None,
        Strict(),
        Field(gt=0),
        worded("`{key}` of {what} must be a whole number of hours above 0, such as 24."),
    ] = None


@dataclass(frozen=True, kw_only=True)
class TableContract(TableMeta):
    """What one source table promises: its files, its columns, and which of two rows with one key counts."""

    source: str
    table: str
    description: str
    columns: tuple[ColumnContract, ...]
    declared_in: str = ""
    parts: tuple[TableContract, ...] = ()
    # declared outside the project
    is_own: bool = False
    # columns of a part whose values name a person in the table that it is a part of
    repeated_of_people: frozenset[str] = frozenset()

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
    def own_columns(self) -> tuple[ColumnContract, ...]:
        """The columns that are read from its rows: without those that repeat columns of the table it is a part of."""
        return tuple(column for column in self.columns if column.parent_column is None)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of the `path` of a part; without one there are none."""
        return read_path(self.path) if self.path else ()

    @property
    def steps_to_rows(self) -> tuple[Step, ...]:
        """The steps of `rows_path`; without one there are none."""
        return read_path(self.rows_path) if self.rows_path else ()

    @property
    def holds_identifiers(self) -> bool:
        """Whether a column of it says of which identifier type its values are."""
        return any(column.identifier_type or column.identifier_type_column for column in self.columns)

    @property
    def reading_rules(self) -> str:
        """A fingerprint of what the contract says about how files are read: with another, a file may land otherwise.

        A setting that a later version of the project knows changes no fingerprint of contracts that do not state it.
        """
        rules = _stated(self)
        rules["columns"] = sorted((column.reading_rules for column in self.columns), key=lambda rule: rule["name"])
        rules["parts"] = [part.reading_rules for part in self.parts]
        text = json.dumps(rules, sort_keys=True, default=_stated)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def has_mapping(self) -> bool:
        """Whether it says what its rows are, so that a staging model follows from it."""
        return bool(self.events) or self.people is not None or self.spend is not None

    @property
    def columns_of_people(self) -> frozenset[str]:
        """The columns whose values name a person; an id that is made of one is published as its hash."""
        columns = {column.name: column for column in self.columns}
        return columns_of_people(self.events, self.people, columns, key=self.key) | self.repeated_of_people

    def column(self, name: str) -> ColumnContract:
        return next(column for column in self.columns if column.name == name)


def _stated(settings: Any) -> dict[str, Any]:
    """The settings that are not as they are where nothing is said, without those that say nothing about reading."""
    return {
        setting.name: value
        for setting in fields(settings)
        if setting.name not in NOT_OF_READING and (value := getattr(settings, setting.name)) != setting.default
    }


Meta = TypeVar("Meta", ColumnMeta, TableMeta)


def required() -> Any:
    """A key without which a file makes no sense; the words of its type say so."""
    return Field(None, validate_default=True)


class Config(BaseModel, Generic[Meta]):
    """`config` of a table or column; its other keys are dbt's."""

    meta: Annotated[Meta, must(lambda value: isinstance(value, dict), "`meta` of {what} must be a mapping.")] = Field(
        {}, validate_default=True
    )


class Declared(BaseModel, Generic[Meta]):
    """A table or column as a sources file declares it; keys that are not read here are dbt's."""

    name: Name = required()
    description: Description = ""
    misplaced_meta: Annotated[None, must(lambda value: value is None, "`meta` of {what} belongs under `config:`.")] = (
        Field(None, alias="meta")
    )
    config: Annotated[
        Config[Meta],
        must(lambda value: isinstance(value, dict), "`config` of {what} must be a mapping with `meta`."),
    ] = Field({}, validate_default=True)


# Names that a column of a contract cannot have, each with who uses it.
RESERVED_COLUMNS = {
    "file_row_number": "DuckDB keeps",
    "at": "some statements read `at` as a word of SQL, not as",
    # the columns that `landed()` adds to a source's own
    **dict.fromkeys(
        ("version_key", "row_status", "loaded_at", "changed_in", "rule_of_type", "pepper"), "every staging model adds"
    ),
}


class DeclaredColumn(Declared[ColumnMeta]):
    """A column, and what its type allows its meta to say."""

    data_type: Annotated[str, BeforeValidator(read_data_type)] = required()

    @rule(mode="after")
    def name_is_free(self) -> DeclaredColumn:
        if keeper := RESERVED_COLUMNS.get(self.name):
            raise fault(f"{{what}}: {keeper} a column of that name; choose another.")
        return self

    @rule(mode="after")
    def required_column_is_not_optional(self) -> DeclaredColumn:
        if self.config.meta.required and self.config.meta.optional_column:
            raise fault("{what} can't be both required and an optional column.")
        return self

    @rule(mode="after")
    def only_json_has_public_keys(self) -> DeclaredColumn:
        if self.config.meta.public_keys and self.data_type != "json":
            raise fault("{what} is no json column, so it has no `public_keys`.", "config", "meta", "public_keys")
        return self

    @rule(mode="after")
    def only_plain_values_are_listed(self) -> DeclaredColumn:
        if self.config.meta.accepted_values and self.data_type not in ("string", "bigint"):
            words = "{what}: `accepted_values` is for string and bigint columns."
            raise fault(words, "config", "meta", "accepted_values")
        return self

    @rule(mode="after")
    def formats_fit_the_type(self) -> DeclaredColumn:
        meta, place = self.config.meta, ("config", "meta")
        is_time = self.data_type in ("date", "timestamp")
        is_number = self.data_type in ("bigint", "double") or self.data_type.startswith("decimal")
        for key in ("time_format", "time_unit"):
            if getattr(meta, key) and not is_time:
                raise fault("`{key}` of {what} is for date and timestamp columns.", *place, key)
        for key in ("decimal", "thousands", "currency_symbol"):
            if getattr(meta, key) and not is_number:
                raise fault("`{key}` of {what} is for columns of numbers.", *place, key)
        if meta.time_format and meta.time_unit:
            raise fault("{what} has both `time_format` and `time_unit`; keep one.", *place, "time_unit")
        return self

    @rule(mode="after")
    def name_in_files_is_said_once(self) -> DeclaredColumn:
        if self.config.meta.path and self.config.meta.source_name:
            raise fault(
                "{what} has both `path` and `source_name`; the path begins with the name in the file.",
                "config", "meta", "source_name",
            )  # fmt: skip
        return self

    @rule(mode="after")
    def json_holds_identifiers_by_type(self) -> DeclaredColumn:
        found = self.config.meta.identifier_type
        if found and (found == TYPES_ARE_KEYS) != (self.data_type == "json"):
            words = (
                f'{{what}}: `identifier_type: "{TYPES_ARE_KEYS}"` is for json columns whose keys are identifier types; '
                "any other column names its type, such as phone."
            )
            raise fault(words, "config", "meta", "identifier_type")
        return self

    def contract(self, table: TableMeta) -> ColumnContract:
        """The column's contract; how values are written is the table's where the column says nothing."""
        stated = vars(self.config.meta)
        inherited = {key: stated[key] or getattr(table, key) for key in INHERITED}
        if stated["time_unit"]:
            inherited["time_format"] = ()
        return ColumnContract(self.name, self.data_type, self.description, **stated | inherited)


class DeclaredTable(Declared[TableMeta]):
    """A table, and how its meta and its columns fit together."""

    identifier: Any = None
    columns: Annotated[list[DeclaredColumn], Entries] = required()

    @property
    def column_named(self) -> dict[str, DeclaredColumn]:
        return {column.name: column for column in self.columns}

    @rule(mode="after")
    def table_has_files_or_is_a_part(self) -> DeclaredTable:
        meta, place = self.config.meta, ("config", "meta")
        if meta.part_of is None:
            for key in ("formats", "key"):
                if not getattr(meta, key):
                    raise fault(WORDS_OF_MISSING[key], *place, key)
            if meta.path is not None:
                raise fault("`{key}` of {what} is for a table that is `part_of` another.", *place, "path")
            for number, column in enumerate(self.columns):
                if column.config.meta.parent_column is not None:
                    words = "{what} has a `parent_column`, but its table is not `part_of` another."
                    raise fault(words, "columns", number, "config", "meta", "parent_column")
                if column.config.meta.path == "$":
                    words = "`path` of {what} is the whole row; that is for a table that is `part_of` another."
                    raise fault(words, "columns", number, "config", "meta", "path")
            return self
        for key in NOT_OF_PARTS:
            if getattr(meta, key) != getattr(TableMeta(), key):
                raise fault("{what} is part of another table, whose `{key}` holds for it; remove it here.", *place, key)
        return self

    @rule(mode="after")
    def columns_have_own_names(self) -> DeclaredTable:
        names = [column.name for column in self.columns]
        for number, name in enumerate(names):
            if name in names[:number]:
                raise fault("{what} is listed twice.", "columns", number)
        return self

    @rule(mode="after")
    def columns_have_own_names_in_files(self) -> DeclaredTable:
        seen: dict[str, DeclaredColumn] = {}
        for number, column in enumerate(self.columns):
            meta = column.config.meta
            if meta.path is not None or meta.parent_column is not None:
                continue
            other = seen.setdefault(folded(meta.source_name or column.name), column)
            names = {meta.source_name, other.config.meta.source_name}
            # two that are spelt out differ by their spelling
            if other is not column and (None in names or len(names) == 1):
                words = (
                    "{what} and column {other} are one name to a header, which may differ in case, blanks and "
                    "punctuation. Give each its own `source_name`, or a `path`."
                )
                raise fault(words, "columns", number, other=other.name)
        return self

    @rule(mode="after")
    def marks_of_numbers_differ(self) -> DeclaredTable:
        meta = self.config.meta
        if meta.thousands and meta.thousands == (meta.decimal or "."):
            raise fault("{what} has one mark for decimals and thousands.", "config", "meta", "thousands")
        for number, column in enumerate(self.columns):
            stated = column.contract(meta)
            if stated.thousands and stated.thousands == (stated.decimal or "."):
                words = "{what} has one mark for decimals and thousands; state `decimal` too."
                raise fault(words, "columns", number, "config", "meta", "thousands")
        return self

    @rule(mode="after")
    def types_of_identifiers_are_in_columns(self) -> DeclaredTable:
        for number, column in enumerate(self.columns):
            naming = column.config.meta.identifier_type_column
            if naming is not None:
                place = ("columns", number, "config", "meta", "identifier_type_column")
                check_known(naming, self.column_named, "`{key}` of {what}", *place)
        return self

    @rule(mode="after")
    def key_is_of_columns(self) -> DeclaredTable:
        if self.config.meta.part_of is not None:
            return self
        for name in self.config.meta.key:
            check_known(name, self.column_named, "a key column of {what}", "config", "meta", "key")
        if not any(self.column_named[name].config.meta.required for name in self.config.meta.key):
            words = "no key column of {what} is `required: true`: rows without a key can't be identified."
            raise fault(words, "config", "meta", "key")
        return self

    @rule(mode="after")
    def key_scope_is_a_required_column(self) -> DeclaredTable:
        name, place = self.config.meta.key_scope, ("config", "meta", "key_scope")
        if name is not None:
            check_known(name, self.column_named, "`{key}` of {what}", *place)
            if not self.column_named[name].config.meta.required:
                raise fault("`{column}` of {what} scopes the key: make it `required: true`.", *place, column=name)
        return self

    @rule(mode="after")
    def version_is_a_column_with_an_order(self) -> DeclaredTable:
        name, place = self.config.meta.version_column, ("config", "meta", "version_column")
        if name is not None:
            check_known(name, self.column_named, "`{key}` of {what}", *place)
            if self.column_named[name].data_type in ("json", "boolean"):
                raise fault("`{column}` of {what} has no order; a version needs one.", *place, column=name)
        return self

    @rule(mode="after")
    def mappings_fit_the_columns(self) -> DeclaredTable:
        meta, columns = self.config.meta, {column.name: column.contract(self.config.meta) for column in self.columns}
        check_mappings(meta.events, meta.people, meta.spend, columns, key=meta.key, table=self.name)
        return self

    @rule(mode="after")
    def day_is_of_a_time(self) -> DeclaredTable:
        name, place = self.config.meta.day_column, ("config", "meta", "day_column")
        if name is not None:
            check_known(name, self.column_named, "`{key}` of {what}", *place)
            if self.column_named[name].data_type not in ("timestamp", "date"):
                raise fault("`{column}` of {what} is no timestamp or date; a day needs one.", *place, column=name)
        return self


class DeclaredSource(BaseModel):
    """A source whose tables are landed."""

    name: Name = required()
    tables: Annotated[list[DeclaredTable], Entries] = required()

    @rule(mode="after")
    def tables_land_under_their_own_names(self) -> DeclaredSource:
        for number, table in enumerate(self.tables):
            expected = f"{self.name}__{table.name}"
            if (table.identifier if "identifier" in table.model_fields_set else table.name) != expected:
                words = "{what} lands in raw.{expected}, so write `identifier: {expected}`."
                raise fault(words, "tables", number, "identifier", expected=expected)
        return self

    @rule(mode="after")
    def parts_belong_to_tables_with_files(self) -> DeclaredSource:
        tables = {table.name: table for table in self.tables}
        for number, table in enumerate(self.tables):
            meta, place = table.config.meta, ("tables", number, "config", "meta")
            if meta.part_of is None:
                continue
            check_known(
                meta.part_of, [other for other in tables if other != table.name], "`{key}` of {what}", *place, "part_of"
            )
            parent = tables[meta.part_of]
            if parent.config.meta.part_of is not None:
                raise fault("`{key}` of {what}: {parent} is a part itself.", *place, "part_of", parent=parent.name)
            if meta.path is None and parent.config.meta.key_lines != "first_filled":
                words = "{what} needs the `path` of an array, or `key_lines: first_filled` in {parent}: its lines."
                raise fault(words, *place, "part_of", parent=parent.name)
            repeated = set()
            for column_number, column in enumerate(table.columns):
                name = column.config.meta.parent_column
                if name is None:
                    continue
                at = ("tables", number, "columns", column_number)
                check_known(name, parent.column_named, "`{key}` of {what}", *at, "config", "meta", "parent_column")
                if column.data_type != parent.column_named[name].data_type:
                    words = "{what} repeats {name}, which is {data_type}; give it the same data_type."
                    raise fault(words, *at, "data_type", name=name, data_type=parent.column_named[name].data_type)
                repeated.add(name)
            for name in parent.config.meta.key:
                if name not in repeated:
                    words = "no column of {what} has `parent_column: {name}`, of the key of {parent}."
                    raise fault(words, "tables", number, "columns", name=name, parent=parent.name)
        return self

    @rule(mode="after")
    def events_of_tables_have_own_ids(self) -> DeclaredSource:
        check_moments_of_source((table.name, table.config.meta.events) for table in self.tables)
        return self


class SourcesFile(BaseModel):
    """A sources file; what its sources hold is checked where they are landed."""

    sources: Annotated[list[dict], Entries] = required()


def read_contracts(models: Path, *own: Path | None) -> tuple[TableContract, ...]:
    """Reads every contract under `models/staging` and in folders outside the project, ordered by source and table.

    Only sources with `schema: raw` are landed; others belong to somebody else. Raises ContractError,
    also where a folder outside declares a source of the project, whose models read the project's own declaration.
    """
    contracts: dict[str, TableContract] = {}
    for root in (models / "staging", *(folder for folder in own if folder is not None)):
        shipped = {contract.source: contract for contract in contracts.values()}
        for path in sorted([*root.rglob("*__sources.yml"), *root.rglob("*__sources.yaml")]):
            for contract in _read_file(path, _shown(path, models), is_own=root != models / "staging"):
                if not contract.is_own and contract.has_mapping:
                    raise ContractError(
                        f"{contract.declared_in}: {contract.name} is a table of the project, whose staging model says "
                        "what its rows mean. Take out `events`, `people` and `spend`; sources outside the project may "
                        "have them."
                    )
                earlier = contracts.setdefault(contract.name, contract)
                if earlier is not contract or contract.source in shipped:
                    raise ContractError(_declared_twice(contract, earlier, shipped.get(contract.source)))
    _check_moments_of_files(contracts.values())
    return tuple(sorted(contracts.values(), key=lambda contract: (contract.source, contract.table)))


def _check_moments_of_files(contracts: Iterable[TableContract]) -> None:
    """Raises ContractError where events of two tables of a source, of different files, would have one id."""
    seen: dict[tuple[str, str], TableContract] = {}
    for contract in contracts:
        for number, event in enumerate(contract.events, start=1):
            moment = event.moment_in(contract.table)
            other = seen.setdefault((contract.source, moment), contract)
            if other is not contract:
                raise ContractError(
                    f"{contract.declared_in}: event {number} of table {contract.name} ends its ids with `{moment}`, as "
                    f"an event of {other.name} does ({other.declared_in}): rows with one key would have one id. Give "
                    "one of them another `moment`."
                )


def _shown(path: Path, models: Path) -> str:
    """The path of a sources file for messages: from the project, or as a whole where it is outside."""
    return (path.relative_to(models.parent) if path.is_relative_to(models.parent) else path).as_posix()


def _declared_twice(contract: TableContract, earlier: TableContract, shipped: TableContract | None) -> str:
    if shipped is not None:
        return (
            f"{contract.declared_in}: {contract.source} is a source of the project, declared in {shipped.declared_in}. "
            f"Give the source another name, such as own_{contract.source}, here and for its folder of extracts."
        )
    return f"{contract.declared_in}: {contract.name} is already declared in {earlier.declared_in}. Keep one of the two."


def _read_file(path: Path, shown: str, *, is_own: bool) -> list[TableContract]:
    document = load_document(path, shown)
    try:
        SourcesFile.model_validate(document)
    except ValidationError as error:
        raise _contract_error(shown, document, faults(error)) from error
    contracts = []
    for number, declared in enumerate(document["sources"]):
        if declared.get("schema") != "raw":
            continue
        try:
            source = DeclaredSource.model_validate(declared)
        except ValidationError as error:
            raise _contract_error(shown, document, faults(error), "sources", number) from error
        contracts += _of_source(source, declared["tables"], shown, is_own=is_own)
    return contracts


def _of_source(
    source: DeclaredSource, lined_tables: Sequence[LinedMapping], shown: str, *, is_own: bool
) -> list[TableContract]:
    """The contracts of a source's tables. A part takes from its table what only that one says."""
    made: dict[str, TableContract] = {}
    metas = {table.name: table.config.meta for table in source.tables}
    of_people = {
        table.name: columns_of_people(
            (meta := table.config.meta).events,
            meta.people,
            {column.name: column.contract(meta) for column in table.columns},
            key=meta.key,
        )
        for table in source.tables
    }
    tables = sorted(zip(source.tables, lined_tables, strict=True), key=lambda pair: pair[0].config.meta.part_of is None)
    for table, lined in tables:
        meta = table.config.meta
        if meta.part_of is not None:
            parent = metas[meta.part_of]
            repeats = {column.config.meta.parent_column: column.name for column in table.columns}
            key = tuple(repeats[name] for name in parent.key)
            meta = dataclasses.replace(
                meta, formats=parent.formats, key=key, time_zone=parent.time_zone, csv=parent.csv
            )
        made[table.name] = TableContract(
            source=source.name,
            table=table.name,
            description=table.description,
            columns=tuple(column.contract(table.config.meta) for column in table.columns),
            declared_in=f"{shown} line {lined.line}",
            is_own=is_own,
            parts=tuple(part for part in made.values() if part.part_of == table.name),
            repeated_of_people=frozenset(
                column.name
                for column in table.columns
                if column.config.meta.parent_column in of_people.get(meta.part_of or "", ())
            ),
            **vars(meta),
        )
    return list(made.values())


def load_document(path: Path, shown: str) -> LinedMapping:
    """The YAML document of a file, with lines. Raises ContractError."""
    try:
        document = load_lined(path.read_text(encoding="utf-8-sig"))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ContractError(f"{shown} line {line}: this is no valid YAML: {error.problem}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ContractError(f"{shown}: this is no valid YAML in UTF-8: {error}.") from error
    if not isinstance(document, LinedMapping):
        raise ContractError(f"{shown} line 1: expected a mapping with `version` and `sources`.")
    return document


def _contract_error(shown: str, document: LinedMapping, found_all: list[Fault], *above: str | int) -> ContractError:
    """The first fault of a file with its line, and the table or column that it is about."""
    # a misspelt key explains the one that is missing
    found = next((one for one in found_all if one.kind in UNKNOWN), found_all[0])
    place = (*above, *found.place)
    key = next((step for step in reversed(place) if isinstance(step, str)), "")
    what, kind, node = "", "", document
    for step, nested in itertools.pairwise(place):
        if step in ("sources", "tables", "columns") and isinstance(nested, int):
            node, kind = node[step][nested], str(step)[:-1]
            name = str(node.get("name"))
            what = {"source": name, "table": f"table {what}.{name}", "column": f"column {name} of {what}"}[kind]
    for step, nested in itertools.pairwise(place):
        if step == "events" and isinstance(nested, int):
            what = f"event {nested + 1} of {what}"
    if found.kind in UNKNOWN:
        # of those that refuse unknown keys below a table: `meta`, `csv`, `people`, `spend`, an event
        within = str(place[-2])
        model = model_of_keys(place) or (
            CsvDialect if within == "csv" else ColumnMeta if kind == "column" else TableMeta
        )
        known = [field.name for field in fields(model)]
        close = near(key, known)
        hint = f"Did you mean `{close}`?" if close else f"Known are: {', '.join(known)}."
        at = what if isinstance(place[-2], int) else f"{within} of {what}"
        message = f"{at} has no setting `{key}`. {hint}"
    elif found.kind == MISSING:
        message = WORDS_OF_MISSING[key].format(what=what)
    else:
        message = found.says(WORDS, key=key, what=what, kind=kind)
    return ContractError(f"{shown} line {line_of(document, place)}: {message}")
