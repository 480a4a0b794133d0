"""Tells a custodian's people by e-mail, webhook or a program of theirs that requests wait.

No message says about whom or what.

Promises: who is told when is ``duty``'s to decide. A message that cannot be sent is tried again, and never holds up a
page or an answer. Trusts: the mail server, hooks and programs of ``notify.toml`` to deliver; a request waits on the page
whether or not anybody was told. What was told is in memory: after a restart people are told once more. Knows no HTTP and
no SMTP.
"""

import datetime as dt
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from coffer import wire
from coffer.authority.due import deadline_of, due_by
from coffer.authority.ordered import Urgency
from coffer.custodian.approvals import Approvals, Ratification
from coffer.custodian.duty import Memory, Staff, Tell, Waits, decide_told
from coffer.custodian.machine.folder import Machine
from coffer.custodian.people import People
from coffer.custodian.service import Clock, CustodianService
from coffer.custody.review import may_ratify
from coffer.errors import CofferError, NotProven
from coffer.notify.message import MAX_HOURS, Message, News
from coffer.notify.retries import hours_until, next_try
from coffer.notify.settings import PACES, Pace, Recipient

EVERY_S: Final = 15.0
"""Between two looks at what waits."""
MAX_OUTGOING: Final = 1_024
"""Messages that wait to be sent. More than this come only from a mail server that is gone; the page shows the requests."""

