"""States what landed tables and published schemas must look like before anyone builds on them or reads them.

The suites say what dbt tests cannot say as well: whether a delivery is whole, plausible and recent, whether
a table has its shape and its volume, whether schemas agree with each other, and whether something personal
slipped through. Keys, outcomes and money are laws of the models and are stated there, once.

A suite is a value: writing one opens nothing and asks no clock. `as_of` is the run's.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from orchestration.lib.config.contracts import ColumnContract, TableContract
from orchestration.lib.hygiene.checks import (
    Catalog,
    Check,
    Severity,
    Suite,
    TableChecks,
    in_list,
    literal,
    quoted,
    quoted_table,
)

# Rows of a raw table that count: the others are kept as evidence, not as data.
CURRENT_ROWS = "_row_status = 'current'"

# Customers of today did nothing before this; an earlier time is a clock at zero or a date read in the wrong
# format.
EARLIEST_TIME = "1990-01-01"
EARLIEST_BIRTH = "1900-01-01"

# A time this far after both the run's clock and the moment of landing is a wrong date, not an appointment.
TIME_LEEWAY_DAYS = 366
DATE_LEEWAY_DAYS = 3660

# Some slips are in every history and one of them should stop nobody's morning; more than this share means
# that a file was read in the wrong format or a tool changed its mind.
TOLERATED_SLIPS = 0.01
TOLERATED_ODDITIES = 0.05

# One amount beyond this is a unit mistaken, whatever the currency.
LARGEST_AMOUNT = 1_000_000_000

MAX_QUARANTINED_SHARE = 0.2
LEAST_SHARE_OF_PREVIOUS_ROWS = 0.5
STALE_AFTER_DAYS = 31
STALE_SCORECARD_AFTER_DAYS = 62

# What an e-mail address and a phone number in international form look like in running text. The cheap
# condition before each keeps the regular expression off most rows.
EMAIL_SHAPE = r"[[:alnum:]._%+-]+@[[:alnum:]-]+(\.[[:alnum:]-]+)*\.[[:alpha:]]{2,}"
PHONE_SHAPE = r"\+[1-9][0-9]{0,2}[ ()./-]{0,2}[0-9]([ ()./-]{0,2}[0-9]){6,12}"
WHOLE_EMAIL_SHAPE = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
CURRENCY_SHAPE = "^[A-Z]{3}$"


# Columns named so count something, in whatever source they stand; below zero they are misread.
COUNTING_NAME = re.compile(r"(^|_)(count|seconds|micros|impressions|clicks|spend)$")
EMAIL_NAME = re.compile(r"(^|_)(email|email_address|recipient)$")


# --- landing ------------------------------------------------------------------------------------------------


def landing_suite(
    contract: TableContract,
    *,
    as_of: datetime,
    max_quarantined_share: float = MAX_QUARANTINED_SHARE,
    refused_files: Sequence[str] | None = None,
) -> Suite:
    """The suite of one raw table: what its contract implies, and what is known of this table besides.

    `refused_files` are paths of files that were refused and still lie in the extracts folder; None asks
    `landing.files` for refused files that no accepted file has replaced.
    """
    raw_table = f"raw.{contract.source}__{contract.table}"
    current = TableChecks(raw_table, key="_row_key", rows=CURRENT_ROWS)
    extras = _extras_of(contract, current)
    return Suite(
        name=f"landing.{contract.source}__{contract.table}",
        gate="landing",
        checks=(
            current.has_columns(
                [
                    *(column.name for column in contract.columns),
                    "_row_key",
                    "_row_status",
                    "_file_id",
                    "_line",
                ]
            ),
            *_delivery_checks(contract, raw_table, max_quarantined_share, refused_files),
            current.present("_row_key", says="every current row has its row key"),
            current.unique("_row_key", says=f"{_names(contract.key)} names at most one current row"),
            *(check for column in contract.columns for check in _column_checks(current, column, as_of)),
            *extras,
        ),
    )


def _extras_of(contract: TableContract, current: TableChecks) -> Iterable[Check]:
    """The extras that speak of columns the contract has: a contract of one's own may leave some out."""
    known = {column.name for column in contract.columns}
    write = EXTRAS.get((contract.source, contract.table))
    return [check for check in write(current) if check.column in known] if write else []


