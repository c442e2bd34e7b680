"""Intervals of shares, and of how far two of them are apart, at any confidence."""

from __future__ import annotations

import math

Z95 = 1.959963984540054


def wilson(share: float, trials: float, z: float = Z95) -> tuple[float, float]:
    """The interval of a share of `trials` (more than 0). E. B. Wilson, JASA 22 (1927), 209–212.

    >>> low, high = wilson(0.8, 10)
    >>> round(low, 3), round(high, 3)
    (0.49, 0.943)
    >>> wilson(0.0, 10)[0], wilson(1.0, 10)[1]
    (0.0, 1.0)
    """
    centre = share + z**2 / (2 * trials)
    half = z * math.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    scale = 1 + z**2 / trials
    # at either end the bound is that end, which a difference of two roots is only nearly
    return (
        max(0.0, (centre - half) / scale) if share > 0 else 0.0,
        min(1.0, (centre + half) / scale) if share < 1 else 1.0,
    )


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


def nps_interval(promoters: int, detractors: int, answers: int) -> tuple[float, float]:
    """The 95 % interval of the NPS of `answers` scores, from -100 to 100: adjusted Wald, as `voice.agg_voice` has it.

    Three quarters of a promoter, one and a half passives and three quarters of a detractor are added (B. Rocks,
    Interval Estimation for the Net Promoter Score, The American Statistician 70 (2016), 365-372).

    >>> low, high = nps_interval(50, 20, 100)
    >>> round(low, 2), round(high, 2)
    (14.05, 44.2)
    """
    size = answers + 3.0
    centre = (promoters - detractors) / size
    half = Z95 * math.sqrt(((promoters + detractors + 1.5) / size - centre**2) / size)
    return max(-100.0, 100 * (centre - half)), min(100.0, 100 * (centre + half))


def student(degrees: int) -> float:
    """How many standard errors a 95 % interval of a mean reaches, by the degrees of freedom (1 or more).

    Abramowitz and Stegun (1964), 26.7.5, as the marts have it: from 4 degrees on within 0.01 of the exact quantile.

    >>> round(student(9), 2), round(student(19), 2)
    (2.26, 2.09)
    """
    z = Z95
    return (
        z
        + (z**3 + z) / 4 / degrees
        + (5 * z**5 + 16 * z**3 + 3 * z) / 96 / degrees**2
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384 / degrees**3
    )
