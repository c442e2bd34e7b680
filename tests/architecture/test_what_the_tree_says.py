"""The tree speaks of the product alone: no paths of one machine, no addresses of registries, nothing put off."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from orchestration.lib.core.settings import PROJECT_ROOT
from tests.architecture.project import TEXT, product_files, shown

# Put together here, so that this file doesn't hold what it looks for.
MACHINE_PATHS = re.compile(
    "|".join((r"(?<![\w./-])/wo" + r"rk/", r"(?<![\w.-])/ro" + r"ot\b", r"/tmp/" + r"w\b", r"/home/" + r"\w+/"))
)
REGISTRIES = re.compile(
    "|".join(
        (
            "pypi" + r"\.org", "files" + r"\.pythonhosted", "--index" + "-url", "--extra-index" + "-url",
            "artifact" + "ory", "conda" + r"\.anaconda",
        )
    )
)  # fmt: skip
PUT_OFF = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")


def text_of(path: Path) -> str:
    if path.suffix not in TEXT and path.name not in ("Makefile", "LICENSE"):
        return ""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def lines_with(pattern: re.Pattern[str], *, but: tuple[str, ...] = ()) -> list[str]:
    return [
        f"{shown(path)} line {number}: {line.strip()[:80]}"
        for path in product_files()
        if shown(path) not in but
        for number, line in enumerate(text_of(path).splitlines(), start=1)
        if pattern.search(line)
    ]


def test_no_path_of_one_machine_is_in_the_tree() -> None:
    assert lines_with(MACHINE_PATHS) == []


def test_no_address_of_a_registry_is_in_the_tree() -> None:
    # the target that writes the lock file sets its tool to omit the address
    assert lines_with(REGISTRIES, but=("Makefile",)) == []


def test_nothing_is_put_off_in_a_comment() -> None:
    assert lines_with(PUT_OFF) == []


def test_the_lock_file_pins_every_package_by_hash_and_holds_no_address() -> None:
    [lock] = [path for path in product_files() if path.name == "requirements.lock"]
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    packages = re.findall(r"^([A-Za-z0-9._\[\]-]+)(==\S+)?", text, re.MULTILINE)
    assert packages
    for block in re.split(r"\n(?=[A-Za-z0-9])", text.strip()):
        assert re.match(r"[A-Za-z0-9._\[\],-]+==\S+", block), block[:60]
        assert "--hash=sha256:" in block, block[:60]


def test_the_lock_file_holds_what_is_asked_for() -> None:
    asking = [path for path in product_files() if path.name.startswith("requirements.")]
    files = {path.name: path.read_text(encoding="utf-8") for path in asking}
    asked = {
        re.split(r"[<>=!~ \[]", line)[0].lower().replace("_", "-") for line in requirements(files["requirements.in"])
    }
    locked = {
        name.lower()
        for name in re.findall(r"^([A-Za-z0-9._-]+)(?:\[[a-z,]+\])?==", files["requirements.lock"], re.MULTILINE)
    }
    assert asked <= locked


def requirements(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def test_the_two_lists_of_packages_say_the_same() -> None:
    """pip installs from one, tools that read pyproject.toml from the other."""
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    listed = [*project["project"]["dependencies"], *project["dependency-groups"]["test"]]
    assert sorted(listed) == sorted(requirements((PROJECT_ROOT / "requirements.in").read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", ["README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "Makefile"])
def test_the_house_has_its_papers(name: str) -> None:
    assert name in {shown(path) for path in product_files()}