def _delivery_checks(
    contract: TableContract,
    raw_table: str,
    max_quarantined_share: float,
    refused_files: Sequence[str] | None,
) -> Iterable[Check]:
    """Checks on the files rather than the rows: they hold for a table that stayed empty too."""
    source_and_table = f"source_name = {literal(contract.source)} and table_name = {literal(contract.table)}"
    delivery = TableChecks(raw_table, key=None, rows=CURRENT_ROWS)
    quarantine = f"quarantine.{contract.source}__{contract.table}"
    look = f"select file_path, line, column_name, reason, expected from {quoted_table(quarantine)}"
    loaded = f"from landing.files where {source_and_table} and status = 'loaded'"
    yield delivery.counted(
        "quarantined_share",
        "select coalesce(sum(rows_read), 0) as rows_checked,"
        f" coalesce(sum(rows_quarantined), 0) as unexpected_count {loaded}",
        says=f"at most {max_quarantined_share:.0%} of the rows read are quarantined",
        look=look,
        tolerated_share=max_quarantined_share,
    )
    # A long good history hides one bad file, so each file is looked at as well.
    yield delivery.counted(
        "quarantined_share_per_file",
        "select count(*) as rows_checked,"
        f" count_if(rows_quarantined > {literal(max_quarantined_share)} * rows_read) as"
        f" unexpected_count {loaded}",
        says=f"no file had more than {max_quarantined_share:.0%} of its rows quarantined",
        look=f"select file_path, rows_read, rows_quarantined {loaded}"
        f" and rows_quarantined > {literal(max_quarantined_share)} * rows_read",
        severity="warning",
    )
    if refused_files is not None:
        still_there = f"status = 'refused' and file_path in {in_list(refused_files)}"
    else:
        still_there = (
            "status = 'refused' and not exists (select 1 from landing.files as newer"
            " where newer.source_name = files.source_name and newer.table_name = files.table_name"
            " and newer.file_path = files.file_path and newer.status = 'loaded' and newer.batch >"
            " files.batch)"
        )
    yield delivery.counted(
        "no_refused_file",
        f"select count(*) as rows_checked, count_if({still_there}) as unexpected_count"
        f" from landing.files as files where {source_and_table}",
        says="no refused file waits in the extracts folder",
        look=f"select file_path, reason from landing.files as files where {source_and_table} and {still_there}",
    )


def _column_checks(current: TableChecks, column: ColumnContract, as_of: datetime) -> Iterable[Check]:
    name, data_type = column.name, column.data_type.lower()
    if column.required:
        yield current.present(name, says=f"{name}, which the contract requires, has a value")
    if column.accepted_values:
        values = [int(value) for value in column.accepted_values] if data_type == "bigint" else column.accepted_values
        yield current.one_of(name, values)
    if COUNTING_NAME.search(name):
        yield current.between(name, least=0, tolerated_share=TOLERATED_SLIPS)
    if data_type == "timestamp":
        yield _plausible_time(current, name, EARLIEST_TIME, as_of, TIME_LEEWAY_DAYS)
    elif data_type == "date":
        earliest = EARLIEST_BIRTH if column.personal else EARLIEST_TIME
        yield _plausible_time(current, name, earliest, as_of, DATE_LEEWAY_DAYS)
    elif data_type.startswith("decimal"):
        yield current.between(name, least=-LARGEST_AMOUNT, most=LARGEST_AMOUNT, tolerated_share=TOLERATED_SLIPS)
    elif data_type == "string" and name == "currency":
        yield current.no_row_where(
            "currency_code",
            f"not regexp_matches({quoted(name)}, {literal(CURRENCY_SHAPE)})",
            column=name,
            says="currency is a code of three capital letters, such as EUR",
            severity="warning",
        )
    elif data_type == "string" and EMAIL_NAME.search(name):
        yield current.no_row_where(
            "email_shape",
            f"not regexp_matches(trim({quoted(name)}), {literal(WHOLE_EMAIL_SHAPE)})",
            column=name,
            says=f"{name} has a name, one @ and a domain",
            severity="warning",
            tolerated_share=TOLERATED_ODDITIES,
        )


