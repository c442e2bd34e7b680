"""Writes the SQL that turns a column's text into its type, and says in words why a text does not fit.

Every format passes through text, so one rule decides for CSV, JSONL and Parquet alike. A conversion gives
null for everything that `try_cast` would refuse, and for what it would silently round, cut or guess.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from orchestration.lib.config.contracts import ColumnContract
from orchestration.lib.config.value_formats import has_short_year, has_zone
from orchestration.lib.core.sql import literal
from orchestration.lib.landing import reasons

_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6}0*)?)?"
_OFFSET = r"[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?"
_NAIVE_TIME = f"{_DAY}([T ]{_CLOCK})?"
_UTC_TIME = f"{_DAY}[T ]{_CLOCK}Z"
_OFFSET_TIME = f"{_DAY}[T ]{_CLOCK}{_OFFSET}"
# as Ruby writes an offset, and BigQuery UTC
_SPACED_OFFSET_TIME = f"{_DAY}[T ]{_CLOCK} {_OFFSET}"
_NAMED_UTC_TIME = f"{_DAY}[T ]{_CLOCK} (UTC|GMT)"

TIME_EXAMPLE = "2026-02-13T09:30:00+01:00"
SQL_TYPES = {"string": "varchar", "json": "varchar"}


# A long number as a spreadsheet shows and saves it: of 1234567890123 nothing but 1.23457E+12 is left.
SPREADSHEET_NUMBER = "[0-9]([.,][0-9]+)?E[+][0-9]{2,3}"
# Beyond this share of itself a sum of a few doubles is not off: sixteen times the distance of two neighbours.
_NOISE = 16 * 2.0**-52
_NUMBER = "[+-]?[0-9]+(\\.[0-9]+)?([eE][+-]?[0-9]+)?"
_BLANKS = "[ \\x{a0}\\x{202f}]"
_MICROSECONDS = {"seconds": 1_000_000, "millis": 1_000, "micros": 1}
# Times outside of these years come of a wrong unit.
_YEARS_OF_UNITS = (1900, 2200)


def sql_type(column: ColumnContract) -> str:
    """The column's type in the raw table. JSON is kept as text."""
    return SQL_TYPES.get(column.data_type, column.data_type)


def converted(column: ColumnContract, text: str, *, time_zone: str) -> str:
    """The SQL that gives the typed value of the SQL expression `text`, or null when it does not fit."""
    if column.data_type in ("date", "timestamp") and (column.time_format or column.time_unit):
        return _stated_time(column, text, time_zone)
    if is_number(column) and column.has_number_format:
        text = f"({_plain_number(column, text)})"
    match column.data_type:
        case "string":
            return text
        case "bigint":
            # The first branch is the quick one: a plain number reads back as it was written.
            return (
                f"case when try_cast({text} as bigint)::varchar = {text} then try_cast({text} as bigint) "
                f"when regexp_full_match({text}, '[+-]?[0-9]+(\\.0*)?') "
                f"then try_cast(regexp_replace({text}, '\\..*$', '') as bigint) end"
            )
        case "double":
            return (
                f"case when regexp_full_match({text}, '[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?') "
                f"and isfinite(try_cast({text} as double)) then try_cast({text} as double) end"
            )
        case "boolean":
            return (
                f"case when lower({text}) in ('true', '1') then true "
                f"when lower({text}) in ('false', '0') then false end"
            )
        case "date":
            return f"case when try_cast({text} as date)::varchar = {text} then try_cast({text} as date) end"
        case "timestamp":
            return _timestamp(text, time_zone)
        case "json":
            # Numbers inside are JSON numbers; json() writes one spelling, so the same value is the same text.
            first = "'{', '['" if not column.takes_objects_only else "'{'"
            fits = f"left(ltrim({text}), 1) in ({first}) and json_valid({text})"
            if column.identifier_type:
                fits = f"({fits}) and not {_holds_no_identifiers(text)}"
            return f"case when {fits} then json({text})::varchar end"
    size = column.decimal_size
    if size is None:
        raise ValueError(f"column {column.name}: there is no conversion to {column.data_type}")
    digits = size[1]
    target = f"decimal({size[0]},{digits})"
    fraction = f"\\.[0-9]{{0,{digits}}}0*" if digits else "\\.0*"
    bare = f"|\\.[0-9]{{1,{digits}}}0*" if digits else ""
    return (
        f"case when try_cast({text} as {target})::varchar = {text} "
        f"or regexp_full_match({text}, '[+-]?([0-9]+({fraction})?{bare})') then try_cast({text} as {target}) "
        f"when {is_noise_of_a_double(column, text)} then try_cast({text} as {target}) "
        f"when regexp_full_match({text}, '[+-]?[0-9]+(\\.[0-9]+)?[eE][+-]?[0-9]{{1,3}}') "
        f"and try_cast({text} as {target})::double = try_cast({text} as double) then try_cast({text} as "
        f"{target}) end"
    )


