"""How a custodian decides on a request: steps 3 to 14 of ``docs/procedures/opening.md``. Pure.

The checks stand in the order of the page: all or nothing, stopping at the first failure. The caller takes step 1 (size,
unseal, parse) and step 2 (checkpoint, replay), because it alone can fetch, and step 15 (sign and seal) after a grant.
"""

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from coffer import wire
from coffer.authority.amended import parse_amended
from coffer.authority.authorization import Authorization, Terms
from coffer.authority.countersign import (
    Countersigned,
    Footing,
    all_signed,
    footing_of,
    subject_rule,
    verify_countersigned,
)
from coffer.authority.known import Authorities, is_urgent, needs_every_signature
from coffer.custody.exchange import Cell, Code, Request, draw_commitment, format_payload
from coffer.custody.holding import Held, Part, compute_partials, is_answerable
from coffer.custody.logged import contradiction, verify_logged
from coffer.errors import CofferError, MalformedInput, NotProven, Refused
from coffer.ledger.cosigning import cosigners_of, is_cosigned
from coffer.ledger.entries import Commitment, SegmentId
from coffer.ledger.facts import Opening, Segment
from coffer.ledger.retention import is_segment_past
from coffer.ledger.roster import Custodian, Roster
from coffer.ledger.state import State
from coffer.notes.keys import SealKey, Secret
from coffer.notes.note import parse_note
from coffer.segments import prf
from coffer.segments.bundle import OpenBundle, open_effective
from coffer.segments.header import Header

WINDOW: Final = 64
"""Ranks asked at once in lane 1 (``docs/procedures/opening.md``, R2)."""
MAX_INTENTS_PER_AUTHORIZATION: Final = 32
"""Reopening after a crash needs a few. More would let a requester watch through the labels how records change."""
MAX_INTENTS_PER_REQUESTER: Final = 2_000
"""In 24 hours. The desk of a large country needs a fraction of it, and bulk access would need far more."""
_DAY: Final = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decider:
    """What a custodian knows beside the log and the request.

    ``approvals``: commitments in its own approvals file. ``epoch_key``: gives its private key of a day, None if that was destroyed or never made.
    ``is_protected``: whether a sid is on its own protected list. ``authorities``: those that its people know, None without
    a list. ``open_bundle``: opens its bundle of a segment, or takes the keys that it kept of the same opening; it is asked
    only when every other check has passed. ``held``: what it keeps of a segment for holds (``docs/formats/hold.md``).
    """

    name: str
    approvals: Collection[Commitment]
    epoch_key: Callable[[dt.date], SealKey | None]
    is_protected: Callable[[bytes], bool]
    authorities: Authorities | None
    now: dt.datetime
    open_bundle: OpenBundle = open_effective
    held: Callable[[Segment, State], Sequence[Held]] = lambda _segment, _state: ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Every check passed."""

    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Decline:
    """A check after step 7 failed.

    The requester is told the code. Only the custodian's own record tells the step.
    """

    step: int
    code: Code


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """A check up to step 7 failed. The sender has not proven to be the requester, and is told nothing."""

    step: int


Decision = Grant | Decline | Reject


class _Stop(Exception):  # noqa: N818 - never leaves this module
    """A check failed. ``decide`` knows at which step. Up to step 7 nobody is told the code."""

    def __init__(self, code: Code) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
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


def decide(request: Request, state: State, decider: Decider) -> Decision:
    """Steps 3 to 14. ``state`` is this custodian's own replay up to the request's checkpoint."""
    step = 3
    try:
        authorization, roster = _parse_authorization(request, state, decider)
        step = 4
        _verify_approved(authorization, decider)
        step = 5
        is_emergency = _verify_signatures(authorization, roster, request, state)
        step = 6
        _verify_time(authorization, state, decider)
        step = 7
        _verify_requester(request, authorization)
    except (_Stop, MalformedInput, NotProven, Refused):
        return Reject(step=step)
    try:
        step = 8
        _verify_history(request, authorization, roster, decider)
        opening = _verify_intent(request, authorization, state, is_emergency=is_emergency)
        step = 9
        asked = _verify_segments(request, authorization, state, decider, opening)
        _verify_days(request.cells, authorization, asked)
        step = 10
        _verify_subjects(request.cells, authorization, roster, asked, decider)
        step = 11
        _verify_ranks(request, opening, authorization, state, asked)
        step = 12
        _verify_rates(opening, authorization, state)
        _verify_debts(opening, state, decider)
        keys: dict[bytes, dict[int, Secret]] = {}
        epoch_key = cache(decider.epoch_key)  # one look a day: a request has several segments of each
        for seg_id, segment in asked.items():
            if segment.held is not None:
                continue
            step = 13
            key = _take_epoch_key(segment, epoch_key)
            step = 9  # the last check of step 9: only here does it show whether the own key is there
            _verify_not_destroyed(segment, key)
            step = 13
            keys[seg_id] = _open_bundle(segment, key, decider)
        step = 14
        me = roster.custodian(decider.name)
        assert me is not None, "step 3 has proven it"
        payload = _compute_partials(request, authorization, me, asked, keys)
    except _Stop as stop:
        return Decline(step=step, code=stop.code)
    return Grant(payload=payload)


def _parse_authorization(request: Request, state: State, decider: Decider) -> tuple[Authorization, Roster]:
    authorization = parse_amended(request.note, "request: note")
    roster = state.rosters.get(authorization.terms.roster)
    if authorization.terms.origin != state.origin or roster is None or roster.custodian(decider.name) is None:
        raise _Stop(Code.SCOPE)
    return authorization, roster


def _verify_approved(authorization: Authorization, decider: Decider) -> None:
    """This custodian's own people said yes. No signature that a requester shows stands for that."""
    if any(note.commitment not in decider.approvals for note in authorization.notes):
        raise _Stop(Code.SCOPE)


