"""Receipts are kept as bytes, and are the receipts that were logged."""

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coffer.errors import MalformedInput
from coffer.ledger import snapshot
from coffer.ledger.entries import ReceiptEntry, SegmentId
from coffer.ledger.receipts import Receipts
from coffer.ledger.snapshot import format_snapshot, parse_snapshot
from coffer.procedures.receipts.decide import missing_receipts, owed_by
from coffer.procedures.receipts.run import run_receipts
from world import World

ids = st.sampled_from([SegmentId(bytes([n]) * 32) for n in range(4)])
canaries = st.dictionaries(st.integers(0, 2**16 - 1), st.binary(min_size=16, max_size=16), min_size=1, max_size=4)
receipts = st.builds(
    lambda name, segment, values: ReceiptEntry(custodian=name, segment=segment, canaries=tuple(sorted(values.items()))),
    st.sampled_from(["judge", "dpo", "regulator"]),
    ids,
    canaries,
)


@given(st.lists(receipts, unique_by=lambda one: (one.custodian, one.segment)))
def test_a_dictionary_of_receipts_says_the_same(given_receipts):
    kept, plain = Receipts(), {}
    for one in given_receipts:
        before = kept.copy()
        kept.add(one)
        plain[one.custodian, one.segment] = one
        assert len(before) == len(kept) - 1, "a copy does not change"
    assert dict(kept) == plain
    assert len(kept) == len(plain)
    for segment in {one.segment for one in given_receipts}:
        assert kept.of(segment) == {name: one for (name, seg), one in plain.items() if seg == segment}
    assert ("nobody", SegmentId(bytes(32))) not in kept


def test_a_receipt_may_name_every_mask_there_is():
    """The grammar takes one that no honest custodian gives, so that it is logged and judged."""
    odd = ReceiptEntry(
        custodian="judge", segment=SegmentId(bytes(32)), canaries=tuple((mask, bytes(16)) for mask in range(2**16))
    )
    kept = Receipts()
    kept.add(odd)
    assert kept["judge", SegmentId(bytes(32))] == odd
    assert Receipts(kept.names, kept.kept) == kept


@pytest.fixture
def form(tmp_path):
    world = World.make(tmp_path)
    world.epoch("2016-09-01", "2016-09-02")
    world.ingest("+33612345678,+33698765432,2016-09-01 00:00:00,60\n")
    run_receipts(world.vault, [*world.custodians("judge", "dpo", "regulator")])
    state = world.state()
    assert parse_snapshot(format_snapshot(state), "snapshot") == state
    assert len(state.receipts) == 3 * len(state.segments) > 0
    return msgspec.msgpack.decode(format_snapshot(state), type=snapshot._Form)


def test_columns_of_segments_that_do_not_fit_together_are_refused(form):
    columns = form.segments
    odd = [
        {"days": [*columns.days, 1]},
        {"days": [0] * len(columns.days)},
        {"kinds": [len(columns.words)] * len(columns.kinds)},
        {"rosters": [9] * len(columns.rosters)},
        {"ids": columns.ids + b"x"},
    ]
    for changed in odd:
        raw = msgspec.msgpack.encode(replace(form, segments=replace(columns, **changed)))
        with pytest.raises(MalformedInput, match=r"segments that do not fit together|unknown roster"):
            parse_snapshot(raw, "snapshot")


def test_a_place_that_counts_from_the_end_is_refused(form):
    raw = msgspec.msgpack.encode(replace(form, segments=replace(form.segments, kinds=[-1] * len(form.segments.kinds))))
    with pytest.raises(MalformedInput, match="not a snapshot of this version"):
        parse_snapshot(raw, "snapshot")


def test_receipts_of_an_unknown_segment_or_cut_short_are_refused(form):
    (segment, raw), *_ = form.receipts.items()
    odd = [
        {"receipts": {SegmentId(bytes(32)): raw}},
        {"receipts": {segment: raw[:-1]}},
        {"receipts": {segment: b""}},
        {"receipts": {segment: raw[:2]}},
        {"receipts": {segment: raw + raw}},
        {"receipt_names": form.receipt_names[:1]},
        {"receipt_names": form.receipt_names[:1] * 3},
    ]
    for changed in odd:
        with pytest.raises(MalformedInput, match="receipts that no log could hold"):
            parse_snapshot(msgspec.msgpack.encode(replace(form, **changed)), "snapshot")


def test_a_receipt_of_somebody_else_stands_for_no_custodians_own(tmp_path):
    """Any custodian in force may give one, also one that came later and holds no part of the segment."""
    world = World.make(tmp_path)
    world.epoch("2016-09-01", "2016-09-02")
    world.ingest("+33612345678,+33698765432,2016-09-01 00:00:00,60\n")
    state = world.state()
    (segment,) = state.segments
    for name in ("judge", "regulator", "cnctr"):
        state.receipts.add(ReceiptEntry(custodian=name, segment=segment, canaries=((1, bytes(16)),)))
    assert [one.custodian for one in missing_receipts(state, world.now)] == ["dpo"]
    assert [one.line.seg_id for one in owed_by(state, "dpo")] == [segment]
