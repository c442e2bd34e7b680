"""KPIs as the scorecard has them, and the digest of somebody who is accountable for them."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from typing import Any

from orchestration.lib.digests.figures import Figures, Kpi, Past
from orchestration.lib.digests.recipients import Recipient
from orchestration.lib.digests.rendering import Digest, render


def one_kpi(kpi_id: str, journey_id: str | None = "shop", phase_id: str | None = "start", **changes: Any) -> Kpi:
    """A KPI that is green and complete in January 2026, but for `changes`."""
    names: dict[str, Any] = {
        "kpi_name": kpi_id,
        "description": None,
        "journey_name": "Buying",
        "phase_name": "Start",
    }
    figures: dict[str, Any] = dict.fromkeys(
        (
            "value_ci_lower",
            "value_ci_upper",
            "trend",
            "trend_year",
            "responsible",
            "accountable",
            "amber_bound",
            "compared_at",
            "linkable_share",
            "previous_value",
        )
    )
    kpi = Kpi(
        kpi_id=kpi_id,
        journey_id=journey_id,
        phase_id=phase_id,
        tier="primary",
        direction="up",
        unit="share",
        value=0.5,
        denominator=200.0,
        target=0.4,
        status="green",
        measured_day_count=31,
        period_day_count=31,
        period_start=date(2026, 1, 1),
        period_end=date(2026, 1, 31),
        is_mature=True,
        status_value=0.5,
        status_period_start=date(2026, 1, 1),
        status_period_end=date(2026, 1, 31),
        **names,
        **figures,
    )
    return replace(kpi, **changes)


def with_past(*values: float | None, denominator: float = 1_000.0, is_open: bool = False, **changes: Any) -> Kpi:
    """A share of counts in the months up to January 2026, the last of them `is_open`."""
    months = [date(2026 + (0 - n) // 12, (0 - n) % 12 + 1, 1) for n in range(len(values))][::-1]
    past = [
        Past(month, value, denominator, is_open and n == len(values) - 1)
        for n, (month, value) in enumerate(zip(months, values, strict=True))
    ]
    last, before = values[-1], values[-2] if len(values) > 1 else None
    known: dict[str, Any] = {
        "value": last,
        "value_ci_lower": None if last is None else max(0.0, last - 0.05),
        "value_ci_upper": None if last is None else min(1.0, last + 0.05),
        "denominator": denominator,
        "previous_value": before,
        "previous_denominator": None if before is None else denominator,
        "trend": None if last is None or before is None else last - before,
        "past": past,
        "is_mature": not is_open,
    }
    return one_kpi(changes.pop("kpi_id", "passed"), **(known | changes))


def rendered(kpis: Sequence[Kpi], *, dashboard: str | None = None, **of_figures: Any) -> Digest:
    """The digest of Ann, who is accountable for all of them."""
    ann = Recipient("ann", "Ann", None, {one.kpi_id: ("accountable",) for one in kpis})
    known: dict[str, Any] = {"maps": {}, "has_previous": True}
    figures = Figures(kpis, (), **(known | of_figures))
    as_of = datetime(2026, 2, 1, tzinfo=UTC)
    return render(ann, figures, data_set="tested", release_id="r", as_of=as_of, dashboard=dashboard)


def text_of(page: str) -> str:
    """What a page says, without its tags."""
    body = page[page.index("<body") :]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
