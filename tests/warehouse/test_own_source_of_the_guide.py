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

pytestmark = pytest.mark.xdist_group("own_sources")

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
# Two tables more, that the guide only speaks of: people with a mapping, and a model that a person wrote.
CLUB = """version: 2
sources:
  - name: club
    schema: raw
    tables:
      - name: members
        identifier: club__members
        config:
          meta:
            formats: [csv]
            key: [member]
            version_column: changed_on
            events:
              - event_name: club_joined
                occurred_at: joined_on
                identifiers: {record: member}
                source_session_id: group
            people:
              first_name: first
              birth_date: born
              identifiers: {email: mail, phone: phone, loyalty_card: card}
              when: {mail: {is: filled}}
        columns:
          - {name: member, data_type: bigint, config: {meta: {required: true, personal: true}}}
          - {name: first, data_type: string, config: {meta: {personal: true}}}
          - {name: born, data_type: date, config: {meta: {personal: true}}}
          - {name: mail, data_type: string, config: {meta: {personal: true}}}
          - {name: phone, data_type: string, config: {meta: {personal: true, identifier_type: phone}}}
          - {name: card, data_type: string, config: {meta: {personal: true}}}
          - {name: group, data_type: string}
          - {name: joined_on, data_type: date, config: {meta: {required: true}}}
          - {name: changed_on, data_type: date}
      - name: visits
        identifier: club__visits
        config: {meta: {formats: [csv], key: [visit]}}
        columns:
          - {name: visit, data_type: string, config: {meta: {required: true}}}
          - {name: phone, data_type: string, config: {meta: {personal: true, identifier_type: phone}}}
          - {name: visited_at, data_type: timestamp, config: {meta: {required: true}}}
"""
MEMBERS = """member,first,born,mail,phone,card,group,joined_on,changed_on
7,Ann,1980-04-03,Ann@Example.com,+31612345678,L-9,blue,2026-01-02,2026-01-02
8,Cas,,,,,red,2026-01-03,2026-01-03
"""
VISITS = "visit,phone,visited_at\nV-1,+31 6 1234 5678,2026-01-18T10:00:00Z\n"
VISITS_MODEL = """with source as (
    select * from {{ landed('club', 'visits') }}
)

select
    version_key,
    'club:' || visit as event_id,
    'club_visited' as event_name,
    'club' as source_system,
    {{ hashed_identifiers(map_of({'phone': 'phone'})) }} as identifiers,
    row_status,
    visited_at as occurred_at,
    loaded_at,
    changed_in
from source
"""
VISITS_COLUMNS = (
    "version_key", "event_id", "event_name", "source_system", "identifiers", "row_status", "occurred_at", "loaded_at",
    "changed_in",
)  # fmt: skip
VISITS_PROPERTIES = (
    "version: 2\nmodels:\n  - name: stg_club__visits\n    config: {meta: {rows_are: events}}\n    columns:\n"
    + "".join(f"      - {{name: {column}}}\n" for column in VISITS_COLUMNS)
)
# An agency's invoice lines, with the mapping that the page of spend shows.
SPEND_PAGE = (PROJECT_ROOT / "docs" / "spend.md").read_text(encoding="utf-8")
[SPEND_MAPPING] = re.findall(r"```yaml\n( +key: .*?)```", SPEND_PAGE, re.DOTALL)
AGENCY = f"""version: 2
sources:
  - name: agency
    schema: raw
    tables:
      - name: lines
        identifier: agency__lines
        config:
          meta:
            formats: [csv]
{SPEND_MAPPING}        columns:
          - {{name: line, data_type: string, config: {{meta: {{required: true}}}}}}
          - {{name: aired_on, data_type: date}}
          - {{name: medium, data_type: string}}
          - {{name: motif, data_type: string}}
          - {{name: net_cents, data_type: bigint}}
          - {{name: status, data_type: string}}
          - {{name: booked_at, data_type: timestamp}}
"""
LINES = """line,aired_on,medium,motif,net_cents,status,booked_at
1,2026-01-05,Radio,Spring,80050,booked,2026-01-01T00:00:00Z
1,2026-01-05,Radio,Spring,79999,invoiced,2026-01-20T00:00:00Z
2,2026-01-06,Cinema,,1000,booked,2026-01-01T00:00:00Z
3,2026-01-06,Print,Spring,5000,planned,2026-01-01T00:00:00Z
4,,Radio,Spring,5000,booked,2026-01-01T00:00:00Z
"""
TIMELINE_QUERY = """
    select left(customer_id, 8) as customer, event_number as n, occurred_at, channel, event_name, amount, is_identified
    from core.fct_events
    where source_system not in ('bakery', 'club') and customer_id in (
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
        ("my/extracts/club/members/1.csv", MEMBERS),
        ("my/extracts/club/visits/1.csv", VISITS),
        ("my/sources/_club__sources.yml", CLUB),
        ("my/sources/agency/_agency__sources.yml", AGENCY),
        ("my/extracts/agency/lines/1.csv", LINES),
        ("my/sources/_club__models.yml", VISITS_PROPERTIES),
        ("my/sources/stg_club__visits.sql", VISITS_MODEL),
    ):
        (made / path).parent.mkdir(parents=True, exist_ok=True)
        (made / path).write_text(text, encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def built(folder: Path) -> Iterator[Warehouse]:
    """All of them as one data set."""
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
    made.build(select=["+fct_events", "+fct_spend_daily"])
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
    data_set, _, said = capsys.readouterr().err.partition("\n")
    assert data_set.startswith("Data set ")
    assert said.replace(f"{tmp_path}/", "").strip() == FAULT.strip()


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


def test_people_of_a_mapping_join_what_their_identifiers_name(built: Warehouse) -> None:
    """Ann's number, written in two ways, ties a visit of the club to the address that she orders with."""
    found = {
        row["event_name"]: row
        for row in built.query("""
            select event_name, event_id, customer_id, is_identified, source_session_id
            from core.fct_events
            left join intermediate.int_event_versions using (event_id, event_name)
            where fct_events.source_system = 'club' and fct_events.occurred_at <> '2026-01-03'
        """)
    }
    [ann] = built.query("select distinct customer_id from core.fct_events where event_id = 'bakery:B-1:order_placed'")
    assert {row["customer_id"] for row in found.values()} == {ann["customer_id"]}
    assert all(row["is_identified"] for row in found.values())
    assert found["club_joined"]["source_session_id"] == "blue"
    # the key names a person, and ids are published
    assert found["club_joined"]["event_id"].endswith(":club_joined") and ":7:" not in found["club_joined"]["event_id"]
    records = built.query(
        "select person_key, first_name, birth_date, email_normalised from staging.stg_club__members_people"
    )
    assert [(row["person_key"], row["first_name"], str(row["birth_date"])) for row in records] == [
        ("7", "Ann", "1980-04-03")
    ]
    assert records[0]["email_normalised"] == "ann@example.com"


