"""A small data set with two deliveries, and its commands in processes that are forked, not started."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import psutil

from orchestration.lib.core.settings import Settings, read_settings
from orchestration.lib.dbt.project import ensure_manifest
from tests.conftest import LEDGERS, NOT_COMPARED, OF_THE_DELIVERY, ROWS_COMPARED

# A journey of two phases and a KPI: every model has rows to work on, and few.
SEEDS = {
    "sources": "source_system,source_name,priority,description\ntill,Till,10,The shop\n",
    "journeys": "journey_id,journey_version,journey_name,description,valid_from,valid_to,owner\n"
    "purchase,1,Purchase,From looking to buying,2020-01-01,,sales\n",
    "phases": "journey_id,journey_version,phase_id,phase_order,phase_name,window_days,is_terminal,is_required\n"
    "purchase,1,looks,1,Looks,30,false,true\npurchase,1,buys,2,Buys,,true,true\n",
    "critical_events": "critical_event_id,journey_id,journey_version,phase_id,event_name\n"
    "saw,purchase,1,looks,product_viewed\npaid,purchase,1,buys,order_placed\n",
    "measures": "measure_id,measure_name,subject,aggregation,value_column,event_name\n"
    "value,Value of orders,events,sum,amount,order_placed\n",
    "kpis": "kpi_id,kpi_name,journey_id,phase_id,kind,tier,direction,unit,period,numerator_measure_id\n"
    "value,Value of orders,purchase,buys,money,primary,up,EUR,week,value\n",
    "kpi_roles": "kpi_id,role,person,email\nvalue,accountable,Head of sales,\n",
}
HEADER = "event_id,occurred_at,event_name,source_system,channel,amount,currency,identifiers,updated_at\n"
LONGEST = 600


@dataclass(frozen=True)
class Ended:
    """How a command ended: exit code (minus the signal that killed it), what it printed, and seconds."""

    code: int
    said: str
    seconds: float


class Command:
    """A command that is under way."""

    def __init__(self, shop: Shop, kind: str, arguments: Sequence[str], name: str, **more: Any) -> None:
        self.said, self.beats = shop.folder / f"{name}.said", shop.folder / f"{name}.beats"
        self.here = self.beats.with_suffix(".here")
        self._go = self.beats.with_suffix(".go")
        for file in (self.said, self.beats, self.here, self._go):
            file.unlink(missing_ok=True)
        self._began = time.monotonic()
        self.process = shop.context.Process(
            target=_command,
            args=(kind, tuple(arguments), shop.environment),
            kwargs={"said": str(self.said), "beats": str(self.beats), **more},
        )
        self.process.start()

    def ends(self) -> Ended:
        """Waits for its end. A command that hangs is killed, and what it said is in the failure."""
        self.process.join(LONGEST)
        if self.process.exitcode is None:
            self.process.kill()
            raise AssertionError(f"it hangs:\n{self.text}")
        return Ended(self.process.exitcode, self.text, time.monotonic() - self._began)

    def is_at_its_beat(self) -> bool:
        """Waits until it is at the beat where it stops; False where it ended before."""
        deadline = time.monotonic() + LONGEST
        while not self.here.exists() or not self.here.read_text():
            if self.process.exitcode is not None:
                return self.here.exists()
            assert time.monotonic() < deadline, f"it hangs before its beat:\n{self.text}"
            time.sleep(0.002)
        return True

    def go_on(self) -> None:
        """Has it go on from the beat where it stopped."""
        self._go.touch()

    def kill(self, *, only_dbt: bool = False) -> str:
        """Kills it, or its process of dbt alone. Returns the stage that it was in."""
        stage, dbt = self.here.read_text().split()
        if only_dbt:
            os.kill(int(dbt), signal.SIGKILL)
        else:
            self.process.kill()
        return stage

    @property
    def text(self) -> str:
        return self.said.read_text(encoding="utf-8", errors="replace") if self.said.exists() else ""


def _command(kind: str, arguments: Sequence[str], environment: dict[str, str], **more: Any) -> None:
    from tests.faults import held

    held.work(kind, arguments, environment, **more)


class Shop:
    """Orders of a few customers. `begin` puts it where one delivery is published and the second one lies there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.place = folder / "shop"
        # what a run imports reads it
        ensure_manifest()
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["tests.faults.held"])

    @cached_property
    def environment(self) -> dict[str, str]:
        kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
        return {name: value for name, value in os.environ.items() if name in kept} | {
            "JOURNEYS_EXTRACTS": str(self.place / "extracts"),
            "JOURNEYS_VAR": str(self.place / "var"),
            "JOURNEYS_SERVING": str(self.place / "serving"),
            "JOURNEYS_SEEDS": str(self.place / "seeds"),
            "JOURNEYS_DATA_SET": "shop",
            "JOURNEYS_AS_OF": "2026-02-01",
            "JOURNEYS_PEPPER": "a key for all tests",
            "JOURNEYS_MATCHING": "off",
        }

    @cached_property
    def settings(self) -> Settings:
        return read_settings(self.environment)

    @property
    def link(self) -> Path:
        return self.place / "serving" / "customer_journeys.duckdb"

    def configure(self) -> None:
        """Writes the seeds."""
        folder = self.place / "seeds"
        folder.mkdir(parents=True)
        for name, text in SEEDS.items():
            (folder / f"{name}.csv").write_text(text, encoding="utf-8")

    def deliver(self, file: str, numbers: Sequence[int], *, hour: int, amount: int) -> None:
        """Orders and messages of a customer per number; those of a later delivery replace the same order's."""
        path = self.place / "extracts" / "feed" / "events" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = []
        for number in numbers:
            person = f'"{{""email"": ""person{number}@example.com"", ""cookie"": ""c{number % 7}""}}"'
            for name, channel, paid in (("product_viewed", "web", ""), ("order_placed", "store", str(amount))):
                rows.append(
                    f"{name}-{number},2026-01-{number % 28 + 1:02d}T{hour:02d}:{number % 60:02d}:00Z,{name},till,"
                    f"{channel},{paid},{'EUR' if paid else ''},{person},2026-01-30T{hour:02d}:00:00Z"
                )
        path.write_text(HEADER + "\n".join(rows) + "\n", encoding="utf-8")

    def start(self, *arguments: str, kind: str = "command", name: str = "one", **more: Any) -> Command:
        """Begins a command, or what else `held.work` knows."""
        return Command(self, kind, arguments, name, **more)

    def command(self, *arguments: str, kind: str = "command", name: str = "one") -> Ended:
        """Runs a command to its end."""
        return self.start(*arguments, kind=kind, name=name).ends()

    def beats(self, name: str) -> list[tuple[str, str]]:
        """Stage and what of each beat of a command that ended."""
        lines = (self.folder / f"{name}.beats").read_text(encoding="utf-8").splitlines()
        return [(stage, what) for stage, _, what in (line.partition("\t") for line in lines)]

    def keep(self, name: str) -> None:
        """Keeps the data set as it is now, for `restore`."""
        shutil.copytree(self.place, self.folder / name, symlinks=True)

    def restore(self, name: str) -> None:
        """Puts the data set where it was, at the same paths."""
        shutil.rmtree(self.place)
        shutil.copytree(self.folder / name, self.place, symlinks=True)

    def served(self) -> str:
        """The id of the release that readers get."""
        return self.link.resolve(strict=True).parent.name

    def leftovers(self) -> list[str]:
        """What lies next to releases and is none."""
        ours = {"releases.jsonl", ".lock"}
        return sorted(
            path.name
            for path in (self.settings.releases, self.place / "serving" / "releases")
            for path in path.iterdir()
            if path.name not in ours and not (path / "manifest.json").exists()
        )

    def processes(self) -> list[str]:
        """Processes that have a file of the data set open."""
        found = []
        for process in psutil.process_iter():
            try:
                found += [
                    f"{process.pid} {file.path}"
                    for file in process.open_files()
                    if process.pid != os.getpid() and file.path.startswith(str(self.settings.home))
                ]
            except psutil.Error:
                continue
        return found


def content(database: Path) -> dict[str, tuple]:
    """Rows and a hash of them for each table of a release that extracts, seeds and clock decide."""
    with duckdb.connect(str(database), read_only=True) as connection:
        found = {}
        for schema, table in connection.execute(
            "select schema_name, table_name from duckdb_tables() where not internal order by all"
        ).fetchall():
            name = f"{schema}.{table}"
            if table in LEDGERS:
                # read all the same: a torn file is found by reading it
                connection.execute(f"select count(*), bit_xor(hash(ledger)) from {name} as ledger").fetchone()
                continue
            left_out = NOT_COMPARED | OF_THE_DELIVERY.get(name, set())
            columns = ", ".join(
                f'"{column}"'
                for (column, *_) in connection.execute(f"describe {name}").fetchall()
                if column not in left_out
            )
            row = connection.execute(
                f"select count(*), sum(hash(one)) from (select {columns} from {name} "
                f"where {ROWS_COMPARED.get(name, 'true')}) as one"
            ).fetchone()
            assert row is not None
            found[name] = row
    return found
