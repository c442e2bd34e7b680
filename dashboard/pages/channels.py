"""Channels and touchpoints: one channel or many, what follows what, and whole paths."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from dashboard import words
from dashboard.draw import OUTCOMES, Bar, Part, bars, key, switch, table
from dashboard.figure import Figure, Page
from dashboard.filters import LEVELS
from dashboard.names import channel_names, phase_names
from dashboard.release import Table
from dashboard.view import View

PAGE = Page(
    name="channels",
    title="Channels",
    about="Whether customers stay in a channel or move between them, what follows what, and the paths they take.",
    order=40,
    takes=("journey", "version", "since", "until", "segment", "channel", "level"),
)

STEP_TYPES = {"channel": "channels", "touchpoint": "touchpoints", "event": "events"}
COLUMNS = {"channel": "channel", "touchpoint": "touchpoint", "event": "event_name"}
NAMES_SHOWN, PATHS_SHOWN, ROWS_SHOWN = 10, 12, 25

BY_LEVEL = """
with instances as ({instances})
select coalesce(level, 'none') as level, count(*) as instances, count(distinct customer_id) as customers,
    count_if(outcome = 'fell_through') as fell_through, count_if(outcome = 'regressed') as regressed,
    count_if(outcome = 'completed') as completed, count_if(outcome = 'fell_out') as fell_out,
    count_if(outcome = 'pending') as pending
from instances group by coalesce(level, 'none')
"""


@PAGE.question("levels", "Do customers stay in one channel?", is_wide=True)
def levels(view: View) -> Figure:
    answer = view.ask_by_group(BY_LEVEL, ("level",))
    found = {row["level"]: row for row in answer}
    if not found:
        return Figure(empty="No instance of this journey with these filters.")
    total = sum(row["instances"] for row in found.values())
    drawn = []
    shares = []
    for level, name in (*LEVELS, ("none", "no step")):
        row = found.get(level)
        if row is None:
            continue
        decided = row["instances"] - row["pending"]
        drawn.append(
            Bar(
                name,
                [
                    Part(row[outcome], colour, f"{name}: {row[outcome]:,} {said}")
                    for outcome, said, colour in OUTCOMES
                    if row[outcome]
                ],
                f"{row['instances']:,}  ({words.percent(row['instances'] / total)})",
                view.address(level=level) if level != "none" else None,
            )
        )
        if decided and level != "none":
            shares.append(f"{words.percent(row['completed'] / decided)} in {level}")
    return Figure(
        answer=f"Of those that ended, these completed: {words.listed(shares)}."
        if shares
        else "No instance has ended yet.",
        body=key([(colour, said) for _, said, colour in OUTCOMES if any(row[_] for row in found.values())])
        + bars(drawn),
        table=answer,
        counted=f"{total:,} instances",
        unit="instances of the journey",
        notes=(
            (
                "Micro: all steps in one channel. Macro: one channel after another, none returned to. Omni: some"
                " channel is returned to. Longer instances touch more channels, so a level is no cause of how they end."
            ),
        ),
    )


# Instances and customers have numbers: sorting and counting by these takes half as long as by ids, which are texts.
FOLLOWS = """
with instances as ({instances}),
numbered as (
    select journey_instance_id, row_number() over (order by journey_instance_id) as instance_number,
        dense_rank() over (order by customer_id) as customer_number
    from instances
),
pairs as (
    select coalesce(steps.COLUMN, '(none)') as from_name, numbered.customer_number, steps.pause_seconds,
        lead(coalesce(steps.COLUMN, '(none)')) over next_step as to_name
    from journeys.fct_steps as steps
    inner join numbered on numbered.journey_instance_id = steps.journey_instance_id
    window next_step as (partition by numbered.instance_number order by steps.step_number)
)
select from_name, to_name, count(*) as pairs, count(distinct customer_number) as customers,
    percentile_disc(0.5) within group (order by pause_seconds) as median_seconds
