"""`make digests`: who gets what."""

from __future__ import annotations

import sys

from orchestration.cli.data_set import announced_release
from orchestration.lib.core.settings import read_settings, shown_path
from orchestration.lib.core.terminal import say, styled


def command() -> int:
    """List the digests of the current release."""
    from orchestration.lib.digests.wording import STATUS_STYLES, STATUS_WORDS
    from orchestration.lib.digests.writing import read_index

    settings = read_settings()
    release = announced_release(settings)
    people = read_index(release.directory) if release else []
    for person in people:
        counted = {status: count for status, count in person["status_counts"].items() if count}
        line = f"{person['person']} ({', '.join(person['roles'])}): "
        for place, (status, count) in enumerate(counted.items()):
            line += (", " if place else "") + styled(f"{count} {STATUS_WORDS[status]}", STATUS_STYLES[status])
        say(line + ("" if counted else "accountable or responsible for no KPI"), sys.stdout)
        print(f"    {shown_path(release.directory / person['html']) if release else ''}")
    if not people:
        print(f"{settings.data_set} has no digest: it needs a release, and people in kpi_roles.csv. Type make run.")
    return 0
