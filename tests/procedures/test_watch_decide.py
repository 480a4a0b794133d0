"""What a watch does with a file, as tables: what is seen, what was taken and the time decide; and the account of a day."""

import datetime as dt
import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coffer.cli.commands.watch import _show_account, watch
from coffer.errors import MalformedInput, NotProven
from coffer.notes.keys import Secret
from coffer.procedures.ingest.decide import FileCount
from coffer.procedures.watch.decide import (
    RESERVE_BYTES,
    Changes,
    Piece,
    Seen,
    Wait,
    decide_changes,
    decide_plan,
    decide_predecessor,
    free_bytes_needed,
    retry_after_s,
)
from coffer.procedures.watch.figures import Figures, figures_of, shown
from coffer.procedures.watch.reconcile import (
    MAX_GAP,
    add,
    aged,
    date_of,
    decide_sealed_by,
    forget,
    gaps,
    joined,
    missing_dates,
    parse_running_count,
    refuse,
    report,
    settle,
    sums_of,
)
from coffer.procedures.watch.settings import After, Order, parse_settings
from coffer.serving.figures import format_figures
from coffer.vault.watched import Delivery, Folder, Journal, Sums, Taken, WatchKey

NOW = dt.datetime(2026, 11, 29, 12, 0, tzinfo=dt.UTC)
NOW_NS = int(NOW.timestamp()) * 10**9
DAY = NOW.date()
TABLE = 'format = "coffer.watch/v1"\n[calls]\nfeed = "calls.toml"\npath = "in"\n'


def folder(text="", **changes):
    (one,) = parse_settings((TABLE + text).encode(), "watch.toml")
    return replace(one, **changes)


def taken(*, inode=1, size=100, changed=0, until=None, batch=b"b1"):
    """``changed``: seconds before now."""
    until = size if until is None else until
    return Taken(inode=(inode, 1), size=size, changed_ns=NOW_NS - changed * 10**9, until=until, batch=batch)


def seen(name="a.csv", *, age_s=60, can_grow=False, has_marker=False, is_readable=True, **fields):
    now = taken(changed=age_s, **fields)
    return Seen(
        name=name,
        key=name.encode(),
        now=now,
        touched_ns=now.changed_ns,
        can_grow=can_grow,
        has_marker=has_marker,
        is_readable=is_readable,
    )


def plan(by, files, before=None, refused=None, *, since=None, is_last=False):
    keyed = {file.key: (before or {}).get(file.name) for file in files}
    return decide_plan(
        by,
        files,
        {key: one for key, one in keyed.items() if one is not None},
        refused or {},
        now=NOW,
        since_batch_s=since,
        is_last=is_last,
    )


def outcome(made):
    """Of one file: due up to a place, finished, empty, left, or why it waits."""
    if made.batch:
        return ("due", made.batch[0].until)
    if made.finish or made.empty:
        return "finish" if made.finish else "empty"
    return made.waiting[0][1] if made.waiting else "left"