from pairs where to_name is not null
group by from_name, to_name order by pairs desc, from_name, to_name
"""
# The same without a filter.
ALL_FOLLOWS = """
select from_name, to_name, transition_count as pairs, customer_count as customers, median_seconds
from flows.agg_transitions where journey_id = $journey and step_type = $kind
order by pairs desc, from_name, to_name
"""


@PAGE.question("follows", "What follows what?", is_wide=True)
def follows(view: View) -> Figure:
    kind, chooser = _step_type(view, "follows")
    if view.filters.address(journey=""):
        found = view.ask_by_group(FOLLOWS.replace("COLUMN", COLUMNS[kind]), ("from_name", "to_name"))
    else:
        found = view.ask(ALL_FOLLOWS, kind=kind)
    if not found:
        return Figure(empty="No step follows another with these filters.")
    names = _names(view, kind)
    volumes: dict[str, int] = {}
    totals: dict[str, int] = {}
    pairs = {}
    for row in found:
        pairs[row["from_name"], row["to_name"]] = row
        totals[row["from_name"]] = totals.get(row["from_name"], 0) + row["pairs"]
        for name in (row["from_name"], row["to_name"]):
            volumes[name] = volumes.get(name, 0) + row["pairs"]
    shown = sorted(volumes, key=lambda name: (-volumes[name], name))[:NAMES_SHOWN]
    head = Markup("").join(Markup('<th scope="col" class="n">{}</th>').format(names.get(name, name)) for name in shown)
    lines = []
    for start in shown:
        cells = []
        for end in shown:
            pair = pairs.get((start, end))
            share = pair["pairs"] / totals[start] if pair else 0
            label = (
                f"{names.get(start, start)} → {names.get(end, end)}; {pair['pairs']:,} pairs; "
                f"{words.percent(share)} of what follows; median {words.duration(pair['median_seconds'])}"
                if pair
                else ""
            )
            cells.append(
                Markup('<td class="n heat" style="--heat:{:.0f}%"{}>{}</td>').format(
                    100 * min(1.0, share) ** 0.6,
                    Markup(' title="{}"').format(label) if label else "",
                    words.percent(share) if share >= 0.005 else "",
                )
            )
        lines.append(
            Markup('<tr><th scope="row">{}</th>{}<td class="n">{}</td></tr>').format(
                names.get(start, start), Markup("").join(cells), f"{totals.get(start, 0):,}"
            )
        )
    total = sum(row["pairs"] for row in found)
    moves = [row for row in found if row["from_name"] != row["to_name"]]
    top = moves[0] if moves else None
    covered = sum(row["pairs"] for row in found if row["from_name"] in shown and row["to_name"] in shown)
    return Figure(
        answer=(
            f"Most frequent change: {names.get(top['from_name'], top['from_name'])} → "
            f"{names.get(top['to_name'], top['to_name'])}, {top['pairs']:,} times, typically after "
            f"{words.duration(top['median_seconds'])}."
            if top
            else "Every step is followed by one of the same name."
        ),
        body=chooser
        + Markup(
            '<div class="scroll" tabindex="0" role="region" aria-label="What follows what"><table'
            ' class="matrix"><thead><tr><th scope="col">from ↓ to →</th>{}<th scope="col"'
            ' class="n">pairs</th></tr></thead><tbody>{}</tbody></table></div>'
        ).format(head, Markup("").join(lines)),
        table=found,
        counted=f"{total:,} pairs of neighbouring steps",
        unit="share of what follows the name on the left",
        notes=(
            *(
                (
                    (
                        f"Shown are the {NAMES_SHOWN} names with most traffic ({words.percent(covered / total)} of the"
                        " pairs); the CSV has all."
                    ),
                )
                if len(volumes) > NAMES_SHOWN
                else ()
            ),
        ),
    )


# Ways to say an instance's path; what is counted of paths is the same.
STEP_PATHS = """
    select steps.journey_instance_id,
        string_agg(coalesce(steps.COLUMN, '(none)'), ' > ' order by steps.step_number) as path
    from journeys.fct_steps as steps
    inner join instances on instances.journey_instance_id = steps.journey_instance_id
    where steps.step_number <= 30
    group by steps.journey_instance_id
