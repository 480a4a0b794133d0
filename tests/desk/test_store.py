"""The contract of the desk's store, on SQLite and on a real PostgreSQL server: tables and cases."""

import os
import threading
import traceback

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from keeping import rows
from making import NOW, document, later, new_case, person

from coffer.desk import edits
from coffer.desk.case import Did, DocumentId, DocumentKind
from coffer.desk.draft import Draft, TypedSpan, TypedSubject
from coffer.desk.port import Conflict, Post
from coffer.desk.store import tables
from coffer.desk.store.engine import Database, database_url
from coffer.errors import MalformedInput, NotProven, Refused, Unavailable
from coffer.notes.keys import Secret


def test_migrations_make_the_tables_that_the_store_uses(store):
    with store._database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.METADATA) == []


def test_two_processes_that_start_at_once_migrate_once(url):
    databases = [Database(url) for _ in range(2)]
    failed = []

    def migrate(database):
        try:
            database.migrate()
        except Unavailable as error:
            failed.append(error.message)

    threads = [threading.Thread(target=migrate, args=(database,)) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for database in databases:
        database.close()
    assert failed == []


@pytest.mark.parametrize("given", ["mysql://a:secret@b/c", "postgresql://a:secret@b/c", "sqlite:///x", "", "nothing"])
def test_other_databases_are_refused_without_repeating_their_address(tmp_path, given):
    with pytest.raises(MalformedInput, match="expected postgresql") as caught:
        database_url(tmp_path, given)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [
        "desk:hunter2@db/desk",
        "desk:hunter2@/desk?host=/run",
        "desk@db/desk?password=hunter2",
        "desk:hun/ter2@db/desk",
        "desk@db:hunter2/desk",
        "desk:hunter2@[::1/desk",
    ],
)
def test_password_in_the_address_is_refused_and_repeated_by_nothing(tmp_path, given):
    with pytest.raises(MalformedInput, match=r"holds a password|not an address") as caught:
        database_url(tmp_path, f"postgresql+psycopg://{given}")
    assert "ter2" not in "".join(traceback.format_exception(caught.value))
    good = "postgresql+psycopg://desk@db/desk?sslmode=verify-full"
    assert database_url(tmp_path, good) == good


def test_error_of_the_database_repeats_no_value(store):
    with pytest.raises(Unavailable, match="database: ") as caught, store._database.writing() as connection:
        connection.execute(sa.text("INSERT INTO nowhere VALUES (:x)"), {"x": "planted-value"})
    assert "planted-value" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_sqlite_is_private_and_careful(tmp_path):
    database = Database(database_url(tmp_path, None))
    database.migrate()
    with database.reading() as connection:
        said = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "synchronous", "secure_delete")
        }
    assert said == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 2, "secure_delete": 1}
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys(["desk.sqlite3", "desk.sqlite3-wal", "desk.sqlite3-shm"], 0o600)
    database.close()


def test_store_of_another_key_does_not_open(store, connect):
    person(store)
    with pytest.raises(NotProven, match="does not open at its place"):
        connect(root=Secret(bytes(32), "another"))


def test_case_is_what_was_written_for_every_process(store, connect):
    clerk = person(store)
    made = new_case(store, clerk)
    draft = Draft(subjects=(TypedSubject(text="06 12", spans=(TypedSpan(first="2016-09-01", last="x"),)),), person="É")
    saved = store.write(edits.save_draft(made, draft), by=clerk.id, now=later(minutes=1)).case
    assert (made.version, saved.version, saved.draft) == (1, 2, draft)
    assert connect().case(made.id) == saved
    events = connect().history(made.id)
    assert [(e.number, e.did, e.by, e.time) for e in events] == [
        (1, Did.MADE_CASE, clerk.id, NOW),
        (2, Did.SAVED_DRAFT, clerk.id, later(minutes=1)),
    ]


def test_open_cases_come_by_deadline(store):
    clerk = person(store)
    third = new_case(store, clerk, due=later(hours=9))
    first = new_case(store, clerk, due=later(hours=1))
    second = new_case(store, clerk, due=later(hours=2))
    without = store.write(edits.set_due(second, None), by=clerk.id, now=NOW).case
    assert [case.id for case in store.open_cases()] == [first.id, third.id, without.id]
    closed = store.write(edits.close(first, NOW), by=clerk.id, now=NOW).case
    assert [case.id for case in store.open_cases()] == [third.id, without.id]
    assert [case.id for case in store.closed_cases(limit=5)] == [closed.id]
    figures = store.figures(later(hours=9))
    assert (figures.open, figures.late, figures.unassigned, figures.closed) == (2, 1, 2, 1)


def test_closed_cases_come_in_pages(store):
    clerk = person(store)
    closed = []
    for hour in (1, 2, 2, 3):
        made = new_case(store, clerk)
        closed.append(store.write(edits.close(made, later(hours=hour)), by=clerk.id, now=NOW).case.id)
    pages, last = [], None
    while page := store.closed_cases(limit=2, before=last):
        pages += [case.id for case in page]
        last = page[-1].id
    assert sorted(pages) == sorted(closed)
    assert (pages[0], pages[-1]) == (closed[3], closed[0])