def _holds_no_identifiers(text: str) -> str:
    """The SQL that says whether a JSON object has an object in place of an identifier, or in a list of them."""
    value_is_object = f"len(list_filter(json_extract({text}, '$.*'), lambda value: json_type(value) = 'OBJECT')) > 0"
    element_is_none = (
        f"len(list_filter(json_extract({text}, '$.*[*]'), lambda value: json_type(value) in ('OBJECT', 'ARRAY'))) > 0"
    )
    # few are nested, and a look into each costs more than one for its brackets
    return (
        f"(case when contains(substr(ltrim({text}), 2), '{{') or contains({text}, '[') "
        f"then {value_is_object} or {element_is_none} else false end)"
    )


def is_number(column: ColumnContract) -> bool:
    return column.data_type in ("bigint", "double") or column.decimal_size is not None


def is_noise_of_a_double(column: ColumnContract, text: str) -> str:
    """The SQL that says whether a text is a decimal as a double has it after a few sums: 59.900000000000006.

    Such a text is the shortest one of its double, has more digits than anybody writes, and lies closer to the rounded
    value than doubles of its size are exact. It is no noise where a double can't tell two values of the column apart.
    """
    size = column.decimal_size
    if size is None:
        return "false"
    number = f"try_cast({text} as double)"
    rounded = f"try_cast({text} as decimal({size[0]},{size[1]}))::double"
    return (
        f"(length({text}) > 15 and regexp_full_match({text}, '-?[0-9]+\\.[0-9]+') and {number}::varchar = {text} "
        f"and abs({number}) < {0.5 * 10.0 ** -size[1] / _NOISE!r} "
        f"and abs({number} - {rounded}) <= abs({number}) * {_NOISE!r})"
    )


def _plain_number(column: ColumnContract, text: str) -> str:
    """The SQL that writes a number as the contract says they are written in plain digits; null for any other text."""
    point = re.escape(column.decimal or ".")
    thousands, symbol = column.thousands, column.currency_symbol
    group = {" ": _BLANKS, "'": "['\u2019]"}.get(thousands or "", re.escape(thousands or ""))
    whole = f"([0-9]{{1,3}}({group}[0-9]{{3}})+|[0-9]+)" if thousands else "[0-9]+"
    number = f"({whole}({point}[0-9]*)?|{point}[0-9]+)"
    before, after = (f"({re.escape(symbol)}{_BLANKS}*)?", f"({_BLANKS}*{re.escape(symbol)})?") if symbol else ("", "")
    signed = f"[+-]?{before}[+-]?{number}{after}"
    in_brackets = f"\\({before}{number}{after}\\)"
    text = f"replace({text}, '\u2212', '-')"
    bare = f"replace({text}, {literal(symbol)}, '')" if symbol else text
    digits = f"regexp_replace({bare}, {literal(f'[^0-9+{point}-]')}, '', 'g')"
    return (
        f"case when regexp_full_match({text}, {literal(f'{signed}|{in_brackets}')}) "
        f"then case when starts_with({text}, '(') then '-' else '' end "
        f"|| replace({digits}, {literal(column.decimal or '.')}, '.') end"
    )


def _stated_time(column: ColumnContract, text: str, time_zone: str) -> str:
    """The SQL that reads a time as the contract says they are written."""
    if column.time_unit in _MICROSECONDS:
        unit = _MICROSECONDS[column.time_unit]
        # what is further than the year 9999 overflows before it can be compared with a year
        exact = f"round(try_cast({text} as decimal(38,9)) * {unit})::bigint"
        limit = 250_000_000_000 * 1_000_000 // unit
        moment = f"case when abs(try_cast({text} as double)) < {limit} then make_timestamp({exact}) end"
        local = False
    elif column.time_unit:
        # a day's fraction is exact to less than a thousandth of a second, and no better
        milliseconds = f"round(try_cast({text} as double) * 86400000)::bigint"
        moment = (
            f"case when abs(try_cast({text} as double)) < 3000000 "
            f"then timestamp '1899-12-30' + to_milliseconds({milliseconds}) end"
        )
        local = True
    else:
        # %Y takes 57 for the year 57, and %y leaves 1957 alone
        formats = sorted(column.time_format, key=lambda known: not has_short_year(known))
        parsed = f"try_strptime({text}, [{', '.join(map(literal, formats))}])"
        local = not has_zone(column.time_format[0])
        if local and column.personal:
            parsed = _not_to_come(text, parsed, column.time_format)
        moment = parsed if local else f"timezone('UTC', {parsed})"
    first, last = _YEARS_OF_UNITS if column.time_unit else (1000, 9999)
    fits = f"year({moment}) between {first} and {last}"
    if column.time_unit:
        fits = f"regexp_full_match({text}, '{_NUMBER}') and {fits}"
    if column.data_type == "date":
        return f"case when {fits} and {moment} = date_trunc('day', {moment}) then {moment}::date end"
    if local and time_zone != "UTC":
        zone = literal(time_zone)
        fits += f" and timezone({zone}, timezone({zone}, {moment})) = {moment}"
        moment = f"timezone('UTC', timezone({zone}, {moment}))"
    return f"case when {fits} then {moment} end"


