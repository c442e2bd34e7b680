"""Writes people records in the form in which they are compared: one row per record, values cleaned, block keys."""

from __future__ import annotations

from collections.abc import Iterable

import duckdb
import pyarrow as pa
from nicknames import name_triplets

from orchestration.lib.config.matching import IDENTIFIER, MatchingSettings

# A longer value is not a name, address or date: it is omitted, not cut, because two cut ones may agree by chance.
MAX_LENGTH = 200
SAID_AS_NOTHING = (
    "", "null", "none", "nil", "nan", "na", "n a", "undefined", "unknown", "onbekend", "unbekannt", "not known",
    "not available", "not applicable", "nvt", "n v t", "anonymous", "anoniem", "test", "tbd", "xxx", "xx", "x x",
)  # fmt: skip
# Mailboxes of an office identify no one, at any domain.
MAILBOXES_OF_NOBODY = (
    "info", "contact", "admin", "administratie", "office", "mail", "post", "sales", "support", "noreply", "no-reply",
    "hello", "service", "webmaster", "geen", "none", "test", "unknown", "email", "me", "hallo", "shop", "team",
)  # fmt: skip
# "de Vries", "Vries, de" and "Vries" are one name.
PARTICLES = (
    "van", "von", "vom", "zu", "zum", "zur", "de", "den", "der", "des", "het", "t", "ter", "ten", "te", "la", "le",
    "les", "du", "di", "da", "do", "dos", "das", "del", "della", "el", "al", "bin", "ibn", "op", "in", "v", "d",
)  # fmt: skip
# What a name ends in where parent and child have one name: the generation by each word.
GENERATIONS = {
    "i": 1, "sr": 1, "senior": 1, "ii": 2, "jr": 2, "junior": 2, "2nd": 2, "iii": 3, "3rd": 3, "iv": 4, "4th": 4,
}  # fmt: skip
GENERATION = f" ({'|'.join(GENERATIONS)})$"
POSTCODE_WITH_LETTERS = r"\b([0-9]{4} ?[a-z]{2}|[a-z]{1,2}[0-9][a-z0-9]? ?[0-9][a-z]{2})\b"
POSTCODE = rf"({POSTCODE_WITH_LETTERS}|\b[0-9]{{4,5}}\b)"
STREET_NAME = (
    "case when house_number is null then street "
    "else trim(replace(' ' || street || ' ', ' ' || house_number || ' ', ' ')) end"
)
# A birth date on more records than both of these (a number, a share) is a default.
DATE_IS_DEFAULT_FROM = 12
DATE_IS_DEFAULT_SHARE = 0.004
# A name on so many records is no slip of the finger for another.
COMMON_FROM = 6
INPUT_COLUMNS = (
    "first_name", "last_name", "street", "city", "postcode", "birth_date", "email_normalised", "phone_normalised",
    "compared_identifiers",
)  # fmt: skip


