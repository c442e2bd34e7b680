"""Writes the CRM, where people are typed in by hand, and the consents."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from examples.omnichannel import behaviour as act
from examples.omnichannel import words
from examples.omnichannel.chunk import Chunk
from examples.omnichannel.clock import DAY, HOUR, MINUTE
from examples.omnichannel.extracts import Frame, choice, instants, nullable
from examples.omnichannel.people import NEVER, STORE_ONLY, mistyped, phone_as_typed

STAGES = ("prospect", "lead", "customer", "regular", "lapsed")
PROSPECT, LEAD, CUSTOMER, REGULAR, LAPSED = range(5)
REGULAR_AFTER = 3  # purchases
LAPSED_AFTER = 150 * DAY
KNOWN_WITHOUT_ACCOUNT = 0.12
ASKS_FOR_QUOTATION = 0.03
MOVES_HOUSE = 0.05

PURPOSES = ("analytics", "marketing", "personalisation")
GRANTS = (0.78, 0.62, 0.55)
WITHDRAWS = 0.06


def write_crm(chunk: Chunk) -> None:
    """Writes contacts, their stages, and quotations."""
    people, clock, rng, dirt = chunk.people, chunk.clock, chunk.rng, chunk.dirt
    count = len(people)
    store_lead = ~people.has_account & (rng.random(count) < KNOWN_WITHOUT_ACCOUNT)
    met_at = clock.at(np.minimum(people.arrives, clock.days))
    made = np.where(people.has_account, people.account_at, np.where(store_lead, met_at, NEVER))
    first = np.flatnonzero(made < clock.end)
    doubled = first[rng.random(len(first)) < dirt.doubled_contacts]
    second_made = (
        np.maximum(made[doubled], clock.start)
        + (rng.random(len(doubled)) * (clock.end - np.maximum(made[doubled], clock.start))).astype(np.int64)
        // 1000
        * 1000
    )
    contact_person = np.concatenate([first, doubled])
    contact_made = np.concatenate([made[first], second_made])
    number = np.concatenate([people.number[first] * 2, people.number[doubled] * 2 + 1])
    is_second = np.arange(len(number)) >= len(first)
    moves = _lifecycle(chunk)
    _write_contacts(chunk, contact_person, contact_made, number, is_second, moves)
    _write_lifecycle(chunk, contact_person, contact_made, number, is_second, moves)
    _write_opportunities(chunk, contact_person, contact_made, number, is_second)
    chunk.truth.identifiers(
        "record",
        number,
        people.number[contact_person],
        f"'crm:' || {chunk.world.short_id('003', 'contact', 'value')}",
    )
    chunk.ledger_numbers(
        "doubled_contact",
        "crm",
        "contacts",
        number[is_second],
        chunk.world.short_id("003", "contact", "number"),
    )


def _lifecycle(chunk: Chunk) -> np.ndarray:
    """When each person reached each stage: an array of people by stages; NEVER for stages not reached.

    Stages follow the phases: who weighs a purchase is a lead, who buys a customer, who buys often a regular.
    """
    people, intervals, clock = chunk.people, chunk.intervals, chunk.clock
    reached = np.full((len(people), len(STAGES)), NEVER)
    at = clock.at(intervals.entered) + 5 * MINUTE
    for stage, opens in (
        (LEAD, intervals.phase == act.CONSIDERATION),
        (CUSTOMER, intervals.phase == act.PURCHASE),
        (REGULAR, (intervals.phase == act.PURCHASE) & (intervals.purchases_before >= REGULAR_AFTER)),
    ):
        np.minimum.at(reached[:, stage], intervals.person[opens], at[opens])
    last_seen = np.zeros(len(people), np.int64)
    np.maximum.at(last_seen, intervals.person, at)
    lapses = (last_seen > 0) & (last_seen + LAPSED_AFTER < clock.end) & (reached[:, CUSTOMER] < NEVER)
    reached[:, LAPSED] = np.where(lapses, last_seen + LAPSED_AFTER, NEVER)
    # a stage that a later one came before is skipped
    later = np.minimum.accumulate(reached[:, ::-1], axis=1)[:, ::-1]
    reached[:, :-1] = np.where(reached[:, :-1] >= later[:, 1:], NEVER, reached[:, :-1])
    return reached


def _stage_at(reached: np.ndarray, person: np.ndarray, at: np.ndarray) -> np.ndarray:
    is_reached = reached[person] <= at[:, None]
    return np.where(is_reached.any(axis=1), len(STAGES) - 1 - is_reached[:, ::-1].argmax(axis=1), PROSPECT)


def _write_contacts(
    chunk: Chunk,
    person: np.ndarray,
    made: np.ndarray,
    number: np.ndarray,
    is_second: np.ndarray,
    reached: np.ndarray,
) -> None:
    people, clock, rng, dirt, world = chunk.people, chunk.clock, chunk.rng, chunk.dirt, chunk.world
    count = len(person)
    wrong = rng.random(count) < dirt.typed_names
    place, way, in_first = rng.random(count), rng.integers(0, 3, count), rng.random(count) < 0.4
    first_name = [people.first_name[who] for who in person]
    last_name = [people.last_name[who] for who in person]
    for at in np.flatnonzero(wrong).tolist():
        names = first_name if in_first[at] else last_name
        names[at] = mistyped(names[at], place[at], int(way[at]))
    is_junk = rng.random(count) < dirt.junk_emails
    is_store = people.kind[person] == STORE_ONLY
    has_phone = rng.random(count) < 0.7
    has_birth = rng.random(count) < 0.55
    has_number = people.has_account[person] & ~is_second
    phone = phone_as_typed(people.phone_digits[person], rng.integers(0, 4, count))
    shouts = rng.random(count) < 0.04

    new_email_at = np.where(
        people.has_email[person] & ~is_second & ~is_junk, people.email_changed_at[person] + HOUR, NEVER
    )
    moved = (rng.random(len(people)) < MOVES_HOUSE)[person] & ~is_second
    moved_at = np.where(moved, clock.start + (rng.random(count) * (clock.end - clock.start)).astype(np.int64), NEVER)
    moved_at = moved_at // 1000 * 1000
    stage_at = np.where(is_second[:, None], NEVER, reached[person])
    changes = np.column_stack([new_email_at, moved_at, stage_at])
    which, column = np.nonzero((changes < clock.end) & (changes > made[:, None]))
    row = np.concatenate([np.arange(count), which])
    updated = np.concatenate([made, changes[which, column]])

    who = person[row]
    codes = people.email_at(who, updated)
    place_of_email = codes.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    email = choice(
        np.where(is_junk[row], len(codes.dictionary), place_of_email),
        pa.concat_arrays([codes.dictionary, pa.array([words.JUNK_EMAIL])]),
    )
    has_moved = updated >= moved_at[row]
    neighbour = (who + 7) % len(people)
    address = np.where(has_moved, neighbour, who)
    columns = {
        "number": number[row],
        "customer_number": choice(np.where(has_number[row], who, -1), people.customer_number),
        "first_name": choice(row, first_name),
        "last_name": choice(row, last_name),
        "birth_date": nullable(people.birth_day[who].astype("datetime64[D]"), ~has_birth[row]),
        "street": choice(address, people.street),
        "city": choice(address, people.city),
        "postcode": choice(address, people.postcode),
        "email": email,
        "shouts": shouts[row],
        "phone": choice(np.where(has_phone[row], row, -1), phone),
        "lead_source": choice(np.select([is_second[row], is_store[row]], [2, 1], default=0), ("web", "store", "phone")),
        "lifecycle_stage": choice(_stage_at(reached, who, updated), STAGES),
        "created_at": instants(made[row]),
        "updated_at": instants(updated),
    }
    render = {
        "contact_id": world.short_id("003", "contact", "number"),
        "country": "'NL'",
        "email": "case when shouts then upper(email) else email end",
    }
    chunk.writer.write("crm", "contacts", Frame(columns, updated, render), rng)
    key = world.short_id("003", "contact", "number")
    chunk.ledger_numbers("typed_name", "crm", "contacts", number[wrong], key)
    chunk.ledger_numbers("junk_email", "crm", "contacts", number[is_junk], key)
    changed = number[(new_email_at < clock.end) & (new_email_at > made)]
    chunk.ledger_numbers("changed_email", "crm", "contacts", changed, key)


def _write_lifecycle(
    chunk: Chunk,
    person: np.ndarray,
    made: np.ndarray,
    number: np.ndarray,
    is_second: np.ndarray,
    reached: np.ndarray,
) -> None:
    clock, rng, world = chunk.clock, chunk.rng, chunk.world
    at = np.where(is_second[:, None], NEVER, reached[person])
    which, stage = np.nonzero((at < clock.end) & (at > made[:, None]))
    changed = at[which, stage]
    order = np.lexsort((stage, which))
    which, stage, changed = which[order], stage[order], changed[order]
    follows = np.concatenate([[False], which[1:] == which[:-1]]) if len(which) else np.zeros(0, bool)
    before = np.where(follows, np.concatenate([[0], stage[:-1]])[: len(stage)], PROSPECT)
    columns = {
        "number": number[which],
        "stage": stage,
        "from_stage": choice(before, STAGES),
        "to_stage": choice(stage, STAGES),
        "changed_by": choice((number[which] // 2 % 11 == 0).astype(int), ("automation", "sales_north")),
        "changed_at": instants(changed),
    }
    render = {
        "change_id": world.short_id("LC", "lifecycle", "number, stage"),
        "contact_id": world.short_id("003", "contact", "number"),
    }
    frame = Frame(columns, changed, render, event_count=len(which))
    chunk.writer.write("crm", "lifecycle_changes", frame, rng)


def _write_opportunities(
    chunk: Chunk, person: np.ndarray, made: np.ndarray, number: np.ndarray, is_second: np.ndarray
) -> None:
    clock, rng, world = chunk.clock, chunk.rng, chunk.world
    asks = np.flatnonzero((rng.random(len(person)) < ASKS_FOR_QUOTATION) & ~is_second)
    began = np.maximum(made[asks], clock.start)
    created = clock.opening(began + (rng.random(len(asks)) * (clock.end - began)).astype(np.int64), rng)
    closed = clock.opening(created + (rng.lognormal(np.log(18), 0.7, len(asks)) * DAY).astype(np.int64), rng)
    amount = np.round(rng.lognormal(np.log(6_500), 0.6, len(asks))).astype(np.int64) * 100
    is_won = rng.random(len(asks)) < 0.34
    line = rng.integers(0, 3, len(asks))
    row = np.concatenate([np.arange(len(asks)), np.flatnonzero(closed < clock.end)])
    is_final = np.arange(len(row)) >= len(asks)
    updated = np.where(is_final, closed[row], created[row])
    columns = {
        "number": number[asks][row],
        "product_line": choice(line[row], ("kitchen", "wardrobe", "garden")),
        "stage": choice(np.where(is_final, np.where(is_won[row], 1, 2), 0), ("open", "won", "lost")),
        "cents": amount[row],
        "owner_team": choice((number[asks] // 2 % 2)[row], ("sales_north", "sales_south")),
        "created_at": instants(created[row]),
        "closed_at": instants(closed[row], ~is_final),
        "updated_at": instants(updated),
    }
    render = {
        "opportunity_id": world.short_id("006", "opportunity", "number"),
        "contact_id": world.short_id("003", "contact", "number"),
        "amount": "cents * 0.01",
        "currency": "'EUR'",
    }
    chunk.writer.write("crm", "opportunities", Frame(columns, updated, render, event_count=len(row)), rng)


def write_consents(chunk: Chunk) -> None:
    """Writes what each account holder agreed to, and what they took back."""
    people, clock, rng = chunk.people, chunk.clock, chunk.rng
    holder = np.flatnonzero(people.account_at < clock.end)
    who = np.repeat(holder, len(PURPOSES))
    purpose = np.tile(np.arange(len(PURPOSES)), len(holder))
    granted = rng.random(len(who)) < np.array(GRANTS)[purpose]
    at = people.account_at[who] + MINUTE
    withdraws = np.flatnonzero(granted & (rng.random(len(who)) < WITHDRAWS))
    since = np.maximum(at[withdraws], clock.start)
    withdrawn_at = since + (rng.random(len(withdraws)) * (clock.end - since)).astype(np.int64) // 1000 * 1000
    person = np.concatenate([who, who[withdraws]])
    moment = np.concatenate([at, withdrawn_at])
    columns = {
        "identifier_type": choice(np.zeros(len(person), int), ("customer_number",)),
        "identifier": choice(person, people.customer_number),
        "purpose": choice(np.concatenate([purpose, purpose[withdraws]]), PURPOSES),
        "is_granted": np.concatenate([granted, np.zeros(len(withdraws), bool)]),
        "changed_at": instants(moment),
    }
    chunk.writer.write("feed", "consents", Frame(columns, moment), rng)