GROWS = folder("grows = true\n")
MOVES, DELETES = folder(after=After.MOVE, to="done"), folder(after=After.DELETE)
FILES = {
    "settled": (folder(), seen(age_s=30), None, ("due", None)),
    "just changed": (folder(), seen(age_s=29), None, Wait.SETTLING),
    "dated ahead": (folder(), seen(age_s=-5), None, Wait.SETTLING),
    "renamed a moment ago": (folder(), replace(seen(age_s=900), touched_ns=NOW_NS), None, Wait.SETTLING),
    "empty and settled": (folder(), seen(size=0), None, "empty"),
    "of another user": (folder(), seen(is_readable=False), None, Wait.UNREADABLE),
    "no marker": (folder('marker = ".done"\n'), seen(age_s=999), None, Wait.MARKER),
    "marker": (folder('marker = ".done"\n'), seen(age_s=0, has_marker=True), None, ("due", None)),
    "taken and kept": (folder(), seen(), taken(changed=60), "left"),
    "taken and to be moved": (MOVES, seen(), taken(changed=60), "finish"),
    "taken and to be deleted": (DELETES, seen(), taken(changed=60), "finish"),
    "known and to be moved": (MOVES, seen(), taken(changed=60, batch=b""), "finish"),
    "known and not deleted": (DELETES, seen(), taken(changed=60, batch=b""), Wait.KNOWN),
    "empty and to be deleted": (DELETES, seen(size=0), taken(size=0, changed=60, batch=b""), "finish"),
    "taken and longer": (MOVES, seen(size=101), taken(changed=60), ("due", None)),
    "taken and another file": (MOVES, seen(inode=2), taken(changed=60), ("due", None)),
    "taken and written again": (MOVES, seen(age_s=40), taken(changed=60), ("due", None)),
    "grows": (GROWS, seen(age_s=0, until=90, can_grow=True), None, ("due", 90)),
    "grows without a line": (GROWS, seen(age_s=0, until=0, can_grow=True), None, Wait.TORN),
    "grew by half a line": (GROWS, seen(age_s=0, until=90, can_grow=True), taken(size=95, until=90), Wait.TORN),
    "waits for its last line": (GROWS, seen(until=90, can_grow=True), taken(changed=60, until=90), Wait.TORN),
    "grew by a line": (GROWS, seen(age_s=0, can_grow=True), taken(size=95, until=90), ("due", 100)),
    "was truncated": (GROWS, seen(age_s=0, size=50, can_grow=True), taken(size=95), ("due", 50)),
    "was truncated to nothing": (GROWS, seen(age_s=0, size=0), taken(size=95), "left"),
    "was rotated": (GROWS, seen(age_s=0, inode=2, can_grow=True), taken(size=100, changed=60), ("due", 100)),
    "was packed": (GROWS, seen(age_s=60, can_grow=False), None, ("due", None)),
    "is being packed": (GROWS, seen(age_s=0, can_grow=False), None, Wait.SETTLING),
}


@pytest.mark.parametrize(("by", "file", "before", "expected"), FILES.values(), ids=FILES)
def test_what_is_done_with_a_file(by, file, before, expected):
    assert outcome(plan(by, [file], {file.name: before})) == expected


def test_a_refused_file_is_tried_again_once_it_changed():
    file = seen()
    assert outcome(plan(folder(), [file], refused={file.key: file.now})) is Wait.REFUSED
    assert outcome(plan(folder(), [file], refused={file.key: replace(file.now, size=99)})) == ("due", None)


BATCHES = {
    "all of few": ({}, None, False, "abcd"),
    "as many as are allowed": ({"batch_files": 3}, None, False, "abc"),
    "as many bytes as are allowed": ({"batch_bytes": 250}, None, False, "ab"),
    "one that is too large alone": ({"batch_bytes": 10}, None, False, "a"),
    "none so soon": ({}, 59.0, False, ""),
    "all again": ({}, 60.0, False, "abcd"),
    "a full one at once": ({"batch_files": 4}, 1.0, False, "abcd"),
    "all of the last": ({}, 1.0, True, "abcd"),
}


@pytest.mark.parametrize(("changes", "since", "is_last", "names"), BATCHES.values(), ids=BATCHES)
def test_which_files_are_a_batch(changes, since, is_last, names):
    files = [seen(name) for name in "dcba"]
    made = plan(folder(**changes), files, since=since, is_last=is_last)
    assert "".join(piece.seen.name for piece in made.batch) == names
    assert {wait for _, wait in made.waiting} <= {Wait.BATCH}
    assert len(made.batch) + len(made.waiting) == 4
    assert made.reasons() == ({"batch": 4 - len(names)} if len(names) < 4 else {})


def test_files_are_ordered_by_name_or_by_age():
    files = [seen("a", age_s=40), seen("b", age_s=50), seen("c", age_s=50)]
    assert [piece.seen.name for piece in plan(folder(), files).batch] == ["a", "b", "c"]
    assert [piece.seen.name for piece in plan(folder(order=Order.MTIME), files).batch] == ["b", "c", "a"]


