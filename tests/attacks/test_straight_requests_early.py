"""Requests sent straight to a custodian, steps 1 to 7: whoever has not proven to be the requester is told nothing at all.

The numbers are those of ``docs/procedures/opening.md`` and of ``custody/decide.py``.
"""

import datetime as dt
import os

import pytest
from forging import RECORDS, Desk, log_entries, signed_note, terms_of

from coffer.custody.decide import Grant, Reject, decide
from coffer.custody.exchange import CONSTANT_REFUSAL, MAX_REQUEST_BYTES, parse_request, request_info
from coffer.errors import MalformedInput
from coffer.ledger.entries import RevokeEntry
from coffer.notes.keys import SealKey, Secret, SigningKey, seal
from coffer.notes.note import sign_note
from world import World

ALL = ("judge", "dpo", "regulator")


@pytest.fixture
def desk(world):
    world.ingest(RECORDS)
    return Desk(world, world.authorize(by=ALL))


@pytest.fixture(scope="module")
def still(tmp_path_factory):
    """A desk in a world that no test changes, with a request that is answered."""
    world = World.make(tmp_path_factory.mktemp("still"))
    world.epoch("2016-09-01", "2016-09-02")
    world.ingest(RECORDS)
    desk = Desk(world, world.authorize(by=ALL))
    return desk, desk.labels(desk.intent())


def send(desk, raw, name="judge", to=None, roster=None):
    """Any bytes, sealed to a custodian, in the right context if not said otherwise."""
    mine = desk.world.state().roster
    member = mine.custodian(to or name)
    info = request_info(roster or mine.hash, member.index)
    return desk.world.custodian(name).answer(seal(raw, mine.custodian(name).req, info=info))


def outcomes(desk, name="judge"):
    """The custodian's own record: last line."""
    return (desk.world.vault.path / "custodians" / name / "audit.log").read_text().splitlines()[-1]


def test_twin_the_request_as_it_is_is_answered(still):
    desk, request = still
    assert isinstance(desk.decide(request), Grant)
    assert desk.ask(request).startswith(b"COFRSP01")
    assert send(desk, request.raw) != CONSTANT_REFUSAL


def test_step_01_too_large_a_request_is_refused(still):
    desk, request = still
    assert send(desk, request.raw + bytes(MAX_REQUEST_BYTES)) == CONSTANT_REFUSAL
    assert outcomes(desk).endswith("step 1 MalformedInput")


def test_step_01_garbage_is_refused(still):
    desk, _ = still
    service = desk.world.custodian("judge")
    for junk in (b"", b"\x00", os.urandom(100), os.urandom(1136), os.urandom(5000)):
        assert service.answer(junk) == CONSTANT_REFUSAL
    assert outcomes(desk).endswith("step 1 NotProven")


def test_step_01_request_truncated_at_any_byte_is_refused(still):
    desk, request = still
    for at in range(0, len(request.raw), 5):
        with pytest.raises(MalformedInput, match=r"request|header"):
            parse_request(request.raw[:at])
    assert parse_request(request.raw) == request
    for at in (0, 100, 2000, len(request.raw) - 1):
        assert send(desk, request.raw[:at]) == CONSTANT_REFUSAL


