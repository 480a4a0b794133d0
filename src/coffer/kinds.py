"""The kinds of record, by name and by their number in files (``docs/formats/segment.md``)."""

from typing import Final

KINDS: Final = {"call": 1, "text": 2, "email": 3}
KIND_NAMES: Final = {number: name for name, number in KINDS.items()}
