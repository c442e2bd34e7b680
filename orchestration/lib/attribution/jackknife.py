"""Intervals by leaving out one group of customers at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

# Groups that customers are dealt out to (macro customer_group), and Student's t for one fewer, 95 %.
GROUP_COUNT = 20
T_95 = 2.093


def interval(figure: ArrayLike, without_group: Sequence[ArrayLike]) -> tuple[np.ndarray, np.ndarray]:
    """The bounds of the 95 % interval of a figure, from the same figure without each group of customers.

    The delete-a-group jackknife (Kott, "The delete-a-group jackknife", Journal of Official Statistics 17, 2001):
    SE = sqrt(19/20 * sum of (figure without g - mean of these)^2), and the interval is the figure -+ 2.093 SE. Not a
    number where the figure is none without some group.
    """
    left_out = np.asarray(without_group, float)
    deviations = left_out - left_out.mean(axis=0)
    error = np.sqrt((GROUP_COUNT - 1) / GROUP_COUNT * (deviations**2).sum(axis=0))
    return np.asarray(figure - T_95 * error), np.asarray(figure + T_95 * error)
