"""Every known-answer vector, against the vectorised code, the independent auditor where it implements the same thing, and the scalar reference that made them.

A file is `key: value` lines (str as JSON, bytes as hex with `-` for none, int as decimal, a repeated key is a list), then perhaps an empty line and a body taken as
it is. Line 1, `expect:`, names the layer that must refuse: ok (none), parse (MalformedInput), verify (NotProven), state (an entry without effect). Line 2, `test:`, names the runner.
"""

# ruff: noqa: FBT003, E731, E501

import datetime as dt
import hashlib
import importlib.util
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import coffer_audit.answer.authorization
import coffer_audit.answer.exchange
import coffer_audit.answer.rows
import coffer_audit.entries.parse
import coffer_audit.entries.roster
import coffer_audit.log.checkpoint
import coffer_audit.log.tiles
import coffer_audit.log.tree
import coffer_audit.notes
import coffer_audit.segments
import coffer_audit.validity.state
import coffer_audit.wire
import reference as ref
from coffer import wire
from coffer.authority.authorization import format_terms, parse_authorization
from coffer.custodian.folder import CustodianFolder, CustodianKeys
from coffer.custody import exchange
from coffer.disclosure.answer import result_commitment
from coffer.disk import Disk
from coffer.errors import MalformedInput, NotProven
from coffer.identity.cells import format_cell, pack_cell
from coffer.identity.columns import Fault, IdentityRules, pack_short_code, parse_identities, sids, unpack_short_code
from coffer.identity.identifier import IdentityType, hashed_sid, parse_email, parse_subject
from coffer.identity.numbering import home_plan
from coffer.identity.readings import Habits
from coffer.ledger.entries import format_entry, parse_entry
from coffer.ledger.facts import Valid
from coffer.ledger.roster import parse_roster
from coffer.ledger.rules import parse_rule
from coffer.ledger.snapshot import format_snapshot, parse_snapshot
from coffer.ledger.state import State
from coffer.notes.cosign import parse_cosign_vkey
from coffer.notes.keys import SealKey, Secret, SigningKey, parse_vkey
from coffer.notes.note import parse_note, sign_note
from coffer.segments import header, prf, seal
from coffer.segments.locate import Finder
from coffer.segments.rows import FLAG_LAST, RowColumns, pack_dialled, pack_rows, parse_row, unpack_dialled
from coffer.tally.release import tally_hash
from coffer.translog import layout, merkle
from coffer.translog.checkpoint import verify_checkpoint
from coffer.vault.folder import parse_pins
from coffer.vault.memory import MemoryKey

VECTORS = Path(__file__).parent / "vectors"
ROOT = Path(__file__).parent.parent
COUNTS = {
    "answer": 14,
    "authorization": 80,
    "entries": 94,
    "exchange": 37,
    "hpke": 10,
    "identity": 158,
    "log": 64,
    "notes": 71,
    "rules": 20,
    "segments": 139,
    "state": 133,
    "wire": 48,
}
LAYERS = {
    "ok": (),
    "parse": (MalformedInput, coffer_audit.errors.MalformedInput),
    "verify": (NotProven, coffer_audit.errors.NotProven),
    "state": (),
}
RUNNERS = {}


class Vector:
    """One file; every key must be read by its runner, and none beyond."""

    def __init__(self, raw):
        head, separator, body = raw.partition(b"\n\n")
        lines = [
            line.partition(": ")
            for line in (head if separator else head.removesuffix(b"\n")).decode("ascii").split("\n")
        ]
        assert all(colon for _, colon, _ in lines), "a line without a key"
        assert [key for key, _, _ in lines[:2]] == ["expect", "test"], "line 1 is expect, line 2 is test"
        self.expect, self.test = lines[0][2], lines[1][2]
        self.body = body if separator else None
        self.fields = {}
        for key, _, value in lines[2:]:
            self.fields.setdefault(key, []).append(value)
        assert self.expect in LAYERS, f"unknown layer {self.expect}"
        assert self.test in RUNNERS, f"unknown test {self.test}"

    def many(self, key, read=lambda value: b"" if value == "-" else bytes.fromhex(value)):
        return [read(value) for value in self.fields.get(key, [])]

    def _one(self, key):
        (value,) = self.fields[key]
        return value

    def bytes(self, key):
        return self.many(key)[0]

    def int(self, key):
        return int(self._one(key))

    def text(self, key):
        return json.loads(self._one(key))

    def word(self, key):
        return self._one(key)

    def __contains__(self, key):
        return key in self.fields

    def is_refused(self, action, error=None):
        """True if ``action`` was refused by the layer that the vector names; False if it is one that must work, after doing it."""
        if self.expect == "ok":
            action()
            return False
        with pytest.raises(error or LAYERS[self.expect]):
            action()
        return True


def runner(test, keys, *, found="", body=False):
    """Register a runner. ``keys`` are always there, ``found`` only where expect is ok; a ``?`` marks what may be missing."""

    def register(function):
        RUNNERS[test] = (function, keys.split(), found.split(), body)
        return function

    return register


