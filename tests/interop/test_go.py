"""Go's own sumdb packages, which run the Go checksum database, read a vault's log.

Our notes, tree and proofs are what C2SP and RFC 6962 say, not what we think they say.
"""

import base64
import datetime as dt
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import coffer_audit.notes as audit_notes
import reference as ref
from coffer.disk import Disk
from coffer.errors import NotProven
from coffer.notes.keys import parse_vkey
from coffer.notes.note import parse_note
from coffer.translog.checkpoint import verify_checkpoint
from coffer.translog.merkle import leaf_hash
from coffer.translog.store.witness import WitnessFolder, make_witness
from coffer.translog.witness import Ask
from coffer_audit.cli import main as audit

GOPATH = Path("/usr/share/gocode")
PACKAGES = "golang-go and golang-golang-x-mod-dev"


@pytest.fixture(scope="session")
def go(tmp_path_factory):
    """A function that runs the program and gives its answer."""
    if shutil.which("go") is None or not (GOPATH / "src/golang.org/x/mod/sumdb/note").is_dir():
        pytest.skip(f"Go's sumdb packages are not here: install the Debian packages {PACKAGES}")
    folder = tmp_path_factory.mktemp("go")
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "go-build"
    environment = os.environ | {
        "GOPATH": str(GOPATH),
        "GO111MODULE": "off",
        "GOFLAGS": "",
        "GOPROXY": "off",
        "GOCACHE": str(cache),
    }
    source = Path(__file__).parent / "verify" / "main.go"
    built = subprocess.run(
        ["go", "build", "-o", str(folder / "verify"), str(source)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr

    def run(*arguments):
        done = subprocess.run([folder / "verify", *map(str, arguments)], capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    return run


@pytest.fixture
def log(world):
    """A vault with some entries, its first checkpoint and its last."""
    first = world.vault.log.checkpoint()
    world.ingest("+33612345678,+33698765432,2016-09-01 10:00:00,60\n")
    world.request()
    world.open(world.authorize())
    return world.vault, first, world.vault.log.checkpoint()


def test_a_checkpoint_verifies_with_the_vkey(go, log, tmp_path):
    vault, _, checkpoint = log
    (tmp_path / "checkpoint").write_bytes(checkpoint)
    found = go("note", vault.pins.log_key.format(), tmp_path / "checkpoint")
    assert (found["ok"], found["signed"]) == (True, [vault.pins.origin])
    assert found["text"].encode() == checkpoint.partition(b"\n\n")[0] + b"\n"


def test_a_changed_checkpoint_does_not_verify(go, log, tmp_path):
    vault, _, checkpoint = log
    size = verify_checkpoint(checkpoint, vault.pins.log_key, "checkpoint").head.size
    (tmp_path / "changed").write_bytes(checkpoint.replace(f"\n{size}\n".encode(), f"\n{size + 1}\n".encode(), 1))
    assert not go("note", vault.pins.log_key.format(), tmp_path / "changed")["ok"]


def test_a_checkpoint_does_not_verify_with_another_key(go, log, tmp_path):
    vault, _, checkpoint = log
    (tmp_path / "checkpoint").write_bytes(checkpoint)
    other = parse_vkey(vault.operator_key("ingester").verify_key.format(), "key")
    assert not go("note", other.format(), tmp_path / "checkpoint")["ok"]


def test_a_note_that_go_signed_verifies_with_both_of_our_readers(go, tmp_path):
    (tmp_path / "text").write_text("coffer.example/v1\nkey: value\n")
    signed = go("sign", "go.example/note", tmp_path / "text")
    raw = signed["text"].encode()
    key = parse_vkey(signed["key"], "key")
    assert parse_note(raw, "n").verify_signed_by(key).raw == raw
    audited = audit_notes.parse_vkey(signed["key"], "key")
    assert audit_notes.verify_signers(audit_notes.parse_note(raw, "n"), [audited], "n") == {audited.identity}
    with pytest.raises(NotProven, match="does not verify"):
        parse_note(raw.replace(b"value", b"other"), "n").verify_signed_by(key)


def test_our_witness_cosigns_a_log_of_go_which_opens_the_note_with_all_its_lines(go, tmp_path):
    leaves = [leaf_hash(b"%d" % number) for number in range(7)]
    root = base64.b64encode(ref.root(leaves)).decode()
    (tmp_path / "text").write_text(f"go.example/log\n7\n{root}\n")
    signed = go("sign", "go.example/log", tmp_path / "text")
    keys = make_witness(tmp_path / "w", Disk(), "w.example/ours", [signed["key"]])
    witness = WitnessFolder(tmp_path / "w", Disk(), lambda: dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    ask = Ask(old_size=0, proof=(), checkpoint=signed["text"].encode())
    status, lines = witness.add_checkpoint(ask.format())
    assert status == 200
    (tmp_path / "whole").write_bytes(ask.checkpoint + lines)
    opened = go("note", signed["key"], tmp_path / "whole")
    assert (opened["ok"], opened["signed"], opened["others"]) == (True, ["go.example/log"], len(keys))


def test_the_proof_of_an_entry_holds_for_go(go, log, tmp_path):
    vault, _, checkpoint = log
    key = vault.pins.log_key.format()
    size = verify_checkpoint(checkpoint, vault.pins.log_key, "checkpoint").head.size
    for index in (0, size // 2, size - 1):
        path = tmp_path / f"{index}.tlog-proof"
        assert audit(["entry", str(index), str(vault.path), "-o", str(path)]) == 0
        (entry,) = vault.log.entries(index, index + 1)
        assert go("proof", key, path) == {"ok": True, "text": entry.decode()}
        changed = path.read_bytes().replace(b"\nindex %d\n" % index, b"\nindex %d\n" % ((index + 1) % size))
        path.write_bytes(changed)
        assert not go("proof", key, path)["ok"]


def test_entries_with_several_signatures_verify(go, log, tmp_path):
    vault, _, _ = log
    (entry,) = vault.log.entries(0, 1)
    (tmp_path / "entry").write_bytes(entry)
    for custodian in vault.replay().roster.custodians:
        assert go("note", custodian.auth.format(), tmp_path / "entry")["signed"] == [custodian.auth.name]
        assert not go("note", custodian.resp.format(), tmp_path / "entry")["ok"]


def test_inclusion_of_every_entry(go, log, tmp_path):
    vault, _, checkpoint = log
    head = verify_checkpoint(checkpoint, vault.pins.log_key, "checkpoint").head
    entries = vault.log.entries(0, head.size)
    tree = [leaf_hash(entry) for entry in entries]
    for index, entry in enumerate(entries):
        (tmp_path / "entry").write_bytes(entry)
        proof = [item.hex() for item in ref.inclusion(tree, index)]
        assert go("inclusion", head.size, head.root.hex(), index, tmp_path / "entry", *proof) == {"ok": True}
        assert not go("inclusion", head.size, head.root.hex(), (index + 1) % head.size, tmp_path / "entry", *proof)[
            "ok"
        ]
        assert not go("inclusion", head.size, head.root.hex(), index, tmp_path / "entry", *proof[:-1])["ok"]
    (tmp_path / "entry").write_bytes(entries[-1].replace(b"time: ", b"time: ", 1)[:-1] + b"x")
    assert not go("inclusion", head.size, head.root.hex(), head.size - 1, tmp_path / "entry", *proof)["ok"]


def test_consistency_between_two_checkpoints(go, log):
    vault, first, last = log
    old, new = (verify_checkpoint(raw, vault.pins.log_key, "checkpoint").head for raw in (first, last))
    assert 0 < old.size < new.size
    tree = [leaf_hash(entry) for entry in vault.log.entries(0, new.size)]
    proof = [item.hex() for item in ref.consistency(tree, old.size)]
    assert go("consistency", old.size, old.root.hex(), new.size, new.root.hex(), *proof) == {"ok": True}
    forked = leaf_hash(b"another history")
    assert not go("consistency", old.size, forked.hex(), new.size, new.root.hex(), *proof)["ok"]
    assert not go("consistency", old.size, old.root.hex(), new.size, forked.hex(), *proof)["ok"]
    assert not go("consistency", old.size, old.root.hex(), new.size, new.root.hex(), *proof[:-1])["ok"]


def test_proofs_of_every_size_up_to_20(go, tmp_path):
    for size in range(1, 21):
        entries = [str(i).encode() for i in range(size)]
        tree = [leaf_hash(entry) for entry in entries]
        root = consistency_root(tree)
        index = size * 7 % size if size > 1 else 0
        (tmp_path / "entry").write_bytes(entries[index])
        assert go("inclusion", size, root, index, tmp_path / "entry", *(p.hex() for p in ref.inclusion(tree, index)))[
            "ok"
        ]
        old = max(1, size // 2 + size % 3 - 1)
        proof = [p.hex() for p in ref.consistency(tree, old)]
        assert go("consistency", old, consistency_root(tree[:old]), size, root, *proof)["ok"]


def consistency_root(tree):
    """The root, by the definition of RFC 6962."""
    import reference

    return reference.root(tree).hex()
