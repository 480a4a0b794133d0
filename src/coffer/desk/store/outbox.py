"""Leases and notifications, as rows."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from coffer.desk.case import Told
from coffer.desk.people import Person, PersonId
from coffer.desk.port import Lease, Waiting
from coffer.desk.sealing import Cell
from coffer.desk.store import tables
from coffer.desk.store.rows import inserted, moment, seconds
from coffer.desk.store.sessions import SessionRows
from coffer.errors import NotProven, Unavailable
from coffer.notify.message import News
from coffer.notify.retries import next_try

MAX_WAITING: Final = 10_000
"""Notifications that wait. More are counted and not taken: a mail server that is down for long must fill no disk."""
CLAIM: Final = dt.timedelta(minutes=5)
"""How long one process has to send what it claimed: over the bound of any sending, and under the second retry."""
KEPT: Final = dt.timedelta(days=7)
"""How long it is known that something was sent or given up."""
_WAITS: Final = "waits"
_SENT: Final = "sent"
_GIVEN_UP: Final = "given-up"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    person: PersonId
    news: News
    due: dt.datetime | None
    is_hook: bool


class LeaseRows(SessionRows):
    """``port.Leases``."""

    def acquire(self, name: str, holder: str, now: dt.datetime, *, for_s: float) -> Lease | None:
        """As the port."""
        tag, rows = self._keys.blind("lease", name.encode("ascii")), tables.leases
        ends = now + dt.timedelta(seconds=for_s)
        with self._database.writing() as connection:
            row = connection.execute(sa.select(rows).where(rows.c.name == tag).with_for_update()).first()
            if row is not None and row.ends > seconds(now):
                return None
            fence = 1 if row is None else row.fence + 1
            values = {"holder": holder, "fence": fence, "ends": seconds(ends)}
            if row is not None:
                connection.execute(sa.update(rows).where(rows.c.name == tag).values(**values))
            elif not inserted(connection, rows, name=tag, **values):
                return None  # another process made the row at the same moment
        return Lease(name=name, holder=holder, fence=fence, ends=moment(seconds(ends)))

    def renew(self, lease: Lease, now: dt.datetime, *, for_s: float) -> Lease:
        """As the port."""
        ends = now + dt.timedelta(seconds=for_s)
        rows = tables.leases
        with self._database.writing() as connection:
            self._verify_held(connection, lease)
            connection.execute(sa.update(rows).where(rows.c.name == self._lease_tag(lease)).values(ends=seconds(ends)))
        return Lease(name=lease.name, holder=lease.holder, fence=lease.fence, ends=moment(seconds(ends)))

    def release(self, lease: Lease) -> None:
        """As the port. The row stays, so that its fence goes on growing."""
        rows = tables.leases
        mine = (rows.c.name == self._lease_tag(lease)) & (rows.c.fence == lease.fence)
        with self._database.writing() as connection:
            connection.execute(sa.update(rows).where(mine).values(ends=0))

    def _verify_held(self, connection: sa.Connection, lease: Lease) -> None:
        """Refuse if another process has had the lease since.

        One that ended and that nobody took still counts.
        """
        rows = tables.leases
        statement = sa.select(rows.c.fence).where(rows.c.name == self._lease_tag(lease)).with_for_update()
        if connection.execute(statement).scalar() != lease.fence:
            raise Unavailable("desk: another process took this over", hint="look at the case again: it goes on there")

    def _lease_tag(self, lease: Lease) -> bytes:
        return self._keys.blind("lease", lease.name.encode("ascii"))


class OutboxRows(LeaseRows):
    """``port.Outbox``."""

    def tell(self, told: Sequence[Told], due: dt.datetime | None, now: dt.datetime) -> int:
        """As the port."""
        people = self.people()
        with self._database.writing() as connection:
            return self._tell(connection, told, people, due, now)

    def claim(self, now: dt.datetime, *, limit: int) -> tuple[Waiting, ...]:
        """As the port."""
        rows, claimed = tables.outbox, []
        is_free = (rows.c.state == _WAITS) & (rows.c.next_at <= seconds(now)) & (rows.c.claimed_until <= seconds(now))
        statement = sa.select(rows).where(is_free).order_by(rows.c.next_at).limit(limit)
        is_old = (rows.c.state != _WAITS) & (rows.c.next_at <= seconds(now - KEPT))
        with self._database.writing() as connection:
            connection.execute(sa.delete(rows).where(is_old))
            for row in connection.execute(statement.with_for_update(skip_locked=True)).all():
                mine = sa.update(rows).where(rows.c.id == row.id)
                try:
                    content = self._unsealed(self._keys.queue, _cell(row.id), row.sealed, _Content)
                except (
                    NotProven
                ):  # somebody wrote to it: it counts as never sent, and keeps nobody else from being told
                    connection.execute(mine.values(state=_GIVEN_UP))
                    continue
                connection.execute(mine.values(claimed_until=seconds(now + CLAIM)))
                claimed.append(
                    Waiting(
                        id=row.id,
                        person=content.person,
                        news=content.news,
                        due=content.due,
                        is_hook=content.is_hook,
                        tries=row.tries,
                    )
                )
        return tuple(claimed)

    def sent(self, waiting: Waiting) -> None:
        """As the port. The row stays for some days, so that nobody is told twice of the same."""
        with self._database.writing() as connection:
            connection.execute(sa.update(tables.outbox).where(tables.outbox.c.id == waiting.id).values(state=_SENT))

    def failed(self, waiting: Waiting, now: dt.datetime) -> bool:
        """As the port."""
        again = next_try(waiting.tries + 1, now)
        values: dict[str, object] = {"tries": waiting.tries + 1, "claimed_until": 0}
        values |= {"state": _GIVEN_UP} if again is None else {"next_at": seconds(again)}
        with self._database.writing() as connection:
            connection.execute(sa.update(tables.outbox).where(tables.outbox.c.id == waiting.id).values(**values))
        return again is not None

    def given_up(self) -> int:
        """As the port."""
        rows = tables.outbox
        with self._database.reading() as connection:
            statement = sa.select(sa.func.count()).select_from(rows).where(rows.c.state == _GIVEN_UP)
            return int(connection.execute(statement).scalar_one())

    def _tell(
        self,
        connection: sa.Connection,
        told: Sequence[Told],
        people: Mapping[PersonId, Person],
        due: dt.datetime | None,
        now: dt.datetime,
    ) -> int:
        """Queue a row for each address of each person; the number that found no room."""
        if not told:
            return 0
        rows, untold = tables.outbox, 0
        count = sa.select(sa.func.count()).select_from(rows).where(rows.c.state == _WAITS)
        room = MAX_WAITING - int(connection.execute(count).scalar_one())
        for item in told:
            person = people.get(item.person)
            if person is None or not person.is_active:
                continue
            channels = [False] * (person.mailbox is not None) + [True] * (person.hook_url is not None)
            for is_hook in channels:
                if room <= 0:
                    untold += 1
                    continue
                content = _Content(person=person.id, news=item.news, due=due, is_hook=is_hook)
                room -= self._queue(connection, content, item.about, now)
        return untold

    def _queue(self, connection: sa.Connection, content: _Content, about: str, now: dt.datetime) -> int:
        """Queue one; 0 if the same waits already, or was sent in the last days."""
        due = "" if content.due is None else str(seconds(content.due))
        words = f"{content.person} {content.news.value} {due} {content.is_hook} {about}"
        rows, tag, name = tables.outbox, self._keys.blind("notification", words.encode("ascii")), self.new_id()
        connection.execute(sa.delete(rows).where((rows.c.tag == tag) & (rows.c.state == _GIVEN_UP)))
        return int(
            inserted(
                connection,
                rows,
                id=name,
                tag=tag,
                state=_WAITS,
                tries=0,
                next_at=seconds(now),
                claimed_until=0,
                sealed=self._sealed(self._keys.queue, _cell(name), content),
            )
        )


def _cell(name: str) -> Cell:
    return Cell(table="outbox", row=bytes.fromhex(name))
