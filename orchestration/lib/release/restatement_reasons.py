"""Says why published figures moved since the release before, from what landed, who moved, and what was redefined.

A reason is noted where the data shows it. Several may hold, and `unexplained` says that none does:

- `late_data`: an event of the figure landed after the release before was built.
- `correction`: an event of the figure that had landed has another version, or came or went: a newer version, a file
  that was withdrawn or restored, a requeue.
- `merge`, `split`: events of the figure went to a customer that several became, or from one that became several.
- `definition`: the code, seeds or settings behind the table are others, or the KPI's measure, or the journey.
- `clock`: intervals of the figure were pending in the release before, and have ended since; of a KPI by level also:
  their instance went on since, and has another level.

Events of a figure are: of a KPI on events those that its measure counts, on the day and channel (of one that counts
customers' second or later events, those of these customers up to the day); of intervals those of the customers whose
intervals of the day and phase differ (of a KPI by level also in the level of their instance), up to the clock of the
release before; of any other table those of the day. Conditions of a measure on what is not published don't count.

Spend has no events: its figures have `late_data` and `correction` from rows of spend of the day, of the channel and
source that the measure asks for. Costs are those of events.

Figures are joined with what is distinct of events, and by equality: a warehouse has millions of both.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from orchestration.lib.core.clock import plain_utc
from orchestration.lib.core.sql import in_list, literal, name
from orchestration.lib.release.ledgers import find_ledger

# In the order in which they are written.
REASONS = ("late_data", "correction", "merge", "split", "definition", "clock")
UNEXPLAINED = "unexplained"
# What a version of an event says, of what is published.
CONTENT = (
    "event_name", "source_system", "channel", "touchpoint", "department", "direction", "device_type", "campaign",
    "amount", "currency", "is_bot", "occurred_at", "loaded_at", "properties",
)  # fmt: skip
# What says whether a measure counts an event, and whose it is.
SIDE = ("customer_id", "event_name", "source_system", "channel", "touchpoint")
# By which a figure's measure counts an event or not.
SHAPE = ("event_name", "source_system", "channel", "touchpoint")
TEMPORARY = (
    "figures",
    "landed",
    "reasoned",
    "event_sides",
    "moves",
    "interval_sides",
    "differing",
    "counted",
    "reasons",
)


@dataclass(frozen=True)
class EventModel:
    """A model whose rows are landed versions of events; `raw` are the raw tables that it is a view on, by the beginning
    of its version keys."""

    relation: str
    raw: Mapping[str, str]


@dataclass(frozen=True)
class ReleaseBefore:
    """The attached release: its clock, the last landing batch of its build (None where it was not noted)."""

    as_of: datetime
    batch: int | None


def event_models(manifest: Mapping[str, Any]) -> list[EventModel]:
    """The models of the project whose rows are events, those of own sources included."""
    found = []
    for node in manifest["nodes"].values():
        if node["resource_type"] == "model" and node["config"].get("meta", {}).get("rows_are") == "events":
            sources = [manifest["sources"][one] for one in node["depends_on"]["nodes"] if one.startswith("source.")]
            raw = {
                f"{source['source_name']}.{source['name']}": name("raw", source["identifier"])
                for source in sources
                if source["schema"] == "raw"
            }
            found.append(EventModel(name(node["schema"], node["alias"]), raw))
    return found


def spend_models(manifest: Mapping[str, Any]) -> list[str]:
    """The models of the project whose rows are spend, those of own sources included, as names in SQL."""
    return [
        name(node["schema"], node["alias"])
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["config"].get("meta", {}).get("rows_are") == "spend"
    ]


def explain_restatements(
    connection: duckdb.DuckDBPyConnection,
    *,
    release_id: str,
    before: ReleaseBefore,
    models: Sequence[EventModel],
    spend: Sequence[str] = (),
    redefined: Collection[str],
    time_zone: str = "UTC",
) -> dict[str, dict[str, int]]:
    """Writes the reasons of a release's restatements into the ledger; returns counts by table and reason.

    The release before is attached (previous_attached), and its restatements are found (find_restatements).
    `redefined` are the scopes of definitions that differ (orchestration.lib.warehouse.definitions). A figure with
    several reasons counts with each.
    """
    ledger = find_ledger("restatements")
    target = name(ledger.schema, ledger.name)
    explaining = _Explaining(connection, before, time_zone)
    try:
        if explaining.read_figures(target, release_id):
            explaining.read_changes(models)
            explaining.note_events()
            explaining.note_moves()
            explaining.note_intervals()
            explaining.note_spend(spend)
            explaining.note_definitions(redefined)
            explaining.write(target)
        return explaining.counts(target, release_id)
    finally:
        for table in TEMPORARY:
            connection.execute(f"drop table if exists temp.restated_{table}")


def _nothing(*texts: str, **others: str) -> str:
    """A query without rows, with these columns of text, and others by type."""
    columns = {**dict.fromkeys(texts, "varchar"), **others}
    return f"select {', '.join(f'null::{kind} as {column}' for column, kind in columns.items())} where false"


@dataclass(frozen=True)
class _Explaining:
    """Restated figures on the way to their reasons. Its tables are temporary, named `restated_…`."""

    connection: duckdb.DuckDBPyConnection
    before: ReleaseBefore
    time_zone: str

    def _make(self, table: str, query: str) -> None:
        self.connection.execute(f"create or replace temp table restated_{table} as {query}")

    def _exists(self, database: str, schema: str, table: str) -> bool:
        # a mart may be a view in the warehouse, and is a table in a release
        row = self.connection.execute(
            "select 1 from information_schema.tables where table_catalog = coalesce(nullif(?, ''), current_database()) "
            "and table_schema = ? and table_name = ?",
            [database, schema, table],
        ).fetchone()
        return row is not None

    def _on(self, instant: str) -> str:
        return f"cast(timezone({literal(self.time_zone)}, timezone('UTC', {instant})) as date)"

    @property
    def _until(self) -> str:
        return f"timestamp {literal(plain_utc(self.before.as_of).isoformat(sep=' '))}"

    def read_figures(self, target: str, release_id: str) -> bool:
        """The figures, each with the measure of its KPI; False without any."""
        self._make(
            "figures",
            f"""
            select
                restatements.rowid as figure,
                table_schema || '.' || table_name as label,
                measure,
                measured_on,
                key ->> '$.kpi_id' as kpi_id,
                key ->> '$.channel' as channel,
                key ->> '$.spend_id' as spend_id,
                key ->> '$.event_name' as event_name,
                coalesce(measures.journey_id, key ->> '$.journey_id') as journey_id,
                coalesce(measures.phase_id, key ->> '$.phase_id') as phase_id,
                case
                    when measures.subject in ('costs', 'conversions', 'credits') then 'events'
                    when measures.measure_id is not null then measures.subject
                    when table_schema = 'attribution' and table_name = 'fct_spend_daily' then 'spend'
                    when (key ->> '$.kpi_id') is not null then 'unknown'
                    when (key ->> '$.journey_id') is not null then 'intervals'
                    else 'events'
                end as subject,
                measures.event_name as of_event_name,
                measures.source_system as of_source_system,
                measures.channel as of_channel,
                measures.touchpoint as of_touchpoint,
                measures.level as of_level,
                measures.occurrence is not null as is_of_some,
                measures.occurrence is not null or coalesce(measures.aggregation = 'distinct_customers', false)
                    as is_of_customers
            from {target} as restatements
            left join config.kpis as kpis on kpis.kpi_id = key ->> '$.kpi_id'
            left join config.measures as measures
                on measures.measure_id = case restatements.measure
                    when 'numerator' then kpis.numerator_measure_id
                    when 'denominator' then kpis.denominator_measure_id
                end
            where release_id = {literal(release_id)}
            """,
        )
        self._make("reasons", "select null::bigint as figure, null::varchar as reason where false")
        return bool(self.connection.execute("select 1 from restated_figures limit 1").fetchone())

    def read_changes(self, models: Sequence[EventModel]) -> None:
        """What landed since the release before, of events that differ from it; and who owns other events."""
        self._read_landed(models)
        if not all(self._exists(database, "core", "fct_events") for database in ("", "previous")):
            self._make("reasoned", _nothing("event_id", "reason"))
            self._make("event_sides", _nothing("event_id", *SIDE, occurred_at="timestamp", occurred_on="date"))
            times = {"occurred_at": "timestamp", "occurred_on": "date"}
            self._make("moves", _nothing("event_id", *SIDE, "former_id", "reason", **times))
            return
        sides = " union all ".join(
            f"select {literal(side)} as side, event_id, row({', '.join(CONTENT)}) as content "
            f"from {place}core.fct_events semi join restated_landed using (event_id)"
            for side, place in (("before", "previous."), ("now", ""))
        )
        self._make(
            "reasoned",
            f"""
            with events as (
                select
                    event_id,
                    count_if(side = 'before') > 0 as was_there,
                    count_if(side = 'now') > 0 as is_there,
                    count(distinct content) > 1 as differs
                from ({sides})
                group by event_id
            )

            select
                event_id,
                case when is_there and not was_there and not is_known_before then 'late_data' else 'correction' end
                    as reason
            from events
            inner join restated_landed using (event_id)
            where was_there <> is_there or differs
            """,
        )
        self._make(
            "event_sides",
            " union all ".join(
                f"select event_id, {', '.join(SIDE)}, occurred_at, {self._on('occurred_at')} as occurred_on "
                f"from {place}core.fct_events semi join restated_reasoned using (event_id) "
                "where not is_bot and not is_after_as_of"
                for place in ("previous.", "")
            ),
        )
        self._make("moves", self._moves())

    def _read_landed(self, models: Sequence[EventModel]) -> None:
        """Events of which rows landed or changed since, and whether one of these rows had landed before."""
        self._make("landed", "select null::varchar as event_id, false as is_known_before where false")
        batch = self.before.batch
        if batch is None:
            return
        landed_until = self._landed_until(batch)
        for model in models:
            self.connection.execute(
                f"""
                insert into restated_landed
                select event_id, min(loaded_at) <= {landed_until}
                from {model.relation}
                semi join (select distinct event_id from {model.relation} where changed_in > {batch}) as changed
                    using (event_id)
                where row_status <> 'duplicate' or changed_in <= {batch}
                group by event_id
                """
            )
            for begins, raw in model.raw.items():
                # rows of a requeue keep the batch of their file
                self.connection.execute(
                    f"""
                    update restated_landed set is_known_before = true
                    where not is_known_before and event_id in (
                        select event_id from {model.relation}
                        where version_key in (
                            select {literal(begins + ":")} || _row_key || '#' || _row_hash from {raw}
                            where _changed_in > {batch} and _batch <= {batch}
                        )
                    )
                    """
                )

    def _landed_until(self, batch: int) -> str:
        """When the release before had landed what it was built from, as SQL."""
        row = self.connection.execute(
            "select max(finished_at) from landing.batches where batch <= ?", [batch]
        ).fetchone()
        return f"timestamp {literal(row[0])}" if row and row[0] else "timestamp '0001-01-01'"

    def note_spend(self, models: Sequence[str]) -> None:
        """Rows of spend that landed since, and rows that had landed and have another version, or came or went."""
        batch = self.before.batch
        if batch is None:
            return
        known = f"min(min(loaded_at)) over (partition by record_key) <= {self._landed_until(batch)}"
        for relation in models:
            self._note(f"""
                with changed as (
                    select
                        record_key,
                        source_system,
                        spent_on,
                        coalesce(channel, '(none)') as channel,
                        case when {known} then 'correction' else 'late_data' end as reason
                    from {relation}
                    where record_key in (select record_key from {relation} where changed_in > {batch})
                    group by record_key, source_system, spent_on, channel
                )

                select figures.figure, changed.reason
                from restated_figures as figures
                inner join changed on changed.spent_on = figures.measured_on
                where
                    figures.subject = 'spend'
                    and (figures.spend_id is null or figures.spend_id = changed.record_key)
                    and (figures.of_source_system is null or figures.of_source_system = changed.source_system)
                    and (figures.of_channel is null or figures.of_channel = changed.channel)
                    and (figures.channel is null or figures.channel in ('all', changed.channel))
            """)

    def _moves(self) -> str:
        """Events that have another owner, where that is more than a new name of the same customer."""
        return f"""
            with moved as (
                select
                    events.event_id, events.event_name, events.source_system, events.channel, events.touchpoint,
                    events.occurred_at, {self._on("events.occurred_at")} as occurred_on,
                    former.customer_id as former_id, events.customer_id
                from previous.core.fct_events as former
                inner join core.fct_events as events using (event_id)
                where former.customer_id <> events.customer_id and not events.is_bot and not events.is_after_as_of
            ),

            owners as (
                select former.customer_id as former_id, events.customer_id
                from previous.core.fct_events as former
                inner join core.fct_events as events using (event_id)
                where
                    former.customer_id in (select former_id from moved)
                    or events.customer_id in (select customer_id from moved)
                group by all
            ),

            merged as (select customer_id from owners group by customer_id having count(*) > 1),

            split as (select former_id from owners group by former_id having count(*) > 1)

            select *, 'merge' as reason from moved where customer_id in (select customer_id from merged)
            union all
            select *, 'split' from moved where former_id in (select former_id from split)
        """

    @staticmethod
    def _is_measured(events: str) -> str:
        """Whether a figure's measure counts an event, by the conditions whose columns are published."""
        channel = f"coalesce({events}.channel, '(none)')"
        return f"""
            (figures.of_event_name is null or figures.of_event_name = {events}.event_name)
            and (figures.of_source_system is null or figures.of_source_system = {events}.source_system)
            and (figures.of_channel is null or figures.of_channel = {channel})
            and (figures.of_touchpoint is null or figures.of_touchpoint = {events}.touchpoint)
            and (figures.event_name is null or figures.event_name = {events}.event_name)
            and (figures.channel is null or figures.channel = 'all'
                or figures.channel = if({channel} = 'all', '(all)', {channel}))
        """

    def _note(self, query: str) -> None:
        self.connection.execute(f"insert into restated_reasons select distinct * from ({query})")

    def note_events(self) -> None:
        """Late and corrected events of the day; of who comes again, of the customers up to the day."""
        self._make_counted()
        self._note_by_day("""
            select events.*, reasoned.reason
            from restated_event_sides as events
            inner join restated_reasoned as reasoned using (event_id)
        """)
        self._note_by_customer("""
            select events.*, reasoned.reason
            from restated_event_sides as events
            inner join restated_reasoned as reasoned using (event_id)
        """)

    def note_moves(self) -> None:
        """Customers that were merged or split, where a figure counts customers."""
        self._note_by_day("select * from restated_moves", "figures.is_of_customers")
        self._note_by_customer("""
            select * from restated_moves
            union all
            select * replace (former_id as customer_id) from restated_moves
        """)

    def _note_by_day(self, events: str, condition: str = "true") -> None:
        """Reasons of events on the day, of all figures but those of second or later events."""
        self._note(f"""
            with events as (select distinct occurred_on, {", ".join(SHAPE)}, reason from ({events}))

            select figures.figure, events.reason
            from restated_figures as figures
            inner join events
                on events.occurred_on = figures.measured_on and {self._is_measured("events")}
            where figures.subject = 'events' and not coalesce(figures.is_of_some, false) and {condition}
        """)

    def _note_by_customer(self, events: str) -> None:
        """Reasons of events of those customers who are counted for coming again, up to the day."""
        self._note(f"""
            with events as (
                select customer_id, {", ".join(SHAPE)}, reason, min(occurred_on) as occurred_on
                from ({events})
                group by all
            )

            select figures.figure, events.reason
            from restated_counted as figures
            inner join events
                on events.customer_id = figures.customer_id and events.occurred_on <= figures.measured_on
                    and {self._is_measured("events")}
        """)

    def _make_counted(self) -> None:
        """Figures that count second or later events, by customer with such an event on the day, on either side.

        They are whole rows: joined with the figures again, these may be joined with all events by their day first.
        """
        places = [place for place in ("", "previous.") if self._exists(place.rstrip("."), "core", "fct_events")]
        events = " union ".join(
            f"select {self._on('occurred_at')} as occurred_on, customer_id, {', '.join(SHAPE)} "
            f"from {place}core.fct_events where {self._on('occurred_at')} in "
            "(select measured_on from restated_figures where subject = 'events' and is_of_some)"
            for place in places
        )
        self._make(
            "counted",
            f"""
            select distinct figures.*, events.customer_id
            from restated_figures as figures
            inner join ({events or _nothing("customer_id", *SHAPE, occurred_on="date")}) as events
                on events.occurred_on = figures.measured_on and {self._is_measured("events")}
            where figures.subject = 'events' and figures.is_of_some
            """,
        )

    def note_intervals(self) -> None:
        """What befell the customers whose intervals of the day differ, and intervals that time ended."""
        is_asked = self.connection.execute(
            "select 1 from restated_figures where subject = 'intervals' limit 1"
        ).fetchone()
        if not is_asked or not all(
            self._exists(database, "journeys", "fct_phase_intervals") for database in ("", "previous")
        ):
            return
        has_levels = all(self._exists(database, "journeys", "fct_journeys") for database in ("", "previous"))
        self._make_differing(has_levels)
        self._note(f"""
            with events as (
                select distinct events.customer_id, reasoned.reason
                from restated_event_sides as events
                inner join restated_reasoned as reasoned using (event_id)
                where events.occurred_at <= {self._until}
            )

            select differing.figure, events.reason
            from restated_differing as differing
            inner join events using (customer_id)
            where differing.is_of_level
        """)
        self._note("""
            with moves as (
                select customer_id, reason from restated_moves
                union
                select former_id, reason from restated_moves
            )

            select differing.figure, moves.reason
            from restated_differing as differing
            inner join moves using (customer_id)
            where differing.is_of_level
        """)
        both = """
            from restated_differing as ended
            inner join restated_differing as pending
                on pending.figure = ended.figure and pending.journey_id = ended.journey_id
                    and pending.phase_id = ended.phase_id and pending.customer_id = ended.customer_id
                    and pending.entered_at = ended.entered_at
        """
        self._note(f"""
            select ended.figure, 'clock'
            {both}
            where pending.side = 'before' and pending.outcome = 'pending'
                and ended.side = 'now' and ended.outcome <> 'pending' and ended.left_at > {self._until}
                and (pending.is_of_level or ended.is_of_level)
        """)
        if has_levels:
            self._note(f"""
                select ended.figure, 'clock'
                {both}
                inner join journeys.fct_journeys as instances
                    on instances.customer_id = ended.customer_id and instances.journey_id = ended.journey_id
                        and instances.level = ended.level
                where pending.side = 'before' and ended.side = 'now' and pending.level <> ended.level
                    and instances.started_at <= ended.entered_at and instances.last_step_at > {self._until}
                    and (pending.is_of_level or ended.is_of_level)
            """)

    def _make_differing(self, has_levels: bool) -> None:
        """Intervals that differ, on either side, with the figures of their day; with the level where a figure asks."""
        columns = [
            f"intervals.{column}"
            for column in ("journey_id", "phase_id", "customer_id", "entry_channel", "outcome", "entered_at", "left_at")
        ]
        arms = []
        for is_by_level in (False, True) if has_levels else (False,):
            here, there = (
                f"select {', '.join(columns)}, {'instances.level' if is_by_level else 'null::varchar as level'} "
                f"from {place}journeys.fct_phase_intervals as intervals"
                + (
                    f" left join {place}journeys.fct_journeys as instances using (journey_instance_id)"
                    if is_by_level
                    else ""
                )
                for place in ("", "previous.")
            )
            arms += [
                f"select 'now' as side, {is_by_level} as is_by_level, * from ({here} except all {there})",
                f"select 'before', {is_by_level}, * from ({there} except all {here})",
            ]
        self._make("interval_sides", " union all ".join(arms))
        by_level = "figures.of_level is not null" if has_levels else "false"
        self._make(
            "differing",
            f"""
            select distinct
                figures.figure, intervals.side, intervals.journey_id, intervals.phase_id, intervals.customer_id,
                intervals.outcome, intervals.entered_at, intervals.left_at, intervals.level,
                not intervals.is_by_level or coalesce(intervals.level = figures.of_level, false) as is_of_level
            from restated_figures as figures
            inner join restated_interval_sides as intervals
                on {self._on("intervals.entered_at")} = figures.measured_on
                    and intervals.journey_id = figures.journey_id
                    and intervals.is_by_level = ({by_level})
                    and (figures.phase_id is null or intervals.phase_id = figures.phase_id)
                    and (figures.channel is null or figures.channel = 'all' or figures.channel
                        = if(intervals.entry_channel = 'all', '(all)', coalesce(intervals.entry_channel, '(none)')))
            where figures.subject = 'intervals'
            """,
        )

    def note_definitions(self, redefined: Collection[str]) -> None:
        scopes = in_list(sorted(redefined))
        self._note(f"""
            select figure, 'definition'
            from restated_figures
            where 'table ' || label in {scopes}
                or 'kpi ' || kpi_id || ' ' || measure in {scopes}
                or (kpi_id is null and 'journey ' || journey_id in {scopes})
        """)

    def write(self, target: str) -> None:
        order = "[" + ", ".join(literal(reason) for reason in REASONS) + "]"
        self.connection.execute(f"""
            update {target} as restatements set reasons = coalesce(found.reasons, {literal(UNEXPLAINED)})
            from (
                select
                    figures.figure,
                    string_agg(reason, ', ' order by list_position({order}, reason)) as reasons
                from restated_figures as figures
                left join (select distinct * from restated_reasons) using (figure)
                group by figures.figure
            ) as found
            where restatements.rowid = found.figure
        """)

    def counts(self, target: str, release_id: str) -> dict[str, dict[str, int]]:
        rows = self.connection.execute(
            "select label, reason, count(*) from (select table_schema || '.' || table_name as label, "
            f"unnest(string_split(reasons, ', ')) as reason from {target} where release_id = ?) group by all",
            [release_id],
        ).fetchall()
        found: dict[str, dict[str, int]] = {}
        for label, reason, count in sorted(rows, key=lambda row: (*REASONS, UNEXPLAINED).index(row[1])):
            found.setdefault(label, {})[reason] = count
        return found
