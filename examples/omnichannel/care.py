"""Writes what people say: tickets, calls, chats, social messages and mentions, answers to surveys."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from examples.omnichannel import behaviour as act
from examples.omnichannel import words
from examples.omnichannel.chunk import Chunk
from examples.omnichannel.clock import DAY, HOUR, MINUTE, SECOND
from examples.omnichannel.commerce import Orders, Receipts
from examples.omnichannel.extracts import Frame, choice, instants, nullable
from examples.omnichannel.people import NEVER
from examples.omnichannel.world import DEVICE_BLOCK, World, cookie_number

CATEGORIES = tuple(words.SUBJECTS)
TEAMS = {"delivery": 0, "return": 0, "product": 1, "billing": 2, "subscription": 2, "account": 1}
TEAM_NAMES = ("logistics", "technical", "billing")
QUEUES = ("orders", "returns", "technical", "billing", "billing", "technical")

NPS, CSAT, CES = range(3)
SCALES = (10, 5, 7)
ANSWERS_AFTER_SUPPORT, ANSWERS_AFTER_ORDER, ANSWERS_AFTER_STORE, ANSWERS_NPS = 0.30, 0.10, 0.03, 0.30
# of those who did not answer, who was asked at all
SILENT_AFTER_SUPPORT, SILENT_AFTER_ORDER, SILENT_AFTER_STORE, SILENT_NPS = 0.75, 0.4, 0.15, 0.6
BOUNCED, UNSOLICITED = 0.02, 0.04
EMPLOYEES, EMPLOYEES_ANSWER = 32, 0.7
DEPARTMENTS = ("service", "logistics", "stores", "e_commerce")
EMPLOYEES_TOUCHPOINTS = ("support_call", "order_delivery")
KINDS = ("nps", "csat", "ces")
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
        **_rating(chunk, interval[row], solved[interval][row], is_solved, share=0.2),
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
        **_rating(chunk, calls, began + waited + spoken, (spoken > 0) & ~is_back, share=0.25),
    }
    render = {
        "call_id": world.short_id("CL", "call", "number"),
        "ticket_id": f"case when ticket is not null then {world.short_id('TK', 'ticket', 'ticket')} end",
        "agent_id": "'A' || agent",
    }
    chunk.writer.write("support", "calls", Frame(columns, began, render, event_count=len(calls)), rng)
    _write_call_turns(chunk, calls, is_back, began, np.flatnonzero(spoken > 0))


def _mood(chunk: Chunk, interval: np.ndarray) -> np.ndarray:
    """How people feel about the help of an interval, from 0 to 1: a slow answer and earlier irritation take from it."""
    intervals = chunk.intervals
    mood = 0.80 - 0.22 * np.minimum(intervals.irritation[interval], 2) - 0.35 * intervals.is_slow[interval]
    return np.clip(mood + chunk.voice.normal(0, 0.16, len(interval)), 0, 1)


def _rating(
    chunk: Chunk, interval: np.ndarray, ended: np.ndarray, may_rate: np.ndarray, *, share: float
) -> dict[str, object]:
    """The columns of a rating from 1 to 5, a few minutes after the end, of those who give one."""
    rated = ended + (chunk.voice.exponential(20, len(interval)) * MINUTE).astype(np.int64) // 1000 * 1000 + MINUTE
    missing = ~(may_rate & (chunk.voice.random(len(interval)) < share) & (rated < chunk.clock.end))
    count = len(interval)
    return {
        "rating": nullable(np.round(1 + 4 * _mood(chunk, interval)).astype(np.int64), missing),
        "rating_scale_min": nullable(np.ones(count, np.int64), missing),
        "rating_scale_max": nullable(np.full(count, 5), missing),
        "rated_at": instants(rated, missing),
    }


def _write_call_turns(
    chunk: Chunk, calls: np.ndarray, is_back: np.ndarray, began: np.ndarray, spoken: np.ndarray
) -> None:
    """Writes what was said in calls that somebody took: the agent and the customer in turns, twice each."""
    count = len(spoken)
    is_glad = _mood(chunk, calls[spoken]) > 0.5
    sets = (words.CALL_GREETINGS, words.CALL_QUESTIONS, words.CALL_ANSWERS, words.CALL_THANKS, words.CALL_COMPLAINTS)
    first = np.cumsum([0, *(len(texts) for texts in sets)])
    said = np.concatenate(
        [first[part] + chunk.voice.integers(0, len(sets[part]), count) for part in range(3)]
        + [np.where(is_glad, first[3], first[4]) + chunk.voice.integers(0, 4, count)]
    )
    turn = np.repeat(np.arange(4), count)
    call = np.tile(spoken, 4)
    columns = {
        "number": chunk.numbers(calls[call]) * 2 + is_back[call],
        "turn_number": turn + 1,
        "speaker": choice(turn % 2, ("agent", "customer")),
        "body": choice(said, [text for texts in sets for text in texts]),
    }
    render = {"call_id": chunk.world.short_id("CL", "call", "number")}
    chunk.writer.write("support", "call_turns", Frame(columns, began[call], render), chunk.voice)


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
        **_rating(chunk, interval, at + wait[interval] + spoken, ~is_missed, share=0.3),
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


@dataclass(frozen=True)
class _Asked:
    """Surveys that were sent: to whom, when, about what; `touchpoint` is -1 for the brand as a whole."""

    person: np.ndarray
    sent: np.ndarray
    kind: np.ndarray
    touchpoint: np.ndarray
    target: np.ndarray
    is_slow: np.ndarray

    def taken(self, rows: np.ndarray) -> _Asked:
        return _Asked(**{name: values[rows] for name, values in vars(self).items()})


def write_surveys(chunk: Chunk, orders: Orders, receipts: Receipts, help_over: np.ndarray) -> None:
    """Writes surveys: effort after help, satisfaction after delivery or visit, recommendation now and then.

    A score is how people feel: what they met there, less what irritated them before. Invitations are of those who
    answered and of those who did not.
    """
    people, intervals, clock, rng, voice = chunk.people, chunk.intervals, chunk.clock, chunk.rng, chunk.voice
    has_help = help_over < NEVER
    helps = has_help & (rng.random(len(intervals)) < ANSWERS_AFTER_SUPPORT)
    arrived = np.abs(orders.delivered)
    has_order = (arrived < NEVER) & (orders.interval >= 0)
    receives = has_order & (rng.random(len(arrived)) < ANSWERS_AFTER_ORDER)
    visits = receipts.shows_card & (rng.random(len(receipts.at)) < ANSWERS_AFTER_STORE)
    recommends = people.has_account & (rng.random(len(people)) < ANSWERS_NPS * clock.days / 365)
    answered = _asked(chunk, orders, receipts, help_over, (helps, receives, visits, recommends), rng)
    silent = _asked(
        chunk,
        orders,
        receipts,
        help_over,
        (
            has_help & ~helps & (voice.random(len(intervals)) < SILENT_AFTER_SUPPORT),
            has_order & ~receives & (voice.random(len(arrived)) < SILENT_AFTER_ORDER),
            receipts.shows_card & ~visits & (voice.random(len(receipts.at)) < SILENT_AFTER_STORE),
            people.has_account & ~recommends & (voice.random(len(people)) < SILENT_NPS * clock.days / 365),
        ),
        voice,
    )
    kept = np.flatnonzero(people.has_email[answered.person])
    _write_answers(chunk, answered, kept)
    _write_invitations(chunk, answered.taken(kept), chunk.numbers(len(answered.person))[kept], bounced=0.0)
    mailed = silent.taken(np.flatnonzero(people.has_email[silent.person]))
    _write_invitations(chunk, mailed, chunk.numbers(len(mailed.person), lane=2), bounced=BOUNCED)


def _asked(
    chunk: Chunk,
    orders: Orders,
    receipts: Receipts,
    help_over: np.ndarray,
    chosen: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    rng: np.random.Generator,
) -> _Asked:
    """The surveys of those who are chosen after help, orders and visits, and of the people asked about the brand."""
    intervals, clock = chunk.intervals, chunk.clock
    helped, delivered, visited, recommending = (np.flatnonzero(one) for one in chosen)
    sizes = [len(helped), len(delivered), len(visited), len(recommending)]
    group = np.repeat(np.arange(4), sizes)
    support = intervals.support[helped]
    return _Asked(
        person=np.concatenate(
            [intervals.person[helped], orders.person[delivered], receipts.person[visited], recommending]
        ),
        sent=np.concatenate(
            [
                help_over[helped] + HOUR,
                np.abs(orders.delivered)[delivered] + DAY,
                receipts.at[visited] + 3 * HOUR,
                clock.at(rng.random(sizes[3]) * clock.days),
            ]
        ),
        kind=np.array([CES, CSAT, CSAT, NPS])[group],
        touchpoint=np.concatenate(
            [
                np.select([support == act.TICKET, support == act.CALL], [2, 3], default=4),
                np.full(sizes[1], 0),
                np.full(sizes[2], 1),
                np.full(sizes[3], -1),
            ]
        ),
        target=np.concatenate(
            [
                chunk.numbers(helped) * np.where(support == act.CALL, 2, 1),
                orders.number[delivered],
                receipts.number[visited],
                np.zeros(sizes[3], np.int64),
            ]
        ),
        is_slow=np.concatenate(
            [
                intervals.is_slow[helped],
                intervals.is_slow[orders.interval[delivered]],
                np.zeros(sizes[2] + sizes[3], bool),
            ]
        ),
    )


def _write_answers(chunk: Chunk, asked: _Asked, kept: np.ndarray) -> None:
    people, intervals, rng, world = chunk.people, chunk.intervals, chunk.rng, chunk.world
    person, sent, kind = asked.person, asked.sent, asked.kind
    last_irritation = np.zeros(len(people))
    last_irritation[intervals.person] = intervals.irritation  # intervals are in order of time: the last one counts
    at = sent + (rng.lognormal(np.log(9), 1.1, len(sent)) * HOUR).astype(np.int64) // 1000 * 1000 + MINUTE
    mood = 0.80 - 0.22 * np.minimum(last_irritation[person], 2) - 0.35 * asked.is_slow
    mood = mood + rng.normal(0, 0.16, len(person))
    lowest = np.where(kind == NPS, 0, 1)
    scale = np.array(SCALES)[kind]
    score = np.clip(np.round(lowest + mood * (scale - lowest)), lowest, scale).astype(np.int64)
    says = rng.random(len(person)) < 0.25
    texts = (*words.PRAISE, *words.COMPLAINTS)
    text = np.where(mood > 0.5, 0, len(words.PRAISE)) + rng.integers(0, 5, len(person))
    numbers = chunk.numbers(len(person))[kept]
    columns = {
        "number": numbers,
        # a few come by a link that anybody may open
        "invitation": nullable(numbers, chunk.voice.random(len(kept)) < UNSOLICITED),
        "survey_type": choice(kind[kept], KINDS),
        "score": score[kept],
        "scale_min": lowest[kept],
        "scale_max": scale[kept],
        "comment": choice(np.where(says, text, -1)[kept], texts),
        **_about(chunk, asked.taken(kept)),
        "sent_at": instants(sent[kept]),
        "responded_at": instants(at[kept]),
    }
    render = {
        "response_id": world.short_id("R", "response", "number"),
        "invitation_id": f"case when invitation is not null then {world.short_id('I', 'invitation', 'number')} end",
        "survey_id": "'SV_' || survey_type || '_1'",
        "reference": _reference(world),
        # the numbers of orders, tickets and the rest are told apart by their first letters
        "reference_kind": "cast(null as varchar)",
        "respondent_kind": "'customer'",
        "department": "cast(null as varchar)",
        "score_direction": "'up'",
        "is_complete": "true",
    }
    chunk.writer.write("surveys", "responses", Frame(columns, at[kept], render, event_count=len(kept)), rng)


def _write_invitations(chunk: Chunk, asked: _Asked, number: np.ndarray, *, bounced: float) -> None:
    world, voice = chunk.world, chunk.voice
    bounces = voice.random(len(asked.sent)) < bounced
    columns = {
        "number": number,
        "survey_type": choice(asked.kind, KINDS),
        **_about(chunk, asked),
        "sent_at": instants(asked.sent),
        "bounced_at": instants(asked.sent + MINUTE, ~bounces),
        "updated_at": instants(asked.sent + MINUTE * bounces),
    }
    render = {
        "invitation_id": world.short_id("I", "invitation", "number"),
        "survey_id": "'SV_' || survey_type || '_1'",
        "reference": _reference(world),
        # the numbers of orders, tickets and the rest are told apart by their first letters
        "reference_kind": "cast(null as varchar)",
        "respondent_kind": "'customer'",
        "department": "cast(null as varchar)",
    }
    chunk.writer.write("surveys", "invitations", Frame(columns, asked.sent, render), voice)


def _about(chunk: Chunk, asked: _Asked) -> dict[str, object]:
    """The columns that say whom a survey went to and what it is about."""
    people = chunk.people
    return {
        "target": asked.target,
        "touchpoint": choice(asked.touchpoint, SURVEY_TOUCHPOINTS),
        "respondent_email": people.email_at(asked.person, asked.sent),
        "customer_number": choice(
            np.where(people.has_account & (people.number % 2 == 0), np.arange(len(people)), -1)[asked.person],
            people.customer_number,
        ),
    }


def _reference(world: World) -> str:
    return (
        "case touchpoint "
        f"when 'order_delivery' then {world.short_id('O', 'order', 'target')} "
        f"when 'store_visit' then {world.short_id('T', 'receipt', 'target')} "
        f"when 'support_ticket' then {world.short_id('TK', 'ticket', 'target')} "
        f"when 'support_call' then {world.short_id('CL', 'call', 'target')} "
        f"when 'chat' then {world.short_id('CH', 'chat', 'target')} end"
    )


def write_employee_surveys(chunk: Chunk) -> None:
    """Writes what employees answer each month: whether they recommend their department, and how a touchpoint goes."""
    if chunk.index:
        return
    clock, voice, world = chunk.clock, chunk.voice, chunk.world
    months = max(1, clock.days // 30)
    place = np.arange(months * EMPLOYEES)
    is_about_touchpoint = place % 2 == 1
    employee = place % EMPLOYEES
    sent = clock.at((place // EMPLOYEES) * 30 + 1.0) + 9 * HOUR
    answers = voice.random(len(place)) < EMPLOYEES_ANSWER
    at = sent + (voice.lognormal(np.log(9), 1.1, len(place)) * HOUR).astype(np.int64) // 1000 * 1000 + MINUTE
    kind = np.where(is_about_touchpoint, CSAT, NPS)
    scale, lowest = np.array(SCALES)[kind], np.where(kind == NPS, 0, 1)
    # those who take calls see that customers wait
    team = employee // 2 % len(DEPARTMENTS)
    mood = np.clip(0.72 - 0.25 * (is_about_touchpoint & (team % 2 == 0)) + voice.normal(0, 0.2, len(place)), 0, 1)
    numbers = chunk.numbers(len(place), lane=3)
    asked = {
        "number": numbers,
        "survey_type": choice(kind, KINDS),
        "touchpoint": choice(np.where(is_about_touchpoint, team % 2, -1), EMPLOYEES_TOUCHPOINTS),
        "department": choice(np.where(is_about_touchpoint, -1, team), DEPARTMENTS),
        "sent_at": instants(sent),
    }
    nobody = dict.fromkeys(
        ("respondent_email", "customer_number", "reference", "reference_kind"), "cast(null as varchar)"
    )
    survey = nobody | {"respondent_kind": "'employee'", "survey_id": "'SV_employee_' || survey_type"}
    invitation = {"invitation_id": world.short_id("I", "invitation", "number")}
    columns = asked | {"bounced_at": instants(sent, np.ones(len(place), bool)), "updated_at": instants(sent)}
    chunk.writer.write("surveys", "invitations", Frame(columns, sent, survey | invitation), voice)
    rows = np.flatnonzero(answers)
    score = np.round(lowest + mood * (scale - lowest)).astype(np.int64)
    columns = {name: pa.array(values).take(pa.array(rows)) for name, values in asked.items()} | {
        "score": score[rows],
        "scale_min": lowest[rows],
        "scale_max": scale[rows],
        "responded_at": instants(at[rows]),
    }
    render = (
        survey
        | invitation
        | {
            "response_id": world.short_id("R", "response", "number"),
            "comment": "cast(null as varchar)",
            "score_direction": "'up'",
            "is_complete": "true",
        }
    )
    chunk.writer.write("surveys", "responses", Frame(columns, at[rows], render), voice)
