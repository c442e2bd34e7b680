"""Reads the content of digests from the warehouse: KPIs now and one release before, and their phases."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path

import duckdb

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.digests.month import Month, read_month
from orchestration.lib.digests.recipients import Role
from orchestration.lib.drawing.journey_map import STOPS, WAYS, Row

# So many periods of a KPI are drawn.
PERIODS_DRAWN = 12


@dataclass(frozen=True)
class PhaseFigures:
    """What happened in a phase in a period, whoever had entered when, and how many are stalled in it now."""

    entered_count: int
    ran_out_count: int
    stalled_count: int


@dataclass(frozen=True)
class Past:
    """A period of a KPI. `is_open`: its windows have not closed, so that the value still moves."""

    period_start: date
    value: float | None
    denominator: float | None
    is_open: bool


@dataclass(frozen=True)
class Band:
    """What was expected of a KPI's last days, from the days before them: 99 of 100 ordinary windows are within.

    Of a KPI without a denominator figures are per day (`is_per_day`).
    """

    actual: float
    expected: float
    lower: float
    upper: float
    window_days: int
    measured_on: date
    is_per_day: bool


@dataclass(frozen=True)
class Anomaly:
    """Days of the last period that were unlike those before, as the gate of the marts found it and nobody accepted it.

    `chance` is how likely that is on ordinary days, after correction for all comparisons of the run. `before` and
    `after` are the figure on the days before and on these.
    """

    message: str
    chance: float
    before: float | None = None
    after: float | None = None


@dataclass(frozen=True)
class JourneyMap:
    """Rows of `flows.map_stops` and of the ways between them, lines are channels; the widest way first."""

    stops: Sequence[Row]
    ways: Sequence[Row]


@dataclass(frozen=True)
class Kpi:
    """A row of the scorecard with the names that people know. `previous_status` is None where it had none.

    `status` is that of `status_value`, of the last period whose windows have closed; `value` is the last period's.
    `previous_denominator` is that of `previous_value`, at equal age. `past` are its periods up to the last one, the
    oldest first.
    """

    kpi_id: str
    kpi_name: str
    description: str | None
    journey_id: str | None
    journey_name: str
    phase_id: str | None
    phase_name: str
    tier: str
    direction: str
    unit: str
    value: float | None
    value_ci_lower: float | None
    value_ci_upper: float | None
    denominator: float | None
    target: float | None
    amber_bound: float | None
    status: str
    status_value: float | None
    trend: float | None
    trend_year: float | None
    responsible: str | None
    accountable: str | None
    measured_day_count: int
    period_day_count: int
    period_start: date
    period_end: date
    is_mature: bool
    status_period_start: date | None
    status_period_end: date | None
    compared_at: datetime | None
    linkable_share: float | None
    previous_value: float | None = None
    previous_denominator: float | None = None
    kind: str = ""
    previous_status: str | None = None
    phase: PhaseFigures | None = None
    past: Sequence[Past] = ()
    band: Band | None = None
    anomaly: Anomaly | None = None

    @property
    def has_turned(self) -> bool:
        """Whether it became green or red since the release before."""
        return self.previous_status not in (None, self.status) and self.status in ("green", "red")


@dataclass(frozen=True)
class Figures:
    """All that the digests of one release are about."""

    kpis: Sequence[Kpi]
    roles: Sequence[Role]
    maps: Mapping[str, JourneyMap]
    has_previous: bool
    month: Month = field(default_factory=Month)


def read_figures(warehouse: Path, *, previous: Path | None, today: date, currency: str = "") -> Figures:
    """Reads the KPIs in the order in which people read them: by journey, phase, primary first.

    `previous` is the database of the release before; None before the first. `today` is the day of the clock in the
    reporting time zone, `currency` what money is in.
    """
    statuses = _statuses(previous)
    with open_duckdb(warehouse, read_only=True) as connection:
        roles = [
            Role(*row)
            for row in connection.execute(
                "select kpi_id, role, person, email from config.kpi_roles order by all"
            ).fetchall()
        ]
        phases = _phases(connection)
        rows = connection.execute(SCORECARD).fetchall()
        past, bands, anomalies = _past(connection), _bands(connection), _anomalies(connection)
        maps = _maps(connection, {row[JOURNEY] for row in rows})
        month = read_month(connection, today, currency)
    kpis = []
    for row in rows:
        kpi = Kpi(*row)
        kpis.append(
            replace(
                kpi,
                previous_status=statuses.get(kpi.kpi_id),
                phase=phases.get((kpi.journey_id, kpi.phase_id, kpi.period_start, kpi.period_end)),
                past=past.get(kpi.kpi_id, ()),
                band=_band_of(kpi, bands.get(kpi.kpi_id, ())),
                anomaly=anomalies.get(kpi.kpi_id),
            )
        )
    return Figures(kpis, roles, maps, has_previous=previous is not None, month=month)


SCORECARD = """
    with phases as (
        select journey_id, phase_id, max_by(phase_name, journey_version) as phase_name,
            max_by(phase_order, journey_version) as phase_order
        from config.phases
        group by journey_id, phase_id
    ),

    journeys as (
        select journey_id, max_by(journey_name, journey_version) as journey_name
        from config.journeys
        group by journey_id
    )

    select
        scorecard.kpi_id,
        scorecard.kpi_name,
        kpis.description,
        scorecard.journey_id,
        coalesce(journeys.journey_name, 'All customers'),
        scorecard.phase_id,
        coalesce(phases.phase_name, 'The whole journey'),
        scorecard.tier,
        scorecard.direction,
        scorecard.unit,
        scorecard.value,
        scorecard.value_ci_lower,
        scorecard.value_ci_upper,
        scorecard.denominator,
        scorecard.target,
        scorecard.amber_bound,
        scorecard.status,
        scorecard.status_value,
        scorecard.trend,
        scorecard.trend_year,
        scorecard.responsible,
        scorecard.accountable,
        scorecard.measured_day_count,
        scorecard.period_day_count,
        scorecard.period_start,
        scorecard.period_end,
        scorecard.is_mature,
        scorecard.status_period_start,
        scorecard.status_period_end,
        scorecard.compared_at,
        scorecard.linkable_share,
        scorecard.previous_value,
        scorecard.previous_denominator,
        scorecard.kind
    from kpis.kpi_scorecard as scorecard
    inner join kpis.dim_kpis as kpis
        on kpis.kpi_id = scorecard.kpi_id
    left join phases
        on phases.journey_id = scorecard.journey_id and phases.phase_id = scorecard.phase_id
    left join journeys
        on journeys.journey_id = scorecard.journey_id
    order by
        journeys.journey_name nulls first,
        scorecard.journey_id nulls first,
        phases.phase_order nulls first,
        scorecard.phase_id nulls first,
        scorecard.tier,
        scorecard.kpi_id
