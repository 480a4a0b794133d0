"""Finding rows by label: the manifest tells the batches, and proves every batch that is read.

Pure over two fetch functions.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from coffer.errors import NotProven
from coffer.segments.header import Header
from coffer.segments.manifest import (
    PAGE_BATCHES,
    batch_hash,
    candidates,
    entry_hash,
    verify_head,
    verify_page,
)

FetchBatch = Callable[[int], bytes]
"""Raw rows of batch ``index``."""
FetchPage = Callable[[int], bytes]
"""The entries of page ``index`` of the manifest."""


@dataclass(slots=True)
class Finder:
    """Looks labels up in one segment. Whoever has looked up all labels of a segment calls ``close``.

    ``head``: the directory of the manifest; in version 1 the whole manifest. ``touched`` and ``pages`` keep every batch
    and every page that was read, as evidence: index to raw bytes.
    """

    header: Header
    head: bytes
    fetch_page: FetchPage
    fetch: FetchBatch
    close: Callable[[], None] = lambda: None
    touched: dict[int, bytes] = field(default_factory=dict)
    pages: dict[int, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        verify_head(self.head, self.header)

    def find(self, label: bytes) -> list[bytes]:
        """Every row that begins with this label (8 B); usually none or one.

        Raises:
            NotProven: a page or batch is not the one that the manifest names.
        """
        if self.header.core.version == 1:
            return [
                row for index in candidates(self.head, label) for row in self._rows_with(index, self.head, index, label)
            ]
        rows: list[bytes] = []
        for number in candidates(self.head, label):
            page = self._page(number)
            for index in candidates(page, label):
                rows += self._rows_with(number * PAGE_BATCHES + index, page, index, label)
        return rows

    def _rows_with(self, batch: int, entries: bytes, index: int, label: bytes) -> list[bytes]:
        """The rows of a batch, which is entry ``index`` of ``entries``, that begin with a label."""
        raw, size = self._batch(batch, entry_hash(entries, index)), self.header.core.row_bytes
        rows = []
        position = raw.find(label)
        while position >= 0:
            if position % size == 0:
                rows.append(raw[position : position + size])
            position = raw.find(label, position + 1)
        return rows

    def _page(self, index: int) -> bytes:
        if index not in self.pages:
            self.pages[index] = verify_page(self.fetch_page(index), self.header, self.head, index)
        return self.pages[index]

    def _batch(self, index: int, expected: bytes) -> bytes:
        if index not in self.touched:
            batch = self.fetch(index)
            if batch_hash(batch, seg_id=self.header.core.seg_id, index=index) != expected:
                raise NotProven(
                    f"segment {self.header.core.seg_id.hex()[:16]}: batch {index} is not the one in its manifest",
                    hint="the rows file was changed: restore it from a copy",
                )
            self.touched[index] = batch
        return self.touched[index]
