"""Damaged extracts of every format obey the law of landing, whatever the damage is.

Each row of a damaged file lands, or is in quarantine with its line and a reason, or the file is refused with a reason.
The counts add up, nothing raises, files next to it land as they would without it, and the whole file lands as always
once it is delivered. The damages are decided by random numbers whose seeds are part of every message.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from pathlib import Path
from random import Random

import duckdb
import pytest

from examples import complete_journey, omnichannel
from orchestration.lib.config.contracts import TableContract
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import EXAMPLES, PROJECT_ROOT, read_settings
from orchestration.lib.landing import account, land_table
from orchestration.lib.landing.encodings import encoding_of_mark
from orchestration.lib.landing.registry import quarantine_table, raw_table
from orchestration.lib.sources.resolving import read_all_contracts
from tests.faults.counts import count, seed
from tests.faults.mutations import mutated

NOW = datetime(2026, 7, 1, 6, 0, tzinfo=UTC)
REAL_EXPORTS = PROJECT_ROOT / "tests" / "warehouse" / "real_exports"
# So many damaged files land together, in one transaction.
BATCH = 30


@dataclass(frozen=True)
class Original:
    """A file that is damaged, and one of the same table that is not."""

    contract: TableContract
    suffix: str
    damaged: bytes
    beside: bytes


def halves(content: bytes, suffix: str, folder: Path) -> tuple[bytes, bytes]:
    """The rows of a file as two files."""
    if suffix.endswith(".gz"):
        one, other = halves(gzip.decompress(content), suffix.removesuffix(".gz"), folder)
        return gzip.compress(one, mtime=0), gzip.compress(other, mtime=0)
    if suffix == ".parquet":
        whole = folder / "whole.parquet"
        whole.write_bytes(content)
        made = []
        with open_duckdb() as connection:
            (count,) = connection.execute(f"select count(*) from '{whole}'").fetchone() or (0,)
            for window in (f"limit {count // 2}", f"offset {count // 2}"):
                connection.execute(f"copy (select * from '{whole}' {window}) to '{folder}/half.parquet'")
                made.append((folder / "half.parquet").read_bytes())
        return made[0], made[1]
    lines = content.splitlines(keepends=True)
    head = lines[:1] if suffix == ".csv" else []
    rows = lines[len(head) :][:80]
    if any(line.count(b'"') % 2 for line in rows):
        return content, b"".join(head)
    return b"".join(head + rows[len(rows) // 2 :]), b"".join(head + rows[: len(rows) // 2])


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> list[Original]:
    """A file of each table of the native sources, of the feed, and of exports with arrays and parts."""
    folder = tmp_path_factory.mktemp("originals")
    omnichannel.generate(
        folder / "extracts", folder / "truth", as_of=EXAMPLES["omnichannel"].as_of, customers=60, days=60, seed=1,
        progress=lambda line: None,
    )  # fmt: skip
    complete_journey.generate(folder / "households", folder / "truth", households=20, progress=lambda line: None)
    shutil.copytree(folder / "households" / "feed", folder / "extracts" / "feed", dirs_exist_ok=True)
    shutil.copytree(REAL_EXPORTS / "extracts", folder / "extracts", dirs_exist_ok=True)
    settings = read_settings({"JOURNEYS_EXTRACTS": str(folder), "JOURNEYS_SOURCES": str(REAL_EXPORTS / "sources")})
    found = []
    for contract in read_all_contracts(settings):
        place = folder / "extracts" / contract.folder
        files = sorted(place.iterdir()) if place.is_dir() else []
        if not files or contract.part_of:
            continue
        # half a snapshot would wait for the damaged ones
        contract = replace(contract, delivery="append", delivered_at_pattern=None)
        suffix = "".join(part for part in files[-1].suffixes if part in (".csv", ".jsonl", ".json", ".gz", ".parquet"))
        whole = files[-1].read_bytes()
        if suffix == ".json" or contract.is_own:
            found.append(Original(contract, suffix, whole, b""))
        else:
            found.append(Original(contract, suffix, *halves(whole, suffix, folder)))
    assert {original.suffix for original in found} >= {".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".json", ".parquet"}
    return found


Rows = dict[int, str]


def landed(connection: duckdb.DuckDBPyConnection, contract: TableContract, path: str) -> Rows:
    """The rows that landed of a file: the hash of each by its line."""
    return dict(
        connection.execute(
            f"select _line, _row_hash from {raw_table(contract)} "
            "where _file_id in (select file_id from landing.files where file_path = ? and status = 'loaded')",
            [f"{contract.folder.as_posix()}/{path}"],
        ).fetchall()
    )


def land(connection: duckdb.DuckDBPyConnection, contract: TableContract, extracts: Path) -> None:
    land_table(connection, contract, extracts=extracts, run_id="run", now=NOW, settle_seconds=0)
    for table in (contract, *contract.parts):
        counted = account(connection, table)
        assert counted.adds_up, counted


def put(extracts: Path, contract: TableContract, path: str, content: bytes) -> Path:
    file = extracts / contract.folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


@cache
def alone(contract: TableContract, path: str, content: bytes, folder: Path) -> Rows:
    """What lands of a whole file when nothing lies next to it."""
    extracts = folder / f"alone {contract.name} {path}"
    put(extracts, contract, path, content)
    with open_duckdb() as connection:
        land(connection, contract, extracts)
        return landed(connection, contract, path)


def text_of(content: bytes, suffix: str) -> bytes | None:
    """A text file's lines in UTF-8, ended by line feeds; None for what is no text that can be compared."""
    if suffix.endswith(".gz"):
        content = gzip.decompress(content)
    mark = encoding_of_mark(content[:4])
    if mark:
        content = content.decode(mark, "surrogatepass").encode("utf-8", "surrogatepass")
    if b"\n" not in content[: 1 << 16]:
        content = content.replace(b"\r", b"\n")
    return content


