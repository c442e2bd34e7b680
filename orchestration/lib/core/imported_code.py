"""Finds the code that a module of the project consists of: its own, and what it imports, without importing it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

from orchestration.lib.core.settings import PROJECT_ROOT

PROJECT_PACKAGE = "orchestration"


@dataclass(frozen=True)
class ImportedCode:
    """The files of the project that modules consist of, in order, and the packages from elsewhere that these import."""

    files: tuple[Path, ...]
    packages: tuple[str, ...]

    def versions(self) -> list[str]:
        """Name and version of each distribution that one of the packages comes from."""
        return sorted({found for package in self.packages for found in _distributions(package)})


def imported_code(modules: Iterable[str], root: Path = PROJECT_ROOT) -> ImportedCode:
    """What modules consist of, imports inside functions included, those for type checkers left out.

    >>> code = imported_code(["orchestration.lib.core.sql"])
    >>> [file.name for file in code.files if file.name != "__init__.py"], code.packages
    (['sql.py'], ())
    """
    files: set[Path] = set()
    packages: set[str] = set()
    waiting, seen = list(modules), set()
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        package, _, _ = module.partition(".")
        if package != PROJECT_PACKAGE:
            if package not in sys.stdlib_module_names:
                packages.add(package)
        elif (file := _file_of(module, root)) is not None:
            files.add(file)
            waiting += _imports(ast.parse(file.read_bytes()))
            if "." in module:
                waiting.append(module.rpartition(".")[0])
    return ImportedCode(tuple(sorted(files)), tuple(sorted(packages)))


def _file_of(module: str, root: Path) -> Path | None:
    """The file of a module; none for what a module holds, such as a function."""
    place = root.joinpath(*module.split("."))
    return next((file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()), None)


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None and node.level == 0, "the project's imports are absolute"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            yield from (found for other in node.orelse for found in _imports(other))
        else:
            yield from _imports(node)


def _distributions(package: str) -> list[str]:
    try:
        return [f"{package} {version(package)}"]
    except PackageNotFoundError:
        # the few that are named otherwise; this reads what is said of every package that is installed
        return [f"{name} {version(name)}" for name in packages_distributions().get(package, ())]
