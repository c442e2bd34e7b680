"""How often the tests of this folder break something: few times among all tests, often with `make test-faults`.

`JOURNEYS_FAULTS_<KIND>` says how often, `JOURNEYS_FAULTS_SEED` from which number moments and mutations are drawn.
"""

from __future__ import annotations

import os

# what the ordinary tests do; the Makefile's target test-faults sets the large numbers
DEFAULTS = {"KILLS": 8, "MUTATIONS": 240, "PUBLISHES": 4, "WRITERS": 0, "DAEMONS": 0, "UNPACKED": 160}

# of so many kills on whole runs are broken as well: an undisturbed one and those after it take minutes
WHOLE_RUNS_FROM = 12


def count(kind: str) -> int:
    """How many faults of a kind (one of `DEFAULTS`) a test makes; of UNPACKED, to how many megabytes files unpack."""
    return int(os.environ.get(f"JOURNEYS_FAULTS_{kind}") or DEFAULTS[kind])


def breaks_whole_runs() -> bool:
    """Whether whole runs are broken, not only steps of one."""
    return count("KILLS") >= WHOLE_RUNS_FROM


def seed() -> int:
    """The number that random moments and mutations are drawn from; a failure prints it."""
    return int(os.environ.get("JOURNEYS_FAULTS_SEED") or 1)


def only() -> int | None:
    """The one fault to make, by its number: that of a failure that is looked at again."""
    text = os.environ.get("JOURNEYS_FAULTS_ONLY")
    return int(text) if text else None
