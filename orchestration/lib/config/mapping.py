"""Reads what the rows of a source table are: `events`, `people` and `spend` of a table's meta.

A column of the event contract has a text, which is the same for every row, or a column of the table. What is published
(names, channels, properties) can't be a column marked personal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Protocol

from pydantic import BeforeValidator, ConfigDict, Field, Strict
from pydantic.dataclasses import dataclass

from orchestration.lib.config.faults import Place, check_known, fault, is_list_of_tables, read_texts, worded

NUMBERS = ("bigint", "double", "decimal")
TIMES = ("timestamp", "date")
# What a text of the event contract may be, where only some are understood.
KNOWN_TEXTS = {
    "direction": ("inbound", "outbound"),
    "feedback_kind": ("nps", "csat", "ces", "rating"),
    "feedback_direction": ("up", "down"),
}
# The types of identifiers whose values can't be compared before a library has read them.
LOOKED_UP = "phone"
# The identifier that names a people record of the same source.
RECORD = "record"

WORDS_OF_MISSING_IN_MAPPINGS = {
    "event_name": "{what} needs `event_name`: a text such as order_placed, or {{column: …}}.",
    "occurred_at": "{what} needs `occurred_at`, the column that says when it happened.",
    "spent_on": "`spend` of {what} needs `spent_on`, the column with the day.",
    "channel": "`spend` of {what} needs `channel`: a text such as paid_search, or {{column: …}}.",
    "amount": "`spend` of {what} needs `amount`, the column with what was spent.",
}


@dataclass(frozen=True)
class Value:
    """A text, or a column with other words for some of its values.

    `otherwise` is for values that are not listed, a missing one included; without it (`keeps_others`), they remain as
    they are. None as a word is no value: of a channel, that the channel rules decide.
    """

    text: str | None = None
    column: str | None = None
    values: tuple[tuple[str, str | None], ...] = ()
    otherwise: str | None = None
    keeps_others: bool = True


@dataclass(frozen=True)
class Condition:
    """What a column must be: `filled`, `empty`, `one of` values or `none of` them."""

    column: str
    is_what: str
    values: tuple[str | bool, ...] = ()


def read_value(value: Any) -> Value:
    """`web`, `{column: intake}` or `{column: intake, values: {web_form: web}, otherwise: other}`."""
    if isinstance(value, Value):
        return value
    if isinstance(value, dict):
        for key in value:
            check_known(key, ("column", "values", "otherwise"), "a key of `{key}` of {what}", key)
        values = value.get("values", {})
        if not isinstance(value.get("column"), str) or not isinstance(values, dict):
            raise fault("`{key}` of {what} must be a text, or {{column: intake, values: {{web_form: web}}}}.")
        if "otherwise" in value and not values:
            raise fault("`{key}` of {what} has `otherwise` without `values`: say which values have other words.")
        pairs = tuple((_text_of(key, "values"), _word_of(word, "values", key)) for key, word in values.items())
        otherwise = _word_of(value.get("otherwise"), "otherwise")
        return Value(None, value["column"], pairs, otherwise, keeps_others="otherwise" not in value)
    return Value(text=_text_of(value))


def _word_of(value: Any, *at: str | int) -> str | None:
    """A text, or null for no value."""
    return None if value is None else _text_of(value, *at)


def _text_of(value: Any, *at: str | int) -> str:
    if isinstance(value, bool):
        raise fault("`{key}` of {what}: YAML reads yes, no, on and off as truths; quote them.", *at)
    if value is None or isinstance(value, list | dict) or not str(value).strip():
        raise fault("`{key}` of {what} must be a text.", *at)
    text = str(value)
    if any(mark in text for mark in ("{{", "{%", "{#")):
        raise fault("`{key}` of {what} can't hold {{{{, {{% or {{#.", *at)
    return text


def read_conditions(value: Any) -> tuple[Condition, ...]:
    """`{status: paid}`, `{status: [paid, shipped]}`, `{cancelled_at: {is: filled}}`, `{test: {not: true}}`."""
    if isinstance(value, tuple):
        return value
    if not isinstance(value, dict) or not value:
        raise fault("`when` of {what} must name columns and what they are, such as {{status: paid}}.")
    return tuple(_condition(column, said) for column, said in value.items())


def _condition(column: str, said: Any) -> Condition:
    if not isinstance(said, dict):
        return Condition(column, "one of", _values_of(said, column))
    if set(said) == {"is"} and said["is"] in ("filled", "empty"):
        return Condition(column, said["is"])
    if set(said) == {"not"}:
        return Condition(column, "none of", _values_of(said["not"], column))
    raise fault(
        "`{key}` of {what} must be a value, a list of values, {{is: filled}}, {{is: empty}} or {{not: …}}.", column
    )


def _values_of(said: Any, column: str) -> tuple[str | bool, ...]:
    values = said if isinstance(said, list) else [said]
    if not values:
        raise fault("`{key}` of {what} lists no value.", column)
    return tuple(value if isinstance(value, bool) else _text_of(value, column) for value in values)


def read_columns_by_name(value: Any) -> tuple[tuple[str, str], ...]:
    """`{email: requester_email}` or, where names are those of the columns, `[order_id, topic]`."""
    if isinstance(value, tuple):
        return value
    if isinstance(value, list):
        return tuple((name, name) for name in read_texts(value))
    if not isinstance(value, dict) or not value:
        raise fault("`{key}` of {what} must be {{name: column}}.")
    return tuple((_text_of(name), _text_of(column, name)) for name, column in value.items())


Column = Annotated[str, worded("`{key}` of {what} must be the name of a column.")]
ValueOrNone = Annotated[Value | None, BeforeValidator(read_value)]
Columns = Annotated[tuple[str, ...], BeforeValidator(read_texts)]
ColumnsByName = Annotated[tuple[tuple[str, str], ...], BeforeValidator(read_columns_by_name)]
Conditions = Annotated[tuple[Condition, ...], BeforeValidator(read_conditions)]


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class EventMapping:
    """One moment of a row that is an event. Its keys are columns of the event contract (macro `event_columns`), and

    `when` (which rows have it), `moment` (the end of its `event_id`), `record` (the columns that name the record of
    which it is a moment; without it, the row), and `amount_divided_by` (100, of amounts in cents).
    """

    event_name: Annotated[Value, BeforeValidator(read_value)]
    occurred_at: Column
    when: Conditions = ()
    moment: Annotated[str | None, BeforeValidator(_text_of)] = None
    event_id: Columns = ()
    record: Columns = ()
    source_session_id: Column | None = None
    channel: ValueOrNone = None
    touchpoint: ValueOrNone = None
    department: ValueOrNone = None
    direction: ValueOrNone = None
    device_type: ValueOrNone = None
    campaign: ValueOrNone = None
    utm_source: ValueOrNone = None
    utm_medium: ValueOrNone = None
    utm_campaign: ValueOrNone = None
    referrer: ValueOrNone = None
    user_agent: ValueOrNone = None
    currency: ValueOrNone = None
    feedback_kind: ValueOrNone = None
    feedback_direction: ValueOrNone = None
    invitation_id: ValueOrNone = None
    reference_id: ValueOrNone = None
    reference_kind: ValueOrNone = None
    identifiers: ColumnsByName = ()
    properties: ColumnsByName = ()
    sequence_number: Column | None = None
    amount: Column | None = None
    amount_divided_by: Annotated[
        int | None, Strict(), Field(gt=1), worded("`{key}` of {what} must be a whole number, such as 100 for cents.")
    ] = None
    feedback_score: Column | None = None
    feedback_scale_min: Column | None = None
    feedback_scale_max: Column | None = None

    def moment_in(self, table: str) -> str:
        """How the ids of its events end: by the name of the event, or of the table whose column names it."""
        return self.moment or self.event_name.text or table


def read_events(value: Any) -> tuple[Any, ...]:
    if isinstance(value, tuple):
        return value
    if not is_list_of_tables(value) or not value:
        raise fault("`events` of {what} must be a list with at least one event, each a mapping with `event_name`.")
    return tuple(value)


Events = Annotated[tuple[EventMapping, ...], BeforeValidator(read_events)]


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class PeopleMapping:
    """The people record that a row is. `person_key` is the table's key and `updated_at` its version without a word."""

    person_key: Column | None = None
    when: Conditions = ()
    first_name: Column | None = None
    last_name: Column | None = None
    street: Column | None = None
    city: Column | None = None
    postcode: Column | None = None
    country: Column | None = None
    birth_date: Column | None = None
    identifiers: ColumnsByName = ()
    updated_at: Column | None = None


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class SpendMapping:
    """The row of spend that a row is: what a channel or campaign cost on a day.

    The version's time is when it was reported, and the row's key names it: a later row with the key corrects it.
    """

    spent_on: Column
    channel: Annotated[Value, BeforeValidator(read_value)]
    amount: Column
    when: Conditions = ()
    platform: ValueOrNone = None
    campaign: ValueOrNone = None
    campaign_id: ValueOrNone = None
    currency: ValueOrNone = None
    amount_divided_by: Annotated[
        int | None, Strict(), Field(gt=1), worded("`{key}` of {what} must be a whole number, such as 100 for cents.")
    ] = None
    impressions: Column | None = None
    clicks: Column | None = None


