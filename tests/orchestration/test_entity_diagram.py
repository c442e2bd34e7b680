"""The diagram of published tables has every table, every reference, and nothing that a browser would fetch."""

from __future__ import annotations

import re
from itertools import combinations
from xml.etree import ElementTree

from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.dbt.mart_tests import read_tested
from orchestration.lib.dbt.marts import read_marts
from orchestration.lib.dbt.project import read_dbt_manifest
from orchestration.lib.drawing.entity_diagram import Entity, draw_entities

SVG = "{http://www.w3.org/2000/svg}"


def test_every_table_and_every_reference_is_in_the_picture_of_the_docs() -> None:
    """That it is current is tested with the other lists of published tables."""
    text = (PROJECT_ROOT / "docs" / "images" / "entities.svg").read_text(encoding="utf-8")
    picture = ElementTree.fromstring(text)
    words = [element.text for element in picture.iter(f"{SVG}text")]
    manifest = read_dbt_manifest()
    marts = read_marts(manifest)
    tested = read_tested(manifest, marts)
    for mart in marts:
        assert mart.label in words or mart.name in words, mart.label
    references = [one for said in tested.values() for one in said.references]
    assert len(references) > 20
    for target in {one.to_table for one in references}:
        assert words.count(f"→ {target}") == sum(one.to_table == target for one in references)
    assert not re.search(r"(href|url\(|<image|<script)", text) and "prefers-color-scheme:dark" in text


def test_boxes_do_not_overlap_and_references_in_a_circle_end() -> None:
    entities = [
        Entity("core.a", ("id",), (("b_id", "core.b", "id"),), 3),
        Entity("core.b", ("id",), (("a_id", "core.a", "id"), ("own_id", "core.b", "id")), 3),
        *(Entity(f"flows.c{n}", ("id", "day"), (("a_id", "core.a", "id"),), 9) for n in range(9)),
        Entity("kpis.<alone>", (), (), 1),
    ]
    text = draw_entities(entities)
    boxes = [
        tuple(float(box.attrib[name]) for name in ("x", "y", "width", "height"))
        for box in ElementTree.fromstring(text).iter(f"{SVG}rect")
        if box.attrib["class"].startswith("card")
    ]
    assert len(boxes) == 11 and "&lt;alone&gt;" in text
    for (x, y, width, height), (other_x, other_y, other_width, other_height) in combinations(boxes, 2):
        is_apart = x + width <= other_x or other_x + other_width <= x
        assert is_apart or y + height <= other_y or other_y + other_height <= y