def piece(file, until=100):
    return Piece(seen=file, until=until, size_bytes=10)


def test_what_became_of_a_growing_file_is_seen():
    current = seen(size=100, inode=1, can_grow=True)
    key = current.key
    rotated = seen("a.csv.1", inode=7, age_s=300)
    packed = seen("a.csv.1.gz", inode=8, age_s=5)
    was = taken(inode=7, size=200, changed=20)
    for before, files, expected in (
        (taken(size=90), [current], Changes()),
        (taken(size=200), [current], Changes(truncated=1)),
        (was, [current, rotated], Changes(rotated=1)),
        (was, [current, packed], Changes(rotated=1)),
        (was, [current], Changes(rotated=1, lost_sight=1)),
    ):
        assert decide_changes([piece(current)], files, {key: before}) == expected
    assert decide_changes([piece(current, until=None)], [current], {key: was}) == Changes()


def test_events_go_on_from_the_newest_older_file_that_is_known():
    current = seen("m", age_s=0, inode=3, can_grow=True)
    older, oldest = seen("m.1", age_s=50, until=90, can_grow=True), seen("m.2", age_s=90, can_grow=True)
    known = {file.key: file.now for file in (older, oldest)}
    before = decide_predecessor(piece(current), [current, oldest, older], known)
    assert (before.seen.name, before.until, before.size_bytes) == ("m.1", 90, 0)
    assert decide_predecessor(piece(oldest), [current, oldest, older], known) is None
    assert decide_predecessor(piece(current), [current, older], {}) is None


def test_pressure_goes_back_slowly():
    assert [retry_after_s(n) for n in (1, 2, 3, 4, 5, 6, 99)] == [1, 5, 15, 60, 300, 300, 300]
    assert free_bytes_needed([piece(seen()), piece(seen())]) == RESERVE_BYTES + 40


SETTINGS = {
    "no format": ("[calls]\n", "format: missing"),
    "no folder": ('format = "coffer.watch/v1"\n', "0 folders"),
    "an odd name": (TABLE + '["+33612345678"]\n', "a table has an odd name"),
    "an unknown key": (TABLE + "settle = 3\n", "unknown key"),
    "no path": (TABLE.replace('path = "in"', 'path = ""'), "path: is empty"),
    "a pattern of folders": (TABLE + 'glob = "a/*.csv"\n', "glob: holds a slash"),
    "too long a wait": (TABLE + "settle_seconds = 86401\n", "settle_seconds: expected a whole number from 0 to 86,400"),
    "a wait that is no number": (TABLE + "settle_seconds = true\n", "settle_seconds: found true or false"),
    "a batch of nothing": (TABLE + "batch_files = 0\n", "batch_files: expected"),
    "an odd marker": (TABLE + 'marker = "done"\n', "marker: expected a suffix"),
    "moved to nowhere": (TABLE + 'after = "move"\n', "to: expected exactly where"),
    "kept and moved": (TABLE + 'to = "done"\n', "to: expected exactly where"),
    "another policy": (TABLE + 'after = "burn"\n', "after: expected one of keep, move, delete"),
    "grows and is deleted": (TABLE + 'grows = true\nafter = "delete"\n', "a file that grows stays"),
    "grows and is complete": (TABLE + 'grows = true\nmarker = ".ok"\n', "a file that grows is never complete"),
}


@pytest.mark.parametrize(("text", "message"), SETTINGS.values(), ids=SETTINGS)
def test_settings_that_are_refused(text, message):
    with pytest.raises(MalformedInput, match=r"^watch\.toml: ") as caught:
        parse_settings(text.encode(), "watch.toml")
    assert message in caught.value.message


