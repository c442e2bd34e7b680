"""Runs a command at a terminal of a given size, as a person would, and what is on its screen afterwards."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

# What this project's commands send to a terminal: colours, and the live line.
ESCAPES = re.compile("\x1b\\[([0-9;]*)([mK])")


@dataclass(frozen=True)
class Session:
    """What a command sent to its terminal, and its exit code."""

    sent: str
    code: int

    @property
    def rows(self) -> list[str]:
        """The lines as they are on the terminal at the end, without colours. Raises for an escape that is not ours."""
        rows = [""]
        column = 0
        for part in re.split("(\x1b\\[[0-9;]*[mK]|\r|\n)", self.sent):
            if part == "\r":
                column = 0
            elif part == "\n":
                rows.append("")
            elif ESCAPES.fullmatch(part):
                if part.endswith("K"):
                    rows[-1] = rows[-1][:column]
            else:
                assert "\x1b" not in part, part
                rows[-1] = rows[-1][:column].ljust(column) + part + rows[-1][column + len(part) :]
                column += len(part)
        return rows


def _at_its_terminal() -> None:
    # the terminal that Ctrl-C is typed at is the one that controls the process
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    # and who sits at one is heard, even where the tests run in the background of a script, which ignores Ctrl-C
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def at_terminal(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    columns: int = 80,
    rows: int = 24,
    interrupts: Callable[[str], bool] = lambda sent: False,
    typed: Sequence[tuple[str, str]] = (),
    before_typing: Callable[[str], None] = lambda keys: None,
    seconds: float = 120,
) -> Session:
    """Runs a command at a terminal; Ctrl-C is typed once what it sent satisfies `interrupts`.

    `typed` are texts to wait for, each with the keys that are typed when it was sent after the text before it (a byte
    that is not UTF-8 as Python escapes it, "\\udcff");
    `before_typing` is called with these keys first.
    """
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = subprocess.Popen(
        command,
        env={name: text for name, text in environment.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
        | {name: environment[name] for name in ("NO_COLOR", "FORCE_COLOR") if environment.get(name)},
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
        preexec_fn=_at_its_terminal,
    )
    os.close(follower)
    sent, deadline, is_interrupted = b"", time.monotonic() + seconds, False
    waiting, seen = list(typed), 0
    while time.monotonic() < deadline:
        # what waits for keys that nobody types sends nothing
        if not select.select([leader], [], [], 1)[0]:
            continue
        try:
            data = os.read(leader, 65536)
        except OSError:  # the last process that had it open has ended
            break
        if not data:
            break
        sent += data
        if not is_interrupted and interrupts(sent.decode("utf-8", "ignore")):
            is_interrupted = True
            os.write(leader, b"\x03")
        while waiting and (found := sent.find(waiting[0][0].encode(), seen)) >= 0:
            text, keys = waiting.pop(0)
            seen = found + len(text.encode())
            before_typing(keys)
            if keys == "\x03":
                # between the prompt on the screen and the wait for keys Python would note it only at the next key
                time.sleep(0.5)
            os.write(leader, keys.encode(errors="surrogateescape"))
    else:
        os.killpg(process.pid, signal.SIGKILL)
    code = process.wait()
    os.close(leader)
    return Session(sent.decode("utf-8", "replace"), code)
