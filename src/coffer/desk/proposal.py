"""What an order in XML proposes: a draft for each note that it needs, and the rest. Pure.

A form of the European Union, or a message of ETSI TS 103 120 or TS 102 657. A draft has one set of times for all its
subjects, so that an order may need several.
"""

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from coffer.authority.period import format_instant
from coffer.desk.draft import Draft, TypedSpan, TypedSubject
from coffer.desk.orders import draft_of_xml
from coffer.disclosure.epoc.form import Form, Shown
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
    UNSUPPORTED = "unsupported"  # id, what: an action of a message
    EMERGENCY = "emergency"
    TEN_DAYS = "ten-days"
    DUE = "due"  # moment
    UNTIL = "until"  # moment
    NOTIFIED = "notified"
    DELAY = "delay"


UNANSWERED: Final = frozenset({Besides.LACKING, Besides.ELSEWHERE, Besides.UNSUPPORTED})
"""What is said of each identifier that is not answered, so that there may be thousands."""
_SAID: Final = 20
"""Identifiers of which a refusal says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One of these, with its values. No value names a person."""

    says: Besides
    values: Mapping[str, str | int | dt.datetime]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ProposedPart:
    """One of the notes that an order needs.

    ``ids``: the identifiers of the order that it is about. ``is_made``: a note was made of it before.
    """

    ids: tuple[str, ...]
    draft: Draft
    is_made: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Proposal:
    """What an order needs. ``is_hold``: it asks to keep. ``besides``: what is in none of the drafts."""

    parts: tuple[ProposedPart, ...]
    is_hold: bool
    besides: tuple[Line, ...]

    @property
    def draft(self) -> Draft:
        """The first draft of which no note was made."""
        return next(part.draft for part in self.parts if not part.is_made)


def propose(
    raw: bytes,
    before: Draft,
    place: str,
    *,
    found_by: Collection[IdentityType] = frozenset(),
    made: Sequence[str] = (),
) -> Proposal:
    """A draft for each note that the order needs. What it does not say stays as it was typed.

    ``found_by``: as in ``judge``. ``made``: the ``basis:`` of each note that was made of the order before.

    Raises:
        MalformedInput: it is no such order, or holds something that is not known where it could change what is asked.
        Refused: nothing of it can be asked or kept here, it follows another order, or each part of it has its note.
    """
    if is_retained_data(raw):
        part = ProposedPart(ids=(), draft=draft_of_xml(raw, before, place))
        return Proposal(parts=(part,), is_hold=False, besides=())
    form, tasks, further = _read(raw, place)
    judgement = judge(form, found_by=found_by)
    if not judgement.asked:
        lacking = [f"identifier {one.id}: {one.reason}: {one.sentence}" for one in judgement.lacking[:_SAID]]
        more = len(judgement.lacking) - len(lacking)
        why = "; ".join([*lacking, *([f"and {more:,} more"] if more else [])])
        raise Refused(f"{place}: nothing of it can be asked: {why}", code="scope")
    notes = [part for note in plan_notes(judgement.asked) for part in _alike(note)]
    told = _told(form, notes, made)
    if len(told) == len(notes):
        raise Refused(f"{place}: a note was made of each part of it", code="scope")
    parts = tuple(
        ProposedPart(ids=note.ids, draft=_draft_of(form, tasks, note, before, part), is_made=number in told)
        for number, note in enumerate(notes)
        for part in [number + 1 if len(notes) > 1 else 0]
    )
    besides = (*further, *_lacking(judgement), *_heed(form, tasks))
    return Proposal(parts=parts, is_hold=form.kind is FormKind.PRESERVATION, besides=besides)


def texts_of(raw: bytes, place: str) -> tuple[Shown, ...]:
    """Every text of an order that has no effect on its drafts, for people to read.

    Raises:
        MalformedInput: it is no such order.
    """
    if is_retained_data(raw):
        return ()
    if not is_message(raw):
        return parse_form(raw, place).texts
    content = parse_content(parse_envelope(raw, place))
    form = None if content.order is None else content.order.form
    return content.shown if form is None else (*form.texts, *(one for one in content.shown if one not in form.shown))


def _told(form: Form, notes: Sequence[PlannedNote], made: Sequence[str]) -> set[int]:
    """Which of these notes were made before, by place: by each ``basis:`` the first that it names."""
    told: set[int] = set()
    for basis in made:
        names = set(basis.split("; "))
        at = (n for n, note in enumerate(notes) if n not in told and reference_of(form, note.ids) in names)
        told |= {number for number in [next(at, None)] if number is not None}
    return told


def _draft_of(form: Form, tasks: TaskOrder | None, note: PlannedNote, before: Draft, part: int) -> Draft:
    return replace(
        before,
        subjects=tuple(TypedSubject(text=text) for text in note.subjects),
        spans=tuple(TypedSpan(first=format_instant(p.first), last=format_instant(p.end)) for p in note.periods[0]),
        kinds=note.kinds,
        basis=basis_of(form, note.ids, before.basis),
        part=part,
        **_issuing(form, tasks),
    )


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