def test_settings_have_defaults_and_wanted_names():
    one = folder()
    assert (one.settle_s, one.batch_files, one.batch_bytes, one.batch_s) == (30, 1_000, 2**30, 60)
    assert (one.after, one.order, one.grows, one.is_daily) == (After.KEEP, Order.NAME, False, False)
    marked = folder('glob = ["*.csv", "x*"]\nmarker = ".done"\n')
    assert marked.settle_s == 0
    names = ("a.csv", "x1", ".a.csv", "a.CSV", "x.done", "b")
    assert [name for name in names if marked.is_wanted(name)] == ["a.csv", "x1"]


NUMBERED = {
    "NODE1_-_17.20261129_-_2315+0100": ("NODE1", 17),
    "NODE1_-_17.20261129_-_2315+0100_-_2_-_x.dat": ("NODE1", 17),
    "MSC_-_A_-_1.20261129_-_2315-0100.ber": ("MSC_-_A", 1),
    "calls-20261129.csv": None,
    "_-_17.20261129_-_2315+0100": None,
}


@pytest.mark.parametrize(("name", "expected"), NUMBERED.items(), ids=NUMBERED)
def test_numbers_are_found_in_names_as_ts_32_297_makes_them(name, expected):
    assert parse_running_count(name) == expected


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("cdr-2026-11-27.csv", 27),
        ("cdr_20261127.csv", 27),
        ("cdr20261127T2315.csv", 27),
        ("cdr202611272315.csv", 27),
        ("cdr20261127231559.csv", 27),
        ("cdr-2026-11_27.csv", 29),
        ("20261126-20261127.csv", 29),
        ("call-202611271.csv", 29),
        ("cdr-20260231.csv", 29),
        ("Master.csv", 29),
    ],
)
def test_a_file_is_for_the_date_in_its_name_else_for_the_day_it_changed(name, day):
    assert date_of(name, NOW_NS) == dt.date(2026, 11, day)


def test_gaps_are_between_the_numbers_that_came():
    assert joined([(5, 6), (1, 2), (3, 3), (9, 9), (9, 12)]) == [(1, 3), (5, 6), (9, 12)]
    assert gaps([(1, 3), (5, 6), (9, 12)]) == [(4, 4), (7, 8)]
    assert gaps([(1, 1), (MAX_GAP + 2, MAX_GAP + 2)]) == [(2, MAX_GAP + 1)]
    assert gaps([(1, 1), (MAX_GAP + 3, MAX_GAP + 3)]) == [], "the counter began anew"


def test_missing_dates_begin_with_the_first_that_came():
    days = [dt.date(2026, 11, day) for day in range(24, 30)]
    assert missing_dates([days[0], days[1], days[3]], days[5]) == [days[2], days[4], days[5]]
    assert missing_dates([], DAY) == missing_dates([DAY], DAY) == []


def delivered(name="a.csv", day=DAY, batch=b"b1", numbers=(), **sums):
    return Delivery(
        folder="calls",
        day=day,
        taken={name.encode(): taken(batch=batch)},
        sums=Sums(**sums),
        numbers=list(numbers),
        dates=[day],
    )


def test_what_is_pending_counts_only_if_the_log_has_it():
    journal = replace(Journal(), pending=delivered(kept=5, read=5), pending_batch=b"b1")
    assert settle(journal, is_logged=False) == Journal()
    settled = settle(journal, is_logged=True)
    assert settled == add(Journal(), delivered(kept=5, read=5))
    assert (settled.folders["calls"].days[DAY].kept, settled.pending) == (5, None)
    assert settle(settled, is_logged=True) == settled, "nothing is pending: nothing counts twice"


@pytest.mark.parametrize(
    ("known", "before", "batch"),
    [
        (0, None, b"b2"),
        (5, None, b""),
        (5, taken(batch=b"b1"), b"b2"),
        (5, taken(batch=b""), b""),
        (5, taken(batch=b"b1", inode=2), b""),
    ],
    ids=["new", "known by a fingerprint", "grown", "grown and known", "another file"],
)
def test_a_file_is_sealed_by_a_batch_only_if_that_is_sure(known, before, batch):
    files = {"a.csv": FileCount(name="a.csv", read=9, kept=9 - known, duplicate=known, known=known)}
    made = decide_sealed_by(files, [piece(seen())], {b"a.csv": before} if before else {}, b"b2")
    assert [one.batch for one in made.values()] == [batch]


