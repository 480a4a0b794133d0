"""Entries that claim what they may not: they stay in the log and have no effect. The rule codes are those of docs/formats/entries.md."""

import datetime as dt
import os

import pytest
from forging import RECORDS, Desk, ingester_key

from coffer.custodian.keys import CustodianKeys
from coffer.custody.public import PublicKeys
from coffer.errors import MalformedInput, NotProven
from coffer.ledger.entries import (
    BatchId,
    CloseEntry,
    CoarseCounts,
    DestroyEntry,
    DrawEntry,
    EpochKeyEntry,
    FaultEntry,
    IngestEntry,
    IntentEntry,
    RefuseEntry,
    SegmentId,
    SegmentLine,
    WithdrawEntry,
)
from coffer.ledger.facts import Invalid, Valid
from coffer.ledger.grammar import format_entry
from coffer.ledger.roster import parse_roster
from coffer.ledger.state import State
from coffer.notes.keys import SealKey, SigningKey, VerifyKey
from coffer.notes.note import sign_note
from coffer.procedures.roster.change import Change, propose
from coffer.wire import format_base64
from public_codes import COARSE, NOTHING, REFUSED, SOMETHING
from world import World

ALL = ("judge", "dpo", "regulator")


@pytest.fixture(scope="module")
def still(tmp_path_factory):
    """A world that no test changes."""
    world = World.make(tmp_path_factory.mktemp("still"))
    world.epoch("2016-09-01", "2016-09-02")
    world.ingest(RECORDS)
    return Desk(world, world.authorize(by=ALL))


def verdict(state, world, body, key):
    return state.apply(sign_note(format_entry(body, origin=state.origin, time=world.now), key).raw)


def is_refused(found, rule, said):
    return isinstance(found, Invalid) and found.rule == rule and said in found.reason


def key_of(world, name):
    who, _, role = name.partition("/")
    return getattr(world.custodian(who).keys, role) if role else world.vault.operator_key(who)


def fault_of(state, accuser):
    """An accusation of the ingester, about the first segment that this accuser has not spoken of."""
    segment = next(s for s in state.segments.values() if (accuser, s.line.seg_id) not in state.receipts)
    seg_id, header = segment.line.seg_id, segment.line.header_hash
    return FaultEntry(accuser=accuser, accused="ingester", object=seg_id, evidence=header)


DAY = dt.date(2016, 9, 9)
KEY = SealKey.generate().public


@pytest.mark.parametrize(
    ("make", "good", "bad", "rule"),
    [
        (
            lambda s: EpochKeyEntry(roster=s.roster.hash, custodian="judge", day=DAY, key=KEY),
            "judge/auth",
            "dpo/auth",
            "K1",
        ),
        (
            lambda s: EpochKeyEntry(roster=s.roster.hash, custodian="judge", day=DAY, key=KEY),
            "judge/auth",
            "judge/resp",
            "K1",
        ),
        (
            lambda s: EpochKeyEntry(roster=s.roster.hash, custodian="judge", day=DAY, key=KEY),
            "judge/auth",
            "ingester",
            "K1",
        ),
        (lambda _: DestroyEntry(custodian="judge", day=DAY.replace(day=1)), "judge/resp", "judge/auth", "F1"),
        (lambda _: DestroyEntry(custodian="judge", day=DAY.replace(day=1)), "judge/resp", "dpo/resp", "F1"),
        (
            lambda _: RefuseEntry(authorization=bytes(32), custodian="judge", reason="merit", **REFUSED),
            "judge/auth",
            "desk",
            "F1",
        ),
        (
            lambda s: fault_of(s, "desk"),
            "desk",
            "dpo/resp",
            "F2",
        ),
        (
            lambda s: fault_of(s, "dpo"),
            "dpo/resp",
            "dpo/auth",
            "F2",
        ),
        (
            lambda _: IntentEntry(
                authorization=bytes(32), requester="desk", nonce=bytes(16), cells_at_most=1, codes=COARSE
            ),
            "desk",
            "ingester",
            "N1",
        ),
        (lambda _: ingest_of(), "ingester", "desk", "I1"),
    ],
)
def test_entry_signed_by_a_key_of_another_role_has_no_effect(still, make, good, bad, rule):
    world, state = still.world, still.world.state()
    body = make(state)
    found = verdict(state, world, body, key_of(world, bad))
    assert is_refused(found, rule, "signed by"), found
    assert isinstance(verdict(state, world, body, key_of(world, good)), Valid)


