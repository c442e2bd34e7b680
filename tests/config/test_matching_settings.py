"""matching.toml says what is wrong with it: the file, the key, the fix."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from orchestration.lib.config.match_parameters import (
    Parameters,
    declared_rates,
    read_parameters,
    write_parameters,
)
from orchestration.lib.config.matching import MatchingSettingsError, read_compared_types, read_matching_settings
from orchestration.lib.config.seeds import SeedsInvalid, resolve_matching, resolve_seeds
from orchestration.lib.core.settings import PROJECT_ROOT

SHIPPED = PROJECT_ROOT / "seeds"
TEXT = (SHIPPED / "matching.toml").read_text(encoding="utf-8")


def test_the_shipped_settings_are_on_and_compare_what_a_record_has() -> None:
    settings = read_matching_settings(SHIPPED / "matching.toml")
    assert settings.is_on and settings.thresholds.review < settings.thresholds.link
    assert {column for comparison in settings.comparisons for column in comparison.columns} == {
        "first_name", "last_name", "birth_date", "email", "phone", "street", "postcode", "city",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("is_on = true", "is_on = 1", ["is_on: 1 is not true or false"]),
        ("is_on = true", "is_onn = true", ["is_on: is missing"]),
        ("is_on = true", "is_on = true\nlink = 3", ["link: there is no such key. Take it out."]),
        ("review = 0.6", "reviews = 0.6", ["thresholds.review: is missing"]),
        ("review = 0.6", "review = 0.6\nrevew = 1", ["thresholds.revew: there is no such key. Did you mean review?"]),
        ("review = 0.6", "review = 0.9999", ["thresholds.review: 0.9999 is above link (0.98)", "0.98 or less"]),
        ("link = 0.98", 'link = "high"', ["thresholds.link: 'high' is not a number from 0.5 to 1"]),
        ('["phone"],', '["fone"],', ["blocking.rules[2]: 'fone' is none of", "Did you mean phone?"]),
        ('["phone"],', '["phone", "phone"],', ["blocking.rules[2]: names one thing twice"]),
        ('["phone"],', '"phone",', ["blocking.rules[2]: 'phone' is not a list of names"]),
        ("max_block_records = 100", "max_block_records = 0", ["blocking.max_block_records: 0 is not a whole number"]),
        ('m = "estimated"', 'm = "guessed"', ["training.m: 'guessed' is none of: estimated, fixed"]),
        ('is = "prefix"', 'is = "prefx"', ["comparisons[first_name].levels[short_form].is: 'prefx'", "prefix?"]),
        (", min_length = 3, m", ", m", ["levels[short_form].min_length: is missing", 'is = "prefix" needs it']),
        ('name = "differs", is = "else"', 'name = "differs", is = "equal"', ["[first_name].levels: the last one"]),
        ('is = "same_letters", at_most = 1,', 'is = "same_letters",', ["levels[scrambled].at_most: is missing"]),
        ("m = 0.72", "m = 0.92", ["comparisons[first_name].levels: their m add up to 1.2. They have to add up to 1."]),
        ("m = 0.72", "m = 0.0", ["levels[exact].m: 0.0 has to be above 0"]),
        ('"another_first_name" ', '"another first name" ', ["guards[another first name].name", "is no name"]),
        ('first_name = ["differs"] }', 'first_name = ["difers"] }', ["guards[another_first_name].levels.first_name"]),
        ('shares = ["email", "phone"]', 'shares = ["city"]', ["cannot_links[two_first_names].shares: 'city'"]),
        ('shares = ["email", "phone"]', "", ["cannot_links[two_first_names].shares: is missing"]),
        ('["odd", "differs", "other_generation"]', '["other"]', ["[two_first_names].levels.first_name: 'other'"]),
        ("[[guards]]", "[[guards]]\ncannot_link = true", ["[another_first_name].cannot_link: there is no such"]),
        ('name = "nickname", is = "nickname"', 'name = "nickname", is = "nick"', ["[nickname].is: 'nick' is none of"]),
        ('{ first_name = ["differs"] }', '{ name = ["differs"] }', ["[another_first_name].levels.name: there is"]),
        ('columns = ["identifier"]', 'columns = ["identifier", "city"]', ["identifier is compared by itself"]),
        ('columns = ["city"], frequency', 'columns = ["identifier"], frequency', ["[same_city].columns: 'iden"]),
        ('{ first_name = ["differs"] }', '{ identifier = ["differs"] }', ["levels.identifier: there is no"]),
        ("\nis_learnt = false", '\nis_learnt = "no"', ["comparisons[identifier].is_learnt: 'no' is not true or false"]),
        ("max_records = 300", "max_records = 1", ["groups.max_records: 1 is not a whole number from 2"]),
        ("[groups]", "[groups", ["this is not TOML", "line"]),
    ],
)  # fmt: skip
def test_an_error_names_file_key_and_fix(tmp_path: Path, old: str, new: str, said: list[str]) -> None:
    assert old in TEXT
    path = tmp_path / "matching.toml"
    path.write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(MatchingSettingsError) as raised:
        read_matching_settings(path)
    message = str(raised.value)
    assert message.startswith("matching.toml: ")
    for words in said:
        assert words in message, message


def test_the_data_sets_own_settings_and_parameters_count_and_leave_when_they_leave(tmp_path: Path) -> None:
    own, resolved = tmp_path / "own", tmp_path / "resolved"
    own.mkdir()
    resolved.mkdir()
    resolve_matching(own, SHIPPED, resolved)
    assert (resolved / "matching.toml").read_text(encoding="utf-8") == TEXT
    mine = TEXT.replace("is_on = true", "is_on = false")
    (own / "matching.toml").write_text(mine, encoding="utf-8")
    settings = read_matching_settings(own / "matching.toml")
    write_parameters(own / "match_parameters.json", Parameters(declared_rates(settings), 0.5))
    resolve_matching(own, SHIPPED, resolved)
    assert (resolved / "matching.toml").read_text(encoding="utf-8") == mine
    assert read_parameters(resolved / "match_parameters.json", settings).matches_per_record == 0.5
    (own / "match_parameters.json").unlink()
    resolve_matching(own, SHIPPED, resolved)
    assert not (resolved / "match_parameters.json").exists()


def test_the_check_of_the_seeds_reports_errors_in_matching_toml(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "matching.toml").write_text(TEXT.replace("is_on", "is_off", 1), encoding="utf-8")
    resolve_seeds(tmp_path / "own", SHIPPED, tmp_path / "resolved", today=date(2026, 7, 1))
    with pytest.raises(SeedsInvalid, match=r"matching.toml: is_on: is missing"):
        resolve_matching(tmp_path / "own", SHIPPED, tmp_path / "resolved")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda saved: "nonsense", "not a file of saved parameters"),
        (lambda saved: json.dumps([]), "not a file of saved parameters"),
        (lambda saved: json.dumps(saved | {"matches_per_record": 0}), "matches_per_record = 0"),
        (lambda saved: json.dumps(saved | {"comparisons": {}}), "comparisons.first_name: has other levels"),
        (lambda saved: json.dumps(saved).replace('"m": 0.', '"m": 7.', 1), "is no probability"),
        (lambda saved: json.dumps(saved | {"matches_per_record": "0.5"}), "matches_per_record = '0.5' is no number"),
        (
            lambda saved: json.dumps(saved | {"comparisons": {"email": {"exact": {"m": 0.5}}}}),
            "comparisons.email.exact.u",
        ),
    ],
)
def test_saved_parameters_that_do_not_fit_say_what_to_do(tmp_path: Path, change, said: str) -> None:
    settings = read_matching_settings(SHIPPED / "matching.toml")
    path = tmp_path / "match_parameters.json"
    write_parameters(path, Parameters(declared_rates(settings), 0.5))
    path.write_text(change(json.loads(path.read_text(encoding="utf-8"))), encoding="utf-8")
    with pytest.raises(MatchingSettingsError, match=said) as raised:
        read_parameters(path, settings)
    assert str(raised.value).startswith("match_parameters.json: ") and "identity-train" in str(raised.value)


def test_a_type_that_is_compared_has_a_comparison_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "identifier_types.csv").write_text(
        "identifier_type,is_compared\ntax_number,true\nemail,\nbadge,false\naccount,true\n", encoding="utf-8"
    )
    types = read_compared_types(tmp_path / "identifier_types.csv")
    assert types == ("account", "tax_number") and read_compared_types(tmp_path / "none.csv") == ()
    names = [one.name for one in read_matching_settings(SHIPPED / "matching.toml", types).comparisons]
    assert names[-2:] == ["identifier_account", "identifier_tax_number"] and "identifier" not in names
    assert not any(one.is_of_identifiers for one in read_matching_settings(SHIPPED / "matching.toml").comparisons)
    text = (SHIPPED / "matching.toml").read_text(encoding="utf-8")
    cut = text.index("# One comparison for each type"), text.index("# Guards:")
    (tmp_path / "matching.toml").write_text(text[: cut[0]] + text[cut[1] :], encoding="utf-8")
    assert read_matching_settings(tmp_path / "matching.toml").is_on
    with pytest.raises(MatchingSettingsError) as raised:
        read_matching_settings(tmp_path / "matching.toml", types)
    assert str(raised.value).startswith(
        'matching.toml: comparisons: none has columns = ["identifier"], and identifier_types'
    )
    assert "account, tax_number compared. Add one" in str(raised.value)


def test_a_second_comparison_of_identifiers_is_refused(tmp_path: Path) -> None:
    text = (SHIPPED / "matching.toml").read_text(encoding="utf-8")
    cut = text.index('[[comparisons]]\nname = "identifier"'), text.index("# Guards:")
    second = text[cut[0] : cut[1]].replace('name = "identifier"', 'name = "again"')
    (tmp_path / "matching.toml").write_text(text[: cut[1]] + second + text[cut[1] :], encoding="utf-8")
    with pytest.raises(MatchingSettingsError, match=r'\[again\].columns: a second comparison of "identifier"'):
        read_matching_settings(tmp_path / "matching.toml")


def test_switched_off_nothing_else_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "matching.toml"
    path.write_text("is_on = false\n", encoding="utf-8")
    assert not read_matching_settings(path).is_on
    path.write_text("is_on = false\n[thresholds]\nlink = 0.99\n", encoding="utf-8")
    assert not read_matching_settings(path).is_on
    path.write_text("is_on = false\n[treshold]\nlink = 0.99\n", encoding="utf-8")
    with pytest.raises(MatchingSettingsError, match=r"matching\.toml: treshold: there is no such key"):
        read_matching_settings(path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "at_most = 1, min_length = 4, one",
            "at_mostt = 1, one",
            "levels[one_edit].at_mostt: there is no such key. Did you",
        ),
        (
            'frequency_of = "first_name"',
            'frequency_of = "city"',
            "levels[exact].frequency_of: 'city' is none of: first_name.",
        ),
        ('frequency_of = "first_name"', "frequency_of = 7", "levels[exact].frequency_of: 7 is none of: first_name."),
        (
            'columns = ["postcode"]',
            'columns = ["phone"]',
            "[address].levels[same_postcode].columns: 'phone' is none of: str",
        ),
        (
            'name = "differs", is = "else"',
            'name = "differs", is = "else", columns = ["first_name"]',
            "has no use for it.",
        ),
        ("[thresholds]", "[[thresholds]]", "thresholds: is not a table. Write [thresholds] and its keys below."),
        ("[[comparisons]]", "[comparisons]", "this is not TOML"),
        ("max_pairs = 10_000_000", "max_pairs = 1e7", "blocking.max_pairs: 10000000.0 is not a whole number from 1"),
        ("max_pairs = 10_000_000", "max_pairs = true", "blocking.max_pairs: True is not a whole number from 1"),
        ("link = 0.98", "link = nan", "thresholds.link: nan is not a number from 0.5 to 1."),
        (
            'levels = { first_name = ["differs"] }',
            "levels = {}",
            "[another_first_name].levels: names no comparison. Choose",
        ),
        ('levels = { first_name = ["differs"] }', 'levels = "all"', "[another_first_name].levels: is not a table."),
        (
            'levels = { first_name = ["differs"] }',
            'levels = { first_name = "differs" }',
            "'differs' is not a list of names.",
        ),
    ],
)
def test_unknown_keys_and_wrong_types_are_named_with_their_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in TEXT
    path = tmp_path / "matching.toml"
    path.write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(MatchingSettingsError) as raised:
        read_matching_settings(path)
    assert said in str(raised.value)
