"""What is noticed when somebody changes the desk's database, and what is left of a case that was destroyed."""

import os

import pytest
import sqlalchemy as sa
from keeping import changed, read_whole, rows
from making import NOW, document, new_case, person

from coffer.desk import edits
from coffer.desk.case import Stage
from coffer.desk.store import tables
from coffer.errors import NotProven, Refused


@pytest.fixture
def two(store):
    """Two cases of one clerk, each with a document and two events."""
    clerk = person(store)
    made = [new_case(store, clerk, number=f"12/{n}") for n in range(2)]
    added = [store.write(edits.add_documents(case, [document(b"a" * 10)]), by=clerk.id, now=NOW).case for case in made]
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
    store.write(edits.close(first, NOW), by=clerk.id, now=NOW)
    changed(store, sa.update(tables.cases).where(tables.cases.c.id == first.id).values(**old))
    with pytest.raises(NotProven, match="put back"):
        connect().case(first.id)


def test_case_put_back_with_its_history_is_noticed_by_a_process_that_saw_the_newer(store, connect, two):
    clerk, (first, _) = two
    old = next(row for row in rows(store, tables.cases) if row["id"] == first.id)
    store.write(edits.close(first, NOW), by=clerk.id, now=NOW)
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
    closed = store.write(edits.close(first, NOW), by=clerk.id, now=NOW).case
    old = next(row for row in rows(store, tables.cases) if row["id"] == first.id)
    store.write(edits.add_note(closed, "n"), by=clerk.id, now=NOW)
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
    store.write(edits.close(second, NOW), by=clerk.id, now=NOW)
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
        edits.add_documents(new_case(store, clerk), [document(os.urandom(2**20 + 5))]), by=clerk.id, now=NOW
    )
    assert len(store.document(made.case.id, made.case.documents[0].id)) == 2**20 + 5
    assert changed(store, sa.delete(tables.document_parts).where(tables.document_parts.c.number == 1)) == 1
    with pytest.raises(NotProven, match="not the one that the case names"):
        store.document(made.case.id, made.case.documents[0].id)


def test_case_that_was_shredded_is_gone_for_everybody(store, connect, two):
    clerk, (first, second) = two
    with pytest.raises(Refused, match="only a closed one"):
        store.shred(first.id, now=NOW)
    closed = store.write(edits.close(first, NOW), by=clerk.id, now=NOW).case
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
    store.write(edits.close(first, NOW), by=clerk.id, now=NOW)
    store.shred(first.id, now=NOW)
    old = next(row for row in kept[tables.cases] if row["id"] == first.id)
    changed(store, sa.update(tables.cases).where(tables.cases.c.id == first.id).values(**old))
    for row in kept[tables.history]:
        if row["case_id"] == first.id:
            changed(store, sa.insert(tables.history).values(**row))
    with pytest.raises(NotProven, match="the key of a case is gone"):
        connect().case(first.id)
