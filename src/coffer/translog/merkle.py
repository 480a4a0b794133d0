"""RFC 6962 trees: hashes, roots, inclusion and consistency proofs. Pure.

Source: RFC 6962 section 2.1; proofs are verified as in RFC 9162 sections 2.1.3.2 and 2.1.4.2.
"""

from collections.abc import Callable, Sequence
from typing import Self

from coffer.errors import MalformedInput, NotProven
from coffer.wire import Hash, digest

EMPTY_ROOT = digest(b"")


def leaf_hash(entry: bytes) -> Hash:
    """H(0x00 || entry)."""
    return digest(b"\x00", entry)


def node_hash(left: bytes, right: bytes) -> Hash:
    """H(0x01 || left || right)."""
    return digest(b"\x01", left, right)


class Frontier:
    """A growing tree as the roots of its complete subtrees, in O(log n) memory.

    They suffice to compute the tree's root and to add leaves.
    """

    __slots__ = ("_roots", "size")

    def __init__(self) -> None:
        self._roots: list[tuple[int, Hash]] = []
        self.size = 0

    def append(self, leaf: Hash, level: int = 0) -> None:
        """Add one leaf hash, or the root of a complete subtree of 2^level leaves.

        A subtree may not be higher than the subtree before it.
        """
        added, value = level, leaf
        while self._roots and self._roots[-1][0] == level:
            value = node_hash(self._roots.pop()[1], value)
            level += 1
        self._roots.append((level, value))
        self.size += 1 << added

    def root(self) -> Hash:
        """The root over all leaves so far."""
        if not self._roots:
            return EMPTY_ROOT
        value = self._roots[-1][1]
        for _, left in reversed(self._roots[:-1]):
            value = node_hash(left, value)
        return value

    def format(self) -> bytes:
        """The tree as bytes: u64 size, then the roots of the complete subtrees, the largest first."""
        return self.size.to_bytes(8, "big") + b"".join(value for _, value in self._roots)

    @classmethod
    def parse(cls, raw: bytes, place: str) -> Self:
        """The inverse of ``format``; raises ``MalformedInput``."""
        size = int.from_bytes(raw[:8], "big")
        levels = [level for level in range(size.bit_length() - 1, -1, -1) if size >> level & 1]
        if len(raw) != 8 + 32 * len(levels):
            raise MalformedInput(f"{place}: {len(raw)} bytes, expected {8 + 32 * len(levels)} for {size} leaves")
        frontier = cls()
        for number, level in enumerate(levels):
            frontier.append(Hash(raw[8 + 32 * number : 40 + 32 * number]), level)
        return frontier

    def copy(self) -> Self:
        """An independent copy."""
        other = type(self)()
        other._roots = list(self._roots)  # noqa: SLF001 - its own class
        other.size = self.size
        return other


def root_hash(leaves: Sequence[Hash]) -> Hash:
    """The root over these leaf hashes."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


def _split(size: int) -> int:
    """The largest power of two below ``size``."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_path(index: int, size: int, node: Callable[[int, int], Hash]) -> list[Hash]:
    """Audit path of leaf ``index`` in a tree of ``size`` leaves, from the tree's complete subtrees.

    ``node(level, at)``: the root over the leaves from ``at << level`` up to ``at + 1 << level``.

    Source: RFC 6962 section 2.1.1.
    """
    if not 0 <= index < size:
        raise AssertionError("a proof for a leaf that is not there")
    path: list[Hash] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_subtree(middle, high, node))
            high = middle
        else:
            path.append(_subtree(low, middle, node))
            low = middle
    return path[::-1]


def _subtree(low: int, high: int, node: Callable[[int, int], Hash]) -> Hash:
    """The root over leaves ``low`` to ``high`` (exclusive).

    ``low`` is a multiple of the largest power of two that is not above ``high - low``.
    """
    size = high - low
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return node(level, low >> level)
    middle = low + _split(size)
    return node_hash(_subtree(low, middle, node), _subtree(middle, high, node))


def consistency_path(old_size: int, size: int, node: Callable[[int, int], Hash]) -> list[Hash]:
    """Proof that the tree over the first ``old_size`` leaves is a prefix of this one.

    ``node``: as in ``inclusion_path``.

    Source: RFC 6962 section 2.1.2.
    """
    if not 0 < old_size <= size:
        raise AssertionError("a proof from a tree that is not a prefix")

    def sub(low: int, high: int, old: int, *, whole: bool) -> list[Hash]:
        if old == high - low:
            return [] if whole else [_subtree(low, high, node)]
        k = _split(high - low)
        if old <= k:
            return [*sub(low, low + k, old, whole=whole), _subtree(low + k, high, node)]
        return [*sub(low + k, high, old - k, whole=False), _subtree(low, low + k, node)]

    return sub(0, size, old_size, whole=True)


def verify_inclusion(*, leaf: Hash, index: int, size: int, root: Hash, proof: Sequence[Hash]) -> None:
    """Prove that ``leaf`` is entry ``index`` of the tree (size, root).

    Raises:
        NotProven: the leaf is not that entry, or the proof has another length.
    """
    if not 0 <= index < size:
        raise NotProven(f"inclusion proof: index {index} in a tree of {size}")
    position, last, value = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise NotProven("inclusion proof: longer than the tree is high")
        if position & 1 or position == last:
            value = node_hash(sibling, value)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            value = node_hash(value, sibling)
        position >>= 1
        last >>= 1
    if last != 0 or value != root:
        raise NotProven(f"inclusion proof: entry {index} is not under this root")


def verify_consistency(*, old_size: int, old_root: Hash, size: int, root: Hash, proof: Sequence[Hash]) -> None:
    """Prove that the tree (old_size, old_root) is a prefix of (size, root).

    Raises:
        NotProven: the old tree is not a prefix, or the proof has another length.
    """
    if not 0 < old_size <= size:
        raise NotProven(f"consistency proof: from size {old_size} to {size}")
    if old_size == size:
        if proof or old_root != root:
            raise NotProven(f"consistency proof: two trees of size {size} differ")
        return
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    if not path:
        raise NotProven("consistency proof: empty")
    position, last = old_size - 1, size - 1
    while position & 1:
        position >>= 1
        last >>= 1
    old_value = value = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise NotProven("consistency proof: longer than the tree is high")
        if position & 1 or position == last:
            old_value, value = node_hash(sibling, old_value), node_hash(sibling, value)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            value = node_hash(value, sibling)
        position >>= 1
        last >>= 1
    if last != 0 or old_value != old_root or value != root:
        raise NotProven(f"consistency proof: tree {old_size} is not a prefix of tree {size}")
