"""What a request asks for, and whether it may: steps 9 to 11 of a custodian's decision. Pure.

Step 9 proves the segments to be the log's and their days to be authorised, step 10 the subjects, step 11 the ranks and
the budget. The steps are those of ``docs/procedures/opening.md``; ``decide`` takes them in their order.
"""

from dataclasses import dataclass
from typing import Final

from coffer.authority.authorization import Authorization, Terms
from coffer.authority.countersign import all_signed, subject_rule
from coffer.authority.known import needs_every_signature
from coffer.custody.decider import Decider, Stop
from coffer.custody.exchange import Cell, Code, Request, draw_commitment
from coffer.custody.holding import Held, is_answerable
from coffer.custody.logged import contradiction, verify_logged
from coffer.errors import NotProven
from coffer.ledger.entries import SegmentId
from coffer.ledger.facts import Opening, Segment
from coffer.ledger.retention import is_segment_past
from coffer.ledger.roster import Custodian, Roster
from coffer.ledger.state import State
from coffer.segments import prf
from coffer.segments.header import Header

WINDOW: Final = 64
"""Ranks asked at once in lane 1 (``docs/procedures/opening.md``, R2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One requested segment, proven to be the log's. ``clauses``: those that this custodian holds.

    They may be none: where subjects fall under several rules, not every custodian holds a part of each segment.

    ``held``: of a segment whose day is over here, what may be answered from holds; None while its keys are kept.
    """

    header: Header
    segment: Segment
    me: Custodian | None
    clauses: tuple[int, ...]
    held: tuple[Held, ...] | None = None

    def holds_of(self, cell: Cell, terms: Terms) -> tuple[Held, ...]:
        """The holds that may answer a cell here: of its subject, and of all its periods on that day."""
        if not self.held:
            return ()
        sid, periods, day = terms.subjects[cell.line - 1].sid, terms.periods[cell.line - 1], self.header.core.day
        return tuple(held for held in self.held if held.covers(sid, periods, day))

    def wide_holds_of(self, cell: Cell, terms: Terms) -> tuple[Held, ...]:
        """Those of ``holds_of`` that keep all ranks of the cell."""
        return tuple(held for held in self.holds_of(cell, terms) if cell.rank_from + cell.rank_count <= held.ranks)


def verify_segments(
    request: Request, authorization: Authorization, state: State, decider: Decider, opening: Opening
) -> dict[bytes, Asked]:
    """Step 9, of the segments: each is the log's, of an authorised kind, and may still be answered."""
    asked = {
        header.core.seg_id: _verify_segment(header, authorization, state, decider, opening)
        for header in request.headers
    }
    if not any(segment.clauses for segment in asked.values()):
        raise Stop(Code.SCOPE)
    return asked


def _verify_segment(
    header: Header, authorization: Authorization, state: State, decider: Decider, opening: Opening
) -> Asked:
    segment = state.segments.get(SegmentId(header.core.seg_id))
    if segment is None or segment.entry_index > opening.index:
        raise Stop(Code.LOG)
    try:
        verify_logged(header, segment)
    except NotProven:
        raise Stop(Code.LOG) from None
    if contradiction(header, segment, state.origin) is not None:
        raise Stop(Code.LOG)
    if segment.line.kind not in authorization.terms.kinds:
        raise Stop(Code.SCOPE)
    clauses, day = segment.clauses_held(decider.name), segment.line.day
    is_past = is_segment_past(segment, max(decider.now, state.newest).date())
    held = None
    if clauses and (is_past or (decider.name, day) in state.destroyed):  # who holds no clause gives nothing of it
        kept = decider.held(segment, state)
        held = tuple(o for o in kept if is_answerable(o, decider.approvals, state, decider.name, decider.now))
        if not held:
            raise Stop(Code.TIME)
    me = segment.roster.custodian(decider.name)
    return Asked(header=header, segment=segment, me=me, clauses=clauses, held=held)


