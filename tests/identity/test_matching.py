"""Fuzzy links: the same for the same records, empty where there is nothing to say, and hardly ever wrong."""

from __future__ import annotations

import csv
import json
import random
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from benchmarks.simulated_people import FIELDS, Carelessness, draw_people
from orchestration.lib.config.matching import read_matching_settings
from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.identity.matching import PAIRS_SCHEMA, match_people
from tests.identity.scores import scores

SETTINGS = read_matching_settings(PROJECT_ROOT / "seeds" / "matching.toml")
# put next to the repository by those who have it: 1,000 records with labels
LABELLED = PROJECT_ROOT.parent / "shared" / "data" / "splink_fake_1000" / "fake_1000.csv"


def records(*rows: dict) -> pa.Table:
    """Records with keys a, b, c … and nothing in the fields that are not given."""
    schema = pa.schema([("person_key_hash", pa.string()), *((name, pa.string()) for name in FIELDS)])
    keyed = [{"person_key_hash": chr(ord("a") + place), **row} for place, row in enumerate(rows)]
    return pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in keyed], schema=schema)


# Among strangers, as everywhere: u and the share of matches come from the records.
STRANGERS = draw_people(150, Carelessness(records_most=1, shared_mailbox=0), seed=77)[0]


def matched(*rows: dict) -> dict[tuple[str, str], dict]:
    """The pairs among some records that live among strangers, by their keys."""
    given = records(*rows)
    strangers = STRANGERS.set_column(
        STRANGERS.schema.get_field_index("birth_date"), "birth_date", STRANGERS["birth_date"].cast(pa.string())
    ).select(given.schema.names)
    pairs = match_people(pa.concat_tables([given, strangers]), SETTINGS).pairs.to_pylist()
    keys = set(given["person_key_hash"].to_pylist())
    return {
        (pair["record_a"], pair["record_b"]): pair for pair in pairs if {pair["record_a"], pair["record_b"]} <= keys
    }


ANN = {
    "first_name": "Annelies",
    "last_name": "van der Berg",
    "birth_date": "1971-03-14",
    "street": "Singel 3",
    "postcode": "3511 AB",
    "city": "Utrecht",
    "email_normalised": "annelies.vdberg@example.com",
    "phone_normalised": "+31612345678",
}


def test_a_misspelt_record_without_a_shared_key_is_linked_and_says_why() -> None:
    pairs = matched(ANN, ANN | {"first_name": "Anelies", "email_normalised": None, "phone_normalised": None})
    pair = pairs["a", "b"]
    assert pair["is_link"] and not pair["is_cannot_link"] and pair["refused_by"] is None
    assert pair["match_probability"] > 0.99
    levels = json.loads(pair["comparison_levels"])
    assert levels["birth_date"]["level"] == "exact" and levels["email"] == {"level": "missing", "weight": 0.0}
    assert pair["strongest_comparison"] == max(levels, key=lambda name: levels[name]["weight"])


@pytest.mark.parametrize(
    ("field", "written", "level"),
    [
        ("first_name", "Annleies", "one_edit"),
        ("birth_date", "1917-03-14", "one_digit"),
        ("birth_date", "1917-03-41", "missing"),
        ("birth_date", "1971-03-22", "near"),
        ("birth_date", "1917-03-24", "two_digits"),
        ("email_normalised", "nanelies.vdbreg@example.com", "typo"),
        ("email_normalised", "nanelies.vdbreg@xample.com", "close"),
        ("email_normalised", "annleies.vdbreg@example.com", "typo"),
        ("email_normalised", "annelies.vdberg1@example.com", "differs"),
        ("phone_normalised", "+31612345687", "one_digit"),
    ],
)
def test_a_swap_of_two_neighbours_is_one_slip(field: str, written: str, level: str) -> None:
    pair = matched(ANN, ANN | {field: written})["a", "b"]
    assert json.loads(pair["comparison_levels"])[field.removesuffix("_normalised")]["level"] == level


def test_swapped_names_are_one_name() -> None:
    swapped = ANN | {"first_name": ANN["last_name"], "last_name": ANN["first_name"], "email_normalised": None}
    assert matched(ANN, swapped)["a", "b"]["is_link"]


OWN_TELEPHONE = {"phone_normalised": "+31687654321"}
OWN_MAILBOX = {"email_normalised": "someone.else@example.net"}


