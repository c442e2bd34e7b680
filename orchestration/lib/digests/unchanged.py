"""What a run does that finds nothing new, whoever asked for it: a command, Dagster's pages or the schedule."""

from __future__ import annotations

from orchestration.lib.core.settings import Settings
from orchestration.lib.release.publish import current_release, serve


def remain_current(settings: Settings, *, sends_mails: bool = True) -> list[str]:
    """Has readers get this data set's current release, tries mails again that wait, and says so in lines.

    No line where there is no release. Raises ReleaseError where `serving/` can't be switched.
    """
    release = current_release(settings)
    if release is None:
        return []
    serve(settings)
    sent: tuple[str, ...] = ()
    if sends_mails and settings.smtp is not None:
        # a look imports none of what mails need
        from orchestration.lib.digests.sending import send_digests

        # what a run before could not send waits for this one
        sent = tuple(send_digests(settings).lines)
    return [f"Nothing changed: release {release.release_id} remains current.", *sent]
