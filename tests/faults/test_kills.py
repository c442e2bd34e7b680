"""Processes that are killed at random moments: readers keep a whole release, and the next run makes up for it.

Moments are drawn from JOURNEYS_FAULTS_SEED: a number of the kill gives the same beat of the same work each time. Half
of the killed processes stand still at the beat, half go on for some milliseconds, into the middle of a statement.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.release.publish import current_release, releases
from tests.faults.conftest import Undisturbed
from tests.faults.counts import breaks_whole_runs, count, only, seed
from tests.faults.shop import Command, Shop, content
from tests.orchestration.release.lines import Line

# Of twelve kills so many hit a whole run, landing alone, a release alone. A whole run costs forty times the others.
RUNS, LANDINGS, RELEASES = 1, 5, 6
OF = RUNS + LANDINGS + RELEASES
STAGES = ("look", "land", "check_landing", "build", "dbt", "audit", "publish", "digests", "report")
GOES_ON_MILLISECONDS = 25


@dataclass(frozen=True)
class Kill:
    """One of the kills: its number, and what its moment is drawn from."""

    number: int
    draw: random.Random

    def moment(self, beats: Sequence[tuple[str, str]], stage: str | None = None) -> tuple[int, float]:
        """A beat, of a stage, and for how many seconds the process goes on after it."""
        beat = self.draw.choice([place for place, (of, _) in enumerate(beats) if stage in (None, of)])
        return beat, self.draw.choice((0.0, self.draw.uniform(0.0005, GOES_ON_MILLISECONDS / 1000)))


def kills(first: int, many: int) -> Iterator[Kill]:
    """Those of all kills whose place among twelve is theirs; says how far they are, where the terminal is seen."""
    numbers = [number for number in range(count("KILLS")) if first <= number % OF < first + many]
    started = time.monotonic()
    for done, number in enumerate(numbers):
        if only() in (None, number):
            yield Kill(number, random.Random(f"{seed()} {number}"))
        if done % 10 == 9 or done + 1 == len(numbers):
            a_minute = (done + 1) / (time.monotonic() - started) * 60
            print(f"\n  {done + 1} of {len(numbers)} kills, {a_minute:.1f} a minute", file=sys.stderr, end="")


def again(kill: Kill, what: object) -> str:
    """The command that makes a kill again."""
    return f"{what}\nmake test-faults KILLS={count('KILLS')} SEED={seed()} ONLY={kill.number}"


def killed(start: Callable[..., Command], beat: int, goes_on: float, *, only_dbt: bool = False) -> tuple[Command, str]:
    """Starts a work that stops at a beat, kills it there, and returns it with the stage that it was in."""
    work = start(name="killed", stops_at=beat, goes_on=goes_on > 0)
    assert work.is_at_its_beat(), f"it ended before beat {beat}: {work.text}"
    time.sleep(goes_on)
    return work, work.kill(only_dbt=only_dbt)


# --- whole runs


@pytest.mark.long
@pytest.mark.skipif(not breaks_whole_runs(), reason="make test-faults does this; a kill takes minutes")
def test_a_run_that_is_killed_leaves_a_whole_release_and_the_next_run_equals_one_that_was_not(
    undisturbed: Undisturbed,
) -> None:
    shop, old, before, after = undisturbed.shop, undisturbed.old, undisturbed.before, undisturbed.after
    beats = undisturbed.beats
    hit: Counter[str] = Counter()
    for kill in kills(0, RUNS):
        # each stage in turn; dbt's own process is killed alone
        place = STAGES[(kill.number // OF + seed()) % len(STAGES)]
        stage = "build" if place == "dbt" else place
        beat, goes_on = kill.moment(
            [(of if place != "dbt" or what.startswith("'dbt ") else "", what) for of, what in beats], stage
        )
        # the run itself is not killed then, so it must not stand still
        goes_on = max(goes_on, 0.0005) if place == "dbt" else goes_on
        shop.restore("base")
        run, found = killed(lambda **more: shop.start("run", **more), beat, goes_on, only_dbt=place == "dbt")
        where = again(kill, f"{place}, beat {beat} of {len(beats)} {beats[beat]}, {goes_on * 1000:.1f} ms on")
        if place == "dbt":
            # the run itself lives, and says what died
            ended = run.ends()
            assert ended.code == 1, f"{where}\n{ended}"
            assert "dbt's process was killed (signal 9)" in ended.said, f"{where}\n{ended.said}"
            assert "Readers still get release" in ended.said, where
        else:
            run.process.join(60)
            assert run.process.exitcode in (-9, 0), where
        hit[place] += 1
        # a first law: whoever reads gets a whole release
        served = shop.served()
        assert content(shop.link) == (before if served == old else after), where
        assert served == old or found in ("publish", "digests", "report"), where
        # and the second: the next run is as if nothing had happened
        ended = shop.command("run")
        assert ended.code == 0, f"{where}\n{ended.said}"
        assert "Traceback" not in ended.said, f"{where}\n{ended.said}"
        # where all is published nothing is due, and no job looks at the runs before
        if found not in ("look", "digests", "report") and place != "dbt" and run.process.exitcode == -9:
            assert "was killed before its end" in ended.said, f"{where}\n{ended.said}"
        assert content(shop.link) == after, f"{where}\n{ended.said}"
        assert shop.leftovers() == [], where
        assert shop.processes() == [], where
    print(f"\n  runs killed by stage: {dict(hit)}", file=sys.stderr, end="")


# --- landing alone


def rows_landed(shop: Shop) -> dict[str, list]:
    """What landing decides: the rows and their statuses, quarantine, and what became of the files."""
    with open_duckdb(shop.settings.warehouse, read_only=True) as connection:
        return {
            table: connection.execute(f"from (select {columns} from {table}) order by all").fetchall()
            for table, columns in {
                "raw.feed__events": "event_id, amount, updated_at, _row_status, _row_hash, _line",
                "quarantine.feed__events": "file_path, line, column_name, reason, row_text",
                "landing.files": "file_path, content_hash, status, reason, rows_read, rows_accepted, rows_quarantined",
                "landing.batches": "source_name, table_name, run_id, finished_at is not null",
            }.items()
        }


def test_landing_that_is_killed_leaves_all_of_a_table_or_nothing(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.configure()
    shop.deliver("1.csv", range(12), hour=10, amount=10)
    assert shop.command(kind="landing").code == 0
    before = rows_landed(shop)
    shop.deliver("2.csv", range(8, 16), hour=11, amount=20)
    shop.deliver("3.csv", range(14, 18), hour=12, amount=30)
    with (shop.place / "extracts" / "feed" / "events" / "3.csv").open("a", encoding="utf-8") as file:
        file.write("bad,yesterday,order_placed,till,store,1,EUR,,\n")
    shop.keep("base")
    ended = shop.command(kind="landing", name="whole")
    assert ended.code == 0, ended.said
    after, beats = rows_landed(shop), shop.beats("whole")
    assert len(after["quarantine.feed__events"]) == 1
    for kill in kills(RUNS, LANDINGS):
        beat, goes_on = kill.moment(beats)
        where = again(kill, f"landing, beat {beat} of {len(beats)} {beats[beat]}, {goes_on * 1000:.1f} ms on")
        shop.restore("base")
        work, _ = killed(lambda **more: shop.start(kind="landing", **more), beat, goes_on)
        work.process.join(60)
        assert rows_landed(shop) in (before, after), where
        ended = shop.command(kind="landing")
        assert ended.code == 0, f"{where}\n{ended.said}"
        assert rows_landed(shop) == after, where


# --- releases alone


def test_a_release_or_rollback_that_is_killed_leaves_the_old_one_or_the_new_one(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.configure()
    shop.deliver("1.csv", [], hour=10, amount=10)
    line = Line(shop.settings)

    def work(what: str, day: int, **more: object):
        return shop.start(what, str(day), kind="release", **more)  # type: ignore[arg-type]

    def done(what: str, day: int, name: str = "one") -> None:
        ended = work(what, day, name=name).ends()
        assert ended.code == 0, ended.said

    for day in (1, 2):
        line.build(day)
        done("publish", day)
    day, lengths = 3, {}
    for what in ("publish", "rollback"):
        line.build(day)
        done(what, day, what)
        lengths[what] = shop.beats(what)
        day += 1
    for kill in kills(RUNS + LANDINGS, RELEASES):
        what = kill.draw.choice(("publish", "publish", "rollback"))
        before = current_release(line.settings)
        assert before is not None
        old, beats = line.generation(), lengths[what]
        line.build(day)
        beat, goes_on = kill.moment(beats)
        where = again(kill, f"{what}, beat {beat} of {len(beats)} {beats[beat]}, {goes_on * 1000:.1f} ms on")
        one = work(what, day, name="killed", stops_at=beat, goes_on=goes_on > 0)
        if one.is_at_its_beat():
            time.sleep(goes_on)
            one.kill()
        one.process.join(60)
        # reads all of the release, which says one generation
        now = line.generation()
        new = day if what == "publish" else before.previous_release_id
        current = current_release(line.settings)
        assert current is not None and current.is_served, where
        if what == "publish":
            assert now in (old, new), where
        else:
            assert current.release_id in (before.release_id, new), where
        day += 1
        line.build(day)
        done("publish", day)
        assert line.generation() == day, where
        assert shop.leftovers() == [], where
        listed = releases(line.settings)
        assert 2 <= len(listed) <= line.settings.releases_kept, where
        assert [release.is_served for release in listed].count(True) == 1, where
        day += 1
