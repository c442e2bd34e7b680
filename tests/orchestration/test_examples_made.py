"""An example is made whole or not at all, whenever the making of it is killed."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from examples import omnichannel
from orchestration.cli import preparing
from orchestration.cli.preparing import make_example
from orchestration.lib.core.settings import Settings, read_settings

SMALL, OTHER = {"customers": 20, "days": 30}, {"customers": 25, "days": 30}


class Killed(BaseException):
    """What ends a process: nothing is tidied up after it."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = read_settings({"JOURNEYS_VAR": str(tmp_path)})
    settings.home.mkdir(parents=True)
    return settings


def make(settings: Settings, sizes: dict[str, int]) -> list[str]:
    said: list[str] = []
    make_example(settings, sizes=sizes, progress=said.append)
    return said


def contents(settings: Settings) -> dict[str, str]:
    return {
        str(path.relative_to(settings.extracts)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in settings.extracts.rglob("*")
        if path.is_file()
    }


def at_removing_the_extracts(patch: pytest.MonkeyPatch) -> None:
    def half(folder: Path) -> None:
        for path in sorted(path for path in Path(folder).rglob("*") if path.is_file())[::2]:
            path.unlink()
        raise Killed

    patch.setattr(preparing.shutil, "rmtree", half)


def at_making_the_extracts(patch: pytest.MonkeyPatch) -> None:
    whole = omnichannel.generate

    def half(extracts: Path, *args: Any, **named: Any) -> None:
        whole(extracts, *args, **named)
        shutil.rmtree(extracts / "web")
        raise Killed

    patch.setattr(omnichannel, "generate", half)


def at_noting_that_it_is_whole(patch: pytest.MonkeyPatch) -> None:
    def killed(*args: object, **named: object) -> None:
        raise Killed

    patch.setattr(preparing, "write_durably", killed)


@pytest.mark.parametrize("when", [at_removing_the_extracts, at_making_the_extracts, at_noting_that_it_is_whole])
def test_a_killed_start_over_leaves_nothing_that_passes_for_whole(
    settings: Settings, when: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    make(settings, OTHER)
    whole = contents(settings)
    make(settings, SMALL)
    assert contents(settings) != whole
    settings.warehouse.write_text("of the example before", encoding="utf-8")
    with monkeypatch.context() as patch:
        when(patch)
        with pytest.raises(Killed):
            make(settings, OTHER)
    # the next run names no sizes, or the same
    make(settings, OTHER)
    assert contents(settings) == whole
    assert not settings.warehouse.exists()
    assert make(settings, {}) == []


@pytest.mark.parametrize("text", ["", "{", "no example", "[1]"])
def test_a_damaged_note_has_the_example_made_again(settings: Settings, text: str) -> None:
    make(settings, SMALL)
    whole = contents(settings)
    (settings.home / "example.json").write_text(text, encoding="utf-8")
    (settings.extracts / "web").rename(settings.home / "elsewhere")
    assert make(settings, SMALL)
    assert contents(settings) == whole
