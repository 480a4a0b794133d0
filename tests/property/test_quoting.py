"""Where rows of CSV end: as Python's csv module says, wherever the bytes are cut, in both ways of looking, and never within quotes."""

import csv
import datetime as dt
import gzip
import hashlib
import io
import os
import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from test_consent import roster

from coffer import kernels
from coffer.errors import MalformedInput
from coffer.ledger.roster import parse_roster
from coffer.procedures.ingest import marking, sources
from coffer.procedures.ingest.fused import FusedReader
from coffer.procedures.ingest.marking import Marking
from coffer.procedures.ingest.sources import Source
from coffer.records.draft import Window
from coffer.records.feed import parse_feed
from coffer.records.readers.mapped.csv import bind_feed, bind_head, read_lines
from coffer.records.readers.mapped.joining import JoinedReader
from coffer.records.readers.port import Piece
from coffer.records.readers.text.quoting import CONTINUED, Quoting, RowEnds, joined
from coffer.records.rejects import Reason

COMMA = Quoting(b",", b'"')
WINDOW = Window(earliest=dt.datetime(2016, 1, 1, tzinfo=dt.UTC), latest=dt.datetime(2017, 1, 1, tzinfo=dt.UTC))
FEED = """
[feed]
name = "texts"
format = "csv"
home_country = "FR"
time_zone = "UTC"
kind = "text"
[csv]
header = false
date_format = "%Y-%m-%d %H:%M:%S"
[columns]
a = 0
b = 1
start = 2
"""
JOINED_FEED = FEED + "[join]\nkey = 3\n"
A, B, TIME = "+33612345678", "+33698765432", "2016-09-01 10:00:00"
FORGED = f"{B},{A},{TIME},k,x"
any_bytes = st.lists(st.sampled_from([b'"', b'""', b",", b"\n", b"\r\n", b"a", b" ", b',"', b'",', b'"\n'])).map(
    b"".join
)
texts = st.lists(
    st.sampled_from(['"', ",", "\n", "\r\n", "\r", "a", "é", "", f"\n{FORGED}\n", "\n\n", '"\n']), max_size=4
).map("".join)


def row_ends_one_by_one(data):
    """The rule once more, a byte at a time: the places behind the line ends that end rows, and whether quoting is open."""
    ends, is_open, is_cell_start, at = [], False, True, 0
    while at < len(data):
        byte = data[at : at + 1]
        if is_open:
            if data[at : at + 2] == b'""':
                at += 1
            elif byte == b'"':
                is_open = False
            is_cell_start = False
        elif byte == b'"' and is_cell_start:
            is_open, is_cell_start = True, False
        else:
            is_cell_start = byte in (b",", b"\n")
            if byte == b"\n":
                ends.append(at + 1)
        at += 1
    return ends, is_open


@settings(max_examples=300)
@given(any_bytes)
@example(b'a"b,"c\n","d\n')
@example(b'"""\n""",x\n')
@example(b'"a"b"\n"\n')
def test_rows_end_where_a_reading_byte_by_byte_says(data):
    ends, is_open = row_ends_one_by_one(data)
    turns = COMMA.turns(data)
    line_ends = np.flatnonzero(np.frombuffer(data, np.uint8) == 10)
    assert (line_ends[np.searchsorted(turns, line_ends) % 2 == 0] + 1).tolist() == ends
    assert len(turns) % 2 == is_open


@settings(max_examples=150)
@given(any_bytes, st.data())
def test_the_bytes_may_come_in_any_pieces(data, draw):
    """Each piece says the last row that ends in it, and the state is that of all bytes so far."""
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(data)), max_size=5)))
    rows = RowEnds(COMMA)
    expected = row_ends_one_by_one(data)[0]
    for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        within = [place - begin for place in expected if begin < place <= end]
        assert rows.take(data[begin:end]) == (within[-1] if within else 0)
        assert rows.is_open == row_ends_one_by_one(data[:end])[1]


@given(any_bytes)
def test_counting_quotes_and_going_by_cells_give_the_same(data):
    lines = data[: data.rfind(b"\n") + 1]
    view = np.frombuffer(lines, np.uint8)
    line_ends = np.flatnonzero(view == 10)
    for is_open in (False, True):
        both = [COMMA.turns(lines, is_open=is_open), np.array(COMMA._turns_by_cell(lines, is_open=is_open), np.int64)]
        states = [(np.searchsorted(turns, line_ends) + is_open) % 2 for turns in both]
        assert states[0].tolist() == states[1].tolist()


def test_lines_before_the_first_row_and_a_byte_order_mark_open_nothing():
    rows = RowEnds(COMMA, skip_lines=1)
    assert rows.take(b'a,"b\nc,d\n') == 9
    marked = RowEnds(COMMA, may_be_marked=True)
    assert marked.take(b'\xef\xbb\xbf"a\n') == 0
    assert marked.take(b'b",c\n') == 5
    assert RowEnds(COMMA).take(b'x"a\n') == 4


