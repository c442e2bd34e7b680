"""Lets people move through the phases of a purchase, each move with its cause.

All people of a chunk take one step at a time together: a step is one interval in one phase. What happened in a
interval, and why it ended, is decided here; how it showed in the tools is decided by the modules that write their
rows.

Causes are counterfactual. One number is drawn per interval; a nudge or a slow answer shifts the bound that it is
held against. An interval whose end changes with the shift was ended by it, and only then is it named as the cause.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from examples.omnichannel.people import MIXED, NEVER, ONLINE, STORE_ONLY, People

AWARENESS, INTEREST, CONSIDERATION, PURCHASE, LOYALTY = range(5)
PHASE_NAMES = ("awareness", "interest", "consideration", "purchase", "loyalty")

FELL_THROUGH, REGRESSED, FELL_OUT, COMPLETED, PENDING = range(5)
OUTCOME_NAMES = ("fell_through", "regressed", "fell_out", "completed", "pending")

NO_NUDGE, AD, EMAIL, PUSH = range(4)
NO_SUPPORT, TICKET, CALL, CHAT, SOCIAL_MESSAGE = range(5)
SUPPORT_NAMES = ("none", "ticket", "call", "chat", "social_message")

CAUSES = (
    "own_decision", "ad_click", "email_click", "push_open", "slow_support", "price", "competitor",
    "lost_interest", "not_in_stock", "no_occasion", "still_deciding", "end_of_journey",
)  # fmt: skip
OWN_DECISION, SLOW_SUPPORT, STILL_DECIDING, END_OF_JOURNEY = 0, 4, 10, 11
NUDGE_CAUSE = (0, 1, 2, 3)
REASONS_TO_LEAVE = (5, 6, 7, 8)

WEB, APP, STORE, PHONE = range(4)
MEDIUM_NAMES = ("web", "app", "store", "phone")

# Per phase: days until something happens (median), its spread, and the odds of moving on or back unprompted.
DWELL_MEDIAN = (3.0, 2.5, 1.8, 6.0, 0.5)
DWELL_SPREAD = (1.0, 1.0, 0.9, 0.7, 0.5)
ADVANCES = (0.33, 0.32, 0.22, 0.28, 0.0)
REGRESSES = (0.0, 0.06, 0.12, 0.0, 0.0)
NUDGE_LIFT = (0.0, 0.20, 0.24, 0.12)
SLOW_SUPPORT_LOSS = 0.26
STORE_LIFT = 0.14  # people in a store are nearer to buying
LOYALTY_LIFT = 0.10
IRRITATION_LOSS = 0.12
SKIPS = 0.07

NEEDS_SUPPORT = (0.0, 0.02, 0.07, 0.19, 0.03)
# Minutes until a person answers (median, spread), and how many an ordinary customer puts up with.
WAIT_MEDIAN = (0.0, 540.0, 2.6, 1.1, 95.0)
WAIT_SPREAD = (1.0, 1.0, 0.9, 0.9, 1.1)
WAIT_ACCEPTED = (1.0, 1440.0, 7.0, 3.5, 300.0)

# Days until an ordinary customer wants something again.
PAUSE, PAUSE_OF_MEMBERS = 70.0, 42.0

LONGEST_LIFE = 3000


@dataclass(frozen=True)
class Intervals:
    """One entry per interval in a phase, by person and time. Times are even days; `left` is NaN while pending.

    `entry_nudge` is the nudge whose touch opened the interval; `is_entry_caused`: not without it.
    """

    person: np.ndarray
    instance: np.ndarray
    phase: np.ndarray
    entered: np.ndarray
    left: np.ndarray
    outcome: np.ndarray
    cause: np.ndarray
    medium: np.ndarray
    entry_nudge: np.ndarray
    is_entry_caused: np.ndarray
    nudge: np.ndarray
    support: np.ndarray
    wait_minutes: np.ndarray
    is_slow: np.ndarray
    irritation: np.ndarray
    purchases_before: np.ndarray
    is_member: np.ndarray

    def __len__(self) -> int:
        return len(self.person)


def live(people: People, days: float, rng: np.random.Generator) -> tuple[Intervals, np.ndarray]:
    """The intervals of all people, and the even time each joined the loyalty programme (NaN: never)."""
    count = len(people)
    now = people.arrives.copy()
    phase = np.where(people.is_known, rng.choice(3, count, p=(0.3, 0.5, 0.2)), AWARENESS)
    instance = np.ones(count, dtype=np.int32)
    irritation = np.zeros(count)
    purchases = np.where(people.is_known, rng.poisson(1.5, count), 0).astype(np.int32)
    is_member = people.card_at < NEVER
    joined = np.full(count, np.nan)
    entry_nudge = np.zeros(count, dtype=np.int8)
    entry_caused = np.zeros(count, dtype=bool)
    rounds: list[dict[str, np.ndarray]] = []

    for _ in range(LONGEST_LIFE):
        person = np.flatnonzero(now < days)
        if not len(person):
            break
        interval = _one_interval(people, person, phase, irritation, is_member, rng)
        entered, at = now[person], phase[person]
        left = entered + interval["dwell"]
        is_pending = left >= days
        # people who follow an ad or a mail land on the web, people who open a push message in the app
        followed = entry_nudge[person]
        medium = np.select([np.isin(followed, (AD, EMAIL)), followed == PUSH], [WEB, APP], default=interval["medium"])
        outcome = np.where(is_pending, PENDING, interval["outcome"])
        rounds.append(
            {
                "person": person,
                "instance": instance[person],
                "phase": at,
                "entered": entered,
                "left": np.where(is_pending, np.nan, left),
                "outcome": outcome,
                "cause": np.where(is_pending, STILL_DECIDING, interval["cause"]),
                "medium": medium,
                "entry_nudge": followed,
                "is_entry_caused": entry_caused[person],
                "nudge": np.where(is_pending, NO_NUDGE, interval["nudge"]),
                "support": interval["support"],
                "wait_minutes": interval["wait_minutes"],
                "is_slow": interval["is_slow"],
                "irritation": irritation[person],
                "purchases_before": purchases[person],
                "is_member": is_member[person],
            }
        )
        is_loyal = at == LOYALTY
        joined[person] = np.where(is_loyal & ~is_member[person], entered, joined[person])
        is_member[person] |= is_loyal
        purchases[person] += (at == PURCHASE) | (is_loyal & is_member[person])
        irritation[person] = irritation[person] * 0.8 + interval["is_slow"]

        intervals_in = np.isin(outcome, (FELL_THROUGH, REGRESSED))
        gap = rng.exponential(1.0, len(person)) * np.where(is_member[person], PAUSE_OF_MEMBERS, PAUSE)
        gap *= (1 + 0.6 * np.minimum(irritation[person], 3)) / people.activity[person]
        restart = np.where(
            purchases[person] > 0,
            rng.choice(3, len(person), p=(0.22, 0.53, 0.25)),
            rng.choice(3, len(person), p=(0.75, 0.2, 0.05)),
        )
        instance[person] += ~intervals_in
        phase[person] = np.where(intervals_in, interval["next_phase"], restart)
        now[person] = np.where(is_pending, np.inf, np.where(intervals_in, left, left + gap))
        moved_by_touch = intervals_in & (outcome == FELL_THROUGH)
        entry_nudge[person] = np.where(moved_by_touch & interval["is_followed"], interval["nudge"], NO_NUDGE)
        entry_caused[person] = moved_by_touch & interval["is_caused"]

    columns = {name: np.concatenate([part[name] for part in rounds]) for name in rounds[0]}
    order = np.lexsort((columns["entered"], columns["person"]))
    return Intervals(**{name: values[order] for name, values in columns.items()}), joined


def _one_interval(
    people: People,
    person: np.ndarray,
    phase: np.ndarray,
    irritation: np.ndarray,
    is_member: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """What happens in the interval that each of these people begins now."""
    count, at = len(person), phase[person]
    kind = people.kind[person]
    dwell = rng.lognormal(np.log(np.array(DWELL_MEDIAN))[at], np.array(DWELL_SPREAD)[at])
    dwell /= people.activity[person] ** 0.25

    nudge = _nudges(people, person, at, rng)
    support, wait, is_slow = _support(people, person, at, rng)

    drawn = rng.random(count)
    can_advance = np.where(at == PURCHASE, is_member[person] | people.would_join[person], at != LOYALTY)
    base = np.array(ADVANCES)[at] + LOYALTY_LIFT * is_member[person]
    base += STORE_LIFT * ((kind == STORE_ONLY) & (at < PURCHASE))
    calm = np.clip(base, 0.02, 0.85)
    base -= IRRITATION_LOSS * np.minimum(irritation[person], 2)
    with_slowness = np.clip(base - SLOW_SUPPORT_LOSS * is_slow, 0.01, 0.85)
    with_nudge = with_slowness + np.array(NUDGE_LIFT)[nudge]
    advances = (drawn < with_nudge) & can_advance
    is_caused = advances & (drawn >= with_slowness)
    regresses = ~advances & (drawn > 1 - np.array(REGRESSES)[at])

    skips = advances & (at < CONSIDERATION) & (rng.random(count) < SKIPS)
    next_phase = np.where(regresses, at - 1, np.minimum(at + 1 + skips, LOYALTY))
    outcome = np.select([at == LOYALTY, advances, regresses], [COMPLETED, FELL_THROUGH, REGRESSED], default=FELL_OUT)
    # people who would have progressed if no answer, now or before, had come too late
    was_let_down = is_slow | (irritation[person] > 0)
    lost_to_support = ~advances & can_advance & was_let_down & (drawn < calm + np.array(NUDGE_LIFT)[nudge])
    cause = np.select(
        [
            at == LOYALTY,
            is_caused,
            advances,
            lost_to_support,
            at == PURCHASE,
        ],
        [END_OF_JOURNEY, np.array(NUDGE_CAUSE)[nudge], OWN_DECISION, SLOW_SUPPORT, 9],
        default=rng.choice(REASONS_TO_LEAVE, count, p=(0.3, 0.25, 0.33, 0.12)),
    )
    return {
        "dwell": dwell,
        "nudge": nudge,
        "support": support,
        "wait_minutes": wait,
        "is_slow": is_slow,
        "is_caused": is_caused,
        # a nudge that changed nothing is followed half of the time all the same: touch without effect
        "is_followed": is_caused | (advances & (nudge > 0) & (rng.random(count) < 0.5)),
        "next_phase": next_phase,
        "outcome": outcome,
        "cause": cause,
        "medium": _medium(people, person, at, kind, rng),
    }


def _nudges(people: People, person: np.ndarray, at: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Which nudge reaches each person near the end of the interval. After a purchase nothing is advertised."""
    drawn = rng.random(len(person))
    is_on_line = people.kind[person] != STORE_ONLY
    by_ad = is_on_line & (drawn < 0.26)
    by_email = is_on_line & people.would_subscribe[person] & (drawn >= 0.26) & (drawn < 0.50)
    by_push = people.has_app[person] & (drawn >= 0.50) & (drawn < 0.62)
    nudge = np.select([by_ad, by_email, by_push], [AD, EMAIL, PUSH], default=NO_NUDGE)
    return np.where(at >= PURCHASE, NO_NUDGE, nudge)


