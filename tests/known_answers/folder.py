"""The files that makers add, and how a value is written. The form is told in the package."""

import json
from pathlib import Path

VECTORS = Path(__file__).parent.parent / "vectors"


class Folder:
    """Collects files, refusing two of one name. ``made_anew`` names those that could not be kept as they were."""

    def __init__(self):
        self.files = {}
        self.made_anew = []

    def add(self, path, expect, test, /, *, body=None, **fields):
        """Add one vector. A list becomes repeated lines; ``body`` follows an empty line as it is."""
        lines = [f"expect: {expect}", f"test: {test}"]
        for name, value in fields.items():
            key = name.rstrip("_").replace("_", "-")
            lines += [f"{key}: {_value(item)}" for item in (value if isinstance(value, list) else [value])]
        raw = ("\n".join(lines) + "\n").encode("ascii")
        assert path not in self.files, path
        self.files[path] = raw if body is None else raw + b"\n" + body


class Word(str):
    """Written as it is, without quotes."""

    __slots__ = ()


def _value(value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, bytes):
        return value.hex() or "-"
    if isinstance(value, Word):
        return str(value)
    return json.dumps(value)
