"""What the pages of a custodian stand on, and its people as a page shows them.

Reads; decides nothing.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from coffer.custodian.machine.attendant import Attendant
from coffer.custodian.machine.clerks import Clerks
from coffer.custodian.machine.folder import Machine
from coffer.custodian.people import Away, People, Person
from coffer.custodian.service import Clock, CustodianService
from coffer.entropy import Entropy

_READ_TRIES: Final = 5

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Office:
    """One custodian at work: its folder, its service, its people, and what looks after it."""

    machine: Machine
    service: CustodianService
    clerks: Clerks
    attendant: Attendant
    clock: Clock
    entropy: Entropy

    @property
    def name(self) -> str:
        """The custodian's name in the roster."""
        return self.service.name

    @property
    def is_started(self) -> bool:
        """Whether the log was read once, so that there is something to show."""
        return bool(self.service.state.rosters)


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """One person.

    ``away``: only if they are away now, or will be. ``stand_in``: a name, empty if nobody stands in.
    """

    ordinal: int
    name: str
    is_you: bool
    is_away: bool
    away: Away | None
    stand_in: str
    has_passkey: bool


def steadily(read: Callable[[], Value]) -> Value:
    """Read from State while another thread may take the next entry.

    A mapping that grows while it is looked through says so, and is then looked through again.
    """
    for _ in range(_READ_TRIES - 1):
        try:
            return read()
        except RuntimeError:
            continue
    return read()


def is_away(person: Person, since: dt.datetime, until: dt.datetime) -> bool:
    """Whether a person is away at some instant from ``since`` to before ``until``."""
    return person.away is not None and person.away.since < until and since < person.away.until


def presences(people: People, you: int, now: dt.datetime) -> list[Presence]:
    """Everybody with a passkey or an invitation, in the order in which they came."""
    shown = []
    for person in people.persons.values():
        away = person.away if person.away is not None and now < person.away.until else None
        shown.append(
            Presence(
                ordinal=person.ordinal,
                name=person.name,
                is_you=person.ordinal == you,
                is_away=away is not None and away.since <= now,
                away=away,
                stand_in=name_of(people, away.stand_in) if away is not None and away.stand_in else "",
                has_passkey=bool(person.passkeys),
            )
        )
    return shown


def here_within(people: People, since: dt.datetime, until: dt.datetime, *, without: Iterable[int] = ()) -> list[Person]:
    """The persons with a passkey who are never away in that time; those of ``without`` count as away."""
    gone = set(without)
    return [
        person
        for person in people.persons.values()
        if person.passkeys and person.ordinal not in gone and not is_away(person, since, until)
    ]


def name_of(people: People, ordinal: int) -> str:
    """A person's name; their number if they are not one of the people any more."""
    person = people.persons.get(ordinal)
    return person.name if person is not None else f"({ordinal})"


def names_of(people: People, ordinals: Sequence[int]) -> tuple[str, ...]:
    """Several names."""
    return tuple(name_of(people, ordinal) for ordinal in ordinals)
