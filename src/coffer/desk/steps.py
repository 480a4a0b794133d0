"""Where a case stands and what to do next, from the log and what the desk keeps. Pure.

Nothing of this is stored: the log and the vault's desk folder say it each time. What comes out are codes with values,
which a page puts into words.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from coffer.authority.authorization import Authorization, parse_authorization
from coffer.authority.countersign import signers_of
from coffer.authority.hold import Hold
from coffer.authority.known import is_urgent
from coffer.authority.lacking import Part, parts_for
from coffer.desk.case import Case, DocumentKind, Request, Stage
from coffer.ledger.entries import Commitment
from coffer.ledger.holds import HoldStatus
from coffer.ledger.state import State
from coffer.notify.message import News
from coffer.procedures.opening.decide import segments_of
from coffer.procedures.opening.early import is_spent

REMIND_BEFORE: Final = dt.timedelta(hours=2)
"""How long before its deadline the person who has a case is reminded."""


class CaseState(StrEnum):
    """Where a case stands."""

    DRAFT = "draft"
    SENT = "sent"
    """A request waits for signatures."""
    SIGNED = "signed"
    OPENING = "opening"
    ANSWERED = "answered"
    LETTER_DUE = "letter-due"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    CLOSED = "closed"
    SHREDDED = "shredded"
    HOLD_BEGUN = "hold-begun"
    """Too few custodians keep so far for a hold of it; there is no request."""
    HELD = "held"
    """Records are kept for it, unread; there is no request."""
    HOLD_ENDED = "hold-ended"
    """None of its holds lasts any more; there is no request."""


class Step(StrEnum):
    """What to do next."""

    FINISH_DRAFT = "finish-draft"
    SEND = "send"
    WAIT_FOR_SIGNATURES = "wait-for-signatures"
    """Nothing for the desk: ``lacks`` says who."""
    ASK_OTHERS = "ask-others"
    """Somebody refused, and the rule can be met without them: ``lacks`` says who could still sign."""
    MAKE_ANOTHER_REQUEST = "make-another-request"
    WAIT_UNTIL = "wait-until"
    """It is not in force yet; ``until`` says when it is."""
    OPEN = "open"
    RESUME = "resume"
    HAND_OVER = "hand-over"
    WRITE_LETTER = "write-letter"
    WAIT_FOR_KEEPERS = "wait-for-keepers"
    """Nothing for the desk: ``lacks`` says who keeps not so far, ``until`` when the hold lapses."""
    NEXT_HOLD = "next-hold"
    """The order names more than its holds are about. ``lacks`` and ``until`` are of a hold that is begun."""
    HOLD_AGAIN = "hold-again"
    """Nothing is kept any more: another hold, or the end of the case."""
    SEND_LETTER = "send-letter"
    """It is written, and its person counts as told only once somebody says that it was sent."""
    CLOSE = "close"
    NOTHING = "nothing"


class Actor(StrEnum):
    """Who has to act."""

    DESK = "desk"
    CUSTODIANS = "custodians"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class AtDesk:
    """What the vault's desk folder says about one authorization.

    ``has_key``: its seal key is kept, without which nothing can be opened. ``in_progress``: an opening was begun whose
    answer was not delivered. ``told``: when the person was told.
    """

    has_key: bool
    in_progress: bool
    told: dt.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where one request stands.

    ``parts``: of every rule that must be met, those of older rosters included. ``refused``: custodians that refused it
    in public. ``can_be_met``: whether the rules can be met without them. ``drawn``: records so far.
    """

    request: int
    state: CaseState
    commitment: Commitment
    signed: tuple[str, ...]
    parts: tuple[Part, ...]
    refused: tuple[str, ...]
    can_be_met: bool
    drawn: int
    max_records: int
    not_before: dt.datetime
    expires: dt.datetime
    secret_until: dt.date
    is_letter_due: bool

    @property
    def lacks(self) -> tuple[Part, ...]:
        """The parts that are not met."""
        return tuple(part for part in self.parts if not part.is_met)


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """What to do next in a case, and by when.

    ``request``: its number, where the step is about one. ``until``: the case's deadline or, for ``WAIT_UNTIL``, the
    moment. ``is_late``: whether the deadline has passed and no answer is there. ``refused``: custodians that refused the
    hold which it is about.
    """

    state: CaseState
    step: Step
    actor: Actor
    request: int | None = None
    lacks: tuple[Part, ...] = ()
    until: dt.datetime | None = None
    is_late: bool = False
    refused: frozenset[str] = frozenset()
    values: Mapping[str, int | str] = field(default_factory=dict)


