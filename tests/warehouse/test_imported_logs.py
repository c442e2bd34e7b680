"""A case log comes in with one command, and the tables say what plain Python counts in the log itself."""

from __future__ import annotations

import csv
import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import pytest

from orchestration.__main__ import main
from orchestration.lib.core.settings import PROJECT_ROOT
from tests.conftest import Warehouse, differences, make_warehouse

pytestmark = pytest.mark.xdist_group("imported logs")

# One name reads like a path, one is a beginning of another, one has what CSV and XML have to escape.
ACTIVITIES = ("register", "check > approve", "check", 'ask "why", again & <again>', "pay", "close")
END = "close"


@dataclass(frozen=True)
class Event:
    case: str
    activity: str
    at: datetime
    cost: int


def random_log() -> list[Event]:
    """Three hundred cases, in the order of time over all cases; a third ends with `close`, some go on after it."""
    chance = random.Random(20260701)
    events = []
    for number in range(300):
        at = datetime(2024, 1, 1) + timedelta(minutes=chance.randint(0, 100_000))
        names = [chance.choice(ACTIVITIES[:-1]) for _ in range(chance.choice([0, 1, 2, 3, 3, 5, 12]))]
        if number % 3 == 0 or not names:
            names.append(END)
        if number % 10 == 0:
            names.append("check")
        for name in names:
            events.append(Event(f"C-{number}", name, at, chance.randint(1, 99)))
            at += timedelta(seconds=chance.choice([0, 1, 59, 3_600, 86_400, 40 * 86_400]))
    # stable: of one case and instant the order in which they happened remains
    return sorted(events, key=lambda event: event.at)


def write_csv(path: Path, events: Sequence[Event]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["Case ID", "Activity", "Timestamp", "cost"])
        writer.writerows([event.case, event.activity, event.at.isoformat(sep=" "), event.cost] for event in events)


def write_xes(path: Path, events: Sequence[Event]) -> None:
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<log xes.version="1.0" xmlns="http://www.xes-standard.org/">']
    lines.append('<global scope="event"><string key="concept:name" value="unknown"/></global>')
    for case in dict.fromkeys(event.case for event in events):
        lines.append(f'<trace><string key="concept:name" value={quoteattr(case)}/>')
        for event in events:
            if event.case == case:
                moment = event.at.replace(tzinfo=UTC).isoformat()
                lines.append(
                    f'<event><string key="concept:name" value={quoteattr(event.activity)}/>'
                    f'<date key="time:timestamp" value="{moment}"/><int key="cost" value="{event.cost}"/></event>'
                )
        lines.append("</trace>")
    path.write_text("\n".join([*lines, "</log>"]), encoding="utf-8")


@pytest.fixture(scope="module")
def log() -> list[Event]:
    return random_log()


def build(folder: Path, file: Path, *arguments: str, command: str) -> Warehouse:
    code = main(["import-log", str(file), "--journey", "claims", "--end", END, "--into", str(folder), *arguments])
    assert code == 0
    warehouse = make_warehouse(folder, seeds=folder / "seeds", as_of="2025-06-01", JOURNEYS_MATCHING="off")
    warehouse.land()
    warehouse.build(command=command)
    return warehouse


