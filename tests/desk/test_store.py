"""The contract of the desk's store, on SQLite and on a real PostgreSQL server."""

import datetime as dt
import os
import threading
import traceback
from dataclasses import replace

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from making import NOW, document, later, new_case, passkey, person

from coffer.desk import case as cases
from coffer.desk.case import Did, DocumentId, DocumentKind, Stage, Told
from coffer.desk.draft import Draft, TypedSpan, TypedSubject
from coffer.desk.people import Role
from coffer.desk.port import Conflict, Post
from coffer.desk.store import outbox, tables
from coffer.desk.store.engine import Database, database_url
from coffer.errors import MalformedInput, NotProven, Refused, Unavailable
from coffer.notes.keys import Secret
from coffer.notify.message import News
from coffer.notify.retries import MAX_TRIES
from coffer.passkeys.invitations import hash_code


def changed(store, statement):
    """What somebody does who can write to the database."""
    with store._database.writing() as connection:
        return connection.execute(statement).rowcount


def rows(store, table):
    with store._database.reading() as connection:
        return connection.execute(sa.select(table)).mappings().all()


def read_whole(store, case):
    return store.document(case.id, case.documents[0].id), len(store.history(case.id))


# ---- tables


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


# ---- people


def test_invited_person_comes_once_and_is_known_everywhere(store, connect):
    key = passkey()
    token = store.invite("C. Clerk", Role.HEAD, by=None, now=NOW)
    assert store.invitation(token, NOW).role is Role.HEAD
    came = store.accept(token.upper().replace("-", " "), key, NOW)
    assert (came.name, came.role, came.passkeys) == ("C. Clerk", Role.HEAD, (key,))
    assert connect().people() == {came.id: came}
    with pytest.raises(Refused, match="unknown, used, replaced or older than 72 hours"):
        store.accept(token, passkey(), NOW)


def test_invitation_ends_after_72_hours(store):
    token = store.invite("C. Clerk", Role.CLERK, by=None, now=NOW)
    assert store.invitation(token, later(hours=71, minutes=59)).name == "C. Clerk"
    with pytest.raises(Refused, match="unknown, used, replaced or older than 72 hours"):
        store.accept(token, passkey(), later(hours=72))


@pytest.mark.parametrize("code", ["A" * 32, "2" * 32, "abcd-" * 8])
def test_guessed_code_is_refused_in_the_words_of_a_used_one(store, code):
    used = store.invite("C. Clerk", Role.CLERK, by=None, now=NOW)
    store.accept(used, passkey(), NOW)
    for tried in (code, used):
        with pytest.raises(Refused, match=r"^invitation: unknown, used, replaced or older than 72 hours$"):
            store.invitation(tried, NOW)


@pytest.mark.parametrize("code", ["", "aaaa", "0" * 32, "é" * 32, "x" * 10_000])
def test_what_is_no_code_is_malformed(store, code):
    with pytest.raises(MalformedInput, match="not a code"):
        store.invitation(code, NOW)


def test_code_of_an_invitation_is_not_in_the_database(store):
    code = store.invite("C. Clerk", Role.CLERK, by=None, now=NOW)
    raw = b"".join(
        bytes(value) for row in rows(store, tables.invitations) for value in row.values() if type(value) is bytes
    )
    assert code.encode() not in raw
    assert hash_code(code) not in raw
    assert len(raw) > 256


def test_recovery_replaces_all_passkeys_and_ends_sessions(store):
    first = person(store)
    session = store.begin(first.id, NOW)
    token = store.invite("ignored", Role.OPERATOR, by=None, now=NOW, person=first.id)
    new = passkey("new phone")
    again = store.accept(token, new, NOW)
    assert (again.id, again.name, again.role, again.passkeys) == (first.id, first.name, first.role, (new,))
    assert store.find(session, NOW) is None


def test_recovery_brings_no_revoked_person_back(store):
    first = person(store)
    token = store.invite("x", Role.CLERK, by=None, now=NOW, person=first.id)
    store.update(replace(first, revoked=NOW), NOW)
    with pytest.raises(Refused, match="unknown, used, replaced or older than 72 hours"):
        store.accept(token, passkey(), NOW)


