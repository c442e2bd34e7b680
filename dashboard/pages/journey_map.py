"""Journey map: the subway map with its volumes, and who takes a way more often than others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from dashboard import words
from dashboard.draw import drawing, key, switch
from dashboard.figure import Figure, Page
from dashboard.filters import ALL
from dashboard.names import channel_names, phase_names
from dashboard.release import Table
from dashboard.view import View
from orchestration.lib.drawing.flow_diagram import Flow, draw_flows
from orchestration.lib.drawing.journey_map import STOPS, WAYS, main_part, most_lost
from orchestration.lib.drawing.palette import LOSS_BOUNDS, MOOD_BOUNDS
from orchestration.lib.drawing.subway_map import Labels, Stop, Way, draw_subway_map

PAGE = Page(
    name="map",
    title="Journey map",
    about=(
        "Which ways customers take through channels and phases, and where they are lost on them. Click a stop or a way."
    ),
    order=20,
    takes=("journey", "version", "since", "until", "segment", "channel", "level"),
)


# The same from steps, for filters that the map's tables don't have. Places of stops are the map's. Instances and
# customers have numbers: sorting and counting by these takes half as long as by ids, which are texts.
FILTERED = """
with instances as ({instances}),
numbered as (
    select journey_instance_id, outcome, row_number() over (order by journey_instance_id) as instance_number,
        dense_rank() over (order by customer_id) as customer_number
    from instances
),
visits as (
    select
        numbered.instance_number, numbered.customer_number, coalesce(steps.channel, '(none)') as line, steps.phase_id,
        steps.step_number, steps.pause_seconds, numbered.outcome,
        lead(coalesce(steps.channel, '(none)')) over next_step as next_line,
        lead(steps.phase_id) over next_step as next_phase_id
    from journeys.fct_steps as steps
    inner join numbered on numbered.journey_instance_id = steps.journey_instance_id
    window next_step as (partition by numbered.instance_number order by steps.step_number)
)
"""
FILTERED_STOPS = (
    FILTERED
    + """
select line, phase_id, count(*) as visit_count, count(distinct instance_number) as instance_count,
    count_if(next_phase_id is null and outcome = 'fell_out') as drop_off_count,
    percentile_disc(0.5) within group (order by pause_seconds) as median_pause_seconds,
    count(distinct customer_number) as customers
from visits group by line, phase_id
"""
)
FILTERED_WAYS = (
    FILTERED
    + """
, moves as (
    select *, row_number() over (partition by instance_number order by step_number desc) = 1 as is_last
    from visits where next_phase_id is not null and (line <> next_line or phase_id <> next_phase_id)
)
select line, phase_id, next_line, next_phase_id, count(*) as volume_count,
    count_if(is_last and outcome = 'fell_out') as drop_off_count,
    percentile_disc(0.5) within group (order by pause_seconds) as median_delay_seconds,
    count(distinct customer_number) as customers