def bound_to(text=FEED, line=b"0,1,2,3,4"):
    return bind_feed(parse_feed(text, "feed.toml"), line, "file")


def written(rows, line_end="\n"):
    """Each cell quoted, in every second row only those that must be; the writer by itself quotes no CR."""
    out = io.StringIO()
    for row in rows:
        is_all = any("\r" in str(cell) for cell in row) or len(str(row)) % 2
        csv.writer(out, lineterminator=line_end, quoting=csv.QUOTE_ALL if is_all else csv.QUOTE_MINIMAL).writerow(row)
    return out.getvalue().encode()


def outcome(parsed):
    rows = [(row["line"], row["a_number"], row["b_number"]) for row in parsed.batch.to_pylist()]
    rejects = zip(parsed.rejects.lines.tolist(), map(Reason, parsed.rejects.reasons.tolist()), strict=True)
    return rows, sorted(rejects), parsed.skipped


messages = st.lists(st.tuples(st.integers(0, 9), texts, texts), max_size=8)


@settings(max_examples=35)
@given(messages, st.sampled_from(["\n", "\r\n"]), st.data())
@example([(1, f'x"\n{FORGED}\n"', "")], "\n", None)
def test_rows_that_a_csv_writer_wrote_are_read_as_its_reader_reads_them(found, line_end, draw):
    """Each row once, by the number of its first line, and the same in two parts that are cut between any two rows."""
    rows = [[f"+3361234567{n}", B, TIME, first, second] for n, first, second in found]
    data = written(rows, line_end)
    assert list(csv.reader(io.StringIO(data.decode(), newline=""))) == rows
    parsed = read_lines(data, bound_to(), first_line=5, window=WINDOW)
    each = [written([row], line_end).count(b"\n") for row in rows]
    firsts = [5 + sum(each[:n]) for n in range(len(rows))]
    assert outcome(parsed)[0] == [(line, int(row[0]), int(B)) for line, row in zip(firsts, rows, strict=True)]
    assert not len(parsed.rejects.lines)
    assert parsed.skipped[CONTINUED] == sum(each) - len(each)
    if draw is not None:
        cut = draw.draw(st.integers(0, len(rows)))
        begin = sum(len(written([row], line_end)) for row in rows[:cut])
        parts = [data[:begin], data[begin:]]
        places = [5, 5 + sum(each[:cut])]
        both = [
            read_lines(part, bound_to(), first_line=at, window=WINDOW) for part, at in zip(parts, places, strict=True)
        ]
        assert [row for one in both for row in outcome(one)[0]] == outcome(parsed)[0]


@settings(max_examples=30)
@given(messages, st.integers(1, 60))
def test_joined_rows_are_the_same_in_pieces_of_any_size(found, size):
    rows = [
        [f"+3361234567{n}", B, TIME, str(number), first + second] for number, (n, first, second) in enumerate(found)
    ]
    data = written(rows) or b"0,1,2,3,4\n"

    def read(size):
        reader = JoinedReader(parse_feed(JOINED_FEED, "feed.toml"), WINDOW, bind_head)
        given = [reader.take(Piece(file=0, data=data[at : at + size], first=1)) for at in range(0, len(data), size)]
        given += [reader.end_file(0), reader.finish()]
        return [outcome(one.parsed) for part in given for one in part if one.parsed.read]

    assert read(size) == read(len(data))
    assert sum(len(rows) for rows, _, _ in read(size)) == len(rows)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(found=[], tail=b"x", skipped=1, chunk=20, is_packed=False)  # a header whose line does not end
@given(messages, any_bytes, st.integers(0, 1), st.integers(20, 200), st.booleans())
def test_chunks_of_a_file_begin_where_rows_begin(tmp_path_factory, found, tail, skipped, chunk, is_packed):
    """Of a plain file, whose chunks are places, and of a packed one; a file with a row that is longer than a chunk is refused."""
    data = written([[n, first, second] for n, first, second in found]) + tail or b"x"
    path = tmp_path_factory.getbasetemp() / ("quoted.csv.gz" if is_packed else "quoted.csv")
    path.write_bytes(gzip.compress(data, 1) if is_packed else data)
    begin = data.find(b"\n") + 1 or len(data) if skipped else 0
    ends = row_ends_one_by_one(data[begin:])[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "CACHED_BYTES", 16)
        patch.setattr(sources, "CHUNK_BYTES", chunk)
        source = Source.open(str(path))
        source.quoting, source.unquoted_lines = COMMA, skipped
        try:
            content = source.scan()
            chunks = [(one.first_line, one.read()) for one in source.chunks(skip_lines=skipped)]
        except MalformedInput:
            places = [0, begin, *(begin + end for end in ends), len(data)]
            assert max(high - low for low, high in pairwise(places)) > chunk
            return
    assert b"".join(raw for _, raw in chunks) == data[begin:]
    is_header_torn = bool(skipped) and b"\n" not in data
    assert content.is_torn == (is_header_torn or (begin < len(data) and ends[-1:] != [len(data) - begin]))
    at = 0
    for first_line, raw in chunks:
        assert at in (0, *ends)
        assert first_line == data.count(b"\n", 0, begin + at) + 1
        at += len(raw)


