"""How a custodian decides: the checks of ``docs/procedures/opening.md``, in their order and with their numbers. Pure.

All or nothing, stopping at the first failure. Step 1 (size, unseal, parse) and step 2 (checkpoint, replay) are done by the caller, which alone can
fetch; they are ``exchange.parse_request`` and ``translog.mirror``. Step 15 (sign and seal) follows a decision to answer. The numbers stand in
``docs/procedures/opening.md`` too.
"""

import datetime as dt
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

import numpy as np

from coffer import wire
from coffer.authority.authorization import Authorization, parse_authorization
from coffer.authority.countersign import Countersigned, subject_rule, verify_countersigned
from coffer.custody.exchange import Cell, Code, Request, draw_commitment, format_payload
from coffer.errors import CofferError, MalformedInput, NotProven, Refused
from coffer.ledger.cosigning import cosigners_of, is_cosigned
from coffer.ledger.entries import KIND_NAMES, Commitment, SegmentId
from coffer.ledger.facts import Opening, Segment
from coffer.ledger.roster import Custodian, Roster
from coffer.ledger.rules import mask_of
from coffer.ledger.state import State
from coffer.notes.keys import SealKey, Secret
from coffer.notes.note import parse_note
from coffer.segments import prf
from coffer.segments.header import Header

WINDOW: Final = 64
"""Ranks asked at once in lane 1 (``docs/procedures/opening.md``, R2)."""
MAX_INTENTS_PER_AUTHORIZATION: Final = 32
"""Reopening after a crash needs a few; more would use labels as an oracle for how records change."""
MAX_INTENTS_PER_REQUESTER: Final = 2_000
"""In 24 hours: several times what a large country's desk does, far below what bulk would need."""
_DAY: Final = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a custodian knows beside the log and the request.

    ``approvals``: commitments in its own approvals file. ``epoch_key``: its private key of a day, None if destroyed or
    never made. ``is_protected``: its own list.
    """

    name: str
    approvals: Collection[Commitment]
    epoch_key: Callable[[dt.date], SealKey | None]
    is_protected: Callable[[bytes], bool]
    now: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Every check passed."""

    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Decline:
    """A check after step 7 failed: the requester is told the code, and only the custodian's own log the step."""

    step: int
    code: Code


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """A check up to step 7 failed: whoever asks has not proven to be the requester, and is told nothing."""

    step: int


Decision = Answer | Decline | Reject


class _Stop(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, step: int, code: Code) -> None:
        super().__init__(step)
        self.step = step
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One requested segment, proven to be the log's. ``clauses`` may be empty.

    Where subjects fall under several rules, not everyone holds a part of each.
    """

    header: Header
    segment: Segment
    me: Custodian | None
    clauses: tuple[int, ...]


def decide(request: Request, state: State, standing: Standing) -> Decision:
    """Steps 3 to 14. ``state`` is this custodian's own replay up to the request's checkpoint."""
    step = 3
    try:
        authorization = parse_authorization(request.note, "request: note")
        roster = state.rosters.get(authorization.terms.roster)
        if authorization.terms.origin != state.origin or roster is None or roster.custodian(standing.name) is None:
            return Reject(step=3)
        step = 4
        if authorization.commitment not in standing.approvals:
            return Reject(step=4)
        step = 5
        countersigned = verify_countersigned(authorization, roster)
        _verify_segment_rules(countersigned, request, state)
        step = 6
        _verify_time(authorization, state, standing)
        step = 7
        seal_hash = wire.digest(request.seal_public)
        if not request.is_signed_by(authorization.terms.requester) or seal_hash != authorization.terms.seal:
            return Reject(step=7)
    except (MalformedInput, NotProven, Refused):
        return Reject(step=step)
    try:
        _step_8_history(request, authorization, roster, standing)
        opening = _step_8_intent(request, authorization, state)
        asked = {
            header.core.seg_id: _step_9_segment(header, authorization, state, standing, opening)
            for header in request.headers
        }
        if not any(item.clauses for item in asked.values()):
            raise _Stop(9, Code.SCOPE)
        _step_9_days(request.cells, authorization, asked)
        _step_10_subjects(request.cells, authorization, roster, asked, standing)
        _step_11_ranks(request, opening, authorization, state)
        _step_12_rates(opening, authorization, state)
        keys = {seg_id: _step_13_subkeys(item, standing) for seg_id, item in asked.items()}
        payload = _step_14_partials(request, authorization, roster, asked, keys, standing)
    except _Stop as stop:
        return Decline(step=stop.step, code=stop.code)
    return Answer(payload=payload)


def _verify_segment_rules(countersigned: Countersigned, request: Request, state: State) -> None:
    """Step 5 for segments of other rosters than the note's: the same signing keys must satisfy the rule there too."""
    for header in request.headers:
        segment = state.segments.get(SegmentId(header.core.seg_id))
        if segment is None or segment.roster.hash == countersigned.roster.hash:
            continue  # an unknown segment is step 9's to refuse
        signed = [c.name for c in segment.roster.custodians if countersigned.authorization.note.is_signed_by(c.auth)]
        if not segment.roster.rules[segment.line.rule].is_satisfied_by(mask_of(signed, segment.roster.names)):
            raise Refused("authorization: too few signatures for a segment of another roster", code="scope")


