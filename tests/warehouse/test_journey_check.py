"""Definitions of journeys are compared with the data before they are used, and what would never happen is named."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest

from orchestration.__main__ import main
from orchestration.lib.config.seeds import SeedsInvalid, read_seeds
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT, Settings, SettingsError
from orchestration.lib.journeys.definition_check import check_definitions, run_journey_check
from tests.conftest import Warehouse

pytestmark = pytest.mark.xdist_group("stories")
TODAY = date(2026, 3, 1)
# Saying nothing wrong, with a rule for every filter.
SOUND = {
    "journeys": (
        "journey_id,journey_version,journey_name,valid_from,valid_to\n"
        "trying,1,Trying,,2025-11-01\n"
        "trying,2,Trying,2025-11-01,\n"
    ),
    "phases": (
        "journey_id,journey_version,phase_id,phase_order,phase_name,window_days,is_terminal,is_required\n"
        "trying,1,looking,1,Looking,14,false,true\n"
        "trying,1,bought,2,Bought,,true,true\n"
        "trying,2,looking,1,Looking,14,false,true\n"
        "trying,2,asking,2,Asking,14,false,true\n"
        "trying,2,bought,3,Bought,,true,true\n"
    ),
    "critical_events": (
        "critical_event_id,journey_id,journey_version,phase_id,event_name,channel,touchpoint,property_name,property_value\n"
        "looked,trying,1,looking,product_viewed,,,,\n"
        "bought,trying,1,bought,order_placed,,,,\n"
        "looked_2,trying,2,looking,product_viewed,web,product_page,,\n"
        "asked_2,trying,2,asking,quote_requested,,,reason,high\n"
        "bought_2,trying,2,bought,order_placed,,,,\n"
    ),
}

Check = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def check(at_once: Warehouse, tmp_path: Path) -> Check:
    """Runs the check on seeds that were changed by replacing a text in one of them."""

    def run(seed: str = "journeys", before: str = "", after: str = "", journey: str | None = None):
        assert before in SOUND[seed]
        for name, text in SOUND.items():
            spoilt = text.replace(before, after, 1) if name == seed else text
            (tmp_path / f"{name}.csv").write_text(spoilt, encoding="utf-8")
        lines: list[str] = []
        settings = replace(at_once.settings, seeds=tmp_path)
        return run_journey_check(settings, journey, today=TODAY, say=lines.append), lines

    return run


def hints(lines: list[str], name: str) -> list[str]:
    """What is below the lines of a critical event or a phase."""
    named = [number for number, line in enumerate(lines) if line.split()[1:2] == [name]]
    assert named
    return [lines[number + 1].strip() for number in named]


def test_a_sound_definition_finds_its_events_and_phases(check: Check, at_once: Warehouse) -> None:
    code, lines = check()
    assert code == 0
    assert lines[-1] == "Every critical event matches something, and every phase is reached."
    [looked] = [line.split() for line in lines if " looked " in line]
    wanted = at_once.query("""
        select count(*) as matches, count(distinct customer_id) as customers, min(occurred_at) as first_at
        from core.fct_events where event_name = 'product_viewed' and not is_bot and not is_after_as_of
    """)[0]
    assert looked[:5] == ["2", "looked", "looking", f"{wanted['matches']:,}", f"{wanted['customers']:,}"]
    assert looked[-2] == f"{wanted['first_at']:%Y-%m-%d}"


def test_it_walks_as_the_models_do(at_once: Warehouse) -> None:
    """Phases are reached as often as the warehouse says that was built with the same seeds."""
    settings = at_once.settings
    seeds = read_seeds(settings.seeds, PROJECT_ROOT / "seeds", today=TODAY)
    with open_duckdb(settings.warehouse, read_only=True) as connection:
        _, versions = check_definitions(connection, settings.warehouse, seeds, seeds["journeys"], "UTC")
    said = {
        (version.row.values["journey_id"], version.row.values["journey_version"], phase.row.values["phase_id"]): (
            phase.intervals,
            phase.customers,
        )
        for version in versions
        for phase in version.phases
    }
    built = at_once.query("""
        select journey_id, journey_version, phase_id, count(*) as intervals, count(distinct customer_id) as customers
        from intermediate.int_phase_intervals group by all
    """)
    assert said == {
        (row["journey_id"], str(row["journey_version"]), row["phase_id"]): (row["intervals"], row["customers"])
        for row in built
    }
    matches = at_once.query("""
        select
            count(*) as matches,
            count_if(not is_preferred) as overruled,
            count_if(is_preferred) - (
                select sum(matched_event_count) from intermediate.int_phase_intervals
            ) as unused
        from intermediate.int_matched_events
    """)[0]
    rules = [rule for version in versions for rule in version.rules]
    assert {name: sum(getattr(rule, name) for rule in rules) for name in matches} == matches
    assert matches["unused"] > 0 and matches["overruled"] > 0


@pytest.mark.parametrize(
    ("before", "after", "rule", "hint"),
    [
        ("bought,order_placed", "bought,order_place", "bought", "called order_place; did you mean order_placed ("),
        ("bought,order_placed", "bought,Order Placed", "bought", "did you mean order_placed ("),
        ("bought,order_placed", "bought,zzz", "bought", "no event is called zzz; there are "),
        ("web,product_page", "shop,product_page", "looked_2", "none on channel shop: they are on "),
        ("web,product_page", "web,page", "looked_2", "none at touchpoint page: they are on "),
        ("web,product_page", "store,product_page", "looked_2", "meet one or other of its filters, none meets all"),
        ("reason,high", "reason,huge", "asked_2", "none whose reason is huge: it is "),
        ("reason,high", "why,high", "asked_2", "none with a published property why: they have reason ("),
        ("bought,order_placed,,,,", "bought,order_placed,,,why,x", "bought", "none with a published property why"),
    ],
)  # fmt: skip
def test_what_matches_nothing_is_reported_with_what_is_near(
    before: str, after: str, rule: str, hint: str, check: Check
) -> None:
    code, lines = check("critical_events", before, after)
    assert code == 1
    assert any(hint in hint_found for hint_found in hints(lines, rule)), lines
    assert any(line.startswith("Critical events that match nothing: ") and rule in line for line in lines)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("ordre_*", "no event's name begins so: ordre_*; did you mean order_placed ("),
        ("zzz*", "no event's name begins so: zzz*; there are "),
    ],
)
def test_a_wildcard_that_covers_nothing_is_reported(name: str, hint: str, check: Check) -> None:
    code, lines = check("critical_events", "bought,order_placed", f"bought,{name}")
    assert code == 1
    assert any(hint in hint_found for hint_found in hints(lines, "bought")), lines


def test_a_wildcard_covers_what_no_exact_name_does(check: Check, at_once: Warehouse) -> None:
    code, lines = check("critical_events", "looked,trying,1,looking,product_viewed", "looked,trying,1,looking,*")
    assert code == 0
    [found] = [line.split() for line in lines if " looked " in line]
    [wanted] = at_once.query(
        "select count(*) as matches, count_if(event_name = 'order_placed') as overruled "
        "from core.fct_events where not is_bot and not is_after_as_of"
    )
    assert (found[3], found[5]) == (f"{wanted['matches']:,}", f"{wanted['overruled']:,}")


def test_a_case_key_that_no_event_has_is_reported(check: Check) -> None:
    code, lines = check("journeys", "valid_to\ntrying,1,Trying,,2025-11-01\ntrying,2,Trying,2025-11-01,", (
        "valid_to,case_key\ntrying,1,Trying,,2025-11-01,no_such\ntrying,2,Trying,2025-11-01,,no_such"
    ))  # fmt: skip
    assert code == 1
    assert sum("no matched event has a value for its case_key no_such" in line for line in lines) == 2
    assert lines[-1] == "Journeys without a case: trying."


@pytest.mark.parametrize(
    ("before", "after", "phase", "why"),
    [
        ("asked_2,trying,2,asking", "asked_2,trying,2,looking", "asking", "no critical event leads into it"),
        ("reason,high", "reason,huge", "asking", "none of its critical events matches anything"),
        (
            "asking,quote_requested,,,reason,high\n",
            "asking,quote_requested,,,reason,high\nmore,trying,2,bought,quote_requested,,,,\n",
            "asking",
            "matches are taken by other rules, with more exact names or of a higher phase",
        ),
    ],
)
def test_a_phase_that_nobody_comes_to_is_reported_with_the_cause(
    before: str, after: str, phase: str, why: str, check: Check
) -> None:
    code, lines = check("critical_events", before, after)
    assert code == 1
    assert any(why in hint_found for hint_found in hints(lines, phase)), lines
    assert lines[-1] == f"Phases that no customer reaches: {phase} of trying version 2."


def test_a_rule_that_another_always_overrules_is_reported_with_the_other(check: Check) -> None:
    code, lines = check(
        "critical_events", "bought,order_placed", "bought,order_placed,,,,\nlow,trying,1,looking,order_placed"
    )
    assert code == 0
    assert hints(lines, "low")[0].startswith("never counts: each of its events is bought (line 3)'s")
    assert any(line.startswith("warning: critical_events.csv line 4: low never counts") for line in lines)


def test_a_version_of_days_to_come_is_walked_as_if_they_had_been(check: Check) -> None:
    code, lines = check("journeys", "2,Trying,2025-11-01", "2,Trying,2030-01-01")
    assert code == 0
    assert "  no match on a day on which it is valid: checked alone, as if it had always been valid" in lines
    [warning] = [line for line in lines if line.startswith("warning: ")]
    assert "no version of journey trying is valid from 2025-11-01 to 2029-12-31" in warning


def test_matches_on_days_without_validity_are_counted(check: Check, at_once: Warehouse) -> None:
    _, lines = check()
    [outside] = [line for line in lines if "completed" in line and "not valid" in line][:1]
    late = at_once.query("""
        select count(*) as matches from core.fct_events
        where event_name in ('product_viewed', 'order_placed') and is_linkable and not is_bot and not is_after_as_of
            and occurred_at >= timestamp '2025-11-01'
    """)[0]["matches"]
    assert f"; {late:,} matches on days when it is not valid" in outside


def test_one_journey_is_checked_alone_and_an_unknown_one_is_reported(check: Check) -> None:
    more = "trying,1,Trying,,2025-11-01\n"
    other = {"journeys": "other,1,Other,,\n", "phases": "", "critical_events": ""}
    with pytest.raises(SeedsInvalid, match=r"journeys\.csv line 2: version 1 of journey other has no phase"):
        check("journeys", more, other["journeys"] + more)
    assert check(journey="trying")[0] == 0
    with pytest.raises(SettingsError, match=r"There is no journey tryin: journeys\.csv has trying\."):
        check(journey="tryin")


def test_without_a_warehouse_the_data_sets_own_release_is_read_and_without_either_it_says_so(
    at_once: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(at_once.settings, var=tmp_path / "var", serving=tmp_path / "serving")
    with pytest.raises(SettingsError, match="no events yet"):
        run_journey_check(settings, None, today=TODAY, say=lambda line: None)
    settings.serving.mkdir()
    (settings.serving / "customer_journeys.duckdb").symlink_to(at_once.settings.warehouse)
    # what is served is of another data set, as long as it is not in this one's line of releases
    with pytest.raises(SettingsError, match="no events yet"):
        run_journey_check(settings, None, today=TODAY, say=lambda line: None)
    own = SimpleNamespace(database=at_once.settings.warehouse)
    monkeypatch.setattr("orchestration.lib.journeys.definition_check.current_release", lambda settings: own)
    lines: list[str] = []
    assert run_journey_check(settings, None, today=TODAY, say=lines.append) == 0
    assert str(own.database) in lines[0]


def test_the_command_changes_nothing_and_its_exit_code_reports(
    at_once: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def state(settings: Settings) -> dict[Path, int]:
        files = [settings.warehouse, *settings.resolved_seeds.iterdir(), *settings.home.iterdir()]
        return {path: path.stat().st_mtime_ns for path in files}

    shutil.copytree(at_once.settings.seeds, tmp_path / "seeds")
    for name, value in {
        "EXTRACTS": at_once.settings.extracts,
        "SEEDS": tmp_path / "seeds",
        "VAR": at_once.settings.var,
        "SERVING": at_once.settings.serving,
        "DATA_SET": "tested",
    }.items():
        monkeypatch.setenv(f"JOURNEYS_{name}", str(value))
    before = state(at_once.settings)
    assert main(["journey-check", "--journey", "support"]) == 0
    assert "support version 1 (journeys.csv line 5), valid on all days" in capsys.readouterr().out
    rules = tmp_path / "seeds" / "critical_events.csv"
    rules.write_text(rules.read_text(encoding="utf-8").replace("called,support_called", "called,support_caled"))
    assert main(["journey-check"]) == 1
    assert "did you mean support_called" in capsys.readouterr().out
    rules.write_text(rules.read_text(encoding="utf-8").replace("called,support,1", "called,suport,1"))
    assert main(["journey-check"]) == 1
    assert "critical_events.csv line 21: journey suport is not in journeys.csv" in capsys.readouterr().err
    assert state(at_once.settings) == before
