"""What people do to a case: new values of it, with the events that say what was done. Pure."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from coffer import wire
from coffer.authority.ordered import MAX_FILE_BYTES
from coffer.desk.case import (
    MAX_TEXT,
    Amendment,
    Case,
    CaseClass,
    CaseId,
    Did,
    Document,
    DocumentId,
    DocumentKind,
    Edit,
    NewDocument,
    NewEvent,
    Place,
    Request,
    Stage,
    Told,
    parse_text,
)
from coffer.desk.draft import Draft
from coffer.desk.people import PersonId
from coffer.errors import MalformedInput, Refused
from coffer.notify.message import News
from coffer.visible import visible

MAX_REQUESTS: Final = 20
"""Requests of one case. More is another matter, and needs another case."""
MAX_AMENDMENTS: Final = 8
"""Amendments of one request. Whoever needs more asks for too little each time."""
MAX_DOCUMENTS: Final = 200
MAX_DOCUMENT_BYTES: Final = 64 * 2**20
"""64 MiB. The answer of one person's three months has a few; a larger one is handed over as a folder."""
MAX_FILE_NAME: Final = 200


def make_case(
    *,
    id: CaseId,  # noqa: A002 - the field's name
    number: str,
    authority: str,
    order_class: CaseClass,
    received: dt.datetime,
    due: dt.datetime | None,
    assigned: PersonId | None,
) -> Edit:
    """A new case."""
    for text, what in ((number, "case number"), (authority, "authority")):
        parse_text(text, what, most=500)
    case = Case(
        id=id,
        number=number,
        authority=authority,
        order_class=order_class,
        received=received,
        due=due,
        assigned=assigned,
    )
    return Edit(case=case, events=(NewEvent(did=Did.MADE_CASE, values={"class": order_class.value}),))


def save_draft(case: Case, draft: Draft) -> Edit:
    """Keep what was typed so far, in the place of the draft of the same part.

    It may be wrong in every field.
    """
    _verify_open(case)
    drafts = case.drafts
    at = next((n for n, one in enumerate(drafts) if one.part == draft.part), len(drafts))
    kept = with_drafts(case, (*drafts[:at], draft, *drafts[at + 1 :]))
    return Edit(case=kept, events=(NewEvent(did=Did.SAVED_DRAFT),))


def with_drafts(case: Case, drafts: Sequence[Draft]) -> Case:
    """The case with these drafts, the first of which is finished first."""
    return replace(case, draft=next(iter(drafts), None), further=tuple(drafts[1:]))


def without_draft(case: Case, part: int) -> Case:
    """The case without the draft of that part."""
    return with_drafts(case, [one for one in case.drafts if one.part != part])


def set_due(case: Case, due: dt.datetime | None) -> Edit:
    """Another deadline."""
    _verify_open(case)
    values = {} if due is None else {"due": int(due.timestamp())}
    return Edit(case=replace(case, due=due), events=(NewEvent(did=Did.SET_DUE, values=values),))


def assign(case: Case, person: PersonId | None) -> Edit:
    """Give the case to somebody, or to nobody. They are told."""
    _verify_open(case)
    values = {"to": person or "nobody"}
    told = () if person is None else (Told(person=person, news=News.ASSIGNED, about=f"{case.id} {case.version}"),)
    return Edit(case=replace(case, assigned=person), events=(NewEvent(did=Did.ASSIGNED, values=values),), told=told)


def add_documents(case: Case, documents: Sequence[NewDocument]) -> Edit:
    """Documents that somebody brought."""
    _verify_open(case)
    events = tuple(document_event(item.about) for item in documents)
    return with_documents(Edit(case=case, events=events), documents)


def with_documents(edit: Edit, documents: Sequence[NewDocument]) -> Edit:
    """The edit with documents besides; its events must tell of them."""
    kept = (*edit.case.documents, *(item.about for item in documents))
    if len(kept) > MAX_DOCUMENTS:
        raise Refused(f"case: {len(kept)} documents, expected at most {MAX_DOCUMENTS}", code="form")
    return replace(edit, case=replace(edit.case, documents=kept), documents=(*edit.documents, *documents))


def new_document(
    content: bytes,
    *,
    id: DocumentId,  # noqa: A002 - the field's name
    kind: DocumentKind,
    name: str,
    by: PersonId | None,
    now: dt.datetime,
    request: int | None = None,
) -> NewDocument:
    """A document with its hash.

    Raises:
        MalformedInput: it is empty or too long, or its name holds what cannot be seen.
    """
    most = MAX_FILE_BYTES if kind is DocumentKind.ORDER else MAX_DOCUMENT_BYTES
    if not 1 <= len(content) <= most:
        raise MalformedInput(f"document: {len(content):,} bytes, expected 1 to {most:,}")
    about = Document(
        id=id,
        kind=kind,
        name=parse_text(visible(name), "file name", most=MAX_FILE_NAME),
        size=len(content),
        sha256=wire.digest(content),
        added=now,
        by=by,
        request=request,
    )
    return NewDocument(about=about, content=content)