def _not_to_come(text: str, parsed: str, formats: Sequence[str]) -> str:
    """A date of a person, with two digits for the year in the hundred years that are over: nobody is yet to be born.

    DuckDB reads 69 to 99 as of the last century and 00 to 68 as of this one.
    """
    short = [known for known in formats if has_short_year(known)]
    if not short:
        return parsed
    is_to_come = f"{parsed} > current_date + 1 and try_strptime({text}, [{', '.join(map(literal, short))}]) is not null"
    return f"case when {is_to_come} then {parsed} - to_years(100) else {parsed} end"


def _timestamp(text: str, time_zone: str) -> str:
    unspaced = f"regexp_replace({text}, ' ([+-])', '\\1')"
    with_offset = (
        f"when regexp_full_match({text}, '{_OFFSET_TIME}') then timezone('UTC', try_cast({text} as timestamptz)) "
        f"when regexp_full_match({text}, '{_SPACED_OFFSET_TIME}') "
        f"then timezone('UTC', try_cast({unspaced} as timestamptz)) "
        f"when regexp_full_match({text}, '{_NAMED_UTC_TIME}') then try_cast(left({text}, -4) as timestamp)"
    )
    if time_zone == "UTC":
        # A cast to timestamp drops an offset; for Z and none at all there is nothing to drop, and it is the
        # quick one.
        return (
            f"case when regexp_full_match({text}, '{_NAIVE_TIME}|{_UTC_TIME}') then try_cast({text} as "
            "timestamp) "
            f"{with_offset} end"
        )
    zone = literal(time_zone)
    local = f"try_cast({text} as timestamp)"
    # A time that the zone's clock skips in spring does not come back the same: it is no time there.
    return (
        f"case when regexp_full_match({text}, '{_UTC_TIME}') then {local} {with_offset} "
        f"when regexp_full_match({text}, '{_NAIVE_TIME}') and timezone({zone}, timezone({zone}, {local})) "
        f"= {local} "
        f"then timezone('UTC', timezone({zone}, {local})) end"
    )


@dataclass(frozen=True)
class ColumnCheck:
    """SQL about one column of a row: whether it breaks the contract, the reason, and what was expected."""

    is_broken: str
    reason: str
    expected: str


def column_check(column: ColumnContract, text: str, value: str, *, time_zone: str, is_key: bool = False) -> ColumnCheck:
    """The SQL that checks a column, given the expressions of its text and of its converted value."""
    cases: list[tuple[str, str, str]] = []  # condition, reason, expected
    broken = []
    if column.required:
        blank = f" or {is_all_blanks(text)}" if column.data_type == "string" else ""
        absent = f"({text} is null{blank})"
        broken.append(absent)
        cases.append((absent, reasons.MISSING_VALUE, literal("the value is missing; every row needs one")))
    if column.data_type == "string":
        broken.append(f"contains({text}, chr(0))")
        cases.append((f"contains({text}, chr(0))", reasons.NUL_BYTE, literal("the text holds a NUL byte; remove it")))
        if is_key:
            rounded = f"(contains({text}, 'E+') and regexp_full_match({text}, '{SPREADSHEET_NUMBER}'))"
            broken.append(rounded)
            words = "a spreadsheet has rounded the key, so rows can't be told apart; format it as text before saving"
            cases.append((rounded, reasons.SPREADSHEET_NUMBER, literal(words)))
    else:
        broken.append(f"({text} is not null and {value} is null)")
    if column.accepted_values:
        accepted = ", ".join(literal(v) for v in column.accepted_values)
        refused = f"{value}::varchar not in ({accepted})"
        broken.append(refused)
        wanted = literal(" is not accepted; expected one of " + ", ".join(column.accepted_values))
        cases.append((refused, reasons.VALUE_NOT_ACCEPTED, f"{_shown(column, text)} || {wanted}"))
    cases.extend(
        (condition, reason, f"{_shown(column, text)} || {literal(words)}")
        for condition, reason, words in _type_cases(column, text, time_zone)
    )
    reason = " ".join(f"when {condition} then {literal(code)}" for condition, code, _ in cases)
    expected = " ".join(f"when {condition} then {words}" for condition, _, words in cases)
    return ColumnCheck(
        is_broken=f"coalesce({' or '.join(broken)}, false)",
        reason=f"case {reason} end",
        expected=f"case {expected} end",
    )