def test_a_mapping_of_spend_is_spend(built: Warehouse) -> None:
    """A table of spend had to be written into the feed: no contract outside the project could declare it."""
    rows = built.query(
        "select source_system, channel, campaign, spent_on, spend, currency, reported_at "
        "from attribution.fct_spend_daily order by spent_on"
    )
    assert [(row["channel"], row["campaign"], str(row["spent_on"]), row["spend"]) for row in rows] == [
        # the later version, in cents; what is planned, or has no day, is not spent
        ("radio", "Spring", "2026-01-05", Decimal("799.99")),
        ("other_media", None, "2026-01-06", Decimal("10.00")),
    ]
    assert {(row["source_system"], row["currency"]) for row in rows} == {("agency", "EUR")}
    assert f"{rows[0]['reported_at']:%Y-%m-%d}" == "2026-01-20"


@pytest.mark.parametrize(
    ("wrong", "right", "says"),
    [
        ("amuont: net_cents", "amount: net_cents", "has no setting `amuont`. Did you mean `amount`?"),
        ("", "              spent_on: aired_on\n", "`spend` of table agency.lines needs `spent_on`"),
        ("amount: medium", "amount: net_cents", "must be a number; column `medium` is of type string"),
        ("channel: medium", "channel: {column: medium, values: {Radio: radio, Print: print}, otherwise: other_media}",
         "is the text `medium`, and a column has that name"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_mapping_of_spend_is_named_with_line_and_fix(
    wrong: str,
    right: str,
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert right in AGENCY
    path = tmp_path / "my" / "sources" / "_agency__sources.yml"
    path.parent.mkdir(parents=True)
    path.write_text(AGENCY.replace(right, wrong), encoding="utf-8")
    monkeypatch.setenv("JOURNEYS_SOURCES", str(path.parent))
    assert main(["check"]) == 1
    said = capsys.readouterr().err
    assert says in said and "_agency__sources.yml line " in said


def test_a_changed_mapping_is_built_and_equals_a_build_from_raw(built: Warehouse, folder: Path) -> None:
    path = folder / "my" / "sources" / "bakery" / "_bakery__sources.yml"
    path.write_text(ORDERS_CONTRACT.replace("direction: outbound", "direction: inbound"), encoding="utf-8")
    query = "select event_id, direction, amount from core.fct_events order by event_id"
    before = built.query(query)
    built.land()
    assert built.build(select=["+fct_events"]) == "models or seeds changed"
    after = built.query(query)
    assert [row["event_id"] for row in before if row not in after] == ["bakery:B-5:order_refunded"]
    built.build(select=["+fct_events"], force_full=True)
    assert built.query(query) == after
