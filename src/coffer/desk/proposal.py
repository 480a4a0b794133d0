"""What an order in XML proposes to ask or to keep: a draft, and what it says besides. Pure.

A form of the European Union, or a message of ETSI TS 103 120 or TS 102 657. A page has one draft, and all its subjects
have the same times: what needs a note of its own is said, and ``coffer request --from-order`` makes all of them.
"""

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from coffer.authority.period import format_instant
from coffer.desk.draft import Draft, TypedSpan, TypedSubject
from coffer.desk.orders import draft_of_xml
from coffer.disclosure.epoc.form import Form
from coffer.disclosure.epoc.judged import Judgement, PlannedNote, judge, plan_notes
from coffer.disclosure.epoc.names import TITLES, Deadline, FormKind
from coffer.disclosure.epoc.noted import basis_of, issuer_of, reference_of
from coffer.disclosure.epoc.reading import parse_form
from coffer.disclosure.etsi_request import is_retained_data
from coffer.disclosure.hi1.message import is_message, parse_envelope
from coffer.disclosure.hi1.order import TaskOrder, parse_content
from coffer.errors import Refused
from coffer.identity.identifier import IdentityType


class Besides(StrEnum):
    """What an order says that is not in the draft. A page puts it into words."""

    LACKING = "lacking"  # id, reason; what, unless it is all of it
    ELSEWHERE = "elsewhere"  # id, what
    OWN_TIMES = "own-times"  # id
    OWN_NOTE = "own-note"  # id
    MORE_NOTES = "more-notes"  # count
    UNSUPPORTED = "unsupported"  # id, what: an action of a message
    EMERGENCY = "emergency"
    TEN_DAYS = "ten-days"
    DUE = "due"  # moment
    UNTIL = "until"  # moment
    NOTIFIED = "notified"
    DELAY = "delay"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One of these, with its values. No value names a person."""

    says: Besides
    values: Mapping[str, str | int | dt.datetime]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Proposal:
    """A draft from an order. ``is_hold``: it asks to keep. ``besides``: what the draft lacks."""

    draft: Draft
    is_hold: bool
    besides: tuple[Line, ...]


def propose(
    raw: bytes,
    before: Draft,
    place: str,
    *,
    found_by: Collection[IdentityType] = frozenset(),
    made: Sequence[str] = (),
) -> Proposal:
    """The draft with what the order says. What it does not say stays as it was typed.

    ``found_by``: as in ``judge``. ``made``: the ``basis:`` of each note that was made of the order before: the draft is
    of its next part.

    Raises:
        MalformedInput: it is no such order, or holds something that is not known where it could change what is asked.
        Refused: nothing of it can be asked or kept here, it follows another order, or each part of it has its note.
    """
    if is_retained_data(raw):
        return Proposal(draft=draft_of_xml(raw, before, place), is_hold=False, besides=())
    form, tasks, further = _read(raw, place)
    judgement = judge(form, found_by=found_by)
    if not judgement.asked:
        why = "; ".join(f"identifier {one.id}: {one.reason}: {one.sentence}" for one in judgement.lacking)
        raise Refused(f"{place}: nothing of it can be asked: {why}", code="scope")
    notes = plan_notes(judgement.asked)
    parts = [(note, part) for note in notes for part in _alike(note)]
    for basis in made:
        told = set(basis.split("; "))
        at = next((n for n, (_, part) in enumerate(parts) if reference_of(form, part.ids) in told), None)
        parts = parts if at is None else [*parts[:at], *parts[at + 1 :]]
    if not parts:
        raise Refused(f"{place}: a note was made of each part of it", code="scope")
    whole, first = parts[0]
    left = dict.fromkeys(id_ for _, part in parts for id_ in part.ids)
    draft = replace(
        before,
        subjects=tuple(TypedSubject(text=text) for text in first.subjects),
        spans=tuple(TypedSpan(first=format_instant(p.first), last=format_instant(p.end)) for p in first.periods[0]),
        kinds=first.kinds,
        basis=basis_of(form, first.ids, before.basis),
        **_issuing(form, tasks),
    )
    besides = (*further, *_lacking(judgement), *_others(left, whole, first), *_heed(form, tasks))
    if len(notes) > 1:
        besides += (_line(Besides.MORE_NOTES, count=len(notes)),)
    return Proposal(draft=draft, is_hold=form.kind is FormKind.PRESERVATION, besides=besides)


def _read(raw: bytes, place: str) -> tuple[Form, TaskOrder | None, tuple[Line, ...]]:
    """The order, what its tasks say beside a form's values, and which actions are not done."""
    if not is_message(raw):
        form = parse_form(raw, place)
        if form.issuing is None:
            raise Refused(f"{place}: {TITLES[form.kind]}: it names nobody itself", code="form")
        return form, None, ()
    content = parse_content(parse_envelope(raw, place))
    if content.changes:
        raise Refused(f"{place}: it changes what was asked before, and a person must do so", code="form")
    if content.differing:
        raise Refused(f"{place}: the form in it asks for something else than the tasks", code="form")
    if content.order is None:
        raise Refused(f"{place}: it asks for no records", code="form")
    further = tuple(_line(Besides.UNSUPPORTED, id=one.number, what=one.verb) for one in content.unsupported)
    return content.order.form, content.order, further


