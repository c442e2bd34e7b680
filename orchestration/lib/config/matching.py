"""Reads matching.toml: which records are compared, how, and when two of them are one person."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple

from annotated_types import Ge, GroupedMetadata, Gt, Le
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, ValidationError, ValidationInfo
from pydantic import field_validator as field_rule
from pydantic import model_validator as rule

from orchestration.lib.config.faults import UNKNOWN, Fault, fault, faults, is_list_of_tables, must, suggestion, worded

SETTINGS_FILE = "matching.toml"

COLUMNS = ("first_name", "last_name", "birth_date", "email", "phone", "street", "postcode", "city")
BLOCK_KEYS = (
    *COLUMNS,
    "first_initial",
    "last_initial",
    "first_start",
    "last_start",
    "postcode_area",
    "city_start",
    "birth_month",
    "both_names",
    "birth_year",
    "birth_month_day",
    "email_local",
    "email_start",
)
# Stands for each type of identifier that identifier_types.csv has compared; its column is identifier_<type>.
IDENTIFIER = "identifier"
# What a household may have one of.
SHAREABLE = ("email", "phone")
MISSING = "missing"


class Kind(NamedTuple):
    """What a level of a kind needs and may have, and the one column that it means something for."""

    needs: frozenset[str] = frozenset()
    takes: frozenset[str] = frozenset()
    column: str | None = None


LEVEL_KINDS: Mapping[str, Kind] = {
    "equal": Kind(),
    "swapped": Kind(needs=frozenset({"with", "at_least"})),
    "other_field": Kind(needs=frozenset({"with"})),
    "similar": Kind(needs=frozenset({"at_least"}), takes=frozenset({"same_digits", "one_is_rare"})),
    "edits": Kind(needs=frozenset({"at_most"}), takes=frozenset({"min_length", "same_digits", "one_is_rare"})),
    "same_letters": Kind(needs=frozenset({"at_most"}), takes=frozenset({"min_length", "one_is_rare"})),
    "prefix": Kind(needs=frozenset({"min_length"})),
    "initial": Kind(),
    "nickname": Kind(column="first_name"),
    "other_generation": Kind(column="first_name"),
    "one_is_rare": Kind(column="first_name"),
    "other_number": Kind(column="street"),
    "day_month_swapped": Kind(column="birth_date"),
    "days": Kind(needs=frozenset({"at_most"}), column="birth_date"),
    "same_year": Kind(column="birth_date"),
    "same_local_part": Kind(column="email"),
    "else": Kind(),
}
ON_ONE_COLUMN = frozenset(LEVEL_KINDS) - {"equal", "else"}

NOT_A_TABLE = "is not a table. Write [{place}] and its keys below."
NO_USE = 'is = "{kind}" has no use for it. Take it out.'
ADD_IT = "is missing. Add it; seeds/matching.toml shows one."
WORDS = {"missing": ADD_IT, "model_type": NOT_A_TABLE, "dict_type": NOT_A_TABLE}


class MatchingSettingsError(ValueError):
    """matching.toml or match_parameters.json can't be worked with; the message names file, key and fix."""


@dataclass(frozen=True)
class Number(GroupedMetadata):
    """As metadata of a float: what it may be."""

    least: float
    most: float
    words: ClassVar[str] = "{{value!r}} is not a number from {least:g} to {most:g}."

    def __iter__(self) -> Iterator[object]:
        yield from (Strict(), Ge(self.least), Le(self.most), worded(self.words.format(**vars(self))))


class Whole(Number):
    """As metadata of an int: what it may be."""

    words = "{{value!r}} is not a whole number from {least} to {most}."


def check_among(value: object, choices: Collection[str], *at: str | int) -> None:
    if value not in choices:
        words = "{found!r} is none of: {choices}.{hint}"
        raise fault(words, *at, found=value, choices=", ".join(choices), hint=suggestion(value, choices))


