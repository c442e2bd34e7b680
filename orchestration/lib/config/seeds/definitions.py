"""Reads `_seeds.yml`: the seeds that there are, and a pydantic model for the rows of each."""

from __future__ import annotations

import functools
import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from orchestration.lib.config.faults import Fault, faults, must, suggestion, worded
from orchestration.lib.config.seeds.problems import Problem, SeedReport, SeedsInvalid
from orchestration.lib.config.yaml_lines import line_of, load_lined

SEED_PROPERTIES = "_seeds.yml"

DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def is_day(text: str) -> bool:
    """Whether a text is a day that DuckDB reads as well; Python's own reading is more generous.

    >>> is_day("2026-01-31"), is_day("20260131"), is_day("2026-02-30")
    (True, False, False)
    """
    try:
        return DAY.fullmatch(text) is not None and bool(date.fromisoformat(text))
    except ValueError:
        return False


Day = Annotated[date, must(is_day, "expected a date such as 2026-01-31.")]
Truth = Annotated[
    bool,
    BeforeValidator(lambda text: {"true": True, "false": False}.get(text.lower())),
    worded("expected true or false."),
]
BIGINT_TO = 2**63 - 1
# What is wrong with a value, by pydantic's names; the types above say it themselves.
WORDS = {
    "decimal_parsing": "expected a number with a decimal point and no thousands separator, such as 0.25.",
    "finite_number": "expected a finite number.",
    "multiple_of": "expected a whole number.",
    "greater_than_equal": "expected at least {ge}.",
    "less_than_equal": "expected at most {le}.",
    "literal_error": "expected one of {known}.{hint}",
}
WORDS_OF_PROPERTIES = {"extra_forbidden": "there is no such key. Take it out.", "missing": "is missing. Add it."}


class ColumnMeta(BaseModel):
    """What a column's values must be. `references` is `<seed>.<column>`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    required: bool = False
    accepted_values: tuple[str, ...] = ()
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    references: Annotated[str, Field(pattern=r"^\w+\.\w+$")] | None = None


class SeedMeta(BaseModel):
    """A seed's key, and what an absent file means: no rows, or the shipped ones."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: tuple[str, ...]
    when_missing: Literal["empty", "shipped"]


Meta = TypeVar("Meta", ColumnMeta, SeedMeta)


class Config(BaseModel, Generic[Meta]):
    """`config` of a seed or column; its other keys are dbt's."""

    meta: Meta


class SeedColumn(BaseModel):
    """One column of a seed."""

    name: str
    data_type: Annotated[str, Field(pattern=r"^(string|boolean|date|bigint|double|decimal\(\d+,\d+\))$")]
    config: Config[ColumnMeta] = Config(meta=ColumnMeta())

    @property
    def meta(self) -> ColumnMeta:
        return self.config.meta

    @property
    def value_type(self) -> Any:
        """What pydantic makes of a text in this column."""
        if self.meta.accepted_values:
            return Literal[self.meta.accepted_values]
        if self.data_type in ("string", "boolean", "date"):
            return {"string": str, "boolean": Truth, "date": Day}[self.data_type]
        if self.data_type == "bigint":
            return Annotated[
                Decimal,
                Field(
                    multiple_of=1,
                    ge=self.meta.minimum,
                    le=BIGINT_TO if self.meta.maximum is None else self.meta.maximum,
                ),
            ]
        return Annotated[Decimal, Field(ge=self.meta.minimum, le=self.meta.maximum)]


class SeedDefinition(BaseModel):
    """One seed."""

    name: str
    config: Config[SeedMeta]
    columns: tuple[SeedColumn, ...]

    @property
    def key(self) -> tuple[str, ...]:
        return self.config.meta.key

    @property
    def when_missing(self) -> str:
        return self.config.meta.when_missing

    @functools.cached_property
    def row_model(self) -> type[BaseModel]:
        """A row: each column's value or nothing. Which columns are required is the rules' to say."""
        columns: dict[str, Any] = {column.name: (column.value_type | None, None) for column in self.columns}
        return create_model(self.name, **columns)

    def read(self, values: dict[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
        """The typed values of a row by column, and what is wrong with those that have none."""
        try:
            row = self.row_model.model_validate(values)
            return {name: value for name, value in row if value is not None}, {}
        except ValidationError as error:
            wrong = {str(found.place[0]): self._says(found) for found in faults(error)}
            return self.read({name: value for name, value in values.items() if name not in wrong})[0], wrong

    def _says(self, found: Fault) -> str:
        [column] = [column for column in self.columns if column.name == found.place[0]]
        known = column.meta.accepted_values
        return found.says(WORDS, known=", ".join(known), hint=suggestion(found.value, known))


class SeedProperties(BaseModel):
    """All of `_seeds.yml`."""

    seeds: tuple[SeedDefinition, ...]


def read_definitions(properties: Path) -> tuple[SeedDefinition, ...]:
    """The seeds that `_seeds.yml` declares, in its order. Raises SeedsInvalid."""
    return _definitions(properties.read_text(encoding="utf-8"))


@functools.cache
def _definitions(text: str) -> tuple[SeedDefinition, ...]:
    # every step of a run asks, and reading YAML takes longer than the rest of the answer
    document = load_lined(text)
    try:
        return SeedProperties.model_validate(document).seeds
    except ValidationError as error:
        problems = (
            Problem(
                SEED_PROPERTIES,
                line_of(document, found.place),
                f"{'.'.join(str(step) for step in found.place)}: {found.says(WORDS_OF_PROPERTIES)}",
            )
            for found in faults(error)
        )
        raise SeedsInvalid(SeedReport(tuple(problems), ())) from error
