"""What witnesses are asked and what they sign: parses or is malformed, and only what continues is ever cosigned."""

import datetime as dt

from hypothesis import given, settings
from hypothesis import strategies as st

import reference as ref
from coffer.errors import MalformedInput, NotProven
from coffer.notes.cosign import Cosigner, parse_cosign_vkey
from coffer.notes.keys import Secret, SigningKey
from coffer.notes.note import Note, parse_note
from coffer.translog.checkpoint import TreeHead, sign_checkpoint
from coffer.translog.merkle import leaf_hash, root_hash
from coffer.translog.witness import Ask, Conflict, Cosign, Deny, Fork, decide_cosign, parse_ask

LOG = SigningKey("log.example", Secret(bytes(32), "seed"))
LEAVES = [[leaf_hash(bytes([history, i])) for i in range(40)] for history in range(2)]
FEW = settings(max_examples=150, deadline=None)


def checkpoint(size, history=0):
    return sign_checkpoint(TreeHead(size=size, root=root_hash(LEAVES[history][:size])), LOG).note.raw


@FEW
@given(st.binary(max_size=300))
def test_any_bytes_are_an_ask_or_malformed(raw):
    try:
        assert parse_ask(raw).format() == raw
    except MalformedInput:
        return


@FEW
@given(st.integers(0, 2**62), st.lists(st.binary(min_size=32, max_size=32), max_size=63), st.binary(max_size=200))
def test_ask_formats_and_parses(old, proof, rest):
    ask = Ask(old_size=old, proof=tuple(proof), checkpoint=rest)
    assert parse_ask(ask.format()) == ask


@FEW
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 40), st.integers(0, 1))
def test_witness_cosigns_what_continues_and_nothing_else(known, size, old, history):
    proof = tuple(ref.consistency(LEAVES[history][:size], old)) if 0 < old <= size else ()
    outcome = decide_cosign(
        Ask(old_size=old, proof=proof, checkpoint=checkpoint(size, history)), LOG.verify_key, checkpoint(known)
    )
    if old > size:
        assert isinstance(outcome, Deny)
        assert outcome.status == 400
    elif size == known and history:
        assert outcome == Fork(remembered=checkpoint(known), offered=checkpoint(size, history))
    elif old != known:
        assert outcome == Conflict(size=known)
    elif history:
        assert isinstance(outcome, Deny)
        assert outcome.status == 422
    else:
        assert isinstance(outcome, Cosign)


@FEW
@given(st.integers(1, 2**33), st.integers(0, 71), st.integers(0, 7))
def test_cosignature_is_of_its_time_and_no_changed_bit_of_it_verifies(time, at, bit):
    witness = Cosigner("w.example", Secret(b"\7" * 32, "seed"))
    assert parse_cosign_vkey(witness.public.format(), "key") == witness.public
    text = parse_note(checkpoint(5), "c").text
    line = witness.cosign(text, dt.datetime.fromtimestamp(time, dt.UTC))
    assert witness.public.time_of(Note(text=text, signatures=(line,))) == time
    changed = bytearray(line.signature)
    changed[at] ^= 1 << bit
    forged = type(line)(name=line.name, key_id=line.key_id, signature=bytes(changed))
    try:
        witness.public.time_of(Note(text=text, signatures=(forged,)))
    except NotProven:
        return
    raise AssertionError("a changed cosignature verified")