def segment(number=1, **changes):
    fields = {
        "seg_id": SegmentId(bytes([number]) * 32),
        "header_hash": bytes(32),
        "day": DAY,
        "kind": "call",
        "rule": "base",
        "part": 0,
        "rows": 1024,
        "supersedes": None,
    }
    return SegmentLine(**(fields | changes))


NO_COUNTS = CoarseCounts(files=0, read=0, kept=0, rejected=0, duplicate=0)


def ingest_of(number=1, total=1, *, batch=b"b" * 16, segments=None, counts=NO_COUNTS, feed="calls", tally=None):
    return IngestEntry(
        batch=BatchId(batch),
        number=number,
        total=total,
        feed=feed,
        counts=counts,
        segments=(segment(number),) if segments is None else tuple(segments),
        tally=tally,
    )


def test_batch_of_which_a_part_is_missing_does_not_exist(still):
    world, state, key = still.world, still.world.state(), ingester_key(still.world)
    before = set(state.segments)
    assert isinstance(verdict(state, world, ingest_of(1, 2), key), Valid)
    assert set(state.segments) == before
    assert isinstance(verdict(state, world, ingest_of(2, 2), key), Valid)
    assert len(state.segments) == len(before) + 2


@pytest.mark.parametrize(
    "second",
    [
        {"number": 1, "total": 2},
        {"number": 3, "total": 3},
        {"number": 2, "total": 3},
        {"number": 2, "total": 2, "feed": "other"},
        {"number": 2, "total": 2, "tally": bytes(32)},
        {"number": 2, "total": 2, "batch": b"c" * 16},
        {"number": 2, "total": 2, "counts": CoarseCounts(files=0, read=1024, kept=1024, rejected=0, duplicate=0)},
    ],
)
def test_batch_part_that_does_not_continue_it_has_no_effect(still, second):
    world, state, key = still.world, still.world.state(), ingester_key(still.world)
    before = set(state.segments)
    verdict(state, world, ingest_of(1, 2), key)
    assert is_refused(verdict(state, world, ingest_of(**second), key), "I1", "not the next entry of its batch")
    assert set(state.segments) == before


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ({"segments": [segment(1), segment(1)]}, "I3"),
        ({"segments": [segment(1, rule="FR")]}, "I3"),
        ({"segments": [segment(1, rows=1000)]}, "I3"),
        ({"segments": [segment(1, supersedes=SegmentId(bytes(32)))]}, "I3"),
        ({"counts": CoarseCounts(files=1, read=1024, kept=1024, rejected=0, duplicate=0)}, "V1"),
        ({"counts": CoarseCounts(files=0, read=1, kept=1, rejected=0, duplicate=0)}, "V1"),
    ],
)
def test_ingest_that_does_not_add_up_has_no_effect(still, body, rule):
    world, state, key = still.world, still.world.state(), ingester_key(still.world)
    found = verdict(state, world, ingest_of(**body), key)
    assert isinstance(found, Invalid)
    assert found.rule == rule
    assert isinstance(verdict(state, world, ingest_of(), key), Valid)


def test_batch_superseded_by_whoever_is_no_ingester_stays(still):
    world, state = still.world, still.world.state()
    (batch,) = state.batches
    for name in ("desk", "judge/auth", "judge/resp"):
        found = verdict(state, world, WithdrawEntry(batch=batch), key_of(world, name))
        assert is_refused(found, "W1", "not signed by an ingester")
    assert (state.withdrawn, state.superseded) == ({}, set())
    assert isinstance(verdict(state, world, WithdrawEntry(batch=batch), ingester_key(world)), Valid)
    assert state.superseded == set(state.segments)


def test_batch_is_withdrawn_once_and_only_if_it_is_complete(still):
    world, state, key = still.world, still.world.state(), ingester_key(still.world)
    batch = BatchId(b"b" * 16)
    verdict(state, world, ingest_of(1, 2), key)
    assert is_refused(verdict(state, world, WithdrawEntry(batch=batch), key), "W1", "no complete batch")
    verdict(state, world, ingest_of(2, 2), key)
    assert isinstance(verdict(state, world, WithdrawEntry(batch=batch), key), Valid)
    assert is_refused(verdict(state, world, WithdrawEntry(batch=batch), key), "W1", "superseded before")