from moves group by all
"""
)


@PAGE.question("map", "Which ways do customers take, and where do they drop off?", is_wide=True)
def subway_map(view: View) -> Figure:
    is_filtered = bool(view.filters.address(journey=""))
    line_type = "segment" if view.extra.get("lines") == "segment" and not is_filtered else "channel"
    shows_all = view.extra.get("show") == "all"
    colours_mood = view.extra.get("colour") == "mood" and not is_filtered
    if is_filtered:
        stops, ways = _filtered(view)
    else:
        stops = view.ask(STOPS, line_type=line_type).dicts
        ways = view.ask(WAYS, line_type=line_type).dicts
    if not sum(row["visit_count"] or 0 for row in stops):
        return Figure(empty="Nobody took a step of this journey with these filters.")
    part = main_part(stops, ways, shows_all=shows_all)
    by_id = {row["stop_id"]: row for row in stops}
    by_way = {(row["from_stop_id"], row["to_stop_id"]): row for row in ways}

    def of_stop(stop: Stop) -> str:
        return _label(f"{stop.line_name}, {stop.phase_name}", by_id[stop.stop_id], "visit_count", "steps", "pause")

    def of_way(way: Way, start: Stop, end: Stop) -> str:
        where = f"{start.line_name}, {start.phase_name} → {end.line_name}, {end.phase_name}"
        return _label(where, by_way[way.from_stop_id, way.to_stop_id], "volume_count", "moves", "delay")

    def address(**changes: str) -> str:
        return view.address(**(view.kept("lines", "show", "colour", "at") | changes))

    svg = draw_subway_map(
        part.drawn_stops,
        part.drawn_ways,
        Labels(
            of_stop,
            of_way,
            lambda stop: address(at=stop.stop_id) + "#who",
            lambda way: address(at=f"{way.from_stop_id}~{way.to_stop_id}") + "#who",
        ),
        title="Subway map of the journey",
        colours_mood=colours_mood,
        chosen=view.extra.get("at"),
    )
    hidden = []
    if len(part.ways) < len(ways):
        share = words.percent(part.volume / part.all_volume if part.all_volume else None)
        hidden.append(
            f"Shown are the {len(part.ways)} widest of {len(ways)} ways, {share} of {part.all_volume:,} moves; the CSV"
            " has all."
            if part.ways
            else f"All {len(ways)} ways lead from or to lines that are left out; “Show: all” and the CSV have them."
        )
    if part.left_out_line_count:
        hidden.append(f"{part.left_out_line_count} lines with less traffic are left out.")
    switches = [("Show:", (("main ways", address(show=""), not shows_all), ("all", address(show="all"), shows_all)))]
    # the tables with segments as lines and with moods have no filter
    if not is_filtered:
        switches = [
            (
                "Lines:",
                (
                    ("channels", address(lines="", at=""), line_type == "channel"),
                    ("segments", address(lines="segment", at=""), line_type == "segment"),
                ),
            ),
            (
                "Colour:",
                (("loss", address(colour=""), not colours_mood), ("mood", address(colour="mood"), colours_mood)),
            ),
            *switches,
        ]
    body = (
        Markup('<div class="switches">{}</div>').format(
            Markup("").join(switch(label, options) for label, options in switches)
        )
        + key(_key(colours_mood))
        + drawing(svg, "Subway map; scrolls sideways")
    )
    return Figure(
        answer=most_lost(stops, ways, words.percent),
        body=body,
        table=_shown_ways(ways, by_id),
        counted=f"{part.all_volume:,} moves between stops",
        unit="width: moves; size of a stop: steps there",
        notes=(
            " ".join(hidden),
            (
                "Loss of a way: the share of its moves that were the last change of stop of an instance that then fell"
                " out. It does not say that the way is the cause."
                if not colours_mood
                else (
                    "Mood: the mean score of the answers given at the stop or moved to, 0 worst to 1; grey with too few"
                    " answers."
                )
            ),
            *(("Segments overlap, and a customer is on the line of each.",) if line_type == "segment" else ()),
        ),
    )


def _filtered(view: View) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Stops and ways of the chosen instances, at the places of the map."""
    places: dict[tuple[str, str], Mapping[str, Any]] = {
        (row["line"], row["phase_id"]): row
        for row in view.release.ask(STOPS, {"journey": view.filters.journey, "line_type": "channel"})
    }
    visits = {(row["line"], row["phase_id"]): row for row in view.ask_by_group(FILTERED_STOPS, ("line", "phase_id"))}
    none = dict.fromkeys(("visit_count", "instance_count", "drop_off_count", "customers"), 0) | {
        "median_pause_seconds": None
    }
    hidden = set(view.hidden)
    unknown: Mapping[str, Any] = dict.fromkeys(none)
    stops = []
    for where, place in places.items():
        row: Mapping[str, Any] = unknown if where in hidden else visits.get(where, none)
        instances = row["instance_count"]
        share = row["drop_off_count"] / instances if instances else None
        stops.append({**place, **row, "drop_off_share": share, "mood": None, "answer_count": 0})
    ways = []
    for row in view.ask_by_group(FILTERED_WAYS, ("line", "phase_id", "next_line", "next_phase_id")):
        start, end = places.get((row["line"], row["phase_id"])), places.get((row["next_line"], row["next_phase_id"]))
        if start is not None and end is not None:
            ways.append(
                {
                    **row,
                    "from_stop_id": start["stop_id"],
                    "to_stop_id": end["stop_id"],
                    "drop_off_share": row["drop_off_count"] / row["volume_count"],
                    "mood": None,
                    "answer_count": 0,
                }
            )
    return stops, sorted(ways, key=lambda way: (-way["volume_count"], way["from_stop_id"], way["to_stop_id"]))


def _label(where: str, row: dict[str, Any] | Any, count: str, what: str, delay: str) -> str:
    if row[count] is None:
        return f"{where}; too few customers of the segment to show"
    parts = [where, f"{row[count]:,} {what}"]
    if row["drop_off_share"] is not None:
        parts.append(f"{words.percent(row['drop_off_share'])} fell out after it")
    if row[f"median_{delay}_seconds"] is not None:
        parts.append(f"median {delay} {words.duration(row[f'median_{delay}_seconds'])}")
    if row["mood"] is not None:
        parts.append(f"mood {row['mood']:.2f} ({row['answer_count']:,} answers)")
    return "; ".join(parts)


