"""Reads YAML and remembers on which line each key is."""

from __future__ import annotations

from typing import Any

import yaml

from orchestration.lib.config.faults import Place


class LinedMapping(dict):
    """A YAML mapping that remembers its own line and the line of each of its keys."""

    line: int
    lines: dict[Any, int]


class _LineLoader(yaml.CSafeLoader):
    """Loads YAML with line numbers, and refuses a key that is twice in one mapping."""


def _construct_mapping(loader: _LineLoader, node: yaml.MappingNode) -> LinedMapping:
    loader.flatten_mapping(node)
    mapping = LinedMapping()
    mapping.line = node.start_mark.line + 1
    mapping.lines = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in mapping.lines:
            raise yaml.constructor.ConstructorError(None, None, f"{key!r} is twice in one mapping", key_node.start_mark)
        mapping.lines[key] = key_node.start_mark.line + 1
        mapping[key] = loader.construct_object(value_node, deep=True)
    return mapping


_LineLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _construct_mapping)


def load_lined(text: str) -> Any:
    """The document, with a LinedMapping for every mapping. Raises yaml.YAMLError."""
    return yaml.load(text, Loader=_LineLoader)  # a SafeLoader underneath


def line_of(document: LinedMapping, place: Place) -> int:
    """The line of a place in the document; for a key that is missing, the line of the mapping that lacks it."""
    found: Any = document
    line = document.line
    for step in place:
        if isinstance(found, LinedMapping):
            line = found.lines.get(step, found.line)
            found = found.get(step)
        elif isinstance(found, list) and isinstance(step, int):
            found = found[step]
            line = found.line if isinstance(found, LinedMapping) else line
    return line
