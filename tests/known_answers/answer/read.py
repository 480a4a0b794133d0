import hashlib

import coffer_audit.wire
from coffer.disclosure.answer import result_commitment
from coffer.disclosure.joined import join_parts, split_parts
from coffer.notes.keys import Secret
from coffer.tally.release import tally_hash
from coffer.vault.memory import MemoryKey
from coffer.vault.pins import parse_pins
from known_answers.vector import runner


@runner("result", "salt records superseded", found="commitment")
def run_result(vector, _):
    superseded = vector.bytes("superseded") or None
    assert result_commitment(vector.bytes("salt"), vector.bytes("records"), superseded) == vector.bytes("commitment")


@runner("joined", "raw key-bytes key? part?")
def run_joined(vector, _):
    raw, size = vector.bytes("raw"), vector.int("key-bytes")
    for split in (split_parts, coffer_audit.wire.split_parts):

        def parse(split=split):
            return list(split(raw, size, "joined"))

        if not vector.is_refused(parse):
            assert parse() == list(zip(vector.many("key"), vector.many("part"), strict=True))
            assert join_parts(dict(parse())) == raw


@runner("tally-hash", "hours countries", found="hash")
def run_tally_hash(vector, _):
    assert tally_hash(vector.bytes("hours"), vector.bytes("countries")) == vector.bytes("hash")


@runner("remembered", "key content salt memory-kib print name name-print")
def run_remembered(vector, _):
    memory = MemoryKey(Secret(vector.bytes("key"), "file"), "x")
    digest = hashlib.sha256(vector.bytes("content")).digest()
    assert memory.print(digest, vector.bytes("salt"), vector.int("memory-kib")) == vector.int("print")
    assert memory.name(vector.text("name")) == vector.bytes("name-print")


@runner("pins", "", body=True)
def run_pins(vector, _):
    if not vector.is_refused(lambda: parse_pins(vector.body, "vault.toml")):
        assert parse_pins(vector.body, "vault.toml").format() == vector.body
