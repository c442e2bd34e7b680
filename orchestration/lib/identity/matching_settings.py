"""Reads matching.toml: which records are compared, how, and when two of them are one person."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SETTINGS_FILE = "matching.toml"

COLUMNS = ("first_name", "last_name", "birth_date", "email", "phone", "street", "postcode", "city")
BLOCK_KEYS = (
    *COLUMNS,
    "first_initial",
    "last_initial",
    "both_names",
    "birth_year",
    "birth_month_day",
    "email_local",
)
MISSING = "missing"
# What a level may be, with the settings it needs and those it may have.
LEVEL_KINDS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "equal": (frozenset(), frozenset()),
    "swapped": (frozenset({"with", "at_least"}), frozenset()),
    "other_field": (frozenset({"with"}), frozenset()),
    "similar": (frozenset({"at_least"}), frozenset({"same_digits", "one_is_rare"})),
    "edits": (frozenset({"at_most"}), frozenset({"min_length", "same_digits", "one_is_rare"})),
    "same_letters": (frozenset({"at_most"}), frozenset({"min_length", "one_is_rare"})),
    "prefix": (frozenset({"min_length"}), frozenset()),
    "initial": (frozenset(), frozenset()),
    "day_month_swapped": (frozenset(), frozenset()),
    "days": (frozenset({"at_most"}), frozenset()),
    "same_year": (frozenset(), frozenset()),
    "same_local_part": (frozenset(), frozenset()),
    "else": (frozenset(), frozenset()),
}
# Kinds that mean something for one column alone.
KINDS_OF_ONE_COLUMN = {
    "day_month_swapped": "birth_date",
    "days": "birth_date",
    "same_year": "birth_date",
    "same_local_part": "email",
}
ON_ONE_COLUMN = frozenset(LEVEL_KINDS) - {"equal", "else"}


class MatchingSettingsError(ValueError):
    """matching.toml or match_parameters.json can't be worked with; the message names file, key and fix."""


@dataclass(frozen=True)
class Level:
    """One degree of agreement. `columns` are what it compares; the rest means what matching.toml says."""

    name: str
    kind: str
    columns: tuple[str, ...]
    m: float
    u: float
    other: str | None = None
    at_least: float | None = None
    at_most: int | None = None
    min_length: int = 0
    same_digits: bool = False
    one_is_rare: bool = False
    frequency_of: str | None = None
    frequency_from: int = 1
    is_neutral: bool = False


@dataclass(frozen=True)
class Comparison:
    """A field, or fields that say one thing together, and the degrees in which two records agree in it."""

    name: str
    columns: tuple[str, ...]
    levels: tuple[Level, ...]


@dataclass(frozen=True)
class Guard:
    """Pairs that are never linked: those at one of the `levels` of every comparison named there, unless they are at
    one of the levels of every comparison that `unless` names. One that `tells_apart` keeps chains of links from
    joining the two as well."""

    name: str
    levels: Mapping[str, frozenset[str]]
    unless: Mapping[str, frozenset[str]]
    tells_apart: bool = True

    def refuses(self, found: Mapping[str, str]) -> bool:
        """Whether a pair at these levels (comparison → level) is refused.

        >>> guard = Guard("twins", {"first_name": frozenset({"differs"})}, {})
        >>> guard.refuses({"first_name": "differs"}), guard.refuses({"first_name": "exact"})
        (True, False)
        """
        if not all(found[comparison] in names for comparison, names in self.levels.items()):
            return False
        return not self.unless or not all(found[comparison] in names for comparison, names in self.unless.items())


@dataclass(frozen=True)
class Training:
    """How the rates of agreement come about."""

    is_u_estimated: bool
    is_m_estimated: bool
    u_prior_pairs: float
    m_prior_matches: float
    sample_records: int
    rounds: int


@dataclass(frozen=True)
class Groups:
    """What keeps links from chaining."""

    ambiguous_within: float
    min_mean_weight: float
    max_records: int


