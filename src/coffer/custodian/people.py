"""The people of a custodian: who they are, their passkeys, and how many of them must agree.

Pure but for the nonces it is given.

The file is append-only. Each line is sealed under a key that only the custodian has, and bound to the line before it. So
whoever merely writes to the disk can neither add a passkey, change one, nor take a line from the middle, and whoever
merely reads it learns no name. Implements ``docs/formats/custodian.md``, "People".
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from coffer import wire
from coffer.entropy import Entropy
from coffer.errors import MalformedInput, NotProven, Refused
from coffer.notes.keys import Secret
from coffer.passkeys.invitations import Invitation
from coffer.passkeys.passkey import Passkey, RelyingParty, parse_site
from coffer.visible import UNSEEN

HEADER: Final = b"coffer.people/v1\n"
MAX_REQUIRED: Final = 2
"""Two keep one person from deciding alone. More would only bring requests to a halt while somebody is away."""
MAX_PEOPLE: Final = 64
MAX_PASSKEYS: Final = 5
"""Of one person: one in daily use, others for when it is lost."""
_MAX_NAME: Final = 100
_NONCE_BYTES: Final = 12
_ORDINAL: Final = re.compile(r"[1-9][0-9]{0,8}")


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


# The file.


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A proven file.

    ``states``: the people before the first line and after each. ``times``: when each line was written. ``size``: bytes of
    its whole lines. ``chain``: the hash of the last one, which the next line continues.
    """

    states: tuple[People, ...] = (People(),)
    times: tuple[dt.datetime, ...] = ()
    size: int = 0
    chain: bytes = wire.digest(HEADER)

    @property
    def now(self) -> People:
        """The people after the last line."""
        return self.states[-1]

    @property
    def lines(self) -> int:
        """How many lines there are."""
        return len(self.times)

    def ended(self, passkey: Passkey) -> dt.datetime | None:
        """When a passkey ceased to count; None if it counts still."""
        is_there = [any(one.passkey(passkey.id) for one in people.persons.values()) for people in self.states]
        last = max((place for place, was in enumerate(is_there) if was), default=0)
        return self.times[last] if last < self.lines else None


_NOBODY: Final = History()


def parse_people(raw: bytes, key: Secret, *, context: bytes, place: str, begun: History = _NOBODY) -> History:
    """Read and prove a file; an empty one has nobody.

    A last line without its end is left out: a crash cut it before anybody acted on it. ``begun``: what was proven of the
    beginning of these very bytes, so that a file that grows line by line is not read whole each time.

    Raises:
        NotProven: a line was changed, added or taken from the middle.
    """
    if b"\n" not in raw:
        return _NOBODY
    if not raw.startswith(HEADER):
        raise NotProven(f"{place}: people: not in the form {HEADER.decode().strip()}")
    lines = raw[begun.size or len(HEADER) :].split(b"\n")[:-1]
    aes, chain, states, times = AESGCM(key.unsafe_bytes()), begun.chain, [*begun.states], [*begun.times]
    for number, line in enumerate(lines, begun.lines + 1):
        try:
            sealed = wire.parse_base64(line.decode("ascii", "replace"), "line")
            text = aes.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _aad(context, chain)).decode("utf-8")
            event, time = _parse_event(text)
            states.append(decide_event(states[-1], event, time))
            times.append(time)
        except (InvalidTag, ValueError, MalformedInput, Refused):
            raise NotProven(
                f"{place}: people line {number} is not its own",
                hint="somebody changed the file of its people: nothing is answered",
            ) from None
        chain = wire.digest(line)
    size = (begun.size or len(HEADER)) + sum(len(line) + 1 for line in lines)
    return History(states=tuple(states), times=tuple(times), size=size, chain=chain)


def format_event(
    history: History, event: Event, now: dt.datetime, key: Secret, *, context: bytes, entropy: Entropy
) -> tuple[bytes, History]:
    """The bytes that follow a file's whole lines, and its history then.

    Raises:
        Refused, MalformedInput: it may not happen.
    """
    # what is read back must be what was written, so the event is read back before it is sealed
    text = _format_text(event, now)
    event, time = _parse_event(text)
    people = decide_event(history.now, event, time)
    nonce = entropy(_NONCE_BYTES)
    sealed = nonce + AESGCM(key.unsafe_bytes()).encrypt(nonce, text.encode("utf-8"), _aad(context, history.chain))
    line = wire.format_base64(sealed).encode("ascii")
    raw = (b"" if history.size else HEADER) + line + b"\n"
    return raw, History(
        states=(*history.states, people),
        times=(*history.times, time),
        size=history.size + len(raw),
        chain=wire.digest(line),
    )


def _aad(context: bytes, chain: bytes) -> bytes:
    return wire.tag("people") + wire.lp(context) + chain


