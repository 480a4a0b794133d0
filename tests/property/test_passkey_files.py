"""The files of a custodian's people and of their agreements: what is written is read, and no changed byte is taken."""

import datetime as dt

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from coffer.custodian import approvals, people_file
from coffer.custodian.approvals import parse_approvals
from coffer.custodian.people import Away, Invited, Required, Sited, WentAway
from coffer.custodian.people_file import History, format_event, parse_people
from coffer.errors import MalformedInput, NotProven, Refused
from coffer.notes.keys import Secret
from coffer.passkeys.invitations import Invitation
from coffer_audit.approvals.agreements import parse_agreements, verify_note, verify_requests, verify_signature
from coffer_audit.errors import AuditError
from coffer_audit.notes import parse_vkey
from known_answers.approvals.read import history_of, keys_of
from known_answers.folder import VECTORS
from known_answers.vector import load

KEY, CONTEXT = Secret(bytes(32), "key"), b"own\ncustodian judge"
NOW = dt.datetime(2026, 1, 9, tzinfo=dt.UTC)
TIMES = st.integers(0, 365 * 86_400).map(lambda seconds: NOW + dt.timedelta(seconds=seconds))
EVENTS = st.one_of(
    st.builds(Required, number=st.integers(0, 3)),
    st.builds(Sited, origin=st.sampled_from(["https://judge.example", "https://judge.example:8444", "ftp://x"])),
    st.builds(
        Invited,
        ordinal=st.integers(1, 4),
        name=st.text(min_size=1, max_size=101),
        invitation=st.builds(Invitation, hash=st.binary(min_size=32, max_size=32), until=TIMES),
    ),
    st.builds(
        WentAway,
        ordinal=st.integers(1, 4),
        away=st.none() | st.builds(Away, since=TIMES, until=TIMES, stand_in=st.integers(0, 3)),
    ),
)


@settings(deadline=None)  # the first call loads a library
@given(st.lists(st.tuples(EVENTS, TIMES), max_size=8))
def test_events_that_may_be_written_are_read_back_and_others_leave_the_file_as_it_was(events):
    raw, history = b"", History()
    for event, time in events:
        try:
            line, after = format_event(history, event, time, KEY, context=CONTEXT, entropy=bytes)
        except (Refused, MalformedInput):
            continue
        begun, raw, history = history, raw + line, after
        assert parse_people(raw, KEY, context=CONTEXT, place="judge", begun=begun) == history
    assert parse_people(raw, KEY, context=CONTEXT, place="judge") == history


def vector(name):
    return load(VECTORS / "approvals" / f"{name}.txt")


def flipped(raw, at, by):
    return raw[:at] + bytes([raw[at] ^ by]) + raw[at + 1 :]


PEOPLE, DECIDED, SHOWN = vector("people-three"), vector("decided-by-two"), vector("agreements-by-two")


@settings(deadline=None)  # the first call loads a library
@given(st.integers(0, len(PEOPLE.body) - 2), st.integers(1, 255))
def test_no_changed_byte_of_the_people_is_taken(at, by):
    with pytest.raises(NotProven, match="judge: people"):
        history_of(PEOPLE, flipped(PEOPLE.body, at, by))


@settings(deadline=None)  # the first call loads a library
@given(st.integers(0, len(DECIDED.body) - 2), st.integers(1, 255))
def test_no_changed_byte_of_the_approvals_is_taken(at, by):
    history, key = history_of(DECIDED, DECIDED.bytes("people")), keys_of(DECIDED).decisions
    with pytest.raises(NotProven, match="judge: approvals"):
        parse_approvals(flipped(DECIDED.body, at, by), key, history, custodian="judge", place="judge")


@settings(deadline=None)  # the first call loads a library
@given(st.integers(0, len(SHOWN.body) - 1), st.integers(1, 255))
def test_no_changed_byte_of_what_is_shown_is_taken_by_the_auditor(at, by):
    with pytest.raises(AuditError, match="found"):
        _audit(flipped(SHOWN.body, at, by))


def _audit(raw):
    agreements = parse_agreements(raw)
    verify_signature(agreements, parse_vkey(SHOWN.word("auth"), "auth"))
    verify_requests(agreements)
    return verify_note(agreements, SHOWN.bytes("commitment").hex(), SHOWN.bytes("text"))


def test_the_unchanged_files_are_taken():
    assert history_of(PEOPLE, PEOPLE.body).lines == 8
    assert _audit(SHOWN.body).required == 2


@settings(deadline=None)  # the first call loads a library
@given(st.binary(max_size=200))
@example(people_file.HEADER)
@example(approvals.HEADER)
@example(people_file.HEADER + b"\n")
def test_any_bytes_are_people_or_approvals_of_nobody_or_not_proven(raw):
    for header, parse in (
        (people_file.HEADER, lambda: parse_people(raw, KEY, context=CONTEXT, place="judge").lines),
        (
            approvals.HEADER,
            lambda: len(parse_approvals(raw, KEY, History(), custodian="judge", place="judge").approved),
        ),
    ):
        if b"\n" not in raw.removeprefix(header):  # no whole line but that of the form
            assert parse() == 0
        else:
            with pytest.raises(NotProven, match="judge: "):
                parse()
