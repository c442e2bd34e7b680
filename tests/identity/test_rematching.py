"""People are matched again only when they, the settings or the code changed, and only changed records are compared."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

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
from orchestration.lib.identity.rematching import match_again_if_changed, train_on_warehouse
from orchestration.lib.warehouse.build import fingerprint
from orchestration.lib.warehouse.data_set import prepare_data_set

TODAY = date(2026, 7, 1)


class Build:
    """What dbt does around the model: reads the people, writes the table. `matched` counts how often Splink ran."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection, self.matched = connection, 0
        self.known: Compared | None = None
        connection.execute("create schema intermediate")
        connection.execute("""
            create table intermediate.int_people_versions as
            select column0 as person_key_hash, 'v' as version_key, date '2026-01-01' as updated_at, 'Ann' as first_name,
                'Berg' as last_name, date '1971-03-14' as birth_date, null::varchar as street, 'Ede' as city,
                null::varchar as postcode, null::varchar as email_normalised, null::varchar as phone_normalised,
                null::varchar as compared_identifiers,
                true as is_current
            from (values ('a'), ('b')) as people(column0)
        """)

    def match(
        self, people: pa.Table, settings: object, parameters: object = None, *, known: Compared | None = None
    ) -> Matches:
        self.matched += 1
        self.known = known
        row = {"record_a": "a", "record_b": "b", "match_weight": 1.0 * len(people), "is_link": True}
        compared = Compared(pa.table({"record": [self.matched]}), pa.table({"record_l": [self.matched]}))
        return Matches(pa.Table.from_pylist([row], schema=PAIRS_SCHEMA), (), compared)

    def run(self, *, is_from_scratch: bool = False, dies_before_the_table: bool = False) -> list[float]:
        people = self.connection.table("intermediate.int_people_versions")
        found = match_again_if_changed(
            people,
            self.connection,
            schema="intermediate",
            table="int_record_pairs",
            is_from_scratch=is_from_scratch,
        )
        if dies_before_the_table:
            return []
        self.connection.register("found", found)
        self.connection.execute("create or replace table intermediate.int_record_pairs as select * from found")
        self.connection.unregister("found")
        return found["match_weight"].to_pylist()


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Build]:
    shutil.copy(PROJECT_ROOT / "seeds" / "matching.toml", tmp_path)
    monkeypatch.setenv("JOURNEYS_RESOLVED_SEEDS", str(tmp_path))
    monkeypatch.delenv("JOURNEYS_MATCHING", raising=False)
    with open_duckdb() as connection:
        built = Build(connection)
        monkeypatch.setattr(matching, "match_people", built.match)
        yield built


def test_the_same_people_and_settings_are_matched_once(build: Build) -> None:
    assert build.run() == build.run() == [2.0]
    assert build.matched == 1


@pytest.mark.parametrize(
    "change",
    [
        "update intermediate.int_people_versions set city = 'Breda' where person_key_hash = 'a'",
        "update intermediate.int_people_versions set is_current = false where person_key_hash = 'a'",
        "drop table intermediate.int_record_pairs",
    ],
    ids=["a value", "a record that left", "no table of the last time"],
)
def test_changed_people_are_matched_again(build: Build, change: str) -> None:
    build.run()
    build.connection.execute(change)
    build.run()
    assert build.matched == 2


def test_a_build_that_died_before_its_table_was_written_is_not_taken_for_done(build: Build) -> None:
    """The note of the new records is next to the pairs of the old ones."""
    build.run()
    build.connection.execute(
        "insert into intermediate.int_people_versions select * replace ('c' as person_key_hash) "
        "from intermediate.int_people_versions where person_key_hash = 'a'"
    )
    build.run(dies_before_the_table=True)
    assert build.run() == [3.0] and build.matched == 3
    assert build.run() == [3.0] and build.matched == 3, "once written, it holds"


def test_pairs_that_somebody_changed_are_matched_again(build: Build) -> None:
    build.run()
    build.connection.execute("update intermediate.int_record_pairs set is_link = false")
    assert build.run() == [2.0] and build.matched == 2


def test_a_full_build_takes_no_old_pairs(build: Build) -> None:
    build.run()
    assert build.run(is_from_scratch=True) == [2.0] and build.matched == 2


def test_a_note_of_an_older_form_is_not_trusted(build: Build) -> None:
    build.run()
    build.connection.execute("alter table intermediate.int_record_pairs__input drop column pairs_checksum")
    build.run()
    assert build.matched == 2


def test_what_was_compared_is_kept_for_the_next_run(build: Build) -> None:
    changed = "update intermediate.int_people_versions set city = city || 'n' where person_key_hash = 'a'"
    build.run()
    assert build.known is None
    build.connection.execute(changed)
    build.run(dies_before_the_table=True)
    assert build.known is not None and build.known.records["record"].to_pylist() == [1]
    build.connection.execute(changed)
    build.run()
    assert build.known.pairs["record_l"].to_pylist() == [2], "levels follow from records, whatever became of the pairs"
    build.connection.execute(changed)
    build.run(is_from_scratch=True)
    assert build.known is None


@pytest.mark.parametrize(
    "table", ["int_record_pairs__input", "int_record_pairs__records", "int_record_pairs__compared"]
)
def test_what_was_compared_is_not_used_without_its_other_half(build: Build, table: str) -> None:
    build.run()
    build.connection.execute(f"drop table intermediate.{table}")
    build.connection.execute("update intermediate.int_people_versions set city = 'Breda' where person_key_hash = 'a'")
    build.run()
    assert build.matched == 2 and build.known is None


def test_what_was_compared_by_other_settings_is_not_used(build: Build, tmp_path: Path) -> None:
    build.run()
    path = tmp_path / "matching.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("at_most = 10,", "at_most = 11,"), encoding="utf-8")
    build.run()
    assert build.matched == 2 and build.known is None


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


def test_changed_settings_match_again(build: Build, tmp_path: Path) -> None:
    build.run()
    path = tmp_path / "matching.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("link = 0.98", "link = 0.999"), encoding="utf-8")
    build.run()
    assert build.matched == 2


def test_switched_off_nothing_is_matched_and_switched_on_again_everything_is(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    build.run()
    monkeypatch.setenv("JOURNEYS_MATCHING", "off")
    assert build.run() == [] and build.matched == 1
    monkeypatch.setenv("JOURNEYS_MATCHING", "on")
    assert build.run() == [2.0] and build.matched == 2


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
