"""Writes what the retailer sends and shows: mail and what is done with it, ads, clicks and their price."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from examples.omnichannel import sessions as visit
from examples.omnichannel import words
from examples.omnichannel.browsing import TRIGGERED_MAILS, triggered_mail
from examples.omnichannel.chunk import Chunk
from examples.omnichannel.clock import DAY, HOUR, MINUTE, SECOND
from examples.omnichannel.commerce import Orders
from examples.omnichannel.extracts import Frame, choice, instants, nullable
from examples.omnichannel.people import NEVER
from examples.omnichannel.world import DEVICE_BLOCK, cookie_number

OPENS, CLICKS_OF_OPENS = 0.24, 0.05
UNSUBSCRIBES, COMPLAINS = 0.004, 0.0003
SOFT_BOUNCES = 0.006
OPEN, CLICK, SOFT_BOUNCE, HARD_BOUNCE, UNSUBSCRIBE, COMPLAINT = range(6)
ACTIVITIES = ("open", "click", "soft_bounce", "hard_bounce", "unsubscribe", "complaint")
LINK = "https://www.example.com/actie"

# Impressions per interval of a person who accepts tracking, by phase: people who look around see more of them.
IMPRESSIONS = (0.9, 1.6, 1.8, 0.3, 0.3)
CORRECTED_AFTER = 3  # days after which platforms report a day again

NEWSLETTER_LANE, TRIGGERED_LANE, ORDER_LANE, WELCOME_LANE = 0, 2, 4, 5
MAILS_PER_PERSON = 128


def write_email(chunk: Chunk, orders: Orders) -> None:
    """Writes subscribers, sends and activity.

    A subscriber's mail goes to the address they signed up with: after a change of address it bounces for
    good, and they are cleaned from the list.
    """
    people, sessions, world, clock, rng = chunk.people, chunk.sessions, chunk.world, chunk.clock, chunk.rng
    subscriber = np.flatnonzero((people.subscriber_from < clock.end) & people.has_email)
    count, mails = len(subscriber), len(world.mail_at)
    sent_at = world.mail_at[None, :] + (rng.integers(0, 40, (count, mails)) * MINUTE)
    is_promotion = np.array([kind == "promotion" for kind in world.mail_type])
    is_sent = people.subscriber_from[subscriber][:, None] < world.mail_at[None, :]
    is_sent &= ~is_promotion[None, :] | (rng.random((count, mails)) < 0.6)
    # a newsletter that a visit came from was sent, whatever the draw says
    came = np.flatnonzero(sessions.mail >= 0)
    place = np.full(len(people), -1)
    place[subscriber] = np.arange(count)
    came = came[place[sessions.person[came]] >= 0]
    rows_of_visits = place[sessions.person[came]]
    is_sent[rows_of_visits, sessions.mail[came]] = True
    leaves = is_sent & (rng.random((count, mails)) < UNSUBSCRIBES + COMPLAINS)
    is_cleaned = is_sent & (sent_at >= people.email_changed_at[subscriber][:, None])
    is_last = leaves | is_cleaned
    last = np.where(is_last.any(axis=1), is_last.argmax(axis=1), mails)
    visited = np.full(count, -1)
    np.maximum.at(visited, rows_of_visits, sessions.mail[came])
    last = np.where(visited > last, mails, last)  # who still clicks afterwards never left
    is_sent &= np.arange(mails)[None, :] <= last[:, None]
    bounces_hard = is_cleaned & is_sent & (np.arange(mails)[None, :] == last[:, None])
    who, mail = np.nonzero(is_sent)
    reader = subscriber[who]
    newsletters = {
        "number": people.number[reader] * MAILS_PER_PERSON + mail,
        "person": reader,
        "campaign": mail,
        "at": sent_at[who, mail],
        "address_at": people.subscriber_from[reader],
    }
    is_hard = bounces_hard[who, mail]

    triggered = np.flatnonzero(sessions.source == visit.TRIGGERED_MAIL)
    waits = (rng.lognormal(np.log(50), 1.0, len(triggered)) * MINUTE).astype(np.int64) // 1000 * 1000 + MINUTE
    confirmed = np.flatnonzero((orders.at < clock.end) & people.has_email[orders.person])
    joined = np.flatnonzero((people.subscriber_from >= clock.start) & (people.subscriber_from < clock.end))
    joined = joined[people.has_email[joined]]
    names = [*world.mail_name, *TRIGGERED_MAILS, "order_confirmation", "welcome"]
    types = [*world.mail_type, *TRIGGERED_MAILS, "transactional", "welcome"]
    singles = {
        "number": np.concatenate(
            [
                -1 - chunk.numbers(triggered, TRIGGERED_LANE),
                -1 - chunk.numbers(len(confirmed), ORDER_LANE),
                -1 - chunk.numbers(joined, WELCOME_LANE),
            ]
        ),
        "person": np.concatenate([sessions.person[triggered], orders.person[confirmed], joined]),
        "campaign": mails
        + np.concatenate([triggered_mail(chunk)[triggered], np.full(len(confirmed), 3), np.full(len(joined), 4)]),
        "at": np.concatenate(
            [
                sessions.started[triggered] - waits,
                orders.at[confirmed] + 20 * SECOND,
                people.subscriber_from[joined] + MINUTE,
            ]
        ),
    }
    singles["address_at"] = singles["at"]
    sends = {name: np.concatenate([newsletters[name], singles[name]]) for name in newsletters}
    is_hard = np.concatenate([is_hard, np.zeros(len(singles["at"]), bool)])
    columns = {
        "number": sends["number"],
        "campaign": sends["campaign"],
        "campaign_name": choice(sends["campaign"], names),
        "mail_type": choice(sends["campaign"], types),
        "recipient": people.email_at(sends["person"], sends["address_at"]),
        "subject": choice(sends["campaign"], [f"Onderwerp: {name.replace('_', ' ')}" for name in names]),
        "sent_at": instants(sends["at"]),
    }
    render = {
        "message_id": world.short_id("MSG", "mail", "number"),
        "campaign_id": "printf('EM%03d', campaign + 1)",
    }
    chunk.writer.write("email", "sends", Frame(columns, sends["at"], render, event_count=len(sends["at"])), rng)
    _write_subscribers(chunk, subscriber, leaves, bounces_hard, last, sent_at)

    # activity: bounces, opens and idle clicks of all mail; then the clicks that led to a visit
    total = len(sends["at"])
    drawn = rng.random(total)
    is_newsletter = sends["campaign"] < mails
    soft = ~is_hard & (drawn < SOFT_BOUNCES)
    is_led = np.zeros(total, bool)
    is_led[len(newsletters["at"]) : len(newsletters["at"]) + len(triggered)] = True
    opens = ~is_hard & ~soft & ~is_led & (rng.random(total) < np.where(is_newsletter, OPENS, 0.55))
    read_at = (
        sends["at"] + (rng.lognormal(np.log(140), 1.5, total) * MINUTE).astype(np.int64) // 1000 * 1000 + 9 * SECOND
    )
    idle = opens & (rng.random(total) < CLICKS_OF_OPENS)
    leaving = np.zeros(total, bool)
    leaving[: len(who)] = leaves[who, mail] & (mail == last[who])
    complains = leaving & (rng.random(total) < COMPLAINS / (UNSUBSCRIBES + COMPLAINS))
    leaving &= ~is_hard
    parts = [
        (np.flatnonzero(is_hard), HARD_BOUNCE, sends["at"] + 7 * SECOND),
        (np.flatnonzero(soft), SOFT_BOUNCE, sends["at"] + 12 * SECOND),
        (np.flatnonzero(opens), OPEN, read_at),
        (np.flatnonzero(idle), CLICK, read_at + 21 * SECOND),
        (np.flatnonzero(leaving & ~complains), UNSUBSCRIBE, sends["at"] + 50 * MINUTE),
        (np.flatnonzero(leaving & complains), COMPLAINT, sends["at"] + 50 * MINUTE),
    ]
    led = np.concatenate([triggered, came])
    led_send = np.concatenate(
        [
            len(newsletters["at"]) + np.arange(len(triggered)),
            _find(who * mails + mail, rows_of_visits * mails + sessions.mail[came]),
        ]
    )
    row = np.concatenate([*(part[0] for part in parts), led_send, led_send])
    kind = np.concatenate(
        [
            *(np.full(len(part[0]), part[1]) for part in parts),
            np.full(len(led), OPEN),
            np.full(len(led), CLICK),
        ]
    )
    at = np.concatenate(
        [
            *(part[2][part[0]] for part in parts),
            sessions.started[led] - 14 * SECOND,
            sessions.started[led] - 2 * SECOND,
        ]
    )
    is_visit = np.arange(len(row)) >= len(row) - len(led)
    session = np.zeros(len(row), np.int64)
    session[len(row) - 2 * len(led) :] = np.concatenate([led, led])
    columns = {
        "number": sends["number"][row],
        "visit": chunk.numbers(session),
        "is_visit": is_visit,
        "place": np.where(np.arange(len(row)) >= len(row) - 2 * len(led), 1, 0),
        "campaign": sends["campaign"][row],
        "recipient": people.email_at(sends["person"][row], sends["address_at"][row]),
        "activity_type": choice(kind, ACTIVITIES),
        "url": choice(np.where(kind == CLICK, 0, -1), (LINK,)),
        "cookie": nullable(sessions.cookie[session], ~is_visit),
        "useragent": choice(np.where(kind <= CLICK, sends["person"][row] % 4, -1), words.MAIL_PROGRAMS),
        "occurred_at": instants(at),
    }
    # a mail may be opened idly and again on the way to a visit
    parts_of_id = "number, activity_type, place, case place when 1 then visit end"
    render |= {
        "activity_id": f"case when is_visit then {world.short_id('ACT', 'mailclick', 'visit')} "
        f"else {world.short_id('ACT', 'activity', parts_of_id)} end",
        "click_cookie": f"case when cookie is not null then {world.cookie()} end",
    }
    chunk.writer.write("email", "activity", Frame(columns, at, render, event_count=len(row)), rng)


def _find(keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The position of each wanted key in the ascending keys."""
    return np.searchsorted(keys, wanted)


