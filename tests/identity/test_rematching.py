"""Of pairs of records that did not change, levels are kept; what is trained is what the next build reads."""

from __future__ import annotations

import random
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from benchmarks.simulated_people import FIELDS, Carelessness, draw_people
from orchestration.lib.config.match_parameters import read_parameters
from orchestration.lib.config.matching import MatchingSettings, read_matching_settings
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT, SettingsError, read_settings
from orchestration.lib.dbt.running import dbt_environment
from orchestration.lib.identity import comparing, matching
from orchestration.lib.identity.matching import PAIRS_SCHEMA, Compared, Matches, match_people
from orchestration.lib.identity.rematching import record_pairs, train_on_warehouse
from orchestration.lib.warehouse.build import fingerprint
from orchestration.lib.warehouse.data_set import prepare_data_set

TODAY = date(2026, 7, 1)


def given(tmp_path: Path) -> dict[str, Path]:
    shutil.copy(PROJECT_ROOT / "seeds" / "matching.toml", tmp_path)
    return {name: tmp_path / name for name in ("matching.toml", "match_parameters.json")}


TYPES = pa.table({"identifier_type": pa.array([], pa.string())})


def test_the_step_hands_on_what_it_kept_and_gives_the_same_pairs(tmp_path: Path, monkeypatch) -> None:
    known: list[Compared | None] = []
    original = matching.match_people

    def match(*arguments: Any, **more: Any) -> Matches:
        known.append(more["known"])
        return original(*arguments, **more)

    monkeypatch.setattr(matching, "match_people", match)
    people, _ = draw_people(100, Carelessness(), seed=4)
    people = with_columns_of_the_model(people)
    first, kept = record_pairs(people, TYPES, files=given(tmp_path), kept={})
    again, _ = record_pairs(people, TYPES, files=given(tmp_path), kept=kept)
    assert len(first) > 30 and again.equals(first) and first.schema == PAIRS_SCHEMA
    assert known[0] is None and known[1].pairs.equals(kept["compared"]) and known[1].records.equals(kept["records"])


def test_without_people_nothing_is_kept(tmp_path: Path) -> None:
    people, _ = draw_people(5, Carelessness(), seed=4)
    pairs, kept = record_pairs(with_columns_of_the_model(people)[:0], TYPES, files=given(tmp_path), kept={})
    assert pairs.equals(PAIRS_SCHEMA.empty_table()) and kept == {}


def with_columns_of_the_model(people: pa.Table) -> pa.Table:
    return people.append_column("compared_identifiers", pa.nulls(len(people), pa.string()))


SHIPPED = read_matching_settings(PROJECT_ROOT / "seeds" / "matching.toml")


def changed_people(people: pa.Table, chance: random.Random) -> pa.Table:
    """The records, some with other values, some gone and some new."""
    rows = people.to_pylist()
    chosen = chance.sample(range(len(rows)), 12)
    for place in chosen[:6]:
        other, name = chance.choice(rows), chance.choice(FIELDS)
        rows[place] = rows[place] | {name: chance.choice([None, other[name]])}
    added = [rows[place] | {"person_key_hash": f"{chance.getrandbits(128):032x}"} for place in chosen[6:9]]
    kept = [row for place, row in enumerate(rows) if place not in chosen[9:]]
    return pa.Table.from_pylist([*kept, *added], schema=people.schema)


@pytest.mark.parametrize(
    ("seed", "training", "blocking"),
    [
        (1, {}, {}),
        # the sample is a part of the records, and other records may be in it afterwards; blocks are left out
        (2, {"sample_records": 60}, {"max_block_records": 6}),
        (3, {"u": "fixed", "m": "fixed"}, {"max_pairs": 2_500}),
    ],
)
def test_pairs_of_changed_records_are_those_of_a_full_run(seed: int, training: dict, blocking: dict) -> None:
    """One change after the other: levels of pairs that nothing touched are taken over, and no figure shows it."""
    settings = SHIPPED.model_copy(
        update={
            "training": SHIPPED.training.model_copy(update=training),
            "blocking": SHIPPED.blocking.model_copy(update=blocking),
        }
    )
    chance = random.Random(seed)
    people, _ = draw_people(150, Carelessness(), seed=seed)
    found = match_people(people, settings)
    for _ in range(3):
        people = changed_people(people, chance)
        found, full = match_people(people, settings, known=found.compared), match_people(people, settings)
        assert full.pairs.equals(found.pairs) and len(full.pairs) > 50
        assert full.compared is not None and found.compared is not None
        assert full.compared.pairs.equals(found.compared.pairs)


