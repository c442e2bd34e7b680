"""Writes what people say: tickets, calls, chats, social messages and mentions, answers to surveys."""

from __future__ import annotations

import numpy as np

from examples.omnichannel import behaviour as act
from examples.omnichannel import words
from examples.omnichannel.chunk import Chunk
from examples.omnichannel.clock import DAY, HOUR, MINUTE, SECOND
from examples.omnichannel.commerce import Orders, Receipts
from examples.omnichannel.extracts import Frame, choice, instants, nullable
from examples.omnichannel.people import NEVER
from examples.omnichannel.world import DEVICE_BLOCK, cookie_number

CATEGORIES = tuple(words.SUBJECTS)
TEAMS = {"delivery": 0, "return": 0, "product": 1, "billing": 2, "subscription": 2, "account": 1}
TEAM_NAMES = ("logistics", "technical", "billing")
QUEUES = ("orders", "returns", "technical", "billing", "billing", "technical")

NPS, CSAT, CES = range(3)
SCALES = (10, 5, 7)
ANSWERS_AFTER_SUPPORT, ANSWERS_AFTER_ORDER, ANSWERS_AFTER_STORE, ANSWERS_NPS = 0.30, 0.10, 0.03, 0.30
SURVEY_TOUCHPOINTS = ("order_delivery", "store_visit", "support_ticket", "support_call", "chat")
MENTIONS_PER_YEAR = 0.9


def write_support(chunk: Chunk, orders: Orders) -> tuple[np.ndarray, np.ndarray]:
    """Writes tickets, calls and chats; returns for each interval when help was over, and when it was sought."""
    intervals, clock, rng = chunk.intervals, chunk.clock, chunk.rng
    left = np.where(np.isnan(intervals.left), clock.days, intervals.left)
    asked = clock.at(intervals.entered + rng.uniform(0.1, 0.6, len(intervals)) * (left - intervals.entered))
    asked = np.where(intervals.support == act.CALL, clock.opening(asked, rng), asked)
    wait = (intervals.wait_minutes * MINUTE).astype(np.int64) // 1000 * 1000 + SECOND
    category = np.where(
        intervals.phase >= act.PURCHASE, rng.choice(6, len(intervals), p=(0.4, 0.2, 0.16, 0.1, 0.06, 0.08)), 2
    )
    solved = asked + wait + (rng.lognormal(np.log(7), 1.2, len(intervals)) * HOUR).astype(np.int64) // 1000 * 1000
    talk = rng.lognormal(np.log(260), 0.7, len(intervals)).astype(np.int64) * SECOND
    knows_order = np.full(len(intervals), -1, np.int64)
    from_interval = orders.interval >= 0
    knows_order[orders.interval[from_interval]] = orders.number[from_interval]

    abandons = (intervals.support == act.CALL) & intervals.is_slow & (rng.random(len(intervals)) < 0.5)
    makes_ticket = (intervals.support == act.CALL) & ~abandons & (rng.random(len(intervals)) < 0.3)
    _write_tickets(chunk, asked, wait, talk, solved, category, knows_order, makes_ticket)
    _write_calls(chunk, asked, wait, talk, category, abandons, makes_ticket)
    _write_chats(chunk, asked, wait, talk)
    over = np.select(
        [intervals.support == act.TICKET, np.isin(intervals.support, (act.CALL, act.CHAT))],
        [solved, asked + wait + talk],
        default=NEVER,
    )
    return np.where(over < clock.end, over, NEVER), asked


