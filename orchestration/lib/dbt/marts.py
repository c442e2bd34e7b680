"""Reads what the YAML of published tables says: their columns and, under `meta.release`, what a release needs to know.

Suites, the release and the tables of the docs are made from this. dbt's manifest holds the YAML as dbt read it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, PositiveInt, ValidationError

GRAIN = "One row per "


class MartError(ValueError):
    """Facts of published tables that can't be used; the message names file, table, key and fix of each."""


class _Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class Freshness(_Facts):
    """The newest value of `column` up to the run's clock is at most so many days old; older is a warning."""

    column: str
    within_days: PositiveInt


class RestatedFigures(_Facts):
    """Figures per day that readers may have quoted: a release with other values lists them in hygiene.restatements.

    `key` are the columns that, with `day`, name a row; `measures` the figures that a complete day should keep. A
    figure that time itself changes (intervals still pending) is not a measure here. `rows` is a condition on the rows
    that are compared.
    """

    day: str
    key: tuple[str, ...] = ()
    measures: tuple[str, ...]
    rows: str = "true"


class Join(_Facts):
    """Columns that readers join with the key of `to` (schema.table), in the key's order.

    Nothing tests that each value has a row there: some have none, such as a channel that channels.csv does not list.
    """

    columns: tuple[str, ...]
    to: str


class ReleaseFacts(_Facts):
    """What `meta.release` says of one published table."""

    answers: str
    key: tuple[str, ...] = ()
    joins: tuple[Join, ...] = ()
    freshness: Freshness | None = None
    may_shrink: bool = True
    may_be_empty: bool = True
    lists_faults: bool = False
    restated: RestatedFigures | None = None
    has_plain_name: bool = False
    is_ledger: bool = False


@dataclass(frozen=True)
class Mart:
    """A published table: one that dbt builds, or a ledger that runs append to.

    `columns` are names and portable types, in order; `column_descriptions` what each holds. `place` is the file that
    declares it, `node` dbt's name of it.
    """

    schema: str
    name: str
    description: str
    columns: Mapping[str, str]
    facts: ReleaseFacts
    place: str = ""
    node: str = ""
    column_descriptions: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def grain(self) -> str:
        """What a row is: the first sentence of the description, as far as its first colon or semicolon."""
        sentence = re.split(r"[.:;] ", self.description, maxsplit=1)[0]
        return sentence.removeprefix(GRAIN).removesuffix(".")


def read_marts(manifest: Mapping[str, Any]) -> tuple[Mart, ...]:
    """Every published table of a dbt manifest: models by schema and name, then ledgers as they are declared.

    Raises MartError for all that is wrong in them at once.
    """
    models = [
        node for node in manifest["nodes"].values() if node["resource_type"] == "model" and node["fqn"][1] == "marts"
    ]
    ledgers = [source for source in manifest["sources"].values() if source["fqn"][1] == "marts"]
    wrong: list[str] = []
    marts = [
        _mart(node, node["alias"], wrong) for node in sorted(models, key=lambda node: (node["schema"], node["alias"]))
    ]
    marts += [_mart(source, source["identifier"], wrong) for source in ledgers]
    found = tuple(mart for mart in marts if mart is not None)
    if not wrong:
        keys = {mart.label: mart.facts.key for mart in found}
        wrong += [f"{mart.place}: {mart.name}: {finding}" for mart in found for finding in _wrong_joins(mart, keys)]
    if wrong:
        raise MartError("\n".join(wrong))
    return found


def marts_by_schema(marts: Iterable[Mart]) -> dict[str, tuple[Mart, ...]]:
    """The tables of each published schema, both in order."""
    found: dict[str, list[Mart]] = {}
    for mart in marts:
        found.setdefault(mart.schema, []).append(mart)
    return {schema: tuple(found[schema]) for schema in sorted(found)}


