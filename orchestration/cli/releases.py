"""`make releases`: what was published."""

from __future__ import annotations

from orchestration.cli.data_set import announced
from orchestration.lib.core.settings import read_settings


def command() -> int:
    """List the releases of the data set."""
    from orchestration.lib.release.publish import releases

    settings = announced(read_settings())
    found = releases(settings)
    for release in found:
        mark = "*" if release.is_served else " "
        print(f"{mark} {release.release_id}  as of {release.as_of:%Y-%m-%d %H:%M}  {release.row_count:>12,} rows")
    print("* is what readers get." if found else f"{settings.data_set} has no release yet; type make run.")
    return 0
