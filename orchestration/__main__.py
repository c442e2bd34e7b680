"""`python -m orchestration <command>`: the commands behind `make`."""

from __future__ import annotations

from orchestration.cli.app import main
from orchestration.lib.core.processes import end_at_once, look_for_garbage_rarely

if __name__ == "__main__":
    look_for_garbage_rarely()
    end_at_once(main())
