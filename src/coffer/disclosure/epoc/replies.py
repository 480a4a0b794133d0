"""What is replied to an order: a status of each identifier, and reasons. Pure.

Source: Regulation (EU) 2023/1543, article 10 and annex III; ``docs/formats/epoc.md``.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from coffer import wire
from coffer.authority.authorization import Terms
from coffer.authority.period import Period
from coffer.disclosure.epoc.form import Form
from coffer.disclosure.epoc.judged import Asked, Judgement, Lacking, merged
from coffer.disclosure.epoc.names import DataCategory, FormKind, Reason
from coffer.errors import Refused
from coffer.ledger.holds import HoldStatus

_FORM_IS_WRONG: Final = {Reason.INCOMPLETE, Reason.MANIFEST_ERRORS, Reason.INSUFFICIENT_INFORMATION}
_NOT_THERE: Final = {Reason.DATA_NOT_HELD, Reason.DE_FACTO_IMPOSSIBILITY}
AWAITING: Final = {FormKind.PRODUCTION: "AwaitingDisclosure", FormKind.PRESERVATION: "AwaitingPreservation"}
NOT_AVAILABLE: Final = {
    FormKind.PRODUCTION: "DisclosureNotAvailable",
    FormKind.PRESERVATION: "PreservationNotAvailable",
}
PRESERVED: Final = "Preserved"
_NOT_EXECUTED: Final = {*NOT_AVAILABLE.values(), "Invalid", "Rejected"}
DISCLOSED: Final = "Disclosed"


@dataclass(frozen=True, slots=True, kw_only=True)
class NonExecution:
    """Why one identifier is not executed, wholly or in part.

    ``reasons``: each once, in the order of the list.
    """

    id: str
    reasons: tuple[Reason, ...]
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Answered:
    """One answer, as far as a reply must know it.

    ``is_kept``: whether anything was kept that could be asked.
    """

    subjects: tuple[str, ...]
    periods: tuple[tuple[Period, ...], ...]
    kinds: tuple[str, ...]
    is_kept: bool


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Held:
    """One hold that was made of an order, or a note that extends it, as far as a reply must know it.

    ``status``: of the note's own term. ``until``: when the hold ends, as it stands. ``is_kept``: whether the hold is in
    force, even if its extension is not. ``is_there``: whether the log has anything that it could have kept.
    """

    subjects: tuple[str, ...]
    periods: tuple[tuple[Period, ...], ...]
    kinds: tuple[str, ...]
    status: HoldStatus
    until: dt.datetime
    is_kept: bool
    is_there: bool = True


def answered(terms: Terms, *, is_kept: bool) -> Answered:
    """The answer to a note of these terms."""
    subjects = tuple(subject.format() for subject in terms.subjects)
    return Answered(subjects=subjects, periods=terms.periods, kinds=terms.kinds, is_kept=is_kept)


def non_executions(lacking: Sequence[Lacking]) -> tuple[NonExecution, ...]:
    """One an identifier, in the form's order.

    What another system may answer is left out: people say its reason.
    """
    ids = dict.fromkeys(one.id for one in lacking if not one.is_elsewhere)
    return tuple(
        NonExecution(
            id=id_,
            reasons=tuple(reason for reason in Reason if reason in {one.reason for one in own}),
            sentence="; ".join(one.sentence if one.what == "all" else f"{one.what}: {one.sentence}" for one in own),
        )
        for id_ in ids
        for own in [[one for one in lacking if one.id == id_ and not one.is_elsewhere]]
    )


def statuses(form: Form, judgement: Judgement, given: Sequence[Lacking]) -> dict[str, str]:
    """The status of each identifier's task when the order has been read.

    ``given``: reasons that the desk gives for whole identifiers; they count before anything else.
    """
    awaiting = {one.id for one in judgement.asked} | {one.id for one in judgement.lacking if one.is_elsewhere}
    by_desk = {one.id: status_of(form.kind, one.reason) for one in given}
    by_form = {one.id: status_of(form.kind, one.reason) for one in judgement.lacking if one.id not in awaiting}
    return {one.id: AWAITING[form.kind] for one in form.identifiers} | by_form | by_desk


def status_of(kind: FormKind, reason: Reason) -> str:
    """The status of a task that is not executed."""
    if reason in _NOT_THERE:
        return NOT_AVAILABLE[kind]
    return "Invalid" if reason in _FORM_IS_WRONG else "Rejected"


def authorisation_status(by_id: Mapping[str, str]) -> str:
    """The status of the order: invalid only if nothing of it is executed."""
    return "Invalid" if {*by_id.values()} <= _NOT_EXECUTED else "SubmittedToCSP"


def tasks_of(answer: Answered, asked: Sequence[Asked]) -> tuple[str, ...]:
    """The identifiers that an answer is about."""
    return tuple(one.id for one in asked if any(_overlap(one.periods, own) for own in _own(answer, one)))


def outcomes(asked: Sequence[Asked], answers: Sequence[Answered], given: Sequence[Lacking]) -> dict[str, str]:
    """The last status of each identifier's task, once every identifier is answered or has its reason.

    Raises:
        Refused: an identifier is not answered for all its times and kinds, and no reason is given (code scope).
    """
    reasons = {one.id: one.reason for one in given}
    ends: dict[str, str] = {}
    for one in asked:
        about = [answer for answer in answers if one.id in tasks_of(answer, [one])]
        if not is_answered(one, about) and one.id not in reasons:
            raise Refused(
                f"identifier {one.id}: not answered for all that was asked, expected an answer or a reason",
                code="scope",
                hint=f"add --answer FOLDER for each of its requests, or --reason {one.id} CODE TEXT",
            )
        if any(answer.is_kept for answer in about):
            ends[one.id] = DISCLOSED
        else:
            ends[one.id] = status_of(FormKind.PRODUCTION, reasons.get(one.id, Reason.DATA_NOT_HELD))
    return ends


_LP_STATUS: Final = {
    HoldStatus.LAPSED: NOT_AVAILABLE[FormKind.PRESERVATION],
    HoldStatus.BEGUN: AWAITING[FormKind.PRESERVATION],
    HoldStatus.RELEASED: "Cancelled",
    HoldStatus.OVER: "Expired",
    HoldStatus.IN_FORCE: PRESERVED,
}
"""Of a task, the worst first: an identifier whose times are cut into several holds has the worst of theirs."""
LAPSED: Final = "too few custodians kept it in time"
NOTHING_THERE: Final = "there were no records of these days and kinds to keep"
NOT_EXTENDED: Final = "too few custodians approved in time that it last longer; it is preserved until {}, as before"


def worst_of(holds: Sequence[Held]) -> Held:
    """How an identifier with several holds stands: as the worst of them, until the first ends."""
    stand = list(_LP_STATUS)
    worst = min(holds, key=lambda hold: stand.index(hold.status))
    until, is_kept = min(hold.until for hold in holds), all(hold.is_kept for hold in holds)
    is_there = any(hold.is_there for hold in holds if hold.status is worst.status)
    return replace(worst, until=until, is_kept=is_kept, is_there=is_there)


def lapsed(id_: str, hold: Held) -> Lacking:
    """Why an identifier is not preserved, or for no longer than before."""
    if not hold.is_kept and not hold.is_there:
        return Lacking(id=id_, what=DataCategory.TRAFFIC, reason=Reason.DATA_NOT_HELD, sentence=NOTHING_THERE)
    sentence = NOT_EXTENDED.format(wire.format_time(hold.until)) if hold.is_kept else LAPSED
    return Lacking(id=id_, what=DataCategory.TRAFFIC, reason=Reason.DE_FACTO_IMPOSSIBILITY, sentence=sentence)


def preserved(asked: Sequence[Asked], holds: Sequence[Held], given: Sequence[Lacking]) -> dict[str, Held]:
    """Of each identifier that can be kept the hold that stands worst, but for those with a reason.

    Raises:
        Refused: the holds are not about all its times and kinds, and no reason is given (code scope).
    """
    reasons = {one.id for one in given}
    chosen = {}
    for one in asked:
        about = [hold for hold in holds if any(_overlap(one.periods, own) for own in _own(hold, one))]
        if one.id in reasons:
            continue
        if not is_answered(one, about):
            raise Refused(
                f"identifier {one.id}: no hold is about all that was asked, expected one or a reason",
                code="scope",
                hint=f"add --hold NOTE for each that was made of the form, or --reason {one.id} CODE TEXT",
            )
        chosen[one.id] = worst_of(about)
    return chosen


def preservation_statuses(held: Mapping[str, Held]) -> dict[str, str]:
    """The status of each task that a hold stands for."""
    return {id_: _LP_STATUS[hold.status] for id_, hold in held.items()}


def is_answered(one: Asked, answers: Sequence[Answered | Held]) -> bool:
    """Whether these answers cover every moment and kind that was asked of an identifier."""
    for kind in one.kinds:
        having = [own for answer in answers if kind in answer.kinds for own in _own(answer, one)]
        spans = merged([period for own in having for period in own])
        if not all(
            any(span.first <= period.first and period.end <= span.end for span in spans) for period in one.periods
        ):
            return False
    return True


def _own(answer: Answered | Held, one: Asked) -> list[tuple[Period, ...]]:
    pairs = zip(answer.subjects, answer.periods, strict=True)
    return [periods for subject, periods in pairs if subject == one.subject]


def _overlap(some: Sequence[Period], others: Sequence[Period]) -> bool:
    return any(one.first < other.end and other.first < one.end for one in some for other in others)
