"""Sealing with compiled kernels: the bytes that ``seal`` makes, in fewer passes. Pure.

Ranks come from a hash table instead of a sort, each row is moved into a bucket of its label as it is sealed, and the
buckets are sorted one by one. Source: ``docs/formats/segment.md``, "Rows of a segment".
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from coffer import kernels
from coffer.entropy import Entropy
from coffer.notes.keys import Secret
from coffer.segments import prf
from coffer.segments.header import SegmentCore
from coffer.segments.rows import LAST_WORD, SID_WORDS, PackedRows
from coffer.segments.selfcheck import Checked, canary_row, draw_places, padded_count, too_many_rows

U64 = npt.NDArray[np.uint64]
U32 = npt.NDArray[np.uint32]

SLICE_ROWS: Final = 2**15
"""Rows sealed at once: half a MiB for each array of blocks, so that they stay in the cache of one core."""
BUCKET_ROWS: Final = 2**12
"""A bucket of so many rows stays in the cache of one core while it is sorted."""
PARTS: Final = 2**12
"""Parts of a bucket that are counted before their rows are compared: about one for each row."""
_PAGE_BYTES: Final = 4096
"""Memory that begins at a multiple of this can be written to a disk from where it stands."""
_IS_LAST: Final = np.uint32(1 << 31)
"""The bit by which the kernel marks the highest rank of a sid."""


def fused_rows(core: SegmentCore, rows: PackedRows, keys: list[Secret], entropy: Entropy) -> U64 | None:
    """The rows of a segment, sealed and sorted, as words; shape (padded, row_bytes / 8).

    None without kernels. None too if labels are so uneven that a bucket runs over, which happens to one segment in
    many millions.
    """
    kernel = kernels.sealing
    if kernel is None:
        return None
    count, padded, words = len(rows) + 1, padded_count(len(rows)), core.row_bytes // 8
    canary, ranks = canary_row(words - 1), np.zeros(count, np.uint32)
    ranks[-1] = _IS_LAST
    slots = np.zeros((1 << (len(rows) + len(rows) // 4).bit_length(), 2), np.uint64)
    # Whoever dials numbers does not know the segment's nonce, so none can be chosen that meet in one slot.
    multiplier = int.from_bytes(core.seg_id[:8], "big") | 1
    if kernel.rank_rows(rows.words, slots, ranks[:-1], multiplier) >= prf.MAX_RANK:
        raise too_many_rows()
    del slots
    checked = _remember(rows.words, canary, ranks, draw_places(count, entropy))
    buckets = 1 << (padded // BUCKET_ROWS).bit_length()
    room = _room(padded, buckets)
    out, filled = _aligned(buckets * room, words), np.zeros(buckets, np.int64)
    maker = _Maker(core, keys, min(SLICE_ROWS, count))
    for start in range(0, count - 1, SLICE_ROWS):
        part = slice(start, min(start + SLICE_ROWS, count - 1))
        if not maker.place(rows.words[part], ranks[part], out, filled):
            return None
    dummies = np.frombuffer(entropy((padded - count) * core.row_bytes), "<u8").reshape(-1, words)
    if not (maker.place(canary, ranks[-1:], out, filled) and kernel.place_whole(dummies, out, filled)):
        return None
    kernel.sort_buckets(out, filled, np.empty((room, words), np.uint64), np.empty(PARTS + 1, np.uint32))
    ordered = out[:padded]
    checked.verify(ordered, core, keys)
    return ordered


def _room(padded: int, buckets: int) -> int:
    """Rows for which a bucket has room: ten times the deviation of their number above its mean."""
    if buckets == 1:
        return padded
    mean = padded / buckets
    return int(mean + 10 * mean**0.5) + 64


def _aligned(rows: int, words: int) -> U64:
    """Room for so many rows, from which a disk can take them without a copy; shape (rows, words)."""
    memory = np.empty(rows * words + _PAGE_BYTES // 8, np.uint64)
    start = -memory.ctypes.data % _PAGE_BYTES // 8
    return memory[start : start + rows * words].reshape(rows, words)


def _remember(words: U64, canary: U64, ranks: U32, at: npt.NDArray[np.int64]) -> Checked:
    """The rows at these places, the canary behind the others, with LAST."""
    rows = words[at[at < len(words)]]
    some = np.concatenate([rows, canary[: len(at) - len(rows)]])
    plain = some[:, SID_WORDS:]
    plain[ranks[at] >= _IS_LAST, 1] |= np.uint64(LAST_WORD)
    return Checked(sids=some[:, :SID_WORDS].byteswap(), ranks=ranks[at] & ~_IS_LAST, plain=plain)


class _Maker:
    """Makes labels and pads of rows, a slice at a time, in arrays that are used again."""

    def __init__(self, core: SegmentCore, keys: list[Secret], most: int) -> None:
        self._clauses = [prf.encryptor(key.unsafe_bytes()) for key in keys]
        self._masks = [prf.tail_masks(clause, core.kind) for clause in self._clauses]
        self._permutation = prf.encryptor(prf.public_permutation_key(core.seg_id))
        self._pads = -(-(core.row_bytes - 8) // 16)
        self._sids, self._first = _blocks(most), _blocks(most)
        self._tails, self._partials, self._sums = _blocks(2 * most), _blocks(2 * most), _blocks(2 * most)
        self._plain, self._encrypted = _blocks(self._pads * most), _blocks(self._pads * most)

    def place(self, rows: U64, ranks: U32, out: U64, filled: npt.NDArray[np.int64]) -> bool:
        """Seal some rows and put each into its bucket of ``out``; whether all found room."""
        kernel, count = kernels.sealing, len(rows)
        kernel.sid_blocks(rows, self._sids[:count])
        sums = self._sums[: 2 * count]
        for number, (clause, masks) in enumerate(zip(self._clauses, self._masks, strict=True)):
            first = prf.encrypt_into(clause, self._sids[:count], self._first)
            kernel.tail_blocks(first, ranks, masks, self._tails[: 2 * count])
            partials = prf.encrypt_into(clause, self._tails[: 2 * count], self._partials if number else self._sums)
            if number:
                np.bitwise_xor(sums, partials, out=sums)
        plain = self._plain[: self._pads * count]
        kernel.pad_blocks(sums[count:], plain)
        encrypted = prf.encrypt_into(self._permutation, plain, self._encrypted)
        return kernel.place_rows(rows, ranks, sums[:count], plain, encrypted, out, filled)


def _blocks(count: int) -> U64:
    """Room for so many blocks, and for one more: the library wants it behind what it encrypts."""
    return np.empty((count + 1, 2), np.uint64)
