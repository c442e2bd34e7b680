"""Writes the staging models that a mapping stands for, as a person would: SQL, and the YAML that lists its columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from orchestration.lib.config.contracts import TableContract
from orchestration.lib.config.mapping import (
    COUNTS_OF_SPEND,
    LOOKED_UP,
    NUMBERS,
    RECORD,
    TEXTS_OF_PEOPLE,
    TEXTS_OF_SPEND,
    Condition,
    EventMapping,
    PeopleMapping,
    SpendMapping,
    Value,
)
from orchestration.lib.core.sql import literal, name

# Words that are no name of a column unless they are quoted.
_KEYWORDS = """
    all analyse analyze and anti any array as asc asof asymmetric at authorization binary both by case cast check
    collate collation column columns concurrently constraint create cross default deferrable desc describe distinct do
    else end except false fetch for foreign freeze from full generated glob group having ilike in initially inner
    intersect into is isnull join lambda lateral leading left like limit map natural not notnull null offset on only or
    order outer overlaps pivot pivot_longer pivot_wider placing positional primary qualify references returning right
    select semi show similar some struct summarize symmetric table tablesample then to trailing true try_cast tuple
    union unique unpack unpivot using variadic verbose when where window with
"""
# What is longer is written on several lines.
SHORT = 90
KEYWORDS = frozenset(_KEYWORDS.split())
# The columns of the event contract that come after the id, each with how a mapping's entry becomes SQL.
TEXTS_BEFORE_CURRENCY = (
    "channel", "touchpoint", "department", "direction", "device_type", "campaign", "utm_source", "utm_medium",
    "utm_campaign", "referrer", "user_agent", "currency", "feedback_kind", "feedback_direction",
    "invitation_id", "reference_id", "reference_kind",
)  # fmt: skip
# What a row is in words, and the columns that readers need filled, by kind.
ROWS = {
    "events": ("event of a row", "version_key, event_id, occurred_at"),
    "people": ("people record", "version_key, person_key_hash, updated_at"),
    "spend": ("row of spend", "record_key, channel, amount, spent_on"),
}
NUMBERS_AT_THE_END = ("sequence_number", "amount", "feedback_score", "feedback_scale_min", "feedback_scale_max")


@dataclass(frozen=True)
class StagingModel:
    """A staging model: its name, what its rows are (events, people, spend), its SQL and the columns that it selects."""

    name: str
    kind: str
    table: TableContract
    sql: str
    columns: tuple[str, ...]

    @property
    def properties(self) -> str:
        """Its entry in a file of models, with the test that what its readers need is filled."""
        rows, filled = ROWS[self.kind]
        # the amount of an event is something else
        docs = {"amount": "spent_amount"} if self.kind == "spend" else {}
        columns = "\n".join(
            f"""      - {{name: {column}, description: "{{{{ doc('{docs.get(column, column)}') }}}}"}}"""
            for column in self.columns
        )
        return (
            f"  - name: {self.name}\n"
            "    description: >\n"
            f"      One row per landed version and {rows} of {self.table.name}, as its contract maps them.\n"
            "      Superseded, duplicate and withdrawn versions are in it; `row_status` says which.\n"
            f"    config: {{meta: {{rows_are: {self.kind}}}}}\n"
            "    data_tests:\n"
            "      - columns_are_filled:\n"
            f"          arguments: {{columns: [{filled}]}}\n"
            f"    columns:\n{columns}\n"
        )


def mapped_models(contract: TableContract) -> tuple[StagingModel, ...]:
    """The staging models that a contract's mapping stands for; none where it has no mapping."""
    stem = f"stg_{contract.source}__{contract.table}"
    found = []
    if contract.events:
        sql, columns = _events(contract)
        found.append(StagingModel(stem, "events", contract, sql, columns))
    if contract.people is not None:
        sql, columns = _people(contract, contract.people)
        found.append(StagingModel(f"{stem}_people" if contract.events else stem, "people", contract, sql, columns))
    if contract.spend is not None:
        sql, columns = _spend(contract, contract.spend)
        found.append(StagingModel(f"{stem}_spend" if found else stem, "spend", contract, sql, columns))
    return tuple(found)


def properties_file(models: Iterable[StagingModel]) -> str:
    """A file of models for dbt."""
    return "version: 2\n\nmodels:\n" + "\n".join(model.properties for model in models)


