"""`make unions`: the list of models that the unions of events, people and spend read."""

from __future__ import annotations


def command() -> int:
    """Write the list of models that unions read."""
    from orchestration.lib.warehouse.unions import UNION_MODELS, write_union_models

    print(f"{UNION_MODELS}: {'written' if write_union_models() else 'up to date'}")
    return 0
