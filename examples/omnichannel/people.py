"""Makes the people: households, names, addresses, devices, accounts, habits and temper."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from examples.omnichannel import words
from examples.omnichannel.clock import DAY, Clock
from examples.omnichannel.dirt import Dirt

ONLINE, STORE_ONLY, MIXED = 0, 1, 2
KIND_NAMES = ("online", "store_only", "mixed")
KIND_SHARES = (0.45, 0.20, 0.35)

HOUSEHOLD_SIZES, HOUSEHOLD_SHARES = (1, 2, 3, 4), (0.48, 0.33, 0.10, 0.09)
NEVER = np.int64(2**62)

# A multiplier without a factor in common with the range makes numbers that look drawn and are never equal.
_SCATTER = 61_803_399


@dataclass(frozen=True)
class People:
    """The people of one chunk, one array entry per person. Instants that never come are NEVER."""

    first: int
    kind: np.ndarray
    household: np.ndarray
    has_tablet: np.ndarray
    first_name: list[str]
    last_name: list[str]
    birth_day: np.ndarray
    street: list[str]
    city: list[str]
    postcode: list[str]
    email: pa.Array
    new_email: pa.Array
    email_changed_at: np.ndarray
    has_email: np.ndarray
    phone_digits: np.ndarray
    has_account: np.ndarray
    never_logs_in: np.ndarray
    account_at: np.ndarray
    customer_number: pa.Array
    loyalty_card: pa.Array
    card_at: np.ndarray
    would_join: np.ndarray
    subscriber_from: np.ndarray
    would_subscribe: np.ndarray
    has_app: np.ndarray
    app_is_old: np.ndarray
    handle: pa.Array
    has_handle: np.ndarray
    accepts_tracking: np.ndarray
    device_count: np.ndarray
    activity: np.ndarray
    patience: np.ndarray
    arrives: np.ndarray
    is_known: np.ndarray
    home_store: np.ndarray

    def __len__(self) -> int:
        return len(self.kind)

    @property
    def number(self) -> np.ndarray:
        """The people's numbers in the whole world."""
        return self.first + np.arange(len(self), dtype=np.int64)

    def email_at(self, person: np.ndarray, at: np.ndarray, is_given: np.ndarray | bool = True) -> pa.Array:
        """The address each person uses at an instant; null for those without, and where it is not given."""
        is_new = at >= self.email_changed_at[person]
        codes = np.where(self.has_email[person] & is_given, person + is_new * len(self), -1)
        return pa.DictionaryArray.from_arrays(
            pa.array(codes.astype(np.int32), mask=codes < 0), pa.concat_arrays([self.email, self.new_email])
        )

    def card_of(self, person: np.ndarray, at: np.ndarray, is_shown: np.ndarray) -> pa.Array:
        """The loyalty card each person shows at an instant; null for those who have or show none."""
        codes = np.where(is_shown & (at >= self.card_at[person]), person, -1)
        return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32), mask=codes < 0), self.loyalty_card)


def scattered(number: np.ndarray, digits: int, salt: int) -> np.ndarray:
    """Numbers of `digits` digits, all different, that do not give away their order."""
    span = 9 * 10 ** (digits - 1)
    return 10 ** (digits - 1) + (number.astype(np.int64) * _SCATTER + salt * 7_919) % span


