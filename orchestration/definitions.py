"""The code location: everything that `defs/` declares."""

import dagster as dg
from dagster._utils.warnings import suppress_dagster_warnings

from orchestration import defs as declared
from orchestration.lib.core.files import keep_private
from orchestration.lib.core.settings import PROJECT_ROOT

# here too, for whoever starts Dagster without `make up`
keep_private()


# Dagster warns of its own use of what it calls a preview, in a hundred lines
@dg.definitions
@suppress_dagster_warnings
def defs() -> dg.Definitions:
    # by hand, as the name of the code location is the data set's (`make up`) and not the project's
    return dg.ComponentTree(defs_module=declared, project_root=PROJECT_ROOT).build_defs()
