"""Contracts are read from the sources files; a mistake is named with file, line and the way to fix it."""

from __future__ import annotations

import pytest

from orchestration.lib.config.contracts import ContractError, read_contracts
from orchestration.lib.core.settings import PROJECT_ROOT
from tests.contract_files import read_shipped

GOOD = """version: 2
sources:
  - name: shop
    schema: raw
    tables:
      - name: orders
        identifier: shop__orders
        description: One row per order.
        config:
          meta:
            formats: [csv, jsonl]
            key: [order_id]
            version_column: updated_at
            time_zone: Europe/Berlin
            csv: {delimiter: ";", encoding: cp1252}
        columns:
          - name: order_id
            data_type: string
            config: {meta: {required: true}}
          - name: amount
            data_type: decimal(18, 2)
          - name: details
            data_type: json
            config: {meta: {optional_column: true, personal: true, public_keys: [product_id]}}
          - name: updated_at
            data_type: timestamp
  - name: hygiene_ledgers
    schema: hygiene
    tables: [{name: releases}]
"""


def test_a_contract_is_read_whole(tmp_path):
    (contract,) = read_shipped(tmp_path, GOOD)
    assert (contract.name, contract.identifier, contract.delivery) == (
        "shop.orders",
        "shop__orders",
        "append",
    )
    assert contract.formats == ("csv", "jsonl")
    assert contract.csv.delimiter == ";"
    assert contract.csv.quote == '"'
    assert contract.time_zone == "Europe/Berlin"
    assert contract.column("order_id").required
    assert contract.column("amount").decimal_size == (18, 2)
    assert contract.column("details").public_keys == ("product_id",)
    assert contract.declared_in == "models/staging/shop/_shop__sources.yml line 6"


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("key: [order_id]", "key: [orderid]", 12, "Did you mean `order_id`?"),
        ("            key: [order_id]\n", "", 11, "needs `key`"),
        ("formats: [csv, jsonl]", "formats: [csv, json]", 11, "Did you mean `jsonl`?"),
        ("formats: [csv, jsonl]", "formats: csv", 11, "must be a list"),
        ("- name: amount", "- name: row_status", 20, "every staging model adds a column of that name"),
        ("- name: amount", "- name: pepper", 20, "choose another"),
        ("- name: amount", "- name: file_row_number", 20, "DuckDB keeps a column of that name"),
        ("version_column: updated_at", "version_colum: updated_at", 13, "Did you mean `version_column`?"),
        ("version_column: updated_at", "version_column: details", 13, "has no order"),
        ("version_column: updated_at", "day_column: updated", 13, "Did you mean `updated_at`?"),
        ("version_column: updated_at", "day_column: amount", 13, "is no timestamp or date; a day needs one"),
        ("version_column: updated_at", "expected_every_hours: daily", 13, "must be a whole number of hours"),
        ("version_column: updated_at", "expected_every_hours: 0", 13, "must be a whole number of hours above 0"),
        ("version_column: updated_at", "delivery: full", 13, "append, snapshot"),
        ("version_column: updated_at", "key_scope: amount", 13, "make it `required: true`"),
        ("Europe/Berlin", "Europe/Belin", 14, "a name such as Europe/Berlin"),
        ('delimiter: ";"', 'delimiter: ";;"', 15, "one ASCII character"),
        ("encoding: cp1252", "encoding: cp125", 15, "a name such as utf-8"),
        ("data_type: json", "data_type: jsn", 23, "it may be string"),
        ("data_type: json", "data_type: string", 24, "no json column"),
        ("decimal(18, 2)", "decimal(2,18)", 21, "decimal(18,2)"),
        ("personal: true", "required: true", 22, "can't be both"),
        ("personal: true", "personal: 1", 24, "must be true or false"),
        ("name: amount", "name: order_id", 20, "is listed twice"),
        ("name: amount", "name: Amount", 20, "lower-case"),
        ("identifier: shop__orders", "identifier: orders", 7, "identifier: shop__orders"),
        ("{meta: {required: true}}", "{meta: {}}", 12, "no key column"),
        ("data_type: timestamp", "data_type: timestamp\n            data_type: date", 27, "twice"),
        ("description: One row", "description: [One row", 8, "no valid YAML"),
    ],
)
def test_a_mistake_is_named_with_file_line_and_cure(tmp_path, old, new, line, says):
    assert old in GOOD
    with pytest.raises(ContractError) as raised:
        read_shipped(tmp_path, GOOD.replace(old, new))
    message = str(raised.value)
    assert "models/staging/shop/_shop__sources.yml line " in message
    assert says in message
    if "valid YAML" not in says:
        assert f" line {line}: " in message