TEXTS_OF_SPEND = ("platform", "channel", "campaign", "campaign_id", "currency")
COUNTS_OF_SPEND = ("impressions", "clicks")
TEXTS_OF_EVENTS = (
    "channel", "touchpoint", "department", "direction", "device_type", "campaign", "utm_source", "utm_medium",
    "utm_campaign", "referrer", "user_agent", "currency", "feedback_kind", "feedback_direction",
    "invitation_id", "reference_id", "reference_kind",
)  # fmt: skip
NUMBERS_OF_EVENTS = ("sequence_number", "amount", "feedback_score", "feedback_scale_min", "feedback_scale_max")
TEXTS_OF_PEOPLE = ("first_name", "last_name", "street", "city", "postcode", "country")


def model_of_keys(place: Place) -> type | None:
    """Whose keys may be at a place in a sources file: of an event, a people record or spend, or None for others."""
    if "events" in place[:-1]:
        return EventMapping
    if "spend" in place[:-1]:
        return SpendMapping
    return PeopleMapping if "people" in place[:-1] else None


class MappedColumn(Protocol):
    """What a mapping asks of a column of the table."""

    @property
    def data_type(self) -> str: ...
    @property
    def personal(self) -> bool: ...
    @property
    def identifier_type(self) -> str | None: ...


