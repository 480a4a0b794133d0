"""Leases and notifications in the desk's database: one at a time, and none lost."""

import datetime as dt
import threading
from dataclasses import replace

import pytest
import sqlalchemy as sa
from keeping import changed, rows
from making import NOW, later, new_case, person

from coffer.desk import edits
from coffer.desk.case import Told
from coffer.desk.people import Role
from coffer.desk.port import Conflict
from coffer.desk.store import outbox, tables
from coffer.errors import Unavailable
from coffer.notify.message import News
from coffer.notify.retries import MAX_TRIES


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
    written = store.write(edits.add_note(made, "held"), by=None, now=NOW, lease=lease).case
    other.acquire("opening-a", "two", later(seconds=60), for_s=60)
    with pytest.raises(Unavailable, match="took this over"):
        store.write(edits.add_note(written, "lost"), by=None, now=NOW, lease=lease)
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
    store.write(edits.assign(made, clerk.id), by=head.id, now=NOW)
    (item,) = store.claim(NOW, limit=9)
    assert (item.person, item.news, item.due) == (clerk.id, News.ASSIGNED, made.due)


def test_refused_edit_tells_nobody(store):
    clerk = reachable(store)
    made = new_case(store, clerk)
    store.write(edits.add_note(made, "x"), by=clerk.id, now=NOW)
    with pytest.raises(Conflict, match="changed it meanwhile"):
        store.write(edits.assign(made, clerk.id), by=clerk.id, now=NOW)
    assert store.claim(NOW, limit=9) == ()
