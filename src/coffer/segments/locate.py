"""Finding rows by label: the manifest tells the batches, and proves every batch that is read.

Pure over a fetch function.
"""

import bisect
from collections.abc import Callable
from dataclasses import dataclass, field

from coffer.errors import NotProven
from coffer.segments.header import BATCH_ROWS, Header, batch_hash, manifest_hash

FetchBatch = Callable[[int], bytes]
"""Raw rows of batch ``index``."""


@dataclass(slots=True)
class Finder:
    """Looks labels up in one segment. ``touched`` keeps every batch read, as evidence: index to raw rows."""

    header: Header
    manifest: bytes
    fetch: FetchBatch
    touched: dict[int, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        actual = manifest_hash(self.manifest, seg_id=self.header.core.seg_id, rows=self.header.rows)
        if actual != self.header.manifest_hash or len(self.manifest) != 40 * (self.header.rows // BATCH_ROWS):
            raise NotProven(f"segment {self.header.core.seg_id.hex()[:16]}: the manifest is not the one in its header")

    def find(self, label: bytes) -> list[bytes]:
        """Every row that begins with this label (8 B); usually none or one.

        Raises:
            NotProven: a batch is not the one in the manifest.
        """
        batches = range(len(self.manifest) // 40)
        start = max(bisect.bisect_left(batches, label, key=self._first) - 1, 0)
        stop = bisect.bisect_right(batches, label, lo=start, key=self._first)
        return [row for index in range(start, stop) for row in self._rows_with(index, label)]

    def _first(self, index: int) -> bytes:
        return self.manifest[40 * index : 40 * index + 8]

    def _rows_with(self, index: int, label: bytes) -> list[bytes]:
        batch, size = self._batch(index), self.header.core.row_bytes
        rows = []
        position = batch.find(label)
        while position >= 0:
            if position % size == 0:
                rows.append(batch[position : position + size])
            position = batch.find(label, position + 1)
        return rows

    def _batch(self, index: int) -> bytes:
        if index not in self.touched:
            batch = self.fetch(index)
            expected = self.manifest[40 * index + 8 : 40 * index + 40]
            if batch_hash(batch, seg_id=self.header.core.seg_id, index=index) != expected:
                raise NotProven(
                    f"segment {self.header.core.seg_id.hex()[:16]}: batch {index} is not the one in its manifest",
                    hint="the rows file was changed: restore it from a copy",
                )
            self.touched[index] = batch
        return self.touched[index]