def check_names(names: Any, choices: Collection[str], *at: str | int) -> None:
    """Raises a fault unless these are one or more of the choices, each once."""
    if not isinstance(names, list | tuple) or not names:
        raise fault("{found!r} is not a list of names.", *at, found=names)
    for name in names:
        check_among(name, choices, *at)
    if len(set(names)) < len(names):
        raise fault("names one thing twice. Leave it once.", *at)


def among(*choices: str) -> BeforeValidator:
    def checked(value: Any) -> Any:
        check_among(value, choices)
        return value

    return BeforeValidator(checked)


def names_among(*choices: str) -> BeforeValidator:
    def checked(names: Any) -> Any:
        check_names(names, choices)
        return names

    return BeforeValidator(checked)


Truth = Annotated[bool, Strict(), worded("{value!r} is not true or false.")]
Rate = Annotated[float, Number(0, 1), Gt(0), worded("{value!r} has to be above 0.")]
Name = Annotated[
    str,
    must(
        lambda value: isinstance(value, str) and value.isidentifier(),
        "{value!r} is no name. Use letters, digits and underscores.",
    ),
]
Tables = must(lambda value: isinstance(value, tuple) or is_list_of_tables(value), "is not a list of tables.")
# What a pair must be at: levels by comparison. Which there are is known once the comparisons are.
Conditions = dict[str, Any]


