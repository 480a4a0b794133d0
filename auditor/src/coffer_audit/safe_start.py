"""The first steps of the program: leave out the current folder, forbid core dumps.

They come before any import, because the current folder may hold the audited files, and Python would look there for
modules.
"""

# Import nothing else up here: Python would still look for it in the current folder.
import os
import sys

_NO_DUMP = 4  # PR_SET_DUMPABLE of prctl(2)


def start_safely() -> None:
    """Leave the current folder out of `sys.path`, and forbid core dumps.

    The folder stays if an absolute PYTHONPATH names it. Python may read modules there before this line runs;
    `python -P -m coffer_audit` prevents that.
    """
    here, given = os.getcwd(), os.environ.get("PYTHONPATH", "")
    if not sys.flags.safe_path and sys.path[:1] in ([""], [here]):
        del sys.path[0]
    relative = {
        os.path.normpath(os.path.join(here, part)) for part in given.split(os.pathsep) if given and part[:1] != "/"
    }
    sys.path[:] = [part for part in sys.path if part and os.path.normpath(part) not in relative]
    import ctypes
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_NO_DUMP, 0, 0, 0, 0)
