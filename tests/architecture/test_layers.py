"""Data flows one way: sources → staging → intermediate → marts."""

from __future__ import annotations

import csv
import re

import pytest
import yaml

from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.warehouse.unions import UNION_MODELS, models_by_kind, union_models_text
from tests.architecture.project import COMMENT, SOURCE, Model, models, seeds, source_tables

LAYERS = ("staging", "intermediate", "marts")
# Rooms of models/intermediate/identity, in the order in which data goes through them.
IDENTITY_ROOMS = ("identifiers", "links", "people", "customers", "health")
SEEDS = {seed["name"] for seed in seeds()}
LAYER_OF = {model.name: model.layer for model in models()}
FOLDER_OF = {model.name: model.folder for model in models()}


def name_of(model: Model) -> str:
    return model.name


def test_every_model_is_in_a_layer() -> None:
    assert {model.layer for model in models()} == set(LAYERS)
    assert len(LAYER_OF) == len(models()), "two models share a name"


@pytest.mark.parametrize("model", models(), ids=name_of)
def test_a_model_refers_only_to_what_exists(model: Model) -> None:
    assert model.references <= SEEDS | set(LAYER_OF)


@pytest.mark.parametrize("model", models(), ids=name_of)
def test_only_staging_reads_sources(model: Model) -> None:
    if model.layer != "staging":
        assert not re.search(r"\b(source|landed)\s*\(", model.text)


def test_macros_read_no_source_but_the_landed_rows_and_the_key_of_the_hashes() -> None:
    """`landed` is called by staging models alone, so that no later layer reads a source."""
    reading = {
        path.stem
        for path in (PROJECT_ROOT / "macros").rglob("*.sql")
        if re.search(r"\bsource\(", COMMENT.sub("", path.read_text(encoding="utf-8")))
    }
    assert reading == {"identifier_rules", "landed"}
    # blocked values and decisions are hashed with the same key, so two intermediate models ask for it, too
    assert {model.name for model in models() if "identifier_rules()" in model.text and model.layer != "staging"} <= {
        "int_blocked_identifiers",
        "int_identity_decisions",
    }


@pytest.mark.parametrize("model", [m for m in models() if m.layer == "staging"], ids=name_of)
def test_staging_reads_its_own_source_and_no_later_layer(model: Model) -> None:
    assert {LAYER_OF.get(name, "seeds") for name in model.references} <= {"seeds"}
    read = SOURCE.findall(model.text)
    assert {source for source, _ in read} <= {model.folder}
    assert read or "graph." in model.text, "a staging model reads a table of its source"


@pytest.mark.parametrize("model", [m for m in models() if m.layer == "intermediate"], ids=name_of)
def test_intermediates_read_no_mart(model: Model) -> None:
    assert {LAYER_OF.get(name, "seeds") for name in model.references} <= {"seeds", "staging", "intermediate"}


@pytest.mark.parametrize("model", [m for m in models() if "identity" in m.path.parts], ids=name_of)
def test_a_model_of_identity_reads_no_later_room(model: Model) -> None:
    later = set(IDENTITY_ROOMS[IDENTITY_ROOMS.index(model.folder) + 1 :])
    assert not {name for name in model.references if FOLDER_OF.get(name) in later}


@pytest.mark.parametrize("model", [m for m in models() if m.layer == "marts"], ids=name_of)
def test_marts_read_intermediates_core_and_seeds(model: Model) -> None:
    for name in model.references:
        layer, folder = LAYER_OF.get(name, "seeds"), FOLDER_OF.get(name)
        # the marts of hygiene report what landed, with no step of the journey in between
        allowed = layer in ("seeds", "intermediate") or (layer == "marts" and folder in ("core", model.folder))
        assert allowed or (model.folder == "hygiene" and name.startswith("stg_landing__")), name


def test_every_column_that_holds_telephone_numbers_says_so_in_its_contract() -> None:
    """What the look-up does not read keeps two spellings of one number apart."""
    with (PROJECT_ROOT / "seeds" / "identifier_types.csv").open(encoding="utf-8", newline="") as file:
        types = {row["identifier_type"] for row in csv.DictReader(file) if row["normalisation"] == "phone"}
    declared = {
        (source["name"], column["name"]): column["config"]["meta"]["identifier_type"]
        for _, source, table in source_tables()
        for column in table.get("columns", ())
        if "identifier_type" in column.get("config", {}).get("meta", {})
    }
    mapped = {
        (model.folder, column): name
        for model in models()
        if model.layer == "staging"
        for name, column in re.findall(r"'(\w+)': '(\w+)'", model.text)
        if name in types
    }
    assert len(mapped) >= 3
    assert mapped.items() <= declared.items()


def test_every_landed_table_has_a_staging_model() -> None:
    read = {pair for model in models() if model.layer == "staging" for pair in SOURCE.findall(model.text)}
    declared = {
        (source["name"], table["name"]) for _, source, table in source_tables() if source.get("schema") == "raw"
    }
    assert declared <= read


@pytest.mark.parametrize("model", models(), ids=name_of)
def test_a_model_asks_neither_engine_nor_clock(model: Model) -> None:
    assert not re.search(r"target\s*\.\s*(type|name)", model.text), "a dialect difference is a macro in macros/engine/"
    assert not re.search(
        r"\b(current_(date|timestamp|time)\b|now\s*\(|getdate\s*\(|localtimestamp|today\s*\(|run_started_at)",
        model.text,
        re.IGNORECASE,
    )


def canonical_columns(kind: str) -> set[str]:
    """The columns that make a staging model one of events, people or spend: what every one of the kind shares."""
    return {
        "events": {"event_id", "event_name", "occurred_at"},
        "people": {"person_key", "person_key_hash"},
        "spend": {"record_key", "spent_on", "currency"},
    }[kind]


def output_of(model: Model) -> set[str]:
    # the last select lists the output, as the style asks
    text = "\n" + model.text
    return set(re.findall(r"\b[a-z_]+\b", text[text.rindex("\nselect") :]))


def test_models_that_look_like_events_people_or_spend_say_so() -> None:
    staging = [model for model in models() if model.layer == "staging" and model.folder != "landing"]
    for kind, listed in models_by_kind().items():
        found = {model.name for model in staging if canonical_columns(kind) <= output_of(model)}
        assert found == {name for name in listed if name.startswith("stg_")}
        assert set(listed) <= set(LAYER_OF)


def test_the_list_of_united_models_is_up_to_date() -> None:
    text = (PROJECT_ROOT / UNION_MODELS).read_text(encoding="utf-8")
    assert text == union_models_text(), "type make unions"


def test_every_folder_of_marts_is_a_declared_group() -> None:
    document = yaml.safe_load((PROJECT_ROOT / "models" / "marts" / "_groups.yml").read_text(encoding="utf-8"))
    assert {model.folder for model in models() if model.layer == "marts"} == {
        group["name"] for group in document["groups"]
    }


def test_dbt_builds_on_targets_that_can_be_written_and_on_duckdb_if_none_is_named() -> None:
    profiles = yaml.safe_load((PROJECT_ROOT / "profiles.yml").read_text(encoding="utf-8"))
    outputs = profiles["journeys"]["outputs"]
    assert profiles["journeys"]["target"] == "duckdb" and set(outputs) == {"duckdb", "spark", "release"}
    # a statement that is sent again may be carried out twice; waiting five seconds for each is the default
    assert outputs["spark"]["query_retries"] == 0 and outputs["spark"]["poll_interval"] == 1
    assert outputs["release"]["config_options"]["access_mode"] == "READ_ONLY"
    assert outputs["release"]["config_options"]["enable_external_access"] == "false"