@dataclass(frozen=True)
class MatchingSettings:
    """All of matching.toml."""

    is_on: bool
    link_probability: float
    review_probability: float
    blocking_rules: tuple[tuple[str, ...], ...]
    max_block_records: int
    max_pairs: int
    training: Training
    comparisons: tuple[Comparison, ...]
    guards: tuple[Guard, ...]
    groups: Groups


# Everything a file that says no more than is_on = false leaves open; nobody reads it.
SWITCHED_OFF = MatchingSettings(
    is_on=False,
    link_probability=1.0,
    review_probability=1.0,
    blocking_rules=(),
    max_block_records=2,
    max_pairs=1,
    training=Training(False, False, 1.0, 1.0, 2, 1),
    comparisons=(),
    guards=(),
    groups=Groups(0.0, 0.0, 2),
)


def read_matching_settings(path: Path) -> MatchingSettings:
    """Reads and checks matching.toml. Raises MatchingSettingsError naming the file, the key and the fix."""
    try:
        declared = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MatchingSettingsError(f"{path.name}: this is not TOML ({error}). Mend the line it names.") from error
    return _settings(_Table(path.name, "", declared))


class _Table:
    """A table of the file that knows where it stands, takes its keys one by one, and tells of those nobody took."""

    def __init__(self, file: str, place: str, values: Mapping[str, Any]) -> None:
        self.file, self.place, self._values = file, place, dict(values)
        self._known: set[str] = set()

    def key(self, name: str) -> str:
        return f"{self.place}.{name}" if self.place else name

    def error(self, name: str, message: str) -> MatchingSettingsError:
        return MatchingSettingsError(f"{self.file}: {self.key(name)}: {message}")

    def has(self, name: str) -> bool:
        return name in self._values

    def take(self, name: str, default: Any = None, *, is_required: bool = True) -> Any:
        self._known.add(name)
        if name not in self._values:
            if is_required:
                raise self.error(name, "is missing. Add it; seeds/matching.toml shows one.")
            return default
        return self._values[name]

    def truth(self, name: str, default: bool | None = None) -> bool:
        value = self.take(name, default, is_required=default is None)
        if not isinstance(value, bool):
            raise self.error(name, f"{value!r} is not true or false.")
        return value

    def number(self, name: str, least: float, most: float, *, is_above_least: bool = False) -> float:
        value = self.take(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise self.error(name, f"{value!r} is not a number from {least:g} to {most:g}.")
        if is_above_least and value == least:
            raise self.error(name, f"{value!r} has to be above {least:g}.")
        return float(value)

    def whole(self, name: str, least: int, most: int, default: int | None = None) -> int:
        value = self.take(name, default, is_required=default is None)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.error(name, f"{value!r} is not a whole number from {least} to {most}.")
        return value

    def choice(self, name: str, choices: Iterable[str], default: str | None = None) -> str:
        choices = list(choices)
        value = self.take(name, default, is_required=default is None)
        if value not in choices:
            raise self.error(name, f"{value!r} is none of: {', '.join(choices)}.{_suggestion(value, choices)}")
        return value

    def text(self, name: str) -> str:
        value = self.take(name)
        if not isinstance(value, str) or not value.isidentifier():
            raise self.error(name, f"{value!r} is no name. Use letters, digits and underscores.")
        return value

    def choices(self, name: str, choices: Iterable[str], default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        choices = list(choices)
        value = self.take(name, list(default or ()), is_required=default is None)
        if not isinstance(value, list) or not value:
            raise self.error(name, f"{value!r} is not a list of names.")
        for one in value:
            if one not in choices:
                raise self.error(name, f"{one!r} is none of: {', '.join(choices)}.{_suggestion(one, choices)}")
        if len(set(value)) < len(value):
            raise self.error(name, "names one thing twice. Leave it once.")
        return tuple(value)

    def table(self, name: str) -> _Table:
        value = self.take(name)
        if not isinstance(value, dict):
            raise self.error(name, f"is not a table. Write [{self.key(name)}] and its keys below.")
        return _Table(self.file, self.key(name), value)

    def tables(self, name: str, *, is_required: bool = True) -> list[_Table]:
        value = self.take(name, [], is_required=is_required)
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise self.error(name, "is not a list of tables.")
        return [
            _Table(self.file, f"{self.key(name)}[{one.get('name', number)}]", one)
            for number, one in enumerate(value, 1)
        ]

    def done(self) -> None:
        """Raises for keys that nobody took: a misspelt one would else be passed over in silence."""
        for name in self._values:
            if name not in self._known:
                hint = _suggestion(name, sorted(self._known))
                raise self.error(name, f"there is no such key.{hint or ' Take it out.'}")


def _settings(file: _Table) -> MatchingSettings:
    is_on = file.truth("is_on")
    if not is_on:
        # of a switched-off matching the rest may be missing, and is not read
        file._known |= {"thresholds", "blocking", "training", "comparisons", "guards", "groups"}
        file.done()
        return SWITCHED_OFF
    thresholds = file.table("thresholds")
    link = thresholds.number("link", 0.5, 1.0)
    review = thresholds.number("review", 0.01, 1.0)
    if review > link:
        raise thresholds.error("review", f"{review:g} is above link ({link:g}). Set it to {link:g} or less.")
    thresholds.done()
    blocking = file.table("blocking")
    rules = blocking.take("rules")
    if not isinstance(rules, list) or not rules:
        raise blocking.error("rules", 'is not a list of lists of names, such as [["email"], ["last_name", "city"]].')
    checked = tuple(
        _Table(file.file, "blocking", {f"rules[{number}]": rule}).choices(f"rules[{number}]", BLOCK_KEYS)
        for number, rule in enumerate(rules, 1)
    )
    max_block_records = blocking.whole("max_block_records", 2, 100_000)
    max_pairs = blocking.whole("max_pairs", 1, 10**10)
    blocking.done()
    training = file.table("training")
    trained = Training(
        is_u_estimated=training.choice("u", ("estimated", "fixed")) == "estimated",
        is_m_estimated=training.choice("m", ("estimated", "fixed")) == "estimated",
        u_prior_pairs=training.number("u_prior_pairs", 1, 1e12),
        m_prior_matches=training.number("m_prior_matches", 1, 1e12),
        sample_records=training.whole("sample_records", 2, 20_000),
        rounds=training.whole("rounds", 1, 1_000),
    )
    training.done()
    comparisons = tuple(_comparison(table) for table in file.tables("comparisons"))
    if not comparisons:
        raise file.error("comparisons", "there is none, so nothing could tell two records apart. Add one.")
    if len({comparison.name for comparison in comparisons}) < len(comparisons):
        raise file.error("comparisons", "two have the same name. Rename one.")
    guards = tuple(_guard(table, comparisons) for table in file.tables("guards", is_required=False))
    groups = file.table("groups")
    grouped = Groups(
        ambiguous_within=groups.number("ambiguous_within", 0, 1_000),
        min_mean_weight=groups.number("min_mean_weight", -1_000, 1_000),
        max_records=groups.whole("max_records", 2, 5_000),
    )
    groups.done()
    file.done()
    return MatchingSettings(
        is_on, link, review, checked, max_block_records, max_pairs, trained, comparisons, guards, grouped
    )


def _comparison(table: _Table) -> Comparison:
    name = table.text("name")
    columns = table.choices("columns", COLUMNS)
    levels = tuple(_level(level, columns) for level in table.tables("levels"))
    table.done()
    if not levels or levels[-1].kind != "else" or any(level.kind == "else" for level in levels[:-1]):
        raise table.error("levels", 'the last one, and only the last one, has to be is = "else".')
    names = [level.name for level in levels]
    if len(set(names)) < len(names) or MISSING in names:
        raise table.error("levels", f'each needs a name of its own, and none may be called "{MISSING}".')
    for kind in ("m", "u"):
        total = sum(getattr(level, kind) for level in levels if not level.is_neutral)
        if not 0.98 <= total <= 1.02:
            raise table.error("levels", f"their {kind} add up to {total:.4g}. They have to add up to 1.")
    return Comparison(name, columns, levels)


def _level(table: _Table, columns: tuple[str, ...]) -> Level:
    name = table.text("name")
    kind = table.choice("is", LEVEL_KINDS)
    needed, allowed = LEVEL_KINDS[kind]
    own = table.choices("columns", columns, columns) if kind != "else" else columns
    if kind in ON_ONE_COLUMN and len(own) != 1:
        raise table.error("columns", f'is = "{kind}" compares one column. Name it: columns = ["{own[0]}"].')
    if own[0] != KINDS_OF_ONE_COLUMN.get(kind, own[0]):
        raise table.error("is", f'"{kind}" is for {KINDS_OF_ONE_COLUMN[kind]}, not for {own[0]}.')
    for key in ("with", "at_least", "at_most", "min_length", "same_digits", "one_is_rare"):
        if key in needed and not table.has(key):
            raise table.error(key, f'is missing: is = "{kind}" needs it.')
        if table.has(key) and key not in needed | allowed:
            raise table.error(key, f'is = "{kind}" has no use for it. Take it out.')
    is_neutral = table.truth("is_neutral", False)
    if is_neutral and (table.has("m") or table.has("u")):
        raise table.error("is_neutral", "a level that weighs nothing has no m and u. Take them out.")
    level = Level(
        name=name,
        kind=kind,
        columns=own,
        m=0.001 if is_neutral else table.number("m", 0, 1, is_above_least=True),
        u=0.001 if is_neutral else table.number("u", 0, 1, is_above_least=True),
        other=table.choice("with", COLUMNS) if table.has("with") else None,
        at_least=table.number("at_least", 0, 1) if table.has("at_least") else None,
        at_most=table.whole("at_most", 1, 10_000) if table.has("at_most") else None,
        min_length=table.whole("min_length", 1, 200) if table.has("min_length") else 0,
        same_digits=table.truth("same_digits", False),
        one_is_rare=table.truth("one_is_rare", False),
        frequency_of=table.choice("frequency_of", own) if table.has("frequency_of") else None,
        frequency_from=table.whole("frequency_from", 1, 1_000_000) if table.has("frequency_from") else 1,
        is_neutral=is_neutral,
    )
    if level.one_is_rare and own[0] not in ("first_name", "last_name"):
        raise table.error("one_is_rare", f"is counted for first_name and last_name, not for {own[0]}. Take it out.")
    if level.frequency_of and (kind != "equal" or len(own) != 1):
        raise table.error("frequency_of", 'only a level with is = "equal" on one column knows which value is shared.')
    if level.frequency_from > 1 and not level.frequency_of:
        raise table.error("frequency_from", "means nothing without frequency_of. Add that, or take this out.")
    table.done()
    return level


def _guard(table: _Table, comparisons: tuple[Comparison, ...]) -> Guard:
    levels = {comparison.name: (MISSING, *(level.name for level in comparison.levels)) for comparison in comparisons}

    def conditions(key: str, *, is_required: bool) -> dict[str, frozenset[str]]:
        if not is_required and not table.has(key):
            return {}
        inner = table.table(key)
        found = {name: frozenset(inner.choices(name, levels[name])) for name in levels if inner.has(name)}
        inner._known |= set(levels)
        inner.done()
        if not found:
            raise table.error(key, f"names no comparison. Choose from: {', '.join(levels)}.")
        return found

    guard = Guard(
        table.text("name"),
        conditions("levels", is_required=True),
        conditions("unless", is_required=False),
        table.truth("tells_apart"),
    )
    table.take("unless", is_required=False)
    table.done()
    return guard


def _suggestion(word: object, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(word), list(known), n=1)
    return f" Did you mean {close[0]}?" if close else ""
