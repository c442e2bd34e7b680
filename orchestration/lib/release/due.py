"""Whether a run has anything to do: files, configuration, code, clock and ledgers, without Dagster, dbt or GX."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import duckdb

from orchestration.lib.config.contracts import TableContract
from orchestration.lib.config.seeds import Problem, resolve_matching, resolve_seeds
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT, Settings
from orchestration.lib.landing.files import FoundFile, find_files
from orchestration.lib.landing.land_again import older_contracts
from orchestration.lib.landing.overlooked import overlooked
from orchestration.lib.landing.registry import has_books, known_places, latest_batch
from orchestration.lib.landing.warnings import LandingWarning
from orchestration.lib.release.publish import current_release
from orchestration.lib.sources.public_keys import check_public_properties
from orchestration.lib.sources.resolving import check_identifier_types, read_all_contracts, resolve_sources
from orchestration.lib.warehouse.build import (
    CompleteBuild,
    build_trouble,
    engine_of,
    fingerprint,
    last_complete_build,
)
from orchestration.lib.warehouse.key import read_pepper

SHOWN = 3


@dataclass(frozen=True)
class Due:
    """What a run would have to do. `reasons` are none where nothing is due.

    `clock_moved_from` is the clock of the last build where no setting fixes it and it has moved since: due only when
    somebody says so (the schedule does), as most runs by hand are about data. `state` names what was looked at: two
    looks with the same one saw the same files, code, configuration and ledgers. `warnings` are about the seeds;
    `overlooked` lies in the extracts folder and is not read, or landed before its contract was changed, which makes
    nothing due. `contracts` are those that were looked at.
    """

    reasons: tuple[str, ...]
    clock_moved_from: datetime | None
    state: str
    warnings: tuple[Problem, ...] = ()
    overlooked: tuple[LandingWarning, ...] = ()
    contracts: tuple[TableContract, ...] = ()


def look(settings: Settings, *, now: datetime) -> Due:
    """Looks at a data set without changing it, but for the folders of its resolved seeds and sources.

    Raises SeedsInvalid and ContractError for errors in the configuration, and WarehouseBusy while a run holds the file.
    """
    report = resolve_seeds(
        settings.seeds,
        PROJECT_ROOT / "seeds",
        settings.resolved_seeds,
        today=now.date(),
        without_people=settings.has_seeds_of_another,
    )
    warnings = () if settings.has_seeds_of_another else report.warnings
    resolve_matching(settings.seeds, PROJECT_ROOT / "seeds", settings.resolved_seeds)
    contracts = read_all_contracts(settings)
    resolve_sources(settings, contracts)
    check_public_properties(settings, contracts)
    check_identifier_types(settings, contracts)
    found = {contract: find_files(settings.extracts, contract) for contract in contracts}
    code = fingerprint(settings, read_pepper(settings))
    release = current_release(settings)
    released = release.release_id if release else None
    reasons: list[str] = []
    last: CompleteBuild | None = None
    batch = 0
    older: tuple[LandingWarning, ...] = ()
    if settings.warehouse.exists():
        with open_duckdb(settings.warehouse, read_only=True, wait_seconds=0) as connection:
            if has_books(connection):
                batch = latest_batch(connection)
                reasons += _files_due(connection, found)
                older = older_contracts(connection, contracts)
            if _has_builds(connection):
                last = last_complete_build(connection)
                trouble = build_trouble(connection)
                if last is not None and trouble is not None:
                    reasons.append(trouble)
    if last is None:
        reasons = ["nothing has been built yet"]
    else:
        reasons += _build_due(last, settings, code=code, batch=batch, released=released)
    state = [f"{file.shown} {file.byte_count} {file.modified_ns}" for files in found.values() for file in files]
    state += [code, str(settings.as_of), str(batch), str(last), str(released), *reasons]
    now_cut = settings.clock_at(now)
    return Due(
        tuple(reasons),
        last.as_of if last is not None and settings.as_of is None and last.as_of != now_cut else None,
        hashlib.sha256("\n".join(state).encode()).hexdigest()[:32],
        warnings,
        (*overlooked(settings.extracts, contracts, settings.sources), *older),
        contracts,
    )


def _files_due(
    connection: duckdb.DuckDBPyConnection, found: dict[TableContract, tuple[FoundFile, ...]]
) -> Iterable[str]:
    known = known_places(connection)
    new = [
        file.shown
        for contract, files in found.items()
        for file in files
        if (contract.source, contract.table, file.shown, file.byte_count, file.delivered_at) not in known
    ]
    if new:
        shown = ", ".join(new[:SHOWN]) + (f" and {len(new) - SHOWN} more" if len(new) > SHOWN else "")
        yield f"{len(new)} file{'s' * (len(new) > 1)} to land: {shown}"


def _build_due(
    last: CompleteBuild, settings: Settings, *, code: str, batch: int, released: str | None
) -> Iterable[str]:
    if engine_of(last.fingerprint) != engine_of(code):
        yield f"the tables were built by {engine_of(last.fingerprint)}, and are to be by {engine_of(code)}"
    elif last.fingerprint != code:
        yield "models, seeds or settings changed"
    if batch != last.batch:
        yield "rows landed, or were withdrawn, restored or read again, after the last build"
    if settings.as_of is not None and settings.as_of != last.as_of:
        yield f"the clock is {settings.as_of:%Y-%m-%d %H:%M}, and was {last.as_of:%Y-%m-%d %H:%M}"
    if last.release_id is None:
        yield "the last build was not published"
    elif released is None:
        yield f"release {last.release_id} of the last build is gone"


def _has_builds(connection: duckdb.DuckDBPyConnection) -> bool:
    found = connection.execute(
        "select count(*) from duckdb_tables() where schema_name = 'landing' and table_name = 'builds'"
    ).fetchone()
    return bool(found and found[0])
