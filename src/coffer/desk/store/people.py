"""The people of the desk as rows of one register.

It notices a row that was added, removed or put back.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

import sqlalchemy as sa

from coffer import wire
from coffer.desk.case import Told
from coffer.desk.people import MAX_PEOPLE, Invitation, Person, PersonId, Role, parse_name
from coffer.desk.sealing import Cell
from coffer.desk.store import tables
from coffer.desk.store.rows import Rows, Watch, inserted, seconds
from coffer.errors import NotProven, Refused
from coffer.notify.message import News
from coffer.passkeys import invitations as codes
from coffer.passkeys.passkey import Passkey

_ONE: Final = 1
"""The register has one row."""
REGISTER: Final = "register"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Register:
    """``digest``: of all rows of people and invitations."""

    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Use:
    count: int
    at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _All:
    version: int
    people: Mapping[PersonId, Person]
    versions: Mapping[PersonId, int]
    invitations: Mapping[bytes, Invitation]


class PeopleRows(Rows):
    """``port.People``."""

    _known: _All | None = None

    def found_register(self) -> None:
        """Make the register of a new database; nothing if it has one."""
        with self._database.writing() as connection:
            if connection.execute(sa.select(tables.register.c.id)).first() is None:
                sealed = self._register(connection, 0)
                inserted(connection, tables.register, id=_ONE, version=0, sealed=sealed)  # another process may be first

    def people(self) -> Mapping[PersonId, Person]:
        """As the port."""
        return self._all().people

    def invite(
        self, name: str, role: Role, *, by: PersonId | None, now: dt.datetime, person: PersonId | None = None
    ) -> str:
        """As the port."""
        code, kept = codes.make_invitation(now, self._entropy)
        tag = self._keys.blind("invitation", kept.hash)
        with self._database.writing() as connection:
            known = self._locked(connection)
            if person is not None and person not in known.people:
                raise Refused("invitation: nobody here is this person", code="form")
            if person is None and len(known.people) + len(known.invitations) >= MAX_PEOPLE:
                raise Refused(f"desk: {MAX_PEOPLE} people and invitations, which is the most", code="form")
            if person is None:
                _verify_unlike_others(name, known)
            invitation = Invitation(
                person=person or PersonId(self.new_id()),
                name=parse_name(name),
                role=role if person is None else known.people[person].role,
                by=by,
                ends=kept.until,
                is_recovery=person is not None,
            )
            self._forget_ended(connection, now)
            sealed = self._sealed(self._keys.people, Cell(table="invitations", row=tag), invitation)
            ends = seconds(invitation.ends)
            connection.execute(sa.insert(tables.invitations).values(tag=tag, ends=ends, sealed=sealed))
            self._write_register(connection, known.version)
            self._tell(connection, _told_of(invitation, known, tag), known.people, None, now)
        return code

    def invitations(self, now: dt.datetime) -> Sequence[Invitation]:
        """As the port."""
        return sorted(
            (one for one in self._all().invitations.values() if now < one.ends), key=lambda one: (one.ends, one.name)
        )

    def take_back_invitations(self, person: PersonId, now: dt.datetime) -> None:
        """As the port."""
        rows = tables.invitations
        with self._database.writing() as connection:
            known = self._locked(connection)
            tags = [tag for tag, one in known.invitations.items() if one.person == person]
            if tags:
                self._forget_ended(connection, now)
                connection.execute(sa.delete(rows).where(rows.c.tag.in_(tags)))
                self._write_register(connection, known.version)

    def _tell(
        self,
        connection: sa.Connection,
        told: Sequence[Told],
        people: Mapping[PersonId, Person],
        due: dt.datetime | None,
        now: dt.datetime,
    ) -> int:
        """Queue notifications within a transaction; the number that found no room."""
        raise NotImplementedError

    def invitation(self, code: str, now: dt.datetime) -> Invitation:
        """As the port."""
        hashed = codes.hash_code(code)
        return _living(self._all().invitations.get(self._keys.blind("invitation", hashed)), hashed, now)

    def accept(self, code: str, passkey: Passkey, now: dt.datetime) -> Person:
        """As the port."""
        hashed = codes.hash_code(code)
        tag = self._keys.blind("invitation", hashed)
        with self._database.writing() as connection:
            known = self._locked(connection)
            invitation = _living(known.invitations.get(tag), hashed, now)
            _verify_nobodys(passkey, known.people)
            connection.execute(sa.delete(tables.invitations).where(tables.invitations.c.tag == tag))
            old = known.people.get(invitation.person)
            if invitation.is_recovery and (old is None or not old.is_active):
                codes.verify_invitation(hashed, None, now)
            if old is None:
                person = Person(
                    id=invitation.person,
                    name=invitation.name,
                    role=invitation.role,
                    added=now,
                    passkeys=(passkey,),
                    invited_by=invitation.by,
                )
            else:
                person = replace(old, passkeys=(passkey,), signed_out=now, invited_by=invitation.by)
                self._end_sessions(connection, person.id)
            self._write_person(connection, person, known)
            self._write_register(connection, known.version)
        return person

    def update(self, person: Person, now: dt.datetime) -> None:
        """As the port."""
        self.change(person.id, lambda _old: person, now)

    def change(self, person: PersonId, make: Callable[[Person], Person], now: dt.datetime) -> Person:
        """As the port."""
        with self._database.writing() as connection:
            known = self._locked(connection)
            old = known.people.get(person)
            if old is None:
                raise Refused("desk: nobody here is this person", code="form")
            if not old.is_active:
                raise Refused(
                    "person: revoked, and stays so", code="scope", hint="invite them anew: they are another person then"
                )
            others = {name: other for name, other in known.people.items() if name != person}
            return self._change(connection, known, old, _as_after(old, make(old), now), others)

    def _change(
        self, connection: sa.Connection, known: _All, old: Person, person: Person, others: Mapping[PersonId, Person]
    ) -> Person:
        for passkey in person.passkeys:
            _verify_nobodys(passkey, others)
        self._write_person(connection, person, known)
        if person.signed_out != old.signed_out:
            self._end_sessions(connection, person.id)
        self._write_register(connection, known.version)
        return person

    def find_passkey(self, credential: bytes) -> tuple[Person, Passkey] | None:
        """As the port."""
        for person in self.people().values():
            for passkey in person.passkeys:
                if passkey.id == credential and person.is_active:
                    return person, replace(passkey, count=max(passkey.count, self._count(credential)))
        return None

    def record_use(self, credential: bytes, count: int, now: dt.datetime) -> None:
        """As the port."""
        owner = self.find_passkey(credential)
        if owner is None:
            raise Refused("passkey: nobody's", code="form")
        tag, uses = self._keys.blind("passkey", credential), tables.passkey_uses
        with self._database.writing() as connection:
            row = connection.execute(sa.select(uses).where(uses.c.tag == tag).with_for_update()).first()
            last = owner[1].count if row is None else max(owner[1].count, self._use(row).count)
            if count <= last and (count, last) != (0, 0):
                raise NotProven(
                    "passkey: its counter did not grow: there are two of it",
                    hint="revoke it, and ask whoever holds it how it was copied",
                )
            version = 1 if row is None else row.version + 1
            cell = Cell(table="passkey_uses", row=tag, version=version)
            values = {"version": version, "sealed": self._sealed(self._keys.people, cell, _Use(count=count, at=now))}
            if row is None:
                connection.execute(sa.insert(uses).values(tag=tag, **values))
            else:
                connection.execute(sa.update(uses).where(uses.c.tag == tag).values(**values))

    def _count(self, credential: bytes) -> int:
        tag, uses = self._keys.blind("passkey", credential), tables.passkey_uses
        with self._database.reading() as connection:
            row = connection.execute(sa.select(uses).where(uses.c.tag == tag)).first()
        return 0 if row is None else self._use(row).count

    def _use(self, row: sa.Row[tuple[object, ...]]) -> _Use:
        cell = Cell(table="passkey_uses", row=row.tag, version=row.version)
        return self._unsealed(self._keys.people, cell, row.sealed, _Use)

    def _all(self) -> _All:
        """Everybody, from memory while the register is at the version that was read before."""
        with self._newest(REGISTER) as watch, self._database.reading() as connection:
            return self._known_at(connection, watch)

    def _known_at(self, connection: sa.Connection, watch: Watch) -> _All:
        """The same within a transaction that reads."""
        version = self._register_version(connection)
        watch.verify(version)
        known = self._known
        if known is None or known.version != version:
            known = self._known = self._read(connection)
        return known

    def _locked(self, connection: sa.Connection) -> _All:
        """Everybody, with the register held until the transaction ends."""
        self._register_version(connection, is_held=True)
        return self._read(connection)

    def _register_version(self, connection: sa.Connection, *, is_held: bool = False) -> int:
        statement = sa.select(tables.register.c.version).where(tables.register.c.id == _ONE)
        version = connection.execute(statement.with_for_update() if is_held else statement).scalar()
        if version is None:
            raise _not_whole()
        return int(version)

    def _read(self, connection: sa.Connection) -> _All:
        row = connection.execute(sa.select(tables.register).where(tables.register.c.id == _ONE)).one()
        cell = Cell(table=REGISTER, row=b"", version=row.version)
        register = self._unsealed(self._keys.people, cell, row.sealed, _Register)
        if register.digest != _digest(connection):
            raise _not_whole()
        people: dict[PersonId, Person] = {}
        versions: dict[PersonId, int] = {}
        for item in connection.execute(sa.select(tables.people)):
            cell = Cell(table="people", row=bytes.fromhex(item.id), version=item.version)
            person = self._unsealed(self._keys.people, cell, item.sealed, Person)
            people[person.id], versions[person.id] = person, item.version
        invitations = {
            item.tag: self._unsealed(
                self._keys.people, Cell(table="invitations", row=item.tag), item.sealed, Invitation
            )
            for item in connection.execute(sa.select(tables.invitations))
        }
        return _All(
            version=row.version,
            people=MappingProxyType(people),
            versions=versions,
            invitations=MappingProxyType(invitations),
        )

    def _write_person(self, connection: sa.Connection, person: Person, known: _All) -> None:
        version = known.versions.get(person.id, 0) + 1
        cell = Cell(table="people", row=bytes.fromhex(person.id), version=version)
        values = {"version": version, "sealed": self._sealed(self._keys.people, cell, person)}
        if version == 1:
            connection.execute(sa.insert(tables.people).values(id=person.id, **values))
        else:
            connection.execute(sa.update(tables.people).where(tables.people.c.id == person.id).values(**values))

    def _write_register(self, connection: sa.Connection, before: int) -> None:
        values = {"version": before + 1, "sealed": self._register(connection, before + 1)}
        connection.execute(sa.update(tables.register).where(tables.register.c.id == _ONE).values(**values))

    def _register(self, connection: sa.Connection, version: int) -> bytes:
        cell = Cell(table=REGISTER, row=b"", version=version)
        return self._sealed(self._keys.people, cell, _Register(digest=_digest(connection)))

    @staticmethod
    def _forget_ended(connection: sa.Connection, now: dt.datetime) -> None:
        connection.execute(sa.delete(tables.invitations).where(tables.invitations.c.ends <= seconds(now)))

    @staticmethod
    def _end_sessions(connection: sa.Connection, person: str) -> None:
        connection.execute(sa.delete(tables.sessions).where(tables.sessions.c.person == person))


def _digest(connection: sa.Connection) -> bytes:
    """Of every row of people and invitations, in order."""
    people = connection.execute(sa.select(tables.people)).all()
    invitations = connection.execute(sa.select(tables.invitations)).all()
    lines = [bytes.fromhex(row.id) + row.version.to_bytes(8, "big") + wire.digest(row.sealed) for row in people]
    tags = [row.tag + row.ends.to_bytes(8, "big") + wire.digest(row.sealed) for row in invitations]
    return wire.digest(wire.tag("desk-register"), *map(wire.lp, (b"".join(sorted(lines)), b"".join(sorted(tags)))))


def _living(invitation: Invitation | None, hashed: bytes, now: dt.datetime) -> Invitation:
    kept = None if invitation is None else codes.Invitation(hash=hashed, until=invitation.ends)
    codes.verify_invitation(hashed, kept, now)
    assert invitation is not None, "proven to be one"
    return invitation


def _as_after(old: Person, person: Person, now: dt.datetime) -> Person:
    """A person as they are written: signed out if they lost a passkey, changed role or were revoked."""
    gone = {item.id for item in old.passkeys} - {item.id for item in person.passkeys}
    is_out = bool(gone) or not person.is_active or person.role is not old.role
    return replace(person, signed_out=now if is_out else old.signed_out)


def _told_of(invitation: Invitation, known: _All, tag: bytes) -> list[Told]:
    """All heads, since who invites could make themselves anybody; and whose passkeys would be replaced."""
    heads = [one.id for one in known.people.values() if one.role is Role.HEAD]
    whom = dict.fromkeys([*heads, *([invitation.person] if invitation.is_recovery else [])])
    return [Told(person=person, news=News.INVITED, about=tag.hex()) for person in whom]


def _verify_unlike_others(name: str, known: _All) -> None:
    """Somebody who was revoked leaves their name to others."""
    names = [one.name for one in known.people.values() if one.is_active]
    names += [one.name for one in known.invitations.values() if not one.is_recovery]
    codes.verify_tells_apart(name, names)


def _verify_nobodys(passkey: Passkey, people: Mapping[PersonId, Person]) -> None:
    if any(passkey.id == item.id for person in people.values() for item in person.passkeys):
        raise Refused("passkey: it is registered here already", code="form", hint="use another one, or sign in with it")


def _not_whole() -> NotProven:
    return NotProven(
        "database: people: a row was added, removed or put back", hint="keep a copy of the database as evidence"
    )
