"""`make send-digests`: the mails that were not sent yet."""

from __future__ import annotations

from orchestration.lib.core.settings import read_settings


def command() -> int:
    """Send the digests that were not sent yet."""
    from orchestration.lib.digests.sending import send_digests

    delivery = send_digests(read_settings(), to_refused=True)
    for line in delivery.lines:
        print(line)
    return 1 if delivery.undelivered or not delivery.is_configured else 0