def _plausible_time(current: TableChecks, column: str, earliest: str, as_of: datetime, leeway_days: int) -> Check:
    # A run's clock may stand years back, to see an old state; what landed since is no mistake then. So the
    # limit counts from the later of the run's clock and the row's landing.
    name = quoted(column)
    return current.no_row_where(
        "plausible_time",
        f"{name} < timestamp {literal(earliest)}"
        f" or {name} > greatest({_instant(as_of)}, _loaded_at) + interval {leeway_days} days",
        column=column,
        says=f"{column} is not before {earliest[:4]} and not more than {leeway_days:,} days ahead",
        tolerated_share=TOLERATED_SLIPS,
    )


def _names(columns: Sequence[str]) -> str:
    return ", ".join(columns) or "the row key"


def _instant(moment: datetime) -> str:
    """The moment as a literal of type timestamp, in UTC."""
    utc = moment.replace(tzinfo=None) - (moment.utcoffset() or timedelta())
    return f"timestamp {literal(utc.isoformat(sep=' ', timespec='microseconds'))}"


# --- what is known of particular landed tables beyond their contracts ---------------------------------------


def _not_blank(checks: TableChecks, column: str) -> Check:
    return checks.no_row_where(
        "not_blank",
        f"trim({quoted(column)}) = ''",
        column=column,
        says=f"{column} is more than white space",
        tolerated_share=TOLERATED_SLIPS,
    )


def _score_within(checks: TableChecks, score: str, scale: str) -> Check:
    return checks.no_row_where(
        "score_within_scale",
        f"{quoted(score)} < 0 or {quoted(score)} > {quoted(scale)}",
        column=score,
        says=f"{score} lies between 0 and {scale}",
        tolerated_share=TOLERATED_SLIPS,
    )


def _not_before(checks: TableChecks, later: str, earlier: str, *, leeway: str = "0 seconds") -> Check:
    """Clocks differ between machines, so a few rows may be out of order, and `leeway` may be given."""
    return checks.no_row_where(
        f"not_before_{earlier}",
        f"{quoted(later)} < {quoted(earlier)} - interval {literal(leeway)}",
        column=later,
        says=f"{later} is not before {earlier}" + ("" if leeway == "0 seconds" else f" by more than {leeway}"),
        severity="warning",
        tolerated_share=TOLERATED_ODDITIES,
    )


def _clicks_within_impressions(checks: TableChecks) -> Check:
    return checks.no_row_where(
        "clicks_within_impressions",
        "clicks > impressions",
        column="clicks",
        says="there are no more clicks than impressions",
        severity="warning",
    )


def feed_events_extras(checks: TableChecks) -> Iterable[Check]:
    yield _not_blank(checks, "event_id")
    yield _not_blank(checks, "event_name")
    yield _score_within(checks, "feedback_score", "feedback_scale_max")
    yield checks.no_row_where(
        "score_has_scale",
        "feedback_score is not null and (feedback_scale_max is null or feedback_kind is null)",
        column="feedback_score",
        says="a feedback_score comes with its kind and the end of its scale",
        severity="warning",
    )
    yield checks.no_row_where(
        "amount_has_currency",
        "amount is not null and currency is null",
        column="amount",
        says="an amount comes with its currency: without one it is counted apart, not summed",
        severity="warning",
    )
    yield checks.no_row_where(
        "has_identifier",
        "identifiers is null or trim(identifiers) in ('', '{}')",
        column="identifiers",
        says="most events carry an identifier: one without is an anonymous customer of its own",
        severity="warning",
        tolerated_share=0.5,
    )


