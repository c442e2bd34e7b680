"""Switches what readers see: publish a candidate, go back to an earlier release, list them.

Everything before the switch of one symlink can fail without a reader noticing; everything after it can be
made up for by the next publish.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from orchestration.lib.core.activity import step
from orchestration.lib.core.clock import iso_text
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.files import sync_folder
from orchestration.lib.core.settings import Settings
from orchestration.lib.release.candidate import Candidate, Progress, discard, sweep
from orchestration.lib.release.folders import (
    DATABASE,
    ReleaseError,
    check_folders,
    held,
    point,
    remove,
    seal,
    serving_releases,
    unpublished,
)
from orchestration.lib.release.journal import (
    JOURNAL,
    ROLLED_BACK,
    Line,
    Served,
    Switch,
    forget_publishing,
    is_whole,
    ledger_rows,
    note_publishing,
    published_switch,
    publishing,
    read_line,
    read_served,
    write_line,
)
from orchestration.lib.release.ledgers import replace_rows
from orchestration.lib.release.previous import read_every_row


@dataclass(frozen=True)
class Release:
    """A release in the data set's folder.

    `is_current` marks the one that its line is at; `is_served` the one that readers get now. They differ when
    another data set was published since.
    """

    release_id: str
    previous_release_id: str | None
    data_set: str
    run_id: str
    git_commit: str | None
    status: str
    row_count: int
    is_current: bool
    is_served: bool
    as_of: datetime
    created_at: datetime
    directory: Path

    @property
    def database(self) -> Path:
        """The release's own file: a reader that remains opens this, never the link."""
        return self.directory / DATABASE


@dataclass(frozen=True)
class Publication:
    """What a publish did. `warnings` say what could not be cleaned up after the switch."""

    release: Release
    pruned: tuple[str, ...]
    warnings: tuple[str, ...]


def publish(candidate: Candidate, settings: Settings, *, progress: Progress = lambda message: None) -> Publication:
    """Makes a candidate the current release in one step, then prunes the line to `releases_kept`.

    Raises ReleaseError, with the old release still current, when the candidate is gone, when another release
    became current since it was written, and when the folders can't be written.
    """
    check_folders(settings)
    final = settings.releases / candidate.release_id
    with held(settings.releases), held(settings.serving):
        served = read_served(settings.serving)
        line = read_line(settings.releases, served=served)
        _refuse_stale(candidate, line)
        with _undone_on_failure(candidate, final, settings, line):
            sweep(settings.releases, line, but=candidate.directory)
            _write_down(line, served)
            seal(candidate.directory)
            note_publishing(settings.releases, candidate.release_id)
            candidate.directory.replace(final)
            sync_folder(settings.releases)
            _switch(settings, final)
        line = line.with_switch(published_switch(candidate.manifest, left=line.current))
        warnings, pruned = _tidy_up(settings, line, progress)
    release = next(r for r in releases(settings) if r.release_id == candidate.release_id)
    return Publication(release, pruned, warnings)


def rollback(settings: Settings, to: str | None = None, *, now: datetime) -> tuple[Release, Release | None]:
    """Switches readers back to the release before the current one, or to the one that `to` names.

    Returns the release that is current now and the one that was left: None when readers were on another data
    set and the line is where it was. `releases.jsonl` remembers it; the warehouse is untouched, so the next
    run publishes again. Raises ReleaseError listing the releases when there is none to go to.
    """
    check_folders(settings)
    with held(settings.releases), held(settings.serving):
        served = read_served(settings.serving)
        line = read_line(settings.releases, served=served)
        if to is None and served is not None and served.release.parent != settings.releases.resolve():
            raise ReleaseError(
                f"Readers are on {served.release.name}, of another data set, and rolling back is possible only within "
                f"one. Choose that data set to roll it back, or name the release of {settings.data_set} to "
                f"go to. {_listing(settings)}"
            )
        goal = to or line.predecessor(line.current)
        if goal is None:
            before = f"before {line.current}" if line.current else "to go back to"
            raise ReleaseError(f"There is no release {before}. {_listing(settings)}")
        target = settings.releases / goal
        if goal not in line.published or not is_whole(target):
            what = "is no release of this data set" if goal not in line.published else "was pruned"
            raise ReleaseError(f"{goal} {what}, so readers keep the release they have. {_listing(settings)}")
        if served is not None and served.release == target.resolve():
            raise ReleaseError(f"Readers are on {goal} already. {_listing(settings)}")
        _refuse_unreadable(target)
        with _explained(settings, line):
            _write_down(line, served)
            _switch(settings, target)
        left = line.current if line.current != goal else None
        if left:
            line = line.with_switch(Switch(ROLLED_BACK, goal, left, iso_text(now), {}))
        # Readers have been switched: what fails from here on is made up for by the next publish.
        with contextlib.suppress(OSError):
            write_line(line)
            _tidy_links(settings, line)
    listed = {release.release_id: release for release in releases(settings)}
    return listed[goal], listed.get(left or "")


