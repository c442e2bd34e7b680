"""Compares days of a table with the days before them, by what daily profiles hold.

A window of 28, 7 or 1 days is compared with weeks (for a single day: the same weekday of the weeks) before it. What is
ordinary is learnt from the table itself: each earlier day is compared in the same way, and these deviations, with a
floor for counting noise, are the scale of a new one. docs/decisions/0020-deliveries-are-compared-with-those-before.md
has the reasons. Nothing here knows a database.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy
from numpy.typing import NDArray

Figures = NDArray[numpy.float64]

WINDOWS = (28, 7, 1)
WEEK = 7
YEAR = 364
# A window is compared with windows of its length before it, a week apart: so many, the nearest that hold enough, at
# most half a year back. Single days scatter more than weeks do.
REFERENCES = {28: 4, 7: 4, 1: 8}
LEAST_REFERENCES = 3
FARTHEST_WEEKS = 26
# Of hours and values, the weeks that are put together, and how many there have to be.
REFERENCE_WEEKS = 8
LEAST_REFERENCE_WEEKS = 4
# Fewer rows than this, found or expected, say nothing.
LEAST_ROWS = 20
LEAST_EXPECTED_ROWS = 10
LEAST_ROWS_OF_HOURS = 100
# The days before a window that show whether rows come in bursts.
BURST_DAYS = 91
# So many tables show what is common to all.
LEAST_OTHERS = 5
# Of all comparisons of a run, the chance that one of an ordinary delivery warns.
FALSE_ALARMS = 0.002
# Windows below this chance, each by itself, are left out when later ones are compared.
DOUBTFUL = 0.001
# Of values, what enters bit by bit is soon known; what comes at once is not.
DOUBTFUL_VALUES = 0.00001
# What the prior scale of a metric counts for, in independent windows.
PRIOR_WEIGHT = 8.0


@dataclass(frozen=True)
class Metric:
    """What is compared: `says` in words, the smallest deviation that matters, and the scale before anything is learnt.

    Deviations of rows, levels and ratios are log ratios, of shares differences, of hours hours.
    """

    name: str
    says: str
    minimum_effect: float
    prior_scale: float


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("rows", "rows per day", 0.4, 0.15),
        Metric("rows_relative", "rows per day, relative to other tables", 0.4, 0.1),
        Metric("nulls", "share of rows without a value", 0.1, 0.03),
        Metric("negatives", "share of numbers below zero", 0.05, 0.02),
        Metric("level", "median number", 0.5, 0.15),
        Metric("spread", "logarithm of the ninth decile by the first", 1.0, 0.3),
        Metric("hours", "hours of the day, by hours that rows moved", 1.5, 0.2),
        Metric("lag", "logarithm of the hours after the row's own time, plus 1", 0.7, 0.15),
        Metric("distinct", "distinct values per value", 0.2, 0.05),
        Metric("identified", "share of rows with an identifier", 0.1, 0.03),
        Metric("new_values", "share of rows with values never seen before", 0.005, 0.0),
        Metric("missing_values", "share of rows with this value", 0.005, 0.0),
        Metric("duplicates", "share of the delivery's rows that had come before", 0.1, 0.03),
        Metric("quarantined", "share of the delivery's rows in quarantine", 0.05, 0.02),
        Metric("late", "share of the delivery's rows older than the day before the newest", 0.2, 0.05),
        Metric("distinct_keys", "distinct keys per row of the delivery", 0.1, 0.03),
    )
}
# Of published KPIs: rows and rows_relative of what they are measured on, and one of these for the value.
KPI_METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("share", "share", 0.1, 0.03),
        Metric("ratio", "value", 0.4, 0.15),
    )
}
_ALL_METRICS: Mapping[str, Metric] = {**METRICS, **KPI_METRICS}
ROWS = ("rows", "rows_relative")
SHARES = ("nulls", "negatives", "distinct", "identified", "share")
MEANS = ("level", "spread", "lag")
# These are compared by their logarithm.
LOGARITHMS = (*ROWS, "level", "ratio")


@dataclass(frozen=True)
class Span:
    """Days of a table, by their number from its first, that are compared as one: `length` up to and with `last`."""

    length: int
    last: int

    @property
    def first(self) -> int:
        return self.last - self.length + 1


@dataclass(frozen=True)
class TableDays:
    """What is known of a table, day by day: arrays over its days.

    `figures` are numerator and denominator by metric and column, `hours` rows by hour (24 columns), `values` rows by
    value. `masked` are days not to learn from, by metric and column. `of_others` is, by length of a window, how far
    the rows of other tables are from what was before (`rows_of_others`). With `growth_may_stop`, no growth is as
    ordinary as the usual one.
    """

    rows: Figures
    figures: Mapping[tuple[str, str], tuple[Figures, Figures]]
    hours: Mapping[str, Figures] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, Figures]] = field(default_factory=dict)
    masked: Mapping[tuple[str, str], NDArray[numpy.bool_]] = field(default_factory=dict)
    of_others: Mapping[int, Figures] = field(default_factory=dict)
    growth_may_stop: bool = False


@dataclass(frozen=True)
class Compared:
    """One window of one metric: what was before, what is, how far they are apart and how likely that is by chance.

    `ordinary` are the lowest and the highest deviation from what was before that are nothing but season and growth;
    `scale` is how far from them an ordinary window is, as a standard deviation of Student's t with `freedom` degrees.
    `base` is what a figure was divided by, and `added` what had been added to both parts before.
    """

    metric: str
    column: str
    span: Span
    before: float
    after: float
    effect: float
    chance: float
    row_count: float
    value: str | None = None
    ordinary: tuple[float, float] = (0.0, 0.0)
    scale: float = 0.0
    freedom: float = PRIOR_WEIGHT
    base: float = 1.0
    added: tuple[float, float] = (0.0, 0.0)

    def band(self, share: float) -> tuple[float, float, float]:
        """What was expected, and the ends of the range in which this share of ordinary windows lies."""
        from scipy.special import stdtrit

        reach = float(stdtrit(self.freedom, 0.5 + share / 2)) * self.scale
        low, high = self.ordinary
        is_log = self.metric in LOGARITHMS
        before = math.log(self.before) if is_log else self.before
        ends = [before + apart for apart in ((low + high) / 2, low - reach, high + reach)]
        if is_log:
            base, (to_top, to_below) = self.base, self.added
            found = [(math.exp(min(end, 700.0)) * (base + to_below) - to_top) / base for end in ends]
            return max(found[0], 0.0), max(found[1], 0.0), found[2]
        return min(max(ends[0], 0.0), 1.0), max(ends[1], 0.0), min(ends[2], 1.0)


def spans_to_compare(days: Sequence[int]) -> list[Span]:
    """The windows that show what is new on these days: of each run of days 28, 7 or single ones, as long as it is.

    A short run is also seen as part of the last 7 and 28 days, as what is wrong with few rows shows in many days.

    >>> [(span.length, span.last) for span in spans_to_compare([10, 11])]
    [(1, 10), (1, 11), (7, 11), (28, 11)]
    """
    spans: list[Span] = []
    for first, last in _runs(days):
        length = last - first + 1
        if length >= WINDOWS[0]:
            # every week, so that a month is met whole, and the last days in any case
            spans += [Span(WINDOWS[0], day) for day in range(last, first + WINDOWS[0] - 2, -WEEK)]
        elif length >= WEEK:
            spans += [Span(WEEK, day) for day in range(last, first + WEEK - 2, -WEEK)]
            spans.append(Span(WINDOWS[0], last))
        else:
            spans += [Span(1, day) for day in range(first, last + 1)]
            spans += [Span(WEEK, last), Span(WINDOWS[0], last)]
    return sorted(set(spans), key=lambda span: (span.length, span.last))


def _runs(days: Sequence[int]) -> Iterator[tuple[int, int]]:
    first = previous = None
    for day in sorted(set(days)):
        if first is None or previous is None:
            first = day
        elif day > previous + 1:
            yield first, previous
            first = day
        previous = day
    if first is not None and previous is not None:
        yield first, previous


def compare_days(table: TableDays, spans: Sequence[Span]) -> tuple[list[Compared], int]:
    """Every comparison of these windows that can be made, and how many can't for want of days before."""
    compared: list[Compared] = []
    learning = 0
    rows = [("rows", ""), *([("rows_relative", "")] if table.of_others else [])]
    for metric, column in [*rows, *table.figures, *(("hours", column) for column in table.hours)]:
        found, unknown = compare_series(table, metric, column, spans)
        compared += found
        learning += unknown
    for column, values in table.values.items():
        found, unknown = _compare_values(table, column, values, spans)
        compared += found
        learning += unknown
    return compared, learning


