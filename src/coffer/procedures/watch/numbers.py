"""The number that a source gave to a file: of its TS 32.297 header, else of its name."""

from pathlib import Path

from coffer.procedures.ingest.sources import Source
from coffer.procedures.watch.decide import Seen
from coffer.procedures.watch.reconcile import parse_running_count
from coffer.records.readers.threegpp.framing import (
    FIXED_HEADER_BYTES,
    MAX_FIRST_OCTET,
    MAX_HEADER_BYTES,
    parse_file_header,
)
from coffer.vault.watched import WatchKey


def number_of(folder: Path, seen: Seen, key: WatchKey) -> tuple[bytes, int] | None:
    """What stands for the source, and the number; None if the file has none.

    Raises:
        Unavailable: the file cannot be read.
    """
    source = Source(str(folder / seen.name))
    head = source.head(FIXED_HEADER_BYTES)
    if head and head[0] < MAX_FIRST_OCTET:
        header = parse_file_header(source.head(MAX_HEADER_BYTES))
        if header is not None:
            return key.name(b"node " + header.node), header.number
    counted = parse_running_count(seen.name)
    if counted is None:
        return None
    return key.name(b"name " + counted[0].encode("utf-8", "surrogateescape")), counted[1]
