"""Opening one person's records: the steps that decide. This is the file to audit.

The steps are numbered in ``docs/procedures/opening.md``. Pure: bytes and proven values in, proven values out. These
checks protect the requester from lying custodians and a lying disk. The custodians' own checks are in
``custody/decide.py`` and do not rely on any of this.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from coffer.authority.authorization import MAX_RECORDS, Authorization, Terms
from coffer.authority.countersign import Countersigned
from coffer.authority.hold import Hold
from coffer.authority.reach import Reach
from coffer.custody.asked import WINDOW
from coffer.custody.ballot import Ballot, Choice
from coffer.custody.exchange import Cell, Reply
from coffer.custody.holding import Coverage
from coffer.errors import NotProven, Refused
from coffer.identity.identifier import Identifier
from coffer.ledger.facts import Segment
from coffer.ledger.retention import is_segment_past
from coffer.ledger.roster import Roster
from coffer.ledger.rules import Rule
from coffer.ledger.state import State
from coffer.procedures.opening.shown import Shown
from coffer.segments import prf
from coffer.segments.header import Header
from coffer.segments.locate import Finder
from coffer.segments.opened import OpenedRow
from coffer.segments.rows import parse_row

IsHeld = Callable[[Segment, int], bool]
"""Whether a hold covers, in a segment, what is asked of a subject, by number from 1."""
MAX_HEADER_BYTES: Final = 7 * 2**20
"""Headers of one request. With note, cells and checkpoint it stays under the custodians' 8 MiB."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Target:
    """One subject in one segment, which becomes a cell. ``line``: the number of the subject line, from 1."""

    segment: Segment
    header: Header
    line: int
    subject: Identifier

    @property
    def rule(self) -> Rule:
        """The segment's rule."""
        return self.segment.roster.rules[self.segment.line.rule]

    @property
    def roster(self) -> Roster:
        """The roster under which the segment was sealed."""
        return self.segment.roster

    def window(self, number: int) -> Cell:
        """The cell of the ranks 64 n to 64 n + 63."""
        return Cell(seg_id=self.segment.line.seg_id, line=self.line, rank_from=number * WINDOW, rank_count=WINDOW)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Matches:
    """The sealed rows of a target that the labels led to: ranks 0, 1, ... before the first without a row.

    ``is_answered``: whether enough custodians answered at all. ``liars``: the custodians whose value at a rank with a
    row differs from the value that led to the row. ``by``: the custodians who agree on every rank that was looked at,
    the last one without a row included. ``is_certain``: whether ``by`` rules out that a row was hidden. ``suspect``:
    the custodian whose value at the last rank is outvoted, if there is a clear majority.
    """

    target: Target
    rows: tuple[bytes, ...]
    is_answered: bool
    liars: frozenset[str]
    by: frozenset[str]
    is_certain: bool
    suspect: str | None

    @property
    def cell(self) -> Cell:
        """The cell to draw: exactly the ranks that have a row."""
        seg_id = self.target.segment.line.seg_id
        return Cell(seg_id=seg_id, line=self.target.line, rank_from=0, rank_count=len(self.rows))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CellResult:
    """The outcome of one target.

    ``status``: complete, no records or unconfirmed. ``faulty``: custodians shown to have lied about it. ``rows``: those
    within the periods of the subject. ``outside``: how many rows were opened with them and start outside the periods,
    because a key opens a whole UTC day. Those rows are dropped here and nothing of them is kept.
    """

    target: Target
    status: str
    rows: tuple[OpenedRow, ...]
    outside: int
    by: tuple[str, ...]
    faulty: frozenset[str]


def segments_of(
    authorization: Authorization,
    state: State,
    *,
    before: int,
    now: dt.datetime,
    holds: Sequence[Hold] = (),
    since: int = 0,
) -> list[tuple[Segment, int]]:
    """Step R1: every segment that the authorization reaches, with each subject line that it concerns.

    Only segments that exist before entry ``before`` (the intent) are reached, so that a resumed opening asks for the
    same segments. ``since``: of a continuing order, the intent of the opening before; only what came after it is
    reached. ``holds``: what is dead or past its retention is reached for those whom one of them names, while it is in
    force.
    """
    terms = authorization.terms
    days = [terms.days_of(number) for number in range(1, len(terms.subjects) + 1)]
    is_held = _held_by(holds, terms, state, now)
    return segments_for(terms.subjects, days, terms.kinds, state, before=before, now=now, is_held=is_held, since=since)


def _held_by(holds: Sequence[Hold], terms: Terms, state: State, now: dt.datetime) -> IsHeld:
    """Whether a hold in force names a subject and its periods in a segment.

    The custodians decide for themselves.
    """
    in_force = {term.note for hold in state.holds_in_force(max(now, state.newest)) for term in hold.terms}
    covers = [Coverage(hold.terms) for hold in holds if hold.commitment in in_force]
    return lambda segment, number: any(
        coverage.covers(segment, terms.subjects[number - 1].sid, terms.periods[number - 1]) for coverage in covers
    )