def is_all_blanks(text: str) -> str:
    """The SQL that says whether a text holds nothing but blanks.

    Only a text that begins with a blank sorts before '!': trimming each costs as much as reading it.
    """
    return f"({text} < '!' and trim({text}) = '')"


# What a message repeats of a value that does not fit its column: a word, a code, and a number or time that is only
# written otherwise. Anything else may be about a person and in the wrong column, and messages go into logs.
_WORD = "[a-z][a-z_-]{0,19}|[A-Z]{1,3}"
_LIKE_A_NUMBER = (
    "([A-Z]{3} ?|[^[:alnum:]@]{0,3})([0-9]{1,6}|[0-9]{1,3}[.,’][0-9]{3})([.,][0-9]{0,2})?([eE][+-]?[0-9]+)?"
    "( ?[A-Z]{3}| ?[^[:alnum:]@]{1,2})?"
)
_LIKE_A_TIME = (
    "[0-9]{1,4}[-./][0-9]{1,2}[-./][0-9]{1,4}([ T,]+[0-9]{1,2}([:.][0-9]{1,2}){1,2}([.,][0-9]+)?)?"
    "( ?(AM|PM|am|pm|Z|UTC|GMT|[+-][0-9:]{2,6}))*|[0-9]{1,4}"
)
_SIGNS_OF_SHAPES = (("[\\p{Ll}\\p{Lo}\\p{Lm}]", "a"), ("[\\p{Lu}\\p{Lt}]", "A"), ("\\p{Nd}", "9"))


def _shown(column: ColumnContract, text: str) -> str:
    """The value for a message; of one that may be about a person its shape, of a personal column not even that."""
    if column.personal:
        return "'the value'"
    like = _LIKE_A_TIME if column.data_type in ("date", "timestamp") else _LIKE_A_NUMBER
    start = f"left({text}, 80)"
    shape = start
    for characters, sign in _SIGNS_OF_SHAPES:
        shape = f"regexp_replace({shape}, '{characters}', '{sign}', 'g')"
    return (
        f"(case when regexp_full_match({text}, '{_WORD}|{like}') then '''' || {start} "
        f"else 'a value like ''' || {shape} end || case when length({text}) > 80 then '…' else '' end || '''')"
    )


def _type_cases(column: ColumnContract, text: str, time_zone: str) -> list[tuple[str, str, str]]:
    if column.data_type in ("date", "timestamp") and (column.time_format or column.time_unit):
        return _stated_time_cases(column, text)
    if is_number(column) and column.has_number_format:
        plain = f"({_plain_number(column, text)})"
        example = f"{column.currency_symbol or ''}1{column.thousands or ''}234{column.decimal or '.'}50"
        words = f" is no number as the contract says they are written, such as {example}"
        return [(f"{plain} is null", reasons.NOT_A_NUMBER, words), *_plain_cases(column, plain, time_zone)]
    return _plain_cases(column, text, time_zone)


def _stated_time_cases(column: ColumnContract, text: str) -> list[tuple[str, str, str]]:
    reason = reasons.NOT_A_DATE if column.data_type == "date" else reasons.NOT_A_TIME
    if column.time_unit:
        return [
            (
                f"regexp_full_match({text}, '{_NUMBER}')",
                reasons.OUT_OF_RANGE,
                f" is a time outside of {_YEARS_OF_UNITS[0]} to {_YEARS_OF_UNITS[1]} in {column.time_unit}; "
                "is it another unit?",
            ),
            ("true", reason, f" is no number of {column.time_unit}, as the contract says times are written"),
        ]
    example = datetime(2026, 2, 13, 9, 30, tzinfo=UTC)
    shown = " or ".join(f"{known} ({example.strftime(known)})" for known in column.time_format)
    return [("true", reason, f" does not exist, or is not written as the contract says: {shown}")]


