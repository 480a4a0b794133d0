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
        label, y = (self._recomputed(core, keys, lane=lane) for lane in (prf.LABEL_LANE, prf.DATA_LANE))
        words = ordered.shape[1] - 1
        pads = prf.pads(prf.public_permutation_key(core.seg_id), y, -(-words // 2))
        expected = np.concatenate([label[:, :1], self.plain ^ pads[:, :words]], axis=1)
        places = _first_places(ordered[:, 0], label[:, 0])
        for row, place in zip(expected, places.tolist(), strict=True):
            at = place
            while at < len(ordered) and ordered[at, 0] == row[0] and (ordered[at] != row).any():
                at += 1
            if at == len(ordered) or (ordered[at] != row).any():
                raise RuntimeError("a recomputed row differs from the sealed one: the segment must not be written")

    def _recomputed(self, core: SegmentCore, keys: list[Secret], *, lane: int) -> prf.Blocks:
        """The y of each row, by the library's CMAC."""
        sids, ranks = [sid.tobytes() for sid in self.sids], self.ranks.tolist()
        partials = (prf.reference_partials(key, sids, ranks, lane=lane, kind=core.kind) for key in keys)
        return prf.combine([np.frombuffer(one, "<u8").reshape(-1, 2) for one in partials])


def _first_places(labels: npt.NDArray[np.uint64], wanted: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Where each wanted label would stand among labels in the order of their bytes; shape (m,).

    Only the labels that are looked at are turned round.
    """
    low, high = np.zeros(len(wanted), np.int64), np.full(len(wanted), len(labels), np.int64)
    turned = wanted.byteswap()
    while (low < high).any():
        is_open, middle = low < high, (low + high) // 2
        is_before = labels[np.minimum(middle, len(labels) - 1)].byteswap() < turned
        low, high = np.where(is_open & is_before, middle + 1, low), np.where(is_open & ~is_before, middle, high)
    return low
