"""What is done before any import: the current folder is left out, core dumps are forbidden.

The current folder may hold what is audited, so no module is looked for there.
"""

# Nothing else is imported up here: it would be looked for in the folder that is yet to be left out.
import os
import sys

_NO_DUMP = 4  # PR_SET_DUMPABLE of prctl(2)


def start_safely() -> None:
    """Leave the current folder out of `sys.path`, and forbid core dumps.

    It stays if an absolute PYTHONPATH names it.
    What Python reads before this line is not in our hands: `python -P -m coffer_audit` looks nowhere here either.
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
