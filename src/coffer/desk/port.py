"""The port to what the desk keeps, cut by what people do with it.

Times are arguments. Each method is one short transaction: what it returns is durable, and what it raises has changed
nothing. Methods may be called from several threads and processes at once. Every method raises ``Unavailable`` where the
database cannot be reached or is busy for too long, and ``NotProven`` where a row was changed, moved or put back.
Implementation: ``coffer.desk.store``, on SQLite and PostgreSQL.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from coffer.desk.case import Case, CaseId, DocumentId, Edit, Event, Told
from coffer.desk.people import Invitation, Person, PersonId, Role
from coffer.errors import Refused
from coffer.notify.message import News
from coffer.passkeys.passkey import Passkey
from coffer.passkeys.sessions import Sessions


class Conflict(Refused):
    """Somebody else changed the case meanwhile. Nothing was written, and nothing of either is lost.

    ``mine``: the edit that was not written. ``theirs``: the case as it is now. ``events``: what was done since the
    version that ``mine`` began from, in order.
    """

    http_status = 409

    def __init__(self, mine: Edit, theirs: Case, events: tuple[Event, ...]) -> None:
        super().__init__(
            "case: somebody changed it meanwhile", code="form", hint="compare both, then save what is right"
        )
        self.mine = mine
        self.theirs = theirs
        self.events = events


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A form that was sent.

    ``key``: random, made with the form; the same form sent again has the same key.
    """

    person: PersonId
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a write left. ``is_repeated``: the form was written before; ``case`` is as it is now.

    ``untold``: notifications that the full queue did not take.
    """

    case: Case
    is_repeated: bool = False
    untold: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What is known of a case without its key. ``due``: None without a deadline."""

    id: CaseId
    version: int
    stage: str
    due: dt.datetime | None
    assigned: PersonId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How many cases there are: what an operator or auditor may know of them."""

    open: int
    late: int
    unassigned: int
    closed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to do something alone until ``ends``. ``fence`` grows with every lease of that name."""

    name: str
    holder: str
    fence: int
    ends: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A notification that was claimed to be sent.

    ``is_hook``: to the person's webhook, else to their mailbox.
    """

    id: str
    person: PersonId
    news: News
    due: dt.datetime | None
    is_hook: bool
    tries: int


class People(Protocol):
    """Who works here. Their rows are one register: a row that was added, removed or put back is noticed."""

    def people(self) -> Mapping[PersonId, Person]:
        """Everybody, revoked ones too."""

    def invite(
        self, name: str, role: Role, *, by: PersonId | None, now: dt.datetime, person: PersonId | None = None
    ) -> str:
        """A new invitation's code, to be shown once. Every head in force is told in the same transaction.

        ``person``: somebody who lost their passkeys, who is told too; None for somebody new.
        """

    def invitations(self, now: dt.datetime) -> Sequence[Invitation]:
        """The invitations that were not used yet and have not ended, the newest last."""

    def take_back_invitations(self, person: PersonId, now: dt.datetime) -> None:
        """End every invitation of a person; nothing if there is none."""

    def invitation(self, code: str, now: dt.datetime) -> Invitation:
        """The invitation of a code.

        Raises ``Refused`` where it is unknown, used or ended, and ``MalformedInput`` if it is none.
        """

    def accept(self, code: str, passkey: Passkey, now: dt.datetime) -> Person:
        """Use up an invitation: the person with this first passkey. A recovery revokes their old passkeys.

        Raises:
            Refused: the invitation is unknown, used or ended, or the passkey is somebody's already.
        """

    def change(self, person: PersonId, make: Callable[[Person], Person], now: dt.datetime) -> Person:
        """Write what ``make`` makes of a person as they are at this moment; nobody else writes meanwhile.

        Language, zone, addresses, role, passkeys, revocation. Who loses a passkey or changes role is signed out.

        Raises:
            Refused: nobody is this person, or they were revoked, which is for good; or what ``make`` raises.
        """

    def update(self, person: Person, now: dt.datetime) -> None:
        """Write a whole person, whatever was changed of them since it was read: for who alone writes.

        As ``change``.
        """

    def find_passkey(self, credential: bytes) -> tuple[Person, Passkey] | None:
        """Whose passkey it is, with its last count; None if it is nobody's or the person is revoked."""

    def record_use(self, credential: bytes, count: int, now: dt.datetime) -> None:
        """Keep the count of a sign-in.

        Raises:
            NotProven: it did not grow, and one of the two is not 0: the passkey was copied.
        """


class Cases(Protocol):
    """The cases with their documents and history."""

    def write(
        self, edit: Edit, *, by: PersonId | None, now: dt.datetime, post: Post | None = None, lease: Lease | None = None
    ) -> Written:
        """Write an edit: case, events, documents, notifications and the form's key, all or nothing.

        ``edit.case.version`` 0 makes a new case. ``lease``: refused unless it is still held.

        Raises:
            Conflict: the case is at another version.
        """

    def case(self, case: CaseId) -> Case:
        """The case; raises ``Refused`` if there is none, or its key was destroyed."""

    def open_cases(self) -> Sequence[Case]:
        """Every open case, by deadline; those without one last."""

    def closed_cases(self, *, limit: int, before: CaseId | None = None) -> Sequence[Case]:
        """Closed cases, the last closed first."""

    def figures(self, now: dt.datetime) -> Figures:
        """How many there are."""

    def history(self, case: CaseId) -> tuple[Event, ...]:
        """Everything that was done in a case; raises ``NotProven`` if its chain does not hold."""

    def document(self, case: CaseId, document: DocumentId) -> bytes:
        """The content; raises ``NotProven`` if it is not what the case says."""

    def case_of(self, commitment: bytes) -> tuple[CaseId, int] | None:
        """The case and number of the request with this commitment."""

    def shred(self, case: CaseId, *, now: dt.datetime) -> None:
        """Destroy the key and rows of a closed case. What is left is its id, and that it was destroyed."""


class Leases(Protocol):
    """What may run once at a time, over all processes."""

    def acquire(self, name: str, holder: str, now: dt.datetime, *, for_s: float) -> Lease | None:
        """A lease; None while another holds it."""

    def renew(self, lease: Lease, now: dt.datetime, *, for_s: float) -> Lease:
        """The same lease for longer; raises ``Unavailable`` if it was lost."""

    def release(self, lease: Lease) -> None:
        """Give it back, if it is still held."""


class Outbox(Protocol):
    """Notifications that wait to be sent."""

    def tell(self, told: Sequence[Told], due: dt.datetime | None, now: dt.datetime) -> int:
        """Put notifications into the queue; the number that it did not take.

        One that waits already is not doubled.
        """

    def claim(self, now: dt.datetime, *, limit: int) -> tuple[Waiting, ...]:
        """Those to send now; nobody else gets them for some minutes."""

    def sent(self, waiting: Waiting) -> None:
        """It was handed over."""

    def failed(self, waiting: Waiting, now: dt.datetime) -> bool:
        """It was not; whether it will be tried again."""

    def given_up(self) -> int:
        """How many were never sent."""


class Store(People, Sessions, Cases, Leases, Outbox, Protocol):
    """All of it."""
