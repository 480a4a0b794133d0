"""How a custodian decides on a request: steps 3 to 14 of ``docs/procedures/opening.md``. Pure.

The checks are taken in the order of the page: all or nothing, stopping at the first failure. Steps 9 to 11, about what
is asked for, stand in ``asked``. The caller takes step 1 (size, unseal, parse) and step 2 (checkpoint, replay), because
it alone can fetch, and step 15 (sign and seal) after a grant.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from coffer import wire
from coffer.authority.amended import parse_amended
from coffer.authority.authorization import Authorization
from coffer.authority.countersign import Countersigned, Footing, footing_of, verify_countersigned
from coffer.authority.known import is_urgent
from coffer.custody.asked import Asked, verify_days, verify_ranks, verify_segments, verify_subjects
from coffer.custody.decider import Decider, Stop
from coffer.custody.exchange import Code, Request, format_payload
from coffer.custody.holding import Part, compute_partials
from coffer.errors import CofferError, MalformedInput, NotProven, Refused
from coffer.ledger.cosigning import cosigners_of, is_cosigned
from coffer.ledger.entries import SegmentId
from coffer.ledger.facts import Opening
from coffer.ledger.roster import Custodian, Roster
from coffer.ledger.state import State
from coffer.notes.keys import SealKey, Secret
from coffer.notes.note import parse_note

MAX_INTENTS_PER_AUTHORIZATION: Final = 32
"""Reopening after a crash needs a few. More would let a requester watch through the labels how records change."""
MAX_INTENTS_PER_REQUESTER: Final = 2_000
"""In 24 hours. The desk of a large country needs a fraction of it, and bulk access would need far more."""
_DAY: Final = dt.timedelta(days=1)


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
    except (Stop, MalformedInput, NotProven, Refused):
        return Reject(step=step)
    try:
        step = 8
        _verify_history(request, authorization, roster, decider)
        opening = _verify_intent(request, authorization, state, is_emergency=is_emergency)
        step = 9
        asked = verify_segments(request, authorization, state, decider, opening)
        verify_days(request.cells, authorization, asked)
        step = 10
        verify_subjects(request.cells, authorization, roster, asked, decider)
        step = 11
        verify_ranks(request, opening, authorization, state, asked)
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
    except Stop as stop:
        return Decline(step=step, code=stop.code)
    return Grant(payload=payload)


def _parse_authorization(request: Request, state: State, decider: Decider) -> tuple[Authorization, Roster]:
    authorization = parse_amended(request.note, "request: note")
    roster = state.rosters.get(authorization.terms.roster)
    if authorization.terms.origin != state.origin or roster is None or roster.custodian(decider.name) is None:
        raise Stop(Code.SCOPE)
    return authorization, roster


def _verify_approved(authorization: Authorization, decider: Decider) -> None:
    """This custodian's own people said yes. No signature that a requester shows stands for that."""
    if any(note.commitment not in decider.approvals for note in authorization.notes):
        raise Stop(Code.SCOPE)


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
            continue  # verify_segments refuses an unknown segment
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
        raise Stop(Code.SCOPE)


def _verify_history(request: Request, authorization: Authorization, roster: Roster, decider: Decider) -> None:
    """Enough other custodians of every rule of the note vouch for this history.

    The rules are the note's and not the segments', because the budget belongs to the note.

    This custodian counts as one of them: it follows the checkpoint, or step 2 would have failed.
    """
    checkpoint = parse_note(request.checkpoint, "request: checkpoint", may_be_cosigned=True)
    names = cosigners_of(checkpoint, roster, decider.now) | {decider.name}
    if not is_cosigned(authorization.terms.rules, roster, names):
        raise Stop(Code.LOG)


def _verify_intent(request: Request, authorization: Authorization, state: State, *, is_emergency: bool) -> Opening:
    """The intent is in the log, and says so if the opening rests on an emergency rule.

    Then all rules of the note must ratify it, under its roster. An opening that needs no emergency rule may have been
    announced as one, when fewer had signed.
    """
    opening = state.openings.get(request.intent)
    requester = authorization.terms.requester.name
    if opening is None:
        raise Stop(Code.LOG)
    if opening.intent.authorization != authorization.commitment or opening.intent.requester != requester:
        raise Stop(Code.LOG)
    if not opening.intent.codes.agrees_with(authorization.terms.codes):
        raise Stop(Code.LOG)  # State has judged which may be hidden
    if len(request.cells) > opening.intent.cells_at_most:
        raise Stop(Code.BUDGET)
    terms, debt = authorization.terms, state.debts.get(opening.index)
    is_said = debt is not None and debt.rules == terms.rules and debt.roster == terms.roster
    if (is_emergency and debt is None) or (debt is not None and not (is_said and is_urgent(terms))):
        raise Stop(Code.LOG)
    return opening


def _verify_rates(opening: Opening, authorization: Authorization, state: State) -> None:
    since = state.newest - _DAY
    openings = state.openings.values()
    same = sum(other.intent.authorization == authorization.commitment for other in openings)
    recent = sum(other.intent.requester == opening.intent.requester and other.time > since for other in openings)
    if same > MAX_INTENTS_PER_AUTHORIZATION or recent > MAX_INTENTS_PER_REQUESTER:
        raise Stop(Code.BUDGET)


def _verify_debts(opening: Opening, state: State, decider: Decider) -> None:
    """In an emergency, none of this requester is overdue to be ratified, itself included.

    State has judged by the log's time; this clock may know better how late it is.
    """
    now = max(decider.now, state.newest)
    if opening.intent.rules and any(debt.requester == opening.intent.requester for debt in state.overdue(now)):
        raise Stop(Code.BUDGET)


def _take_epoch_key(asked: Asked, epoch_key: Callable[[dt.date], SealKey | None]) -> SealKey | None:
    """This custodian's key of the segment's day; None if it is not there, or is not needed."""
    if asked.me is None or not asked.clauses:
        return None
    try:
        return epoch_key(asked.header.core.day)
    except CofferError:
        raise Stop(Code.INTERNAL) from None


def _verify_not_destroyed(asked: Asked, key: SealKey | None) -> None:
    if key is None and asked.clauses:
        raise Stop(Code.TIME)


def _open_bundle(asked: Asked, key: SealKey | None, decider: Decider) -> dict[int, Secret]:
    """The effective keys of the clauses that this custodian holds; none where it holds no clause."""
    if key is None or asked.me is None:
        return {}
    try:
        return decider.open_bundle(asked.header, key, index=asked.me.index, clauses=asked.clauses)
    except (MalformedInput, NotProven):
        raise Stop(Code.INTERNAL) from None


def _compute_partials(
    request: Request,
    authorization: Authorization,
    me: Custodian,
    asked: dict[bytes, Asked],
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
        raise Stop(Code.INTERNAL) from None
    return format_payload(me.index, request.lane, request.hash, values)