def test_passkey_belongs_to_one_person(store):
    key = passkey()
    first = person(store, key=key)
    assert store.find_passkey(key.id) == (first, key)
    with pytest.raises(Refused, match="registered here already"):
        person(store, "Other", key=key)


def test_passkey_of_a_revoked_person_signs_nobody_in(store):
    key = passkey()
    first = person(store, key=key)
    store.update(replace(first, revoked=NOW), NOW)
    assert store.find_passkey(key.id) is None


def test_counter_of_a_passkey_must_grow(store, connect):
    key = passkey(count=5)
    person(store, key=key)
    store.record_use(key.id, 6, NOW)
    with pytest.raises(NotProven, match="there are two of it"):
        connect().record_use(key.id, 6, NOW)
    store.record_use(key.id, 9, NOW)
    assert connect().find_passkey(key.id)[1].count == 9


def test_passkey_without_a_counter_stays_usable(store):
    key = passkey()
    person(store, key=key)
    store.record_use(key.id, 0, NOW)
    store.record_use(key.id, 0, NOW)
    assert store.find_passkey(key.id)[1].count == 0


def test_row_of_a_person_put_back_is_noticed(store, connect):
    first = person(store)
    old = rows(store, tables.people)[0]
    store.update(replace(first, revoked=NOW), NOW)
    assert [p.is_active for p in connect().people().values()] == [False]  # the twin: nothing was put back
    changed(store, sa.update(tables.people).values(version=old["version"], sealed=old["sealed"]))
    with pytest.raises(NotProven, match="added, removed or put back"):
        connect()


@pytest.mark.parametrize("table", [tables.people, tables.invitations], ids=lambda table: table.name)
def test_row_of_the_register_removed_is_noticed(store, connect, table):
    person(store)
    store.invite("D. Deputy", Role.CLERK, by=None, now=NOW)
    connect()
    assert changed(store, sa.delete(table)) == 1
    with pytest.raises(NotProven, match="added, removed or put back"):
        connect()


def test_whole_register_put_back_is_noticed_by_a_process_that_saw_the_newer(store, connect):
    first = person(store)
    old = {table: rows(store, table) for table in (tables.people, tables.register)}
    store.update(replace(first, revoked=NOW), NOW)
    assert not store.people()[first.id].is_active
    for table, kept in old.items():
        changed(store, sa.update(table).values(version=kept[0]["version"], sealed=kept[0]["sealed"]))
    with pytest.raises(NotProven, match="older than this process saw"):
        store.people()
    assert connect().people()[first.id].is_active  # the gap that docs/formats/desk.md names


# ---- sessions


def test_session_is_seen_by_every_process_and_ends(store, connect):
    clerk, other = person(store), connect()
    token = store.begin(clerk.id, NOW)
    assert other.find(token, later(minutes=5)).person == clerk.id
    assert store.find(token, later(minutes=5)).seen == later(minutes=5)
    other.end(token, NOW)
    assert store.find(token, NOW) is None


@pytest.mark.parametrize(
    ("visits", "at", "is_there"), [([], 29, True), ([], 30, False), ([25], 54, True), ([25], 55, False)]
)
def test_session_ends_after_half_an_hour_without_a_request(store, visits, at, is_there):
    token = store.begin(person(store).id, NOW)
    for minute in visits:
        assert store.find(token, later(minutes=minute)) is not None
    assert (store.find(token, later(minutes=at)) is not None) == is_there


def test_session_ends_after_twelve_hours_however_busy(store):
    token = store.begin(person(store).id, NOW)
    for minute in range(20, 12 * 60, 20):
        assert store.find(token, later(minutes=minute)) is not None
    assert store.find(token, later(hours=12)) is None


def test_session_of_a_revoked_person_is_over(store, connect):
    clerk, other = person(store), connect()
    token = store.begin(clerk.id, NOW)
    assert other.find(token, NOW) is not None
    store.update(replace(clerk, revoked=NOW), NOW)
    assert other.find(token, NOW) is None


