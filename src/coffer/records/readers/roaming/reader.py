"""TAP3 and NRTRDE files: calls and texts of roaming subscribers.

Decided in ``docs/formats/readers-roaming.md``. Content: none. Locations, amounts and names of access points are never read.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import polars as pl

from coffer.errors import MalformedInput
from coffer.records.draft import Window
from coffer.records.feed import Feed
from coffer.records.readers.account import Account
from coffer.records.readers.port import Found, Piece
from coffer.records.readers.roaming.cutting import NOTICE, WHOLE, EventCutter
from coffer.records.readers.roaming.events import decode
from coffer.records.readers.roaming.layouts import NRTRDE, OFFSET_LIST, TAP3, Layout
from coffer.records.readers.threegpp import tlv
from coffer.records.readers.threegpp.framing import Cut
from coffer.records.readers.threegpp.tbcd import Column
from coffer.records.rejects import Reason, Rejects, some_rejects

_BATCH_CONTROL = 0x64
_VERSION = b"\x5f\x29"
"""The first elements of the two: ``BatchControlInfo``, application 4, and ``SpecificationVersionNumber``, application 41."""


def recognise_tap3(head: bytes, _name: str) -> str | None:
    """Why a file looks like TAP3, in words without content; None if it does not."""
    if (first := _first_element(head, (WHOLE, NOTICE))) is None:
        return None
    if head[:1] == bytes([NOTICE]):
        return "a notification of TAP3" if first[:1] in (b"\x5f", b"\x44") and first[:2] != _VERSION else None
    return (
        "a transfer batch of TAP3, which begins with its batch control"
        if first[:1] == bytes([_BATCH_CONTROL])
        else None
    )


def recognise_nrtrde(head: bytes, _name: str) -> str | None:
    """Why a file looks like NRTRDE, in words without content; None if it does not."""
    first = _first_element(head, (WHOLE,))
    return "a file of NRTRDE, which begins with its version" if first is not None and first[:2] == _VERSION else None


def _first_element(head: bytes, begins: Sequence[int]) -> bytes | None:
    if not head or head[0] not in begins:
        return None
    try:
        found = tlv.header(head, 0)
    except MalformedInput:
        return None
    return None if found is None else head[found[0] : found[0] + 2]


class RoamingReader:
    """Reads files of one of the two formats. ``coffer.records.readers.port.Reader``."""

    def __init__(self, feed: Feed, window: Window, *, layout: Layout) -> None:
        self._feed = feed
        self._layout = layout
        self._account = Account(feed, window)
        self._cutter = EventCutter(layout)

    def take(self, piece: Piece) -> Sequence[Found]:
        """The next bytes of a file; gives what is complete.

        Raises:
            MalformedInput: the file is of another format.
        """
        try:
            cut = self._cutter.take(piece.data)
        except MalformedInput as error:
            raise MalformedInput(f"file {piece.file}: {error.message}", hint=error.hint) from None
        if len(cut.starts):
            self._decode(cut, piece.file)
        return self._account.told()

    def end_file(self, file: int) -> Sequence[Found]:
        """Tells what was skipped in the file, and compares its events with the number that it says.

        Raises:
            MalformedInput: the file is of another format.
        """
        try:
            self._cutter.end_file(self._said())
        except MalformedInput as error:
            raise MalformedInput(f"file {file}: {error.message}", hint=error.hint) from None
        self._account.skip_counts(file, self._cutter.skipped)
        self._account.reject(file, Rejects.concat(self._cutter.rejected))
        self._cutter = EventCutter(self._layout)
        return self._account.told()

    def finish(self) -> Sequence[Found]:
        """Nothing waits: each event stands alone."""
        return self._account.told()

    def _decode(self, cut: Cut, file: int) -> None:
        spans = (cut.starts, cut.ends, cut.offsets)
        decoded = decode(cut.data, spans, self._layout, self._offsets(), self._feed)
        self._account.skip_counts(file, decoded.skipped)
        self._account.reject(file, some_rejects(decoded.bad, Reason.BAD_RECORD))
        self._account.empty(file, decoded.flaws)
        self._account.keep(decoded.events.with_columns(file=pl.lit(file, pl.Int32)))

    def _offsets(self) -> dict[str, str]:
        """By code the offsets that the file lists in front of its events.

        An event whose code is not listed has no time.
        """
        if not self._layout.offsets:
            return {}
        listed = _inner(self._cutter.headers.get(self._layout.offsets, b""), OFFSET_LIST)
        found = {}
        for info in _parts(listed):
            parts = dict(_tagged(info))
            found[str(int.from_bytes(parts.get(232, b""), "big", signed=True))] = parts.get(231, b"").decode("latin-1")
        return found

    def _said(self) -> int | None:
        """How many events the file says that it has."""
        way = self._layout.count
        raw = self._cutter.headers.get(way[0], b"")
        for tag in way[1:]:
            raw = _inner(raw, tag)
        return int.from_bytes(raw, "big") if 0 < len(raw) <= 8 else None


def _tagged(contents: bytes) -> list[tuple[int, bytes]]:
    """Elements of some contents, by tag; those that cannot be walked are left out."""
    view = np.frombuffer(contents + bytes(tlv.PADDING), np.uint8)
    walked = tlv.walk(view, np.array([0]), np.array([len(contents)]), tlv.APPLICATION)
    found = walked.elements
    column = Column(view=view, starts=found.starts, sizes=found.ends - found.starts)
    return [
        (int(tag), contents[int(start) : int(start + size)])
        for tag, start, size in zip(found.tag, column.starts, column.sizes, strict=True)
    ]


def _inner(contents: bytes, tag: int) -> bytes:
    return next((value for found, value in _tagged(contents) if found == tag), b"")


def _parts(contents: bytes) -> list[bytes]:
    return [value for _, value in _tagged(contents)]


Tap3Reader = partial(RoamingReader, layout=TAP3)
NrtrdeReader = partial(RoamingReader, layout=NRTRDE)
