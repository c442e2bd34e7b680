"""Holds what all people share: products, campaigns, and how numbers become the ids that tools write."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from examples.omnichannel import words
from examples.omnichannel.clock import DAY, HOUR, Clock

NEWSLETTER_DAYS = 21
PROMOTION_DAYS = 45

# Devices of a person are in one block of numbers; the household's tablet is in its first member's.
DEVICE_BLOCK = 8
APP_DEVICE, TABLET = 5, 7

SKEWS = tuple(int(hours * HOUR) for hours in (-0.05, 0.12, -1.0, 1.0, 26.0, -75.0))


@dataclass(frozen=True)
class World:
    """Products and campaigns of the retailer, and the seed that its ids carry."""

    seed: int
    product_id: pa.Array
    product_category: pa.Array
    product_json: pa.Array
    product_cents: np.ndarray
    product_share: np.ndarray
    mail_at: np.ndarray
    mail_type: list[str]
    mail_name: list[str]

    def draw_products(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Products as they are wanted: few much, many little."""
        return np.searchsorted(np.cumsum(self.product_share), rng.random(count) * 0.999_999).astype(np.int32)

    def uid(self, kind: str, number: str) -> str:
        """SQL for the uuid that a tool gives to the `number`th thing of a kind."""
        return f"cast(cast(md5(concat('{self.seed}:{kind}:', {number})) as uuid) as varchar)"

    def short_id(self, prefix: str, kind: str, number: str) -> str:
        """SQL for an id of a prefix and twelve hexadecimal digits."""
        return f"'{prefix}' || left(md5(concat('{self.seed}:{kind}:', {number})), 12)"

    def cookie(self, number: str = "cookie") -> str:
        """SQL for the value of a browser's cookie."""
        return self.uid("cookie", number)

    def device(self, number: str = "device") -> str:
        """SQL for the id of an installation of the app."""
        return f"upper({self.uid('device', number)})"


def make_world(clock: Clock, *, seed: int) -> World:
    """The world of a seed."""
    rng = np.random.default_rng([seed, 0, 1])
    category = [name for name, count, _ in words.CATEGORIES for _ in range(count)]
    typical = np.array([price for _, count, price in words.CATEGORIES for _ in range(count)])
    cents = np.maximum(195, np.round(typical * rng.lognormal(0, 0.6, len(category))).astype(np.int64) * 100 - 5)
    share = 1 / (rng.permutation(len(category)) + 6.0)
    product = [f"P{number:04d}" for number in range(1, len(category) + 1)]

    mails = [(day, "newsletter") for day in range(3, clock.days, NEWSLETTER_DAYS)]
    mails += [(day, "promotion") for day in range(11, clock.days, PROMOTION_DAYS)]
    mails.sort()
    return World(
        seed=seed,
        product_id=pa.array(product),
        product_category=pa.array(category),
        product_json=pa.array(
            [
                f'{{"item_id":"{name}","item_category":"{kind}","price":{price // 100}.{price % 100:02d}}}'
                for name, kind, price in zip(product, category, cents.tolist(), strict=True)
            ]
        ),
        product_cents=cents,
        product_share=share / share.sum(),
        mail_at=np.array([clock.start + day * DAY + 9 * HOUR for day, _ in mails], dtype=np.int64),
        mail_type=[kind for _, kind in mails],
        mail_name=[f"{kind}_{number:03d}" for number, (_, kind) in enumerate(mails, start=1)],
    )


def mixed(number: np.ndarray, salt: int) -> np.ndarray:
    """A well-mixed 63-bit number for each number: chance that is fixed for the life of a thing."""
    with np.errstate(over="ignore"):
        value = number.astype(np.uint64) + np.uint64(salt % 2**32) * np.uint64(0x9E3779B97F4A7C15)
        value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((value ^ (value >> np.uint64(31))) >> np.uint64(1)).astype(np.int64)


def cookie_number(device: np.ndarray, at: np.ndarray, clock: Clock, seed: int) -> np.ndarray:
    """The cookie that a device carries at an instant: some browsers forget theirs every two months."""
    chance = mixed(device, seed + 11)
    lifetime = np.where(chance % 10 < 3, 60, 420)
    epoch = ((at - clock.start) // DAY + chance // 16 % lifetime) // lifetime
    return device * 64 + np.maximum(epoch, 0)


def clock_skew(device: np.ndarray, share: float, seed: int) -> np.ndarray:
    """By how much each device's clock is wrong, in microseconds."""
    chance = mixed(device, seed + 12)
    return np.where(chance % 100_000 < share * 100_000, np.array(SKEWS)[chance // 100_000 % len(SKEWS)], 0)
