"""The receipts of a log, kept small. Pure.

A national log has millions of them, and as objects each took 500 B.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Self

from coffer.ledger.entries import ReceiptEntry, SegmentId

_HEAD: Final = struct.Struct(">HI")
"""Before the canaries of a receipt: the place of the custodian's name among all names, and how many canaries follow."""
_CANARY: Final = struct.Struct(">H16s")
"""A clause mask and what the custodian's subkey of that clause gives."""


class Receipts(Mapping[tuple[str, SegmentId], ReceiptEntry]):
    """Receipts by custodian and segment, in the order in which their segments had the first one.

    ``names``: of custodians, in the order of their first receipts. ``kept``: the receipts of each segment, as bytes.
    ``count``: how many they are, if that is known.

    Raises:
        ValueError: ``kept`` without its count is not what ``kept`` gives.
    """

    __slots__ = ("_count", "_kept", "_names", "_places")

    def __init__(
        self,
        names: Sequence[str] = (),
        kept: Mapping[SegmentId, bytes] = MappingProxyType({}),
        *,
        count: int | None = None,
    ) -> None:
        self._names = list(names)
        self._places = {name: place for place, name in enumerate(names)}
        if len(self._places) != len(names):
            raise ValueError("a custodian named twice")
        self._kept = dict(kept)
        self._count = sum(_count(raw, len(names)) for raw in kept.values()) if count is None else count

    @property
    def names(self) -> Sequence[str]:
        """The custodians that gave any."""
        return tuple(self._names)

    @property
    def kept(self) -> Mapping[SegmentId, bytes]:
        """The receipts by segment, as they are kept."""
        return MappingProxyType(self._kept)

    def add(self, receipt: ReceiptEntry, segment: SegmentId | None = None) -> None:
        """Take one of a custodian that has given none for its segment.

        ``segment``: the segment's name as State has it, so that there is one object for all who name it.
        """
        assert (receipt.custodian, receipt.segment) not in self, "a custodian gives one receipt for a segment"
        place = self._places.get(receipt.custodian, len(self._names))
        canaries = (_CANARY.pack(mask, value) for mask, value in receipt.canaries)
        raw = b"".join((_HEAD.pack(place, len(receipt.canaries)), *canaries))
        if place == len(self._names):
            self._names.append(receipt.custodian)
            self._places[receipt.custodian] = place
        name = receipt.segment if segment is None else segment
        self._kept[name] = self._kept.get(name, b"") + raw
        self._count += 1

    def of(self, segment: SegmentId) -> dict[str, ReceiptEntry]:
        """The receipts of one segment, by custodian."""
        return {
            self._names[place]: _receipt(self._names[place], segment, canaries)
            for place, canaries in _cut(self._kept.get(segment, b""))
        }

    def givers_of(self, segment: SegmentId) -> frozenset[str]:
        """The custodians that gave one for a segment."""
        return frozenset(self._names[place] for place, _ in _cut(self._kept.get(segment, b"")))

    def copy(self) -> Self:
        """An independent copy."""
        return type(self)(self._names, self._kept, count=self._count)

    def __getitem__(self, key: tuple[str, SegmentId]) -> ReceiptEntry:
        return self.of(key[1])[key[0]]

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, tuple) or key[0] not in self._places:
            return False
        wanted = self._places[key[0]]
        return any(place == wanted for place, _ in _cut(self._kept.get(key[1], b"")))

    def __iter__(self) -> Iterator[tuple[str, SegmentId]]:
        return ((self._names[place], segment) for segment, raw in self._kept.items() for place, _ in _cut(raw))

    def __len__(self) -> int:
        return self._count


def _count(raw: bytes, names: int) -> int:
    """How many receipts of one segment these bytes are.

    Raises:
        ValueError: they are none, one is not whole, or is not of one of so many custodians, each once.
    """
    at, places = 0, set[int]()
    while at + _HEAD.size <= len(raw):
        place, count = _HEAD.unpack_from(raw, at)
        at += _HEAD.size + count * _CANARY.size
        if not count or place in places or place >= names:
            raise ValueError("a receipt that no custodian gives")
        places.add(place)
    if not raw or at != len(raw):
        raise ValueError("no whole receipts")
    return len(places)


def _cut(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """The place of the custodian, and the canaries, of each receipt."""
    at = 0
    while at < len(raw):
        place, count = _HEAD.unpack_from(raw, at)
        start = at + _HEAD.size
        at = start + count * _CANARY.size
        yield place, raw[start:at]


def _receipt(name: str, segment: SegmentId, canaries: bytes) -> ReceiptEntry:
    return ReceiptEntry(custodian=name, segment=segment, canaries=tuple(_CANARY.iter_unpack(canaries)))