def _verify_signatures(authorization: Authorization, roster: Roster, request: Request, state: State) -> bool:
    """Whether the signatures suffice under an emergency rule alone."""
    countersigned = verify_countersigned(authorization, roster)
    is_emergency = countersigned.is_emergency
    for note in authorization.notes:
        is_emergency |= _verify_segment_rules(replace(countersigned, authorization=note), request, state)
    return is_emergency


def _verify_segment_rules(countersigned: Countersigned, request: Request, state: State) -> bool:
    """The signing keys of the note also satisfy the rule of every other roster that is asked for.

    Whether only its emergency rule.
    """
    is_emergency = False
    for header in request.headers:
        segment = state.segments.get(SegmentId(header.core.seg_id))
        if segment is None or segment.roster.hash == countersigned.roster.hash:
            continue  # _verify_segments refuses an unknown segment
        signed = [c.name for c in segment.roster.custodians if countersigned.authorization.note.is_signed_by(c.auth)]
        footing = footing_of(segment.line.rule, segment.roster, signed, countersigned.authorization.terms)
        if footing is Footing.NONE:
            raise Refused("authorization: too few signatures for a segment of another roster", code="scope")
        is_emergency |= footing is Footing.EMERGENCY
    return is_emergency


def _verify_time(authorization: Authorization, state: State, decider: Decider) -> None:
    """The authorization is in force, and neither revoked nor refused by this custodian.

    If the clock is behind the log's newest time, the log's time counts: a clock that is set back brings no authorization back to life.
    """
    clock = max(decider.now, state.newest)
    if not authorization.terms.not_before <= clock < authorization.terms.expires:
        raise Refused("authorization: not in force at this time", code="time")
    for note in authorization.notes:
        if note.commitment in state.revoked:
            raise Refused("authorization: revoked", code="time")
        if state.is_refused(note.commitment, decider.name):
            raise Refused("authorization: refused by this custodian", code="time")


def _verify_requester(request: Request, authorization: Authorization) -> None:
    is_seal_key = wire.digest(request.seal_public) == authorization.terms.seal
    if not request.is_signed_by(authorization.terms.requester) or not is_seal_key:
        raise _Stop(Code.SCOPE)


def _verify_history(request: Request, authorization: Authorization, roster: Roster, decider: Decider) -> None:
    """Enough other custodians of every rule of the note vouch for this history.

    The rules are the note's and not the segments', because the budget belongs to the note.

    This custodian counts as one of them: it follows the checkpoint, or step 2 would have failed.
    """
    checkpoint = parse_note(request.checkpoint, "request: checkpoint", may_be_cosigned=True)
    names = cosigners_of(checkpoint, roster, decider.now) | {decider.name}
    if not is_cosigned(authorization.terms.rules, roster, names):
        raise _Stop(Code.LOG)