def verify_keys(vector):
    _, keys, found, body = RUNNERS[vector.test]
    asked = [*keys, *(found if vector.expect == "ok" else [])]
    unknown = set(vector.fields) - {key.removesuffix("?") for key in asked}
    missing = {key for key in asked if not key.endswith("?")} - set(vector.fields)
    assert not unknown, f"unknown keys {unknown}"
    assert not missing, f"missing keys {missing}"
    assert (vector.body is not None) == body, "a body missing or too much"


def load(path):
    vector = Vector(path.read_bytes())
    verify_keys(vector)
    return vector


def paths():
    return sorted(VECTORS.glob("*/*"))


@pytest.mark.parametrize("path", paths(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_vector(path, tmp_path):
    vector = load(path)
    RUNNERS[vector.test][0](vector, tmp_path)


def test_no_vector_was_lost():
    assert dict(Counter(path.parent.name for path in paths())) == COUNTS
    assert all(path.suffix == ".txt" for path in paths())


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"expect: maybe\ntest: decimal\n", "unknown layer"),
        (b"expect: ok\ntest: nothing\n", "unknown test"),
        (b"test: decimal\nexpect: ok\n", "line 1 is expect"),
        (b"expect: ok\ntest: decimal\ntext\n", "without a key"),
        (b'expect: ok\ntest: decimal\ntext: "1"\nhigh: 3\nvalue: 1\nsize: 1\n', "unknown keys"),
        (b'expect: ok\ntest: decimal\ntext: "1"\nhigh: 3\n', "missing keys"),
        (b'expect: parse\ntest: decimal\ntext: "1"\nhigh: 3\n\nbody', "a body"),
    ],
)
def test_loader_refuses(raw, message):
    with pytest.raises(AssertionError, match=message):
        verify_keys(Vector(raw))


def test_made_again_the_vectors_are_the_same_bytes(tmp_path, capsys):
    spec = importlib.util.spec_from_file_location("make_vectors", ROOT / "scripts" / "make_vectors.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    script.make_all(tmp_path)
    assert "made anew" not in capsys.readouterr().out, "an HPKE vector no longer opens"
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.glob("*/*")}
    assert made == {path.relative_to(VECTORS): path.read_bytes() for path in paths()}


# -- wire ----------------------------------------------------------------------------------------------------------------


@runner("decimal", "text high", found="value")
def run_decimal(vector, _):
    text, high = vector.text("text"), vector.int("high")
    if not vector.is_refused(lambda: wire.parse_decimal(text, "x", high=high)):
        assert wire.parse_decimal(text, "x", high=high) == vector.int("value")
    if not vector.is_refused(lambda: coffer_audit.wire.parse_decimal(text, "x", high=high)):
        assert coffer_audit.wire.parse_decimal(text, "x", high=high) == vector.int("value")


@runner("hex", "text size", found="value")
def run_hex(vector, _):
    text, size = vector.text("text"), vector.int("size")
    if not vector.is_refused(lambda: wire.parse_hex(text, "x", size=size)):
        assert wire.parse_hex(text, "x", size=size) == vector.bytes("value")
    vector.is_refused(lambda: coffer_audit.wire.parse_hex(text, size, "x"))


@runner("base64", "text size", found="value")
def run_base64(vector, _):
    text, size = vector.text("text"), vector.int("size")
    for parse in (
        lambda: wire.parse_base64(text, "x", size=size),
        lambda: coffer_audit.wire.parse_base64(text, size, "x"),
    ):
        if not vector.is_refused(parse):
            assert parse() == vector.bytes("value")


@runner("day", "text")
def run_day(vector, _):
    text = vector.text("text")
    for parse in (wire.parse_day, coffer_audit.wire.parse_day):
        if not vector.is_refused(lambda parse=parse: parse(text, "x")):
            assert str(parse(text, "x")) == text


@runner("time", "text")
def run_time(vector, _):
    text = vector.text("text")
    for parse in (wire.parse_time, coffer_audit.wire.parse_time):
        if not vector.is_refused(lambda parse=parse: parse(text, "x")):
            assert parse(text, "x").isoformat() == text.replace("Z", "+00:00")
            assert wire.format_time(parse(text, "x")) == text


# -- identity ------------------------------------------------------------------------------------------------------------


@runner("subject", "text", found="sid country")
def run_subject(vector, _):
    text = vector.text("text")
    if not vector.is_refused(lambda: parse_subject(text, "subject")):
        found = parse_subject(text, "subject")
        assert (found.sid, found.country(), found.format()) == (vector.bytes("sid"), vector.text("country"), text)
        assert found.sid == ref.sid_of_subject(text)
        assert coffer_audit.answer.authorization.parse_subject(text).sid == found.sid
        assert text.partition(":")[2][:4] not in repr(found)
    elif text.startswith("mailto:"):  # of numbers the auditor has no table
        vector.is_refused(lambda: coffer_audit.answer.authorization.parse_subject(text))


