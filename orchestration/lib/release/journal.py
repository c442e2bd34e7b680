"""Remembers, per data set, what its line of releases went through: `releases.jsonl` next to the releases.

One line per switch of what the data set serves, in order. The journal follows the switch: when a crash falls
between the two, what `serving/` shows is the truth and the journal is repaired from it. While a release gets its name
and is switched to, `.publishing` names it: of all whole releases only that one may be none.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orchestration.lib.core.clock import iso_text
from orchestration.lib.core.files import write_durably
from orchestration.lib.release.folders import DATABASE, MANIFEST, ReleaseError

JOURNAL = "releases.jsonl"
PUBLISHING = ".publishing"

# Without these a manifest says nothing of a release.
MANIFEST_KEYS = frozenset(
    ("release_id", "data_set", "previous_release_id", "run_id", "created_at", "as_of", "git", "checks", "tables")
)

PUBLISHED = "published"
ROLLED_BACK = "rolled_back"


@dataclass(frozen=True)
class Switch:
    """One switch of what a data set serves.

    `left` is the release that was current before; `facts` what a published release's manifest says of it.
    """

    action: str
    release_id: str
    left: str | None
    at: str
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Served:
    """What `serving/` shows: a release's own folder, and since when."""

    release: Path
    since: datetime


def read_served(serving: Path) -> Served | None:
    """The release that readers get now; None when there is none, or when it was deleted."""
    link = serving / DATABASE
    if not link.is_symlink() or not link.exists():
        return None
    return Served(link.resolve().parent, datetime.fromtimestamp(link.lstat().st_mtime, UTC))


@dataclass(frozen=True)
class Line:
    """A data set's releases in the order in which they were served, pruned ones included."""

    folder: Path
    switches: tuple[Switch, ...]

    @property
    def current(self) -> str | None:
        return self.switches[-1].release_id if self.switches else None

    @property
    def published(self) -> frozenset[str]:
        return frozenset(switch.release_id for switch in self.switches)

    def predecessor(self, release_id: str | None) -> str | None:
        """The release that was current when `release_id` was published."""
        return next((s.left for s in self.switches if s.action == PUBLISHED and s.release_id == release_id), None)

    def with_switch(self, switch: Switch) -> Line:
        return replace(self, switches=(*self.switches, switch))

    def shortened(self, kept: int) -> Line:
        """The line without what became of releases that are gone, but for the `kept` newest."""
        there = {path.name for path in self.folder.iterdir() if is_whole(path)}
        named = there | set(sorted(self.published)[-kept:])
        return replace(self, switches=tuple(switch for switch in self.switches if switch.release_id in named))


def read_line(folder: Path, *, served: Served | None) -> Line:
    """Reads a line's journal, repaired by what is served and by the releases that are there.

    A journal that is missing, empty or cut short gets the switches of the whole releases that it does not name from
    their manifests. Raises ReleaseError naming the file and the line that is no switch.
    """
    path = folder / JOURNAL
    switches = _parse(path) if path.is_file() else ()
    line = Line(folder, _with_unnamed_releases(folder, switches))
    if served is None or served.release.parent != folder.resolve() or served.release.name == line.current:
        return line
    if served.release.name in line.published:
        return line.with_switch(Switch(ROLLED_BACK, served.release.name, line.current, iso_text(served.since), {}))
    return line.with_switch(published_switch(read_manifest(served.release), left=line.current))


def write_line(line: Line) -> None:
    """Writes a line's journal, unless it says the same already."""
    path = line.folder / JOURNAL
    text = "".join(json.dumps(vars(switch)) + "\n" for switch in line.switches)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_durably(path, text)


def note_publishing(folder: Path, release_id: str) -> None:
    """Notes durably which release is about to get its name: until the switch it is none."""
    write_durably(folder / PUBLISHING, release_id)


def forget_publishing(folder: Path) -> None:
    (folder / PUBLISHING).unlink(missing_ok=True)


def publishing(folder: Path) -> str | None:
    """The release that got its name, or was about to, when a publish last did not come to its end."""
    path = folder / PUBLISHING
    return path.read_text(encoding="utf-8") if path.is_file() else None


def published_switch(manifest: Mapping[str, Any], *, left: str | None) -> Switch:
    git = manifest["git"] or {}
    checks = manifest["checks"]
    return Switch(
        action=PUBLISHED,
        release_id=manifest["release_id"],
        left=left,
        at=manifest["created_at"],
        facts={
            "data_set": manifest["data_set"],
            "run_id": manifest["run_id"],
            "git_commit": git.get("commit"),
            "is_dirty": git.get("is_dirty"),
            "table_count": len(manifest["tables"]),
            "row_count": sum(table["row_count"] for table in manifest["tables"]),
            "passed_check_count": checks.get("pass", 0),
            "failed_check_count": checks.get("fail", 0),
            "errored_check_count": checks.get("error", 0),
            "as_of": manifest["as_of"],
        },
    )


def ledger_rows(switches: Iterable[Switch]) -> list[dict[str, Any]]:
    """The rows of hygiene.releases: one per release that was published, oldest first."""
    rows: dict[str, dict[str, Any]] = {}
    for switch in switches:
        if switch.action == PUBLISHED:
            rows[switch.release_id] = {
                "release_id": switch.release_id,
                "previous_release_id": switch.left,
                **switch.facts,
                "status": PUBLISHED,
                "as_of": datetime.fromisoformat(switch.facts["as_of"]),
                "created_at": datetime.fromisoformat(switch.at),
                "rolled_back_at": None,
            }
            continue
        if switch.left in rows:
            rows[switch.left] |= {"status": ROLLED_BACK, "rolled_back_at": datetime.fromisoformat(switch.at)}
        if switch.release_id in rows:
            rows[switch.release_id] |= {"status": PUBLISHED, "rolled_back_at": None}
    return list(rows.values())


def read_manifest(release: Path) -> dict[str, Any]:
    """Reads a release's manifest. Raises ReleaseError naming the file."""
    path = release / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
        if missing := sorted(MANIFEST_KEYS - manifest.keys()):
            raise ValueError(f"it has no {', '.join(missing)}")
        return manifest
    except (OSError, ValueError, AttributeError) as error:
        raise ReleaseError(f"{path} can't be read ({error}): {release.name} is not a whole release.") from error


def is_whole(release: Path) -> bool:
    """Whether a folder holds a release with all its parts."""
    has_all_parts = (release / DATABASE).is_file() and (release / MANIFEST).is_file()
    return has_all_parts and not release.name.startswith(".")


def _parse(path: Path) -> tuple[Switch, ...]:
    switches = []
    for number, text in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            switches.append(Switch(**json.loads(text)))
        except (ValueError, TypeError) as error:
            raise ReleaseError(
                f"{path} line {number} is no switch of a release ({error}). Delete the file: it is made "
                "again from the manifests of the releases next to it."
            ) from error
    return tuple(switches)


def _with_unnamed_releases(folder: Path, switches: tuple[Switch, ...]) -> tuple[Switch, ...]:
    named = {switch.release_id for switch in switches} | {publishing(folder)}
    lost = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name not in named and is_whole(path):
            # one whose manifest is damaged as well stays where it is, and is no release that one can go to
            with contextlib.suppress(ReleaseError):
                manifest = read_manifest(path)
                lost.append(published_switch(manifest, left=manifest["previous_release_id"]))
    # switches of one instant keep their order: a release is left after it was published
    return tuple(sorted((*switches, *lost), key=lambda switch: datetime.fromisoformat(switch.at))) if lost else switches
