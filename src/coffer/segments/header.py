"""The header of a segment. Pure. Source: ``docs/formats/segment.md``, "Header"."""

import datetime as dt
import re
import struct
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

from coffer import wire
from coffer.bounds import MAX_ROWS
from coffer.errors import MalformedInput

MAGICS: Final = {1: b"COFSEG01", 2: b"COFSEG02"}
"""How a header begins, by version. New segments are of version 2; those of version 1 are still read."""
CORE_BYTES: Final = 160
MIN_HEADER_BYTES: Final = CORE_BYTES + 34 + 4 + 12 + 64 + 32
"""Of one custodian and one clause, with an empty bundle."""
BATCH_ROWS: Final = {1: 1024, 2: 128}
"""Rows of a batch, by version. A batch is what an opening reads, hashes and keeps as evidence for one row."""
PADDED_ROWS: Final = 1024
"""The number of rows is a multiple of this in both versions: it hides how many records there are, batches hide nothing."""
_VERSIONS: Final = {magic: version for version, magic in MAGICS.items()}
KIND_NUMBERS: Final = (1, 2, 3)
CANON: Final = 2
"""The canon of new segments, whose header names the feed's home country. Segments of canon 1 name none, and are still read."""
INGEST_BYTES: Final = 16
"""So many bytes name an ingest; as many more are random in each nonce, so that nobody knows a name before it is put."""
_SUITE: Final = 1
_CORE: Final = struct.Struct(">8s I 4B I B B 6x 4s 16s 32s 32s 16s 32s")
"""Each field of a core in its place. Names are padded with zeros; packing an unpacked core shows any other padding."""
_REMEMBERED_BYTES: Final = 8 * 2**10
"""Longer headers, of rules with very many clauses, are not remembered: 1,024 headers take 20 MiB at most."""
_COMMITMENT: Final = struct.Struct(">H 32s")
_COUNTRY: Final = re.compile("[A-Z]{2}")
_EXTRA_SIZES: Final = {1: 8, 2: 8, 4: 8, 8: 16, 16: 64, 96: 8}


def extra_bytes(layout: int) -> int:
    """X: the size of a row's extra."""
    return sum(size for bit, size in _EXTRA_SIZES.items() if layout & bit)


@dataclass(frozen=True, kw_only=True)
class SegmentCore:
    """What a segment is about; its hash is the segment's name.

    It has no slots, because derived values are computed once and kept.

    ``kind``: 1 call, 2 text, 3 email. ``nonce``: 32 random bytes, of which the first 16 are the name of its ingest.
    ``home``: the feed's home country, under which its rows keep dialled digits; empty in segments of canon 1, which
    have none. ``version``: 1 or 2, which differ in batches and manifest.
    """

    day: dt.date
    kind: int
    layout: int
    custodians: int
    clauses: int
    part: int
    rule: str
    feed: str
    roster: bytes
    origin: bytes
    nonce: bytes
    home: str = ""
    version: int = 2

    def __post_init__(self) -> None:
        if (
            self.kind not in KIND_NUMBERS
            or self.layout >= 128
            or self.layout >> 4 & 6 & ~self.layout  # found by an IMEI or IMSI that its rows do not carry
            or not 1 <= self.custodians <= 9
            or not 1 <= self.clauses <= 255
        ):
            raise MalformedInput("segment header: kind, layout, custodians or clauses out of range")
        if not len(self.roster) == len(self.origin) == len(self.nonce) == 32:
            raise MalformedInput("segment header: a hash that is not 32 bytes")
        if len(self.rule) > 4 or len(self.feed) > 16:
            raise MalformedInput("segment header: a name that is longer than its field")
        if self.home and not _COUNTRY.fullmatch(self.home):
            raise MalformedInput("segment header: a home country that is not two capital letters")

    @cached_property
    def raw(self) -> bytes:
        """160 bytes."""
        return _CORE.pack(
            MAGICS[self.version], wire.day_number(self.day), self.kind, self.layout, self.custodians, self.clauses, self.part,
            CANON if self.home else 1, _SUITE, self.rule.encode("ascii"), self.feed.encode("ascii"),
            self.roster, self.origin, self.home.encode("ascii"), self.nonce,
        )  # fmt: skip

    @cached_property
    def seg_id(self) -> bytes:
        """H(T("segment") || header_core)."""
        return wire.digest(wire.tag("segment"), self.raw)

    @property
    def ingest(self) -> bytes:
        """The random name of the ingest that made it: all that an ingest may put, log or remove bears it."""
        return self.nonce[:INGEST_BYTES]

    @cached_property
    def row_bytes(self) -> int:
        """24 + X."""
        return 24 + extra_bytes(self.layout)

    @property
    def batch_rows(self) -> int:
        """Rows of a batch."""
        return BATCH_ROWS[self.version]


@lru_cache(maxsize=64)
def origin_hash(origin: str) -> bytes:
    """H(T("origin") || origin)."""
    return wire.digest(wire.tag("origin"), origin.encode("ascii"))


