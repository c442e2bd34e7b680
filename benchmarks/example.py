"""Builds data sets for the benchmarks that know the truth: the example's extracts, or whatever was delivered."""

from __future__ import annotations

import os
from collections.abc import Sequence
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
