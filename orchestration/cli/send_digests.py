"""`make send-digests`: the mails that were not sent yet."""

from __future__ import annotations

from orchestration.cli.data_set import announced_release
from orchestration.lib.core.settings import read_settings


def command() -> int:
    """Send the digests that were not sent yet."""
    from orchestration.lib.digests.sending import send_digests

    settings = read_settings()
    announced_release(settings)
    delivery = send_digests(settings, to_refused=True)
    for line in delivery.lines:
        print(line)
    return 1 if delivery.undelivered or not delivery.is_configured else 0
