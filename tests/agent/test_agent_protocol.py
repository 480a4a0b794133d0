"""What is said to an agent, and when it forgets: pure, with a clock that the test sets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coffer.agent.holdings import Holdings
from coffer.agent.protocol import (
    MAX_HELD,
    MAX_IDLE_S,
    MAX_LIFE_S,
    MAX_LINE_BYTES,
    Get,
    Hold,
    Line,
    Lock,
    Status,
    Told,
    format_request,
    format_status,
    parse_request,
    parse_status,
)
from coffer.errors import MalformedInput

FILES = st.binary(min_size=32, max_size=32)
LABELS = st.binary(min_size=1, max_size=4096).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
HOLDS = st.builds(Hold, file=FILES, label=LABELS, idle_s=st.integers(1, MAX_IDLE_S), life_s=st.integers(1, MAX_LIFE_S))
REQUESTS = st.one_of(st.builds(Get, file=FILES), HOLDS, st.just(Status()), st.just(Lock()))
SECONDS = st.integers(0, MAX_LIFE_S)
TOLD = st.builds(
    Told,
    lines=st.lists(st.builds(Line, label=LABELS, idle_s=SECONDS, life_s=SECONDS), max_size=5).map(tuple),
    is_locked=st.booleans(),
)


@given(REQUESTS)
def test_request_is_read_as_it_was_written(request_):
    line = format_request(request_)
    assert parse_request(line) == request_
    assert len(line) <= MAX_LINE_BYTES


@given(st.one_of(st.binary(max_size=200), REQUESTS.map(format_request).map(lambda line: line[:-2] + b"x\n")))
def test_other_bytes_are_no_request_or_the_same_bytes(raw):
    try:
        parsed = parse_request(raw)
    except MalformedInput:
        return
    assert format_request(parsed) == raw


@given(TOLD)
def test_status_is_read_as_it_was_written(told):
    assert parse_status(format_status(told)) == told


@given(st.one_of(st.binary(max_size=200), TOLD.map(format_status).map(lambda raw: raw[1:])))
def test_other_bytes_are_no_status_or_the_same_bytes(raw):
    try:
        told = parse_status(raw)
    except MalformedInput:
        return
    assert format_status(told) == raw


@pytest.mark.parametrize(
    "line",
    [
        f"coffer.agent/v2 get {'0' * 64}\n",
        f"coffer.agent/v1 get {'0' * 62}\n",
        f"coffer.agent/v1 hold {'0' * 64} 0 1 YQ==\n",
        f"coffer.agent/v1 hold {'0' * 64} {MAX_IDLE_S + 1} 1 YQ==\n",
        f"coffer.agent/v1 hold {'0' * 64} 1 {MAX_LIFE_S + 1} YQ==\n",
        f"coffer.agent/v1 hold {'0' * 64} 1 1 \n",
        "coffer.agent/v1 lock \n",
        "coffer.agent/v1 status\ncoffer.agent/v1 lock\n",
        f"coffer.agent/v1 lock{' ' * MAX_LINE_BYTES}\n",
    ],
)
def test_request_of_another_form_is_refused(line):
    with pytest.raises(MalformedInput, match="agent: "):
        parse_request(line.encode("ascii"))


def hold(label="judge/keys", file=b"1" * 32, idle_s=60, life_s=600):
    return Hold(file=file, label=label, idle_s=idle_s, life_s=life_s)


def test_what_nobody_uses_is_forgotten_and_what_is_used_stays_until_its_end():
    holdings = Holdings()
    slot = holdings.add(hold(), 0.0)
    assert holdings.use(b"1" * 32, 59.9) == slot
    assert holdings.use(b"1" * 32, 59.9 + 59.9) == slot
    for now in range(120, 600, 50):
        assert holdings.use(b"1" * 32, now) == slot
    assert holdings.use(b"1" * 32, 600.0) is None, "used all the time, and its hours are over"
    assert holdings.forget_ended(600.0) == [slot]
    assert holdings.next_end() is None


def test_unused_for_its_minutes_it_is_not_given_even_before_it_is_wiped():
    holdings = Holdings()
    slot = holdings.add(hold(), 0.0)
    assert holdings.use(b"1" * 32, 60.0) is None
    assert holdings.forget_ended(59.9) == []
    assert holdings.forget_ended(60.0) == [slot]


def test_looking_at_the_status_is_no_use():
    holdings = Holdings()
    holdings.add(hold(), 0.0)
    assert holdings.status(30.0) == [Line(label="judge/keys", idle_s=30, life_s=570)]
    assert holdings.use(b"1" * 32, 60.0) is None


def test_file_that_was_written_anew_takes_the_place_of_the_old_one():
    holdings = Holdings()
    slot = holdings.add(hold(), 0.0)
    assert holdings.add(hold(file=b"2" * 32), 1.0) == slot
    assert holdings.use(b"1" * 32, 2.0) is None
    assert holdings.use(b"2" * 32, 2.0) == slot


def test_more_than_it_can_hold_is_refused_and_throws_nothing_out():
    holdings = Holdings()
    slots = {
        holdings.add(hold(label=f"{number}/keys", file=number.to_bytes(32, "big")), 0.0) for number in range(MAX_HELD)
    }
    assert slots == set(range(MAX_HELD))
    assert holdings.add(hold(), 1.0) is None
    assert holdings.use((0).to_bytes(32, "big"), 1.0) is not None
    holdings.forget("7/keys")
    assert holdings.add(hold(), 1.0) is not None
