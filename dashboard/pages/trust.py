"""Trust: what was checked, what was left out, and what changed between releases."""

from __future__ import annotations

from collections import Counter

from dashboard import words
from dashboard.draw import Bar, Part, bars, table, tiles
from dashboard.figure import Figure, Page
from dashboard.view import View

PAGE = Page(
    name="trust",
    title="Trust",
    about=(
        "Whether the figures can be believed: checks, sources, what was left out, who can be recognised, what was"
        " restated."
    ),
    order=90,
)

CHECKS = """
select table_schema, table_name, expectation, column_name, verdict, severity, unexpected_count, rows_checked,
    message, checked_at
from hygiene.expectation_results
-- each suite as it last ran: what it no longer checks is history
qualify run_id = max_by(run_id, checked_at) over (partition by gate, suite)
order by verdict = 'pass', severity, table_schema, table_name, expectation, column_name
"""


@PAGE.question("checks", "Did all checks pass?")
def checks(view: View) -> Figure:
    found = view.ask(CHECKS)
    if not found:
        return Figure(empty="No check is on record.")
    counted = Counter(row["verdict"] for row in found)
    others = [row for row in found.dicts if row["verdict"] != "pass"]
    body = tiles(
        (
            (words.count(counted["pass"]), "passed"),
            (words.count(counted["fail"]), "failed, as warnings"),
            (words.count(counted["error"]), "could not run"),
        )
    )
    if others:
        body += table(
            "Checks that did not pass",
            ("Table", "Check", "Verdict", "Rows#"),
            [
                (
                    f"{row['table_schema']}.{row['table_name']}",
                    row["message"] or row["expectation"],
                    row["verdict"],
                    words.count(row["unexpected_count"]),
                )
                for row in others[:20]
            ],
        )
    newest = max(row["checked_at"] for row in found)
    return Figure(
        answer=(
            f"{words.count(counted['pass'])} of {len(found)} checks passed; the latest ran on {words.moment(newest)}."
        )
        + (f" {len(others)} did not pass and are warnings: a failed check publishes nothing." if others else ""),
        body=body,
        table=found,
        counted=f"{len(found)} checks",
    )


UNUSUAL = """
select 'delivery' as kind, source_name || '.' || table_name as what, message, first_on, last_on, found_at,
    accepted_at, ended_at
from hygiene.delivery_anomalies
union all
select 'KPI', kpi_id, message, first_on, last_on, found_at, accepted_at, ended_at from hygiene.kpi_anomalies
order by found_at desc, what
"""


@PAGE.question("unusual", "What is unlike the days before?")
def unusual(view: View) -> Figure:
    found = view.ask(UNUSUAL)
    still = [row for row in found if row["ended_at"] is None and row["accepted_at"] is None]
    if not still:
        return Figure(
            empty="Nothing: every delivery and every KPI is like the days before"
            + (f", or was accepted ({len(found)} in the past)." if found else ".")
        )
    return Figure(
        answer=f"{len(still)} figures deviate from the days before and were not accepted.",
        body=table(
            "Deviations",
            ("What", "Days", "Why it stands out"),
            [
                ((row["what"], row["kind"]), f"{row['first_on']} to {row['last_on']}", row["message"])
                for row in still[:15]
            ],
        ),
        table=found,
        counted=f"{len(still)} deviations",
    )


SOURCES = """
select source_name, table_name, file_count, refused_file_count, read_count, current_count, superseded_count,
    duplicate_count,
    quarantined_count, quarantined_share, is_unused, newest_on
from hygiene.source_scorecard order by source_name, table_name
"""


@PAGE.question("sources", "What came from which source?", is_wide=True)
def sources(view: View) -> Figure:
    found = view.ask(SOURCES)
    rows = [row for row in found if row["read_count"]]
    if not rows:
        return Figure(empty="Nothing has landed.")
    read = sum(row["read_count"] for row in rows)
    quarantined = sum(row["quarantined_count"] for row in rows)
    return Figure(
        answer=(
            f"{read:,} rows were read from {len(rows)} tables; {quarantined:,} are in quarantine "
            f"({words.percent(quarantined / read)}), each with its file, line and reason."
        ),
        body=table(
            "Sources",
            ("Table", "Files#", "Rows read#", "Current#", "Older versions#", "Twice#", "Quarantined#", "Newest"),
            [
                (
                    f"{row['source_name']}.{row['table_name']}",
                    (
                        words.count(row["file_count"]),
                        f"{row['refused_file_count']} refused" if row["refused_file_count"] else "",
                    ),
                    words.count(row["read_count"]),
                    words.count(row["current_count"]),
                    words.count(row["superseded_count"]),
                    words.count(row["duplicate_count"]),
                    (
                        words.count(row["quarantined_count"]),
                        words.percent(row["quarantined_share"]) if row["quarantined_count"] else "",
                    ),
                    str(row["newest_on"] or "–"),
                )
                for row in rows
            ],
        ),
        table=found,
        counted=f"{read:,} rows",
        unit="rows read = current + older versions + twice + quarantined",
        notes=(*((f"{len(found) - len(rows)} declared tables have no rows.",) if len(found) > len(rows) else ()),),
    )