@runner("email", "text", found="form sid")
def run_email(vector, _):
    text = vector.text("text")
    if not vector.is_refused(lambda: parse_email(text, "address")):
        form = parse_email(text, "address")
        assert form == vector.text("form")
        assert parse_email(form, "address") == form
        assert hashed_sid(IdentityType.EMAIL, form, "") == ref.sid_email(form) == vector.bytes("sid")


@runner("column", "text kind home", found="type number? fault? found-text?")
def run_column(vector, _):
    rules = IdentityRules(habits=Habits(home=home_plan(vector.word("home"), "home")), local_identities=False)
    found = parse_identities(pa.array([vector.text("text")]), np.array([vector.int("kind")], np.uint8), rules)
    fault = vector.word("fault") if "fault" in vector else "NONE"
    assert Fault(int(found.fault[0])).name == fault
    assert int(found.type[0]) == vector.int("type")
    assert int(found.number[0]) == (vector.int("number") if "number" in vector else 0)
    assert found.text[0].as_py() == (vector.text("found-text") if "found-text" in vector else None)


# -- notes ---------------------------------------------------------------------------------------------------------------


@runner("note", "key", body=True)
def run_note(vector, _):
    vkey = vector.text("key")
    if not vector.is_refused(lambda: parse_note(vector.body, "note").verify_signed_by(parse_vkey(vkey, "key"))):
        assert parse_note(vector.body, "note").raw == vector.body

    def audit():
        note = coffer_audit.notes.parse_note(vector.body, "note")
        if not coffer_audit.notes.verify_signers(note, [coffer_audit.notes.parse_vkey(vkey, "key")], "note"):
            raise coffer_audit.errors.NotProven("not signed")

    vector.is_refused(audit)


@runner("cosignature", "key", found="time?", body=True)
def run_cosignature(vector, _):
    vkey = vector.text("key")

    def time_of():
        found = parse_cosign_vkey(vkey, "key").time_of(parse_note(vector.body, "note", may_be_cosigned=True))
        if found is None:
            raise NotProven("not cosigned")
        return found

    if not vector.is_refused(time_of):
        assert time_of() == vector.int("time")

    def audit():
        note = coffer_audit.notes.parse_note(vector.body, "note", cosigned=True)
        witness = coffer_audit.notes.parse_vkey(vkey, "key", kinds=(coffer_audit.notes.COSIGNATURE,))
        if not coffer_audit.notes.verify_signers(note, [witness], "note"):
            raise coffer_audit.errors.NotProven("not cosigned")

    vector.is_refused(audit)


@runner("vkey", "text", found="public")
def run_vkey(vector, _):
    text = vector.text("text")
    for parse in (parse_vkey, coffer_audit.notes.parse_vkey):
        if not vector.is_refused(lambda parse=parse: parse(text, "key")):
            assert parse(text, "key").public == vector.bytes("public")
    if vector.expect == "ok":
        assert parse_vkey(text, "key").format() == text == ref.vkey(text.split("+")[0], vector.bytes("public"))


# -- log -----------------------------------------------------------------------------------------------------------------


def leaves(size):
    return [merkle.leaf_hash(str(i).encode()) for i in range(size)]


@runner("root", "size", found="root")
def run_root(vector, _):
    tree = leaves(vector.int("size"))
    assert (
        merkle.root_hash(tree)
        == coffer_audit.log.tree.Tree(tree).root_at(len(tree))
        == ref.root(tree)
        == vector.bytes("root")
    )


def proof_of(vector):
    return [item for item in vector.many("proof") if item]


@runner("inclusion", "index size leaf root proof")
def run_inclusion(vector, _):
    index, size, leaf, root, proof = (
        vector.int("index"),
        vector.int("size"),
        vector.bytes("leaf"),
        vector.bytes("root"),
        proof_of(vector),
    )
    if not vector.is_refused(
        lambda: merkle.verify_inclusion(leaf=leaf, index=index, size=size, root=root, proof=proof)
    ):
        assert (
            merkle.inclusion_path(index, size, subtree_of(leaves(size))) == proof == ref.inclusion(leaves(size), index)
        )
    assert coffer_audit.log.tree.is_included(leaf, index, size, proof, root) == (vector.expect == "ok")


def subtree_of(leaves):
    return lambda level, at: ref.root(leaves[at << level : at + 1 << level])


@runner("consistency", "old-size size old-root root proof")
def run_consistency(vector, _):
    old, size, proof = vector.int("old-size"), vector.int("size"), proof_of(vector)
    check = lambda: merkle.verify_consistency(
        old_size=old, old_root=vector.bytes("old-root"), size=size, root=vector.bytes("root"), proof=proof
    )
    if not vector.is_refused(check):
        assert merkle.consistency_path(old, size, subtree_of(leaves(size))) == proof
        assert coffer_audit.log.tree.Tree(leaves(size)).root_at(old) == vector.bytes("old-root")


@runner("tile-path", "level index width", found="path")
def run_tile_path(vector, _):
    level, index, width = vector.word("level"), vector.int("index"), vector.int("width")
    path = layout.tile_path(None if level == "entries" else int(level), index, width)
    assert path == vector.text("path") == "tile/" + coffer_audit.log.tiles.format_tile(level, index, width)
    assert coffer_audit.log.tiles.parse_tile(path.removeprefix("tile/")) == (level, index, width)