def lines_in_quotes(text: bytes, delimiter: str) -> set[int]:
    """The physical lines that may begin within a quoted value, as a count of quotes or Python's reader sees it."""
    found, is_open = set(), False
    for number, line in enumerate(text.split(b"\n"), start=1):
        if is_open:
            found.add(number)
        is_open ^= line.count(b'"') % 2 == 1
    lines = text.decode("utf-8", "surrogateescape").replace("\r\n", "\n").replace("\r", " ").split("\n")
    reader = csv.reader(io.StringIO("\n".join(lines), newline="\n"), delimiter=delimiter)
    before = 0
    try:
        for _ in reader:
            found.update(range(before + 2, reader.line_num + 1))
            before = reader.line_num
    except csv.Error:
        found.update(range(before + 1, len(lines) + 1))
    return found


def is_document(text: bytes) -> bool:
    """Whether JSON is read as one text, not by lines: an array, or no whole object on any of the first lines."""

    def is_object(line: bytes) -> bool:
        try:
            return isinstance(json.loads(line), dict)
        except (ValueError, RecursionError):
            return False

    return text.lstrip()[:1] == b"[" or not any(is_object(line) for line in text.split(b"\n")[:20])


def broken_laws(
    connection: duckdb.DuckDBPyConnection, original: Original, path: str, content: bytes, folder: Path
) -> Iterator[str]:
    contract = original.contract
    shown = f"{contract.folder.as_posix()}/{path}"
    files = connection.execute(
        "select file_id, status, reason, rows_read, rows_accepted, rows_quarantined from landing.files "
        "where file_path = ? and table_name = ?",
        [shown, contract.table],
    ).fetchall()
    if len(files) != 1:
        yield f"{len(files)} entries in the books"
        return
    [(file_id, status, reason, read, accepted, quarantined)] = files
    lines = connection.execute(
        f"select line, reason, expected from {quarantine_table(contract)} where file_id = ?", [file_id]
    ).fetchall()
    if status == "refused":
        if [line for line, _, _ in lines] != [None] or not reason or not lines[0][2]:
            yield f"refused without a reason: {lines}"
        return
    here = landed(connection, contract, path)
    there = {line for line, _, _ in lines}
    if read != accepted + quarantined or len(here) != accepted or len(lines) != quarantined:
        yield f"{read} read, {accepted} accepted, {len(here)} in raw, {quarantined} and {len(lines)} in quarantine"
    if None in there or not all(code and expected for _, code, expected in lines):
        yield f"a row in quarantine without line or reason: {lines}"
    if twice := there & here.keys():
        yield f"lines {sorted(twice)[:5]} both landed and are in quarantine"
    known = alone(contract, f"whole{original.suffix}", original.damaged, folder)
    if original.suffix == ".parquet":
        if read != len(known):
            yield f"{read} rows of {len(known)}"
        return
    if contract.rows_path or contract.key_lines:
        return
    text = text_of(content, original.suffix)
    before = text_of(original.damaged, original.suffix)
    if text is None or before is None:
        return
    is_csv = original.suffix.startswith(".csv")
    if not is_csv and is_document(text):
        return
    physical = [line.removesuffix(b"\r") for line in text.split(b"\n")]
    inside = lines_in_quotes(text, contract.csv.delimiter) if is_csv else set()
    lost = [
        number
        for number, line in enumerate(physical, start=1)
        if line.strip(b" \t\r\x0b\x0c") and number not in inside and number not in here and number not in there
    ]
    # the header, which may be read over several lines and after blank ones
    if is_csv and lost and not any(line.strip() for line in physical[: lost[0] - 1]):
        lost.pop(0)
    if lost:
        yield f"lines {lost[:5]} neither landed nor are in quarantine: {physical[lost[0] - 1][:200]!r}"
    whole = before.split(b"\n")
    if is_csv and physical[0] != whole[0]:
        return
    hashes: dict[bytes, set[str]] = {}
    for number, line in enumerate(whole, start=1):
        if number in known:
            hashes.setdefault(line, set()).add(known[number])
    for number, row_hash in here.items():
        line = physical[number - 1]
        if line in hashes and row_hash not in hashes[line] and number + 1 not in inside:
            yield f"line {number} was not changed and landed as something else: {line[:200]!r}"
    refused = [n for n in there if n and physical[n - 1] in hashes and n + 1 not in inside and n not in inside]
    if refused and (not is_csv or not inside):
        yield f"lines {refused[:5]} were not changed and are in quarantine: {lines[:3]}"


