"""Draws rows of spend, of the feed and of the ad platforms, that are as unkind to sums as sources may be.

Campaigns are spelt in several ways, days are corrected again and again, money comes back, currencies have rates for
some days or none, and some campaign days come from both sources.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from tests.oracles.feed import moment_text
from tests.oracles.random_customers import AS_OF

Text = dict[str, str]

COLUMNS: Mapping[str, Sequence[str]] = {
    "spend": ("spent_on", "channel", "campaign", "amount", "currency", "impressions", "clicks", "updated_at"),
    "daily_spend": (
        "spend_date", "platform", "network", "campaign_id", "campaign_name", "impressions", "clicks", "spend",
        "currency", "reported_at",
    ),
}  # fmt: skip
# Days around those on which rates begin, and some after the clock.
DAYS = tuple(
    first + timedelta(days=number)
    for first in (date(2025, 11, 10), date(2025, 12, 28), AS_OF.date() - timedelta(days=2))
    for number in range(6)
)
CURRENCIES = ("EUR", "EUR", "EUR", "USD", "GBP", "CHF")
SPELLINGS = ("spring", "Spring", " SPRING  sale", "spring_2025", "winter", "")
NETWORKS = {"C1": "display", "C2": "search", "C3": "social", "C4": "radio", "C5": "video"}


def versions_of_spend(chance: random.Random) -> dict[str, list[Text]]:
    """Rows by table, several versions of most; no two versions of a row are of one moment."""
    feed, ads = [], []
    for day in DAYS:
        for channel in ("web", "display", "paid_search", "post"):
            for campaign in chance.sample(SPELLINGS, 3):
                feed += [
                    {
                        "spent_on": f"{day}",
                        "channel": channel,
                        "campaign": campaign,
                        "amount": f"{chance.randint(-900, 9999) / 100:.2f}",
                        "currency": chance.choice((*CURRENCIES, "")),
                        "impressions": chance.choice(("", "0", "1200")),
                        "clicks": chance.choice(("", "0", "7")),
                        "updated_at": _reported(day, number),
                    }
                    for number in range(chance.choice((1, 1, 2, 3)))
                ]
        for campaign_id, network in NETWORKS.items():
            name = chance.choice(SPELLINGS)
            ads += [
                {
                    "spend_date": f"{day}",
                    "platform": chance.choice(("google", "meta")) if number == 0 else "google",
                    "network": network,
                    "campaign_id": campaign_id,
                    "campaign_name": name,
                    "impressions": "500",
                    "clicks": f"{number}",
                    "spend": f"{chance.randint(-200, 5000) / 100:.2f}",
                    "currency": chance.choice(CURRENCIES),
                    "reported_at": _reported(day, number),
                }
                for number in range(chance.choice((1, 2, 3)))
            ]
    return {"spend": feed, "daily_spend": ads}


def _reported(day: date, number: int) -> str:
    return moment_text(AS_OF.replace(year=day.year, month=day.month, day=day.day) + timedelta(days=1 + 2 * number))


def corrected(row: Text, chance: random.Random) -> Text:
    """A later version of a row with another amount."""
    column, version = ("amount", "updated_at") if "amount" in row else ("spend", "reported_at")
    later = moment_text(AS_OF + timedelta(days=chance.randint(1, 99), microseconds=chance.randrange(1_000_000)))
    return {**row, column: f"{chance.randint(0, 9999) / 100:.2f}", version: later}
