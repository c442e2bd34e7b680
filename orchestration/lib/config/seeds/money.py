"""What must hold of campaign_names.csv, where each name leads to one campaign in one step, and of unit_costs.csv, where
one price of a kind holds for an event on a day."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date

from orchestration.lib.config.seeds.channel_rules import compared
from orchestration.lib.config.seeds.problems import Problem
from orchestration.lib.config.seeds.rows import Rows, SeedRow
from orchestration.lib.config.seeds.validity import VALIDITY_ENDS, days_shown

# Where a spelling holds; empty is everywhere.
SCOPE = ("source_system", "channel")
# By which a price is narrowed.
COST_FILTERS = ("event_name", "channel", "touchpoint", "department")
# From here on millionths of a day by the minute no longer fit into 63 bits.
COSTS_BELOW = 1_000_000


def name_means_one_campaign(rows: Rows) -> Iterator[Problem]:
    """Errors of names that are one name to the models, which compare without case and surplus blanks."""
    first: dict[tuple[str | None, ...], SeedRow] = {}
    for row in rows["campaign_names"]:
        name = row.get("delivered_name")
        if name is None:
            continue
        earlier = first.setdefault((compared(name), *(row.get(column) for column in SCOPE)), row)
        # the very same text is reported as a key that is twice in the file
        if earlier is not row and earlier.get("delivered_name") != name:
            yield row.problem(
                f"delivered_name = {name} is {earlier.get('delivered_name')} of line {earlier.line}: upper and lower "
                "case and blanks make no difference. Keep one of the two."
            )


def campaign_is_no_spelling(rows: Rows) -> Iterator[Problem]:
    """Errors of campaigns that another row takes for a spelling: names are looked up once, and no further."""
    by_spelling: dict[str, list[SeedRow]] = defaultdict(list)
    for row in rows["campaign_names"]:
        by_spelling[compared(row.get("delivered_name") or "")].append(row)
    for row in rows["campaign_names"]:
        campaign = row.get("campaign")
        if campaign is None or compared(campaign) == compared(row.get("delivered_name") or ""):
            # of one spelling in two places the narrower row counts
            continue
        for other in by_spelling[compared(campaign)]:
            if _may_meet(row, other) and other.get("campaign") not in (None, campaign):
                yield row.problem(
                    f"campaign = {campaign}: line {other.line} says that {other.get('delivered_name')} means "
                    f"{other.get('campaign')}, and a name is looked up once. Write {other.get('campaign')} here, or "
                    "remove that line."
                )
                break


def _may_meet(row: SeedRow, other: SeedRow) -> bool:
    """Whether there is a place in which both rows hold."""
    return all(None in (row.get(name), other.get(name)) or row.get(name) == other.get(name) for name in SCOPE)


# --- what serving customers costs


def cost_is_of_something(row: SeedRow) -> Iterator[str]:
    """What is wrong with a price by itself: of nothing, too much, of no duration, or on no day."""
    if all(row.get(column) is None for column in COST_FILTERS):
        yield f"the price is of every event. Fill in one of {', '.join(COST_FILTERS)}."
    if row.typed.get("cost", 0) >= COSTS_BELOW:
        yield f"cost = {row.get('cost')}: expected less than {COSTS_BELOW:,}. Write it in the reporting currency."
    seconds = row.get("duration_property")
    if row.get("cost_per") == "minute" and seconds is None:
        yield "a cost per minute needs a duration_property. Name the property with the event's seconds."
    elif row.get("cost_per") == "event" and seconds is not None:
        yield f"duration_property = {seconds}: a cost per event has none. Leave it empty, or set cost_per = minute."
    elif seconds is not None and set(seconds) & {'"', "\\"}:
        yield (
            f"duration_property = {seconds}: a name with a quotation mark or a backslash can't be looked up. Rename "
            "the property where it is made."
        )
    begins, ends = row.typed.get("valid_from", date.min), row.typed.get("valid_to", date.max)
    if "valid_to" in row.typed and "valid_from" not in row.wrong and ends <= begins:
        yield (
            f"valid_to = {ends}: the price ends before its first day {begins}. valid_to is the first day on which it "
            "holds no more."
        )


def prices_in_time(costs: Iterable[SeedRow]) -> Iterator[list[tuple[date, date, SeedRow]]]:
    """Prices of one kind and the same filters, in the order of their days; rows with a wrong or no day are left out."""
    found: dict[tuple[str | None, ...], list[tuple[date, date, SeedRow]]] = defaultdict(list)
    for row in costs:
        begins, ends = row.typed.get("valid_from", date.min), row.typed.get("valid_to", date.max)
        if not VALIDITY_ENDS.keys() & row.wrong.keys() and begins < ends:
            key = (row.get("cost_per"), *(row.get(column) for column in COST_FILTERS))
            found[key].append((begins, ends, row))
    for dated in found.values():
        yield sorted(dated, key=lambda price: (price[0], price[2].line))


def one_price_holds_on_a_day(rows: Rows) -> Iterator[Problem]:
    for dated in prices_in_time(rows["unit_costs"]):
        for (_, ends, earlier), (begins, later_ends, later) in itertools.pairwise(dated):
            if begins < ends:
                yield later.problem(
                    f"{later.get('unit_cost_id')} and {earlier.get('unit_cost_id')} in line {earlier.line} are both "
                    f"prices of the same events {days_shown(begins, min(ends, later_ends))}. One may hold on a day: "
                    "let valid_to of the earlier be valid_from of the later, or narrow one of the two."
                )


def days_without_a_price(rows: Rows, today: date) -> Iterator[Problem]:
    """Warnings of days between two prices of the same events on which neither holds, and of the days since the last."""
    for dated in prices_in_time(rows["unit_costs"]):
        _, ended, last = dated[-1]
        if ended <= today:
            yield last.problem(
                f"{last.get('unit_cost_id')} ended, and no price follows it: {days_shown(ended, date.max)} these "
                "events take another price that matches, or have none and are counted as without a cost. If that is "
                "not intended, add a row with the price that holds now, or remove valid_to."
            )
        for (_, ends, earlier), (begins, _, later) in itertools.pairwise(dated):
            if ends < begins:
                yield later.problem(
                    f"{later.get('unit_cost_id')} begins later than {earlier.get('unit_cost_id')} in line "
                    f"{earlier.line} ends: {days_shown(ends, begins)} these events take another price that matches, "
                    "or have none and are counted as without a cost. If that is not intended, set valid_to of the one "
                    "to valid_from of the other."
                )
