"""Damages a quarter of the example's extracts in nine ways that no single row shows."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import duckdb

Row = dict[str, Any]
Damage = Callable[[Row, Random], Row | None]


@dataclass(frozen=True)
class Damaged:
    """A damage: the table whose files it is done to, and what a warning has to name."""

    name: str
    table: str
    metric: str
    column: str | None
    damage: Damage

    def do(self, extracts: Path, periods: Sequence[str]) -> int:
        """Damages the files of these periods, such as 2026-04 and 2026-q2; returns how many."""
        files = [
            path
            for path in sorted((extracts / self.table.replace(".", "/")).iterdir())
            if any(period in path.name for period in periods)
        ]
        for path in files:
            _rewrite(path, self.damage, Random(path.name))
        return len(files)


def _rewrite(path: Path, damage: Damage, random: Random) -> None:
    if path.suffix == ".parquet":
        _rewrite_parquet(path, damage, random)
        return
    packed = path.suffix == ".gz"
    content = gzip.decompress(path.read_bytes()) if packed else path.read_bytes()
    if ".jsonl" in path.name:
        changed = "".join(
            json.dumps(row) + "\n"
            for row in (damage(json.loads(line), random) for line in content.decode().splitlines())
            if row is not None
        ).encode()
    else:
        delimiter, encoding = (";", "latin-1") if "contacts" in path.name else (",", "utf-8")
        reader = csv.DictReader(io.StringIO(content.decode(encoding)), delimiter=delimiter)
        text = io.StringIO()
        writer = csv.DictWriter(text, reader.fieldnames or (), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(row for row in (damage(row, random) for row in reader) if row is not None)
        changed = text.getvalue().encode(encoding)
    path.write_bytes(gzip.compress(changed) if packed else changed)


def _rewrite_parquet(path: Path, damage: Damage, random: Random) -> None:
    with duckdb.connect() as connection:
        cursor = connection.execute("select * from read_parquet(?)", [str(path)])
        names = [column[0] for column in cursor.description or ()]
        rows = [damage(dict(zip(names, row, strict=True)), random) for row in cursor.fetchall()]
        connection.execute("create table changed as from read_parquet(?) limit 0", [str(path)])
        connection.executemany(
            f"insert into changed values ({', '.join('?' for _ in names)})", [list(row.values()) for row in rows if row]
        )
        connection.execute("copy changed to '" + str(path).replace("'", "''") + "' (format parquet)")


def _times(column: str, factor: int) -> Damage:
    def damage(row: Row, random: Random) -> Row:
        value = row[column]
        if value not in (None, "") and _is_number(value):
            row[column] = (
                str(round(float(value) * factor, 2)) if isinstance(value, str) else type(value)(value * factor)
            )
        return row

    return damage


def _is_number(value: object) -> bool:
    """Whether it is one: the example has broken rows of its own."""
    try:
        return bool(float(str(value)) or True)
    except ValueError:
        return False


def _half_is_missing(row: Row, random: Random) -> Row | None:
    return row if random.random() < 0.5 else None


def _most_emails_are_empty(row: Row, random: Random) -> Row:
    return row | ({"email": ""} if random.random() < 0.7 else {})


def _event_is_renamed(row: Row, random: Random) -> Row:
    return row | ({"event_type": "cart_add"} if row["event_type"] == "add_to_cart" else {})


def _seven_hours_later(row: Row, random: Random) -> Row:
    try:
        moved = datetime.fromisoformat(row["event_time"]) + timedelta(hours=7)
    except (TypeError, ValueError):  # the example has broken rows of its own
        return row
    return row | {"event_time": moved.isoformat()}


DAMAGES = (
    Damaged("half of the web events missing", "web.events", "rows", None, _half_is_missing),
    Damaged("e-mail empty in 70 % of contacts", "crm.contacts", "nulls", "email", _most_emails_are_empty),
    Damaged("an event renamed", "app.events", "new_values", "event_type", _event_is_renamed),
    Damaged("prices times 100", "shop.order_lines", "level", "line_price", _times("line_price", 100)),
    Damaged("times shifted by seven hours", "ads.impressions", "hours", "event_time", _seven_hours_later),
    Damaged("a month of mails not delivered", "email.sends", "rows", None, lambda row, random: None),
    Damaged("seconds as milliseconds", "store.visits", "level", "dwell_seconds", _times("dwell_seconds", 1000)),
    Damaged("signs turned", "loyalty.point_transactions", "negatives", "points", _times("points", -1)),
    Damaged("spend in micros", "ads.daily_spend", "level", "spend", _times("spend", 1_000_000)),
)
# A quarter of a year's files: the last three months, or every fourth file.
QUARTERS = {
    "the last three months": ("2026-04", "2026-05", "2026-06", "2026-q2"),
    "every fourth file": ("2025-10", "2026-02", "2026-06", "2026-q1"),
}
MONTH_OF_MAILS = {"the last three months": ("2026-05",), "every fourth file": ("2026-06",)}


def damage(extracts: Path, quarter: str) -> None:
    """Does all nine damages to a quarter of the files; of the mails, to a month."""
    for one in DAMAGES:
        periods = MONTH_OF_MAILS[quarter] if one.table == "email.sends" else QUARTERS[quarter]
        assert one.do(extracts, periods), one
