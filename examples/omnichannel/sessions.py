"""Turns intervals in phases into visits to the web site and the app, and visits into their events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from examples.omnichannel import behaviour as act
from examples.omnichannel.clock import MINUTE, SECOND, Clock
from examples.omnichannel.people import NEVER, STORE_ONLY, People
from examples.omnichannel.world import (
    APP_DEVICE,
    DEVICE_BLOCK,
    TABLET,
    World,
    cookie_number,
    mixed,
)

(
    PAGE, SEARCH, VIEW, CART, WISHLIST, NEWSLETTER, LOGIN, CHECKOUT, BOUGHT, HELP, FIRST_OPEN, ONBOARDING,
    ONBOARDED, PUSH_RECEIVED, PUSH_OPENED, START,
) = range(16)  # fmt: skip
WEB_NAMES = (
    "page_view", "search", "view_item", "add_to_cart", "add_to_wishlist", "newsletter_signup", "login",
    "begin_checkout", "purchase", "view_help",
)  # fmt: skip
APP_NAMES = (
    "screen_view", "screen_view", "view_item", "add_to_cart", "add_to_wishlist", "screen_view", "login",
    "begin_checkout", "purchase", "screen_view", "first_open", "onboarding_step", "onboarding_completed",
    "push_received", "push_opened", "session_start",
)  # fmt: skip

DIRECT, ORGANIC, REFERRAL, PAID, NEWSLETTER_MAIL, TRIGGERED_MAIL, PUSH_MESSAGE = range(7)
UNPROMPTED_SHARES = (0.43, 0.33, 0.09, 0.08, 0.07)

# Further visits within an interval, by phase.
MORE_VISITS = (0.35, 1.15, 1.05, 0.50, 0.20)
LONGEST_PAUSE = 25 * MINUTE
MAIL_IS_FRESH = 6  # days in which a newsletter is still clicked


@dataclass(frozen=True)
class Sessions:
    """One entry per visit. `product` is what it is about; `mail` the newsletter that led to it, or -1."""

    interval: np.ndarray
    person: np.ndarray
    started: np.ndarray
    is_entry: np.ndarray
    is_app: np.ndarray
    device: np.ndarray
    cookie: np.ndarray
    source: np.ndarray
    mail: np.ndarray
    ad: np.ndarray
    is_logged_in: np.ndarray
    logs_in: np.ndarray
    buys: np.ndarray
    signs_up: np.ndarray
    is_first_in_app: np.ndarray
    product: np.ndarray

    def __len__(self) -> int:
        return len(self.interval)


@dataclass(frozen=True)
class Events:
    """One entry per event of a visit, in order. `number` counts on through all chunks."""

    session: np.ndarray
    kind: np.ndarray
    at: np.ndarray
    product: np.ndarray
    is_landing: np.ndarray
    is_identified: np.ndarray


def make_sessions(
    people: People, intervals: act.Intervals, world: World, clock: Clock, rng: np.random.Generator
) -> Sessions:
    """The visits of all intervals, ordered by time."""
    on_line = np.isin(intervals.medium, (act.WEB, act.APP))
    more = rng.poisson(np.array(MORE_VISITS)[intervals.phase] * (people.kind[intervals.person] != STORE_ONLY))
    entry, extra = np.flatnonzero(on_line), np.repeat(np.arange(len(intervals)), more)
    interval = np.concatenate([entry, extra])
    left = np.where(np.isnan(intervals.left), clock.days, intervals.left)
    share = rng.uniform(0.03, 0.97, len(extra))
    even = np.concatenate(
        [intervals.entered[entry], intervals.entered[extra] + share * (left - intervals.entered)[extra]]
    )
    started = clock.at(even)
    order = np.lexsort((interval, started))
    interval, started = interval[order], started[order]
    is_entry = (np.arange(len(interval)) < len(entry))[order]
    person, count = intervals.person[interval], len(interval)

    goes_on_in_app = people.has_app[person] & (rng.random(count) < 0.45)
    is_app = np.where(is_entry, intervals.medium[interval] == act.APP, goes_on_in_app)
    nudge = np.where(is_entry, intervals.entry_nudge[interval], act.NO_NUDGE)
    source = rng.choice(5, count, p=UNPROMPTED_SHARES)
    mail = np.searchsorted(world.mail_at, started) - 1
    is_fresh = (mail >= 0) & (started - world.mail_at[mail] < MAIL_IS_FRESH * 86_400 * SECOND)
    gets_mail = is_fresh & (people.subscriber_from[person] < world.mail_at[mail]) & people.has_email[person]
    source = np.where((source == NEWSLETTER_MAIL) & ~gets_mail, DIRECT, source)
    source = np.where(is_app, DIRECT, source)
    source = np.select(
        [nudge == act.AD, nudge == act.EMAIL, nudge == act.PUSH],
        [PAID, TRIGGERED_MAIL, PUSH_MESSAGE],
        default=source,
    )

    slot = (rng.random(count) ** 1.6 * people.device_count[person]).astype(np.int64)
    on_tablet = people.has_tablet[person] & (rng.random(count) < 0.28)
    device = people.number[person] * DEVICE_BLOCK + np.where(is_app, APP_DEVICE, slot)
    device = np.where(on_tablet & ~is_app, people.household[person] * DEVICE_BLOCK + TABLET, device)

    is_repeat = (intervals.phase[interval] == act.LOYALTY) & intervals.is_member[interval]
    buys = is_entry & ((intervals.phase[interval] == act.PURCHASE) | is_repeat)
    may_log_in = people.has_account[person] & ~people.never_logs_in[person] & (started >= people.account_at[person])
    is_logged_in = may_log_in & (rng.random(count) < np.where(is_app | buys, 0.88, 0.22))

    first_in_app = np.zeros(count, bool)
    app = np.flatnonzero(is_app)
    first_in_app[app[np.unique(person[app], return_index=True)[1]]] = True
    could_sign_up = (
        ~is_app
        & people.would_subscribe[person]
        & (people.subscriber_from[person] == NEVER)
        & np.isin(intervals.phase[interval], (act.INTEREST, act.CONSIDERATION))
    )
    signs_up = np.zeros(count, bool)
    candidates = np.flatnonzero(could_sign_up)
    signs_up[candidates[np.unique(person[candidates], return_index=True)[1]]] = True

    return Sessions(
        interval=interval,
        person=person,
        started=started,
        is_entry=is_entry,
        is_app=is_app,
        device=device,
        cookie=cookie_number(device, started, clock, world.seed),
        source=source,
        mail=np.where(source == NEWSLETTER_MAIL, mail, -1),
        ad=np.where(source == PAID, rng.choice(9, count, p=AD_SHARES), -1),
        is_logged_in=is_logged_in,
        logs_in=is_logged_in & (rng.random(count) < np.where(is_app, 0.15, 0.7)),
        buys=buys,
        signs_up=signs_up,
        is_first_in_app=first_in_app & ~people.app_is_old[person],
        product=world.draw_products(count, rng),
    )


AD_SHARES = (0.17, 0.16, 0.12, 0.06, 0.13, 0.16, 0.08, 0.05, 0.07)


def make_events(intervals: act.Intervals, sessions: Sessions, world: World, rng: np.random.Generator) -> Events:
    """The events of all visits. A visit that opens a phase holds the event that marks the phase."""
    count = len(sessions)
    phase, is_entry, is_app = intervals.phase[sessions.interval], sessions.is_entry, sessions.is_app
    parts: list[tuple[np.ndarray, int, float, float]] = []

    def happens(times: np.ndarray, kind: int, rank: float, spread: float = 0.0) -> None:
        parts.append((np.repeat(np.arange(count), times), kind, rank, spread))

    def chance(share: float | np.ndarray) -> np.ndarray:
        return rng.random(count) < share

    onboards = sessions.is_first_in_app
    happens(sessions.source == PUSH_MESSAGE, PUSH_RECEIVED, -5)
    happens(sessions.source == PUSH_MESSAGE, PUSH_OPENED, -4)
    happens(onboards, FIRST_OPEN, -3)
    happens(is_app, START, -2)
    happens(np.where(onboards, rng.integers(1, 5, count), 0), ONBOARDING, -1)
    happens(onboards & chance(0.68), ONBOARDED, -0.5)
    happens(np.ones(count, bool), PAGE, 0)
    is_early = sessions.logs_in & ~sessions.buys
    happens(is_early, LOGIN, 1)
    happens(chance(0.22) & (phase >= act.INTEREST), SEARCH, 2)
    happens(rng.geometric(0.55, count) - 1, PAGE, 3, 3)
    views = np.select(
        [phase == act.AWARENESS, (phase == act.INTEREST) & is_entry, phase <= act.CONSIDERATION],
        [chance(0.0), 1 + rng.poisson(1.2, count), rng.poisson(1.3, count)],
        default=rng.poisson(0.35, count),
    )
    happens(views, VIEW, 3, 3)
    opens_consideration = is_entry & (phase == act.CONSIDERATION)
    wishes = chance(0.25)
    happens(opens_consideration & ~wishes, CART, 7)
    happens(opens_consideration & wishes, WISHLIST, 7)
    happens(~is_entry & (phase == act.CONSIDERATION) & chance(0.45), CART, 7)
    happens(sessions.buys & chance(0.35), CART, 7)
    happens(sessions.signs_up, NEWSLETTER, 8)
    happens(sessions.logs_in & sessions.buys, LOGIN, 9)
    happens(sessions.buys | (opens_consideration & chance(0.3)), CHECKOUT, 10)
    happens(sessions.buys, BOUGHT, 11)
    happens(~is_entry & (phase == act.PURCHASE) & chance(0.3), HELP, 12)

    session = np.concatenate([part[0] for part in parts])
    kind = np.concatenate([np.full(len(part[0]), part[1], np.int8) for part in parts])
    rank = np.concatenate([part[2] + part[3] * rng.random(len(part[0])) for part in parts])
    order = np.lexsort((rank, session))
    session, kind = session[order], kind[order]

    pause = np.minimum(rng.lognormal(np.log(24.0), 1.0, len(session)) * SECOND, LONGEST_PAUSE).astype(np.int64)
    pause = pause // 1000 * 1000 + 1000
    first = np.concatenate([[True], session[1:] != session[:-1]]) if len(session) else np.zeros(0, bool)
    passed = np.cumsum(np.where(first, 0, pause))
    opened = np.flatnonzero(first)
    since = passed - np.repeat(passed[opened], np.diff(np.append(opened, len(session))))

    product = np.where(
        rng.random(len(session)) < 0.5, sessions.product[session], world.draw_products(len(session), rng)
    )
    is_about_one = np.isin(kind, (CART, WISHLIST, BOUGHT, CHECKOUT))
    product = np.where(is_about_one, sessions.product[session], product)
    # A person who logs in is known from then on; one who was still logged in, from the first event.
    login_place = np.full(count, -1, dtype=np.int64)
    logins = np.flatnonzero(kind == LOGIN)
    login_place[session[logins]] = logins
    known_from = np.where(sessions.logs_in, login_place, 0)
    first_page = np.flatnonzero(kind == PAGE)
    first_page = first_page[np.unique(session[first_page], return_index=True)[1]]
    is_landing = np.zeros(len(session), bool)
    is_landing[first_page] = True
    return Events(
        session=session,
        kind=kind,
        at=sessions.started[session] + since,
        product=product,
        is_landing=is_landing,
        is_identified=sessions.is_logged_in[session] & (np.arange(len(session)) >= known_from[session]),
    )


def moment_of(events: Events, kind: int, count: int) -> np.ndarray:
    """For each visit the instant of its event of a kind; NEVER where it has none."""
    moments = np.full(count, NEVER)
    chosen = events.kind == kind
    moments[events.session[chosen]] = events.at[chosen]
    return moments


def browser_of(device: np.ndarray, seed: int) -> np.ndarray:
    """Which browser a device runs; the tablets run the tablet's."""
    chance = mixed(device, seed + 13)
    slot = device % DEVICE_BLOCK
    return np.select([slot == TABLET, slot == 0], [4, chance % 2], default=2 + chance % 2)
