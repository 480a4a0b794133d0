"""The number that a source gave to a file: of its TS 32.297 header, else of its name."""

from pathlib import Path
from typing import Final

from coffer.procedures.ingest.sources import Source
from coffer.procedures.watch.decide import Seen
from coffer.procedures.watch.reconcile import parse_running_count
from coffer.records.readers.threegpp.framing import MAX_HEADER_BYTES, parse_file_header
from coffer.vault.watched import WatchKey

BER: Final = "ber"
"""The format of charging records (``records.readers.formats``)."""


def number_of(folder: Path, seen: Seen, format_name: str, key: WatchKey) -> tuple[bytes, int] | None:
    """What stands for the source, and the number; None if the file has none.

    ``format_name``: how the file is read; only charging records have headers.

    Raises:
        Unavailable: the file cannot be read.
    """
    if format_name == BER:
        header = parse_file_header(Source(str(folder / seen.name)).head(MAX_HEADER_BYTES))
        if header is not None:
            return key.name(b"node " + header.node), header.number
    counted = parse_running_count(seen.name)
    if counted is None:
        return None
    return key.name(b"name " + counted[0].encode("utf-8", "surrogateescape")), counted[1]
