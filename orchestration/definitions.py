"""The code location: everything that `defs/` declares."""

from pathlib import Path

import dagster as dg

from orchestration.lib.core.files import keep_private

# here too, for whoever starts Dagster without `make up`
keep_private()


@dg.definitions
def defs() -> dg.Definitions:
    return dg.load_from_defs_folder(path_within_project=Path(__file__))
