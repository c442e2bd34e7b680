"""Several commands at the same time on one data set: each does its work or says who is in the way."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from orchestration.lib.release.publish import releases
from tests.faults.conftest import Undisturbed
from tests.faults.counts import count
from tests.faults.shop import Ended, Shop, content

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(count("WRITERS") < 1, reason="make test-faults does this; a round takes minutes"),
]

# What a command may say when another one is at work; anything else would be a fault.
IN_THE_WAY = (
    "is held by another process",
    "Another run is writing",
    "is under way",
    "became current while",
    "There is no release before",
    "Readers are on",
    "another run wrote a release since",
    "The warehouse holds a build that did not end",
)


@contextmanager
def read_all_the_time(shop: Shop) -> Iterator[list[str]]:
    """Opens the release again and again during a `with` block, and yields the errors."""
    is_over, errors = threading.Event(), []

    def read() -> None:
        while not is_over.wait(0.05):
            try:
                content(shop.link)
            except Exception as error:
                errors.append(repr(error))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield errors
    finally:
        is_over.set()
        reader.join()


def at_once(shop: Shop, *commands: tuple[str, ...]) -> list[Ended]:
    """Starts commands together, and waits for all."""
    started = [shop.start(*arguments, name=f"{place}") for place, arguments in enumerate(commands)]
    return [command.ends() for command in started]


def rows_of(found: dict[str, tuple]) -> dict[str, tuple]:
    """What extracts and seeds decide. How many ids changed counts from the release before, and each run writes one."""
    return {table: rows for table, rows in found.items() if table != "hygiene.identity_health"}


def test_two_runs_at_once_are_like_one(undisturbed: Undisturbed) -> None:
    shop = undisturbed.shop
    shop.restore("base")
    with read_all_the_time(shop) as errors:
        both = at_once(shop, ("run",), ("run",))
    assert errors == []
    for ended in both:
        assert ended.code == 0, ended.said
        assert "Traceback" not in ended.said
    assert content(shop.link) == undisturbed.after
    # and what both built is published once
    assert len(releases(shop.settings)) == 2
    assert shop.leftovers() == [] and shop.processes() == []


def test_a_run_a_withdrawal_a_rollback_and_a_rebuild_at_once_tear_nothing(undisturbed: Undisturbed) -> None:
    shop = undisturbed.shop
    for number in range(count("WRITERS")):
        shop.restore("base")
        with read_all_the_time(shop) as errors:
            all_of_them = at_once(
                shop, ("run",), ("withdraw", "feed/events/1.csv"), ("rollback",), ("rebuild",), ("run",)
            )
        assert errors == []
        for ended in all_of_them:
            assert "Traceback" not in ended.said, ended.said
            assert ended.code == 0 or any(words in ended.said for words in IN_THE_WAY), ended
        # the file counts or it doesn't, whichever came last; then everything is as one run makes it
        shop.command("restore", "feed/events/1.csv")
        ended = shop.command("run")
        assert ended.code == 0, ended.said
        assert rows_of(content(shop.link)) == rows_of(undisturbed.after)
        assert shop.leftovers() == [] and shop.processes() == []
        print(f"\n  {number + 1} of {count('WRITERS')} rounds of writers", file=sys.stderr, end="")
