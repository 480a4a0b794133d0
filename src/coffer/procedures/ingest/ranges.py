"""Places in a scanned file, and the ranges between them. Pure.

A place is a byte of the unpacked content. It counts only where a row ends, unless the row was torn when it was read.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from coffer.procedures.ingest.sources import Content, Run
from coffer.vault.memory import Remembered, rounded


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file as it was scanned.

    ``can_go_on``: it is text, so that reading may begin at one of its lines. ``keeps_torn``: a last line without a line
    end is read.
    """

    name: str
    inode: tuple[int, int]
    content: Content
    can_go_on: bool
    keeps_torn: bool
    skip_lines: int


def ends_of(file: File) -> list[int]:
    """The places up to which the file may be known, the last first."""
    return sorted({file.content.size, *(file.content.marks if file.can_go_on else ())}, reverse=True)


def remembered_ends(file: File) -> list[int]:
    """The places of ``ends_of`` as the memory holds them: the length of a whole file is rounded."""
    return ends_of(file) if file.can_go_on else [rounded(file.content.size)]


def places_of(end: int, *, is_torn: bool) -> set[int]:
    """The places to describe for a file that ended at ``end``.

    If its last line was torn, the places after a line end of one or two bytes belong to them.
    """
    return {end, end + 1, end + 2} if is_torn else {end}


def is_at_lines(line: Remembered, file: File) -> bool:
    """Whether a remembered range begins and ends where rows of the file do."""
    start = file.content.marks.get(line.start)
    begins = line.start == 0 or (start is not None and start.row_start == line.start)
    return begins and is_possible(line.end, file, is_torn=line.is_torn)


def is_possible(end: int, file: File, *, is_torn: bool) -> bool:
    """Whether a place is in the file, and at a row's end unless the remembered row was torn."""
    if end == file.content.size:
        return True
    mark = file.content.marks.get(end)
    return file.can_go_on and mark is not None and (is_torn or mark.row_start == end)


def clipped(sealed: Iterable[tuple[int, int]], proven_end: int, end: int) -> list[tuple[int, int]]:
    """The ranges, joined and in order. If the last reaches ``proven_end``, it ends at ``end`` instead."""
    joined: list[tuple[int, int]] = []
    for start, stop in sorted(sealed):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((start, stop))
    if joined and joined[-1][1] == proven_end:
        joined[-1] = (joined[-1][0], end)
    return [one for one in joined if one[0] < one[1]]


def run_between(content: Content, start: int, end: int, *, is_known: bool) -> Run:
    """A run of the file, with the number of its first line."""
    return Run(start=start, end=end, first_line=first_line(content, start), is_known=is_known)


def with_torn(run: Run, row_start: int, torn_end: int) -> Run:
    """The run that begins with a row which ended at ``torn_end`` when it was read before."""
    is_it = not run.is_known and run.start == row_start < torn_end
    return replace(run, torn_bytes=torn_end - row_start) if is_it else run


def first_line(content: Content, at: int) -> int:
    """The number of the line that begins at a place."""
    if at == 0:
        return 1
    if at in content.marks:
        return content.marks[at].lines + 1
    # The place is a torn row's beginning or follows its end. The mark in or before the row gives its number.
    near = next(mark for mark in content.marks.items() if mark[1].row_start == at or 0 < at - mark[0] <= 2)
    return near[1].row_line if near[1].row_start == at else near[1].lines + 2
