"""What every process of ours does before it does anything else.

Promises: a process that may hold records or keys leaves no core dump and lets no other process of its user look into its memory, and no
module is looked for in the folder where a command is run, which may be the folder into which others deliver files. Trusts the interpreter, the
rest of ``sys.path``, and what ``PYTHONPATH`` names by absolute path. What Python reads before our first line is not in our hands:
``python -m`` looks in the current folder (``python -P -m`` does not), and so does an empty part of ``PYTHONPATH``.
"""

# Nothing else is imported up here, not even typing: it would be looked for in the folder that is yet to be left out.
import os
import sys

_NO_DUMP = 4
"""PR_SET_DUMPABLE of prctl(2)."""


def guard() -> None:
    """Leave the current folder out of ``sys.path``, here and of whatever is started from here; forbid core dumps and looks into memory.

    An ``exec`` undoes the latter: each process calls it.
    """
    given = os.environ.get("PYTHONPATH", "")
    sys.path[:] = safe_path(sys.path, given, os.getcwd(), has_first=not sys.flags.safe_path)
    os.environ["PYTHONSAFEPATH"] = "1"
    if given:
        os.environ["PYTHONPATH"] = os.pathsep.join(part for part in given.split(os.pathsep) if os.path.isabs(part))
    import ctypes
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_NO_DUMP, 0, 0, 0, 0)


def safe_path(path: list[str], given: str, here: str, *, has_first: bool) -> list[str]:
    """``sys.path`` without the current folder, unless somebody named that by an absolute path.

    ``given``: PYTHONPATH. ``here``: the current folder. ``has_first``: Python put the script's or the current folder first.
    """
    first = [entry for entry in path[:1] if has_first and entry in ("", here)]
    relative = [entry for entry in given.split(os.pathsep) if given and not os.path.isabs(entry)]
    unwanted = {os.path.normpath(os.path.join(here, entry)) for entry in relative}
    # An editable install puts the name of its import hook there, which is no folder.
    kept = [entry for entry in path[len(first) :] if os.path.isabs(entry) or entry.endswith(".__path_hook__")]
    return [entry for entry in kept if os.path.normpath(entry) not in unwanted]
