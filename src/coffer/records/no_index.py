"""The public no-index list: helplines, newsrooms and the like, of which no row is ever written.

Pure, column-wise.

Whoever could ask for *their* records would learn who called them. Implements ``docs/formats/people.md``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coffer import wire
from coffer.errors import MalformedInput
from coffer.identity.identifier import Identifier, IdentityType, pack_short_code, parse_subject

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from coffer.identity.arrays import U8, U64

NO_INDEX_FILE: Final = "no-index.txt"
_FIRST: Final = "coffer.no-index/v1"
_TYPES: Final = (IdentityType.E164, IdentityType.SHORT, IdentityType.EMAIL)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class NoIndex:
    """``numbers`` and ``short_codes`` (packed): ascending, each once.

    ``hash``: SHA-256 of the file. ``lines``: how many it has.
    """

    numbers: U64
    short_codes: U64
    addresses: tuple[str, ...]
    hash: bytes
    lines: int

    def is_listed(self, types: U8, number: U64, text: pa.StringArray) -> npt.NDArray[np.bool_]:
        """Which of a column of identities are on the list; shape (n,)."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        found = (types == IdentityType.E164) & _is_in(number, self.numbers)
        if len(self.short_codes):
            found |= (types == IdentityType.SHORT) & _is_in(number, self.short_codes)
        if self.addresses and text.null_count < len(text):
            listed = pc.is_in(text, value_set=pa.array(self.addresses, text.type))
            found |= (types == IdentityType.EMAIL) & listed.to_numpy(zero_copy_only=False)
        return np.asarray(found, np.bool_)


def parse_no_index(raw: bytes, place: str) -> NoIndex:
    """Read the list: its first line, then ``<day> <identity> <reason>`` a line.

    Raises:
        MalformedInput: the line at fault; an identity of a type that cannot be listed, or listed twice.
    """
    import numpy as np

    first, *lines = wire.parse_lines(raw, place)
    if first != _FIRST:
        raise MalformedInput(f"{place}: line 1: expected {_FIRST}")
    found = [_parse_line(line, f"{place}: line {number}") for number, line in enumerate(lines, 2)]
    if len({subject.sid for subject in found}) != len(found):
        raise MalformedInput(f"{place}: an identity is listed twice")
    numbers = [int(subject.value) for subject in found if subject.type is IdentityType.E164]
    short = [pack_short_code(subject.scope, subject.value) for subject in found if subject.type is IdentityType.SHORT]
    return NoIndex(
        numbers=np.sort(np.array(numbers, np.uint64)),
        short_codes=np.sort(np.array(short, np.uint64)),
        addresses=tuple(subject.value for subject in found if subject.type is IdentityType.EMAIL),
        hash=hashlib.sha256(raw).digest(),
        lines=len(found),
    )


def _parse_line(line: str, place: str) -> Identifier:
    day, _, rest = line.partition(" ")
    wire.parse_day(day, place)
    written, _, reason = rest.partition(" ")
    if not reason.strip():
        raise MalformedInput(f"{place}: expected a day, an identity and a reason")
    subject = parse_subject(written, place)
    if subject.type not in _TYPES:
        raise MalformedInput(f"{place}: expected tel:, short: or mailto:")
    return subject


def _is_in(values: U64, listed: U64) -> npt.NDArray[np.bool_]:
    import numpy as np

    if not len(listed):
        return np.zeros(len(values), np.bool_)
    at = np.minimum(np.searchsorted(listed, values), len(listed) - 1)
    return np.asarray(listed[at] == values, np.bool_)
