"""Segments: header, manifest, rows (docs/formats/segment.md)."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coffer_audit.errors import MalformedInput, Unavailable, verify_that
from coffer_audit.wire import EPOCH, KINDS, Cursor, hash_of, u32

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from coffer_audit.validity.facts import Segment

BATCH_ROWS = {b"COFSEG01": 1_024, b"COFSEG02": 128}
"""Rows of a batch, by what a header begins with: version 1 and version 2."""
PAGE_BATCHES = 32
ENTRY_BYTES = 40
EXTRA_BYTES = {1: 8, 2: 8, 4: 8, 8: 16, 16: 64, 96: 8}
ZERO32 = bytes(32)
MAX_HEADER_BYTES = 1 << 20  # 126 clauses and 9 bundles take far less


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A header of either form.

    `bundles` are H(bundle_i) or zero; `header_hash` is the hash of the stripped form.
    """

    core: bytes
    seg_id: bytes
    header_hash: bytes
    layout: int
    masks: tuple[int, ...]
    bundles: tuple[bytes, ...]
    rows: int
    manifest_hash: bytes
    supersedes: bytes
    epochs: tuple[bytes, ...]

    @property
    def home(self) -> str:
        """The feed's home country; empty in a segment of canon 1."""
        return self.core[112:114].decode("ascii").strip("\0")

    @property
    def batch_rows(self) -> int:
        """The number of rows of a batch."""
        return BATCH_ROWS[self.core[:8]]

    @property
    def batches(self) -> int:
        """The number of batches."""
        return self.rows // self.batch_rows

    @property
    def page_batches(self) -> int:
        """The number of batches of a page of the manifest. In version 1 one page holds all."""
        return PAGE_BATCHES if self.core[:8] == b"COFSEG02" else max(self.batches, 1)

    @property
    def width(self) -> int:
        """The number of bytes of a row."""
        return 24 + sum(size for bit, size in EXTRA_BYTES.items() if self.layout & bit)


def parse_header(raw: bytes, *, stripped: bool) -> Header:
    """Decode a header file; `stripped` is the form that answers carry, without bundles."""
    cursor = Cursor(raw, "header")
    core = cursor.take(160)
    custodians, clauses = core[14], core[15]
    pairs = [(cursor.number(2), cursor.take(32)) for _ in range(clauses)]
    if stripped:
        bundles = [cursor.take(32) for _ in range(custodians)]
    else:
        bundles = [
            hashlib.sha256(bundle).digest() if (bundle := cursor.prefixed()) else ZERO32 for _ in range(custodians)
        ]
    tail_at = cursor.at
    rows, batch_rows = cursor.number(8), cursor.number(4)
    manifest_hash, supersedes = cursor.take(32), cursor.take(32)
    epochs = [cursor.take(32) for _ in range(custodians)]
    cursor.end()
    fixed = core[:8] in BATCH_ROWS and core[21:28] == b"\1" + bytes(6)
    is_named = re.fullmatch(rb"[A-Z]{2}\0{14}", core[112:128]) is not None
    fixed &= (core[20] == 2 and is_named) or (core[20] == 1 and core[112:128] == bytes(16))
    fixed &= core[13] < 128 and not core[13] >> 4 & 6 & ~core[13]  # found by an IMEI or IMSI that rows do not carry
    if not fixed or batch_rows != BATCH_ROWS[core[:8]]:
        raise MalformedInput(
            "header: found other fixed bytes, expected COFSEG01 with batches of 1024 or COFSEG02 with batches of 128, "
            "canon 1 or 2, suite 1"
        )
    plain = core + b"".join(mask.to_bytes(2, "big") + com for mask, com in pairs) + b"".join(bundles) + raw[tail_at:]
    return Header(
        core=core,
        seg_id=hash_of("segment", core),
        header_hash=hash_of("header", plain),
        layout=core[13],
        masks=tuple(mask for mask, _ in pairs),
        bundles=tuple(bundles),
        rows=rows,
        manifest_hash=manifest_hash,
        supersedes=supersedes,
        epochs=tuple(epochs),
    )