@pytest.mark.parametrize("value", ["email_normalised", "phone_normalised"])
@pytest.mark.parametrize(
    ("other", "rule"),
    [
        ({"first_name": "Gijsbert", "birth_date": "1969-11-02"}, "two_first_names"),
        ({"first_name": "Gijsbert"}, "two_first_names"),
        ({"first_name": "Annelies", "last_name": "van der Berg Jr"}, None),
    ],
    ids=["couple", "twins", "a generation on one side alone"],
)
def test_two_names_on_one_shared_value_are_a_cannot_link_pair(other: dict, rule: str | None, value: str) -> None:
    own = OWN_TELEPHONE if value == "email_normalised" else OWN_MAILBOX
    pair = matched(ANN, ANN | other | own)["a", "b"]
    assert pair["is_cannot_link"] == (rule is not None) and (rule is None or pair["refused_by"] in (rule, None))
    assert not (pair["is_link"] and pair["is_cannot_link"])


def test_two_values_in_common_outweigh_two_names() -> None:
    pair = matched(ANN, ANN | {"first_name": "Gijsbert"})["a", "b"]
    assert not pair["is_cannot_link"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"first_name": "Liz"}, {"first_name": "Elizabeth"}),
        ({"first_name": "Bob", "last_name": "Haas"}, {"first_name": "Robert", "last_name": "Haas"}),
        ({"first_name": "Bob"}, {"first_name": "Rob"}),
        ({"first_name": "Bill", "birth_date": None}, {"first_name": "William"}),
        ({"first_name": "A."}, {"first_name": "Annelies"}),
        ({"first_name": None}, {"first_name": "Annelies"}),
        ({"last_name": "Smit"}, {"last_name": "Bosch"}),
    ],
    ids=["Liz", "Bob", "both short for Robert", "Bill", "an initial", "no first name", "another surname"],
)
def test_names_that_can_be_one_persons_make_no_cannot_link(one: dict, other: dict) -> None:
    found = matched(ANN | one, ANN | other | OWN_TELEPHONE)
    assert not any(pair["is_cannot_link"] for pair in found.values())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"first_name": "Willem I"}, {"first_name": "Willem II"}),
        ({"last_name": "Haas Sr."}, {"last_name": "Haas Jr."}),
        ({"last_name": "Haas, junior"}, {"last_name": "Haas III"}),
    ],
)
def test_two_generations_of_one_name_are_two_people(one: dict, other: dict) -> None:
    pair = matched(ANN | one, ANN | other | OWN_TELEPHONE)["a", "b"]
    assert pair["is_cannot_link"] and not pair["is_link"]
    assert json.loads(pair["comparison_levels"])["first_name"]["level"] == "other_generation"


@pytest.mark.parametrize("born", [None, "1971-03-14", "1972-01-01"])
def test_one_telephone_with_other_birth_years_and_one_first_name_is_of_two(born: str | None) -> None:
    other = {"first_name": None, "birth_date": born, "email_normalised": None}
    found = matched(ANN | {"birth_date": "1931-07-02"}, ANN | other)
    assert found["a", "b"]["is_cannot_link"] == (born is not None) if ("a", "b") in found else born is None


@pytest.mark.parametrize(("born", "is_another"), [("1935-03-14", False), ("1971-03-14", True)])
def test_one_mailbox_with_one_first_name_is_of_two_where_a_generation_lies_between(born: str, is_another: bool) -> None:
    other = {"first_name": None, "birth_date": born, "phone_normalised": None}
    found = matched(ANN | {"birth_date": "1931-07-02"}, ANN | other)
    assert found["a", "b"]["is_cannot_link"] == is_another if ("a", "b") in found else not is_another


@pytest.mark.parametrize("alone", [True, False])
def test_twins_of_like_names_with_nothing_else_in_common_wait_for_review(alone: bool) -> None:
    born = {"last_name": "Oudendijk", "birth_date": "1987-05-15"}
    home = {} if alone else {"street": "Singel 3", "postcode": "3511 AB", "city": "Utrecht"}
    pair = matched(born | home | {"first_name": "Carla"}, born | home | {"first_name": "Carlotta"})["a", "b"]
    assert pair["is_link"] != alone and pair["refused_by"] == ("siblings" if alone else None)


