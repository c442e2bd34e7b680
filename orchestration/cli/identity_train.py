"""`make identity-train`: how people records are matched, learnt from the data set's own."""

from __future__ import annotations

from datetime import UTC, datetime

from orchestration.cli.data_set import announced
from orchestration.lib.core.activity import step
from orchestration.lib.core.settings import read_settings


def command() -> int:
    """Learn from people records how to match them."""
    from orchestration.lib.identity.rematching import train_on_warehouse
    from orchestration.lib.warehouse.data_set import prepare_data_set

    settings = announced(read_settings())
    prepare_data_set(settings, today=datetime.now(UTC).date())
    with step("learning how people records are matched"):
        written, notes = train_on_warehouse(settings)
    for note in notes:
        print(f"  {note}")
    print(f"{written} has the learnt parameters. The next make run uses them; delete it to learn in each build.")
    return 0
