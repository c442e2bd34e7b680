"""`python -m orchestration <command>`: the commands behind `make`."""

from __future__ import annotations

from orchestration.cli.app import main

if __name__ == "__main__":
    raise SystemExit(main())