def _write_subscribers(
    chunk: Chunk,
    subscriber: np.ndarray,
    leaves: np.ndarray,
    bounces_hard: np.ndarray,
    last: np.ndarray,
    sent_at: np.ndarray,
) -> None:
    """Writes each subscriber as they came, and once more when they left or were cleaned."""
    people, clock, world = chunk.people, chunk.clock, chunk.world
    count = len(subscriber)
    mails = sent_at.shape[1]
    has_last = last < mails
    place = np.minimum(last, mails - 1)
    rows = np.arange(count)
    is_cleaned = has_last & bounces_hard[rows, place] if mails else has_last
    is_gone = has_last & (leaves[rows, place] | is_cleaned) if mails else has_last
    gone_at = np.where(is_gone, sent_at[rows, place] + 50 * MINUTE, NEVER) if mails else np.full(count, NEVER)
    is_gone &= gone_at < clock.end
    row = np.concatenate([rows, np.flatnonzero(is_gone)])
    is_final = np.arange(len(row)) >= count
    since = people.subscriber_from[subscriber][row]
    updated = np.where(is_final, gone_at[row], since)
    person = subscriber[row]
    columns = {
        "number": people.number[person],
        "email": people.email_at(person, since),
        "status": choice(
            np.where(is_final, np.where(is_cleaned[row], 2, 1), 0), ("subscribed", "unsubscribed", "cleaned")
        ),
        "signup_source": choice((people.number[person] % 7 == 0).astype(int), ("web", "checkout")),
        "subscribed_at": instants(since),
        "unsubscribed_at": instants(gone_at[row], ~is_final | is_cleaned[row]),
        "updated_at": instants(updated),
    }
    render = {"subscriber_id": world.short_id("NL", "subscriber", "number")}
    chunk.writer.write("email", "subscribers", Frame(columns, updated, render, event_count=len(row)), chunk.rng)