def _verify_time(authorization: Authorization, state: State, standing: Standing) -> None:
    """Step 6.

    The clock is at least the log's newest time, so that a clock set back does not bring an authorization back to life.
    """
    clock = max(standing.now, state.newest)
    if not authorization.terms.not_before <= clock < authorization.terms.expires:
        raise Refused("authorization: not in force at this time", code="time")
    if authorization.commitment in state.revoked:
        raise Refused("authorization: revoked", code="time")
    if state.is_refused(authorization.commitment, standing.name):
        raise Refused("authorization: refused by this custodian", code="time")


def _step_8_history(request: Request, authorization: Authorization, roster: Roster, standing: Standing) -> None:
    """Other custodians vouch for this history: enough of every rule of the note, since the budget is the note's.

    This custodian counts as given: it follows the checkpoint, or step 2 had failed.
    """
    checkpoint = parse_note(request.checkpoint, "request: checkpoint", may_be_cosigned=True)
    names = cosigners_of(checkpoint, roster, standing.now) | {standing.name}
    if not is_cosigned(authorization.terms.rules, roster, names):
        raise _Stop(8, Code.LOG)


def _step_8_intent(request: Request, authorization: Authorization, state: State) -> Opening:
    opening = state.openings.get(request.intent)
    requester = authorization.terms.requester.name
    if opening is None:
        raise _Stop(8, Code.LOG)
    if opening.intent.authorization != authorization.commitment or opening.intent.requester != requester:
        raise _Stop(8, Code.LOG)
    if len(request.cells) > opening.intent.cells_at_most:
        raise _Stop(8, Code.BUDGET)
    return opening


def _step_9_segment(
    header: Header, authorization: Authorization, state: State, standing: Standing, opening: Opening
) -> _Asked:
    segment = state.segments.get(SegmentId(header.core.seg_id))
    if segment is None or segment.line.header_hash != header.hash or segment.entry_index > opening.index:
        raise _Stop(9, Code.LOG)
    core, line = header.core, segment.line
    logged = (line.day, line.kind, line.rule, line.part, segment.feed, line.rows, segment.roster.hash)
    if logged != (core.day, KIND_NAMES[core.kind], core.rule, core.part, core.feed, header.rows, core.roster):
        raise _Stop(9, Code.LOG)
    if core.custodians != len(segment.roster.custodians):
        raise _Stop(9, Code.LOG)
    me = segment.roster.custodian(standing.name)
    clauses = segment.clauses_held(standing.name)
    if line.kind not in authorization.terms.kinds:
        raise _Stop(9, Code.SCOPE)
    age = max(standing.now, state.newest) - dt.datetime.combine(core.day, dt.time(), dt.UTC)
    is_over = age >= dt.timedelta(days=segment.roster.retention_days)
    if is_over or (clauses and (standing.name, core.day) in state.destroyed):
        raise _Stop(9, Code.TIME)
    return _Asked(header=header, segment=segment, me=me, clauses=clauses)


def _step_9_days(cells: tuple[Cell, ...], authorization: Authorization, asked: dict[bytes, _Asked]) -> None:
    """A day is authorised for a subject, not for the note: the periods of one subject never reach the records of another."""
    terms = authorization.terms
    for cell in cells:
        is_line = 1 <= cell.line <= len(terms.subjects)  # step 10 refuses a line that is not there
        if is_line and not terms.touches(cell.line, asked[cell.seg_id].header.core.day):
            raise _Stop(9, Code.SCOPE)


def _step_10_subjects(
    cells: tuple[Cell, ...],
    authorization: Authorization,
    roster: Roster,
    asked: dict[bytes, _Asked],
    standing: Standing,
) -> None:
    """Every line is looked up on the protected list and every cell is judged, whatever is found.

    So a refusal takes as long for a protected subject as for any other reason, and says as little.
    """
    terms = authorization.terms
    heightened = verify_all_signed(authorization, roster)
    protected = [standing.is_protected(subject.sid) for subject in terms.subjects]
    is_within = True
    for cell in cells:
        is_line = 1 <= cell.line <= len(terms.subjects)
        number, item = (cell.line - 1 if is_line else 0), asked[cell.seg_id]
        is_rule = subject_rule(terms.subjects[number], item.segment.roster).name == item.header.core.rule
        is_approved = heightened[number] or not protected[number]
        is_within &= is_line & is_rule & is_approved
    if not is_within:
        raise _Stop(10, Code.SCOPE)


