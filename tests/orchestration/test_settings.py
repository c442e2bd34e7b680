"""Every invalid setting is reported with name, value and fix, before anything is written."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from orchestration.__main__ import main
from orchestration.lib.core.settings import EXAMPLES, PROJECT_ROOT, SettingsError, read_settings
from orchestration.lib.dbt.running import dbt_variables
from orchestration.lib.identity import phones
from orchestration.lib.warehouse.build import fingerprint


def own(folder: Path, **changed: str) -> dict[str, str]:
    (folder / "extracts").mkdir(exist_ok=True)
    return {"JOURNEYS_EXTRACTS": str(folder / "extracts"), "JOURNEYS_VAR": str(folder / "var"), **changed}


def test_without_any_setting_it_is_the_default_example() -> None:
    settings = read_settings({})
    assert (settings.data_set, settings.as_of) == ("omnichannel", datetime(2026, 7, 1, tzinfo=UTC))
    assert settings.extracts == PROJECT_ROOT / "var" / "omnichannel" / "extracts"
    assert settings.seeds == PROJECT_ROOT / "seeds"


def test_an_example_brings_its_own_clock_seeds_currency_and_zone() -> None:
    settings = read_settings({"EXAMPLE": "complete_journey"})
    assert settings.seeds == PROJECT_ROOT / "examples" / "complete_journey" / "seeds"
    assert (settings.reporting_currency, settings.reporting_time_zone) == ("USD", "America/New_York")
    assert settings.country == "US"
    for name in EXAMPLES:
        assert read_settings({"EXAMPLE": name}).seeds.is_dir()


def test_own_extracts_make_no_example_and_take_the_clock_of_the_run(tmp_path: Path) -> None:
    settings = read_settings(own(tmp_path, EXAMPLE="complete_journey"))
    assert (settings.example, settings.data_set, settings.as_of) == (None, "own", None)
    assert settings.country is None
    assert read_settings(own(tmp_path, JOURNEYS_COUNTRY="DE")).country == "DE"


def test_another_country_or_telephone_library_is_another_fingerprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers then mean others, so that every table has to be rebuilt."""

    def expected(**changed: str) -> str:
        return fingerprint(read_settings(own(tmp_path, **changed)), "a key")

    before = expected(JOURNEYS_COUNTRY="NL")
    assert before == expected(JOURNEYS_COUNTRY="NL")
    assert len({before, expected(JOURNEYS_COUNTRY="DE"), expected()}) == 3
    monkeypatch.setattr(phones, "library_version", lambda: "0")
    assert expected(JOURNEYS_COUNTRY="NL") != before


def test_another_number_of_variants_rebuilds_the_variants_alone(tmp_path: Path) -> None:
    """The first half of the fingerprint, which stands for a full build, remains."""
    one, other = (
        fingerprint(read_settings(own(tmp_path, JOURNEYS_MAX_VARIANTS=count)), "a key") for count in ("10", "20")
    )
    assert one != other
    assert one.partition("-")[0] == other.partition("-")[0]
    assert '"max_variants": 20' in dbt_variables(read_settings(own(tmp_path, JOURNEYS_MAX_VARIANTS="20")))[1]


@pytest.mark.parametrize("memory", ["25%", "33.3%", "6GB", "6 GiB", "512mb", "0.5TB"])
def test_memory_is_a_share_or_a_size_that_duckdb_takes(memory: str) -> None:
    given = read_settings({"JOURNEYS_MEMORY": memory}).memory
    with duckdb.connect(config={"memory_limit": given}) as connection:
        assert connection.execute("select 1").fetchall() == [(1,)]


