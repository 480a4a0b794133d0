"""What witnesses are asked and what they sign: parses or is malformed, and only what continues is ever cosigned."""

import base64
import datetime as dt
import hashlib
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

import coffer_audit.notes as audit_notes
import reference as ref
from coffer.disk import Disk
from coffer.errors import MalformedInput, NotProven
from coffer.notes.cosign import (
    ED25519_COSIGNATURE,
    ML_DSA_44_COSIGNATURE,
    Cosigner,
    CosignKey,
    parse_cosign_vkey,
    subtree_message,
    verify_quorum,
)
from coffer.notes.keys import Secret, SigningKey
from coffer.notes.note import Note, SignatureLine, parse_note
from coffer.translog.checkpoint import TreeHead, sign_checkpoint, verify_checkpoint
from coffer.translog.merkle import leaf_hash, root_hash
from coffer.translog.store.gather import gather
from coffer.translog.store.witness import WitnessFolder, make_witness
from coffer.translog.witness import Ask, Conflict, Cosign, Deny, Fork, decide_cosign, parse_ask

LOG = SigningKey("log.example", Secret(bytes(32), "seed"))
LEAVES = [[leaf_hash(bytes([history, i])) for i in range(40)] for history in range(2)]
FEW = settings(max_examples=150, deadline=None)
VECTORS = Path(__file__).resolve().parents[3] / "shared" / "samples" / "witness" / "vectors"


class PostQuantum:
    """A witness's ML-DSA-44 key at work."""

    def __init__(self, name):
        self._secret = MLDSA44PrivateKey.from_seed_bytes(bytes(32))
        public = self._secret.public_key().public_bytes_raw()
        self.key = CosignKey(name=name, public=public, kind=ML_DSA_44_COSIGNATURE)

    def line(self, raw, time):
        text = parse_note(raw, "c", may_be_cosigned=True).text
        signature = time.to_bytes(8, "big") + self._secret.sign(subtree_message(self.key.name, text, time))
        line = SignatureLine(name=self.key.name, key_id=self.key.key_id, signature=signature)
        return line.format().encode() + b"\n"


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
        asked = None if old == known else known
        assert outcome == Fork(remembered=checkpoint(known), offered=checkpoint(size, history), size=asked)
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


@FEW
@given(st.integers(1, 2**33), st.integers(0, 2427), st.integers(0, 7))
def test_post_quantum_cosignature_is_of_its_time_and_no_changed_bit_of_it_verifies(time, at, bit):
    witness, raw = PostQuantum("w.example"), checkpoint(7)
    note = parse_note(raw + witness.line(raw, time), "c", may_be_cosigned=True)
    assert witness.key.time_of(note) == time
    line = note.signatures[-1]
    changed = bytearray(line.signature)
    changed[at] ^= 1 << bit
    forged = Note(
        text=note.text, signatures=(SignatureLine(name=line.name, key_id=line.key_id, signature=bytes(changed)),)
    )
    with pytest.raises(NotProven, match=r"cosignature of w\.example does not verify"):
        witness.key.time_of(forged)


def test_own_witness_signs_with_each_of_its_keys_as_both_readers_verify(tmp_path):
    keys = [key.public for key in make_witness(tmp_path / "w", Disk(), "w.example", [LOG.verify_key.format()])]
    assert [key.kind for key in keys] == [ED25519_COSIGNATURE, ML_DSA_44_COSIGNATURE]
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "w").glob("key*")} == {0o600}
    moment, ask = dt.datetime(2016, 9, 5, 12, tzinfo=dt.UTC), Ask(old_size=0, proof=(), checkpoint=checkpoint(7))
    status, lines = WitnessFolder(tmp_path / "w", Disk(), lambda: moment).add_checkpoint(ask.format())
    assert status == 200
    raw = checkpoint(7) + lines
    note = parse_note(raw, "c", may_be_cosigned=True)
    assert [key.time_of(note) for key in keys] == [int(moment.timestamp())] * 2
    audited = [audit_notes.parse_vkey(key.format(), "k", kinds=audit_notes.COSIGNATURES) for key in keys]
    assert len(audit_notes.verify_signers(audit_notes.parse_note(raw, "c", cosigned=True), audited, "c")) == 2
    (tmp_path / "w/key-ml-dsa-44").unlink()  # as folders were before
    status, lines = WitnessFolder(tmp_path / "w", Disk(), lambda: moment).add_checkpoint(
        Ask(old_size=7, proof=(), checkpoint=checkpoint(7)).format()
    )
    assert (status, lines.count(b"\n")) == (200, 1)