def _alike(note: PlannedNote) -> Iterator[PlannedNote]:
    """The note's subjects, together those that have the same times."""
    for times in dict.fromkeys(note.periods):
        at = [number for number, periods in enumerate(note.periods) if periods == times]
        yield PlannedNote(
            kinds=note.kinds,
            ids=tuple(note.ids[number] for number in at),
            subjects=tuple(note.subjects[number] for number in at),
            periods=tuple(note.periods[number] for number in at),
        )


def _issuing(form: Form, tasks: TaskOrder | None) -> dict[str, Any]:
    """Who issued it, as far as the order says so."""
    assert form.issuing is not None, "an order"
    said: dict[str, Any] = {}
    if form.issuing.name:
        said["authority"] = form.issuing.name
    if tasks is None or tasks.has_role:
        said["issued_by"] = issuer_of(form.issuing.type).value
    if tasks is None or tasks.is_european:
        said["issued_in"] = "union"
    return said


def _line(says: Besides, **values: str | int | dt.datetime) -> Line:
    return Line(says=says, values=values)


def _lacking(judgement: Judgement) -> Iterator[Line]:
    for one in judgement.lacking:
        what = {} if one.what == "all" else {"what": one.what}
        if one.is_elsewhere:
            yield _line(Besides.ELSEWHERE, id=one.id, **what)
        else:
            yield _line(Besides.LACKING, id=one.id, reason=one.reason, **what)


def _others(left: Iterable[str], whole: PlannedNote, first: PlannedNote) -> Iterator[Line]:
    """Identifiers that no note is about so far, nor this draft."""
    for id_ in left:
        if id_ not in first.ids:
            yield _line(Besides.OWN_TIMES if id_ in whole.ids else Besides.OWN_NOTE, id=id_)


def _heed(form: Form, tasks: TaskOrder | None) -> Iterator[Line]:
    """What a person must heed: how soon it is due, who may refuse it, whether the person may be told."""
    is_emergency = form.deadline.is_emergency if form.deadline is not None else tasks is not None and tasks.is_emergency
    if is_emergency:
        yield _line(Besides.EMERGENCY)
    elif form.deadline is not None:
        yield _line(Besides.TEN_DAYS)
    if tasks is not None and tasks.due is not None:
        yield _line(Besides.DUE, moment=tasks.due)
    if tasks is not None and tasks.expiration is not None:
        yield _line(Besides.UNTIL, moment=tasks.expiration)
    if form.deadline is Deadline.AT_THE_END or form.is_notified:
        yield _line(Besides.NOTIFIED)
    if form.has_delay:
        yield _line(Besides.DELAY)
