"""The tables of numbers for the kernel that reads lines: which can exist, and whose they are. Pure.

``validity`` and ``numbering`` hold the same for columns.
"""

from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Final

import numpy as np
import numpy.typing as npt

from coffer.identity.arrays import U64
from coffer.identity.numbering import MAX_DIGITS, plans
from coffer.identity.validity import steps

_LEADING: Final = 100_000
_REST: Final = 10**MAX_DIGITS // _LEADING
SEVERAL: Final = 0xFFFFFFFF

_ALONE: Final = Lock()


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class NumberTables:
    """Which numbers can exist, and in which country; the fields are those of ``Steps`` and ``Plans``.

    ``leading``: by the first five digits of a number, left-aligned to 15, its possible lengths << 16 and its country;
    ``SEVERAL`` where the other digits matter too.
    """

    leading: npt.NDArray[np.uint32]
    valid_starts: U64
    valid_lengths: npt.NDArray[np.uint16]
    plan_starts: U64
    plan_ends: U64
    plan_countries: npt.NDArray[np.uint16]


def number_tables(version: str) -> NumberTables:
    """The tables by which a roster's version tells countries.

    Threads that ask at once get the same, read once.

    Raises:
        Unavailable: that version is not here.
    """
    with _ALONE:
        return _read(version)


@cache
def _read(version: str) -> NumberTables:
    valid, plan = steps(), plans(version)
    edges = np.arange(_LEADING + 1, dtype=np.uint64) * np.uint64(_REST)
    first, last = edges[:-1], edges[1:] - np.uint64(1)
    low, high = (np.searchsorted(plan.starts, edge, side="right") - 1 for edge in (first, last))
    at = np.maximum(low, 0)
    is_within = (low >= 0) & (last <= plan.ends[at])
    is_without = (low < 0) | (first > plan.ends[at])
    is_one = (low == high) & (is_within | is_without) & (valid.first == valid.last) & (valid.first >= 0)
    country = np.where(is_within, plan.countries[at], np.uint16(0)).astype(np.uint32)
    lengths = valid.lengths[np.maximum(valid.first, 0)].astype(np.uint32)
    return NumberTables(
        leading=np.where(is_one, lengths << np.uint32(16) | country, np.uint32(SEVERAL)),
        valid_starts=valid.starts,
        valid_lengths=valid.lengths,
        plan_starts=plan.starts,
        plan_ends=plan.ends,
        plan_countries=plan.countries,
    )
