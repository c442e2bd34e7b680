"""Walks every instance down the strict funnel of its journey, one match after another.

It uses matches, not intervals: step 1 is taken at the instance's first match of the first required phase, each next at
the first later match of the next required phase, if it is within the window of the step before, counted from the match
that took it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from tests.oracles.feed import Row
from tests.oracles.journeys import Definitions, Instance, Phase
from tests.oracles.survival import discrete_percentile


def required(known: Definitions, journey_id: str, version: str) -> list[Phase]:
    """Returns the required phases of a journey's version in order: the steps."""
    of_version = [
        phase
        for phase in known.phases.values()
        if (phase.journey_id, phase.journey_version) == (journey_id, version) and phase.is_required
    ]
    return sorted(of_version, key=lambda phase: phase.phase_order)


def funnel_rows(instances: Sequence[Instance], known: Definitions, *, as_of: datetime) -> list[Row]:
    """Returns rows shaped like `journeys.agg_funnel_steps`."""
    counts: dict[tuple[str, str, int], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    took: dict[tuple[str, str, int], list[int]] = defaultdict(list)
    for instance in instances:
        steps = required(known, instance.journey_id, instance.version)
        matches = instance.matches
        entry = _first(matches, steps[0].phase_id, 0) if steps else None
        for number, (step, following) in enumerate(zip(steps, [*steps[1:], None], strict=True), start=1):
            if entry is None:
                break
            key = (instance.journey_id, instance.version, number)
            counts[key]["entered"] += 1
            entered_at = matches[entry][1]
            if following is None:
                break
            deadline = None if step.window is None else entered_at + step.window
            found = _first(matches, following.phase_id, entry + 1)
            if found is not None and deadline is not None and matches[found][1] > deadline:
                found = None
            if found is not None:
                counts[key]["eventual"] += 1
                took[key].append((matches[found][1] - entered_at) // timedelta(seconds=1))
                others = [place for place in range(entry + 1, found + 1) if matches[place][0] != step.phase_id]
                counts[key]["next_hit"] += others[0] == found
            elif instance.intervals[-1].outcome == "pending" and (deadline is None or as_of <= deadline):
                counts[key]["pending"] += 1
            entry = found
    rows = []
    for journey_id, version in sorted({(phase.journey_id, phase.journey_version) for phase in known.phases.values()}):
        steps = required(known, journey_id, version)
        for number, step in enumerate(steps, start=1):
            count = counts[journey_id, version, number]
            shares = {
                "eventual_share": count["entered"],
                "decided_eventual_share": count["entered"] - count["pending"] if step.window is not None else 0,
            }
            rows.append(
                {
                    "journey_id": journey_id,
                    "journey_version": version,
                    "step_order": number,
                    "phase_id": step.phase_id,
                    **{f"{name}_count": count[name] for name in ("entered", "eventual", "next_hit", "pending")},
                    **{
                        name: count["eventual"] / of if of and number < len(steps) else None
                        for name, of in shares.items()
                    },
                    "median_seconds": discrete_percentile(sorted(took[journey_id, version, number]), 5),
                }
            )
    return rows


def _first(matches: Sequence[tuple[str, datetime]], phase_id: str, start: int) -> int | None:
    """Returns the place of the first match of a phase from a place on, or None."""
    for place in range(start, len(matches)):
        if matches[place][0] == phase_id:
            return place
    return None