"""
PHASE_PATHS = """
    select intervals.journey_instance_id,
        string_agg(intervals.phase_id, ' > ' order by intervals.interval_number) as path
    from journeys.fct_phase_intervals as intervals
    inner join instances on instances.journey_instance_id = intervals.journey_instance_id
    where intervals.interval_number <= 30
    group by intervals.journey_instance_id
"""
PATHS = """
with instances as ({instances}),
paths as (OF_INSTANCES)
select paths.path, count(*) as instances, count(distinct instances.customer_id) as customers,
    count_if(instances.outcome = 'completed') as completed, count_if(instances.outcome = 'fell_out') as fell_out,
    count_if(instances.outcome = 'pending') as pending,
    percentile_disc(0.5) within group (order by instances.duration_seconds) as median_seconds
from paths inner join instances on instances.journey_instance_id = paths.journey_instance_id
group by paths.path order by instances desc, paths.path
"""


def paths_query(kind: str) -> str:
    """The query for paths of `phase`, or of one of STEP_TYPES."""
    of_instances = PHASE_PATHS if kind == "phase" else STEP_PATHS.replace("COLUMN", COLUMNS[kind])
    return PATHS.replace("OF_INSTANCES", of_instances)


@PAGE.question("paths", "Which paths do they take?", is_wide=True)
def paths(view: View) -> Figure:
    kind = view.extra.get("path", "phase")
    kinds = {"phase": "phases", **STEP_TYPES}
    if kind not in kinds:
        kind = "phase"
    chooser = switch(
        "Paths of",
        [(name, view.address(**view.kept("steps"), path=one) + "#paths", one == kind) for one, name in kinds.items()],
    )
    found = view.ask_by_group(paths_query(kind), ("path",))
    if not found:
        return Figure(empty="No path that may be shown with these filters.")
    # not of all instances: the difference would be those that are not shown
    total = sum(row["instances"] for row in found)
    names = phase_names(view) if kind == "phase" else _names(view, kind)
    drawn = []
    for row in found.dicts[:PATHS_SHOWN]:
        said = _said(row["path"], names)
        other = row["instances"] - row["completed"] - row["fell_out"] - row["pending"]
        drawn.append(
            Bar(
                said,
                (
                    Part(row["completed"], "done", f"{said}; {row['completed']:,} completed"),
                    Part(other, "progress", f"{said}; {other:,} ended otherwise"),
                    Part(row["pending"], "open", f"{said}; {row['pending']:,} still open"),
                    Part(row["fell_out"], "out", f"{said}; {row['fell_out']:,} fell out"),
                ),
                f"{row['instances']:,}  ({words.percent(row['instances'] / total)})",
            )
        )
    shown = sum(row["instances"] for row in found.dicts[:PATHS_SHOWN])
    first = found.first()
    decided = first["instances"] - first["pending"]
    path = _said(first["path"], names)
    ended = f"{words.percent(first['completed'] / decided)} completed" if decided else "none has ended yet"
    return Figure(
        answer=(
            f"All take one path: {path}. Of those that ended, {ended}."
            if len(found) == 1 and decided
            else f"All take one path: {path}; {ended}."
            if len(found) == 1
            else f"The {len(drawn)} most frequent paths are those of {words.percent(shown / total)} of the instances. "
            + (
                f"Of those that took the first, {path}, and ended, {ended}."
                if decided
                else f"Of the first, {path}, {ended}."
            )
        ),
        body=chooser + key((("done", "completed"), ("open", "still open"), ("out", "fell out"))) + bars(drawn),
        table=Table(found.columns, found.rows[:500]),
        counted=f"{total:,} instances",
        unit="instances per path",
        notes=(
            (
                "“×3” is a name three times in a row. A path of more than 30 steps counts by its first 30; the CSV has"
                " the 500 most frequent."
            ),
        ),
    )


TOUCHED = """
with instances as ({instances}),
numbered as (
    select journey_instance_id, outcome, row_number() over (order by journey_instance_id) as instance_number,
        dense_rank() over (order by customer_id) as customer_number
    from instances
),
visits as (
    select coalesce(steps.COLUMN, '(none)') as name, numbered.instance_number, numbered.customer_number,
        numbered.outcome,
        row_number() over (partition by numbered.instance_number order by steps.step_number desc) = 1 as is_last
    from journeys.fct_steps as steps
    inner join numbered on numbered.journey_instance_id = steps.journey_instance_id
)
select name, count(*) as steps, count(distinct instance_number) as instances,
    count(distinct customer_number) as customers,
    count_if(is_last and outcome = 'fell_out') as fell_out_here, count_if(is_last
        and outcome = 'completed') as completed_here
