"""The marks of repeats: the product and the auditor agree on any rows, and what they promise holds."""

import datetime as dt
from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from coffer.disclosure.records_csv import format_records
from coffer.disclosure.repeats import OVERTAKEN, REPEATED, BatchRow, mark_repeats, mark_superseded
from coffer.segments.opened import OpenedRow
from coffer_audit.answer.repeats import Told
from coffer_audit.answer.repeats import mark_repeats as audited
from coffer_audit.answer.repeats import mark_superseded as audited_superseded

START = dt.datetime(2016, 9, 1, 10, tzinfo=dt.UTC)


SUBJECTS = ["tel:+33612345678", "imei:490154203237518", "imsi:208011234567890", "tel:+33611111111"]


def opened(peer, second, duration, answered, line=1, number=""):
    return OpenedRow(
        line=line,
        subject=SUBJECTS[line - 1],
        kind="call",
        direction="out",
        peer=peer,
        start=START + dt.timedelta(seconds=second),
        duration_s=duration,
        is_saturated=False,
        is_answered=answered,
        cell="",
        imei="",
        imsi="",
        number=number,
    )


rows = st.builds(
    opened,
    peer=st.sampled_from(["tel:+33698765432", ""]),
    second=st.integers(0, 1),
    duration=st.integers(0, 11),
    answered=st.booleans(),
    line=st.integers(1, 4),
    number=st.sampled_from(["", SUBJECTS[0]]),
)
tolds = st.lists(
    st.builds(BatchRow, batch=st.integers(1, 3), feed=st.sampled_from(["calls", "sip"]), row=rows), max_size=14
)


def columns(row):
    start = row.start.strftime("%Y-%m-%dT%H:%M:%SZ")
    answered = "true" if row.is_answered else "false"
    return (row.kind, row.direction, row.peer, start, str(row.duration_s), answered, "", row.number, "", "")


def audited_row(one):
    is_device = one.row.line in (2, 3)
    return Told(batch=one.batch, feed=one.feed, subject=one.row.line, row=columns(one.row), is_device=is_device)


def owned(row):
    """The columns, and whose row it is: another line's row of the same number is the same record."""
    return (row.number or ("" if row.line in (2, 3) else row.line), *columns(row))


@given(tolds)
def test_product_and_auditor_mark_the_same(given_rows):
    marked = mark_repeats(given_rows)
    told = [audited_row(one) for one in given_rows]
    theirs = Counter(((one.subject, one.row), mark) for one, mark in zip(told, audited(told), strict=True))
    assert theirs == Counter(((row.line, columns(row)), row.repeat) for row in marked)
    assert len(marked) == len(given_rows)


@given(tolds)
def test_nothing_is_marked_where_all_is_of_one_batch_and_line_and_something_always_stays(given_rows):
    one_batch = [BatchRow(batch=1, feed=one.feed, row=replace(one.row, line=1)) for one in given_rows]
    assert {row.repeat for row in mark_repeats(one_batch)} <= {""}
    left = {owned(row)[:5] for row in mark_repeats(given_rows) if not row.repeat}
    assert left == {owned(one.row)[:5] for one in given_rows}, "an event of which every row is marked"


def test_a_record_that_several_lines_find_stands_once_and_two_lines_of_people_do_not_meet():
    def marks(*given_rows):
        told = [
            BatchRow(batch=batch, feed="cells", row=opened("", 0, 5, answered=True, line=line, number=who))
            for batch, line, who in given_rows
        ]
        return sorted((row.line, row.repeat) for row in mark_repeats(told))

    person = SUBJECTS[0]
    assert marks((1, 1, person), (1, 2, person), (1, 3, person)) == [(1, ""), (2, REPEATED), (3, REPEATED)]
    assert marks((1, 2, person), (1, 2, person), (1, 1, person)) == [(1, REPEATED), (2, ""), (2, "")], "told twice"
    assert marks((1, 2, ""), (1, 3, "")) == [(2, ""), (3, REPEATED)], "a withheld number"
    assert marks((1, 1, ""), (1, 4, "")) == [(1, ""), (4, "")], "rows that do not say their number"
    assert marks((1, 1, ""), (1, 2, "")) == [(1, ""), (2, "")]
    assert marks((2, 1, person), (1, 2, person)) == [(1, REPEATED), (2, "")], "the earliest batch"


