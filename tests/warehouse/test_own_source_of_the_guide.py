"""The sources outside the project that the guide shows come out as it shows them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from textwrap import dedent

import pytest

from orchestration.cli.app import main
from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.dbt.project import target
from orchestration.lib.sources.resolving import read_all_contracts
from tests.conftest import Warehouse, make_warehouse

PAGE = (PROJECT_ROOT / "docs" / "bring_your_own_data.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^( *)```(?:csv|text|sql|yaml)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)


def blocks(begin: str, end: str) -> list[str]:
    return [dedent(text) for _, text in BLOCK.findall(PAGE[PAGE.index(begin) : PAGE.index(end)])]


FEED = blocks("## 1. The feed", "## Import a case log")[0]
EXTRACT, SAID, CONTRACT, _, FAULT, MODEL, _, TIMELINE = blocks(
    "## 2. A source of your own", "### Cancelled, voided, test"
)
ORDERS, ORDERS_CONTRACT, ORDERS_QUERY, ORDERS_SHOWN = blocks(
    "### Cancelled, voided, test", "### Where a mapping is not enough"
)
TIMELINE_QUERY = """
    select left(customer_id, 8) as customer, event_number as n, occurred_at, channel, event_name, amount, is_identified
    from core.fct_events
    where source_system <> 'bakery' and customer_id in (
        select customer_id from core.fct_events where event_name = 'loyalty_joined'
    )
    order by event_number
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("guide")
    for path, text in (
        ("my/extracts/feed/events/2026-01.csv", FEED),
        ("my/extracts/booking/appointments/2026-01-13.csv", EXTRACT),
        ("my/extracts/bakery/orders/2026-01-20.csv", ORDERS),
        ("my/sources/booking/_booking__sources.yml", CONTRACT),
        ("my/sources/bakery/_bakery__sources.yml", ORDERS_CONTRACT),
    ):
        (made / path).parent.mkdir(parents=True, exist_ok=True)
        (made / path).write_text(text, encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def built(folder: Path) -> Iterator[Warehouse]:
    """Feed, booking and bakery as one data set."""
    shutil.copytree(folder / "my" / "extracts", folder / "extracts")
    made = make_warehouse(
        folder,
        seeds=PROJECT_ROOT / "seeds",
        as_of="2026-02-01",
        JOURNEYS_SOURCES=str(folder / "my" / "sources"),
        JOURNEYS_MATCHING="off",
    )
    made = replace(made, contracts=read_all_contracts(made.settings))
    made.land()
    made.build(select=["+fct_events"])
    yield made
    own = made.settings.resolved_sources
    shutil.rmtree(own)
    shutil.rmtree(target(own))


def cells(table: str) -> list[list[str]]:
    """The rows of a table of the docs."""
    head, rule, *rows = table.splitlines()
    starts = [found.start() for found in re.finditer("─+", rule)]
    ends = [*starts[1:], None]
    return [
        [row[start:end].strip() for start, end in zip(starts, ends, strict=True)]
        for row in rows
        if head and row.strip()
    ]


def shown(value: object) -> str:
    return "" if value is None else str(value)


def test_the_command_says_what_the_guide_says(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(folder / "my" / "extracts", tmp_path / "my" / "extracts")
    monkeypatch.chdir(tmp_path)
    file = "my/extracts/booking/appointments/2026-01-13.csv"
    assert main(["new-source", file, "booking", "--table", "appointments", "--into", "my/sources"]) == 0
    printed = capsys.readouterr().out.replace(f"{tmp_path}/", "")
    assert printed == SAID.partition("appointments\n")[2]


def test_the_mapping_stands_for_the_model_that_the_guide_shows(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JOURNEYS_SOURCES", str(folder / "my" / "sources"))
    assert main(["staging-model", "booking.appointments"]) == 0
    head, _, model = MODEL.partition("\n")
    assert head == "$ make staging-model TABLE=booking.appointments"
    assert capsys.readouterr().out.startswith(model.removesuffix("…\n"))


def test_a_misspelt_key_is_named_as_the_guide_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "my" / "sources" / "booking" / "_booking__sources.yml"
    path.parent.mkdir(parents=True)
    path.write_text(CONTRACT.replace("amount: price", "amuont: price"), encoding="utf-8")
    monkeypatch.setenv("JOURNEYS_SOURCES", str(tmp_path / "my" / "sources"))
    assert main(["check"]) == 1
    assert capsys.readouterr().err.replace(f"{tmp_path}/", "").strip() == FAULT.strip()


def test_an_appointment_is_on_the_timeline_of_its_customer(built: Warehouse) -> None:
    found = built.query(TIMELINE_QUERY)
    expected = cells(TIMELINE)
    # customer ids are hashes with the data set's own key
    assert [[shown(value) for value in row.values()][1:] for row in found] == [row[1:] for row in expected]
    assert len({row["customer"] for row in found}) == 1


def test_cancelled_voided_test_and_refunded_orders(built: Warehouse) -> None:
    found = built.query(ORDERS_QUERY)
    assert [[shown(value) for value in row.values()] for row in found] == cells(ORDERS_SHOWN)
    of_order: dict[str, list[str]] = {}
    for row in found:
        of_order.setdefault(row["event_id"].split(":")[1], []).append(row["event_name"])
    assert of_order == {
        "B-1": ["order_placed"],
        "B-4": ["order_cancelled", "order_placed"],
        "B-5": ["order_placed", "order_refunded"],
    }
    assert sum(row["amount"] or Decimal(0) for row in found) == Decimal("92.00")