@runner("tiles", "size", found="count digest")
def run_tiles(vector, _):
    tiles = ref.tiles(vector.int("size"))
    listing = "".join(layout.tile_path(*tile) + "\n" for tile in tiles).encode()
    assert (len(tiles), hashlib.sha256(listing).digest()) == (vector.int("count"), vector.bytes("digest"))


@runner("bundle", "raw width", found="entry")
def run_bundle(vector, _):
    for parse in (layout.parse_bundle, coffer_audit.log.tiles.parse_bundle):
        action = lambda parse=parse: parse(vector.bytes("raw"), vector.int("width"), "bundle")
        if not vector.is_refused(action):
            assert action() == vector.many("entry")
    if vector.expect == "ok":
        assert layout.format_bundle(vector.many("entry")) == vector.bytes("raw")


@runner("checkpoint", "key", found="size root", body=True)
def run_checkpoint(vector, _):
    vkey = vector.text("key")
    if not vector.is_refused(lambda: verify_checkpoint(vector.body, parse_vkey(vkey, "key"), "checkpoint")):
        head = verify_checkpoint(vector.body, parse_vkey(vkey, "key"), "checkpoint").head
        assert (head.size, head.root) == (vector.int("size"), vector.bytes("root"))

    def audit():
        found = coffer_audit.log.checkpoint.parse_checkpoint(vector.body, "checkpoint")
        coffer_audit.log.checkpoint.verify_checkpoint(found, coffer_audit.notes.parse_vkey(vkey, "key"), "checkpoint")

    vector.is_refused(audit)


# -- rules, rosters, entries, State --------------------------------------------------------------------------------------


@runner("rule", "expression custodians", found="clauses satisfied-hash")
def run_rule(vector, _):
    names = [chr(97 + i) for i in range(vector.int("custodians"))]
    expression = vector.text("expression")
    if not vector.is_refused(lambda: parse_rule("base", expression, names, "rule")):
        rule = parse_rule("base", expression, names, "rule")
        raw = b"".join(clause.to_bytes(2, "big") for clause in rule.clauses)
        satisfied = sum(1 << mask for mask in range(2 ** len(names)) if rule.is_satisfied_by(mask))
        assert (raw, hashlib.sha256(satisfied.to_bytes(64, "big")).digest()) == (
            vector.bytes("clauses"),
            vector.bytes("satisfied-hash"),
        )
        assert rule.expression == expression
    if not vector.is_refused(lambda: coffer_audit.entries.roster.expand_rule(expression, names, "rule")):
        assert coffer_audit.entries.roster.expand_rule(expression, names, "rule").clauses == rule.clauses


@runner("roster", "", found="hash", body=True)
def run_roster(vector, _):
    if not vector.is_refused(lambda: parse_roster(parse_entry(vector.body, "entry").note.text, "roster")):
        assert parse_roster(parse_note(vector.body, "entry").text, "roster").hash == vector.bytes("hash")
    if not vector.is_refused(lambda: coffer_audit.entries.parse.parse_entry(vector.body)):
        assert coffer_audit.entries.parse.parse_entry(vector.body).body.hash == vector.bytes("hash").hex()


@runner("entry", "", body=True)
def run_entry(vector, _):
    if not vector.is_refused(lambda: parse_entry(vector.body, "entry")):
        entry = parse_entry(vector.body, "entry")
        assert format_entry(entry.body, origin=entry.origin, time=entry.time) == entry.note.text
    vector.is_refused(lambda: coffer_audit.entries.parse.parse_entry(vector.body))


@runner("state", "origin genesis verdict entry")
def run_state(vector, _):
    entries = [
        load(VECTORS / item[1:]).body if item.startswith("@") else wire.parse_base64(item, "entry")
        for item in vector.many("entry", str)
    ]
    verdicts, genesis = vector.many("verdict", str), vector.bytes("genesis")
    assert vector.expect == ("ok" if set(verdicts) == {"ok"} else "state")
    state = State.empty(origin=vector.word("origin"), genesis=genesis)
    found = ["ok" if isinstance(verdict, Valid) else verdict.rule for verdict in state.apply_all(entries)]
    assert found == verdicts, "coffer"
    for cut in range(len(entries) + 1):
        kept = State.empty(origin=vector.word("origin"), genesis=genesis)
        kept.apply_all(entries[:cut])
        raw = format_snapshot(kept)
        again = parse_snapshot(raw, "snapshot")
        assert (again, format_snapshot(again)) == (kept, raw)
        again.apply_all(entries[cut:])
        assert again == state, f"the state kept after {cut} entries goes on otherwise"
    audited = coffer_audit.validity.state.replay(vector.word("origin"), genesis.hex(), enumerate(entries))
    invalid = {index: code for index, code, _ in audited.invalid}
    assert [invalid.get(index, "ok") for index in range(len(entries))] == verdicts, "coffer_audit"
    assert audited.superseded() == {seg_id.hex() for seg_id in state.superseded}
    assert audited.withdrawn == {batch.hex(): at for batch, at in state.withdrawn.items()}
    rosters = {seg_id.hex(): segment.roster.hash.hex() for seg_id, segment in state.segments.items()}
    assert rosters == {seg_id: segment.roster.hash for seg_id, segment in audited.segments.items()}