class Table(BaseModel):
    """A table of the file. It has no other keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Thresholds(Table):
    """From which probability on a pair is linked, and from which on it is reviewed."""

    link: Annotated[float, Number(0.5, 1.0)]
    review: Annotated[float, Number(0.01, 1.0)]

    @rule(mode="after")
    def review_is_up_to_link(self) -> Thresholds:
        if self.review > self.link:
            words = "{review:g} is above link ({link:g}). Set it to {link:g} or less."
            raise fault(words, "review", review=self.review, link=self.link)
        return self


class Blocking(Table):
    """Which pairs are compared at all."""

    rules: Annotated[
        tuple[Annotated[tuple[str, ...], names_among(*BLOCK_KEYS)], ...],
        must(
            lambda value: isinstance(value, list | tuple) and len(value) > 0,
            'is not a list of lists of names, such as [["email"], ["last_name", "city"]].',
        ),
    ]
    max_block_records: Annotated[int, Whole(2, 100_000)]
    max_pairs: Annotated[int, Whole(1, 10**10)]


class Training(Table):
    """How the rates of agreement come about."""

    u: Annotated[str, among("estimated", "fixed")]
    m: Annotated[str, among("estimated", "fixed")]
    u_prior_pairs: Annotated[float, Number(1, 1e12)]
    m_prior_matches: Annotated[float, Number(1, 1e12)]
    sample_records: Annotated[int, Whole(2, 20_000)]
    rounds: Annotated[int, Whole(1, 1_000)]


class Level(Table):
    """One degree of agreement. `columns` are what it compares; the rest means what matching.toml says."""

    name: Name
    kind: Annotated[str, among(*LEVEL_KINDS), Field(alias="is")]
    columns: tuple[str, ...]
    # those of a level that weighs nothing
    m: Rate = 0.001
    u: Rate = 0.001
    other: Annotated[str | None, among(*COLUMNS), Field(alias="with")] = None
    at_least: Annotated[float, Number(0, 1)] | None = None
    at_most: Annotated[int, Whole(1, 10_000)] | None = None
    min_length: Annotated[int, Whole(1, 200)] = 0
    same_digits: Truth = False
    one_is_rare: Truth = False
    frequency_of: str | None = None
    frequency_from: Annotated[int, Whole(1, 1_000_000)] = 1
    is_neutral: Truth = False

    @field_rule("frequency_of", mode="before")
    @classmethod
    def frequency_is_of_own_column(cls, name: Any, info: ValidationInfo) -> Any:
        check_among(name, info.data.get("columns", COLUMNS))
        return name

    @rule(mode="after")
    def kind_fits_columns(self) -> Level:
        column, only = self.columns[0], LEVEL_KINDS[self.kind].column
        if self.kind in ON_ONE_COLUMN and len(self.columns) != 1:
            words = 'is = "{kind}" compares one column. Name it: columns = ["{column}"].'
            raise fault(words, "columns", kind=self.kind, column=column)
        if only not in (None, column):
            raise fault('"{kind}" is for {only}, not for {column}.', "is", kind=self.kind, only=only, column=column)
        return self

    @rule(mode="after")
    def kind_has_what_it_needs(self) -> Level:
        needs, takes, _ = LEVEL_KINDS[self.kind]
        given = {type(self).model_fields[name].alias or name for name in self.model_fields_set}
        for key in ("with", "at_least", "at_most", "min_length", "same_digits", "one_is_rare"):
            if key in needs - given:
                raise fault('is missing: is = "{kind}" needs it.', key, kind=self.kind)
            if key in given - needs - takes:
                raise fault(NO_USE, key, kind=self.kind)
        return self

    @rule(mode="after")
    def weighs_or_is_neutral(self) -> Level:
        given = {"m", "u"} & self.model_fields_set
        if self.is_neutral and given:
            raise fault("a level that weighs nothing has no m and u. Take them out.", "is_neutral")
        for rate in ("m", "u"):
            if not self.is_neutral and rate not in given:
                raise fault(ADD_IT, rate)
        return self

    @rule(mode="after")
    def frequency_is_of_one_equal_column(self) -> Level:
        if self.frequency_of is not None:
            if self.kind != "equal" or len(self.columns) != 1:
                words = 'only a level with is = "equal" on one column knows which value is shared.'
                raise fault(words, "frequency_of")
        elif self.frequency_from > 1:
            raise fault("means nothing without frequency_of. Add that, or take this out.", "frequency_from")
        return self

    @rule(mode="after")
    def rare_are_names(self) -> Level:
        column = self.columns[0]
        if self.one_is_rare and column not in ("first_name", "last_name"):
            words = "is counted for first_name and last_name, not for {column}. Take it out."
            raise fault(words, "one_is_rare", column=column)
        return self


class Comparison(Table):
    """A field, or fields that say one thing together, and the degrees in which two records agree in it."""

    name: Name
    columns: Annotated[tuple[str, ...], names_among(*COLUMNS, IDENTIFIER)]
    is_learnt: Truth = True
    levels: Annotated[tuple[Level, ...], Tables]

    @field_rule("columns")
    @classmethod
    def identifier_is_alone(cls, columns: tuple[str, ...]) -> tuple[str, ...]:
        if IDENTIFIER in columns and len(columns) > 1:
            raise fault('{name} is compared by itself. Write columns = ["{name}"].', name=IDENTIFIER)
        return columns

    @field_rule("levels", mode="before")
    @classmethod
    def levels_compare_columns(cls, levels: Any, info: ValidationInfo) -> Any:
        """A level that names no columns compares all of the comparison's."""
        columns = info.data.get("columns", COLUMNS)
        if not is_list_of_tables(levels):
            return levels
        for number, level in enumerate(levels):
            if "columns" in level and level.get("is") == "else":
                raise fault(NO_USE, number, "columns", kind="else")
            check_names(level.get("columns", columns), columns, number, "columns")
        return [{"columns": columns} | level for level in levels]

    @property
    def is_of_identifiers(self) -> bool:
        """Whether it compares the values of a type of identifier."""
        return self.columns[0].startswith(IDENTIFIER)

    @rule(mode="after")
    def last_level_is_else(self) -> Comparison:
        if [level.kind == "else" for level in self.levels] != [False] * (len(self.levels) - 1) + [True]:
            raise fault('the last one, and only the last one, has to be is = "else".', "levels")
        return self

    @rule(mode="after")
    def levels_have_own_names(self) -> Comparison:
        names = {level.name for level in self.levels}
        if len(names) < len(self.levels) or MISSING in names:
            raise fault(f'each needs a name of its own, and none may be called "{MISSING}".', "levels")
        return self

    @rule(mode="after")
    def rates_add_up(self) -> Comparison:
        for rate in ("m", "u"):
            total = sum(getattr(level, rate) for level in self.levels if not level.is_neutral)
            if not 0.98 <= total <= 1.02:
                words = "their {rate} add up to {total:.4g}. They have to add up to 1."
                raise fault(words, "levels", rate=rate, total=total)
        return self


