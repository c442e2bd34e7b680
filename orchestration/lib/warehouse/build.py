"""Decides what a build has to cover, and keeps the ledger that the decision rests on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from orchestration.lib.core.clock import in_utc, plain_utc, timestamp_text
from orchestration.lib.core.settings import DUCKDB, PROJECT_ROOT, Settings
from orchestration.lib.dbt.python_steps import code_of_steps
from orchestration.lib.identity import phones
from orchestration.lib.landing.registry import latest_batch

# What tables hold follows from these files; dbt's process decides which tables a changed one means.
BUILD_INPUTS = (
    "dbt_project.yml",
    "models/**/*.sql",
    "models/**/*.yml",
    "macros/**/*.sql",
    "own_sources/**/*.sql",
    "tests/dbt/**/*.sql",
)

# The status of a build that somebody ran with dbt itself: no ledger knows what it wrote.
BY_HAND = "by hand"
# That of a build whose process did not come to its end.
RUNNING = "running"
COMPLETE = "complete"
# Those of builds that left some tables older than others, as the ledger of nodes says.
FAILED = "failed"
PART = "part"
TROUBLE = {
    BY_HAND: "dbt was run by hand",
    RUNNING: "the last build did not end well",
    FAILED: "the last build failed",
    PART: "the last build was one of a part of the tables",
}


@dataclass(frozen=True)
class BuildPlan:
    """What a build covers. `is_full` rebuilds every table from raw; `reason` says why there is a build, for people."""

    is_full: bool
    reason: str
    batch: int
    as_of: datetime
    fingerprint: str

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that hand the plan to the models (macro `as_of`)."""
        # a build by hand has no plan; it notes itself (macro note_build_by_hand)
        return {**clock_environment(self.as_of), "JOURNEYS_BUILD_IS_NOTED": "yes"}


def clock_environment(as_of: datetime) -> dict[str, str]:
    """The environment variable with the clock of the models."""
    return {"JOURNEYS_BUILD_AS_OF": timestamp_text(as_of)}


@dataclass(frozen=True)
class CompleteBuild:
    """The last build that ended well."""

    build: int
    batch: int
    as_of: datetime
    fingerprint: str
    release_id: str | None


def ensure_ledgers(connection: duckdb.DuckDBPyConnection, pepper: str) -> None:
    """Creates what a build reads besides raw rows: the data set's settings and the ledger of builds."""
    connection.execute("create schema if not exists landing")
    connection.execute("create table if not exists landing.settings (key varchar primary key, value varchar)")
    connection.execute("insert or replace into landing.settings values ('pepper', ?)", [pepper])
    phones.ensure_phone_numbers(connection)
    connection.execute("""
        create table if not exists landing.builds (
            build bigint primary key,
            batch bigint,
            as_of timestamp,
            fingerprint varchar,
            status varchar,
            release_id varchar,
            started_at timestamp,
            finished_at timestamp
        )
    """)


def fingerprint(settings: Settings, pepper: str, root: Path = PROJECT_ROOT) -> str:
    """Hashes of everything but rows and clock that decides what tables hold: of settings, key and library, and of
    code and seeds. Other settings rebuild every table; other code rebuilds what it is the code of."""
    fixed = [
        settings.reporting_time_zone,
        settings.reporting_currency,
        settings.shared_devices,
        settings.unlinkable_customers,
        settings.sessions,
        settings.is_matching_on,
        hashlib.sha256(pepper.encode()).hexdigest(),
        settings.country,
        phones.library_version(),
    ]
    # what few models read rebuilds these alone, like their code
    of_few = [settings.max_variants, settings.max_variant_names]
    files = [path for pattern in BUILD_INPUTS for path in root.glob(pattern)]
    steps = code_of_steps(root)
    own = settings.resolved_sources.rglob("*.*") if settings.resolved_sources is not None else ()
    code = _hash_of([*sorted(files), *steps.files, *sorted(settings.resolved_seeds.glob("*")), *sorted(own)])
    hashes = f"{_hash_of_values(fixed)}-{_hash_of_values([*of_few, code, steps.versions()])}"
    return hashes if settings.target == DUCKDB else f"{settings.target}:{hashes}"


def engine_of(fingerprint: str) -> str:
    """The engine that tables of a fingerprint were built by."""
    engine, mark, _ = fingerprint.rpartition(":")
    return engine if mark else DUCKDB


def _hash_of_values(values: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:16]