def feed_people_extras(checks: TableChecks) -> Iterable[Check]:
    yield _not_blank(checks, "person_key")
    yield checks.no_row_where(
        "birth_before_landing",
        "birth_date > cast(_loaded_at as date)",
        column="birth_date",
        says="nobody was born after their record landed",
        severity="warning",
    )
    yield checks.no_row_where(
        "email_shape",
        "json_extract_string(identifiers, '$.email') is not null and not regexp_matches("
        f"trim(json_extract_string(identifiers, '$.email')), {literal(WHOLE_EMAIL_SHAPE)})",
        column="identifiers",
        says="the identifier email has a name, one @ and a domain",
        severity="warning",
        tolerated_share=TOLERATED_ODDITIES,
    )


def feed_spend_extras(checks: TableChecks) -> Iterable[Check]:
    yield checks.between("amount", least=0)
    yield _clicks_within_impressions(checks)


def feed_consents_extras(checks: TableChecks) -> Iterable[Check]:
    yield _not_blank(checks, "identifier")
    yield _not_blank(checks, "purpose")


def feed_erasures_extras(checks: TableChecks) -> Iterable[Check]:
    yield _not_blank(checks, "identifier_type")
    yield _not_blank(checks, "identifier")


def feed_interventions_extras(checks: TableChecks) -> Iterable[Check]:
    yield _not_blank(checks, "identifier")
    yield checks.no_row_where(
        "one_arm_per_identifier",
        "(intervention_id, identifier_type, identifier) in (select (i.intervention_id,"
        " i.identifier_type, i.identifier)"
        f" from {quoted_table(checks.table)} as i where i.{CURRENT_ROWS} group by all"
        " having count(distinct i.arm) > 1)",
        column="arm",
        says="an identifier is in one arm of an intervention",
        severity="warning",
    )


def ads_daily_spend_extras(checks: TableChecks) -> Iterable[Check]:
    yield _clicks_within_impressions(checks)


def app_events_extras(checks: TableChecks) -> Iterable[Check]:
    yield _not_before(checks, "server_received_time", "event_time", leeway="1 day")


def crm_opportunities_extras(checks: TableChecks) -> Iterable[Check]:
    yield checks.between("amount", least=0, severity="warning")
    yield _not_before(checks, "closed_at", "created_at")


def shop_orders_extras(checks: TableChecks) -> Iterable[Check]:
    yield _not_before(checks, "shipped_at", "placed_at")
    yield _not_before(checks, "delivered_at", "shipped_at")
    yield checks.no_row_where(
        "refund_within_price",
        "refunded_amount < 0 or refunded_amount > total_price",
        column="refunded_amount",
        says="no more is refunded than was paid",
        severity="warning",
        tolerated_share=TOLERATED_ODDITIES,
    )


def social_mentions_extras(checks: TableChecks) -> Iterable[Check]:
    yield checks.between("sentiment_score", least=-1, most=1, severity="warning")


def support_tickets_extras(checks: TableChecks) -> Iterable[Check]:
    yield _not_before(checks, "first_response_at", "created_at")
    yield _not_before(checks, "solved_at", "created_at")


def support_conversations_extras(checks: TableChecks) -> Iterable[Check]:
    yield _not_before(checks, "ended_at", "started_at")


def surveys_responses_extras(checks: TableChecks) -> Iterable[Check]:
    yield _score_within(checks, "score", "scale_max")
    yield _not_before(checks, "responded_at", "sent_at")


def web_events_extras(checks: TableChecks) -> Iterable[Check]:
    yield _not_before(checks, "collector_tstamp", "derived_tstamp", leeway="1 day")


EXTRAS: Mapping[tuple[str, str], Callable[[TableChecks], Iterable[Check]]] = {
    ("ads", "daily_spend"): ads_daily_spend_extras,
    ("app", "events"): app_events_extras,
    ("crm", "opportunities"): crm_opportunities_extras,
    ("feed", "consents"): feed_consents_extras,
    ("feed", "erasures"): feed_erasures_extras,
    ("feed", "events"): feed_events_extras,
    ("feed", "interventions"): feed_interventions_extras,
    ("feed", "people"): feed_people_extras,
    ("feed", "spend"): feed_spend_extras,
    ("shop", "orders"): shop_orders_extras,
    ("social", "mentions"): social_mentions_extras,
    ("support", "calls"): support_conversations_extras,
    ("support", "chats"): support_conversations_extras,
    ("support", "tickets"): support_tickets_extras,
    ("surveys", "responses"): surveys_responses_extras,
    ("web", "events"): web_events_extras,
}


