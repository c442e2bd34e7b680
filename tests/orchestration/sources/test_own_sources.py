"""Sources outside the project: what dbt reads of them, and what is wrong with a folder that it can't read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from orchestration.cli.app import main
from orchestration.lib.config.contracts import ContractError
from orchestration.lib.core.settings import PROJECT_ROOT, Settings, SettingsError, read_settings
from orchestration.lib.release import due
from orchestration.lib.sources.resolving import read_all_contracts, resolve_sources
from orchestration.lib.sources.staging_models import mapped_models
from orchestration.lib.warehouse.data_set import prepare_data_set

SOURCES = """version: 2
sources:
  - name: desk
    schema: raw
    tables:
      - name: tickets
        identifier: desk__tickets
        config:
          meta:
            formats: [csv]
            key: [ticket_id]
            events:
              - event_name: ticket_opened
                occurred_at: created_on
                channel: {column: intake, values: {web_form: web, it's: phone}}
                identifiers: {email: requester_email, record: ticket_id}
                properties: {topic: topic, order: order}
              - event_name: ticket_solved
                occurred_at: solved_at
                when: {status: [solved, closed], is_test: {not: true}, topic: {is: filled}}
                identifiers: {email: requester_email}
                direction: outbound
                department: service
                amount: price
        columns:
          - {name: ticket_id, data_type: string, config: {meta: {required: true}}}
          - {name: intake, data_type: string}
          - {name: topic, data_type: string}
          - {name: order, data_type: bigint}
          - {name: moment, data_type: string}
          - {name: requester_email, data_type: string, config: {meta: {personal: true}}}
          - {name: status, data_type: string}
          - {name: is_test, data_type: boolean}
          - {name: price, data_type: "decimal(18,2)"}
          - {name: created_on, data_type: date, config: {meta: {required: true}}}
          - {name: solved_at, data_type: timestamp}
"""
# a column of the table is called `moment`, and another one is a word of SQL; the ticket's id is that of a people
# record, which no id that is published shows
TICKETS = """with source as (
    select * from {{ landed('desk', 'tickets') }}
),

-- one row for each moment of a row that has come
moments as (
    select source.*, 'ticket_opened' as moment_, cast(created_on as timestamp) as moment_at from source
    union all
    select source.*, 'ticket_solved' as moment_, solved_at as moment_at from source
    where
        status in ('solved', 'closed')
        and not coalesce(is_test = true, false)
        and topic is not null
        and solved_at is not null
)

select
    version_key,
    record_key,
    'desk:' || {{ record_hash("'desk'", "coalesce(ticket_id, '')") }} || ':' || moment_ as event_id,
    moment_ as event_name,
    'desk' as source_system,
    case moment_
        when 'ticket_opened' then case intake when 'web_form' then 'web' when 'it''s' then 'phone' else intake end
    end as channel,
    case moment_ when 'ticket_solved' then 'service' end as department,
    case moment_ when 'ticket_solved' then 'outbound' end as direction,
    {{ hashed_identifiers(map_of({
        'email': 'requester_email',
        'record': "case moment_ when 'ticket_opened' then 'desk:' || ticket_id end",
    })) }} as identifiers,
    {{ json_of({
        'topic': "case moment_ when 'ticket_opened' then topic end",
        'order': "case moment_ when 'ticket_opened' then \\"order\\" end",
    }) }} as properties,
    case moment_ when 'ticket_solved' then price end as amount,
    row_status,
    moment_at as occurred_at,
    loaded_at,
    changed_in
from moments
"""


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Settings]:
    """A data set with a source outside the project."""
    for name in ("extracts", "own/desk"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "own" / "desk" / "_desk__sources.yml").write_text(SOURCES, encoding="utf-8")
    settings = read_settings(
        {
            "JOURNEYS_EXTRACTS": str(tmp_path / "extracts"),
            "JOURNEYS_SOURCES": str(tmp_path / "own"),
            "JOURNEYS_VAR": str(tmp_path / "var"),
            "JOURNEYS_DATA_SET": "tested",
        }
    )
    yield settings
    shutil.rmtree(settings.resolved_sources, ignore_errors=True)
    shutil.rmtree(settings.resolved_seeds, ignore_errors=True)


def resolve(settings: Settings) -> Path:
    resolve_sources(settings, read_all_contracts(settings))
    return settings.resolved_sources


def test_a_mapping_becomes_the_model_that_a_person_would_write(own: Settings) -> None:
    [contract] = [contract for contract in read_all_contracts(own) if contract.is_own]
    [model] = mapped_models(contract)
    assert model.sql == TICKETS


def test_a_row_that_is_one_event_needs_no_moments(own: Settings) -> None:
    head, _, _ = SOURCES.partition("            events:")
    table = """            events:
              - event_name: {column: topic}
                occurred_at: solved_at
                event_id: [requester_email]
                record: [order, status]
"""
    path = own.sources / "desk" / "_desk__sources.yml"
    path.write_text(head + table + SOURCES[SOURCES.index("        columns:") :], encoding="utf-8")
    [contract] = [contract for contract in read_all_contracts(own) if contract.is_own]
    [model] = mapped_models(contract)
    assert "moments" not in model.sql
    lines = [line.strip().removesuffix(",") for line in model.sql.splitlines()]
    order = "coalesce(cast(\"order\" as {{ dbt.type_string() }}), '')"
    assert f"'desk:' || {order} || ':' || coalesce(status, '') as record_key" in lines
    # what identifies a person is not readable in an id that is published
    assert "'desk:' || {{ record_hash(\"'desk'\", \"coalesce(requester_email, '')\") }} as event_id" in lines
    assert lines[-2:] == ["from source", "where topic is not null and solved_at is not null"]


def test_amounts_in_cents_and_currencies_in_small_letters_become_money(own: Settings) -> None:
    path = own.sources / "desk" / "_desk__sources.yml"
    cents = SOURCES.replace("amount: price", "amount: price\n                amount_divided_by: 100\n"
                            "                currency: {column: intake}")  # fmt: skip
    path.write_text(cents, encoding="utf-8")
    [contract] = [contract for contract in read_all_contracts(own) if contract.is_own]
    [model] = mapped_models(contract)
    assert "case moment_ when 'ticket_solved' then price / 100.0 end as amount" in model.sql
    assert "case moment_ when 'ticket_solved' then upper(intake) end as currency" in model.sql


def test_dbt_gets_the_files_of_the_folder_and_the_models_of_mappings(own: Settings) -> None:
    (own.sources / "desk" / "notes.txt").write_text("none of dbt's", encoding="utf-8")
    (own.sources / ".hidden").mkdir()
    (own.sources / ".hidden" / "draft.sql").write_text("select", encoding="utf-8")
    resolved = resolve(own)
    found = {path.relative_to(resolved).as_posix() for path in resolved.rglob("*") if path.is_file()}
    assert found == {
        "macros/own_models.sql",
        "models/staging/desk/_desk__sources.yml",
        "models/staging/desk/_desk__mapped_models.yml",
        "models/staging/desk/stg_desk__tickets.sql",
    }
    assert "'events': ['stg_desk__tickets']" in (resolved / "macros" / "own_models.sql").read_text(encoding="utf-8")


def test_what_did_not_change_is_not_written_again_and_what_is_gone_goes(own: Settings) -> None:
    notes = own.sources / "notes.md"
    notes.write_text("notes", encoding="utf-8")
    resolved = resolve(own)
    for path in resolved.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    notes.unlink()
    resolve(own)
    assert not (resolved / "models" / "staging" / "notes.md").exists()
    assert {path.stat().st_mtime for path in resolved.rglob("*") if path.is_file()} == {1_000_000_000}


def test_a_changed_source_is_due_as_changed_code(own: Settings) -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    before = due.look(own, now=now).state
    assert due.look(own, now=now).state == before
    path = own.sources / "desk" / "_desk__sources.yml"
    path.write_text(SOURCES.replace("department: service", "department: sales"), encoding="utf-8")
    assert due.look(own, now=now).state != before


def test_without_the_setting_dbt_reads_the_project_alone() -> None:
    settings = read_settings({})
    assert settings.sources is None and settings.resolved_sources is None
    resolve_sources(settings, ())
    assert not any(contract.is_own for contract in read_all_contracts(settings))


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("stg_shop__orders.sql", "select 1", "stg_shop__orders is a model of the project. Give the file another name."),
        ("stg_desk__tickets.sql", "select 1", "the mapping of desk.tickets makes the model stg_desk__tickets, and"),
        ("desk/a.py", "", "a staging model is SQL. Take it out."),
        ("shop.yml", "version: 2\nsources: []\n", "shop.yml line 2: only files named _<source>__sources.yml declare"),
        ("_a__models.yml", "models: [{name: a, config: {meta: {rows_are: event}}}]", "may be events, people, spend,"),
        ("_a__models.yml", "models: [", "this is no valid YAML"),
    ],
)  # fmt: skip
def test_a_file_that_would_do_harm_is_refused(own: Settings, file: str, text: str, says: str) -> None:
    (own.sources / file).write_text(text, encoding="utf-8")
    with pytest.raises(ContractError) as raised:
        resolve(own)
    assert says in str(raised.value)
    assert str(own.sources) in str(raised.value)


def test_a_folder_without_a_source_is_refused(own: Settings, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(SettingsError, match="no source is declared in it"):
        resolve(replace(own, sources=tmp_path / "none"))
    with pytest.raises(SettingsError, match="there is no such folder"):
        read_settings({"JOURNEYS_SOURCES": str(tmp_path / "nowhere")})


def test_an_identifier_of_a_type_that_the_data_set_lacks_is_refused(own: Settings) -> None:
    path = own.sources / "desk" / "_desk__sources.yml"
    path.write_text(SOURCES.replace("{email: requester_email}", "{emial: requester_email}"), encoding="utf-8")
    with pytest.raises(ContractError) as raised:
        prepare_data_set(own, today=date(2026, 3, 1))
    assert "event 2 of desk.tickets has identifiers of type emial, which identifier_types.csv does" in str(raised.value)
    assert "Did you mean email?" in str(raised.value)


def test_check_names_the_folder_of_own_sources_and_says_nothing_of_seeds_that_are_shipped(
    own: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"EXTRACTS": own.extracts, "SOURCES": own.sources, "VAR": own.var, "DATA_SET": "tested"}.items():
        monkeypatch.setenv(f"JOURNEYS_{name}", str(value))
    for folder in ("desk/calls", "pbx/calls"):
        (own.extracts / folder).mkdir(parents=True)
        (own.extracts / folder / "a.csv").write_text("a\n", encoding="utf-8")
    (own.sources / "desk" / "_desk__sources.yml").write_text(
        SOURCES.replace("key: [ticket_id]", "key: [ticket_id]  # guess: unique"), encoding="utf-8"
    )
    assert main(["check"]) == 0
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning: ")]
    assert len(told) == 3
    assert f"declare it in {own.sources}/desk/_desk__sources.yml, or move it out" in told[0]
    assert f"declare it in {own.sources}/pbx/_pbx__sources.yml, or move it out" in told[1]
    assert f"1 guess is left in {own.sources}/desk/_desk__sources.yml, the first in line 11" in told[2]
    # those of one's own are reported
    seeds = own.extracts.parent / "seeds"
    seeds.mkdir()
    for seed in ("journeys", "phases"):
        shutil.copy(PROJECT_ROOT / "seeds" / f"{seed}.csv", seeds)
    monkeypatch.setenv("JOURNEYS_SEEDS", str(seeds))
    assert main(["check"]) == 0
    assert "warning: phases.csv line" in capsys.readouterr().out


def test_check_sees_the_sources_and_the_command_shows_the_model(
    own: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"EXTRACTS": own.extracts, "SOURCES": own.sources, "VAR": own.var, "DATA_SET": "tested"}.items():
        monkeypatch.setenv(f"JOURNEYS_{name}", str(value))
    assert main(["check"]) == 0
    shipped = len(read_all_contracts(replace(own, sources=None)))
    assert f"{shipped + 1} source tables" in capsys.readouterr().out
    (own.sources / "_mail__sources.yml").write_text(
        SOURCES[: SOURCES.index("            events:")].replace("desk", "mail")
        + SOURCES[SOURCES.index("        columns:") :],
        encoding="utf-8",
    )
    assert main(["check"]) == 0
    assert "_mail__sources.yml line 6: mail.tickets lands, and no model reads it." in capsys.readouterr().out
    (own.sources / "stg_mail__tickets.sql").write_text(
        "select * from {{ landed('mail', 'tickets') }}", encoding="utf-8"
    )
    assert main(["check"]) == 0
    assert "lands, and no model reads it" not in capsys.readouterr().out
    assert main(["staging-model", "desk.tickets"]) == 0
    shown = capsys.readouterr().out
    assert TICKETS in shown and "rows_are: events" in shown
    assert main(["staging-model", "desk.ticket"]) == 2
    assert "Did you mean desk.tickets?" in capsys.readouterr().err
    assert main(["staging-model", "shop.orders"]) == 2
    assert "models/staging/shop/_shop__sources.yml line 9 has no mapping" in capsys.readouterr().err
    assert PROJECT_ROOT / "models" not in own.sources.parents
