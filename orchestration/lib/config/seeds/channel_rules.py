"""Which conditions a channel rule has, whether they can be read, and which rules can never match."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import duckdb

from orchestration.lib.config.seeds.rows import SeedRow
from orchestration.lib.core.connection import open_duckdb

# Columns that have a match kind of their own; the others are compared whole.
MATCHED = ("utm_source", "utm_medium", "utm_campaign", "referrer", "click_id")
COLUMNS = ("source_system", "event_name", "medium", *MATCHED)
CLICK_IDS = (
    *("gclid", "gbraid", "wbraid", "dclid", "msclkid", "yclid", "ttclid", "twclid", "li_fat_id", "rdt_cid", "sccid"),
    *("fbclid", "igshid", "igsh", "epik", "click_id"),
)


# Patterns are DuckDB's to read; where Python reads one otherwise, a rule is taken for one that can match.
MEETS: Mapping[str, Callable[[str, str], bool]] = {
    "equals": lambda text, wanted: text == wanted,
    "contains": lambda text, wanted: wanted in text,
    "starts": lambda text, wanted: text.startswith(wanted),
    "site": lambda text, wanted: f".{wanted}." in f".{text}.",
    "pattern": lambda text, wanted: _is_found(wanted, text),
}


def _is_found(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text, re.IGNORECASE) is not None
    except re.error:
        return False


@dataclass(frozen=True)
class Condition:
    """A filled column of a rule: one of the texts has to match. `field` is what of a visit it looks at."""

    field: str
    match: str
    texts: tuple[str, ...]

    def is_met_by(self, text: str) -> bool:
        """Whether a value, in the form in which values are compared, meets the condition."""
        return any(MEETS[self.match](text, wanted) for wanted in self.texts)

    def follows_from(self, other: Condition) -> bool:
        """Whether every value that meets the other condition meets this one too, as far as their texts tell."""
        if self.field != other.field:
            return False
        if other.match == "equals":
            return all(self.is_met_by(text) for text in other.texts)
        if self.match == other.match:
            if self.match == "pattern":
                return self.texts == other.texts
            return all(self.is_met_by(text) for text in other.texts)
        return self.match == "contains" and other.match == "starts" and all(map(self.is_met_by, other.texts))


def conditions_of(rule: SeedRow) -> dict[str, Condition]:
    """The conditions of a rule by the column that says them."""
    found = {}
    for column in COLUMNS:
        if (value := rule.get(column)) is not None:
            match = rule.get(f"{column}_match") or "equals"
            texts = (value,) if match == "pattern" else tuple(compared(text) for text in value.split("|"))
            found[column] = Condition("utm_medium" if column == "medium" else column, match, texts)
    return found


def compared(text: str) -> str:
    """A text as rules compare it.

    >>> compared("  Paid   Search ")
    'paid search'
    """
    return " ".join(text.lower().split())


@functools.cache
def faults_of_patterns(patterns: frozenset[str]) -> Mapping[str, str]:
    """What DuckDB, which will look for them, says against those of some patterns that it can't read."""
    found: dict[str, str] = {}
    if patterns:
        with open_duckdb() as connection:
            for pattern in sorted(patterns):
                try:
                    connection.execute("select regexp_matches('', ?, 'i')", [pattern])
                except duckdb.Error as error:
                    found[pattern] = str(error).splitlines()[0].partition(": ")[2]
    return found


def patterns_that_cannot_be_read(rules: Sequence[SeedRow]) -> Iterator[tuple[SeedRow, str]]:
    """Rules with a pattern that is none, each with what is wrong and the fix."""
    filled = [
        (rule, column, value)
        for rule in rules
        for column in MATCHED
        if rule.get(f"{column}_match") == "pattern" and (value := rule.get(column)) is not None
    ]
    found = faults_of_patterns(frozenset(value for _, _, value in filled))
    for rule, column, value in filled:
        if value in found:
            yield (
                rule,
                f"{column} = {value}: is no regular expression ({found[value]}). Correct it, with a backslash before a "
                f"character that is meant as itself, or set {column}_match to contains.",
            )


def wrong_conditions(rule: SeedRow) -> Iterator[str]:
    """What is wrong with the conditions of a rule by itself, patterns aside."""
    for column in MATCHED:
        if rule.get(f"{column}_match") is not None and rule.get(column) is None:
            yield f"{column}_match is filled and {column} is empty. Fill in what it is compared with, or empty both."
    for column, condition in conditions_of(rule).items():
        if condition.match != "pattern" and "" in condition.texts:
            yield f"{column} = {rule.get(column)}: there is no text on one side of a |. Take the | out."


def rules_that_never_match(rules: Sequence[SeedRow]) -> Iterator[tuple[SeedRow, str]]:
    """Rules without errors that give no event a channel whatever lands, each with the reason and the fix."""
    in_order = sorted(rules, key=lambda rule: (Decimal(rule.get("rule_order") or 0), rule.get("channel_rule_id") or ""))
    conditions = {rule.line: conditions_of(rule) for rule in in_order}
    for place, rule in enumerate(in_order):
        own = conditions[rule.line]
        earlier = next((one for one in in_order[:place] if _takes_all(conditions[one.line], own)), None)
        if (reason := next(_impossible(rule, own), None)) is not None:
            yield rule, reason
        elif earlier is not None:
            yield (
                rule,
                f"whatever it matches, {earlier.get('channel_rule_id')} in line {earlier.line} matches first. Give it "
                "a smaller rule_order, narrow that one, or remove this.",
            )


def _takes_all(earlier: Mapping[str, Condition], later: Mapping[str, Condition]) -> bool:
    return all(any(one.follows_from(other) for other in later.values()) for one in earlier.values())


def _impossible(rule: SeedRow, conditions: Mapping[str, Condition]) -> Iterator[str]:
    for column, condition in conditions.items():
        shown = f"{column} = {rule.get(column)}"
        if condition.match in ("equals", "starts"):
            if column == "referrer" and all("/" in text or text.startswith("www.") for text in condition.texts):
                yield f"{shown}: what is compared is the host without www. Write it as in example.org."
            known = [text for text in CLICK_IDS if condition.is_met_by(text)]
            if column == "click_id" and not known:
                yield f"{shown}: what is compared is the kind of a click id. Write one of {', '.join(CLICK_IDS)}."
    both = [conditions[column] for column in ("medium", "utm_medium") if column in conditions]
    if len(both) == 2 and not any(both[1].is_met_by(text) for text in both[0].texts):
        yield "medium and utm_medium are two names of one value, which can't be both. Empty one of them."
