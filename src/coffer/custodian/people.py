"""The people of a custodian: who they are, their passkeys, and how many of them must agree.

Pure. ``people_file`` keeps what happened to them. Implements ``docs/formats/custodian.md``, "People".
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from coffer.errors import MalformedInput, Refused
from coffer.passkeys.invitations import Invitation
from coffer.passkeys.passkey import Passkey, RelyingParty, parse_site
from coffer.visible import UNSEEN

MAX_REQUIRED: Final = 2
"""Two keep one person from deciding alone. More would only bring requests to a halt while somebody is away."""
MAX_PEOPLE: Final = 64
MAX_PASSKEYS: Final = 5
"""Of one person: one in daily use, others for when it is lost."""
_MAX_NAME: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """A time in which a person does not look.

    ``stand_in``: another person's ordinal, 0 if nobody stands in.
    """

    since: dt.datetime
    until: dt.datetime
    stand_in: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One of the custodian's people.

    ``ordinal``: from 1, in the order of invitations, never given twice; the one word for a person that leaves this
    machine. ``name``: private to the custodian. ``passkeys``: none until the person registered one.
    """

    ordinal: int
    name: str = field(repr=False)
    passkeys: tuple[Passkey, ...] = ()
    invitation: Invitation | None = None
    away: Away | None = None

    def is_away(self, time: dt.datetime) -> bool:
        """Whether this person is away at an instant."""
        return self.away is not None and self.away.since <= time < self.away.until

    def passkey(self, credential: bytes) -> Passkey | None:
        """The passkey of this id, if it is this person's and in force."""
        return next((one for one in self.passkeys if one.id == credential), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Everybody after some line of the file.

    ``required``: how many persons must agree to a request by passkey; 0: whoever has the passphrase approves at the
    terminal. ``persons``: by ordinal, without those that were removed. ``spent``: every id and key that was ever
    registered, so that no authenticator counts for two persons. ``site``: where their passkeys are used; None at first.
    """

    required: int = 0
    site: RelyingParty | None = None
    persons: Mapping[int, Person] = field(default_factory=dict)
    invited: int = 0
    spent: frozenset[bytes] = frozenset()

    def person(self, ordinal: int) -> Person:
        """One in force.

        Raises:
            Refused: there is none of this ordinal, or no more.
        """
        if ordinal not in self.persons:
            raise Refused(f"person {ordinal}: not one of this custodian's people", code="form")
        return self.persons[ordinal]

    def holder(self, credential: bytes) -> tuple[Person, Passkey]:
        """Whose passkey this is.

        Raises:
            Refused: nobody's, or it was revoked.
        """
        for person in self.persons.values():
            passkey = person.passkey(credential)
            if passkey is not None:
                return person, passkey
        raise Refused(
            "passkey: unknown here, or revoked",
            code="form",
            hint="use another passkey, or ask for an invitation",
        )

    def here_at(self, time: dt.datetime) -> tuple[Person, ...]:
        """The persons who can agree by passkey at an instant and are not away."""
        return tuple(one for one in self.persons.values() if one.passkeys and not one.is_away(time))

    def away_at(self, time: dt.datetime) -> tuple[Away, ...]:
        """The absences at an instant, of persons who could agree."""
        return tuple(one.away for one in self.persons.values() if one.passkeys and one.away and one.is_away(time))

    def short_until(self, time: dt.datetime) -> dt.datetime | None:
        """When enough are here again to agree; None if enough are, or if nobody's return would change it."""
        missing = self.required - len(self.here_at(time))
        returns = sorted(away.until for away in self.away_at(time))
        return returns[missing - 1] if 0 < missing <= len(returns) else None

    def invitee(self, hashed: bytes) -> Person | None:
        """Who was invited with the code of this hash."""
        return next((one for one in self.persons.values() if one.invitation and one.invitation.hash == hashed), None)


# What may happen to them. Each is one line of the file.


@dataclass(frozen=True, slots=True, kw_only=True)
class Required:
    """From now on so many must agree."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sited:
    """From now on their pages are at this origin."""

    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """A new person, or one who lost every passkey, may register one with a code."""

    ordinal: int
    name: str = field(repr=False)
    invitation: Invitation


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """A person registered a passkey: with the code of an invitation, or signed in, for recovery."""

    ordinal: int
    passkey: Passkey
    is_recovery: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """A passkey counts no more."""

    ordinal: int
    credential: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """A person and all their passkeys count no more."""

    ordinal: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WentAway:
    """A person is away; None: is back."""

    ordinal: int
    away: Away | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """A passkey signed: its counter and backup state then. Written only where they changed."""

    credential: bytes = field(repr=False)
    count: int
    is_backed_up: bool


Event = Required | Sited | Invited | Enrolled | Revoked | Removed | WentAway | Used


def decide_event(people: People, event: Event, now: dt.datetime) -> People:
    """The people after an event.

    Raises:
        Refused, MalformedInput: it may not happen; nothing changes.
    """
    match event:
        case Required():
            return _require(people, event.number)
        case Sited():
            site = parse_site(event.origin, "site", name=event.origin.rpartition("/")[2])
            if people.site is not None and people.site.id != site.id and any(_enrolled(people)):
                raise Refused(
                    "site: its passkeys belong to another host name",
                    code="form",
                    hint="revoke every passkey first; people register again at the new name",
                )
            return replace(people, site=site)
        case Invited():
            return _invite(people, event)
        case Enrolled():
            return _enroll(people, event, now)
        case Revoked():
            person = people.person(event.ordinal)
            if person.passkey(event.credential) is None:
                raise Refused(f"person {event.ordinal}: has no such passkey", code="form")
            kept = tuple(one for one in person.passkeys if one.id != event.credential)
            return _with(people, replace(person, passkeys=kept))
        case Removed():
            people.person(event.ordinal)
            return replace(people, persons={n: one for n, one in people.persons.items() if n != event.ordinal})
        case WentAway():
            return _go_away(people, event)
        case Used():
            person, passkey = people.holder(event.credential)
            used = replace(passkey, count=event.count, is_backed_up=event.is_backed_up)
            return _with(
                people,
                replace(person, passkeys=tuple(used if one.id == used.id else one for one in person.passkeys)),
            )


def _with(people: People, person: Person) -> People:
    return replace(people, persons={**people.persons, person.ordinal: person})


def _enrolled(people: People) -> list[Person]:
    return [person for person in people.persons.values() if person.passkeys]


def _require(people: People, number: int) -> People:
    if not 0 <= number <= MAX_REQUIRED:
        raise MalformedInput(f"required: {number}, expected 0 to {MAX_REQUIRED}")
    if len(_enrolled(people)) < number:
        raise Refused(
            f"required: {number}, and {len(_enrolled(people))} of the people have a passkey",
            code="form",
            hint="invite people first, and wait until they registered",
        )
    return replace(people, required=number)


def _invite(people: People, event: Invited) -> People:
    name = event.name
    if not name or name != name.strip() or len(name) > _MAX_NAME or UNSEEN.search(name):
        raise MalformedInput(f"name: expected 1 to {_MAX_NAME} visible characters without outer spaces")
    if people.site is None:
        raise Refused(
            "invitation: the people's pages have no site yet",
            code="form",
            hint="coffer custodian people DIR site --origin https://HOST:PORT",
        )
    if any(one.name.casefold() == name.casefold() and n != event.ordinal for n, one in people.persons.items()):
        raise Refused("invitation: somebody has this name already", code="form", hint="give names that tell apart")
    if event.ordinal == people.invited + 1:
        if len(people.persons) >= MAX_PEOPLE:
            raise Refused(f"invitation: {MAX_PEOPLE} people, and no more have a place", code="form")
        person = Person(ordinal=event.ordinal, name=name, invitation=event.invitation)
        return replace(_with(people, person), invited=event.ordinal)
    return _with(people, replace(people.person(event.ordinal), name=name, invitation=event.invitation))


def _enroll(people: People, event: Enrolled, now: dt.datetime) -> People:
    person, passkey = people.person(event.ordinal), event.passkey
    if event.is_recovery:
        if not person.passkeys:
            raise Refused(f"person {event.ordinal}: has no passkey to sign in with", code="form")
    elif person.invitation is None or now >= person.invitation.until:
        raise Refused(f"person {event.ordinal}: has no invitation, or an old one", code="time")
    if len(person.passkeys) >= MAX_PASSKEYS:
        raise Refused(f"person {event.ordinal}: has {MAX_PASSKEYS} passkeys", code="form", hint="revoke one first")
    if {passkey.id, passkey.key} & people.spent:
        raise Refused("passkey: registered before", code="form", hint="use another authenticator")
    if len(passkey.label) > _MAX_NAME or UNSEEN.search(passkey.label) or passkey.label != passkey.label.strip():
        raise MalformedInput(f"label: expected at most {_MAX_NAME} visible characters without outer spaces")
    invitation = person.invitation if event.is_recovery else None
    person = replace(person, passkeys=(*person.passkeys, passkey), invitation=invitation)
    return replace(_with(people, person), spent=people.spent | {passkey.id, passkey.key})


def _go_away(people: People, event: WentAway) -> People:
    person, away = people.person(event.ordinal), event.away
    if away is not None:
        if away.since >= away.until:
            raise MalformedInput("away: ends before it begins")
        if away.stand_in == event.ordinal:
            raise Refused("away: nobody stands in for themselves", code="form")
        if away.stand_in:
            people.person(away.stand_in)
    return _with(people, replace(person, away=away))