def compare_series(table: TableDays, metric: str, column: str, spans: Sequence[Span]) -> tuple[list[Compared], int]:
    """One metric of one column. What is found out of the ordinary is left out when later days are compared."""
    masked = table.masked.get((metric, column), numpy.zeros(len(table.rows), bool)).copy()
    found: list[Compared] = []
    learning = 0
    if metric == "rows_relative":
        spans = [span for span in spans if span.length in table.of_others]
    waiting = sorted(set(spans), key=lambda span: (span.last, span.length))
    series = _Series(table, metric, column, masked)
    for span in waiting:
        one = series.compare(span)
        if one is None:
            learning += 1
            continue
        found.append(one)
        # what is this unlikely is nothing to learn from, whether it warns or not
        if abs(one.effect) >= _ALL_METRICS[metric].minimum_effect and one.chance < DOUBTFUL:
            series.leave_out(span)
    return found, learning


class _Series:
    """A metric of a column over days, its deviations from the weeks before, and what is ordinary among them."""

    def __init__(self, table: TableDays, metric: str, column: str, masked: NDArray[numpy.bool_]) -> None:
        self.metric = metric
        self.rows = table.rows
        self.growth_may_stop = table.growth_may_stop
        self.masked = masked
        self.hours = table.hours[column] if metric == "hours" else None
        self.of_others = table.of_others if metric == "rows_relative" else {}
        if metric in ROWS:
            self.top, self.below = table.rows, numpy.ones(len(table.rows))
        elif self.hours is not None:
            self.top = self.below = self.hours.sum(axis=1)
        else:
            self.top, self.below = table.figures[metric, column]
        self.column = column
        # what one of the denominator mostly brings, over all days
        self.usual = abs(float(_ratio(self.top.sum(), self.below.sum()))) or 1.0
        half = 0.5 * max(1.0, 1.0 / self.usual)
        self.added = (0.5, 0.0) if metric in ROWS else (half * self.usual, half)
        # how much single numbers scatter, for the noise of their median
        spread = table.figures.get(("spread", column))
        self.scatter = float(_ratio(spread[0].sum(), spread[1].sum())) / 2.56 if spread and metric == "level" else 1.0
        self._deviations: dict[int, tuple[Figures, Figures, Figures]] = {}

    def leave_out(self, span: Span) -> None:
        self.masked[span.first : span.last + 1] = True
        self._deviations.clear()

    def compare(self, span: Span) -> Compared | None:
        length, last = span.length, span.last
        if span.first < 0:
            return None
        deviations, expected, noise = self._known_deviations(length)
        # the window is looked at whether its days are left out or not
        here = self._window(length, last)
        if here is None or not numpy.isfinite(expected[last]):
            return None
        now, rows = here
        deviation = self._deviation(now, expected[last], length, last)
        if not numpy.isfinite(deviation):
            return None
        if self.metric in ROWS and numpy.exp(expected[last]) * length < LEAST_EXPECTED_ROWS:
            return None
        if self.metric == "ratio" and noise[last] ** 2 * LEAST_EXPECTED_ROWS > 1:
            return None  # as uncertain as what is expected of fewer rows
        history = deviations[: max(last - max(length, WEEK) + 1, 0)]
        history = history[numpy.isfinite(history)]
        # windows that overlap by half still say something each
        weight = 2 * len(history) / max(length, WEEK)
        prior = _ALL_METRICS[self.metric].prior_scale
        centre, learnt = 0.0, 0.0
        if len(history) >= 2 * WEEK:
            centre = _quantile(numpy.sort(history), 0.5)
            learnt = _scale(numpy.abs(history - centre))
        else:
            weight = 0.0
        scale = (PRIOR_WEIGHT * prior**2 + weight * learnt**2) / (PRIOR_WEIGHT + weight)
        scale = float(numpy.sqrt(max(scale, noise[last] ** 2)))
        ordinary = [centre, *([0.0] if self.growth_may_stop else [])]
        if last >= YEAR and numpy.isfinite(deviations[last - YEAR]):
            # once there is a year, what the season did a year ago is ordinary as well
            ordinary.append(float(deviations[last - YEAR]))
        low, high = min(ordinary), max(ordinary)
        effect = min(deviation - low, 0.0) + max(deviation - high, 0.0)
        return Compared(
            self.metric,
            self.column,
            span,
            before=self._shown(expected[last]),
            after=self._shown(now if self.hours is None else expected[last] + deviation),
            effect=float(effect),
            chance=_two_sided(abs(effect) / scale, PRIOR_WEIGHT + weight),
            row_count=float(rows),
            ordinary=(low, high),
            scale=scale,
            freedom=PRIOR_WEIGHT + weight,
            base=float(length if self.metric in ROWS else rows),
            added=self.added,
        )

    def _shown(self, figure: float) -> float:
        return float(numpy.exp(figure)) if self.metric in LOGARITHMS else float(figure)

    def _window(self, length: int, last: int) -> tuple[float, float] | None:
        """The figure of a window and the rows behind it; None where there are too few."""
        part = slice(last - length + 1, last + 1)
        top, below = float(self.top[part].sum()), float(self.below[part].sum())
        if self.metric in ROWS:
            # a sum below zero has none
            return (float(numpy.log((top + 0.5) / length)) if top > -0.5 else math.nan), top
        if below < (LEAST_ROWS if self.hours is None else LEAST_ROWS_OF_HOURS):
            return None
        if self.metric == "ratio":
            return float(self._log_ratio(top, below)), below
        return top / below, below

    def _log_ratio(self, top: Figures | float, below: Figures | float) -> Figures:
        """The logarithm of a ratio, with half an event as usual added, so that a day without any has one."""
        with numpy.errstate(divide="ignore", invalid="ignore"):
            return numpy.log((top + self.added[0]) / (numpy.asarray(below) + self.added[1]))

    def _deviation(self, now: float, expected: float, length: int, last: int) -> float:
        if self.hours is None:
            return now - expected - (float(self.of_others[length][last]) if self.of_others else 0.0)
        part = self.hours[last - length + 1 : last + 1].sum(axis=0)
        return float(hours_moved(part[None, :], self._reference_hours(length)[last][None, :])[0])

    def _known_deviations(self, length: int) -> tuple[Figures, Figures, Figures]:
        """By day, for windows of a length that end there: deviation, what was expected, and the counting noise."""
        if length not in self._deviations:
            self._deviations[length] = self._deviations_of(length)
        return self._deviations[length]

    def _deviations_of(self, length: int) -> tuple[Figures, Figures, Figures]:
        kept = ~self.masked
        days = _sums(kept.astype(float), length)
        top, below = _sums(self.top * kept, length), _sums(self.below * kept, length)
        if self.hours is not None:
            pooled = self._reference_hours(length)
            expected = numpy.where(pooled.sum(axis=1) >= LEAST_ROWS_OF_HOURS, 0.0, numpy.nan)
            windows = _sums(self.hours * kept[:, None], length)
            moved = hours_moved(windows, pooled)
            moved[(below < LEAST_ROWS_OF_HOURS) | (days < 0.5 * length)] = numpy.nan
            noise = 3.0 * numpy.sqrt(self._bursts(length) / numpy.maximum(_sums(self.below, length), 1.0))
            return moved + expected, expected, noise
        figures = self._figure(top, below, days, length)
        expected = _median_of_windows(figures, length)
        deviations = figures - expected - (self.of_others[length] if self.of_others else 0.0)
        seen = numpy.maximum(_sums(self.below, length), 1.0)
        if self.metric in ROWS:
            noise = numpy.sqrt(self._bursts(length) / (numpy.exp(numpy.nan_to_num(expected)) * length + 0.5))
        elif self.metric in SHARES:
            share = numpy.clip(numpy.nan_to_num(expected), 0.5 / (seen + 1), 1 - 0.5 / (seen + 1))
            noise = numpy.sqrt(self._clusters(length) * share * (1 - share) / seen)
        elif self.metric == "ratio":
            noise = numpy.sqrt(self._variances(length) / seen)
        else:
            noise = 1.25 * self.scatter * numpy.sqrt(self._bursts(length) / seen)
        return deviations, expected, noise

    def _bursts(self, length: int) -> Figures:
        """By day, the variance of the rows of a day by their mean before the window: 1 of rows that come one by one.

        Rows that come in bursts, such as mailings, are as few events as there are bursts.
        """
        kept = ~self.masked
        days = numpy.maximum(_sums(kept.astype(float), BURST_DAYS), 1.0)
        mean = _sums(self.rows * kept, BURST_DAYS) / days
        variance = _sums(self.rows**2 * kept, BURST_DAYS) / days - mean**2
        return numpy.nan_to_num(_shifted(numpy.maximum(_ratio(variance, mean), 1.0), length), nan=1.0)

    def _clusters(self, length: int) -> Figures:
        """By day, how much more the shares of days scattered before the window than those of single rows would.

        Rows that belong together, such as the lines of a basket, are as few as there are baskets (Pearson's statistic
        by its degrees of freedom).
        """
        kept = ~self.masked
        top, below = self.top * kept, self.below * kept
        parts, wholes = _sums(top, BURST_DAYS), _sums(below, BURST_DAYS)
        squares = _sums(_ratio(top**2, below), BURST_DAYS)
        days = numpy.maximum(_sums((below > 0).astype(float), BURST_DAYS), 1.0)
        share = _ratio(parts, wholes)
        apart = squares - 2 * share * parts + share**2 * wholes
        scatter = _ratio(apart, days * share * (1 - share))
        return numpy.nan_to_num(_shifted(numpy.maximum(scatter, 1.0), length), nan=1.0)

    def _variances(self, length: int) -> Figures:
        """By day, the relative variance of a ratio of one of the denominator, as days scattered before the window.

        It is that of the ratio estimator, and no less than that of single events that bring the usual each.
        """
        kept = ~self.masked
        top, below = self.top * kept, self.below * kept
        parts, wholes = _sums(top, BURST_DAYS), _sums(below, BURST_DAYS)
        ratio = _ratio(parts, wholes)
        apart = _sums(top**2, BURST_DAYS) - 2 * ratio * _sums(top * below, BURST_DAYS)
        apart += ratio**2 * _sums(below**2, BURST_DAYS)
        least = max(1.0, 1.0 / self.usual if self.usual < 1 else 1.0)
        scattered = numpy.maximum(_ratio(apart, wholes * ratio**2), least)
        return numpy.nan_to_num(_shifted(scattered, length), nan=least)

    def _figure(self, top: Figures, below: Figures, days: Figures, length: int) -> Figures:
        enough = days >= 0.5 * length
        if self.metric in ROWS:
            with numpy.errstate(divide="ignore", invalid="ignore"):
                return numpy.where(enough, numpy.log((top + 0.5) / days), numpy.nan)
        enough &= below >= (LEAST_ROWS if length > 1 else 5)
        figures = self._log_ratio(top, below) if self.metric == "ratio" else _ratio(top, below)
        return numpy.where(enough, figures, numpy.nan)

    def _reference_hours(self, length: int) -> Figures:
        assert self.hours is not None
        pooled = _sums(self.hours * ~self.masked[:, None], REFERENCE_WEEKS * WEEK)
        return _shifted(pooled, length)