@pytest.mark.parametrize(
    ("other", "rule"),
    [
        ({"first_name": "Gijsbert", "birth_date": "1969-11-02"}, "two_first_names"),
        ({"first_name": "Gijsbert"}, "two_first_names"),
        ({"birth_date": "1998-12-31"}, "another_generation"),
    ],
    ids=["couple", "twins", "mother and daughter of one name"],
)
def test_people_of_one_household_with_a_mailbox_each_are_not_linked(other: dict, rule: str) -> None:
    pair = matched(ANN, ANN | other | OWN_MAILBOX)["a", "b"]
    assert not pair["is_link"] and pair["refused_by"] in (rule, None)
    assert (pair["refused_by"] is None) == (pair["match_probability"] < SETTINGS.thresholds.link)


@pytest.mark.parametrize(
    "written", ["Annleeis", "Anelise", "Annelieees"], ids=["swapped twice", "two slips", "doubled"]
)
def test_a_jumbled_first_name_is_no_other_person_where_all_else_is_the_same(written: str) -> None:
    pair = matched(ANN, ANN | {"first_name": written, "street": None, "phone_normalised": None})["a", "b"]
    assert pair["is_link"] and not pair["is_cannot_link"], pair


@pytest.mark.parametrize(
    "born", [None, "1990-08-28"], ids=["a birth date that nobody wrote down", "another birth date"]
)
def test_two_first_names_of_the_same_letters_are_two_people_of_one_mailbox(born: str | None) -> None:
    daan = ANN | {"first_name": "Daniela", "birth_date": "1969-11-02", "phone_normalised": "+31687654321"}
    pair = matched(daan, daan | {"first_name": "Aldiena", "birth_date": born, "phone_normalised": None})["a", "b"]
    assert json.loads(pair["comparison_levels"])["first_name"]["level"] in ("scrambled", "jumbled")
    assert not pair["is_link"]


def test_people_who_share_only_a_mailbox_are_cannot_link_pairs_below_the_review_probability() -> None:
    stranger = {
        "first_name": "Gijsbert",
        "last_name": "Oudendijk",
        "birth_date": "1950-01-09",
        "city": "Emmen",
        "email_normalised": ANN["email_normalised"],
    }
    pair = matched(ANN, stranger)["a", "b"]
    assert pair["is_cannot_link"] and not pair["is_link"] and pair["match_probability"] < SETTINGS.thresholds.review


def test_a_record_without_a_first_name_joins_no_couple() -> None:
    husband = ANN | {"first_name": "Gijsbert", "birth_date": "1969-11-02"}
    pairs = matched(ANN, husband, ANN | {"first_name": None, "birth_date": None})
    assert len(pairs) >= 2 and not any(pair["is_link"] for pair in pairs.values())


def test_the_order_of_rows_changes_nothing() -> None:
    people, _ = draw_people(120, Carelessness(), seed=3)
    expected = match_people(people, SETTINGS).pairs
    order = list(range(len(people)))
    for seed in (1, 2):
        random.Random(seed).shuffle(order)
        assert match_people(people.take(pa.array(order)), SETTINGS).pairs.equals(expected)
    assert expected.schema.equals(PAIRS_SCHEMA) and len(expected) > 50
    rows = expected.to_pylist()
    assert all(row["record_a"] < row["record_b"] for row in rows)
    assert len({(row["record_a"], row["record_b"]) for row in rows}) == len(rows)


def test_several_rows_of_one_record_count_as_one_and_never_match_themselves() -> None:
    twice = pa.concat_tables([records(ANN), records(ANN | {"city": "Zeist"})])
    assert len(match_people(twice, SETTINGS).pairs) == 0


@pytest.mark.parametrize(
    "people",
    [
        records(),
        records(ANN),
        records({}, {}, {}),
        records(ANN, {"first_name": "Gijsbert", "last_name": "Oudendijk"}),
        pa.table({"person_key_hash": ["a", "b"]}),
        records({"first_name": " ", "last_name": "NULL", "email_normalised": ""}, {"last_name": "undefined"}),
        records(*(dict.fromkeys(FIELDS, "x" * 10000) for _ in range(3))),
        records({"birth_date": "1900-01-01"}, {"birth_date": "1900-01-01"}),
    ],
    ids=["none", "one", "empty ones", "strangers", "no columns", "words for nothing", "ten kilobytes", "a date alone"],
)
def test_records_that_say_nothing_give_no_pair(people: pa.Table) -> None:
    found = match_people(people, SETTINGS)
    assert len(found.pairs) == 0 and found.pairs.schema.equals(PAIRS_SCHEMA) and found.notes


