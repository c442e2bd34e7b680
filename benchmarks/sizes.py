"""The loop that benchmarks of one stage share: sizes from the command line, each measured in a folder of its own."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from benchmarks.measuring import MeasuredFailure
from benchmarks.reporting import machine_facts, record

DEFAULT = ("1m",)
README = Path(__file__).with_name("README.md")


class OtherResult(RuntimeError):
    """Two methods that are compared came to other results."""


def add_sizes(parser: argparse.ArgumentParser, sizes: Collection[str]) -> None:
    """The arguments `sizes` and `--record`."""

    def size(text: str) -> str:
        if text.lower() not in sizes:
            raise argparse.ArgumentTypeError(f"there is no size {text}. Choose from {', '.join(sizes)}.")
        return text.lower()

    parser.add_argument(
        "sizes", nargs="*", type=size, default=DEFAULT, metavar="size", help=f"{', '.join(sizes)}; default 1m"
    )
    parser.add_argument("--record", action="store_true", help="write the figures into benchmarks/README.md")


def measure_sizes(
    sizes: Sequence[str],
    measure: Callable[[str, Path], str],
    *,
    name: str,
    begin: str,
    end: str,
    is_recorded: bool,
    folder: Path | None = None,
) -> int:
    """Prints, and records between two marks if asked to, what `measure` says of each size.

    `measure` gets a folder that is removed afterwards, in `folder` or the system's temporary one. Returns 0, or 1 when
    a size raised MeasuredFailure or OtherResult.
    """
    texts, loads = [], []
    for size in sizes:
        loads.append(os.getloadavg()[0])
        place = Path(tempfile.mkdtemp(prefix=f"journeys_{name}_{size}_", dir=folder))
        try:
            texts.append(measure(size, place))
        except (MeasuredFailure, OtherResult) as failure:
            print(f"{size}: {failure}", file=sys.stderr)
            return 1
        finally:
            shutil.rmtree(place, ignore_errors=True)
        loads.append(os.getloadavg()[0])
        print(f"\n{texts[-1]}", flush=True)
    facts = machine_facts(loads)
    print(f"\n{facts}")
    if is_recorded:
        record(README, "\n\n".join([facts, *texts]), begin=begin, end=end)
    return 0