@dataclass(frozen=True, kw_only=True)
class Header:
    """A whole header; not slotted, as its core.

    ``commitments``: (clause mask, com) ascending. ``bundles[i-1]``: custodian i's, empty if it holds nothing. ``supersedes``: zero for none.
    """

    core: SegmentCore
    commitments: tuple[tuple[int, bytes], ...]
    bundles: tuple[bytes, ...]
    rows: int
    manifest_hash: bytes
    supersedes: bytes
    epoch_hashes: tuple[bytes, ...]

    @cached_property
    def raw(self) -> bytes:
        """The header file."""
        return self._format(b"".join(wire.lp(bundle) for bundle in self.bundles))

    @cached_property
    def stripped(self) -> bytes:
        """The header with the hash of each bundle in the bundle's place: what answers carry."""
        return self._format(b"".join(wire.digest(b) if b else bytes(32) for b in self.bundles))

    @cached_property
    def hash(self) -> bytes:
        """H(T("header") || stripped header)."""
        return header_hash(self.stripped)

    def _format(self, bundles: bytes) -> bytes:
        return b"".join((
            self.core.raw,
            b"".join(mask.to_bytes(2, "big") + com for mask, com in self.commitments),
            bundles,
            self.rows.to_bytes(8, "big"),
            self.core.batch_rows.to_bytes(4, "big"),
            self.manifest_hash,
            self.supersedes,
            b"".join(self.epoch_hashes),
        ))  # fmt: skip


def header_hash(stripped: bytes) -> bytes:
    """What the log knows of a header."""
    return wire.digest(wire.tag("header"), stripped)


def seg_id_of(raw: bytes) -> bytes:
    """The name of the segment whose header this is, if it is one. Nothing else of it is read."""
    return wire.digest(wire.tag("segment"), raw[:CORE_BYTES])


def parse_header(raw: bytes, place: str) -> Header:
    """Strict inverse of ``Header.raw``; raises ``MalformedInput``.

    The last ones are remembered: an opening has each header parsed and hashed for both lanes, and by every custodian of
    this process. A header is public, and nothing in it counts before it was compared with the log.
    """
    if len(raw) > _REMEMBERED_BYTES:
        return _parse_header(raw, place)
    try:
        return _remembered(raw)
    except MalformedInput:
        return _parse_header(raw, place)  # the same error, with its place


@lru_cache(maxsize=1024)
def _remembered(raw: bytes) -> Header:
    return _parse_header(raw, "header")


def _parse_header(raw: bytes, place: str) -> Header:
    cursor = wire.Cursor(raw, place)
    core = parse_core(cursor.take(CORE_BYTES), place)
    commitments = tuple(_COMMITMENT.iter_unpack(cursor.take(_COMMITMENT.size * core.clauses)))
    masks = [mask for mask, _ in commitments]
    if masks != sorted(set(masks)) or masks[0] == 0 or masks[-1] >= 1 << core.custodians:
        raise MalformedInput(f"{place}: clause masks are not ascending, unique and within the custodians")
    bundles = tuple(cursor.lp() for _ in range(core.custodians))
    rows = cursor.u64()
    cursor.literal(core.batch_rows.to_bytes(4, "big"))
    if rows == 0 or rows % PADDED_ROWS or rows > MAX_ROWS:
        raise MalformedInput(f"{place}: {rows} rows, expected a multiple of {PADDED_ROWS} up to 2^28")
    manifest_hash, supersedes = cursor.take(32), cursor.take(32)
    joined = cursor.take(32 * core.custodians)
    cursor.end()
    return Header(
        core=core,
        commitments=commitments,
        bundles=bundles,
        rows=rows,
        manifest_hash=manifest_hash,
        supersedes=supersedes,
        epoch_hashes=tuple(joined[at : at + 32] for at in range(0, len(joined), 32)),
    )


def parse_core(raw: bytes, place: str) -> SegmentCore:
    """Strict inverse of ``SegmentCore.raw``; raises ``MalformedInput``."""
    if len(raw) != CORE_BYTES:
        raise MalformedInput(f"{place}: {len(raw)} bytes, expected {CORE_BYTES}")
    (
        magic, day, kind, layout, custodians, clauses, part, canon, suite, rule, feed, roster, origin, home, nonce
    ) = _CORE.unpack(raw)  # fmt: skip
    version = _VERSIONS.get(magic)
    if version is None or suite != _SUITE:
        raise MalformedInput(f"{place}: found other fixed bytes, expected those of a segment's header")
    on, names = wire.day_from_number(day, place), (_padded(rule, place), _padded(feed, place))
    country = "" if canon == 1 and home == bytes(16) else _padded(home, place)
    try:
        core = SegmentCore(
            day=on,
            kind=kind,
            layout=layout,
            custodians=custodians,
            clauses=clauses,
            part=part,
            rule=names[0],
            feed=names[1],
            roster=roster,
            origin=origin,
            nonce=nonce,
            home=country,
            version=version,
        )
    except MalformedInput as error:  # of values out of range, which knows no place
        raise MalformedInput(f"{place}: {error.message}") from None
    if core.raw != raw:
        raise MalformedInput(f"{place}: header core is not in canonical form")
    return core


def _padded(raw: bytes, place: str) -> str:
    text = raw.rstrip(b"\0")
    if not text or not text.isascii() or not text.decode("ascii").isprintable():
        raise MalformedInput(f"{place}: a name in the header core is not ASCII")
    return text.decode("ascii")
