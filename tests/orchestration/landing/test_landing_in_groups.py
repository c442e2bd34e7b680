"""Small files are read together; what is wrong with one of them concerns no other."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import duckdb

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.landing import staging

from .conftest import Landing

HEADER = "order_id,ordered_at,amount\n"
ROWS = "order_id, ordered_at::varchar, amount::varchar, _row_key, _row_hash, _row_status, _extra, _file_id, _line"


def write_files(landing: Landing) -> None:
    landing.write("a.csv", HEADER + "a,2026-01-01,1\nb,2026-01-02,2\n")
    landing.write("b.csv", HEADER + "c,2026-01-01,1\n\nd,bad,2\nshort\ne,2026-01-01,3\n")  # a blank and a short line
    landing.write("c.csv.gz", gzip.compress((HEADER + "f,2026-01-01,1\ng,2026-01-01,1;5\n").encode(), mtime=0))
    landing.write("d.csv", HEADER)
    landing.write("e.csv", HEADER.replace("\n", "\r\n") + "h,2026-01-01,1\r\ni,2026-01-01,1\r\n")
    landing.write("f.csv", HEADER + '"j\nj",2026-01-01,1\nk,never,1\n')  # a quoted line end
    landing.write("g.csv", "ordered_at,order_id,bonus\n2026-01-01,l,x\n")
    objects = [{"order_id": f"m{n}", "ordered_at": "2026-01-01", "amount": n} for n in range(5)]
    landing.write("a.jsonl", "".join(json.dumps(o) + "\n" for o in objects))
    landing.write("b.jsonl", '{"ordered_at":"2026-01-01","order_id":"n","bonus":1}\n\nnope\n{"order_id":"o"}\n')
    landing.write("c.jsonl", '{"order_id":"p","ordered_at":"x"}\n{"order_id":"q","order_id":"r"}\n')
    landing.write("d.jsonl", '{"order_id":"s","orderedAt":"2026-01-01"}\n')
    landing.write("e.jsonl", '{"order_id":"u","when":"2026-01-01"}\n')
    for number in range(3):
        path = landing.write(f"{number}.parquet", b"")
        path.unlink()
        duckdb.connect().execute(
            f"copy (select 't{number}' || i as order_id, case when i < 2 then '2026-01-01' else 'x' end as ordered_at "
            f"from range(3) as t (i)) to '{path}' (format parquet)"
        )


def landed(folder: Path) -> list[tuple]:
    with open_duckdb() as connection:
        landing = Landing(connection, folder / "extracts")
        write_files(landing)
        landing.land()
        files = "file_path, status, reason, rows_read, rows_accepted, rows_quarantined, extra_columns"
        return [
            *landing.rows(f"select {ROWS} from RAW order by all"),
            *landing.rows("select * exclude (batch, loaded_at) from QUARANTINE order by all"),
            *landing.rows(f"select {files} from landing.files order by all"),
        ]


def test_files_read_together_land_as_if_each_were_read_alone(tmp_path, monkeypatch):
    together = landed(tmp_path)
    monkeypatch.setattr(staging, "SMALL_FILE", -1)
    assert landed(tmp_path) == together
    assert len({row[0] for row in together if row[1] == "loaded"}) == 14


def test_many_files_of_one_header_are_one_statement(landing, monkeypatch):
    calls = []
    original = staging._copy_rows

    def counted(*arguments: Any, **more: Any) -> object:
        calls.append(1)
        return original(*arguments, **more)

    monkeypatch.setattr(staging, "_copy_rows", counted)
    for number in range(30):
        landing.write(f"{number}.csv", HEADER + f"{number},2026-01-01,{number}\n")
    assert landing.land().files_loaded == 30
    assert len(calls) == 1
    assert landing.rows("select distinct _line from RAW") == [(2,)]


def test_what_a_killed_process_left_is_swept_away(tmp_path):
    left = tmp_path / ".landing_warehouse.duckdb_left" / "1"
    left.mkdir(parents=True)
    (tmp_path / ".landing_other.duckdb_busy").mkdir()
    (left / "rows.parquet").write_bytes(b"x")
    with open_duckdb(tmp_path / "warehouse.duckdb") as connection:
        landing = Landing(connection, tmp_path / "extracts")
        landing.write("a.csv", HEADER + "a,2026-01-01,1\n")
        landing.land()
        assert landing.current() == [("a",)]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".landing_other.duckdb_busy",
        "extracts",
        "warehouse.duckdb",
    ]