def _mart(node: Mapping[str, Any], name: str, wrong: list[str]) -> Mart | None:
    is_model = node["resource_type"] == "model"
    # dbt writes `journeys://models/…` for the YAML file of a model
    place = str(node.get("patch_path") or node["original_file_path"]).partition("://")[2] or node["original_file_path"]
    columns = {column: str(said.get("data_type") or "") for column, said in node["columns"].items()}
    said = (node["config"].get("meta") or {}).get("release")
    if said is None:
        keys = "answers" + (" and key" if is_model else " and is_ledger")
        wrong.append(f"{place}: {name}: config.meta.release is missing; write it, with {keys}.")
        return None
    try:
        facts = ReleaseFacts.model_validate(said)
    except ValidationError as error:
        wrong += [f"{place}: {name}: {_finding(finding)}" for finding in error.errors()]
        return None
    found = [*_wrong_kind(facts, is_model=is_model), *_unknown_columns(facts, columns)]
    wrong += [f"{place}: {name}: {finding}" for finding in found]
    descriptions = {column: one_line(said.get("description", "")) for column, said in node["columns"].items()}
    return Mart(
        node["schema"], name, one_line(node["description"]), columns, facts, place, node["unique_id"], descriptions
    )


def one_line(text: object) -> str:
    """A description without the line breaks of its YAML."""
    return " ".join(str(text).split())


def _finding(error: Mapping[str, Any]) -> str:
    """One finding of pydantic as a person reads it: the key and the fix."""
    *path, last = (str(part) for part in error["loc"]) if error["loc"] else ("",)
    key = ".".join(part for part in ("meta.release", *path, last) if part)
    if error["type"] == "extra_forbidden":
        known = _known_keys(path)
        close = difflib.get_close_matches(last, known, n=1)
        fix = f"write {close[0]}" if close else f"known are {', '.join(known)}"
        return f"{key} is no known key; {fix}."
    if error["type"] == "missing":
        fix = "the question that the table answers, for the docs" if last == "answers" else "it is required here"
        return f"{key} is missing; write it: {fix}."
    return f"{key}: {error['msg']}; got {error['input']!r}."


def _known_keys(path: Sequence[str]) -> list[str]:
    kinds: dict[str, type[_Facts]] = {"freshness": Freshness, "restated": RestatedFigures, "joins": Join}
    return list((kinds[path[0]] if path else ReleaseFacts).model_fields)


def _wrong_kind(facts: ReleaseFacts, *, is_model: bool) -> Iterable[str]:
    if is_model and facts.is_ledger:
        yield "meta.release.is_ledger is for tables that runs append to; a model is none, so remove it."
    if is_model and not facts.key:
        yield "meta.release.key is missing; write the columns that name a row: they order the rows in the release."
    if not is_model and not facts.is_ledger:
        yield "meta.release.is_ledger is missing; write `is_ledger: true`, or publish the table by a model."
    if facts.is_ledger and facts.key:
        yield "meta.release.key is for models; a ledger keeps the order in which rows were appended, so remove it."


def _wrong_joins(mart: Mart, keys: Mapping[str, tuple[str, ...]]) -> Iterable[str]:
    for join in mart.facts.joins:
        key = keys.get(join.to)
        if key is None:
            close = difflib.get_close_matches(join.to, keys, n=1)
            fix = f"write {close[0]}" if close else "write schema.table"
            yield f"meta.release.joins names {join.to}, which is no published table; {fix}."
        elif len(join.columns) != len(key):
            yield (
                f"meta.release.joins has {', '.join(join.columns)} for {join.to}; write a column for each of its key: "
                f"{', '.join(key) or 'it has none'}."
            )


def _unknown_columns(facts: ReleaseFacts, columns: Mapping[str, str]) -> Iterable[str]:
    named = {"key": facts.key, "joins": tuple(column for join in facts.joins for column in join.columns)}
    if facts.freshness is not None:
        named["freshness.column"] = (facts.freshness.column,)
    if facts.restated is not None:
        restated = facts.restated
        named |= {"restated.day": (restated.day,), "restated.key": restated.key, "restated.measures": restated.measures}
    for key, used in named.items():
        for column in used:
            if column not in columns:
                known = ", ".join(columns)
                yield f"meta.release.{key} names {column}, which is no column of the table; its columns are {known}."