def segments_for(
    subjects: Sequence[Identifier],
    days: Sequence[Sequence[dt.date]],
    kinds: Sequence[str],
    state: State,
    *,
    before: int,
    now: dt.datetime,
    is_held: IsHeld = lambda _segment, _number: False,
    since: int = 0,
) -> list[tuple[Segment, int]]:
    """The same for a request that is not written yet. ``days``: the UTC days of each subject."""
    reached: list[tuple[Segment, int]] = []
    asked = [frozenset(own) for own in days]
    reach = Reach(subjects, kinds, lambda number, day: day in asked[number - 1])
    wanted = frozenset[dt.date]().union(*asked)  # looked at first: a desk asks this of every case for each page
    later = {segment.line.seg_id for segment in state.completed_from(before)}
    for segment in state.completed_from(since) if since else state.segments.values():
        line = segment.line
        if line.day not in wanted or line.seg_id in later:
            continue
        is_gone = state.is_dead(segment) or is_segment_past(segment, now.date())
        numbers = [number for number in range(1, len(subjects) + 1) if not is_gone or is_held(segment, number)]
        if numbers:
            reached += [(segment, number) for number in reach.lines(segment) if number in numbers]
    return sorted(reached, key=lambda item: (item[0].line.seg_id, item[1]))


def cells_at_most(count: int) -> int:
    """The power of two that hides the exact number of cells."""
    return 1 << max(count - 1, 0).bit_length()


def request_groups(targets: Sequence[Target]) -> list[list[Target]]:
    """The targets in groups, one for each request, that stay under the size a custodian accepts.

    The subjects of one segment stay together.
    """
    groups: list[list[Target]] = []
    size, last = 0, b""
    for target in targets:
        is_new = target.segment.line.seg_id != last
        size += len(target.header.raw) if is_new else 0
        if not groups or (is_new and size > MAX_HEADER_BYTES):
            groups.append([])
            size = len(target.header.raw)
        groups[-1].append(target)
        last = target.segment.line.seg_id
    return groups


def find_rows(target: Target, windows: Sequence[Mapping[str, Reply]], finder: Finder) -> Matches:
    """Step R2: the rows of a target, rank by rank. ``windows[w]``: the replies to window w.

    If custodians disagree, the reading that leads to a row is right: nobody can make a row's label without the values
    of the others.
    """
    ballots = [
        Ballot(cell=target.window(number), lock=target.segment.lock, roster=target.roster, replies=replies)
        for number, replies in enumerate(windows)
    ]
    answered = frozenset.intersection(*(frozenset(ballot.holders) for ballot in ballots))
    rows: list[bytes] = []
    liars: frozenset[str] = frozenset()
    for ballot in ballots:
        holders = frozenset(ballot.holders)
        for rank in range(WINDOW):
            choices = ballot.choices(rank)
            hit = next(((choice, row) for choice in choices for row in finder.find(choice.y[:8])), None)
            if hit is None:
                return _ended(target, rows, ballot, choices, answered, liars)
            # Two rows share a label once in 2^64 pairs. The wrong row then fails its check bits.
            rows.append(hit[1])
            liars |= holders - hit[0].by
    by = answered - liars
    is_enough = ballots[0].is_enough(by)
    return Matches(
        target=target, rows=tuple(rows), is_answered=True, liars=liars, by=by, is_certain=is_enough, suspect=None
    )


def _ended(
    target: Target,
    rows: Sequence[bytes],
    ballot: Ballot,
    choices: Sequence[Choice],
    answered: frozenset[str],
    liars: frozenset[str],
) -> Matches:
    """The matches of a walk that ended at the first rank without a row."""
    honest = answered - liars
    agreed = [choice.by & honest for choice in choices if ballot.is_enough(choice.by & honest)]
    by = max(agreed, key=lambda names: (len(names), sorted(names)), default=frozenset[str]())
    is_certain = bool(by) and ballot.is_certain(by)
    outvoted = honest - by
    return Matches(
        target=target,
        rows=tuple(rows),
        is_answered=bool(choices),
        liars=liars,
        by=by,
        is_certain=is_certain,
        suspect=next(iter(outvoted)) if is_certain and len(outvoted) == 1 else None,
    )


def needs_another_window(matches: Matches, windows: int) -> bool:
    """Whether the last rank of the last window led to a row."""
    return len(matches.rows) == windows * WINDOW