def standing_of(request: Request, state: State, desk: Mapping[Commitment, AtDesk], now: dt.datetime) -> Standing:
    """Where a request stands by the log, by the desk's files and by this clock.

    Raises:
        NotProven: a signature on it does not verify.
    """
    authorization = parse_authorization(request.note, "request")
    terms, commitment = authorization.terms, authorization.commitment
    roster = state.rosters.get(terms.roster, state.roster)
    at_desk = desk.get(commitment, AtDesk(has_key=False, in_progress=False))
    refused = tuple(name for name in roster.names if state.is_refused(commitment, name))
    parts = _parts(authorization, state, now)
    can_be_met = _can_be_met(parts, refused)
    drawn = state.drawn(commitment, up_to=state.size)
    used = any(opening.intent.authorization == commitment for opening in state.openings.values())
    return Standing(
        request=request.number,
        state=_state_of(request, authorization, state, at_desk, can_be_met=can_be_met, parts=parts, now=now),
        commitment=commitment,
        signed=signers_of(authorization, roster),
        parts=parts,
        refused=refused,
        can_be_met=can_be_met,
        drawn=drawn,
        max_records=terms.max_records,
        not_before=terms.not_before,
        expires=terms.expires,
        secret_until=terms.secret_until,
        is_letter_due=used and at_desk.told is None and not authorization.is_secret(now),
    )


def _parts(authorization: Authorization, state: State, now: dt.datetime) -> tuple[Part, ...]:
    """The parts of the request's own rules, then those of older rosters that sealed its records."""
    terms = authorization.terms
    roster = state.rosters.get(terms.roster, state.roster)
    urgent = is_urgent(terms)
    signers = signers_of(authorization, roster)
    parts = list(parts_for(terms.subjects, roster, signers, is_hub=terms.is_hub, is_urgent=urgent))
    reached = segments_of(authorization, state, before=state.size, now=now)
    older = {segment.roster.hash: segment.roster for segment, _ in reached if segment.roster.hash != roster.hash}
    for other in older.values():
        numbers = sorted({number for segment, number in reached if segment.roster.hash == other.hash})
        subjects = [terms.subjects[number - 1] for number in numbers]
        signers = signers_of(authorization, other)
        parts += parts_for(subjects, other, signers, is_hub=False, is_urgent=urgent and not terms.is_hub)
    return tuple(parts)


def _can_be_met(parts: tuple[Part, ...], refused: tuple[str, ...]) -> bool:
    return all(len([name for name in part.members if name not in refused]) >= part.needed for part in parts)


def _state_of(
    request: Request,
    authorization: Authorization,
    state: State,
    at_desk: AtDesk,
    *,
    can_be_met: bool,
    parts: tuple[Part, ...],
    now: dt.datetime,
) -> CaseState:
    terms = authorization.terms
    if at_desk.in_progress:
        return CaseState.OPENING
    if request.delivered:
        return CaseState.ANSWERED
    if request.withdrawn is not None:
        return CaseState.WITHDRAWN
    if authorization.commitment in state.revoked or not can_be_met:
        return CaseState.REFUSED
    if now >= terms.expires or is_spent(authorization, state) or not at_desk.has_key:
        return CaseState.EXPIRED
    return CaseState.SIGNED if all(part.is_met for part in parts) else CaseState.SENT


def next_step(
    case: Case, state: State, desk: Mapping[Commitment, AtDesk], now: dt.datetime, *, holds: Sequence[Hold] = ()
) -> NextStep:
    """What to do next, and who has to. The newest request counts, and letters of all of them.

    ``holds``: those of the case, with what extends them.

    Raises:
        NotProven: a signature on a request does not verify.
    """
    standings = [standing_of(request, state, desk, now) for request in case.requests]
    is_answered = any(standing.state is CaseState.ANSWERED for standing in standings)
    is_late = case.stage is Stage.OPEN and not is_answered and case.due is not None and now >= case.due
    due = next((standing for standing in standings if standing.is_letter_due), None)
    if case.stage is Stage.SHREDDED:
        return NextStep(state=CaseState.SHREDDED, step=Step.NOTHING, actor=Actor.NOBODY)
    if due is not None:
        step = Step.SEND_LETTER if has_letter(case, due.request) else Step.WRITE_LETTER
        return NextStep(state=CaseState.LETTER_DUE, step=step, actor=Actor.DESK, request=due.request, is_late=is_late)
    if case.stage is Stage.CLOSED:
        return NextStep(state=CaseState.CLOSED, step=Step.NOTHING, actor=Actor.NOBODY)
    if case.draft is None and not standings and case.holds:
        return _hold_step(holds, state, now)
    if case.draft is not None or not standings:
        number = len(standings) + 1
        return NextStep(
            state=standings[-1].state if standings and case.draft is None else CaseState.DRAFT,
            step=Step.FINISH_DRAFT,
            actor=Actor.DESK,
            request=number,
            until=case.due,
            is_late=is_late,
        )
    newest = standings[-1]
    step, actor, until = _step_of(case, case.requests[-1], newest, now)
    return NextStep(
        state=newest.state,
        step=step,
        actor=actor,
        request=newest.request,
        lacks=newest.lacks if newest.state is CaseState.SENT else (),
        until=until if until is not None else case.due,
        is_late=is_late,
        values={"drawn": newest.drawn, "most": newest.max_records},
    )