def _plain_cases(column: ColumnContract, text: str, time_zone: str) -> list[tuple[str, str, str]]:
    comma = f"contains({text}, ',')"
    comma_words = " is no number; expected digits with '.' before the decimals and no thousands mark, such as 1234.50"
    whole = f"regexp_full_match({text}, '[+-]?[0-9]+(\\.0*)?')"
    numeric = f"try_cast({text} as double) is not null and not regexp_matches({text}, '[^0-9.eE+-]')"
    match column.data_type:
        case "bigint":
            return [
                (whole, reasons.OUT_OF_RANGE, " is too large; a whole number has up to 18 digits"),
                (
                    comma,
                    reasons.NOT_A_NUMBER,
                    " is no whole number; expected digits without a thousands mark, such as 1234",
                ),
                (
                    numeric,
                    reasons.VALUE_WOULD_CHANGE,
                    " is no whole number and would be rounded; expected digits, such as 42",
                ),
                ("true", reasons.NOT_A_NUMBER, " is no whole number; expected digits, such as 42"),
            ]
        case "double":
            return [
                (comma, reasons.NOT_A_NUMBER, comma_words),
                (numeric, reasons.OUT_OF_RANGE, " is too large for a number"),
                ("true", reasons.NOT_A_NUMBER, " is no number; expected one such as 12.5"),
            ]
        case "boolean":
            return [("true", reasons.NOT_A_BOOLEAN, " is no truth value; expected true or false")]
        case "date":
            return [
                _day_number_case(text, reasons.NOT_A_DATE),
                ("true", reasons.NOT_A_DATE, " is no date; expected ISO 8601 such as 2026-02-13"),
            ]
        case "timestamp":
            finer = rf"{_DAY}[T ]{_CLOCK}[0-9]*(Z|{_OFFSET})?"
            too_fine = f"regexp_full_match({text}, '{finer}') and contains({text}, '.')"
            cases = [
                (
                    f"{too_fine} and try_cast({text} as timestamp) is not null",
                    reasons.VALUE_WOULD_CHANGE,
                    " is finer than a microsecond and would be cut; expected at most six decimals of a second",
                ),
                _day_number_case(text, reasons.NOT_A_TIME),
                ("true", reasons.NOT_A_TIME, f" is no time; expected ISO 8601 such as {TIME_EXAMPLE}"),
            ]
            if time_zone != "UTC":
                is_time = f"try_cast({text} as timestamp) is not null"
                skipped = f"regexp_full_match({text}, '{_NAIVE_TIME}') and {is_time}"
                words = (
                    f" does not exist in {time_zone} (clocks skip it); "
                    f"expected a time with its offset, such as {TIME_EXAMPLE}"
                )
                cases.insert(0, (skipped, reasons.NOT_A_TIME, words))
            return cases
        case "json":
            kind = "no JSON object" if column.takes_objects_only else "neither a JSON object nor an array"
            words = f' is {kind}; expected one such as {{"name": "value"}}'
            cases = [("true", reasons.NOT_A_JSON_OBJECT, words)]
            if column.identifier_type:
                words = " holds an object where an identifier belongs; expected a text or a list of texts for each type"
                cases.insert(
                    0, (f"json_valid({text}) and {_holds_no_identifiers(text)}", reasons.NOT_AN_IDENTIFIER, words)
                )
            return cases
        case "string":
            return []
    size = column.decimal_size or (18, 2)
    return [
        (
            f"regexp_full_match({text}, '[+-]?[0-9]*\\.[0-9]{{{size[1]}}}[0-9]*[1-9][0-9]*')",
            reasons.VALUE_WOULD_CHANGE,
            f" has more than {size[1]} decimals and would be rounded; expected at most {size[1]}",
        ),
        (
            whole,
            reasons.OUT_OF_RANGE,
            f" is too large; expected up to {size[0] - size[1]} digits before the point",
        ),
        (comma, reasons.NOT_A_NUMBER, comma_words),
        (
            numeric,
            reasons.VALUE_WOULD_CHANGE,
            f" does not fit {column.data_type} exactly; write it plainly, in JSON as text if it has over 15 digits",
        ),
        ("true", reasons.NOT_A_NUMBER, " is no number; expected one such as 1234.50"),
    ]


def _day_number_case(text: str, reason: str) -> tuple[str, str, str]:
    """A date that a spreadsheet has turned into its number of the day: five digits, 1954 to 2064."""
    return (
        f"regexp_full_match({text}, '[2-5][0-9]{{4}}(\\.[0-9]+)?')",
        reason,
        " may be a day as a spreadsheet counts them; format the column as a date before saving, or set "
        "time_unit: spreadsheet_days in the contract",
    )