# -- authorizations ------------------------------------------------------------------------------------------------------


@runner("authorization", "", found="roster commitment", body=True)
def run_authorization(vector, _):
    if not vector.is_refused(lambda: parse_authorization(vector.body, "note")):
        found = parse_authorization(vector.body, "note")
        assert (found.commitment, found.terms.roster) == (vector.bytes("commitment"), vector.bytes("roster"))
        assert format_terms(found.terms) == found.note.text
        assert ref.commitment(found.note.text, found.terms.roster) == found.commitment
    if not vector.is_refused(lambda: coffer_audit.answer.authorization.parse_authorization(vector.body)):
        assert (
            coffer_audit.answer.authorization.parse_authorization(vector.body).commitment
            == vector.bytes("commitment").hex()
        )


@runner("approvals", "key commitment", body=True)
def run_approvals(vector, tmp_path):
    folder = CustodianFolder(tmp_path / "judge", Disk(), origin="x")
    folder.path.mkdir()
    keys = CustodianKeys(auth=None, resp=None, req=None, approvals=Secret(vector.bytes("key"), "key"), wrapping=None)
    (folder.path / "approvals").write_bytes(vector.body)
    if not vector.is_refused(lambda: folder.approvals(keys)):
        assert folder.approvals(keys) == {item for item in vector.many("commitment") if item}
        added = bytes([9]) * 32
        folder.append_approval(added, dt.datetime(2016, 9, 6, tzinfo=dt.UTC), keys)
        assert folder.approvals(keys) == {item for item in vector.many("commitment") if item} | {added}


# -- segments ------------------------------------------------------------------------------------------------------------

CORE_KEYS = "origin rule feed day kind layout n clause-count part roster nonce"


def core_of(vector):
    return header.SegmentCore(
        day=wire.day_from_number(vector.int("day"), "day"),
        kind=vector.int("kind"),
        layout=vector.int("layout"),
        custodians=vector.int("n"),
        clauses=vector.int("clause-count"),
        part=vector.int("part"),
        rule=vector.word("rule"),
        feed=vector.word("feed"),
        roster=vector.bytes("roster"),
        origin=header.origin_hash(vector.word("origin")),
        nonce=vector.bytes("nonce"),
    )


@runner("core", CORE_KEYS, found="raw seg-id pi")
def run_core(vector, _):
    core = core_of(vector)
    assert (core.raw, core.seg_id, prf.public_permutation_key(core.seg_id)) == (
        vector.bytes("raw"),
        vector.bytes("seg-id"),
        vector.bytes("pi"),
    )


@runner("subkey", "seg-id mask subkey", found="commitment effective")
def run_subkey(vector, _):
    arguments = vector.bytes("seg-id"), vector.int("mask"), Secret(vector.bytes("subkey"), "subkey")
    assert prf.subkey_commitment(*arguments) == vector.bytes("commitment")
    assert prf.effective_key(*arguments).unsafe_bytes() == vector.bytes("effective")


@runner("bundle-plaintext", "mask subkey", found="bundle")
def run_bundle_plaintext(vector, _):
    subkeys = {
        mask: Secret(key, "subkey") for mask, key in zip(vector.many("mask", int), vector.many("subkey"), strict=True)
    }
    for index, raw in enumerate(vector.many("bundle"), 1):
        held = {mask: key for mask, key in subkeys.items() if mask >> (index - 1) & 1}
        assert prf.format_bundle(held) == raw
        assert list(prf.parse_bundle(raw, tuple(sorted(held)), "bundle")) == sorted(held)
        for wrong in (raw + b"\0", raw[:-1], b"\0" + raw[1:-1] + b"\0\0"):
            with pytest.raises(MalformedInput):
                prf.parse_bundle(wrong, tuple(sorted(held)), "bundle")


@runner("prf", "seg-id mask subkey sid lane kind rank", found="message partial y pad")
def run_prf(vector, _):
    seg_id, sid = vector.bytes("seg-id"), vector.bytes("sid")
    lane, kind, rank = (vector.int(key) for key in ("lane", "kind", "rank"))
    assert prf.message(sid, lane=lane, kind=kind, rank=rank) == vector.bytes("message")
    keys = [
        prf.effective_key(seg_id, mask, Secret(key, "subkey"))
        for mask, key in zip(vector.many("mask", int), vector.many("subkey"), strict=True)
    ]
    # The column has the rank twice, and another sid between.
    blocks = np.frombuffer(sid + bytes(16) + sid, "<u8").reshape(3, 2)
    columns = np.array([0, 1, 1, 2], np.int32), np.array([rank, 0, 1, rank], np.uint32)
    values = [prf.Clause(key, blocks).partials(*columns, lane=lane, kind=kind) for key in keys]
    assert (
        values[0][0].tobytes()
        == prf.reference_partial(keys[0], sid, lane=lane, kind=kind, rank=rank)
        == vector.bytes("partial")
    )
    y = prf.combine(values)
    assert y[0].tobytes() == y[3].tobytes() == vector.bytes("y")
    assert prf.pads(vector.bytes("seg-id")[:32], y, 1).shape == (4, 2)
    assert prf.pads(prf.public_permutation_key(seg_id), y, 3)[0].tobytes() == b"".join(vector.many("pad"))


