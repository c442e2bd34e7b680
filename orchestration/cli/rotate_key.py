"""`make rotate-key`: another key for the hashes of identifiers."""

from __future__ import annotations

from datetime import UTC, datetime

from orchestration.lib.core.settings import read_settings, shown_path


def command() -> int:
    """Change the key of identifier hashes. Every customer id changes with it.

    The new key is JOURNEYS_PEPPER if that is set, else a generated one.
    """
    from orchestration.lib.warehouse.key import rotate_key

    settings = read_settings()
    aside = rotate_key(settings, now=datetime.now(UTC))
    print(f"Data set {settings.data_set} has a new key. The next make run builds everything again with it.")
    print("  Every customer id and identifier hash changes: copies of them elsewhere no longer match.")
    print("  Existing releases keep the old hashes until they are pruned, and the warehouse until the next run.")
    print(
        "  Decisions in identity_decisions.csv that name a hash no longer match: hash their values again (make hash)."
    )
    if aside is not None:
        print(f"  The previous key is in {shown_path(aside)}. Delete it once you no longer need the old ids.")
    return 0
