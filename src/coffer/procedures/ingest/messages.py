"""Messages of a topic as lines of a feed, held in memory: no plaintext is written to a disk.

Which messages they are, their offsets say; ``docs/formats/topics.md``. Here nothing is found out from what stands in them:
the first message may be the odd one, and must not say how the others are read.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from coffer.errors import MalformedInput
from coffer.ledger.entries import TopicOffsets
from coffer.procedures.ingest.decide import FileCount
from coffer.procedures.ingest.decoding import UTF_16
from coffer.procedures.ingest.read import OpenFile
from coffer.procedures.ingest.remember import Known
from coffer.procedures.ingest.sources import STDIN, Run, Source
from coffer.records.feed import Feed
from coffer.records.readers.formats import HEAD_BYTES, NAMED, Detected, format_named
from coffer.records.readers.mapped.csv import bind_head
from coffer.records.readers.mapped.jsonl import bind_names, verify_keys
from coffer.records.readers.mapped.tidying import decoded
from coffer.records.readers.port import BoundFeed
from coffer.records.readers.text.quoting import Quoting

READABLE: Final = ("csv", "jsonl")
"""Formats of which any line can be read alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Messages:
    """What a batch takes of a topic.

    ``name``: of the table, for error messages. ``lines``: the messages, each of them whole lines. ``header``: the line
    that names the columns of CSV; empty of JSON lines. ``rejected``: messages that are no lines, by reason.
    ``is_first``: the log has nothing of the topic yet, so that nothing says that the feed is the right one.
    """

    name: str
    lines: bytes = field(repr=False)
    header: str
    offsets: TopicOffsets
    rejected: Mapping[str, int]
    is_first: bool


class _HeldSource(Source):
    """As ``Source``, of bytes that are in memory already."""

    def __init__(self, name: str, data: bytes) -> None:
        super().__init__(STDIN)
        self.name = name
        self._stdin = data


def verify_readable(feed: Feed, header: str, place: str) -> None:
    """Prove that a feed can read messages one by one, each without what stands in another.

    Raises:
        MalformedInput: it is of another format, joins rows, or its header is missing or wrong.
    """
    if feed.format not in READABLE:
        raise MalformedInput(
            f"{place}: feed: found format {feed.format or 'to be found'}, expected {' or '.join(READABLE)}",
            hint="messages of a topic are lines that a mapped feed reads",
        )
    text = feed.mapping.text
    if feed.mapping.join is not None or text.encoding in UTF_16 or text.skip_lines:
        raise MalformedInput(
            f"{place}: feed: found rows that are joined, UTF-16 or lines to skip, expected single lines"
        )
    if (feed.format == "csv") != bool(header) or (feed.format == "csv" and not text.has_header):
        raise MalformedInput(
            f"{place}: header: expected exactly where the feed is of CSV with header = true",
            hint="messages have no header of their own: write the line that names their columns",
        )
    if header:
        bind_head(feed, f"{header}\n".encode(), f"{place}: header")


def open_messages(messages: Messages, feed: Feed) -> OpenFile:
    """The messages as a file of the feed's format.

    Raises:
        MalformedInput: as ``verify_readable`` does.
    """
    verify_readable(feed, messages.header, messages.name)
    head = f"{messages.header}\n".encode() if messages.header else b""
    source = _HeldSource(messages.name, head + messages.lines)
    if head:
        bound: BoundFeed = bind_head(feed, head, messages.name)
        source.quoting, source.unquoted_lines = Quoting.of(feed.mapping.text), bound.skip_lines
    else:
        bound = bind_names(feed, messages.name)
        if messages.is_first:  # later ones were read by this feed before
            verify_keys(bound, decoded(messages.lines[:HEAD_BYTES], feed.mapping.text.encoding), messages.name)
    detected = Detected(format=format_named(feed.format), reason=NAMED)
    return OpenFile(source=source, detected=detected, feed=feed, bound=bound, skip_lines=bound.skip_lines)


def count_messages(messages: Messages, opened: OpenFile) -> tuple[FileCount, Known]:
    """Step 1 of ingest for messages: all of their lines are new, and what is no line is rejected."""
    content = opened.source.scan()
    runs = (Run(start=0, end=content.size, first_line=1, is_known=False),) if content.size else ()
    rejected = Counter(messages.rejected)
    count = FileCount(
        name=messages.name,
        format=opened.detected.format.name,
        reason=opened.detected.reason,
        read=rejected.total(),
        rejected=rejected,
    )
    return count, Known(runs=runs, lines=0, chain=b"")