def make_people(first: int, count: int, *, seed: int, clock: Clock, dirt: Dirt, rng: np.random.Generator) -> People:
    """The people numbered from `first`."""
    sizes = rng.choice(HOUSEHOLD_SIZES, count, p=HOUSEHOLD_SHARES)
    household = np.repeat(np.arange(count), sizes)[:count]
    size = np.bincount(household, minlength=count)[household]
    kind = rng.choice(3, count, p=KIND_SHARES)
    number = first + np.arange(count, dtype=np.int64)
    is_store_only = kind == STORE_ONLY

    first_name = [words.FIRST_NAMES[code] for code in rng.integers(0, len(words.FIRST_NAMES), count)]
    home_name = rng.integers(0, len(words.LAST_NAMES), count)
    own_name = rng.integers(0, len(words.LAST_NAMES), count)
    name_code = np.where(rng.random(count) < 0.85, home_name[household], own_name)
    last_name = [words.LAST_NAMES[code] for code in name_code]
    street_code = rng.integers(0, len(words.STREETS), count)[household]
    house = rng.integers(1, 240, count)[household]
    city_code = rng.integers(0, len(words.CITIES), count)[household]
    postcode = rng.integers(0, 100 * 26 * 26, count)[household]

    host = rng.integers(0, len(words.MAIL_HOSTS), count)
    new_host = (host + 1 + rng.integers(0, len(words.MAIL_HOSTS) - 1, count)) % len(words.MAIL_HOSTS)
    local_part = [
        f"{plain(first)}.{plain(last)}{person}"
        for first, last, person in zip(first_name, last_name, number.tolist(), strict=True)
    ]
    has_email = rng.random(count) < np.where(is_store_only, 0.10, 0.96)
    has_account = ~is_store_only & has_email & (rng.random(count) < 0.75)
    is_known = rng.random(count) < 0.6
    arrives = np.where(is_known, rng.exponential(0.07 * clock.days, count), rng.uniform(0, clock.days, count))
    arrived_at = clock.at(np.minimum(arrives, clock.days))
    long_ago = clock.start - (rng.exponential(500, count) * DAY).astype(np.int64) // 1000 * 1000 - DAY
    would_join = rng.random(count) < np.where(is_store_only, 0.97, 0.7)
    has_card = would_join & is_known & (rng.random(count) < np.where(is_store_only, 0.95, 0.5))
    changes_email = has_email & (rng.random(count) < dirt.changed_emails)
    would_subscribe = has_email & (rng.random(count) < 0.45)
    is_subscriber = would_subscribe & is_known & (rng.random(count) < 0.6)
    has_app = ~is_store_only & (rng.random(count) < 0.32)
    has_handle = ~is_store_only & (rng.random(count) < 0.25)
    network = rng.integers(0, len(words.SOCIAL_NETWORKS), count)

    return People(
        first=first,
        kind=kind,
        household=first + household.astype(np.int64),
        has_tablet=((size > 1) & (rng.random(count) < dirt.shared_tablets)[household]),
        first_name=first_name,
        last_name=last_name,
        birth_day=rng.integers(-14_600, 13_500, count),  # 1930 to 2006
        street=[f"{words.STREETS[street]} {at}" for street, at in zip(street_code, house, strict=True)],
        city=[words.CITIES[code][0] for code in city_code],
        postcode=[
            f"{words.CITIES[at][1]:02d}{code % 100:02d} {chr(65 + code // 100 % 26)}{chr(65 + code // 2600)}"
            for at, code in zip(city_code, postcode, strict=True)
        ],
        email=pa.array(
            [f"{name}@{words.MAIL_HOSTS[at]}" for name, at in zip(local_part, host, strict=True)], pa.string()
        ),
        new_email=pa.array(
            [f"{name}@{words.MAIL_HOSTS[at]}" for name, at in zip(local_part, new_host, strict=True)],
            pa.string(),
        ),
        email_changed_at=np.where(changes_email, clock.at(rng.uniform(0.1, 0.95, count) * clock.days), NEVER),
        has_email=has_email,
        phone_digits=scattered(number, 8, seed),
        has_account=has_account,
        never_logs_in=has_account & (rng.random(count) < dirt.never_log_in),
        account_at=np.where(has_account, np.where(is_known, long_ago, arrived_at), NEVER),
        customer_number=pa.array([f"C{value}" for value in scattered(number, 9, seed + 1)], pa.string()),
        loyalty_card=pa.array([f"26{value}" for value in scattered(number, 11, seed + 2)], pa.string()),
        card_at=np.where(has_card, long_ago, NEVER),
        would_join=would_join,
        subscriber_from=np.where(is_subscriber, long_ago, NEVER),
        would_subscribe=would_subscribe,
        has_app=has_app,
        app_is_old=has_app & is_known & (rng.random(count) < 0.6),
        handle=pa.array(
            [
                f"{words.SOCIAL_NETWORKS[on]}:@{plain(first)}{person}"
                for on, first, person in zip(network, first_name, number.tolist(), strict=True)
            ],
            pa.string(),
        ),
        has_handle=has_handle,
        accepts_tracking=rng.random(count) < 0.62,
        device_count=1 + rng.binomial(2, 0.45, count),
        activity=np.clip(rng.lognormal(-0.2, 0.85, count), 0.12, 14),
        patience=rng.lognormal(0, 0.4, count),
        arrives=arrives,
        is_known=is_known,
        home_store=rng.integers(0, len(words.STORES), count)[household],
    )


def plain(name: str) -> str:
    """A name as it is in an e-mail address: lower case, no accents, no spaces."""
    return "".join(
        letter for letter in unicodedata.normalize("NFKD", name.lower()) if letter.isascii() and letter.isalnum()
    )


def phone_as_typed(digits: np.ndarray, style: np.ndarray) -> list[str]:
    """Mobile numbers the way people type them; style 0 is the international form that machines keep."""
    forms = ("+316{}", "06-{}", "06 {}", "00316{}")
    return [forms[at].format(number) for number, at in zip(digits, style, strict=True)]


def mistyped(name: str, place: float, way: int) -> str:
    """The name with one typing error: letters swapped, one missing, or one doubled."""
    at = min(len(name) - 2, 1 + int(place * max(1, len(name) - 2)))
    if way == 0 and name[at] != name[at + 1]:
        return name[:at] + name[at + 1] + name[at] + name[at + 2 :]
    if way == 1:
        return name[:at] + name[at + 1 :]
    return name[: at + 1] + name[at] + name[at + 1 :]
