"""A data set's seeds: its own files, completed with defaults, checked line by line.

Start at `resolve_seeds`. What a column may hold is in `seeds/_seeds.yml`; what must hold between rows and files is in
`rules`, what is allowed but deserves a word in `warnings`.
"""

from __future__ import annotations

from orchestration.lib.config.seeds.definitions import read_definitions
from orchestration.lib.config.seeds.problems import Problem, SeedReport, SeedsInvalid
from orchestration.lib.config.seeds.resolving import read_resolved, read_seeds, resolve_matching, resolve_seeds
from orchestration.lib.config.seeds.rows import SeedRow
from orchestration.lib.config.seeds.validity import VALIDITY_ENDS
from orchestration.lib.config.seeds.warnings import is_true, journey_warnings, overruled_rules

__all__ = [
    "VALIDITY_ENDS",
    "Problem",
    "SeedReport",
    "SeedRow",
    "SeedsInvalid",
    "is_true",
    "journey_warnings",
    "overruled_rules",
    "read_definitions",
    "read_resolved",
    "read_seeds",
    "resolve_matching",
    "resolve_seeds",
]
