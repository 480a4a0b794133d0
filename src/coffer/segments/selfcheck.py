"""What both ways of sealing rows share: canary, padding, rows recomputed. Pure.

Source: ``docs/formats/segment.md``, "Rows of a segment".
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from coffer.entropy import Entropy
from coffer.notes.keys import Secret
from coffer.segments import prf
from coffer.segments.header import PADDED_ROWS, SegmentCore

SELF_CHECKED_ROWS: Final = 100
"""Rows recomputed one by one before a segment is written.

A fault of memory, of a kernel or of the vectorised path shows before it is logged.
"""


def padded_count(rows: int) -> int:
    """Rows of a segment with the canary and dummies."""
    return -(-(rows + 1) // PADDED_ROWS) * PADDED_ROWS


def too_many_rows() -> RuntimeError:
    """The error for more rows than a segment may have, or more of one sid."""
    return RuntimeError("a segment has grown past its bounds: it should have been flushed to another part")


def canary_row(words: int) -> npt.NDArray[np.uint64]:
    """The canary as a packed row with so many words behind its sid; shape (1, 2 + words)."""
    row = np.zeros((1, 2 + words), np.uint64)
    row[0, :2] = np.frombuffer(prf.CANARY_SID, ">u8")
    return row


def draw_places(count: int, entropy: Entropy) -> npt.NDArray[np.int64]:
    """Random places among ``count`` rows, each once; shape (up to ``SELF_CHECKED_ROWS``,)."""
    draws = np.frombuffer(entropy(8 * SELF_CHECKED_ROWS), "<u8") % np.uint64(count)
    return np.unique(draws).astype(np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Checked:
    """Some rows, remembered before they are sealed.

    ``sids``: as blocks, shape (m, 2). ``ranks``: shape (m,). ``plain``: words with LAST, shape (m, w).
    """

    sids: prf.Blocks
    ranks: npt.NDArray[np.uint32]
    plain: npt.NDArray[np.uint64]

    def verify(self, ordered: npt.NDArray[np.uint64], core: SegmentCore, keys: list[Secret]) -> None:
        """Recompute each with the library's CMAC and find it among the sorted rows.

        Raises:
            RuntimeError: one is not there.
        """
        labels = ordered[:, 0]
        pi = prf.public_permutation_key(core.seg_id)
        for sid, rank, plain in zip(self.sids, self.ranks.tolist(), self.plain, strict=True):
            label = _xor(keys, sid.tobytes(), lane=prf.LABEL_LANE, kind=core.kind, rank=rank)[:8]
            y = _xor(keys, sid.tobytes(), lane=prf.DATA_LANE, kind=core.kind, rank=rank)
            pad = prf.reference_pads(pi, y, core.row_bytes - 8)
            expected = label + bytes(a ^ b for a, b in zip(plain.tobytes(), pad, strict=True))
            place = _first_place(labels, int.from_bytes(label, "big"))
            while (
                place < len(labels) and ordered[place].tobytes()[:8] == label and ordered[place].tobytes() != expected
            ):
                place += 1
            if place == len(labels) or ordered[place].tobytes() != expected:
                raise RuntimeError("a recomputed row differs from the sealed one: the segment must not be written")


def _first_place(labels: npt.NDArray[np.uint64], label: int) -> int:
    """Where a label would stand among labels in the order of their bytes.

    Only the labels that are looked at are turned round.
    """
    low, high = 0, len(labels)
    while low < high:
        middle = (low + high) // 2
        if int(labels[middle].byteswap()) < label:
            low = middle + 1
        else:
            high = middle
    return low


def _xor(keys: list[Secret], sid: bytes, *, lane: int, kind: int, rank: int) -> bytes:
    total = 0
    for key in keys:
        total ^= int.from_bytes(prf.reference_partial(key, sid, lane=lane, kind=kind, rank=rank), "big")
    return total.to_bytes(16, "big")