def _hold_step(holds: Sequence[Hold], state: State, now: dt.datetime) -> NextStep:
    """The step of a case that has holds and no request: the hold that lapses first counts."""
    logged = [(hold, one) for hold in holds if (one := state.hold_of(hold.commitment)) is not None]
    statuses = [state.hold_status(one, now) for _, one in logged]
    begun = [pair for pair, status in zip(logged, statuses, strict=True) if status is HoldStatus.BEGUN]
    if begun:
        hold, one = min(begun, key=lambda pair: pair[1].terms[0].to_be_joined_by)
        term, terms, roster = one.terms[0], hold.terms, state.rosters[one.entry.roster]
        parts = parts_for(terms.subjects, roster, term.holders, is_hub=terms.is_hub)
        return NextStep(
            state=CaseState.HOLD_BEGUN,
            step=Step.WAIT_FOR_KEEPERS,
            actor=Actor.CUSTODIANS,
            lacks=tuple(part for part in parts if not part.is_met),
            until=term.to_be_joined_by,
            refused=frozenset(name for name in roster.names if state.is_refused(term.note, name)),
        )
    if HoldStatus.IN_FORCE in statuses:
        return NextStep(state=CaseState.HELD, step=Step.NOTHING, actor=Actor.NOBODY)
    return NextStep(state=CaseState.HOLD_ENDED, step=Step.HOLD_AGAIN, actor=Actor.DESK)


def _step_of(
    case: Case, request: Request, standing: Standing, now: dt.datetime
) -> tuple[Step, Actor, dt.datetime | None]:
    is_packed = any(item.kind is DocumentKind.PACKAGE and item.request == request.number for item in case.documents)
    match standing.state:
        case CaseState.OPENING:
            return Step.RESUME, Actor.DESK, None
        case CaseState.ANSWERED:
            return Step.CLOSE if is_packed else Step.HAND_OVER, Actor.DESK, None
        case CaseState.WITHDRAWN | CaseState.REFUSED | CaseState.EXPIRED:
            return Step.MAKE_ANOTHER_REQUEST, Actor.DESK, None
        case CaseState.SIGNED if now < standing.not_before:
            return Step.WAIT_UNTIL, Actor.NOBODY, standing.not_before
        case CaseState.SIGNED:
            return Step.OPEN, Actor.DESK, None
        case _ if request.sent_at is None and not standing.signed:
            return Step.SEND, Actor.DESK, None
        case _ if standing.refused:
            return Step.ASK_OTHERS, Actor.DESK, None
        case _:
            return Step.WAIT_FOR_SIGNATURES, Actor.CUSTODIANS, None


def has_letter(case: Case, number: int) -> bool:
    """Whether a letter was written for a request."""
    return any(item.kind is DocumentKind.LETTER and item.request == number for item in case.documents)


def news_of(step: NextStep, case: Case, now: dt.datetime) -> News | None:
    """What to tell the person who has a case, if anything. Pure."""
    if step.step in (Step.WRITE_LETTER, Step.SEND_LETTER):
        return News.LETTER_DUE
    if step.is_late:
        return News.LATE
    if step.state is CaseState.SIGNED:
        return News.SIGNED
    if step.state is CaseState.REFUSED or step.step is Step.ASK_OTHERS:
        return News.REFUSED
    is_soon = case.due is not None and now >= case.due - REMIND_BEFORE
    return News.DUE_SOON if is_soon and step.step not in (Step.HAND_OVER, Step.CLOSE) else None
