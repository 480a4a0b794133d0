"""Which part of a file is sealed already, and what to remember of the rest.

Step 1 of ``docs/procedures/ingest.md``. No I/O, but the slow fingerprints are computed here.
"""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

from coffer.ledger.entries import BatchId
from coffer.procedures.ingest.prints import Printer, Prints, hash_before
from coffer.procedures.ingest.ranges import (
    File,
    clipped,
    ends_of,
    first_line,
    is_at_lines,
    is_possible,
    places_of,
    remembered_ends,
    run_between,
    with_torn,
)
from coffer.procedures.ingest.sources import Content, Run
from coffer.vault.memory import Remembered, rounded

TRIED: Final = 64
"""Fingerprints compared for one file: so many of its own name, and as many of other names of its feed.

Beyond them a file counts as new, and is sealed again.
"""
OTHERS_KIB: Final = 64 * 65_536
"""What fingerprints of files of other names may cost in one ingest: some ten seconds.

Beyond it a renamed file counts as new, and its days cause a warning.
"""
_CHAIN_BYTES: Final = 8
NO_INODE: Final = (0, 0)
"""The inode of standard input, which has no name either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of one file.

    ``runs`` cover all of it. ``lines``: how many of its lines are known, without a header. ``remark``: what to say
    about the file. ``is_warned``: the remark is a warning, because the file did not simply grow.
    """

    runs: tuple[Run, ...]
    lines: int
    chain: bytes
    remark: str = ""
    is_warned: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether the whole file is known."""
        return all(run.is_known for run in self.runs)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A place up to which a file may be known.

    ``line``: the memory's line that says so. None for an earlier file of the same ingest, whose ``hash`` says so.
    """

    chain: bytes
    end: int
    is_torn: bool
    line: Remembered | None
    hash: bytes | None = None