def columns_of_people(
    events: Iterable[EventMapping],
    people: PeopleMapping | None,
    columns: Mapping[str, MappedColumn],
    *,
    key: Iterable[str],
) -> frozenset[str]:
    """The columns whose values name a person: marked personal, taken as identifiers, or the key of a people record."""
    found = {name for name, column in columns.items() if column.personal or column.identifier_type}
    for mapping in (*events, *((people,) if people is not None else ())):
        found.update(column for _, column in mapping.identifiers)
    if people is not None:
        found.update((people.person_key,) if people.person_key else key)
    return frozenset(found)


def check_mappings(
    events: Sequence[EventMapping],
    people: PeopleMapping | None,
    spend: SpendMapping | None,
    columns: Mapping[str, MappedColumn],
    *,
    key: Sequence[str],
    table: str,
) -> None:
    """Raises a fault where the mappings of a table do not fit its columns or each other."""
    moments: dict[str, int] = {}
    mappings = (*events, *((people,) if people is not None else ()))
    # the key of a people record may be that of a thing, such as an order: readers may need it
    identifiers = frozenset(column for mapping in mappings for kind, column in mapping.identifiers if kind != RECORD)
    for number, event in enumerate(events):
        _check_event(event, columns, ("config", "meta", "events", number), identifiers=identifiers)
        moment = event.moment_in(table)
        if moment in moments:
            words = (
                "{what} ends its ids with `{moment}`, as event {other} does: two events of a row would have one id. "
                "Give one of them another `moment`."
            )
            at = ("moment",) if event.moment else ("event_name",)
            raise fault(words, "config", "meta", "events", number, *at, moment=moment, other=moments[moment] + 1)
        moments[moment] = number
    if people is not None:
        _check_people(people, columns, ("config", "meta", "people"), key=key)
    if spend is not None:
        _check_spend(spend, columns, ("config", "meta", "spend"), key=key, identifiers=identifiers)


