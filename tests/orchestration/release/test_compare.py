"""`make compare` says what differs between two releases: counts that are right, and a sentence where it can't."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.lib.core.settings import PROJECT_ROOT

SCORECARD = (
    "create table kpis.kpi_scorecard as select * from (values {}) as rows "
    "(kpi_id, kpi_name, unit, direction, value, status, period_start, period_end)"
)
RESTATED = (
    "create table hygiene.restatements as select * from (values {}) as rows "
    "(release_id, table_schema, table_name, key, reasons)"
)
# of the journey's own tables the key, of ledgers none
KEYS = {
    "core.fct_events": ["event_id"],
    "kpis.kpi_scorecard": ["kpi_id"],
    "core.dim_gone": ["id"],
    "core.dim_new": ["id"],
}


def make_release(folder: Path, release_id: str, before: str | None, *statements: str, commit: str = "abc") -> Path:
    """A release of these statements' tables, with its manifest, in the data set's line."""
    release = folder / "var" / "own" / "releases" / release_id
    release.mkdir(parents=True)
    with duckdb.connect(str(release / "customer_journeys.duckdb")) as connection:
        for schema in ("core", "kpis", "hygiene"):
            connection.execute(f"create schema {schema}")
        for statement in statements:
            connection.execute(statement)
        found = connection.execute(
            "select schema_name, table_name, list(column_name order by column_index), "
            "list(data_type order by column_index) from duckdb_columns() where not internal group by all order by all"
        ).fetchall()
        tables = [
            {
                "schema": schema,
                "name": name,
                "key": KEYS.get(f"{schema}.{name}", []),
                "row_count": connection.execute(f"select count(*) from {schema}.{name}").fetchall()[0][0],
                "parquet": f"parquet/{schema}/{name}.parquet",
                "description": "One row per thing.",
                "columns": [
                    {"name": column, "type": kind, "description": f"The {column}."}
                    for column, kind in zip(columns, kinds, strict=True)
                ],
            }
            for schema, name, columns, kinds in found
        ]
    day = release_id[6:8]
    manifest = {
        **{"release_id": release_id, "data_set": "own", "previous_release_id": before, "run_id": "run"},
        **{"as_of": f"2026-07-{day}T00:00:00Z", "created_at": f"2026-07-{day}T06:00:00Z"},
        **{"git": {"commit": commit, "is_dirty": False}, "checks": {}, "tables": tables},
    }
    (release / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return release


JUNE = "date '2026-06-01', date '2026-06-30'"
OF_A_KPI = "kpis', 'fct_kpi_values_daily', '{\"kpi_id\": \"value\"}"
FIRST, SECOND, THIRD = (f"2026070{day}T060000_000000Z_own" for day in (1, 2, 3))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three releases; between the last two, one event was added, one removed, two changed, and a KPI moved."""
    folder = tmp_path_factory.mktemp("compared")
    (folder / "extracts").mkdir()
    same = "create table core.dim_dates as select 1 as day"
    make_release(folder, FIRST, None, same, "create table core.fct_events as select 'e0' as event_id")
    make_release(
        folder, SECOND, FIRST, same,
        "create table core.fct_events as select * from "
        "(values ('e1', 1, 'a'), ('e2', 2, 'b'), ('e3', null, 'c'), ('e5', 5, 'e')) rows (event_id, amount, channel)",
        "create table core.dim_gone as select 7 as id",
        "create table hygiene.runs as select unnest(['r1', 'r1', 'r2']) as run",
        SCORECARD.format(f"('value', 'Value of an order', 'EUR', 'up', 80.0e0, 'amber', {JUNE}), "
                         f"('same', 'Same', 'share', 'up', 0.5e0, 'green', {JUNE})"),
    )  # fmt: skip
    make_release(
        folder, THIRD, SECOND, same,
        "create table core.fct_events as select * from "
        "(values ('e2', 2.0::double, 'B'), ('e3', 3, 'c'), ('e4', 4, 'd'), ('e5', 5, 'e')) "
        "rows (event_id, amount, channel)",
        "create table core.dim_new as select unnest([1, 2]) as id",
        "create table hygiene.runs as select unnest(['r1', 'r2', 'r2', 'r3']) as run",
        SCORECARD.format(f"('value', 'Value of an order', 'EUR', 'up', 84.0e0, 'green', {JUNE}), "
                         f"('same', 'Same', 'share', 'up', 0.5e0, 'green', {JUNE})"),
        RESTATED.format(f"('{THIRD}', '{OF_A_KPI}', 'late_data, merge'), ('{THIRD}', '{OF_A_KPI}', 'late_data'), "
                        f"('{SECOND}', '{OF_A_KPI}', 'clock')"),
        commit="def",
    )  # fmt: skip
    return folder


