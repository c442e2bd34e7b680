"""What `make bench-identity` prints: scores worked by hand, and labelled files that can't be read."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pytest

from benchmarks.identity import (
    Candidates,
    LabelsUnreadable,
    Measured,
    find_candidates,
    groups,
    people_of_identifiers,
    read_febrl,
    read_labelled,
    score,
    shown,
    table,
    truth_of,
)
from benchmarks.parts_of_splink import AS_IT_IS, links_by_part
from benchmarks.plain_splink import group_with_splink
from benchmarks.simulated_people import Carelessness, draw_people
from orchestration.lib.config.matching import read_matching_settings
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.dbt.compiled import expression


def test_scores_are_those_worked_by_hand() -> None:
    """Four records of ann, one of bea; the groups are {a1, a2, b} and {a3, a4}: two of four pairs are right, of six."""
    truth = {"a1": "ann", "a2": "ann", "a3": "ann", "a4": "ann", "b": "bea"}
    found = score(truth, {"a1": "x", "a2": "x", "b": "x", "a3": "y", "a4": "y"})
    assert (found.precision, found.recall, found.wrong_pairs) == (pytest.approx(2 / 4), pytest.approx(2 / 6), 2)
    # of each record, the share of its group that is of its person: 2/3, 2/3, 1, 1, 1/3
    assert found.cubed_precision == pytest.approx((2 / 3 + 2 / 3 + 1 + 1 + 1 / 3) / 5)
    assert found.cubed_recall == pytest.approx((4 * 2 / 4 + 1) / 5)
    assert found.item_count == 5
    assert "| 0.5000 | 0.3333 | 0.4000 |" in table({"a way": found})


def test_candidates_are_counted_by_hand() -> None:
    """Of two true pairs, Ann's shares a birth date and Bea's, with another name and nothing else, no key."""
    people = pa.table(
        {
            "person_key_hash": ["a1", "a2", "b1", "b2", "c"],
            "first_name": ["Annelies", "Gijsbert", "Beatrix", "Trix", "Cornelis"],
            "birth_date": ["1971-03-14", "1971-03-14", None, None, "1971-03-14"],
        }
    )
    truth = {"a1": "ann", "a2": "ann", "b1": "bea", "b2": "bea", "c": "cor"}
    found = find_candidates(people, read_matching_settings(PROJECT_ROOT / "seeds" / "matching.toml"), truth)
    assert found == Candidates(pair_count=3, true_pair_count=2, recall=0.5)
    said = shown(Measured({}, found))
    assert said.endswith("3 pairs are compared; among them are 0.5000 of the 2 true pairs.")


def test_each_part_of_matching_can_be_taken_from_the_library() -> None:
    people, _ = draw_people(60, Carelessness(), seed=2)
    found = links_by_part(people, read_matching_settings(PROJECT_ROOT / "seeds" / "matching.toml"))
    ours, blocked, trained, clustered = (set(links) for links in found.values())
    assert ours and trained and ours == blocked and ours <= clustered
    assert list(found) == [
        AS_IT_IS,
        *(f"{AS_IT_IS}, Splink's {part}" for part in ("blocking", "training", "clustering")),
    ]


def test_nothing_found_is_not_wrong() -> None:
    found = score({"a": "1", "b": "1"}, groups(["a", "b"], []))
    assert (found.precision, found.recall, found.f1) == (1.0, 0.0, 0.0)


def test_identifiers_are_scored_that_came_in_and_are_of_one_person(tmp_path: Path) -> None:
    """Ann writes her address in two ways and her telephone number in one; the office's address is of two people, what
    Bob has never came in, and a cookie is of no person."""

    def hashed(identifier_type: str, value: str) -> str:
        sql = expression("identifier_hash").replace("pepper", "'key'")
        return re.sub(r"\btype\b", f"'{identifier_type}'", sql).replace("normalised_value", f"'{value}'")

    with open_duckdb() as connection:
        connection.execute(f"""
            create schema config;
            create schema landing;
            create schema intermediate;
            create table config.identifier_types as from (values
                ('email', 'email'), ('phone', 'phone'), ('cookie', 'exact')
            ) as types (identifier_type, normalisation);
            create table landing.settings as select 'pepper' as key, 'key' as value;
            create table intermediate.int_phone_numbers as
            select
                {hashed("phone", "0612345678")} as written_hash,
                {hashed("phone", "+31612345678")} as identifier_hash;
            create table intermediate.int_identifier_trust as from (values
                ({hashed("email", "ann@example.com")}, 'person'),
                ({hashed("email", "office@example.com")}, 'person'),
                ({hashed("phone", "+31612345678")}, 'person'),
                ({hashed("cookie", "c1")}, 'device')
            ) as trust (identifier_hash, identifier_kind);
            copy (from (values
                ('email', 'Ann@Example.com', 'ann'), ('email', ' ann@example.com', 'ann'),
                ('phone', '06 12345678', 'ann'), ('email', 'office@example.com', 'ann'),
                ('email', 'office@example.com', 'bob'), ('email', 'bob@example.com', 'bob'), ('cookie', 'c1', 'ann')
            ) as truth (identifier_type, identifier, person_id)) to '{tmp_path}/identifiers.parquet'
        """)
        found = people_of_identifiers(connection, tmp_path / "identifiers.parquet")
        expected = connection.execute(
            f"select {hashed('email', 'ann@example.com')}, {hashed('phone', '+31612345678')}"
        ).fetchone()
    assert found == dict.fromkeys(expected, "ann")


def test_an_example_without_a_truth_is_reported(tmp_path: Path) -> None:
    with pytest.raises(LabelsUnreadable, match="wrote no truth that can be read"):
        truth_of(tmp_path)


def test_a_labelled_file_is_read_under_the_names_that_it_has(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("Rec_ID,cluster,Given Name,surname,dob\n1,x,Ann,Berg,1971-03-14\n", encoding="utf-8")
    assert read_labelled(path) == [
        {"key": "1", "label": "x", "first_name": "Ann", "last_name": "Berg", "birth_date": "1971-03-14"}
    ]


def test_a_file_of_febrl_names_its_people_in_its_keys_and_keeps_house_numbers_apart(tmp_path: Path) -> None:
    path = tmp_path / "febrl.csv"
    path.write_text(
        "rec_id, given_name, surname, street_number, address_1\nrec-7-org, ann, berg, 12, main street\n"
        "rec-7-dup-0, an, berg, , main street\n",
        encoding="utf-8",
    )
    named = {"label": "rec-7", "last_name": "berg"}
    assert read_febrl(path) == [
        {"key": "rec-7-org", "first_name": "ann", "street": "12 main street", **named},
        {"key": "rec-7-dup-0", "first_name": "an", "street": "main street", **named},
    ]


def test_plain_splink_groups_records_of_one_person() -> None:
    """The baseline is no straw man: on records of people without households it finds nearly all pairs."""
    alone = Carelessness(shared_mailbox=0, shared_telephone=0, typo=0.03, missing=0.05)
    people, truth = draw_people(200, alone, seed=9)
    names = {"person_key_hash": "record", "email_normalised": "email", "phone_normalised": "phone"}
    born = people["birth_date"].cast("string")
    given = people.set_column(people.schema.get_field_index("birth_date"), "birth_date", born)
    grouped = group_with_splink(given.rename_columns([names.get(name, name) for name in given.column_names]))
    assert set(grouped) == set(truth)
    assert score(truth, groups(truth, grouped.items())).recall > 0.9


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,first_name,surname\n1,Ann,Berg\n", "no column is the label of a record. Name one of them: cluster"),
        ("cluster,first_name,surname\n1,Ann,Berg\n", "no column is the key of a record. Name one of them: unique_id"),
        ("id,cluster,first_name\n1,x,Ann\n", "two columns at least have to say something of a person"),
        ("id,cluster,first_name,surname\n1,x,Ann,Berg\n1,x,Ann,Berg\n", "every row needs a key of its own; '1' is not"),
        ("", "It has: no header"),
    ],
)
def test_a_labelled_file_that_lacks_something_says_what(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "people.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LabelsUnreadable) as raised:
        read_labelled(path)
    assert said in str(raised.value) and str(path) in str(raised.value)
