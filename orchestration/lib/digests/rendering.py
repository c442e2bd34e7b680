"""Renders a recipient's digest as a page and as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2

from orchestration.lib.digests.figures import Kpi
from orchestration.lib.digests.recipients import Recipient
from orchestration.lib.digests.wording import STATUS_WORDS, amount, change, day, period

STATUSES = tuple(STATUS_WORDS)
# Dark on light, readable without the colour: the word is always next to it.
COLOURS = {"red": "#9b1c1c", "amber": "#7a4b00", "green": "#14532d", "no_data": "#4b5563"}
# A share of fewer than so many is shown with its interval.
INTERVAL_BELOW = 100
# Where less than so much of what a KPI is measured on can be followed, it says so.
LINKABLE_FROM = 0.95

_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=jinja2.select_autoescape(["html"]),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
# a number stays with its sign in a narrow cell
_ENVIRONMENT.filters["unbroken"] = lambda text: text.replace(" %", "\N{NO-BREAK SPACE}%")


@dataclass(frozen=True)
class Digest:
    """What one recipient gets. `answering_count` and `informed_count` are KPIs; `status_counts` those of the former."""

    recipient: Recipient
    subject: str
    html: str
    text: str
    answering_count: int
    informed_count: int
    status_counts: Mapping[str, int]


def render(recipient: Recipient, kpis: Sequence[Kpi], *, data_set: str, release_id: str, as_of: datetime) -> Digest:
    """Renders what a recipient has to know: their own KPIs in full, of the others the counts and what is red."""
    mine = [kpi for kpi in kpis if recipient.answers_for(kpi.kpi_id)]
    informed = [kpi for kpi in kpis if kpi.kpi_id in recipient.roles and not recipient.answers_for(kpi.kpi_id)]
    counts = _counts(mine or informed)
    counted = _statuses(counts)
    subject = f"Customer journeys on {as_of:%Y-%m-%d}: {counted} ({data_set})"
    content: dict[str, Any] = {
        "recipient": recipient,
        "subject": subject,
        "counted": counted,
        "data_set": data_set,
        "release_id": release_id,
        "as_of": as_of,
        "roles": ", ".join(recipient.all_roles),
        "turned": [_shown(kpi, recipient) for kpi in mine if kpi.has_turned],
        "journeys": _by_phase(mine, recipient),
        "summaries": [
            {"name": name, "counts": _counts(of_journey), "total": len(of_journey)}
            for (_, name), of_journey in _grouped(informed, lambda kpi: (kpi.journey_id, kpi.journey_name))
        ],
        "reds": [_shown(kpi, recipient) for kpi in informed if kpi.status == "red"],
        "statuses": STATUSES,
        "words": STATUS_WORDS,
        "colours": COLOURS,
        "interval_below": INTERVAL_BELOW,
    }
    return Digest(
        recipient,
        subject,
        _ENVIRONMENT.get_template("digest.html").render(content),
        _ENVIRONMENT.get_template("digest.txt").render(content),
        len(mine),
        len(informed),
        _counts(mine),
    )


def _target(kpi: Kpi) -> str:
    shown = amount(kpi.target, kpi.unit)
    if kpi.target is None or kpi.amber_bound in (None, kpi.target):
        return shown
    return f"{shown}, green {'from' if kpi.direction == 'up' else 'up to'} {amount(kpi.amber_bound, kpi.unit)}"


def _rated(kpi: Kpi) -> str | None:
    """The period of the status with its value, where it is not the period of the value."""
    if kpi.status_period_start is None or kpi.status_period_end is None:
        return None if kpi.is_mature else "no period yet"
    if kpi.status_period_start == kpi.period_start:
        return None
    return f"{period(kpi.status_period_start, kpi.status_period_end)}: {amount(kpi.status_value, kpi.unit)}"


def _counted(kpi: Kpi) -> str | None:
    """Over how many a rate is; why there is none where these are too few."""
    if kpi.denominator is None:
        return None
    return f"over {kpi.denominator:,.0f}" + (", too few to say" if kpi.value is None else "")


def _shown(kpi: Kpi, recipient: Recipient) -> dict[str, Any]:
    is_small = kpi.value_ci_lower is not None and kpi.denominator is not None and kpi.denominator < INTERVAL_BELOW
    return {
        "name": kpi.kpi_name,
        "description": kpi.description,
        "journey": kpi.journey_name,
        "phase": kpi.phase_name,
        "tier": kpi.tier,
        "value": amount(kpi.value, kpi.unit),
        "interval": f"{amount(kpi.value_ci_lower, kpi.unit)} and {amount(kpi.value_ci_upper, kpi.unit)}"
        if is_small
        else None,
        "counted": _counted(kpi),
        "status_value": amount(kpi.status_value, kpi.unit),
        "status_period": period(kpi.status_period_start, kpi.status_period_end)
        if kpi.status_period_start is not None and kpi.status_period_end is not None
        else None,
        "is_mature": kpi.is_mature,
        "rated": _rated(kpi),
        "compared": day(kpi.compared_at) if kpi.compared_at else None,
        "target": _target(kpi),
        "status": kpi.status,
        "was": STATUS_WORDS[kpi.previous_status] if kpi.previous_status else None,
        "trend": change(kpi.trend, kpi.unit, kpi.direction),
        "trend_year": change(kpi.trend_year, kpi.unit, kpi.direction) if kpi.trend_year is not None else None,
        "roles": ", ".join(recipient.roles.get(kpi.kpi_id, ())),
        "accountable": kpi.accountable or "–",
        "period": period(kpi.period_start, kpi.period_end),
        "unlinkable": amount(1 - kpi.linkable_share, "share")
        if kpi.linkable_share is not None and kpi.linkable_share < LINKABLE_FROM
        else None,
        "missing": kpi.period_day_count - kpi.measured_day_count,
        "days": kpi.period_day_count,
    }


def _by_phase(kpis: Sequence[Kpi], recipient: Recipient) -> list[dict[str, Any]]:
    journeys = []
    # distinguished by id: two may have the same name
    for (_, name), of_journey in _grouped(kpis, lambda kpi: (kpi.journey_id, kpi.journey_name)):
        phases = []
        for (_, phase), of_phase in _grouped(of_journey, lambda kpi: (kpi.phase_id, kpi.phase_name)):
            # KPIs of one phase may have periods of different length, and so its counts
            moves = {_shown(kpi, recipient)["period"]: kpi.phase for kpi in of_phase if kpi.phase is not None}
            phases.append(
                {
                    "name": phase,
                    "kpis": [_shown(kpi, recipient) for kpi in sorted(of_phase, key=lambda kpi: kpi.tier)],
                    "moves": list(moves.items()),
                }
            )
        journeys.append({"name": name, "phases": phases})
    return journeys


def _grouped(
    kpis: Sequence[Kpi], key: Callable[[Kpi], tuple[str | None, str]]
) -> list[tuple[tuple[str | None, str], list[Kpi]]]:
    return [(found, list(group)) for found, group in groupby(kpis, key=key)]


def _counts(kpis: Sequence[Kpi]) -> dict[str, int]:
    found = Counter(kpi.status for kpi in kpis)
    return {status: found[status] for status in STATUSES}


def _statuses(counts: Mapping[str, int]) -> str:
    parts = [f"{count} {STATUS_WORDS[status]}" for status, count in counts.items() if count]
    return ", ".join(parts) or "no KPI"
