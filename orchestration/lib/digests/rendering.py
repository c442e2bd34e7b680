"""Renders a recipient's digest as a page and as text."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from orchestration.lib.core.templates import templates
from orchestration.lib.digests.figures import Figures, Kpi, PhaseFigures
from orchestration.lib.digests.mail import LARGEST_PAGE_BYTES, mail_bytes
from orchestration.lib.digests.month import said_of, spent_of
from orchestration.lib.digests.noise import SHOWN, Moves, find_moves
from orchestration.lib.digests.pictures import line_of, map_of, written_line_of
from orchestration.lib.digests.questions import Question, next_question
from orchestration.lib.digests.recipients import Recipient
from orchestration.lib.digests.wording import STATUS_WORDS, amount, change, day, period, unbroken_html
from orchestration.lib.drawing.palette import COLOURS, DARK

STATUSES = tuple(STATUS_WORDS)
# The word is always next to the colour, and the mark next to the word.
SHADES = {"red": "red", "amber": "amber", "green": "green", "no_data": "muted"}
MARKS = {"red": "✕", "amber": "!", "green": "✓", "no_data": "–"}
# Which are drawn where there is no room for all.
FIRST = ("red", "amber", "no_data", "green")
# Colours of text that the page uses.
USED = ("text", "muted", "accent", "red", "amber", "green")
# A share of fewer than so many is shown with its interval.
INTERVAL_BELOW = 100
# Where less than so much of what a KPI is measured on can be followed, it says so.
LINKABLE_FROM = 0.95
# More of these are only counted on the page; the text names all.
TURNED_SHOWN, MAPS_SHOWN = 10, 3
DIRECTIONS = ("R", "AL", "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")


@jinja2.pass_eval_context
def _apart(context: jinja2.nodes.EvalContext, name: str) -> str:
    """A name that may run from right to left, so that it turns nothing around it."""
    if not any(unicodedata.bidirectional(character) in DIRECTIONS for character in name):
        return name
    if context.autoescape:
        return Markup("<bdi>{}</bdi>").format(name)
    # in a text by marks, as controls of direction are none of a text from data
    return f"\N{LEFT-TO-RIGHT MARK}{name}\N{LEFT-TO-RIGHT MARK}"


_TEMPLATES = templates(
    Path(__file__).with_name("templates"),
    # a number stays with its sign in a narrow cell
    {"unbroken": lambda text: text.replace(" %", "\N{NO-BREAK SPACE}%"), "apart": _apart},
)


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


@dataclass(frozen=True)
class _Periods:
    """The periods of a digest's KPIs: the commonest is said once, others have a word (week, day) or are named."""

    main: tuple[date, date] | None
    words: Mapping[tuple[date, date], str]

    @property
    def said(self) -> str:
        if self.main is None:
            return "No period yet"
        others = [f"{word}: {period(*span)}" for span, word in self.words.items() if word != period(*span)]
        return f"Period: {period(*self.main)}" + "".join(f"; {other}" for other in others)

    def word(self, kpi: Kpi) -> str:
        return self.words.get((kpi.period_start, kpi.period_end), "")


