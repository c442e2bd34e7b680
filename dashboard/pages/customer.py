"""One customer: their timeline over channels and phases, and why these identifiers are one person."""

from __future__ import annotations

import re
from collections.abc import Mapping

from markupsafe import Markup

from dashboard import words
from dashboard.charts import timeline
from dashboard.draw import table, tiles
from dashboard.figure import Figure, Page
from dashboard.names import channel_names, phase_names
from dashboard.release import NoAnswer, Release
from dashboard.view import View
from orchestration.lib.core.settings import Settings, SettingsError

PAGE = Page(
    name="customer",
    title="Customer",
    about=(
        "Type an identifier, such as an e-mail address: it is hashed on the spot and neither kept nor written to a log."
    ),
    order=70,
    takes=("journey",),
)

TYPES = "select distinct identifier_type from core.bridge_customer_identifiers order by 1"
BY_HASH = """
select customer_id from core.bridge_customer_identifiers
where identifier_hash = $identifier_hash order by valid_to is null desc, valid_from desc limit 1
"""
BY_ID = "select customer_id from core.dim_customers where customer_id = $customer"
EVENTS_DRAWN, DAYS_DRAWN = 400, 366


def find(release: Release, settings: Settings, form: Mapping[str, str]) -> str:
    """The query of the address that shows the customer of a typed identifier, hash or customer id.

    Nothing of what was typed is in it: a customer id is a pseudonym. Where nobody has it, the query says of which type
    it was. Raises NoAnswer with what is wrong with the value.
    """
    typed, kind = form.get("value", "").strip(), form.get("type", "")
    if not typed:
        raise NoAnswer("Nothing was typed.")
    if re.fullmatch("c_[0-9a-f]{32}", typed):
        found = release.ask(BY_ID, {"customer": typed})
    else:
        is_like_a_hash = re.fullmatch("[0-9a-f]{32}", typed) is not None
        found = release.ask(BY_HASH, {"identifier_hash": typed if is_like_a_hash else _hash(settings, kind, typed)})
        if not found and is_like_a_hash:
            # a cookie may look like one
            found = release.ask(BY_HASH, {"identifier_hash": _hash(settings, kind, typed)})
    return (
        f"customer={found.rows[0][0]}"
        if found.rows
        else f"nobody={kind if re.fullmatch('[a-z_]{1,40}', kind) else 'it'}"
    )


def _hash(settings: Settings, kind: str, typed: str) -> str:
    # imports what only this needs
    from orchestration.lib.warehouse.identifiers import hash_identifier
    from orchestration.lib.warehouse.key import existing_pepper

    if not settings.resolved_seeds.is_dir():
        raise NoAnswer(
            "The data set of this release is not on this machine. Type the hash, which make hash prints there."
        )
    try:
        return hash_identifier(settings, existing_pepper(settings), kind, typed)
    except (SettingsError, OSError) as error:
        raise NoAnswer(str(error)) from error


PAGE.on_post = find


@PAGE.question("find", "Whose journey?", is_wide=True)
def finder(view: View) -> Figure:
    kinds = [row[0] for row in view.look_up(TYPES).rows]
    options = Markup("").join(
        Markup('<option value="{0}"{2}>{1}</option>').format(
            kind, kind.replace("_", " "), Markup(" selected") if kind == "email" else ""
        )
        for kind in kinds
        if kind != "record"
    )
    form = Markup(
        '<form class="filters" method="post" action="/customer?{}" autocomplete="off" aria-label="Find a customer">'
        '<label>Type<select name="type">{}</select></label>'
        '<label>Identifier, its hash, or a customer id<input type="text" name="value" required maxlength="500" '
        'autocomplete="off" spellcheck="false"></label><button type="submit">Show</button></form>'
    ).format(view.filters.address(), options)
    nobody = view.extra.get("nobody")
    answer = ""
    if nobody:
        answer = f"No customer of this release has this {'identifier' if nobody == 'it' else nobody.replace('_', ' ')}."
    elif view.extra.get("customer"):
        answer = f"Shown is customer {view.extra['customer'][:40]}."
    example = view.look_up(EXAMPLE)
    if example.rows:
        form += Markup(
            '<p class="note">Or look at <a href="/customer?customer={}">a customer with a long journey</a>.</p>'
        ).format(example.rows[0][0])
    return Figure(answer=answer, body=form)