def test_damaged_files_of_every_format_obey_the_law_of_landing(originals: list[Original], tmp_path: Path) -> None:
    faults: list[str] = []
    tried: Counter[str] = Counter()
    first = (seed() - 1) * 100_000
    seeds = iter(range(first, first + count("MUTATIONS")))
    batches = 0
    while batch := list(islice(seeds, BATCH)):
        # each batch is of one table; which one changes
        original = originals[batches % len(originals)]
        batches += 1
        contract = original.contract
        extracts = tmp_path / str(batches)
        damaged: dict[str, tuple[int, str, bytes]] = {}
        for number in batch:
            name, content = mutated(original.damaged, original.suffix, Random(number))
            tried[name] += 1
            # the same content twice is one file
            if content not in (original.damaged, original.beside, *(other for _, _, other in damaged.values())):
                path = f"m_{number}{original.suffix}"
                damaged[path] = (number, name, content)
                put(extracts, contract, path, content)
        if original.beside:
            put(extracts, contract, f"beside{original.suffix}", original.beside)
        with open_duckdb() as connection:
            try:
                land(connection, contract, extracts)
            except Exception as error:
                said = f"{type(error).__name__}: {str(error)[:400]}"
                faults.append(f"{contract.name}, one of the seeds {batch[0]} to {batch[-1]}: {said}")
                continue
            for path, (number, name, content) in damaged.items():
                faults += [
                    f"{contract.name}, seed {number}, {name}: {law}"
                    for law in broken_laws(connection, original, path, content, tmp_path)
                ]
            if original.beside:
                name = f"beside{original.suffix}"
                expected = alone(contract, name, original.beside, tmp_path)
                if landed(connection, contract, name) != expected:
                    faults.append(
                        f"{contract.name}, seeds {batch[0]} to {batch[-1]}: the file next to it landed otherwise"
                    )
            for path in damaged:
                (extracts / contract.folder / path).unlink()
            healed = f"whole{original.suffix}"
            put(extracts, contract, healed, original.damaged)
            land(connection, contract, extracts)
            if landed(connection, contract, healed) != alone(contract, healed, original.damaged, tmp_path):
                faults.append(f"{contract.name}, seeds {batch[0]} to {batch[-1]}: the whole file landed otherwise")
        shutil.rmtree(extracts)
    print(f"{sum(tried.values())} mutations of {len(originals)} tables: {dict(tried.most_common())}")
    assert not faults, "\n".join([f"{len(faults)} faults", *faults[:40]])
