"""Says which KPIs moved beyond noise: further than chance moves any of those that are compared together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

from orchestration.lib.core.shares import chance_of_difference
from orchestration.lib.digests.figures import Kpi
from orchestration.lib.digests.wording import amount, change, day
from orchestration.lib.hygiene.kpi_bands import BAND_SHARE

# All comparisons of one digest together find something where nothing moved in one digest of twenty.
RISK = 0.05
SHOWN = 3
# A chance of 0 is one that is too small to be written.
LEAST_CHANCE = 1e-15


@dataclass(frozen=True)
class Move:
    """A KPI that moved. `times` is how far, in what chance may do; `said` says it in words."""

    kpi: Kpi
    times: float
    said: str
    is_worse: bool


@dataclass(frozen=True)
class Moves:
    """What moved, the furthest first, of how many KPIs that could be compared, and how many could not."""

    found: Sequence[Move]
    compared_count: int
    uncompared_count: int


def find_moves(kpis: Sequence[Kpi]) -> Moves:
    """Compares each KPI with what was before it, all of them at one risk.

    A share of counts is compared with the period before (at equal age): the difference has to leave its interval. Other
    KPIs are compared with the band of the days before. Both are widened for the number of KPIs compared (Bonferroni),
    and what the gate of the marts found unlike the days before, which is corrected already, counts as well.
    """
    compared = [kpi for kpi in kpis if _by_interval(kpi) or kpi.band is not None or kpi.anomaly is not None]
    z = NormalDist().inv_cdf(1 - RISK / (2 * max(len(compared), 1)))
    moves = [move for kpi in compared if (move := _move(kpi, z)) is not None]
    return Moves(
        sorted(moves, key=lambda move: (-move.times, move.kpi.kpi_id)), len(compared), len(kpis) - len(compared)
    )


def _by_interval(kpi: Kpi) -> bool:
    return None not in (kpi.value, kpi.value_ci_lower, kpi.previous_value, kpi.denominator) and bool(
        kpi.previous_denominator
    )


def _move(kpi: Kpi, z: float) -> Move | None:
    found = [one for one in (_of_interval(kpi, z), _of_band(kpi, z), _of_anomaly(kpi)) if one is not None]
    if not found:
        return None
    # days within the period may have gone against the period: whether it is worse says the move of the whole
    return replace(max(found, key=lambda one: one.times), is_worse=found[0].is_worse)


def _of_interval(kpi: Kpi, z: float) -> Move | None:
    before = kpi.previous_denominator
    if not _by_interval(kpi) or kpi.value is None or kpi.previous_value is None or not kpi.denominator or not before:
        return None
    chance = chance_of_difference(kpi.value, kpi.denominator, kpi.previous_value, before, z)
    difference = kpi.value - kpi.previous_value
    if abs(difference) <= chance:
        return None
    said = (
        f"{amount(kpi.value, kpi.unit)} after {amount(kpi.previous_value, kpi.unit)}: "
        f"{change(difference, kpi.unit, kpi.direction)}; chance moves it by up to {100 * chance:.1f} points"
    )
    return Move(kpi, abs(difference) / chance, said, (difference > 0) != (kpi.direction == "up"))


def _of_band(kpi: Kpi, z: float) -> Move | None:
    band = kpi.band
    if _by_interval(kpi) or band is None:
        return None
    # the band is as wide as its share of ordinary windows, not as the risk of all comparisons
    wider = max(1.0, z / NormalDist().inv_cdf((1 + BAND_SHARE) / 2))
    side = wider * (band.upper - band.expected if band.actual > band.expected else band.expected - band.lower)
    difference = band.actual - band.expected
    if side <= 0 or abs(difference) <= side:
        return None
    is_worse = (difference > 0) != (kpi.direction == "up")
    per_day = " per day" if band.is_per_day else ""
    low = max(0.0, band.expected - wider * (band.expected - band.lower))
    high = band.expected + wider * (band.upper - band.expected)
    said = (
        f"{amount(band.actual, kpi.unit)}{per_day} in the {_days(band.window_days)} to {day(band.measured_on)}, "
        f"{'worse' if is_worse else 'better'} than expected from the days before: "
        f"{amount(band.expected, kpi.unit)}, by chance {amount(low, kpi.unit)} to {amount(high, kpi.unit)}"
    )
    return Move(kpi, abs(difference) / side, said, is_worse)


def _of_anomaly(kpi: Kpi) -> Move | None:
    """Worse, too, where the ledger does not say from what to what the figure went: somebody has to look."""
    anomaly = kpi.anomaly
    if anomaly is None:
        return None
    before, after = anomaly.before, anomaly.after
    is_worse = before is None or after is None or (after > before) != (kpi.direction == "up")
    z = NormalDist().inv_cdf(1 - max(anomaly.chance, LEAST_CHANCE) / 2)
    return Move(kpi, max(1.0, z / NormalDist().inv_cdf(1 - RISK / 2)), anomaly.message, is_worse)


def _days(count: int) -> str:
    return "day" if count == 1 else f"{count} days"