@pytest.mark.parametrize("way", ["recovery", "role", "passkey"])
def test_session_that_ended_with_its_passkey_is_not_revived_by_its_row(store, connect, way):
    clerk = person(store)
    stolen, row = store.begin(clerk.id, NOW), dict(rows(store, tables.sessions)[0])
    if way == "recovery":
        code = store.invite("ignored", Role.CLERK, by=None, now=NOW, person=clerk.id)
        store.accept(code, passkey("new"), later(seconds=1))
    elif way == "role":
        store.update(replace(clerk, role=Role.AUDITOR), later(seconds=1))
    else:
        store.update(replace(clerk, passkeys=(passkey("another"),)), later(seconds=1))
    fresh = store.begin(clerk.id, later(seconds=1))
    changed(store, sa.insert(tables.sessions).values(**row))
    for reader in (store, connect()):
        assert reader.find(stolen, later(seconds=2)) is None
        assert reader.find(fresh, later(seconds=2)) is not None


def test_session_whose_person_was_written_over_in_the_clear_ends_all_the_same(store):
    clerk, other = person(store), person(store, "D. Deputy")
    stolen = store.begin(clerk.id, NOW)
    changed(store, sa.update(tables.sessions).values(person=other.id))
    assert store.find(stolen, NOW) is not None
    store.update(replace(clerk, passkeys=(passkey("another"),)), later(seconds=1))
    assert store.find(stolen, later(seconds=2)) is None


def test_session_ends_where_the_role_changes(store):
    clerk = person(store)
    token = store.begin(clerk.id, NOW)
    store.update(replace(clerk, role=Role.AUDITOR), NOW)
    assert store.find(token, NOW) is None


def test_oldest_of_eleven_sessions_ends(store):
    clerk = person(store)
    tokens = [store.begin(clerk.id, later(minutes=n)) for n in range(11)]
    assert [store.find(token, later(minutes=11)) is not None for token in tokens] == [False] + [True] * 10


def test_session_row_that_somebody_wrote_signs_nobody_in(store):
    head = person(store, role=Role.HEAD)
    token = store.begin(head.id, NOW)
    row = rows(store, tables.sessions)[0]
    stolen = os.urandom(32).hex()
    tag = store._keys.blind("session", stolen.encode())  # even if the key of the tags were known
    changed(store, sa.insert(tables.sessions).values(**dict(row) | {"tag": tag}))
    assert store.find(token, NOW) is not None
    with pytest.raises(NotProven, match="does not open at its place"):
        store.find(stolen, NOW)


# ---- cases


def test_case_is_what_was_written_for_every_process(store, connect):
    clerk = person(store)
    made = new_case(store, clerk)
    draft = Draft(subjects=(TypedSubject(text="06 12", spans=(TypedSpan(first="2016-09-01", last="x"),)),), person="É")
    saved = store.write(cases.save_draft(made, draft), by=clerk.id, now=later(minutes=1)).case
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
    without = store.write(cases.set_due(second, None), by=clerk.id, now=NOW).case
    assert [case.id for case in store.open_cases()] == [first.id, third.id, without.id]
    closed = store.write(cases.close(first, NOW), by=clerk.id, now=NOW).case
    assert [case.id for case in store.open_cases()] == [third.id, without.id]
    assert [case.id for case in store.closed_cases(limit=5)] == [closed.id]
    figures = store.figures(later(hours=9))
    assert (figures.open, figures.late, figures.unassigned, figures.closed) == (2, 1, 2, 1)


def test_closed_cases_come_in_pages(store):
    clerk = person(store)
    closed = []
    for hour in (1, 2, 2, 3):
        made = new_case(store, clerk)
        closed.append(store.write(cases.close(made, later(hours=hour)), by=clerk.id, now=NOW).case.id)
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
    store.write(cases.save_draft(made, hers), by=anna.id, now=NOW)
    with pytest.raises(Conflict, match="changed it meanwhile") as caught:
        other.write(cases.save_draft(made, his), by=bert.id, now=NOW)
    conflict = caught.value
    assert (conflict.mine.case.draft, conflict.theirs.draft) == (his, hers)
    assert [(event.did, event.by) for event in conflict.events] == [(Did.SAVED_DRAFT, anna.id)]
    settled = other.write(cases.save_draft(conflict.theirs, his), by=bert.id, now=NOW).case
    assert (settled.version, store.case(made.id).draft) == (3, his)


