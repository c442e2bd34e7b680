"""Writes the SQL that takes a value out of JSON text by the steps of a path."""

from __future__ import annotations

import json
from collections.abc import Sequence

from orchestration.lib.config.json_paths import Step
from orchestration.lib.core.sql import literal


def json_at(text: str, steps: Sequence[Step]) -> str:
    """The JSON value at the end of the steps; null where there is none, or the text is no JSON."""
    plain, at = _plain_steps(steps), text
    if plain:
        at = f"json_extract({text}, {literal(_path(plain))})"
    if len(plain) == len(steps):
        return at
    step, rest = steps[len(plain)], steps[len(plain) + 1 :]
    assert step.member is not None and step.value is not None
    same = f"json_extract_string(element, {literal(_path([Step(key=step.member)]))}) = {literal(step.value)}"
    elements = f"case json_type({at}) when 'ARRAY' then from_json({at}, '[\"json\"]') end"
    return json_at(f"list_filter({elements}, lambda element: {same})[1]", rest)


def text_at(text: str, steps: Sequence[Step]) -> str:
    """The value at the end of the steps as text: a string without its quotes, anything else as JSON."""
    plain = _plain_steps(steps)
    if plain and len(plain) == len(steps):
        return f"json_extract_string({text}, {literal(_path(plain))})"
    return f"json_extract_string({json_at(text, steps)}, '$')"


def key_path(key: str) -> str:
    """The path of a key of the outermost object, as DuckDB writes it."""
    return _path([Step(key=key)])


def _plain_steps(steps: Sequence[Step]) -> Sequence[Step]:
    """The steps up to the first that looks for an element by what is in it."""
    count = next((number for number, step in enumerate(steps) if step.member is not None), len(steps))
    return steps[:count]


def _path(steps: Sequence[Step]) -> str:
    return "$" + "".join(
        f".{json.dumps(step.key, ensure_ascii=False)}" if step.key is not None else f"[{step.place}]" for step in steps
    )
