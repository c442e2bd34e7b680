"""What a long step does at the moment, for whoever shows it: a command does, and nobody in Dagster's daemon."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

# Gets what is being done; None when it is done.
Show = Callable[[str | None], None]


class _Activity:
    """What this process does, and who shows it: one job runs in a process."""

    shows: tuple[Show, ...] = ()
    now: str | None = None


def doing(what: str | None, *, number: int | None = None, of: int | None = None, name: str | None = None) -> None:
    """Says what is done from now on; with `number`, how many `of` how many are done, and the `name` of the current one.

    Costs next to nothing where nobody shows it, so a loop may call it for each of its turns.
    """
    if not _Activity.shows:
        return
    if what is not None and number is not None:
        what = f"{what}: {number:,}{f' of {of:,}' if of is not None else ''}{f', {name}' if name else ''}"
    elif what is not None and name:
        what = f"{what}: {name}"
    _Activity.now = what
    _Activity.shows[-1](what)


@contextlib.contextmanager
def step(what: str) -> Iterator[None]:
    """Says what is done within, and afterwards, however that ends, what was done before."""
    before = _Activity.now
    doing(what)
    try:
        yield
    finally:
        doing(before)


@contextlib.contextmanager
def shown_by(show: Show) -> Iterator[None]:
    """Has what is done within shown."""
    before = _Activity.shows, _Activity.now
    _Activity.shows, _Activity.now = (*before[0], show), None
    try:
        yield
    finally:
        _Activity.shows, _Activity.now = before