def columns_of(rows):
    """Rows of the reference as the columns that sealing takes."""
    high = np.array([int.from_bytes(row["sid"][:8], "big") for row in rows], np.uint64)
    low = np.array([int.from_bytes(row["sid"][8:], "big") for row in rows], np.uint64)
    flags = [row["direction"] << 3 | row["is_answered"] << 2 | (row["duration_s"] > 2**20 - 1) << 1 for row in rows]
    return RowColumns(
        sid_high=high,
        sid_low=low,
        peer_type=np.array([row["peer_type"] for row in rows], np.uint8),
        peer=np.array([row["peer"] for row in rows], np.uint64),
        second=np.array([row["second"] for row in rows], np.uint32),
        duration_s=np.array([min(row["duration_s"], 2**20 - 1) for row in rows], np.uint32),
        flags=np.array(flags, np.uint8),
        cell=np.array([row["cell"] for row in rows], np.uint64),
        imei=np.array([row["imei"] for row in rows], np.uint64),
        imsi=np.array([row["imsi"] for row in rows], np.uint64),
        peer_text=pa.array([(row["short"] or row["long"]) or None for row in rows], pa.string()),
        peer_is_long=np.array([bool(row["long"]) for row in rows], np.bool_),
    )


ROW_KEYS = "peer_type peer second duration_s direction is_answered is_last cell imei imsi short long"


@runner("row", "layout core extra", found=ROW_KEYS.replace("_", "-"))
def run_row(vector, _):
    core, extra, bits = vector.bytes("core"), vector.bytes("extra"), vector.int("layout")
    if vector.is_refused(lambda: parse_row(core, extra, bits, "row")):
        return
    numbers = {
        key: vector.int(key.replace("_", "-"))
        for key in ("peer_type", "peer", "second", "duration_s", "direction", "cell", "imei", "imsi")
    }
    row = numbers | {
        "sid": bytes(16),
        "is_answered": vector.word("is-answered") == "yes",
        "short": vector.text("short"),
        "long": vector.text("long"),
    }
    is_last = vector.word("is-last") == "yes"
    columns = columns_of([row])
    plain = pack_rows(columns, bits).plain.tobytes()
    assert plain == core[:11] + bytes([core[11] & ~FLAG_LAST]) + core[12:] + extra
    found = parse_row(core, extra, bits, "row")
    saturated = row["duration_s"] > 2**20 - 1
    for name in ("peer_type", "peer", "second", "direction", "is_answered", "cell", "imei", "imsi"):
        assert getattr(found, name) == row[name], name
    assert (found.is_last, found.is_saturated, found.duration_s) == (
        is_last,
        saturated,
        min(row["duration_s"], 2**20 - 1),
    )
    text = row["short"] or row["long"]
    if len(text.encode()) > 63:
        raw = text.encode()
        assert (
            found.peer_text.encode("utf-8", "surrogateescape")
            == raw[:31] + b"~" + hashlib.sha256(raw).hexdigest().encode()
        )
    else:
        assert found.peer_text == text
    assert found.is_long == bool(row["long"])
    assert "333" not in repr(found)


@runner("cell", "text", found="packed")
def run_cell(vector, _):
    packed = pack_cell(vector.text("text").encode())
    if vector.expect == "parse":
        assert packed is None
        return
    assert packed.to_bytes(8, "big") == vector.bytes("packed")
    assert format_cell(packed) == vector.text("text")


@runner("short-peer", "packed", found="country digits")
def run_short_peer(vector, _):
    packed = vector.int("packed")
    if not vector.is_refused(lambda: unpack_short_code(packed)):
        country, digits = vector.word("country"), vector.text("digits")
        assert (pack_short_code(country, digits), unpack_short_code(packed)) == (packed, (country, digits))


@runner("dialled-peer", "type peer", found="digits shown")
def run_dialled_peer(vector, _):
    kind, peer = vector.int("type"), vector.int("peer")
    if not vector.is_refused(lambda: unpack_dialled(kind, peer, "row")):
        assert pack_dialled(vector.text("digits")) == (kind, peer)
        assert unpack_dialled(kind, peer, "row") == vector.text("shown")

    def audit():
        return coffer_audit.answer.rows._format_dialled(kind, peer, "DE")

    if not vector.is_refused(audit):
        assert audit() == f"dialled:DE/{vector.text('shown')}"
        with pytest.raises(coffer_audit.errors.NotProven):
            coffer_audit.answer.rows._format_dialled(kind, peer, "")