def test_step_01_sealed_bytes_truncated_or_flipped_are_refused(still):
    desk, request = still
    sealed, service = desk.sealed(request), desk.world.custodian("judge")
    for at in (0, 1, 1087, 1088, 1119, 1120, 1136, len(sealed) // 2, len(sealed) - 1):
        assert service.answer(sealed[:at]) == CONSTANT_REFUSAL
        flipped = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        assert service.answer(flipped) == CONSTANT_REFUSAL
    assert service.answer(sealed + b"\0") == CONSTANT_REFUSAL
    assert service.answer(sealed) != CONSTANT_REFUSAL


def test_step_01_bytes_after_the_signature_are_refused(still):
    desk, request = still
    assert send(desk, request.raw + b"\0") == CONSTANT_REFUSAL
    assert outcomes(desk).endswith("step 1 MalformedInput")


def test_step_01_request_sealed_for_another_custodians_index_is_refused(still):
    desk, request = still
    assert send(desk, request.raw, to="dpo") == CONSTANT_REFUSAL
    assert outcomes(desk).endswith("step 1 NotProven")


def test_step_01_request_sealed_under_another_roster_is_refused(still):
    desk, request = still
    assert send(desk, request.raw, roster=bytes(32)) == CONSTANT_REFUSAL
    assert outcomes(desk).endswith("step 1 NotProven")


def test_step_01_request_of_one_custodian_forwarded_to_another_is_refused(still):
    desk, request = still
    assert desk.world.custodian("dpo").answer(desk.sealed(request, "judge")) == CONSTANT_REFUSAL


def test_step_01_headers_other_than_those_the_cells_name_are_refused(still):
    desk, _ = still
    both = list(desk.headers().values())
    for headers in (both, [], both[1:], [both[0], both[0]]):
        request = desk.labels(1, desk.cell(1), headers=headers)
        with pytest.raises(MalformedInput, match="its headers are not those its cells name"):
            parse_request(request.raw)
        assert send(desk, request.raw) == CONSTANT_REFUSAL


def test_step_01_duplicate_unordered_or_empty_cells_are_refused(still):
    desk, _ = still
    first, second = sorted([desk.cell(1), desk.cell(2)])
    for cells in ([first, first], [second, first], []):
        request = desk.labels(1, first, second)
        object.__setattr__(request, "cells", tuple(cells))
        with pytest.raises(MalformedInput, match=r"cells must be strictly ascending|no cell"):
            parse_request(request.raw)
    with pytest.raises(MalformedInput, match="at least one rank"):
        parse_request(desk.labels(1, desk.cell(1, count=0)).raw)


@pytest.mark.parametrize(("lane", "draw", "salt"), [(0, None, 0), (3, None, 0), (1, 7, 0), (1, None, 1), (2, None, 0)])
def test_step_01_lane_draw_and_salt_that_do_not_fit_are_refused(still, lane, draw, salt):
    desk, _ = still
    number = 2**64 - 1 if draw is None else draw
    request = desk.request(1, desk.cell(1), draw=number, lane=lane, draw_salt=bytes([salt]) * 32)
    with pytest.raises(MalformedInput, match="seal key, lane, draw or salt out of range"):
        parse_request(request.raw)


def test_step_02_checkpoint_signed_by_another_key_is_refused(still):
    desk, _ = still
    checkpoint = desk.world.vault.log.checkpoint()
    text = checkpoint.partition(b"\n\n")[0] + b"\n"
    stranger = SigningKey.generate(desk.world.vault.pins.origin)
    request = desk.labels(1, checkpoint=sign_note(text, stranger).raw)
    assert desk.ask(request) == CONSTANT_REFUSAL
    assert outcomes(desk).endswith("step 2 NotProven")


def test_step_02_garbage_for_a_checkpoint_is_refused(still):
    desk, _ = still
    assert desk.ask(desk.labels(1, checkpoint=b"none")) == CONSTANT_REFUSAL
    assert outcomes(desk).endswith("step 2 MalformedInput")


def test_step_03_note_that_would_be_written_otherwise_is_refused(still):
    desk, _ = still
    for old, new in ((b"max-records: 100", b"max-records: 0100"), (b"hub: no", b"hub: no "), (b"+336", b"336")):
        request = desk.labels(1, note=desk.note.replace(old, new))
        assert desk.decide(request) == Reject(step=3)
        assert desk.ask(request) == CONSTANT_REFUSAL


def test_step_03_note_of_another_origin_is_refused(still):
    desk, _ = still
    note = signed_note(desk.world, terms_of(desk.note, origin="test.example/other"), *ALL)
    request = desk.labels(1, note=note)
    assert desk.decide(request) == Reject(step=3)
    assert desk.ask(request) == CONSTANT_REFUSAL


def test_step_03_note_of_an_unknown_roster_is_refused(still):
    desk, _ = still
    note = signed_note(desk.world, terms_of(desk.note, roster=bytes(32)), *ALL)
    assert desk.decide(desk.labels(1, note=note)) == Reject(step=3)


def test_step_03_note_that_ends_at_the_end_of_the_calendar_is_refused_and_nothing_worse(still):
    desk, _ = still
    late = desk.note.replace(b"not-before: 2016-09-05", b"not-before: 9999-12-31").replace(
        b"s: 2016-09-12T12:", b"s: 9999-12-31T13:"
    )
    assert late != desk.note
    assert desk.ask(desk.labels(1, note=late)) == CONSTANT_REFUSAL


def test_step_04_note_that_was_only_signed_is_refused(still):
    desk, _ = still
    note = signed_note(desk.world, terms_of(desk.note, id=bytes(16)), *ALL)
    request = desk.labels(1, note=note)
    assert desk.decide(request) == Reject(step=4)
    assert desk.ask(request) == CONSTANT_REFUSAL
    assert outcomes(desk).endswith("rejected step 4")


def test_step_04_another_salt_is_another_commitment(still):
    desk, _ = still
    note = signed_note(desk.world, terms_of(desk.note, salt=Secret(bytes(32), "salt")), *ALL)
    assert desk.decide(desk.labels(1, note=note)) == Reject(step=4)


def test_step_05_approval_of_one_without_the_signatures_of_others_is_refused(desk):
    note = desk.world.authorize(by=("judge",))
    alone = Desk(desk.world, note)
    request = alone.labels(alone.intent())
    assert alone.decide(request) == Reject(step=5)
    assert alone.ask(request) == CONSTANT_REFUSAL
    second = alone.labels(request.intent, note=desk.world.countersign(note, "dpo"))
    assert isinstance(alone.decide(second), Grant)  # the twin: one more signature


def test_step_05_hub_without_every_custodian_is_refused(desk):
    note = desk.world.authorize(by=("judge", "dpo"), is_hub=True)
    hub = Desk(desk.world, note)
    request = hub.labels(hub.intent())
    assert hub.decide(request) == Reject(step=5)
    whole = hub.labels(request.intent, note=desk.world.countersign(note, "regulator"))
    assert isinstance(hub.decide(whole), Grant)


@pytest.mark.parametrize("moment", [dt.timedelta(days=7), dt.timedelta(days=7, seconds=1), dt.timedelta(days=99)])
def test_step_06_expired_is_refused(still, moment):
    desk, request = still
    assert desk.decide(request, now=desk.world.now + moment) == Reject(step=6)
    assert isinstance(desk.decide(request, now=desk.world.now + dt.timedelta(days=7, seconds=-1)), Grant)


def test_step_06_not_yet_in_force_is_refused(desk):
    later = desk.world.now + dt.timedelta(hours=1)
    early = Desk(desk.world, desk.world.authorize(by=ALL, not_before=later, expires=later + dt.timedelta(days=1)))
    request = early.labels(early.intent())
    assert early.decide(request) == Reject(step=6)
    assert early.ask(request) == CONSTANT_REFUSAL
    assert isinstance(early.decide(request, now=later), Grant)


def test_step_06_revoked_is_refused(desk):
    request = desk.labels(desk.intent())
    assert isinstance(desk.decide(request), Grant)
    key = desk.world.custodian("regulator").keys.auth
    log_entries(desk.world, RevokeEntry(authorization=desk.authorization.commitment), key=key)
    assert desk.decide(request) == Reject(step=6)
    assert desk.ask(desk.labels(request.intent)) == CONSTANT_REFUSAL


def test_step_06_clock_set_back_does_not_revive_an_authorization(desk):
    request = desk.labels(desk.intent())
    before = desk.world.now
    desk.world.now += dt.timedelta(days=8)
    commitment = bytes(32)
    log_entries(desk.world, RevokeEntry(authorization=commitment), key=desk.world.custodian("dpo").keys.auth)
    desk.world.now = before
    assert desk.decide(request) == Reject(step=6)
    assert desk.ask(desk.labels(request.intent)) == CONSTANT_REFUSAL


def test_step_07_request_signed_by_another_key_is_refused(still):
    desk, request = still
    forged = desk.labels(request.intent, key=SigningKey.generate("desk"))
    assert desk.decide(forged) == Reject(step=7)
    assert desk.ask(forged) == CONSTANT_REFUSAL


def test_step_07_request_without_a_signature_is_refused(still):
    desk, request = still
    unsigned = parse_request(request.raw[:-64] + bytes(64))
    assert desk.decide(unsigned) == Reject(step=7)


def test_step_07_reply_to_a_seal_key_of_somebody_else_is_refused(still):
    desk, request = still
    thief = SealKey.generate()
    forged = desk.labels(request.intent, seal_public=thief.public)
    assert desk.decide(forged) == Reject(step=7)
    assert desk.ask(forged) == CONSTANT_REFUSAL


def test_step_07_no_changed_byte_of_a_request_passes(still):
    desk, request = still
    raw, decider, state = request.raw, desk.decider(), desk.world.state()
    for at in range(0, len(raw), 41):
        try:
            changed = parse_request(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
        except MalformedInput:
            continue
        assert isinstance(decide(changed, state, decider), Reject), f"byte {at}"


def test_before_step_07_every_refusal_is_the_same_eight_bytes(still):
    desk, request = still
    answers = {
        send(desk, b"junk"),
        desk.ask(desk.labels(request.intent, checkpoint=b"none")),
        desk.ask(desk.labels(request.intent, note=desk.note.replace(b"hub: no", b"hub: No"))),
        desk.ask(desk.labels(request.intent, note=signed_note(desk.world, terms_of(desk.note, id=bytes(16)), *ALL))),
        desk.ask(desk.labels(request.intent, key=SigningKey.generate("desk"))),
    }
    assert answers == {b"COFREF01"}
