"""A data set that holds values about people, and texts that act, in every place where a file may have them.

It has the extracts of both examples, the feed and sources of its own. The numbers of the households of
complete_journey are too short to be sought, so they get longer ones. Values about people also lie where none belongs:
in columns that are not personal, in rows that are refused, in names of columns and in a first line without names.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from examples import complete_journey, omnichannel
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import CONTROL_CHARACTER, EXAMPLES, PROJECT_ROOT

# Nobody in the examples has these; each stands where its comment says.
CANARIES = {
    "email of an event": "zelda.quist@example.com",
    "phone of an event": "+31687654301",
    "cookie that is part of an event id": "cookie-zq-77812",
    "card that is an event id": "ZQ-CARD-5501",
    "first name": "Zeldamarijke",
    "last name": "Quistenburgh",
    "street": "Kwikstaartweg 4711",
    "key of a person": "zq-person-99120",
    "words of a person": "My neighbour Quillemina saw it all",
    "key of a contact that is an identifier": "ZQREC-80031",
    "number of a subscriber of a part": "zq-sub-4410@example.com",
    # refused rows and files
    "email as a time": "bad.time.zq@example.com",
    "phone as a number": "+31 6 8765 4302",
    "name as an answer": "Quiterie Zandstra",
    "name as a truth": "Zacharie Quint",
    "email as a score": "bad.score.zq@example.com",
    "identifier in an object": "nested.zq@example.com",
    "email in a row with too many columns": "too.many.zq@example.com",
    "name in a broken row of JSON": "Brokenia Zqvist",
    "email in a first line without names": "no.header.zq@example.com",
    "email as the name of a column": "column.zq@example.com",
    "email as a key of JSON": "key.zq@example.com",
    "phone of an own source": "0687654303",
    "email as a type of identifier": "type.zq@example.com",
    "email of a person in quarantine": "quarantined.zq@example.com",
    "birth date in another column": "1931-03-19",
    "email as a clock of an own source": "own.time.zq@example.com",
    "email that is hashed": "hash.me.zq@example.com",
}

OWN_SOURCE = """version: 2
sources:
  - name: desk
    schema: raw
    description: A tool of this data set.
    tables:
      - name: contacts
        identifier: desk__contacts
        description: One row per contact.
        config:
          meta:
            formats: [csv]
            key: [contact]
            events:
              - event_name: contact_made
                occurred_at: made_at
                channel: web
                identifiers: {record: contact, phone: mobile}
              - event_name: contact_called
                occurred_at: called_at
                record: [mobile]
                event_id: [mobile]
            people:
              last_name: full_name
              identifiers: {phone: mobile}
        columns:
          - {name: contact, data_type: string, description: Id., config: {meta: {required: true}}}
          - {name: full_name, data_type: string, description: Name., config: {meta: {personal: true}}}
          - {name: mobile, data_type: string, description: Number., config: {meta: {personal: true, identifier_type: phone}}}
          - {name: made_at, data_type: timestamp, description: Made., config: {meta: {required: true}}}
          - {name: called_at, data_type: timestamp, description: Called.}
          - name: odd
            data_type: string
            description: A header of somebody else.
            config: {meta: {optional_column: true, source_name: "{{ 7919 * 7907 }}{% endraw %}{{ undefined_here() }}"}}
      - name: letters
        identifier: desk__letters
        description: One row per address.
        config:
          meta:
            formats: [jsonl]
            key: [address]
        columns:
          - {name: address, data_type: string, description: Address., config: {meta: {required: true, personal: true}}}
          - {name: sent_at, data_type: timestamp, description: Sent.}
      - name: openings
        identifier: desk__openings
        description: One row per opening of a letter.
        config:
          meta:
            part_of: letters
            path: $.openings
            events:
              - event_name: letter_opened
                occurred_at: opened_at
                channel: email
                identifiers: {email: address}
        columns:
          - {name: address, data_type: string, description: Address., config: {meta: {parent_column: address, personal: true}}}
          - {name: opened_at, data_type: timestamp, description: Opened., config: {meta: {required: true}}}