class Guard(Table):
    """Pairs that matching does not link: those at one of the `levels` of every comparison named there, unless they are
    at one of the levels of every comparison that `unless` names."""

    name: Name
    levels: Conditions
    unless: Conditions = {}

    def applies(self, found: Mapping[str, str]) -> bool:
        """Whether a pair at these levels (comparison → level) meets the condition.

        >>> guard = Guard(name="twins", levels={"first_name": ["differs"]})
        >>> guard.applies({"first_name": "differs"}), guard.applies({"first_name": "exact"})
        (True, False)
        """
        if not all(found[comparison] in names for comparison, names in self.levels.items()):
            return False
        return not self.unless or not all(found[comparison] in names for comparison, names in self.unless.items())


class CannotLink(Guard):
    """Two people of one mailbox or telephone: pairs that share the value of one column of `shares` and meet the
    condition. They are separate customers where nothing else joins them."""

    shares: Annotated[tuple[str, ...], names_among(*SHAREABLE)]


class Groups(Table):
    """What keeps links from chaining."""

    min_mean_weight: Annotated[float, Number(-1_000, 1_000)]
    max_records: Annotated[int, Whole(2, 5_000)]


class MatchingSettings(Table):
    """All of matching.toml."""

    is_on: Truth
    thresholds: Thresholds
    blocking: Blocking
    training: Training
    comparisons: Annotated[tuple[Comparison, ...], Tables]
    guards: Annotated[tuple[Guard, ...], Tables] = ()
    cannot_links: Annotated[tuple[CannotLink, ...], Tables] = ()
    groups: Groups

    @rule(mode="after")
    def something_is_compared(self) -> MatchingSettings:
        if self.is_on and not self.comparisons:
            raise fault("there is none, so no two records can be compared. Add one.", "comparisons")
        return self

    @rule(mode="after")
    def comparisons_have_own_names(self) -> MatchingSettings:
        if len({comparison.name for comparison in self.comparisons}) < len(self.comparisons):
            raise fault("two have the same name. Rename one.", "comparisons")
        return self

    @rule(mode="after")
    def identifiers_have_one_comparison(self) -> MatchingSettings:
        places = [place for place, one in enumerate(self.comparisons) if one.is_of_identifiers]
        if len(places) > 1:
            words = 'a second comparison of "{identifier}". One is used for every type: take one out.'
            raise fault(words, "comparisons", places[1], "columns", identifier=IDENTIFIER)
        return self

    @rule(mode="after")
    def conditions_name_levels(self) -> MatchingSettings:
        # that of identifiers is as many as there are types; none forbids anything
        named = [one for one in self.comparisons if not one.is_of_identifiers]
        levels = {one.name: (MISSING, *(level.name for level in one.levels)) for one in named}
        listed: Mapping[str, tuple[Guard, ...]] = {"guards": self.guards, "cannot_links": self.cannot_links}
        places = [(table, number, guard) for table, guards in listed.items() for number, guard in enumerate(guards)]
        for table, number, guard in places:
            for key in sorted({"levels", "unless"} & guard.model_fields_set):
                conditions = getattr(guard, key)
                for name, names in conditions.items():
                    if name not in levels:
                        raise fault(_no_such_key(name, levels), table, number, key, name)
                    check_names(names, levels[name], table, number, key, name)
                if not conditions:
                    words = "names no comparison. Choose from: {names}."
                    raise fault(words, table, number, key, names=", ".join(levels))
        return self


