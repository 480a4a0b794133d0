"""A case: one order, its deadline, its requests and documents, and the edits that people make to it.

Pure.

An edit is a new value of the case with the events that say what was done. The store writes both together, or neither.
"""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, NewType

from coffer import wire
from coffer.authority.ordered import MAX_FILE_BYTES
from coffer.desk.draft import Draft
from coffer.desk.people import PersonId
from coffer.errors import MalformedInput, Refused
from coffer.notify.message import News
from coffer.visible import is_visible, visible

CaseId = NewType("CaseId", str)
"""32 random hex digits; it stands in URLs, where a case's number must not."""
DocumentId = NewType("DocumentId", str)

MAX_REQUESTS: Final = 20
"""Requests of one case. More is another matter, and needs another case."""
MAX_DOCUMENTS: Final = 200
MAX_DOCUMENT_BYTES: Final = 64 * 2**20
"""64 MiB. The answer of one person's three months has a few; a larger one is handed over as a folder."""
MAX_TEXT: Final = 2_000
MAX_FILE_NAME: Final = 200
_WORD: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


class CaseClass(StrEnum):
    """How urgent an order is. The deadline itself is what the clerk reads in the order."""

    ORDINARY = "ordinary"
    URGENT = "urgent"
    EMERGENCY = "emergency"
    SUBJECT_ACCESS = "subject-access"


class Stage(StrEnum):
    """What the desk itself decided about a case. All else follows from the log (``steps``)."""

    OPEN = "open"
    CLOSED = "closed"
    SHREDDED = "shredded"


class DocumentKind(StrEnum):
    """What a document is."""

    ORDER = "order"
    NOTE = "note"
    COPY = "copy"
    ANSWER = "answer"
    PACKAGE = "package"
    LETTER = "letter"
    PROOF = "proof"
    HOLD = "hold"
    """The note of a hold, or one that extends it: to keep records, unread."""
    OTHER = "other"