@dataclass(slots=True, kw_only=True)
class Memory:
    """The memory during one ingest.

    ``lines``: those that count. ``ignored``: with ``--new``, files are not compared with the memory.
    """

    printer: Printer
    feed: str
    lines: Sequence[Remembered]
    entropy: Callable[[int], bytes]
    ignored: bool = False
    _here: list[tuple[File, Known]] = field(default_factory=list)
    _prints: list[Prints] | None = None
    _left_kib: int = OTHERS_KIB
    _places: set[int] = field(default_factory=set)
    _by_name: defaultdict[bytes, list[Remembered]] = field(default_factory=lambda: defaultdict(list))
    _by_inode: defaultdict[tuple[int, int], list[Remembered]] = field(default_factory=lambda: defaultdict(list))
    _by_end: defaultdict[int, list[Remembered]] = field(default_factory=lambda: defaultdict(list))
    _by_size: defaultdict[int, list[_Candidate]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        """Index the lines. There may be very many, and each file is compared with few."""
        self.lines = list(self.lines)
        for line in self.lines:
            if self.ignored or line.feed != self.feed:  # another feed reads other records out of the same file
                continue
            self._by_name[line.name].append(line)
            self._by_inode[line.inode].append(line)
            self._by_end[line.end].append(line)
            if not line.is_whole:
                self._places |= places_of(line.end, is_torn=line.is_torn) | {line.start} - {0}

    def marks(self) -> list[int]:
        """The places of a text that a scan should describe."""
        return sorted(self._places)

    def recognise(self, file: File) -> Known:
        """The parts of a file that are sealed already, or were read earlier in this ingest."""
        name = self.printer.key.name(file.name)
        here = self._earlier(file)
        least = here.end if here is not None else -1
        remembered = next((one for one in self._candidates(file, name, least) if self._fits(one, file.content)), None)
        candidate = remembered or here
        known = self._new(file, name) if candidate is None else self._known(file, candidate, here)
        self._here.append((file, known))
        content = file.content
        if content.size:
            self._places |= places_of(content.size, is_torn=content.is_torn)
            self._by_size[content.size].append(
                _Candidate(known.chain, content.size, content.is_torn, None, content.hash)
            )
        return known

    def learnt(self, batch: BatchId, last_day: dt.date, first_day: dt.date) -> list[Remembered]:
        """The lines to keep once the batch exists.

        These are the old lines whose days can still be ingested, and a line for each new part of a file.
        """
        kept = [line for line in self.lines if line.last_day >= first_day]
        new = zip(self._new_parts(), self.fingerprints(), strict=True)
        return [*kept, *(self._line(part, prints, batch, last_day) for part, prints in new)]

    def may_be_of(self, lines: Iterable[Remembered]) -> bool:
        """Whether lines that another machine learnt meanwhile may be of the files read here.

        They are compared by name and by length. The files are not read again, so that this may be said of another file of the same length too.
        """
        parts = [
            (self.printer.key.name(file.name), run.end if file.can_go_on else rounded(run.end))
            for file, _, run in self._new_parts()
        ]
        names, ends = {name for name, _ in parts}, {end for _, end in parts}
        return any(line.feed == self.feed and (line.name in names or line.end in ends) for line in lines)

    def fingerprints(self) -> list[Prints]:
        """The fingerprints of all new parts of files, made once. An ingest has them made beside sealing."""
        if self._prints is None:
            parts = [(file.content, run) for file, _, run in self._new_parts()]
            self._prints = self.printer.prints_of(parts, self.entropy)
        return self._prints

    def _new_parts(self) -> list[tuple[File, Known, Run]]:
        return [(file, known, run) for file, known in self._here for run in known.runs if not run.is_known]

    def _line(self, part: tuple[File, Known, Run], prints: Prints, batch: BatchId, last_day: dt.date) -> Remembered:
        file, known, run = part
        content = file.content
        is_end = run.end == content.size
        return Remembered(
            batch=batch,
            feed=self.feed,
            chain=known.chain,
            name=self.printer.key.name(file.name),
            start=run.start,
            end=run.end if file.can_go_on else rounded(run.end),
            is_torn=is_end and content.is_torn,
            is_whole=not file.can_go_on,
            salt=prints.salt,
            memory_kib=self.printer.cost.memory_kib,
            print=prints.whole,
            before=prints.before,
            inode=file.inode,
            last_day=last_day,
        )

    def _earlier(self, file: File) -> _Candidate | None:
        """The longest earlier file of this ingest with which this file begins."""
        here = (one for end in ends_of(file) for one in self._by_size.get(end, ()))
        possible = (one for one in here if is_possible(one.end, file, is_torn=one.is_torn))
        return next((one for one in possible if self._fits(one, file.content)), None)

    def _candidates(self, file: File, name: bytes, least: int) -> Iterator[_Candidate]:
        """The remembered places beyond ``least`` up to which the file may be known.

        Places of files of the same name come before those of other files of the feed. Of each, the longest of every
        chain come first: a copy of a log holds all that was sealed of it, so that one comparison tells it apart from
        another whose lines end at the same places.
        """
        ends = [end for end in remembered_ends(file) if end > least]
        own = [*self._by_name.get(name, ()), *(self._by_inode.get(file.inode, ()) if file.inode != NO_INODE else ())]
        own = sorted({id(line): line for line in own if line.end > least}.values(), key=lambda line: -line.end)
        others = [line for end in ends for line in self._by_end.get(end, ()) if line.name != name]
        for group in (own, others):
            possible = _chain_by_chain([line for line in group if _is_comparable(line, file)])
            for line in islice(possible, TRIED):
                if group is others:  # comparing thousands of small files with one costly line would take hours
                    if line.memory_kib > self._left_kib:
                        continue
                    self._left_kib -= line.memory_kib
                yield _Candidate(line.chain, line.end if file.can_go_on else file.content.size, line.is_torn, line)

    def _fits(self, one: _Candidate, content: Content) -> bool:
        digest = hash_before(content, one.end)
        if one.line is None:
            return digest == one.hash
        return self.printer.key.print(digest, one.line.salt, one.line.memory_kib) == one.line.print

    def _known(self, file: File, candidate: _Candidate, here: _Candidate | None) -> Known:
        """The known parts of a file whose content before ``candidate.end`` did not change.

        Known are the parts that the candidate's chain has sealed, and those that an earlier file of this ingest holds.
        """
        sealed = [] if here is None else [(0, here.end)]
        if candidate.line is not None and not file.can_go_on:
            sealed.append((0, candidate.end))
        end, remark, is_warned = candidate.end, "", False
        if candidate.line is not None and file.can_go_on:
            read = self._by_end_of(candidate)
            mine = [line for line in read if is_at_lines(line, file)]
            sealed += self._proven(mine, candidate.end, file.content)
            if len(mine) < len(read):
                remark = (
                    "its rows ended at other places when it was read before (by another quote?): some are sealed again"
                )
                is_warned = True
        if candidate.is_torn and candidate.end < file.content.size:
            mark = file.content.marks[candidate.end]
            is_ended = mark.follows.startswith((b"\n", b"\r\n")) and not mark.is_quoted
            if is_ended and file.keeps_torn:
                end += 1 + mark.follows.startswith(b"\r")
            else:
                end = mark.row_start
            if not is_ended and file.keeps_torn and not mark.is_quoted:  # what ended within quotes was rejected
                remark = "the last line was not whole when the file was read before: it is sealed again, whole"
                is_warned = True
        ranges = clipped(sealed, candidate.end, end)
        known = self._described(file, ranges, candidate.chain, remark, is_warned=is_warned)
        return replace(known, runs=tuple(with_torn(run, end, candidate.end) for run in known.runs))

    def _by_end_of(self, candidate: _Candidate) -> list[Remembered]:
        """The memory's lines of the candidate's file, up to the place to which its content is proven."""
        return [
            line
            for line in self.lines
            if line.chain == candidate.chain
            and line.feed == self.feed
            and line.end <= candidate.end
            and not line.is_whole
        ]

    def _proven(self, mine: list[Remembered], proven_end: int, content: Content) -> list[tuple[int, int]]:
        """The joined ranges of the lines, with both ends of each range proven.

        Someone who has the key may have written a line with any places. So a place counts only if the file's content
        before it has the fingerprint of a line that names the place. Places between two joined ranges do not matter. A
        line with an unproven place is left out, and the rest is joined anew.
        """
        fitting: dict[tuple[int, int], bool] = {}

        def is_proven(place: int, line: Remembered, wanted: int) -> bool:
            if place in (0, proven_end):
                return True
            key = (place, id(line))
            if key not in fitting:
                fitting[key] = len(fitting) < TRIED and wanted == self.printer.key.print(
                    hash_before(content, place), line.salt, line.memory_kib
                )
            return fitting[key]

        while True:
            ranges = clipped(((line.start, line.end) for line in mine), proven_end, proven_end)
            starts, ends = {low for low, _ in ranges}, {high for _, high in ranges}
            kept = [
                line
                for line in mine
                if (line.start not in starts or is_proven(line.start, line, line.before))
                and (line.end not in ends or is_proven(line.end, line, line.print))
            ]
            if len(kept) == len(mine):
                return ranges
            mine = kept

    def _described(
        self, file: File, sealed: list[tuple[int, int]], chain: bytes, remark: str, *, is_warned: bool
    ) -> Known:
        content, runs, at, lines = file.content, list[Run](), 0, 0
        for start, end in sealed:
            if start > at:
                runs.append(run_between(content, at, start, is_known=False))
            runs.append(run_between(content, start, end, is_known=True))
            at = end
        if at < content.size:
            runs.append(run_between(content, at, content.size, is_known=False))
        for run in runs:
            if run.is_known:
                lines += (
                    content.lines + 1 if run.end == content.size else first_line(content, run.end)
                ) - run.first_line
                lines -= file.skip_lines if run.start == 0 else 0
        if not remark and sealed and not all(run.is_known for run in runs):
            remark = "goes on where it was read before"
        return Known(runs=tuple(runs), lines=max(lines, 0), chain=chain, remark=remark, is_warned=is_warned)

    def _new(self, file: File, name: bytes) -> Known:
        """A file that is new as a whole. The remark says if another file was read under its name."""
        remark, is_warned = "", False
        mine = [line for line in self._by_name.get(name, ()) if line.feed == self.feed]
        if mine and file.inode != NO_INODE:
            last, size = mine[-1], file.content.size
            if not file.can_go_on:
                remark, is_warned = "another content than the file read before under this name: all of it is new", True
            elif last.inode == file.inode:
                what = "was truncated" if size < last.end else "was rewritten"
                remark, is_warned = f"{what} since it was read before: all of it is taken as new", True
            else:
                remark = "is another file than the one read before under this name: all of it is new"
        whole = Run(start=0, end=file.content.size, first_line=1, is_known=False)
        return Known(runs=(whole,), lines=0, chain=self.entropy(_CHAIN_BYTES), remark=remark, is_warned=is_warned)


def _chain_by_chain(lines: Sequence[Remembered]) -> list[Remembered]:
    """Lines in the order of their place in their chain, each chain's first before any chain's second."""
    seen: Counter[bytes] = Counter()
    placed = []
    for line in lines:
        placed.append((seen[line.chain], line))
        seen[line.chain] += 1
    return [line for _, line in sorted(placed, key=lambda pair: pair[0])]


def _is_comparable(line: Remembered, file: File) -> bool:
    """Whether the slow comparison is worth making for a line of the memory.

    The line's file was read in the same way, and the line's place is possible in this file.
    """
    if line.is_whole or not file.can_go_on:
        return line.is_whole and not file.can_go_on and line.end == rounded(file.content.size)
    return is_possible(line.end, file, is_torn=line.is_torn)