Deliver = Callable[[Message, Recipient], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outgoing:
    person: int
    message: Message
    tries: int
    due: dt.datetime


class Notifier:
    """Of one served custodian. ``look`` runs in one thread."""

    def __init__(
        self,
        machine: Machine,
        service: CustodianService,
        recipients: Mapping[int, Recipient],
        *,
        clock: Clock,
        deliver: Deliver,
        paces: Mapping[str, Pace] = PACES,
    ) -> None:
        self._machine = machine
        self._service = service
        self._recipients = recipients
        self._clock = clock
        self._deliver = deliver
        self._paces = paces
        self._memory: Memory = {}
        self._outgoing: list[_Outgoing] = []
        self._stopping = threading.Event()

    def look(self) -> None:
        """One look: put together what is to be told, and send what is due."""
        now = self._clock()
        self._gather(now)
        waiting, self._outgoing = self._outgoing, []
        for item in waiting:
            if now < item.due:
                self._outgoing.append(item)
                continue
            try:
                self._deliver(item.message, self._recipients[item.person])
            except CofferError as error:
                self._machine.folder.outcomes.count(f"notification {type(error).__name__}", now)
                again = next_try(item.tries + 1, now)
                if again is not None:
                    kept = _Outgoing(person=item.person, message=item.message, tries=item.tries + 1, due=again)
                    self._outgoing.append(kept)

    def _gather(self, now: dt.datetime) -> None:
        keys = self._service.keys
        people = self._machine.folder.people(keys).now
        waiting = self._waiting(self._machine.folder.decided(keys), now)
        tells, self._memory = decide_told(
            waiting, staff_of(people, self._recipients, now), self._memory, self._paces, now
        )
        room = MAX_OUTGOING - len(self._outgoing)
        for tell in tells[: max(0, room)]:
            self._outgoing.append(_Outgoing(person=tell.person, message=message_of(tell, now), tries=0, due=now))

    def _waiting(self, approvals: Approvals, now: dt.datetime) -> list[Waits]:
        """The requests and holds that people may still decide on, and what they may ratify."""
        keys, waiting = self._service.keys, list[Waits]()
        for note in self._machine.requests.notes(keys):
            terms, came, opened_by = note.terms, now, tuple[int, ...]()
            with suppress(NotProven):  # somebody changed what is noted: then it counts as unopened
                marks = self._machine.requests.marks(note.commitment, keys)
                if marks is not None:
                    came, opened_by = marks.held, tuple(number for number, _ in marks.readers)
            waiting.append(
                Waits(
                    about=note.commitment,
                    urgency=terms.ordered.urgency.value,
                    came=came,
                    due=deadline_of(terms),
                    ends=terms.expires,
                    opened_by=opened_by,
                    agreed=approvals.agreed_by(note.commitment),
                )
            )
        for hold in self._machine.folder.holds.waiting(keys):
            ordered = hold.terms.ordered
            waiting.append(
                Waits(
                    about=hold.commitment,
                    urgency=ordered.urgency.value,
                    came=ordered.received.astimezone(dt.UTC),
                    due=due_by(ordered, hold.terms.ends),
                    ends=hold.terms.ends,
                    agreed=approvals.agreed_by(hold.commitment),
                )
            )
        done = {*approvals.approved, *approvals.withdrawn, *self._service.state.revoked}
        waiting = [one for one in waiting if now < one.ends and one.about not in done]
        return waiting + self._to_ratify(approvals, now)

    def _to_ratify(self, approvals: Approvals, now: dt.datetime) -> list[Waits]:
        """The emergencies whose request is kept, and which this custodian neither ratified nor refused."""
        service, waiting = self._service, list[Waits]()
        for debt in list(service.state.debts.values()):
            about = Ratification(commitment=debt.authorization, intent=debt.index)
            has_said = service.name in debt.ratified or service.state.is_refused(debt.authorization, service.name)
            is_theirs = debt.is_awaited(now) and may_ratify(
                debt, service.state, service.name, service.keys.auth.verify_key
            )
            if has_said or not is_theirs or about in approvals.ratified or debt.authorization in approvals.withdrawn:
                continue
            if self._machine.requests.is_held(debt.authorization):
                waiting.append(
                    Waits(
                        about=about,
                        urgency=Urgency.URGENT.value,  # there are days for it, and not the minutes of an emergency
                        came=debt.time,
                        due=debt.deadline,
                        ends=debt.deadline,
                        agreed=approvals.agreed_by(about),
                    )
                )
        return waiting

    def attend(self) -> threading.Thread:
        """Look every few seconds, until ``stop``."""

        def work() -> None:
            while not self._stopping.wait(EVERY_S):
                try:
                    self.look()
                except Exception as error:  # noqa: BLE001 - the next look tries again; nobody else depends on it
                    with suppress(CofferError):
                        time = wire.format_time(self._clock())
                        self._machine.folder.outcomes.note(f"{time} notifying {type(error).__name__}")

        thread = threading.Thread(target=work, name="notifying", daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        """Let the thread of ``attend`` end."""
        self._stopping.set()


def told_persons(people: People, now: dt.datetime) -> tuple[int, ...]:
    """Whom a request concerns now: who is here, and who stands in for somebody who is away."""
    here = [person.ordinal for person in people.here_at(now)]
    return tuple(sorted({*here, *_standing_in(people, now)}))


def _standing_in(people: People, now: dt.datetime) -> list[int]:
    return [away.stand_in for away in people.away_at(now) if away.stand_in in people.persons]


def staff_of(people: People, recipients: Mapping[int, Recipient], now: dt.datetime) -> Staff:
    """Who can be told now. Where nobody has a passkey, everybody with an address counts as here."""
    deputies = tuple(number for number, one in recipients.items() if one.is_deputy)
    here = told_persons(people, now) if any(one.passkeys for one in people.persons.values()) else tuple(recipients)
    standing_in = _standing_in(people, now)
    return Staff(
        on_duty=tuple(number for number in here if number not in deputies or number in standing_in),
        deputies=deputies,
        everybody=tuple(recipients),
    )


def message_of(tell: Tell, now: dt.datetime) -> Message:
    """The message, with the time left now; without one where the deadline has passed, unless it says so."""
    if now >= tell.due and tell.news is not News.LATE:
        return Message(news=tell.news, urgency=tell.urgency)
    hours = hours_until(tell.due, now)
    minutes = abs(tell.due - now) // dt.timedelta(minutes=1)
    is_far = hours > MAX_HOURS
    is_same = not is_far and minutes // 60 == hours
    return Message(
        news=tell.news, hours=min(hours, MAX_HOURS), minutes=minutes if is_same else None, urgency=tell.urgency
    )
