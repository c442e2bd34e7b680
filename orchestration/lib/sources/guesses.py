"""Guesses from the values of a sample what a contract would say of them: types, key, persons, times, events.

A guess is a proposal that a person looks at. Where two readings fit, the one that harms less is proposed: a number that
identifies something is text, a date whose day and month can't be told apart says so.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from orchestration.lib.config.contracts import RESERVED_COLUMNS, folded
from orchestration.lib.config.personal import may_name_a_person
from orchestration.lib.sources.samples import Sample, SampleColumn, SampleInvalid, SamplePart

# What tools write where there is no value.
NULL_WORDS = ("NULL", "null", "\\N", "N/A", "n/a", "#N/A", "NaN", "nan", "None", "-", "--")
# Those that no text of a column means.
NULL_WORDS_OF_TEXTS = ("NULL", "\\N", "#N/A")
# How many values decide about a type.
LOOKED_AT = 1_000
ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
ISO_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?( ?(Z|UTC|[+-]\d{2}:?(\d{2})?))?")
# The first that fits counts; of those with day and month as numbers another may fit as well.
TIME_FORMATS = tuple(
    f"{day}{clock}"
    for day in ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y/%m/%d", "%Y.%m.%d", "%b %d, %Y", "%d %b %Y",
                "%d.%m.%y", "%m/%d/%y", "%Y%m%d")
    for clock in ("", " %H:%M:%S", " %H:%M", " %I:%M %p", " %I:%M:%S %p", ", %H:%M", ", %H:%M:%S")
)  # fmt: skip
OTHER_READING = {"%d/%m/%Y": "%m/%d/%Y", "%m/%d/%Y": "%d/%m/%Y"}
TIME_UNITS = (
    ("seconds", 1e9, 2.2e9), ("millis", 1e12, 2.2e12), ("micros", 1e15, 2.2e15), ("spreadsheet_days", 30_000, 60_000),
)  # fmt: skip
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
WHOLE = re.compile(r"[+-]?\d{1,18}")
POINT_AND_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
COMMA = re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d+),\d+")
COMMA_THOUSANDS_ONLY = re.compile(r"[+-]?\d{1,3}(\.\d{3})+")
CURRENCY_SYMBOL = re.compile(r"^\s*(?P<before>[€$£¥]|[A-Z]{3} )?\s*[+-]?[\d.,]+\s*(?P<after>[€$£¥]|[A-Z]{3})?\s*$")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
PHONE = re.compile(r"'?\+?[\d ()/.-]{7,20}")

NAMES_OF_IDS = re.compile(
    r"(^|_)(id|ids|uuid|guid|key|number|no|nr|num|code|ref|reference|token|sku|ean|zip|postcode)$"
)
NAMES_OF_TIMES = re.compile(
    r"(^|_)(at|on|time|date|datetime|timestamp|ts|created|updated|modified|closed|opened)($|_)|date$"
)
NAMES_OF_VERSIONS = re.compile(
    r"(^|_)(updated|modified|changed|last_?modified|last_?updated|geandert|aktualisiert|gewijzigd|modifie)(_|$)"
    r"|lastmodifieddate$|^updated"
)
NAMES_OF_TRUTHS = re.compile(r"^(is|has|was|can)_|(^|_)(test|active|deleted|verified|accepted|accepts)(_|$)")
NAMES_OF_PLANS = re.compile(
    r"(^|_)(due|expected|planned|scheduled|valid|expires|expiry|birth|dob|start_of|end_of|geburt|geboorte|naissance)"
)
NAMES_OF_AMOUNTS = re.compile(
    r"^(total|amount|grand_total|total_price|price|revenue|value|total_amount|order_total|betrag|summe|gesamt|bedrag|montant)$"
)
NAMES_OF_TESTS = re.compile(r"^(is_)?test(_order|_mode)?$")
NAMES_OF_EVENTS = ("event_name", "event", "activity", "event_type")
FIELDS_OF_PEOPLE = {
    "first_name": r"first_?name|given_?name|vorname",
    "last_name": r"last_?name|surname|family_?name|nachname",
    "street": r"(billing_|mailing_)?(street|address1?|address_line_?1)",
    "city": r"(billing_|mailing_)?(city|town|ort)",
    "postcode": r"(billing_|mailing_)?(zip|zip_code|postcode|postal_code|plz)",
    "country": r"(billing_|mailing_)?country(_code)?",
    "birth_date": r"birth_?(date|day)|date_of_birth|dob",
}
# The types of identifiers that are shipped, by what columns that hold them are called.
IDENTIFIERS = (
    ("loyalty_card", re.compile(r"(^|_)(loyalty_?card|card_?number|membership_(id|number))$")),
    ("customer_number", re.compile(r"^(customer|client|account|contact|buyer|user|member)(_?(id|number|no|nr))?$")),
    ("cookie", re.compile(r"(^|_)(cookie|anonymous_id|visitor_id|user_pseudo_id|client_id|ga_client_id)$")),
    ("device_id", re.compile(r"(^|_)(device_id|idfa|gaid|installation_id)$")),
    ("social_handle", re.compile(r"(^|_)(handle|twitter|instagram|social_handle)$")),
)
TABLES_OF_PEOPLE = re.compile(
    r"contact|customer|people|person|subscriber|member|lead|user|audience|kontakt|kunde|klant"
)
# As the number of a customer: all guests would be one person.
NUMBERS_OF_NOBODY = {"0", "-1"}
# Amounts are gross: what was paid back is a property (docs/bring_your_own_data.md).
TABLES_OF_MONEY_BACK = re.compile(r"refund|chargeback|credit_?note|dispute")
FEW_VALUES = 30
ZONES_OF_TIMES = {"utc", "gmt", "local"}
# Columns of the event contract that a column of the same meaning fills.
NAMES_IN_EVENTS = {
    "channel": ("channel",),
    "campaign": ("campaign", "campaign_name", "utm_campaign"),
    "utm_source": ("utm_source",),
    "utm_medium": ("utm_medium",),
    "referrer": ("referrer", "referer"),
}
# Columns that hold the name of a person, where the same object or row has their address.
NAMES_BESIDE_ADDRESSES = re.compile(r"(^|_)(display_|nick_?)?name$")
# The last words of paths that say nothing of what is in a list.
WORDS_OF_LISTS = ("data", "items", "nodes", "edges", "values", "elements", "records", "results", "list")


@dataclass
class ColumnGuess:
    """What a contract would say of a column. `why` has the reasons, for the comments."""

    sample: SampleColumn
    name: str
    data_type: str = "string"
    meta: dict[str, str | bool | list[str]] = field(default_factory=dict)
    why: list[str] = field(default_factory=list)
    null_words: set[str] = field(default_factory=set)

    @property
    def filled(self) -> list[str]:
        return [text for text in self.sample.filled if text not in self.null_words]

    @property
    def is_filled(self) -> bool:
        return bool(self.sample.texts) and len(self.filled) == len(self.sample.texts)

    @property
    def is_unique(self) -> bool:
        return self.is_filled and len(set(self.filled)) == len(self.filled)

    @property
    def is_personal(self) -> bool:
        return bool(self.meta.get("personal"))

    @property
    def is_time(self) -> bool:
        return self.data_type in ("timestamp", "date")


@dataclass(frozen=True)
class PartGuess:
    """A table whose rows are in those of another: the elements of a list at `path`, or without it the lines of a key.

    `repeated` are columns of that other table by their names in this one.
    """

    table: str
    path: str | None
    columns: Sequence[ColumnGuess]
    repeated: Mapping[str, ColumnGuess]
    events: Sequence[Mapping[str, object]]
    row_count: int


@dataclass(frozen=True)
class KeyGuess:
    """The key of a table, why, and how lines under one key are read."""

    columns: tuple[str, ...]
    why: str
    version: str | None
    key_lines: str | None = None


def column_name(header: str) -> str:
    """A name of a column for a header: lower case, words of camelCase apart, accents and punctuation gone.

    >>> column_name("createdAt"), column_name("Größe in %"), column_name("2nd e-mail")
    ('created_at', 'grosse_in', 'c_2nd_e_mail')
    """
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", header.replace("ß", "ss"))
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode()
    name = re.sub(r"[^0-9a-z]+", "_", plain.lower()).strip("_")[:60].rstrip("_") or "column"
    name = name if name[0].isalpha() else f"c_{name}"
    return f"{name}_" if name in RESERVED_COLUMNS else name


def guess_columns(sample: Sample, table: str) -> list[ColumnGuess]:
    """A guess for each column; two headers that fold to one name get two. Raises SampleInvalid without any row."""
    if not sample.row_count:
        raise SampleInvalid(f"{sample.path}: it has a header and no row. Export some rows; they tell the types.")
    guesses = _guesses_of(sample.columns)
    if TABLES_OF_PEOPLE.search(table):
        key = guess_key(guesses, table)
        for guess in guesses:
            # ids of events are published: that of a person is hashed
            if guess.name in key.columns and not guess.is_personal:
                guess.meta["personal"] = True
                guess.why.append("the number of a person")
    return guesses


def _guesses_of(columns: Iterable[SampleColumn]) -> list[ColumnGuess]:
    guesses: list[ColumnGuess] = []
    taken: dict[str, int] = {}
    for column in columns:
        name = column_name(column.name)
        taken[name] = taken.get(name, 0) + 1
        guess = ColumnGuess(column, name if taken[name] == 1 else f"{name}_{taken[name]}")
        if taken[name] > 1:
            guess.why.append(f"'{column.name}' folds to {name} as another header does")
        if column.path is not None:
            guess.meta["path"] = column.path
        elif folded(column.name) != folded(guess.name):
            guess.meta["source_name"] = column.name
        _guess_type(guess)
        _guess_person(guess)
        guesses.append(guess)
    _guess_names_next_to_addresses(guesses)
    _keep_local_times_as_texts(guesses)
    for guess in guesses:
        if guess.is_personal:
            # no value of a person goes into a file that is kept with code
            said = (re.sub(r"\s*such as .*", "", why) for why in guess.why)
            guess.why = [why for why in said if why]
    # headers that differ in spelling alone keep their spelling
    spellings = Counter(folded(guess.sample.name) for guess in guesses if guess.sample.path is None)
    for guess in guesses:
        if guess.sample.path is None and spellings[folded(guess.sample.name)] > 1:
            guess.meta["source_name"] = guess.sample.name
    return guesses


def _mark_ids_of_persons(guesses: Iterable[ColumnGuess]) -> None:
    for guess in guesses:
        is_told = NAMES_OF_IDS.search(guess.name) or NAMES_BESIDE_ADDRESSES.search(guess.name)
        if is_told and guess.data_type == "string" and guess.filled and not guess.is_personal:
            guess.meta["personal"] = True
            guess.why.append("of a person")


def _guess_names_next_to_addresses(guesses: Sequence[ColumnGuess]) -> None:
    """A name in an object that has an address or a telephone number as well is that of a person."""

    def place(guess: ColumnGuess) -> str:
        return (guess.sample.path or "").rpartition(".")[0]

    # the row itself has names of all kinds: an order's next to its buyer's address
    of_persons = {place(guess) for guess in guesses if identifier_of(guess) in ("email", "phone")} - {"", "$"}
    for guess in guesses:
        if (
            place(guess) in of_persons
            and guess.data_type == "string"
            and NAMES_BESIDE_ADDRESSES.search(guess.name)
            and not guess.is_personal
        ):
            guess.meta["personal"] = True
            guess.why.append("a name next to an address")


def _keep_local_times_as_texts(guesses: Sequence[ColumnGuess]) -> None:
    """Of a time that is there in UTC and in local time the first is the moment, and the other one is no time."""
    in_utc = {}
    for guess in guesses:
        words = guess.name.split("_")
        if guess.is_time and {"utc", "gmt"} & set(words):
            in_utc[_without_zone(words)] = guess
            guess.why = [why for why in guess.why if "without an offset" not in why]
            guess.why.append("in UTC, so leave time_zone as it is")
    for guess in guesses:
        moment = in_utc.get(_without_zone(guess.name.split("_")))
        if guess.is_time and moment is not None and moment is not guess:
            guess.data_type = "string"
            for key in ("time_format", "time_unit"):
                guess.meta.pop(key, None)
            guess.why = [f"{moment.name} in local time, kept as text: it would be a second moment"]


def _without_zone(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(word for word in words if word not in ZONES_OF_TIMES)


def _guess_type(guess: ColumnGuess) -> None:
    if guess.sample.is_json:
        guess.data_type = "json"
        guess.why.append("a list or an object")
        return
    given = guess.sample.filled[:LOOKED_AT]
    values = [text for text in given if text not in NULL_WORDS]
    if not values:
        guess.why.append("no value in the sample")
        return
    has_type = _guess_truth(guess, values) or _guess_time(guess, values) or _guess_number(guess, values)
    guess.null_words = {word for word in given if word in (NULL_WORDS if has_type else NULL_WORDS_OF_TEXTS)}
    if guess.null_words:
        guess.why.append(f"{', '.join(sorted(guess.null_words))} is no value")


def _guess_truth(guess: ColumnGuess, values: Sequence[str]) -> bool:
    words = {value.lower() for value in values}
    if words <= {"true", "false"} or (words <= {"0", "1"} and NAMES_OF_TRUTHS.search(guess.name)):
        guess.data_type = "boolean"
        return True
    return False


def _guess_time(guess: ColumnGuess, values: Sequence[str]) -> bool:
    if all(ISO_DAY.fullmatch(value) for value in values):
        guess.data_type = "date"
        return True
    if all(ISO_TIME.fullmatch(value) or ISO_DAY.fullmatch(value) for value in values):
        guess.data_type = "timestamp"
        if not any(re.search(r"(Z|UTC|[+-]\d{2}:?\d{0,2})$", value[16:]) for value in values):
            guess.why.append("without an offset: look at time_zone")
        return True
    is_number = all(NUMBER.fullmatch(value) for value in values)
    if is_number and NAMES_OF_TIMES.search(guess.name):
        for unit, low, high in TIME_UNITS:
            if all(low <= float(value) <= high for value in values):
                guess.data_type = "timestamp"
                guess.meta["time_unit"] = unit
                guess.why.append(f"{unit.replace('_', ' ')} such as {values[0]}")
                return True
    for time_format in TIME_FORMATS:
        # digits alone are a day only in a column of that name
        if time_format == "%Y%m%d" and not NAMES_OF_TIMES.search(guess.name):
            continue
        if _fits(time_format, values):
            guess.data_type = "timestamp" if ":" in time_format else "date"
            guess.meta["time_format"] = time_format
            day = time_format[:8]
            other = time_format.replace(day, OTHER_READING.get(day, day))
            if other != time_format and _fits(other, values):
                guess.why.append(f"day and month can't be told apart; {other} fits as well")
            else:
                guess.why.append(f"such as {values[0]}")
            if guess.data_type == "timestamp":
                guess.why.append("without an offset: look at time_zone")
            return True
    return False


def _fits(time_format: str, values: Sequence[str]) -> bool:
    try:
        for value in values:
            datetime.strptime(value, time_format)
    except ValueError:
        return False
    return True


def _guess_number(guess: ColumnGuess, values: Sequence[str]) -> bool:
    if NAMES_OF_IDS.search(guess.name) or may_name_a_person(guess.name):
        return False
    symbols = {
        (found["before"] or found["after"] or "").strip()
        for value in values
        if (found := CURRENCY_SYMBOL.match(value)) is not None
    }
    symbol = next(iter(symbols)) if len(symbols) == 1 else ""
    plain = [value.replace(symbol, "").strip() if symbol else value for value in values]
    if all(WHOLE.fullmatch(value) for value in plain) and not symbol:
        if any(re.match(r"[+-]?0\d", value) for value in plain):
            return False
        guess.data_type = "bigint"
        return True
    digits = 0
    if all(NUMBER.fullmatch(value) for value in plain):
        digits = max(len(value.partition(".")[2]) for value in plain)
    elif all(
        COMMA.fullmatch(value) or WHOLE.fullmatch(value) or COMMA_THOUSANDS_ONLY.fullmatch(value) for value in plain
    ):
        guess.meta["decimal"] = ","
        if any("." in value for value in plain):
            guess.meta["thousands"] = "."
        digits = max(len(value.partition(",")[2]) for value in plain)
    elif all(POINT_AND_THOUSANDS.fullmatch(value) or NUMBER.fullmatch(value) for value in plain):
        guess.meta["thousands"] = ","
        digits = max(len(value.partition(".")[2]) for value in plain)
    else:
        return False
    if symbol:
        guess.meta["currency_symbol"] = symbol
    if any(key in guess.meta for key in ("decimal", "thousands", "currency_symbol")):
        guess.why.append(f"such as {values[0]}")
    guess.data_type = "double" if digits > 6 else f"decimal(18,{2 if digits <= 2 else 6})"
    return True


def _guess_person(guess: ColumnGuess) -> None:
    values = guess.filled[:LOOKED_AT]
    if not values:
        # later ones may be of persons
        if guess.data_type == "string" and may_name_a_person(guess.name):
            guess.meta["personal"] = True
        return
    if guess.data_type == "boolean" or (guess.is_time and not NAMES_OF_PLANS.search(guess.name)):
        return
    if _share(values, EMAIL.fullmatch) > 0.5:
        guess.meta["personal"] = True
        guess.why.append("e-mail addresses")
    elif re.search(r"phone|mobile|cell|handy|(^|_)tel", guess.name) and _share(values, PHONE.fullmatch) > 0.5:
        guess.meta |= {"personal": True, "identifier_type": "phone"}
        guess.why.append("telephone numbers")
    elif guess.data_type == "json":
        guess.meta["personal"] = True
        guess.why.append("may hold anything")
    elif guess.data_type in ("string", "date") and (may_name_a_person(guess.name) or identifier_of(guess) is not None):
        guess.meta["personal"] = True
        guess.why.append("may name a person")
        if nobody := sorted(NUMBERS_OF_NOBODY & set(values)) if len(set(values)) > 1 else []:
            guess.meta["null_values"] = nobody
            guess.why.append(f"{' and '.join(nobody)} is nobody: a guest")


def _share(values: Sequence[str], holds: Callable[[str], object]) -> float:
    return sum(bool(holds(value.strip())) for value in values) / len(values)


def identifier_of(guess: ColumnGuess) -> str | None:
    """The type of identifier that a column holds, by its name and its values."""
    if guess.meta.get("identifier_type") == "phone":
        return "phone"
    if guess.filled and guess.data_type == "string" and _share(guess.filled[:LOOKED_AT], EMAIL.fullmatch) > 0.5:
        return "email"
    if guess.data_type in ("string", "bigint"):
        return next((kind for kind, pattern in IDENTIFIERS if pattern.search(guess.name)), None)
    return None


def identifiers_of(guesses: Iterable[ColumnGuess]) -> dict[str, str]:
    """The first column of each type of identifier."""
    found: dict[str, str] = {}
    for guess in guesses:
        if (kind := identifier_of(guess)) is not None:
            found.setdefault(kind, guess.name)
    return found


def guess_key(guesses: Sequence[ColumnGuess], table: str) -> KeyGuess:
    """The column that names a row, else one with a version or with lines, else two columns together."""
    version = next((guess.name for guess in guesses if guess.is_time and NAMES_OF_VERSIONS.search(guess.name)), None)
    rows = len(guesses[0].sample.texts)
    named = [guess for guess in guesses if _may_be_key(guess, table)]
    named.sort(key=lambda guess: guess.name not in ("id", f"{singular(table)}_id"))
    unique = [guess for guess in named if guess.is_unique]
    if unique:
        return KeyGuess((unique[0].name,), f"filled and different in all {rows} rows", version)
    by_name = {guess.name: guess for guess in guesses}
    log = _log_columns(guesses)
    if log and _are_unique(log):
        return KeyGuess(tuple(guess.name for guess in log), f"together different in all {rows} rows: a log", version)
    for guess in named:
        if not guess.is_filled:
            continue
        if version is not None and _are_unique((guess, by_name[version])):
            return KeyGuess((guess.name,), f"with {version} different in all {rows} rows: several versions", version)
    # a column of one value, or of a few, names no row: it is a status, a country
    repeated = [guess for guess in named if guess.is_filled and rows / 10 < len(set(guess.filled)) < rows]
    further = f"{rows - len(set(repeated[0].filled))} of {rows} rows are further lines of a key" if repeated else ""
    if repeated and _are_empty_after_first(repeated[0], guesses):
        return KeyGuess((repeated[0].name,), further, version, "first_filled")
    for first, second in itertools.combinations(named, 2):
        if first.is_filled and second.is_filled and _are_unique((first, second)):
            return KeyGuess((first.name, second.name), f"together different in all {rows} rows", version)
    if repeated and not any(guess.is_unique for guess in guesses if not guess.is_time):
        return KeyGuess((repeated[0].name,), further, version, "lines")
    first = next((guess for guess in guesses if guess.is_unique and not guess.is_time), guesses[0])
    why = f"different in all {rows} rows" if first.is_unique else "no column differs in all rows: name the key yourself"
    return KeyGuess((first.name,), why, version)


def _log_columns(guesses: Sequence[ColumnGuess]) -> list[ColumnGuess]:
    """Who, when and what of a log, as far as every row has them; none where no column names what happened."""
    filled = [guess for guess in guesses if guess.is_filled]
    what = [guess for guess in filled if _names_events(guess)][:1]
    when = sorted((guess for guess in filled if guess.is_time), key=lambda guess: guess.data_type == "date")[:1]
    who = [guess for guess in filled if identifier_of(guess) and guess not in (*what, *when)][:1]
    return [*who, *when, *what] if what and when else []


def _names_events(guess: ColumnGuess) -> bool:
    return guess.name in NAMES_OF_EVENTS and guess.data_type == "string" and not guess.is_personal


def _may_be_key(guess: ColumnGuess, table: str) -> bool:
    is_named = NAMES_OF_IDS.search(guess.name) or guess.name in ("name", table, singular(table))
    is_persons = guess.is_personal and not re.search(r"(^|_)(id|number|no|nr)$", guess.name)
    return bool(is_named) and guess.data_type in ("string", "bigint") and not is_persons


def _are_unique(columns: Sequence[ColumnGuess]) -> bool:
    rows = list(zip(*(column.sample.texts for column in columns), strict=True))
    return len(set(rows)) == len(rows)


def _are_empty_after_first(key: ColumnGuess, guesses: Sequence[ColumnGuess]) -> bool:
    """Whether some column has a value on the first line of each key and on no other line of it."""
    seen: set[str | None] = set()
    further = [place for place, text in enumerate(key.sample.texts) if text in seen or seen.add(text)]  # type: ignore[func-returns-value]
    return any(
        guess.filled and all(guess.sample.texts[place] is None for place in further)
        for guess in guesses
        if guess is not key
    )


def singular(table: str) -> str:
    """The word for one row of a table.

    >>> singular("orders"), singular("activities"), singular("boxes"), singular("news")
    ('order', 'activity', 'box', 'news')
    """
    for ending, single in (("ies", "y"), ("xes", "x"), ("sses", "ss")):
        if table.endswith(ending):
            return table[: -len(ending)] + single
    return table[:-1] if table.endswith("s") and not table.endswith(("ss", "us", "ws", "is")) else table


def guess_parts(sample: Sample, guesses: Sequence[ColumnGuess], table: str, key: KeyGuess) -> list[PartGuess]:
    """A proposal for a table for each list in the rows, and for one of the lines of a key.

    The columns that lines have for themselves are `lines_of_a_key`.
    """
    events = [str(event["event_name"]) for event in guess_events(guesses, table, key)]
    named = {table}
    parts = []
    for part in sample.parts:
        name = _free(_part_name(part, table), named)
        columns = _guesses_of(part.columns)
        if TABLES_OF_PEOPLE.search(name.removeprefix(f"{singular(table)}_")):
            _mark_ids_of_persons(columns)
        parts.append(_part(name, part.path, columns, guesses, table, key, part.row_count, events))
    if lines := lines_of_a_key(guesses, key):
        name = _free(f"{singular(table)}_lines", named)
        parts.append(_part(name, None, lines, guesses, table, key, sample.row_count, events))
    return parts


def lines_of_a_key(guesses: Sequence[ColumnGuess], key: KeyGuess) -> list[ColumnGuess]:
    """The columns that differ between the lines of a key, where only the first line has those of the whole."""
    if key.key_lines != "first_filled":
        return []
    [named] = [guess for guess in guesses if guess.name == key.columns[0]]
    found = []
    for guess in guesses:
        values: dict[str | None, set[str]] = {}
        for of_key, text in zip(named.sample.texts, guess.sample.texts, strict=True):
            values.setdefault(of_key, set()).update(() if text is None else (text,))
        if any(len(of_one) > 1 for of_one in values.values()):
            found.append(guess)
    return found


def _part_name(part: SamplePart, table: str) -> str:
    """The table for the elements of a list, by the last word of its path that says something.

    >>> [_part_name(SamplePart(name, "$", (), 1), "orders") for name in ("line_items", "refunds.data", "order.tags")]
    ['order_line_items', 'order_refunds', 'order_tags']
    """
    words = [column_name(word).strip("_") for word in part.name.split(".")]
    said = [word for word in words if word not in WORDS_OF_LISTS] or words
    name = re.sub(r"^c_", "", said[-1])
    return name if name.startswith(f"{singular(table)}_") else f"{singular(table)}_{name}"


def _free(name: str, taken: set[str]) -> str:
    numbered = (f"{name}_{number}" for number in itertools.count(2))
    found = next(one for one in itertools.chain((name,), numbered) if one not in taken)
    taken.add(found)
    return found


def _part(
    name: str,
    path: str | None,
    columns: Sequence[ColumnGuess],
    of_table: Sequence[ColumnGuess],
    table: str,
    key: KeyGuess,
    row_count: int,
    events_elsewhere: list[str],
) -> PartGuess:
    for column in columns:
        # the element itself, of a list of plain values
        column.name = singular(name.removeprefix(f"{singular(table)}_")) if column.sample.path == "$" else column.name
    taken = {column.name for column in columns}
    changed = next((one.name for one in columns if one.is_time and NAMES_OF_VERSIONS.search(one.name)), None)
    events = guess_events(columns, name, KeyGuess((), "", changed), taken=events_elsewhere)
    repeated: dict[str, ColumnGuess] = {}
    who = identifiers_of(of_table) if events and not identifiers_of(columns) else {}
    for guess in of_table:
        if guess.name in key.columns or guess.name in who.values():
            known = guess.name.startswith(f"{singular(table)}_")
            own = guess.name if known or guess.name not in key.columns else f"{singular(table)}_{guess.name}"
            repeated[_free(own if own not in taken else f"parent_{own}", taken)] = guess
    names = {guess.name: own for own, guess in repeated.items()}
    if who:
        events = [{**event, "identifiers": {kind: names[column] for kind, column in who.items()}} for event in events]
    return PartGuess(name, path, columns, repeated, events, row_count)


def guess_events(
    guesses: Sequence[ColumnGuess], table: str, key: KeyGuess, taken: list[str] | None = None
) -> list[dict[str, object]]:
    """A proposal for `events`: one per column with a time at which something happened.

    Names of events that are `taken` by other tables of the source are left out, and those found are added.
    """
    times = [
        guess
        for guess in guesses
        if guess.is_time and guess.name != key.version and not NAMES_OF_PLANS.search(guess.name) and guess.filled
    ]
    if not times and key.version is not None:
        times = [guess for guess in guesses if guess.name == key.version]
    begins = ("created", "placed", "ordered", "opened", "angelegt", "bestellt")
    times.sort(key=lambda one: (not one.is_filled, one.data_type == "date", not one.name.startswith(begins)))
    named = next((guess for guess in guesses if guess.is_filled and _names_events(guess)), None)
    test = next((guess for guess in guesses if NAMES_OF_TESTS.match(guess.name) and guess.data_type == "boolean"), None)
    identifiers = identifiers_of(guesses)
    told = _told_by_columns(guesses)
    properties = [name for name in properties_of(guesses, key) if name not in told.values()]
    events: list[dict[str, object]] = []
    names = taken if taken is not None else []
    # of a log the rows are events; other times of a row are about the same one
    for number, time in enumerate(times[:1] if named is not None else times):
        event: dict[str, object] = {}
        name = f"{singular(table)}_{_verb_of(time.name)}"
        # a text that is the name of a column is taken for a mistake
        name = f"{name}_recorded" if any(guess.name == name for guess in guesses) else name
        event["event_name"] = {"column": named.name} if named is not None and number == 0 else name
        if name in names:
            continue
        names.append(name)
        event["occurred_at"] = time.name
        if test is not None:
            event["when"] = {test.name: {"not": True}}
        event |= {name: {"column": column} for name, column in told.items()}
        if identifiers:
            event["identifiers"] = identifiers
        if number == 0:
            # once per row, or its money would count as often as it moves
            event |= {} if TABLES_OF_MONEY_BACK.search(table) else _money_of(guesses)
        if properties:
            event["properties"] = properties
        events.append(event)
    return events


def _told_by_columns(guesses: Sequence[ColumnGuess]) -> dict[str, str]:
    """Columns of the event contract, with the columns that are named as they are."""
    by_name = {guess.name: guess for guess in guesses if guess.data_type == "string" and guess.filled}
    found = {}
    for wanted, names in NAMES_IN_EVENTS.items():
        column = next((by_name[name] for name in names if name in by_name), None)
        if column is not None and not column.is_personal:
            found[wanted] = column.name
    return found


def _verb_of(name: str) -> str:
    name = "_".join(_without_zone(name.split("_")))
    stem = re.sub(r"_?(at|on|time|date|datetime|timestamp|ts)$", "", name)
    stem = re.sub(r"^(date|time|datetime|timestamp)_?", "", stem)
    return "recorded" if stem in ("", "date", "time", "event", "occurred", "happened") else stem


def _money_of(guesses: Sequence[ColumnGuess]) -> Mapping[str, object]:
    numbers = [guess for guess in guesses if guess.data_type.startswith(("decimal", "double", "bigint"))]
    ordered = sorted(numbers, key=lambda guess: not guess.name.startswith(("total", "amount", "grand")))
    amount = next((guess for guess in ordered if NAMES_OF_AMOUNTS.match(guess.name)), None)
    if amount is None:
        return {}
    currency = next(
        (
            guess
            for guess in guesses
            if guess.name in ("currency", "currency_code") and guess.data_type == "string" and not guess.is_personal
        ),
        None,
    )
    symbols = {"€": "EUR", "£": "GBP", "$": "USD", "¥": "JPY"}
    symbol = str(amount.meta.get("currency_symbol", ""))
    found: dict[str, object] = {"amount": amount.name}
    if amount.data_type == "bigint" and amount.filled and min(map(len, amount.filled)) > 2:
        amount.why.append("whole numbers: where they are cents, add `amount_divided_by: 100` below `amount`")
    if currency is not None:
        found["currency"] = {"column": currency.name}
    elif symbol:
        found["currency"] = symbols.get(symbol, symbol)
    return found


def properties_of(guesses: Sequence[ColumnGuess], key: KeyGuess) -> list[str]:
    """Columns that are fit to be published: of values that repeat, or the key, and none that may be about a person."""
    return [
        guess.name
        for guess in guesses
        if guess.data_type in ("string", "boolean", "bigint")
        and not guess.is_personal
        and identifier_of(guess) is None
        and guess.name not in NAMES_OF_EVENTS
        and not NAMES_OF_TESTS.match(guess.name)
        and guess.filled
        and guess.name not in ("currency", "currency_code")
        and (guess.name in key.columns or _tells_rows_apart(guess))
    ]


def _tells_rows_apart(guess: ColumnGuess) -> bool:
    """Whether values repeat, and not one of them alone, such as the name of the object in every row of an answer."""
    values = len(set(guess.filled))
    return (values > 1 or len(guess.filled) < FEW_VALUES) and values <= min(FEW_VALUES, len(guess.filled) / 2)


def guess_people(guesses: Sequence[ColumnGuess], table: str, key: KeyGuess) -> dict[str, object]:
    """A proposal for `people`, where the table is one of persons."""
    identifiers = identifiers_of(guess for guess in guesses if guess.name not in key.columns)
    if not TABLES_OF_PEOPLE.search(table) or not identifiers or len(key.columns) > 1 or key.key_lines:
        return {}
    people: dict[str, object] = {}
    for field_name, pattern in FIELDS_OF_PEOPLE.items():
        for guess in guesses:
            wanted = "date" if field_name == "birth_date" else "string"
            if re.fullmatch(pattern, guess.name) and guess.data_type == wanted and field_name not in people:
                people[field_name] = guess.name
    return people | {"identifiers": identifiers}