def test_of_many_writers_at_once_each_edit_is_there_or_was_told_of_a_conflict(store, connect):
    clerk = person(store)
    made, stores = new_case(store, clerk), [connect() for _ in range(4)]
    done, conflicts = [], []

    def work(own, name):
        for n in range(5):
            try:
                own.write(cases.add_note(own.case(made.id), f"{name} {n}"), by=clerk.id, now=NOW)
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
    edit, post = cases.add_note(made, "once"), Post(person=clerk.id, key="form-1")
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
    store.write(cases.add_note(made, "a"), by=anna.id, now=NOW, post=Post(person=anna.id, key="k"))
    second = store.write(
        cases.add_note(store.case(made.id), "b"), by=bert.id, now=NOW, post=Post(person=bert.id, key="k")
    )
    assert not second.is_repeated
    third = store.write(
        cases.add_note(second.case, "c"), by=anna.id, now=later(days=8), post=Post(person=anna.id, key="x")
    )
    assert not third.is_repeated
    assert len(rows(store, tables.posts)) == 1


@pytest.mark.parametrize("size", [1, 2**20 - 5, 2**20 - 4, 2**20 - 3, 3 * 2**20 + 7])
def test_document_comes_back_whole(store, connect, size):
    clerk = person(store)
    content = os.urandom(size)
    made = store.write(cases.add_documents(new_case(store, clerk), [document(content)]), by=clerk.id, now=NOW).case
    assert connect().document(made.id, made.documents[0].id) == content


@pytest.mark.parametrize(("most", "kind"), [("MAX_FILE_BYTES", "order"), ("MAX_DOCUMENT_BYTES", "answer")])
def test_document_too_long_or_empty_is_refused(monkeypatch, most, kind):
    def document(content):
        return cases.new_document(
            content, id=DocumentId("00" * 16), kind=DocumentKind(kind), name="x.pdf", by=None, now=NOW
        )

    monkeypatch.setattr(cases, most, 10)
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


# ---- rows that somebody changes


@pytest.fixture
def two(store):
    """Two cases of one clerk, each with a document and two events."""
    clerk = person(store)
    made = [new_case(store, clerk, number=f"12/{n}") for n in range(2)]
    added = [store.write(cases.add_documents(case, [document(b"a" * 10)]), by=clerk.id, now=NOW).case for case in made]
    return clerk, added


@pytest.mark.parametrize("table", ["cases", "case_keys", "history", "document_parts"])
def test_row_swapped_between_cases_is_noticed(store, connect, two, table):
    _, (first, second) = two
    touched = tables.METADATA.tables[table]
    name = touched.c.id if table == "cases" else touched.c.case_id
    sealed = {row["id" if table == "cases" else "case_id"]: row["sealed"] for row in rows(store, touched)}
    reader = connect()
    assert read_whole(reader, first) == (b"a" * 10, 2)
    changed(store, sa.update(touched).where(name == first.id).values(sealed=sealed[second.id]))
    with pytest.raises(NotProven, match="database: "):
        read_whole(reader, first)
    assert len(reader.history(second.id)) == 2


@pytest.mark.parametrize(
    "values",
    [
        {"due": 5},
        {"assigned": "ff" * 16},
        {"stage": "closed"},
        {"version": 9},
        {"events": 1},
        {"documents": 0},
        {"closed": 1},
    ],
    ids=lambda values: next(iter(values)),
)
def test_clear_column_that_was_changed_is_noticed(store, two, values):
    _, (first, second) = two
    changed(store, sa.update(tables.cases).where(tables.cases.c.id == first.id).values(**values))
    with pytest.raises(NotProven, match="database: cases"):
        store.case(first.id)
    assert store.case(second.id) == second