def serve(settings: Settings) -> Release | None:
    """Points readers at the data set's current release, where they are on another data set's or on none.

    For a run that has nothing new to publish. Returns the release, or None when the data set has none yet.
    """
    check_folders(settings)
    with held(settings.releases), held(settings.serving):
        served = read_served(settings.serving)
        line = read_line(settings.releases, served=served)
        target = settings.releases / line.current if line.current else None
        if target is None or not is_whole(target):
            return None
        if served is None or served.release != target.resolve():
            _refuse_unreadable(target)
            with _explained(settings, line):
                _write_down(line, served)
                _switch(settings, target)
            with contextlib.suppress(OSError):
                _tidy_links(settings, line)
    return current_release(settings)


def releases(settings: Settings) -> list[Release]:
    """The data set's releases on the disk, newest first. Writes nothing."""
    served = read_served(settings.serving)
    line = read_line(settings.releases, served=served)
    found = []
    for row in ledger_rows(line.switches):
        directory = settings.releases / row["release_id"]
        if is_whole(directory):
            found.append(
                Release(
                    release_id=row["release_id"],
                    previous_release_id=row["previous_release_id"],
                    data_set=row["data_set"],
                    run_id=row["run_id"],
                    git_commit=row["git_commit"],
                    status=row["status"],
                    row_count=row["row_count"],
                    is_current=row["release_id"] == line.current,
                    is_served=served is not None and served.release == directory.resolve(),
                    as_of=row["as_of"],
                    created_at=row["created_at"],
                    directory=directory,
                )
            )
    return sorted(found, key=lambda release: release.release_id, reverse=True)


def current_release(settings: Settings) -> Release | None:
    """The release that the data set's line is at; None before the first."""
    return next((release for release in releases(settings) if release.is_current), None)


def published_ids(settings: Settings) -> frozenset[str]:
    """Every release that the data set ever published, pruned ones included."""
    return read_line(settings.releases, served=read_served(settings.serving)).published


def record_releases(connection: duckdb.DuckDBPyConnection, settings: Settings) -> int:
    """Makes hygiene.releases in the warehouse say what the line's journal says, and returns its rows.

    Called at the start of a run and after a publish: a run that died in between is made up for.
    """
    line = read_line(settings.releases, served=read_served(settings.serving))
    return replace_rows(connection, "releases", ledger_rows(line.switches))


def _refuse_stale(candidate: Candidate, line: Line) -> None:
    if candidate.directory.parent != line.folder:
        raise ReleaseError(
            f"{candidate.release_id} was written for another data set than {line.folder.parent.name}; data "
            "sets do not mix."
        )
    if not (candidate.directory / DATABASE).is_file():
        raise ReleaseError(
            f"The candidate {candidate.release_id} is gone: another run wrote a release since. "
            f"{unpublished(line.current)} Run again."
        )
    if candidate.previous_release_id != line.current:
        discard(candidate)
        raise ReleaseError(
            f"{line.current or 'No release'} became current while {candidate.release_id} was written on top "
            f"of {candidate.previous_release_id or 'nothing'}. {unpublished(line.current)} Run again."
        )


def _refuse_unreadable(release: Path) -> None:
    """Reads every row of a release that readers are about to get: of damage DuckDB speaks when it reads a block."""
    try:
        with (
            step("reading every row of the release"),
            open_duckdb(release / DATABASE, read_only=True, wait_seconds=0) as connection,
        ):
            read_every_row(connection)
    except (duckdb.Error, RuntimeError) as error:
        raise ReleaseError(
            f"{release / DATABASE} can't be read ({error}), so readers keep the release they have."
        ) from error


