"""Small warehouses to publish, and the shortest way to publish them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import Settings, read_settings
from orchestration.lib.release.candidate import Candidate, PublishedTable, make_release_id, write_candidate
from orchestration.lib.release.ledgers import create_ledgers
from orchestration.lib.release.publish import Release, publish

START = datetime(2026, 7, 1, 6, tzinfo=UTC)

TABLES = (
    PublishedTable("core", "fct_events", key=("event_id",)),
    PublishedTable("journeys", "agg_phases_daily", key=("entered_on", "phase_id")),
    PublishedTable("hygiene", "releases", key=("release_id",)),
)


DEFINITIONS = """
    create schema core;
    create schema journeys;
    create table core.fct_events (
        event_id varchar, generation integer, amount decimal(18, 2), occurred_at timestamp
    );
    create table journeys.agg_phases_daily (phase_id varchar, entered integer, entered_on date);
    comment on table core.fct_events is 'One row per event.';
    comment on column core.fct_events.event_id is 'The event''s key.';
    comment on column core.fct_events.generation is 'The build that wrote the row.';
    comment on column core.fct_events.amount is 'What was paid – in euros.';
    comment on column core.fct_events.occurred_at is 'When it happened.';
    comment on table journeys.agg_phases_daily is 'One row per phase and day.';
    comment on column journeys.agg_phases_daily.phase_id is 'The phase.';
    comment on column journeys.agg_phases_daily.entered is 'The build that wrote the row.';
    comment on column journeys.agg_phases_daily.entered_on is 'The day.';
"""


@dataclass(frozen=True)
class Line:
    """A data set with a warehouse, and a clock that ticks a day per release."""

    settings: Settings

    def build(self, generation: int, *, event_count: int = 500) -> None:
        """Makes a warehouse of `event_count` + `generation` events, each of which says `generation`."""
        self.settings.home.mkdir(parents=True, exist_ok=True)
        is_new = not self.settings.warehouse.exists()
        with open_duckdb(self.settings.warehouse) as connection:
            if is_new:
                connection.execute(DEFINITIONS)
                create_ledgers(connection)
            connection.execute(
                f"""
                begin;
                delete from core.fct_events;
                insert into core.fct_events
                select
                    'event_' || number,
                    {generation},
                    number,
                    timestamp '2026-06-01' + number * interval 1 minute
                from range({event_count + generation}) as numbers (number)
                -- rows lie in another order in each generation
                order by hash(number + {generation});
                delete from journeys.agg_phases_daily;
                insert into journeys.agg_phases_daily values ('consider', {generation}, date '2026-06-01');
                commit
                """
            )

    def write(self, generation: int, *, event_count: int = 500) -> Candidate:
        self.build(generation, event_count=event_count)
        return self.write_as_it_is(generation)

    def write_as_it_is(self, day: int, *, tables: Sequence[PublishedTable] = TABLES) -> Candidate:
        """Writes what the warehouse holds, so many days after START."""
        now = START + timedelta(days=day)
        return write_candidate(
            self.settings.warehouse,
            settings=self.settings,
            release_id=make_release_id(self.settings, now),
            tables=tables,
            as_of=now,
            created_at=now,
            run_id=f"run_{day}",
            checks_summary={"pass": 12, "fail": 1},
        )

    def release(self, generation: int) -> Release:
        return publish(self.write(generation), self.settings).release

    def generation(self) -> int:
        """The generation that a reader of `serving/` gets now."""
        with open_duckdb(self.settings.serving / "customer_journeys.duckdb", read_only=True) as connection:
            found = connection.execute("select distinct generation from core.fct_events").fetchall()
        assert len(found) == 1
        return found[0][0]


def example_settings(folder: Path) -> Settings:
    extracts = folder / "extracts"
    extracts.mkdir(exist_ok=True)
    return read_settings(
        {
            "JOURNEYS_EXTRACTS": str(extracts),
            "JOURNEYS_DATA_SET": "shop",
            "JOURNEYS_VAR": str(folder / "var"),
            "JOURNEYS_SERVING": str(folder / "serving"),
        }
    )
