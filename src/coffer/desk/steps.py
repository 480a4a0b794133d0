"""Where a case stands and what to do next, from the log and what the desk keeps. Pure.

Nothing of this is stored: the log and the vault's desk folder say it each time. What comes out are codes with values,
which a page puts into words.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from coffer.authority.authorization import MAX_RECORDS
from coffer.authority.hold import Hold
from coffer.authority.lacking import Part, parts_for
from coffer.desk.case import Case, DocumentKind, Place, Request, Stage
from coffer.desk.standing import AtDesk, CaseState, Standing, standing_of
from coffer.ledger.entries import Commitment
from coffer.ledger.holds import HoldStatus
from coffer.ledger.state import State
from coffer.notify.message import News

REMIND_BEFORE: Final = dt.timedelta(hours=2)
"""How long before its deadline the person who has a case is reminded."""


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
    RAISE_LIMIT = "raise-limit"
    """An order that allows more, and an amendment by it."""
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


_URGENCY: Final = (
    Step.RESUME,
    Step.OPEN,
    Step.SEND,
    Step.RAISE_LIMIT,
    Step.FINISH_DRAFT,
    Step.ASK_OTHERS,
    Step.MAKE_ANOTHER_REQUEST,
    Step.HAND_OVER,
    Step.WAIT_FOR_SIGNATURES,
    Step.WAIT_UNTIL,
    Step.CLOSE,
)
"""Which step of a case comes first, where its order needs several requests: the desk's before waiting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """What to do next in a case, and by when.

    ``request``: its number, where the step is about one. ``until``: the case's deadline or, for ``WAIT_UNTIL``, the
    moment. ``is_late``: whether the deadline has passed and no answer is there. ``refused``: custodians that refused the
    note which ``lacks`` is about.
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


def next_step(
    case: Case, state: State, desk: Mapping[Commitment, AtDesk], now: dt.datetime, *, holds: Sequence[Hold] = ()
) -> NextStep:
    """What to do next, and who has to: the most urgent of what its requests and drafts need.

    An order may need several requests. Of each part of it the draft counts, else the newest request; letters of all.
    ``holds``: those of the case, with what extends them.

    Raises:
        NotProven: a signature on a request does not verify.
    """
    standings = [standing_of(request, state, desk, now) for request in case.requests]
    is_late = _is_late(case, standings, now)
    due = next((standing for standing in standings if standing.is_letter_due), None)
    if case.stage is Stage.SHREDDED:
        return NextStep(state=CaseState.SHREDDED, step=Step.NOTHING, actor=Actor.NOBODY)
    if due is not None:
        return _letter_step(case, due.request, is_late=is_late)
    if case.stage is Stage.CLOSED:
        return NextStep(state=CaseState.CLOSED, step=Step.NOTHING, actor=Actor.NOBODY)
    if not case.drafts and not standings and case.holds:
        return _hold_step(holds, state, now)
    parts = {draft.part for draft in case.drafts}
    steps = [
        _request_step(case, standings[number - 1], now, is_late=is_late)
        for number in sorted(newest_requests(case).values())
        if case.request(number).part not in parts
    ]
    if case.drafts or not standings:
        steps.append(_draft_step(case, is_late=is_late))
    return min(steps, key=lambda one: _URGENCY.index(one.step))


def request_step(standing: Standing, case: Case, now: dt.datetime) -> NextStep:
    """What to do next about one request of an open case."""
    if standing.is_letter_due:
        return _letter_step(case, standing.request, is_late=_is_late(case, [standing], now))
    return _request_step(case, standing, now, is_late=_is_late(case, [standing], now))


def newest_requests(case: Case) -> dict[int, int]:
    """The number of the newest request of each part of the order."""
    return {request.part: request.number for request in case.requests}


def newest_places(case: Case) -> list[Place]:
    """The notes that custodians may be asked about: the newest request of each part, with its amendments."""
    requests = [case.request(number) for number in newest_requests(case).values()]
    return [
        Place(request=request.number, amendment=number)
        for request in requests
        for number in range(len(request.amendments) + 1)
    ]


def _is_late(case: Case, standings: Sequence[Standing], now: dt.datetime) -> bool:
    """Whether the deadline has passed, and some part of the order has no answer."""
    answered = {case.request(standing.request).part for standing in standings if standing.state is CaseState.ANSWERED}
    of_order = {draft.part for draft in case.drafts if draft.part}
    parts = {case.request(standing.request).part for standing in standings} | of_order
    is_answered = bool(answered) and parts <= answered
    return case.stage is Stage.OPEN and not is_answered and case.due is not None and now >= case.due


def _letter_step(case: Case, number: int, *, is_late: bool) -> NextStep:
    step = Step.SEND_LETTER if has_letter(case, number) else Step.WRITE_LETTER
    return NextStep(state=CaseState.LETTER_DUE, step=step, actor=Actor.DESK, request=number, is_late=is_late)


def _draft_step(case: Case, *, is_late: bool) -> NextStep:
    return NextStep(
        state=CaseState.DRAFT,
        step=Step.FINISH_DRAFT,
        actor=Actor.DESK,
        request=len(case.requests) + 1,
        until=case.due,
        is_late=is_late,
    )


def _request_step(case: Case, standing: Standing, now: dt.datetime, *, is_late: bool) -> NextStep:
    step, actor, until = _step_of(case, case.request(standing.request), standing, now)
    waiting = standing.waiting if standing.state is CaseState.SHORT else None
    lacks = standing.lacks if standing.state is CaseState.SENT else ()
    return NextStep(
        state=standing.state,
        step=step,
        actor=actor,
        request=standing.request,
        lacks=lacks if waiting is None else waiting.lacks,
        until=until if until is not None else case.due,
        is_late=is_late,
        refused=frozenset(standing.refused if waiting is None else waiting.refused),
        values={"drawn": standing.drawn, "most": standing.max_records},
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
        case CaseState.SHORT if standing.waiting is not None:
            return Step.WAIT_FOR_SIGNATURES, Actor.CUSTODIANS, None
        case CaseState.SHORT if standing.needed > MAX_RECORDS:
            return Step.MAKE_ANOTHER_REQUEST, Actor.DESK, None
        case CaseState.SHORT:
            return Step.RAISE_LIMIT, Actor.DESK, None
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