def rows_of_others(tables: Sequence[Figures]) -> dict[int, Figures]:
    """By length of a window and day, how the rows of tables moved: the median of their deviations from before.

    Season, growth and campaigns move most tables alike. Empty with fewer than `LEAST_OTHERS` tables that have rows
    enough to say so. All tables have the same days.
    """
    return median_moves([rows_moved(rows) for rows in tables])


def rows_moved(rows: Figures) -> Figures:
    """By day, the deviation of the last 28 days' rows from what was before; NaN where they are too few to say so.

    Of shorter windows what tables have in common is noise.
    """
    length = WINDOWS[0]
    series = _Series(TableDays(rows, {}), "rows", "", numpy.zeros(len(rows), bool))
    found, expected, _ = series._known_deviations(length)
    enough = numpy.exp(numpy.nan_to_num(expected, nan=-9.0)) * length >= 5 * LEAST_EXPECTED_ROWS
    return numpy.where(enough, found, numpy.nan)


def median_moves(moved: Sequence[Figures]) -> dict[int, Figures]:
    """What `rows_moved` of tables has in common, as `TableDays.of_others` takes it."""
    if len(moved) < LEAST_OTHERS:
        return {}
    known = numpy.stack(moved)
    few = numpy.isfinite(known).sum(axis=0) < LEAST_OTHERS
    known[:, few] = 0.0
    return {WINDOWS[0]: numpy.where(few, numpy.nan, numpy.nanmedian(known, axis=0))}