def test_data_sets_share_no_folder(tmp_path: Path) -> None:
    one, two = (read_settings(own(tmp_path, JOURNEYS_DATA_SET=name)) for name in ("one", "two"))
    for kind in ("home", "warehouse", "releases", "dbt_target", "resolved_seeds", "truth", "spill"):
        assert getattr(one, kind) != getattr(two, kind), kind
    assert one.serving == two.serving


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"EXAMPLE": "omnichanel"}, ["EXAMPLE=omnichanel", "complete_journey, omnichannel", "JOURNEYS_EXTRACTS"]),
        ({"JOURNEYS_EXTRACTS": "/no/such/folder"}, ["JOURNEYS_EXTRACTS=/no/such/folder", "no such folder"]),
        ({"JOURNEYS_SEEDS": "/no/such/folder"}, ["JOURNEYS_SEEDS=/no/such/folder", "no such folder"]),
        ({"JOURNEYS_DATA_SET": "My shop"}, ["JOURNEYS_DATA_SET=My shop", "lower-case letters"]),
        ({"JOURNEYS_DATA_SET": "../elsewhere"}, ["JOURNEYS_DATA_SET=../elsewhere", "lower-case letters"]),
        ({"JOURNEYS_AS_OF": "01.07.2026"}, ["JOURNEYS_AS_OF=01.07.2026", "ISO 8601", "2026-07-01"]),
        ({"JOURNEYS_TIME_ZONE": "Berlin"}, ["JOURNEYS_TIME_ZONE=Berlin", "Europe/Berlin"]),
        ({"JOURNEYS_CURRENCY": "euro"}, ["JOURNEYS_CURRENCY=euro", "three capital letters", "EUR"]),
        *(
            ({"JOURNEYS_MEMORY": memory}, [f"JOURNEYS_MEMORY={memory}:", "25%", "6GB"])
            for memory in ("6", "0%", "101%", "-6GB", "half", "6GB 7GB")
        ),
        ({"JOURNEYS_COUNTRY": "Netherlands"}, ["JOURNEYS_COUNTRY=Netherlands", "ISO 3166", "NL"]),
        ({"JOURNEYS_COUNTRY": "nl"}, ["JOURNEYS_COUNTRY=nl", "capital letters"]),
        ({"JOURNEYS_COUNTRY": "UK"}, ["JOURNEYS_COUNTRY=UK", "ISO 3166"]),
        ({"JOURNEYS_SESSIONS": "visits"}, ["JOURNEYS_SESSIONS=visits", "inactivity, source"]),
        ({"JOURNEYS_MAX_VARIANTS": "0"}, ["JOURNEYS_MAX_VARIANTS=0", "at least 1", "1000"]),
        ({"JOURNEYS_MAX_VARIANT_NAMES": "all"}, ["JOURNEYS_MAX_VARIANT_NAMES=all", "whole number", "50"]),
        ({"JOURNEYS_RELEASES_KEPT": "1"}, ["JOURNEYS_RELEASES_KEPT=1", "at least 2"]),
        ({"JOURNEYS_RELEASES_KEPT": "many"}, ["JOURNEYS_RELEASES_KEPT=many", "whole number"]),
    ],
    ids=lambda given: "-".join(given) if isinstance(given, dict) else "",
)
def test_a_wrong_setting_names_itself_and_its_cure(given: dict[str, str], expected: list[str]) -> None:
    with pytest.raises(SettingsError) as error:
        read_settings(given)
    for part in expected:
        assert part in str(error.value)


def test_own_extracts_may_not_take_the_name_of_an_example(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"JOURNEYS_DATA_SET=omnichannel: .* Choose another"):
        read_settings(own(tmp_path, JOURNEYS_DATA_SET="omnichannel"))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-07-01", datetime(2026, 7, 1, tzinfo=UTC)),
        ("2026-07-01T06:00:00", datetime(2026, 7, 1, 6, tzinfo=UTC)),
        ("2026-07-01T06:00:00+02:00", datetime(2026, 7, 1, 4, tzinfo=UTC)),
        ("2026-07-01T06:00:00Z", datetime(2026, 7, 1, 6, tzinfo=UTC)),
    ],
)
def test_the_clock_is_utc_unless_it_says_otherwise(text: str, moment: datetime) -> None:
    assert read_settings({"JOURNEYS_AS_OF": text}).as_of == moment


def test_the_command_line_reports_a_wrong_setting_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("JOURNEYS_EXTRACTS", raising=False)
    monkeypatch.setenv("EXAMPLE", "omnichanel")
    assert main(["run"]) == 2
    said = capsys.readouterr().err
    assert "EXAMPLE=omnichanel" in said and "Traceback" not in said


def test_a_size_for_own_extracts_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in own(tmp_path, JOURNEYS_SERVING=str(tmp_path / "serving"), DAGSTER_HOME="").items():
        monkeypatch.setenv(name, text)
    assert main(["run", "--customers", "10"]) == 2
    assert "CUSTOMERS: only examples have a size" in capsys.readouterr().err
