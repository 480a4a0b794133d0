"""The kinds of vectors, how many files each has, and all of them made at once.

A number here is changed together with the files, so that a lost vector fails the tests.
"""

import importlib

from known_answers.folder import Folder

COUNTS = {
    "amendment": 30,
    "answer": 23,
    "approvals": 104,
    "authorization": 171,
    "desk": 27,
    "entries": 169,
    "exchange": 37,
    "hpke": 10,
    "identity": 188,
    "log": 64,
    "notes": 71,
    "rules": 28,
    "segments": 170,
    "standing": 73,
    "state": 242,
    "wire": 48,
}
ATTRIBUTES = ".gitattributes"


def made():
    """Every vector, made again: a path below tests/vectors -> the file's bytes."""
    out = Folder()
    for kind in COUNTS:
        importlib.import_module(f"known_answers.{kind}.make").make(out)
    files = {f"{path}.txt": raw for path, raw in out.files.items()}
    return files | {ATTRIBUTES: b"*.txt -text\n"}, out.made_anew


def kept(folder):
    """The files of ``folder`` in the same form."""
    paths = [*folder.glob("*/*"), folder / ATTRIBUTES]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(paths) if path.is_file()}


def differences(files, folder):
    """A line for each file that is missing in ``folder``, too much, or has other bytes."""
    there = kept(folder)
    told = dict.fromkeys(files.keys() - there.keys(), "missing")
    told |= dict.fromkeys(there.keys() - files.keys(), "no maker makes it")
    told |= {path: "other bytes" for path in files.keys() & there.keys() if files[path] != there[path]}
    return [f"{path}: {what}" for path, what in sorted(told.items())]


def write(files, folder):
    """Make ``folder`` hold ``files`` and no other vector."""
    for path in kept(folder).keys() - files.keys():
        (folder / path).unlink()
    for path, raw in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(raw)