def render(
    recipient: Recipient,
    figures: Figures,
    *,
    data_set: str,
    release_id: str,
    as_of: datetime,
    dashboard: str | None = None,
) -> Digest:
    """Renders what a recipient has to know: their own KPIs in full, of the others the counts and what is red.

    `dashboard` is the address under which people reach the dashboard; without it a view is named by page and path.
    The page fits into a mail: KPIs that have no room on it are counted, and the text has them all.
    """
    kpis = figures.kpis
    mine = [kpi for kpi in kpis if recipient.answers_for(kpi.kpi_id)]
    informed = [kpi for kpi in kpis if kpi.kpi_id in recipient.roles and not recipient.answers_for(kpi.kpi_id)]
    about = mine or informed
    moves = find_moves(about)
    counts = _counts(about)
    headline = _statuses(counts)
    moved = f"; {len(moves.found)} moved beyond noise" if moves.found else ""
    subject = f"{headline}{moved}: customer journeys on {as_of:%Y-%m-%d} ({data_set})"
    periods = _periods(about)
    reds = [kpi for kpi in informed if kpi.status == "red"]
    question = next_question(about, moves)
    maps = _maps(figures, [*mine, *informed])
    # where somebody is the same at all of their KPIs, it is said once
    shows_roles = len({recipient.roles[kpi.kpi_id] for kpi in mine}) > 1

    def shown(kpi: Kpi) -> dict[str, Any]:
        return _shown(kpi, recipient if shows_roles else None, periods)

    of_kpi = {kpi.kpi_id: shown(kpi) for kpi in [*mine, *reds]}
    content: dict[str, Any] = {
        "recipient": recipient,
        "subject": subject,
        "headline": headline,
        "counts": [(status, count) for status, count in counts.items() if count or status != "no_data"]
        if about
        else [],
        "has_kpis": bool(about),
        "periods_said": periods.said,
        "as_of": as_of,
        "roles": ", ".join(recipient.all_roles),
        "moves": [
            {
                "name": move.kpi.kpi_name,
                "phase": move.kpi.phase_name if move.kpi.phase_id is not None else "",
                "said": move.said,
            }
            for move in moves.found[:SHOWN]
        ],
        "moves_said": _moves_said(moves),
        "question": _question(question, dashboard),
        "is_first": not figures.has_previous,
        "statuses": STATUSES,
        "words": STATUS_WORDS,
        "marks": MARKS,
        "shades": SHADES,
        "colours": COLOURS,
        "dark": DARK,
        "used": USED,
        "summaries": _summaries(informed, maps if not mine else {}),
        "all_reds": [of_kpi[kpi.kpi_id] for kpi in reds],
        **_month(figures, [*mine, *informed]),
        "footnotes": _footnotes(moves, bool(about), data_set=data_set, release_id=release_id),
    }
    turned = [of_kpi[kpi.kpi_id] for kpi in mine if kpi.has_turned]
    first = _in_order_of_need([*mine, *reds], moves)

    def page(room: int) -> str:
        drawn = {kpi.kpi_id for kpi in first[:room]}
        left_out_reds = sum(kpi.kpi_id not in drawn for kpi in reds)
        said = {
            **content,
            "turned": turned[:TURNED_SHOWN],
            "turned_left_out": len(turned) - len(turned[:TURNED_SHOWN]),
            "journeys": _by_phase(mine, of_kpi, periods, maps, drawn),
            "reds": [of_kpi[kpi.kpi_id] for kpi in reds if kpi.kpi_id in drawn],
            "reds_left_out": f"{left_out_reds} more are red; the text lists them." if left_out_reds else "",
            "room_said": f"Shown are {room} of {len(first)} KPIs, red and moved ones first; the text lists all."
            if room < len(first)
            else "",
        }
        return unbroken_html(_TEMPLATES.get_template("digest.html").render(said))

    text = {**content, "turned": turned, "journeys": _by_phase(mine, of_kpi, periods, maps, set(of_kpi))}
    return Digest(
        recipient,
        subject,
        _fitting(page, len(first)),
        _TEMPLATES.get_template("digest.txt").render(text),
        len(mine),
        len(informed),
        _counts(mine),
    )


def _fitting(page: Callable[[int], str], count: int) -> str:
    """The page with as many KPIs as a mail has room for."""
    room = count
    while True:
        made = page(room)
        size = mail_bytes(made)
        if size <= LARGEST_PAGE_BYTES or room == 0:
            return made
        room = min(room - 1, int(room * LARGEST_PAGE_BYTES / size))


def _in_order_of_need(kpis: Sequence[Kpi], moves: Moves) -> list[Kpi]:
    moved = {move.kpi.kpi_id for move in moves.found}
    return sorted(
        kpis, key=lambda kpi: (kpi.status != "red" and kpi.kpi_id not in moved, FIRST.index(kpi.status), kpi.tier)
    )


def _periods(kpis: Sequence[Kpi]) -> _Periods:
    counted = Counter((kpi.period_start, kpi.period_end) for kpi in kpis)
    if not counted:
        return _Periods(None, {})
    main = max(counted, key=lambda span: (counted[span], span[1] - span[0], span))
    words: dict[tuple[date, date], str] = {}
    for span in sorted(counted.keys() - {main}, key=lambda span: (-counted[span], span)):
        days = (span[1] - span[0]).days + 1
        word = {1: "day", 7: "week"}.get(days, "month" if 28 <= days <= 31 else "")
        is_taken = not word or word in words.values() or (main[1] - main[0]).days + 1 == days
        words[span] = period(*span) if is_taken else word
    return _Periods(main, words)


def _moves_said(moves: Moves) -> str:
    compared, found = moves.compared_count, len(moves.found)
    rest = (
        f" {moves.uncompared_count} could not be compared: too few cases or days, now or before."
        if moves.uncompared_count
        else ""
    )
    if not compared:
        return "Nothing can be compared yet: no KPI has a period before it with enough cases, or enough days."
    if compared == 1:
        return f"The one KPI that could be compared {'moved' if found else 'did not move'} beyond noise.{rest}"
    if not found:
        return f"None of the {compared} KPIs that could be compared moved beyond noise.{rest}"
    furthest = f"; shown are the {SHOWN} that moved furthest" if found > SHOWN else ""
    return f"{found} of the {compared} KPIs that could be compared moved beyond noise{furthest}.{rest}"


