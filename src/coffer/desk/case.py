"""A case: one order, its deadline, its requests and documents. Pure.

What people do to a case is an edit (``edits``): a new value of it, with the events that say what was done. The store
writes both together, or neither.
"""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, NewType

from coffer import wire
from coffer.desk.draft import Draft
from coffer.desk.people import PersonId
from coffer.errors import MalformedInput, Refused
from coffer.notify.message import News
from coffer.visible import is_visible

CaseId = NewType("CaseId", str)
"""32 random hex digits; it stands in URLs, where a case's number must not."""
DocumentId = NewType("DocumentId", str)

MAX_TEXT: Final = 2_000
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
    AMENDED = "amended"
    """A note was made that raises the limit of a request."""
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
class Amendment:
    """A note that raises the limit of a request, with every signature that came in so far.

    ``sent``: the custodians that took it.
    """

    number: int
    note: bytes = field(repr=False)
    made: dt.datetime
    by: PersonId
    sent: tuple[str, ...] = ()
    sent_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request of the case.

    ``note``: the authorization with every signature that came in so far. ``sent``: the custodians that took it.
    ``part``: which draft of its order it was, from 1; 0 if of none.
    """

    number: int
    note: bytes = field(repr=False)
    made: dt.datetime
    by: PersonId
    sent: tuple[str, ...] = ()
    sent_at: dt.datetime | None = None
    withdrawn: dt.datetime | None = None
    delivered: tuple[Delivered, ...] = ()
    part: int = 0
    amendments: tuple[Amendment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A note that custodians sign: a request, or one of its amendments.

    Numbers from 1; 0: the request itself.
    """

    request: int
    amendment: int = 0

    @property
    def values(self) -> dict[str, int | str]:
        """The values by which an event names it."""
        values: dict[str, int | str] = {"request": self.request}
        return values | {"amendment": self.amendment} if self.amendment else values


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The end of the history chain: how many events, and the hash of the last."""

    count: int = 0
    hash: bytes = bytes(32)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Case:
    """One case as it stands. ``version``: of the row that was read; 0 if it was never written.

    ``number``, ``authority``: as the order writes them. ``due``: when the answer is due, as the clerk read it.
    ``draft``: the one that is finished first. ``further``: the others that its order needs.
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
    further: tuple[Draft, ...] = ()
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
    def drafts(self) -> tuple[Draft, ...]:
        """All drafts, the one that is finished first at the head."""
        return self.further if self.draft is None else (self.draft, *self.further)

    def draft_of(self, part: int) -> Draft | None:
        """The draft of that part of the order; 0: the one that is of none."""
        return next((one for one in self.drafts if one.part == part), None)

    def at(self, place: Place) -> Request | Amendment:
        """The note at a place, with to whom it was sent."""
        request = self.request(place.request)
        if not place.amendment:
            return request
        if place.amendment > len(request.amendments):
            raise Refused("request: it has no amendment of that number", code="form")
        return request.amendments[place.amendment - 1]

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


def parse_text(text: str, what: str, *, most: int, may_break: bool = False) -> str:
    """Text for people: 1 to ``most`` characters that can be seen, line ends only where allowed."""
    lines = text.split("\n") if may_break else [text]
    is_shown = all(line == "" or is_visible(line) for line in lines) and text.strip() != ""
    if len(text) > most or not is_shown:
        raise MalformedInput(f"{what}: expected 1 to {most} characters that can be seen")
    return text
