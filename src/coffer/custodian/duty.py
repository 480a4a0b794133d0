"""Who of a custodian's people is told when, of what waits. Pure.

Everybody who is here is told at once. They are told again at the pace of the request's class until somebody decides:
whoever opened it has it, and then only they are. If nobody opens it for too long, deputies are told; without a deputy,
everybody who can be told is, also who is away. Once each is told when it is soon due, and when it is late.

Implements ``docs/formats/custodian.md``, "Told".
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from coffer.custodian.approvals import Agreeable
from coffer.notify.message import News
from coffer.notify.settings import Pace

SOON: Final = dt.timedelta(hours=6)
"""Before a deadline people are told once more: time enough for two of them to read it in one working day.

Of a shorter time the half counts: four hours before, of an emergency's eight.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """A request, a hold, or an emergency to ratify, that waits for people.

    ``urgency``: its class. ``came``: when this machine took it. ``due`` and ``ends``: when it is to be decided, and when
    it is over. ``opened_by`` and ``agreed``: numbers of people.
    """

    about: Agreeable
    urgency: str
    came: dt.datetime
    due: dt.datetime
    ends: dt.datetime
    opened_by: tuple[int, ...] = ()
    agreed: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """Whom this custodian can tell, by number.

    ``on_duty``: who is here or stands in for somebody, without those who are deputies alone. ``deputies``: of the
    notification settings. ``everybody``: with an address.
    """

    on_duty: tuple[int, ...]
    deputies: tuple[int, ...]
    everybody: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one person was told of one request. ``agreed``: how many had agreed when they were told last."""

    last: dt.datetime
    agreed: int
    soon: bool = False
    late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """One message to one person. ``due``: the deadline that it tells, of several the nearest."""

    person: int
    news: News
    urgency: str
    due: dt.datetime


Memory = Mapping[tuple[Agreeable, int], Told]
"""What was told, by request and person."""


def decide_told(
    waiting: Sequence[Waits], staff: Staff, memory: Memory, paces: Mapping[str, Pace], now: dt.datetime
) -> tuple[tuple[Tell, ...], Memory]:
    """Whom to tell now, and what was told then. What does not wait any more is forgotten.

    Several requests of one class that have the same news for one person are one message.
    """
    after: dict[tuple[Agreeable, int], Told] = {}
    tells: dict[tuple[int, News, str], Tell] = {}
    for one in waiting:
        for person in _concerned(one, staff, paces[one.urgency], now):
            before = memory.get((one.about, person))
            news = _news(one, person, staff, before, paces[one.urgency], now)
            if news is None:
                continue
            after[one.about, person] = _told(one, before, now)
            key = (person, news, one.urgency)
            due = min(one.due, tells[key].due) if key in tells else one.due
            tells[key] = Tell(person=person, news=news, urgency=one.urgency, due=due)
    alive = {one.about for one in waiting}
    kept = {key: told for key, told in memory.items() if key[0] in alive}
    return tuple(tells.values()), kept | after


def is_unopened(one: Waits, pace: Pace, now: dt.datetime) -> bool:
    """Whether nobody opened it for so long that deputies are told."""
    return not one.opened_by and now >= one.came + pace.escalate


def _concerned(one: Waits, staff: Staff, pace: Pace, now: dt.datetime) -> Iterator[int]:
    people = list(staff.on_duty)
    if is_unopened(one, pace, now) or not people:
        people += staff.deputies or staff.everybody
    yield from (person for person in dict.fromkeys(people) if person not in one.agreed and person in staff.everybody)


def _news(one: Waits, person: int, staff: Staff, before: Told | None, pace: Pace, now: dt.datetime) -> News | None:
    if before is None:
        is_late_help = is_unopened(one, pace, now) and person not in staff.on_duty
        return News.NOBODY_LOOKED if is_late_help else News.REQUEST_WAITS
    if len(one.agreed) > before.agreed:
        return News.REQUEST_WAITS
    if now >= one.due and not before.late:
        return News.LATE
    if _is_soon(one, now) and not before.soon:
        return News.DUE_SOON
    has_it = [number for number in one.opened_by if number in staff.on_duty and number not in one.agreed]
    if now >= before.last + pace.remind and (person in has_it or not has_it):
        return News.REQUEST_WAITS
    return None


def _told(one: Waits, before: Told | None, now: dt.datetime) -> Told:
    told = (
        Told(last=now, agreed=len(one.agreed)) if before is None else replace(before, last=now, agreed=len(one.agreed))
    )
    return replace(told, soon=told.soon or _is_soon(one, now), late=told.late or now >= one.due)


def _is_soon(one: Waits, now: dt.datetime) -> bool:
    return now >= one.due - min(SOON, (one.due - one.came) / 2)