def test_own_post_quantum_key_is_that_of_its_seed_and_shows_no_secret():
    own, other = Cosigner("w.example", Secret(bytes(32), "seed"), ML_DSA_44_COSIGNATURE), PostQuantum("w.example")
    assert own.public == other.key
    assert repr(own) == "<witness key w.example>"
    with pytest.raises(MalformedInput, match="expected origin, size and root"):
        own.cosign(b"no checkpoint\n", dt.datetime(2016, 9, 5, tzinfo=dt.UTC))


def test_message_of_a_post_quantum_cosignature_is_what_another_implementation_signs():
    # Payload published by vaduno (spec/vectors/cosign-mldsa44-payload.json at 75a77f85); its SHA-256 stands here.
    text = b"vaduno.example/ledger\n42\n" + base64.b64encode(b"\xab" * 32) + b"\n"
    message = subtree_message("witness.example/a", text, 1_780_000_000)
    expected = "b236307b0529d129c9355cd371f3b4802b19e74857a9f68f99ed448cc999314e"
    assert hashlib.sha256(message).hexdigest() == expected


def test_witness_with_keys_of_both_types_counts_once_for_both_readers():
    classic, modern = Cosigner("w.example", Secret(b"\7" * 32, "seed")), PostQuantum("w.example")
    raw, moment = checkpoint(7), dt.datetime(2016, 9, 5, 12, tzinfo=dt.UTC)
    time = int(moment.timestamp())
    lines = classic.cosign(parse_note(raw, "c").text, moment).format().encode() + b"\n" + modern.line(raw, time + 5)
    note = parse_note(raw + lines, "c", may_be_cosigned=True)
    keys = (classic.public, modern.key)
    with pytest.raises(NotProven, match="1 witness "):
        verify_quorum(note, keys, 2, newest=moment, now=moment)
    for some in (keys, keys[:1], keys[1:]):
        verify_quorum(note, some, 1, newest=moment, now=moment)
        audited = [audit_notes.parse_vkey(key.format(), "k", kinds=audit_notes.COSIGNATURES) for key in some]
        times = audit_notes.cosigned_times(audit_notes.parse_note(raw + lines, "c", cosigned=True), audited, "c")
        assert times == {"w.example": max(key.time_of(note) for key in some)}
    assert parse_cosign_vkey(modern.key.format(), "key") == modern.key


def test_reply_with_both_lines_of_a_witness_is_taken_over_http(tmp_path):
    """A witness that signs with a post-quantum key beside its Ed25519 key, as C2SP recommends."""
    classic, modern = Cosigner("w.example", Secret(b"\7" * 32, "seed")), PostQuantum("w.example")
    raw, now = checkpoint(7), dt.datetime.now(dt.UTC)
    note = parse_note(raw, "c")
    line = classic.cosign(note.text, now).format().encode() + b"\n"

    class Witness(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            body = modern.line(raw, int(now.timestamp())) + line
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Witness) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        where = {"w.example": f"http://127.0.0.1:{server.server_port}"}
        both = gather(note, 7, lambda _: [], [classic.public, modern.key], where)
        one = gather(note, 7, lambda _: [], [classic.public], where)
        server.shutdown()
        thread.join()
    assert (len(both.lines), both.failed) == (2, {})
    assert ([item.format().encode() + b"\n" for item in one.lines], one.failed) == ([line], {})


@pytest.mark.parametrize(
    ("extension", "said"),
    [
        (b"an extension line\n", "expected origin, size and root"),
        ("ligne étendue\n".encode() * 3, "is not printable ASCII"),
    ],
)
def test_checkpoint_of_another_log_with_extension_lines_is_cosigned(extension, said):
    text = parse_note(checkpoint(7), "c").text + extension
    offered = text + b"\n" + Note(text=text, signatures=()).with_signature(LOG).raw[len(text) + 1 :]
    outcome = decide_cosign(Ask(old_size=0, proof=(), checkpoint=offered), LOG.verify_key, None)
    assert isinstance(outcome, Cosign)
    assert outcome.checkpoint.note.text.endswith(extension)
    with pytest.raises(MalformedInput, match=said):  # Coffer's own logs write none
        verify_checkpoint(offered, LOG.verify_key, "c")


@pytest.mark.skipif(not VECTORS.is_dir(), reason="the published ML-DSA-44 vectors are not beside the project")
def test_published_post_quantum_signature_verifies_but_for_its_time():
    key = parse_cosign_vkey((VECTORS / "litewitness-mldsa44-log.vkey").read_text().strip(), "key")
    note = parse_note((VECTORS / "litewitness-mldsa44-log.checkpoint").read_bytes(), "c", may_be_cosigned=True)
    (line,) = note.signatures
    assert key._is_signature(line.signature[8:], note.text, 0)
    assert not key._is_signature(line.signature[8:], note.text, 1)
    with pytest.raises(NotProven, match="does not verify"):  # time 0 is for a log's own signature, not for a witness's
        key.time_of(note)
