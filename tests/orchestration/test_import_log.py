"""What `make import-log` makes of logs that are not as they should be, and of a second run."""

from __future__ import annotations

import csv
import gzip
from datetime import date
from pathlib import Path

import duckdb
import pytest

from orchestration.__main__ import main
from orchestration.lib.config.seeds import read_seeds
from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.journeys.log_import import journey_of

GOOD = "case;step;at;who\n" + "".join(
    f"C{number};{step};2024-05-0{day} 10:00;ann\n"
    for number in range(10)
    for day, step in enumerate(("open", "close"), 1)
)
COLUMNS = ("--case", "case", "--activity", "step", "--time", "at")


@pytest.fixture
def imported(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Imports a text as a log; returns the exit code and what was said."""

    def run(text: str | bytes | None, *arguments: str, name: str = "orders.csv") -> tuple[int, str]:
        path = tmp_path / name
        if text is not None:
            path.write_bytes(text.encode() if isinstance(text, str) else text)
        code = main(["import-log", str(path), "--into", str(tmp_path / "into"), *arguments])
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return run


def events_in(folder: Path) -> list[tuple]:
    pattern = folder / "into" / "extracts" / "feed" / "events" / "*.parquet"
    with duckdb.connect() as connection:
        return connection.execute(
            f"select event_id, occurred_at, event_name, identifiers, properties from '{pattern}' order by all"
        ).fetchall()


def nothing_was_written(folder: Path) -> bool:
    return not list((folder / "into").rglob("*.*"))


@pytest.mark.parametrize(
    ("text", "arguments", "code", "expected"),
    [
        (None, COLUMNS, 2, ["orders.csv: there is no such file", "CSV or XES"]),
        (GOOD, (), 2, ["orders.csv line 1: CASE is not given", "case, step, at, who", "CASE=…"]),
        (GOOD, ("--case", "case", "--activity", "step"), 2, ["TIME is not given", "case, step, at, who", "TIME=…"]),
        (GOOD, ("--case", "case", "--time", "at"), 2, ["ACTIVITY is not given", "case, step, at, who", "ACTIVITY=…"]),
        (GOOD, (*COLUMNS[:5], "att"), 2, ["TIME=att, and there is no such column. Did you mean at?"]),
        (GOOD, (*COLUMNS, "--customer", "client"), 2, ["CUSTOMER=client, and there is no such column"]),
        (GOOD, (*COLUMNS, "--end", "closed"), 2, ["no event is called closed. Did you mean close?", "open (10)"]),
        (GOOD, (*COLUMNS, "--journey", "My Orders"), 2, ["JOURNEY=My Orders: use lower-case letters"]),
        (GOOD, (*COLUMNS, "--zone", "Berlin"), 2, ["ZONE=Berlin", "Europe/Berlin"]),
        ("case;step;at\n", COLUMNS, 1, ["there are no events in it"]),
        ("", COLUMNS, 1, ["orders.csv: the file is empty"]),
        (GOOD, (*COLUMNS, "--time-format", "%Q"), 2, ["TIME_FORMAT=%Q: ", "%d/%m/%Y %H:%M:%S"]),
        (GOOD.replace("2024-05-", "05/2024/"), COLUMNS, 1, [
            "20 of 20 rows can't be used, more than 20%, so nothing was written", "line 2 ('05/2024/01 10:00'), 3 (",
            "TIME_FORMAT",
        ]),
        ("case;step;at\nJosé;open;2024\n".encode("latin-1"), COLUMNS, 1, ["text that is not UTF-8: orders.csv line 2"]),
    ],
    ids=lambda value: None if isinstance(value, (int, list)) else "",
)  # fmt: skip
def test_what_is_no_log_is_refused_with_the_cure(
    text, arguments, code: int, expected: list[str], imported, tmp_path: Path
) -> None:
    found, said = imported(text, *arguments)
    assert found == code, said
    for words in expected:
        assert words in said
    assert nothing_was_written(tmp_path)


def test_rows_that_cannot_be_used_are_counted_and_named_by_their_lines(imported, tmp_path: Path) -> None:
    """A quoted value over two lines comes first, so that the lines are those of the file and not of the rows."""
    bad = (
        'C1;"two\nlines";2024-05-01 10:00;ann\n;open;2024-05-01;\nC2;;2024-05-01;\n'
        "C3;open;;\nC4;open;soon;\nC5;open;x;y;z\n"
    )
    code, said = imported(GOOD.replace("case;step;at;who\n", "case;step;at;who\n" + bad, 1) + GOOD[17:], *COLUMNS)
    assert code == 0, said
    for line in (
        "1 left out without a case: orders.csv line 4\n",
        "1 left out without an activity: orders.csv line 5\n",
        "1 left out without a time: orders.csv line 6\n",
        "1 left out with a time that can't be read: orders.csv line 7 ('soon')\n",
        "or text that is not UTF-8: orders.csv line 8\n",
    ):
        assert line in said
    assert "41 events of 10 cases, 3 activities, from 2024-05-01 10:00 to 2024-05-02 10:00 UTC" in said
    assert len(events_in(tmp_path)) == 41


@pytest.mark.parametrize(
    ("xml", "expected"),
    [
        ("<log><trace><log></log></trace></log>", ["line 1: <log> inside of a <log>", "a file of its own"]),
        ("<log>\n<trace>\n<trace/></trace></log>", ["line 3: <trace> inside of a <trace>", "close the one before it"]),
        ("<log><trace><event><event/></event></trace></log>", ["<event> inside of a <event>"]),
        ("<html></html>", ["line 1: the file begins with <html>, expected <log>"]),
        ("<log>\n<trace>", ["orders.xes line 2: ", "no whole XML document"]),
        ("<!DOCTYPE log [<!ENTITY a 'b'>]><log/>", ["line 1: a document type"]),
        ("<log></log>", ["there are no events in it"]),
        (
            '<log>\n<trace>\n<string key="concept:name" value="1"/>\n<event>'
            '<string key="concept:name" value="a"/></event></trace></log>',
            ["orders.xes line 4: TIME=time:timestamp, and there is no such column", "case:concept:name, concept:name"],
        ),
    ],
    ids=["log in log", "trace in trace", "event in event", "no log", "cut off", "entities", "empty", "no time"],
)
def test_xml_that_is_no_log_is_refused_with_its_line(xml: str, expected: list[str], imported, tmp_path: Path) -> None:
    code, said = imported(xml, name="orders.xes")
    assert code in (1, 2)
    for words in expected:
        assert words in said, said
    assert nothing_was_written(tmp_path)


def test_xes_is_read_with_attributes_of_traces_and_events(imported, tmp_path: Path) -> None:
    """Attributes of a trace may follow its events; lists and nested attributes are named by their way; an event outside
    any trace is of no case."""
    event = (
        '<event><string key="concept:name" value="{name}"/>'
        '<date key="time:timestamp" value="2024-05-01T1{n}:00:00+02:00"/>'
        '<list key="tags"><values><string key="tag" value="x"/></values></list></event>'
    )
    inside = "".join(
        event.format(name=name, n=n) for n, name in enumerate(["open", "check", "check", "check", "close"])
    )
    log = (
        '<log xmlns="http://www.xes-standard.org/"><extension name="Time" prefix="time" uri="x"/>'
        f'<global scope="trace"><string key="concept:name" value="?"/></global><trace>{inside}'
        '<string key="concept:name" value="7"/><string key="region" value="north"/></trace>'
        f"{event.format(name='x', n=0)}</log>"
    )
    code, said = imported(gzip.compress(log.encode()), name="orders.xes.gz")
    assert code == 0, said
    assert "1 left out without a case" in said
    found = events_in(tmp_path)
    assert [row[0] for row in found] == [f"orders:7:{place}" for place in range(1, 6)]
    assert str(found[0][1]) == "2024-05-01 08:00:00"
    assert found[0][3] == '{"case":"orders:7"}'
    assert found[0][4] == '{"case:region":"north","tags/tag":"x","case_id":"7"}'


def test_a_second_run_is_harmless_and_another_one_says_what_differs(imported, tmp_path: Path) -> None:
    assert imported(GOOD, *COLUMNS, "--end", "close")[0] == 0
    before = {path: path.read_bytes() for path in (tmp_path / "into").rglob("*.*")}
    code, said = imported(GOOD, *COLUMNS, "--end", "close")
    assert code == 0
    assert "there already" in said and said.count("has its rows already") == 4
    code, said = imported(GOOD, *COLUMNS, "--end", "close", "--customer", "who")
    assert code == 1
    assert "CUSTOMER was empty, is now who" in said and "make withdraw FILE=feed/events/orders-" in said
    code, said = imported(GOOD, *COLUMNS, "--end", "open")
    assert code == 1
    assert "critical_events.csv line 3: critical_event_id = orders_end_1" in said
    assert "critical_events.csv has no row: critical_event_id = orders_end_1" in said and "event_name = open" in said
    assert {path: path.read_bytes() for path in (tmp_path / "into").rglob("*.*")} == before


def test_a_log_is_not_called_like_a_source_that_is_there(imported, tmp_path: Path) -> None:
    seeds = tmp_path / "into" / "seeds"
    seeds.mkdir(parents=True)
    (seeds / "sources.csv").write_text("source_system,priority\nshop,1\norders,2\n", encoding="utf-8")
    code, said = imported(GOOD, *COLUMNS)
    assert (code, "sources.csv line 3: orders is a source system" in said, "another JOURNEY" in said) == (2, True, True)
    (tmp_path / "into" / "extracts" / "web").mkdir(parents=True)
    code, said = imported(GOOD, *COLUMNS, "--journey", "web")
    assert (code, "web: web is a source system" in said) == (2, True)
    assert imported(GOOD, *COLUMNS, "--journey", "sales")[0] == 0
    assert imported(GOOD, *COLUMNS, "--journey", "sales")[0] == 0


def test_a_later_export_of_the_log_is_another_file(imported, tmp_path: Path) -> None:
    assert imported(GOOD, *COLUMNS)[0] == 0
    assert imported(GOOD + "C10;open;2024-05-09 10:00;ann\n", *COLUMNS)[0] == 0
    assert len(list((tmp_path / "into").rglob("*.parquet"))) == 2
    before = {path: path.read_bytes() for path in (tmp_path / "into").rglob("*.*")}
    # a correction without an event, and a part of a case that went on
    for part in (
        GOOD.replace("C3;close;2024-05-02 10:00;ann\n", ""),
        "case;step;at;who\nC3;sent;2024-06-01 10:00;ann\n",
    ):
        code, said = imported(part, *COLUMNS)
        assert code == 1
        assert "1 cases of this log were imported before" in said and "of C3 at 2024-05-0" in said
        assert "make withdraw FILE=feed/events/orders-" in said
    assert {path: path.read_bytes() for path in (tmp_path / "into").rglob("*.*")} == before


def test_a_person_is_no_case(imported, tmp_path: Path) -> None:
    code, said = imported(GOOD.replace("C7;", "ann@example.com;"), *COLUMNS)
    assert (code, "CASE=case: " in said, "ann@example.com, an e-mail address" in said) == (2, True, True)
    assert nothing_was_written(tmp_path)


@pytest.mark.parametrize("at", ["05-06-24 10:00", "05.06.24 10:00", "infinity", "1970-01-01 00:00"])
def test_what_is_no_time_of_today_is_left_out(at: str, imported) -> None:
    code, said = imported(f"{GOOD}C10;open;{at};ann\n", *COLUMNS)
    assert code == 0
    assert f"1 left out with a time that can't be read: orders.csv line 22 ({at!r})" in said


def test_a_column_that_is_called_as_the_case_is_published_is_kept(imported, tmp_path: Path) -> None:
    assert imported(GOOD.replace(";who\n", ";case_id\n", 1), *COLUMNS)[0] == 0
    assert events_in(tmp_path)[0][4] == '{"case_id":"C0","case_id_of_log":"ann"}'


def test_a_very_long_value_does_not_hide_the_line_of_another(imported) -> None:
    long = "x" * 200_000
    code, said = imported(f"{GOOD}C10;open;2024-05-01 10:00;{long}\n;open;2024-05-01 10:00;ann\n", *COLUMNS)
    assert (code, "1 left out without a case: orders.csv line 23" in said) == (0, True)


def test_the_journey_is_added_to_seeds_that_are_there(imported, tmp_path: Path) -> None:
    """Their rows remain; what people wrote about the journey does not make it another one."""
    seeds = tmp_path / "into" / "seeds"
    seeds.mkdir(parents=True)
    (seeds / "journeys.csv").write_text("journey_id,journey_version,journey_name\nother,1,Another\n", encoding="utf-8")
    (seeds / "phases.csv").write_text(
        "journey_id,journey_version,phase_id,phase_order,phase_name,is_terminal,is_required\nother,1,a,1,A,false,true\n",
        encoding="utf-8",
    )
    assert imported(GOOD, *COLUMNS, "--end", "close")[0] == 0
    with (seeds / "journeys.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["journey_id"], row["case_key"]) for row in rows] == [("other", ""), ("orders", "case_id")]
    # which raises where they have an error
    read_seeds(seeds, PROJECT_ROOT / "seeds", today=date(2026, 7, 1))
    text = (seeds / "journeys.csv").read_text(encoding="utf-8").replace("Cases of orders", "Our orders")
    (seeds / "journeys.csv").write_text(text, encoding="utf-8")
    code, said = imported(GOOD, *COLUMNS, "--end", "close")
    assert (code, "journeys.csv: has its rows already" in said) == (0, True)


def test_customers_are_named_by_their_column(imported, tmp_path: Path) -> None:
    """A case of two customers is reported; a moment that names nobody belongs to its case, which names somebody."""
    text = GOOD.replace("C0;close;2024-05-02 10:00;ann", "C0;close;2024-05-02 10:00;bob").replace(
        "C1;close;2024-05-02 10:00;ann", "C1;close;2024-05-02 10:00;"
    )
    code, said = imported(text + "C77;open;2024-05-02 10:00;\n", *COLUMNS, "--customer", "who")
    assert code == 0
    assert "1 cases name several customers" in said
    named = {row[0]: row[3] for row in events_in(tmp_path)}
    assert named["orders:C0:1"] == '{"customer_number":"ann"}'
    assert named["orders:C0:2"] == '{"customer_number":"bob"}'
    assert named["orders:C1:2"] is None
    assert named["orders:C77:1"] == '{"case":"orders:C77"}'


@pytest.mark.parametrize(
    ("times", "arguments", "first"),
    [
        ("01.05.2024 10:00", (), "2024-05-01 10:00:00"),
        ("2024-05-01T10:00:00.250+02:00", (), "2024-05-01 08:00:00.250000"),
        ("2024-05-01 10:00", ("--zone", "Europe/Berlin"), "2024-05-01 08:00:00"),
        ("05/01/2024 10:00 PM", ("--time-format", "%m/%d/%Y %I:%M %p"), "2024-05-01 22:00:00"),
    ],
)
def test_times_are_read_as_they_are_written(
    times: str, arguments: tuple[str, ...], first: str, imported, tmp_path: Path
) -> None:
    assert imported(f"case;step;at\n1;open;{times}\n", *COLUMNS, *arguments)[0] == 0
    assert str(events_in(tmp_path)[0][1]) == first


def test_a_journey_is_called_after_its_file() -> None:
    assert journey_of(Path("BPI Challenge 2012.xes.gz")) == "bpi_challenge_2012"
    assert journey_of(Path("Orders-2024.csv")) == "orders_2024"


def test_a_log_next_to_other_sources_does_not_get_a_data_set_and_a_clock_of_its_own(imported, tmp_path: Path) -> None:
    """Bug: the command to type next took the folder's other sources into a new data set, as of the log's last day."""
    _, said = imported(GOOD, *COLUMNS)
    assert "JOURNEYS_DATA_SET=orders JOURNEYS_AS_OF=2024-05-03 make run" in said
    visits = tmp_path / "into" / "extracts" / "web" / "events" / "2026-01.jsonl"
    visits.parent.mkdir(parents=True)
    visits.write_text("{}\n", encoding="utf-8")
    _, said = imported(GOOD, *COLUMNS)
    assert "seeds make run\n" in said and "AS_OF=" not in said and "DATA_SET=" not in said
    assert "defines this journey alone, and replaces the shipped seeds" in said
    _, said = imported(GOOD, *COLUMNS, name="returns.csv")
    assert "AS_OF=" not in said and "alone" not in said, "there are journeys of others"


def test_cases_without_any_event_are_counted(imported) -> None:
    event = (
        '<event><string key="concept:name" value="a"/><date key="time:timestamp" value="2026-01-01T10:00:00Z"/></event>'
    )
    name = '<string key="concept:name" value="{}"/>'
    traces = [f"<trace>{name.format(case)}{event if case != 'b' else ''}</trace>" for case in "abc"]
    code, said = imported("<log>\n" + "\n".join(traces) + "\n</log>", name="orders.xes")
    assert code == 0, said
    assert "2 events of 2 cases" in said
    assert "  1 left out, cases without any event: orders.xes line 3\n" in said and "nothing left out" not in said