def _format_text(event: Event, now: dt.datetime) -> str:
    match event:
        case Required():
            words = ["required", str(event.number)]
        case Sited():
            words = ["site", event.origin]
        case Invited():
            invitation = event.invitation
            words = [
                "invited",
                str(event.ordinal),
                invitation.hash.hex(),
                wire.format_time(invitation.until),
                event.name,
            ]
        case Enrolled():
            passkey = event.passkey
            words = ["added" if event.is_recovery else "enrolled", str(event.ordinal)]
            words += [wire.format_base64(passkey.id), wire.format_base64(passkey.key), str(passkey.count)]
            words += ["yes" if passkey.is_backed_up else "no", passkey.label]
        case Revoked():
            words = ["revoked", str(event.ordinal), wire.format_base64(event.credential)]
        case Removed():
            words = ["removed", str(event.ordinal)]
        case WentAway(away=None):
            words = ["back", str(event.ordinal)]
        case WentAway(away=Away() as away):
            span = [wire.format_time(away.since), wire.format_time(away.until)]
            words = ["away", str(event.ordinal), *span, str(away.stand_in)]
        case Used():
            words = ["used", wire.format_base64(event.credential), str(event.count)]
            words += ["yes" if event.is_backed_up else "no"]
    return " ".join([wire.format_time(now), *words])


def _parse_event(text: str) -> tuple[Event, dt.datetime]:
    """The inverse of ``_format_text``; raises ``MalformedInput``."""
    time, kind, rest = _split(text, 3)
    now = wire.parse_time(time, "time")
    reader = _READERS.get(kind)
    if reader is None:
        raise MalformedInput("people: an unknown event")
    return reader(rest, now), now


def _split(text: str, count: int) -> list[str]:
    words = text.split(" ", count - 1)
    if len(words) != count:
        raise MalformedInput(f"people: {len(words)} words, expected {count}")
    return words


def _number(text: str, high: int = 2**32 - 1) -> int:
    return wire.parse_decimal(text, "people: number", high=high)


def _ordinal(text: str) -> int:
    if not _ORDINAL.fullmatch(text):
        raise MalformedInput("people: no ordinal")
    return int(text)


def _flag(text: str) -> bool:
    if text not in {"yes", "no"}:
        raise MalformedInput("people: expected yes or no")
    return text == "yes"


def _bytes(text: str) -> bytes:
    return wire.parse_base64(text, "people")


def _read_invited(rest: str, _now: dt.datetime) -> Event:
    ordinal, hashed, until, name = _split(rest, 4)
    invitation = Invitation(hash=wire.parse_hex(hashed, "hash", size=32), until=wire.parse_time(until, "until"))
    return Invited(ordinal=_ordinal(ordinal), name=name, invitation=invitation)


def _enrolled_reader(*, is_recovery: bool) -> Callable[[str, dt.datetime], Event]:
    def read(rest: str, now: dt.datetime) -> Event:
        ordinal, credential, key, count, backed_up, label = _split(rest, 6)
        passkey = Passkey(
            id=_bytes(credential),
            key=_bytes(key),
            count=_number(count),
            label=label,
            added=now,
            is_backed_up=_flag(backed_up),
        )
        return Enrolled(ordinal=_ordinal(ordinal), passkey=passkey, is_recovery=is_recovery)

    return read


def _read_revoked(rest: str, _now: dt.datetime) -> Event:
    ordinal, credential = _split(rest, 2)
    return Revoked(ordinal=_ordinal(ordinal), credential=_bytes(credential))


def _read_away(rest: str, _now: dt.datetime) -> Event:
    ordinal, since, until, stand_in = _split(rest, 4)
    span = Away(
        since=wire.parse_time(since, "since"),
        until=wire.parse_time(until, "until"),
        stand_in=_number(stand_in, 999_999_999),
    )
    return WentAway(ordinal=_ordinal(ordinal), away=span)


def _read_used(rest: str, _now: dt.datetime) -> Event:
    credential, count, backed_up = _split(rest, 3)
    return Used(credential=_bytes(credential), count=_number(count), is_backed_up=_flag(backed_up))


_READERS: Final[Mapping[str, Callable[[str, dt.datetime], Event]]] = {
    "required": lambda rest, _now: Required(number=_number(rest, MAX_REQUIRED)),
    "site": lambda rest, _now: Sited(origin=rest),
    "invited": _read_invited,
    "enrolled": _enrolled_reader(is_recovery=False),
    "added": _enrolled_reader(is_recovery=True),
    "revoked": _read_revoked,
    "removed": lambda rest, _now: Removed(ordinal=_ordinal(rest)),
    "away": _read_away,
    "back": lambda rest, _now: WentAway(ordinal=_ordinal(rest), away=None),
    "used": _read_used,
}
