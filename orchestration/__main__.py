"""`python -m orchestration <command>`: the commands behind `make`."""

from __future__ import annotations

import sys
from typing import TextIO, cast

from orchestration.cli.app import main
from orchestration.lib.core.files import keep_private
from orchestration.lib.core.processes import end_at_once, look_for_garbage_rarely
from orchestration.lib.core.terminal import PrintableStream

if __name__ == "__main__":
    look_for_garbage_rarely()
    keep_private()
    # names of files and columns, and messages that quote values, are texts of others
    sys.stdout = cast("TextIO", PrintableStream(sys.stdout))
    sys.stderr = cast("TextIO", PrintableStream(sys.stderr))
    end_at_once(main())