def verify_all_signed(authorization: Authorization, roster: Roster) -> list[bool]:
    """For each subject line, whether every custodian of its rule signed (the heightened approval)."""
    signed = {c.name for c in roster.custodians if authorization.note.is_signed_by(c.auth)}
    rules = [subject_rule(subject, roster) for subject in authorization.terms.subjects]
    return [{*rule.members, *rule.indispensable} <= signed for rule in rules]


def _step_11_ranks(request: Request, opening: Opening, authorization: Authorization, state: State) -> None:
    terms, cap = authorization.terms, state.rosters[authorization.terms.roster].cell_cap
    pairs = [(cell.seg_id, cell.line) for cell in request.cells]
    if request.lane == prf.LABEL_LANE:
        for cell in request.cells:
            is_window = cell.rank_from % WINDOW == 0 and cell.rank_count <= WINDOW and cell.rank_from < prf.MAX_RANK
            if not is_window or (cell.rank_from > cap and not terms.is_hub):
                raise _Stop(11, Code.BUDGET)
        if len(set(pairs)) != len(pairs):
            raise _Stop(11, Code.BUDGET)
        return
    draw, index = opening.draw, opening.draw_index
    if draw is None or index is None or index != request.draw:
        raise _Stop(11, Code.LOG)
    if draw_commitment(request.draw_salt, request.cells) != draw.table:
        raise _Stop(11, Code.LOG)
    if len(set(pairs)) != len(pairs) or any(cell.rank_from for cell in request.cells):
        raise _Stop(11, Code.BUDGET)  # ranges of one subject in one segment that overlap or leave a gap
    if sum(cell.rank_count for cell in request.cells) != draw.records:
        raise _Stop(11, Code.BUDGET)
    if any(cell.rank_count > cap for cell in request.cells) and not terms.is_hub:
        raise _Stop(11, Code.BUDGET)
    if state.drawn(authorization.commitment, up_to=index) > terms.max_records:
        raise _Stop(11, Code.BUDGET)


def _step_12_rates(opening: Opening, authorization: Authorization, state: State) -> None:
    since = state.newest - _DAY
    openings = state.openings.values()
    same = sum(other.intent.authorization == authorization.commitment for other in openings)
    recent = sum(other.intent.requester == opening.intent.requester and other.time > since for other in openings)
    if same > MAX_INTENTS_PER_AUTHORIZATION or recent > MAX_INTENTS_PER_REQUESTER:
        raise _Stop(12, Code.BUDGET)


def _step_13_subkeys(item: _Asked, standing: Standing) -> dict[int, Secret]:
    if item.me is None or not item.clauses:
        return {}
    try:
        key = standing.epoch_key(item.header.core.day)
    except CofferError:
        raise _Stop(13, Code.INTERNAL) from None
    if key is None:
        raise _Stop(9, Code.TIME)  # its own key is destroyed: step 9's refusal, found where the key is taken
    seg_id = item.header.core.seg_id
    try:
        bundle = key.unseal(
            item.header.bundles[item.me.index - 1], info=prf.bundle_info(seg_id, item.me.index), place="bundle"
        )
        subkeys = prf.parse_bundle(bundle, item.clauses, "bundle")
    except (MalformedInput, NotProven):
        raise _Stop(13, Code.INTERNAL) from None
    commitments = dict(item.header.commitments)
    for clause, subkey in subkeys.items():
        if commitments.get(clause) != prf.subkey_commitment(seg_id, clause, subkey):
            raise _Stop(13, Code.INTERNAL)
    return subkeys


def _step_14_partials(
    request: Request,
    authorization: Authorization,
    roster: Roster,
    asked: dict[bytes, _Asked],
    keys: dict[bytes, dict[int, Secret]],
    standing: Standing,
) -> bytes:
    """The custodian builds every block itself, from the subject line that its people approved."""
    effective = {
        (seg_id, clause): prf.effective_key(seg_id, clause, key)
        for seg_id, subkeys in keys.items()
        for clause, key in subkeys.items()
    }
    values = []
    for cell in request.cells:
        item = asked[cell.seg_id]
        sid = np.frombuffer(authorization.terms.subjects[cell.line - 1].sid, "<u8").reshape(1, 2)
        owners = np.zeros(cell.rank_count, np.int32)
        ranks = np.arange(cell.rank_from, cell.rank_from + cell.rank_count, dtype=np.uint32)
        for clause in item.clauses:
            own = prf.Clause(effective[cell.seg_id, clause], sid)
            values.append(own.partials(owners, ranks, lane=request.lane, kind=item.header.core.kind))
    me = roster.custodian(standing.name)
    assert me is not None, "step 3 found it"
    return format_payload(me.index, request.lane, request.hash, values)
