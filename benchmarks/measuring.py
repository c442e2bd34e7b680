"""Runs a function in a process of its own and says what it cost."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

SECONDS_BETWEEN_LOOKS = 0.1
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class MeasuredFailure(RuntimeError):
    """The measured function failed; the message holds its traceback and the end of what it printed."""


@dataclass(frozen=True)
class Cost:
    """What a run took, with all the processes it started.

    `cpu_seconds` is the work of all cores: it says the same on a busy machine, where `seconds` also waits for others.
    `peak_bytes` is the memory at its greatest.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def measured(function: Callable[..., Any], *arguments: Any, log: Path) -> tuple[Any, Cost]:
    """Runs `function(*arguments)` in a fork and returns its result and what it cost.

    A fork starts with the modules that are imported already, so a stage pays for its work and not for the
    start of Python; and what one stage leaves in memory is not counted against the next. What it prints goes to
    `log`. The result has to be picklable. Raises MeasuredFailure.
    """
    receiver, sender = multiprocessing.Pipe(duplex=False)
    sys.stdout.flush()
    sys.stderr.flush()
    process = os.fork()
    if process == 0:
        receiver.close()
        _run_and_leave(function, arguments, sender, log)
    sender.close()
    watch = _MemoryWatch(process)
    try:
        outcome = receiver.recv()
    except EOFError:
        outcome = ("failed", "the process ended without a word", 0.0)
    finally:
        watch.stop()
        _, _, usage = os.wait4(process, 0)
        receiver.close()
    verdict, value, seconds = outcome
    if verdict == "failed":
        raise MeasuredFailure(f"{value}\nThe end of what it printed:\n{_tail(log)}")
    # The watch adds up processes that run side by side, the system's own figure misses no spike of a single one.
    peak_bytes = max(watch.peak_bytes, usage.ru_maxrss * 1024)
    return value, Cost(seconds, usage.ru_utime + usage.ru_stime, peak_bytes)


def _run_and_leave(function: Callable[..., Any], arguments: tuple[Any, ...], sender: Connection, log: Path) -> None:
    """The fork's life; it never returns, so that nothing of the parent is run or flushed twice."""
    code = 1
    try:
        output = log.open("a", encoding="utf-8")
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
        # their replacements belong to the parent
        sys.stdout = sys.stderr = output
        started = time.monotonic()
        value = function(*arguments)
        outcome = ("done", value, time.monotonic() - started)
        output.flush()
        sender.send(outcome)
        code = 0
    except BaseException:
        sys.stdout.flush()
        sender.send(("failed", traceback.format_exc(), 0.0))
    finally:
        os._exit(code)


class _MemoryWatch:
    """Looks ten times a second at the memory of a process and its descendants, and keeps the greatest sum."""

    def __init__(self, process: int) -> None:
        self.peak_bytes = 0
        self._process = process
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._is_over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._is_over.wait(SECONDS_BETWEEN_LOOKS):
            self.peak_bytes = max(self.peak_bytes, _tree_bytes(self._process))


def _tree_bytes(process: int) -> int:
    """Resident memory of a process and its descendants; 0 where the system has no /proc."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
        children = " ".join(path.read_text() for path in Path(f"/proc/{process}/task").glob("*/children")).split()
    except (OSError, IndexError):
        return 0  # it has just ended
    return pages * PAGE_BYTES + sum(_tree_bytes(int(child)) for child in children)


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n".join(lines[-30:])
