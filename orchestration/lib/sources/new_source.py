"""Writes the contract and the mapping of a source from a sample of its export, every guess marked as one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from orchestration.lib.config.contracts import read_contracts
from orchestration.lib.core.settings import CONTROLS, PROJECT_ROOT, SettingsError, shown_path
from orchestration.lib.sources.guesses import (
    ColumnGuess,
    KeyGuess,
    PartGuess,
    column_name,
    guess_columns,
    guess_events,
    guess_key,
    guess_parts,
    guess_people,
    lines_of_a_key,
    singular,
)
from orchestration.lib.sources.samples import Sample, SampleInvalid, read_sample

NAME = re.compile(r"^[a-z][a-z0-9_]{0,40}$")
MARK = "# guess: "
# What YAML does not read, takes for a line end, or an editor does not show.
_UNREADABLE = re.compile(rf"[{CONTROLS}\ufeff\ufffe\uffff\ud800-\udfff]")
SHOWN_DIFFERENCES = 12


@dataclass(frozen=True)
class NewSource:
    """What is asked for: a sample of which source and table, and the folder of own sources."""

    file: Path
    source: str
    table: str
    folder: Path


def table_of(file: Path) -> str:
    """The name of a table for an export: that of the file, without days and numbers at its end.

    >>> table_of(Path("orders_export_2026-01-13.csv.gz")), table_of(Path("2026.csv"))
    ('orders', 'rows')
    """
    stem = column_name(file.name.partition(".")[0])
    stem = re.sub(r"^c_", "", re.sub(r"(_?\d+)+$", "", stem)).strip("_")
    stem = re.sub(r"^export_(?=.)|(?<=.)_(export|report)$", "", stem)
    return stem or "rows"


def write_new_source(asked: NewSource, *, say: Callable[[str], object]) -> None:
    """Writes `_<source>__sources.yml` of a new source and says what to look at next.

    A file that is there is never written over. Raises SettingsError for a name that can't be, SampleInvalid for a
    sample that says nothing, or where another contract of the table is there.
    """
    _check_names(asked)
    sample = read_sample(asked.file)
    columns = guess_columns(sample, asked.table)
    key = guess_key(columns, asked.table)
    parts = guess_parts(sample, columns, asked.table, key)
    lines = lines_of_a_key(columns, key)
    columns = [column for column in columns if column not in lines]
    text = contract_text(asked, sample, columns, key, parts)
    path, before = _place(asked)
    if before == text:
        say(f"{shown_path(path)}: up to date")
    elif before is not None:
        raise SampleInvalid(_differs(path, before, text))
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        say(f"{shown_path(path)}: written")
    _report(asked, sample, columns, key, parts, text, say)


def _check_names(asked: NewSource) -> None:
    for variable, name in (("NAME", asked.source), ("TABLE", asked.table)):
        if not NAME.match(name):
            raise SettingsError(f"{variable}={name}: use lower-case letters, digits and underscores, a letter first.")
    shipped = {contract.source: contract for contract in read_contracts(PROJECT_ROOT / "models")}
    if asked.source in shipped:
        raise SettingsError(
            f"NAME={asked.source}: that is a source of the project, declared in {shipped[asked.source].declared_in}. "
            f"Choose another name, such as own_{asked.source}."
        )


def _place(asked: NewSource) -> tuple[Path, str | None]:
    """The file of a table and what it holds: that of the source, or one of its own next to it."""
    folder = asked.folder / asked.source
    own = folder / f"_{asked.source}__{asked.table}__sources.yml"
    whole = folder / f"_{asked.source}__sources.yml"
    for path in (own, whole):
        if path.exists() and f"identifier: {asked.source}__{asked.table}\n" in (
            text := path.read_text(encoding="utf-8")
        ):
            return path, text
    return (own if whole.exists() else whole), None


def _differs(path: Path, before: str, text: str) -> str:
    lines = [
        line
        for line in difflib.unified_diff(before.splitlines(), text.splitlines(), lineterm="", n=0)
        if not line.startswith(("---", "+++", "@@"))
    ]
    shown = "\n".join(f"  {line}" for line in lines[:SHOWN_DIFFERENCES])
    more = f"\n  … and {len(lines) - SHOWN_DIFFERENCES} more" if len(lines) > SHOWN_DIFFERENCES else ""
    return (
        f"{path}: it is there already and is not written over. It has (-), the sample suggests (+):\n{shown}{more}\n"
        "Change it by hand, or move it away and type the command again."
    )


def contract_text(
    asked: NewSource, sample: Sample, columns: Sequence[ColumnGuess], key: KeyGuess, parts: Sequence[PartGuess] = ()
) -> str:
    """The sources file."""
    name = sample.path.name
    lines = [
        "version: 2",
        "",
        f"# Written from {sample.row_count} rows of {name}. Look at each line with `{MARK.strip()}`, correct it and",
        "# take out the mark. `make check` says what can't be.",
        "sources:",
        f"  - name: {asked.source}",
        "    schema: raw",
        f"    description: {_scalar(f'Exports of {asked.source}.')}",
        "    tables:",
        f"      - name: {asked.table}",
        f"        identifier: {asked.source}__{asked.table}",
        f"        description: One row per {singular(asked.table).replace('_', ' ')}.  {MARK}what is a row?",
        "        config:",
        "          meta:",
        f"            formats: [{sample.format}]",
        *([f"            rows_path: {sample.rows_path}  # guess: where the rows are"] if sample.rows_path else []),
        f"            key: {_flow(list(key.columns))}  {MARK}{key.why}",
    ]
    if key.key_lines is not None:
        lines.append(f"            key_lines: {key.key_lines}  {MARK}several rows of a file have one key")
    if key.version is not None:
        lines.append(f"            version_column: {_flow(key.version)}  {MARK}the row with the greatest value counts")
    lines.append(f"            delivery: append  {MARK}or snapshot, where a file is the whole set")
    lines.append(f"            time_zone: UTC  {MARK}the zone of times without an offset")
    dialect = {
        name: value
        for name, value, usual in (
            ("delimiter", sample.delimiter, ","),
            ("skip_lines", sample.skip_lines, 0),
            ("encoding", sample.encoding, "utf-8"),
        )
        if value != usual
    }
    if dialect and sample.format == "csv":
        settings = ", ".join(
            f"{name}: {value if isinstance(value, int) else _quoted(value)}" for name, value in dialect.items()
        )
        why = f"  {MARK}the encoding that its bytes are most like" if "encoding" in dialect else ""
        lines.append(f"            csv: {{{settings}}}{why}")
    everywhere = [*columns, *(column for part in parts for column in part.columns)]
    if words := sorted(set().union(*(column.null_words for column in everywhere))):
        lines.append(f"            null_values: [{', '.join(map(_quoted, words))}]  {MARK}words for no value")
    lines += _mapping_lines(guess_events(columns, asked.table, key), guess_people(columns, asked.table, key))
    lines.append("        columns:")
    for column in columns:
        lines += _column_lines(column, key.columns)
    for part in parts:
        lines += _part_lines(asked, part)
    # names of files and values of samples are in comments, too: a line end there would begin a line of YAML
    return "\n".join(_UNREADABLE.sub(_escaped, line) for line in lines) + "\n"


def _part_lines(asked: NewSource, part: PartGuess) -> list[str]:
    """A table whose rows are in those of another."""
    what = f"the elements of {part.path}" if part.path else "the lines of a key"
    lines = [
        f"      - name: {part.table}  {MARK}{what}, {part.row_count:,} in the sample; or take the table out",
        f"        identifier: {asked.source}__{part.table}",
        f"        description: One row per {singular(part.table).replace('_', ' ')}.",
        "        config:",
        "          meta:",
        f"            part_of: {asked.table}",
        *([f"            path: {_flow(part.path)}"] if part.path else []),
    ]
    if part.events:
        lines += _mapping_lines(part.events, {})
    lines.append("        columns:")
    for name, column in part.repeated.items():
        kept = {key: column.meta[key] for key in ("personal", "identifier_type") if key in column.meta}
        meta = ", ".join(f"{key}: {_flow(value)}" for key, value in {"parent_column": column.name, **kept}.items())
        lines += [
            f"          - name: {_flow(name)}",
            f"            data_type: {column.data_type}",
            f"            description: {_scalar(f'{column.sample.name} of the {singular(asked.table)}')}",
            f"            config: {{meta: {{{meta}}}}}",
        ]
    for column in part.columns:
        lines += _column_lines(column, ())
    return lines


def _mapping_lines(events: Sequence[Mapping[str, object]], people: Mapping[str, object]) -> list[str]:
    lines = []
    if events:
        lines.append(f"            events:  {MARK}what happened, one entry per moment of a row")
        for event in events:
            entries = [f"{name}: {_flow(value)}" for name, value in event.items()]
            if event is events[0] and "channel" not in event:
                entries.insert(2, "# channel, touchpoint: a text, or {column: …, values: {…}}")
            lines += [f"              {'- ' if number == 0 else '  '}{entry}" for number, entry in enumerate(entries)]
    if people:
        lines.append(f"            people:  {MARK}each row is what the tool keeps about one person")
        lines += [f"              {name}: {_flow(value)}" for name, value in people.items()]
    if not events and not people:
        lines.append(
            "            # no column has a time at which something happened: give `events` by hand, or a staging model"
        )
    return lines


def _column_lines(column: ColumnGuess, key: Sequence[str]) -> list[str]:
    meta = dict(column.meta)
    if column.name in key and (column.is_filled or key[0] == column.name):
        meta = {"required": True, **meta}
    why = f"  {MARK}{'; '.join(column.why)}" if column.why else ""
    lines = [f"          - name: {_flow(column.name)}{why}", f"            data_type: {column.data_type}"]
    lines.append(f"            description: {_scalar(column.sample.name)}")
    if meta:
        settings = ", ".join(f"{name}: {_flow(value)}" for name, value in meta.items())
        lines.append(f"            config: {{meta: {{{settings}}}}}")
    return lines


def _flow(value: object) -> str:
    """A value in one line of YAML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_flow(name)}: {_flow(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(one) for one in value) + "]"
    text = str(value)
    # a header such as No or On is a truth to YAML
    return text if NAME.match(text) and isinstance(yaml.safe_load(text), str) else _quoted(text)


def _quoted(text: str) -> str:
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
    return '"' + _UNREADABLE.sub(_escaped, text) + '"'


def _escaped(found: re.Match[str]) -> str:
    """A character as a text of YAML in double quotes spells it."""
    return f"\\U{ord(found[0]):08x}"


def _scalar(text: str) -> str:
    """A text as YAML reads it back: quoted, as a header may be anything."""
    return _quoted(" ".join(text.replace("{{", "{ {").replace("{%", "{ %").replace("{#", "{ #").split()))


def _report(
    asked: NewSource,
    sample: Sample,
    columns: Sequence[ColumnGuess],
    key: KeyGuess,
    parts: Sequence[PartGuess],
    text: str,
    say: Callable[[str], object],
) -> None:
    how = f", delimiter {sample.delimiter!r}, {sample.encoding}" if sample.format == "csv" else ""
    say(f"{sample.row_count:,} rows, {len(columns)} columns of {sample.path.name}: {sample.format}{how}")
    say(f"Look at the lines marked `{MARK.strip()}`: {text.count(MARK)} of them. First at:")
    say(f"  key             {', '.join(key.columns)}: {key.why}")
    say(f"  version_column  {key.version or 'none: of two rows with one key the later delivery counts'}")
    personal = [column.name for column in columns if column.is_personal]
    say(f"  personal        {', '.join(personal) or 'none: look again before anything is published'}")
    events = guess_events(columns, asked.table, key)
    for number, event in enumerate(events):
        name = event["event_name"]
        shown = f"named by {name['column']}" if isinstance(name, dict) else name
        say(f"  {'events' if number == 0 else '':<14}  {shown}, at {event['occurred_at']}")
    if not events:
        say("  events          none: no column has a time at which something happened")
    for number, part in enumerate(parts):
        what = f"the elements of {part.path}" if part.path else f"the lines of one {', '.join(key.columns)}"
        shown = ", ".join(f"{event['event_name']}, at {event['occurred_at']}" for event in part.events)
        say(f"  {'parts' if number == 0 else '':<14}  {part.table}: {what}{f'; {shown}' if shown else ''}")
    for column in columns:
        if column.name.rpartition("_")[2].isdecimal() and any("folds to" in why for why in column.why):
            say(
                f"  {asked.file} line {sample.skip_lines + 1}: {column.why[0]}; "
                f"it is {column.name} by its `source_name`"
            )
    say("Next:")
    say(f"  put its files into <extracts>/{asked.source}/{asked.table}/")
    say(f"  export JOURNEYS_SOURCES={shown_path(asked.folder)}")
    say(f"  make check && make staging-model TABLE={asked.source}.{asked.table} && make run")
