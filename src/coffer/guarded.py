"""The guard that every process of ours sets up before anything else.

Promises: a process that may hold records or keys leaves no core dump, and no other process of its user can look into
its memory. No module is looked for in the current folder, because others may deliver files there. Trusts the
interpreter, the rest of ``sys.path``, and the folders that ``PYTHONPATH`` names by absolute path. Python may read files
before our first line, which we cannot prevent: ``python -m`` looks in the current folder (``python -P -m`` does not),
and so does an empty part of ``PYTHONPATH``.
"""

# Import nothing else up here, not even typing: Python would still look for it in the current folder.
import os
import sys

_NO_DUMP = 4
"""PR_SET_DUMPABLE of prctl(2)."""


def guard() -> None:
    """Leave the current folder out of ``sys.path``; forbid core dumps and looks into memory.

    The path holds for child processes too. An ``exec`` undoes the rest, so each process calls this itself.
    """
    given = os.environ.get("PYTHONPATH", "")
    sys.path[:] = safe_path(sys.path, given, os.getcwd(), has_first=not sys.flags.safe_path)
    os.environ["PYTHONSAFEPATH"] = "1"
    os.environ.setdefault(
        "OPENBLAS_NUM_THREADS", "1"
    )  # numpy starts them when it is imported, and nothing here needs them
    if given:
        os.environ["PYTHONPATH"] = os.pathsep.join(part for part in given.split(os.pathsep) if os.path.isabs(part))
    import ctypes
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_NO_DUMP, 0, 0, 0, 0)


def safe_path(path: list[str], given: str, here: str, *, has_first: bool) -> list[str]:
    """``sys.path`` without the current folder, unless somebody named that by an absolute path.

    ``given``: PYTHONPATH. ``here``: the current folder. ``has_first``: Python has put the folder of the script, or the
    current one, first.
    """
    first = [entry for entry in path[:1] if has_first and entry in ("", here)]
    relative = [entry for entry in given.split(os.pathsep) if given and not os.path.isabs(entry)]
    unwanted = {os.path.normpath(os.path.join(here, entry)) for entry in relative}
    # An editable install adds the name of its import hook, which is no folder.
    kept = [entry for entry in path[len(first) :] if os.path.isabs(entry) or entry.endswith(".__path_hook__")]
    return [entry for entry in kept if os.path.normpath(entry) not in unwanted]
