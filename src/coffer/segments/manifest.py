"""The manifest: what proves a batch of rows without reading the others. Pure.

Source: ``docs/formats/segment.md``, "Batches and manifest".

In version 2 the header proves a short directory, the directory proves pages, and a page proves its batches. An opening
reads the directory and a page for each place it looks at. In version 1 the header proves one list of all batches.
"""

import bisect
import threading
from typing import Final

from coffer import wire
from coffer.errors import NotProven
from coffer.segments.header import Header, SegmentCore

ENTRY_BYTES: Final = 40
"""A first label (8 B) and a hash."""
PAGE_BATCHES: Final = 32
"""Batches of a page (1,280 B). Directory and pages of an opening are smallest together near this number (ADR 31)."""

_ONE_AT_A_TIME: Final = threading.Lock()
"""Held while batches are hashed.

hashlib gives up Python's lock for each batch and takes it again. Two threads that hash at once fight for that lock: a
batch then takes 7.8 us of the processor instead of 4.2, and 17.8 with four threads.
"""


def format_manifest(rows: memoryview, core: SegmentCore) -> bytes:
    """The manifest file of sealed rows."""
    seg_id, size = core.seg_id, core.batch_rows * core.row_bytes
    before = _before_batch(seg_id)
    with _ONE_AT_A_TIME:
        entries = b"".join(
            bytes(rows[start : start + 8]) + _batch_hash(before, index, rows[start : start + size])
            for index, start in enumerate(range(0, len(rows), size))
        )
    if core.version == 1:
        return entries
    page_bytes = PAGE_BATCHES * ENTRY_BYTES
    pages = [entries[start : start + page_bytes] for start in range(0, len(entries), page_bytes)]
    directory = b"".join(page[:8] + page_hash(page, seg_id=seg_id, index=index) for index, page in enumerate(pages))
    return directory + entries


def batch_hash(batch: memoryview | bytes, *, seg_id: bytes, index: int) -> bytes:
    """H(T("batch") || seg_id || u32 index || batch)."""
    return _batch_hash(_before_batch(seg_id), index, batch)


def _before_batch(seg_id: bytes) -> bytes:
    return wire.tag("batch") + seg_id


def _batch_hash(before: bytes, index: int, batch: memoryview | bytes) -> bytes:
    return wire.digest(before, index.to_bytes(4, "big"), batch)  # type: ignore[arg-type]


def page_hash(page: bytes, *, seg_id: bytes, index: int) -> bytes:
    """H(T("manifest-page") || seg_id || u32 index || page)."""
    return wire.digest(wire.tag("manifest-page"), seg_id, index.to_bytes(4, "big"), page)


def manifest_hash(manifest: bytes, core: SegmentCore, rows: int) -> bytes:
    """H(T("manifest") || seg_id || u64 rows || head): what a header says of a manifest file."""
    head = manifest[: head_bytes(core, rows)]
    return wire.digest(wire.tag("manifest"), core.seg_id, rows.to_bytes(8, "big"), head)


def head_bytes(core: SegmentCore, rows: int) -> int:
    """The length of the head, which is the part of the file that the header proves.

    It is the directory; in version 1 it is all of the file.
    """
    batches = rows // core.batch_rows
    return ENTRY_BYTES * (batches if core.version == 1 else -(-batches // PAGE_BATCHES))


def page_range(header: Header, index: int) -> tuple[int, int]:
    """Where a page of version 2 stands in the manifest file: its first byte and its length."""
    batches = header.rows // header.core.batch_rows
    count = min(PAGE_BATCHES, batches - index * PAGE_BATCHES)
    start = head_bytes(header.core, header.rows) + index * PAGE_BATCHES * ENTRY_BYTES
    return start, count * ENTRY_BYTES


def verify_head(head: bytes, header: Header) -> bytes:
    """The head, proven to be the header's.

    Raises:
        NotProven: it is another one.
    """
    is_whole = len(head) == head_bytes(header.core, header.rows)
    if not is_whole or manifest_hash(head, header.core, header.rows) != header.manifest_hash:
        raise NotProven(f"{_place(header)}: the manifest is not the one in its header")
    return head


def verify_page(page: bytes, header: Header, directory: bytes, index: int) -> bytes:
    """A page, proven to be the one of a proven directory.

    Raises:
        NotProven: it is another one, or the directory names another first label.
    """
    entry = directory[ENTRY_BYTES * index : ENTRY_BYTES * (index + 1)]
    if page[:8] + page_hash(page, seg_id=header.core.seg_id, index=index) != entry:
        raise NotProven(
            f"{_place(header)}: page {index} of the manifest is not the one in its directory",
            hint="the manifest file was changed: restore it from a copy",
        )
    return page


def verify_manifest(raw: bytes, header: Header) -> bytes:
    """The entries of all batches, from a whole manifest file.

    Raises:
        NotProven: it is not the header's.
    """
    head = verify_head(raw[: head_bytes(header.core, header.rows)], header)
    if header.core.version == 1:
        if len(raw) != len(head):
            raise NotProven(f"{_place(header)}: the manifest is not the one in its header")
        return head
    entries = raw[len(head) :]
    if len(entries) != ENTRY_BYTES * (header.rows // header.core.batch_rows):
        raise NotProven(f"{_place(header)}: the manifest has another length than its rows need")
    for index in range(len(head) // ENTRY_BYTES):
        start, size = page_range(header, index)
        verify_page(raw[start : start + size], header, head, index)
    return entries


def first_label(entries: bytes, index: int) -> bytes:
    """The first label of an entry."""
    return entries[ENTRY_BYTES * index : ENTRY_BYTES * index + 8]


def entry_hash(entries: bytes, index: int) -> bytes:
    """The hash of an entry."""
    return entries[ENTRY_BYTES * index + 8 : ENTRY_BYTES * (index + 1)]


def candidates(entries: bytes, label: bytes) -> range:
    """The entries whose batches, or pages, may hold a label.

    From the last one whose first label is below it, or the first one, to the last one whose first label is not above.
    """
    count, size = len(entries) // ENTRY_BYTES, ENTRY_BYTES
    end = bisect.bisect_left(range(count), label, key=lambda index: entries[size * index : size * index + 8])
    start = max(end - 1, 0)
    while end < count and first_label(entries, end) == label:  # two rows with one label, which hardly ever happens
        end += 1
    return range(start, end)


def _place(header: Header) -> str:
    return f"segment {header.core.seg_id.hex()[:16]}"
