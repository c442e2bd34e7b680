"""What `make bench-journeys` prints: an interval per reason, worked by hand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from benchmarks.journeys import BEGUN, BUILT_REASONS, REASONS, UNSEEN, Truth, score, tables
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT, Settings, read_settings
from orchestration.lib.dbt.compiled import expression

DAY_0 = datetime(2026, 1, 1)
KEY = "a key"


def day(number: float) -> datetime:
    return DAY_0 + timedelta(days=number)


# person, phase, outcome, entered, left
TRUE: Sequence[tuple[str, str, str, float, float | None]] = (
    ("ann", "interest", "fell_through", 0, 2),  # reproduced
    ("ann", "consideration", "fell_out", 2, 5),  # built as regressed
    ("ann", "interest", "fell_through", 6, 7),  # built as regressed by an ad
    ("ann", "purchase", "pending", 30, None),  # her event is only a page view
    ("ann", "loyalty", "completed", 40, 41),  # nothing near
    ("ann", "interest", "fell_out", 50, 51),  # on a device that is somebody else's
    ("bea", "interest", "fell_out", 0, 1),  # nobody knows her
    ("cid", "interest", "fell_out", 0, 1),  # built as pending
    ("cid", "interest", "fell_out", 3, 4),  # a repeat of the interval built already
    ("cid", "consideration", "fell_through", 5, 6),  # built as fallen out
)
# customer, phase, outcome, entered, left
BUILT: Sequence[tuple[str, str, str, float, float | None]] = (
    ("c_ann", "interest", "fell_through", 0.02, 2),
    ("c_ann", "consideration", "regressed", 2, 6),
    ("c_ann", "interest", "regressed", 6, 6.5),
    ("c_ann", "awareness", "fell_out", 6.5, 20),
    ("a_ann", "interest", "fell_out", 50, 80),
    ("c_cid", "interest", "pending", 0, None),
    ("c_cid", "consideration", "fell_out", 5, 9),
)
# customer, event, time, the phase that it marks
EVENTS: Sequence[tuple[str, str, float, str | None]] = (
    ("c_ann", "ann_interest", 0.02, "interest"),
    ("c_ann", "ann_consideration", 2, "consideration"),
    ("c_ann", "ann_again", 6, "interest"),
    ("c_ann", "ann_page", 30, None),
    ("a_ann", "ann_elsewhere", 50, "interest"),
    ("c_cid", "cid_interest", 0, "interest"),
    ("c_cid", "cid_repeat", 3, "interest"),
    ("c_cid", "cid_consideration", 5, "consideration"),
)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    folder = tmp_path_factory.mktemp("phases")
    settings = read_settings(
        {
            "JOURNEYS_EXTRACTS": str(folder),
            "JOURNEYS_VAR": str(folder / "var"),
            "JOURNEYS_DATA_SET": "tested",
            "JOURNEYS_PEPPER": KEY,
        }
    )
    settings.warehouse.parent.mkdir(parents=True)
    _fill(settings, folder)
    return score(settings, folder)


def _fill(settings: Settings, truth: Path) -> None:
    hashed = expression("identifier_hash")
    with open_duckdb(settings.warehouse) as connection:
        connection.execute(f"""
            create schema config; create schema landing; create schema core; create schema journeys;
            create schema intermediate;
            create table config.identifier_types as
            select * from read_csv('{PROJECT_ROOT / "seeds" / "identifier_types.csv"}');
            create table landing.settings as select 'pepper' as key, '{KEY}' as value;
            create table core.dim_customers as
            select unnest(['c_ann', 'a_ann', 'c_cid']) as customer_id, 3 as event_count;
            create table core.bridge_customer_identifiers as
            select identifier_type, {hashed} as identifier_hash, customer_id
            from (
                select *, identifier_type as type, '{KEY}' as pepper from (values
                    ('email', 'ann@example.com', 'c_ann'),
                    ('cookie', 'ann-2', 'a_ann'),
                    ('email', 'cid@example.com', 'c_cid')
                ) as held (identifier_type, normalised_value, customer_id)
            );
            create table journeys.fct_phase_intervals (
                interval_id varchar, journey_id varchar, customer_id varchar, phase_id varchar, phase_order integer,
                outcome varchar, entry_event_id varchar, entered_at timestamp, left_at timestamp
            );
            create table intermediate.int_timeline_events (
                event_id varchar, customer_id varchar, direction varchar, is_bot boolean, occurred_at timestamp
            );
            create table intermediate.int_matched_events (
                event_id varchar, journey_id varchar, phase_id varchar
            );
            create table phase_history (
                person_id varchar, journey varchar, journey_instance integer, phase varchar, outcome varchar,
                entered_at timestamp, left_at timestamp
            );
            copy (
                select * from (values
                    ('email', 'Ann@example.com', 'ann'),
                    ('cookie', 'ann-2', 'ann'),
                    ('email', 'bea@example.com', 'bea'),
                    ('email', 'cid@example.com', 'cid')
                ) as used (identifier_type, identifier, person_id)
            ) to '{truth / "identifiers.parquet"}' (format parquet);
        """)
        connection.executemany(
            "insert into journeys.fct_phase_intervals values (?, 'purchase', ?, ?, 1, ?, '', ?, ?)",
            [
                (str(number), customer, phase, outcome, day(entered), None if left is None else day(left))
                for number, (customer, phase, outcome, entered, left) in enumerate(BUILT)
            ],
        )
        for customer, event, at, phase in EVENTS:
            connection.execute(
                "insert into intermediate.int_timeline_events values (?, ?, 'inbound', false, ?)",
                [event, customer, day(at)],
            )
            if phase:
                connection.execute(
                    "insert into intermediate.int_matched_events values (?, 'purchase', ?)", [event, phase]
                )
        connection.executemany(
            "insert into phase_history values (?, 'purchase', 1, ?, ?, ?, ?)",
            [
                (person, phase, outcome, day(entered), None if left is None else day(left))
                for person, phase, outcome, entered, left in TRUE
            ],
        )
        connection.execute(f"copy phase_history to '{truth / 'phase_history.parquet'}' (format parquet)")


def test_every_true_interval_has_the_reason_worked_by_hand(found: Truth) -> None:
    # intervals are numbered by person and time
    assert [found.reason_of[number] for number in sorted(found.reason_of)] == [
        "reproduced",
        "came_back",
        "put_back",
        "no_critical_event",
        "without_trace",
        "other_customer",
        "nobody",
        "window_open",
        "already_there",
        "next_unseen",
    ]
    assert (found.share, found.begun_share) == (1 / 10, 5 / 10)


def test_every_built_interval_has_one_too(found: Truth) -> None:
    assert found.built_reasons == {"reproduced": 1, "other_end": 4, "other_phase": 1, "other_customer": 1}
    assert found.built_count == len(BUILT)


def test_what_dirt_took_away_is_counted_as_lost(found: Truth) -> None:
    soiled = replace(found, reason_of={**found.reason_of, 1: "without_trace", 2: "other_customer"})
    assert soiled.compared_with(found).reason_of == {**soiled.reason_of, 1: "lost_to_dirt"}
    assert replace(soiled, reason_of={99: "nobody"}).compared_with(found).reason_of == {99: "nobody"}


def test_reasons_are_named_and_add_up(found: Truth) -> None:
    assert set(BEGUN) | UNSEEN <= set(REASONS)
    assert set(found.reason_of.values()) <= set(REASONS) and set(found.built_reasons) <= set(BUILT_REASONS)
    assert "| **reproduced**: the same person, phase and outcome, begun within the hour | 10.0% |" in tables(
        {0.0: found}
    )


def test_the_readme_has_the_rows_that_are_printed(found: Truth) -> None:
    """So that a rerun can be pasted: the same tables and first columns in the same order."""

    def labels(text: str) -> list[str]:
        rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]
        # which phases there are is up to the example
        return [label for label in rows if not re.fullmatch(r"\w+, [012]", label)]

    readme = (PROJECT_ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    section = readme[readme.index("# How many true intervals are reproduced") :].split("\n# ")[0]
    assert labels(section) == labels(tables(dict.fromkeys((0.0, 1.0, 2.0), found)))
