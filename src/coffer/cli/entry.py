"""The command ``coffer`` as it is installed.

It is guarded before it reads anything else, and Ctrl-C ends it cleanly even while Python still reads the program.
"""

import os
import sys

from coffer.guarded import guard


def main() -> None:
    """Run the command."""
    if sys.flags.ignore_environment and not sys.flags.safe_path:  # what we start inherits -E, and so would look here
        os.execv(sys.executable, [sys.executable, "-P", *sys.orig_argv[1:]])  # noqa: S606 - this very program again
    guard()
    try:
        from coffer.cli.main import main as run  # noqa: PLC0415 - reading it takes longer than many commands
    except KeyboardInterrupt:
        print("coffer: stopped", file=sys.stderr)
        sys.exit(130)
    run()
