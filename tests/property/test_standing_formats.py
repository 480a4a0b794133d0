"""Queries, reports and marks: format-then-parse is identity; bytes either fail to parse or format back to the same bytes."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from coffer.custodian.marks import Marks
from coffer.custody.standing import Away, Held, Query, SaidNo, Signed, Standing, parse_query, parse_standing
from coffer.errors import MalformedInput
from coffer.ledger.entries import REFUSE_REASONS
from coffer.notes.keys import SigningKey

KEY = SigningKey.generate("desk").verify_key
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
times = st.integers(0, 253_402_300_799).map(lambda seconds: EPOCH + dt.timedelta(seconds=seconds))
nonces = st.binary(min_size=16, max_size=16)
hashes = st.binary(min_size=32, max_size=32)
signed = st.builds(Signed, time=times, signature=st.binary(min_size=64, max_size=64))
said_no = st.builds(
    SaidNo,
    is_withdrawal=st.booleans(),
    reason=st.none() | st.sampled_from(REFUSE_REASONS),
    time=st.none() | times,
)
helds = st.integers(1, 99).flatmap(
    lambda needed: st.builds(
        Held,
        since=times,
        nonce=nonces,
        seen=st.none() | times,
        reading=st.none() | times,
        agreed=st.integers(0, needed),
        needed=st.just(needed),
        decision=st.none() | signed | said_no,
    )
)
standings = st.builds(
    Standing,
    custodian=st.from_regex(r"[a-z][a-z0-9-]{0,15}", fullmatch=True),
    authorization=hashes,
    held=st.none() | helds,
    away=st.none() | st.builds(Away, until=times, is_told=st.booleans()),
)
queries = st.builds(
    Query,
    requester=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}", fullmatch=True),
    commitment=hashes,
    time=times,
    reply_public=st.binary(min_size=1216, max_size=1216),
    signature=st.binary(min_size=64, max_size=64),
)
all_marks = st.builds(
    Marks,
    requester=st.just(KEY),
    roster=hashes,
    expires=times,
    nonce=nonces,
    held=times,
    seen=st.none() | times,
    readers=st.dictionaries(st.integers(1, 999_999_999), times, max_size=5).map(
        lambda each: tuple(sorted(each.items()))
    ),
    opened=st.dictionaries(st.integers(1, 8), times, max_size=8).map(lambda each: tuple(sorted(each.items()))),
    signed=st.none() | times,
    said_no=st.none() | st.tuples(st.sampled_from(REFUSE_REASONS), times),
)


@given(standings)
def test_standing_is_read_as_it_was_written(standing):
    assert parse_standing(standing.format(), "standing") == standing
    assert len(standing.format()) < 700


@given(queries)
def test_query_is_read_as_it_was_written(query):
    assert parse_query(query.raw) == query


@given(all_marks)
def test_marks_are_read_as_they_were_written(marks):
    assert Marks.parse(marks.format(), "marks") == marks


def changed(data, raw):
    at = data.draw(st.integers(0, len(raw) - 1))
    how = data.draw(st.sampled_from(["flip", "drop", "double", "cut"]))
    middle = {
        "flip": bytes([raw[at] ^ (1 << data.draw(st.integers(0, 7)))]),
        "drop": b"",
        "double": raw[at : at + 1] * 2,
    }
    return raw[:at] if how == "cut" else raw[:at] + middle[how] + raw[at + 1 :]


def fails_or_formats_back(parse, raw, back):
    try:
        found = parse(raw)
    except MalformedInput:
        return
    assert back(found) == raw


@given(standings, st.data())
def test_changed_standing_fails_or_formats_back(standing, data):
    fails_or_formats_back(lambda raw: parse_standing(raw, "s"), changed(data, standing.format()), Standing.format)


@given(queries, st.data())
def test_changed_query_fails_or_formats_back(query, data):
    fails_or_formats_back(parse_query, changed(data, query.raw), lambda found: found.raw)


@given(all_marks, st.data())
def test_changed_marks_fail_or_format_back(marks, data):
    fails_or_formats_back(lambda raw: Marks.parse(raw, "m"), changed(data, marks.format()), Marks.format)


@given(st.binary(max_size=300))
def test_any_bytes_fail_or_format_back(raw):
    fails_or_formats_back(lambda given: parse_standing(given, "s"), raw, Standing.format)
    fails_or_formats_back(parse_query, raw, lambda found: found.raw)
    fails_or_formats_back(lambda given: Marks.parse(given, "m"), raw, Marks.format)