def _support(
    people: People, person: np.ndarray, at: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Who asks for help in this interval, through what, the minutes until an answer, whether too long."""
    count = len(person)
    needs = rng.random(count) < np.array(NEEDS_SUPPORT)[at]
    through = rng.choice((TICKET, CALL, CHAT), count, p=(0.45, 0.30, 0.25))
    through = np.where(people.kind[person] == STORE_ONLY, CALL, through)
    through = np.where((through == TICKET) & ~people.has_email[person], CALL, through)
    through = np.where(people.has_handle[person] & (rng.random(count) < 0.4), SOCIAL_MESSAGE, through)
    support = np.where(needs, through, NO_SUPPORT)
    wait = rng.lognormal(np.log(np.maximum(np.array(WAIT_MEDIAN), 1e-9))[support], np.array(WAIT_SPREAD)[support])
    wait = np.where(needs, wait, 0.0)
    return support, wait, needs & (wait > np.array(WAIT_ACCEPTED)[support] * people.patience[person])


def _medium(
    people: People, person: np.ndarray, at: np.ndarray, kind: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Where the interval begins: on the web, in the app, in a store, or (purchases now and then) by telephone."""
    drawn = rng.random(len(person))
    on_line = np.where(people.has_app[person] & (rng.random(len(person)) < 0.45), APP, WEB)
    store_share = np.select(
        [
            kind == STORE_ONLY,
            (kind == MIXED) & (at >= CONSIDERATION),
            (kind == ONLINE) & (at >= CONSIDERATION),
        ],
        [1.0, 0.50, 0.04],
        default=0.0,
    )
    medium = np.where(drawn < store_share, STORE, on_line)
    by_phone = (at == PURCHASE) & (kind != STORE_ONLY) & (drawn > 0.98)
    return np.where(by_phone, PHONE, medium)
