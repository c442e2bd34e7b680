"""Writes the event streams of the web site and the app, and the visits of bots."""

from __future__ import annotations

import numpy as np

from examples.omnichannel import sessions as visit
from examples.omnichannel import words
from examples.omnichannel.chunk import Chunk
from examples.omnichannel.clock import DAY, HOUR, MINUTE, SECOND
from examples.omnichannel.extracts import Frame, choice, instants, nullable
from examples.omnichannel.people import NEVER
from examples.omnichannel.truth import PERSON
from examples.omnichannel.world import DEVICE_BLOCK, TABLET, clock_skew, mixed

PATHS = {
    visit.PAGE: "/", visit.SEARCH: "/zoeken", visit.VIEW: "/p", visit.CART: "/winkelwagen",
    visit.WISHLIST: "/verlanglijst", visit.NEWSLETTER: "/nieuwsbrief", visit.LOGIN: "/account/inloggen",
    visit.CHECKOUT: "/afrekenen",
    visit.BOUGHT: "/afrekenen/bedankt", visit.HELP: "/klantenservice",
}  # fmt: skip
MEDIA = ("cpc", "paid_social", "display", "email")
NETWORK_MEDIUM = {"search": 0, "social": 1, "video": 2, "display": 2}
MAIL_MEDIUM = 3
TRIGGERED_MAILS = ("abandoned_cart", "promotion", "win_back")


def write_web(chunk: Chunk) -> None:
    """Writes the web events of people."""
    events, sessions, people, world, rng = chunk.events, chunk.sessions, chunk.people, chunk.world, chunk.rng
    chosen = np.flatnonzero(~sessions.is_app[events.session] & (events.kind < visit.FIRST_OPEN))
    session, kind, at = events.session[chosen], events.kind[chosen], events.at[chosen]
    person, device = sessions.person[session], sessions.device[session]
    landing = events.is_landing[chosen]
    source, count = sessions.source[session], len(chosen)
    is_ad = landing & (source == visit.PAID)
    is_newsletter = landing & (source == visit.NEWSLETTER_MAIL)
    is_triggered = landing & (source == visit.TRIGGERED_MAIL)
    ad = np.where(is_ad, sessions.ad[session], -1)
    ad_medium = np.array([NETWORK_MEDIUM[network] for _, network, *_ in words.AD_CAMPAIGNS])
    ad_source = np.array([("google", "meta", "display_network").index(ad[0]) for ad in words.AD_CAMPAIGNS])
    campaigns = [ad[2] for ad in words.AD_CAMPAIGNS] + world.mail_name + list(TRIGGERED_MAILS)
    campaign = np.select(
        [is_ad, is_newsletter, is_triggered],
        [
            ad,
            len(words.AD_CAMPAIGNS) + sessions.mail[session],
            len(words.AD_CAMPAIGNS) + len(world.mail_name) + triggered_mail(chunk)[session],
        ],
        default=-1,
    )
    referrers = (*words.REFERRERS, *words.SITES)
    referrer = np.select(
        [landing & (source == visit.ORGANIC), landing & (source == visit.REFERRAL)],
        [(rng.random(count) ** 3 * 3).astype(int), 3 + rng.integers(0, 4, count)],
        default=-1,
    )
    is_guest = ~sessions.is_logged_in[session]
    types_email = (kind == visit.NEWSLETTER) | ((kind == visit.CHECKOUT) & sessions.buys[session] & is_guest)
    form_email = people.email_at(person, at, types_email)
    skew = clock_skew(device, chunk.dirt.skewed_clocks, world.seed)
    is_about_product = np.isin(kind, (visit.VIEW, visit.CART, visit.WISHLIST))
    browser = visit.browser_of(device, world.seed)
    delay = (rng.exponential(0.8, count) * SECOND).astype(np.int64) // 1000 * 1000 + 60_000
    number = chunk.numbers(chosen)
    columns = {
        "number": number,
        "event_name": choice(kind, visit.WEB_NAMES),
        "cookie": sessions.cookie[session],
        "user_id": choice(np.where(events.is_identified[chosen], person, -1), people.customer_number),
        "form_email": form_email,
        "page_urlpath": choice(kind, [PATHS[code] for code in range(len(visit.WEB_NAMES))]),
        "refr_urlhost": choice(referrer, referrers),
        "mkt_medium": choice(
            np.select([is_ad, is_newsletter | is_triggered], [ad_medium[ad], MAIL_MEDIUM], default=-1), MEDIA
        ),
        "mkt_source": choice(
            np.select([is_ad, is_newsletter | is_triggered], [ad_source[ad], 3], default=-1),
            ("google", "meta", "display_network", "mail"),
        ),
        "mkt_campaign": choice(campaign, campaigns),
        "domain_sessionidx": _visits_of_cookies(sessions)[session],
        "visit": chunk.numbers(session),
        "is_ad": is_ad,
        "useragent": choice(browser, words.BROWSERS),
        "dvce_type": choice(browser, words.BROWSER_TYPES),
        "geo_country": choice((mixed_share(device) > 0.93).astype(int), ("NL", "BE")),
        "product_json": choice(np.where(is_about_product, events.product[chosen], -1), world.product_json),
        "search": choice(np.where(kind == visit.SEARCH, rng.integers(0, 10, count), -1), words.SEARCHES),
        "is_bought": kind == visit.BOUGHT,
        "derived_tstamp": instants(at),
        "collector_tstamp": instants(at + delay),
        "dvce_created_tstamp": instants(at + skew),
    }
    chunk.writer.write("web", "events", Frame(columns, at, web_render(chunk), event_count=count), rng)
    skewed = np.unique(sessions.cookie[session][skew != 0])
    chunk.ledger_numbers("skewed_clock", "web", "events", skewed, world.cookie("number"))
    chunk.truth.identifiers("cookie", sessions.cookie[session], people.number[person], world.cookie("value"))
    shared = np.flatnonzero(device % DEVICE_BLOCK == TABLET)
    chunk.truth.write(
        "shared_device_events",
        {
            "number": number[shared],
            "cookie": sessions.cookie[session][shared],
            "person": people.number[person][shared],
        },
        {
            "source_name": "'web'",
            "event_id": world.uid("web", "number"),
            "identifier": world.cookie(),
            "person_id": PERSON,
        },
    )
    chunk.ledger_numbers(
        "shared_tablet", "web", "events", np.unique(sessions.cookie[session][shared]), world.cookie("number")
    )