def test_case_row_put_back_alone_is_noticed(store, connect, two):
    clerk, (first, _) = two
    old = next(row for row in rows(store, tables.cases) if row["id"] == first.id)
    store.write(cases.close(first, NOW), by=clerk.id, now=NOW)
    changed(store, sa.update(tables.cases).where(tables.cases.c.id == first.id).values(**old))
    with pytest.raises(NotProven, match="put back"):
        connect().case(first.id)


def test_case_put_back_with_its_history_is_noticed_by_a_process_that_saw_the_newer(store, connect, two):
    clerk, (first, _) = two
    old = next(row for row in rows(store, tables.cases) if row["id"] == first.id)
    store.write(cases.close(first, NOW), by=clerk.id, now=NOW)
    changed(store, sa.update(tables.cases).where(tables.cases.c.id == first.id).values(**old))
    newer = (tables.history.c.case_id == first.id) & (tables.history.c.number > 2)
    assert changed(store, sa.delete(tables.history).where(newer)) == 1
    reads = {
        "case": lambda one: one.case(first.id),
        "history": lambda one: one.history(first.id),
        "document": lambda one: one.document(first.id, first.documents[0].id),
        "list": lambda one: one.open_cases(),
    }
    for name, read in reads.items():
        assert read(connect()), name  # the gap that docs/formats/desk.md names
        with pytest.raises(NotProven, match="older than this process saw"):
            read(store)
    assert connect().case(first.id).stage is Stage.OPEN


def test_closed_case_put_back_is_noticed_in_the_list_of_the_closed(store, connect, two):
    clerk, (first, _) = two
    closed = store.write(cases.close(first, NOW), by=clerk.id, now=NOW).case
    old = next(row for row in rows(store, tables.cases) if row["id"] == first.id)
    store.write(cases.add_note(closed, "n"), by=clerk.id, now=NOW)
    assert len(store.closed_cases(limit=5)) == 1
    changed(store, sa.update(tables.cases).where(tables.cases.c.id == first.id).values(**old))
    changed(
        store, sa.delete(tables.history).where((tables.history.c.case_id == first.id) & (tables.history.c.number > 3))
    )
    assert len(connect().closed_cases(limit=5)) == 1
    with pytest.raises(NotProven, match="older than this process saw"):
        store.closed_cases(limit=5)


def test_key_of_a_case_that_is_gone_without_its_being_destroyed_is_noticed(store, connect, two):
    clerk, (first, second) = two
    changed(store, sa.delete(tables.case_keys).where(tables.case_keys.c.case_id == first.id))
    for read in (lambda: connect().case(first.id), lambda: connect().open_cases()):
        with pytest.raises(NotProven, match="the key of a case is gone"):
            read()
    store.write(cases.close(second, NOW), by=clerk.id, now=NOW)
    store.shred(second.id, now=NOW)
    with pytest.raises(Refused, match="its key was destroyed"):
        store.case(second.id)


@pytest.mark.parametrize("number", [1, 2])
def test_event_removed_is_noticed(store, two, number):
    _, (first, second) = two
    mine = (tables.history.c.case_id == first.id) & (tables.history.c.number == number)
    changed(store, sa.delete(tables.history).where(mine))
    with pytest.raises(NotProven, match="database: "):
        store.history(first.id)
    assert len(store.history(second.id)) == 2


def test_events_in_another_order_are_noticed(store, two):
    _, (first, _) = two
    rows_of = {row["number"]: row["sealed"] for row in rows(store, tables.history) if row["case_id"] == first.id}
    for number, other in ((1, 2), (2, 1)):
        mine = (tables.history.c.case_id == first.id) & (tables.history.c.number == number)
        changed(store, sa.update(tables.history).where(mine).values(sealed=rows_of[other]))
    with pytest.raises(NotProven, match="does not open at its place"):
        store.history(first.id)


def test_document_of_which_the_last_part_is_gone_is_noticed(store):
    clerk = person(store)
    made = store.write(
        cases.add_documents(new_case(store, clerk), [document(os.urandom(2**20 + 5))]), by=clerk.id, now=NOW
    )
    assert len(store.document(made.case.id, made.case.documents[0].id)) == 2**20 + 5
    assert changed(store, sa.delete(tables.document_parts).where(tables.document_parts.c.number == 1)) == 1
    with pytest.raises(NotProven, match="not the one that the case names"):
        store.document(made.case.id, made.case.documents[0].id)