def _write_tickets(
    chunk: Chunk,
    asked: np.ndarray,
    wait: np.ndarray,
    talk: np.ndarray,
    solved: np.ndarray,
    category: np.ndarray,
    knows_order: np.ndarray,
    makes_ticket: np.ndarray,
) -> None:
    people, intervals, clock, rng, world = chunk.people, chunk.intervals, chunk.clock, chunk.rng, chunk.world
    interval = np.flatnonzero((intervals.support == act.TICKET) | makes_ticket)
    person, is_call = intervals.person[interval], makes_ticket[interval]
    created = np.where(is_call, asked[interval] + wait[interval] + talk[interval], asked[interval])
    answered = np.where(is_call, created + MINUTE, asked[interval] + wait[interval])
    ended = np.where(is_call, created + (solved - asked)[interval], solved[interval])
    steps = np.stack([answered, ended])
    last = np.where(steps < clock.end, steps, -1).max(axis=0)
    row = np.concatenate([np.arange(len(interval)), np.flatnonzero(last > 0)])
    is_final = np.arange(len(row)) >= len(interval)
    updated = np.where(is_final, last[row], created[row])
    kind = category[interval][row]
    is_solved = is_final & (ended[row] < clock.end)
    order = knows_order[interval][row]
    by_form = rng.random(len(interval)) < 0.5
    knows_account = people.has_account[person] & (rng.random(len(interval)) < 0.6)
    reopened = (rng.random(len(interval)) < 0.08).astype(np.int64)
    columns = {
        "number": chunk.numbers(interval[row]),
        "intake": choice(np.where(is_call[row], 2, by_form[row].astype(int)), ("email", "web_form", "phone")),
        "requester_email": people.email_at(person[row], created[row], ~is_call[row]),
        "customer_number": choice(np.where(knows_account[row], person[row], -1), people.customer_number),
        "about": nullable(order, (order < 0) | (rng.random(len(interval)) < 0.3)[row]),
        "category": choice(kind, CATEGORIES),
        "subject": choice(kind, list(words.SUBJECTS.values())),
        "priority": choice((intervals.irritation[interval][row] > 0.5).astype(int), ("normal", "high")),
        "assignee_group": choice(np.array(list(TEAMS.values()))[kind], TEAM_NAMES),
        "status": choice(np.where(is_solved, 2, is_final.astype(int)), ("new", "open", "solved")),
        "reopen_count": np.where(is_solved, reopened[row], 0),
        "created_at": instants(created[row]),
        "first_response_at": instants(answered[row], ~is_final | (answered[row] >= clock.end)),
        "solved_at": instants(ended[row], ~is_solved),
        "updated_at": instants(updated),
    }
    render = {
        "ticket_id": world.short_id("TK", "ticket", "number"),
        "order_id": f"case when about is not null then {world.short_id('O', 'order', 'about')} end",
    }
    frame = Frame(columns, updated, render, event_count=len(interval) + int((steps < clock.end).sum()))
    chunk.writer.write("support", "tickets", frame, rng)


