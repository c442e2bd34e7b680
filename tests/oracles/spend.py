"""Says what was spent, from the rows that sources delivered.

Readings chosen where the design leaves room:

- A row of the platforms names a network; search, social, video and display are channels of other names, any other
  network is its own.
- Names of campaigns are compared without case and without blanks but single ones inside. Of the rows of
  campaign_names.csv that match, the one that names source and channel counts, then the source, then the channel.
- Money is rounded to cents once per row, half away from zero, at the rate of the day it was spent on.
- Of one day, channel and campaign that two sources deliver, only one counts: that with a rate for all its rows, else
  for some; then the one first in sources.csv, by name where that says nothing. Rows below zero, and rows without a
  campaign, are never a repetition.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tests.oracles import versions
from tests.oracles.feed import Row, moment

CHANNELS = {"search": "paid_search", "social": "paid_social", "video": "display", "display": "display"}
CENT = Decimal("0.01")


def spend_rows(
    delivered: Mapping[str, Sequence[Mapping[str, Any]]],
    seeds: Mapping[str, Sequence[Mapping[str, str]]],
    *,
    as_of: datetime,
    reporting_currency: str = "EUR",
) -> list[Row]:
    """Returns attribution.fct_spend_daily without spend_id. `delivered` has rows of text by `spend`, `daily_spend`."""
    found = [*_of_platforms(delivered.get("daily_spend", ())), *_of_feed(delivered.get("spend", ()))]
    priorities = {row["source_system"]: int(row["priority"] or 100) for row in seeds.get("sources", ())}
    sources_of: dict[Any, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for row in found:
        rate = _rate(row["currency"], row["spent_on"], seeds.get("exchange_rates", ()), reporting_currency)
        row["amount"] = None if rate is None else (row["delivered_amount"] * rate).quantize(CENT, ROUND_HALF_UP)
        row["campaign"] = campaign_of(row, row["delivered_campaign"], seeds.get("campaign_names", ()))
        if row["delivered_amount"] >= 0:
            have_rate = sources_of[row["spent_on"], row["channel"], row["campaign"]][row["source_system"]]
            have_rate.append(row["amount"] is not None)
    for row in found:
        sources = sources_of[row["spent_on"], row["channel"], row["campaign"]]
        first = min(
            sources or {row["source_system"]},
            key=lambda source: (
                0 if all(sources[source]) else 1 if any(sources[source]) else 2,
                priorities.get(source, 100),
                source,
            ),
        )
        is_repeated = bool(row["campaign"]) and row["delivered_amount"] >= 0 and first != row["source_system"]
        amount = row.pop("amount")
        row["spend"] = Decimal(0) if is_repeated and amount is not None else amount
        row["repeated_spend"] = amount if is_repeated else Decimal(0)
        for name in ("impressions", "clicks"):
            row[name] = 0 if is_repeated and row[name] is not None else row[name]
        row["has_rate"], row["is_repeated"] = amount is not None, is_repeated
        row["is_after_as_of"] = row["spent_on"] > as_of.date()
    return found


def _of_platforms(rows: Sequence[Mapping[str, Any]]) -> Iterable[Row]:
    landed = versions.with_status(rows, ["spend_date", "platform", "campaign_id"], version_column="reported_at")
    for row in versions.current(landed):
        yield {
            "source_system": "ads",
            "platform": row["platform"],
            "channel": CHANNELS.get(row["network"], row["network"] or None),
            "delivered_campaign": row["campaign_name"] or row["campaign_id"],
            "campaign_id": row["campaign_id"],
            "currency": row["currency"],
            "delivered_amount": Decimal(row["spend"]),
            "impressions": _number(row["impressions"]),
            "clicks": _number(row["clicks"]),
            "spent_on": date.fromisoformat(row["spend_date"]),
            "reported_at": moment(row["reported_at"]),
        }


def _of_feed(rows: Sequence[Mapping[str, Any]]) -> Iterable[Row]:
    landed = versions.with_status(rows, ["spent_on", "channel", "campaign"], version_column="updated_at")
    for row in versions.current(landed):
        yield {
            "source_system": "feed",
            "platform": None,
            "channel": row["channel"],
            "delivered_campaign": row["campaign"] or None,
            "campaign_id": None,
            "currency": row["currency"] or None,
            "delivered_amount": Decimal(row["amount"]),
            "impressions": _number(row["impressions"]),
            "clicks": _number(row["clicks"]),
            "spent_on": date.fromisoformat(row["spent_on"]),
            "reported_at": moment(row["updated_at"]),
        }


def _number(text: str) -> int | None:
    return int(text) if text else None


def _compared(text: str) -> str:
    return " ".join(text.lower().split())


def campaign_of(row: Mapping[str, Any], delivered: str | None, names: Iterable[Mapping[str, str]]) -> str | None:
    """Returns the campaign that a name means on a row with `source_system` and `channel`."""
    if delivered is None:
        return None
    matching = [
        one
        for one in names
        if _compared(one["delivered_name"]) == _compared(delivered)
        and one["source_system"] in ("", row["source_system"])
        and one["channel"] in ("", row["channel"])
    ]
    if not matching:
        return delivered.strip() or None
    return max(matching, key=lambda one: (bool(one["source_system"]), bool(one["channel"])))["campaign"]


def _rate(currency: str | None, day: date, rates: Iterable[Mapping[str, str]], reporting: str) -> Decimal | None:
    if currency in (None, reporting):
        return Decimal(1)
    known = [row for row in rates if row["currency"] == currency and date.fromisoformat(row["valid_from"]) <= day]
    return Decimal(max(known, key=lambda row: row["valid_from"])["rate_to_reporting"]) if known else None