def write_ads(chunk: Chunk, spend: Spend) -> None:
    """Writes impressions and clicks. Clicks that led to a visit have its click id; some lead nowhere."""
    people, intervals, sessions, world, clock, rng = (
        chunk.people, chunk.intervals, chunk.sessions, chunk.world, chunk.clock, chunk.rng,
    )  # fmt: skip
    paid = np.flatnonzero(sessions.source == visit.PAID)
    exposed = people.accepts_tracking & (people.kind != 1)
    times = rng.poisson(np.array(IMPRESSIONS)[intervals.phase] * exposed[intervals.person])
    interval = np.repeat(np.arange(len(intervals)), times)
    left = np.where(np.isnan(intervals.left), clock.days, intervals.left)
    even = intervals.entered[interval] + rng.random(len(interval)) * (left - intervals.entered)[interval] * 0.98
    # impressions before the visit that opens awareness: what one sees there is why one comes
    person = np.concatenate([intervals.person[interval], sessions.person[paid]])
    at = np.concatenate([clock.at(even), sessions.started[paid] - rng.integers(6, 90, len(paid)) * SECOND])
    count, shown = len(person), len(interval)
    campaign = np.concatenate([rng.choice(9, shown, p=SHOWN_SHARES), sessions.ad[paid]])
    slot = (rng.random(count) ** 1.6 * people.device_count[person]).astype(np.int64)
    device = people.number[person] * DEVICE_BLOCK + slot
    device[shown:] = sessions.device[paid]
    cookie = cookie_number(device, at, clock, world.seed)
    cookie[shown:] = sessions.cookie[paid]
    blocked = ~people.accepts_tracking[person]
    platforms = ("google", "meta", "display_network")
    platform = np.array([platforms.index(ad[0]) for ad in words.AD_CAMPAIGNS])
    network = np.array([words.NETWORKS.index(ad[1]) for ad in words.AD_CAMPAIGNS])
    browser = visit.browser_of(device, world.seed)
    number = np.concatenate([chunk.numbers(shown), chunk.numbers(paid, lane=5)])
    columns = {
        "number": number,
        "platform": choice(platform[campaign], platforms),
        "network": choice(network[campaign], words.NETWORKS),
        "campaign": campaign,
        "campaign_name": choice(campaign, [ad[2] for ad in words.AD_CAMPAIGNS]),
        "creative": number % 5,
        "placement": choice(network[campaign], [words.PLACEMENTS[name] for name in words.NETWORKS]),
        "cookie": nullable(cookie, blocked),
        "device_type": choice(np.array([0, 0, 1, 1, 2])[browser], ("mobile", "desktop", "tablet")),
        "event_time": instants(at),
    }
    render = {
        "impression_id": world.uid("impression", "number"),
        "campaign_id": "printf('AD%02d', campaign + 1)",
        "creative_id": "printf('CR%02d%d', campaign + 1, creative)",
        "partner_cookie_id": f"case when cookie is not null then {world.cookie()} end",
        "country": "'NL'",
    }
    chunk.writer.write("ads", "impressions", Frame(columns, at, render, event_count=count), rng)
    chunk.truth.identifiers("cookie", pa.array(cookie, mask=blocked), people.number[person], world.cookie("value"))

    idle = np.flatnonzero(rng.random(shown) < 0.004)
    click = np.concatenate([np.arange(shown, count), idle])
    click_at = np.concatenate([sessions.started[paid] - 2 * SECOND, at[idle] + 4 * SECOND])
    price = np.array([ad[3] for ad in words.AD_CAMPAIGNS])[campaign[click]]
    cost = np.round(price * rng.lognormal(0, 0.35, len(click)) * 100).astype(np.int64) * 10_000
    has_dropped_off = rng.random(len(click)) < 0.01
    clicks = {
        name: (values if isinstance(values, pa.Array) else pa.array(values)).take(pa.array(click))
        for name, values in columns.items()
    }
    clicks |= {
        "visit": np.concatenate([chunk.numbers(paid), -1 - chunk.numbers(idle)]),
        "has_dropped_off": has_dropped_off,
        "cost_micros": cost,
        "event_time": instants(click_at),
    }
    render |= {
        "click_id": world.short_id("CLK", "click", "visit"),
        "impression_id": f"case when not has_dropped_off then {world.uid('impression', 'number')} end",
        "currency": "'EUR'",
    }
    chunk.writer.write("ads", "clicks", Frame(clicks, click_at, render, event_count=len(click)), rng)
    spend.add(chunk, campaign, at, campaign[click], click_at, cost)