def _key(colours_mood: bool) -> list[tuple[str, str]]:
    if colours_mood:
        return [
            ("mood0", f"below {MOOD_BOUNDS[0]:.2f}"),
            *((f"mood{n}", f"{MOOD_BOUNDS[n - 1]:.2f} to {MOOD_BOUNDS[n]:.2f}") for n in (1, 2, 3)),
            ("mood4", f"{MOOD_BOUNDS[3]:.2f} and more"),
            ("none", "too few answers"),
        ]
    low, *_, high = LOSS_BOUNDS
    return [
        ("loss0", f"below {words.percent(low)} lost"),
        *(
            (f"loss{n}", f"{words.percent(LOSS_BOUNDS[n - 1])} to {words.percent(LOSS_BOUNDS[n])}")
            for n in range(1, len(LOSS_BOUNDS))
        ),
        ("loss4", f"{words.percent(high)} and more"),
    ]


def _shown_ways(ways: list[Any], by_id: dict[str, Any]) -> Table:
    columns = (
        "from_line",
        "from_phase",
        "to_line",
        "to_phase",
        "moves",
        "lost",
        "lost_share",
        "median_delay_seconds",
        "mood",
    )
    return Table(
        columns,
        [
            (
                by_id[row["from_stop_id"]]["line_name"],
                by_id[row["from_stop_id"]]["phase_name"],
                by_id[row["to_stop_id"]]["line_name"],
                by_id[row["to_stop_id"]]["phase_name"],
                row["volume_count"],
                row["drop_off_count"],
                row["drop_off_share"],
                row["median_delay_seconds"],
                row["mood"],
            )
            for row in ways
        ],
    )


# Instances with the stop, or with the way: by each kind of group, how many of its instances have it. A moved stop may
# be of another line or phase; a way is two steps in a row.
WHO = """
with instances as ({instances}),
of_journey as (
    select *, row_number() over (order by journey_instance_id) as instance_number,
        dense_rank() over (order by customer_id) as customer_number
    from instances
),
steps as (
    select
        of_journey.instance_number, steps.event_id, steps.channel, steps.phase_id,
        lead(steps.channel) over next_step as next_channel,
        lead(steps.phase_id) over next_step as next_phase_id
    from journeys.fct_steps as steps
    inner join of_journey on of_journey.journey_instance_id = steps.journey_instance_id
    window next_step as (partition by of_journey.instance_number order by steps.step_number)
),
taken as (
    select distinct instance_number from steps
    where coalesce(channel, '(none)') = $from_line and phase_id = $from_phase
        and ($to_line is null or (coalesce(next_channel, '(none)') = $to_line and next_phase_id = $to_phase))
),
device_counts as (
    select steps.instance_number, events.device_type, count(*) as step_count
    from steps inner join core.fct_events as events on events.event_id = steps.event_id
    where events.device_type is not null
    group by steps.instance_number, events.device_type
),
-- of two with as many steps the same one each time
devices as (
    select instance_number, max_by(device_type, {'steps': step_count, 'name': device_type}) as device_type
    from device_counts group by instance_number
),
groups as (
    select 'segment' as kind, members.segment as name, of_journey.instance_number, of_journey.customer_number
    from of_journey inner join customers.segment_members as members on members.customer_id = of_journey.customer_id
    union all
    select 'level', level, instance_number, customer_number from of_journey where level is not null
    union all
    select distinct 'channel', coalesce(steps.channel, '(none)'), of_journey.instance_number, of_journey.customer_number
    from of_journey inner join steps on steps.instance_number = of_journey.instance_number
    union all
    select 'device', devices.device_type, of_journey.instance_number, of_journey.customer_number
    from of_journey inner join devices on devices.instance_number = of_journey.instance_number
),
totals as (
    select count(*) as instances, count(taken.instance_number) as takers,
        count(distinct of_journey.customer_number) as customers,
        count(distinct case when taken.instance_number is not null then of_journey.customer_number end)
            as taking_customers
    from of_journey left join taken on taken.instance_number = of_journey.instance_number
)
select
    groups.kind, groups.name,
    count(*) as instances, count(distinct groups.customer_number) as customers,
    count(taken.instance_number) as takes_it,
    count(distinct case when taken.instance_number is not null then groups.customer_number end) as taking_customers,
    any_value(totals.instances) - count(*) as other_instances,
    any_value(totals.takers) - count(taken.instance_number) as others_take_it,
    any_value(totals.customers) as all_customers,
    any_value(totals.taking_customers) as all_taking_customers
from groups
cross join totals
left join taken on taken.instance_number = groups.instance_number
group by groups.kind, groups.name
order by groups.kind, groups.name
"""
TOTALS = """
with of_journey as ({instances})
select count(*) as instances from of_journey
"""
KINDS = (
    ("segment", "Segments"),
    ("channel", "Instances that touch the channel"),
    ("level", "Levels"),
    ("device", "Devices"),
)


