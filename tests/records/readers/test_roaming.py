"""Roaming records: a TAP3 file of an independent encoder, NRTRDE by hand, and the promises of the port."""

from collections import Counter
from pathlib import Path

import pytest
from fold_reading import WINDOW, make_feed, read
from hypothesis import given, settings
from hypothesis import strategies as st

from coffer.errors import MalformedInput
from coffer.identity.habits import Habits
from coffer.identity.numbering import home_plan
from coffer.records.readers.formats import FORMATS, HEAD_BYTES
from coffer.records.readers.roaming.reader import NrtrdeReader, Tap3Reader
from roaming_writing import el, event, nrtrde

TAP = (Path(__file__).parents[2] / "samples/roaming/tap3.tap").read_bytes()
OWN, B, C, D = "+4917012345678", "+33612345678", "+493055500", "+4915112345678"
IMSI, IMEI = 262011234567890, 1_3569380356438090  # an IMEI stands behind a 1


def found(data, make=Tap3Reader, cut=None, **changes):
    feed = make_feed(habits=Habits(home=home_plan("DE", "test")), **changes)
    return read(lambda: make(feed, WINDOW), data if isinstance(data, list) else [data], cut=cut, framing="bytes")


def party(row, name):
    kind, number, text = (row[f"{name}_{what}"] for what in ("type", "number", "text"))
    return "" if not kind else text or f"+{number}"


def told(outcome):
    return [
        (
            f"{row['start']:%d %H:%M}",
            row["kind"],
            *(party(row, name) for name in "abf"),
            row["duration_s"],
            row["answered"],
        )
        for _, row in outcome.rows
    ]


EXPECTED = [
    ("20 09:00", 1, OWN, B, "", 65, True),
    ("20 10:00", 1, C, OWN, "", 7, True),
    ("20 11:00", 2, OWN, D, "", None, None),
    ("20 11:05", 2, "CORP", OWN, "", None, None),
    ("20 11:06", 2, "", OWN, "", None, None),
    ("20 12:00", 1, OWN, B, "", 0, False),
    ("20 14:00", 1, "", OWN, "+493099900", 30, True),
    ("20 19:30", 1, OWN, B, "", 4, True),
]
"""Local times less the offset of their code; -0330 of code 2. The national number that was dialled abroad is a reject, and so is code 9."""


def test_a_tap3_file_of_another_encoder():
    outcome = found(TAP)
    assert told(outcome) == EXPECTED
    reasons = [(reason, field) for *_, reason, field in outcome.rejects]
    assert reasons == [("not-a-number", "b"), ("bad-time", "start")]
    assert outcome.skipped == {0: Counter({"packet-switched": 1, "mobile-session": 1, "supplementary-service": 1})}


def test_the_subscriber_keeps_its_own_and_no_location_is_kept():
    outcome = found(TAP)
    rows = [row for _, row in outcome.rows]
    assert [(row["a_imsi"], row["b_imsi"]) for row in rows[:2]] == [(IMSI, 0), (0, IMSI)]
    assert [(row["a_imei"], row["b_imei"]) for row in rows[:2]] == [(IMEI, 0), (0, IMEI)]
    assert (rows[6]["a_imsi"], rows[6]["b_imsi"]) == (0, IMSI)
    assert {row[f"{name}_cell"] for row in rows for name in "abf"} == {0}
    assert {row["a_imsi"] for _, row in found(TAP, keep=frozenset()).rows} == {0}


@pytest.mark.parametrize("cut", [7, 100])
def test_any_pieces_give_the_same(cut):
    assert found(TAP, cut=cut) == found(TAP)


def test_a_file_cut_anywhere_keeps_what_was_before_and_reports_the_rest():
    for size in range(1, len(TAP), 61):
        outcome = found(TAP[:size])
        assert told(outcome) == EXPECTED[: len(outcome.rows)]
        assert [reason for *_, reason, _ in outcome.rejects].count("cut-off") == 1


# NRTRDE, by hand