def _verify_intent(request: Request, authorization: Authorization, state: State, *, is_emergency: bool) -> Opening:
    """The intent is in the log, and says so if the opening rests on an emergency rule.

    Then all rules of the note must ratify it, under its roster. An opening that needs no emergency rule may have been
    announced as one, when fewer had signed.
    """
    opening = state.openings.get(request.intent)
    requester = authorization.terms.requester.name
    if opening is None:
        raise _Stop(Code.LOG)
    if opening.intent.authorization != authorization.commitment or opening.intent.requester != requester:
        raise _Stop(Code.LOG)
    if not opening.intent.codes.agrees_with(authorization.terms.codes):
        raise _Stop(Code.LOG)  # State has judged which may be hidden
    if len(request.cells) > opening.intent.cells_at_most:
        raise _Stop(Code.BUDGET)
    terms, debt = authorization.terms, state.debts.get(opening.index)
    is_said = debt is not None and debt.rules == terms.rules and debt.roster == terms.roster
    if (is_emergency and debt is None) or (debt is not None and not (is_said and is_urgent(terms))):
        raise _Stop(Code.LOG)
    return opening


def _verify_segments(
    request: Request, authorization: Authorization, state: State, decider: Decider, opening: Opening
) -> dict[bytes, _Asked]:
    asked = {
        header.core.seg_id: _verify_segment(header, authorization, state, decider, opening)
        for header in request.headers
    }
    if not any(segment.clauses for segment in asked.values()):
        raise _Stop(Code.SCOPE)
    return asked


def _verify_segment(
    header: Header, authorization: Authorization, state: State, decider: Decider, opening: Opening
) -> _Asked:
    segment = state.segments.get(SegmentId(header.core.seg_id))
    if segment is None or segment.entry_index > opening.index:
        raise _Stop(Code.LOG)
    try:
        verify_logged(header, segment)
    except NotProven:
        raise _Stop(Code.LOG) from None
    if contradiction(header, segment, state.origin) is not None:
        raise _Stop(Code.LOG)
    if segment.line.kind not in authorization.terms.kinds:
        raise _Stop(Code.SCOPE)
    clauses, day = segment.clauses_held(decider.name), segment.line.day
    is_past = is_segment_past(segment, max(decider.now, state.newest).date())
    held = None
    if clauses and (is_past or (decider.name, day) in state.destroyed):  # who holds no clause gives nothing of it
        kept = decider.held(segment, state)
        held = tuple(o for o in kept if is_answerable(o, decider.approvals, state, decider.name, decider.now))
        if not held:
            raise _Stop(Code.TIME)
    me = segment.roster.custodian(decider.name)
    return _Asked(header=header, segment=segment, me=me, clauses=clauses, held=held)


def _verify_days(cells: tuple[Cell, ...], authorization: Authorization, asked: dict[bytes, _Asked]) -> None:
    """Each cell's day is authorised for its own subject.

    The periods of one subject never reach the records of another. A day that is over is opened for those alone for
    whom, and for those hours for which, it was held.
    """
    terms = authorization.terms
    for cell in cells:
        is_line, item = 1 <= cell.line <= len(terms.subjects), asked[cell.seg_id]
        if is_line and not terms.touches(cell.line, item.header.core.day):  # step 10 refuses a line that is not there
            raise _Stop(Code.SCOPE)
        if item.held is not None and not (is_line and item.holds_of(cell, terms)):
            raise _Stop(Code.TIME)