"""


# the place of journey_id among the columns of SCORECARD
JOURNEY = 3


def _phases(
    connection: duckdb.DuckDBPyConnection,
) -> Mapping[tuple[str | None, str | None, date, date], PhaseFigures]:
    rows = connection.execute("""
        with periods as (
            select distinct journey_id, phase_id, period_start, period_end
            from kpis.kpi_scorecard
            where phase_id is not null
        ),

        moved as (
            select periods.journey_id, periods.phase_id, periods.period_start, periods.period_end,
                sum(daily.entered_count) as entered_count, sum(daily.left_fell_out_count) as ran_out_count
            from periods
            inner join journeys.agg_phases_daily as daily
                on daily.journey_id = periods.journey_id and daily.phase_id = periods.phase_id
                and daily.measured_on between periods.period_start and periods.period_end
            group by all
        ),

        stalled as (
            select journey_id, phase_id, count(*) as stalled_count
            from journeys.fct_phase_intervals
            where is_stalled
            group by all
        )

        select periods.journey_id, periods.phase_id, periods.period_start, periods.period_end,
            coalesce(moved.entered_count, 0), coalesce(moved.ran_out_count, 0), coalesce(stalled.stalled_count, 0)
        from periods
        left join moved using (journey_id, phase_id, period_start, period_end)
        left join stalled using (journey_id, phase_id)
    """).fetchall()
    return {row[:4]: PhaseFigures(*(int(count) for count in row[4:])) for row in rows}


def _past(connection: duckdb.DuckDBPyConnection) -> dict[str, list[Past]]:
    rows = connection.execute(f"""
        select kpi_id, period_start, value, denominator, not is_mature
        from kpis.fct_kpi_values
        qualify row_number() over (partition by kpi_id order by period_start desc) <= {PERIODS_DRAWN}
        order by kpi_id, period_start
    """).fetchall()
    found: dict[str, list[Past]] = {}
    for kpi_id, *row in rows:
        found.setdefault(kpi_id, []).append(Past(*row))
    return found


def _bands(connection: duckdb.DuckDBPyConnection) -> dict[str, list[Band]]:
    """The bands of the last windows of each length, of the figure that the scorecard shows."""
    rows = connection.execute("""
        select bands.kpi_id, bands.actual, bands.expected, bands.lower, bands.upper, bands.window_days,
            bands.measured_on, bands.figure = 'volume'
        from hygiene.kpi_bands as bands
        inner join kpis.kpi_scorecard as scorecard
            on scorecard.kpi_id = bands.kpi_id
            and bands.measured_on between scorecard.period_start and scorecard.period_end
            and bands.figure = if(scorecard.denominator is null, 'volume', 'value')
        where bands.actual is not null and bands.lower is not null
        qualify row_number() over (
            partition by bands.kpi_id, bands.window_days order by bands.measured_on desc, bands.judged_at desc
        ) = 1
        order by bands.kpi_id, bands.window_days
    """).fetchall()
    found: dict[str, list[Band]] = {}
    for kpi_id, *row in rows:
        found.setdefault(kpi_id, []).append(Band(*row))
    return found


def _band_of(kpi: Kpi, bands: Sequence[Band]) -> Band | None:
    """Of several the one of the longest window that is no longer than the KPI's period (28 days of a month)."""
    fitting = [band for band in bands if band.window_days <= kpi.period_day_count]
    return max(fitting, key=lambda band: band.window_days, default=None)