def test_truths_among_accepted_values_must_be_quoted(tmp_path):
    meta = "config: {meta: {required: true, accepted_values: [yes, no]}}"
    with pytest.raises(ContractError, match="quote them"):
        read_shipped(tmp_path, GOOD.replace("config: {meta: {required: true}}", meta))


def test_one_table_declared_twice_is_a_mistake(tmp_path):
    folder = tmp_path / "models" / "staging" / "other"
    folder.mkdir(parents=True)
    (folder / "_other__sources.yml").write_text(GOOD)
    with pytest.raises(ContractError, match="already declared in"):
        read_shipped(tmp_path, GOOD)


def test_the_feed_has_its_six_tables_in_canonical_form():
    feed = {c.table: c for c in read_contracts(PROJECT_ROOT / "models") if c.source == "feed"}
    assert set(feed) == {"events", "people", "spend", "consents", "erasures", "interventions"}
    required = {
        "events": {"event_id", "occurred_at", "event_name", "source_system"},
        "people": {"person_key", "source_system", "updated_at"},
        "spend": {"spent_on", "channel", "amount"},
        "consents": {"identifier_type", "identifier", "purpose", "is_granted", "changed_at"},
        "erasures": {"identifier_type", "identifier", "requested_at"},
        "interventions": {"intervention_id", "identifier_type", "identifier", "arm", "assigned_at"},
    }
    for table, contract in feed.items():
        assert {c.name for c in contract.columns if c.required} == required[table]
        assert all(c.required or c.optional_column for c in contract.columns)
        assert contract.version_column == "updated_at"
        assert contract.formats == ("csv", "jsonl", "parquet")
        assert all(c.description for c in contract.columns)
    assert (feed["events"].key, feed["events"].key_scope) == (("event_id",), "source_system")
    assert feed["people"].key == ("source_system", "person_key")


def test_a_column_says_of_which_type_its_identifiers_are(tmp_path):
    text = GOOD.replace(
        "          - name: updated_at\n",
        "          - name: caller\n"
        "            data_type: string\n"
        "            config: {meta: {identifier_type: phone}}\n"
        "          - name: who\n"
        "            data_type: string\n"
        "            config: {meta: {identifier_type_column: caller}}\n"
        "          - name: updated_at\n",
    ).replace("public_keys: [product_id]", 'identifier_type: "*"')
    (contract,) = read_shipped(tmp_path, text)
    assert contract.holds_identifiers
    assert contract.column("caller").identifier_type == "phone"
    assert contract.column("who").identifier_type_column == "caller"
    assert contract.column("details").identifier_type == "*"
    (without,) = read_shipped(tmp_path, GOOD)
    assert not without.holds_identifiers


@pytest.mark.parametrize(
    ("meta", "says"),
    [
        ("identifier_type: phone", r"line 24: .*json columns whose keys are identifier types"),
        ("identifier_type_column: amounts", r"line 24: .*Did you mean `amount`\?"),
        ("identifier_types: phone", r"line 24: .*Did you mean `identifier_type`\?"),
    ],
)
def test_a_wrong_word_about_identifiers_is_named_with_its_line(tmp_path, meta, says):
    with pytest.raises(ContractError, match=says):
        read_shipped(tmp_path, GOOD.replace("public_keys: [product_id]", meta))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "encoding: cp1252",
            "encodng: cp1252",
            r"line 15: csv of table shop\.orders has no setting `encodng`\. Did you",
        ),
        ("encoding: cp1252", "null_text: x", r"line 15: csv of table shop\.orders has no setting `null_text`\."),
        ("encoding: cp1252", "quote: 1", r"line 15: `quote` of table shop\.orders must be text; quote it\."),
        (
            'csv: {delimiter: ";", encoding: cp1252}',
            "csv: windows",
            r"line 15: `csv` of table shop\.orders must be a map",
        ),
        (
            "config: {meta: {required: true}}",
            "meta: {required: true}",
            r"line 19: `meta` of column order_id .* belongs",
        ),
        ("config: {meta: {required: true}}", "config: required", r"line 19: `config` of column order_id .* a mapping"),
        (
            "config: {meta: {required: true}}",
            "config: {meta: required}",
            r"line 19: `meta` of column order_id .* a mapp",
        ),
        (
            "formats: [csv, jsonl]",
            "format: [csv, jsonl]",
            r"line 11: meta of table .* `format`\. Did you mean `formats`\?",
        ),
    ],
)
def test_unknown_keys_and_wrong_types_are_named_with_their_line(tmp_path, old, new, says):
    """YAML reads NULL as nothing: taken for the text, no value of the files would ever equal it."""
    assert old in GOOD
    with pytest.raises(ContractError, match=says):
        read_shipped(tmp_path, GOOD.replace(old, new))
