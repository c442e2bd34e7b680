"""What a contract can say about how a file writes numbers, times and missing values."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from orchestration.lib.config.faults import fault, near, worded

# seconds, milliseconds and microseconds since 1970 in UTC; days since 1899-12-30, as a spreadsheet counts them
TIME_UNITS = ("seconds", "millis", "micros", "spreadsheet_days")
# What DuckDB's strptime reads, and which of them say the year, the month and the day.
_SPECIFIERS = set("aAwdbBmyYHIpMSfgnzZjUWcxXGuV%")
_DAY_OF_YEAR = (set("yYG"), set("mbBj"), set("dj"))
_WHOLE_DAY = set("cx")
_SPECIFIER = re.compile("%(-?.?)")


def read_list(values: Any) -> tuple[str, ...]:
    """One text or a list of texts, as a tuple; an empty text is one as well."""
    if isinstance(values, tuple):
        return values
    listed = values if isinstance(values, list) else [values]
    if not listed or not all(isinstance(value, str) for value in listed):
        raise fault("`{key}` of {what} must be a text or a list of texts; quote them.")
    return tuple(listed)


def read_time_formats(values: Any) -> tuple[str, ...]:
    """One time format or several, each with a year, a month and a day."""
    formats = read_list(values)
    zoned = {has_zone(text) for text in formats}
    if len(zoned) > 1:
        raise fault("`{key}` of {what}: either all formats have %z or %Z, or none.")
    for text in formats:
        found = {code.removeprefix("-") for code in _SPECIFIER.findall(text)}
        unknown = sorted(found - _SPECIFIERS)
        if unknown:
            raise fault("`{key}` of {what} has %{code}, which is no part of a time.", code=unknown[0])
        if "I" in found and "p" not in found:
            raise fault("`{key}` of {what} has %I, hours up to 12, without %p: morning or evening?")
        if not found & _WHOLE_DAY and not all(found & part for part in _DAY_OF_YEAR):
            raise fault(
                "`{key}` of {what} is `{text}`, which says no day; expected one such as %d.%m.%Y %H:%M:%S.", text=text
            )
    return formats


def has_short_year(time_format: str) -> bool:
    """Whether its year has two digits."""
    return bool({"y", "-y"} & set(_SPECIFIER.findall(time_format)))


def has_zone(time_format: str) -> bool:
    return bool({"z", "Z"} & set(_SPECIFIER.findall(time_format)))


def read_time_unit(value: Any) -> str:
    if value not in TIME_UNITS:
        close = near(value, TIME_UNITS)
        hint = f"Did you mean `{close}`?" if close else f"It may be: {', '.join(TIME_UNITS)}."
        raise fault("`{key}` of {what} is `{value}`. {hint}", hint=hint)
    return str(value)


def _is_mark(mark: str) -> str:
    if mark.isalnum() or mark in "+-":
        raise fault("`{key}` of {what} can't be `{value}`: it is part of a number.")
    return mark


Mark = Annotated[
    str,
    Field(min_length=1, max_length=1),
    worded("`{key}` of {what} must be one character, in quotes."),
    AfterValidator(_is_mark),
]
Symbol = Annotated[
    str, Field(min_length=1, max_length=8), worded("`{key}` of {what} must be a short text such as €, in quotes.")
]


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class ValueFormats:
    """How values are written. Of a table: unless a column says otherwise."""

    time_format: Annotated[tuple[str, ...], BeforeValidator(read_time_formats)] = ()
    decimal: Mark | None = None
    thousands: Mark | None = None
    currency_symbol: Symbol | None = None
    null_values: Annotated[tuple[str, ...], BeforeValidator(read_list)] = ()

    @property
    def has_number_format(self) -> bool:
        return bool(self.decimal not in (None, ".") or self.thousands or self.currency_symbol)
