"""Generates the example's extracts and truth from the command line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from examples.omnichannel import Dirt, generate
from orchestration.lib.core.settings import EXAMPLES, parse_as_of

EXAMPLE = EXAMPLES["omnichannel"]


def main(arguments: list[str] | None = None) -> int:
    """Reads the arguments, generates, and prints what came of it."""
    parser = argparse.ArgumentParser(prog="python -m examples.omnichannel", description=__doc__)
    parser.add_argument("--customers", type=int, default=4_000, help="people in the simulation (default 4000)")
    parser.add_argument("--days", type=int, default=365, help="days before the clock (default 365)")
    parser.add_argument("--seed", type=int, default=20_260_701, help="another seed, another world")
    parser.add_argument("--as-of", default=EXAMPLE.as_of.isoformat(), help="the clock, ISO 8601 (default %(default)s)")
    parser.add_argument(
        "--extracts", type=Path, default=Path("var/omnichannel/extracts"), help="folder of the extracts"
    )
    parser.add_argument("--truth", type=Path, default=Path("var/omnichannel/truth"), help="folder of the truth")
    parser.add_argument(
        "--dirt",
        type=float,
        default=1.0,
        help="times the declared rates of dirt: 0 clean, 1 as declared, 2 double",
    )
    options = parser.parse_args(arguments)
    try:
        report = generate(
            options.extracts,
            options.truth,
            customers=options.customers,
            days=options.days,
            seed=options.seed,
            as_of=parse_as_of(options.as_of) or EXAMPLE.as_of,
            dirt=Dirt().scaled(options.dirt),
        )
    except (ValueError, FileExistsError) as error:
        print(f"omnichannel: {error}", file=sys.stderr)
        return 2
    for table, rows in sorted(report.rows.items()):
        print(f"  {table:<28}{rows:>12,} rows")
    for kind, count in sorted(report.dirt_counts.items()):
        print(f"  dirt: {kind:<22}{count:>12,}")
    print(
        f"{report.event_count:,} events in {report.file_count:,} files, {report.byte_count / 1e6:,.1f} MB, "
        f"{report.seconds:.1f} s, {report.event_count / max(report.seconds, 1e-9):,.0f} events per second"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
