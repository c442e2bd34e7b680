"""Puts what pydantic finds wrong in a file into words for the person who wrote the file."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BeforeValidator, ValidationError, WrapValidator
from pydantic_core import PydanticCustomError

WORDED = "worded"
MISSING = "missing"
# what pydantic calls a key that a model, or a dataclass, doesn't have
UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Fault:
    """One thing wrong: its keys and positions from the top of the document, what pydantic calls it, the value."""

    place: Place
    kind: str
    value: object
    message: str
    context: Mapping[str, Any]

    def says(self, words: Mapping[str, str], **more: object) -> str:
        """The words that the type or rule brings along, else those given for the kind, with their values filled in."""
        template = self.context.get("words") or words.get(self.kind)
        return template.format(**self.context, **more, value=self.value) if template else self.message


def faults(error: ValidationError) -> list[Fault]:
    """What an error of pydantic holds, in the order of the fields."""
    found = []
    for one in error.errors(include_url=False):
        context = one.get("ctx", {})
        place = (*one["loc"], *context.get("at", ()))
        found.append(Fault(place, one["type"], one["input"], one["msg"], context))
    return found


def fault(words: str, *at: str | int, **values: object) -> PydanticCustomError:
    """An error for validators to raise. `at` leads from the validated value to the key at fault.

    `words` may hold `{value}`, the names in `values`, and what the reader of the file adds.
    """
    return PydanticCustomError(WORDED, "{words}", {"words": words, "at": at, **values})


def worded(words: str) -> WrapValidator:
    """As metadata of a type: whatever is wrong with a value of the type so far is said in these words."""

    def validated(value: Any, handler: Callable[[Any], Any]) -> Any:
        try:
            return handler(value)
        except ValidationError as error:
            if all(one.kind == WORDED for one in faults(error)):
                raise
            raise fault(words) from error

    return WrapValidator(validated)


def must(holds: Callable[[Any], bool], words: str) -> BeforeValidator:
    """As metadata of a type: what is given must hold, before pydantic reads it."""

    def checked(value: Any) -> Any:
        if not holds(value):
            raise fault(words)
        return value

    return BeforeValidator(checked)


def is_list_of_tables(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


def near(word: object, known: Iterable[str]) -> str | None:
    """The known word that is most like this one.

    >>> near("prefx", ["prefix", "equal"])
    'prefix'
    """
    return next(iter(difflib.get_close_matches(str(word), list(known), n=1)), None)


def suggestion(word: object, known: Iterable[str]) -> str:
    """A question to append to a message; empty where nothing known is like the word."""
    found = near(word, known)
    return f" Did you mean {found}?" if found else ""


def check_known(value: object, known: Iterable[str], subject: str, *at: str | int) -> None:
    """Raises a fault that says what the value may be, or which known one is like it."""
    known = tuple(known)
    if value not in known:
        close = near(value, known)
        hint = f"Did you mean `{close}`?" if close else f"It may be: {', '.join(known)}."
        raise fault(f"{subject} is `{{found}}`. {{hint}}", *at, found=value, hint=hint)


def read_texts(values: Any) -> tuple[str, ...]:
    """The entries of a YAML list as texts; a tuple is of the code's own making."""
    if isinstance(values, tuple):
        return values
    if not isinstance(values, list) or not values or any(isinstance(value, list | dict | None) for value in values):
        raise fault("`{key}` of {what} must be a list of names, such as [{key}_1].")
    if any(isinstance(value, bool) for value in values):
        raise fault("`{key}` of {what}: YAML reads yes, no, on and off as truths; quote them.")
    texts = tuple(str(value) for value in values)
    if len(set(texts)) < len(texts):
        raise fault("`{key}` of {what} names something twice.")
    return texts