MO = event(3, more=el(27, b"33612345678") + el(30, b"0612345678"))
MT = event(4, more=el(22, b"493055500"))
SENT = event(3, service=b"22", more=el(27, b"4915112345678"))


@pytest.mark.parametrize("indefinite", [False, True])
def test_nrtrde_has_no_number_of_its_subscriber(indefinite):
    """A call that it made has an unknown caller; of one that it got nobody is known, unless the feed takes its IMSI as an identity."""
    data = nrtrde(MO, MT, SENT, el(5, b"", constructed=True), indefinite=indefinite)
    outcome = found(data, NrtrdeReader)
    assert told(outcome) == [("20 09:00", 1, "", B, "", 42, True), ("20 09:00", 2, "", D, "", None, None)]
    assert [(reason, field) for *_, reason, field in outcome.rejects] == [("no-b-number", "b")]
    assert outcome.skipped == {0: Counter({"packet-switched": 1})}
    named = told(found(data, NrtrdeReader, local_identities=True))
    assert [(row[2], row[3]) for row in named] == [(f"imsi-{IMSI}", B), (C, f"imsi-{IMSI}"), (f"imsi-{IMSI}", D)]


def test_an_event_with_indefinite_lengths_is_read_like_the_others():
    data = nrtrde(event(3, more=el(27, b"33612345678"), indefinite=True), MO)
    assert len(told(found(data, NrtrdeReader))) == 2


def test_counts_that_do_not_agree_are_shown():
    assert found(nrtrde(MO, count=3), NrtrdeReader).skipped == {0: Counter({"missing-by-count": 2})}
    assert found(nrtrde(MO, MO, count=1), NrtrdeReader).skipped == {0: Counter({"more-than-count": 1})}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"start": b"20261320100000"}, "bad-time"),
        ({"offset": b"0100"}, "bad-time"),
        ({"more": el(27, b"0612345678")}, "not-a-number"),
        ({"more": el(30, b"112")}, "not-a-number"),
        ({"more": b""}, "no-b-number"),
    ],
)
def test_what_is_not_certain_is_a_counted_reject(change, reason):
    bad = event(3, **{"more": el(27, b"33612345678")} | change)
    outcome = found(nrtrde(MO, bad), NrtrdeReader)
    assert (len(outcome.rows), [one[-2] for one in outcome.rejects]) == (1, [reason])


def test_a_fault_within_an_event_costs_that_event_alone():
    broken = el(3, el(34, b"\x26") + b"\x5e\x7f", constructed=True)
    outcome = found(nrtrde(MO, broken, MO), NrtrdeReader)
    assert (len(outcome.rows), [one[-2] for one in outcome.rejects]) == (2, ["bad-record"])


def test_each_is_recognised_as_itself_and_a_notification_too():
    notice = el(2, el(68, b"FRAF1"), constructed=True)
    for data, name in ((TAP, "tap3"), (nrtrde(MO), "nrtrde"), (notice, "tap3")):
        assert [form.name for form in FORMATS if form.recognise(data[:HEAD_BYTES], "x")] == [name]
    assert found(notice).skipped == {0: Counter({"notification": 1})}


@pytest.mark.parametrize(
    "data", [b"\x30\x01\x00", b"\xa0\x03\x80\x01\x00", b"plain text\n", b"\x61\xff\xff\xff\xff\xff\xff"]
)
def test_what_is_neither_is_of_another_format(data):
    with pytest.raises(MalformedInput, match="file 0: "):
        found(data)


@settings(max_examples=20, deadline=None)
@given(place=st.integers(0, len(TAP) - 1), value=st.integers(0, 255), cut=st.integers(200, 2000))
def test_one_byte_changed_is_refused_as_a_whole_or_accounted_for(place, value, cut):
    data = TAP[:place] + bytes([value]) + TAP[place + 1 :]
    try:
        outcome = found(data, cut=cut)
    except MalformedInput:
        return
    assert len(outcome.rows) <= len(EXPECTED) + 3
