"""`make digests`: who gets what."""

from __future__ import annotations

from orchestration.lib.core.settings import read_settings, shown_path


def command() -> int:
    """List the digests of the current release."""
    from orchestration.lib.digests.wording import STATUS_WORDS
    from orchestration.lib.digests.writing import read_index
    from orchestration.lib.release.publish import current_release

    settings = read_settings()
    release = current_release(settings)
    people = read_index(release.directory) if release else []
    for person in people:
        counted = {STATUS_WORDS[status]: count for status, count in person["status_counts"].items() if count}
        counts = ", ".join(f"{count} {word}" for word, count in counted.items())
        print(f"{person['person']} ({', '.join(person['roles'])}): {counts or 'accountable or responsible for no KPI'}")
        print(f"    {shown_path(release.directory / person['html']) if release else ''}")
    if not people:
        print(f"{settings.data_set} has no digest: it needs a release, and people in kpi_roles.csv. Type make run.")
    return 0
