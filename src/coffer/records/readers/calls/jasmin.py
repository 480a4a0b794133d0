"""Jasmin's messages.log: texts sent and received.

The message text is never looked at: each line is read from the left up to it.

``SMS-MT`` is a text that was handed to a network, once for each attempt; ``SMS-MO`` one that came from it; ``DLR`` tells of one
and is merged. Source: ``jasmin/managers/listeners.py`` and ``clients.py`` of Jasmin 0.6 to 0.11, which were only read.
"""

import re
from collections.abc import Sequence
from typing import Final

import polars as pl

from coffer.kinds import KINDS
from coffer.records.draft import Window
from coffer.records.feed import Feed
from coffer.records.readers.account import UTC_MICROS, Account, Columns, with_columns_of
from coffer.records.readers.calls.parties import bare_parties
from coffer.records.readers.port import MAX_OPEN, Found, Piece
from coffer.records.readers.text.lines import EMPTY, LineCutter, Lines
from coffer.records.readers.text.times import parse_times
from coffer.records.readers.waiting import Waiting
from coffer.records.rejects import Reason, some_rejects

_STAMP: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,6})?"
_HEAD: Final = rf"^({_STAMP}) [A-Z]+ +[0-9]+ "
_TEXT: Final = (
    rf"{_HEAD}(SMS-M[TO]) \[cid:[^\]]*\] (?:\[queue-msgid:([^\]]*)\] |\[i-status:[^\]]*\] )(?:\[smpp-msgid:[^\]]*\] )?"
    r"(?:\[status:[^\]]*\] )?(?:\[retry:[^\]]*\] )?(?:\[prio:[^\]]*\] )?(?:\[dlr:[^\]]*\] )?(?:\[validity:[^\]]*\] )?"
    r"\[from:([^\[\]]*)\] \[to:([^\[\]]*)\] \[content:"
)
"""Stamp, direction, id, sender, recipient. Behind it stands the text."""
_FORGED: Final = r"^[^\n]*? \[content:\] \[to:"
"""A text that begins like the fields before it: a sender's name that imitates them would leave this."""
_ESCAPED: Final = r"""^b['"].*\\"""
"""A name that is not ASCII, as Python writes its bytes: of an encoding that nobody names."""
_REPORT: Final = rf"{_HEAD}DLR \[cid:"
_BYTES: Final = r"""^b(?:'(.*)'|"(.*)")$"""
"""How Jasmin writes a number since it runs on Python 3."""
_ROWS: Final[Columns] = {
    "key": pl.String,
    "file": pl.Int32,
    "offset": pl.Int64,
    "kind": pl.UInt8,
    "start": UTC_MICROS,
    "fault": pl.UInt8,
    "is_ambiguous": pl.Boolean,
    "a": pl.String,
    "b": pl.String,
}


def recognise(head: bytes, _name: str) -> str | None:
    """Whether a file begins like this log; the reason in words."""
    text = rb"(?m)^[0-9-]{10} [0-9:]{8}(?:[.,][0-9]{1,6})? [A-Z]+ +[0-9]+ SMS-M[TO] \[cid:"
    return "lines like: SMS-MT [cid:...] [queue-msgid:...]" if re.search(text, head) else None


class JasminReader:
    """One ingest of logs. ``coffer.records.readers.port.Reader``."""

    def __init__(self, feed: Feed, window: Window, *, max_open: int = MAX_OPEN) -> None:
        self._feed = feed
        self._account = Account(feed, window)
        self._cutter = LineCutter()
        self._waiting = Waiting(self._account, _first_attempts, max_open)

    def take(self, piece: Piece) -> Sequence[Found]:
        """Read whole lines."""
        lines = self._cutter.take(piece)
        self._account.reject(piece.file, lines.rejects)
        self._account.skip_counts(piece.file, {EMPTY: lines.empty})
        if len(lines.numbers):
            self._waiting.add(self._rows(piece.file, lines))
        return self._account.told()

    def end_file(self, file: int) -> Sequence[Found]:
        """A last line without an end was cut off."""
        self._account.reject(file, self._cutter.end_file())
        return self._account.told()

    def finish(self) -> Sequence[Found]:
        """Texts of which another attempt might have come."""
        self._waiting.finish()
        return self._account.told()

    def _rows(self, file: int, lines: Lines) -> pl.DataFrame:
        """The texts among some lines.

        Reports are merged. Lines of another form are rejected if they name a text, and else skipped.
        """
        text = lines.text
        names = ["stamp", "way", "id", "a", "b"]
        frame = text.rename("line").str.extract_groups(_TEXT).struct.rename_fields(names).struct.unnest()
        frame = frame.with_columns(offset=pl.Series(lines.numbers), file=pl.lit(file, pl.Int32))
        is_text = frame["stamp"].is_not_null() & ~text.str.contains(_FORGED)
        for name in ("a", "b"):
            is_text &= ~frame[name].str.contains(_ESCAPED).fill_null(value=False)
        is_lost = ~is_text & text.str.contains(r" SMS-M[TO] \[cid:")
        is_report = ~is_text & ~is_lost & text.str.contains(_REPORT)
        self._account.reject(file, some_rejects(frame["offset"].filter(is_lost).to_numpy(), Reason.BAD_RECORD))
        self._account.merge(frame.filter(is_report).select("file", what=pl.lit("delivery-report")))
        is_other = ~(is_text | is_lost | is_report)
        self._account.skip(frame.filter(is_other).select("file", what=pl.lit("other-line")))
        texts = frame.filter(is_text)
        stamps = texts["stamp"].str.replace(",", ".", literal=True)
        formats = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S%.f")
        times = parse_times(stamps, formats, self._feed.time_zone, self._feed.fold)
        # A text that an interceptor refused has no id, and stands alone.
        alone = pl.format("x{}:{}", "file", "offset")
        key = pl.when(pl.col("id").fill_null("") == "").then(alone).otherwise(pl.format("{}:{}", "way", "id"))
        texts = texts.with_columns(*times.columns(), key=key, kind=pl.lit(KINDS["text"], pl.UInt8))
        return with_columns_of(texts.with_columns(_party(texts[name]).alias(name) for name in ("a", "b")), _ROWS)


def _party(written: pl.Series) -> pl.Series:
    inner = pl.select(pl.coalesce(written.str.extract(_BYTES, 1), written.str.extract(_BYTES, 2), written)).to_series()
    return bare_parties(inner.set(inner == "None", ""))


def _first_attempts(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Each text once, when it was first tried; the other attempts are merged."""
    is_first = rows.select(pl.int_range(pl.len()).over("key") == 0).to_series()
    return rows.filter(is_first).drop("key"), rows.filter(~is_first).select("file", what=pl.lit("attempt"))