def test_a_default_birth_date_is_no_evidence() -> None:
    rows = [
        {"first_name": "Jan", "last_name": "de Vries", "birth_date": "1970-01-01", "city": city}
        for city in ("Emmen", "Breda") * 20
    ]
    pairs = match_people(records(*({**row, "street": f"Laan {place}"} for place, row in enumerate(rows))), SETTINGS)
    assert not any(pairs.pairs["is_link"].to_pylist())


def test_matching_that_is_off_compares_nothing() -> None:
    assert len(match_people(records(ANN, ANN), SETTINGS.model_copy(update={"is_on": False})).pairs) == 0


def test_blocks_shrink_until_the_pairs_fit() -> None:
    """A common name in a great data set would else take hours; what is left out is said."""
    people = records(*({"first_name": "Jan", "last_name": "Jansen", "city": "Ede"} for _ in range(20)))
    found = match_people(
        people,
        SETTINGS.model_copy(update={"blocking": SETTINGS.blocking.model_copy(update={"max_pairs": 50})}),
    )
    assert "0 pairs compared" in found.notes[0] and "blocks of more than 12 records left out" in found.notes[1]


@pytest.mark.parametrize(
    ("carelessness", "seed", "precision", "recall"),
    [
        (Carelessness(), 11, 0.99, 0.94),
        (Carelessness(typo=0.2, missing=0.3, wrong_birth_date=0.15, another_value=0.2), 12, 0.99, 0.66),
        # the wrong ones are twins, one of whose records has no first name
        (Carelessness(left_out=("email_normalised", "phone_normalised")), 13, 0.98, 0.84),
    ],
    ids=["as usual", "very careless", "neither e-mail nor telephone"],
)
def test_links_are_right_and_many(carelessness: Carelessness, seed: int, precision: float, recall: float) -> None:
    people, truth = draw_people(500, carelessness, seed=seed)
    found = scores(match_people(people, SETTINGS).pairs, truth)
    assert found[0] >= precision and found[1] >= recall, found


@pytest.mark.skipif(not LABELLED.exists(), reason="the labelled set is not on this machine")
def test_links_are_right_on_labelled_records_of_others() -> None:
    with LABELLED.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    truth = {f"{int(row['unique_id']):08}": row["cluster"] for row in rows}
    people = pa.table(
        {
            "person_key_hash": list(truth),
            "first_name": [row["first_name"] or None for row in rows],
            "last_name": [row["surname"] or None for row in rows],
            "birth_date": [date.fromisoformat(row["dob"]) if row["dob"] else None for row in rows],
            "city": [row["city"] or None for row in rows],
            "email_normalised": [row["email"].lower() or None for row in rows],
        }
    )
    precision, recall = scores(match_people(people, SETTINGS).pairs, truth)
    assert precision >= 0.99 and recall >= 0.84, (precision, recall)


def test_saved_parameters_give_what_training_gave(tmp_path: Path) -> None:
    from orchestration.lib.config.match_parameters import read_parameters, write_parameters
    from orchestration.lib.identity.matching import train_on

    people, _ = draw_people(120, Carelessness(), seed=3)
    write_parameters(tmp_path / "match_parameters.json", train_on(people, SETTINGS))
    saved = read_parameters(tmp_path / "match_parameters.json", SETTINGS)
    again, expected = match_people(people, SETTINGS, saved).pairs, match_people(people, SETTINGS).pairs
    assert again.select(["record_a", "record_b", "is_link"]).equals(
        expected.select(["record_a", "record_b", "is_link"])
    )


@pytest.mark.parametrize(
    "written",
    [
        {"first_name": "Annelise", "last_name": "Oudendyk", "birth_date": "1971-03-15", "city": "Zesit"},
        {"last_name": "Ouddijk", "birth_date": "1971-03-15", "first_name": "Annleies"},
        {"first_name": "Anne", "last_name": "Oudendyk", "birth_date": "1971-04-13"},
    ],
)
def test_a_slip_in_every_field_is_compared_and_found(written: dict) -> None:
    """No whole value agrees, but the beginnings of two do."""
    person = {"first_name": "Annelies", "last_name": "Oudendijk", "birth_date": "1971-03-14", "city": "Zeist"}
    assert matched(person, person | written)["a", "b"]["match_probability"] >= SETTINGS.thresholds.review


