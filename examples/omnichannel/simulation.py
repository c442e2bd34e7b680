"""Runs the simulation: chunk of people after chunk, each with its own chance, straight to disk."""

from __future__ import annotations

import dataclasses
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from examples.omnichannel import behaviour as act
from examples.omnichannel import browsing, care, commerce, marketing, relations, words
from examples.omnichannel import sessions as visit
from examples.omnichannel.chunk import Chunk
from examples.omnichannel.clock import SECOND, Clock, make_clock
from examples.omnichannel.contracts import read_contracts
from examples.omnichannel.dirt import Dirt
from examples.omnichannel.extracts import ExtractsWriter, Ledger, choice, instants, nullable
from examples.omnichannel.people import KIND_NAMES, NEVER, People, make_people
from examples.omnichannel.truth import PERSON, Truth
from examples.omnichannel.world import World, make_world
from orchestration.lib.core.connection import open_duckdb

CHUNK_SIZE = 5_000
LIST_OF_FILES = "generation.json"
OWN_FILE = re.compile(r"_\d{4}-(\d\d|q\d)(_again)?\.(csv|jsonl|parquet)(\.gz)?")
SHORTEST_DAYS = 14


@dataclass(frozen=True)
class GenerationReport:
    """What was generated: rows per table, canonical events, files, bytes, dirt by kind, seconds."""

    rows: dict[str, int]
    event_count: int
    file_count: int
    byte_count: int
    dirt_counts: dict[str, int]
    seconds: float


