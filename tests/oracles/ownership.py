"""Says whose a device is at any moment, by the policy for devices that several people use.

Logins are (instant, customer) in total order; the owner None is the visitor's anonymous customer.

- `last_login`: the person of the last login at or before the moment, else of the first after it.
- `split`: a visitor seen with one person is that person's always. One seen with several is a person's from the first
  login of an unbroken run of logins by that person up to the last one of it, that login's instant included, and the
  anonymous customer's outside such runs.
- `never_link`: the anonymous customer's always, however often and by whatever person it is logged in on.

Readings chosen where the design leaves room: of several logins at one instant only the last in total order counts
from there on, so it neither begins nor breaks a run of its own; what lies before all logins is, by `last_login`, the
first's. An instant is a microsecond long. Intervals without length are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

Policy = Literal["last_login", "split", "never_link"]
POLICIES: tuple[Policy, ...] = ("last_login", "split", "never_link")

INSTANT = timedelta(microseconds=1)

Logins = Sequence[tuple[datetime, str]]


def owner_at(logins: Logins, instant: datetime, policy: Policy = "last_login") -> str | None:
    """Returns whose device it is at an instant, from its logins in total order; None where it is nobody's."""
    if policy == "never_link" or not logins:
        return None
    so_far = [(at, customer) for at, customer in logins if at <= instant]
    if policy == "last_login":
        return so_far[-1][1] if so_far else logins[0][1]
    if len({customer for _, customer in logins}) == 1:
        return logins[0][1]
    if not so_far:
        return None
    login_at, customer = so_far[-1]
    if login_at == instant:
        return customer
    later = [(at, who) for at, who in logins if at > instant]
    following = [who for at, who in later if at == later[0][0]]
    return customer if following[-1:] == [customer] else None


def ownership_intervals(
    logins: Logins, first_event_at: datetime, policy: Policy = "last_login"
) -> list[tuple[str | None, datetime, datetime | None]]:
    """Returns (customer, from, to) of a device from its first event on; the last interval is open.

    An owner can change only at a login or right after one, so each such moment is asked about.
    """
    moments = {first_event_at}
    for at, _ in logins:
        moments |= {at, at + INSTANT}
    changes: list[tuple[str | None, datetime]] = []
    for moment in sorted(moments):
        owner = owner_at(logins, moment, policy)
        if not changes or changes[-1][0] != owner:
            changes.append((owner, moment))
    ends: list[datetime | None] = [*(begin for _, begin in changes[1:]), None]
    return [(owner, begin, end) for (owner, begin), end in zip(changes, ends, strict=True)]