@pytest.fixture(scope="module")
def from_csv(log: list[Event], tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    folder = tmp_path_factory.mktemp("log_csv")
    write_csv(folder / "claims.csv", log)
    columns = ("--case", "Case ID", "--activity", "Activity", "--time", "Timestamp")
    # the laws that every build is held to are tested with it
    return build(folder, folder / "claims.csv", *columns, command="build")


@pytest.fixture(scope="module")
def cases(log: list[Event]) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    for event in log:
        found.setdefault(event.case, []).append(event)
    return found


def written(names: Sequence[str]) -> str:
    return " > ".join(name.replace(">", ">>") for name in names)


def test_each_case_is_one_row_with_its_steps_and_duration(
    from_csv: Warehouse, cases: Mapping[str, Sequence[Event]]
) -> None:
    said = from_csv.query("select * from journeys.fct_journeys")
    assert {
        row["case_value"]: (
            row["outcome"], row["step_count"], row["first_event_name"], row["last_event_name"],
            row["duration_seconds"], row["started_at"], row["last_step_at"], row["ended_at"],
        )
        for row in said
    } == {
        case: (
            "completed" if steps[-1].activity == END else "pending", len(steps), steps[0].activity, steps[-1].activity,
            int((steps[-1].at - steps[0].at).total_seconds()), steps[0].at, steps[-1].at,
            steps[-1].at if steps[-1].activity == END else None,
        )
        for case, steps in cases.items()
    }  # fmt: skip
    assert len(said) == len(cases) == 300
    # the log holds what could go wrong: cases of one event, cases that end and go on, events of one instant
    assert any(len(steps) == 1 for steps in cases.values())
    assert any(END in [step.activity for step in steps[:-1]] for steps in cases.values())
    assert any(one.at == other.at for steps in cases.values() for one, other in pairwise(steps))


def test_pairs_variants_and_ends_are_those_of_the_log(
    from_csv: Warehouse, cases: Mapping[str, Sequence[Event]]
) -> None:
    paths = [tuple(step.activity for step in steps) for steps in cases.values()]
    directly = Counter(pair for path in paths for pair in pairwise(path))
    eventually = Counter(
        pair for path in paths for pair in {(path[i], path[j]) for j in range(len(path)) for i in range(j)}
    )

    def counts(sql: str) -> dict[Any, int]:
        return {tuple(row.values())[:-1]: row["n"] for row in from_csv.query(sql)}

    assert directly == counts(
        "select from_name, to_name, transition_count as n from flows.agg_transitions where step_type = 'event'"
    )
    assert eventually == counts(
        "select from_name, to_name, instance_count as n from flows.agg_eventually_follows where step_type = 'event'"
    )
    assert {(written(path),): count for path, count in Counter(paths).items()} == counts(
        "select variant, instance_count as n from flows.agg_variants where step_type = 'event'"
    )
    assert counts("select variant, instance_count as n from flows.agg_variants where step_type = 'phase'") == {
        ("running",): 300
    }
    for column, place in (("first_step_count", 0), ("last_step_count", -1)):
        assert Counter((path[place],) for path in paths) == counts(
            f"select name, {column} as n from flows.agg_rework where step_type = 'event' and {column} > 0"
        )


def test_the_same_log_in_xes_makes_the_same_tables(
    from_csv: Warehouse, log: list[Event], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("log_xes")
    write_xes(folder / "claims.xes", log)
    from_xes = build(folder, folder / "claims.xes", command="run")
    found = differences(from_csv, from_xes)
    # the file is another one, and so is its landing
    assert {name for name in found if not name.startswith("hygiene.")} == set(), found


@pytest.mark.parametrize(("setting", "expected"), [("source", [("C-1", 3), ("C-1", 1), ("C-2", 1)]), ("inactivity", 5)])
def test_a_tools_own_sessions_are_kept_where_the_setting_says_so(
    setting: str, expected: list[tuple[str, int]] | int, tmp_path: Path
) -> None:
    """One session over three days of silence, another of the same case, and the same id in another case. By silence
    each event is a session of its own."""
    (tmp_path / "visits.csv").write_text(
        "case,activity,at,visit\nC-1,a,2024-01-01,1\nC-1,b,2024-01-02,1\nC-1,c,2024-01-03,2\nC-1,d,2024-01-04,1\n"
        "C-2,a,2024-01-01,1\n",
        encoding="utf-8",
    )
    code = main(
        [
            "import-log", str(tmp_path / "visits.csv"), "--case", "case", "--activity", "activity", "--time", "at",
            "--session", "visit", "--into", str(tmp_path),
        ]
    )  # fmt: skip
    assert code == 0
    warehouse = make_warehouse(
        tmp_path, seeds=tmp_path / "seeds", as_of="2024-06-01", JOURNEYS_MATCHING="off", JOURNEYS_SESSIONS=setting
    )
    warehouse.land()
    warehouse.build(select=["+fct_sessions"])
    found = warehouse.query("""
        select sessions.event_count, versions.record_key
        from core.fct_sessions as sessions
        inner join intermediate.int_event_versions as versions on 's_' || versions.event_id = sessions.session_id
        order by versions.record_key, sessions.started_at
    """)
    if isinstance(expected, int):
        assert len(found) == expected
    else:
        assert [(row["record_key"].removeprefix("feed:visits:"), row["event_count"]) for row in found] == expected


def test_the_log_of_the_docs_comes_out_as_they_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two cases of one customer, one of nobody, a case that is reopened, and two rows that can't be used."""
    page = (PROJECT_ROOT / "docs" / "bring_your_own_data.md").read_text(encoding="utf-8")
    section = page[page.index("## Import a case log") : page.index("## 2. A source of your own")]
    log, said, _, cases, *_ = re.findall(r"```(?:csv|text|sql)\n(.*?)```", section, re.DOTALL)
    (tmp_path / "claims.csv").write_text(log, encoding="utf-8")
    arguments = [
        "--case", "claim", "--activity", "step", "--time", "at", "--customer", "client", "--end", "paid,rejected",
    ]  # fmt: skip
    assert main(["import-log", str(tmp_path / "claims.csv"), *arguments, "--into", str(tmp_path)]) == 0
    printed = capsys.readouterr().out.splitlines()
    shown = said.splitlines()
    assert [line for line in printed if line.startswith(("14 events", "  1 left", "  2 cases"))] == shown[7:11]
    assert Path(shown[2].partition(":")[0]).name in printed[1]

    warehouse = make_warehouse(tmp_path, seeds=tmp_path / "seeds", as_of="2026-01-21", JOURNEYS_MATCHING="off")
    warehouse.land()
    warehouse.build(select=["+fct_journeys"])
    rows = warehouse.query("""
        select case_value, outcome, step_count, last_event_name, round(duration_seconds / 3600, 1) as hours, ended_at,
            count(*) over (partition by customer_id) as of_customer
        from journeys.fct_journeys order by case_value
    """)
    assert [row.pop("of_customer") for row in rows] == [2, 1, 2, 1]
    assert [re.split(r"  +", line.rstrip()) for line in cases.splitlines()[2:]] == [
        [str(value) for value in row.values() if value is not None] for row in rows
    ]