@settings(max_examples=100)
@given(messages, any_bytes, st.integers(1, 40))
def test_marks_name_the_row_around_a_place(found, tail, step):
    data = written([[n, first, second] for n, first, second in found]) + tail
    places = list(range(1, len(data) + 1, 7))
    state = Marking(places, RowEnds(COMMA))
    for at in range(0, len(data), step):
        state.update(data[at : at + step])
    ends = [0, *row_ends_one_by_one(data)[0]]
    assert state.row_start == ends[-1]
    for place in places:
        mark = state.marks[place]
        begin = max(end for end in ends if end <= place)
        assert (mark.row_start, mark.row_line) == (begin, data.count(b"\n", 0, begin) + 1)
        assert (mark.lines, mark.is_quoted) == (data.count(b"\n", 0, place), row_ends_one_by_one(data[:place])[1])
        assert mark.row_hash == hashlib.sha256(data[:begin]).digest()


odd_rows = st.sampled_from(
    [
        f'{A},{B},{TIME},O"Brien,x\n',
        f'{A},{B},{TIME},5",x\n',
        f'{A},{B},{TIME},="1",x\n',
        f'{A},{B},{TIME},"a"b,x\n',
        f'{A},{B},{TIME},"x\n{FORGED}\ny"z,x\n',
        f'{A},{B},{TIME},"x\n{FORGED}\n",x\n',
        f'"{A}","{B}","{TIME}","a""\n\r\n",""\r\n',
        f'{A},{B},{TIME},"x\n',
        f"{A},{B},{TIME},k,x\n",
        f'"{A}\n",{B},{TIME},k,x\n',
        '"\n',
        "\n",
    ]
)


@pytest.mark.skipif(kernels.lines is None, reason="no kernels here: no compiler, or COFFER_PURE is 1")
@settings(max_examples=80)
@given(st.lists(odd_rows, max_size=8), st.booleans())
def test_both_ways_of_reading_cut_the_same_rows(found, is_torn):
    data = "".join(found).encode()
    data = data[:-1] if is_torn else data
    bound = bound_to()
    expected = read_lines(data, bound, first_line=1, window=WINDOW)
    reader = FusedReader(
        bound, roster=parse_roster(roster(numbering="9.0.43"), "roster"), window=WINDOW, no_index=None,
        entropy=os.urandom, on_group=lambda _: None,
    )  # fmt: skip
    counts, odd = reader.read(data, first_line=1, keep=lambda _key, _rows: None)
    rest = read_lines(odd.data, bound, first_line=0, window=WINDOW)
    assert counts.kept + rest.batch.num_rows == expected.batch.num_rows
    assert sorted(odd.numbers[rest.rejects.lines].tolist()) == sorted(expected.rejects.lines.tolist())
    assert (rest.skipped, counts.kept + rest.read) == (expected.skipped, expected.read)
    lines = data.count(b"\n") + bool(data and not data.endswith(b"\n"))
    assert expected.read + sum(expected.skipped.values()) == lines


@pytest.mark.parametrize(
    ("cell", "rejected"),
    [
        ('O"Brien', {1: "wrong-column-count"}),
        ('5"', {1: "wrong-column-count"}),
        ('="1"', {}),
        ('"a"b', {}),
        ('"a"b\nc"', {1: "wrong-column-count", 2: "wrong-column-count"}),
        ('"x\n\n\ny"z', {1: "wrong-column-count", 2: "wrong-column-count", 3: "wrong-column-count", 4: "wrong-column-count"}),
        ('"x\n\n\ny"', {}),
        ('"x\ry"', {}),
        ("x\ry", {1: "wrong-column-count"}),
    ],
)  # fmt: skip
def test_a_quote_within_a_cell_costs_its_own_row_and_no_other(cell, rejected):
    data = f"{A},{B},{TIME},{cell},x\n{A},{B},{TIME},k,x\n".encode()
    rows, rejects, _ = outcome(read_lines(data, bound_to(), first_line=1, window=WINDOW))
    assert rows[-1][0] == data.count(b"\n")
    assert {line: reason.label for line, reason in rejects} == rejected


