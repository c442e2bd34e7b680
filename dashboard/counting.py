"""Figures that take a while: a page shows those that are ready, says what is still counted, and asks again."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from dashboard.figure import Figure, Page, Question
from dashboard.filters import Filters
from dashboard.release import QUERY_SECONDS, NoAnswer, Release
from dashboard.view import TOO_FEW, View

log = logging.getLogger("dashboard")

# A page that shows nothing for a second is thought to be broken.
PATIENCE = 0.8
# Figures at once, of all readers: one that nobody waits for any more must not hold up those of others.
AT_ONCE = 8
# A figure that has not begun by then and that no request asked for again makes room: pages ask every few seconds.
WAITED_FOR_SECONDS = 15.0
# What nobody came back for is dropped.
KEPT_SECONDS = 120.0

COUNTING = (
    f"Counting … It comes by itself. A query that takes longer than {QUERY_SECONDS:.0f} seconds is given up; "
    "a figure may ask several."
)


@dataclass(frozen=True)
class Shown:
    """A question with its answer, as the template draws it; `is_counting` where there is none yet."""

    question: Question
    figure: Figure
    queries: Sequence[str] = ()
    suppressed_count: int = 0
    is_counting: bool = False


@dataclass
class Counting:
    """The figures of pages, each counted in a thread of its own. `patience` is in seconds."""

    patience: float = PATIENCE
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(AT_ONCE, "figure"))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _under_way: dict[tuple[object, ...], tuple[Future[Shown], float]] = field(default_factory=dict)

    def shown(
        self,
        page: Page,
        questions: Sequence[Question],
        release: Release,
        filters: Filters,
        path: str,
        extra: Mapping[str, str],
    ) -> list[Shown]:
        """The questions' answers, as far as they are ready within the patience. The same call later has the others.

        `path` and `extra` are those of the address. The release stays open until its figures are counted.
        """
        address = (release.release_id, page.name, *sorted(extra.items()))
        asked = {question.name: (question.name, *address) for question in questions}
        futures = {}
        with self._lock:
            self._forget_old()
            for question in questions:
                key = asked[question.name]
                if key not in self._under_way:
                    view = View(release, filters, path=path, extra=extra)
                    self._under_way[key] = self._begin(page, question, view), time.monotonic()
                future = self._under_way[key][0]
                self._under_way[key] = future, time.monotonic()
                futures[question.name] = future
        wait(futures.values(), timeout=self.patience)
        with self._lock:
            for question in questions:
                # its answers stay with the release: whoever asks again has them at once
                if futures[question.name].done():
                    self._under_way.pop(asked[question.name], None)
        return [
            futures[question.name].result()
            if futures[question.name].done()
            else Shown(question, Figure(empty=COUNTING), is_counting=True)
            for question in questions
        ]

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _begin(self, page: Page, question: Question, view: View) -> Future[Shown]:
        stack = contextlib.ExitStack()
        stack.enter_context(view.release.held())
        future = self._pool.submit(answer, page, question, view)
        future.add_done_callback(lambda _: stack.close())
        return future

    def _forget_old(self) -> None:
        now = time.monotonic()
        for key, (future, asked) in list(self._under_way.items()):
            # a request that is patient is still waiting
            is_left = now - asked > WAITED_FOR_SECONDS + self.patience and future.cancel()
            if is_left or (future.done() and now - asked > KEPT_SECONDS):
                del self._under_way[key]


def answer(page: Page, question: Question, view: View) -> Shown:
    """A question's answer; one that fails says so and leaves the others of the page as they are."""
    try:
        is_too_small = page.shows_instances and view.is_too_small
        figure = Figure(empty=TOO_FEW) if is_too_small else question.answer(view)
    except NoAnswer as error:
        figure = Figure(empty=str(error))
    except Exception:
        # the others of the page are worth showing
        log.exception("figure %s", question.name)
        figure = Figure(empty="This figure failed; the terminal of make dashboard says why. The others hold.")
    if figure.empty and view.suppressed_count:
        figure = Figure(empty=TOO_FEW)
    return Shown(question, figure, view.queries, view.suppressed_count)
