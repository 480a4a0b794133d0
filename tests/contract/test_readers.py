"""What ``records/readers/port.py`` promises, tried on the readers of all formats."""

import re
from collections import Counter
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coffer.errors import MalformedInput
from coffer.records.readers.formats import FORMATS, HEAD_BYTES, format_named
from coffer.records.readers.text.order import in_time_order
from coffer.records.readers.threegpp.framing import parse_file_header
from coffer.records.rejects import Reason
from source_files import (
    ALL_CASES,
    CANARY,
    EACH_LINE_TOLD,
    MAIL_B,
    T0,
    WINDOW,
    B,
    counts,
    is_every_line_told,
    pieces,
    read,
    skipped,
    table,
)

CASES = ALL_CASES
ALL = sorted(CASES)
IN_ORDER = sorted(form.name for form in FORMATS if form.open is not None)
BOUND = ("csv", "fixed", "jsonl")
MAIL = ("exchange", "exim", "opensmtpd", "postfix", "sendmail")
JOINING = [
    "asterisk", "cucm", "freeswitch-json", "freeswitch-xml", "jasmin", "kamailio", "kamailio-sqlite", "kamailio-table", "twilio-calls",
]  # fmt: skip
"""Calls that are joined by a key and wait for each other."""
LINES = sorted(EACH_LINE_TOLD)
WHOLE_FILES = ("kamailio-sqlite", "parquet")
"""Read only when a file has ended: what is no such file is one reject, or refused."""
NO_CONTENT = ("ber", "tap3")
CUT_STEPS = {"opensmtpd": 29, "sendmail": 29}
"""Bytes from one cut to the next, where a reading of the case takes long: some thirty cuts."""

MAX_PIECES = 600
"""Pieces of one reading. Longer cases are cut into pieces of a few bytes instead of one."""


def reasons(found):
    return Counter(Reason(reason).label for one in found for reason in one.parsed.rejects.reasons.tolist())


def test_every_format_has_a_case():
    assert {form.name for form in FORMATS} == set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_each_source_record_is_accounted_for_once_and_each_event_kept_once(name):
    case = CASES[name]
    found = read(case, [case.data])
    records, kept, _, _ = counts(found)
    assert (records, kept) == (case.records, case.events)
    places = [row["line"] for row in table(found)[0][0]] + [line for line, _, _ in table(found)[0][1]]
    assert len(set(places)) == len(places)


@pytest.mark.parametrize("name", ALL)
def test_no_record_breaks_an_invariant(name):
    found = read(CASES[name], [CASES[name].data])
    assert sum((one.parsed.broken for one in found), Counter()) == {}


@pytest.mark.parametrize("name", sorted(set(ALL) - set(BOUND)))
def test_an_empty_file_holds_nothing_or_was_cut_off(name):
    found = read(CASES[name], [b""])
    assert counts(found) == ((1, 0, 1, 0) if name in WHOLE_FILES else (0, 0, 0, 0))
    assert reasons(found) == ({"cut-off": 1} if name in WHOLE_FILES else {})


@pytest.mark.parametrize("name", BOUND)
def test_a_feed_is_not_bound_to_an_empty_file(name):
    with pytest.raises(MalformedInput, match=r"line 1: (?:0 column|not a JSON object)|no line of the layout"):
        read(CASES[name], [b""])
    assert counts(read(CASES[name], [CASES[name].data]))[0] == CASES[name].records


@pytest.mark.parametrize("name", sorted({*LINES, "twilio-calls", "twilio-messages"}))
@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_empty_lines_are_skipped_and_change_nothing_else(name, end, size):
    """Three behind the first line, to which a feed is bound, and three at the end of the file; no reject among them."""
    case = CASES[name]
    first, line_end, rest = case.data.partition(b"\n")
    with_empty = read(case, [first + line_end + 3 * end + rest + 3 * end], size=size)
    rows, rejects, merged, words = table(read(case, [case.data]))[0]
    rows = [{**row, "line": _behind_three(row["line"])} for row in rows]
    rejects = [(_behind_three(line), *reject) for line, *reject in rejects]
    assert table(with_empty)[0] == (rows, rejects, merged, words + Counter({"empty-line": 6}))


def _behind_three(line):
    return line + 3 if line > 1 else line


@pytest.mark.parametrize("name", sorted(set(ALL) - {"parquet", *NO_CONTENT}))
def test_bytes_that_are_no_utf_8_have_one_name_in_every_format(name):
    """Of Parquet, whose pages are compressed, ``test_parquet_types.py`` tries it; charging records hold no text."""
    case = CASES[name]
    party = MAIL_B.encode() if name in MAIL else B[1:].encode()
    # The first line stays: a feed is bound to it.
    at = case.data.index(b"\n") + 1 if name in BOUND else 0
    found = read(case, [case.data[:at] + case.data[at:].replace(party, party[:-2] + b"\xff\xfe")])
    named = reasons(found)
    assert named["not-utf8"] > 0
    assert named - reasons(read(case, [case.data])) == {"not-utf8": named["not-utf8"]}
    assert counts(found)[0] == case.records


LATER = (
    (b"2026-11-23", b"2026-11-24"),
    (b"Nov 23", b"Nov 24"),
    (b"23 Nov", b"24 Nov"),
    (str(T0)[:7].encode(), str(T0 + 90_000)[:7].encode()),
)


@pytest.mark.parametrize("name", IN_ORDER)
def test_files_are_read_oldest_first_or_as_they_are_named(name):
    case = CASES[name]
    older = newer = case.data
    for day, next_day in LATER:
        newer = newer.replace(day, next_day)
    heads = [newer[:HEAD_BYTES], older[:HEAD_BYTES]]
    tells = name not in (*WHOLE_FILES, "ber", "nrtrde", "tap3")
    assert in_time_order(heads, case.feed, WINDOW.latest) == ([1, 0] if tells else [0, 1])
    assert in_time_order(heads[::-1], case.feed, WINDOW.latest) == [0, 1]