def superseded(told):
    """The same rows as those of superseded batches; batches of living rows have odd numbers, these have even ones."""
    return [replace(one, batch=2 * one.batch, row=replace(one.row, superseded=f"{one.batch:032x}")) for one in told]


def living(told):
    return [replace(one, batch=2 * one.batch + 1) for one in told]


@given(tolds, tolds)
def test_product_and_auditor_mark_the_same_superseded_rows(old, new):
    old, new = superseded(old), living(new)
    marked = mark_superseded(old, new)
    told = [[audited_row(one) for one in some] for some in (old, new)]
    marks = zip(told[0], audited_superseded(*told), strict=True)
    theirs = Counter(((one.subject, one.row), mark) for one, mark in marks)
    assert theirs == Counter(((row.line, columns(row)), row.repeat) for row in marked)
    assert Counter(row.superseded for row in marked) == Counter(one.row.superseded for one in old)


@given(tolds, tolds)
def test_what_no_other_batch_tells_is_never_marked_and_superseded_rows_mark_no_other(old, new):
    old, new = superseded(old), living(new)
    left = {owned(row)[:5] for row in mark_superseded(old, new) if not row.repeat}
    told = {owned(one.row)[:5] for one in new}
    assert {owned(one.row)[:5] for one in old} <= left | told, "an event that stands nowhere"
    assert Counter((columns(row), row.repeat) for row in mark_superseded(old, [])) == Counter(
        (columns(row), row.repeat) for row in mark_repeats(old)
    )


def test_superseded_marks_by_hand():
    def at(batch, duration, *, old=False):
        found = BatchRow(batch=batch, feed="calls", row=opened("tel:+33698765432", 0, duration, duration > 0))
        return replace(found, row=replace(found.row, superseded="ab" * 16)) if old else found

    def marks(old, new):
        return sorted((row.duration_s, row.repeat) for row in mark_superseded(old, new))

    assert marks([at(1, 5, old=True)], []) == [(5, "")]
    assert marks([at(1, 5, old=True)], [at(2, 5)]) == [(5, REPEATED)]
    assert marks([at(2, 5, old=True)], [at(1, 5)]) == [(5, REPEATED)], "whatever came first"
    assert marks([at(1, 5, old=True), at(1, 5, old=True)], [at(2, 5)]) == [(5, ""), (5, REPEATED)], "two were there"
    assert marks([at(1, 5, old=True), at(2, 5, old=True)], []) == [(5, ""), (5, REPEATED)], "two batches, one record"
    assert marks([at(1, 5, old=True)], [at(2, 9)]) == [(5, OVERTAKEN)]
    assert marks([at(2, 9, old=True)], [at(1, 5)]) == [(9, "")], "the last word is told by the superseded batch alone"
    both = [at(1, 5, old=True), at(1, 9, old=True)]
    assert marks(both, [at(2, 9)]) == [(5, ""), (9, REPEATED)], "a row that tells another again overtakes no third"


def test_marks_by_hand():
    def at(batch, duration, feed="calls"):
        return BatchRow(batch=batch, feed=feed, row=opened("tel:+33698765432", 0, duration, duration > 0))

    def marks(*told):
        found = format_records(mark_repeats(told)).decode().splitlines()[1:]
        return [tuple(line.split(",")[i] for i in (5, 6, 8)) for line in found]

    assert marks(at(1, 5), at(1, 5)) == [("5", "true", "")] * 2
    assert marks(at(1, 5), at(2, 5, "sip")) == [("5", "true", ""), ("5", "true", REPEATED)]
    assert marks(at(1, 5), at(2, 5), at(2, 5)) == [("5", "true", "")] * 2 + [("5", "true", REPEATED)]
    assert marks(at(1, 5), at(1, 5), at(2, 5)) == [("5", "true", "")] * 2 + [("5", "true", REPEATED)]
    assert marks(at(1, 0), at(2, 9)) == [("0", "false", OVERTAKEN), ("9", "true", "")]
    assert marks(at(1, 0), at(2, 9, "sip")) == [("0", "false", ""), ("9", "true", "")], "another feed's clock"
