"""A data set whose second delivery is not landed yet, with what a run makes of it that nobody disturbed."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.faults.shop import Shop, content


@dataclass(frozen=True)
class Undisturbed:
    """The shop, put at `base` before each fault; its release there, its content, and those after one run."""

    shop: Shop
    old: str
    before: dict[str, tuple]
    after: dict[str, tuple]
    beats: list[tuple[str, str]]


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    shop = Shop(tmp_path_factory.mktemp("undisturbed"))
    shop.configure()
    shop.deliver("1.csv", range(12), hour=10, amount=10)
    ended = shop.command("run")
    assert ended.code == 0, ended.said
    before, old = content(shop.link), shop.served()
    shop.deliver("2.csv", range(8, 16), hour=11, amount=20)
    shop.keep("base")
    ended = shop.command("run", name="whole")
    assert ended.code == 0, ended.said
    after = content(shop.link)
    assert before != after
    return Undisturbed(shop, old, before, after, shop.beats("whole"))
