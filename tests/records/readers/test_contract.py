"""What ``records/readers/port.py`` promises, tried on every reader that sees files in order."""

import re
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coffer.errors import MalformedInput
from coffer.records.readers.formats import FORMATS, format_named
from coffer.records.rejects import Reason
from source_files import CANARY, CASES, WINDOW, counts, pieces, read, table

IN_ORDER = sorted(form.name for form in FORMATS if form.open is not None)
JOINING = [
    "asterisk", "cucm", "freeswitch-json", "freeswitch-xml", "kamailio", "kamailio-sqlite", "twilio-calls",
]  # fmt: skip
LINES = [name for name in sorted(CASES) if CASES[name].is_lines and name != "twilio-messages"]
ALL = sorted(CASES)


def test_every_reader_has_a_case_here_or_a_suite_of_its_own():
    elsewhere = {"ber", "exchange", "exim", "postfix"}
    assert {name for name in IN_ORDER if not any(name.startswith(other) for other in elsewhere)} == set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_each_source_record_is_accounted_for_once_and_each_event_kept_once(name):
    case = CASES[name]
    found = read(case, [case.data])
    records, kept, rejected, merged = counts(found)
    assert (records, kept) == (case.records, case.events)
    assert kept + rejected + merged == case.records
    places = [row["line"] for row in table(found)[0][0]] + [line for line, _, _ in table(found)[0][1]]
    assert len(set(places)) == len(places)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("size", [1, 7, 100, 1000])
def test_pieces_of_any_size_give_the_same(name, size):
    case = CASES[name]
    assert table(read(case, [case.data], size=size)) == table(read(case, [case.data]))


@pytest.mark.parametrize("name", ALL)
def test_a_second_file_begins_afresh_and_legs_in_another_file_are_still_joined(name):
    case = CASES[name]
    twice = table(read(case, [case.data, case.data]))
    once = table(read(case, [case.data]))[0]
    if name not in JOINING:
        assert twice[0] == twice[1] == once
        return
    calls = [{**row, "line": 0} for rows, *_ in twice.values() for row in rows if row["kind"] == 1]
    assert sorted(map(str, calls)) == sorted(str({**row, "line": 0}) for row in once[0] if row["kind"] == 1)
    assert counts(read(case, [case.data, case.data]))[0] == 2 * case.records


@pytest.mark.parametrize("name", LINES)
def test_a_log_cut_at_any_byte_gives_the_records_before_and_one_reject(name):
    case = CASES[name]
    whole = table(read(case, [case.data]))[0]
    shown = sum(whole[3].values())
    heading = case.data.count(b"\n") - case.records - shown
    for cut in range(1, len(case.data), 5):
        part = case.data[:cut]
        found = read(case, [part])
        records, _, _, _ = counts(found)
        cut_off = [
            place for one in found for place in one.parsed.rejects.lines[one.parsed.rejects.reasons == Reason.CUT_OFF]
        ]
        skipped = sum(one.parsed.skipped.total() for one in found)
        is_whole = part.endswith(b"\n")
        assert len(cut_off) <= (0 if is_whole else 1)
        lines = part.count(b"\n") - min(heading, part.count(b"\n"))
        assert records + skipped == lines + (0 if is_whole else 1), cut


@pytest.mark.parametrize("name", ["freeswitch-json", "freeswitch-xml"])
def test_call_records_cut_at_any_byte_give_those_before_and_one_reject(name):
    case = CASES[name]
    ends = [m.end() for m in re.finditer(rb"</cdr>" if name.endswith("xml") else rb"(?m)\}$", case.data)]
    for cut in range(1, len(case.data), 13):
        found = read(case, [case.data[:cut]])
        whole = sum(end <= cut for end in ends)
        rest = case.data[ends[whole - 1] if whole else 0 : cut].strip()
        records, _, rejected, _ = counts(found)
        assert (records, rejected) == (whole + bool(rest), int(bool(rest))), cut