def _hash_of(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def plan_build(
    connection: duckdb.DuckDBPyConnection, *, fingerprint: str, as_of: datetime, force_full: bool = False
) -> BuildPlan | None:
    """What the next build has to cover; None when nothing changed since the last
    complete one and that one is published.

    It starts from raw where no ledger says what tables hold: before the first build, after one that was killed or
    run by hand, with other settings or an earlier clock. Else each node is built from what it did not read yet.
    """
    batch = latest_batch(connection)
    last = last_complete_build(connection)
    statuses = _statuses_since(connection)
    trouble = build_trouble(connection)
    reason = None
    if last is None:
        reason = "first build"
    elif statuses & {BY_HAND, RUNNING}:
        reason = trouble
    elif engine_of(last.fingerprint) != engine_of(fingerprint):
        reason = f"the tables were built by {engine_of(last.fingerprint)}, and are to be by {engine_of(fingerprint)}"
    elif last.fingerprint.partition("-")[0] != fingerprint.partition("-")[0]:
        reason = "settings changed"
    elif as_of < last.as_of:
        reason = f"the clock went back from {last.as_of:%Y-%m-%d %H:%M:%S}"
    elif force_full:
        reason = "asked for"
    if reason is not None or last is None:
        return BuildPlan(True, reason or "first build", batch, as_of, fingerprint)
    parts = []
    if batch == last.batch + 1:
        parts = [f"landing batch {batch}"]
    elif batch > last.batch:
        parts = [f"landing batches {last.batch + 1} to {batch}"]
    if last.fingerprint != fingerprint:
        parts.append("models or seeds changed")
    if as_of != last.as_of:
        parts.append(f"the clock moved on from {last.as_of:%Y-%m-%d %H:%M:%S}")
    if trouble is not None:
        parts.append(trouble)
    elif last.release_id is None:
        parts.append("the last build was not published")
    return BuildPlan(False, ", ".join(parts), batch, as_of, fingerprint) if parts else None


def last_complete_build(connection: duckdb.DuckDBPyConnection) -> CompleteBuild | None:
    """The last build that ended well; None before the first."""
    row = connection.execute(
        "select build, batch, as_of, fingerprint, release_id from landing.builds "
        "where status = 'complete' order by build desc limit 1"
    ).fetchone()
    return CompleteBuild(row[0], row[1], in_utc(row[2]), row[3], row[4]) if row else None


def _statuses_since(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """The statuses of the builds after the last complete one."""
    rows = connection.execute(
        "select status from landing.builds "
        "where build > (select coalesce(max(build), 0) from landing.builds where status = 'complete')"
    ).fetchall()
    return {status for (status,) in rows}


def build_trouble(connection: duckdb.DuckDBPyConnection) -> str | None:
    """What happened to the tables since the last build that ended well, for people; None when nothing did."""
    statuses = _statuses_since(connection)
    return next((words for status, words in TROUBLE.items() if status in statuses), None)


def is_releasable(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the tables are those of a complete build."""
    return last_complete_build(connection) is not None and build_trouble(connection) is None


def begin_build(connection: duckdb.DuckDBPyConnection, plan: BuildPlan, *, now: datetime) -> int:
    """Notes that a build is under way and returns its number."""
    row = connection.execute("select coalesce(max(build), 0) + 1 from landing.builds").fetchone()
    assert row is not None
    connection.execute(
        "insert into landing.builds values (?, ?, ?, ?, ?, null, ?, null)",
        [row[0], plan.batch, plain_utc(plan.as_of), plan.fingerprint, RUNNING, plain_utc(now)],
    )
    return row[0]


def end_build(connection: duckdb.DuckDBPyConnection, build: int, status: str, *, now: datetime) -> None:
    """Notes how a build ended; after a complete one the tables may be published."""
    connection.execute(
        "update landing.builds set status = ?, finished_at = ? where build = ?", [status, plain_utc(now), build]
    )


def note_release(connection: duckdb.DuckDBPyConnection, build: int, release_id: str) -> None:
    """Notes under which release a build was published: with nothing new after it, there is nothing to do."""
    connection.execute("update landing.builds set release_id = ? where build = ?", [release_id, build])


def publish_again(connection: duckdb.DuckDBPyConnection) -> None:
    """Has the next run publish the tables as they are, because something besides them changed."""
    exists = connection.execute(
        "select 1 from duckdb_tables() where schema_name = 'landing' and table_name = 'builds'"
    ).fetchone()
    if exists:
        connection.execute(
            "update landing.builds set release_id = null where build = (select max(build) from landing.builds)"
        )


def event_tables(manifest: Mapping) -> tuple[str, ...]:
    """The raw tables whose rows become events: what the models that int_event_versions reads are made of."""
    found: set[str] = set()
    waiting = ["model.journeys.int_event_versions"]
    while waiting:
        for parent in manifest["parent_map"][waiting.pop()]:
            if parent.startswith("source.") and manifest["sources"][parent]["schema"] == "raw":
                found.add(f"raw.{manifest['sources'][parent]['identifier']}")
            elif parent.startswith("model."):
                waiting.append(parent)
    return tuple(sorted(found))


def unused_case_keys(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """Journeys with a case key that no event which moves a customer has a value for, each with the key."""
    return connection.execute("""
        select journeys.journey_id, min(journeys.case_key)
        from config.journeys as journeys
        inner join intermediate.int_match_cases as cases using (journey_id, journey_version)
        group by journeys.journey_id
        having count(cases.case_value) = 0
        order by journeys.journey_id
    """).fetchall()