def _write_calls(
    chunk: Chunk,
    asked: np.ndarray,
    wait: np.ndarray,
    talk: np.ndarray,
    category: np.ndarray,
    abandons: np.ndarray,
    makes_ticket: np.ndarray,
) -> None:
    people, intervals, clock, rng, world = chunk.people, chunk.intervals, chunk.clock, chunk.rng, chunk.world
    interval = np.flatnonzero(intervals.support == act.CALL)
    back = np.flatnonzero(makes_ticket & (rng.random(len(intervals)) < 0.4))
    calls = np.concatenate([interval, back])
    is_back = np.arange(len(calls)) >= len(interval)
    person = intervals.person[calls]
    began = np.where(is_back, clock.opening(asked[calls] + 4 * HOUR, rng), asked[calls])
    waited = np.where(is_back, 0, wait[calls])
    spoken = np.where(abandons[calls], 0, np.where(is_back, talk[calls] // 2, talk[calls]))
    withheld = ~is_back & (rng.random(len(calls)) < 0.12)
    columns = {
        "number": chunk.numbers(calls) * 2 + is_back,
        "ticket": nullable(chunk.numbers(calls), ~makes_ticket[calls]),
        "caller_number": choice(np.where(withheld, -1, person), [f"+316{digits}" for digits in people.phone_digits]),
        "direction": choice(is_back.astype(int), ("inbound", "outbound")),
        "queue": choice(category[calls], QUEUES),
        "agent": nullable(rng.integers(1, 40, len(calls)), abandons[calls]),
        "wait_seconds": waited // SECOND,
        "talk_seconds": spoken // SECOND,
        "is_abandoned": abandons[calls],
        "started_at": instants(began),
        "ended_at": instants(began + waited + spoken),
    }
    render = {
        "call_id": world.short_id("CL", "call", "number"),
        "ticket_id": f"case when ticket is not null then {world.short_id('TK', 'ticket', 'ticket')} end",
        "agent_id": "'A' || agent",
    }
    chunk.writer.write("support", "calls", Frame(columns, began, render, event_count=len(calls)), rng)


def _write_chats(chunk: Chunk, asked: np.ndarray, wait: np.ndarray, talk: np.ndarray) -> None:
    people, intervals, clock, rng, world = chunk.people, chunk.intervals, chunk.clock, chunk.rng, chunk.world
    interval = np.flatnonzero(intervals.support == act.CHAT)
    person, at, count = intervals.person[interval], asked[interval], len(interval)
    is_missed = intervals.is_slow[interval] & (rng.random(count) < 0.6)
    cookie = cookie_number(people.number[person] * DEVICE_BLOCK, at, clock, world.seed)
    logged_in = people.has_account[person] & ~people.never_logs_in[person] & (rng.random(count) < 0.4)
    spoken = np.where(is_missed, 0, talk[interval])
    columns = {
        "number": chunk.numbers(interval),
        "cookie": cookie,
        "email": people.email_at(person, at, rng.random(count) < 0.45),
        "customer_number": choice(np.where(logged_in, person, -1), people.customer_number),
        "department": choice((intervals.phase[interval] >= act.PURCHASE).astype(int), ("sales", "service")),
        "agent": nullable(rng.integers(1, 40, count), is_missed),
        "wait_seconds": wait[interval] // SECOND,
        "message_count": np.where(is_missed, 1, 4 + rng.poisson(6, count)),
        "is_missed": is_missed,
        "started_at": instants(at),
        "ended_at": instants(at + wait[interval] + spoken),
    }
    render = {
        "chat_id": world.short_id("CH", "chat", "number"),
        "visitor_cookie": world.cookie(),
        "agent_id": "'A' || agent",
    }
    chunk.writer.write("support", "chats", Frame(columns, at, render, event_count=count), rng)
    chunk.truth.identifiers("cookie", cookie, people.number[person], world.cookie("value"))


def write_social(chunk: Chunk, asked: np.ndarray) -> None:
    """Writes private messages of those who ask for help there, and public posts."""
    people, intervals, clock, rng, world = chunk.people, chunk.intervals, chunk.clock, chunk.rng, chunk.world
    interval = np.flatnonzero(intervals.support == act.SOCIAL_MESSAGE)
    count = len(interval)
    wait = (intervals.wait_minutes[interval] * MINUTE).astype(np.int64) // 1000 * 1000 + SECOND
    thanks = np.flatnonzero(rng.random(count) < 0.45)
    place = np.concatenate([np.arange(count), np.arange(count), thanks])
    turn = np.repeat([0, 1, 2], [count, count, len(thanks)])
    later = np.select([turn == 0, turn == 1], [0, wait[place]], default=wait[place] + 11 * MINUTE)
    at = asked[interval][place] + later
    person = intervals.person[interval][place]
    is_out = turn == 1
    linked = people.has_account & (rng.random(len(people)) < 0.25)
    texts = (*words.QUESTIONS, *words.ANSWERS, "Bedankt!")
    text = np.select(
        [turn == 0, is_out],
        [rng.integers(0, len(words.QUESTIONS), len(at)), len(words.QUESTIONS) + rng.integers(0, 3, len(at))],
        default=len(texts) - 1,
    )
    columns = {
        "number": chunk.numbers(interval[place]) * 4 + turn,
        "conversation": chunk.numbers(interval[place]),
        "customer_handle": choice(person, people.handle),
        "linked_customer_number": choice(np.where(linked[person] & (turn > 0), person, -1), people.customer_number),
        "direction": choice(is_out.astype(int), ("inbound", "outbound")),
        "agent": nullable(rng.integers(1, 40, len(at)), ~is_out),
        "body": choice(text, texts),
        "sent_at": instants(at),
    }
    network = "split_part({}, ':', 1)"
    render = {
        "message_id": world.short_id("DM", "message", "number"),
        "conversation_id": world.short_id("CV", "conversation", "conversation"),
        "network": network.format("customer_handle"),
        "agent_id": "'A' || agent",
    }
    chunk.writer.write("social", "messages", Frame(columns, at, render, event_count=len(at)), rng)

    posts = rng.poisson(MENTIONS_PER_YEAR * clock.days / 365 * people.has_handle)
    idle = np.repeat(np.arange(len(people)), posts)
    idle_at = clock.at(rng.random(len(idle)) * clock.days)
    angry = np.flatnonzero(
        intervals.is_slow & people.has_handle[intervals.person] & (rng.random(len(intervals)) < 0.25)
    )
    author = np.concatenate([idle, intervals.person[angry]])
    at = np.concatenate([idle_at, asked[angry] + 6 * HOUR])
    is_angry = np.arange(len(author)) >= len(idle)
    topic = np.where(is_angry, 2, rng.choice((0, 1, 3), len(author), p=(0.5, 0.2, 0.3)))
    bodies = (*words.PRAISE, *words.QUESTIONS, *words.COMPLAINTS)
    first = np.array([0, len(words.PRAISE), len(words.PRAISE) + len(words.QUESTIONS), 0])[topic]
    mean = np.array([0.6, 0.0, -0.7, 0.3])[topic]
    columns = {
        "number": chunk.numbers(len(author)),
        "author_handle": choice(author, people.handle),
        "body": choice(first + rng.integers(0, 4, len(author)), bodies),
        "topic": choice(topic, ("praise", "question", "complaint", "share")),
        "sentiment_score": np.round(np.clip(mean + rng.normal(0, 0.2, len(author)), -1, 1), 2),
        "like_count": rng.geometric(0.08, len(author)) - 1,
        "posted_at": instants(at),
    }
    render = {
        "post_id": world.short_id("PO", "post", "number"),
        "network": network.format("author_handle"),
    }
    chunk.writer.write("social", "mentions", Frame(columns, at, render, event_count=len(author)), rng)
    handles = np.unique(np.concatenate([person, author]))
    chunk.truth.identifiers("social_handle", choice(handles, people.handle), people.number[handles])


def write_surveys(chunk: Chunk, orders: Orders, receipts: Receipts, help_over: np.ndarray) -> None:
    """Writes answers: effort after help, satisfaction after delivery or visit, recommendation now and then.

    A score is how people feel: what they met there, less what irritated them before.
    """
    people, intervals, clock, rng, world = chunk.people, chunk.intervals, chunk.clock, chunk.rng, chunk.world
    helped = np.flatnonzero((help_over < NEVER) & (rng.random(len(intervals)) < ANSWERS_AFTER_SUPPORT))
    arrived = np.abs(orders.delivered)
    delivered = np.flatnonzero(
        (arrived < NEVER) & (orders.interval >= 0) & (rng.random(len(arrived)) < ANSWERS_AFTER_ORDER)
    )
    visited = np.flatnonzero(receipts.shows_card & (rng.random(len(receipts.at)) < ANSWERS_AFTER_STORE))
    asked_nps = np.flatnonzero(people.has_account & (rng.random(len(people)) < ANSWERS_NPS * clock.days / 365))
    last_irritation = np.zeros(len(people))
    last_irritation[intervals.person] = intervals.irritation  # intervals are in order of time: the last one counts
    person = np.concatenate([intervals.person[helped], orders.person[delivered], receipts.person[visited], asked_nps])
    sizes = [len(helped), len(delivered), len(visited), len(asked_nps)]
    group = np.repeat(np.arange(4), sizes)
    sent = np.concatenate(
        [
            help_over[helped] + HOUR,
            arrived[delivered] + DAY,
            receipts.at[visited] + 3 * HOUR,
            clock.at(rng.random(len(asked_nps)) * clock.days),
        ]
    )
    at = sent + (rng.lognormal(np.log(9), 1.1, len(sent)) * HOUR).astype(np.int64) // 1000 * 1000 + MINUTE
    kind = np.array([CES, CSAT, CSAT, NPS])[group]
    slow = np.concatenate(
        [intervals.is_slow[helped], intervals.is_slow[orders.interval[delivered]], np.zeros(sizes[2] + sizes[3], bool)]
    )
    mood = 0.80 - 0.22 * np.minimum(last_irritation[person], 2) - 0.35 * slow + rng.normal(0, 0.16, len(person))
    lowest = np.where(kind == NPS, 0, 1)
    scale = np.array(SCALES)[kind]
    score = np.clip(np.round(lowest + mood * (scale - lowest)), lowest, scale).astype(np.int64)
    support = intervals.support[helped]
    touchpoint = np.concatenate(
        [
            np.select([support == act.TICKET, support == act.CALL], [2, 3], default=4),
            np.full(sizes[1], 0),
            np.full(sizes[2], 1),
            np.full(sizes[3], -1),
        ]
    )
    number = np.concatenate(
        [
            chunk.numbers(helped) * np.where(support == act.CALL, 2, 1),
            orders.number[delivered],
            receipts.number[visited],
            np.zeros(sizes[3], np.int64),
        ]
    )
    says = rng.random(len(person)) < 0.25
    texts = (*words.PRAISE, *words.COMPLAINTS)
    text = np.where(mood > 0.5, 0, len(words.PRAISE)) + rng.integers(0, 5, len(person))
    by_card_only = ~people.has_email[person]
    kept = np.flatnonzero(~by_card_only)
    columns = {
        "number": chunk.numbers(len(person))[kept],
        "target": number[kept],
        "touchpoint": choice(touchpoint[kept], SURVEY_TOUCHPOINTS),
        "survey_type": choice(kind[kept], ("nps", "csat", "ces")),
        "score": score[kept],
        "scale_min": lowest[kept],
        "scale_max": scale[kept],
        "comment": choice(np.where(says, text, -1)[kept], texts),
        "respondent_email": people.email_at(person[kept], sent[kept]),
        "customer_number": choice(
            np.where(people.has_account & (people.number % 2 == 0), np.arange(len(people)), -1)[person[kept]],
            people.customer_number,
        ),
        "sent_at": instants(sent[kept]),
        "responded_at": instants(at[kept]),
    }
    render = {
        "response_id": world.short_id("R", "response", "number"),
        "survey_id": "'SV_' || survey_type || '_1'",
        "reference": "case touchpoint "
        f"when 'order_delivery' then {world.short_id('O', 'order', 'target')} "
        f"when 'store_visit' then {world.short_id('T', 'receipt', 'target')} "
        f"when 'support_ticket' then {world.short_id('TK', 'ticket', 'target')} "
        f"when 'support_call' then {world.short_id('CL', 'call', 'target')} "
        f"when 'chat' then {world.short_id('CH', 'chat', 'target')} end",
    }
    chunk.writer.write("surveys", "responses", Frame(columns, at[kept], render, event_count=len(kept)), rng)