def _events(contract: TableContract) -> tuple[str, tuple[str, ...]]:
    """The query of the events, and its columns in the order of the event contract."""
    columns = _Columns(contract)
    moments = {event.moment_in(contract.table): event for event in contract.events}
    is_one = len(moments) == 1
    moment, at = columns.free_name("moment"), columns.free_name("moment_at")

    def by_moment(expression: Callable[[EventMapping], str | None], *, of_macro: bool = False) -> str | None:
        """One expression where it is the same for every moment, else one per moment; None where no moment has one."""
        found = {ending: expression(event) for ending, event in moments.items()}
        if len(set(found.values())) == 1:
            return next(iter(found.values()))
        of_sql: dict[str, list[str]] = {}
        for ending, sql in found.items():
            if sql is not None:
                of_sql.setdefault(sql, []).append(literal(ending))
        if all(len(endings) == 1 for endings in of_sql.values()):
            whens = [f"when {endings[0]} then {sql}" for sql, endings in of_sql.items()]
            return _case([f"case {moment}", *whens], is_one_line=of_macro)
        whens = [f"when {moment} in ({', '.join(endings)}) then {sql}" for sql, endings in of_sql.items()]
        return _case(["case", *whens], is_one_line=of_macro)

    selected: dict[str, str] = {"version_key": "version_key"}
    selected["record_key"] = str(by_moment(lambda event: columns.record_of(contract, event.record)))
    # an event that a column names, alone in its table, has the id of its row
    is_row = is_one and contract.events[0].event_name.column is not None and contract.events[0].moment is None
    ids = str(by_moment(lambda event: columns.id_of(contract, event.event_id)))
    ending = literal(next(iter(moments))) if is_one else moment
    selected["event_id"] = ids if is_row else f"{ids} || ':' || {ending}"
    if not is_one and all(event.event_name.text == ending for ending, event in moments.items()):
        selected["event_name"] = moment
    else:
        selected["event_name"] = str(by_moment(lambda event: columns.value(event.event_name)))
    selected["source_system"] = literal(contract.source)
    if any(event.source_session_id for event in contract.events):
        session = by_moment(lambda event: event.source_session_id and columns.text(event.source_session_id))
        selected["source_session_id"] = str(session)
    for column in TEXTS_BEFORE_CURRENCY:
        sql = by_moment(partial(columns.value_of, column))
        if sql is not None:
            selected[column] = sql
    types = _in_order(kind for event in contract.events for kind, _ in event.identifiers)
    selected["identifiers"] = _macro(
        "hashed_identifiers(map_of",
        {kind: str(by_moment(partial(columns.identifier, contract, kind), of_macro=True)) for kind in types}
        # an event that names nobody has a list without entries
        or {RECORD: "null"},
        close="))",
    )
    keys = _in_order(key for event in contract.events for key, _ in event.properties)
    if keys:
        selected["properties"] = _macro(
            "json_of",
            {key: str(by_moment(partial(columns.property, key), of_macro=True)) for key in keys},
            close=")",
        )
    for column in NUMBERS_AT_THE_END:
        sql = by_moment(partial(columns.number_of, column))
        if sql is not None:
            selected[column] = sql
    selected["row_status"] = "row_status"
    only = contract.events[0]
    selected["occurred_at"] = columns.time(only.occurred_at) if is_one else at
    selected |= {"loaded_at": "loaded_at", "changed_in": "changed_in"}
    if is_one:
        return _query(contract, selected, "source", columns.conditions(only)), tuple(selected)
    arms = "\n    union all\n".join(
        f"    select source.*, {literal(ending)} as {moment}, {columns.time(event.occurred_at)} as {at} from source"
        + _where(columns.conditions(event), indent="    ")
        for ending, event in moments.items()
    )
    between = f"-- one row for each moment of a row that has come\nmoments as (\n{arms}\n)\n\n"
    return _query(contract, selected, "moments", (), between), tuple(selected)


def _people(contract: TableContract, people: PeopleMapping) -> tuple[str, tuple[str, ...]]:
    """The query of the people records, and its columns in the order of their contract."""
    columns = _Columns(contract)
    key = columns.spelt(people.person_key or contract.key[0])
    key = (
        key
        if contract.column(people.person_key or contract.key[0]).data_type == "string"
        else (f"cast({key} as {{{{ dbt.type_string() }}}})")
    )
    types = dict(people.identifiers)
    selected = {
        "version_key": "version_key",
        "source_system": literal(contract.source),
        "person_key": str(key),
        "person_key_hash": f"""{{{{ record_hash("{literal(contract.source)}", {_quoted(str(key))}) }}}}""",
    }
    for column in TEXTS_OF_PEOPLE:
        if (own := getattr(people, column)) is not None:
            selected[column] = columns.text(own)
    selected["identifiers"] = _macro(
        "hashed_identifiers(map_of",
        {kind: str(columns.identifier(contract, kind, people)) for kind in types} or {RECORD: "null"},
        close="))",
    )
    for kind in ("email", LOOKED_UP):
        if kind in types:
            selected[f"{kind}_normalised"] = (
                f"""{{{{ normalised_identifier("'{kind}'", {_quoted(columns.text(types[kind]))}) }}}}"""
            )
    compared = {kind: columns.text(own) for kind, own in types.items() if kind not in ("email", LOOKED_UP, RECORD)}
    if compared:
        selected["compared_identifiers"] = _macro("compared_identifiers(map_of", compared, close="))")
    if people.birth_date is not None:
        selected["birth_date"] = str(columns.spelt(people.birth_date))
    selected["row_status"] = "row_status"
    version = people.updated_at or contract.version_column
    is_time = version is not None and contract.column(version).data_type in ("timestamp", "date")
    selected["updated_at"] = columns.time(version) if version is not None and is_time else "loaded_at"
    selected |= {"loaded_at": "loaded_at", "changed_in": "changed_in"}
    where = [columns.condition(one) for one in people.when]
    return _query(contract, selected, "source", where), tuple(selected)


