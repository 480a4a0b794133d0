"""The desk's people and their sessions, on SQLite and on a real PostgreSQL server."""

import os
from dataclasses import replace

import pytest
import sqlalchemy as sa
from keeping import changed, rows
from making import NOW, later, passkey, person

from coffer.desk.people import Role
from coffer.desk.store import tables
from coffer.errors import MalformedInput, NotProven, Refused
from coffer.passkeys.invitations import hash_code


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
