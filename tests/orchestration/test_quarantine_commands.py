"""The commands that work on quarantine, as a person types them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestration.cli.app import main
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT, read_settings
from orchestration.lib.landing import land_table, read_contracts
from orchestration.lib.sources import resolving

ROWS = """\
event_id,occurred_at,event_name,source_system,direction
web:1,2026-01-05T09:00:00Z,page_viewed,web,inbound
web:2,2026-01-05T09:00:00Z,page_viewed,web,sideways
web:3,yesterday,page_viewed,web,inbound
"""
CONTRACTS = tuple(contract for contract in read_contracts(PROJECT_ROOT / "models") if contract.source == "feed")

Say = Callable[..., tuple[int, str]]


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    """Types a command in a data set to which one file came; gives its exit code and what it said."""
    file = tmp_path / "extracts" / "feed" / "events" / "a.csv"
    file.parent.mkdir(parents=True)
    file.write_text(ROWS, encoding="utf-8")
    monkeypatch.setenv("JOURNEYS_EXTRACTS", str(tmp_path / "extracts"))
    monkeypatch.setenv("JOURNEYS_VAR", str(tmp_path / "var"))

    def typed(*arguments: str) -> tuple[int, str]:
        code = main(arguments)
        said = capsys.readouterr()
        data_set, _, errors = said.err.partition("\n")
        assert data_set.startswith("Data set own"), "each says which data set it answers for"
        return code, said.out + errors

    return typed


def land() -> None:
    settings = read_settings()
    settings.warehouse.parent.mkdir(parents=True)
    with open_duckdb(settings.warehouse) as connection:
        for contract in CONTRACTS:
            now = datetime(2026, 3, 1, tzinfo=UTC)
            land_table(connection, contract, extracts=settings.extracts, run_id="r", now=now, settle_seconds=0)


def test_before_anything_landed_there_is_nothing_to_work_on(say: Say) -> None:
    for command in (("quarantine",), ("requeue", "feed"), ("land-again", "feed")):
        assert say(*command) == (1, "\nNothing has landed yet. Type make run.\n")


def test_from_a_look_at_quarantine_to_rows_that_are_let_in(
    say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    land()
    code, said = say("quarantine")
    assert code == 0
    assert "feed.events  (models/staging/feed/_feed__sources.yml line " in said
    assert "1 × not_a_time in occurred_at, 1 file\n    extracts/feed/events/a.csv line 4, column occurred_at: " in said
    query = said.partition('all: make sql IN=warehouse SQL="')[2].partition('"')[0]
    assert "web:3,yesterday" in say("sql", "--warehouse", query)[1]
    code, said = say("quarantine", "--source", "feed", "--column", "direction")
    assert (code, "not_a_time" in said, "value_not_accepted" in said) == (0, False, True)
    assert say("quarantine", "--reason", "nul_byte") == (0, "Nothing is in quarantine of REASON=nul_byte.\n")
    assert "Did you mean feed?" in say("quarantine", "--source", "fed")[1]

    code, said = say("requeue", "feed", "--table", "events")
    assert (code, "0 rows let in, 2 in quarantine" in said, "Nothing changed" in said) == (0, True, True)
    [events] = [contract for contract in CONTRACTS if contract.table == "events"]
    columns = tuple(replace(c, accepted_values=()) if c.name == "direction" else c for c in events.columns)
    monkeypatch.setattr(resolving, "read_all_contracts", lambda _: (replace(events, columns=columns),))
    code, said = say("requeue", "feed", "--reason", "value_not_accepted")
    assert code == 0
    assert said == (
        "feed/events/a.csv (feed.events): 1 row let in, 1 in quarantine\n"
        "Type make run to publish with what was let in.\n"
    )
    (tmp_path / "extracts" / "feed" / "events" / "a.csv").unlink()
    code, said = say("requeue", "feed")
    assert (code, "not read: the extracts folder has no file with the content that landed" in said) == (1, True)


def test_from_a_changed_contract_to_files_that_are_read_as_it_says(
    say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    land()
    assert "landed before" not in say("check")[1]
    code, said = say("land-again", "feed", "--table", "events")
    assert (code, said) == (0, "feed.events: all files landed under the current contract\n")
    [events] = [contract for contract in CONTRACTS if contract.table == "events"]
    columns = tuple(replace(c, accepted_values=()) if c.name == "direction" else c for c in events.columns)
    changed = replace(events, columns=columns)
    others = tuple(contract for contract in CONTRACTS if contract is not events)
    monkeypatch.setattr(resolving, "read_all_contracts", lambda _: (changed, *others))
    code, said = say("check")
    assert code == 0
    assert (
        f"warning: 1 file of feed.events landed before the contract was changed ({events.declared_in}), and is as it "
        "said then. To read it as it says now: make land-again SOURCE=feed TABLE=events\n"
    ) in said
    assert say("land-again", "feed", "--table", "events") == (
        0,
        "feed.events: 1 file read again, 1 row replaced, 1 let in from quarantine\nType make run to publish it.\n",
    )
    assert "landed before" not in say("check")[1]
    # a file that is gone is as it landed
    monkeypatch.setattr(resolving, "read_all_contracts", lambda _: (events, *others))
    (tmp_path / "extracts" / "feed" / "events" / "a.csv").unlink()
    code, said = say("land-again", "feed")
    assert code == 0
    assert (
        "feed.events: 1 file left as landed, as the content is no longer in the extracts folder: feed/events/a.csv\n"
    ) in said
    assert "landed before" not in say("check")[1]