def document_event(about: Document, did: Did = Did.ADDED_DOCUMENT) -> NewEvent:
    """The event about one document."""
    values: dict[str, int | str] = {"document": about.id, "kind": about.kind.value}
    return NewEvent(did=did, values=values, texts={"name": about.name, "sha256": about.sha256.hex()})


def add_request(case: Case, note: bytes, *, by: PersonId, now: dt.datetime, part: int = 0) -> Edit:
    """A request that was just made from a draft, which it replaces.

    ``part``: of the order, as of the draft.
    """
    _verify_open(case)
    verify_room(case)
    number = len(case.requests) + 1
    request = Request(number=number, note=note, made=now, by=by, part=part)
    changed = replace(without_draft(case, part), requests=(*case.requests, request))
    return Edit(case=changed, events=(NewEvent(did=Did.MADE_REQUEST, values={"request": number}),))


def verify_room(case: Case) -> None:
    """Refuse one request more than a case can have."""
    number = len(case.requests) + 1
    if number > MAX_REQUESTS:
        raise Refused(
            f"case: {number} requests, expected at most {MAX_REQUESTS}", code="form", hint="make another case"
        )


def add_amendment(
    case: Case, number: int, note: bytes, texts: Mapping[str, str], *, by: PersonId, now: dt.datetime
) -> Edit:
    """An amendment of a request that was just made. ``texts``: what a passkey agreed to."""
    _verify_open(case)
    request = case.request(number)
    place = Place(request=number, amendment=len(request.amendments) + 1)
    if place.amendment > MAX_AMENDMENTS:
        raise Refused(
            f"request: {place.amendment} amendments, expected at most {MAX_AMENDMENTS}",
            code="form",
            hint="make another request",
        )
    made = Amendment(number=place.amendment, note=note, made=now, by=by)
    changed = with_request(case, replace(request, amendments=(*request.amendments, made)))
    return Edit(case=changed, events=(NewEvent(did=Did.AMENDED, values=place.values, texts=texts),))


def with_note(case: Case, place: Place, note: bytes) -> Case:
    """The case with the note at a place replaced by one with more signatures."""
    return _with_place(case, place, replace(case.at(place), note=note))


def with_sent(case: Case, place: Place, names: Sequence[str], now: dt.datetime) -> Case:
    """The case with those that took the note at a place."""
    current = case.at(place)
    sent = tuple(dict.fromkeys((*current.sent, *names)))
    return _with_place(case, place, replace(current, sent=sent, sent_at=now))


def _with_place(case: Case, place: Place, changed: Request | Amendment) -> Case:
    if isinstance(changed, Request):
        return with_request(case, changed)
    request = case.request(place.request)
    kept = tuple(changed if one.number == changed.number else one for one in request.amendments)
    return with_request(case, replace(request, amendments=kept))


def add_hold(case: Case, note: NewDocument, did: Did, texts: Mapping[str, str], *, part: int = 0) -> Edit:
    """A hold that was just made from the draft, which it replaces, or what extends one.

    ``texts``: what a passkey agreed to.
    """
    event = document_event(note.about, did)
    kept = without_draft(case, part) if did is Did.MADE_HOLD else case
    edit = Edit(case=kept, events=(replace(event, texts={**event.texts, **texts}),))
    return with_documents(edit, [note])


def with_request(case: Case, request: Request) -> Case:
    """The case with one of its requests replaced by a newer value."""
    return replace(case, requests=tuple(request if old.number == request.number else old for old in case.requests))


def close(case: Case, now: dt.datetime) -> Edit:
    """Nothing is left to do."""
    _verify_open(case)
    closed = replace(with_drafts(case, ()), stage=Stage.CLOSED, closed=now)
    return Edit(case=closed, events=(NewEvent(did=Did.CLOSED),))


def reopen(case: Case) -> Edit:
    """It was closed too early."""
    if case.stage is not Stage.CLOSED:
        raise Refused("case: it is not closed", code="form")
    return Edit(case=replace(case, stage=Stage.OPEN, closed=None), events=(NewEvent(did=Did.REOPENED),))


def add_note(case: Case, text: str) -> Edit:
    """A note of the person for those who look later; it stands in the history alone."""
    parse_text(text, "note", most=MAX_TEXT, may_break=True)
    return Edit(case=case, events=(NewEvent(did=Did.NOTED, texts={"note": text}),))


def _verify_open(case: Case) -> None:
    if case.stage is not Stage.OPEN:
        raise Refused("case: it is closed", code="form", hint="the head of the desk can open it again")
