"""What a process of ours saves that imports much, does one thing, and ends."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import os
import signal
import sys
from typing import NoReturn, TextIO

# Python's own 700 has it walk through the modules of Dagster, Great Expectations and dbt hundreds of times while they
# are imported: 0.9 CPU seconds, for almost no garbage.
OBJECTS_BETWEEN_LOOKS = 50_000
# Linux's prctl: the signal that this process gets when its parent dies.
PR_SET_PDEATHSIG = 1


def look_for_garbage_rarely() -> None:
    """Has Python look less often for garbage that its reference counts don't find."""
    gc.set_threshold(OBJECTS_BETWEEN_LOOKS, 20, 50)


def die_with_parent() -> None:
    """Has the kernel end this process when its parent dies, where it can."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def answers() -> TextIO:
    """Standard output as a process got it, for its answers alone: what libraries print goes to standard error."""
    pipe = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return pipe


def end_at_once(code: int) -> NoReturn:
    """Ends the process without taking all modules apart first, which takes a CPU second; exit handlers run."""
    atexit._run_exitfuncs()
    # who reads may have gone, as `head` does
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)
