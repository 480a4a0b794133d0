"""Tells a custodian's people by e-mail or webhook that requests wait.

No message says about whom or what.

Promises: each person is told once of a request, once more when only others have agreed, and once when it is due soon. A
message that cannot be sent is tried again, and never holds up a page or an answer. Trusts: the mail server and hooks of
``notify.toml`` to deliver; a request waits on the page whether or not anybody was told. Knows no HTTP and no SMTP.
"""

import datetime as dt
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from coffer import wire
from coffer.custodian.machine.folder import Machine
from coffer.custodian.people import People
from coffer.custodian.service import Clock, CustodianService
from coffer.errors import CofferError
from coffer.ledger.entries import Commitment
from coffer.notify.message import Message, News
from coffer.notify.retries import hours_until, next_try
from coffer.notify.settings import Recipient

EVERY_S: Final = 15.0
"""Between two looks at what waits."""
SOON: Final = dt.timedelta(hours=6)
"""Before a deadline people are told once more: time enough for two of them to read it in one working day."""
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
    ) -> None:
        self._machine = machine
        self._service = service
        self._recipients = recipients
        self._clock = clock
        self._deliver = deliver
        self._told: set[tuple[Commitment, str, int]] = set()
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
                self._machine.folder.count_outcome(f"notification {type(error).__name__}", now)
                again = next_try(item.tries + 1, now)
                if again is not None:
                    kept = _Outgoing(person=item.person, message=item.message, tries=item.tries + 1, due=again)
                    self._outgoing.append(kept)

    def _gather(self, now: dt.datetime) -> None:
        keys = self._service.keys
        notes = self._machine.requests.notes(keys)
        self._told &= {key for key in self._told if key[0] in {note.commitment for note in notes}}
        if not notes:
            return
        approvals, people = self._machine.folder.decided(keys), self._machine.folder.people(keys).now
        for note in notes:
            commitment, left = note.commitment, note.terms.expires - now
            if left <= dt.timedelta(0) or commitment in approvals.approved or commitment in approvals.withdrawn:
                continue
            agreed = approvals.agreed_by(commitment)
            hours = hours_until(note.terms.expires, now)
            for person in told_persons(people, now):
                if person in agreed or person not in self._recipients:
                    continue
                reasons = [f"waits {len(agreed)}", *(["soon"] if left <= SOON else [])]
                new = [reason for reason in reasons if (commitment, reason, person) not in self._told]
                self._told |= {(commitment, reason, person) for reason in new}
                if new and len(self._outgoing) < MAX_OUTGOING:
                    news = News.DUE_SOON if new == ["soon"] else News.REQUEST_WAITS
                    message = Message(news=news, hours=min(hours, 9_999))
                    self._outgoing.append(_Outgoing(person=person, message=message, tries=0, due=now))

    def attend(self) -> threading.Thread:
        """Look every few seconds, until ``stop``."""

        def work() -> None:
            while not self._stopping.wait(EVERY_S):
                try:
                    self.look()
                except Exception as error:  # noqa: BLE001 - the next look tries again; nobody else depends on it
                    with suppress(CofferError):
                        time = wire.format_time(self._clock())
                        self._machine.folder.note_outcome(f"{time} notifying {type(error).__name__}")

        thread = threading.Thread(target=work, name="notifying", daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        """Let the thread of ``attend`` end."""
        self._stopping.set()


def told_persons(people: People, now: dt.datetime) -> tuple[int, ...]:
    """Whom a request concerns now: who is here, and who stands in for somebody who is away."""
    here = [person.ordinal for person in people.here_at(now)]
    standing_in = [away.stand_in for away in people.away_at(now) if away.stand_in in people.persons]
    return tuple(sorted({*here, *standing_in}))
