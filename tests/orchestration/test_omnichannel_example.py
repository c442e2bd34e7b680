"""The simulated retailer: same arguments same bytes, contracts kept, truth outside, dirt as declared."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import json
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
import yaml

from examples.omnichannel import Dirt, GenerationReport, generate
from orchestration.lib.config.contracts import read_contracts
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.landing.land import land_table

PROJECT = Path(__file__).resolve().parents[2]
NATIVE = ("web", "app", "crm", "email", "ads", "social", "support", "loyalty", "surveys", "store", "shop")
AS_OF = datetime(2026, 7, 1, tzinfo=UTC)
CUSTOMERS, DAYS, SEED = 250, 75, 7


def generate_small(folder: Path, **changes: object) -> GenerationReport:
    arguments: dict[str, Any] = {
        "customers": CUSTOMERS,
        "days": DAYS,
        "seed": SEED,
        "as_of": AS_OF,
        "progress": lambda _: None,
    }
    return generate(folder / "extracts", folder / "truth", **(arguments | changes))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, GenerationReport]:
    folder = tmp_path_factory.mktemp("omnichannel")
    return folder, generate_small(folder)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clean")
    generate_small(folder, dirt=Dirt().scaled(0))
    return folder


def digest(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def contract_tables() -> list[tuple[str, dict]]:
    return [
        (source, table)
        for source in NATIVE
        for table in yaml.safe_load(
            (PROJECT / "models" / "staging" / source / f"_{source}__sources.yml").read_text(encoding="utf-8")
        )["sources"][0]["tables"]
    ]


def text_of(path: Path, encoding: str = "utf-8") -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode(encoding)


def read_json(connection: duckdb.DuckDBPyConnection, folder: Path, table: str, columns: str) -> None:
    """Creates a table of the given columns, as text, from JSON lines."""
    kinds = ", ".join(f"{name}: 'varchar'" for name in columns.split())
    connection.execute(
        f"create or replace table {table.replace('/', '_')} as select * from read_json("
        f"'{folder}/extracts/{table}/*', format = 'newline_delimited', columns = {{{kinds}}})"
    )


def test_equal_arguments_give_equal_bytes(world: tuple[Path, GenerationReport], tmp_path: Path) -> None:
    generate_small(tmp_path)
    assert digest(tmp_path) == digest(world[0])


def test_another_seed_is_another_world(world: tuple[Path, GenerationReport], tmp_path: Path) -> None:
    generate_small(tmp_path, seed=SEED + 1)
    ours, theirs = digest(world[0] / "extracts"), digest(tmp_path / "extracts")
    assert not [name for name in ours.keys() & theirs.keys() if ours[name] == theirs[name]]


def test_generating_again_in_place_replaces_and_never_mixes(tmp_path: Path) -> None:
    generate_small(tmp_path, customers=60, days=120)
    generate_small(tmp_path, customers=40)
    once = digest(tmp_path)
    other = tmp_path / "other"
    generate_small(other, customers=40)
    assert {name: value for name, value in once.items() if not name.startswith("other")} == digest(other)


def test_foreign_files_are_refused_not_mixed(tmp_path: Path) -> None:
    own = tmp_path / "extracts" / "feed" / "events" / "mine.csv"
    own.parent.mkdir(parents=True)
    own.write_text("event_id\n")
    with pytest.raises(FileExistsError, match=r"mine\.csv"):
        generate_small(tmp_path)
    assert own.exists()


def test_an_interrupted_generation_is_cleared_by_the_next(tmp_path: Path) -> None:
    def stop(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate_small(tmp_path, customers=30, progress=stop)
    generate_small(tmp_path, customers=30)
    other = tmp_path / "other"
    generate_small(other, customers=30)
    assert digest(tmp_path / "extracts") == digest(other / "extracts")


@pytest.mark.parametrize(
    ("source", "table"),
    contract_tables(),
    ids=lambda value: value if isinstance(value, str) else value["name"],
)
def test_files_have_every_column_of_their_contract(
    world: tuple[Path, GenerationReport], source: str, table: dict
) -> None:
    declared = [column["name"] for column in table["columns"]]
    meta = table["config"]["meta"]
    files = sorted((world[0] / "extracts" / source / table["name"]).glob("*"))
    assert files, f"no extract of {source}.{table['name']}"
    for path in files:
        kind = next(part for part in path.name.split(".")[1:] if part in ("csv", "jsonl", "parquet"))
        assert kind in meta["formats"]
        if kind == "parquet":
            assert pq.read_schema(path).names == declared
        elif kind == "csv":
            csv = meta.get("csv", {})
            lines = text_of(path, csv.get("encoding", "utf-8")).splitlines()
            assert lines[0].split(csv.get("delimiter", ",")) == declared
        else:
            for line in text_of(path).splitlines():
                assert list(json.loads(line)) == declared


@pytest.mark.parametrize(
    ("source", "table"),
    contract_tables(),
    ids=lambda value: value if isinstance(value, str) else value["name"],
)
def test_clean_rows_meet_their_contract(clean: Path, source: str, table: dict) -> None:
    """Without dirt, every value has its type, required ones are there, and the key with its version is
    unique."""
    meta, files = table["config"]["meta"], f"{clean}/extracts/{source}/{table['name']}/*"
    kinds = {column["name"]: column["data_type"].replace("string", "varchar") for column in table["columns"]}
    with open_duckdb() as connection:
        if meta["formats"] == ["parquet"]:
            reader = f"read_parquet('{files}')"
        else:
            columns = ", ".join(f"'{name}': '{kind}'" for name, kind in kinds.items())
            csv = meta.get("csv", {})
            options = (
                f"header = true, delim = '{csv.get('delimiter', ',')}', encoding = '{csv.get('encoding', 'utf-8')}'"
                if meta["formats"] == ["csv"]
                else "format = 'newline_delimited'"
            )
            function = "read_csv" if meta["formats"] == ["csv"] else "read_json"
            reader = f"{function}('{files}', columns = {{{columns}}}, {options})"
        connection.execute(f"create table rows as select * from {reader}")
        count = connection.execute("select count(*) from rows").fetchone()[0]
        assert count > 0
        for column in table["columns"]:
            rules = column.get("config", {}).get("meta", {})
            missing = connection.execute(f'select count(*) from rows where "{column["name"]}" is null').fetchone()[0]
            assert not (rules.get("required") and missing), column["name"]
            if "accepted_values" in rules:
                found = connection.execute(f'select distinct "{column["name"]}" from rows').fetchall()
                assert {value for (value,) in found} <= set(rules["accepted_values"])
        key = ", ".join([*meta["key"], *([meta["version_column"]] if "version_column" in meta else [])])
        assert connection.execute(f"select count(*) from (select distinct {key} from rows)").fetchone()[0] == count


def test_truth_is_never_inside_the_extracts(world: tuple[Path, GenerationReport], tmp_path: Path) -> None:
    folder, _ = world
    assert {path.name for path in (folder / "extracts").iterdir()} == {*NATIVE, "feed"}
    persons = pq.read_table(folder / "truth" / "people.parquet")["person_id"].to_pylist()
    for path in (folder / "extracts").rglob("*"):
        if path.is_file() and path.suffix != ".parquet":
            assert not any(f'"{person}"' in text_of(path, "latin-1") for person in persons[:20])
    with pytest.raises(ValueError, match="inside the other"):
        generate(tmp_path, tmp_path / "truth", customers=10, days=30, seed=1, as_of=AS_OF)


def test_dirt_comes_at_the_declared_rates(world: tuple[Path, GenerationReport]) -> None:
    _, report = world
    rows = sum(report.rows.values())
    for kind, rate in (
        ("duplicate_row", Dirt().duplicate_rows),
        ("out_of_order_row", Dirt().out_of_order_rows),
    ):
        assert 0.6 * rate < report.dirt_counts[kind] / rows < 1.4 * rate
    assert report.dirt_counts["late_row"] > 0
    broken = sum(count for kind, count in report.dirt_counts.items() if kind.startswith("broken_"))
    assert 0 < broken < 3 * Dirt().broken_rows * rows


def test_every_kind_of_dirt_happens_and_is_in_the_ledger(tmp_path: Path) -> None:
    report = generate_small(tmp_path, dirt=Dirt().scaled(8))
    assert set(report.dirt_counts) == {
        "duplicate_row", "late_row", "out_of_order_row", "broken_bad_date", "broken_comma_number",
        "broken_missing_value", "redelivered_file", "typed_name", "doubled_contact", "shared_tablet",
        "junk_email", "changed_email", "never_logs_in", "skewed_clock", "bot",
    }  # fmt: skip
    ledger = pq.read_table(tmp_path / "truth" / "dirt_ledger.parquet").to_pylist()
    copies = [entry for entry in ledger if entry["dirt_kind"] == "redelivered_file"]
    for entry in copies:
        copy = tmp_path / "extracts" / entry["source_name"] / entry["table_name"] / entry["file_name"]
        assert copy.read_bytes() == copy.with_name(copy.name.replace("_again", "")).read_bytes()
    broken = next(
        entry for entry in ledger if entry["dirt_kind"] == "broken_bad_date" and entry["table_name"] == "events"
    )
    path = tmp_path / "extracts" / broken["source_name"] / "events" / broken["file_name"]
    line = next(line for line in text_of(path).splitlines() if broken["row_key"] in line)
    assert "31-02-2026 25:61" in line


def test_landing_quarantines_the_broken_rows_of_the_ledger_and_no_others(tmp_path: Path) -> None:
    generate_small(tmp_path, dirt=Dirt().scaled(8))
    ledger = Counter(
        (entry["source_name"], entry["table_name"])
        for entry in pq.read_table(tmp_path / "truth" / "dirt_ledger.parquet").to_pylist()
        if entry["dirt_kind"].startswith("broken_")
    )
    with open_duckdb() as connection:
        landed = [
            land_table(connection, contract, extracts=tmp_path / "extracts", run_id="test", now=AS_OF)
            for contract in read_contracts(PROJECT / "models")
        ]
    quarantined = {(table.source, table.table): table.rows_quarantined for table in landed}
    assert {table: count for table, count in quarantined.items() if count} == ledger
    assert not [file for table in landed for file in table.refused]


def test_no_dirt_leaves_an_empty_ledger(clean: Path) -> None:
    assert pq.read_metadata(clean / "truth" / "dirt_ledger.parquet").num_rows == 0


def test_events_grow_with_people_and_with_time(world: tuple[Path, GenerationReport], tmp_path: Path) -> None:
    _, report = world
    more = generate_small(tmp_path / "more", customers=3 * CUSTOMERS)
    longer = generate_small(tmp_path / "longer", days=3 * DAYS)
    assert 2.2 < more.event_count / report.event_count < 4
    assert 1.8 < longer.event_count / report.event_count < 5


def test_orders_are_the_sum_of_their_lines(clean: Path) -> None:
    with open_duckdb() as connection:
        read_json(connection, clean, "shop/orders", "order_id shipping_price total_price line_count")
        read_json(connection, clean, "shop/order_lines", "order_id line_price")
        wrong = connection.execute(
            """
            select count(*)
            from (select distinct * from shop_orders) as orders
            left join (
                select order_id, count(*) as lines, sum(cast(line_price as decimal(18,2))) as price
                from shop_order_lines group by order_id
            ) as baskets using (order_id)
            where coalesce(price + cast(shipping_price as decimal(18,2)), -1) <> cast(total_price as
            decimal(18,2)) or lines <> cast(line_count as bigint)
            """
        ).fetchone()[0]
        assert wrong == 0


def test_truth_names_touches_and_purchases_that_are_in_the_extracts(clean: Path) -> None:
    with open_duckdb() as connection:
        read_json(connection, clean, "ads/clicks", "click_id partner_cookie_id")
        read_json(connection, clean, "app/events", "uuid")
        read_json(connection, clean, "shop/orders", "order_id")
        connection.execute(
            f"""
            create table keys as
            select click_id as key from ads_clicks union select uuid from app_events union select order_id
            from shop_orders union select transaction_id from
            '{clean}/extracts/store/transaction_lines/*.parquet' union select activity_id from
            read_csv('{clean}/extracts/email/activity/*', all_varchar = true)
            """
        )
        causes = f"'{clean}/truth/conversion_causes.parquet'"
        assert connection.execute(f"select count(*) from {causes}").fetchone()[0] > 20
        for column in ("touch_key", "conversion_key"):
            lost = connection.execute(
                f"select count(*) from {causes} where {column} is not null and {column} not in (select key from keys)"
            ).fetchone()[0]
            assert lost == 0, column


def test_truth_knows_the_owner_of_every_identifier(clean: Path) -> None:
    """But for bots, which no person owns, and which a clean world has none of."""
    with open_duckdb() as connection:
        read_json(connection, clean, "web/events", "domain_userid user_id form_email")
        read_json(connection, clean, "app/events", "device_id user_id")
        read_json(connection, clean, "shop/orders", "email phone loyalty_card checkout_cookie app_device_id")
        read_json(connection, clean, "social/messages", "customer_handle")
        read_json(connection, clean, "ads/impressions", "partner_cookie_id")
        read_json(connection, clean, "support/chats", "visitor_cookie")
        used = (
            ("web_events", "domain_userid", "cookie"), ("web_events", "user_id", "customer_number"),
            ("web_events", "form_email", "email"), ("app_events", "device_id", "device_id"),
            ("shop_orders", "email", "email"), ("shop_orders", "phone", "phone"),
            ("shop_orders", "loyalty_card", "loyalty_card"), ("shop_orders", "checkout_cookie", "cookie"),
            ("shop_orders", "app_device_id", "device_id"),
            ("social_messages", "customer_handle", "social_handle"),
            ("ads_impressions", "partner_cookie_id", "cookie"),
            ("support_chats", "visitor_cookie", "cookie"),
        )  # fmt: skip
        for table, column, kind in used:
            unknown = connection.execute(
                f"select count(*) from {table} where {column} is not null and {column} not in ("
                f"select identifier from '{clean}/truth/identifiers.parquet' "
                f"where identifier_type = '{kind}')"
            ).fetchone()[0]
            assert unknown == 0, (table, column)


def test_phase_history_is_one_line_of_time_per_person(world: tuple[Path, GenerationReport]) -> None:
    with open_duckdb() as connection:
        overlapping, openings, count = connection.execute(
            f"""
            select
                count_if(entered_at < previous_left_at),
                count_if(left_at is null and outcome <> 'pending'),
                count(*)
            from (
                select *, lag(left_at) over (partition by person_id order by entered_at, left_at) as
                previous_left_at from '{world[0]}/truth/phase_history.parquet' )
            """
        ).fetchone()
    assert (overlapping, openings) == (0, 0)
    assert count > CUSTOMERS


def test_rates_are_scaled_and_bounded() -> None:
    assert all(rate == 0 for rate in dataclasses.asdict(Dirt().scaled(0)).values())
    assert Dirt().scaled(2).duplicate_rows == 2 * Dirt().duplicate_rows
    with pytest.raises(ValueError, match="give 0 for clean"):
        Dirt().scaled(-1)


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    result = subprocess.run(
        [
            sys.executable,
            "-m",
            "examples.omnichannel",
            "--customers",
            "0",
            "--extracts",
            str(tmp_path / "e"),
            "--truth",
            str(tmp_path / "t"),
        ],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert "customers=0" in result.stderr