def check_moments_of_source(tables: Iterable[tuple[str, Sequence[EventMapping]]]) -> None:
    """Raises a fault where events of two tables of a source would have one id for rows with one key."""
    seen: dict[str, str] = {}
    for number, (table, events) in enumerate(tables):
        for place, event in enumerate(events):
            moment = event.moment_in(table)
            if seen.setdefault(moment, table) != table:
                words = (
                    "{what} ends its ids with `{moment}`, as an event of {other} does: rows with one key would have "
                    "one id. Give one of them another `moment`."
                )
                at = ("tables", number, "config", "meta", "events", place, "moment" if event.moment else "event_name")
                raise fault(words, *at, moment=moment, other=seen[moment])


def _check_event(
    event: EventMapping, columns: Mapping[str, MappedColumn], at: Place, *, identifiers: frozenset[str]
) -> None:
    _check_type(event.occurred_at, columns, TIMES, "a time or a date", *at, "occurred_at")
    _check_identifiers(event.identifiers, columns, *at)
    for name in NUMBERS_OF_EVENTS:
        if (column := getattr(event, name)) is not None:
            allowed = ("bigint",) if name == "sequence_number" else NUMBERS
            wanted = "a whole number" if name == "sequence_number" else "a number"
            _check_type(column, columns, allowed, wanted, *at, name)
    if event.amount_divided_by is not None and event.amount is None:
        raise fault("`{key}` of {what} has no `amount` to divide.", *at, "amount_divided_by")
    if None in (word for _, word in event.event_name.values) or not (
        event.event_name.keeps_others or event.event_name.otherwise
    ):
        words = "`{key}` of {what}: an event needs a name; leave rows out with `when`."
        raise fault(words, *at, "event_name")
    for name in ("event_name", *TEXTS_OF_EVENTS):
        value: Value | None = getattr(event, name)
        if value is None:
            continue
        if value.column is not None:
            _check_published(value.column, columns, *at, name, identifiers=identifiers)
        elif value.text in columns:
            words = "`{key}` of {what} is the text `{text}`, and a column has that name. Write {{column: {text}}}."
            raise fault(words, *at, name, text=value.text)
        if name in KNOWN_TEXTS:
            for text in _texts_of(value):
                check_known(text, KNOWN_TEXTS[name], "`{key}` of {what}", *at, name)
    if event.source_session_id is not None:
        _check_column(event.source_session_id, columns, *at, "source_session_id")
    for name in ("event_id", "record"):
        for column in getattr(event, name):
            _check_column(column, columns, *at, name)
    for name, column in event.properties:
        _check_published(column, columns, *at, "properties", name, identifiers=identifiers)
    _check_conditions(event.when, columns, *at)


def _check_people(people: PeopleMapping, columns: Mapping[str, MappedColumn], at: Place, *, key: Sequence[str]) -> None:
    if people.person_key is not None:
        _check_column(people.person_key, columns, *at, "person_key")
    elif len(key) > 1:
        raise fault(
            "{what} has a key of several columns: say in `person_key` of `people` which one names a person.", *at
        )
    for name in TEXTS_OF_PEOPLE:
        if (column := getattr(people, name)) is not None:
            _check_column(column, columns, *at, name)
    if people.birth_date is not None:
        _check_type(people.birth_date, columns, ("date",), "a date", *at, "birth_date")
    if people.updated_at is not None:
        _check_type(people.updated_at, columns, TIMES, "a time or a date", *at, "updated_at")
    _check_identifiers(people.identifiers, columns, *at)
    _check_conditions(people.when, columns, *at)