@PAGE.question("who", "Who takes this way more often than others?", is_wide=True)
def who(view: View) -> Figure:
    asked = view.extra.get("at", "")
    if not asked:
        return Figure(
            empty="Click a stop or a way on the map: its share by segment, channel, level and device appears here."
        )
    stops = {row["stop_id"]: row for row in view.release.ask("from flows.map_stops")}
    start_id, _, end_id = asked.partition("~")
    if start_id not in stops or (end_id and end_id not in stops):
        return Figure(empty="This release has no such stop. Click another on the map.")
    start, end = stops[start_id], stops.get(end_id)
    if start["journey_id"] != view.filters.journey:
        return Figure(empty="This stop is of another journey. Click one on the map.")
    if start["line_type"] == "segment":
        return Figure(
            empty="Lines of segments have no such comparison: choose channels as lines, and click a stop or a way."
        )
    found = view.ask_by_group(
        WHO,
        ("kind", "name"),
        from_line=start["line"],
        from_phase=start["phase_id"],
        to_line=end["line"] if end else None,
        to_phase=end["phase_id"] if end else None,
    )
    where = f"{start['line_name']} in {start['phase_name']}"
    if end:
        where += f", then {end['line_name']} in {end['phase_name']}"
    kept = []
    for row in found:
        # those of a segment who have it and those outside who do are few people, too
        is_about_people = row["kind"] == "segment" or view.filters.segment != ALL
        few = (
            view.is_few(row["customers"]),
            view.is_few(row["all_customers"] - row["customers"], none_is_few=False),
            view.is_few(row["taking_customers"], none_is_few=False),
            view.is_few(row["all_taking_customers"] - row["taking_customers"], none_is_few=False),
        )
        if is_about_people and any(few):
            view.suppressed_count += 1
        else:
            kept.append(row)
    names = channel_names(view) | {
        row["segment"]: row["segment_name"] for row in view.look_up("from customers.dim_segments")
    }
    rows, table = [], []
    largest = max((row["takes_it"] / row["instances"] for row in kept if row["instances"]), default=0) or 1
    for kind, title in KINDS:
        of_kind = [row for row in kept if row["kind"] == kind]
        if not of_kind:
            continue
        rows.append(Markup('<tr class="group"><th colspan="5" scope="colgroup">{}</th></tr>').format(title))
        for row in sorted(of_kind, key=lambda row: -row["takes_it"] / max(row["instances"], 1)):
            share = row["takes_it"] / row["instances"]
            low_high = words.interval(row["takes_it"], row["instances"])
            others = words.interval(row["others_take_it"], row["other_instances"])
            other_share = row["others_take_it"] / row["other_instances"] if row["other_instances"] else None
            differs = low_high and others and (low_high[0] > others[1] or low_high[1] < others[0])
            verdict = (
                ("more often" if share > (other_share or 0) else "less often") if differs else "no clear difference"
            )
            name = names.get(row["name"], row["name"])
            rows.append(
                Markup(
                    '<tr><th scope="row">{}</th><td class="n">{}<div class="sub">{}</div></td><td style="width:22%">'
                    '<div class="bar"><i style="width:{:.1f}%;background:var(--accent)"></i></div></td>'
                    '<td class="n">{}<div class="sub">{}</div></td><td>{}</td></tr>'
                ).format(
                    name,
                    words.percent(share),
                    f"{words.between(*low_high)}, of {row['instances']:,}" if low_high else "",
                    100 * share / largest,
                    words.percent(other_share),
                    f"of {row['other_instances']:,}",
                    verdict,
                )
            )
            table.append(
                (
                    kind,
                    name,
                    row["instances"],
                    row["takes_it"],
                    share,
                    *(low_high or (None, None)),
                    row["other_instances"],
                    row["others_take_it"],
                    other_share,
                )
            )
    if not rows:
        return Figure(empty="No group is large enough to be shown.")
    totals = next((row for row in kept if row["kind"] == "level"), None)
    all_taken = totals["takes_it"] + totals["others_take_it"] if totals else 0
    all_count = totals["instances"] + totals["other_instances"] if totals else 0
    return Figure(
        answer=(
            f"{where}: {all_taken:,} of {all_count:,} instances have it"
            f" ({words.percent(all_taken / all_count if all_count else None)})."
        ),
        body=Markup(
            '<div class="scroll" tabindex="0" role="region" aria-label="Shares by group"><table><thead><tr><th'
            ' scope="col">Group</th><th scope="col" class="n">Has it</th><th></th><th scope="col" class="n">Of the'
            ' others</th><th scope="col">Compared</th></tr></thead><tbody>{}</tbody></table></div>'
        ).format(Markup("").join(rows)),
        table=Table(
            (
                "kind",
                "name",
                "instances",
                "with_it",
                "share",
                "share_low",
                "share_high",
                "other_instances",
                "others_with_it",
                "other_share",
            ),
            table,
        ),
        counted=f"{all_count:,} instances",
        unit="share of instances, 95 % interval (Wilson)",
        notes=(
            (
                "Longer instances touch more channels and take more ways. An instance counts once, however often it "
                "has the stop or way. “More often” where the two intervals do not overlap: a cautious reading; many "
                "groups are compared at once. A difference is no cause. The device is the one of most of its steps."
            ),
        ),
    )