SHOWN_SHARES = (0.06, 0.08, 0.06, 0.12, 0.20, 0.16, 0.10, 0.12, 0.10)


class Spend:
    """Adds up, over all chunks, what each campaign showed, got and cost per day."""

    def __init__(self, days: int) -> None:
        self.impressions = np.zeros((len(words.AD_CAMPAIGNS), days), np.int64)
        self.clicks = np.zeros_like(self.impressions)
        self.cents = np.zeros_like(self.impressions)

    def add(
        self,
        chunk: Chunk,
        campaign: np.ndarray,
        at: np.ndarray,
        clicked: np.ndarray,
        clicked_at: np.ndarray,
        cost: np.ndarray,
    ) -> None:
        """Adds a chunk's impressions and clicks."""
        clock = chunk.clock
        for totals, which, when, values in (
            (self.impressions, campaign, at, 1),
            (self.clicks, clicked, clicked_at, 1),
            (self.cents, clicked, clicked_at, cost // 10_000),
        ):
            inside = (when >= clock.start) & (when < clock.end)
            value = values[inside] if isinstance(values, np.ndarray) else values
            np.add.at(totals, (which[inside], (when[inside] - clock.start) // DAY), value)

    def write(self, chunk: Chunk) -> None:
        """Writes the spend per campaign and day: once the next morning, once corrected some days later.

        Platforms bill people that the log never names; impressions and clicks are therefore above the log's.
        """
        clock, rng = chunk.clock, chunk.rng
        campaign, day = np.nonzero((self.impressions + self.clicks) > 0)
        factor = rng.uniform(1.08, 1.25, len(campaign))
        first = np.arange(2 * len(campaign)) < len(campaign)
        campaign, day, factor = np.tile(campaign, 2), np.tile(day, 2), np.tile(factor, 2)
        factor *= np.where(first, 0.97, 1.0)
        reported = clock.start + (day + np.where(first, 1, 1 + CORRECTED_AFTER)) * DAY + 5 * HOUR
        spent_on = (clock.start // DAY + day).astype("datetime64[D]")
        platforms = [ad[0] for ad in words.AD_CAMPAIGNS]
        columns = {
            "spend_date": spent_on,
            "platform": choice(campaign, platforms),
            "network": choice(campaign, [ad[1] for ad in words.AD_CAMPAIGNS]),
            "campaign": campaign,
            "campaign_name": choice(campaign, [ad[2] for ad in words.AD_CAMPAIGNS]),
            "impressions": np.round(self.impressions[campaign, day] * factor * 9).astype(np.int64),
            "clicks": np.round(self.clicks[campaign, day] * factor).astype(np.int64),
            "cents": np.round(self.cents[campaign, day] * factor).astype(np.int64),
            "reported_at": instants(reported),
        }
        render = {
            "campaign_id": "printf('AD%02d', campaign + 1)",
            "spend": "cents * 0.01",
            "currency": "'EUR'",
        }
        chunk.writer.write("ads", "daily_spend", Frame(columns, reported, render), rng)
        final = {name: columns[name] for name in ("campaign_name", "impressions", "clicks", "cents", "spend_date")}
        chunk.truth.write(
            "ad_spend",
            {
                name: (values if isinstance(values, pa.Array) else pa.array(values)).filter(pa.array(~first))
                for name, values in final.items()
            },
            {"campaign": "campaign_name", "spend": "cents * 0.01", "spent_on": "spend_date"},
        )
