"""The diagram of published tables has every table, every reference, and nothing that a browser would fetch."""

from __future__ import annotations

import re
from itertools import combinations
from xml.etree import ElementTree

from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.dbt.mart_tests import read_tested
from orchestration.lib.dbt.marts import read_marts
from orchestration.lib.dbt.project import read_dbt_manifest
from orchestration.lib.drawing.entity_diagram import HEAD, ROW, Entity, draw_entities

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
    joins = [join for mart in marts for join in mart.facts.joins]
    leads = [*(one.to_table for one in references), *(join.to for join in joins)]
    for target in set(leads):
        assert words.count(f"→ {target}") == leads.count(target)
    dimensions = {
        "core.dim_channels",
        "core.dim_dates",
        "core.dim_touchpoints",
        "journeys.dim_journeys",
        "journeys.dim_phases",
    }
    assert dimensions <= set(leads), "what most questions join"
    assert {"journey_id, journey_version", "journey_id, …, phase_id"} <= set(words)
    assert not re.search(r"(href|url\(|<image|<script)", text) and "prefers-color-scheme:dark" in text


def test_boxes_do_not_overlap_and_references_in_a_circle_end() -> None:
    entities = [
        Entity("core.a", ("id",), (("b_id", "core.b", "id"),), 3),
        Entity("core.b", ("id",), (("a_id", "core.a", "id"), ("own_id", "core.b", "id")), 3),
        *(Entity(f"flows.c{n}", ("id", "day"), (("a_id", "core.a", "id"),), 9) for n in range(9)),
        Entity("kpis.<alone>", (), (), 1),
        Entity("kpis.whole", ("id", "part"), (), 2, ((("id", "part"), "core.joined"),)),
        Entity("core.joined", ("id", "part"), (), 2),
    ]
    text = draw_entities(entities)
    boxes = [
        tuple(float(box.attrib[name]) for name in ("x", "y", "width", "height"))
        for box in ElementTree.fromstring(text).iter(f"{SVG}rect")
        if box.attrib["class"].startswith("card")
    ]
    assert len(boxes) == 13 and "&lt;alone&gt;" in text
    assert text.count("stroke-dasharray") == 1, "a join may find no row"
    assert sorted(height for *_, height in boxes)[0] == HEAD + 2 * ROW + 4, (
        "no line is kept for columns that are not there"
    )
    for (x, y, width, height), (other_x, other_y, other_width, other_height) in combinations(boxes, 2):
        is_apart = x + width <= other_x or other_x + other_width <= x
        assert is_apart or y + height <= other_y or other_y + other_height <= y