def _footnotes(moves: Moves, has_kpis: bool, *, data_set: str, release_id: str) -> list[str]:
    lines = []
    if has_kpis:
        lines = [
            "Noise is what chance does. A share of counts moved where its difference from the period before leaves the "
            "95 % interval of such differences (Newcombe); another KPI where it leaves the band of the days before "
            "(hygiene.kpi_bands), or where the checks found it unlike them (hygiene.kpi_anomalies). Intervals and "
            f"bands are widened for the number of comparisons, here {moves.compared_count}, so that where nothing "
            "moved, one digest in twenty names a KPI by chance.",
            "Values are of the last complete day, week or month, the status is of the last one whose windows have "
            "closed. A change is against the period before; where windows are open, against that period as it was at "
            "the same age. In the small charts the dashed line is the target, a hollow point and a dashed way to it a "
            f"period that still moves; in bars of text, {chr(176)} follows such a period.",
            "“Over” is how many a value is divided by. Green may be short of the target: what is between is tolerated. "
            "“Ran out of time” are those whose window closed in these days, whenever they had entered. Shares of fewer "
            f"than {INTERVAL_BELOW} carry their 95 % interval.",
        ]
    return [
        *lines,
        f"Data set {data_set}, release {release_id}. The tables kpis.kpi_scorecard, kpis.fct_kpi_values and "
        "kpis.fct_kpi_values_daily of the release say more.",
    ]


def _month(figures: Figures, kpis: Sequence[Kpi]) -> dict[str, Any]:
    """What customers said, for who has a KPI of feeling, and what was spent, for who has one of money."""
    month = figures.month
    journeys = {kpi.journey_id: kpi.journey_name for kpi in kpis if kpi.kind == "feeling" and kpi.journey_id}
    has_feeling, has_money = (any(kpi.kind == kind for kpi in kpis) for kind in ("feeling", "money"))
    return {
        "month": f"{month.starts_on:%B %Y}" if month.starts_on else "",
        "said": said_of(month, journeys) if has_feeling else [],
        "spent": spent_of(month) if has_money else None,
    }


def _question(question: Question, dashboard: str | None) -> dict[str, Any]:
    kpi = question.about
    return {
        "text": question.text,
        "about": f"{kpi.kpi_name}, {kpi.phase_name}"
        if kpi is not None and kpi.phase_id
        else kpi.kpi_name
        if kpi
        else "",
        "address": f"{dashboard}/{question.path}" if dashboard else "",
        "where": f"Dashboard, page {question.page_title}" + ("" if dashboard else f": /{question.path}"),
    }


def _maps(figures: Figures, kpis: Sequence[Kpi]) -> dict[str, tuple[str, str]]:
    """The maps of the first journeys of these KPIs, as SVG with a sentence."""
    found: dict[str, tuple[str, str]] = {}
    for kpi in kpis:
        journey = figures.maps.get(kpi.journey_id) if kpi.journey_id is not None else None
        if journey is not None and kpi.journey_id is not None and kpi.journey_id not in found:
            if len(found) == MAPS_SHOWN:
                break
            found[kpi.journey_id] = map_of(journey, kpi.journey_name)
    return found


def _summaries(informed: Sequence[Kpi], maps: Mapping[str, tuple[str, str]]) -> list[dict[str, Any]]:
    lines = []
    for (journey_id, name), of_journey in _grouped(informed, lambda kpi: (kpi.journey_id, kpi.journey_name)):
        drawn, lost = maps.get(journey_id or "", ("", ""))
        lines.append(
            {"name": name, "counts": _counts(of_journey), "total": len(of_journey), "map": drawn, "lost": lost}
        )
    return lines


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


