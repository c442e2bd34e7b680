"""`python -m orchestration <command>`: the commands behind `make`."""

from __future__ import annotations

import os
import sys

try:
    from orchestration.cli.activity_display import printable_streams
    from orchestration.cli.app import main
    from orchestration.lib.core.files import keep_private
    from orchestration.lib.core.processes import end_at_once, look_for_garbage_rarely
except KeyboardInterrupt:
    print("\nStopped before anything was done.", file=sys.stderr)
    sys.exit(130)

if __name__ == "__main__":
    look_for_garbage_rarely()
    keep_private()
    # names of files and columns, and messages that quote values, are texts of others
    sys.stdout, sys.stderr = printable_streams(sys.stdout, sys.stderr, os.environ)
    end_at_once(main())
