"""States what landed tables must look like before anything is built on them.

One suite per landing table. Most of it follows from the table's contract; what a contract can't say is in the
extras of a table, below. A suite is a value: writing one opens nothing and asks no clock. `as_of` is the run's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from orchestration.lib.config.contracts import ColumnContract, TableContract
from orchestration.lib.core.sql import in_list, literal
from orchestration.lib.core.sql import name as quoted
from orchestration.lib.hygiene.checks import Check, Severity, Suite, TableChecks, instant, quoted_table
from orchestration.lib.landing.overlooked import IGNORED_FILES
from orchestration.lib.landing.quarantine import MAX_QUARANTINED_SHARE_OF_DELIVERY, mostly_quarantined_sql
from orchestration.lib.landing.registry import IS_STANDING
from orchestration.lib.landing.warnings import OF_CONTRACTS, WARNINGS_OF_FILES

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

WHOLE_EMAIL_SHAPE = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
CURRENCY_SHAPE = "^[A-Z]{3}$"

# Columns with such names count something, in whatever source they are; below zero they are misread.
COUNTING_NAME = re.compile(r"(^|_)(count|seconds|micros|impressions|clicks)$")
EMAIL_NAME = re.compile(r"(^|_)(email|email_address|recipient)$")


def landing_suite(
    contract: TableContract,
    *,
    as_of: datetime,
    max_quarantined_share: float = MAX_QUARANTINED_SHARE,
    refused_files: Sequence[str] | None = None,
    compared: Iterable[Check] = (),
) -> Suite:
    """The suite of one raw table: what its contract implies, and what is known of this table beyond it.

    `compared` are checks of what its deliveries were found to be, compared with those before.

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
            *(check for column in contract.columns for check in _column_checks(current, column, as_of, contract)),
            *extras,
            *compared,
        ),
    )


def warnings_suite() -> Suite:
    """The suite of what is suspicious about files and in the extracts folder. It warns, and blocks nothing.

    Names that are ignored are meant to be: they are counted in the table, and no check is about them.
    """
    here = TableChecks("landing.warnings", key=None)
    of_file = f"from {' '.join(WARNINGS_OF_FILES.split())}"
    kinds = ", ".join(map(literal, OF_CONTRACTS))
    not_of_folder = f"{literal(IGNORED_FILES)}, {kinds}"
    of_folder = f"from landing.warnings where file_id is null and kind not in ({not_of_folder})"
    of_contracts = f"from landing.warnings where kind in ({kinds})"
    return Suite(
        name="landing.warnings",
        gate="landing",
        checks=(
            here.counted(
                "no_suspicious_file",
                "select (select count(*) from landing.files where status = 'loaded') as rows_checked,"
                " count(distinct (files.source_name, files.table_name, files.file_id)) as unexpected_count"
                f" {of_file}",
                says="nothing about a landed file is suspicious",
                look=f"select warnings.place, warnings.kind, warnings.message {of_file}",
                severity="warning",
            ),
            here.counted(
                "everything_is_read",
                "select (select count(*) from landing.warnings where file_id is null) as rows_checked,"
                f" count(*) as unexpected_count {of_folder}",
                says="everything in the extracts folder is read",
                look=f"select place, kind, message {of_folder}",
                severity="warning",
            ),
            here.counted(
                "contracts_are_settled",
                "select (select count(*) from landing.warnings where file_id is null) as rows_checked,"
                f" count(*) as unexpected_count {of_contracts}",
                says="no guess is left in a contract, and every value that a mapping names occurs",
                look=f"select place, kind, message {of_contracts}",
                severity="warning",
            ),
        ),
    )


def _extras_of(contract: TableContract, current: TableChecks) -> Iterable[Check]:
    """The extras on columns that the contract has: a contract of one's own may leave some out."""
    known = {column.name for column in contract.columns}
    checks = (rule(current) for rule in EXTRAS.get((contract.source, contract.table), ()))
    return [check for check in checks if check.column in known]