WITH_TAX_NUMBERS = read_matching_settings(PROJECT_ROOT / "seeds" / "matching.toml", ["tax_number"])


def tax_numbers(one: str | None, other: str | None, differing: dict) -> tuple[dict, dict]:
    """The pair of two records with such numbers among strangers with numbers of their own, and the number's level."""
    given = records(ANN, ANN | differing)
    people = pa.concat_tables(
        [
            given,
            STRANGERS.set_column(
                STRANGERS.schema.get_field_index("birth_date"), "birth_date", STRANGERS["birth_date"].cast(pa.string())
            ).select(given.schema.names),
        ]
    )
    chance = random.Random(5)
    numbers = [one, other, *(str(chance.randint(10**8, 10**9)) for _ in range(len(people) - 2))]
    said = [None if number is None else json.dumps({"tax_number": number}) for number in numbers]
    found = match_people(people.append_column("compared_identifiers", pa.array(said, pa.string())), WITH_TAX_NUMBERS)
    pair = next(row for row in found.pairs.to_pylist() if (row["record_a"], row["record_b"]) == ("a", "b"))
    return pair, json.loads(pair["comparison_levels"])["identifier_tax_number"]


@pytest.mark.parametrize(
    ("one", "other", "level", "is_mistyped"),
    [
        ("123456782", "123456782", "exact", False),
        ("123456782", "123456728", "one_edit", True),
        ("123456782", "12345678", "one_edit", True),
        ("123456782", "987654329", "differs", False),
        ("123456782", None, "missing", False),
        ("12345", "12346", "differs", False),
    ],
    ids=["the same", "two digits swapped", "a digit lost", "another", "none", "too short to tell"],
)
def test_a_number_of_ones_own_is_compared_and_forbids_nothing(one, other, level, is_mistyped) -> None:
    without_keys = {"email_normalised": None, "phone_normalised": None}
    pair, found = tax_numbers(one, other, without_keys)
    assert found["level"] == level and pair["is_link"]
    assert pair["mistyped_types"] == (["tax_number"] if is_mistyped else [])
    assert found["weight"] > 5 if level in ("exact", "one_edit") else -3 < found["weight"] <= 0


def test_two_people_with_numbers_one_slip_apart_are_not_linked() -> None:
    pair, _ = tax_numbers("123456782", "123456728", {"first_name": "Gijsbert", "birth_date": "1969-11-02"})
    assert not pair["is_link"] and pair["mistyped_types"] == []


def address_level(one: dict, other: dict) -> tuple[str, float]:
    """The level and weight of the address of two records that agree in name and birth date."""
    nobody = dict.fromkeys(("street", "postcode", "city", "email_normalised", "phone_normalised"))
    found = json.loads(matched(ANN | nobody | one, ANN | nobody | other)["a", "b"]["comparison_levels"])["address"]
    return found["level"], found["weight"]


@pytest.mark.parametrize(
    ("one", "other", "level"),
    [
        ({"street": "Singel 3"}, {"street": "Singel 3", "city": "Utrecht"}, "street_alone"),
        ({"street": "Singel 3, 3511 AB Utrecht"}, {"street": "Singel 3", "postcode": "3511ab"}, "same_house"),
        ({"street": "Singel 3 3511 AB Utrecht"}, {"street": "Singel 3", "city": "Utrecht"}, "same_street"),
        ({"street": "Singel 3, Utrecht"}, {"street": "Singel 3", "city": "Utrecht"}, "same_street"),
        ({"street": "7 Smith Street, Ceduna 5690"}, {"street": "Smith Street 7", "postcode": "5690"}, "same_house"),
        ({"street": "Singel 3", "postcode": "3511 AB"}, {"street": "Singel 30", "postcode": "3511 AB"}, "other_number"),
        ({"street": "Singel 3"}, {"street": "Singel 30"}, "differs"),
    ],
)
def test_an_address_is_compared_as_far_as_it_goes(one: dict, other: dict, level: str) -> None:
    assert address_level(one, other)[0] == level


def test_a_street_alone_speaks_for_one_person_and_two_house_numbers_speak_less_than_one() -> None:
    home = {"street": "Singel 3", "postcode": "3511 AB"}
    same, neighbours = address_level(home, home)[1], address_level(home, home | {"street": "Singel 5"})[1]
    assert address_level({"street": "Singel 3"}, {"street": "Singel 3", "city": "Utrecht"})[1] > 3 > 0
    assert neighbours < same
