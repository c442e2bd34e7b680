"""Ctrl-C in every stage of a run: a sentence, no process left, no place taken, and a next run as if nothing was.

And in a query that takes long, of which DuckDB hears only when it is done.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from orchestration.defs.naming import WAREHOUSE_POOL
from tests.faults.conftest import Undisturbed
from tests.faults.counts import breaks_whole_runs, count
from tests.faults.shop import content
from tests.terminal import at_terminal

pytestmark = pytest.mark.long

# of few kills only the stage with a second process
ALL_STAGES = ("look", "land", "check_landing", "build", "audit", "publish", "digests")
STAGES = ALL_STAGES if count("KILLS") >= 60 else ("build",)

LONG_QUERIES = {
    "many rows": "select count(*) from range(10000000) as a, range(10000000) as b where hash(a.range, b.range) = 0",
    # one call of a function, for minutes
    "one value": "select levenshtein(repeat('a', 400000), repeat('b', 400000))",
}


@pytest.mark.skipif(not breaks_whole_runs(), reason="make test-faults does this; a stage takes minutes")
def test_ctrl_c_says_what_readers_keep_and_leaves_nothing_running(undisturbed: Undisturbed) -> None:
    shop, beats = undisturbed.shop, undisturbed.beats
    for stage in STAGES:
        shop.restore("base")
        # in the build: while dbt is at it
        places = [place for place, (of, what) in enumerate(beats) if of == stage]
        in_dbt = [place for place in places if beats[place][1].startswith("'dbt ")]
        beat = (in_dbt or places)[len(in_dbt or places) // 2]
        run = shop.start("run", name="stopped", stops_at=beat)
        assert run.is_at_its_beat(), run.text
        began = time.monotonic()
        os.killpg(run.process.pid, signal.SIGINT)
        ended = run.ends()
        seconds = time.monotonic() - began
        assert ended.code == 130, (stage, ended)
        # after the switch readers are on the new release, which is whole
        served = shop.served()
        assert f"Stopped; readers keep release {served}. What is complete remains" in ended.said, (stage, ended.said)
        assert served == undisturbed.old or stage == "digests"
        assert "Traceback" not in ended.said, (stage, ended.said)
        assert shop.processes() == [], stage
        with dg.DagsterInstance.from_config(str(shop.settings.dagster_home)) as instance:
            assert instance.event_log_storage.get_concurrency_info(WAREHOUSE_POOL).active_slot_count == 0, stage
            under_way = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING]
            assert instance.get_runs(filters=dg.RunsFilter(statuses=under_way)) == [], stage
        print(f"\n  Ctrl-C in {stage}: ended after {seconds:.1f} s", file=sys.stderr, end="")
        ended = shop.command("run")
        assert ended.code == 0, (stage, ended.said)
        assert "was killed" not in ended.said, (stage, ended.said)
        assert content(shop.link) == undisturbed.after, stage
        assert shop.leftovers() == [], stage


@pytest.mark.parametrize("query", LONG_QUERIES.values(), ids=LONG_QUERIES)
def test_ctrl_c_ends_a_long_query_within_seconds(tmp_path: Path, query: str) -> None:
    (tmp_path / "extracts").mkdir()
    home = tmp_path / "var" / "own"
    home.mkdir(parents=True)
    duckdb.connect(str(home / "warehouse.duckdb")).close()
    typed: list[float] = []

    def is_at_it(sent: str) -> bool:
        typed.extend([time.monotonic()] if "… the query" in sent else [])
        return bool(typed)

    ended = at_terminal(
        [sys.executable, "-m", "orchestration", "sql", "--warehouse", "--", query],
        environment=os.environ
        | {
            "JOURNEYS_EXTRACTS": str(tmp_path / "extracts"),
            "JOURNEYS_VAR": str(tmp_path / "var"),
            "JOURNEYS_SERVING": str(tmp_path / "serving"),
            "JOURNEYS_DATA_SET": "own",
        },
        interrupts=is_at_it,
    )
    assert ended.code == 130, ended.sent
    assert ended.rows[-2].startswith("Stopped; readers keep what they had."), ended.sent
    assert "Traceback" not in ended.sent
    # the patience of a command, and some for a busy machine
    assert time.monotonic() - typed[0] < 15


@pytest.mark.skipif(count("WRITERS") < 1, reason="make test-faults does this")
def test_a_key_that_is_rotated_during_a_run_is_the_next_runs(undisturbed: Undisturbed) -> None:
    """The run that is under way hashes with the old key to its end; while dbt has the file, rotating is refused."""
    shop, beats = undisturbed.shop, undisturbed.beats
    in_dbt = next(place for place, (_, what) in enumerate(beats) if what.startswith("'dbt "))
    audit = next(place for place, (stage, _) in enumerate(beats) if stage == "audit")
    old_key = shop.environment["JOURNEYS_PEPPER"]

    def rotate():
        shop.environment["JOURNEYS_PEPPER"] = "another key for all tests"
        return shop.command("rotate-key", name="rotating")

    try:
        shop.restore("base")
        run = shop.start("run", stops_at=in_dbt)
        assert run.is_at_its_beat(), run.text
        ended = rotate()
        assert ended.code == 1 and "is held by another process" in ended.said, ended.said
        run.process.kill()
        run.process.join()

        shop.restore("base")
        shop.environment["JOURNEYS_PEPPER"] = old_key
        run = shop.start("run", stops_at=audit)
        assert run.is_at_its_beat(), run.text
        ended = rotate()
        assert ended.code == 0, ended.said
        run.go_on()
        ended = run.ends()
        assert ended.code == 0, ended.said
        assert content(shop.link) == undisturbed.after, "the old key to the end"

        ended = shop.command("run")
        assert ended.code == 0 and "settings changed" in ended.said, ended.said
        rotated = content(shop.link)
        assert rotated["core.dim_customers"][0] == undisturbed.after["core.dim_customers"][0]
        for table in ("core.dim_customers", "core.bridge_customer_identifiers", "core.fct_events"):
            assert rotated[table] != undisturbed.after[table]
    finally:
        shop.environment["JOURNEYS_PEPPER"] = old_key