def hours_moved(windows: Figures, reference: Figures) -> Figures:
    """How many hours rows have moved on the clock, on average, from one distribution over 24 hours to another.

    >>> morning, noon = numpy.eye(24)[[9]], numpy.eye(24)[[12]]
    >>> float(hours_moved(noon, morning)[0])
    3.0
    """
    shares = [_ratio(part, part.sum(axis=1)[:, None]) for part in (windows, reference)]
    ahead = numpy.cumsum(shares[0] - shares[1], axis=1)
    # on a circle, rows move the shorter way
    return numpy.abs(ahead - numpy.median(ahead, axis=1)[:, None]).sum(axis=1)


def shift_that_fits(window: Figures, reference: Figures) -> int:
    """By how many whole hours the reference fits the window best, from -11 to 12."""
    moved = [float(hours_moved(window[None, :], numpy.roll(reference, hours)[None, :])[0]) for hours in range(24)]
    best = int(numpy.argmin(moved))
    return best if best <= 12 else best - 24


def _compare_values(
    table: TableDays, column: str, values: Mapping[str, Figures], spans: Sequence[Span]
) -> tuple[list[Compared], int]:
    """Values that were never seen, and values that stay away, in a column whose values do not come and go.

    A column that brought new values at several times, after its first weeks, is one of names such as campaigns.
    """
    spans = [span for span in spans if span.length >= WEEK]  # one burst makes a day
    names = sorted(values)
    rows = numpy.stack([values[one] for one in names])
    kept = ~table.masked.get(("new_values", column), numpy.zeros(rows.shape[1], bool))
    kept &= ~table.masked.get(("missing_values", column), numpy.zeros(rows.shape[1], bool))
    found: list[Compared] = []
    learning = 0
    days = numpy.flatnonzero(rows.sum(axis=0))
    settled_on = int(days[0]) + LEAST_REFERENCE_WEEKS * WEEK
    births = sorted(int(day) for day in (rows > 0).argmax(axis=1) if day > settled_on)
    if any(later - sooner >= WEEK for sooner, later in pairwise(births)):
        return [], 0
    for span in sorted(spans, key=lambda span: (span.last, span.length)):
        first = max(span.first, 0)
        before = rows[:, :first] * kept[:first]
        here = rows[:, first : span.last + 1].sum(axis=1)
        total, known = here.sum(), before.sum(axis=1)
        if total < LEAST_ROWS or first <= settled_on or known.sum() < 5 * LEAST_ROWS:
            learning += 1
            continue
        is_new = (known == 0) & (here > 0)
        count = float(here[is_new].sum())
        # of so many rows none had a new value: the chance that so many of the next ones do
        chance = float((total / (total + before[:, settled_on:].sum())) ** count)
        newest = names[int(numpy.argmax(numpy.where(is_new, here, -1.0)))] if count else None
        share = float(count / total)
        found.append(Compared("new_values", column, span, 0.0, share, share, chance, count, newest))
        if share >= METRICS["new_values"].minimum_effect and chance < DOUBTFUL_VALUES:
            kept[first : span.last + 1] = False
        found += _missing_values(column, span, names, before, here)
    return found, learning


