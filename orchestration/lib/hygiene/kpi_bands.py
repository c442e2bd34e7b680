"""Compares published KPIs with what they were before, day by day, and keeps the bands in which they were expected.

The method is that of deliveries (comparison.py); what is compared is the value of a KPI, and the volume that it is
measured on: its denominator, or where it has none the value itself.
docs/decisions/0021-kpis-are-compared-with-those-before.md has the reasons. Two ledgers are written, which have to be
there (create_ledgers): `hygiene.kpi_bands` and `hygiene.kpi_anomalies`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

import duckdb
import numpy

from orchestration.lib.config.seeds import SeedRow
from orchestration.lib.core.clock import plain_utc
from orchestration.lib.core.connection import transaction
from orchestration.lib.core.sql import literal
from orchestration.lib.hygiene.anomaly_ledger import (
    DELIVERY_ANOMALIES,
    HOW_TO_ACCEPT,
    Row,
    check_of_state,
    end,
    is_up_to,
    open_rows,
    rename_metrics,
    store,
    unended_rows,
)
from orchestration.lib.hygiene.anomaly_ledger import KPI_ANOMALIES as ANOMALIES
from orchestration.lib.hygiene.checks import Check, TableChecks
from orchestration.lib.hygiene.comparison import (
    KPI_METRICS,
    LOGARITHMS,
    METRICS,
    YEAR,
    Compared,
    Figures,
    Span,
    TableDays,
    compare_series,
    find_warnings,
    joined,
    median_moves,
    rows_moved,
    spans_to_compare,
    strongest_and_days,
)

BANDS = "hygiene.kpi_bands"
VALUES = "kpis.fct_kpi_values_daily"
# Of a KPI: its value, and the volume that it is measured on.
VALUE, VOLUME = "value", "volume"
# A band holds this share of ordinary windows.
BAND_SHARE = 0.99
# Days before this many are no longer looked at: two years and what the oldest day of them is compared with.
DAYS_KEPT = 800
# A volume that is as far as this from what was before has moved (logarithm: a fifth more or less).
MOVED = 0.2
# Days before a deviation whose rows show which tables feed a KPI.
FEEDING_DAYS = 56


@dataclass(frozen=True)
class KpiLimit:
    """What the seed `kpi_limits` says of a KPI and figure."""

    minimum_effect: float | None = None
    is_on: bool = True
    blocks: bool = False


@dataclass(frozen=True)
class KpiLimits:
    """The rows of the seed `kpi_limits`; an empty KPI or figure means all."""

    rows: Sequence[SeedRow] = ()

    def of(self, kpi: str, figure: str) -> KpiLimit:
        """What holds: the rows that name more count before the others, a later one before an earlier one."""
        found = [row for row in self.rows if row.get("kpi_id") in (None, kpi) and row.get("figure") in (None, figure)]
        limit = KpiLimit()
        for row in sorted(found, key=lambda row: (_named(row), row.line)):
            effect = row.typed.get("minimum_effect")
            limit = KpiLimit(
                float(effect) if effect is not None else limit.minimum_effect,
                bool(row.typed.get("is_on", limit.is_on)),
                bool(row.typed.get("blocks", limit.blocks)),
            )
        return limit


def _named(row: SeedRow) -> tuple[int, int]:
    # a KPI says more than a figure of all KPIs
    return int(row.get("kpi_id") is not None), int(row.get("figure") is not None)


@dataclass(frozen=True)
class KpiAnomaly:
    """Days on which a KPI is unlike the days before, as the ledger keeps them.

    `also_kpi_ids` are the other KPIs whose figure is the same.
    """

    anomaly_id: str
    kpi_id: str
    also_kpi_ids: tuple[str, ...]
    figure: str
    first_on: date
    last_on: date
    message: str
    query: str
    blocks: bool

    @property
    def kpi_ids(self) -> tuple[str, ...]:
        return (self.kpi_id, *self.also_kpi_ids)


@dataclass(frozen=True)
class KpiComparison:
    """What comparing the KPIs of a build came to."""

    comparison_count: int
    learning_count: int
    open: tuple[KpiAnomaly, ...]


@dataclass(frozen=True)
class _Kpi:
    """A KPI with its measures, the first day of each, and how long each waits for what it counts to end (None: always).

    Days and waits are by measure. Who came for the second time is known a year after the record begins: until then the
    first time of many is not in it.
    """

    kpi_id: str
    kpi_name: str
    unit: str
    numerator: str
    denominator: str | None
    began_on: Mapping[str, date | None]
    wait_days: Mapping[str, int | None]

    @property
    def measures(self) -> tuple[str, ...]:
        return (self.numerator,) if self.denominator is None else (self.numerator, self.denominator)


@dataclass(frozen=True)
class _Subject:
    """What is compared: a figure of the KPIs that have the same measures, on the days from `start` to `through`."""

    figure: str
    kpis: tuple[_Kpi, ...]
    start: date
    through: date

    @property
    def kpi(self) -> _Kpi:
        return self.kpis[0]

    @property
    def top(self) -> str:
        """The measure that is compared, or that is divided."""
        kpi = self.kpi
        return kpi.numerator if self.figure == VALUE or kpi.denominator is None else kpi.denominator

    @property
    def below(self) -> str | None:
        return self.kpi.denominator if self.figure == VALUE else None

    @property
    def length(self) -> int:
        return self.number(self.through) + 1

    def day(self, number: int) -> date:
        return self.start + timedelta(days=number)

    def number(self, day: date) -> int:
        return (day - self.start).days

    @property
    def also_kpi_ids(self) -> str | None:
        """As the ledger keeps them."""
        return ", ".join(kpi.kpi_id for kpi in self.kpis[1:]) or None

    def is_of(self, row: Row) -> bool:
        """Whether an anomaly of the ledger is of this, once it has the names of now (`_rename`)."""
        return row["figure"] == self.figure and row["kpi_id"] == self.kpi.kpi_id

    def shared(self, row: Row) -> int:
        """How many KPIs of an anomaly of the ledger this figure is of."""
        return len(set(_kpi_ids(row)) & {kpi.kpi_id for kpi in self.kpis}) if row["figure"] == self.figure else 0


@dataclass(frozen=True)
class _Volumes:
    """What each measure came to, per day from `start` on."""

    start: date
    by_measure: Mapping[str, Figures]

    @cached_property
    def moved(self) -> Mapping[str, Figures]:
        return {measure: rows_moved(figures) for measure, figures in self.by_measure.items()}

    def of(self, subject: _Subject, measure: str) -> Figures:
        return self._on_days_of(subject, self.by_measure[measure])

    def of_others(self, subject: _Subject) -> dict[int, Figures]:
        """How the other measures moved; empty where these are too few."""
        others = median_moves([moved for measure, moved in self.moved.items() if measure != subject.top])
        return {length: self._on_days_of(subject, moved) for length, moved in others.items()}

    def _on_days_of(self, subject: _Subject, figures: Figures) -> Figures:
        first = (subject.start - self.start).days
        return figures[first : first + subject.length]


@dataclass(frozen=True)
class _Found:
    """What comparing a subject came to: comparisons by metric, and of the windows those that may warn."""

    subject: _Subject
    drawn: Sequence[Compared]
    judged: Sequence[Compared]
    windows: Sequence[Span]
    learning_count: int
    reopened: frozenset[str]


def compare_kpis(
    connection: duckdb.DuckDBPyConnection,
    *,
    last_day: date,
    now: datetime,
    run_id: str,
    limits: KpiLimits,
    redefined: Collection[str] = (),
) -> KpiComparison:
    """Compares the days of KPIs that are new or changed with those before, and writes both ledgers.

    `last_day` is the last day that was over, in the reporting time zone. Days are compared up to it, or up to the last
    on which anything was measured; a value that waits for phase intervals to end, once these have. `redefined` are the
    KPIs whose definition is another than in the release before.
    """
    with transaction(connection):
        rename_metrics(connection, ANOMALIES)
        subjects = _subjects(_kpis(connection), _last_measured(connection, last_day), limits)
        due = _due(connection, subjects)
        _rename(connection, subjects, due)
        opened = open_rows(connection, ANOMALIES)
        gone = [row["anomaly_id"] for row in opened if not any(subject.is_of(row) for subject in subjects)]
        end(connection, ANOMALIES, gone, now=now)
        found: list[_Found] = []
        if due:
            volumes = _read_volumes(connection, subjects)
            found = [
                _compare(subjects[number], volumes, days, [row for row in opened if subjects[number].is_of(row)])
                for number, days in due.items()
            ]
            _store_bands(connection, found, volumes, run_id=run_id, now=now)
            _store_anomalies(connection, found, volumes, limits, redefined, run_id=run_id, now=now)
    return KpiComparison(
        sum(len(one.judged) for one in found),
        sum(one.learning_count for one in found),
        _as_limits_say(open_kpi_anomalies(connection), limits),
    )


def open_kpi_anomalies(connection: duckdb.DuckDBPyConnection) -> list[KpiAnomaly]:
    """What was found and neither accepted nor settled since."""
    return [
        KpiAnomaly(
            **{name: row[name] for name in ("anomaly_id", "kpi_id", "figure", "first_on", "last_on", "message")},
            also_kpi_ids=_kpi_ids(row)[1:],
            query=row["query"],
            blocks=row["blocks"],
        )
        for row in open_rows(connection, ANOMALIES, "kpi_id, figure, first_on")
    ]


def kpi_checks(anomalies: Iterable[KpiAnomaly]) -> Iterator[Check]:
    """A check per state of a KPI that was found out of the ordinary and nobody has accepted."""
    table = TableChecks(VALUES, key=None)
    for one in anomalies:
        yield check_of_state(table, ANOMALIES, one, what="KPIs", metric=one.figure, column=one.figure)


def _as_limits_say(anomalies: Iterable[KpiAnomaly], limits: KpiLimits) -> tuple[KpiAnomaly, ...]:
    """Open anomalies under the limits of now: left out are those that are switched off for all of their KPIs."""
    found = []
    for one in anomalies:
        known = [limit for kpi in one.kpi_ids if (limit := limits.of(kpi, one.figure)).is_on]
        if known:
            found.append(replace(one, blocks=any(limit.blocks for limit in known)))
    return tuple(found)


def _kpi_ids(row: Row) -> tuple[str, ...]:
    """The KPIs of an anomaly of the ledger, the one that it is kept under first."""
    return (row["kpi_id"], *(row["also_kpi_ids"].split(", ") if row["also_kpi_ids"] else ()))


def _rename(
    connection: duckdb.DuckDBPyConnection, subjects: Sequence[_Subject], due: Mapping[int, Sequence[date]]
) -> None:
    """Keeps what is open or accepted under the KPIs that share its figure now.

    KPIs that shared it may be switched off or gone, and others share it since. If some have other measures since, their
    days are due, and the state stays with those that have not.
    """
    for row in unended_rows(connection, ANOMALIES):
        known = [(number, subject) for number, subject in enumerate(subjects) if subject.shared(row)]
        if not known:
            continue
        _, subject = min(
            known,
            key=lambda one: (
                any(row["first_on"] <= day <= row["last_on"] for day in due.get(one[0], ())),
                -one[1].shared(row),
            ),
        )
        if (row["kpi_id"], row["also_kpi_ids"]) != (subject.kpi.kpi_id, subject.also_kpi_ids):
            connection.execute(
                f"update {ANOMALIES} set kpi_id = ?, also_kpi_ids = ? where anomaly_id = ? and ended_at is null",
                [subject.kpi.kpi_id, subject.also_kpi_ids, row["anomaly_id"]],
            )


# --- what is compared


def _kpis(connection: duckdb.DuckDBPyConnection) -> list[_Kpi]:
    terms = connection.execute(
        "select measure_id, cast(terms.began_on + if(measures.occurrence is null, 0, ?) * interval 1 day as date), "
        "terms.wait_days, terms.waits_without_limit from intermediate.int_measure_terms as terms "
        "inner join config.measures as measures using (measure_id)",
        [YEAR],
    ).fetchall()
    began_on = {measure: begins for measure, begins, _, _ in terms}
    wait_days = {measure: None if without_limit else math.ceil(wait) for measure, _, wait, without_limit in terms}
    return [
        _Kpi(kpi_id, kpi_name, unit, numerator, denominator, began_on, wait_days)
        for kpi_id, kpi_name, unit, numerator, denominator in connection.execute(
            "select kpi_id, kpi_name, unit, numerator_measure_id, denominator_measure_id from kpis.dim_kpis "
            "order by kpi_id"
        ).fetchall()
    ]


def _last_measured(connection: duckdb.DuckDBPyConnection, last_day: date) -> date | None:
    """The last day, up to this one, on which anything was measured."""
    row = connection.execute(
        f"select max(measured_on) from {VALUES} where segment = 'all' and channel = 'all' and measured_on <= ?",
        [last_day],
    ).fetchone()
    return row[0] if row else None


def _subjects(kpis: Sequence[_Kpi], through: date | None, limits: KpiLimits) -> list[_Subject]:
    """What there is to compare, each with the KPIs that it is a figure of."""
    alike: dict[tuple[object, ...], list[_Kpi]] = {}
    for kpi in kpis:
        base = kpi.denominator or kpi.numerator
        keys: list[tuple[object, ...]] = [(VOLUME, base)]
        if kpi.denominator is not None:
            keys.append((VALUE, kpi.numerator, base, kpi.unit == "share"))
        for key in keys:
            if limits.of(kpi.kpi_id, str(key[0])).is_on:
                alike.setdefault(key, []).append(kpi)
    found = []
    for (figure, *_), of in alike.items():
        subject = _Subject(str(figure), tuple(of), date.max, date.min)
        measures = [measure for measure in (subject.top, subject.below) if measure is not None]
        begins = [subject.kpi.began_on.get(measure) for measure in measures]
        waits = [subject.kpi.wait_days.get(measure) for measure in measures]
        known_begins = [day for day in begins if day is not None]
        known_waits = [days for days in waits if days is not None]
        if through is None or len(known_begins) < len(begins) or len(known_waits) < len(waits):
            continue  # nothing was measured yet, or a phase without a window never closes
        start = max(*known_begins, through - timedelta(days=DAYS_KEPT - 1))
        last = through - timedelta(days=max(known_waits))
        if start <= last:
            found.append(replace(subject, start=start, through=last))
    return found


def _due(connection: duckdb.DuckDBPyConnection, subjects: Sequence[_Subject]) -> dict[int, list[date]]:
    """By place of the subject the days that have no band yet, or whose figures are others than those of their band."""
    wanted = [
        (number, kpi.kpi_id, one.figure, kpi.denominator is not None, one.start, one.through)
        for number, one in enumerate(subjects)
        for kpi in one.kpis
    ]
    if not wanted:
        return {}
    kinds = ("bigint", "varchar", "varchar", "boolean", "date", "date")
    columns = ", ".join(
        f"unnest(cast(? as {kind}[])) as {name}"
        for kind, name in zip(kinds, ("subject", "kpi_id", "figure", "is_divided", "first_on", "through"), strict=True)
    )
    rows = connection.execute(
        f"""
        with subjects as (select {columns}),

        days as (
            select
                subject, kpi_id, figure, is_divided,
                unnest(cast(generate_series(first_on, through, interval 1 day) as date[])) as measured_on
            from subjects
        ),

        figures as (
            select
                days.*,
                coalesce(
                    if(figure = {literal(VOLUME)} and is_divided, measured.denominator, measured.numerator), 0
                ) as numerator,
                if(figure = {literal(VALUE)}, coalesce(measured.denominator, 0), null) as denominator
            from days
            left join {VALUES} as measured
                on measured.kpi_id = days.kpi_id and measured.measured_on = days.measured_on
                    and measured.segment = 'all' and measured.channel = 'all'
        )

        select figures.subject, list(distinct figures.measured_on)
        from figures
        left join {BANDS} as bands
            on bands.kpi_id = figures.kpi_id and bands.figure = figures.figure and bands.window_days = 1
                and bands.measured_on = figures.measured_on
        where bands.kpi_id is null
            -- a sum of doubles depends on its order
            or abs(bands.numerator - figures.numerator) > 1e-9 * greatest(abs(bands.numerator), abs(figures.numerator))
            or abs(bands.denominator - figures.denominator)
                > 1e-9 * greatest(abs(bands.denominator), abs(figures.denominator))
            or (bands.denominator is null) <> (figures.denominator is null)
        group by figures.subject
        order by figures.subject
        """,
        [list(column) for column in zip(*wanted, strict=True)],
    ).fetchall()
    return {number: sorted(days) for number, days in rows}


def _read_volumes(connection: duckdb.DuckDBPyConnection, subjects: Sequence[_Subject]) -> _Volumes:
    start = min(subject.start for subject in subjects)
    length = (max(subject.through for subject in subjects) - start).days + 1
    rows = {
        kpi_id: rest
        for kpi_id, *rest in connection.execute(
            "select kpi_id, list(measured_on), list(coalesce(numerator, 0)), list(coalesce(denominator, 0)) "
            f"from {VALUES} where segment = 'all' and channel = 'all' and measured_on between ? and ? group by kpi_id",
            [start, start + timedelta(days=length - 1)],
        ).fetchall()
    }
    found: dict[str, Figures] = {}
    for kpi in (kpi for subject in subjects for kpi in subject.kpis):
        days, *figures = rows.get(kpi.kpi_id, ([], [], []))
        for measure, of_measure in zip(kpi.measures, figures, strict=False):
            if measure not in found:
                found[measure] = numpy.zeros(length)
                found[measure][[(day - start).days for day in days]] = of_measure
    return _Volumes(start, found)


def _compare(subject: _Subject, volumes: _Volumes, days: Sequence[date], opened: Sequence[Row]) -> _Found:
    """Compares the days that are due: each by itself for its band, and in the windows that may warn."""
    changed = set(days)
    # what changes of days that were found is looked at as a whole, to be found again or settled
    again = [row for row in opened if any(row["first_on"] <= day <= row["last_on"] for day in changed)]
    for row in again:
        first = max(row["first_on"], subject.start)
        until = min(row["last_on"], subject.through)
        changed |= {first + timedelta(days=number) for number in range((until - first).days + 1)}
    masked = numpy.zeros(subject.length, bool)
    for row in opened:
        if row not in again:
            masked[max(subject.number(row["first_on"]), 0) : max(subject.number(row["last_on"]) + 1, 0)] = True
    numbers = [subject.number(day) for day in sorted(changed)]
    windows = spans_to_compare(numbers)
    drawn = sorted({*windows, *(Span(1, number) for number in numbers)}, key=lambda span: (span.last, span.length))
    top = volumes.of(subject, subject.top)
    if subject.below is not None:
        below = volumes.of(subject, subject.below)
        metric = "share" if subject.kpi.unit == "share" else "ratio"
        table = TableDays(below, {(metric, ""): (top, below)}, masked={(metric, ""): masked}, growth_may_stop=True)
        found, _ = compare_series(table, metric, "", drawn)
        relative: list[Compared] = []
    else:
        masks = {("rows", ""): masked, ("rows_relative", ""): masked}
        table = TableDays(top, {}, masked=masks, of_others=volumes.of_others(subject), growth_may_stop=True)
        found, _ = compare_series(table, "rows", "", drawn)
        relative = compare_series(table, "rows_relative", "", windows)[0] if table.of_others else []
        relative = [one if _has_moved(one) else replace(one, effect=0.0, chance=1.0) for one in relative]
    may_warn = set(windows)
    judged = [*(one for one in found if one.span in may_warn), *relative]
    reopened = frozenset(str(row["anomaly_id"]) for row in again)
    known = {one.span for one in found}
    return _Found(subject, found, judged, drawn, sum(span not in known for span in windows), reopened)


def _has_moved(one: Compared) -> bool:
    """Whether a volume itself moved as it did relative to the others: that only these moved is no warning of it."""
    return math.log(one.after / one.before) * (1 if one.effect > 0 else -1) >= MOVED


# --- what is kept


def _store_bands(
    connection: duckdb.DuckDBPyConnection, found: Sequence[_Found], volumes: _Volumes, *, run_id: str, now: datetime
) -> None:
    """Writes the bands of windows that were looked at, in place of what they were before."""
    rows = [
        {"kpi_id": kpi.kpi_id, **band, "run_id": run_id, "judged_at": plain_utc(now)}
        for one in found
        for band in _bands(one, volumes)
        for kpi in one.subject.kpis
    ]
    names = list(_BAND_COLUMNS)
    columns = ", ".join(f"unnest(cast(? as {kind}[])) as {name}" for name, kind in _BAND_COLUMNS.items())
    connection.execute(
        f"create or replace temp table new_bands as select {columns}",
        [[row[name] for row in rows] for name in names],
    )
    connection.execute(
        f"delete from {BANDS} as bands using new_bands as judged where judged.kpi_id = bands.kpi_id and "
        "judged.figure = bands.figure and judged.window_days = bands.window_days and "
        "judged.measured_on = bands.measured_on"
    )
    connection.execute(f"insert into {BANDS} by name from new_bands order by kpi_id, figure, window_days, measured_on")
    connection.execute("drop table new_bands")


_BAND_COLUMNS = {
    "kpi_id": "varchar",
    "figure": "varchar",
    "run_id": "varchar",
    "window_days": "bigint",
    "actual": "double",
    "numerator": "double",
    "denominator": "double",
    "expected": "double",
    "lower": "double",
    "upper": "double",
    "is_within": "boolean",
    "is_learning": "boolean",
    "measured_on": "date",
    "judged_at": "timestamp",
}


def _bands(found: _Found, volumes: _Volumes) -> Iterator[dict[str, Any]]:
    subject = found.subject
    top = volumes.of(subject, subject.top)
    below = volumes.of(subject, subject.below) if subject.below is not None else None
    by_span = {one.span: one for one in found.drawn}
    for span in found.windows:
        part = slice(max(span.first, 0), span.last + 1)
        numerator = float(top[part].sum())
        denominator = float(below[part].sum()) if below is not None else None
        base = float(span.length) if denominator is None else denominator
        actual = numerator / base if base else None
        one = by_span.get(span)
        expected, lower, upper = one.band(BAND_SHARE) if one is not None else (None, None, None)
        yield {
            "figure": subject.figure,
            "window_days": span.length,
            "actual": actual,
            "numerator": numerator,
            "denominator": denominator,
            "expected": expected,
            "lower": lower,
            "upper": upper,
            "is_within": None if lower is None or upper is None or actual is None else lower <= actual <= upper,
            "is_learning": one is None,
            "measured_on": subject.day(span.last),
        }


def _store_anomalies(
    connection: duckdb.DuckDBPyConnection,
    found: Sequence[_Found],
    volumes: _Volumes,
    limits: KpiLimits,
    redefined: Collection[str],
    *,
    run_id: str,
    now: datetime,
) -> None:
    compared = [(one, comparison) for one in found for comparison in one.judged]
    effects = {
        number: _least_effect(limits, one.subject, comparison) for number, (one, comparison) in enumerate(compared)
    }
    warnings = find_warnings([comparison for _, comparison in compared], effects)
    for one in found:
        mine = [(compared[at][1], chance) for at, chance in warnings.items() if compared[at][0] is one]
        ways = ([pair for pair in mine if (pair[0].effect > 0) == is_up] for is_up in (True, False))
        rows = [
            _anomaly(connection, one.subject, volumes, run, len(compared), limits, redefined)
            for way in ways
            for run in joined(way)
        ]
        store(
            connection,
            ANOMALIES,
            [{**row, "run_id": run_id} for row in rows],
            identity=("kpi_id", "figure"),
            reopened=one.reopened,
            is_like=_is_like,
            now=now,
        )


def _least_effect(limits: KpiLimits, subject: _Subject, one: Compared) -> float:
    set_by_seed = [limits.of(kpi.kpi_id, subject.figure).minimum_effect for kpi in subject.kpis]
    known = [effect for effect in set_by_seed if effect is not None]
    return min(known) if known else {**METRICS, **KPI_METRICS}[one.metric].minimum_effect


def _is_like(row: Row, accepted: float) -> bool:
    is_ratio = row["metric"] in LOGARITHMS
    least = {**METRICS, **KPI_METRICS}[row["metric"]].minimum_effect
    return is_up_to(row["before_value"], row["after_value"], accepted, least, is_ratio=is_ratio)


def _anomaly(
    connection: duckdb.DuckDBPyConnection,
    subject: _Subject,
    volumes: _Volumes,
    run: Sequence[tuple[Compared, float]],
    comparison_count: int,
    limits: KpiLimits,
    redefined: Collection[str],
) -> dict[str, Any]:
    """One state as the ledger keeps it, with the reasons that are known."""
    one, chance, first_number, last_number = strongest_and_days(run)
    first, last = subject.day(max(first_number, 0)), subject.day(last_number)
    kpi = subject.kpi
    anomaly_id = hashlib.sha256(repr([kpi.kpi_id, subject.figure, one.effect > 0, first]).encode()).hexdigest()[:8]
    reasons: dict[str, str] = {}
    if changed := sorted(kpi.kpi_id for kpi in subject.kpis if kpi.kpi_id in redefined):
        reasons["definition"] = f"defined otherwise than in the release before: {', '.join(changed)}"
    if deliveries := _open_deliveries(connection, subject, first, last):
        reasons["delivery"] = "deliveries of these days that wait: " + "; ".join(deliveries)
    if subject.figure == VALUE:
        reasons |= _parts_that_moved(subject, volumes, one.span)
    _, lower, upper = one.band(BAND_SHARE)
    # relative to other volumes nothing of this one alone was expected
    expected = f", expected {_shown(one, lower)} to {_shown(one, upper)}" if one.metric != "rows_relative" else ""
    what = subject.figure if subject.figure == VALUE else f"{subject.top} per day, on which it is measured,"
    others = subject.also_kpi_ids
    when = f"on {first}" if first == last else f"from {first} to {last}"
    message = (
        f"{kpi.kpi_name} ({kpi.kpi_id}{f'; also {others}' if others else ''}): {what} was {_shown(one, one.before)} "
        f"before and is {_shown(one, one.after)} {when}{expected} (chance {chance:.0e} over {comparison_count:,} "
        f"comparisons); {'; '.join(reasons.values()) or 'no reason is known'}.{HOW_TO_ACCEPT}{anomaly_id}"
    )
    return {
        "anomaly_id": anomaly_id,
        "kpi_id": kpi.kpi_id,
        "also_kpi_ids": others,
        "figure": subject.figure,
        "metric": one.metric,
        "reasons": ", ".join(reasons) or None,
        "before_value": one.before,
        "after_value": one.after,
        "chance": chance,
        "comparison_count": comparison_count,
        "query": f"select measured_on, numerator, denominator, value from {VALUES} where kpi_id = "
        f"{literal(kpi.kpi_id)} and channel = 'all' and segment = 'all' and measured_on between "
        f"'{first - timedelta(days=FEEDING_DAYS)}' and '{last}' order by measured_on",
        "message": message,
        "blocks": any(limits.of(kpi.kpi_id, subject.figure).blocks for kpi in subject.kpis),
        "first_on": first,
        "last_on": last,
    }


def _shown(one: Compared, figure: float) -> str:
    if one.metric == "share":
        return f"{figure:.1%}"
    return f"{figure:,.3g}" if abs(figure) < 1000 else f"{figure:,.0f}"


def _parts_that_moved(subject: _Subject, volumes: _Volumes, span: Span) -> dict[str, str]:
    """Of a value, how its numerator and its denominator moved in these days, each by itself."""
    found = {}
    for part, measure in (("numerator", subject.top), ("denominator", subject.below or "")):
        compared, _ = compare_series(TableDays(volumes.of(subject, measure), {}), "rows", "", [span])
        if compared and abs(math.log(compared[0].after / compared[0].before)) >= MOVED:
            times = compared[0].after / compared[0].before
            found[part] = f"its {part} {measure} is {times:,.3g} times what it was"
    return found


def _open_deliveries(connection: duckdb.DuckDBPyConnection, subject: _Subject, first: date, last: date) -> list[str]:
    """Open anomalies of deliveries on these days, of the tables whose rows are counted."""
    opened = [
        row
        for row in open_rows(connection, DELIVERY_ANOMALIES, "source_name, table_name, anomaly_id")
        if row["first_on"] <= last and first <= row["last_on"]
    ]
    if not opened:
        return []
    measures = [measure for measure in (subject.top, subject.below) if measure is not None]
    feeding = {
        table
        for (table,) in connection.execute(
            """
            with counted as (
                select event_id from intermediate.int_measured_events
                where list_contains($measures, measure_id) and measured_on between $first and $last
                union
                select intervals.entry_event_id
                from intermediate.int_measured_intervals as measured
                inner join journeys.fct_phase_intervals as intervals using (interval_id)
                where list_contains($measures, measured.measure_id) and measured.measured_on between $first and $last
                union
                select event_id from intermediate.int_measured_costs
                where list_contains($measures, measure_id) and measured_on between $first and $last
                union
                select event_id from intermediate.int_measured_credits
                where list_contains($measures, measure_id) and measured_on between $first and $last
            )

            select distinct split_part(version_key, ':', 1)
            from intermediate.int_event_versions semi join counted using (event_id)
            union
            select distinct split_part(spend_id, ':', 1)
            from intermediate.int_measured_spend
            where list_contains($measures, measure_id) and measured_on between $first and $last
            """,
            {"measures": measures, "first": first - timedelta(days=FEEDING_DAYS), "last": last},
        ).fetchall()
    }
    # a receipt is put together from lines, and has the name of no landed table
    sources = {table.partition(".")[0] for table in feeding if table.endswith(".baskets")}
    return [
        f"{row['source_name']}.{row['table_name']} ({row['metric']}"
        f"{' of ' + row['column_name'] if row['column_name'] else ''}, ID={row['anomaly_id']})"
        for row in opened
        if f"{row['source_name']}.{row['table_name']}" in feeding or row["source_name"] in sources
    ]
