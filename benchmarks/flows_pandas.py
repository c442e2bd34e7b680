"""Flows and phase intervals as pandas works them out: whole columns at a time, no row by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

STEP_TYPES = ("phase", "channel", "touchpoint", "event")
# the task that makes of the flat log what lies ready for the others
ORDERING = "the log in order"


def timed(tasks: Mapping[str, Callable[[], Any]]) -> tuple[dict[str, Any], dict[str, tuple[float, float]]]:
    """Runs each task and returns what it gave, and its seconds and CPU seconds."""
    results, efforts = {}, {}
    for name, task in tasks.items():
        started, worked = time.monotonic(), time.process_time()
        results[name] = task()
        efforts[name] = (time.monotonic() - started, time.process_time() - worked)
    return results, efforts


def run(folder: Path) -> dict[str, tuple[float, float]]:
    """Works everything out from the Parquet files of a folder, which are read before the clock starts."""
    landed, matches = read(folder)
    # a stable sort: steps of one instant remain as they landed
    ready, ordering = timed({ORDERING: lambda: landed.sort_values(["instance", "occurred_at"], ignore_index=True)})
    steps = ready[ORDERING]
    results, efforts = timed(
        {
            "directly-follows": lambda: pd.concat([transitions(steps, name) for name in STEP_TYPES]),
            "variants": lambda: pd.concat([variants(steps, name) for name in STEP_TYPES]),
            "phase intervals": lambda: intervals(matches, as_of(folder)),
        }
    )
    for name, found in results.items():
        found.to_parquet(folder / f"pandas {name}.parquet", index=False)
    return efforts | ordering


def read(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The two event tables as DataFrames, as they landed."""
    return pd.read_parquet(folder / "steps.parquet"), pd.read_parquet(folder / "matches.parquet")


def as_of(folder: Path) -> pd.Timestamp:
    return pd.Timestamp((folder / "as_of.txt").read_text())


def transitions(steps: pd.DataFrame, step_type: str) -> pd.DataFrame:
    """Which name follows which within an instance: how often, of how many customers, after how many seconds."""
    follows = steps["instance"].to_numpy()[1:] == steps["instance"].to_numpy()[:-1]
    names, at = steps[step_type], steps["occurred_at"]
    pairs = pd.DataFrame(
        {
            "from_name": names.iloc[:-1][follows].reset_index(drop=True),
            "to_name": names.iloc[1:][follows].reset_index(drop=True),
            "customer": steps["customer"].iloc[1:][follows].reset_index(drop=True),
            "seconds": (at.to_numpy()[1:] - at.to_numpy()[:-1])[follows] // np.timedelta64(1, "s"),
        }
    )
    grouped = pairs.groupby(["from_name", "to_name"], sort=False, observed=True)
    found = grouped["seconds"].agg(transition_count="size", middle_seconds="median").reset_index()
    found["customer_count"] = grouped["customer"].nunique().to_numpy()
    found["median_seconds"] = grouped["seconds"].quantile(0.5, interpolation="lower").to_numpy().astype("int64")
    return found.assign(step_type=step_type)


def steps_of_paths(steps: pd.DataFrame, step_type: str) -> pd.DataFrame:
    """The steps that make paths: all, or for phases those at which an instance enters one."""
    if step_type != "phase":
        return steps
    instance, phase = steps["instance"].to_numpy(), steps["phase"].to_numpy()
    return steps[np.append(True, (instance[1:] != instance[:-1]) | (phase[1:] != phase[:-1]))]


def variants(steps: pd.DataFrame, step_type: str) -> pd.DataFrame:
    """How many instances took each path."""
    paths = steps_of_paths(steps, step_type).groupby("instance", sort=False)[step_type].agg(" > ".join)
    counted = paths.value_counts()
    return pd.DataFrame({"step_type": step_type, "variant": counted.index, "instance_count": counted.to_numpy()})


def intervals(matches: pd.DataFrame, until: pd.Timestamp) -> pd.DataFrame:
    """The intervals that matches make, each with its instance, outcome and end."""
    matches = matches.sort_values(["customer", "event_number"])
    customer, phase = matches["customer"], matches["phase"]
    deadline = matches["occurred_at"] + pd.to_timedelta(matches["window_seconds"], unit="s")
    begins_instance = (
        customer.ne(customer.shift())
        | matches["is_terminal"].shift(fill_value=False)
        | matches["occurred_at"].gt(deadline.shift())
    ).to_numpy()
    begins_interval = begins_instance | phase.ne(phase.shift()).to_numpy()
    starts = np.flatnonzero(begins_interval)
    ends = np.append(starts[1:], len(matches)) - 1
    intervals = matches.iloc[starts].reset_index(drop=True)
    instance = np.cumsum(begins_instance)[starts]
    goes_on = np.append(instance[1:] == instance[:-1], False)
    next_order = intervals["phase_order"].shift(-1).where(goes_on)
    deadline = deadline.iloc[ends].reset_index(drop=True)
    outcome = np.select(
        [
            intervals["is_terminal"],
            next_order > intervals["phase_order"],
            next_order < intervals["phase_order"],
            deadline < until,
        ],
        ["completed", "fell_through", "regressed", "fell_out"],
        default="pending",
    )
    left_at = intervals["occurred_at"].shift(-1).where(goes_on, deadline.where(outcome == "fell_out"))
    left_at = left_at.where(outcome != "completed", intervals["occurred_at"])
    first_intervals = np.flatnonzero(np.diff(instance, prepend=0))
    return pd.DataFrame(
        {
            "entry_event_id": intervals["event_id"],
            "first_event_id": intervals["event_id"].to_numpy()[first_intervals][instance - 1],
            "phase": intervals["phase"],
            "outcome": outcome,
            "matched_event_count": ends - starts + 1,
            "dwell_seconds": (left_at.fillna(until) - intervals["occurred_at"]) // pd.Timedelta(seconds=1),
            "left_at": left_at,
        }
    )
