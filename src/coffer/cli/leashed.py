"""``coffer`` as a process that a longer command started: it ends with its parent, however that ends.

A parent that is told to stop stops its children itself. This is for one that is killed.
"""

import ctypes
import os
import signal
import sys

from coffer.cli.entry import main

_END_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of prctl(2)."""


def run() -> None:
    """Tie this process to its parent, then be ``coffer``."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_END_WITH_PARENT, signal.SIGTERM, 0, 0, 0)
    if os.getppid() == 1:  # the parent ended meanwhile
        sys.exit(0)
    main()


if __name__ == "__main__":
    run()