@runner("header", "raw", found="seg-id stripped hash")
def run_header(vector, _):
    raw = vector.bytes("raw")
    if not vector.is_refused(lambda: header.parse_header(raw, "header")):
        found = header.parse_header(raw, "header")
        assert (found.raw, found.stripped, found.hash, found.core.seg_id) == (
            raw,
            vector.bytes("stripped"),
            vector.bytes("hash"),
            vector.bytes("seg-id"),
        )
        for audited in (
            coffer_audit.segments.parse_header(raw, stripped=False),
            coffer_audit.segments.parse_header(vector.bytes("stripped"), stripped=True),
        ):
            assert (audited.header_hash, audited.seg_id) == (found.hash, found.core.seg_id)


@runner("sealed", CORE_KEYS + " expression seed records subjects", found="rows rows-hash manifest manifest-hash")
def run_sealed(vector, _):
    core, seed, count = core_of(vector), vector.bytes("seed"), vector.int("records")
    names = [chr(97 + i) for i in range(core.custodians)]
    masks = parse_rule("base", vector.text("expression"), names, "rule").clauses
    subkeys = {mask: Secret(ref.stream(seed + ref.u16(mask), 32), "subkey") for mask in masks}
    rows = ref.sample_rows(seed, count, kind=core.kind, layout=core.layout, subjects=vector.int("subjects"))

    def dummies(size):
        return ref.stream(seed + b"dummies", size)

    packed = pack_rows(columns_of(rows), core.layout)
    sealed = bytes(seal.seal_rows(core, packed, subkeys=subkeys, entropy=dummies))
    assert len(sealed) // core.row_bytes == vector.int("rows")
    raw_keys = {mask: key.unsafe_bytes() for mask, key in subkeys.items()}
    rows = in_order_of_ranks(core, raw_keys, rows, sealed)
    assert ref.seal_rows(core.seg_id, core.kind, core.layout, rows, raw_keys, dummies) == sealed
    if len({row["sid"] for row in rows}) < len(rows):
        return find_every_row(
            core, subkeys, rows, sealed, header.format_manifest(sealed, seg_id=core.seg_id, row_bytes=core.row_bytes)
        )
    assert hashlib.sha256(sealed).digest() == vector.bytes("rows-hash")
    manifest = header.format_manifest(sealed, seg_id=core.seg_id, row_bytes=core.row_bytes)
    assert manifest == vector.bytes("manifest")
    assert header.manifest_hash(manifest, seg_id=core.seg_id, rows=vector.int("rows")) == vector.bytes("manifest-hash")
    find_every_row(core, subkeys, rows, sealed, manifest)
    return None


def in_order_of_ranks(core, subkeys, rows, sealed):
    """The rows in an order in which the reference gives each the rank it was sealed with (the specification leaves the order of a sid's ranks open)."""
    effectives = [ref.effective_key(core.seg_id, mask, subkeys[mask]) for mask in sorted(subkeys)]
    by_label = {sealed[i : i + 8]: sealed[i : i + core.row_bytes] for i in range(0, len(sealed), core.row_bytes)}
    waiting = {}
    for row in rows:
        waiting.setdefault(row["sid"], {}).setdefault(ref.plain_row(row, core.layout, False), []).append(row)
    ordered = []
    for sid, plains in waiting.items():
        for rank in range(sum(map(len, plains.values()))):
            found = by_label[ref.combined(effectives, sid, ref.LABEL, core.kind, rank)[:8]]
            bits, extra = coffer_audit.answer.rows.decrypt_row(
                found, ref.combined(effectives, sid, ref.DATA, core.kind, rank), core.seg_id
            )
            ordered.append(plains[(bits & ~(1 << 32)).to_bytes(16, "big") + extra].pop())
    assert len(ordered) == len(rows)
    return ordered