# ---- destroying


def test_case_that_was_shredded_is_gone_for_everybody(store, connect, two):
    clerk, (first, second) = two
    with pytest.raises(Refused, match="only a closed one"):
        store.shred(first.id, now=NOW)
    closed = store.write(cases.close(first, NOW), by=clerk.id, now=NOW).case
    store.shred(closed.id, now=NOW)
    for ask in (store.case, store.history, connect().case):
        with pytest.raises(Refused, match="its key was destroyed"):
            ask(first.id)
    left = {
        table.name: [row for row in rows(store, table) if row["case_id"] == first.id]
        for table in (tables.case_keys, tables.history, tables.document_parts, tables.request_tags)
    }
    assert left == {"case_keys": [], "history": [], "document_parts": [], "request_tags": []}
    assert connect().case(second.id) == second


def test_kept_rows_of_a_shredded_case_open_nothing_without_its_key(store, connect, two):
    clerk, (first, _) = two
    kept = {table: [dict(row) for row in rows(store, table)] for table in (tables.cases, tables.history)}
    store.write(cases.close(first, NOW), by=clerk.id, now=NOW)
    store.shred(first.id, now=NOW)
    old = next(row for row in kept[tables.cases] if row["id"] == first.id)
    changed(store, sa.update(tables.cases).where(tables.cases.c.id == first.id).values(**old))
    for row in kept[tables.history]:
        if row["case_id"] == first.id:
            changed(store, sa.insert(tables.history).values(**row))
    with pytest.raises(NotProven, match="the key of a case is gone"):
        connect().case(first.id)


# ---- leases


def test_lease_is_held_by_one_at_a_time(store, connect):
    other = connect()
    lease = store.acquire("opening-a", "one", NOW, for_s=60)
    assert other.acquire("opening-a", "two", later(seconds=59), for_s=60) is None
    assert other.acquire("opening-b", "two", NOW, for_s=60).fence == 1
    taken = other.acquire("opening-a", "two", later(seconds=60), for_s=60)
    assert (lease.fence, taken.fence) == (1, 2)
    with pytest.raises(Unavailable, match="took this over"):
        store.renew(lease, later(seconds=61), for_s=60)
    store.release(lease)  # of no effect: it was taken over
    assert store.acquire("opening-a", "three", later(seconds=61), for_s=60) is None
    other.release(taken)
    assert store.acquire("opening-a", "three", later(seconds=61), for_s=60).fence == 3


def test_lease_that_is_renewed_stays(store):
    lease = store.acquire("opening-a", "one", NOW, for_s=60)
    longer = store.renew(lease, later(seconds=50), for_s=60)
    assert store.acquire("opening-a", "two", later(seconds=100), for_s=60) is None
    assert longer.ends == later(seconds=110)


def test_writing_under_a_lost_lease_is_refused(store, connect):
    clerk, other = person(store), connect()
    made = new_case(store, clerk)
    lease = store.acquire("opening-a", "one", NOW, for_s=60)
    written = store.write(cases.add_note(made, "held"), by=None, now=NOW, lease=lease).case
    other.acquire("opening-a", "two", later(seconds=60), for_s=60)
    with pytest.raises(Unavailable, match="took this over"):
        store.write(cases.add_note(written, "lost"), by=None, now=NOW, lease=lease)
    assert store.case(made.id) == written


