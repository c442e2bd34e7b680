"""Writes the digests of a release into its folder, before readers see it, and notes their recipients."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from orchestration.lib.core.connection import open_duckdb, transaction
from orchestration.lib.digests.figures import read_figures
from orchestration.lib.digests.recipients import recipients
from orchestration.lib.digests.rendering import Digest, render
from orchestration.lib.release.folders import MANIFEST

DIGESTS = "digests"
INDEX = "index.json"
LEDGER = "landing.digests"


def write_digests(
    directory: Path,
    warehouse: Path,
    *,
    data_set: str,
    release_id: str,
    as_of: datetime,
    previous: Path | None,
    published: Collection[str],
    dashboard: str | None = None,
) -> list[Digest]:
    """Writes a page and a text per recipient into a candidate's folder, with an index, and returns them.

    The index and the manifest name no address: those remain in the warehouse, in landing.digests, which remembers who
    was sent what. `previous` is the database of the release before, `published` the releases that are or were,
    `dashboard` the address of the dashboard, if people reach it under one.
    """
    manifest = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
    zone = ZoneInfo(str(manifest.get("reporting_time_zone", "UTC")))
    figures = read_figures(
        warehouse,
        previous=previous,
        today=as_of.astimezone(zone).date(),
        currency=str(manifest.get("reporting_currency", "")),
    )
    digests = [
        render(recipient, figures, data_set=data_set, release_id=release_id, as_of=as_of, dashboard=dashboard)
        for recipient in recipients(figures.roles)
    ]
    folder = directory / DIGESTS
    folder.mkdir()
    for digest in digests:
        (folder / f"{digest.recipient.slug}.html").write_text(digest.html, encoding="utf-8")
        (folder / f"{digest.recipient.slug}.txt").write_text(digest.text, encoding="utf-8")
    index = {
        "release_id": release_id,
        "data_set": data_set,
        "people": [
            {
                "slug": digest.recipient.slug,
                "person": digest.recipient.person,
                "roles": list(digest.recipient.all_roles),
                "has_address": digest.recipient.email is not None,
                "subject": digest.subject,
                "html": f"{DIGESTS}/{digest.recipient.slug}.html",
                "text": f"{DIGESTS}/{digest.recipient.slug}.txt",
                "answering_count": digest.answering_count,
                "informed_count": digest.informed_count,
                "status_counts": dict(digest.status_counts),
            }
            for digest in digests
        ],
    }
    (folder / INDEX).write_text(json.dumps(index, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    manifest["digests"] = {"index": f"{DIGESTS}/{INDEX}", "person_count": len(digests)}
    (directory / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    with open_duckdb(warehouse) as connection:
        _note(connection, digests, data_set=data_set, release_id=release_id, published=published)
    return digests


def read_index(directory: Path) -> list[dict[str, Any]]:
    """The people with a digest in a release, as its index lists them; none in a release without digests."""
    path = directory / DIGESTS / INDEX
    return json.loads(path.read_text(encoding="utf-8"))["people"] if path.is_file() else []


def ensure_ledger(connection: duckdb.DuckDBPyConnection) -> None:
    """Creates the ledger of digests where it is missing: one row per release and recipient."""
    connection.execute("create schema if not exists landing")
    connection.execute(f"""
        create table if not exists {LEDGER} (
            release_id varchar,
            slug varchar,
            person varchar,
            email varchar,
            subject varchar,
            message_id varchar,
            problem varchar,
            tried_at timestamp,
            sent_at timestamp,
            primary key (release_id, slug)
        )
    """)
    # whether a server refused it for good, which warehouses built before that column lack
    connection.execute(f"alter table {LEDGER} add column if not exists is_refused boolean")


def message_id_of(data_set: str, release_id: str, person: str, email: str | None) -> str:
    """What names a mail, the same however often it is made: mail programs show it once."""
    return hashlib.sha256("\0".join((data_set, release_id, person, email or "")).encode()).hexdigest()[:40]


def _note(
    connection: duckdb.DuckDBPyConnection,
    digests: Sequence[Digest],
    *,
    data_set: str,
    release_id: str,
    published: Collection[str],
) -> None:
    ensure_ledger(connection)
    with transaction(connection):
        # what a candidate that never became a release noted, goes
        connection.execute(
            f"delete from {LEDGER} where not list_contains(?, release_id)",
            [sorted(set(published) - {release_id})],
        )
        for digest in digests:
            who = digest.recipient
            connection.execute(
                f"insert into {LEDGER} (release_id, slug, person, email, subject, message_id) "
                "values (?, ?, ?, ?, ?, ?)",
                [
                    release_id,
                    who.slug,
                    who.person,
                    who.email,
                    digest.subject,
                    message_id_of(data_set, release_id, who.person, who.email),
                ],
            )