def _verify_subjects(
    cells: tuple[Cell, ...],
    authorization: Authorization,
    roster: Roster,
    asked: dict[bytes, _Asked],
    decider: Decider,
) -> None:
    """Every line is looked up on the protected list and every cell is judged, whatever the outcome.

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
        raise _Stop(Code.SCOPE)


def _verify_ranks(
    request: Request, opening: Opening, authorization: Authorization, state: State, asked: dict[bytes, _Asked]
) -> None:
    terms, cap = authorization.terms, state.rosters[authorization.terms.roster].cell_cap
    for cell in request.cells:
        item = asked[cell.seg_id]
        if item.held is not None and not item.wide_holds_of(cell, terms):
            raise _Stop(Code.BUDGET)
    pairs = [(cell.seg_id, cell.line) for cell in request.cells]
    if request.lane == prf.LABEL_LANE:
        for cell in request.cells:
            is_window = cell.rank_from % WINDOW == 0 and cell.rank_count <= WINDOW and cell.rank_from < prf.MAX_RANK
            if not is_window or (cell.rank_from > cap and not terms.is_hub):
                raise _Stop(Code.BUDGET)
        if len(set(pairs)) != len(pairs):
            raise _Stop(Code.BUDGET)
        return
    draw, index = opening.draw, opening.draw_index
    if draw is None or index is None or index != request.draw:
        raise _Stop(Code.LOG)
    if draw_commitment(request.draw_salt, request.cells) != draw.table:
        raise _Stop(Code.LOG)
    if len(set(pairs)) != len(pairs) or any(cell.rank_from for cell in request.cells):
        raise _Stop(Code.BUDGET)  # these ranges of one subject in one segment would overlap or leave a gap
    if sum(cell.rank_count for cell in request.cells) != draw.records:
        raise _Stop(Code.BUDGET)
    if any(cell.rank_count > cap for cell in request.cells) and not terms.is_hub:
        raise _Stop(Code.BUDGET)
    if state.drawn(authorization.commitment, up_to=index) > authorization.limit:
        raise _Stop(Code.BUDGET)


def _verify_rates(opening: Opening, authorization: Authorization, state: State) -> None:
    since = state.newest - _DAY
    openings = state.openings.values()
    same = sum(other.intent.authorization == authorization.commitment for other in openings)
    recent = sum(other.intent.requester == opening.intent.requester and other.time > since for other in openings)
    if same > MAX_INTENTS_PER_AUTHORIZATION or recent > MAX_INTENTS_PER_REQUESTER:
        raise _Stop(Code.BUDGET)


def _verify_debts(opening: Opening, state: State, decider: Decider) -> None:
    """In an emergency, none of this requester is overdue to be ratified, itself included.

    State has judged by the log's time; this clock may know better how late it is.
    """
    now = max(decider.now, state.newest)
    if opening.intent.rules and any(debt.requester == opening.intent.requester for debt in state.overdue(now)):
        raise _Stop(Code.BUDGET)


def _take_epoch_key(asked: _Asked, epoch_key: Callable[[dt.date], SealKey | None]) -> SealKey | None:
    """This custodian's key of the segment's day; None if it is not there, or is not needed."""
    if asked.me is None or not asked.clauses:
        return None
    try:
        return epoch_key(asked.header.core.day)
    except CofferError:
        raise _Stop(Code.INTERNAL) from None


def _verify_not_destroyed(asked: _Asked, key: SealKey | None) -> None:
    if key is None and asked.clauses:
        raise _Stop(Code.TIME)


def _open_bundle(asked: _Asked, key: SealKey | None, decider: Decider) -> dict[int, Secret]:
    """The effective keys of the clauses that this custodian holds; none where it holds no clause."""
    if key is None or asked.me is None:
        return {}
    try:
        return decider.open_bundle(asked.header, key, index=asked.me.index, clauses=asked.clauses)
    except (MalformedInput, NotProven):
        raise _Stop(Code.INTERNAL) from None


def _compute_partials(
    request: Request,
    authorization: Authorization,
    me: Custodian,
    asked: dict[bytes, _Asked],
    keys: Mapping[bytes, dict[int, Secret]],
) -> bytes:
    """The custodian builds every block itself, from the subject line that its people approved."""
    sids = [subject.sid for subject in authorization.terms.subjects]
    parts = [
        Part(
            cell=cell,
            clause=clause,
            sid=sids[cell.line - 1],
            kind=asked[cell.seg_id].header.core.kind,
            key=keys.get(cell.seg_id, {}).get(clause),
            held=asked[cell.seg_id].wide_holds_of(cell, authorization.terms),
        )
        for cell in request.cells
        for clause in asked[cell.seg_id].clauses
    ]
    try:
        values = compute_partials(parts, lane=request.lane)
    except CofferError:  # of what was held: its file was changed, or its key is gone
        raise _Stop(Code.INTERNAL) from None
    return format_payload(me.index, request.lane, request.hash, values)