def test_of_many_that_want_a_lease_at_once_one_has_it(store, connect):
    stores, leases = [connect() for _ in range(6)], []
    barrier = threading.Barrier(len(stores))

    def ask(own, name):
        barrier.wait()
        leases.append(own.acquire("opening-a", f"holder-{name}", NOW, for_s=60))

    threads = [threading.Thread(target=ask, args=(own, n)) for n, own in enumerate(stores)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(leases) == 6
    assert len([lease for lease in leases if lease is not None]) == 1


# ---- notifications


def reachable(store, name="C. Clerk"):
    clerk = person(store, name)
    clerk = replace(clerk, mailbox="clerk@desk.example")
    store.update(clerk, NOW)
    return clerk


def test_notification_waits_for_each_address_of_each_person_once(store):
    anna = reachable(store)
    both = replace(reachable(store, "Bert"), hook_url="https://hook.example/x", hook_secret=bytes(32))
    store.update(both, NOW)
    silent = person(store, "Carl")
    told = [Told(person=who.id, news=News.SIGNED) for who in (anna, both, silent)]
    assert store.tell(told, later(hours=6), NOW) == 0
    assert store.tell(told, later(hours=6), NOW) == 0
    claimed = store.claim(NOW, limit=10)
    assert sorted((item.person, item.is_hook) for item in claimed) == sorted(
        [(anna.id, False), (both.id, False), (both.id, True)]
    )
    assert {(item.news, item.due, item.tries) for item in claimed} == {(News.SIGNED, later(hours=6), 0)}


def test_notification_is_claimed_by_one_process_and_again_if_it_dies(store, connect):
    clerk, other = reachable(store), connect()
    store.tell([Told(person=clerk.id, news=News.LATE)], None, NOW)
    assert len(store.claim(NOW, limit=10)) == 1
    assert other.claim(later(minutes=4), limit=10) == ()
    (again,) = other.claim(later(minutes=5), limit=10)
    other.sent(again)
    assert store.claim(later(hours=9), limit=10) == ()


def test_notification_is_tried_eight_times_and_then_given_up(store):
    clerk, now = reachable(store), NOW
    store.tell([Told(person=clerk.id, news=News.LATE)], None, NOW)
    tries = 0
    for _ in range(100):
        for item in store.claim(now, limit=1):
            tries += 1
            store.failed(item, now)
        now += dt.timedelta(hours=1)
    assert (tries, MAX_TRIES, store.given_up()) == (8, 8, 1)
    store.tell([Told(person=clerk.id, news=News.LATE)], None, now)
    assert len(store.claim(now, limit=1)) == 1


def test_notification_whose_row_was_changed_keeps_nobody_else_from_being_told(store):
    people = [person(store, f"{n}. Clerk") for n in range(3)]
    for one in people:
        store.update(replace(one, mailbox=f"{one.name[0]}@desk.example"), NOW)
    store.tell([Told(person=one.id, news=News.LATE) for one in people], None, NOW)
    first = rows(store, tables.outbox)[0]
    changed(store, sa.update(tables.outbox).where(tables.outbox.c.id == first["id"]).values(sealed=bytes(300)))
    assert len(store.claim(NOW, limit=10)) == 2
    assert store.given_up() == 1, "the operator's page says so"
    assert store.claim(later(minutes=10), limit=1) != (), "the two that were not handed over come again"


def test_queue_that_is_full_takes_no_more_and_says_so(store, monkeypatch):
    monkeypatch.setattr(outbox, "MAX_WAITING", 2)
    clerk = reachable(store)
    told = [Told(person=clerk.id, news=news) for news in (News.LATE, News.SIGNED, News.REFUSED)]
    assert store.tell(told, None, NOW) == 1
    assert len(store.claim(NOW, limit=9)) == 2


def test_assigning_tells_the_person(store):
    clerk, head = reachable(store), person(store, "Head", Role.HEAD)
    made = new_case(store, head)
    store.write(cases.assign(made, clerk.id), by=head.id, now=NOW)
    (item,) = store.claim(NOW, limit=9)
    assert (item.person, item.news, item.due) == (clerk.id, News.ASSIGNED, made.due)


def test_refused_edit_tells_nobody(store):
    clerk = reachable(store)
    made = new_case(store, clerk)
    store.write(cases.add_note(made, "x"), by=clerk.id, now=NOW)
    with pytest.raises(Conflict, match="changed it meanwhile"):
        store.write(cases.assign(made, clerk.id), by=clerk.id, now=NOW)
    assert store.claim(NOW, limit=9) == ()
