"""What must not be in a release is found wherever it hides."""

from __future__ import annotations

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.release.privacy import find_in_bytes
from orchestration.lib.release.publish import publish
from tests.orchestration.release.lines import TABLES, Line


def places(line: Line, needle: str) -> set[tuple[str, str]]:
    candidate = line.write(1)
    (candidate.directory / "notes.txt").write_bytes(b"." * (2**22 - 3) + b"Ann@Example.org" + b"." * 10)
    release = publish(candidate, line.settings).release
    return {(found.file, found.place) for found in find_in_bytes(release.directory, [needle, "", "never there"])}


def test_a_value_is_found_across_the_seam_of_two_chunks(line: Line) -> None:
    assert places(line, "ann@example.ORG") == {("notes.txt", "bytes"), ("notes.txt", "text")}


def test_a_value_that_compression_hides_is_found_by_its_rows(line: Line) -> None:
    assert {
        ("parquet/core/fct_events.parquet", "rows"),
        ("customer_journeys.duckdb", "core.fct_events"),
    } <= places(line, "event_417")


def test_quotes_in_a_value_do_not_hide_it(line: Line) -> None:
    line.build(1)
    with open_duckdb(line.settings.warehouse) as connection:
        connection.execute("update core.fct_events set event_id = 'Ms. O''Neill \"Ann\"' where event_id = 'event_3'")
    from orchestration.lib.release.candidate import write_candidate
    from tests.orchestration.release.lines import START

    candidate = write_candidate(
        line.settings.warehouse,
        settings=line.settings,
        release_id="20260701T060000_000000Z_shop",
        tables=TABLES,
        as_of=START,
        created_at=START,
        run_id="run",
        checks_summary={},
    )
    found = find_in_bytes(candidate.directory, ['o\'neill "ann"'])
    assert {one.place for one in found} >= {"rows", "core.fct_events"}
