"""The receipts of a log, kept small. Pure.

A national log has millions of them, and as objects each took 500 B.
"""

import struct
import sys
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, Self

from coffer.ledger.entries import ReceiptEntry, SegmentId

_CANARY: Final = struct.Struct(">H16s")
"""A clause mask and what the custodian's subkey of that clause gives."""
Kept = tuple[tuple[str, bytes], ...]
"""Custodian and canaries, as bytes, of each receipt of one segment."""


class Receipts(Mapping[tuple[str, SegmentId], ReceiptEntry]):
    """Receipts by custodian and segment, in the order in which their segments had the first one."""

    __slots__ = ("_by_segment", "_count")

    def __init__(self, kept: Mapping[SegmentId, Kept] = MappingProxyType({})) -> None:
        self._by_segment = dict(kept)
        self._count = sum(map(len, kept.values()))

    @property
    def kept(self) -> Mapping[SegmentId, Kept]:
        """The receipts by segment, as they are kept."""
        return MappingProxyType(self._by_segment)

    def add(self, receipt: ReceiptEntry, segment: SegmentId | None = None) -> None:
        """Take one of a custodian that has given none for its segment.

        ``segment``: the segment's name as State has it, so that there is one object for all who name it.
        """
        assert (receipt.custodian, receipt.segment) not in self, "a custodian gives one receipt for a segment"
        canaries = b"".join(_CANARY.pack(mask, value) for mask, value in receipt.canaries)
        before = self._by_segment.get(receipt.segment, ())
        name = receipt.segment if segment is None else segment
        self._by_segment[name] = (*before, (sys.intern(receipt.custodian), canaries))
        self._count += 1

    def of(self, segment: SegmentId) -> dict[str, ReceiptEntry]:
        """The receipts of one segment, by custodian."""
        return {name: _receipt(name, segment, canaries) for name, canaries in self._by_segment.get(segment, ())}

    def count_of(self, segment: SegmentId) -> int:
        """How many custodians gave one for a segment."""
        return len(self._by_segment.get(segment, ()))

    def copy(self) -> Self:
        """An independent copy."""
        return type(self)(self._by_segment)

    def __getitem__(self, key: tuple[str, SegmentId]) -> ReceiptEntry:
        name, segment = key
        for one, canaries in self._by_segment.get(segment, ()):
            if one == name:
                return _receipt(name, segment, canaries)
        raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, tuple) and any(one == key[0] for one, _ in self._by_segment.get(key[1], ()))

    def __iter__(self) -> Iterator[tuple[str, SegmentId]]:
        return ((name, segment) for segment, kept in self._by_segment.items() for name, _ in kept)

    def __len__(self) -> int:
        return self._count


def is_kept_form(canaries: bytes) -> bool:
    """Whether these bytes are canaries of a receipt: at least one, each whole."""
    return bool(canaries) and len(canaries) % _CANARY.size == 0


def _receipt(name: str, segment: SegmentId, canaries: bytes) -> ReceiptEntry:
    return ReceiptEntry(custodian=name, segment=segment, canaries=tuple(_CANARY.iter_unpack(canaries)))