def _spend(contract: TableContract, spend: SpendMapping) -> tuple[str, tuple[str, ...]]:
    """The query of the rows of spend, and its columns in the order of their contract."""
    columns = _Columns(contract)
    selected = {"record_key": "record_key", "source_system": literal(contract.source)}
    for column in TEXTS_OF_SPEND:
        if (sql := columns.value_of(column, spend)) is not None:
            selected[column] = sql
    selected["amount"] = str(columns.number_of("amount", spend))
    for column in COUNTS_OF_SPEND:
        if (sql := columns.spelt(getattr(spend, column))) is not None:
            selected[column] = sql
    selected["row_status"] = "row_status"
    day = str(columns.spelt(spend.spent_on))
    selected["spent_on"] = day if contract.column(spend.spent_on).data_type == "date" else f"cast({day} as date)"
    version = contract.version_column
    if version is not None and contract.column(version).data_type in ("timestamp", "date"):
        selected["updated_at"] = columns.time(version)
    selected |= {"loaded_at": "loaded_at", "changed_in": "changed_in"}
    where = [columns.condition(one) for one in spend.when]
    # what is no row of spend without: a day, an amount, a channel
    needed = [spend.spent_on, spend.amount, *([spend.channel.column] if spend.channel.column else [])]
    where += [f"{columns.spelt(column)} is not null" for column in needed if not columns.is_required(column)]
    return _query(contract, selected, "source", _in_order(where)), tuple(selected)