# Its highest memory in kilobytes, as the last line of standard error: a process that has others counts theirs as well.
MEASURED = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(done.returncode)
"""


def compare(
    folder: Path, *options: str, is_measured: bool = False, **environment: str
) -> subprocess.CompletedProcess[str]:
    measured = [sys.executable, "-c", MEASURED] if is_measured else []
    return subprocess.run(
        [*measured, sys.executable, "-m", "orchestration", "compare", *options],
        cwd=PROJECT_ROOT,
        env={
            **os.environ,
            "JOURNEYS_DATA_SET": "own",
            "JOURNEYS_EXTRACTS": str(folder / "extracts"),
            "JOURNEYS_VAR": str(folder / "var"),
            "JOURNEYS_SERVING": str(folder / "serving"),
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_what_came_went_and_changed_is_counted(folder: Path) -> None:
    done = compare(folder, "--json")
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    assert (said["from"], said["to"]) == (SECOND, THIRD), "without names the current one and the one before"
    tables = {one["table"]: one for one in said["tables"]}
    counts = {
        table: tuple(one[kind] for kind in ("rows_before", "rows_after", "added", "removed", "changed"))
        for table, one in tables.items()
    }
    assert counts == {
        # e5 is as it was, though its amount has another type
        "core.fct_events": (4, 4, 1, 1, 2),
        "core.dim_gone": (1, 0, 0, 1, 0),
        "core.dim_new": (0, 2, 2, 0, 0),
        # a ledger has no key, so nothing says which row became which
        "hygiene.runs": (3, 4, 2, 1, None),
        "hygiene.restatements": (0, 3, 3, 0, 0),
        "kpis.kpi_scorecard": (2, 2, 0, 0, 1),
    }
    assert tables["core.fct_events"]["columns"] == {"amount": 1, "channel": 1}
    assert said["same_table_count"] == 1
    assert "code abc → def" in said["definitions"]
    types = {one["column"]: (one["before"], one["after"]) for one in said["columns"] if one["what"] == "type"}
    assert types == {"amount": ("INTEGER", "DOUBLE")}


def test_a_kpi_that_moved_says_by_how_much_and_why(folder: Path) -> None:
    [kpi] = json.loads(compare(folder, "--json").stdout)["kpis"]
    assert (kpi["kpi_id"], kpi["before"], kpi["after"], kpi["difference"]) == ("value", 80.0, 84.0, 4.0)
    assert (kpi["status_before"], kpi["status_after"]) == ("amber", "green")
    assert kpi["reasons"] == {"late_data": 2, "merge": 1}, "of releases after the one that it is compared with"
    said = json.loads(compare(folder, "--json").stdout)["restated"]
    assert said == [{"table": "kpis.fct_kpi_values_daily", "figure_count": 2, "reasons": {"late_data": 2, "merge": 1}}]


def test_it_fits_a_screen_with_the_largest_first(folder: Path) -> None:
    shown = compare(folder)
    lines = shown.stdout.splitlines()
    assert shown.returncode == 0 and len(lines) < 40 and max(map(len, lines)) <= 110
    tables = [line.split()[0] for line in lines if line.startswith("  core.") or line.startswith("  hygiene.")]
    assert tables[0] == "core.fct_events" and tables.index("hygiene.runs") > tables.index("core.dim_gone")
    assert (
        "  Value of an order  80.00 EUR → 84.00 EUR (+4.00 EUR, better), amber → green: 2 late_data, 1 merge" in lines
    )
    assert "Same" not in shown.stdout


def test_everything_is_written_into_files_that_a_table_reads(folder: Path, tmp_path: Path) -> None:
    done = compare(folder, f"--into={tmp_path / 'new' / 'files'}")
    assert done.returncode == 0, done.stderr
    files = {path.stem: path for path in (tmp_path / "new" / "files").iterdir()}
    assert set(files) == {"tables", "columns", "kpis", "restated", "definitions"}
    rows = list(csv.DictReader(files["tables"].open(encoding="utf-8")))
    assert {row["table"]: row["added"] for row in rows}["core.fct_events"] == "1"
    (tmp_path / "file").write_text("", encoding="utf-8")
    both = compare(folder, f"--into={tmp_path / 'both'}", "--json")
    assert both.returncode == 2 and "give one of the two" in both.stderr and not (tmp_path / "both").exists()
    refused = compare(folder, f"--into={tmp_path / 'file'}")
    assert refused.returncode == 2 and "can't be written" in refused.stderr and "Traceback" not in refused.stderr


def test_releases_with_other_columns_are_compared_by_those_that_both_have(folder: Path) -> None:
    said = json.loads(compare(folder, f"--from={FIRST}", f"--to={SECOND}", "--json").stdout)
    assert "core.fct_events is compared by the 1 column that both have." in said["notes"]
    events = next(one for one in said["tables"] if one["table"] == "core.fct_events")
    assert (events["added"], events["removed"], events["changed"]) == (4, 1, 0)
    assert {one["column"]: one["what"] for one in said["columns"]} == {"amount": "added", "channel": "added"}


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ("1::integer, 5::integer", "1::double, 6::double", 1),
        ("1::double, 1.4::double", "1::bigint, 1::bigint", 1),
        ("'1.50', 'a'", "1.5::decimal(18, 2), null", 1),
        ("timestamp '2026-07-01 00:00:00', timestamp '2026-07-01 10:00:00'", "date '2026-07-01', date '2026-07-01'", 1),
        ("date '2026-07-01', null", "timestamp '2026-07-01 00:00:00', null", 0),
        ("true, false", "1::integer, 0::integer", 0),
        ("12::integer, 13::integer", "'12', '13'", 0),
    ],
)
def test_an_equal_value_in_a_column_of_another_type_is_no_change(
    tmp_path: Path, before: str, after: str, changed: int
) -> None:
    """1 as a whole number and 1.0 are equal; 1.4 of which 1 is left is not."""
    (tmp_path / "extracts").mkdir()
    table = "create table core.fct_events as select unnest([1, 2]) as event_id, unnest([{}]) as amount"
    make_release(tmp_path, FIRST, None, table.format(before))
    make_release(tmp_path, SECOND, FIRST, table.format(after))
    done = compare(tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert [one["changed"] for one in said["tables"]] == [changed] * bool(changed)
    assert [one["what"] for one in said["columns"]] == ["type"]
    assert not [note for note in said["notes"] if "is compared by" in note], "both have all columns"


def test_a_release_of_an_older_version_is_compared_by_what_its_manifest_names(tmp_path: Path) -> None:
    (tmp_path / "extracts").mkdir()
    table = "create table core.fct_events as select range as event_id, 'a' as channel from range({})"
    older = make_release(tmp_path, FIRST, None, table.format(3)) / "manifest.json"
    make_release(tmp_path, SECOND, FIRST, table.format(4))
    manifest = json.loads(older.read_text(encoding="utf-8"))
    for one in manifest["tables"]:
        for word in ("key", "description", "parquet"):
            del one[word]
        for column in one["columns"]:
            del column["description"]
    older.write_text(json.dumps(manifest), encoding="utf-8")
    done = compare(tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert [(one["added"], one["removed"], one["changed"]) for one in said["tables"]] == [(1, 0, None)]
    assert said["columns"] == [], "what is not named did not change"
    assert any(f"{FIRST} of an older version names no keys" in note for note in said["notes"])


def test_figures_are_in_their_unit_as_digests_have_them(tmp_path: Path) -> None:
    (tmp_path / "extracts").mkdir()
    row = "('{0}', '{0}', '{1}', '{2}', {3}::double, 'green', date '2026-06-01', date '2026-06-30')"
    kpis = (("time", "seconds", "down"), ("wait", "share", "down"), ("odd", "orders", "up"), ("gone", "ratio", "up"))
    for release_id, earlier, figures in (
        (FIRST, None, ("86400", "0.5", "'nan'", "3")),
        (SECOND, FIRST, ("93616", "0.4", "1234", "'inf'")),
    ):
        rows = ", ".join(row.format(*kpi, figure) for kpi, figure in zip(kpis, figures, strict=True))
        make_release(tmp_path, release_id, earlier, SCORECARD.format(rows))
    shown = compare(tmp_path).stdout
    assert "  time  1 d → 1 d 2 h (+2 h, worse), green" in shown
    assert "  wait  50.0 % → 40.0 % (−10.0 points, better), green" in shown
    assert "  odd  – → 1,234 orders, green" in shown and "  gone  3 → –, green" in shown

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    said = json.loads(compare(tmp_path, "--json").stdout, parse_constant=refuse)
    figures_said = {kpi["kpi_id"]: (kpi["before"], kpi["after"]) for kpi in said["kpis"]}
    assert figures_said["odd"] == (None, 1234) and figures_said["gone"] == (3, None)


def test_kpis_that_cannot_be_compared_are_said(folder: Path, tmp_path: Path) -> None:
    """Of releases without a scorecard it said once that 0 of 0 KPIs have another figure."""
    shown = compare(folder, f"--from={FIRST}", f"--to={SECOND}").stdout
    assert f"KPIs are not compared: {FIRST} has no kpis.kpi_scorecard." in shown and "KPIs: " not in shown
    (tmp_path / "extracts").mkdir()
    scorecard = SCORECARD.format(f"('value', 'Value', 'EUR', 'up', 80.0e0, 'amber', {JUNE})")
    make_release(tmp_path, FIRST, None, scorecard)
    make_release(tmp_path, SECOND, FIRST, scorecard, "alter table kpis.kpi_scorecard drop column unit")
    shown = compare(tmp_path).stdout
    assert f"KPIs are not compared: {SECOND} has no kpis.kpi_scorecard with unit." in shown
    make_release(tmp_path, THIRD, SECOND, scorecard, "alter table kpis.kpi_scorecard drop column unit")
    shown = compare(tmp_path).stdout
    assert "Nothing differs" in shown and "KPIs are not compared" in shown


def test_a_text_in_the_files_is_no_formula_in_a_spreadsheet(tmp_path: Path) -> None:
    (tmp_path / "extracts").mkdir()
    kpi = "('{}', '=HYPERLINK(\"http://x\")', '-EUR', 'up', {}, 'green', " + JUNE + ")"
    make_release(tmp_path, FIRST, None, SCORECARD.format(kpi.format("@value", "-2e0")))
    make_release(tmp_path, SECOND, FIRST, SCORECARD.format(kpi.format("@value", "-3e0")))
    assert compare(tmp_path, f"--into={tmp_path / 'files'}").returncode == 0
    with (tmp_path / "files" / "kpis.csv").open(encoding="utf-8", newline="") as file:
        [row] = csv.DictReader(file)
    assert (row["kpi_id"], row["kpi_name"], row["unit"]) == ("'@value", '\'=HYPERLINK("http://x")', "'-EUR")
    assert float(row["after"]) == -3, "a number stays one"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--from=nonsense"], "nonsense is no release of own. Releases of own that can be compared: 20260703"),
        ([f"--from={THIRD}", f"--to={THIRD}"], "is given twice"),
        ([f"--to={FIRST}"], "There is no release before"),
    ],
)
def test_what_cannot_be_compared_is_a_sentence(folder: Path, options: list[str], said: str) -> None:
    done = compare(folder, *options)
    assert done.returncode == 1, done.stdout
    assert said in done.stderr and "Traceback" not in done.stderr


def test_a_release_that_is_gone_or_damaged_or_was_rolled_back_is_named(tmp_path: Path) -> None:
    (tmp_path / "extracts").mkdir()
    nothing = compare(tmp_path)
    assert nothing.returncode == 1 and "own has no release yet" in nothing.stderr
    table = "create table core.fct_events as select range as event_id from range(100000)"
    for number, release_id in enumerate((FIRST, SECOND, THIRD)):
        make_release(
            tmp_path,
            release_id,
            (None, FIRST, SECOND)[number],
            table,
            f"update core.fct_events set event_id = -{number} where event_id = 7",
        )
    releases = tmp_path / "var" / "own" / "releases"
    facts = {"data_set": "own", "as_of": "2026-07-01T00:00:00Z", "row_count": 1}
    switches = [
        {"action": "published", "release_id": one, "left": left, "at": f"2026-07-0{n}T07:00:00Z", "facts": facts}
        for n, one, left in ((1, "pruned", None), (2, FIRST, "pruned"), (3, SECOND, FIRST), (4, THIRD, SECOND))
    ]
    switches.append(
        {"action": "rolled_back", "release_id": SECOND, "left": THIRD, "at": "2026-07-05T07:00:00Z", "facts": {}}
    )
    (releases / "releases.jsonl").write_text("".join(json.dumps(one) + "\n" for one in switches), encoding="utf-8")
    gone = compare(tmp_path, "--from=pruned")
    assert gone.returncode == 1 and "was published and is gone" in gone.stderr
    assert "JOURNEYS_RELEASES_KEPT" in gone.stderr
    rolled = compare(tmp_path, f"--from={SECOND}", f"--to={THIRD}")
    assert rolled.returncode == 0 and "rolled back" in rolled.stdout, rolled.stderr
    assert "0 tables are the same, 1 is not" in rolled.stdout
    database = releases / FIRST / "customer_journeys.duckdb"
    content = bytearray(database.read_bytes())
    content[len(content) // 4 :] = b"\xff" * (len(content) - len(content) // 4)
    database.write_bytes(content)
    damaged = compare(tmp_path, f"--from={FIRST}", f"--to={SECOND}")
    assert damaged.returncode == 1, damaged.stdout
    assert f"{FIRST} can't be compared" in damaged.stderr and "is damaged" in damaged.stderr
    assert "Traceback" not in damaged.stderr


@pytest.mark.long
def test_a_million_wide_rows_are_compared_in_little_memory(tmp_path: Path) -> None:
    (tmp_path / "extracts").mkdir()
    rows = (
        "create table core.fct_events as select 'e' || range as event_id, md5(range::varchar) as customer_id, "
        "range % 97 as amount, repeat(md5((range + {0})::varchar), 4) as properties from range({0}, 1000000 + {0})"
    )
    changed = "update core.fct_events set amount = -1 where amount = 5"
    make_release(tmp_path, FIRST, None, rows.format(0))
    make_release(tmp_path, SECOND, FIRST, rows.format(0), changed, "delete from core.fct_events where amount = 6")
    done = compare(tmp_path, "--json", is_measured=True, JOURNEYS_MEMORY="200MB")
    assert done.returncode == 0, done.stderr
    [events] = json.loads(done.stdout)["tables"]
    assert (events["added"], events["removed"], events["changed"]) == (0, 10310, 10310)
    assert events["columns"] == {"amount": 10310}
    assert int(done.stderr.splitlines()[-1]) < 700_000, "kilobytes"