def _missing_values(
    column: str, span: Span, names: Sequence[str], before: Figures, here: Figures
) -> Iterator[Compared]:
    """Values that all windows before had, and that stay away."""
    days = before.shape[1] - before.shape[1] % WEEK
    weeks = before[:, before.shape[1] - days :].reshape(len(names), -1, WEEK).sum(axis=2)
    windows = _sums(weeks.T, max(span.length // WEEK, 1))
    windows = windows[windows.sum(axis=1) >= LEAST_ROWS]
    if len(windows) < LEAST_REFERENCE_WEEKS:
        return
    shares = windows / windows.sum(axis=1)[:, None]
    recent = weeks[:, -REFERENCE_WEEKS:]
    total = here.sum()
    for number in map(int, numpy.flatnonzero(shares.min(axis=0) > 0)):
        counts = recent[number]
        expected = counts.sum() / max(recent.sum(), 1.0)
        share = float(here[number] / total)
        # values that come in bursts say less, and what has happened before is no surprise
        daily = before[number, -BURST_DAYS:]
        bursts = max(1.0, float(daily.var() / daily.mean())) if daily.any() else 1.0
        is_less = share <= 0.2 * expected and share <= 0.5 * shares[:, number].min()
        chance = _poisson_below(here[number] / bursts, expected * total / bursts) if is_less else 1.0
        yield Compared(
            "missing_values", column, span, float(expected), share, share - float(expected), chance,
            float(here[number]), names[number],
        )  # fmt: skip


def compare_share(
    metric: str, before: Sequence[tuple[float, float]], now: tuple[float, float], *, span: Span, column: str = ""
) -> Compared | None:
    """A share of a delivery's rows, given as part and whole, compared with earlier deliveries; None with too few."""
    known = [part / whole for part, whole in before[-FARTHEST_WEEKS:] if whole >= LEAST_ROWS]
    part, whole = now
    if len(known) < LEAST_REFERENCE_WEEKS or whole < LEAST_ROWS:
        return None
    expected = float(numpy.median(known))
    apart = numpy.abs(numpy.array(known) - expected)
    learnt = _scale(apart)
    prior = METRICS[metric].prior_scale
    clipped = min(max(expected, 0.5 / (whole + 1)), 1 - 0.5 / (whole + 1))
    scale = (PRIOR_WEIGHT * prior**2 + len(known) * learnt**2) / (PRIOR_WEIGHT + len(known))
    scale = float(numpy.sqrt(max(scale, clipped * (1 - clipped) / whole)))
    effect = part / whole - expected
    chance = _two_sided(abs(effect) / scale, PRIOR_WEIGHT + len(known))
    return Compared(metric, column, span, expected, part / whole, effect, chance, part)


def find_warnings(compared: Sequence[Compared], minimum_effects: Mapping[int, float]) -> dict[int, float]:
    """The positions of the comparisons that warn, with the chance of each among all: corrected for how many there are.

    Of the chance of a false alarm rows have one half, as what does not come is what matters most and is hardest to
    tell from season; the other metrics have equal parts of the other half. The comparisons of a metric share its part.
    `minimum_effects` are by position.
    """
    counts: dict[str, int] = {}
    for one in compared:
        counts[one.metric] = counts.get(one.metric, 0) + 1
    found = {}
    for number, one in enumerate(compared):
        alike = len(counts.keys() & set(ROWS)) if one.metric in ROWS else len(counts.keys() - set(ROWS))
        chance = min(one.chance * counts[one.metric] * alike * 2, 1.0)
        if chance < FALSE_ALARMS and abs(one.effect) >= minimum_effects[number]:
            found[number] = chance
    return found


def joined(members: Sequence[tuple[Compared, float]]) -> Iterator[list[tuple[Compared, float]]]:
    """Comparisons whose days touch or overlap, together."""
    run: list[tuple[Compared, float]] = []
    last = -1
    for one, chance in sorted(members, key=lambda pair: (pair[0].span.first, pair[0].span.last)):
        if run and one.span.first > last + 1:
            yield run
            run = []
        run.append((one, chance))
        last = max(last, one.span.last)
    if run:
        yield run


def strongest_and_days(run: Sequence[tuple[Compared, float]]) -> tuple[Compared, float, int, int]:
    """Of comparisons that belong together the least likely, its chance, and the first and last day.

    The shortest windows that show it say best when it was.
    """
    shortest = min(one.span.length for one, _ in run)
    spans = [one.span for one, _ in run if one.span.length == shortest]
    strongest, chance = min(run, key=lambda pair: (pair[1], -pair[0].span.length))
    return strongest, chance, min(span.first for span in spans), max(span.last for span in spans)


def _median_of_windows(figures: Figures, length: int) -> Figures:
    """By day, the median of the nearest windows before that have a figure, a week apart."""
    nearest, wanted = max(length, WEEK), REFERENCES[length]
    windows = numpy.stack([_shifted(figures, nearest + WEEK * week) for week in range(wanted)])
    middle = numpy.where(numpy.isfinite(windows).all(axis=0), _medians(windows), numpy.nan)
    # where some are missing, as many from farther back
    missing = numpy.flatnonzero(~numpy.isfinite(middle))
    missing = missing[missing >= nearest + WEEK * (LEAST_REFERENCES - 1)]
    if len(missing):
        days = missing[None, :] - nearest - WEEK * numpy.arange(FARTHEST_WEEKS)[:, None]
        windows = numpy.where(days >= 0, figures[numpy.maximum(days, 0)], numpy.nan)
        windows[numpy.cumsum(numpy.isfinite(windows), axis=0) > wanted] = numpy.nan
        enough = numpy.isfinite(windows).sum(axis=0) >= LEAST_REFERENCES
        middle[missing] = numpy.where(enough, _medians(windows), numpy.nan)
    return middle


def _medians(columns: Figures) -> Figures:
    """The median of each column, of what is there; NaN where nothing is. Much quicker than numpy's for few rows."""
    ordered = numpy.sort(columns, axis=0)  # what is missing comes last
    count = numpy.isfinite(columns).sum(axis=0)
    number = numpy.arange(columns.shape[1])
    return (ordered[numpy.maximum(count - 1, 0) // 2, number] + ordered[count // 2 % len(ordered), number]) / 2


def _sums(figures: Figures, length: int) -> Figures:
    """By day, the sum of the last `length` days; of fewer at the beginning."""
    total = numpy.cumsum(figures, axis=0)
    result = total.copy()
    result[length:] -= total[:-length]
    return result


def _shifted(figures: Figures, days: int) -> Figures:
    """The figures of so many days before."""
    moved = numpy.full_like(figures, numpy.nan if figures.ndim == 1 else 0.0)
    if days < len(figures):
        moved[days:] = figures[: len(figures) - days]
    return moved


def _ratio(top: Figures, below: Figures) -> Figures:
    return numpy.divide(top, below, out=numpy.zeros_like(numpy.asarray(top, float)), where=numpy.asarray(below) > 0)


def _scale(apart: Figures) -> float:
    """The standard deviation that distances from the middle speak for.

    They have long tails, such as campaigns: what has happened before is no surprise, so the ninth decile and the
    largest count as well as the middle.
    """
    ordered = numpy.sort(apart)
    return max(1.4826 * _quantile(ordered, 0.5), _quantile(ordered, 0.9) / 1.645, float(ordered[-1]) / 3.5)


def _quantile(ordered: Figures, share: float) -> float:
    """A quantile of sorted figures, between two of them where it falls there. Much quicker than numpy's for few."""
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return float(ordered[low] + (ordered[high] - ordered[low]) * (place - low))


def _two_sided(deviations: float, freedom: float) -> float:
    from scipy.special import stdtr

    return float(2 * stdtr(freedom, -deviations))


def _poisson_below(seen: float, expected: float) -> float:
    from scipy.special import gammaincc

    return float(gammaincc(seen + 1, expected))