def test_segment_that_exists_cannot_be_logged_again(still):
    world, state, key = still.world, still.world.state(), ingester_key(still.world)
    known = next(iter(state.segments.values())).line
    assert is_refused(verdict(state, world, ingest_of(segments=[known]), key), "I3", "exists already")


def test_second_epoch_key_of_a_day_has_no_effect(still):
    world, state, key = still.world, still.world.state(), key_of(still.world, "judge/auth")
    first = EpochKeyEntry(roster=state.roster.hash, custodian="judge", day=DAY, key=KEY)
    swapped = EpochKeyEntry(roster=state.roster.hash, custodian="judge", day=DAY, key=SealKey.generate().public)
    assert isinstance(verdict(state, world, first, key), Valid)
    assert is_refused(verdict(state, world, swapped, key), "K1", "has a key for this day already")
    assert state.epoch_keys["judge", DAY] == KEY


def test_close_of_more_records_than_were_drawn_has_no_effect(still):
    world, state, key = still.world, still.world.state(), key_of(still.world, "desk")
    intent = IntentEntry(authorization=bytes(32), requester="desk", nonce=bytes(16), cells_at_most=1, codes=COARSE)
    index = state.size
    verdict(state, world, intent, key)
    verdict(state, world, DrawEntry(intent=index, table=bytes(32), records=2), key)
    fields = {"intent": index, "result": bytes(32), "answers": 3, "unconfirmed_cells": 0}
    assert is_refused(
        verdict(state, world, CloseEntry(records=3, **fields, **SOMETHING), key), "C1", "more records than were drawn"
    )
    assert isinstance(verdict(state, world, CloseEntry(records=2, **fields, **SOMETHING), key), Valid)
    assert isinstance(verdict(state, world, CloseEntry(records=0, **fields, **NOTHING), key), Invalid)


def later_roster(world, state, change, signers, extra=()):
    text = change(state.roster.text.replace(b"time: 2016-09-05T12:00:00Z", b"time: 2016-09-05T12:00:01Z"))
    return sign_note(text, *(key_of(world, f"{name}/auth") for name in signers), *extra).raw


def with_second_desk(key):
    return lambda text: text.replace(
        b"quorum: 0", f"requester: {key.verify_key.name} {key.verify_key.format()}\nquorum: 0".encode()
    )


def test_draw_and_close_by_another_requester_of_the_roster_have_no_effect(still):
    world, state = still.world, still.world.state()
    clerk = SigningKey.generate("clerk")
    assert isinstance(state.apply(later_roster(world, state, with_second_desk(clerk), ["judge", "dpo"])), Valid)
    index = state.size
    intent = IntentEntry(authorization=bytes(32), requester="desk", nonce=bytes(16), cells_at_most=1, codes=COARSE)
    assert isinstance(verdict(state, world, intent, key_of(world, "desk")), Valid)
    draw = DrawEntry(intent=index, table=bytes(32), records=1)
    assert is_refused(verdict(state, world, draw, clerk), "D1", "not signed by that requester")
    close = CloseEntry(intent=index, result=bytes(32), records=0, answers=0, unconfirmed_cells=0, **NOTHING)
    assert is_refused(verdict(state, world, close, clerk), "C1", "not signed by that requester")
    assert isinstance(verdict(state, world, draw, key_of(world, "desk")), Valid)


@pytest.mark.parametrize("signers", [[], ["judge"], ["judge", "judge2"]])
def test_roster_without_the_signatures_of_the_base_rule_has_no_effect(still, signers):
    world, state = still.world, still.world.state()
    known = [name for name in signers if name in ALL]
    extra = [SigningKey.generate("dpo/auth")] if "judge2" in signers or not known else []
    before = state.roster.hash
    found = state.apply(
        later_roster(world, state, lambda text: text.replace(b"cell-cap: 200", b"cell-cap: 201"), known, extra)
    )
    assert is_refused(found, "R1", "do not satisfy the base rule in force")
    assert state.roster.hash == before


