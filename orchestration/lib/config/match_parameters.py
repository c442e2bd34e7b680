"""The rates of agreement that matching rests on, and the file in which learnt ones are kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import Gt, Lt
from pydantic import BaseModel, Strict, ValidationError

from orchestration.lib.config.faults import faults, worded
from orchestration.lib.config.matching import MatchingSettings, MatchingSettingsError

PARAMETERS_FILE = "match_parameters.json"
DIGITS = 12
# A handful of records is taken for a part of this many: that two of ten share a birth date is no wonder to rely on.
LEAST_POPULATION = 300


@dataclass(frozen=True)
class Rates:
    """m and u of every level by comparison: how often records of one person, and of two, are at it."""

    m: Mapping[str, Mapping[str, float]]
    u: Mapping[str, Mapping[str, float]]


def declared_rates(settings: MatchingSettings) -> Rates:
    """The rates that matching.toml states."""
    return Rates(
        {c.name: {level.name: level.m for level in c.levels} for c in settings.comparisons},
        {c.name: {level.name: level.u for level in c.levels} for c in settings.comparisons},
    )


def with_rates(settings: MatchingSettings, rates: Rates) -> MatchingSettings:
    """The settings with other rates on their levels."""
    comparisons = []
    for comparison in settings.comparisons:
        m, u = rates.m[comparison.name], rates.u[comparison.name]
        levels = [level.model_copy(update={"m": m[level.name], "u": u[level.name]}) for level in comparison.levels]
        comparisons.append(comparison.model_copy(update={"levels": tuple(levels)}))
    return settings.model_copy(update={"comparisons": tuple(comparisons)})


@dataclass(frozen=True)
class Parameters:
    """What training found: the rates, and how many other records of its person a record has on average.

    That number holds while a data set grows; the share of all pairs that match does not.
    """

    rates: Rates
    matches_per_record: float

    def share(self, record_count: int) -> float:
        """The share of all pairs of so many records that match.

        >>> round(Parameters(Rates({}, {}), 0.5).share(1000), 6)
        0.0005
        """
        return share_of_pairs(self.matches_per_record, record_count)


def share_of_pairs(matches_per_record: float, record_count: int) -> float:
    """The share of all pairs that match, where every record matches so many others on average."""
    return min(matches_per_record / max(record_count, LEAST_POPULATION), 0.5)


Probability = Annotated[float, Strict(), Gt(0), Lt(1), worded("= {value!r} is no probability between 0 and 1")]


class SavedRates(BaseModel):
    """The rates of one level in the file."""

    m: Probability
    u: Probability


class Saved(BaseModel):
    """What match_parameters.json holds."""

    matches_per_record: Annotated[float, Strict(), Gt(0), Lt(1_000_000), worded("= {value!r} is no number of records")]
    comparisons: dict[str, dict[str, SavedRates]]


def write_parameters(path: Path, parameters: Parameters) -> None:
    """Writes parameters as text that a person can read and a version control compare."""
    content = {
        "matches_per_record": round(parameters.matches_per_record, DIGITS),
        "comparisons": {
            comparison: {
                level: {"m": round(m, DIGITS), "u": round(parameters.rates.u[comparison][level], DIGITS)}
                for level, m in levels.items()
            }
            for comparison, levels in parameters.rates.m.items()
        },
    }
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read_parameters(path: Path, settings: MatchingSettings) -> Parameters:
    """Reads saved parameters. Raises MatchingSettingsError where they are not those of the settings' comparisons."""
    again = "Delete it, and type make identity-train to write it again."
    try:
        saved = Saved.model_validate_json(path.read_bytes())
    except ValidationError as error:
        found = faults(error)[0]
        place = ".".join(str(step) for step in found.place)
        what = f"{place} {found.says({})}".strip()
        raise MatchingSettingsError(f"{path.name}: this is not a file of saved parameters ({what}). {again}") from error
    for comparison in settings.comparisons:
        levels = {level.name for level in comparison.levels}
        if set(saved.comparisons.get(comparison.name, {})) != levels:
            raise MatchingSettingsError(
                f"{path.name}: comparisons.{comparison.name}: has other levels than matching.toml "
                f"({', '.join(sorted(levels))}). {again}"
            )
    return Parameters(
        Rates(
            {name: {level: rates.m for level, rates in levels.items()} for name, levels in saved.comparisons.items()},
            {name: {level: rates.u for level, rates in levels.items()} for name, levels in saved.comparisons.items()},
        ),
        saved.matches_per_record,
    )
