"""Where rows of delimited text end. Pure, and the one place that decides it.

A quote at the beginning of a cell begins quoting. Within it two quotes are one character, and any other quote ends it.
Everywhere else a quote is a character. A line end ends the row, unless it is quoted. Files are cut into pieces only
where a row ends, so that a row is read whole and nobody who writes a quoted text writes rows.

Source: RFC 4180; what it leaves open is read as Python's csv module and Arrow read it. ``docs/formats/feed.md``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from coffer.records.mapping import TextLayout
from coffer.records.readers.text.lines import BOM, MAX_LINE_BYTES

I64 = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]
CONTINUED: Final = "continued-line"
"""The word for lines that go on with the row of the line before: counted, so that each line is accounted for."""
QUOTED_TEXT: Final = "quoted text"
"""The word for what is assumed of lines that are quoted as a whole and have as many delimiters as a row."""
JOINT: Final = b"\0"
"""Stands for a quoted line end where a row is to be one line. No text file holds this byte."""
_LF: Final = 10
_CR: Final = 13


@dataclass(frozen=True, slots=True)
class Quoting:
    """The two marks by which cells are told apart, each one ASCII byte.

    ``comments``: a line that begins with one of them where a row could begin is no row, and its quotes are characters.
    """

    delimiter: bytes
    quote: bytes
    comments: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, text: TextLayout) -> Self | None:
        """The quoting of a feed; None where it has no quote, so that each line is a row."""
        if not text.quote:
            return None
        return cls(text.delimiter.encode(), text.quote.encode(), tuple(one.encode() for one in text.comments))

    def turns(self, data: bytes, *, is_open: bool = False) -> I64:
        """Places at which quoting begins and ends by turns; at least those around quoted line ends.

        A line begins where ``data`` begins. ``is_open``: within quotes.
        """
        data = self._without_comments(data, is_open=is_open) if self.comments else data
        view = np.frombuffer(data, np.uint8)
        quotes = np.flatnonzero(view == self.quote[0])
        if self._begins_cell(view, quotes[int(is_open) :: 2]).all():
            return quotes  # each quote is one that RFC 4180 knows: counting them is enough
        return np.array(self._turns_by_cell(data, is_open=is_open), np.int64)

    def _begins_cell(self, view: Bytes, at: I64) -> Bools:
        """Which quotes stand where a cell begins, or are the second of two."""
        before = view[at - 1]
        begins: Bools = (before == self.delimiter[0]) | (before == _LF) | (before == self.quote[0]) | (at == 0)
        return begins

    def _without_comments(self, data: bytes, *, is_open: bool) -> bytes:
        """As many bytes, with blanks for the quotes of comments.

        A line within quotes is none, so that they are looked at in order: one step for each line that may be a comment
        and has a quote.
        """
        rows = Quoting(self.delimiter, self.quote)
        parts: list[bytes] = []
        at = 0
        for line in _comment_lines(self).finditer(data):
            before = data[at : line.start()]
            is_open ^= bool(len(rows.turns(before, is_open=is_open)) % 2)
            at = line.start() if is_open else line.end()
            parts += [before] if is_open else [before, line[0].replace(self.quote, b" ")]
        return b"".join((*parts, data[at:]))

    def _turns_by_cell(self, data: bytes, *, is_open: bool) -> list[int]:
        """As ``turns``, where quotes stand as characters too: one step for each cell that holds a line end."""
        single, quoted = _patterns(self)
        turns: list[int] = []
        at = 0
        while at < len(data):
            at = _end(quoted if is_open else single, data, at)
            is_open = not is_open
            turns.append(at)
            at += 1
        return turns[:-1] if turns and turns[-1] == len(data) else turns

    def is_exact(self, view: Bytes, quotes: I64, ranks: I64, starts: I64) -> Bools:
        """Which quotes stand where RFC 4180 has them.

        ``ranks``: how many quotes of the row stand before each; ``starts``: where its row begins. Shape (n,) each.
        """
        after = np.append(view, np.full(2, _LF, np.uint8))
        first, second = after[quotes + 1], after[quotes + 2]
        ends: Bools = (first == self.delimiter[0]) | (first == _LF) | (first == self.quote[0])
        ends |= (first == _CR) & (second == _LF)
        begins = self._begins_cell(view, quotes) | (quotes == starts)
        return np.where(ranks % 2 == 0, begins, ends)


@cache
def _comment_lines(quoting: Quoting) -> re.Pattern[bytes]:
    """A line with a quote that begins as a comment does, without its line end."""
    begins = b"|".join(map(re.escape, quoting.comments))
    return re.compile(b"(?m)^(?:%b)[^\n%b]*+%b[^\n]*+" % (begins, re.escape(quoting.quote), re.escape(quoting.quote)))


@cache
def _patterns(quoting: Quoting) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """What stands before the next cell that holds a line end, and what stands within quotes.

    Both match nothing at least, and try no byte twice but those of a line that such a cell begins.
    """
    marks = {b"q": re.escape(quoting.quote), b"d": re.escape(quoting.delimiter)}
    quoted = b"(?:[^%(q)s]++|%(q)s%(q)s)*+" % marks
    on_one_line = b"%(q)s(?:[^%(q)s\n]++|%(q)s%(q)s)*+%(q)s" % marks
    character = b"(?<![%(d)s\n])(?!\\A)%(q)s" % marks
    single = b"(?:[^%(q)s]++|%(c)s|%(o)s)*+" % {**marks, b"c": character, b"o": on_one_line}
    return re.compile(single), re.compile(quoted)


def _end(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    run = pattern.match(data, at)
    assert run is not None, "it matches nothing at least"
    return run.end()


class RowEnds:
    """Is told the bytes of a file in order, and says where rows end. Used for one file.

    ``quoting``: None where each line is a row. ``skip_lines``: lines before the first row; their quotes mean nothing.
    ``may_be_marked``: the bytes may begin with a byte-order mark.
    """

    __slots__ = ("_is_open", "_is_start", "_quoting", "_skip", "_tail")

    def __init__(self, quoting: Quoting | None = None, skip_lines: int = 0, *, may_be_marked: bool = False) -> None:
        self._quoting = quoting
        self._skip = skip_lines if quoting is not None else 0
        self._is_start = may_be_marked
        self._is_open = False
        self._tail = b""

    def take(self, data: bytes) -> int:
        """The place behind the last row that ends in these bytes; 0 if none does."""
        if self._quoting is None:
            return data.rfind(b"\n") + 1
        begin = 0
        while self._skip and (end := data.find(b"\n", begin) + 1):
            self._skip, self._is_start, begin = self._skip - 1, False, end
        if self._skip:
            return begin
        cut = data.rfind(b"\n", begin) + 1
        if not cut:
            self._tail += data[begin:]
            return begin
        tail, self._tail = self._tail, data[cut:]
        if not self._is_open and self._quoting.quote not in data and self._quoting.quote not in tail:
            self._is_start = False
            return cut
        end = self._take_lines(tail + data[begin:cut], self._quoting)
        return begin - len(tail) + end if end else begin

    @property
    def is_open(self) -> bool:
        """Whether what was told so far ends within quotes."""
        if self._quoting is None or self._skip:
            return False
        turns = self._quoting.turns(self._bare(self._tail, self._quoting), is_open=self._is_open)
        return self._is_open ^ bool(len(turns) % 2)

    def _take_lines(self, lines: bytes, quoting: Quoting) -> int:
        lines, self._is_start = self._bare(lines, quoting), False
        was_open, turns = self._is_open, quoting.turns(lines, is_open=self._is_open)
        self._is_open ^= bool(len(turns) % 2)
        if not self._is_open:
            return len(lines)
        ends = np.flatnonzero(np.frombuffer(lines, np.uint8) == _LF)
        ends = ends[(np.searchsorted(turns, ends) + was_open) % 2 == 0]
        return int(ends[-1]) + 1 if len(ends) else 0

    def _bare(self, lines: bytes, quoting: Quoting) -> bytes:
        """As many bytes, without the byte-order mark, behind which a cell begins."""
        is_marked = self._is_start and lines.startswith(BOM)
        return quoting.delimiter * len(BOM) + lines[len(BOM) :] if is_marked else lines


def runs_of_rows(data: bytes, quoting: Quoting | None, at_once: int) -> Iterator[bytes]:
    """Whole rows in runs of about this size where lines of a few bytes are quoted; else all at once.

    Arrays about lines of one byte take 60 times their size.
    """
    is_quoted = quoting is not None and quoting.quote in data
    if not is_quoted or 8 * np.count_nonzero(np.frombuffer(data, np.uint8) == _LF) < len(data):
        yield data
        return
    rows, begin = RowEnds(quoting), 0
    for at in range(0, len(data), at_once):
        if end := rows.take(data[at : at + at_once]):
            yield data[begin : at + end]
            begin = at + end
    if begin < len(data):
        yield data[begin:]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Joined:
    """Rows of which each is one line, because ``JOINT`` stands for its quoted line ends.

    ``firsts``: which line of the bytes each row began on, from 0; shape (rows,). Lines that are in no row: ``torn`` of
    rows of several lines whose quotes do not stand as they must, ``overlong`` behind a quote that never ends; ``cut``
    those of a row within which the bytes end. ``continued``: how many other lines went on with a row. ``inner`` and
    ``cut_delimiters``: how many delimiters stand in each line that is quoted as a whole, and in each of ``cut``; a row of
    a file that quotes nothing has as many as any.
    """

    data: bytes
    firsts: I64
    torn: I64
    overlong: I64
    cut: I64
    continued: int
    inner: I64
    cut_delimiters: I64


def joined(data: bytes, quoting: Quoting | None) -> Joined | None:
    """Rows on one line each; None where they are so already. A row begins where ``data`` begins."""
    if quoting is None or quoting.quote not in data:
        return None
    view, turns = np.frombuffer(data, np.uint8), quoting.turns(data)
    ends = np.flatnonzero(view == _LF)
    is_quoted = np.searchsorted(turns, ends) % 2 == 1
    is_cut = len(turns) % 2 == 1
    if not is_cut and not is_quoted.any():
        return None
    starts = np.concatenate((np.zeros(1, np.int64), ends + 1))
    is_first = np.concatenate((np.ones(1, np.bool_), ~is_quoted))
    if starts[-1] == len(data):
        starts, is_first = starts[:-1], is_first[:-1]
    firsts = np.flatnonzero(is_first)
    sizes = np.diff(firsts, append=len(starts))
    is_torn = _torn_rows(view, starts[firsts], sizes, quoting)
    is_torn[-1] &= not is_cut
    is_left_out = is_torn.copy()
    is_left_out[-1] |= is_cut
    lines = np.arange(len(starts))
    last = lines[firsts[-1] :] if is_cut else lines[:0]
    is_overlong = is_cut and len(data) - starts[firsts[-1]] > MAX_LINE_BYTES
    whole = view.copy()
    whole[ends[is_quoted]] = JOINT[0]
    is_kept = np.repeat(~is_left_out, sizes)
    is_inner = ~is_first & ~np.append(is_first[1:], not is_cut)
    ends_at = np.append(starts, len(data))
    delimiters = np.diff(np.searchsorted(np.flatnonzero(view == quoting.delimiter[0]), ends_at))
    last_cut = last[:0] if is_overlong else last
    return Joined(
        data=whole[np.repeat(is_kept, np.diff(starts, append=len(data)))].tobytes(),
        firsts=firsts[~is_left_out],
        torn=lines[np.repeat(is_torn, sizes)],
        overlong=last if is_overlong else last[:0],
        cut=last_cut,
        continued=int((sizes - 1)[~is_left_out].sum()),
        inner=delimiters[is_inner],
        cut_delimiters=delimiters[last_cut],
    )


def _torn_rows(view: Bytes, starts: I64, sizes: I64, quoting: Quoting) -> Bools:
    """Which rows of several lines have a quote that does not stand as it must. Shape (rows,)."""
    quotes = np.flatnonzero(view == quoting.quote[0])
    row_of = np.searchsorted(starts, quotes, side="right") - 1
    is_within = sizes[row_of] > 1
    ranks = np.arange(len(quotes)) - np.searchsorted(quotes, starts)[row_of]
    quotes, ranks, row_of = quotes[is_within], ranks[is_within], row_of[is_within]
    is_torn = np.zeros(len(starts), np.bool_)
    is_torn[row_of[~quoting.is_exact(view, quotes, ranks, starts[row_of])]] = True
    return is_torn


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class HeadRow:
    """A row without its line end, with the numbers of its first and its last line."""

    first: int
    last: int
    text: bytes


def rows_of_head(head: bytes, quoting: Quoting | None, skip_lines: int = 0, *, has_end: bool = True) -> list[HeadRow]:
    """The rows with which a file begins, behind some lines.

    What is no row of several lines is given line by line; so is what does not end here, but without ``has_end`` it is
    left out.
    """
    lines = head.removeprefix(BOM).removesuffix(b"\n").split(b"\n")[skip_lines:]
    rows = joined(b"\n".join(lines), quoting)
    firsts = list(range(len(lines)))
    if rows is not None:
        open_end = range(int(rows.cut[0]), len(lines)) if len(rows.cut) else range(0)
        if not has_end:
            lines = lines[: open_end.start] if open_end else lines
            open_end = range(0)
        firsts = sorted({*rows.firsts.tolist(), *rows.torn.tolist(), *rows.overlong.tolist(), *open_end})
    return [
        HeadRow(first=skip_lines + first + 1, last=skip_lines + end, text=b"\n".join(lines[first:end]).rstrip(b"\r"))
        for first, end in zip(firsts, [*firsts[1:], len(lines)], strict=True)
    ]