# one who used several channels, not the longest of all, which is often a test account
EXAMPLE = """
select journeys.customer_id from journeys.fct_journeys as journeys
inner join core.dim_customers as customers on customers.customer_id = journeys.customer_id
where not customers.is_anonymous and journeys.channel_count >= 4
order by abs(journeys.step_count - 40), journeys.journey_instance_id limit 1
"""
SUMMARY = """
select customers.*, (select count(distinct identifier_hash) from core.bridge_customer_identifiers as bridge
    where bridge.customer_id = customers.customer_id) as identifiers
from core.dim_customers as customers where customers.customer_id = $customer
"""
EVENTS = """
select events.event_number, events.occurred_at, events.channel, events.touchpoint, events.event_name, events.direction,
    events.amount, events.currency, intervals.phase_id as enters
from core.fct_events as events
left join journeys.fct_phase_intervals as intervals
    on intervals.entry_event_id = events.event_id and intervals.journey_id = $journey
where events.customer_id = $customer and not events.is_bot and not events.is_after_as_of
    and events.occurred_at > (
        select max(last.occurred_at) from core.fct_events as last
        where last.customer_id = $customer and not last.is_bot and not last.is_after_as_of
    ) - to_days($days_drawn)
qualify row_number() over (order by events.event_number desc) <= $events_drawn
order by events.event_number
"""
INTERVALS = """
select phase_id, outcome, entered_at, left_at, dwell_seconds, is_stalled
from journeys.fct_phase_intervals
where customer_id = $customer and journey_id = $journey
order by entered_at, interval_number
"""


@PAGE.question("timeline", "What happened, and in which phase?", is_wide=True)
def happened(view: View) -> Figure:
    customer = view.extra.get("customer", "")
    if not customer:
        return Figure(empty="No customer is chosen yet.")
    summary = view.ask(SUMMARY, customer=customer)
    if not summary:
        return Figure(
            empty="This release has no such customer. A customer's id may change when identities merge or split."
        )
    one = summary.first()
    events = view.ask(EVENTS, customer=customer, events_drawn=EVENTS_DRAWN, days_drawn=DAYS_DRAWN)
    intervals = view.ask(INTERVALS, customer=customer)
    names, phases = channel_names(view), phase_names(view)
    as_of = view.release.as_of.replace(tzinfo=None)
    head = tiles(
        (
            (words.count(one["event_count"]), "events"),
            (words.count(one["identifiers"]), "identifiers"),
            ("unknown visitor" if one["is_anonymous"] else "known customer", "who it is"),
            (f"{one['first_seen_at']:%Y-%m-%d}" if one["first_seen_at"] else "–", "first seen"),
            (f"{one['last_seen_at']:%Y-%m-%d}" if one["last_seen_at"] else "–", "last seen"),
        )
    )
    if not events:
        return Figure(answer="This customer has no events.", body=head, counted="0 events")
    picture = timeline(
        [
            {
                "at": row["occurred_at"],
                "lane": names.get(row["channel"], row["channel"] or "(none)"),
                "said": f"{row['occurred_at']:%d %B %Y, %H:%M}; "
                f"{names.get(row['channel'], row['channel'] or 'no channel')}; "
                f"{row['event_name'].replace('_', ' ')}",
            }
            for row in events
        ],
        [
            {
                "from": max(row["entered_at"], events.first()["occurred_at"]),
                "to": row["left_at"] or as_of,
                "phase": phases.get(row["phase_id"], row["phase_id"]),
                "said": f"{phases.get(row['phase_id'], row['phase_id'])}; from {row['entered_at']:%d %B %Y, %H:%M}; "
                + ("still in it" if row["outcome"] == "pending" else row["outcome"].replace("_", " ")),
            }
            for row in intervals
            if (row["left_at"] or as_of) >= events.first()["occurred_at"]
        ],
        order=list(phases.values()),
        label="Events of the customer by channel, and the phases of the journey, over time",
    )
    rows = [
        (
            f"{row['occurred_at']:%Y-%m-%d %H:%M}",
            names.get(row["channel"], row["channel"] or "–"),
            row["event_name"].replace("_", " "),
            f"{row['amount']:,.2f} {row['currency'] or ''}" if row["amount"] is not None else "",
            f"enters {phases.get(row['enters'], row['enters'])}" if row["enters"] else "",
        )
        for row in reversed(events.dicts[-40:])
    ]
    # of several cases one that is open says more than one that ended later
    ended_last = sorted(intervals.dicts, key=lambda row: (row["outcome"] == "pending", row["entered_at"]))
    last = ended_last[-1] if ended_last else None
    answer = "They were in no phase of this journey."
    if last is not None:
        where = phases.get(last["phase_id"], last["phase_id"])
        answer = (
            f"They are in {where} since {last['entered_at']:%d %B %Y}"
            + (", longer than usual." if last["is_stalled"] else ".")
            if last["outcome"] == "pending"
            else f"Their last phase was {where}, from {last['entered_at']:%d %B %Y} on; it {_ended(last['outcome'])}."
        )
    return Figure(
        answer=answer,
        body=head
        + picture
        + table("Latest events, newest first", ("When", "Channel", "Event", "Amount#", "Phase"), rows),
        table=events,
        counted=f"{len(events):,} events",
        unit="times in UTC",
        notes=(
            (
                f"Drawn are the last {len(events)} events, of at most a year before the newest"
                f" ({words.count(one['event_count'])} in all); the table below shows the last 40."
            ),
        ),
    )