def test_two_clerks_at_once_lose_nothing(store, connect):
    anna, bert, other = person(store, "Anna"), person(store, "Bert"), connect()
    made = new_case(store, anna)
    hers, his = Draft(person="hers"), Draft(person="his")
    store.write(edits.save_draft(made, hers), by=anna.id, now=NOW)
    with pytest.raises(Conflict, match="changed it meanwhile") as caught:
        other.write(edits.save_draft(made, his), by=bert.id, now=NOW)
    conflict = caught.value
    assert (conflict.mine.case.draft, conflict.theirs.draft) == (his, hers)
    assert [(event.did, event.by) for event in conflict.events] == [(Did.SAVED_DRAFT, anna.id)]
    settled = other.write(edits.save_draft(conflict.theirs, his), by=bert.id, now=NOW).case
    assert (settled.version, store.case(made.id).draft) == (3, his)


def test_of_many_writers_at_once_each_edit_is_there_or_was_told_of_a_conflict(store, connect):
    clerk = person(store)
    made, stores = new_case(store, clerk), [connect() for _ in range(4)]
    done, conflicts = [], []

    def work(own, name):
        for n in range(5):
            try:
                own.write(edits.add_note(own.case(made.id), f"{name} {n}"), by=clerk.id, now=NOW)
                done.append(f"{name} {n}")
            except Conflict as conflict:
                conflicts.append(conflict.mine.events[0].texts["note"])

    threads = [threading.Thread(target=work, args=(own, n)) for n, own in enumerate(stores)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    notes = [event.texts["note"] for event in store.history(made.id) if event.did is Did.NOTED]
    assert sorted(notes) == sorted(done)
    assert len(done) + len(conflicts) == 20
    assert len(done) >= 5


def test_form_sent_twice_is_written_once(store, connect):
    clerk = person(store)
    made = new_case(store, clerk)
    edit, post = edits.add_note(made, "once"), Post(person=clerk.id, key="form-1")
    first = store.write(edit, by=clerk.id, now=NOW, post=post)
    again = connect().write(edit, by=clerk.id, now=later(minutes=1), post=post)
    assert (first.is_repeated, again.is_repeated, again.case) == (False, True, first.case)
    assert len(store.history(made.id)) == 2
    with pytest.raises(Conflict, match="changed it meanwhile"):  # the twin: another form
        store.write(edit, by=clerk.id, now=NOW, post=Post(person=clerk.id, key="form-2"))


def test_form_that_makes_a_case_sent_by_two_threads_makes_one(store, connect):
    clerk, stores, made, failed = person(store), [connect() for _ in range(4)], [], []

    def send(own):
        try:
            made.append(new_case(own, clerk, post=Post(person=clerk.id, key="new")).id)
        except Unavailable as error:
            failed.append(error.message)

    threads = [threading.Thread(target=send, args=(own,)) for own in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 1
    assert [case.id for case in store.open_cases()] == [made[0]]
    assert [message for message in failed if "same form" not in message] == []


def test_key_of_a_form_is_known_for_a_week_and_only_of_its_person(store):
    anna, bert = person(store, "Anna"), person(store, "Bert")
    made = new_case(store, anna)
    store.write(edits.add_note(made, "a"), by=anna.id, now=NOW, post=Post(person=anna.id, key="k"))
    second = store.write(
        edits.add_note(store.case(made.id), "b"), by=bert.id, now=NOW, post=Post(person=bert.id, key="k")
    )
    assert not second.is_repeated
    third = store.write(
        edits.add_note(second.case, "c"), by=anna.id, now=later(days=8), post=Post(person=anna.id, key="x")
    )
    assert not third.is_repeated
    assert len(rows(store, tables.posts)) == 1


@pytest.mark.parametrize("size", [1, 2**20 - 5, 2**20 - 4, 2**20 - 3, 3 * 2**20 + 7])
def test_document_comes_back_whole(store, connect, size):
    clerk = person(store)
    content = os.urandom(size)
    made = store.write(edits.add_documents(new_case(store, clerk), [document(content)]), by=clerk.id, now=NOW).case
    assert connect().document(made.id, made.documents[0].id) == content


@pytest.mark.parametrize(("most", "kind"), [("MAX_FILE_BYTES", "order"), ("MAX_DOCUMENT_BYTES", "answer")])
def test_document_too_long_or_empty_is_refused(monkeypatch, most, kind):
    def document(content):
        return edits.new_document(
            content, id=DocumentId("00" * 16), kind=DocumentKind(kind), name="x.pdf", by=None, now=NOW
        )

    monkeypatch.setattr(edits, most, 10)
    assert document(b"0123456789").about.size == 10
    for content in (b"", b"01234567890"):
        with pytest.raises(MalformedInput, match="expected 1 to 10"):
            document(content)


def test_unknown_case_and_document_are_refused(store):
    clerk = person(store)
    made = new_case(store, clerk)
    with pytest.raises(Refused, match="unknown here"):
        store.case(os.urandom(16).hex())
    with pytest.raises(Refused, match="no such document"):
        store.document(made.id, os.urandom(16).hex())
