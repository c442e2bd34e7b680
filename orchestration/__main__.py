"""`python -m orchestration <command>`: the commands behind `make`."""

from __future__ import annotations

from orchestration.cli.app import main
from orchestration.lib.core.garbage import look_for_garbage_rarely

if __name__ == "__main__":
    look_for_garbage_rarely()
    raise SystemExit(main())