def _ended(outcome: str) -> str:
    return {
        "fell_through": "went on",
        "regressed": "went back",
        "completed": "completed the journey",
        "fell_out": "ended without a next step in time",
    }.get(outcome, outcome)


EVIDENCE = """
select identifier_type, identifier_hash, link_rule, source_system, seen_on, observation_count, first_seen_at,
    last_seen_at,
    valid_from, valid_to
from core.customer_evidence($customer)
"""
LINKS = """
select type_a, identifier_a, type_b, identifier_b, link_rule, status, refused_because,
    string_agg(distinct source_system, ', ' order by source_system) as sources, sum(observation_count) as seen,
    max(match_probability) as match_probability, min(first_seen_at) as first_seen_at, max(last_seen_at) as last_seen_at
from core.fct_identifier_links where customer_id = $customer
group by all order by first_seen_at nulls last, type_a, identifier_a, type_b, identifier_b
limit 200
"""
RULES = {
    "same_record": "on one record",
    "same_event": "on one event",
    "login": "a login on the device",
    "fuzzy": "two records alike in name and address",
    "must_link": "decided by hand",
}


@PAGE.question("why", "Why are these identifiers one customer?", is_wide=True)
def why(view: View) -> Figure:
    customer = view.extra.get("customer", "")
    if not customer:
        return Figure(empty="No customer is chosen yet.")
    evidence = view.ask(EVIDENCE, customer=customer)
    if not evidence:
        return Figure(
            empty="Nothing joins identifiers to this customer: an event without any is a customer of its own."
        )
    links = view.ask(LINKS, customer=customer)
    known = {(row["identifier_type"], row["identifier_hash"]) for row in evidence}
    rows = [
        (
            (_short(row["type_a"], row["identifier_a"]), _short(row["type_b"], row["identifier_b"])),
            RULES.get(row["link_rule"], (row["link_rule"] or "").replace("_", " ")),
            row["sources"] or "–",
            f"{row['seen'] or 0:,}",
            f"{row['first_seen_at']:%Y-%m-%d}" if row["first_seen_at"] else "–",
            (
                "joins them"
                if row["status"] == "accepted"
                else f"not used: {(row['refused_because'] or row['status'] or '').replace('_', ' ')}"
            ),
        )
        for row in links
    ]
    kinds: dict[str, int] = {}
    for kind, _ in known:
        kinds[kind] = kinds.get(kind, 0) + 1
    said = words.listed(
        [f"{n} × {kind.replace('_', ' ')}" for kind, n in sorted(kinds.items(), key=lambda one: (-one[1], one[0]))]
    )
    devices = [
        (
            _short(row["identifier_type"], row["identifier_hash"]),
            (row["link_rule"] or "").replace("_", " "),
            row["source_system"],
            f"{row['observation_count']:,}",
            f"{row['valid_from']:%Y-%m-%d}" if row["valid_from"] else "–",
            f"{row['valid_to']:%Y-%m-%d}" if row["valid_to"] else "still",
        )
        for row in evidence.dicts[:60]
    ]
    body = table("Identifiers", ("Identifier", "By", "Source", "Seen#", "Theirs from", "until"), devices)
    if rows:
        body += Markup("<h3>Links between them</h3>") + table(
            "Links", ("Between", "What joins", "Sources", "Seen#", "First", "Counts"), rows
        )
    return Figure(
        answer=f"{len(known)} identifiers: {said}.",
        body=body,
        table=evidence,
        counted=f"{len(known)} identifiers, {len(links)} links",
        unit="identifiers are keyed hashes; only their first characters are shown",
        notes=(
            (
                "A link joins people only where its kind and its values are trusted; refused links are named with the"
                " reason."
            ),
        ),
    )


def _short(kind: str, hashed: str) -> str:
    return f"{kind.replace('_', ' ')} {hashed[:6]}…"