def web_render(chunk: Chunk) -> dict[str, str]:
    """SQL for the columns of web events."""
    world = chunk.world
    return {
        "event_id": world.uid("web", "number"),
        "domain_userid": world.cookie(),
        "platform": "'web'",
        "page_urlhost": "'www.example.com'",
        "mkt_clickid": f"case when is_ad then {world.short_id('CLK', 'click', 'visit')} end",
        "event_params": f"""
            case
                when is_bought then '{{"transaction_id":"' || {world.short_id("O", "order", "visit")} || '"}}'
                when product_json is not null then product_json
                when search is not null then '{{"search_term":"' || search || '"}}'
                else '{{}}'
            end""",
    }


def write_bots(chunk: Chunk) -> None:
    """Writes visits of bots: many pages in little time, and a user agent that gives them away."""
    rng, world = chunk.rng, chunk.world
    visits = rng.binomial(len(chunk.sessions), chunk.dirt.bot_visits)
    if not visits:
        return
    pages = rng.integers(3, 25, visits)
    bot = np.repeat(np.arange(visits), pages)
    began = chunk.clock.start + (rng.random(visits) * (chunk.clock.end - chunk.clock.start)).astype(np.int64)
    step = np.arange(len(bot)) - np.repeat(np.cumsum(pages) - pages, pages)
    at = (began[bot] + step * 1_300 * 1000 + rng.integers(0, 900, len(bot)) * 1000) // 1000 * 1000
    views = step % 4 != 0
    nothing = choice(np.full(len(bot), -1), ("",))
    columns = {
        "number": chunk.numbers(len(bot), lane=9),
        "event_name": choice(np.where(views, visit.VIEW, visit.PAGE), visit.WEB_NAMES),
        # each lane of numbers has cookies of its own; a bot comes with a new one on most visits
        "cookie": -1 - chunk.numbers(bot // 2 if visits > 1 else bot),
        "page_urlpath": choice(views.astype(int), ("/", "/p")),
        **dict.fromkeys(
            ("user_id", "form_email", "refr_urlhost", "mkt_medium", "mkt_source", "mkt_campaign", "search"),
            nothing,
        ),
        "domain_sessionidx": np.ones(len(bot), np.int64),
        "visit": chunk.numbers(bot),
        "is_ad": np.zeros(len(bot), bool),
        "useragent": choice(rng.integers(0, len(words.BOTS), visits)[bot], words.BOTS),
        "dvce_type": choice(np.full(len(bot), 0), ("Computer",)),
        "geo_country": choice(rng.integers(0, 3, visits)[bot], ("US", "DE", "SG")),
        "product_json": choice(np.where(views, world.draw_products(len(bot), rng), -1), world.product_json),
        "is_bought": np.zeros(len(bot), bool),
        "derived_tstamp": instants(at),
        "collector_tstamp": instants(at + 80_000),
        "dvce_created_tstamp": instants(at),
    }
    chunk.writer.write("web", "events", Frame(columns, at, web_render(chunk), event_count=len(bot)), rng)
    cookies = np.unique(columns["cookie"][at < chunk.clock.end])
    chunk.ledger_numbers("bot", "web", "events", cookies, world.cookie("number"))


def write_app(chunk: Chunk) -> None:
    """Writes the app's events, by the phones' clocks, and the push messages sent to all."""
    events, sessions, people, world, rng = chunk.events, chunk.sessions, chunk.people, chunk.world, chunk.rng
    chosen = np.flatnonzero(sessions.is_app[events.session] & (events.kind != visit.NEWSLETTER))
    session = events.session[chosen]
    person, device = sessions.person[session], sessions.device[session]
    kind, at, number = events.kind[chosen], events.at[chosen], chunk.numbers(chosen)
    shift = np.select([kind == visit.PUSH_RECEIVED], [-rng.integers(20, 3_000, len(chosen)) * SECOND], default=0)
    at = at + shift

    broadcast_to, broadcast_at = _broadcasts(chunk)
    broadcasts = len(broadcast_to)
    session = np.concatenate([session, np.zeros(broadcasts, np.int64)])
    person = np.concatenate([person, broadcast_to])
    device = np.concatenate([device, people.number[broadcast_to] * DEVICE_BLOCK + 5])
    kind = np.concatenate([kind, np.full(broadcasts, visit.PUSH_RECEIVED, np.int8)])
    at = np.concatenate([at, broadcast_at])
    number = np.concatenate([number, chunk.numbers(broadcasts, lane=8)])
    identified = np.concatenate([events.is_identified[chosen], np.zeros(broadcasts, bool)])
    product = np.concatenate([events.product[chosen], np.full(broadcasts, -1)])
    started = np.concatenate([sessions.started[events.session[chosen]], broadcast_at])
    visits = np.concatenate([chunk.numbers(events.session[chosen]), np.zeros(broadcasts, np.int64)])

    order = np.lexsort((number, at, device))
    running = np.arange(len(order)) - np.repeat(*_runs(device[order]))
    sequence = np.empty(len(order), np.int64)
    sequence[order] = running + 1
    count = len(kind)
    skew = clock_skew(device, chunk.dirt.skewed_clocks, world.seed)
    is_ios = mixed_share(device) < 0.46
    is_off_line = rng.random(count) < 0.03
    delay = np.where(is_off_line, rng.uniform(0.1, 8, count) * HOUR, rng.exponential(1.5, count) * SECOND)
    is_about_product = np.isin(kind, (visit.VIEW, visit.CART, visit.WISHLIST))
    screen = np.select(
        [np.isin(kind, (visit.PAGE, visit.START)), kind == visit.SEARCH, kind == visit.HELP],
        [0, 1, 2],
        default=-1,
    )
    is_push = np.isin(kind, (visit.PUSH_RECEIVED, visit.PUSH_OPENED))
    columns = {
        "number": number,
        "event_type": choice(kind, visit.APP_NAMES),
        "device": device,
        "user_id": choice(np.where(identified, person, -1), people.customer_number),
        "session_id": nullable(started // 1000, is_push),
        "event_sequence": sequence,
        "platform": choice(is_ios.astype(int), ("Android", "iOS")),
        "os_version": choice(is_ios.astype(int), ("15", "18.5")),
        "device_family": choice(
            is_ios * 3 + np.floor(mixed_share(device, 5) * 3).astype(int),
            ("Pixel 9", "Galaxy S25", "Galaxy A56", "iPhone 15", "iPhone 16", "iPhone 13 mini"),
        ),
        "app_version": choice(((at - chunk.clock.start) // (60 * DAY)).clip(0, 9), [f"4.{n}.0" for n in range(10)]),
        "country": choice(np.zeros(count, int), ("NL",)),
        "push_campaign": choice(
            np.where(is_push, (np.arange(count) >= len(chosen)).astype(int), -1),
            ("push_reminder", "push_monthly"),
        ),
        "product_json": choice(np.where(is_about_product, product, -1), world.product_json),
        "screen": choice(screen, ("home", "search", "help")),
        "is_onboarding": kind == visit.ONBOARDING,
        "is_bought": kind == visit.BOUGHT,
        "visit": visits,
        "event_time": instants(at + skew),
        "server_received_time": instants(at + delay.astype(np.int64) // 1000 * 1000),
    }
    render = {
        "uuid": world.uid("app", "number"),
        "device_id": world.device(),
        "event_properties": f"""
            case
                when is_bought then '{{"transaction_id":"' || {world.short_id("O", "order", "visit")} || '"}}'
                when product_json is not null then product_json
                -- a device opens, starts and is then shown around: its third event is the first step
                when is_onboarding then '{{"step":"' || (1 + (event_sequence + 1) % 4) || '"}}'
                when screen is not null then '{{"screen":"' || screen || '"}}'
                else '{{}}'
            end""",
    }
    chunk.writer.write("app", "events", Frame(columns, at, render, event_count=count), rng)
    skewed = np.unique(device[skew != 0])
    chunk.ledger_numbers("skewed_clock", "app", "events", skewed, world.device("number"))
    chunk.truth.identifiers("device_id", device, people.number[person], world.device("value"))


def _broadcasts(chunk: Chunk) -> tuple[np.ndarray, np.ndarray]:
    """Push messages to all who have the app: the first Tuesday evening of every thirty days."""
    sessions, people = chunk.sessions, chunk.people
    installed = np.where(people.app_is_old, chunk.clock.start - 1, NEVER)
    app = np.flatnonzero(sessions.is_app)
    np.minimum.at(installed, sessions.person[app], sessions.started[app])
    days = np.arange(8, chunk.clock.days, 30)
    who, which = np.nonzero(installed[:, None] < chunk.clock.start + days[None, :] * DAY)
    minutes = chunk.rng.integers(0, 25, len(who)) * MINUTE
    return who, chunk.clock.start + days[which] * DAY + 17 * HOUR + minutes


def triggered_mail(chunk: Chunk) -> np.ndarray:
    """Which triggered mail led to each visit: it depends on the phase that it moved people into."""
    phase = chunk.intervals.phase[chunk.sessions.interval]
    return np.select([phase >= 3, phase >= 1], [0, 1], default=2)


def mixed_share(device: np.ndarray, salt: int = 3) -> np.ndarray:
    """A number between 0 and 1 that is fixed for a device."""
    return (mixed(device, salt) % 10_000) / 10_000


def _visits_of_cookies(sessions: visit.Sessions) -> np.ndarray:
    """For each visit the how-manieth it is of its cookie."""
    order = np.lexsort((sessions.started, sessions.cookie))
    begins, lengths = _runs(sessions.cookie[order])
    counted = np.empty(len(order), np.int64)
    counted[order] = np.arange(len(order)) - np.repeat(begins, lengths) + 1
    return counted


def _runs(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each run of equal values begins, and how long it is."""
    begins = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]])) if len(values) else np.zeros(0, int)
    return begins, np.diff(np.append(begins, len(values)))
