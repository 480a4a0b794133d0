from coffer import wire
from coffer.desk.case import CaseId, event_hash
from coffer.desk.sealing import AesGcm, Cell, DeskKeys, Sealer
from coffer.notes.keys import Secret
from coffer.vault.operator import database_key
from known_answers.vector import runner


def keys_of(vector):
    return DeskKeys(database_key(Secret(vector.bytes("wrapping"), "key"), vector.text("origin")))


@runner("desk-key", "wrapping origin name", found="key")
def run_key(vector, _):
    keys = keys_of(vector)
    named = {"people": keys.people, "cases": keys.cases, "queue": keys.queue, "tags": keys._tags}
    assert named[vector.text("name")].unsafe_bytes() == vector.bytes("key")


@runner("desk-tag", "wrapping origin kind value", found="tag")
def run_tag(vector, _):
    assert keys_of(vector).blind(vector.text("kind"), vector.bytes("value")) == vector.bytes("tag")


@runner("desk-cell", "table row version key nonce step content sealed")
def run_cell(vector, _):
    sealer = Sealer(cipher=AesGcm(entropy=lambda _size: vector.bytes("nonce")))
    cell = Cell(table=vector.text("table"), row=vector.bytes("row"), version=vector.int("version"))
    key, sealed = Secret(vector.bytes("key"), "key"), vector.bytes("sealed")
    if not vector.is_refused(lambda: sealer.unseal(key, cell, sealed)):
        assert sealer.unseal(key, cell, sealed) == vector.bytes("content")
        assert sealer.seal(key, cell, vector.bytes("content"), step=vector.int("step")) == sealed


@runner("desk-event", "case number before event", found="hash")
def run_event(vector, _):
    case = CaseId(vector.bytes("case").hex())
    found = event_hash(case, vector.int("number"), vector.bytes("before"), vector.bytes("event"))
    assert found == vector.bytes("hash") == wire.Hash(found)