# --- published schemas --------------------------------------------------------------------------------------

# Columns that other programs rely on. A table listed in REQUIRED_TABLES must exist; of the others the
# columns are checked once the table is built.
PUBLISHED_COLUMNS: Mapping[str, str] = {
    "core.fct_events": (
        "event_id customer_id visitor_id session_id event_number source_system event_name channel"
        " touchpoint department"
        " direction device_type campaign amount currency is_identified is_bot is_after_as_of"
        " occurred_at loaded_at"
        " properties"
    ),
    "core.bridge_customer_identifiers": ("identifier_type identifier_hash customer_id link_rule valid_from valid_to"),
    "core.bridge_customer_records": "source_system person_key_hash customer_id",
    "core.dim_customers": "customer_id is_anonymous first_seen_at last_seen_at event_count",
    "core.fct_sessions": "session_id visitor_id customer_id event_count started_at ended_at",
    "journeys.fct_journeys": (
        "journey_instance_id journey_id journey_version customer_id level outcome started_at ended_at"
    ),
    "journeys.fct_phase_intervals": (
        "interval_id journey_instance_id journey_id journey_version customer_id phase_id phase_order interval_number"
        " entry_event_id"
        " outcome next_phase_id dwell_seconds is_stalled entered_at left_at"
    ),
    "journeys.agg_funnel_steps": (
        "journey_id journey_version step_order phase_id entered_count eventual_count next_hit_count pending_count"
    ),
    "journeys.agg_phase_survival": (
        "journey_id journey_version phase_id dwell_days at_risk_count exit_count censored_count survival_share"
    ),
    "journeys.agg_phase_conversions": (
        "journey_id journey_version phase_id entered_count fell_through_count regressed_count completed_count"
        " fell_out_count pending_count conversion_share decided_conversion_share month_starts_on"
    ),
    "flows.agg_transitions": "journey_id step_type from_name to_name transition_count customer_count median_seconds",
    "flows.agg_variants": "journey_id step_type variant variant_rank instance_count",
    "kpis.kpi_scorecard": (
        "kpi_id journey_id phase_id value numerator denominator target status trend trend_year"
        " responsible accountable"
        " period_start period_end"
    ),
}

REQUIRED_TABLES: frozenset[str] = frozenset(
    {
        "core.fct_events",
        "core.dim_customers",
        "core.fct_sessions",
        "core.bridge_customer_identifiers",
        "core.bridge_customer_records",
        "journeys.fct_journeys",
        "journeys.fct_phase_intervals",
        "kpis.kpi_scorecard",
    }
)