"""  # noqa: E501


def events() -> list[dict[str, str]]:
    """Rows of the feed; those whose `event_id` begins with bad are refused."""
    c = CANARIES
    return [
        event(identifiers={"email": c["email of an event"], "phone": c["phone of an event"]}, feedback_kind="nps",
              feedback_score="3", feedback_scale_max="10", feedback_text=c["words of a person"]),
        event(f"web:{c['cookie that is part of an event id']}:1",
              identifiers={"cookie": c["cookie that is part of an event id"]}),
        event(f"till:{c['card that is an event id'].lower()}", record_id=c["card that is an event id"],
              identifiers={"loyalty_card": c["card that is an event id"]}),
        event("typed", identifiers={c["email as a type of identifier"]: "x-1"}),
        event("bad:1", occurred_at=c["email as a time"]),
        event("bad:2", amount=c["phone as a number"], currency="EUR"),
        event("bad:3", direction=c["name as an answer"]),
        event("bad:4", feedback_score=c["email as a score"]),
        event("bad:5", identifiers={"email": {"home": c["identifier in an object"]}}),
        event("bad:6", sequence_number=c["birth date in another column"]),
    ]  # fmt: skip


def event(event_id: str = "seen:1", *, identifiers: Mapping[str, Any] | None = None, **others: str) -> dict[str, str]:
    return {
        "event_id": event_id, "occurred_at": "2026-05-02T09:00:00Z", "event_name": "page_viewed",
        "source_system": "site", "channel": "web", "identifiers": json.dumps(identifiers) if identifiers else "",
    } | others  # fmt: skip


COLUMNS = (
    "event_id", "occurred_at", "event_name", "source_system", "channel", "identifiers", "record_id", "direction",
    "amount", "currency", "feedback_kind", "feedback_score", "feedback_scale_max", "feedback_text", "sequence_number",
)  # fmt: skip


def write_csv(path: Path, rows: list[dict[str, str]], columns: tuple[str, ...]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)


@dataclass
class DataSet:
    """The data set of this test, and what was seen of its runs."""

    folder: Path
    said: list[str] = field(default_factory=list)
    # what a command prints because it is asked for rows
    asked: list[str] = field(default_factory=list)
    command_lines: set[bytes] = field(default_factory=set)
    served: Path = Path()

    @property
    def extracts(self) -> Path:
        return self.folder / "extracts"

    @property
    def home(self) -> Path:
        return self.folder / "var" / "tested"

    @property
    def release(self) -> Path:
        return (self.folder / "serving" / "customer_journeys.duckdb").resolve().parent

    def command(self, *arguments: str, given: str | None = None, **environment: str) -> int:
        """Runs a command; all that it says is kept, and the command lines of all processes meanwhile."""
        kept = {
            name: text for name, text in os.environ.items() if not name.startswith(("JOURNEYS_", "DAGSTER_", "DBT_"))
        }
        (self.folder / "tmp").mkdir(exist_ok=True)
        process = subprocess.Popen(
            [sys.executable, "-m", "orchestration", *arguments],
            cwd=PROJECT_ROOT,
            env=kept
            | {
                "JOURNEYS_EXTRACTS": str(self.extracts),
                "JOURNEYS_SOURCES": str(self.folder / "own"),
                "JOURNEYS_SEEDS": str(self.folder / "seeds"),
                "JOURNEYS_VAR": str(self.folder / "var"),
                "JOURNEYS_SERVING": str(self.folder / "serving"),
                "JOURNEYS_DATA_SET": "tested",
                "JOURNEYS_AS_OF": "2026-07-01",
                "JOURNEYS_COUNTRY": "NL",
                "JOURNEYS_PEPPER": "a key for this test",
                "TMPDIR": str(self.folder / "tmp"),
            }
            | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        ended = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(ended,))
        watcher.start()
        try:
            said, _ = process.communicate(given, timeout=900)
        finally:
            ended.set()
            watcher.join()
        self.said.append(said)
        return process.returncode

    def _watch(self, ended: threading.Event) -> None:
        while not ended.wait(0.2):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.command_lines.add(path.read_bytes())
                except OSError:
                    continue


def longer_households(folder: Path) -> list[str]:
    """Gives the households of complete_journey long numbers; returns these. A month of their baskets is enough."""
    renamed: dict[str, str] = {}

    def longer(number: str) -> str:
        return renamed.setdefault(number, f"household-{int(number) * 7919:09d}")

    baskets, *others = sorted(folder.rglob("*.parquet"))
    for path in others:
        path.unlink()
    with open_duckdb() as connection:
        connection.execute(f"create table lines as from '{baskets}'")
        connection.execute("update lines set loyalty_card = printf('household-%09d', loyalty_card::bigint * 7919)")
        connection.execute(f"copy lines to '{baskets}' (format parquet)")

    for path in folder.rglob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            columns, rows = tuple(reader.fieldnames or ()), list(reader)
        for row in rows:
            for column in ("loyalty_card", "person_key"):
                if row.get(column):
                    row[column] = longer(row[column])
            if row.get("identifiers"):
                row["identifiers"] = json.dumps(
                    {kind: longer(value) for kind, value in json.loads(row["identifiers"]).items()}
                )
        write_csv(path, rows, columns)
    return sorted(renamed.values())


FILLERS = range(150)

# Texts that act where something takes them for its own: kind → text. None is shaped like an address or a number.
PAYLOADS = {
    "html": "<script>zqran(1)</script><img src=x onerror=zqran(2)>",
    "attribute": '" onmouseover="zqran(3)" x=\'y',
    "markdown": "[zqlink](javascript:zqran(4))",
    "formula =": "=zqcmd|'/c zq'!A1",
    "formula +": "+zqsum(1)",
    "formula -": "-zqsum(2)",
    "formula @": "@zqsum(3)",
    "formula tab": "zq\t=zqsum(4)",
    "sql": "zq'; drop table core.fct_events; --",
    "sql name": 'zq"; drop table core.fct_events; --',
    "jinja": "{{ 7919 * 7907 }}",
    "jinja block": "{% set zq = 1 %}{{ this_is_undefined }}{% endraw %}",
    "jinja comment": "{# zqhidden #}",
    "ansi": "zq\x1b[2J\x1b[31mred",
    "osc": "zq\x1b]0;zqtitle\x07\x1b]8;;file:///etc\x1b\\",
    "c1": "zq\x9b31m",
    "carriage return": "zqkept\rzqhidden",
    "line end": "zq\r\nBcc: zq@zq\r\n\r\nzqbody",
    "direction": "zq\u202etxt.exe",
    "shell": "$(touch zqmade)`touch zqmade`;touch zqmade",
    "path": "../../zqmade",
    "format": "%s%n{0}{zq}",
}
# What a payload becomes if something computes it.
RESULT_OF_JINJA = str(7919 * 7907)


def write_hostile_files(folder: Path) -> None:
    """A file for each payload: it is the file's name, a name in its first line, and each text of its events."""
    columns = ("event_id", "occurred_at", "event_name", "source_system", "touchpoint", "department", "campaign",
               "identifiers", "record_id", "properties", "sequence_number")  # fmt: skip
    for number, payload in enumerate(PAYLOADS.values()):
        named = payload.replace("/", "\N{DIVISION SLASH}")
        # what begins with a dot is no data
        named = f"zq{named}" if named.startswith(".") else named
        texts = dict.fromkeys(("event_name", "touchpoint", "department", "campaign"), payload)
        rows = [
            event(f"text:{number}:{payload}", record_id=payload, properties=json.dumps({"product_id": payload}),
                  identifiers={"cookie": f"texts {number} {payload}"}, **texts),
            event(f"text:{number}:second", source_system=f"s {payload}"),
            event(f"text:{number}:bad", sequence_number=payload),
        ]  # fmt: skip
        if "\r" in payload:
            # in CSV that is a line end of another kind
            lines = [json.dumps({key: text or None for key, text in row.items()} | {payload: "1"}) for row in rows]
            (folder / f"{named}.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            continue
        listed = [{key: row[key] for key in columns if key in row} for row in rows]
        write_csv(folder / f"{named}.csv", listed, (*columns, payload))


def write_hostile_seeds(folder: Path) -> None:
    """The shipped seeds, with payloads in the names that people read; there control characters are refused."""
    shutil.copytree(PROJECT_ROOT / "seeds", folder)
    (folder / "_seeds.yml").unlink()
    shown = [text for text in PAYLOADS.values() if not CONTROL_CHARACTER.search(text)]
    for table, column in (
        ("kpis", "kpi_name"), ("kpis", "description"), ("journeys", "journey_name"), ("phases", "phase_name"),
        ("segments", "segment_name"), ("touchpoints", "touchpoint_name"), ("channels", "channel_name"),
        ("channels", "description"), ("kpi_roles", "person"),
    ):  # fmt: skip
        path = folder / f"{table}.csv"
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            columns, rows = tuple(reader.fieldnames or ()), list(reader)
        # one name per value: roles of one person stay those of one
        words = {
            old: f"{shown[n % len(shown)]} {n}" for n, old in enumerate(dict.fromkeys(row[column] for row in rows))
        }
        for row in rows:
            row[column] = words[row[column]] if row[column] else ""
        write_csv(path, rows, columns)


def make_hostile(folder: Path) -> DataSet:
    """A data set after a run that publishes, and one that a file without a header fails."""
    made = DataSet(folder)
    c = CANARIES
    as_of = EXAMPLES["omnichannel"].as_of
    omnichannel.generate(
        made.extracts, folder / "truth", customers=12, days=28, seed=3, as_of=as_of, progress=lambda line: None
    )
    grocer = folder / "grocer"
    complete_journey.generate(grocer, folder / "truth of the grocer", households=5, progress=lambda line: None)
    assert longer_households(grocer)
    for path in (*grocer.rglob("*.csv"), *grocer.rglob("*.parquet")):
        target = made.extracts / path.relative_to(grocer).with_stem(f"grocer_{path.stem}")
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    feed = made.extracts / "feed"
    write_csv(
        feed / "events" / "site.csv",
        [*events(), *(event(f"filler:{n}", identifiers={"cookie": f"filler cookie {n}"}) for n in FILLERS)],
        COLUMNS,
    )
    (feed / "events" / "ragged.csv").write_text(
        "event_id,occurred_at,event_name,source_system\n"
        f"many,2026-05-02T09:00:00Z,page_viewed,site,{c['email in a row with too many columns']},x\n"
        "fits,2026-05-02T09:00:00Z,page_viewed,site\n",
        encoding="utf-8",
    )
    (feed / "events" / "named.csv").write_text(
        f"event_id,occurred_at,event_name,source_system,{c['email as the name of a column']}\n"
        "named,2026-05-02T09:00:00Z,page_viewed,site,1\n",
        encoding="utf-8",
    )
    (feed / "events" / "keys.jsonl").write_text(
        json.dumps(event("keyed") | {c["email as a key of JSON"]: 1}).replace(
            '"identifiers": ""', '"identifiers": null'
        )
        + f'\n{{"event_id": "broken", "name": "{c["name in a broken row of JSON"]}", \n',
        encoding="utf-8",
    )
    write_csv(
        feed / "people" / "site.csv",
        [
            {"person_key": c["key of a person"], "source_system": "site", "updated_at": "2026-05-01T00:00:00Z",
             "identifiers": json.dumps({"email": c["email of an event"]}), "first_name": c["first name"],
             "last_name": c["last name"], "street": c["street"], "birth_date": "1970-01-01"},
            {"person_key": "bad", "source_system": "site", "updated_at": c["name as a truth"],
             "identifiers": json.dumps({"email": c["email of a person in quarantine"]})},
            *({"person_key": f"filler-{n}", "source_system": "site", "updated_at": "2026-05-01T00:00:00Z"}
              for n in FILLERS),
        ],
        ("person_key", "source_system", "updated_at", "identifiers", "first_name", "last_name", "street", "birth_date"),
    )  # fmt: skip
    (folder / "own").mkdir()
    (folder / "own" / "_desk__sources.yml").write_text(OWN_SOURCE, encoding="utf-8")
    phone = c["phone of an own source"]
    write_csv(
        made.extracts / "desk" / "contacts" / "all.csv",
        [
            {"contact": c["key of a contact that is an identifier"], "full_name": c["last name"], "mobile": phone,
             "made_at": "2026-05-03T08:00:00Z", "called_at": "2026-05-03T09:00:00Z"},
            {"contact": "bad", "mobile": phone, "made_at": c["email as a clock of an own source"]},
            *({"contact": f"filler-{n}", "made_at": "2026-05-03T08:00:00Z"} for n in FILLERS),
        ],
        ("contact", "full_name", "mobile", "made_at", "called_at"),
    )  # fmt: skip
    letters = made.extracts / "desk" / "letters" / "all.jsonl"
    letters.parent.mkdir(parents=True)
    opened = [{"opened_at": f"2026-05-0{day}T08:00:00Z"} for day in (1, 2)]
    letters.write_text(
        json.dumps(
            {"address": c["number of a subscriber of a part"], "sent_at": "2026-05-01T00:00:00Z", "openings": opened}
        )
        + "\n",
        encoding="utf-8",
    )
    write_hostile_files(feed / "events")
    write_hostile_seeds(folder / "seeds")

    assert made.command("check") in (0, 1), made.said[-1]
    assert made.command("run") == 0, made.said[-1]
    made.served = made.release
    assert made.command("hash", "email", given=c["email that is hashed"] + "\n") == 0
    files = "select distinct file_path from landing.files where file_path like 'feed/events/%'"
    assert made.command("sql", "--warehouse", files) == 0, made.said[-1]
    made.asked.append(made.said.pop())
    headless = feed / "spend" / "headless.csv"
    headless.parent.mkdir(exist_ok=True)
    headless.write_text(f"{c['email in a first line without names']},Quistenburgh,3\n", encoding="utf-8")
    assert made.command("run") == 1 and "headless.csv" in made.said[-1], made.said[-1]
    return made