@pytest.mark.parametrize("name", [name for name in LINES if name in IN_ORDER] + ["twilio-calls", "twilio-messages"])
@pytest.mark.parametrize("size", [1, 7])
def test_pieces_cut_anywhere_in_a_line_give_the_same(name, size):
    case = CASES[name]
    size = max(size, len(case.data) // MAX_PIECES)
    assert table(read(case, [case.data], size=size, anywhere=True)) == table(read(case, [case.data]))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("size", [1, 7, 100, 1000])
def test_pieces_of_any_size_give_the_same(name, size):
    case = CASES[name]
    size = max(size, len(case.data) // MAX_PIECES)
    assert table(read(case, [case.data], size=size)) == table(read(case, [case.data]))


@pytest.mark.parametrize("name", ALL)
def test_a_second_file_begins_afresh_and_legs_in_another_file_are_still_joined(name):
    case = CASES[name]
    twice = table(read(case, [case.data, case.data]))
    once = table(read(case, [case.data]))[0]
    if name in ("ber", "exchange", "exim", "jasmin"):
        # The same message ids and call references again are the same mail and call; queue ids of Postfix are used again.
        assert sum(len(rows) for rows, *_ in twice.values()) == len(once[0])
        assert counts(read(case, [case.data, case.data]))[0] == 2 * case.records
        return
    if name not in JOINING:
        assert twice[0] == twice[1] == once
        return
    calls = [{**row, "line": 0} for rows, *_ in twice.values() for row in rows if row["kind"] == 1]
    assert sorted(map(str, calls)) == sorted(str({**row, "line": 0}) for row in once[0] if row["kind"] == 1)
    assert counts(read(case, [case.data, case.data]))[0] == 2 * case.records


@pytest.mark.parametrize("name", sorted({*LINES, "twilio-calls"} - set(BOUND)))
def test_a_log_cut_at_any_byte_gives_the_records_before_and_one_reject(name):
    case = CASES[name]
    whole = table(read(case, [case.data]))[0]
    shown = sum(whole[3].values())
    heading = case.data.count(b"\n") - case.records - shown
    for cut in range(1, len(case.data), CUT_STEPS.get(name, 11)):
        part = case.data[:cut]
        found = read(case, [part])
        records, _, _, _ = counts(found)
        cut_off = [
            place for one in found for place in one.parsed.rejects.lines[one.parsed.rejects.reasons == Reason.CUT_OFF]
        ]
        is_whole = part.endswith(b"\n")
        assert len(cut_off) <= (0 if is_whole else 1)
        lines = part.count(b"\n") - min(heading, part.count(b"\n"))
        assert records + skipped(found).total() == lines + (0 if is_whole else 1), cut


@pytest.mark.parametrize("name", BOUND)
def test_lines_that_stand_alone_cut_at_any_byte_are_kept_or_rejected(name):
    case = CASES[name]
    for cut in range(case.data.find(b"\n") + 1, len(case.data), 3):
        part = case.data[:cut]
        assert counts(read(case, [part]))[0] == part.count(b"\n") + (not part.endswith(b"\n")), cut


def test_charging_records_cut_at_any_byte_give_those_before_and_one_reject():
    case = CASES["ber"]
    header = parse_file_header(case.data).header_size
    for cut in range(header, len(case.data)):
        found = read(case, [case.data[:cut]])
        records, kept, rejected, _ = counts(found)
        assert (kept <= case.events, rejected, reasons(found)) == (True, 1, {"cut-off": 1}), cut
        assert records <= case.records


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


@pytest.mark.parametrize("name", ["freeswitch-json", "freeswitch-xml"])
@pytest.mark.parametrize("size", [1 << 16, 1 << 20, 1 << 24])
@pytest.mark.parametrize("mib", [1, 1.5, 3])
def test_a_call_record_of_over_a_mebibyte_is_too_long_and_its_neighbours_are_kept(name, size, mib):
    """It is one reject in whatever pieces it comes. Its twin of a little less is read, and rejected for having no time."""
    case = CASES[name]
    filling = b"x" * int(mib * (1 << 20) - (1 << 10) * (mib == 1))
    if name.endswith("xml"):
        long = b"<cdr><variables><uuid>long</uuid><filling>" + filling + b"</filling></variables></cdr>\n"
    else:
        long = b'{"core-uuid":"1","variables":{"uuid":"long","filling":"' + filling + b'"}}\n'
    found = read(case, [case.data + long + case.data], size=size)
    rows, rejects, *_ = table(found)[0]
    reason = Reason.BAD_TIME if mib == 1 else Reason.ROW_TOO_LONG
    assert [(line, reason) for line, reason, _ in rejects] == [(len(case.data), reason)]
    assert [row["line"] for row in rows] == [row["line"] for row in table(read(case, [case.data]))[0][0]]
    assert counts(found)[0] == 2 * case.records + 1


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
    assert case.data.count(CANARY.encode()) >= case.records // 2 or name in NO_CONTENT
    shown = [repr(case.feed)]
    if name in IN_ORDER:
        shown.append(repr(format_named(name).open(case.feed, WINDOW)))
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
        for size in (max(1, len(data) // MAX_PIECES), 200, 1 << 20):
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
    assert is_every_line_told(name, bytes(raw), found)


@pytest.mark.parametrize(("name", "other"), [(name, other) for name in ALL for other in ALL if name != other])
def test_a_file_of_another_format_is_refused_or_rejected_and_never_kept(name, other):
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