def test_roster_with_a_newcomer_that_did_not_sign_has_no_effect(still):
    world, state = still.world, still.world.state()
    new = CustodianKeys.generate("cnctr", os.urandom)
    public = PublicKeys(name="cnctr", auth=new.auth.verify_key, resp=new.resp.verify_key, req=new.req.public)
    swap = lambda _text: propose(state.roster, Change(replaced={"regulator": public}), state.newest).text  # noqa: E731
    found = state.apply(later_roster(world, state, swap, ["judge", "dpo"]))
    assert is_refused(found, "R1", "a new custodian has not signed it")
    assert isinstance(state.apply(later_roster(world, state, swap, ["judge", "dpo"], [new.auth])), Valid)


def test_roster_that_gives_a_name_to_other_keys_has_no_effect(still):
    world, state = still.world, still.world.state()
    old, new = state.roster.custodian("regulator").auth, SigningKey.generate("regulator/auth")
    swap = lambda text: text.replace(old.format().encode(), new.verify_key.format().encode())  # noqa: E731
    found = state.apply(later_roster(world, state, swap, ["judge", "dpo"], [new]))
    assert is_refused(found, "R2", "a custodian's name with other keys than before")


@pytest.mark.parametrize(
    ("place", "thief"),
    [
        ("dpo/auth", "judge/auth"),
        ("judge/resp", "judge/auth"),
        ("dpo/resp", "judge/resp"),
        ("ingester", "judge/auth"),
        ("desk", "ingester"),
    ],
)
def test_one_key_in_two_roles_of_a_roster_is_refused(still, place, thief):
    world, roster = still.world, still.world.state().roster
    old, stolen = key_of(world, place).verify_key, key_of(world, thief).verify_key
    twice = VerifyKey(name=old.name, public=stolen.public)
    text = roster.text.replace(old.format().encode(), twice.format().encode())
    with pytest.raises(MalformedInput, match="the same key stands in two places"):
        parse_roster(text, "roster")
    assert parse_roster(roster.text, "roster") == roster


def test_one_request_key_for_two_custodians_is_refused(still):
    roster = still.world.state().roster
    first, second = (format_base64(custodian.req).encode() for custodian in roster.custodians[:2])
    with pytest.raises(MalformedInput, match="the same key stands in two places"):
        parse_roster(roster.text.replace(second, first), "roster")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            b"rule: base 2 of judge,dpo,regulator",
            b"rule: base 1 of judge,dpo,regulator",
            "one custodian alone is no lock",
        ),
        (
            b"rule: base 2 of judge,dpo,regulator",
            b"rule: base 2 of judge,dpo",
            "found 2 of 2, expected a set of at least 3",
        ),
        (b"rule: base 2 of judge,dpo,regulator", b"rule: base 2 of judge,judge,dpo", "a custodian is named twice"),
        (b"rule: base 2 of judge,dpo,regulator", b"rule: base 2 of judge,dpo,stranger", "unknown custodian"),
    ],
)
def test_rule_that_is_no_lock_is_refused(still, old, new, said):
    text = still.world.state().roster.text
    with pytest.raises(MalformedInput, match=said):
        parse_roster(text.replace(old, new), "roster")


def test_genesis_that_is_not_the_pinned_one_is_not_proven(still):
    state = still.world.state()
    entries = still.world.vault.log.entries(0, state.size)
    for genesis in (bytes(32), state.genesis):
        other = State.empty(origin=state.origin, genesis=genesis)
        other.apply_all(entries)
        if genesis == state.genesis:
            assert other.roster.hash == genesis
            continue
        with pytest.raises(NotProven, match="entry 0 is not the pinned genesis roster"):
            _ = other.roster


def test_genesis_that_not_every_custodian_signed_is_not_proven(still):
    state = still.world.state()
    entries = still.world.vault.log.entries(0, state.size)
    text, _, signatures = entries[0].partition(b"\n\n")
    short = text + b"\n\n" + b"".join(signatures.splitlines(keepends=True)[:-1])
    other = State.empty(origin=state.origin, genesis=state.genesis)
    assert is_refused(other.apply(short), "R1", "a new custodian has not signed it")
