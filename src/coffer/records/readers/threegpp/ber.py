"""3GPP circuit-switched charging records (TS 32.298): calls and texts of a network.

They come bare, in TS 32.297 frames or in Huawei's wrapper. Decided in ``docs/formats/readers-3gpp.md``. Content: the
records hold none but a text's user data header, which no field here reads.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import polars as pl

from coffer.errors import MalformedInput
from coffer.records.draft import Window
from coffer.records.feed import Feed
from coffer.records.readers.account import Account, with_columns_of
from coffer.records.readers.port import Found, Piece
from coffer.records.readers.threegpp import tlv
from coffer.records.readers.threegpp.cs_calls import STEP, Calls
from coffer.records.readers.threegpp.cs_records import LEGS, NO_EVENT, DecodeRules, decode
from coffer.records.readers.threegpp.domains import BY_TAG
from coffer.records.readers.threegpp.framing import Cut, RecordCutter, parse_file_header
from coffer.records.readers.waiting import Steps
from coffer.records.rejects import Reason, Rejects, some_rejects
from coffer.records.settings import BerSettings


def recognise(head: bytes, name: str) -> str | None:  # noqa: ARG001 - one signature for every format
    """Why a file looks like charging records, in words without content; None if it does not."""
    if parse_file_header(head) is not None:
        return "a TS 32.297 file header whose lengths agree"
    at = _begin(head)
    for is_wrapped in (True, False):
        try:
            found = tlv.header(head, at)
        except MalformedInput:
            return None
        if found is None:
            return None
        value, size = found
        if head[at] == 0x30 and is_wrapped and head[value : value + 1] in (b"\xa0", b"\xa1"):
            return "a SEQUENCE of a header and a list, as Huawei wraps charging records"
        if head[at] & 31 in _SHARED_TAGS and head[value : value + 3] in _PACKET_TYPES:
            return None
        is_record = head[at] & 31 in {*range(8), *NO_EVENT} or head[at : at + 2] == b"\xbf\x64"
        if head[at] & 0xE0 == 0xA0 and is_record and head[value : value + 1] in (b"\x80", b"\x81", b"\x82"):
            return f"a BER record of the circuit-switched domain of {size} bytes" if size > 0 else "a BER record"
    return None


_SHARED_TAGS: Final = (20, 21, 22)
_PACKET_TYPES: Final = (b"\x80\x01\x12", b"\x80\x01\x13", b"\x80\x01\x14")
"""The record types of the packet-switched records that share these tags."""


def hint_for(head: bytes) -> str | None:
    """What charging records of another domain are, which no reader takes; None where none stands there."""
    at = _begin(head)
    try:
        elements = tlv.header(head, at)
    except MalformedInput:
        return None
    if elements is None or head[at] & 0xE0 != 0xA0:
        return None
    tag = head[at + 1] if head[at] & 31 == 31 else head[at] & 31
    inner = head[elements[0] : elements[0] + 1]
    if tag not in BY_TAG or inner not in (b"\x80", b"\x81", b"\x82", b"\x83", b"\xa0"):
        return None
    what, domain = BY_TAG[tag]
    return (
        f"these are {domain.title} charging records ({what} record, tag {tag}): {domain.meaning}; "
        "take the records of the circuit-switched domain"
    )


def _begin(head: bytes) -> int:
    """Behind the padding that some switches put in front."""
    return len(head) - len(head.lstrip(b"\0").lstrip(b"\xff"))


class BerReader:
    """Reads files of charging records, oldest first. ``coffer.records.readers.port.Reader``."""

    def __init__(self, feed: Feed, window: Window) -> None:
        settings = feed.settings if isinstance(feed.settings, BerSettings) else BerSettings()
        self._rules = DecodeRules(feed=feed, plmn=_parse_plmn(settings.plmn), has_offsets=settings.has_offsets)
        self._account = Account(feed, window)
        self._cutter = RecordCutter()
        self._calls = Calls(self._account, keeps_transit=settings.keeps_transit, latest=window.latest)
        self._legs = Steps(LEGS)

    def take(self, piece: Piece) -> Sequence[Found]:
        """The next bytes of a file; gives what is complete."""
        try:
            cut = self._cutter.take(piece.data)
        except MalformedInput as error:
            raise MalformedInput(f"file {piece.file}: {error.message}", hint=error.hint) from None
        self._decode(cut, piece.file)
        return self._account.told()

    def end_file(self, file: int) -> Sequence[Found]:
        """Tells what was skipped in the file; calls that are still open wait for the next one.

        Raises:
            MalformedInput: there is no charging record in it at all.
        """
        try:
            cut = self._cutter.end_file()
        except MalformedInput as error:
            raise MalformedInput(f"file {file}: {error.message}", hint=error.hint) from None
        self._decode(cut, file)
        self._account.skip_counts(file, self._cutter.skipped)
        self._account.reject(file, Rejects.concat(self._cutter.rejected))
        self._cutter = RecordCutter()
        return self._account.told()

    def finish(self) -> Sequence[Found]:
        """Calls that are still open, as they stand."""
        self._account.keep(self._calls.settle(self._legs.rest(), is_last=True))
        return self._account.told()

    def _decode(self, cut: Cut, file: int) -> None:
        if len(cut.starts):
            decoded = decode(cut.data, cut.starts, cut.ends, cut.offsets, self._rules)
            self._account.skip_counts(file, Counter(decoded.skipped))
            self._account.reject(file, some_rejects(decoded.bad, Reason.BAD_RECORD))
            self._account.empty(file, decoded.flaws)
            self._legs.add(with_columns_of(decoded.legs.with_columns(file=pl.lit(file, pl.Int64)), LEGS).sort("offset"))
        for legs in self._legs.whole(STEP):
            self._account.keep(self._calls.settle(legs, is_last=False))


def _parse_plmn(text: str) -> tuple[int, int]:
    """MCC and MNC of a setting that was verified with the feed; zeros for none."""
    mcc, _, mnc = text.partition("-")
    return (int(mcc), int(mnc)) if text else (0, 0)