# (table, column, parent table, parent column): every value of the first is found in the second. Across
# tables only the existence is stated here; what the rows add up to is the models' own law.
REFERENCES: Sequence[tuple[str, str, str, str]] = (
    ("core.fct_events", "customer_id", "core.dim_customers", "customer_id"),
    ("core.fct_events", "session_id", "core.fct_sessions", "session_id"),
    ("core.fct_sessions", "customer_id", "core.dim_customers", "customer_id"),
    ("core.bridge_customer_identifiers", "customer_id", "core.dim_customers", "customer_id"),
    ("core.bridge_customer_records", "customer_id", "core.dim_customers", "customer_id"),
    ("journeys.fct_journeys", "customer_id", "core.dim_customers", "customer_id"),
    ("journeys.fct_phase_intervals", "customer_id", "core.dim_customers", "customer_id"),
    ("journeys.fct_phase_intervals", "entry_event_id", "core.fct_events", "event_id"),
    ("journeys.fct_phase_intervals", "journey_instance_id", "journeys.fct_journeys", "journey_instance_id"),
    ("flows.fct_gaps", "customer_id", "core.dim_customers", "customer_id"),
    ("flows.fct_gaps", "from_event_id", "core.fct_events", "event_id"),
    ("flows.fct_gaps", "to_event_id", "core.fct_events", "event_id"),
    ("flows.fct_gaps", "journey_instance_id", "journeys.fct_journeys", "journey_instance_id"),
    ("flows.map_edges", "from_stop_id", "flows.map_stops", "stop_id"),
    ("flows.map_edges", "to_stop_id", "flows.map_stops", "stop_id"),
    ("flows.map_transfers", "from_stop_id", "flows.map_stops", "stop_id"),
    ("flows.map_transfers", "to_stop_id", "flows.map_stops", "stop_id"),
    ("flows.stalled_customers", "customer_id", "core.dim_customers", "customer_id"),
    ("flows.stalled_customers", "interval_id", "journeys.fct_phase_intervals", "interval_id"),
    ("flows.stalled_customers", "last_contact_event_id", "core.fct_events", "event_id"),
    ("kpis.kpi_scorecard", "kpi_id", "kpis.dim_kpis", "kpi_id"),
    ("kpis.fct_kpi_values_daily", "kpi_id", "kpis.dim_kpis", "kpi_id"),
    ("kpis.fct_kpi_values_by_level_daily", "kpi_id", "kpis.dim_kpis", "kpi_id"),
    ("kpis.dim_kpi_roles", "kpi_id", "kpis.dim_kpis", "kpi_id"),
)

# (table, column, days): the newest value at or before `as_of` is not older than this many days.
FRESHNESS: Sequence[tuple[str, str, int]] = (
    ("core.fct_events", "occurred_at", STALE_AFTER_DAYS),
    ("kpis.kpi_scorecard", "period_end", STALE_SCORECARD_AFTER_DAYS),
)

# Tables whose shrinking to half is an accident until somebody says otherwise. Elsewhere it is worth a look:
# a changed journey map rightly empties stays.
SHRINKING_BLOCKS: frozenset[str] = frozenset({"core.fct_events", "core.dim_customers"})

# Ledgers of runs grow and are pruned on their own terms; their rows say nothing about the customers' data.
LEDGERS: frozenset[str] = frozenset(
    {
        "hygiene.expectation_results",
        "hygiene.releases",
        "hygiene.restatements",
        "hygiene.customer_id_changes",
    }
)

# What names a row of a published table, for the sample keys: the first of these columns that the table has.
ROW_NAMES = (
    "event_id",
    "interval_id",
    "journey_instance_id",
    "session_id",
    "customer_id",
    "identifier_hash",
    "person_key_hash",
    "kpi_id",
)


def published_suite(
    schema: str,
    *,
    as_of: datetime,
    event_tables: Collection[str] = ("raw.feed__events",),
    previous_row_counts: Mapping[str, int] | None = None,
    may_shrink: bool = False,
) -> Suite:
    """The suite of one published schema: shape, volume, freshness, references, and nothing that names a
    person.

    Most checks follow from the tables that exist, so that a new mart is guarded from its first build.
    `event_tables` are the raw tables whose rows become events. `previous_row_counts` are the rows per
    `schema.table` of the release before; `may_shrink` says that losing rows is meant (a file was withdrawn,
    people were erased), which turns the check on volume into a warning.
    """

    def derive(catalog: Catalog) -> tuple[Check, ...]:
        tables = sorted(
            {table for table in catalog if table.startswith(f"{schema}.")}
            | {table for table in REQUIRED_TABLES if table.startswith(f"{schema}.")}
        )
        checks: list[Check] = []
        for table in tables:
            columns = catalog.get(table, {})
            here = TableChecks(table, key=_row_name(columns))
            if table in PUBLISHED_COLUMNS:
                checks.append(here.has_columns(PUBLISHED_COLUMNS[table].split()))
            checks.extend(_reference_checks(here, catalog))
            checks.extend(_freshness_checks(here, as_of))
            checks.extend(_volume_checks(here, catalog, event_tables, previous_row_counts or {}, may_shrink))
            checks.extend(_identifier_checks(here, columns))
        return tuple(checks)

    return Suite(name=f"marts.{schema}", gate="marts", derive=derive)


