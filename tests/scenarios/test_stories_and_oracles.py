"""The stories' hand-worked expectations and the oracles, written apart, say the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.oracles import feed, release
from tests.oracles.hashes import hash_of
from tests.oracles.ownership import POLICIES, Policy
from tests.scenarios import check, load


def expected_of(delivered: Mapping[str, load.Rows], policy: Policy = "last_login") -> release.Release:
    seeds = feed.read_seeds(load.SEEDS)
    return release.expected(delivered, seeds, as_of=load.AS_OF, hash_of=hash_of, policy=policy)


def tables_of(expected: release.Release) -> check.Tables:
    return {
        "fct_events": expected.events,
        "fct_sessions": expected.sessions,
        "fct_phase_intervals": expected.intervals,
        "fct_journeys": expected.journeys,
        "dim_customers": expected.customers,
        "bridge_customer_identifiers": expected.bridge,
        "bridge_customer_records": expected.records,
        "fct_identifier_links": expected.links,
        "identity_decision_outcomes": expected.decisions,
        "fct_gaps": expected.gaps,
        "over_cap": expected.over_cap,
        "overruled_matches": expected.overruled_matches,
    }


STORIES = load.stories()


@pytest.fixture(scope="module")
def together() -> release.Release:
    """All stories in one warehouse."""
    return expected_of(load.delivered(STORIES))


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_story_comes_out_as_written(story: load.Story, together: release.Release) -> None:
    assert check.problems(story, tables_of(expected_of(load.delivered([story]))), hash_of=hash_of) == []
    assert check.problems(story, tables_of(together), hash_of=hash_of) == []


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("fct_events", "customer_id", "c_everyone"),
        ("fct_events", "session_id", "s_all"),
        ("fct_sessions", "event_count", 0),
        ("fct_sessions", "customer_id", "c_nobody"),
        ("dim_customers", "is_anonymous", None),
        ("fct_phase_intervals", "outcome", "pending_too"),
        ("fct_identifier_links", "status", "accepted"),
        ("fct_identifier_links", "refused_because", "nothing"),
        ("identity_decision_outcomes", "outcome", "ignored"),
        ("fct_phase_intervals", "entry_event_id", "none"),
        ("fct_phase_intervals", "dwell_seconds", -1),
        ("fct_journeys", "outcome", "none"),
        ("fct_gaps", "wait_seconds", 0),
        ("bridge_customer_identifiers", "valid_from", None),
        ("bridge_customer_records", "customer_id", "c_one"),
    ],
)
def test_the_check_notices(table: str, column: str, value: object, together: release.Release) -> None:
    """A check that finds nothing must be one that could."""
    changed = dict(tables_of(together))
    changed[table] = [{**row, column: value} for row in changed[table]]
    assert [one for story in STORIES for one in check.problems(story, changed, hash_of=hash_of)]
    changed[table] = []
    assert [one for story in STORIES for one in check.problems(story, changed, hash_of=hash_of)]


def test_nothing_is_refused_or_decided_that_no_story_expects(together: release.Release) -> None:
    tables = tables_of(together)
    assert check.unexpected(STORIES, tables, hash_of=hash_of) == []
    assert check.unexpected([], tables, hash_of=hash_of)
    seed = feed.read_seeds(load.SEEDS)["identity_decisions"]
    assert len(seed) == sum(len(story.expected.get("decisions", [])) for story in STORIES)


@pytest.mark.parametrize("policy", [policy for policy in POLICIES if policy != "last_login"])
def test_stories_of_a_policy_come_out_as_written(policy: Policy) -> None:
    chosen = load.stories_of_policy(policy)
    assert chosen
    for story in chosen:
        assert check.problems(story, tables_of(expected_of(story.tables, policy)), hash_of=hash_of) == []
        assert check.problems(story, tables_of(expected_of(story.tables)), hash_of=hash_of)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_rows_have_the_expected_statuses(story: load.Story, together: release.Release) -> None:
    for wanted in story.expected.get("statuses", []):
        said = Counter(row["_row_status"] for row in together.event_statuses if row["event_id"] == wanted["event_id"])
        assert said == {name: count for name, count in wanted.items() if name != "event_id"}


def test_every_story_names_each_of_its_events_once() -> None:
    for story in STORIES:
        named = Counter(event for customer in story.expected["customers"] for event in customer["events"])
        assert named == Counter(dict.fromkeys(story.event_ids, 1)), story.name
        records = Counter(one for customer in story.expected["customers"] for one in customer.get("records", []))
        assert records == Counter(dict.fromkeys(story.person_keys, 1)), story.name
        assert all(name.startswith(story.name + "_") for name in story.event_ids | story.person_keys)


def test_stories_do_not_touch_each_other(together: release.Release) -> None:
    home = {event_id: story.name for story in STORIES for event_id in story.event_ids}
    for column in ("customer_id", "visitor_id", "session_id"):
        pairs = {(row[column], home[row["event_id"]]) for row in together.events if row[column]}
        assert len(pairs) == len({value for value, _ in pairs}), column


def test_together_they_are_below_a_measured_norm(together: release.Release) -> None:
    """Twenty `fell_through` intervals of one phase would replace the seed's norm by a measured one."""
    through = Counter(interval["phase_id"] for interval in together.intervals if interval["outcome"] == "fell_through")
    assert max(through.values()) < 20


def test_every_story_is_described_in_scenarios_md() -> None:
    page = (load.FOLDER / "SCENARIOS.md").read_text(encoding="utf-8")
    assert [story.name for story in STORIES if f"## {story.name}\n" not in page] == []


@pytest.mark.parametrize("split", ["one", "many", "shuffled"])
@pytest.mark.parametrize("seed", [1, 2])
def test_deliveries_hold_every_row_and_say_the_same(
    split: load.Split, seed: int, tmp_path: Path, together: release.Release
) -> None:
    batches = load.write_batches(STORIES, tmp_path, split=split, seed=seed)
    assert len(batches) == (1 if split == "one" else 5)
    delivered: dict[str, load.Rows] = {"events": [], "people": []}
    names = []
    for number, batch in enumerate(batches, start=1):
        for path in sorted(batch.glob("feed/*/*.csv")):
            names.append(path.relative_to(batch))
            for row in feed.read_rows(path):
                delivered[path.parent.name].append({**row, "batch": str(number)})
    assert len(names) == len(set(names))
    for table, rows in load.delivered(STORIES).items():
        assert len(delivered[table]) == len(rows)
    tables = tables_of(expected_of(delivered))
    assert [one for story in STORIES for one in check.problems(story, tables, hash_of=hash_of)] == []