def generate(
    extracts: Path,
    truth: Path,
    *,
    customers: int,
    days: int,
    seed: int,
    as_of: datetime,
    dirt: Dirt | None = None,
    progress: Callable[[str], None] = print,
) -> GenerationReport:
    """Writes the extracts of `customers` people over the `days` before `as_of`, and the truth next to them.

    Equal arguments give equal bytes. Memory does not grow with `customers`. Files of an earlier generation in
    the same folders are replaced; a folder that holds anything else is refused.
    """
    if customers < 1 or days < SHORTEST_DAYS:
        raise ValueError(f"customers={customers}, days={days}: give at least 1 customer and {SHORTEST_DAYS} days.")
    if as_of.tzinfo is None:
        raise ValueError(f"as_of={as_of}: give a time with its zone.")
    extracts, truth = extracts.resolve(), truth.resolve()
    if truth.is_relative_to(extracts) or extracts.is_relative_to(truth):
        raise ValueError(f"truth={truth} and extracts={extracts}: neither may lie inside the other.")
    _clear(extracts, truth)
    began = time.monotonic()
    dirt = Dirt() if dirt is None else dirt
    clock = make_clock(as_of, days)
    world = make_world(clock, seed=seed)
    spend = marketing.Spend(days)
    chunks = -(-customers // CHUNK_SIZE)
    with open_duckdb() as connection:
        connection.execute("set enable_progress_bar = false")
        records = Truth(truth, connection)
        ledger = Ledger(truth / "dirt_ledger.parquet")
        writer = ExtractsWriter(
            extracts, read_contracts(), clock=clock, dirt=dirt, connection=connection, ledger=ledger
        )
        for index in range(chunks):
            size = min(CHUNK_SIZE, customers - index * CHUNK_SIZE)
            chunk = _make_chunk(index, size, world, clock, dirt, writer, records)
            _write_chunk(chunk, spend)
            progress(
                f"omnichannel: {min(customers, (index + 1) * CHUNK_SIZE):,} of {customers:,} customers, "
                f"{writer.totals.events:,} events, {time.monotonic() - began:.0f} s"
            )
            if index == chunks - 1:
                spend.write(chunk)
        file_count = writer.close(np.random.default_rng([seed, 0, 3]))
        ledger.close()
        records.close()
    files = sorted(path.relative_to(extracts).as_posix() for path in extracts.rglob("*") if path.is_file())
    (truth / LIST_OF_FILES).write_text(
        json.dumps(
            {
                "customers": customers,
                "days": days,
                "seed": seed,
                "as_of": as_of.isoformat(),
                "dirt": dataclasses.asdict(dirt),
                "rows": writer.totals.rows,
                "files": files,
            },
            indent=1,
        )
        + "\n"
    )
    return GenerationReport(
        rows=dict(writer.totals.rows),
        event_count=writer.totals.events,
        file_count=file_count,
        byte_count=sum((extracts / name).stat().st_size for name in files),
        dirt_counts=dict(ledger.counts),
        seconds=time.monotonic() - began,
    )


def _clear(extracts: Path, truth: Path) -> None:
    """Removes the files of an earlier generation; refuses folders that hold anything else."""
    listed = truth / LIST_OF_FILES
    if listed.exists():
        files = json.loads(listed.read_text())["files"]
        # None: that generation was interrupted before it could list its files; their names give them away
        for path in extracts.glob("*/*/*") if files is None else (extracts / name for name in files):
            if files is not None or OWN_FILE.fullmatch(path.name.removeprefix(path.parent.name)):
                path.unlink(missing_ok=True)
    left = next((path for path in extracts.rglob("*") if path.is_file()), None) if extracts.exists() else None
    if left is not None:
        raise FileExistsError(
            f"{left} was not written by an earlier generation listed in {listed}. Choose another folder for "
            "the extracts, or empty this one: simulated rows never mix with others."
        )
    extracts.mkdir(parents=True, exist_ok=True)
    truth.mkdir(parents=True, exist_ok=True)
    listed.write_text(json.dumps({"files": None}) + "\n")


def _make_chunk(
    index: int, size: int, world: World, clock: Clock, dirt: Dirt, writer: ExtractsWriter, records: Truth
) -> Chunk:
    """Lets one chunk of people live their lives."""
    rng = np.random.default_rng([world.seed, index + 1, 2])
    people = make_people(index * CHUNK_SIZE, size, seed=world.seed, clock=clock, dirt=dirt, rng=rng)
    intervals, joined = act.live(people, clock.days, rng)
    sessions = visit.make_sessions(people, intervals, world, clock, rng)
    events = visit.make_events(intervals, sessions, world, rng)
    people = _with_memberships(people, intervals, sessions, events, joined, clock, rng)
    voice = np.random.default_rng([world.seed, index + 1, 4])
    return Chunk(index, people, intervals, sessions, events, world, clock, dirt, writer, records, rng, voice)


def _with_memberships(
    people: People,
    intervals: act.Intervals,
    sessions: visit.Sessions,
    events: visit.Events,
    joined: np.ndarray,
    clock: Clock,
    rng: np.random.Generator,
) -> People:
    """The people with the instants at which they joined the loyalty programme and the newsletter."""
    card_at = people.card_at.copy()
    joins = np.flatnonzero(~np.isnan(joined))
    card_at[joins] = clock.opening(clock.at(joined[joins]), rng)
    last_event = np.zeros(len(sessions), np.int64)
    np.maximum.at(last_event, events.session, events.at)
    is_joining = (
        sessions.is_entry
        & (intervals.phase[sessions.interval] == act.LOYALTY)
        & ~intervals.is_member[sessions.interval]
    )
    card_at[sessions.person[is_joining]] = last_event[is_joining] + 15 * SECOND
    subscriber_from = people.subscriber_from.copy()
    signed = visit.moment_of(events, visit.NEWSLETTER, len(sessions))
    signs = np.flatnonzero(sessions.signs_up & (signed < clock.end))
    subscriber_from[sessions.person[signs]] = signed[signs] + 3 * SECOND
    return dataclasses.replace(
        people,
        card_at=np.where(card_at < clock.end, card_at, NEVER),
        subscriber_from=subscriber_from,
    )


def _write_chunk(chunk: Chunk, spend: marketing.Spend) -> None:
    """Writes all that one chunk of people left behind in the tools, and the truth about it."""
    browsing.write_web(chunk)
    browsing.write_bots(chunk)
    browsing.write_app(chunk)
    orders = commerce.write_shop(chunk)
    receipts = commerce.write_store(chunk, orders)
    commerce.write_loyalty(chunk, orders, receipts)
    marketing.write_email(chunk, orders)
    marketing.write_ads(chunk, spend)
    help_over, asked = care.write_support(chunk, orders)
    care.write_social(chunk, asked)
    care.write_surveys(chunk, orders, receipts, help_over)
    care.write_employee_surveys(chunk)
    relations.write_crm(chunk)
    relations.write_consents(chunk)
    _write_people(chunk)
    _write_phases(chunk)
    _write_causes(chunk, orders, receipts)
    chunk.truth.flush()


def _write_people(chunk: Chunk) -> None:
    people, truth, clock = chunk.people, chunk.truth, chunk.clock
    everyone = np.arange(len(people))
    has_card = people.card_at < NEVER
    changes = people.email_changed_at < clock.end
    truth.write(
        "people",
        {
            "person": people.number,
            "household": people.household,
            "kind": choice(people.kind, KIND_NAMES),
            "first_name": people.first_name,
            "last_name": people.last_name,
            "birth_date": people.birth_day.astype("datetime64[D]"),
            "email": choice(np.where(people.has_email, everyone, -1), people.email),
            "new_email": choice(np.where(changes, everyone, -1), people.new_email),
            "email_changed_at": instants(people.email_changed_at, ~changes),
            "digits": people.phone_digits,
            "customer_number": choice(np.where(people.account_at < clock.end, everyone, -1), people.customer_number),
            "loyalty_card": choice(np.where(has_card, everyone, -1), people.loyalty_card),
            "joined_loyalty_at": instants(people.card_at, ~has_card),
            "never_logs_in": people.never_logs_in,
            "shares_tablet": people.has_tablet,
            "activity": people.activity,
            "patience": people.patience,
            "arrived_at": instants(clock.at(np.minimum(people.arrives, clock.days))),
        },
        {"person_id": PERSON, "household_id": "printf('h%07d', household)", "phone": "'+316' || digits"},
    )
    number = people.number
    truth.identifiers("email", choice(np.where(people.has_email, everyone, -1), people.email), number)
    truth.identifiers("email", choice(np.where(changes, everyone, -1), people.new_email), number)
    truth.identifiers("phone", people.phone_digits, number, "'+316' || value")
    has_number = people.account_at < clock.end
    truth.identifiers("customer_number", choice(np.where(has_number, everyone, -1), people.customer_number), number)
    chunk.writer.ledger.add(
        "never_logs_in",
        "web",
        "events",
        people.customer_number.filter(pa.array(people.never_logs_in & has_number)),
    )


def _write_phases(chunk: Chunk) -> None:
    people, intervals, clock = chunk.people, chunk.intervals, chunk.clock
    is_pending = np.isnan(intervals.left)
    chunk.truth.write(
        "phase_history",
        {
            "person": people.number[intervals.person],
            "journey_instance": intervals.instance.astype(np.int64),
            "phase": choice(intervals.phase, act.PHASE_NAMES),
            "outcome": choice(intervals.outcome, act.OUTCOME_NAMES),
            "cause": choice(intervals.cause, act.CAUSES),
            "began_through": choice(intervals.medium, act.MEDIUM_NAMES),
            "support": choice(np.where(intervals.support > 0, intervals.support, -1), act.SUPPORT_NAMES),
            "wait_minutes": nullable(np.round(intervals.wait_minutes, 1), intervals.support == act.NO_SUPPORT),
            "is_slow_support": intervals.is_slow,
            "entered_at": instants(clock.at(intervals.entered)),
            "left_at": instants(clock.at(np.where(is_pending, clock.days, intervals.left)), is_pending),
        },
        {"person_id": PERSON, "journey": "'purchase'"},
    )


def _write_causes(chunk: Chunk, orders: commerce.Orders, receipts: commerce.Receipts) -> None:
    """Writes each touch that was followed, whether it mattered, and the purchase its journey ended in."""
    intervals, sessions, world, clock = chunk.intervals, chunk.sessions, chunk.world, chunk.clock
    touches = (visit.PAID, visit.TRIGGERED_MAIL, visit.PUSH_MESSAGE)
    followed = sessions.is_entry & np.isin(sessions.source, touches) & (intervals.entry_nudge[sessions.interval] > 0)
    session = np.flatnonzero(followed & (sessions.started < clock.end))
    interval = sessions.interval[session]
    source = sessions.source[session]
    opened = np.zeros(len(sessions), np.int64)
    pushes = np.flatnonzero(chunk.events.kind == visit.PUSH_OPENED)
    opened[chunk.events.session[pushes]] = pushes

    from_phases = np.flatnonzero((orders.interval >= 0) & (orders.at < clock.end))
    bought_interval = np.concatenate([orders.interval[from_phases], receipts.interval])
    bought_number = np.concatenate([orders.number[from_phases], receipts.number])
    bought_at = np.concatenate([orders.at[from_phases], receipts.at])
    is_order = np.arange(len(bought_interval)) < len(from_phases)
    kept = np.flatnonzero((intervals.phase[bought_interval] == act.PURCHASE) & (bought_at < clock.end))
    keys = intervals.person[bought_interval[kept]] * 1_000_000 + intervals.instance[bought_interval[kept]]
    order = np.lexsort((bought_at[kept], keys))
    keys, kept = keys[order], kept[order]
    wanted = intervals.person[interval] * 1_000_000 + intervals.instance[interval]
    has_bought = np.zeros(len(session), bool)
    bought = np.zeros(len(session), np.int64)
    if len(keys):
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        bought = kept[place]
        has_bought = (keys[place] == wanted) & (bought_at[bought] >= sessions.started[session])
    else:  # nobody bought: one empty place for all to point at
        is_order, bought_number, bought_at = np.zeros(1, bool), np.zeros(1, np.int64), np.full(1, NEVER)
    if not len(session):
        return
    kinds = np.select([source == visit.PAID, source == visit.TRIGGERED_MAIL], [0, 1], default=2)
    lead = np.select([kinds == 0, kinds == 1], [2 * SECOND, 2 * SECOND], default=0)
    ads = [ad[2] for ad in words.AD_CAMPAIGNS]
    campaign = np.select(
        [kinds == 0, kinds == 1],
        [sessions.ad[session], len(ads) + browsing.triggered_mail(chunk)[session]],
        default=len(ads) + len(browsing.TRIGGERED_MAILS),
    )
    chunk.truth.write(
        "conversion_causes",
        {
            "person": chunk.people.number[intervals.person[interval]],
            "journey_instance": intervals.instance[interval].astype(np.int64),
            "phase": choice(intervals.phase[interval], act.PHASE_NAMES),
            "cause": choice(kinds, ("ad_click", "email_click", "push_open")),
            "touch_source": choice(kinds, ("ads", "email", "app")),
            "touch_table": choice(kinds, ("clicks", "activity", "events")),
            "visit": chunk.numbers(session),
            "push": chunk.numbers(opened[session]),
            "campaign": choice(campaign, [*ads, *browsing.TRIGGERED_MAILS, "push_reminder"]),
            "is_caused": intervals.is_entry_caused[interval],
            "conversion_source": choice(np.where(has_bought, is_order[bought].astype(int), -1), ("store", "shop")),
            "conversion_table": choice(
                np.where(has_bought, is_order[bought].astype(int), -1), ("transaction_lines", "orders")
            ),
            "conversion": nullable(bought_number[bought], ~has_bought),
            "changed_at": instants(sessions.started[session] - lead),
            "converted_at": instants(bought_at[bought], ~has_bought),
        },
        {
            "person_id": PERSON,
            "touch_key": f"case cause when 'ad_click' then {world.short_id('CLK', 'click', 'visit')} "
            f"when 'email_click' then {world.short_id('ACT', 'mailclick', 'visit')} "
            f"else {world.uid('app', 'push')} end",
            "conversion_key": "case when conversion is null then null "
            f"when conversion_source = 'shop' then {world.short_id('O', 'order', 'conversion')} "
            f"else {world.short_id('T', 'receipt', 'conversion')} end",
        },
    )