def _shown(kpi: Kpi, recipient: Recipient | None, periods: _Periods) -> dict[str, Any]:
    """What is said of a KPI; with a recipient, what they are to it."""
    is_small = kpi.value_ci_lower is not None and kpi.denominator is not None and kpi.denominator < INTERVAL_BELOW
    interval = (
        f"{amount(kpi.value_ci_lower, kpi.unit)} and {amount(kpi.value_ci_upper, kpi.unit)}" if is_small else None
    )
    roles = ", ".join(recipient.roles.get(kpi.kpi_id, ())) if recipient is not None else ""
    trend = change(kpi.trend, kpi.unit, kpi.direction)
    trend_year = change(kpi.trend_year, kpi.unit, kpi.direction) if kpi.trend_year is not None else None
    unlinkable = (
        amount(1 - kpi.linkable_share, "share")
        if kpi.linkable_share is not None and kpi.linkable_share < LINKABLE_FROM
        else None
    )
    missing, word, counted = kpi.period_day_count - kpi.measured_day_count, periods.word(kpi), _counted(kpi)
    status_period = (
        period(kpi.status_period_start, kpi.status_period_end)
        if kpi.status_period_start is not None and kpi.status_period_end is not None
        else None
    )
    is_rated_now = kpi.status_period_start == kpi.period_start
    tags = ", ".join(filter(None, (kpi.tier, word))) + (f"; you are {roles}" if roles else "")
    return {
        "name": kpi.kpi_name,
        "journey": kpi.journey_name,
        "phase": kpi.phase_name,
        "tier": kpi.tier,
        "tags": tags,
        "value": amount(kpi.value, kpi.unit),
        "interval": interval,
        "counted": counted,
        "notes": [
            *([line] if (line := "; ".join(filter(None, (tags if tags != "primary" else "", counted)))) else []),
            *([f"between {interval}"] if interval else []),
            *([] if kpi.is_mature else ["windows are open: it still moves"]),
            *([f"{unlinkable} of its events name nobody"] if unlinkable else []),
            *([f"nothing on {missing} of {kpi.period_day_count} days"] if missing else []),
        ],
        "changes": [
            *([trend] if trend != "–" else []),
            *([f"{trend_year}, against a year before"] if trend_year else []),
        ],
        "line": line_of(kpi),
        "written": written_line_of(kpi),
        "period_count": len(kpi.past),
        "status_value": amount(kpi.status_value, kpi.unit),
        "status_period": status_period,
        # the period that it is red in, where it isn't the one that is said above
        "red_period": status_period if word or not is_rated_now else "",
        "red_trend_of": "" if is_rated_now else f"{period(kpi.period_start, kpi.period_end)} ",
        "is_mature": kpi.is_mature,
        "rated": _rated(kpi),
        "compared": day(kpi.compared_at) if kpi.compared_at else None,
        "target": _target(kpi),
        "has_target": kpi.target is not None,
        "status": kpi.status,
        "was": STATUS_WORDS[kpi.previous_status] if kpi.previous_status else None,
        "trend": trend,
        "trend_year": trend_year,
        "accountable": kpi.accountable or "–",
        "unlinkable": unlinkable,
        "missing": missing,
        "days": kpi.period_day_count,
    }


def _by_phase(
    kpis: Sequence[Kpi],
    of_kpi: Mapping[str, dict[str, Any]],
    periods: _Periods,
    maps: Mapping[str, tuple[str, str]],
    drawn: Collection[str],
) -> list[dict[str, Any]]:
    """The KPIs by journey and phase, primary first: those that are drawn, and how many others there are."""
    journeys = []
    # distinguished by id: two may have the same name
    for (journey_id, name), of_journey in _grouped(kpis, lambda kpi: (kpi.journey_id, kpi.journey_name)):
        phases = []
        for (_, phase), of_phase in _grouped(of_journey, lambda kpi: (kpi.phase_id, kpi.phase_name)):
            ordered = sorted(of_phase, key=lambda kpi: kpi.tier)
            others = [kpi for kpi in ordered if kpi.kpi_id not in drawn]
            # KPIs of one phase may have periods of different length, and so its counts
            moves = {periods.word(kpi): kpi.phase for kpi in of_phase if kpi.phase is not None}
            phases.append(
                {
                    "name": phase,
                    "kpis": [of_kpi[kpi.kpi_id] for kpi in ordered if kpi.kpi_id in drawn],
                    "all_kpis": [of_kpi[kpi.kpi_id] for kpi in ordered],
                    "left_out": f"{len(others)} more: {_statuses(_counts(others))}" if others else "",
                    "moves": [_moved(word, counted) for word, counted in moves.items()],
                }
            )
        map_drawn, lost = maps.get(journey_id or "", ("", ""))
        journeys.append({"name": name, "phases": phases, "map": map_drawn, "lost": lost})
    return journeys


def _moved(word: str, counted: PhaseFigures) -> str:
    return (
        f"{word + ': ' if word else ''}{counted.entered_count:,} entered, {counted.ran_out_count:,} ran out of time; "
        f"{counted.stalled_count:,} stalled now"
    )


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