def prepare_people(connection: duckdb.DuckDBPyConnection, people: pa.Table, settings: MatchingSettings) -> int:
    """Creates the table `people` of cleaned records and returns how many it holds.

    `record` numbers the records in the order of their keys, so whatever order the rows came in, the table is the
    same. Columns that `people` lacks are empty. Of several rows of one record the last by value counts.
    """
    connection.register("people_given", people)
    given = {column.lower() for column in people.column_names}
    columns = ", ".join(
        f"cast({name} as varchar) as {name}" if name in given else f"cast(null as varchar) as {name}"
        for name in INPUT_COLUMNS
    )
    connection.execute(f"""
        create or replace temp table people_read as
        select cast(person_key_hash as varchar) as person_key_hash, {columns}
        from people_given
        where person_key_hash is not null
        qualify row_number() over (
            partition by person_key_hash
            order by {
        ", ".join(
            f"cast({name} as varchar) desc nulls last" if name in given else "null"
            for name in ("updated_at", "version_key", *INPUT_COLUMNS)
        )
    }
        ) = 1
    """)
    connection.unregister("people_given")
    nothing = _listed(SAID_AS_NOTHING)
    identifiers = [one.columns[0] for one in settings.comparisons if one.is_of_identifiers]
    values_read = "".join(
        f""",
                lower(trim(json_extract_string(compared_identifiers, '$.{column.removeprefix(IDENTIFIER + "_")}')))
                    as {column}"""
        for column in identifiers
    )
    values_cleaned = "".join(
        f""",
            case when length({column}) <= {MAX_LENGTH} and {column} not in {nothing} then {column} end as {column}"""
        for column in identifiers
    )
    connection.execute(f"""
        create or replace temp table people_cleaned as
        with lines as (
            -- an address in one line; without a comma, a postcode with letters says where the town begins
            select
                * exclude (street, city, postcode),
                case
                    when city is not null or postcode is not null or length(street) > {MAX_LENGTH} then null
                    when contains(street, ',') then trim(regexp_extract(street, ',(.*)$', 1, 's'))
                    else nullif(regexp_extract(street, '{POSTCODE_WITH_LETTERS}.*$', 0, 'is'), '')
                end as place,
                street as street_written, city as city_written, postcode as postcode_written
            from (
                select * replace (nullif(trim(city), '') as city, nullif(trim(postcode), '') as postcode)
                from people_read
            )
        ),
        placed as (
            select
                *,
                case
                    when place is null then street_written
                    else left(street_written, strpos(street_written, place) - 1)
                end as street,
                coalesce(postcode_written, nullif(regexp_extract(place, '{POSTCODE}', 0, 'i'), '')) as postcode,
                coalesce(city_written, regexp_replace(place, '{POSTCODE}', '', 'i')) as city
            from lines
        ),
        named as (
            select
                person_key_hash,
                {_name("first_name")} as first_name,
                {_name("last_name")} as last_name,
                coalesce({_generation("last_name")}, {_generation("first_name")}) as generation,
                {_plain("first_name")} in {nothing} as has_no_first_name,
                {_plain("last_name")} in {nothing} as has_no_last_name,
                {_plain("street")} as street,
                {_plain("city")} as city,
                replace({_plain("postcode")}, ' ', '') as postcode,
                try_cast(left(birth_date, 10) as date) as birth_date,
                case when length(email_normalised) <= {MAX_LENGTH} then lower(trim(email_normalised)) end as email,
                case when length(phone_normalised) <= {MAX_LENGTH}
                    then regexp_replace(phone_normalised, '[^0-9]', '', 'g') end as phone{values_read}
            from placed
        ),
        housed as (
            select
                *,
                -- "7 Singel" and "Singel 7a" are a name and a number; "1e Straat" is a name
                coalesce(
                    nullif(regexp_extract(street, '^([0-9]+) ', 1), ''),
                    nullif(regexp_extract(street, ' ([0-9]+[a-z]?)$', 1), '')
                ) as house_number
            from named
        )
        select
            person_key_hash,
            case when not has_no_first_name then nullif(first_name, '') end as first_name,
            case when not has_no_last_name then nullif(last_name, '') end as last_name,
            generation,
            case
                when street in {nothing} then null
                when house_number is null then street
                else {STREET_NAME} || ' ' || house_number
            end as street,
            case when street not in {nothing} then {STREET_NAME} end as street_name,
            house_number,
            case when city not in {nothing} then city end as city,
            case when postcode not in {nothing} then postcode end as postcode,
            case when year(birth_date) between 1901 and 2200 then strftime(birth_date, '%Y%m%d') end as birth_date,
            case when contains(email, '@') then email end as email,
            case when length(phone) >= 6 then right(phone, 9) end as phone{values_cleaned}
        from housed
    """)
    connection.register("nicknames_known", _nicknames())
    # a name is formal for itself: Bob and Rob meet in Robert
    connection.execute("""
        create or replace temp table formal_names as
        select first_name, list(formal order by formal) as first_name_formal
        from (
            select distinct first_name, first_name as formal from people_cleaned where first_name is not null
            union
            select nickname, formal from nicknames_known where nickname in (select first_name from people_cleaned)
        )
        group by first_name
    """)
    connection.unregister("nicknames_known")
    # a date that a system writes when it knows none; a person's records do not number that many
    connection.execute(f"""
        create or replace temp table dates_of_nobody as
        select birth_date from people_cleaned
        where birth_date is not null
        group by birth_date
        having count(*) > {DATE_IS_DEFAULT_FROM}
            and count(*) > {DATE_IS_DEFAULT_SHARE} * (select count(*) from people_cleaned)
    """)
    connection.execute("""
        update people_cleaned set birth_date = null where birth_date in (select birth_date from dates_of_nobody)
    """)
    levels = [level for comparison in settings.comparisons for level in comparison.levels]
    # found once per record: a pair costs a comparison of two short texts then
    derived = "".join(
        f""",
            regexp_replace({column}, '[^0-9]', '', 'g') as {column}_digits"""
        for column in sorted({level.columns[0] for level in levels if level.same_digits})
    ) + "".join(
        f""",
            array_to_string(list_sort(string_split({column}, '')), '') as {column}_letters"""
        for column in sorted({level.columns[0] for level in levels if level.kind == "same_letters"})
    )
    connection.execute(f"""
        create or replace temp table people_keyed as
        select
            row_number() over (order by person_key_hash) as record,
            people_cleaned.*,
            formal_names.first_name_formal,
            first_name is not null and count(*) over (partition by first_name) >= {COMMON_FROM} as first_name_is_common,
            last_name is not null and count(*) over (partition by last_name) >= {COMMON_FROM} as last_name_is_common,
            left(first_name, 1) as first_initial,
            left(last_name, 1) as last_initial,
            case when length(first_name) >= 3 then left(first_name, 3) end as first_start,
            case when length(last_name) >= 4 then left(last_name, 4) end as last_start,
            case when length(postcode) >= 4 then left(postcode, length(postcode) - 2) end as postcode_area,
            case when length(city) >= 4 then left(city, 4) end as city_start,
            left(birth_date, 6) as birth_month,
            case when length(split_part(email, '@', 1)) >= 5 then left(email, 5) end as email_start,
            least(first_name, last_name) || ' ' || greatest(first_name, last_name) as both_names,
            left(birth_date, 4) as birth_year,
            right(birth_date, 4) as birth_month_day,
            date_diff('day', date '1900-01-01', strptime(birth_date, '%Y%m%d')::date) as birth_date_day,
            case
                when length(split_part(email, '@', 1)) >= 5
                    and split_part(email, '@', 1) not in {_listed(MAILBOXES_OF_NOBODY)}
                    then split_part(email, '@', 1)
            end as email_local{derived}
        from people_cleaned
        left join formal_names using (first_name)
    """)
    frequencies = {level.frequency_of: level.frequency_from for level in levels if level.frequency_of}
    shares = "".join(
        f""",
            case
                when {name} is not null and count(*) over (partition by {name}) >= {least}
                    then count(*) over (partition by {name}) / count({name}) over ()
            end as tf_{name}"""
        for name, least in frequencies.items()
    )
    connection.execute(f"create or replace table people as select *{shares} from people_keyed order by record")
    ((count,),) = connection.execute("select count(*) from people").fetchall()
    return count


