"""Intervals of shares, and of how far two of them are apart, at any confidence."""

from __future__ import annotations

import math

Z95 = 1.959963984540054


def wilson(share: float, trials: float, z: float = Z95) -> tuple[float, float]:
    """The interval of a share of `trials` (more than 0). E. B. Wilson, JASA 22 (1927), 209–212.

    >>> low, high = wilson(0.8, 10)
    >>> round(low, 3), round(high, 3)
    (0.49, 0.943)
    """
    centre = share + z**2 / (2 * trials)
    half = z * math.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    scale = 1 + z**2 / trials
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def chance_of_difference(now: float, now_trials: float, before: float, before_trials: float, z: float = Z95) -> float:
    """How far apart two shares may be by chance, in the direction in which they are.

    The interval of the difference is Newcombe's (Statistics in Medicine 17 (1998), 873–890, method 10): it holds 0
    where the difference is no larger than what is returned.

    >>> round(chance_of_difference(56 / 70, 70, 48 / 80, 80), 4)  # 0.2 apart; his interval is 0.0524 to 0.3339
    0.1476
    """
    (low, high), (before_low, before_high) = wilson(now, now_trials, z), wilson(before, before_trials, z)
    if now >= before:
        return math.hypot(now - low, before_high - before)
    return math.hypot(high - now, before - before_low)
