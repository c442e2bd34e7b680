"""What is wrong in a configuration, with file, line and fix."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """Something wrong in a seed: where, what, and how to fix it."""

    file: str
    line: int | None
    message: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file} line {self.line}"
        return f"{place}: {self.message}"


@dataclass(frozen=True)
class SeedReport:
    """What the check of a seeds folder found. Errors stop a run; warnings are shown."""

    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


class SeedsInvalid(ValueError):
    """The configuration contradicts itself; the message lists every error with file, line and fix."""

    def __init__(self, report: SeedReport) -> None:
        self.report = report
        super().__init__("\n".join(["The configuration has errors:", *(f"  {error}" for error in report.errors)]))