def verify_header(header: Header, segment: Segment, origin: str, keys: Mapping[tuple[str, str], bytes] | None) -> None:
    """Raise NotProven unless the header is the one that the log names.

    If `keys` is None, epoch keys are not compared.
    """
    line, roster = segment.line, segment.roster
    clauses = roster.locks[line.rule].clauses
    verify_that(
        header.header_hash.hex() == line.header_hash, "header: found another hash, expected the log's header_hash"
    )
    verify_that(header.seg_id.hex() == line.seg_id, "header: found another seg_id than that of its header_core")
    days = (line.day - EPOCH).days
    verify_that(days >= 0, "header: found a day before 1970")
    core = (
        header.core[:8]
        + u32(days)
        + bytes([KINDS[line.kind], header.layout, len(roster.custodians), len(clauses)])
        + u32(line.part)
        + (b"\2\1" if header.home else b"\1\1")
        + bytes(6)
        + line.rule.encode().ljust(4, b"\0")
        + segment.feed.encode().ljust(16, b"\0")
        + bytes.fromhex(roster.hash)
        + hash_of("origin", origin.encode())
        + header.home.encode().ljust(16, b"\0")
    )
    verify_that(
        header.core[:128] == core, "header: found another day, kind, rule, part, feed, roster or origin than the log's"
    )
    verify_that(header.masks == clauses, "header: found other clauses than its rule expands to")
    verify_that(header.rows == line.rows, f"header: found {header.rows} rows, expected {line.rows}")
    verify_that(
        header.supersedes == (bytes.fromhex(line.supersedes) or ZERO32), "header: found another superseded segment"
    )
    for i, custodian in enumerate(roster.custodians):
        holds = any(clause >> i & 1 for clause in clauses)
        verify_that(
            (header.bundles[i] != ZERO32) == holds, f"header: found a bundle missing or too many for {custodian.name}"
        )
        key = keys.get((custodian.name, line.day.isoformat())) if keys is not None else header.epochs[i]
        verify_that(
            header.epochs[i] == (key if holds else ZERO32) and (header.epochs[i] != ZERO32) == holds,
            f"header: found another epoch key of {custodian.name} than the log's",
        )


Entries = list[tuple[bytes, bytes]]
"""(first label, hash) of batches or of pages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A manifest as far as it is there, proven by its header.

    `directory`: the entry of every page. `pages`: the entries of the pages that are there, by number. In version 1 one
    page has all batches, and is always there.
    """

    directory: Entries
    pages: Mapping[int, Entries]
    page_batches: int

    def batch_hash(self, index: int) -> bytes | None:
        """Give the hash of a batch; None if its page is not there."""
        page, at = divmod(index, self.page_batches)
        return self.pages[page][at][1] if page in self.pages else None

    def find_candidates(self, label: bytes) -> list[int]:
        """Give the batches that may hold rows of the label; every page that tells must be there."""
        batches: list[int] = []
        for page in _candidates(self.directory, label):
            verify_that(page in self.pages, f"manifest page {page}: found none, expected it in evidence")
            batches += [page * self.page_batches + at for at in _candidates(self.pages[page], label)]
        return batches


def _candidates(entries: Entries, label: bytes) -> range:
    firsts = [first for first, _ in entries]
    return range(max(bisect_left(firsts, label) - 1, 0), bisect_right(firsts, label))


def _entries(raw: bytes) -> Entries:
    return [(raw[i : i + 8], raw[i + 8 : i + ENTRY_BYTES]) for i in range(0, len(raw), ENTRY_BYTES)]


def _verify_head(head: bytes, header: Header, expected: int) -> None:
    verify_that(
        len(head) == expected * ENTRY_BYTES, f"manifest: found {len(head)} B, expected {ENTRY_BYTES} for each entry"
    )
    manifest_hash = hash_of("manifest", header.seg_id, header.rows.to_bytes(8, "big"), head)
    verify_that(
        manifest_hash == header.manifest_hash, "manifest: found another hash, expected the header's manifest_hash"
    )