def verify_budget(
    matches: Sequence[Matches], countersigned: Countersigned, drawn: int, *, is_part: bool = False
) -> int:
    """Step R3: the number of records to draw.

    ``is_part``: of a continuing order, so that nothing is asked for that was drawn before.

    Raises:
        Refused: more than the authorization has left, or more of one subject on one day than the cap. Then nothing is
            opened, because a part would look like the whole.
    """
    terms, roster = countersigned.authorization.terms, countersigned.roster
    total = sum(len(item.rows) for item in matches)
    if not terms.is_hub and any(len(item.rows) > roster.cell_cap for item in matches):
        raise Refused(
            f"records of one subject on one day: more than {roster.cell_cap} found, expected at most that",
            code="budget",
            hint="a number that so many call is a hub: its authorization must say hub: yes, signed by every custodian of its rule",
        )
    limit = countersigned.authorization.limit
    if drawn + total > limit:
        before = f", after {drawn} drawn before" if drawn else ""
        raise Refused(
            f"records: {total} found{before}, expected at most {limit} (max-records)",
            code="budget",
            hint=_over(is_again=bool(drawn) and not is_part),
        )
    return total


def _over(*, is_again: bool) -> str:
    """What helps where an opening is over its limit. ``is_again``: it asks for what was drawn before."""
    if is_again:
        return "this asks again for what was drawn before: coffer open --since-last asks only for what came since"
    return "raise the limit (coffer amend), ask for fewer days, or make a new request"


def records_needed(matches: Sequence[Matches], countersigned: Countersigned, drawn: int) -> int:
    """Step R3: the ``max-records`` under which these records could be drawn.

    More than any authorization can have where no budget allows it.
    """
    needed = drawn + sum(len(item.rows) for item in matches)
    return needed if needed > countersigned.authorization.limit else MAX_RECORDS + 1


def open_target(
    matches: Matches, replies: Mapping[str, Reply], cell: Cell | None, countersigned: Countersigned
) -> CellResult:
    """Step R5 for one target: its decrypted rows within the periods.

    Each row is decrypted with a reading of the replies under which it proves itself. ``cell``: None if nothing was
    drawn. Rows that show only when an opening is taken up again, after its draw, are not opened: the cell is then
    unconfirmed. The start of a record decides: a call that began before a period and lasts into it is outside.
    """
    suspects = frozenset({matches.suspect}) if matches.suspect else frozenset[str]()
    if cell is None and matches.rows:
        return _result(matches, "unconfirmed", (), frozenset(), matches.liars)
    if cell is None:
        status = "no records" if matches.is_certain else "unconfirmed"
        return _result(matches, status, (), matches.by, matches.liars | suspects)
    ballot = Ballot(cell=cell, lock=matches.target.segment.lock, roster=matches.target.roster, replies=replies)
    rows: list[OpenedRow] = []
    faulty = matches.liars | suspects
    target, holders = matches.target, frozenset(ballot.holders)
    shown = Shown.of(target.header.core, target.line, target.subject)
    for rank, readings in enumerate(_readings(matches, ballot)):
        opened = _open_row(matches, readings, shown, rank)
        if opened is None:
            return _result(matches, "unconfirmed", (), frozenset(), faulty)
        rows.append(opened[0])
        faulty |= holders - opened[1]
    by = matches.by & frozenset(ballot.holders) - faulty
    if len(matches.rows) != cell.rank_count or not ballot.is_enough(by):
        return _result(matches, "unconfirmed", (), frozenset(), faulty)
    within = tuple(row for row in rows if countersigned.authorization.terms.holds(matches.target.line, row.start))
    return _result(matches, "complete", within, by, faulty, outside=len(rows) - len(within))


def _result(
    matches: Matches,
    status: str,
    rows: tuple[OpenedRow, ...],
    by: frozenset[str],
    faulty: frozenset[str],
    *,
    outside: int = 0,
) -> CellResult:
    names = tuple(name for name in matches.target.roster.names if name in by)
    return CellResult(target=matches.target, status=status, rows=rows, outside=outside, by=names, faulty=faulty)


def _readings(matches: Matches, ballot: Ballot) -> Iterator[list[tuple[bytes, frozenset[str]]]]:
    """For each drawn rank, every decryption of its row with the custodians who read it so.

    Those that most custodians agree on come first. A rank that the labels did not lead to has none.
    """
    core, sealed, count = matches.target.header.core, matches.rows, ballot.cell.rank_count
    if ballot.unanimous is not None and len(sealed) == count:
        y, by = ballot.unanimous
        for plain in prf.decrypt_rows(core.seg_id, sealed, y):
            yield [(plain, by)]
        return
    for rank in range(count):
        choices = ballot.choices(rank) if rank < len(sealed) else []
        yield [
            (plain, choice.by)
            for choice in choices
            for plain in prf.decrypt_rows(core.seg_id, sealed[rank : rank + 1], choice.y)
        ]


def _open_row(
    matches: Matches, readings: Sequence[tuple[bytes, frozenset[str]]], shown: Shown, rank: int
) -> tuple[OpenedRow, frozenset[str]] | None:
    """The row of a rank and the custodians who read it so; None if it proves itself under no reading."""
    for plain, by in readings:
        try:
            row = parse_row(plain[:16], plain[16:], shown.core.layout, shown.place)
        except NotProven:
            continue
        # LAST on another rank means that records are missing or surplus. Then nothing of the cell is certain.
        if row.is_last != (rank == len(matches.rows) - 1):
            return None
        return shown.row(row), by
    return None
