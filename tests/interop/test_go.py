"""Go's own sumdb packages, which run the Go checksum database, read a vault's log.

Our notes, tree and proofs are what C2SP and RFC 6962 say, not what we think they say.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import reference as ref
from coffer.notes.keys import parse_vkey
from coffer.translog.checkpoint import verify_checkpoint
from coffer.translog.merkle import leaf_hash

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