def _write_down(line: Line, served: Served | None) -> None:
    """Writes the repaired journals before the switch removes the evidence that they were repaired from."""
    write_line(line)
    # a publish that was killed after it was written down has left its note
    if publishing(line.folder) in line.published:
        forget_publishing(line.folder)
    if served is None or served.release.parent == line.folder.resolve():
        return
    # The other line belongs to another data set; a journal that can't be repaired now misses one switch, no
    # release.
    with contextlib.suppress(OSError, ReleaseError):
        if (served.release.parent / JOURNAL).is_file():
            write_line(read_line(served.release.parent, served=served))


def _switch(settings: Settings, release: Path) -> None:
    """Points `serving/` at a release. Raises nothing once the switch is made."""
    link = settings.serving / DATABASE
    if link.exists() and not link.is_symlink():
        raise ReleaseError(
            f"{link} should be the link to a release and is something of your own. Move it away and run again."
        )
    via = serving_releases(settings) / release.name
    point(via, release)
    sync_folder(via.parent)
    # A 1.x driver that opened the link for writing leaves its log next to the link, and would replay it into
    # the next release.
    link.with_name(link.name + ".wal").unlink(missing_ok=True)
    point(link, via / DATABASE)
    with contextlib.suppress(OSError):
        sync_folder(link.parent)


@contextlib.contextmanager
def _undone_on_failure(candidate: Candidate, final: Path, settings: Settings, line: Line) -> Iterator[None]:
    """Takes an unfinished publish back, unless readers are already on the new release."""
    try:
        with _explained(settings, line):
            yield
    except BaseException:
        served = read_served(settings.serving)
        if served is not None and served.release == final.resolve():
            raise
        with contextlib.suppress(OSError):
            (serving_releases(settings) / final.name).unlink(missing_ok=True)
        for folder in (candidate.directory, final):
            with contextlib.suppress(OSError):
                if folder.is_dir():
                    remove(folder)
        with contextlib.suppress(OSError):
            if not final.exists():
                forget_publishing(settings.releases)
        raise


@contextlib.contextmanager
def _explained(settings: Settings, line: Line) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ReleaseError(
            f"Switching {settings.serving} failed ({error}). {unpublished(line.current)} Fix that and run again."
        ) from error


def _tidy_up(settings: Settings, line: Line, progress: Progress) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Writes the journal, prunes, repairs the links. The release is published: what fails here is a warning."""
    warnings: list[str] = []
    pruned: list[str] = []
    try:
        write_line(line.shortened(settings.history_kept))
        forget_publishing(settings.releases)
        for release_id in _prunable(line, kept=settings.releases_kept):
            (serving_releases(settings) / release_id).unlink(missing_ok=True)
            remove(settings.releases / release_id)
            pruned.append(release_id)
        _tidy_links(settings, line)
    except OSError as error:
        warnings.append(f"{line.current} is published. Tidying up after it failed ({error}); the next one does it.")
        progress(warnings[-1])
    return tuple(warnings), tuple(pruned)


def _prunable(line: Line, *, kept: int) -> list[str]:
    """The releases beyond the newest `kept`, oldest first; never the current one, nor the one before it."""
    standing = _standing(line)
    needed = {line.current, line.predecessor(line.current)}
    spare = [release_id for release_id in standing if release_id not in needed]
    return spare[: max(0, len(standing) - kept)]


def _standing(line: Line) -> list[str]:
    """The line's releases that are on the disk, oldest first."""
    return sorted(path.name for path in line.folder.iterdir() if is_whole(path) and path.name in line.published)


def _tidy_links(settings: Settings, line: Line) -> None:
    """Makes `serving/releases/` show this line's releases and no other's."""
    folder = serving_releases(settings)
    standing = _standing(line)
    for link in list(folder.iterdir()):
        if link.is_symlink() and link.name not in standing:
            link.unlink(missing_ok=True)
    for release_id in standing:
        link = folder / release_id
        if not link.is_symlink() or link.resolve() != (line.folder / release_id).resolve():
            point(link, line.folder / release_id)


def _listing(settings: Settings) -> str:
    listed = releases(settings)
    if not listed:
        return f"{settings.data_set} has no releases."
    shown = "; ".join(
        f"{release.release_id} (as of {release.as_of:%Y-%m-%d %H:%M}, {release.row_count:,} rows"
        + (", current" if release.is_current else "")
        + (", rolled back" if release.status == ROLLED_BACK else "")
        + ")"
        for release in listed
    )
    return f"Releases of {settings.data_set}, newest first: {shown}."