from visits group by name order by instances desc, name
"""


@PAGE.question("ends", "Where do instances end?", is_wide=True)
def ends(view: View) -> Figure:
    kind, chooser = _step_type(view, "ends")
    found = view.ask_by_group(TOUCHED.replace("COLUMN", COLUMNS[kind]), ("name",))
    if not found:
        return Figure(empty="No step with these filters.")
    names = _names(view, kind)
    rows = []
    for row in found.dicts[:ROWS_SHOWN]:
        low_high = words.interval(row["fell_out_here"], row["instances"])
        rows.append(
            (
                names.get(row["name"], row["name"]),
                f"{row['steps']:,}",
                f"{row['instances']:,}",
                f"{row['completed_here']:,}",
                f"{row['fell_out_here']:,}",
                (words.percent(row["fell_out_here"] / row["instances"]), words.between(*low_high) if low_high else ""),
            )
        )
    worst = max(found.dicts, key=lambda row: row["fell_out_here"])
    return Figure(
        answer=(
            f"Most instances that fell out were last seen at {names.get(worst['name'], worst['name'])}"
            f" ({worst['fell_out_here']:,})."
            if worst["fell_out_here"]
            else "No instance fell out."
        ),
        body=chooser
        + table(
            "Where instances end",
            ("Name", "Steps#", "Instances#", "Completed here#", "Fell out after it#", "Share that fell out after it#"),
            rows,
        ),
        table=found,
        counted=f"{len(found)} names",
        unit="instances with the name; 95 % interval (Wilson)",
        notes=(f"The first {ROWS_SHOWN}; the CSV has all.",) if len(found) > ROWS_SHOWN else (),
    )


def _step_type(view: View, question: str) -> tuple[str, Markup]:
    kind = view.extra.get("steps", "channel")
    if kind not in STEP_TYPES:
        kind = "channel"
    options = [
        (name, view.address(**view.kept("path"), steps=one) + f"#{question}", one == kind)
        for one, name in STEP_TYPES.items()
    ]
    return kind, switch("Steps as", options)


def _names(view: View, kind: str) -> dict[str, str]:
    if kind == "channel":
        return channel_names(view)
    if kind == "touchpoint":
        found = view.look_up("select touchpoint, touchpoint_name from core.dim_touchpoints")
        return {row["touchpoint"]: row["touchpoint_name"] or row["touchpoint"] for row in found}
    return {}


def _said(path: str, names: Mapping[str, str]) -> str:
    return " → ".join(_folded([names.get(one, one) for one in path.split(" > ")]))


def _folded(names: list[str]) -> list[str]:
    """Equal neighbours as one: a, a, b is a ×2, b."""
    folded: list[tuple[str, int]] = []
    for name in names:
        if folded and folded[-1][0] == name:
            folded[-1] = (name, folded[-1][1] + 1)
        else:
            folded.append((name, 1))
    return [name if count == 1 else f"{name} ×{count}" for name, count in folded]