def test_numbers_that_come_again_are_counted():
    journal = add(Journal(), delivered(numbers=[(b"n", 1), (b"n", 2), (b"m", 9)]))
    journal = add(journal, delivered(numbers=[(b"n", 2), (b"n", 5)]))
    assert {chain.node: chain.ranges for chain in journal.folders["calls"].chains} == {
        b"n": [(1, 2), (5, 5)],
        b"m": [(9, 9)],
    }
    assert journal.folders["calls"].days[DAY].repeated == 1


def test_sums_are_exact_for_two_days_then_rounded_and_in_the_end_gone():
    journal = add(Journal(), delivered(read=3000, kept=2000, duplicate=1000, rejected=7, skipped=9))
    for days, expected in ((1, (3000, 2000, 1000, 7, 9)), (2, (2048, 1024, 0, 7, 9)), (35, (2048, 1024, 0, 7, 9))):
        sums = aged(journal, DAY + dt.timedelta(days=days)).folders["calls"].days[DAY]
        assert (sums.read, sums.kept, sums.duplicate, sums.rejected, sums.skipped) == expected
        assert sums.is_exact == (days == 1)
    assert aged(journal, DAY + dt.timedelta(days=36)).folders["calls"].days == {}
    assert aged(journal, DAY) is journal


def test_a_file_is_forgotten_with_its_batch_or_its_name():
    journal = add(add(Journal(), delivered("a")), delivered("b", batch=b"b2"))
    assert set(forget(journal, "calls", [b"a", b"b"], lambda _batch: True).folders["calls"].taken) == {b"a", b"b"}
    assert set(forget(journal, "calls", [b"a", b"b"], lambda batch: batch != b"b2").folders["calls"].taken) == {b"a"}
    assert set(forget(journal, "calls", [b"b"], lambda _batch: True).folders["calls"].taken) == {b"b"}
    assert forget(journal, "others", [], lambda _batch: True) is journal


def test_refusals_are_of_one_feed_file():
    journal = refuse(refuse(Journal(), "calls", b"f1", b"a", taken(), "odd"), "calls", b"f1", b"b", taken(), "odd")
    assert set(journal.folders["calls"].refused) == {b"a", b"b"}
    assert set(refuse(journal, "calls", b"f2", b"c", taken(), "bad").folders["calls"].why) == {b"c"}
    assert journal.folders["calls"].taken == Folder().taken


def test_what_was_sealed_before_is_in_no_sum():
    files = [
        FileCount(name="new", read=10, kept=7, rejected=Counter({"bad-time": 2}), duplicate=1, skipped=Counter(x=4)),
        FileCount(name="grown", read=10, kept=3, duplicate=7, known=7),
        FileCount(name="known", read=10, duplicate=10, known=10, is_known=True, skipped=Counter(x=4)),
    ]
    assert sums_of(files, has_batch=True) == Sums(
        files=1,
        grown=1,
        known=1,
        batches=1,
        read=13,
        kept=10,
        rejected=2,
        duplicate=1,
        skipped=4,
        reasons={"bad-time": 2},
        skips={"x": 4},
    )


def test_the_account_says_why_lines_were_skipped(capfd):
    file = FileCount(name="new", read=1, kept=1, skipped=Counter({"row-left-out": 1_200, "comment": 3}))
    journal = add(Journal(), replace(delivered(), sums=sums_of([file], has_batch=True)))
    one = report(
        journal.folders["calls"], "calls", DAY, today=DAY, is_daily=False, waiting=(), unfinished=0, unfit=0, trouble=""
    )
    _show_account([one], DAY, as_json=False)
    told = capfd.readouterr().out
    assert told.index("calls: 1,200 skipped as row-left-out") < told.index("calls: 3 skipped as comment")
    _show_account([one], DAY, as_json=True)
    assert json.loads(capfd.readouterr().out)["folders"][0]["skips"] == {"comment": 3, "row-left-out": 1_200}


