"""Who is signed in, as rows that every process of the desk sees."""

import datetime as dt
from dataclasses import replace
from typing import Final

import sqlalchemy as sa

from coffer.desk.people import Person, PersonId
from coffer.desk.sealing import Cell
from coffer.desk.store import tables
from coffer.desk.store.people import REGISTER, PeopleRows
from coffer.desk.store.rows import seconds
from coffer.errors import Refused
from coffer.passkeys.sessions import MAX_OF_PERSON, TOKEN_BYTES, Session

SEEN_STEP: Final = dt.timedelta(seconds=60)
"""How often a session's last request is written, so that a page with many parts costs one write."""


class SessionRows(PeopleRows):
    """``passkeys.sessions.Sessions``, for all processes of the desk."""

    def begin(self, person: str, now: dt.datetime) -> str:
        """As the port. With too many of one person, the oldest ends."""
        known = self.people().get(PersonId(person))
        if known is None or not known.is_active:
            raise Refused("session: nobody here is this person", code="scope")
        token = self._entropy(TOKEN_BYTES).hex()
        tag, rows = self._keys.blind("session", token.encode("ascii")), tables.sessions
        session = Session(person=known.id, began=now, seen=now)
        with self._database.writing() as connection:
            connection.execute(sa.delete(rows).where(rows.c.ends <= seconds(now)))
            own = sa.select(rows.c.tag).where(rows.c.person == person).order_by(rows.c.ends.desc())
            for (old,) in connection.execute(own).all()[MAX_OF_PERSON - 1 :]:
                connection.execute(sa.delete(rows).where(rows.c.tag == old))
            connection.execute(sa.insert(rows).values(tag=tag, **self._values(tag, session)))
        return token

    def find(self, token: str, now: dt.datetime, *, is_seen: bool = True) -> Session | None:
        """As the port."""
        tag, rows = self._keys.blind("session", token.encode("utf-8", "replace")), tables.sessions
        with self._newest(REGISTER) as watch, self._database.reading() as connection:
            row = connection.execute(sa.select(rows).where(rows.c.tag == tag)).first()
            people = self._known_at(connection, watch).people
        if row is None:
            return None
        session = self._unsealed(self._keys.people, _cell(tag), row.sealed, Session)
        person = people.get(PersonId(session.person))
        if session.is_over(now) or person is None or not _counts(session, person):
            self.end(token, now)
            return None
        if is_seen and now - session.seen >= SEEN_STEP:
            session = replace(session, seen=now)
            with self._database.writing() as connection:
                # A session that was ended meanwhile has no row any more, and stays ended.
                connection.execute(sa.update(rows).where(rows.c.tag == tag).values(**self._values(tag, session)))
        return session

    def end(self, token: str, now: dt.datetime) -> None:  # noqa: ARG002 - the port's
        """As the port."""
        tag = self._keys.blind("session", token.encode("utf-8", "replace"))
        with self._database.writing() as connection:
            connection.execute(sa.delete(tables.sessions).where(tables.sessions.c.tag == tag))

    def end_all(self, person: str, now: dt.datetime) -> None:  # noqa: ARG002 - the port's
        """As the port."""
        with self._database.writing() as connection:
            self._end_sessions(connection, person)

    def _values(self, tag: bytes, session: Session) -> dict[str, object]:
        sealed = self._sealed(self._keys.people, _cell(tag), session)
        return {"person": session.person, "ends": seconds(session.ends), "sealed": sealed}


def _counts(session: Session, person: Person) -> bool:
    """Whether the person's passkeys are those of when the session began.

    The register says so, for rows of sessions can be put back, and one can be written in the moment of a change.
    """
    return person.is_active and (person.signed_out is None or session.began >= person.signed_out)


def _cell(tag: bytes) -> Cell:
    return Cell(table="sessions", row=tag)
