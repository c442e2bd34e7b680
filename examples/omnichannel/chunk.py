"""Bundles what the writers of one chunk of people share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from examples.omnichannel.behaviour import Intervals
from examples.omnichannel.clock import Clock
from examples.omnichannel.dirt import Dirt
from examples.omnichannel.extracts import ExtractsWriter
from examples.omnichannel.people import People
from examples.omnichannel.sessions import Events, Sessions
from examples.omnichannel.truth import Truth
from examples.omnichannel.world import World

NUMBERS_PER_CHUNK = 100_000_000


@dataclass(frozen=True)
class Chunk:
    """One chunk of people, what they did, and where it is written."""

    index: int
    people: People
    intervals: Intervals
    sessions: Sessions
    events: Events
    world: World
    clock: Clock
    dirt: Dirt
    writer: ExtractsWriter
    truth: Truth
    rng: np.random.Generator
    # what is drawn for voice alone: the rest of a world is the same with and without it
    voice: np.random.Generator

    def numbers(self, index: np.ndarray | int, lane: int = 0) -> np.ndarray:
        """Numbers for things of a kind that no other chunk gives out; lanes keep sorts of a kind apart."""
        if isinstance(index, int):
            index = np.arange(index, dtype=np.int64)
        return self.index * NUMBERS_PER_CHUNK + lane * (NUMBERS_PER_CHUNK // 10) + index

    def ledger_numbers(self, kind: str, source: str, table: str, number: np.ndarray, render: str) -> None:
        """Enters dirt that belongs to a thing (a cookie, a device) and not to a row."""
        if len(number):
            self.writer.ledger.add(kind, source, table, self.truth.rendered(number, render))