def _delivery_checks(
    contract: TableContract,
    raw_table: str,
    max_quarantined_share: float,
    refused_files: Sequence[str] | None,
) -> Iterable[Check]:
    """Checks on the files rather than the rows: they hold for a table that stayed empty too.

    A file that was replaced under its path is no part of a share: what was wrong with it is corrected.
    """
    source_and_table = f"source_name = {literal(contract.source)} and table_name = {literal(contract.table)}"
    delivery = TableChecks(raw_table, key=None, rows=CURRENT_ROWS)
    quarantine = f"quarantine.{contract.source}__{contract.table}"
    look = f"select file_path, line, column_name, reason, expected from {quoted_table(quarantine)}"
    standing = f"from landing.files as files where {source_and_table} and {' '.join(IS_STANDING.split())}"
    yield delivery.counted(
        "quarantined_share",
        "select coalesce(sum(rows_read), 0) as rows_checked,"
        f" coalesce(sum(rows_quarantined), 0) as unexpected_count {standing}",
        says=f"at most {max_quarantined_share:.0%} of the rows read are quarantined",
        look=look,
        tolerated_share=max_quarantined_share,
    )
    # A long good history hides one bad file, so each file is looked at as well, also one that was replaced: the rows in
    # quarantine are on record only there.
    landed = f"from landing.files where {source_and_table} and status = 'loaded'"
    yield delivery.counted(
        "quarantined_share_per_file",
        "select count(*) as rows_checked,"
        f" count_if(rows_quarantined > {literal(max_quarantined_share)} * rows_read) as"
        f" unexpected_count {landed}",
        says=f"no file had more than {max_quarantined_share:.0%} of its rows quarantined",
        look=f"select file_path, rows_read, rows_quarantined {landed}"
        f" and rows_quarantined > {literal(max_quarantined_share)} * rows_read",
        severity="warning",
    )
    # Whatever the table's size: a file that was read wrong is a small part of a long history.
    mostly = mostly_quarantined_sql(contract)
    yield delivery.counted(
        "quarantined_share_of_delivery",
        f"select (select count(*) {standing}) as rows_checked, count(*) as unexpected_count from ({mostly})",
        says=f"of no file or delivery more than {MAX_QUARANTINED_SHARE_OF_DELIVERY:.0%} of the rows are quarantined",
        look=f"select file_path, reason, column_name, count(*) as row_count from {quoted_table(quarantine)}"
        " where line is not null group by all order by all",
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


def _column_checks(
    current: TableChecks, column: ColumnContract, as_of: datetime, contract: TableContract
) -> Iterable[Check]:
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
        # a mapping writes codes in capital letters
        is_mapped = bool(contract.events)
        yield current.no_row_where(
            "currency_code",
            f"not regexp_matches({'upper' * is_mapped}({quoted(name)}), {literal(CURRENCY_SHAPE)})",
            column=name,
            says=f"currency is a code of three {'' if is_mapped else 'capital '}letters, such as EUR",
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
    # A run's clock may be years back, to show an old state; rows that landed since are not wrong then. So the
    # limit counts from the later of the run's clock and the row's landing.
    name = quoted(column)
    return current.no_row_where(
        "plausible_time",
        f"{name} < timestamp {literal(earliest)}"
        f" or {name} > greatest({instant(as_of)}, _loaded_at) + interval {leeway_days} days",
        column=column,
        says=f"{column} is not before {earliest[:4]} and not more than {leeway_days:,} days ahead",
        tolerated_share=TOLERATED_SLIPS,
    )


def _names(columns: Sequence[str]) -> str:
    return ", ".join(columns) or "the row key"


# --- what is known of particular landed tables beyond their contracts ---------------------------------------

# A rule gives the check of one table.
Rule = Callable[[TableChecks], Check]


def _rule(
    name: str,
    where: str,
    *,
    column: str,
    says: str,
    severity: Severity = "error",
    tolerated_share: float = 0.0,
) -> Rule:
    """No row meets the condition; `says` completes the sentence "expected that …"."""

    def check(table: TableChecks) -> Check:
        condition = where.replace("{table}", quoted_table(table.table))
        return table.no_row_where(
            name, condition, column=column, says=says, severity=severity, tolerated_share=tolerated_share
        )

    return check


def _between(
    column: str, *, least: float | None = None, most: float | None = None, severity: Severity = "error"
) -> Rule:
    return lambda table: table.between(column, least=least, most=most, severity=severity)


def _not_blank(column: str) -> Rule:
    return _rule(
        "not_blank",
        f"trim({quoted(column)}) = ''",
        column=column,
        says=f"{column} is more than white space",
        tolerated_share=TOLERATED_SLIPS,
    )


def _scores(kind: str | None, score: str, least: str, greatest: str) -> tuple[Rule, Rule]:
    """A score lies on its scale, and a scale has two ends; the models count a row that breaks either in no figure."""
    # the usual least answer, as the macro scaled_score has it; what has no kind is a rating
    usual_least = f"case when {quoted(kind)} in ('csat', 'ces', 'rating') then 1 else 0 end" if kind else "1"
    begin = f"coalesce({quoted(least)}, {usual_least})"
    usual = f"{least} (without one: {'0 for nps, 1 for csat, ces and rating' if kind else '1'})"
    return (
        _rule(
            "score_within_scale",
            f"{quoted(score)} < {begin} or {quoted(score)} > {quoted(greatest)}",
            column=score,
            says=f"{score} lies between {usual} and {greatest}; if the scale begins elsewhere, deliver {least}",
            tolerated_share=TOLERATED_SLIPS,
        ),
        _rule(
            "scale_has_two_ends",
            f"{quoted(score)} is not null and {begin} >= {quoted(greatest)}",
            column=greatest,
            says=f"{greatest} is more than {usual}; deliver both ends of the scale",
            tolerated_share=TOLERATED_SLIPS,
        ),
    )


def _not_before(later: str, earlier: str, *, leeway: str = "0 seconds") -> Rule:
    """Clocks differ between machines, so a few rows may be out of order, and `leeway` may be given."""
    return _rule(
        f"not_before_{earlier}",
        f"{quoted(later)} < {quoted(earlier)} - interval {literal(leeway)}",
        column=later,
        says=f"{later} is not before {earlier}" + ("" if leeway == "0 seconds" else f" by more than {leeway}"),
        severity="warning",
        tolerated_share=TOLERATED_ODDITIES,
    )


CLICKS_WITHIN_IMPRESSIONS = _rule(
    "clicks_within_impressions",
    "clicks > impressions",
    column="clicks",
    says="there are no more clicks than impressions",
    severity="warning",
)

EXTRAS: Mapping[tuple[str, str], Sequence[Rule]] = {
    ("surveys", "invitations"): (_not_before("bounced_at", "sent_at"),),
    ("ads", "daily_spend"): (CLICKS_WITHIN_IMPRESSIONS,),
    ("app", "events"): (_not_before("server_received_time", "event_time", leeway="1 day"),),
    ("crm", "opportunities"): (
        _between("amount", least=0, severity="warning"),
        _not_before("closed_at", "created_at"),
    ),
    ("feed", "consents"): (_not_blank("identifier"), _not_blank("purpose")),
    ("feed", "erasures"): (_not_blank("identifier_type"), _not_blank("identifier")),
    ("feed", "events"): (
        _not_blank("event_id"),
        _not_blank("event_name"),
        *_scores("feedback_kind", "feedback_score", "feedback_scale_min", "feedback_scale_max"),
        _rule(
            "score_has_scale",
            "feedback_score is not null and (feedback_scale_max is null or feedback_kind is null)",
            column="feedback_score",
            says="a feedback_score comes with its kind and the end of its scale",
            severity="warning",
        ),
        _rule(
            "amount_has_currency",
            "amount is not null and currency is null",
            column="amount",
            says="an amount comes with its currency: without one it is counted apart, not summed",
            severity="warning",
        ),
        _rule(
            "has_identifier",
            "identifiers is null or trim(identifiers) in ('', '{}')",
            column="identifiers",
            says="most events carry an identifier: one without is an anonymous customer of its own",
            severity="warning",
            tolerated_share=0.5,
        ),
    ),
    ("feed", "interventions"): (
        _not_blank("identifier"),
        _rule(
            "one_arm_per_identifier",
            "(intervention_id, identifier_type, identifier) in (select (i.intervention_id, i.identifier_type,"
            f" i.identifier) from {{table}} as i where i.{CURRENT_ROWS} group by all having count(distinct i.arm) > 1)",
            column="arm",
            says="an identifier is in one arm of an intervention",
            severity="warning",
        ),
    ),
    ("feed", "people"): (
        _not_blank("person_key"),
        _rule(
            "birth_before_landing",
            "birth_date > cast(_loaded_at as date)",
            column="birth_date",
            says="nobody was born after their record landed",
            severity="warning",
        ),
        _rule(
            "email_shape",
            "json_extract_string(identifiers, '$.email') is not null and not regexp_matches("
            f"trim(json_extract_string(identifiers, '$.email')), {literal(WHOLE_EMAIL_SHAPE)})",
            column="identifiers",
            says="the identifier email has a name, one @ and a domain",
            severity="warning",
            tolerated_share=TOLERATED_ODDITIES,
        ),
    ),
    ("feed", "spend"): (CLICKS_WITHIN_IMPRESSIONS,),
    ("shop", "orders"): (
        _not_before("shipped_at", "placed_at"),
        _not_before("delivered_at", "shipped_at"),
        _rule(
            "refund_within_price",
            "refunded_amount < 0 or refunded_amount > total_price",
            column="refunded_amount",
            says="no more is refunded than was paid",
            severity="warning",
            tolerated_share=TOLERATED_ODDITIES,
        ),
    ),
    ("social", "mentions"): (_between("sentiment_score", least=-1, most=1, severity="warning"),),
    ("support", "calls"): (
        *_scores(None, "rating", "rating_scale_min", "rating_scale_max"),
        _not_before("ended_at", "started_at"),
    ),
    ("support", "chats"): (
        *_scores(None, "rating", "rating_scale_min", "rating_scale_max"),
        _not_before("ended_at", "started_at"),
    ),
    ("support", "tickets"): (
        *_scores(None, "rating", "rating_scale_min", "rating_scale_max"),
        _not_before("first_response_at", "created_at"),
        _not_before("solved_at", "created_at"),
    ),
    ("surveys", "responses"): (
        *_scores("survey_type", "score", "scale_min", "scale_max"),
        _not_before("responded_at", "sent_at"),
    ),
    ("web", "events"): (_not_before("collector_tstamp", "derived_tstamp", leeway="1 day"),),
}