def verify_manifest(head: bytes, pages: Mapping[int, bytes] | None, header: Header) -> Manifest:
    """Prove the head of a manifest by its header, and pages by the head; give what is there.

    `head`: the directory, or the whole manifest of version 1. `pages`: raw pages by number; None in version 1.
    """
    if pages is None:
        verify_that(header.core[:8] == b"COFSEG01", "manifest: found no pages, expected those of version 2")
        _verify_head(head, header, header.batches)
        entries = _entries(head)
        return Manifest(directory=[(bytes(8), b"")], pages={0: entries}, page_batches=header.page_batches)
    count = -(-header.batches // header.page_batches)
    _verify_head(head, header, count)
    directory, known = _entries(head), dict[int, Entries]()
    for number, raw in pages.items():
        verify_that(number < count, f"manifest page {number}: found it beyond the directory")
        first, digest = directory[number]
        is_named = raw[:8] == first and hash_of("manifest-page", header.seg_id, u32(number), raw) == digest
        verify_that(is_named, f"manifest page {number}: found another than the directory names")
        known[number] = _entries(raw)
    return Manifest(directory=directory, pages=known, page_batches=header.page_batches)


def page_bytes(header: Header, number: int) -> int:
    """Give the length of a page; 0 beyond the last one."""
    return ENTRY_BYTES * max(min(header.page_batches, header.batches - number * header.page_batches), 0)


def verify_whole_manifest(raw: bytes, header: Header) -> Entries:
    """Prove a manifest file; give the entry of every batch."""
    if header.core[:8] == b"COFSEG01":
        return verify_manifest(raw, None, header).pages[0]
    count = -(-header.batches // header.page_batches)
    cursor, pages = Cursor(raw, "manifest"), dict[int, bytes]()
    head = cursor.take(count * ENTRY_BYTES)
    for number in range(count):
        pages[number] = cursor.take(page_bytes(header, number))
    cursor.end()
    manifest = verify_manifest(head, pages, header)
    return [entry for number in range(count) for entry in manifest.pages[number]]


def hash_batch(seg_id: bytes, index: int, batch: bytes | memoryview) -> bytes:
    """H(T("batch") || seg_id || u32 index || batch)."""
    digest = hashlib.sha256(b"coffer/v1/batch\n" + seg_id + u32(index))
    digest.update(batch)
    return digest.digest()


def _read_batches(path: Path, size: int) -> Iterator[memoryview]:
    try:
        with path.open("rb") as file:
            while chunk := file.read(max(1, (8 << 20) // size) * size):
                view = memoryview(chunk)
                yield from (view[i : i + size] for i in range(0, len(view), size))
    except OSError as error:
        raise Unavailable(f"{path.name!a}: found {type(error).__name__}, expected readable rows") from error


def verify_rows(path: Path, header: Header, manifest: Entries) -> None:
    """Verify the rows of a file, read as a stream.

    Its size, every batch hash, every first label, and the order of all rows must be right.
    """
    width, last, index = header.width, b"", -1
    for index, batch in enumerate(_read_batches(path, header.batch_rows * width)):
        verify_that(index < len(manifest), "rows: found more batches than the manifest has")
        first, digest = manifest[index]
        verify_that(hash_batch(header.seg_id, index, batch) == digest, f"rows batch {index}: found another hash")
        data = bytes(batch)
        rows = [data[i : i + width] for i in range(0, len(data), width)]
        verify_that(data[:8] == first, f"rows batch {index}: found another first label than the manifest's")
        verify_that(last <= rows[0] and rows == sorted(rows), f"rows batch {index}: found rows out of order")
        last = rows[-1]
    verify_that(index + 1 == len(manifest), f"rows: found {index + 1} batches, expected {len(manifest)}")