def _plain(column: str) -> str:
    """A text in lower case without accents, its words and numbers separated by one space; null where it is overlong."""
    return (
        f"case when length({column}) <= {MAX_LENGTH} then nullif(trim(regexp_replace("
        f"lower(strip_accents({column})), '[^\\p{{L}}\\p{{N}}]+', ' ', 'g')), '') end"
    )


def _name(column: str) -> str:
    """A name without particles, unless it is nothing else, and without spaces. Names are in the wrong field at
    times, so first and last ones are treated alike."""
    plain = f"regexp_replace({_plain(column)}, '{GENERATION}', '')"
    words = f"list_filter(string_split({plain}, ' '), lambda word: word <> '')"
    kept = f"list_filter({words}, lambda word: word not in {_listed(PARTICLES)})"
    return f"array_to_string(case when len({kept}) > 0 then {kept} else {words} end, '')"


def _generation(column: str) -> str:
    """The generation in which a name ends, as a number; null where it names none."""
    numbers = " ".join(f"when '{word}' then {number}" for word, number in GENERATIONS.items())
    return f"case regexp_extract({_plain(column)}, '{GENERATION}', 1) {numbers} end"


def _nicknames() -> pa.Table:
    """Which names are short for which, written as cleaned names are."""
    pairs = sorted({(known.name2, known.name1) for known in name_triplets() if known.relationship == "has_nickname"})
    return pa.table({"nickname": [pair[0] for pair in pairs], "formal": [pair[1] for pair in pairs]})


def _listed(words: Iterable[str]) -> str:
    return "(" + ", ".join(f"'{word}'" for word in words) + ")"