def _check_spend(
    spend: SpendMapping,
    columns: Mapping[str, MappedColumn],
    at: Place,
    *,
    key: Sequence[str],
    identifiers: frozenset[str],
) -> None:
    _check_type(spend.spent_on, columns, TIMES, "a time or a date", *at, "spent_on")
    _check_type(spend.amount, columns, NUMBERS, "a number", *at, "amount")
    for name in COUNTS_OF_SPEND:
        if (column := getattr(spend, name)) is not None:
            _check_type(column, columns, ("bigint",), "a whole number", *at, name)
    for name in TEXTS_OF_SPEND:
        value: Value | None = getattr(spend, name)
        if value is None:
            continue
        if value.column is not None:
            _check_published(value.column, columns, *at, name, identifiers=identifiers)
        elif value.text in columns:
            words = "`{key}` of {what} is the text `{text}`, and a column has that name. Write {{column: {text}}}."
            raise fault(words, *at, name, text=value.text)
    if None in (word for _, word in spend.channel.values) or not (
        spend.channel.keeps_others or spend.channel.otherwise
    ):
        raise fault("`{key}` of {what}: spend needs a channel; leave rows out with `when`.", *at, "channel")
    for column in key:
        if columns[column].personal:
            words = "`spend` of {what}: the key is published, and its column `{column}` is marked `personal`."
            raise fault(words, *at, column=column)
    _check_conditions(spend.when, columns, *at)


def _texts_of(value: Value) -> Iterator[str]:
    yield from (text for text in (value.text, value.otherwise) if text is not None)
    yield from (text for _, text in value.values if text is not None)


def _check_column(column: str, columns: Mapping[str, MappedColumn], *at: str | int) -> MappedColumn:
    check_known(column, columns, "the column in `{key}` of {what}", *at)
    return columns[column]


def _check_type(
    column: str, columns: Mapping[str, MappedColumn], types: tuple[str, ...], wanted: str, *at: str | int
) -> None:
    found = _check_column(column, columns, *at).data_type
    if not found.startswith(types):
        words = "`{key}` of {what} must be {wanted}; column `{column}` is of type {found}."
        raise fault(words, *at, wanted=wanted, column=column, found=found)


def _check_published(
    column: str, columns: Mapping[str, MappedColumn], *at: str | int, identifiers: frozenset[str]
) -> None:
    found = _check_column(column, columns, *at)
    if column in identifiers and not found.personal:
        words = (
            "`{key}` of {what} would publish column `{column}`, which is under `identifiers` and so names a person. "
            "Leave it out here."
        )
        raise fault(words, *at, column=column)
    if found.personal:
        words = (
            "`{key}` of {what} would publish column `{column}`, which is marked `personal`. Leave it out, or give it "
            "under `identifiers`."
        )
        raise fault(words, *at, column=column)
    if found.data_type == "json":
        words = "`{key}` of {what}: `{column}` is a json column; a value that is published needs a column of its own."
        raise fault(words, *at, column=column)


def _check_identifiers(
    identifiers: Sequence[tuple[str, str]], columns: Mapping[str, MappedColumn], *at: str | int
) -> None:
    for kind, column in identifiers:
        found = _check_column(column, columns, *at, "identifiers", kind)
        if found.data_type in ("json", "boolean"):
            words = "`{key}` of {what}: a column of type {found} identifies nobody; take one of text."
            raise fault(words, *at, "identifiers", kind, column=column, found=found.data_type)
        if kind == LOOKED_UP and found.identifier_type != LOOKED_UP:
            words = (
                "`{key}` of {what}: telephone numbers are read while they land. Add `identifier_type: phone` to the "
                "meta of column {column}."
            )
            raise fault(words, *at, "identifiers", kind, column=column)


def _check_conditions(conditions: Sequence[Condition], columns: Mapping[str, MappedColumn], *at: str | int) -> None:
    for condition in conditions:
        place = (*at, "when", condition.column)
        data_type = _check_column(condition.column, columns, *place).data_type
        for value in condition.values:
            if not _can_be(data_type, value):
                words = (
                    "`when` of {what}: column `{column}` of type {data_type} is never `{found}`. Compare it with a "
                    "value of its type, or write {{is: filled}}."
                )
                raise fault(words, *place, column=condition.column, data_type=data_type, found=str(value))


def _can_be(data_type: str, value: str | bool) -> bool:
    if data_type == "boolean" or isinstance(value, bool):
        return data_type == "boolean" and isinstance(value, bool)
    if data_type.startswith(NUMBERS):
        try:
            float(value)
        except ValueError:
            return False
        return True
    return data_type == "string"