def test_a_database_cut_at_any_page_gives_rows_before_and_one_reject():
    case = CASES["kamailio-sqlite"]
    for cut in range(1, len(case.data), 997):
        found = read(case, [case.data[:cut]])
        reasons = [Reason(r) for one in found for r in one.parsed.rejects.reasons.tolist()]
        assert reasons.count(Reason.CUT_OFF) == 1
        assert counts(found)[0] <= case.records + 1


def test_a_parquet_file_that_was_cut_off_is_one_reject():
    case = CASES["parquet"]
    for cut in range(1, len(case.data), 101):
        assert counts(read(case, [case.data[:cut]])) == (1, 0, 1, 0)


@pytest.mark.parametrize("name", ALL)
def test_no_byte_of_content_reaches_a_record_a_reject_a_message_or_a_repr(name):
    case = CASES[name]
    assert case.data.count(CANARY.encode()) >= case.records // 2
    reader = format_named(name).open(case.feed, WINDOW)
    shown = [repr(reader), repr(case.feed)]
    for data in (case.data, *broken(case.data)):
        try:
            found = read(case, [data], size=500)
        except MalformedInput as error:
            shown += [str(error), repr(error), str(error.hint)]
            continue
        shown += [repr(one) + repr(one.parsed) + repr(one.parsed.merged) + repr(one.parsed.skipped) for one in found]
        shown += [repr(one.parsed.batch.to_pylist()) + repr(one.parsed.rejects) for one in found]
    assert [text[:200] for text in shown if CANARY in text] == []


def broken(data):
    """The file with quotes, brackets, separators or line ends missing, one kind each, so that fields run into one another."""
    for byte in b'"]}[{:;,>=\n':
        yield data.replace(bytes([byte]), b"")
        yield data.replace(bytes([byte]), b"", 1)
        yield data.replace(bytes([byte]), bytes([byte]) * 2)
    yield data.replace(CANARY.encode(), CANARY.encode() + b"\xff\xfe")


@pytest.mark.parametrize("name", JOINING)
@pytest.mark.parametrize("max_open", [2, 3, 5])
def test_with_few_events_open_everything_is_still_accounted_for(name, max_open):
    case = CASES[name]
    data = case.data
    if case.is_lines or name.startswith("freeswitch"):
        make = partial(type(format_named(name).open(case.feed, WINDOW)), max_open=max_open)
        for size in (1, 200, 1 << 20):
            found = read(case, [data], size=size, make=make)
            assert counts(found)[0] == case.records
            assert table(found) == table(read(case, [data], make=make))


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_bytes_come_only_malformed_input_is_raised(name, data):
    case = CASES[name]
    raw = bytearray(case.data)
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, max(len(raw) - 1, 0)))
        to = at + data.draw(st.integers(0, 40))
        raw[at:to] = data.draw(
            st.binary(max_size=20) | st.sampled_from([b"\n", b'"', b"\0", b"\xff" * 3, b"9" * 30, b"{", b"<"])
        )
    size = data.draw(st.sampled_from([1 << 20, 64]))
    try:
        found = read(case, [bytes(raw)], size=size)
    except MalformedInput:
        return
    records, kept, rejected, merged = counts(found)
    assert records == kept + rejected + merged


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("other", ALL)
def test_a_file_of_another_format_is_refused_or_rejected_and_never_kept(name, other):
    if name == other:
        return
    case = CASES[name]
    try:
        found = read(case, [CASES[other].data])
    except MalformedInput as error:
        shown, kept = str(error), 0
    else:
        shown, kept = "", counts(found)[1]
    assert CANARY not in shown
    assert kept == 0


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=20, deadline=None)
@given(raw=st.binary(max_size=300))
def test_noise_is_refused_or_rejected(name, raw):
    try:
        found = read(CASES[name], [raw])
    except MalformedInput:
        return
    assert counts(found)[1] == 0


def test_pieces_of_the_tests_hold_the_whole_file():
    data = CASES["kannel"].data
    assert b"".join(piece.data for piece in pieces(0, data, 50, is_lines=True)) == data
