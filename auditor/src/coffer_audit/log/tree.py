"""The tree of RFC 6962: hashes, roots of any size, inclusion proofs (docs/formats/log.md). Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def hash_leaf(entry: bytes) -> bytes:
    """Give the hash of a leaf (RFC 6962)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """Give the hash of a node (RFC 6962)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """All complete subtrees over some leaf hashes.

    `levels[k][i]` covers leaves i * 2^k to (i + 1) * 2^k - 1.
    """

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.levels = [list(leaves)]
        while len(below := self.levels[-1]) > 1:
            self.levels.append([hash_node(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)])

    def root_at(self, size: int) -> bytes:
        """Give the root over the first `size` leaves.

        An older log is the beginning of this one exactly if its root is the root at its size.
        """
        if not 0 <= size <= len(self.levels[0]):
            raise ValueError(size)
        peaks, start = [], 0
        for level in reversed(range(size.bit_length())):
            if size >> level & 1:
                peaks.append(self.levels[level][start >> level])
                start += 1 << level
        if not peaks:
            return hashlib.sha256().digest()
        root = peaks.pop()
        while peaks:
            root = hash_node(peaks.pop(), root)
        return root

    def prove_included(self, index: int, size: int) -> list[bytes]:
        """Give the proof that leads from a leaf to the root over the first `size` leaves (RFC 9162, 2.1.3.1)."""
        if not 0 <= index < size <= len(self.levels[0]):
            raise ValueError(index)
        proof, start, stop = list[bytes](), 0, size
        while stop - start > 1:
            half = start + (1 << (stop - start - 1).bit_length() - 1)
            left, right = (start, half), (half, stop)
            proof.append(self._root_of(*(right if index < half else left)))
            start, stop = left if index < half else right
        return proof[::-1]

    def _root_of(self, start: int, stop: int) -> bytes:
        """Give the root over leaves that begin at a multiple of the power of two that holds them."""
        level = (stop - start - 1).bit_length()
        if stop - start == 1 << level:
            return self.levels[level][start >> level]
        half = start + (1 << level - 1)
        return hash_node(self._root_of(start, half), self._root_of(half, stop))


def is_included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof leads from the leaf to the root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, last = index, size - 1
    for step in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            leaf = hash_node(step, leaf)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            leaf = hash_node(leaf, step)
        node, last = node >> 1, last >> 1
    return last == 0 and leaf == root
