"""Picks the one question that a digest raises, and says where the dashboard answers it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from orchestration.lib.digests.figures import Kpi
from orchestration.lib.digests.noise import Moves


@dataclass(frozen=True)
class Question:
    """A question as the dashboard asks it: on which page, under which name, with which filters. `about` is the KPI."""

    text: str
    page: str
    page_title: str
    name: str
    chosen: Sequence[tuple[str, str]] = ()
    about: Kpi | None = None

    @property
    def path(self) -> str:
        """The address of the view, without that of the dashboard."""
        return f"{self.page}{'?' if self.chosen else ''}{urlencode(self.chosen)}#{self.name}"


def next_question(kpis: Iterable[Kpi], moves: Moves) -> Question:
    """About what got worse beyond noise, else what is red, amber or got better; else where customers are now."""
    ordered = sorted(kpis, key=lambda kpi: kpi.tier)
    worse = [move.kpi for move in moves.found if move.is_worse]
    candidates = [
        *(kpi for kpi in worse if kpi.status == "red"),
        *worse,
        *(kpi for kpi in ordered if kpi.status == "red"),
        *(kpi for kpi in ordered if kpi.status == "amber"),
        *(move.kpi for move in moves.found),
    ]
    return _about(candidates[0]) if candidates else _now(ordered)


def _about(kpi: Kpi) -> Question:
    if kpi.journey_id is None:
        text = "How did it move, and is that more than chance?"
        return Question(text, "kpi", "KPI", "periods", [("kpi", kpi.kpi_id)], kpi)
    journey = ("journey", kpi.journey_id)
    if kpi.phase_id is None:
        text = "Which ways do customers take, and where do they drop off?"
        return Question(text, "map", "Journey map", "map", [journey], kpi)
    if kpi.unit == "seconds":
        return Question("How long do customers stay in a phase?", "phases", "Phases", "survival", [journey], kpi)
    text = "What became of those who entered, month by month?"
    return Question(text, "phases", "Phases", "outcomes", [journey, ("phase", kpi.phase_id)], kpi)


def _now(kpis: Sequence[Kpi]) -> Question:
    journey = next((kpi.journey_id for kpi in kpis if kpi.journey_id is not None), None)
    chosen = [("journey", journey)] if journey else []
    return Question("Where are customers now?", "overview", "Overview", "now", chosen)