# Everything a file that says no more than is_on = false leaves open; nobody reads it.
SWITCHED_OFF = MatchingSettings(
    is_on=False,
    thresholds=Thresholds(link=1.0, review=1.0),
    blocking=Blocking(rules=(("email",),), max_block_records=2, max_pairs=1),
    training=Training(u="fixed", m="fixed", u_prior_pairs=1.0, m_prior_matches=1.0, sample_records=2, rounds=1),
    comparisons=(),
    groups=Groups(min_mean_weight=0.0, max_records=2),
)
# The table that each key of the file holds, or holds a list of.
TABLES: Mapping[str, type[Table]] = {
    "": MatchingSettings,
    "thresholds": Thresholds,
    "blocking": Blocking,
    "training": Training,
    "comparisons": Comparison,
    "levels": Level,
    "guards": Guard,
    "cannot_links": CannotLink,
    "groups": Groups,
}


def read_compared_types(path: Path) -> tuple[str, ...]:
    """The types of identifiers that identifier_types.csv, as it was resolved, has compared; none without the file."""
    if not path.is_file():
        return ()
    with path.open(encoding="utf-8", newline="") as lines:
        return tuple(sorted(row["identifier_type"] for row in csv.DictReader(lines) if row["is_compared"] == "true"))


def read_matching_settings(path: Path, compared_types: Sequence[str] = ()) -> MatchingSettings:
    """Reads and checks matching.toml; its comparison of identifiers becomes one for each of the types.

    Raises MatchingSettingsError naming the file, the key and the fix.
    """
    try:
        declared = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MatchingSettingsError(f"{path.name}: this is not TOML ({error}). Fix the line it names.") from error
    # of a switched-off matching the rest may be missing, and is not read
    read = declared | dict(SWITCHED_OFF) if declared.get("is_on") is False else declared
    try:
        settings = MatchingSettings.model_validate(read)
    except ValidationError as error:
        raise MatchingSettingsError(f"{path.name}: {_shown(faults(error)[0], declared)}") from error
    if compared_types and settings.is_on and not any(one.is_of_identifiers for one in settings.comparisons):
        raise MatchingSettingsError(
            f'{path.name}: comparisons: none has columns = ["{IDENTIFIER}"], and identifier_types.csv has '
            f"{', '.join(compared_types)} compared. Add one, as in seeds/matching.toml, or set is_compared to false."
        )
    return _with_identifiers(settings, compared_types)


def _with_identifiers(settings: MatchingSettings, types: Sequence[str]) -> MatchingSettings:
    """The settings with a comparison for each type in place of that of identifiers."""
    comparisons: list[Comparison] = []
    for comparison in settings.comparisons:
        if not comparison.is_of_identifiers:
            comparisons.append(comparison)
            continue
        for one in types:
            column = f"{IDENTIFIER}_{one}"
            levels = tuple(
                level.model_copy(update={"columns": (column,), "frequency_of": level.frequency_of and column})
                for level in comparison.levels
            )
            update = {"name": column, "columns": (column,), "levels": levels}
            comparisons.append(comparison.model_copy(update=update))
    return settings.model_copy(update={"comparisons": tuple(comparisons)})


def _shown(found: Fault, document: Any) -> str:
    """The place of a fault as the file's own names spell it, and what is wrong there."""
    place = ""
    for step in found.place:
        is_there = step in document if isinstance(document, dict) else isinstance(document, list)
        document = document[step] if is_there else None
        if isinstance(step, int):
            place += f"[{document.get('name', step + 1) if isinstance(document, dict) else step + 1}]"
        else:
            place += f".{step}" if place else step
    if found.kind in UNKNOWN:
        *above, key = (step for step in found.place if isinstance(step, str))
        known = [field.alias or name for name, field in TABLES["".join(above[-1:])].model_fields.items()]
        return f"{place}: {_no_such_key(key, known)}"
    return f"{place}: {found.says(WORDS, place=place)}"


def _no_such_key(key: str, known: Collection[str]) -> str:
    return f"there is no such key.{suggestion(key, sorted(known)) or ' Take it out.'}"
