"""How often a short-lived process of ours looks for garbage that Python's reference counts don't find."""

from __future__ import annotations

import atexit
import gc

# Python's own 700 has it walk through the modules of Dagster, Great Expectations and dbt hundreds of times while they
# are imported: 0.9 CPU seconds, for almost no garbage.
OBJECTS_BETWEEN_LOOKS = 50_000


def look_for_garbage_rarely() -> None:
    """For a process that ends with its work: fewer looks while it runs, and none as it ends, which takes a second."""
    gc.set_threshold(OBJECTS_BETWEEN_LOOKS, 20, 50)
    atexit.register(gc.freeze)