MOVES = """
with instances as ({instances}),
of_instances as (
    select intervals.phase_id, intervals.outcome, intervals.next_phase_id, intervals.customer_id
    from journeys.fct_phase_intervals as intervals
    inner join instances on instances.journey_instance_id = intervals.journey_instance_id
),
of_phases as (
    select phase_id, count(distinct customer_id) as customers from of_instances group by phase_id
)
select of_instances.phase_id, of_instances.outcome, of_instances.next_phase_id, count(*) as interval_count,
    of_phases.customers
from of_instances inner join of_phases on of_phases.phase_id = of_instances.phase_id
group by all order by all
"""


@PAGE.question("moves", "What becomes of those who enter a phase?", is_wide=True)
def moves(view: View) -> Figure:
    # a phase is shown whole or not at all: with single outcomes left out, the others would look like more
    found = view.ask_by_group(MOVES, ("phase_id", "outcome", "next_phase_id"), within=("phase_id",))
    names = phase_names(view)
    if not found:
        return Figure(empty="Nobody entered a phase of this journey with these filters.")
    order = list(names)
    flows = []
    for row in found:
        start = row["phase_id"]
        end, colour = {
            "fell_out": ("(out)", "out"),
            "pending": ("(open)", "open"),
            "completed": ("(done)", "done"),
        }.get(row["outcome"], (row["next_phase_id"], "progress" if row["outcome"] == "fell_through" else "back"))
        if end in names or end.startswith("("):
            flows.append(Flow(start, end, row["interval_count"], colour))
    ends = [
        *((one, names[one]) for one in order),
        ("(done)", "completed"),
        ("(open)", "still open"),
        ("(out)", "fell out"),
    ]
    words_of = dict(ends)
    totals: dict[str, int] = {}
    for flow in flows:
        totals[flow.start] = totals.get(flow.start, 0) + flow.count
    lost = max((flow for flow in flows if flow.end == "(out)"), key=lambda flow: flow.count, default=None)
    svg = draw_flows(
        flows,
        starts=[(one, names[one]) for one in order],
        ends=ends,
        title="From phase to phase",
        label_of=lambda flow: (
            f"{names[flow.start]} → {words_of[flow.end]}; {flow.count:,} phase intervals; "
            f"{words.percent(flow.count / totals[flow.start])} of those who entered"
        ),
    )
    return Figure(
        answer=(
            f"The largest loss is in {names[lost.start]}: {lost.count:,} of {totals[lost.start]:,} phase intervals "
            f"ended in falling out ({words.percent(lost.count / totals[lost.start])})."
            if lost
            else "Nobody has fallen out."
        ),
        body=key(
            (
                ("progress", "went on"),
                ("back", "went back"),
                ("done", "completed"),
                ("open", "still open"),
                ("out", "fell out"),
            )
        )
        + drawing(svg, "Flows from phase to phase; scrolls sideways", is_small=True),
        table=found,
        counted=f"{sum(totals.values()):,} phase intervals",
        unit="phase intervals",
        notes=(
            (
                "A phase interval is a customer's time in one phase. Who goes back begins another one: there are more"
                " intervals than customers."
            ),
        ),
    )