def test_a_row_of_more_than_64_kib_is_one_reject_and_hides_no_other():
    text = f"\n{FORGED}" * 1_500
    data = f'{A},{B},{TIME},"{text}",x\n{A},{B},{TIME},k,x\n'.encode()
    parsed = read_lines(data, bound_to(), first_line=1, window=WINDOW)
    assert outcome(parsed) == ([(1502, int(A[1:]), int(B[1:]))], [(1, Reason.ROW_TOO_LONG)], {CONTINUED: 1_500})


def test_a_quote_that_never_ends_rejects_a_cut_off_row_or_each_line_where_no_row_is_so_long():
    for lines, reason in ((3, Reason.CUT_OFF), (1_500, Reason.ROW_TOO_LONG)):
        data = f'{A},{B},{TIME},"x\n'.encode() + f"{FORGED}\n".encode() * lines
        expected = [(n + 1, reason) for n in range(lines + 1)]  # each looks like a row, and is lost
        rows, rejects, skipped = outcome(read_lines(data, bound_to(), first_line=1, window=WINDOW))
        assert (rows, rejects) == ([], expected)
        assert skipped[CONTINUED] == 0
    data = f'{A},{B},{TIME},"x\n'.encode() + b"Hello,\n\nyours\n"
    rows, rejects, skipped = outcome(read_lines(data, bound_to(), first_line=1, window=WINDOW))
    assert (rows, rejects, skipped[CONTINUED]) == ([], [(1, Reason.CUT_OFF)], 3)


def test_a_file_within_quotes_for_longer_than_any_row_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "CHUNK_BYTES", 64)
    monkeypatch.setattr(sources, "CACHED_BYTES", 16)
    monkeypatch.setattr(marking, "CACHED_BYTES", 16)
    path = tmp_path / "open.csv"
    path.write_bytes(b'a,b\na,"b\n' + b"c,d\n" * 30)
    source = Source.open(str(path))
    source.quoting = COMMA
    with pytest.raises(MalformedInput, match="line 2: no end of a quote in 64 bytes") as caught:
        source.scan()
    assert 'quote = ""' in caught.value.hint


def test_a_header_and_the_first_row_may_hold_line_ends():
    feed = parse_feed(FEED.replace("header = false", "header = true").replace("a = 0", 'a = "From"'), "feed.toml")
    head = b'Report\n"From","To","At","Te\nxt",x\n'
    bound = bind_head(feed, head, "file")
    assert (bound.columns, bound.skip_lines) == (5, 3)
    assert bind_head(parse_feed(FEED, "feed.toml"), f'{A},{B},{TIME},"k\n",x\n'.encode(), "file").columns == 5


def test_a_value_that_is_read_keeps_its_line_end_and_is_no_number():
    parsed = read_lines(f'"+336123\n45678",{B},{TIME},k,x\n'.encode(), bound_to(), first_line=1, window=WINDOW)
    assert [reason.label for _, reason in outcome(parsed)[1]] == ["not-a-number"]


def test_a_hundred_thousand_quotes_that_stand_as_characters_are_taken_as_such():
    data = b"".join(random.Random(1).choices([b'a"b,c\n', b'"a,', b'x"\n', b'"d\n'], k=100_000))
    ends, is_open = row_ends_one_by_one(data)
    line_ends = np.flatnonzero(np.frombuffer(data, np.uint8) == 10)
    turns = COMMA.turns(data)
    assert (line_ends[np.searchsorted(turns, line_ends) % 2 == 0] + 1).tolist() == ends
    assert len(turns) % 2 == is_open


@pytest.mark.parametrize(
    ("text", "rows", "comments"),
    [
        ('# by,"Acme\na,b,1,2,3\n# end"\nc,d,1,2,3\n', 2, 2),
        ('a,b,1,2,3\nTotal,"1 of 2\nc,d,1,2,3\n', 2, 1),
        ('a,"x\n# within"\nTotal,"\nc,d\n', 2, 1),
        ('"# in quotes, ""so"""\na,b\n', 2, 0),
    ],
)
def test_quotes_of_a_comment_open_nothing_and_a_text_may_hold_one(text, rows, comments):
    """The twin: without comments the quote of such a line takes the rows up to the next one with it."""
    data = text.encode()
    with_comments, without = Quoting(b",", b'"', (b"#", b"Total")), Quoting(b",", b'"')
    ends = RowEnds(with_comments)
    assert ends.take(data) == len(data)
    assert not ends.is_open
    for size in (1, 2, 3, 7):
        pieces = RowEnds(with_comments)
        cuts = [at + end for at in range(0, len(data), size) if (end := pieces.take(data[at : at + size]))]
        assert cuts[-1] == len(data)
    made = joined(data, with_comments)
    lines = (data if made is None else made.data).count(b"\n")
    assert lines == rows + comments
    if comments:
        hidden = joined(data, without)
        assert hidden is not None
        assert hidden.data.count(b"\n") < rows + comments
