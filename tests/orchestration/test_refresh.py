"""The whole way with the real command: a corner shop's extracts, a broken one, a killed run, and what readers see."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.release.privacy import find_in_bytes
from tests.postgres_server import running_server

pytestmark = pytest.mark.xdist_group("refresh")

HEADER = "event_id,occurred_at,event_name,source_system,channel,touchpoint,identifiers,amount,currency\n"
JANUARY = """\
web:1,2026-01-05T09:00:00Z,page_viewed,web,web,home,"{""cookie"": ""c-anna""}",,
web:2,2026-01-05T09:05:00Z,product_viewed,web,web,product,"{""cookie"": ""c-anna""}",,
web:3,2026-01-05T09:20:00Z,logged_in,web,web,account,"{""cookie"": ""c-anna"", ""email"": ""anna.lindqvist@example.com""}",,
web:4,2026-01-06T20:00:00Z,page_viewed,web,web,home,"{""cookie"": ""c-bruno""}",,
web:5,2026-01-06T20:02:00Z,product_viewed,web,web,product,"{""cookie"": ""c-bruno"", ""email"": ""bruno.matteotti@example.com""}",,
till:1,2026-01-07T17:30:00Z,order_placed,till,store,till,"{""loyalty_card"": ""70015523""}",24.50,EUR
till:2,2026-01-09T11:00:00Z,order_placed,till,store,till,"{""email"": ""bruno.matteotti@example.com""}",80.00,EUR
web:6,2026-01-10T08:00:00Z,product_viewed,web,web,product,"{""cookie"": ""c-unknown""}",,
web:7,2026-01-12T08:00:00Z,page_viewed,web,web,home,"{""cookie"": ""c-unknown""}",,
web:8,2026-01-20T08:00:00Z,product_viewed,web,web,product,"{""cookie"": ""c-anna""}",,
"""  # noqa: E501
# A row a month late, for a day that was published; one row that breaks the contract; one good one next to it.
LATE = """\
till:3,2026-01-06T10:00:00Z,order_placed,till,store,till,"{""loyalty_card"": ""70015523""}",12.00,EUR
web:9,yesterday,page_viewed,web,web,home,"{""cookie"": ""c-anna""}",,
web:10,2026-01-21T08:00:00Z,page_viewed,web,web,home,"{""cookie"": ""c-anna""}",,
"""
WRONG = """\
till:4,2026-01-07T10:00:00Z,order_placed,till,store,till,"{""loyalty_card"": ""70015523""}",999999.00,EUR
"""
PEOPLE = """\
person_key,source_system,updated_at,identifiers,first_name,last_name
p1,crm,2026-01-01T00:00:00Z,"{""email"": ""anna.lindqvist@example.com"", ""loyalty_card"": ""70015523""}",Anna,Lindqvist
p2,crm,2026-01-01T00:00:00Z,"{""email"": ""bruno.matteotti@example.com""}",Bruno,Matteotti
"""
# Anna's card turns out to be somebody else's.
DECISION = """\
decision,type_a,identifier_a,type_b,identifier_b,reason,decided_by,decided_on
must_not_link,email,anna.lindqvist@example.com,loyalty_card,70015523,Her sister's card,Shop keeper,2026-01-31
"""
DIRECT_IDENTIFIERS = (
    "anna.lindqvist@example.com", "bruno.matteotti@example.com", "Lindqvist", "Matteotti", "70015523", "c-unknown",
    "the.keeper@example.com",
)  # fmt: skip
# No server listens there.
AWAY = "postgresql://publisher:s3cr3t@127.0.0.1:1/reports"
SEEDS = {
    "journeys": "journey_id,journey_version,journey_name,validated_on\nbuying,1,From looking to buying,2026-01-01\n",
    "phases": "journey_id,journey_version,phase_id,phase_order,phase_name,window_days,is_terminal,is_required\n"
    "buying,1,looking,1,Looking,14,false,true\nbuying,1,bought,2,Bought,,true,true\n",
    "critical_events": "critical_event_id,journey_id,journey_version,phase_id,event_name\n"
    "looked,buying,1,looking,product_viewed\nbought,buying,1,bought,order_placed\n",
    "measures": "measure_id,subject,aggregation,value_column,event_name\n"
    "orders,events,count,,order_placed\nrevenue,events,sum,amount,order_placed\n",
    "kpis": "kpi_id,kpi_name,journey_id,phase_id,kind,tier,direction,unit,period,numerator_measure_id,"
    "denominator_measure_id\norder_value,Order value,buying,bought,money,primary,up,EUR,month,revenue,orders\n",
    "kpi_roles": "kpi_id,role,person,email\norder_value,accountable,Shop keeper,the.keeper@example.com\n",
    "kpi_targets": "kpi_id,valid_from,target,amber_bound,red_bound\norder_value,2025-01-01,40,35,30\n",
}
# What runs did, and the ledger of files, say how the rows came and not what they are.
NOT_COMPARED = ("hygiene",)


@dataclass(frozen=True)
class Ended:
    """A command that ended: its exit code and all it said."""

    code: int
    said: str


@dataclass
class Shop:
    """A data set of the test's own: extracts, and the commands that work on them."""

    folder: Path
    name: str
    expected: dict[str, Any] = field(default_factory=dict)

    @property
    def extracts(self) -> Path:
        return self.folder / f"extracts of {self.name}"

    @property
    def environment(self) -> dict[str, str]:
        ours = ("JOURNEYS_", "DAGSTER_", "DBT_")
        kept = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
        return {
            **kept,
            "JOURNEYS_EXTRACTS": str(self.extracts),
            "JOURNEYS_SEEDS": str(self.folder / "seeds"),
            "JOURNEYS_DATA_SET": self.name,
            "JOURNEYS_VAR": str(self.folder / "var"),
            "JOURNEYS_SERVING": str(self.folder / "serving"),
            "JOURNEYS_AS_OF": "2026-02-01",
            "JOURNEYS_PEPPER": "a key for this test",
        }

    def deliver(self, path: str, text: str) -> Path:
        file = self.extracts / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def command(self, *arguments: str, given: str | None = None, **changed: str) -> Ended:
        done = subprocess.run(
            [sys.executable, "-m", "orchestration", *arguments],
            cwd=PROJECT_ROOT,
            input=given,
            env=self.environment | changed,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
            check=False,
        )
        return Ended(done.returncode, done.stdout)

    def run_and_kill(self, *, at: str) -> str:
        """Starts a run and kills it, as `kill -9` does, when it says `at`; waits until its dbt let go of the file."""
        said = ""
        process = subprocess.Popen(
            [sys.executable, "-m", "orchestration", "run"],
            cwd=PROJECT_ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        for line in process.stdout:
            said += line
            if at in line:
                break
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        with open_duckdb(self.folder / "var" / self.name / "warehouse.duckdb", wait_seconds=120):
            return said

    @property
    def released(self) -> list[str]:
        """The data set's releases, oldest first; anything half-built would be among them."""
        folder = self.folder / "var" / self.name / "releases"
        return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []

    @property
    def served(self) -> str:
        """The release that readers get."""
        return (self.folder / "serving" / "customer_journeys.duckdb").resolve().parent.name

    def release(self, release_id: str) -> Path:
        return self.folder / "var" / self.name / "releases" / release_id

    def query(self, release_id: str, sql: str) -> list[tuple]:
        with open_duckdb(self.release(release_id) / "customer_journeys.duckdb", read_only=True) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Seven runs, done once: each test reads one of their results."""
    folder = tmp_path_factory.mktemp("corner")
    (folder / "seeds").mkdir()
    for seed, text in SEEDS.items():
        (folder / "seeds" / f"{seed}.csv").write_text(text, encoding="utf-8")
    shop, other = Shop(folder, "corner_shop"), Shop(folder, "other_shop")
    story: dict[str, Any] = {"shop": shop, "other": other}

    shop.deliver("feed/events/2026-01.csv", HEADER + JANUARY)
    shop.deliver("feed/people/people.csv", PEOPLE)
    story["first"] = shop.command("run")
    assert story["first"].code == 0, story["first"].said
    story["first release"] = shop.released
    story["hash"] = shop.command("hash", "email", " Bruno.Matteotti@example.com")
    story["hash of what is typed"] = shop.command("hash", "email", given=" Bruno.Matteotti@example.com\n")

    broken = shop.deliver("feed/events/2026-02.csv", (HEADER + LATE).replace("occurred_at", "occured"))
    shop.deliver("feed/people/again.csv", PEOPLE.replace("2026-01-01T00:00:00Z", "01.01.2026"))
    story["broken"] = shop.command("run")
    story["after broken"] = (shop.released, shop.served)
    broken.unlink()
    # corrected where it lies; that its rows are known already changes nothing
    header, *people = PEOPLE.splitlines()
    shop.deliver("feed/people/again.csv", "\n".join([header, *reversed(people)]) + "\n")

    shop.deliver("feed/events/2026-03.csv", HEADER + LATE)
    shop.deliver("feed/events/wrong.csv", HEADER + WRONG)
    story["killed"] = shop.run_and_kill(at="dbt: ")
    story["after kill"] = (shop.released, shop.served)

    shop.deliver("feed/evnts/misspelt.csv", HEADER)
    story["withdrawn"] = shop.command("withdraw", "feed/events/wrong.csv")
    # a PostgreSQL server that is away keeps nobody from getting the release, and the run says so
    story["recovered"] = shop.command("run", JOURNEYS_POSTGRES_URL=AWAY)
    assert story["recovered"].code == 1, story["recovered"].said
    story["recovered release"] = (shop.released, shop.served)

    # the same rows at once, never broken, killed or withdrawn
    other.deliver("feed/events/all.csv", HEADER + JANUARY + LATE)
    other.deliver("feed/people/people.csv", PEOPLE)
    story["other"] = (other, other.command("run"))
    assert story["other"][1].code == 0, story["other"][1].said
    story["after other"] = (other.released, other.served, shop.released)

    shop.deliver("misplaced.csv", HEADER)
    story["again"] = shop.command("run")
    story["after again"] = (shop.released, shop.served, other.released)
    story["rolled back"] = shop.command("rollback")
    story["listed"] = shop.command("releases")
    story["after rollback"] = shop.served

    (folder / "seeds" / "identity_decisions.csv").write_text(DECISION, encoding="utf-8")
    story["rehearsed"] = shop.command("identity-diff")
    story["after rehearsal"] = (shop.released, shop.served)

    shop.deliver("feed/events/2026-04.csv", HEADER + "web:11,tomorrow,page_viewed,web,web,home,,,\n")
    story["one bad row"] = shop.command("run")
    yield story


def test_ten_lines_of_csv_become_a_published_release(story: dict[str, Any]) -> None:
    shop, said = story["shop"], story["first"].said
    [release] = story["first release"]
    assert release in said
    manifest = json.loads((shop.release(release) / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["data_set"] == "corner_shop"
    assert shop.query(release, "select count(*), count(distinct customer_id) from core.fct_events") == [(10, 3)]
    for shown in (" tables, ", "KPIs by status", "Hygiene: pass", "make report"):
        assert shown in said
    [(outcomes,)] = shop.query(
        release, "select list(outcome order by outcome) from journeys.fct_journeys where journey_id = 'buying'"
    )
    # Anna and Bruno bought; Anna looks again with days to go; unknown people fell out
    assert outcomes == ["completed", "completed", "fell_out", "pending"]


def test_the_hash_command_gives_the_hash_of_the_bridge(story: dict[str, Any]) -> None:
    shop, [release] = story["shop"], story["first release"]
    assert story["hash"].code == 0, story["hash"].said
    found = shop.query(
        release,
        "select events.event_id from core.bridge_customer_identifiers as bridge "
        "join core.fct_events as events on events.customer_id = bridge.customer_id "
        f"where bridge.identifier_hash = '{story['hash'].said.split()[-1]}' and events.event_name = 'order_placed'",
    )
    assert found == [("till:2",)]
    assert story["hash of what is typed"] == story["hash"]


def test_a_command_says_which_data_set_and_release_it_answers_for(story: dict[str, Any]) -> None:
    """Readers are on the release of one data set, the environment names another; and pipes get the answer alone."""
    shop, other = story["shop"], story["other"][0]
    assert shop.served.endswith("corner_shop")
    query = "select 'answered' as here, count(*) from core.fct_events"
    asked = other.command("sql", query)
    [release] = story["after other"][0]
    assert asked.said.startswith(f"Data set other_shop, release {release}\n") and "answered" in asked.said
    nobody = dict.fromkeys(("JOURNEYS_EXTRACTS", "JOURNEYS_SEEDS", "JOURNEYS_DATA_SET"), "")
    served = other.command("sql", query, **nobody)
    assert served.said.startswith(f"Data set corner_shop, release {shop.served}\n"), "else it is what readers get"
    for arguments in (["releases"], ["quarantine"], ["digests"], ["accept"], ["check"], ["rollback", "--to", "none"]):
        assert "Data set other_shop" in other.command(*arguments).said
    piped = subprocess.run(
        [sys.executable, "-m", "orchestration", "hash", "email", "a@example.com"],
        cwd=PROJECT_ROOT,
        env=other.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(piped.stdout.split()) == 1 and piped.stderr == "Data set other_shop\n"


def test_no_direct_identifier_is_in_a_release(story: dict[str, Any]) -> None:
    ours = (story["shop"], story["recovered release"][0])
    for shop, releases in (ours, (story["other"][0], story["after other"][0])):
        for release in releases:
            assert find_in_bytes(shop.release(release), DIRECT_IDENTIFIERS) == []


def test_a_broken_extract_publishes_nothing_and_says_what_to_fix(story: dict[str, Any]) -> None:
    assert story["broken"].code == 1, story["broken"].said
    said = story["broken"].said
    for expected in ("feed/events/2026-02.csv", "missing column occurred_at", "is it 'occured' now?", "rename"):
        assert expected in said
    assert (
        "extracts/feed/people/again.csv line 2, column updated_at: '01.01.2026' is no time" in said
        and "(2 of 2 rows of this file are quarantined)" in said
    ), "a blocked gate names the file and its first bad line"
    assert "Not published" in said
    [release] = story["first release"]
    assert f"Readers still get release {release}" in said
    assert story["after broken"] == ([release], release)


def test_a_killed_run_leaves_the_old_release_and_the_next_one_recovers(story: dict[str, Any]) -> None:
    first = story["first release"]
    assert "Build of what changed" in story["killed"]
    assert story["after kill"] == (first, first[0])
    assert "was killed before its end" in story["recovered"].said
    assert "Full build: the last build did not end well" in story["recovered"].said
    releases, served = story["recovered release"]
    assert releases == [*first, served]


def test_recovery_gives_the_rows_of_a_data_set_that_nothing_happened_to(story: dict[str, Any]) -> None:
    shop, served = story["shop"], story["recovered release"][1]
    other, [calm] = story["other"][0], story["after other"][0]
    with open_duckdb(shop.release(served) / "customer_journeys.duckdb", read_only=True) as connection:
        connection.execute(f"attach '{other.release(calm) / 'customer_journeys.duckdb'}' as calm (read_only)")
        tables = connection.execute(
            "select distinct schema_name, table_name from duckdb_tables() "
            f"where schema_name not in {(*NOT_COMPARED, 'main')} order by all"
        ).fetchall()
        assert len(tables) > 10
        [(database,)] = connection.execute("select current_database()").fetchall()
        for schema, table in tables:
            columns = ", ".join(
                row[0]
                for row in connection.execute(f"describe {database}.{schema}.{table}").fetchall()
                if row[0] != "loaded_at"
            )
            ours, theirs = (f"select {columns} from {place}.{schema}.{table}" for place in (database, "calm"))
            differing = connection.execute(
                f"({ours} except all {theirs}) union all ({theirs} except all {ours})"
            ).fetchall()
            assert differing == [], f"{schema}.{table}"


def test_a_bad_row_among_good_ones_is_set_aside_and_reported(story: dict[str, Any]) -> None:
    shop, served = story["shop"], story["recovered release"][1]
    found = shop.query(
        served, "select source_name, table_name, reason, column_name, row_count from hygiene.quarantine_summary"
    )
    # the file that was refused as a whole is listed too: what was set aside once is reported from then on
    assert ("feed", "events", "not_a_time", "occurred_at", 1) in found
    assert re.search(r"\d × not_a_time in feed\.\w+, \w+", story["recovered"].said)
    assert shop.query(served, "select count(*) from core.fct_events") == [(12,)]


def test_late_rows_restate_figures_that_were_published(story: dict[str, Any]) -> None:
    shop, served = story["shop"], story["recovered release"][1]
    restated = shop.query(served, "select distinct previous_release_id, release_id from hygiene.restatements")
    assert restated == [(story["first release"][0], served)]


def test_a_withdrawn_file_leaves_no_trace(story: dict[str, Any]) -> None:
    shop, served = story["shop"], story["recovered release"][1]
    assert story["withdrawn"].code == 0, story["withdrawn"].said
    assert "feed/events/wrong.csv" in story["withdrawn"].said
    assert shop.query(served, "select max(amount), count(*) filter (event_id = 'till:4') from core.fct_events") == [
        (80, 0)
    ]


def test_data_sets_do_not_mix_and_the_last_published_is_served(story: dict[str, Any]) -> None:
    other_releases, served, shop_releases = story["after other"]
    assert [served] == other_releases
    assert shop_releases == story["recovered release"][0]
    assert served.endswith("other_shop")


def test_a_second_run_says_that_nothing_changed_and_serves_the_release_again(story: dict[str, Any]) -> None:
    assert story["again"].code == 0, story["again"].said
    releases, served = story["recovered release"]
    first, second, third, *attention = story["again"].said.splitlines()
    assert first == "Journey Warehouse: data set corner_shop"
    assert second == f"Nothing changed: release {served} remains current."
    assert third.startswith("This took ")
    assert attention[0].startswith("To look at in the extracts folder")
    assert story["after again"] == (releases, served, story["after other"][0])


def test_what_is_not_read_is_shown_at_the_end_of_each_run_and_published(story: dict[str, Any]) -> None:
    misspelt = "extracts/feed/evnts: no table of feed is called evnts (is it events?)"
    misplaced = "extracts: 1 file in it is not read: misplaced.csv"
    assert misspelt in story["recovered"].said
    assert misplaced not in story["recovered"].said
    # it makes no run due, and is said all the same
    assert misspelt in story["again"].said
    assert misplaced in story["again"].said
    shop = story["shop"]
    noted = "select source_name, table_name, place, kind, file_count from hygiene.landing_warnings order by place"
    assert shop.query(story["recovered release"][1], noted) == [
        ("feed", None, "feed/evnts", "undeclared_table", 0),
    ]
    assert shop.query(shop.released[-1], noted) == [
        (None, None, ".", "misplaced_file", 0),
        ("feed", None, "feed/evnts", "undeclared_table", 0),
    ]
    found = shop.query(
        shop.released[-1],
        "select severity, verdict, unexpected_count from hygiene.expectation_results "
        "where expectation = 'everything_is_read' order by checked_at desc limit 1",
    )
    assert found == [("warning", "fail", 2)]


def test_rolling_back_is_one_command(story: dict[str, Any]) -> None:
    first, served = story["recovered release"][0]
    assert story["rolled back"].code == 0, story["rolled back"].said
    assert f"Readers now get {first}, no longer {served}" in story["rolled back"].said
    assert story["after rollback"] == first
    lines = [line for line in story["listed"].said.splitlines() if "_corner_shop" in line]
    assert [line[0] for line in lines] == [" ", "*"]
    assert served in lines[0] and first in lines[1]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    # a file where a folder should be: root may write anywhere else
    (tmp_path / "taken").write_text("")
    (tmp_path / "seeds").mkdir()
    shop = Shop(tmp_path, "corner_shop")
    shop.extracts.mkdir()
    var = shop.command("run", JOURNEYS_VAR=str(tmp_path / "taken" / "var"))
    assert var.code in (1, 2), var.said
    assert str(tmp_path / "taken" / "var") in var.said
    assert "can't be written" in var.said and "JOURNEYS_VAR" in var.said
    serving = shop.command("run", JOURNEYS_SERVING=str(tmp_path / "taken" / "serving"))
    assert serving.code in (1, 2), serving.said
    assert "can't be written" in serving.said and "JOURNEYS_SERVING" in serving.said
    for ended in (var, serving):
        assert "Traceback" not in ended.said


def test_identity_diff_shows_an_un_merge_and_publishes_nothing(story: dict[str, Any]) -> None:
    said = story["rehearsed"].said
    assert story["rehearsed"].code == 0, said
    first = story["first release"][0]
    assert f"Customer ids against release {first}: 3 before, 4 now" in said
    for expected in ("1 new", "0 removed", "1 × decision", "Nothing was published"):
        assert expected in said
    assert "anna.lindqvist" not in said
    releases, _ = story["recovered release"]
    assert story["after rehearsal"] == (releases, first)


def test_a_schema_whose_tables_did_not_change_keeps_the_verdicts_of_its_suite(story: dict[str, Any]) -> None:
    shop, said = story["shop"], story["one bad row"].said
    assert story["one bad row"].code == 0, said
    # a row that is set aside changes counts of hygiene, and nothing else
    others = "attribution, core, customers, flows, journeys, kpis, voice"
    assert f"Checking the schemas hygiene; the tables of {others} are as they were" in said
    before, now = shop.released[-2:]
    [checked_before, checked_now] = [
        json.loads((shop.release(release) / "manifest.json").read_text(encoding="utf-8"))["checks"]["pass"]
        for release in (before, now)
    ]
    assert checked_now >= checked_before > 100
    # of each suite the verdicts of when it was last run
    runs = shop.query(
        now,
        "select suite = 'marts.hygiene', max(checked_at) from hygiene.expectation_results "
        "where gate = 'marts' group by all order by all",
    )
    assert runs[0][1] < runs[1][1]


def test_a_release_that_postgres_did_not_take_is_published_and_offered_again_by_each_run(story: dict[str, Any]) -> None:
    shop, said = story["shop"], story["recovered"].said
    assert story["recovered release"][1] in said and "KPIs by status" in said
    assert "The release is published, but not in PostgreSQL:\n  PostgreSQL at 127.0.0.1:1/reports can't be used" in said
    assert "Not published" not in said and "s3cr3t" not in said
    # the last test of these: readers are on the other data set from now on
    other, _ = story["other"]
    away = other.command("run", JOURNEYS_POSTGRES_URL=AWAY)
    assert away.code == 1 and "The release is published, but not in PostgreSQL:" in away.said
    with running_server() as server:
        there = other.command("run", JOURNEYS_POSTGRES_URL=server.url())
        assert there.code == 0 and "Nothing changed: release" in there.said, there.said
        assert f"has release {other.served}: " in there.said
        assert server.rows("select release_id from journeys_release.release") == [(other.served,)]
    for path in (shop.folder / "var").rglob("*"):
        assert not path.is_file() or b"s3cr3t" not in path.read_bytes(), path