def find_every_row(core, subkeys, rows, sealed, manifest):
    """Each row is found by its label and opens to what went in, by the finder and by the auditor; the canary too."""
    whole = header.Header(
        core=core,
        commitments=(),
        bundles=(),
        rows=len(sealed) // core.row_bytes,
        manifest_hash=header.manifest_hash(manifest, seg_id=core.seg_id, rows=len(sealed) // core.row_bytes),
        supersedes=bytes(32),
        epoch_hashes=(),
    )
    size = 1024 * core.row_bytes
    finder = Finder(whole, manifest, lambda index: sealed[index * size : (index + 1) * size])
    effectives = [ref.effective_key(core.seg_id, mask, subkeys[mask].unsafe_bytes()) for mask in sorted(subkeys)]
    last = {row["sid"]: at for at, row in enumerate(rows)}
    ranks = Counter()
    canary = (
        ref.CANARY,
        ref.core(peer_type=0, peer=0, second=0, duration_s=0, direction=0, is_answered=False, is_last=True)
        + bytes(core.row_bytes - 24),
    )
    for sid, plain in [
        *((row["sid"], ref.plain_row(row, core.layout, last[row["sid"]] == at)) for at, row in enumerate(rows[:80])),
        canary,
    ]:
        rank = ranks[sid]
        ranks[sid] += 1
        (row,) = finder.find(ref.combined(effectives, sid, ref.LABEL, core.kind, rank)[:8])
        opened = coffer_audit.answer.rows.decrypt_row(
            row, ref.combined(effectives, sid, ref.DATA, core.kind, rank), core.seg_id
        )
        assert opened == (int.from_bytes(plain[:16], "big"), plain[16:])
    assert finder.find(bytes(8)) == []


# -- exchange, answer, vault, HPKE ---------------------------------------------------------------------------------------


@runner("cells", "raw", found="salt commitment")
def run_cells(vector, _):
    raw = vector.bytes("raw")
    if not vector.is_refused(lambda: exchange.parse_cells(raw, "cells")):
        cells = exchange.parse_cells(raw, "cells")
        assert exchange.format_cells(cells) == raw
        assert exchange.draw_commitment(vector.bytes("salt"), cells) == vector.bytes("commitment")


@runner("request", "key raw", found="hash digest")
def run_request(vector, _):
    raw, key = vector.bytes("raw"), parse_vkey(vector.text("key"), "key")

    def verify():
        request = exchange.parse_request(raw)
        assert request.raw == raw
        if not request.is_signed_by(key):
            raise NotProven("request")

    if not vector.is_refused(verify):
        request = exchange.parse_request(raw)
        assert (request.hash, hashlib.sha256(request.digest_form).digest()) == (
            vector.bytes("hash"),
            vector.bytes("digest"),
        )
        audited = coffer_audit.answer.exchange.parse_digest(request.digest_form, "digest")
        assert (audited.hash, audited.body) == (request.hash, request.digest_body)
        assert key.is_signature(audited.signature, ref.tag("request") + hashlib.sha256(audited.body).digest())


@runner("reply", "request key index mask raw", found="code")
def run_reply(vector, _):
    request, raw, index = exchange.parse_request(vector.bytes("request")), vector.bytes("raw"), vector.int("index")
    key, masks = parse_vkey(vector.text("key"), "key"), vector.many("mask", int)
    held = [(cell, masks) for cell in request.cells]
    check = lambda: exchange.verify_reply(raw, custodian="judge", index=index, key=key, request=request, held=held)
    if not vector.is_refused(check):
        found = check()
        assert (found.code or 0) == vector.int("code")
        if found.code:
            assert (
                raw[:-64]
                == exchange.format_refusal(index, request.hash, found.code)
                == ref.refusal(index, request.hash, vector.int("code"))
            )
        else:
            values = [found.values[cell, mask] for cell in request.cells for mask in masks]
            assert exchange.format_payload(index, request.lane, request.hash, values) == raw[:-64]
        assert exchange.response_message(request.hash, request.seal_public, raw[:-64]) == ref.response_message(
            request.hash, request.seal_public, raw[:-64]
        )


@runner("result", "salt records superseded", found="commitment")
def run_result(vector, _):
    superseded = vector.bytes("superseded") or None
    assert result_commitment(vector.bytes("salt"), vector.bytes("records"), superseded) == vector.bytes("commitment")


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


@runner("hpke", "private info plaintext sealed")
def run_hpke(vector, _):
    key = SealKey(Secret(vector.bytes("private"), "key"))
    sealed, info = vector.bytes("sealed"), vector.bytes("info")
    if not vector.is_refused(lambda: key.unseal(sealed, info=info, place="x")):
        assert key.unseal(sealed, info=info, place="x") == vector.bytes("plaintext")
        assert len(sealed) == len(vector.bytes("plaintext")) + 1136


def test_the_columns_of_sids_equal_the_reference():
    texts = [None, None, "a@b.example", None, "Corp", "CORP", "201", None, "é@b.example", "201", "201"]
    types = np.array([0, 1, 2, 3, 4, 4, 5, 3, 2, 5, 6], np.uint8)
    short = pack_short_code("FR", "00036")
    numbers = np.array([0, 33612345678, 0, short, 0, 0, 0, pack_short_code("IN", "00036"), 0, 0, 0], np.uint64)
    expected = [
        bytes(16),
        ref.sid_tel(33612345678),
        ref.sid_email("a@b.example"),
        ref.sid_short("FR", "00036"),
        ref.sid_sender("corp"),
        ref.sid_sender("corp"),
    ]
    expected += [
        ref.sid_opaque("pbx", "201"),
        ref.sid_short("IN", "00036"),
        ref.sid_email("é@b.example"),
        ref.sid_opaque("pbx", "201"),
        ref.sid_of_subject("dialled:DE/201"),
    ]
    high, low = sids(types, numbers, pa.array(texts, pa.string()), feed="pbx", home="DE")
    assert [int(a).to_bytes(8, "big") + int(b).to_bytes(8, "big") for a, b in zip(high, low, strict=True)] == expected


def test_notes_of_the_reference_are_those_of_the_code():
    text = b"coffer.x/v1\nkey: value\n"
    keys = [ref.Key("judge/auth", bytes(32)), ref.Key("desk", bytes([1]) * 32)]
    ours = [SigningKey(key.name, Secret(key.seed, "seed")) for key in keys]
    assert sign_note(text, *ours).raw == ref.note(text, *keys)
