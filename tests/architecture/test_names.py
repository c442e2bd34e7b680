"""Names state the layer, the source and the grain; files are named for what they hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestration.lib.core.settings import PROJECT_ROOT
from tests.architecture.project import COMMENT, Model, models, product_files, release_facts, shown

DEFINED = re.compile(r"{%-?\s*(?:macro|materialization|test)\s+([a-z0-9_]+)")
SNAKE = re.compile(r"^[a-z][a-z0-9]*(_{1,2}[a-z0-9]+)*$")


def macros(folder: str) -> list[Path]:
    return sorted((PROJECT_ROOT / "macros" / folder).glob("*.sql"))


def defined_in(path: Path) -> list[str]:
    return DEFINED.findall(COMMENT.sub("", path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("model", models(), ids=lambda model: model.name)
def test_a_model_is_named_for_its_layer(model: Model) -> None:
    assert SNAKE.match(model.name)
    if model.layer == "staging":
        assert re.fullmatch(rf"stg_{model.folder}__[a-z_]+", model.name)
    elif model.layer == "intermediate":
        assert re.fullmatch(r"int_[a-z]+(_[a-z]+)*", model.name)
    else:
        # a mart without a prefix says in its YAML that readers know it by a plain name
        has_prefix = re.match(r"(dim|fct|bridge|agg)_[a-z]", model.name) is not None
        assert has_prefix != release_facts(model.name).get("has_plain_name", False)


@pytest.mark.parametrize("path", sorted((PROJECT_ROOT / "models").rglob("*.yml")), ids=lambda path: path.stem)
def test_yaml_is_named_for_its_folder(path: Path) -> None:
    if path.parent.name == "marts":
        assert path.stem in ("_exposures", "_groups", "_metrics", "_semantic_models")
        return
    layer = path.relative_to(PROJECT_ROOT / "models").parts[0]
    folder = f"int_{path.parent.name}" if layer == "intermediate" else path.parent.name
    assert path.stem in {f"_{folder}__{kind}" for kind in ("sources", "models", "unit_tests")}


def test_a_singular_test_is_a_sentence() -> None:
    for path in (PROJECT_ROOT / "tests" / "dbt" / "singular").glob("*.sql"):
        assert re.fullmatch(r"assert(_[a-z0-9]+){3,}", path.stem), path.name


@pytest.mark.parametrize("path", sorted((PROJECT_ROOT / "macros").rglob("*.sql")), ids=lambda path: path.stem)
def test_a_macro_file_is_named_as_its_macro_and_begins_with_what_it_returns(path: Path) -> None:
    assert defined_in(path)[0] == path.stem
    text = path.read_text(encoding="utf-8")
    assert text.startswith("{#"), "a macro file opens with a docstring"
    # a helper next to the macro explains itself
    for helper in defined_in(path)[1:]:
        if "__" not in helper:
            assert re.search(rf"#}}\s*{{%-?\s*macro\s+{helper}\b", text), f"{helper} has no docstring"


@pytest.mark.parametrize("path", macros("engine"), ids=lambda path: path.stem)
def test_an_engine_macro_has_one_form_per_engine_and_no_default(path: Path) -> None:
    assert defined_in(path) == [path.stem, f"duckdb__{path.stem}", f"spark__{path.stem}"]
    assert f"adapter.dispatch('{path.stem}', 'journeys')" in path.read_text(encoding="utf-8")


def test_a_dispatch_is_in_the_engine_folder_alone() -> None:
    elsewhere = [
        shown(path)
        for path in (PROJECT_ROOT / "macros").rglob("*.sql")
        if path.parent.name != "engine" and re.search(r"adapter\.dispatch\(", path.read_text(encoding="utf-8"))
    ]
    assert elsewhere == []


def test_no_macro_is_defined_twice() -> None:
    # an engine has a materialisation of the same name
    names = [
        (name, path.parent.name if "materializations" in path.parts and name == path.stem else "")
        for path in (PROJECT_ROOT / "macros").rglob("*.sql")
        for name in defined_in(path)
    ]
    assert len(names) == len(set(names))


def test_no_python_file_is_a_drawer_for_everything() -> None:
    assert not {path.name for path in product_files()} & {"utils.py", "util.py", "helpers.py", "common.py", "misc.py"}


def test_python_files_begin_with_what_they_do_and_put_off_annotations() -> None:
    """Definitions that Dagster inspects need annotations as they are; all else puts them off."""
    for path in product_files():
        if path.suffix == ".py" and path.name != "__init__.py" and path.name != "set_up.py":
            text = path.read_text(encoding="utf-8")
            assert text.startswith('"""'), shown(path)
            # nor may models, whose text dbt puts into a module of its own
            if not shown(path).startswith(("orchestration/defs/", "models/")) and path.name != "definitions.py":
                assert "from __future__ import annotations" in text, shown(path)