class _Columns:
    """How the columns of a table are spelt in SQL."""

    def __init__(self, contract: TableContract) -> None:
        self._contract = contract
        self._types = {column.name: column.data_type for column in contract.columns}
        self._required = {column.name for column in contract.columns if column.required}
        self._of_people = contract.columns_of_people

    def free_name(self, wanted: str) -> str:
        """A name that no column of the table has."""
        return self.free_name(f"{wanted}_") if wanted in self._types else wanted

    def is_required(self, column: str) -> bool:
        return column in self._required

    def spelt(self, column: str | None) -> str | None:
        if column is None:
            return None
        return name(column) if column in KEYWORDS else column

    def text(self, column: str) -> str:
        spelt = str(self.spelt(column))
        return spelt if self._types[column] == "string" else f"cast({spelt} as {{{{ dbt.type_string() }}}})"

    def time(self, column: str) -> str:
        spelt = str(self.spelt(column))
        return spelt if self._types[column] == "timestamp" else f"cast({spelt} as timestamp)"

    def id_of(self, contract: TableContract, given: Sequence[str]) -> str:
        """What the ids of a row's events begin with; a key that names a person is hashed, as ids are published."""
        columns = tuple(given) or contract.key
        if not given and (contract.part_of or contract.key_lines == "lines"):
            # several rows share the key; landing numbers them
            if not self._of_people & set(columns):
                return f"'{contract.source}:{contract.table}:' || _row_key"
            return self._hashed(contract.source, f"concat('{contract.table}:', _row_key)")
        return self._joined(contract.source, columns)

    def record_of(self, contract: TableContract, given: Sequence[str]) -> str:
        """The key of the record that a row's events belong to: one text for all tables that name the record."""
        return self._as_it_is(contract.source, given) if given else "record_key"

    def _joined(self, source: str, columns: Sequence[str]) -> str:
        """The source and the values of columns as one text, or their hash where one of them names a person."""
        if self._of_people & set(columns):
            key = " || ':' || ".join(f"coalesce({self.text(column)}, '')" for column in columns)
            return self._hashed(source, key.replace("{{ dbt.type_string() }}", "varchar"))
        return self._as_it_is(source, columns)

    def _as_it_is(self, source: str, columns: Sequence[str]) -> str:
        """The source and the values of columns as one text."""
        parts = [
            str(self.spelt(column)) if column in self._required else f"coalesce({self.text(column)}, '')"
            for column in columns
        ]
        return " || ':' || ".join([f"'{source}:' || {parts[0]}", *parts[1:]])

    def _hashed(self, source: str, key: str) -> str:
        return f"""'{source}:' || {{{{ record_hash("'{source}'", {_quoted(key)}) }}}}"""

    def value(self, value: Value | None) -> str | None:
        if value is None:
            return None
        if value.column is None:
            return literal(value.text)
        text = self.text(value.column)
        if not value.values:
            return text
        otherwise = text if value.keeps_others else _word(value.otherwise)
        whens = " ".join(f"when {literal(found)} then {_word(word)}" for found, word in value.values)
        return f"case {text} {whens} else {otherwise} end"

    def value_of(self, name_of_column: str, mapping: EventMapping | SpendMapping) -> str | None:
        value: Value | None = getattr(mapping, name_of_column)
        sql = self.value(value)
        # rates are found by codes in capital letters, and some tools write others
        is_code = name_of_column == "currency" and value is not None and value.column is not None
        return f"upper({sql})" if is_code else sql

    def number_of(self, name_of_column: str, mapping: EventMapping | SpendMapping) -> str | None:
        spelt = self.spelt(getattr(mapping, name_of_column))
        is_divided = name_of_column == "amount" and mapping.amount_divided_by is not None
        return f"{spelt} / {mapping.amount_divided_by}.0" if is_divided else spelt

    def identifier(self, contract: TableContract, kind: str, mapping: EventMapping | PeopleMapping) -> str | None:
        column = dict(mapping.identifiers).get(kind)
        if column is None:
            return None
        if kind == RECORD:
            return f"'{contract.source}:' || {self.spelt(column)}"
        return self.spelt(column)

    def property(self, key: str, event: EventMapping) -> str | None:
        return self.spelt(dict(event.properties).get(key))

    def conditions(self, event: EventMapping) -> list[str]:
        found = [self.condition(one) for one in event.when]
        if event.event_name.column is not None and event.event_name.column not in self._required:
            found.append(f"{self.spelt(event.event_name.column)} is not null")
        if event.occurred_at not in self._required:
            found.append(f"{self.spelt(event.occurred_at)} is not null")
        return [sql for number, sql in enumerate(found) if sql not in found[:number]]

    def condition(self, condition: Condition) -> str:
        column = str(self.spelt(condition.column))
        if condition.is_what in ("filled", "empty"):
            return f"{column} is {'not ' * (condition.is_what == 'filled')}null"
        values = [self._constant(condition.column, value) for value in condition.values]
        is_in = f"{column} = {values[0]}" if len(values) == 1 else f"{column} in ({', '.join(values)})"
        return is_in if condition.is_what == "one of" else f"not coalesce({is_in}, false)"

    def _constant(self, column: str, value: str | bool) -> str:
        is_bare = isinstance(value, bool) or self._types[column].startswith(NUMBERS)
        return str(value).lower() if is_bare else literal(value)


def _query(
    contract: TableContract, selected: Mapping[str, str], rows: str, where: Sequence[str], between: str = ""
) -> str:
    lines = ",\n".join(f"    {sql}" if sql == column else f"    {sql} as {column}" for column, sql in selected.items())
    head = f"with source as (\n    select * from {{{{ landed('{contract.source}', '{contract.table}') }}}}\n)"
    parts = f"{head},\n\n{between}" if between else f"{head}\n\n"
    return f"{parts}select\n{lines}\nfrom {rows}{_where(where, indent='')}\n"


def _case(parts: Sequence[str], *, is_one_line: bool) -> str:
    line = f"{' '.join(parts)} end"
    return line if is_one_line or (len(parts) == 2 and len(line) <= SHORT) else "\n        ".join(parts) + "\n    end"


def _where(conditions: Sequence[str], *, indent: str) -> str:
    line = f"where {' and '.join(conditions)}"
    if not conditions:
        return ""
    if len(line) <= SHORT:
        return f"\n{indent}{line}"
    return f"\n{indent}where\n{indent}    " + f"\n{indent}    and ".join(conditions)


def _macro(call: str, members: Mapping[str, str], *, close: str) -> str:
    lines = "".join(f"        '{key}': {_quoted(sql)},\n" for key, sql in members.items())
    return f"{{{{ {call}({{\n{lines}    }}){close[1:]} }}}}"


def _quoted(sql: str) -> str:
    """An expression as an argument of a macro; in there, the name of the type of texts is dbt's expression."""
    inner = sql.replace("{{ dbt.type_string() }}", "varchar")
    return f"'{inner}'" if "'" not in inner else '"' + inner.replace('"', '\\"') + '"'


def _in_order(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))


def _word(word: str | None) -> str:
    return "null" if word is None else literal(word)
