"""Texts from data are shown and stored as they are: nothing runs, renders, or is computed of them, whoever shows them.

Each row of the table is an interface, each column a kind of text. The data set of `hostile` has each text as the name
of a file, in a first line, in events, and in the seeds that people read.
"""

from __future__ import annotations

import email
import json
import os
import re
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import jinja2
import pytest
import yaml

from assistants.asking import answer
from orchestration.lib.config.contracts import ContractError, read_contracts
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import CONTROL_CHARACTER, PROJECT_ROOT, Smtp
from orchestration.lib.digests.mail import mail_page
from orchestration.lib.digests.sending import _Mail, compose
from orchestration.lib.digests.wording import NO_BREAK
from tests.orchestration.hostile import PAYLOADS, RESULT_OF_JINJA, DataSet

pytestmark = pytest.mark.xdist_group("hostile")

KINDS = tuple(PAYLOADS)


class Parsed(HTMLParser):
    """What a browser would make of a page: tags and attributes that load or run something, and the visible text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.active: list[str] = []
        self.shown: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "img", "iframe", "object", "embed", "form", "base", "svg"):
            self.active.append(tag)
        for name, value in attrs:
            address = re.sub(r"[\x00-\x20]", "", value or "").lower()
            if name.startswith("on") or (
                name in ("href", "src", "action") and address.startswith(("javascript", "data"))
            ):
                self.active.append(f"{name}={value}")

    def handle_data(self, data: str) -> None:
        self.shown.append(data)


def pages(data_set: DataSet, folder: str) -> list[Path]:
    found = sorted((data_set.served / folder).glob("*.html"))
    assert found
    return found


def of_terminal(data_set: DataSet, text: str) -> None:
    acting = {
        character
        for said in (*data_set.said, *data_set.asked)
        for character in said
        if (unicodedata.category(character) in ("Cc", "Zl", "Zp") and character not in "\n\t")
        or unicodedata.bidirectional(character) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    }
    assert not acting
    shown = text.replace("/", "\N{DIVISION SLASH}") if not CONTROL_CHARACTER.search(text) else "zq"
    assert any(shown in said for said in data_set.asked), "it is in what was asked for, in the name of a file"


def of_data_docs(data_set: DataSet, text: str) -> None:
    for page in pages(data_set, "data_docs"):
        assert Parsed(page.read_text(encoding="utf-8")).active == []


def of_digests(data_set: DataSet, text: str) -> None:
    shown = []
    for page in pages(data_set, "digests"):
        parsed = Parsed(page.read_text(encoding="utf-8"))
        # the drawings are ours: one per KPI and journey, and nothing in them runs
        assert set(parsed.active) <= {"svg"}
        mail = Parsed(mail_page(page.read_text(encoding="utf-8")).html)
        assert set(mail.active) <= {"img"}, "the same drawings as pictures"
        shown += parsed.shown
        assert not CONTROL_CHARACTER.search(page.with_suffix(".txt").read_text(encoding="utf-8").replace("\n", ""))
    if not CONTROL_CHARACTER.search(text):
        # a percent sign never stands alone on a line
        assert text in "".join(shown).replace(NO_BREAK, " "), "a KPI, a phase, a journey or a person has that name"


def of_rows(data_set: DataSet, text: str) -> None:
    """The release has the text as it was delivered, in columns, in JSON and in the id."""
    with open_duckdb(data_set.served / "customer_journeys.duckdb", read_only=True) as connection:
        found = connection.execute(
            "select touchpoint, department, campaign, event_name, json_extract_string(properties, '$.product_id'), "
            "regexp_replace(event_id, '^text:[0-9]+:', '') from core.fct_events where event_name = ?",
            [text],
        ).fetchall()
        assert found == [(text,) * 6]


def of_jinja(data_set: DataSet, text: str) -> None:
    with open_duckdb(data_set.served / "customer_journeys.duckdb", read_only=True) as connection:
        [(count,)] = connection.execute(
            "select count(*) from core.fct_events where contains(event_name, ?)", [RESULT_OF_JINJA]
        ).fetchall()
    assert count == 0
    read = [*data_set.said, *(page.read_text(encoding="utf-8") for page in pages(data_set, "data_docs"))]
    read += [path.read_text(encoding="utf-8") for path in (data_set.home / "dbt").rglob("manifest.json")]
    assert len(read) > len(data_set.said) + 1
    assert not [one for one in read if RESULT_OF_JINJA in one]


def of_shell_and_folders(data_set: DataSet, text: str) -> None:
    for folder in (data_set.folder, data_set.folder.parent, data_set.extracts, PROJECT_ROOT, PROJECT_ROOT.parent):
        assert not (folder / "zqmade").exists()
    assert list(data_set.folder.rglob("zqmade")) == []


def of_dagster(data_set: DataSet, text: str) -> None:
    """Dagster's pages render Markdown and addresses only of metadata of these kinds, and runs have none."""
    logs = sorted((data_set.home / "dagster").rglob("*.db"))
    assert logs
    for log in logs:
        content = log.read_bytes()
        assert b"MarkdownMetadataEntryData" not in content and b"UrlMetadataEntryData" not in content