def _anomalies(connection: duckdb.DuckDBPyConnection) -> dict[str, Anomaly]:
    """By KPI the least likely with days in its last period that nobody accepted; of KPIs with one figure, the same.

    Days after the period are of one that is not complete yet: the scorecard does not show it.
    """
    rows = connection.execute("""
        select scorecard.kpi_id, anomalies.message, anomalies.chance, anomalies.before_value, anomalies.after_value
        from hygiene.kpi_anomalies as anomalies
        inner join kpis.kpi_scorecard as scorecard
            on list_contains(
                string_split(replace(concat_ws(',', anomalies.kpi_id, anomalies.also_kpi_ids), ' ', ''), ','),
                scorecard.kpi_id
            )
            and anomalies.last_on >= scorecard.period_start
            and anomalies.first_on <= scorecard.period_end
            and anomalies.figure = if(scorecard.denominator is null, 'volume', 'value')
        where anomalies.ended_at is null and anomalies.accepted_by is null
        qualify row_number() over (
            partition by scorecard.kpi_id order by anomalies.chance, anomalies.anomaly_id
        ) = 1
    """).fetchall()
    return {kpi_id: Anomaly(*row) for kpi_id, *row in rows}


def _maps(connection: duckdb.DuckDBPyConnection, journeys: Collection[str | None]) -> dict[str, JourneyMap]:
    def ask(sql: str, journey: str) -> list[Row]:
        found = connection.execute(sql, {"journey": journey, "line_type": "channel"})
        columns = [column[0] for column in found.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]

    return {
        journey: JourneyMap(ask(STOPS, journey), ask(WAYS, journey))
        for journey in sorted(one for one in journeys if one is not None)
    }


def _statuses(previous: Path | None) -> dict[str, str]:
    if previous is None or not previous.is_file():
        return {}
    with open_duckdb(previous, read_only=True) as connection:
        try:
            return dict(connection.execute("select kpi_id, status from kpis.kpi_scorecard").fetchall())
        except duckdb.CatalogException:
            # a release from before there was a scorecard has nothing that could have turned
            return {}
