"""The cases as rows: one sealed value a case, its history, its documents."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import sqlalchemy as sa

from coffer import wire
from coffer.authority.authorization import parse_authorization
from coffer.desk.case import (
    Case,
    CaseId,
    DocumentId,
    Edit,
    Event,
    Head,
    NewDocument,
    NewEvent,
    Stage,
    event_hash,
)
from coffer.desk.people import Person, PersonId
from coffer.desk.port import Conflict, Figures, Lease, Post, Written
from coffer.desk.sealing import KEY_BYTES, PART_STEP, Cell
from coffer.desk.store import tables
from coffer.desk.store.outbox import OutboxRows
from coffer.desk.store.rows import inserted, moment, seconds
from coffer.errors import NotProven, Refused, Unavailable
from coffer.notes.keys import Secret

PART_BYTES: Final = 2**20 - 4
"""A part of a document, sealed by itself: with its length it fills 1 MiB."""
POSTS_KEPT: Final = dt.timedelta(days=7)
"""How long a form that was sent is known. A page that was open for longer is asked to be filled in again."""
_LAST_EVENT: Final = (
    sa.select(sa.func.max(tables.history.c.number))
    .where(tables.history.c.case_id == tables.cases.c.id)
    .scalar_subquery()
)
_COLUMNS: Final = (tables.cases, tables.case_keys.c.sealed.label("key"), _LAST_EVENT.label("last"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    case: CaseId


@dataclass(frozen=True, slots=True, kw_only=True)
class _RequestPlace:
    number: int


class CaseRows(OutboxRows):
    """``port.Cases``."""

    def write(
        self, edit: Edit, *, by: PersonId | None, now: dt.datetime, post: Post | None = None, lease: Lease | None = None
    ) -> Written:
        """As the port."""
        people: Mapping[PersonId, Person] = self.people() if edit.told else {}
        if post is not None and (earlier := self._earlier(post)) is not None:
            return Written(case=self.case(earlier), is_repeated=True)
        with self._newest(_watched(edit.case.id)) as watch, self._database.writing() as connection:
            key, current = self._current(connection, edit.case)
            if current is not None:
                watch.verify(current.version)
            repeated = post is not None and self._outcome(connection, post) is not None
            if repeated and current is not None:
                return Written(case=current, is_repeated=True)
            if lease is not None:
                self._verify_held(connection, lease)
            if current is not None and current.version != edit.case.version:
                events = self._events(connection, key, current, after=edit.case.history.count)
                raise Conflict(edit, current, events)
            if post is not None and not self._keep_post(connection, post, edit.case.id, now):
                raise Unavailable("desk: the same form is being written at this moment", hint="look at the case again")
            case = self._write_case(connection, key, edit, by, now)
            untold = self._tell(connection, edit.told, people, case.due, now)
            watch.verify(case.version)
        return Written(case=case, untold=untold)

    def case(self, case: CaseId) -> Case:
        """As the port."""
        with self._newest(_watched(case)) as watch, self._database.reading() as connection:
            row = connection.execute(_with_key().where(tables.cases.c.id == case)).first()
            _, kept = self._opened(row)
            watch.verify(kept.version)
        return kept

    def open_cases(self) -> Sequence[Case]:
        """As the port."""
        is_open = tables.cases.c.stage == Stage.OPEN.value
        order = (tables.cases.c.due.is_(None), tables.cases.c.due, tables.cases.c.id)
        return self._many(_with_key().where(is_open).order_by(*order))

    def closed_cases(self, *, limit: int, before: CaseId | None = None) -> Sequence[Case]:
        """As the port."""
        rows = tables.cases
        statement = _with_key().where(rows.c.stage == Stage.CLOSED.value)
        if before is not None:
            last = sa.select(rows.c.closed).where(rows.c.id == before).scalar_subquery()
            statement = statement.where((rows.c.closed < last) | ((rows.c.closed == last) & (rows.c.id < before)))
        return self._many(statement.order_by(rows.c.closed.desc(), rows.c.id.desc()).limit(limit))

    def figures(self, now: dt.datetime) -> Figures:
        """As the port. They are the clear columns, which nobody proved."""
        rows = tables.cases
        is_open = rows.c.stage == Stage.OPEN.value
        counted = {
            "open": is_open,
            "late": is_open & (rows.c.due <= seconds(now)),
            "unassigned": is_open & rows.c.assigned.is_(None),
            "closed": rows.c.stage == Stage.CLOSED.value,
        }
        with self._database.reading() as connection:
            numbers = {
                name: connection.execute(sa.select(sa.func.count()).select_from(rows).where(which)).scalar_one()
                for name, which in counted.items()
            }
        return Figures(**numbers)

    def history(self, case: CaseId) -> tuple[Event, ...]:
        """As the port."""
        with self._newest(_watched(case)) as watch, self._database.reading() as connection:
            row = connection.execute(_with_key().where(tables.cases.c.id == case)).first()
            key, kept = self._opened(row)
            watch.verify(kept.version)
            return self._events(connection, key, kept, after=0)

    def document(self, case: CaseId, document: DocumentId) -> bytes:
        """As the port."""
        rows = tables.document_parts
        with self._newest(_watched(case)) as watch, self._database.reading() as connection:
            row = connection.execute(_with_key().where(tables.cases.c.id == case)).first()
            key, kept = self._opened(row)
            watch.verify(kept.version)
            about = kept.document(document)
            mine = (rows.c.case_id == case) & (rows.c.document == document)
            parts = connection.execute(sa.select(rows).where(mine).order_by(rows.c.number)).all()
        content = b"".join(
            self._sealer.unseal(key, _part_cell(case, document, number), part.sealed)
            for number, part in enumerate(parts)
        )
        if len(content) != about.size or wire.digest(content) != about.sha256:
            raise NotProven("database: document: not the one that the case names")
        return content

    def case_of(self, commitment: bytes) -> tuple[CaseId, int] | None:
        """As the port."""
        tag = self._keys.blind("commitment", commitment)
        with self._database.reading() as connection:
            row = connection.execute(sa.select(tables.request_tags).where(tables.request_tags.c.tag == tag)).first()
        if row is None:
            return None
        cell = Cell(table="request_tags", row=tag + bytes.fromhex(row.case_id))
        return CaseId(row.case_id), self._unsealed(self._keys.cases, cell, row.sealed, _RequestPlace).number

    def shred(self, case: CaseId, *, now: dt.datetime) -> None:
        """As the port."""
        rows = tables.cases
        with self._newest(_watched(case)) as watch, self._database.writing() as connection:
            _, kept = self._held(connection, case)
            if kept.stage is not Stage.CLOSED:
                raise Refused("case: only a closed one is destroyed", code="form")
            # The key is overwritten before its row goes, so that a page that keeps the row keeps nothing.
            mine = tables.case_keys.c.case_id == case
            connection.execute(sa.update(tables.case_keys).where(mine).values(sealed=bytes(KEY_BYTES)))
            for table in (tables.case_keys, tables.history, tables.document_parts, tables.request_tags):
                connection.execute(sa.delete(table).where(table.c.case_id == case))
            left: dict[str, object] = {"stage": Stage.SHREDDED.value, "due": None, "assigned": None}
            left |= {"closed": seconds(now), "events": 0, "documents": 0, "sealed": b"", "version": kept.version + 1}
            connection.execute(sa.update(rows).where(rows.c.id == case).values(**left))
            watch.verify(kept.version + 1)
        self._database.forget_deleted()

    def _current(self, connection: sa.Connection, case: Case) -> tuple[Secret, Case | None]:
        """The case as it is, held until the transaction ends, and its key; a fresh key for a new one."""
        if case.version == 0:
            is_there = connection.execute(sa.select(tables.cases.c.id).where(tables.cases.c.id == case.id)).first()
            if is_there is None:
                return Secret(self._entropy(KEY_BYTES), "case key"), None
        return self._held(connection, case.id)

    def _held(self, connection: sa.Connection, case: CaseId) -> tuple[Secret, Case]:
        """The case and its key, with its row held until the transaction ends.

        Two statements: one that waited for another writer would see that writer's row beside an older history.
        """
        rows = tables.cases
        connection.execute(sa.select(rows.c.id).where(rows.c.id == case).with_for_update())
        return self._opened(connection.execute(_with_key().where(rows.c.id == case)).first())

    def _write_case(
        self, connection: sa.Connection, key: Secret, edit: Edit, by: PersonId | None, now: dt.datetime
    ) -> Case:
        is_new = edit.case.version == 0
        head = edit.case.history
        links: list[tuple[int, bytes]] = []
        for item in edit.events:
            number = head.count + 1
            raw = msgspec.json.encode(_event(item, number, by, now))
            head = Head(count=number, hash=event_hash(edit.case.id, number, head.hash, raw))
            links.append((number, raw))
        case = replace(edit.case, version=edit.case.version + 1, history=head)
        values: dict[str, object] = {
            "version": case.version,
            "stage": case.stage.value,
            "due": None if case.due is None else seconds(case.due),
            "assigned": case.assigned,
            "closed": None if case.closed is None else seconds(case.closed),
            "events": head.count,
            "documents": len(case.documents),
            "sealed": self._sealed(key, _case_cell(case.id, case.version), case),
        }
        if is_new:
            connection.execute(sa.insert(tables.cases).values(id=case.id, **values))
            cell = Cell(table="case_keys", row=bytes.fromhex(case.id))
            sealed = self._sealer.seal(self._keys.cases, cell, key.unsafe_bytes())
            connection.execute(sa.insert(tables.case_keys).values(case_id=case.id, sealed=sealed))
        else:
            connection.execute(sa.update(tables.cases).where(tables.cases.c.id == case.id).values(**values))
        for number, raw in links:
            sealed = self._sealer.seal(key, _event_cell(case.id, number), raw)
            connection.execute(sa.insert(tables.history).values(case_id=case.id, number=number, sealed=sealed))
        for document in edit.documents:
            self._write_document(connection, key, case.id, document)
        self._write_tags(connection, case)
        return case

    def _write_document(self, connection: sa.Connection, key: Secret, case: CaseId, document: NewDocument) -> None:
        name = document.about.id
        for number, start in enumerate(range(0, len(document.content), PART_BYTES)):
            part = document.content[start : start + PART_BYTES]
            sealed = self._sealer.seal(key, _part_cell(case, name, number), part, step=PART_STEP)
            row = {"case_id": case, "document": name, "number": number, "sealed": sealed}
            connection.execute(sa.insert(tables.document_parts).values(**row))

    def _write_tags(self, connection: sa.Connection, case: Case) -> None:
        for request in case.requests:
            tag = self._keys.blind("commitment", parse_authorization(request.note, "request").commitment)
            cell = Cell(table="request_tags", row=tag + bytes.fromhex(case.id))
            sealed = self._sealed(self._keys.cases, cell, _RequestPlace(number=request.number))
            inserted(connection, tables.request_tags, tag=tag, case_id=case.id, sealed=sealed)

    def _opened(self, row: sa.Row[tuple[object, ...]] | None) -> tuple[Secret, Case]:
        """The case of a row and its key, after everything that the clear columns say was compared with it."""
        if row is None:
            raise Refused("case: unknown here", code="form")
        if row.key is None and row.stage != Stage.SHREDDED.value:
            raise NotProven(
                "database: case_keys: the key of a case is gone that nobody destroyed",
                hint="keep a copy of the database as evidence",
            )
        if row.key is None:
            raise Refused("case: its key was destroyed", code="time", hint="its retention is over")
        name = CaseId(row.id)
        raw = self._sealer.unseal(self._keys.cases, Cell(table="case_keys", row=bytes.fromhex(name)), row.key)
        key = Secret(raw, "case key")
        case = self._unsealed(key, _case_cell(name, row.version), row.sealed, Case)
        clear = (row.version, row.stage, row.due, row.assigned, row.closed, row.events, row.documents)
        said = (
            case.version,
            case.stage.value,
            None if case.due is None else seconds(case.due),
            case.assigned,
            None if case.closed is None else seconds(case.closed),
            case.history.count,
            len(case.documents),
        )
        if clear != said or (row.last or 0) != case.history.count:
            raise NotProven(
                "database: cases: a row was put back or its clear columns were changed",
                hint="keep a copy of the database as evidence",
            )
        return key, case

    def _events(self, connection: sa.Connection, key: Secret, case: Case, *, after: int) -> tuple[Event, ...]:
        """The events after a number, with the whole chain proven."""
        statement = sa.select(tables.history).where(tables.history.c.case_id == case.id)
        head = Head()
        events = []
        for row in connection.execute(statement.order_by(tables.history.c.number)):
            number = head.count + 1
            raw = self._sealer.unseal(key, _event_cell(case.id, number), row.sealed)
            head = Head(count=number, hash=event_hash(case.id, number, head.hash, raw))
            if number > after:
                events.append(self._decoded(raw, "history", Event))
        if head != case.history:
            raise NotProven("database: history: an event was removed, added or put back")
        return tuple(events)

    def _many(self, statement: sa.Select[tuple[object, ...]]) -> list[Case]:
        with self._newest_of_many() as verify, self._database.reading() as connection:
            kept = [self._opened(row)[1] for row in connection.execute(statement).all()]
            for case in kept:
                verify(_watched(case.id), case.version)
        return kept

    def _earlier(self, post: Post) -> CaseId | None:
        with self._database.reading() as connection:
            return self._outcome(connection, post)

    def _outcome(self, connection: sa.Connection, post: Post) -> CaseId | None:
        tag = self._post_tag(post)
        row = connection.execute(sa.select(tables.posts.c.sealed).where(tables.posts.c.tag == tag)).first()
        return None if row is None else self._unsealed(self._keys.cases, _post_cell(tag), row.sealed, _Outcome).case

    def _keep_post(self, connection: sa.Connection, post: Post, case: CaseId, now: dt.datetime) -> bool:
        """Keep the form's key with its outcome; False if another transaction has it."""
        connection.execute(sa.delete(tables.posts).where(tables.posts.c.at <= seconds(now - POSTS_KEPT)))
        tag = self._post_tag(post)
        sealed = self._sealed(self._keys.cases, _post_cell(tag), _Outcome(case=case))
        return inserted(connection, tables.posts, tag=tag, at=seconds(now), sealed=sealed)

    def _post_tag(self, post: Post) -> bytes:
        return self._keys.blind("post", f"{post.person} {post.key}".encode("utf-8", "replace"))


def _watched(case: CaseId) -> str:
    """What a case is called among the versions that this process saw."""
    return f"case {case}"


def _with_key() -> sa.Select[tuple[object, ...]]:
    return sa.select(*_COLUMNS).join(tables.case_keys, isouter=True)


def _event(item: NewEvent, number: int, by: PersonId | None, now: dt.datetime) -> Event:
    return Event(number=number, time=moment(seconds(now)), by=by, did=item.did, values=item.values, texts=item.texts)


def _case_cell(case: CaseId, version: int) -> Cell:
    return Cell(table="cases", row=bytes.fromhex(case), version=version)


def _event_cell(case: CaseId, number: int) -> Cell:
    return Cell(table="history", row=bytes.fromhex(case) + number.to_bytes(4, "big"))


def _part_cell(case: CaseId, document: DocumentId, number: int) -> Cell:
    return Cell(table="document_parts", row=bytes.fromhex(case + document) + number.to_bytes(4, "big"))


def _post_cell(tag: bytes) -> Cell:
    return Cell(table="posts", row=tag)
