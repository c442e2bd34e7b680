"""Generates the extracts from the command line: `python -m examples.complete_journey`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from examples.complete_journey import PackageMissing, generate


def main() -> int:
    """Reads the arguments, generates, and returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m examples.complete_journey", description=__doc__)
    parser.add_argument(
        "--extracts", type=Path, default=Path("var/complete_journey/extracts"), help="folder of the extracts"
    )
    parser.add_argument("--truth", type=Path, default=Path("var/complete_journey/truth"), help="folder of the truth")
    parser.add_argument("--households", type=int, default=None, help="how many to take, such as 100; all when left out")
    arguments = parser.parse_args()
    try:
        generate(arguments.extracts, arguments.truth, households=arguments.households)
    except (PackageMissing, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
