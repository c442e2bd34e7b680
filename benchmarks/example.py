"""Builds data sets for the benchmarks that know the truth: the example's extracts, or whatever was delivered."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from orchestration.lib.core.settings import EXAMPLES, PROJECT_ROOT, Settings, read_settings


def settings_in(folder: Path, *, seeds: Path | None = None) -> Settings:
    """The settings of a data set that lies in a folder by itself, with the example's clock."""
    extracts = folder / "extracts"
    extracts.mkdir()
    named = {name: os.environ[name] for name in ("JOURNEYS_SEEDS", "JOURNEYS_MATCHING") if name in os.environ}
    return read_settings(
        {
            "JOURNEYS_EXTRACTS": str(extracts),
            "JOURNEYS_VAR": str(folder / "var"),
            "JOURNEYS_SERVING": str(folder / "serving"),
            "JOURNEYS_DATA_SET": "labelled",
            "JOURNEYS_PEPPER": "a key for the benchmark",
            "JOURNEYS_AS_OF": EXAMPLES["omnichannel"].as_of.isoformat(),
            **named,
            **({} if seeds is None else {"JOURNEYS_SEEDS": str(seeds)}),
        }
    )


def generate_example(settings: Settings, *, customers: int, days: int, dirt: float) -> Path:
    """Writes the example's extracts and returns the folder of their truth."""
    from examples.omnichannel import generate
    from examples.omnichannel.dirt import Dirt

    truth = settings.extracts.parent / "truth"
    example = EXAMPLES["omnichannel"]
    seed = example.sizes["seed"]
    assert seed is not None, "the simulator's seed has a default"
    generate(
        settings.extracts,
        truth,
        as_of=example.as_of,
        customers=customers,
        days=days,
        seed=seed,
        dirt=Dirt().scaled(dirt),
        progress=lambda line: None,
    )
    return truth


def sizes_and_dirt(program: str, description: str | None, arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options of a benchmark that scores the example at levels of dirt: customers, days, dirt."""
    parser = argparse.ArgumentParser(prog=program, description=description)
    parser.add_argument("--customers", type=int, default=1_500, help="customers of the example (default 1500)")
    parser.add_argument("--days", type=int, default=120, help="days of the example (default 120)")
    parser.add_argument("--dirt", type=float, nargs="*", default=[0, 1, 2], help="dirt levels (default 0 1 2)")
    return parser.parse_args(arguments)


def built_at_each_dirt(chosen: argparse.Namespace, select: Sequence[str]) -> Iterator[tuple[float, Settings, Path]]:
    """The example built at each level of dirt, with the folder of its truth; each is removed when the next begins."""
    for dirt in chosen.dirt:
        folder = Path(tempfile.mkdtemp(prefix="journeys_dirt_"))
        settings = settings_in(folder)
        try:
            print(f"  dirt {dirt:g} ...", file=sys.stderr, flush=True)
            truth = generate_example(settings, customers=chosen.customers, days=chosen.days, dirt=dirt)
            build(settings, select)
            yield dirt, settings, truth
        finally:
            shutil.rmtree(settings.resolved_seeds, ignore_errors=True)
            shutil.rmtree(folder, ignore_errors=True)


def build(settings: Settings, select: Sequence[str]) -> None:
    """Lands what was delivered and builds the selected models, without tests."""
    from orchestration.lib.config.contracts import read_contracts
    from orchestration.lib.core.connection import open_duckdb
    from orchestration.lib.identity.phones import look_up_phones
    from orchestration.lib.landing.land import land_table
    from orchestration.lib.warehouse.building import build_tables
    from orchestration.lib.warehouse.data_set import prepare_data_set

    now = datetime.now(UTC)
    prepare_data_set(settings, today=now.date())
    with open_duckdb(settings.warehouse) as connection:
        contracts = read_contracts(PROJECT_ROOT / "models")
        for contract in contracts:
            land_table(connection, contract, extracts=settings.extracts, run_id="bench", now=now, settle_seconds=0)
        look_up_phones(connection, contracts, settings)
    built = build_tables(
        settings,
        as_of=settings.as_of or now,
        now=now,
        force_full=True,
        arguments=["--exclude-resource-type", "test", "--select", *select],
    )
    assert built is not None and built.dbt.is_success, built