QUARANTINE = """
select source_name, table_name, reason, column_name, sum(row_count) as row_count
from hygiene.quarantine_summary group by all order by row_count desc, source_name, table_name, reason, column_name
"""


@PAGE.question("quarantine", "Why were rows left out?")
def quarantine(view: View) -> Figure:
    found = view.ask(QUARANTINE)
    total = sum(row["row_count"] for row in found)
    if not total:
        return Figure(empty="No row is in quarantine.")
    drawn = [
        Bar(
            f"{row['reason'].replace('_', ' ')}: {row['source_name']}.{row['table_name']}"
            + (f", {row['column_name']}" if row["column_name"] else ""),
            (Part(row["row_count"], "out", f"{row['row_count']:,} rows"),),
            f"{row['row_count']:,}",
        )
        for row in found.dicts[:10]
    ]
    first = found.first()
    return Figure(
        answer=(
            f"{total:,} rows are in quarantine; most for {first['reason'].replace('_', ' ')} in"
            f" {first['source_name']}.{first['table_name']}."
        ),
        body=bars(drawn),
        table=found,
        counted=f"{total:,} rows",
        unit="rows, newest versions and older ones alike",
        notes=(f"The first 10 of {len(found)} reasons.",) if len(found) > 10 else (),
    )


IDENTIFIED = """
select health.dimension_value as source_system, health.value as identified_share, counted.events
from hygiene.identity_health as health
left join (
    select coalesce(source_system, '(all)') as source_system, sum(event_count) as events
    from hygiene.event_coverage group by grouping sets ((source_system), ())
) as counted on counted.source_system = health.dimension_value
where health.measure = 'identified_event_share' and health.dimension = 'source_system'
order by health.dimension_value = '(all)' desc, health.value
"""


@PAGE.question("identity", "Of whom do we know who they are?")
def identity(view: View) -> Figure:
    found = view.ask(IDENTIFIED)
    if not found:
        return Figure(empty="There are no events.")
    shares = {row["source_system"]: row["identified_share"] or 0.0 for row in found}
    overall = shares.get("(all)", 0.0)
    drawn = [
        Bar(
            "all sources" if name == "(all)" else name,
            (
                Part(share, "accent", f"{name}: {words.percent(share)} identified"),
                Part(1 - share, "none", f"{name}: {words.percent(1 - share)} not"),
            ),
            words.percent(share),
        )
        for name, share in shares.items()
    ]
    return Figure(
        answer=f"{words.percent(overall)} of events belong to a known person.",
        body=bars(drawn),
        table=found,
        counted=f"{words.count(found.first()['events'])} events",
        unit="share of events that belong to a person with an identifier, not only to a device",
    )


RESTATED = """
select release_id, table_schema || '.' || table_name as table_name, coalesce(reasons, 'unexplained') as reasons,
    count(*) as figures,
    min(measured_on) as from_day, max(measured_on) as to_day
from hygiene.restatements group by all order by release_id desc, figures desc, table_name, reasons
"""


@PAGE.question("restated", "Which past figures were restated?")
def restated(view: View) -> Figure:
    found = view.ask(RESTATED)
    if not found:
        return Figure(empty="No release has changed a figure of a day that was published before.")
    total = sum(row["figures"] for row in found)
    unexplained = sum(row["figures"] for row in found if row["reasons"] == "unexplained")
    return Figure(
        answer=(
            f"{total:,} figures of past days moved between releases, {unexplained:,} of them without a known reason."
        ),
        body=table(
            "Restatements",
            ("Table", "Why", "Figures#", "Days"),
            [
                (
                    (row["table_name"], row["release_id"][:15]),
                    row["reasons"].replace("_", " "),
                    words.count(row["figures"]),
                    f"{row['from_day']} to {row['to_day']}",
                )
                for row in found.dicts[:12]
            ],
        ),
        table=found,
        counted=f"{total:,} figures",
    )


RELEASES = """
select release_id, as_of, created_at, row_count, passed_check_count, failed_check_count, errored_check_count,
    status, rolled_back_at, git_commit
from hygiene.releases order by created_at desc, release_id desc
"""


@PAGE.question("releases", "Which releases were there?", is_wide=True)
def releases(view: View) -> Figure:
    found = view.ask(RELEASES)
    if not found:
        return Figure(empty="No release is on record.")
    return Figure(
        answer=f"{words.plural(len(found), 'release')} of this data set; shown is {view.release.release_id}.",
        body=table(
            "Releases",
            ("Release", "As of", "Published", "Rows#", "Checks passed#", "State", "Code"),
            [
                (
                    row["release_id"],
                    words.moment(row["as_of"]),
                    words.moment(row["created_at"]),
                    words.count(row["row_count"]),
                    words.count(row["passed_check_count"]),
                    "rolled back" if row["rolled_back_at"] else (row["status"] or "–"),
                    (row["git_commit"] or "–")[:8],
                )
                for row in found.dicts[:20]
            ],
        ),
        table=found,
        counted=words.plural(len(found), "release"),
    )