def test_only_pairs_of_changed_records_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[str, str]] = []

    def compare(connection: duckdb.DuckDBPyConnection, settings: MatchingSettings, pairs: str, into: str) -> None:
        compared.extend(
            connection.execute(f"""
                select one.person_key_hash, other.person_key_hash
                from {pairs}
                join people as one on one.record = record_l
                join people as other on other.record = record_r
            """).fetchall()
        )
        original(connection, settings, pairs, into)

    original = comparing.compare_pairs
    monkeypatch.setattr(comparing, "compare_pairs", compare)
    people, _ = draw_people(150, Carelessness(), seed=4)
    before = match_people(people, SHIPPED)
    everything = len(compared)
    compared.clear()
    rows = people.to_pylist()
    # a first name that many records have stays one that many have
    changed = {row["person_key_hash"] for row in rows[:3]}
    rows = [row | {"street": "Singel 3"} if row["person_key_hash"] in changed else row for row in rows]
    match_people(pa.Table.from_pylist(rows, schema=people.schema), SHIPPED, known=before.compared)
    assert compared and all(changed & set(pair) for pair in compared)
    assert len(compared) < 3 * len(people) < everything / 10
    compared.clear()
    match_people(people, SHIPPED, known=before.compared)
    assert compared == []


def test_dbt_gets_whether_matching_is_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment that this process runs in says, the data set's settings count."""
    monkeypatch.setenv("JOURNEYS_MATCHING", "on")
    (tmp_path / "extracts").mkdir()
    own = {"JOURNEYS_EXTRACTS": str(tmp_path / "extracts"), "JOURNEYS_VAR": str(tmp_path / "var")}
    assert dbt_environment(read_settings({**own, "JOURNEYS_MATCHING": "off"}))["JOURNEYS_MATCHING"] == "off"
    assert dbt_environment(read_settings(own))["JOURNEYS_MATCHING"] == "on"


def test_the_switch_is_part_of_what_a_build_rests_on(tmp_path: Path) -> None:
    (tmp_path / "extracts").mkdir()
    own = {"JOURNEYS_EXTRACTS": str(tmp_path / "extracts"), "JOURNEYS_VAR": str(tmp_path / "var")}
    on, off = read_settings(own), read_settings({**own, "JOURNEYS_MATCHING": "off"})
    assert on.is_matching_on and not off.is_matching_on
    assert fingerprint(on, "key") != fingerprint(off, "key")
    with pytest.raises(SettingsError, match="JOURNEYS_MATCHING=maybe: give on or off"):
        read_settings({**own, "JOURNEYS_MATCHING": "maybe"})


def test_training_writes_what_the_next_build_reads(tmp_path: Path) -> None:
    for folder in ("extracts", "seeds"):
        (tmp_path / folder).mkdir()
    settings = read_settings(
        {
            "JOURNEYS_EXTRACTS": str(tmp_path / "extracts"),
            "JOURNEYS_SEEDS": str(tmp_path / "seeds"),
            "JOURNEYS_VAR": str(tmp_path / "var"),
            "JOURNEYS_DATA_SET": "trained",
        }
    )
    try:
        prepare_data_set(settings, today=TODAY)
        with pytest.raises(SettingsError, match="no people records yet"):
            train_on_warehouse(settings)
        people, _ = draw_people(80, Carelessness(), seed=4)
        with open_duckdb(settings.warehouse) as connection:
            connection.register("people", people)
            connection.execute("create schema intermediate")
            connection.execute("""
                create table intermediate.int_people_versions as
                select *, 'v' as version_key, null::varchar as compared_identifiers, date '2026-01-01' as updated_at,
                    true as is_current
                from people
            """)
        written, notes = train_on_warehouse(settings)
        assert written == tmp_path / "seeds" / "match_parameters.json" and notes
        prepare_data_set(settings, today=TODAY)
        declared = read_matching_settings(PROJECT_ROOT / "seeds" / "matching.toml")
        learnt = read_parameters(settings.resolved_seeds / "match_parameters.json", declared)
        assert 0.3 < learnt.rates.m["first_name"]["exact"] < 0.95 and 0.1 < learnt.matches_per_record < 4
    finally:
        shutil.rmtree(settings.resolved_seeds, ignore_errors=True)
