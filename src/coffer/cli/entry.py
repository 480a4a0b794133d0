"""The command ``coffer`` as it is installed.

It is guarded before it reads anything else, and Ctrl-C ends it cleanly even while Python still reads the program.
"""

import gc
import os
import sys
import threading
from contextlib import suppress
from typing import NoReturn

from coffer.guarded import guard

_MADE_BEFORE_COLLECTING = 50_000
"""So many objects are made before Python looks for garbage; reading the libraries makes more, of which none is garbage."""


def main() -> None:
    """Run the command."""
    if sys.flags.ignore_environment and not sys.flags.safe_path:  # what we start inherits -E, and so would look here
        os.execv(sys.executable, [sys.executable, "-P", *sys.orig_argv[1:]])  # noqa: S606 - this very program again
    guard()
    gc.set_threshold(_MADE_BEFORE_COLLECTING)
    try:
        from coffer.cli.main import main as run  # noqa: PLC0415 - reading it takes longer than many commands
    except KeyboardInterrupt:
        print("coffer: stopped", file=sys.stderr)
        sys.exit(130)
    try:
        run()
    except SystemExit as stop:
        if isinstance(stop.code, int) and threading.active_count() == 1:
            leave(stop.code)
        raise


def leave(code: int) -> NoReturn:
    """End the process now.

    Taking all modules apart first, as Python does, takes up to a fifth of a second. What must be done before is
    done already, by the blocks that were left. Outputs are flushed.
    """
    with suppress(OSError, ValueError):  # closed, or full: the code says how the command went
        sys.stderr.flush()
    os._exit(code)
