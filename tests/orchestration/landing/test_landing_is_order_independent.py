"""Property: however rows are split into files, formats and batches, the same rows count and none is missing."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import tempfile
from pathlib import Path

import duckdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.landing import ColumnContract, TableContract

from .conftest import Landing

CONTRACT = TableContract(
    source="feed",
    table="things",
    description="",
    formats=("csv", "jsonl", "parquet"),
    key=("thing",),
    key_scope="origin",
    version_column="version",
    declared_in="here",
    columns=(
        ColumnContract("thing", "string", required=True),
        ColumnContract("origin", "string", required=True),
        ColumnContract("version", "bigint"),
        ColumnContract("amount", "decimal(18,2)"),
        ColumnContract("label", "string"),
    ),
)
NAMES = [column.name for column in CONTRACT.columns]
TEXTS = st.sampled_from(["", "plain", 'a "quoted" one', "two\nlines", "two\n\nlines", "comma, bar|", "ümlaut", "\\"])


@st.composite
def rows(draw) -> list[tuple[str, ...]]:
    """Rows of which one key and version means one content, so that the order of delivery says nothing."""
    contents: dict[tuple[str, str, str], tuple[str, str]] = {}
    drawn: list[tuple[str, ...]] = []
    for _ in range(draw(st.integers(0, 30))):
        thing = draw(st.sampled_from(["a", "b", "c", "d|e", 'f"g']))
        origin = draw(st.sampled_from(["app", "web"]))
        version = str(draw(st.integers(1, 3)))
        amount = draw(st.sampled_from(["1", "2.50", "-3.1", "", "broken", "1.005"]))
        content = contents.setdefault((thing, origin, version), (amount, draw(TEXTS)))
        drawn.append((thing, origin, version, *content))
    return drawn


def write_rows(landing: Landing, name: str, kind: str, chosen: list[tuple[str, ...]]) -> None:
    records = [dict(zip(NAMES, row, strict=True)) for row in chosen]
    if kind.startswith("csv"):
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, NAMES, lineterminator="\r\n" if kind == "csv_crlf" else "\n")
        writer.writeheader()
        writer.writerows(records)
        content = buffer.getvalue().encode()
        landing.write(
            f"{name}.csv.gz" if kind == "csv_gz" else f"{name}.csv",
            gzip.compress(content, mtime=0) if kind == "csv_gz" else content,
        )
    elif kind == "jsonl":
        landing.write(f"{name}.jsonl", "".join(json.dumps(record) + "\n" for record in records))
    else:
        path = landing.write(f"{name}.parquet", b"")
        connection = duckdb.connect()
        columns = ", ".join(f"{n} varchar" for n in NAMES)
        connection.execute(f"create table chosen ({columns})")
        connection.executemany(f"insert into chosen values ({', '.join('?' * len(NAMES))})", chosen)
        connection.execute(f"copy chosen to '{path}' (format parquet)")
        connection.close()


def landed(chosen: list[tuple[str, ...]], plan: random.Random | None) -> tuple[list[tuple], list[tuple], int]:
    with tempfile.TemporaryDirectory() as folder, open_duckdb() as connection:
        landing = Landing(connection, Path(folder) / "extracts", CONTRACT)
        if plan is None:
            write_rows(landing, "all", "csv", chosen)
            landing.land()
        else:
            left = list(chosen)
            plan.shuffle(left)
            for batch in range(plan.randint(1, 3)):
                for number in range(plan.randint(1, 2)):
                    size = plan.randint(0, len(left))
                    part, left = left[:size], left[size:]
                    if part:
                        kind = plan.choice(["csv", "csv_crlf", "csv_gz", "jsonl", "parquet"])
                        write_rows(landing, f"{plan.randint(0, 99)}_{batch}_{number}", kind, part)
                landing.land()
            if left:
                write_rows(landing, "rest", "csv", left)
            landing.land()
        current = landing.current(", ".join(NAMES) + ", _row_key, _row_hash, _extra")
        reasons = landing.rows("select reason, count(*) from QUARANTINE group by all order by all")
        return current, reasons, landing.rows("select coalesce(sum(rows_read), 0) from landing.files")[0][0]


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(rows(), st.randoms(use_true_random=False))
def test_files_formats_batches_and_order_make_no_difference(chosen, plan):
    whole = landed(chosen, None)
    split = landed(chosen, plan)
    # Two files of one content are one delivery, so fewer rows may be read; what counts is the same.
    assert split[0] == whole[0]
    assert split[2] <= whole[2] == len(chosen)
    if split[2] == whole[2]:
        assert split[1] == whole[1]
    # An oracle that shares no code: of the rows with a good amount the first origin by name keeps the key,
    # then the greatest version counts.
    good = [row for row in chosen if row[3] not in ("broken", "1.005")]
    expected = {}
    for thing in {row[0] for row in good}:
        mine = [row for row in good if row[0] == thing]
        origin = min(row[1] for row in mine)
        expected[thing] = max((row for row in mine if row[1] == origin), key=lambda row: int(row[2]))
    found = {row[0]: (row[1], row[2], row[3], row[4] or "") for row in whole[0]}
    assert found == {thing: (row[1], int(row[2]), _decimal(row[3]), row[4]) for thing, row in expected.items()}


def _decimal(text: str):
    from decimal import Decimal

    return Decimal(text) if text else None