def of_mail(data_set: DataSet, text: str) -> None:
    """A header is one line, whatever a person, a KPI or a data set is called."""
    folder = pages(data_set, "digests")[0].parent
    [slug, *_] = sorted(path.stem for path in folder.glob("*.html"))
    smtp = Smtp(host="localhost", sender="reports@example.com", port=25, security="none", user=None, password=None)
    for changed in ("person", "subject"):
        words = {"person": "Ann", "subject": "Customer journeys"} | {changed: text}
        mail = _Mail(slug=slug, email="ann@example.com", message_id="id", **words)
        try:
            sent = compose(mail, folder, smtp, datetime(2026, 7, 1, tzinfo=UTC)).as_bytes()
        except ValueError:
            assert CONTROL_CHARACTER.search(text)
            continue
        read = email.message_from_bytes(sent)
        assert (read.get_all("Bcc"), len(read.get_all("To") or ()), len(read.get_all("Subject") or ())) == (None, 1, 1)
        assert (read.get_all("From") or []) == ["reports@example.com"]


def of_tables_for_spreadsheets(data_set: DataSet, text: str) -> None:
    """Nothing that is published is a file that a spreadsheet computes; Parquet and DuckDB hold values, not formulas."""
    assert {path.suffix for path in data_set.served.rglob("*") if path.is_file()} <= {
        ".duckdb", ".parquet", ".html", ".txt", ".json",
    }  # fmt: skip


def of_assistants(data_set: DataSet, text: str) -> None:
    """A value of an answer, as it was delivered, and no part of anything else."""
    database = data_set.served / "customer_journeys.duckdb"
    said = answer(database, "select distinct event_name from core.fct_events", most_rows=1_000, seconds=20)
    assert {"event_name": text} in json.loads(json.dumps(said))["rows"]


def of_metrics(data_set: DataSet, text: str) -> None:
    """Names and descriptions of KPIs become YAML that dbt renders."""
    read = data_set.home / "metrics" / "target" / "semantic_manifest.json"
    assert read.is_file() or data_set.command("metrics") == 0
    assert RESULT_OF_JINJA not in read.read_text(encoding="utf-8")