def verify_days(cells: tuple[Cell, ...], authorization: Authorization, asked: dict[bytes, Asked]) -> None:
    """Step 9, of the cells: each one's day is authorised for its own subject.

    The periods of one subject never reach the records of another. A day that is over is opened for those alone for
    whom, and for those hours for which, it was held.
    """
    terms = authorization.terms
    for cell in cells:
        is_line, item = 1 <= cell.line <= len(terms.subjects), asked[cell.seg_id]
        if is_line and not terms.touches(cell.line, item.header.core.day):  # step 10 refuses a line that is not there
            raise Stop(Code.SCOPE)
        if item.held is not None and not (is_line and item.holds_of(cell, terms)):
            raise Stop(Code.TIME)


def verify_subjects(
    cells: tuple[Cell, ...],
    authorization: Authorization,
    roster: Roster,
    asked: dict[bytes, Asked],
    decider: Decider,
) -> None:
    """Step 10: every line is looked up on the protected list, and every cell judged, come what may.

    So a refusal for a protected subject takes as long as any other refusal, and says as little. An emergency of an
    authority that this custodian has not verified asks for the same signatures as a protected subject.
    """
    terms = authorization.terms
    heightened = all_signed(authorization, roster)
    is_doubtful = any(needs_every_signature(note.terms, decider.authorities) for note in authorization.notes)
    protected = [decider.is_protected(subject.sid) for subject in terms.subjects]
    is_within = True
    rules: dict[tuple[int, bytes], str] = {}
    for cell in cells:
        is_line = 1 <= cell.line <= len(terms.subjects)
        number, item = (cell.line - 1 if is_line else 0), asked[cell.seg_id]
        key = number, item.segment.roster.hash
        if key not in rules:  # once a roster, not once a segment
            rules[key] = subject_rule(terms.subjects[number], item.segment.roster).name
        is_rule = rules[key] == item.header.core.rule
        is_approved = heightened[number] or not (protected[number] or is_doubtful)
        is_within &= is_line & is_rule & is_approved
    if not is_within:
        raise Stop(Code.SCOPE)


def verify_ranks(
    request: Request, opening: Opening, authorization: Authorization, state: State, asked: dict[bytes, Asked]
) -> None:
    """Step 11: labels are asked in windows; what is drawn is the draw's, and within the budget."""
    terms, cap = authorization.terms, state.rosters[authorization.terms.roster].cell_cap
    for cell in request.cells:
        item = asked[cell.seg_id]
        if item.held is not None and not item.wide_holds_of(cell, terms):
            raise Stop(Code.BUDGET)
    pairs = [(cell.seg_id, cell.line) for cell in request.cells]
    if request.lane == prf.LABEL_LANE:
        for cell in request.cells:
            is_window = cell.rank_from % WINDOW == 0 and cell.rank_count <= WINDOW and cell.rank_from < prf.MAX_RANK
            if not is_window or (cell.rank_from > cap and not terms.is_hub):
                raise Stop(Code.BUDGET)
        if len(set(pairs)) != len(pairs):
            raise Stop(Code.BUDGET)
        return
    draw, index = opening.draw, opening.draw_index
    if draw is None or index is None or index != request.draw:
        raise Stop(Code.LOG)
    if draw_commitment(request.draw_salt, request.cells) != draw.table:
        raise Stop(Code.LOG)
    if len(set(pairs)) != len(pairs) or any(cell.rank_from for cell in request.cells):
        raise Stop(Code.BUDGET)  # these ranges of one subject in one segment would overlap or leave a gap
    if sum(cell.rank_count for cell in request.cells) != draw.records:
        raise Stop(Code.BUDGET)
    if any(cell.rank_count > cap for cell in request.cells) and not terms.is_hub:
        raise Stop(Code.BUDGET)
    if state.drawn(authorization.commitment, up_to=index) > authorization.limit:
        raise Stop(Code.BUDGET)
