"""Runs a function, or a program, in a process of its own and says what it cost."""

from __future__ import annotations

import multiprocessing
import os
import resource
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

SECONDS_BETWEEN_LOOKS = 0.1
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class MeasuredFailure(RuntimeError):
    """What was measured failed; the message holds the traceback of a function, and the end of what was printed."""


@dataclass(frozen=True)
class Cost:
    """What a run took, with all the processes it started.

    `cpu_seconds` is the work of all cores: it says the same on a busy machine, where `seconds` also waits for others.
    `peak_bytes` is the memory at its greatest.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int


@dataclass(frozen=True)
class Sample:
    """What a process and its descendants had used at a moment, and the memory that they held then."""

    at: float
    cpu_seconds: float
    memory_bytes: int


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
    watch = _Watch(process)
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
    return value, watch.cost(seconds, usage)


def measured_program(
    command: Sequence[str], *, folder: Path, environment: Mapping[str, str], log: Path
) -> tuple[Cost, list[Sample]]:
    """Runs a program to its end; returns its cost and what was seen of it meanwhile. Raises MeasuredFailure."""
    started = time.time()
    with log.open("ab") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
    watch = _Watch(process.pid)
    _, status, usage = os.wait4(process.pid, 0)
    watch.stop()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise MeasuredFailure(f"{' '.join(command)} ended with code {process.returncode}.\n{_tail(log)}")
    cost = watch.cost(time.time() - started, usage)
    first, last = Sample(started, 0.0, 0), Sample(started + cost.seconds, cost.cpu_seconds, 0)
    return cost, [first, *watch.samples, last]


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


class _Watch:
    """Looks ten times a second at what a process and its descendants use."""

    def __init__(self, process: int) -> None:
        self.samples: list[Sample] = []
        self._process = process
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._is_over.set()
        self._thread.join()

    def cost(self, seconds: float, usage: resource.struct_rusage) -> Cost:
        # The samples add up processes that run side by side, the system's own figure misses no spike of a single one.
        peak_bytes = max([usage.ru_maxrss * 1024, *(sample.memory_bytes for sample in self.samples)])
        return Cost(seconds, usage.ru_utime + usage.ru_stime, peak_bytes)

    def _look(self) -> None:
        while not self._is_over.wait(SECONDS_BETWEEN_LOOKS):
            self.samples.append(Sample(time.time(), *_tree(self._process)))


def _tree(process: int) -> tuple[float, int]:
    """CPU seconds and resident memory of a process and its descendants; 0 where the system has no /proc.

    The seconds of children that ended are their parent's.
    """
    try:
        figures = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        children = " ".join(path.read_text() for path in Path(f"/proc/{process}/task").glob("*/children")).split()
    except OSError:
        return 0.0, 0  # it has just ended
    below = [_tree(int(child)) for child in children]
    cpu_seconds = sum(map(int, figures[11:15])) / TICKS_PER_SECOND
    memory_bytes = int(figures[21]) * PAGE_BYTES
    return cpu_seconds + sum(cpu for cpu, _ in below), memory_bytes + sum(memory for _, memory in below)


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n".join(lines[-30:])