def test_figures_tell_no_exact_number_of_records():
    figures = Figures(
        sums=Sums(files=2, read=3000, kept=1023, rejected=7), waiting={"torn": 1}, oldest_ns=NOW_NS - 5 * 10**9
    )
    lines = format_figures(figures_of({"calls": figures}, free_bytes=99, now=NOW)).splitlines()
    for line in (
        'coffer_watch_files_total{folder="calls"} 2',
        'coffer_watch_records_total{folder="calls",what="read"} 2048',
        'coffer_watch_records_total{folder="calls",what="kept"} 0',
        'coffer_watch_records_total{folder="calls",what="rejected"} 7',
        'coffer_watch_waiting_files{folder="calls",why="torn"} 1',
        'coffer_watch_oldest_waiting_seconds{folder="calls"} 5',
        "coffer_watch_free_bytes 99",
    ):
        assert line in lines
    assert [shown(count) for count in (0, 1, 1023, 1024, 3000)] == [
        "0",
        "under 1,024",
        "under 1,024",
        "1,024+",
        "2,048+",
    ]


KEY = WatchKey(Secret(b"k" * 32, "file key"), "test.example/vault")


@given(st.binary(max_size=100))
def test_what_is_no_journal_is_refused(raw):
    with pytest.raises((MalformedInput, NotProven), match=r"^watched: "):
        KEY.unseal(raw)


def test_a_journal_is_read_as_it_was_written_and_no_byte_of_it_may_change():
    journal = refuse(
        add(Journal(), delivered(numbers=[(b"n", 1)], kept=3, reasons={"bad-time": 1})), "b", b"f", b"k", taken(), "odd"
    )
    journal = replace(journal, pending=delivered(), pending_batch=b"b2")
    sealed = KEY.seal(journal, lambda size: b"n" * size)
    assert KEY.unseal(sealed) == journal
    assert len(sealed) % 4096 == 28, "its size tells little"
    for at in (0, 12, len(sealed) - 1):
        changed = bytearray(sealed)
        changed[at] ^= 1
        with pytest.raises(NotProven, match=r"^watched: was changed"):
            KEY.unseal(bytes(changed))
    with pytest.raises(NotProven, match=r"^watched: was changed"):
        WatchKey(Secret(b"k" * 32, "file key"), "other.example/vault").unseal(sealed)


def test_the_settings_of_the_page_and_of_the_help_are_settings():
    page = (Path(__file__).parents[2] / "docs/formats/watch.md").read_text()
    example = re.search(r"```toml\n(.*?)```", page, re.DOTALL)[1]
    assert [one.name for one in parse_settings(example.encode(), "page")] == ["switch", "exchange", "pbx"]
    shown = watch.epilog.partition("for example:\n")[2]
    assert [one.name for one in parse_settings(shown.encode(), "help")] == ["calls", "pbx", "switch"]
    page = (Path(__file__).parents[2] / "docs/formats/topics.md").read_text()
    example = re.search(r"```toml\n(.*?)```", page, re.DOTALL)[1]
    without = re.sub(r"(?m)^(group|batch_\w+|generation) = .*$", "", example)
    (topic,), (bare,) = parse_settings(example.encode(), "page"), parse_settings(without.encode(), "page")
    assert topic == bare, "the page shows every default"


def test_the_page_names_every_reason_for_which_a_file_waits():
    page = (Path(__file__).parents[2] / "docs/formats/watch.md").read_text()
    (said,) = re.findall(r"^`why` is .*?\.", page, re.MULTILINE | re.DOTALL)
    assert re.findall(r"`([a-z]+)`", said)[1:] == [wait.name.lower() for wait in Wait]