INTERFACES: dict[str, Callable[[DataSet, str], None]] = {
    "terminal": of_terminal,
    "Data Docs": of_data_docs,
    "digests": of_digests,
    "mail headers": of_mail,
    "rows and SQL": of_rows,
    "Jinja of dbt": of_jinja,
    "shell and folders": of_shell_and_folders,
    "Dagster's pages": of_dagster,
    "spreadsheets": of_tables_for_spreadsheets,
    "assistants": of_assistants,
    "metrics": of_metrics,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("interface", INTERFACES)
def test_a_text_is_only_shown(hostile: DataSet, interface: str, kind: str) -> None:
    INTERFACES[interface](hostile, PAYLOADS[kind])


# Runs each command with each payload as what it is about, in one process, and says what the streams got.
EVERY_COMMAND = """
import io, json, os, runpy, sys
import orchestration.cli.app as app, orchestration.lib.core.processes as processes
def end(code):
    raise SystemExit(code)
processes.end_at_once = end
said = {}
texts = json.loads(sys.stdin.read())
for command in app.COMMANDS:
    # what follows dbt is dbt's; up would wait
    if command in ("dbt", "up"):
        continue
    sys.stdout, sys.stderr, sys.stdin = io.StringIO(), io.StringIO(), io.StringIO("\\n".join(texts))
    streams = sys.stdout, sys.stderr
    sys.argv = ["orchestration", command, "--", *(texts[:2] if command in ("new-source", "hash") else texts[:1])]
    try:
        runpy.run_module("orchestration", run_name="__main__")
    except SystemExit:
        pass
    said[command] = streams[0].getvalue() + streams[1].getvalue()
sys.__stdout__.write(json.dumps(said))
"""


def test_every_command_prints_what_it_is_given_as_codes(tmp_path: Path) -> None:
    texts = [
        "".join(text for text in PAYLOADS.values() if CONTROL_CHARACTER.search(text)).replace("\n", ""),
        "zq\x1b[2J",
    ]
    for name in ("extracts", "serving"):
        (tmp_path / name).mkdir()
    done = subprocess.run(
        [sys.executable, "-c", EVERY_COMMAND],
        cwd=PROJECT_ROOT,
        input=json.dumps(texts),
        env={
            **os.environ,
            "JOURNEYS_EXTRACTS": str(tmp_path / "extracts"),
            "JOURNEYS_VAR": str(tmp_path / "var"),
            "JOURNEYS_SERVING": str(tmp_path / "serving"),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    said = json.loads(done.stdout)
    assert {"withdraw", "restore", "requeue", "land-again", "accept", "rollback", "new-source", "sql"} <= set(said)
    assert sum("zq" in text for text in said.values()) > len(said) / 2, "most repeat what they do not know"
    acting = {name: CONTROL_CHARACTER.findall(text.replace("\n", "").replace("\t", "")) for name, text in said.items()}
    assert not any(acting.values()), acting


def test_dbt_prints_rows_as_codes(hostile: DataSet) -> None:
    line = "--use-colors show --inline \"select chr(27) || '[2J' || chr(155) || '31m' || chr(8238) as zqshown\""
    assert hostile.command("dbt", f"--line={line}") == 0, hostile.said[-1]
    said = hostile.said.pop()
    assert "zqshown" in said and "\\x1b[2J" in said
    assert "\x1b" not in said
    assert not CONTROL_CHARACTER.search(re.sub(r"\x1b\[[0-9;]*m|[\n\t]", "", said))


def test_a_first_contract_holds_the_names_of_a_sample_as_texts(hostile: DataSet, tmp_path: Path) -> None:
    """Headers and values of somebody's file become YAML that dbt renders and DuckDB reads."""
    sample = tmp_path / "zq'; {{ 7919 * 7907 }} --.csv"
    header = [f"{text} {number}" for number, text in enumerate(PAYLOADS.values()) if "\r" not in text]
    lines = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in (["id", *header], ["1", *header])]
    sample.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert hostile.command("new-source", f"--into={tmp_path / 'own'}", "--", str(sample), "tool") == 0, hostile.said[-1]
    assert RESULT_OF_JINJA not in hostile.said[-1] and not CONTROL_CHARACTER.search(
        hostile.said.pop().replace("\n", "").replace("\t", "")
    )
    [written] = (tmp_path / "own").rglob("*.yml")
    text = written.read_text(encoding="utf-8")
    for _, value in _leaves(yaml.safe_load(text)):
        # dbt renders descriptions only
        assert (
            jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(value).render() == value
            or "{{" not in text
        )
    assert [
        contract.source for contract in read_contracts(PROJECT_ROOT / "models", tmp_path / "own") if contract.is_own
    ]


def _leaves(node: object, at: str = "") -> list[tuple[str, str]]:
    if isinstance(node, dict):
        return [leaf for key, member in node.items() for leaf in _leaves(member, str(key))]
    if isinstance(node, list):
        return [leaf for member in node for leaf in _leaves(member, at)]
    return [(at, node)] if isinstance(node, str) and at == "description" else []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", ["source", "table", "column"])
def test_a_name_that_becomes_sql_is_a_name(tmp_path: Path, place: str, kind: str) -> None:
    names = {"source": "tool", "table": "orders", "column": "order_id"} | {place: PAYLOADS[kind]}
    source, table, column = names["source"], names["table"], names["column"]
    declared = {
        "name": table,
        "identifier": f"{source}__{table}",
        "config": {"meta": {"formats": ["csv"], "key": [column]}},
        "columns": [{"name": column, "data_type": "string", "config": {"meta": {"required": True}}}],
    }
    document = {"version": 2, "sources": [{"name": source, "schema": "raw", "tables": [declared]}]}
    (tmp_path / "_tool__sources.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
    with pytest.raises(ContractError, match=r"sources\.yml line"):
        read_contracts(PROJECT_ROOT / "models", tmp_path)