class Did(StrEnum):
    """What an event says was done."""

    MADE_CASE = "made-case"
    SAVED_DRAFT = "saved-draft"
    SET_DUE = "set-due"
    ASSIGNED = "assigned"
    ADDED_DOCUMENT = "added-document"
    READ_DOCUMENT = "read-document"
    MADE_REQUEST = "made-request"
    SENT_REQUEST = "sent-request"
    AGREED = "agreed"
    """A person's passkey agreed to an act on a request; the texts hold what it signed."""
    EXPLAINED = "explained"
    """What a custodian asked, to every custodian of a request."""
    TOOK_IN = "took-in"
    WITHDREW = "withdrew"
    BEGAN_OPENING = "began-opening"
    OPENED = "opened"
    STOPPED = "stopped"
    WROTE_LETTER = "wrote-letter"
    SENT_LETTER = "sent-letter"
    CLOSED = "closed"
    REOPENED = "reopened"
    NOTED = "noted"
    MADE_HOLD = "made-hold"
    EXTENDED_HOLD = "extended-hold"
    SENT_HOLD = "sent-hold"
    RELEASED_HOLD = "released-hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of a case's history.

    ``by``: None for the desk itself. ``values``: numbers and fixed words, which name nobody: an auditor may read them.
    ``texts``: what may name somebody.
    """

    number: int
    time: dt.datetime
    by: PersonId | None
    did: Did
    values: Mapping[str, int | str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)

    def without_texts(self) -> "Event":
        """The event as an auditor sees it."""
        return replace(self, texts={})


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event that is yet to be written, when it gets its number, time and person."""

    did: Did
    values: Mapping[str, int | str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for value in self.values.values():
            if type(value) is not int and not _WORD.fullmatch(str(value)):
                raise AssertionError("values of an event are numbers and fixed words: anything else is a text")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What the case knows of a document.

    ``request``: the number of the request that it belongs to, if to one.
    """

    id: DocumentId
    kind: DocumentKind
    name: str = field(repr=False)
    size: int
    sha256: bytes = field(repr=False)
    added: dt.datetime
    by: PersonId | None
    request: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDocument:
    """A document that is yet to be stored."""

    about: Document
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """An opening whose answer is in the case.

    ``intent``, ``close``: log indexes. ``document``: the answer.
    """

    intent: int
    close: int
    records: int
    document: DocumentId
    time: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request of the case.

    ``note``: the authorization with every signature that came in so far. ``sent``: the custodians that took it.
    """

    number: int
    note: bytes = field(repr=False)
    made: dt.datetime
    by: PersonId
    sent: tuple[str, ...] = ()
    sent_at: dt.datetime | None = None
    withdrawn: dt.datetime | None = None
    delivered: tuple[Delivered, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The end of the history chain: how many events, and the hash of the last."""

    count: int = 0
    hash: bytes = bytes(32)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Case:
    """One case as it stands. ``version``: of the row that was read; 0 if it was never written.

    ``number``, ``authority``: as the order writes them. ``due``: when the answer is due, as the clerk read it.
    """

    id: CaseId
    version: int = 0
    number: str
    authority: str
    order_class: CaseClass
    received: dt.datetime
    due: dt.datetime | None
    assigned: PersonId | None
    stage: Stage = Stage.OPEN
    closed: dt.datetime | None = None
    draft: Draft | None = None
    requests: tuple[Request, ...] = ()
    documents: tuple[Document, ...] = ()
    history: Head = field(default_factory=Head)

    def __repr__(self) -> str:
        return f"<case {self.id[:8]}, version {self.version}>"

    def request(self, number: int) -> Request:
        """The request of that number, from 1."""
        if not 1 <= number <= len(self.requests):
            raise Refused("case: it has no request of that number", code="form")
        return self.requests[number - 1]

    @property
    def holds(self) -> tuple[Document, ...]:
        """The notes of its holds, and those that extend them, the oldest first."""
        return tuple(one for one in self.documents if one.kind is DocumentKind.HOLD)

    def document(self, document: DocumentId) -> Document:
        """What is known of one of its documents."""
        for about in self.documents:
            if about.id == document:
                return about
        raise Refused("case: it has no such document", code="form")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Somebody who is to be told, of what. The deadline is the case's.

    ``about``: what makes two messages one, so that nobody is told twice of the same; it is never sent.
    """

    person: PersonId
    news: News
    about: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What somebody did to a case. ``case.version`` is the version that they saw."""

    case: Case
    events: tuple[NewEvent, ...]
    documents: tuple[NewDocument, ...] = ()
    told: tuple[Told, ...] = ()


def event_hash(case: CaseId, number: int, before: bytes, raw: bytes) -> bytes:
    """The link of the history chain: H(T("desk-history") || case || u32 number || hash before || event)."""
    return wire.digest(wire.tag("desk-history"), bytes.fromhex(case), number.to_bytes(4, "big"), before, raw)


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


def save_draft(case: Case, draft: Draft | None) -> Edit:
    """Keep what was typed so far, or forget it. A draft may be wrong in every field."""
    _verify_open(case)
    return Edit(case=replace(case, draft=draft), events=(NewEvent(did=Did.SAVED_DRAFT),))


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


def add_request(case: Case, note: bytes, *, by: PersonId, now: dt.datetime) -> Edit:
    """A request that was just made from the draft, which it replaces."""
    _verify_open(case)
    number = len(case.requests) + 1
    if number > MAX_REQUESTS:
        raise Refused(
            f"case: {number} requests, expected at most {MAX_REQUESTS}", code="form", hint="make another case"
        )
    request = Request(number=number, note=note, made=now, by=by)
    changed = replace(case, requests=(*case.requests, request), draft=None)
    return Edit(case=changed, events=(NewEvent(did=Did.MADE_REQUEST, values={"request": number}),))


def add_hold(case: Case, note: NewDocument, did: Did, texts: Mapping[str, str]) -> Edit:
    """A hold that was just made from the draft, which it replaces, or what extends one.

    ``texts``: what a passkey agreed to.
    """
    event = document_event(note.about, did)
    draft = None if did is Did.MADE_HOLD else case.draft
    edit = Edit(case=replace(case, draft=draft), events=(replace(event, texts={**event.texts, **texts}),))
    return with_documents(edit, [note])


def with_request(case: Case, request: Request) -> Case:
    """The case with one of its requests replaced by a newer value."""
    return replace(case, requests=tuple(request if old.number == request.number else old for old in case.requests))


def close(case: Case, now: dt.datetime) -> Edit:
    """Nothing is left to do."""
    _verify_open(case)
    return Edit(case=replace(case, stage=Stage.CLOSED, closed=now, draft=None), events=(NewEvent(did=Did.CLOSED),))


def reopen(case: Case) -> Edit:
    """It was closed too early."""
    if case.stage is not Stage.CLOSED:
        raise Refused("case: it is not closed", code="form")
    return Edit(case=replace(case, stage=Stage.OPEN, closed=None), events=(NewEvent(did=Did.REOPENED),))


def add_note(case: Case, text: str) -> Edit:
    """A note of the person for those who look later; it stands in the history alone."""
    parse_text(text, "note", most=MAX_TEXT, may_break=True)
    return Edit(case=case, events=(NewEvent(did=Did.NOTED, texts={"note": text}),))


def parse_text(text: str, what: str, *, most: int, may_break: bool = False) -> str:
    """Text for people: 1 to ``most`` characters that can be seen, line ends only where allowed."""
    lines = text.split("\n") if may_break else [text]
    is_shown = all(line == "" or is_visible(line) for line in lines) and text.strip() != ""
    if len(text) > most or not is_shown:
        raise MalformedInput(f"{what}: expected 1 to {most} characters that can be seen")
    return text


def _verify_open(case: Case) -> None:
    if case.stage is not Stage.OPEN:
        raise Refused("case: it is closed", code="form", hint="the head of the desk can open it again")
