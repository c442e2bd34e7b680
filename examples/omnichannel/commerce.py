"""Writes what is bought: orders and subscriptions, receipts and visits of the stores, loyalty points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from examples.omnichannel import behaviour as act
from examples.omnichannel import sessions as visit
from examples.omnichannel import words
from examples.omnichannel.chunk import Chunk
from examples.omnichannel.clock import DAY, HOUR, MINUTE, SECOND
from examples.omnichannel.extracts import Frame, choice, instants, nullable
from examples.omnichannel.people import NEVER, STORE_ONLY, mistyped

FROM_WEB, FROM_APP, FROM_PHONE, FROM_SUBSCRIPTION = range(4)
ONE_OFF, SUBSCRIPTION_START, RENEWAL = range(3)
ORDER_TYPES = ("one_off", "subscription_start", "subscription_renewal")
SOURCE_NAMES = ("web", "app", "call_centre", "subscription")
PLANS = (
    ("coffee_monthly", 1695, "coffee"),
    ("pet_food_monthly", 2450, "pets"),
    ("care_box_monthly", 1995, "bathroom"),
)
MONTH = 30 * DAY + 10 * HOUR

SUBSCRIBES = 0.06
CANCELS_PER_MONTH = 0.06
CANCELS_WHEN_IRRITATED = 0.12
CANCELLED_ORDERS = 0.02
RETURNED_ORDERS = 0.10
SHOWS_CARD_IN_STORE = 0.88
SHOWS_CARD_ON_LINE = 0.30
FREE_SHIPPING_CENTS = 5_000
SHIPPING_CENTS = 495

PHONE_LANE, RENEWAL_LANE = 1, 2


@dataclass(frozen=True)
class Lines:
    """Lines of baskets; `basket` points into the baskets they belong to. Money in cents."""

    basket: np.ndarray
    place: np.ndarray
    product: np.ndarray
    quantity: np.ndarray
    unit: np.ndarray
    price: np.ndarray


@dataclass(frozen=True)
class Orders:
    """Orders of the shop, in any order. `interval` is -1 for renewals, `session` where no visit led to it."""

    number: np.ndarray
    person: np.ndarray
    at: np.ndarray
    source: np.ndarray
    kind: np.ndarray
    interval: np.ndarray
    session: np.ndarray
    delivered: np.ndarray
    lines: Lines
    cents: np.ndarray


@dataclass(frozen=True)
class Receipts:
    """Baskets paid for in a store."""

    number: np.ndarray
    person: np.ndarray
    at: np.ndarray
    interval: np.ndarray
    shows_card: np.ndarray
    cents: np.ndarray


def write_shop(chunk: Chunk) -> Orders:
    """Writes orders, their lines and subscriptions; returns the orders."""
    people, intervals, sessions, rng, world, clock = (
        chunk.people, chunk.intervals, chunk.sessions, chunk.rng, chunk.world, chunk.clock,
    )  # fmt: skip
    bought_at = visit.moment_of(chunk.events, visit.BOUGHT, len(sessions))
    on_line = np.flatnonzero((bought_at < clock.end) & sessions.buys)
    by_phone = np.flatnonzero((intervals.medium == act.PHONE) & (intervals.phase == act.PURCHASE))
    phoned_at = clock.opening(clock.at(intervals.entered[by_phone]), rng)
    number = np.concatenate([chunk.numbers(on_line), chunk.numbers(by_phone, lane=PHONE_LANE)])
    person = np.concatenate([sessions.person[on_line], intervals.person[by_phone]])
    at = np.concatenate([bought_at[on_line], phoned_at])
    source = np.concatenate(
        [np.where(sessions.is_app[on_line], FROM_APP, FROM_WEB), np.full(len(by_phone), FROM_PHONE)]
    )
    interval = np.concatenate([sessions.interval[on_line], by_phone])
    session = np.concatenate([on_line, np.full(len(by_phone), -1)])

    starts, renewal_of, renewal_at = _write_subscriptions(chunk, number, person, at)
    kind = np.zeros(len(number), int)
    kind[starts] = SUBSCRIPTION_START
    renewals = len(renewal_of)
    number = np.concatenate([number, chunk.numbers(renewals, lane=RENEWAL_LANE)])
    person = np.concatenate([person, person[renewal_of]])
    at = np.concatenate([at, renewal_at])
    source = np.concatenate([source, np.full(renewals, FROM_SUBSCRIPTION)])
    kind = np.concatenate([kind, np.full(renewals, RENEWAL)])
    interval = np.concatenate([interval, np.full(renewals, -1)])
    session = np.concatenate([session, np.full(renewals, -1)])

    count = len(number)
    main = np.where(session >= 0, sessions.product[session], world.draw_products(count, rng))
    redeems = (interval >= 0) & (intervals.phase[interval] == act.LOYALTY)
    lines = _order_lines(chunk, main, kind != ONE_OFF, people.number[person], redeems)
    goods = np.bincount(lines.basket, lines.price, count).astype(np.int64)
    full = np.bincount(lines.basket, lines.unit * lines.quantity, count).astype(np.int64)
    shipping = np.where((goods >= FREE_SHIPPING_CENTS) | (kind != ONE_OFF), 0, SHIPPING_CENTS)
    picks_up = (kind == ONE_OFF) & (rng.random(count) < 0.18)
    shipping[picks_up] = 0

    is_cancelled = (rng.random(count) < CANCELLED_ORDERS) & (kind == ONE_OFF)
    shipped = at + (rng.lognormal(np.log(16), 0.6, count) * HOUR).astype(np.int64)
    arrived = shipped + (rng.lognormal(np.log(26), 0.45, count) * HOUR).astype(np.int64)
    arrived += (rng.random(count) < 0.05) * (rng.uniform(3, 9, count) * DAY).astype(np.int64)
    is_returned = ~is_cancelled & (rng.random(count) < RETURNED_ORDERS) & (kind == ONE_OFF)
    returned = arrived + (rng.uniform(2, 21, count) * DAY).astype(np.int64)
    cancelled = at + (rng.exponential(3, count) * HOUR).astype(np.int64) + MINUTE

    def happened(moments: np.ndarray, does: np.ndarray) -> np.ndarray:
        moments = moments // 1000 * 1000
        return np.where(does & (moments < clock.end), moments, NEVER)

    shipped, arrived = happened(shipped, ~is_cancelled), happened(arrived, ~is_cancelled)
    returned, cancelled = happened(returned, is_returned), happened(cancelled, is_cancelled)
    steps = np.stack([shipped, arrived, returned, cancelled])
    last = np.where(steps < NEVER, steps, -1).max(axis=0)

    # two versions of each order: as placed, and as it is in the end
    row = np.concatenate([np.arange(count), np.flatnonzero(last > 0)])
    is_final = np.arange(len(row)) >= count
    updated = np.where(is_final, last[row], at[row])
    refund = np.where(is_returned, goods * rng.choice((1.0, 0.5), count, p=(0.7, 0.3)), 0).astype(np.int64)
    refunded = np.where(is_final & (returned[row] < NEVER), refund[row], 0)
    refunded = np.where(is_final & (cancelled[row] < NEVER), (goods + shipping)[row], refunded)
    who = person[row]
    status = np.select(
        [~is_final, cancelled[row] < NEVER, returned[row] < NEVER, arrived[row] < NEVER],
        [0, 3, 4, 2],
        default=1,
    )
    is_known = (session[row] < 0) | sessions.is_logged_in[session[row]]
    is_subscription = kind[row] != ONE_OFF
    known = people.has_account[who] & (is_known | is_subscription)
    plain = rng.random(count)
    gives_phone = plain < 0.55
    shows_card = redeems | (rng.random(count) < SHOWS_CARD_ON_LINE)
    columns = {
        "number": number[row],
        "order_type": choice(kind[row], ORDER_TYPES),
        "source_name": choice(source[row], SOURCE_NAMES),
        "customer_number": choice(np.where(known, who, -1), people.customer_number),
        "email": people.email_at(who, at[row]),
        "phone": choice(np.where(gives_phone[row], who, -1), [f"+316{digits}" for digits in people.phone_digits]),
        "loyalty_card": people.card_of(who, at[row], shows_card[row]),
        "cookie": nullable(sessions.cookie[session[row]], source[row] != FROM_WEB),
        "device": nullable(sessions.device[session[row]], source[row] != FROM_APP),
        "subscriber": nullable(people.number[who], ~is_subscription),
        "line_count": np.bincount(lines.basket, minlength=count)[row],
        "shipping": shipping[row],
        "discounts": (full - goods)[row],
        "total": (goods + shipping)[row],
        "refunded": refunded,
        "discount_code": choice(np.where(full > goods, redeems.astype(int), -1)[row], ("WELKOM10", "PUNTEN")),
        "payment_method": choice((plain * 4).astype(int)[row], ("ideal", "card", "paypal", "invoice")),
        "shipping_method": choice(np.where(picks_up, 1, 0)[row], ("home", "pick_up")),
        "status": choice(status, ("placed", "shipped", "delivered", "cancelled", "returned")),
        "placed_at": instants(at[row]),
        "shipped_at": _later(shipped[row], is_final),
        "delivered_at": _later(arrived[row], is_final),
        "cancelled_at": _later(cancelled[row], is_final),
        "returned_at": _later(returned[row], is_final),
        "updated_at": instants(updated),
    }
    render = {
        "order_id": world.short_id("O", "order", "number"),
        "checkout_cookie": f"case when cookie is not null then {world.cookie()} end",
        "app_device_id": f"case when device is not null then {world.device()} end",
        "subscription_id": "case when subscriber is not null then "
        f"{world.short_id('SUB', 'subscription', 'subscriber')} end",
        "shipping_price": "shipping * 0.01",
        "total_discounts": "discounts * 0.01",
        "total_price": "total * 0.01",
        "refunded_amount": "refunded * 0.01",
        "currency": "'EUR'",
    }
    happened_count = count + int((steps < NEVER).sum())
    chunk.writer.write("shop", "orders", Frame(columns, updated, render, event_count=happened_count), rng)

    basket = lines.basket
    line_columns = {
        "number": number[basket],
        "line_number": lines.place,
        "product_id": choice(lines.product, world.product_id),
        "product_category": choice(lines.product, world.product_category),
        "quantity": lines.quantity,
        "unit": lines.unit,
        "price": lines.price,
        "placed_at": instants(at[basket]),
    }
    line_render = {
        "order_id": world.short_id("O", "order", "number"),
        "unit_price": "unit * 0.01",
        "line_price": "price * 0.01",
    }
    chunk.writer.write("shop", "order_lines", Frame(line_columns, at[basket], line_render), rng)
    return Orders(
        number=number,
        person=person,
        at=at,
        source=source,
        kind=kind,
        interval=interval,
        session=session,
        delivered=np.where(picks_up & (arrived < NEVER), -arrived, arrived),
        lines=lines,
        cents=np.where(shows_card, goods, -1),
    )


def _later(moments: np.ndarray, is_final: np.ndarray) -> pa.Array:
    return instants(moments, (moments == NEVER) | ~is_final)


def _order_lines(
    chunk: Chunk, main: np.ndarray, is_subscription: np.ndarray, who: np.ndarray, redeems: np.ndarray
) -> Lines:
    """The lines of orders: what the visit was about, and what else went into the basket."""
    rng, world, count = chunk.rng, chunk.world, len(main)
    sizes = np.where(is_subscription, 1, 1 + rng.poisson(0.9, count))
    basket = np.repeat(np.arange(count), sizes)
    place = np.arange(len(basket)) - np.repeat(np.cumsum(sizes) - sizes, sizes) + 1
    product = np.where(place == 1, main[basket], world.draw_products(len(basket), rng))
    quantity = np.where(is_subscription[basket], 1, 1 + rng.poisson(0.18, len(basket)))
    unit = world.product_cents[product]
    plan = who % len(PLANS)
    unit = np.where(is_subscription[basket], np.array([price for _, price, _ in PLANS])[plan][basket], unit)
    has_code = (rng.random(count) < 0.12) | redeems
    discount = np.where(is_subscription, 0.0, np.where(has_code, 0.10, 0.0))
    price = np.round(unit * quantity * (1 - discount[basket])).astype(np.int64)
    return Lines(basket, place, product, quantity, unit, price)


def _write_subscriptions(
    chunk: Chunk, number: np.ndarray, person: np.ndarray, at: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Writes subscriptions; returns the orders that began one, and the order and instant of each renewal."""
    people, intervals, rng, clock, world = chunk.people, chunk.intervals, chunk.rng, chunk.clock, chunk.world
    may = np.flatnonzero(people.has_account[person] & (rng.random(len(person)) < SUBSCRIBES))
    may = may[np.lexsort((number[may], at[may]))]
    starts = may[np.unique(person[may], return_index=True)[1]]
    who = person[starts]
    is_irritated = np.zeros(len(people), bool)
    is_irritated[intervals.person[intervals.is_slow]] = True
    hazard = CANCELS_PER_MONTH + CANCELS_WHEN_IRRITATED * is_irritated[who]
    months = rng.geometric(hazard) if len(who) else np.zeros(0, int)
    cancelled = at[starts] + (months * MONTH - rng.integers(1, 20, len(who)) * DAY)
    most = int(clock.days // 30 + 1)
    due = at[starts][:, None] + np.arange(1, most + 1)[None, :] * MONTH
    which, month = np.nonzero(due < np.minimum(cancelled, clock.end)[:, None])

    is_cancelled = cancelled < clock.end
    reason = np.where(
        is_irritated[who] & (rng.random(len(who)) < 0.6),
        1,
        rng.choice((0, 2, 3), len(who), p=(0.4, 0.45, 0.15)),
    )
    row = np.concatenate([np.arange(len(who)), np.flatnonzero(is_cancelled)])
    is_final = np.arange(len(row)) >= len(who)
    began, ended = at[starts][row], cancelled[row]
    updated = np.where(is_final, ended, began)
    plan = people.number[who][row] % len(PLANS)
    columns = {
        "subscriber": people.number[who][row],
        "customer_number": choice(who[row], people.customer_number),
        "email": people.email_at(who[row], updated),
        "plan": choice(plan, [name for name, *_ in PLANS]),
        "status": choice(is_final.astype(int), ("active", "cancelled")),
        "price": np.array([price for _, price, _ in PLANS])[plan],
        "cancel_reason": choice(np.where(is_final, reason[row], -1), ("price", "service", "no_need", "payment_failed")),
        "started_at": instants(began),
        "cancelled_at": instants(ended, ~is_final),
        "updated_at": instants(updated),
    }
    render = {
        "subscription_id": world.short_id("SUB", "subscription", "subscriber"),
        "monthly_price": "price * 0.01",
        "currency": "'EUR'",
    }
    chunk.writer.write("shop", "subscriptions", Frame(columns, updated, render, event_count=len(row)), rng)
    return starts, starts[which], due[which, month]


def write_store(chunk: Chunk, orders: Orders) -> Receipts:
    """Writes receipts and visits; returns the receipts."""
    people, intervals, rng, world, clock = chunk.people, chunk.intervals, chunk.rng, chunk.world, chunk.clock
    is_basket = (intervals.phase == act.PURCHASE) | ((intervals.phase == act.LOYALTY) & intervals.is_member)
    interval = np.flatnonzero((intervals.medium == act.STORE) & is_basket)
    person, count = intervals.person[interval], len(interval)
    at = clock.opening(clock.at(intervals.entered[interval]), rng)
    redeems = intervals.phase[interval] == act.LOYALTY
    shows_card = redeems | (rng.random(count) < SHOWS_CARD_IN_STORE)
    store = np.where(rng.random(count) < 0.85, people.home_store[person], rng.integers(0, len(words.STORES), count))

    sizes = 1 + rng.poisson(1.6, count)
    basket = np.repeat(np.arange(count), sizes)
    place = np.arange(len(basket)) - np.repeat(np.cumsum(sizes) - sizes, sizes) + 1
    product = world.draw_products(len(basket), rng)
    drawn = rng.random(len(basket))
    quantity = np.where(drawn < 0.02, -1, 1 + rng.poisson(0.2, len(basket)))
    full = world.product_cents[product] * quantity
    is_gift = drawn > 0.992
    retail = np.where((quantity > 0) & (rng.random(len(basket)) < 0.18), full * 0.2, 0).astype(np.int64)
    coupon = np.where((quantity > 0) & redeems[basket], (full - retail) * 0.1, 0).astype(np.int64)
    retail = np.where(is_gift & (quantity > 0), full, retail)
    coupon = np.where(is_gift, 0, coupon)
    value = full - retail - coupon
    cents = np.bincount(basket, value, count).astype(np.int64)
    number = chunk.numbers(interval)
    columns = {
        "number": number[basket],
        "line_number": place,
        "store_id": choice(store[basket], words.STORES),
        "till_id": choice((number % 4)[basket], ("1", "2", "3", "4")),
        "loyalty_card": people.card_of(person[basket], at[basket], shows_card[basket]),
        "product_id": choice(product, world.product_id),
        "product_category": choice(product, world.product_category),
        "quantity": quantity.astype(np.float64),
        "value": value,
        "retail": retail,
        "coupon": coupon,
        "sold_at": instants(at[basket]),
    }
    render = {
        "transaction_id": world.short_id("T", "receipt", "number"),
        "sales_value": "value * 0.01",
        "retail_discount": "retail * 0.01",
        "coupon_discount": "coupon * 0.01",
    }
    chunk.writer.write("store", "transaction_lines", Frame(columns, at[basket], render, event_count=count), rng)
    _write_visits(chunk, orders)
    return Receipts(number, person, at, interval, shows_card, cents)


def _write_visits(chunk: Chunk, orders: Orders) -> None:
    """Writes the visits that were noticed: by a beacon, at an appointment, at the pick-up desk."""
    people, intervals, rng, clock, world = chunk.people, chunk.intervals, chunk.rng, chunk.clock, chunk.world
    comes = (intervals.medium == act.STORE) & (intervals.phase >= act.CONSIDERATION)
    by_beacon = people.has_app[intervals.person] & (rng.random(len(intervals)) < 0.8)
    by_appointment = (intervals.phase == act.CONSIDERATION) & (rng.random(len(intervals)) < 0.35)
    interval = np.flatnonzero(comes & (by_beacon | by_appointment))
    picked = np.flatnonzero(orders.delivered < 0)
    person = np.concatenate([intervals.person[interval], orders.person[picked]])
    is_pick_up = np.arange(len(person)) >= len(interval)
    before = np.where(intervals.phase[interval] >= act.PURCHASE, 12 * MINUTE, 0)
    at = np.concatenate(
        [
            clock.opening(clock.at(intervals.entered[interval]), rng) - before,
            clock.opening(-orders.delivered[picked], rng),
        ]
    )
    beacon = np.concatenate([by_beacon[interval], np.zeros(len(picked), bool)])
    count = len(person)
    dwell = rng.lognormal(np.log(900), 0.7, count).astype(np.int64)
    columns = {
        "number": chunk.numbers(count),
        "store_id": choice(people.home_store[person], words.STORES),
        "noticed_by": choice(
            np.select([is_pick_up, beacon], [2, 0], default=1), ("beacon", "appointment", "pick_up_desk")
        ),
        "device": nullable(people.number[person] * 8 + 5, ~beacon),
        "loyalty_card": people.card_of(
            person, at, np.where(is_pick_up, rng.random(count) < 0.3, ~beacon & (rng.random(count) < 0.85))
        ),
        "picked": nullable(np.concatenate([np.zeros(len(interval), np.int64), orders.number[picked]]), ~is_pick_up),
        "dwell_seconds": nullable(dwell, ~beacon),
        "arrived_at": instants(at),
    }
    render = {
        "visit_id": world.short_id("V", "visit", "number"),
        "device_id": f"case when device is not null then {world.device()} end",
        "order_id": f"case when picked is not null then {world.short_id('O', 'order', 'picked')} end",
    }
    chunk.writer.write("store", "visits", Frame(columns, at, render, event_count=count), rng)
    beacons = np.unique(person[beacon])
    chunk.truth.identifiers("device_id", people.number[beacons] * 8 + 5, people.number[beacons], world.device("value"))


def write_loyalty(chunk: Chunk, orders: Orders, receipts: Receipts) -> None:
    """Writes members and their points."""
    people, intervals, rng, world, clock = chunk.people, chunk.intervals, chunk.rng, chunk.world, chunk.clock
    person = np.concatenate([orders.person, receipts.person])
    at = np.concatenate([orders.at, receipts.at])
    cents = np.concatenate([orders.cents, np.where(receipts.shows_card, receipts.cents, -1)])
    interval = np.concatenate([orders.interval, receipts.interval])
    number = np.concatenate([orders.number, receipts.number])
    is_receipt = np.arange(len(number)) >= len(orders.number)
    earns = np.flatnonzero((cents >= 100) & (at >= people.card_at[person]) & (at < clock.end))
    redeems = earns[(interval[earns] >= 0) & (intervals.phase[interval[earns]] == act.LOYALTY)]
    row = np.concatenate([earns, redeems])
    is_redeem = np.arange(len(row)) >= len(earns)
    booked = at[row] + np.where(is_redeem, 9 * SECOND, 4 * SECOND)
    points = np.where(is_redeem, -100 * rng.integers(1, 6, len(row)), cents[row] // 100)
    columns = {
        "number": number[row],
        "is_receipt": is_receipt[row],
        "loyalty_card": choice(person[row], people.loyalty_card),
        "booking_type": choice(is_redeem.astype(int), ("earn", "redeem")),
        "points": points,
        "booked_at": instants(booked),
    }
    reference = (
        f"case when is_receipt then {world.short_id('T', 'receipt', 'number')} "
        f"else {world.short_id('O', 'order', 'number')} end"
    )
    render = {
        "point_transaction_id": "'PT' || left(md5(concat("
        f"'{world.seed}:points:', booking_type, is_receipt, number)), 12)",
        "reference": reference,
    }
    frame = Frame(columns, booked, render, event_count=len(row))
    chunk.writer.write("loyalty", "point_transactions", frame, rng)
    _write_members(chunk, person[earns], at[earns])


def _write_members(chunk: Chunk, buyer: np.ndarray, bought_at: np.ndarray) -> None:
    """Writes each member as they joined, became silver (fourth purchase), and changed their address."""
    people, rng, world, clock = chunk.people, chunk.rng, chunk.world, chunk.clock
    member = np.flatnonzero(people.card_at < clock.end)
    order = np.lexsort((bought_at, buyer))
    buyer, bought_at = buyer[order], bought_at[order]
    nth = np.arange(len(buyer)) - np.searchsorted(buyer, buyer)
    silver_at = np.full(len(people), NEVER)
    silver_at[buyer[nth == 3]] = bought_at[nth == 3]
    gives_email = people.has_email & (rng.random(len(people)) < 0.7)
    new_email = np.where(gives_email & (people.email_changed_at < clock.end), people.email_changed_at + 2 * HOUR, NEVER)

    row = np.concatenate([member, member[silver_at[member] < clock.end], member[new_email[member] < clock.end]])
    made = np.concatenate(
        [
            people.card_at[member],
            silver_at[member][silver_at[member] < clock.end] + MINUTE,
            new_email[member][new_email[member] < clock.end],
        ]
    )
    made = np.maximum(made, people.card_at[row])
    is_mistyped = rng.random(len(people)) < chunk.dirt.typed_names
    place, way = rng.random(len(people)), rng.integers(0, 3, len(people))
    last_name = [
        mistyped(name, where, how) if wrong else name
        for name, where, how, wrong in zip(people.last_name, place, way, is_mistyped, strict=True)
    ]
    gives_birth = rng.random(len(people)) < 0.6
    through = np.where(people.kind == STORE_ONLY, 0, rng.choice((0, 1, 2), len(people), p=(0.45, 0.4, 0.15)))
    columns = {
        "number": people.number[row],
        "loyalty_card": choice(row, people.loyalty_card),
        "email": people.email_at(row, made, gives_email[row]),
        "first_name": choice(row, people.first_name),
        "last_name": choice(row, last_name),
        "birth_date": nullable(people.birth_day[row].astype("datetime64[D]"), ~gives_birth[row]),
        "postcode": choice(row, people.postcode),
        "city": choice(row, people.city),
        "joined_through": choice(through[row], ("store", "web", "app")),
        "home_store_id": choice(people.home_store[row], words.STORES),
        "tier": choice((made >= silver_at[row]).astype(int), ("bronze", "silver")),
        "joined_at": instants(people.card_at[row]),
        "updated_at": instants(made),
    }
    render = {"member_id": world.short_id("M", "member", "number")}
    chunk.writer.write("loyalty", "members", Frame(columns, made, render, event_count=len(member)), rng)
    numbers = people.number[member]
    chunk.ledger_numbers(
        "typed_name",
        "loyalty",
        "members",
        numbers[is_mistyped[member]],
        world.short_id("M", "member", "number"),
    )
    chunk.truth.identifiers("loyalty_card", choice(member, people.loyalty_card), numbers)
    chunk.truth.identifiers("record", numbers, numbers, f"'loyalty:' || {world.short_id('M', 'member', 'value')}")