def _row_name(columns: Mapping[str, str]) -> str | None:
    return next((quoted(name) for name in ROW_NAMES if name in columns), None)


def _reference_checks(here: TableChecks, catalog: Catalog) -> Iterable[Check]:
    for table, column, parent, parent_column in REFERENCES:
        # A parent that is not built yet is reported once, as missing, where it is required.
        if table != here.table or (parent not in catalog and parent not in REQUIRED_TABLES):
            continue
        yield here.no_row_where(
            f"found_in_{parent.partition('.')[2]}",
            f"{quoted(column)} is not null and {quoted(column)} not in (select parent.{quoted(parent_column)}"
            f" from {quoted_table(parent)} as parent where parent.{quoted(parent_column)} is not null)",
            column=column,
            says=f"every {column} is found in {parent}",
        )


def _freshness_checks(here: TableChecks, as_of: datetime) -> Iterable[Check]:
    for table, column, days in FRESHNESS:
        if table != here.table:
            continue
        # One figure about the whole table: the newest moment up to the run's clock, later ones being
        # appointments.
        newest = f"max({quoted(column)}) filter (where {quoted(column)} <= {_instant(as_of)})"
        yield here.counted(
            "fresh",
            "select least(count(*), 1) as rows_checked,"
            f" count_if(newest < {_instant(as_of)} - interval {days} days) as unexpected_count"
            f" from (select {newest} as newest from {quoted_table(table)}) as summary",
            says=f"the newest {column} is within {days} days before the run's clock",
            look=f"select max({quoted(column)}) from {quoted_table(table)}",
            severity="warning",
        )


def _volume_checks(
    here: TableChecks,
    catalog: Catalog,
    event_tables: Collection[str],
    previous_row_counts: Mapping[str, int],
    may_shrink: bool,
) -> Iterable[Check]:
    if here.table in ("core.fct_events", "core.dim_customers"):
        landed = [table for table in sorted(event_tables) if table in catalog]
        rows = " + ".join(f"(select count(*) from {quoted_table(table)} where {CURRENT_ROWS})" for table in landed)
        yield here.counted(
            "not_empty",
            f"select {rows or '0'} as rows_checked, case when exists (select 1 from"
            f" {quoted_table(here.table)})"
            f" then 0 else {rows or '0'} end as unexpected_count",
            says="the table has rows when events have landed",
            look=f"select count(*) from {quoted_table(here.table)}",
        )
    previous = previous_row_counts.get(here.table, 0)
    least = math.ceil(previous * LEAST_SHARE_OF_PREVIOUS_ROWS)
    if least > 0 and here.table not in LEDGERS:
        severity: Severity = "error" if here.table in SHRINKING_BLOCKS and not may_shrink else "warning"
        yield here.row_count_at_least(
            least,
            says=f"the table kept at least {LEAST_SHARE_OF_PREVIOUS_ROWS:.0%} of the previous release's"
            f" {previous:,} rows",
            severity=severity,
        )


def _identifier_checks(here: TableChecks, columns: Mapping[str, str]) -> Iterable[Check]:
    """No text may hold something shaped like an e-mail address or a phone number, whatever the column is
    called.
    """
    texts = [column for column, kind in columns.items() if kind.upper() in ("VARCHAR", "JSON")]
    shapes = [(column, _identifier_shaped(column)) for column in texts]
    if shapes:
        yield here.no_row_where(
            "no_direct_identifier",
            " or ".join(condition for _, condition in shapes),
            columns=shapes,
            says="no text looks like an e-mail address or a phone number",
        )


def _identifier_shaped(column: str) -> str:
    # `case` and not `and`: DuckDB would run both expressions on every row, which takes many times as long
    text = f"cast({quoted(column)} as varchar)"
    email = f"regexp_matches({text}, {literal(EMAIL_SHAPE)})"
    phone = f"regexp_matches({text}, {literal(PHONE_SHAPE)})"
    return (
        f"case when contains({text}, '@') then {email} else false end"
        f" or case when contains({text}, '+') then {phone} else false end"
    )
