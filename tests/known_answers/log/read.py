import hashlib

import coffer_audit.log.checkpoint
import coffer_audit.log.tiles
import coffer_audit.log.tree
import coffer_audit.notes
import reference as ref
from coffer.notes.keys import parse_vkey
from coffer.translog import merkle, tiling
from coffer.translog.checkpoint import verify_checkpoint
from known_answers.vector import runner


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

    def check():
        old_root, root = vector.bytes("old-root"), vector.bytes("root")
        merkle.verify_consistency(old_size=old, old_root=old_root, size=size, root=root, proof=proof)

    if not vector.is_refused(check):
        assert merkle.consistency_path(old, size, subtree_of(leaves(size))) == proof
        assert coffer_audit.log.tree.Tree(leaves(size)).root_at(old) == vector.bytes("old-root")


@runner("tile-path", "level index width", found="path")
def run_tile_path(vector, _):
    level, index, width = vector.word("level"), vector.int("index"), vector.int("width")
    path = tiling.tile_path(None if level == "entries" else int(level), index, width)
    assert path == vector.text("path") == "tile/" + coffer_audit.log.tiles.format_tile(level, index, width)
    assert coffer_audit.log.tiles.parse_tile(path.removeprefix("tile/")) == (level, index, width)


@runner("tiles", "size", found="count digest")
def run_tiles(vector, _):
    tiles = ref.tiles(vector.int("size"))
    listing = "".join(tiling.tile_path(*tile) + "\n" for tile in tiles).encode()
    assert (len(tiles), hashlib.sha256(listing).digest()) == (vector.int("count"), vector.bytes("digest"))


@runner("bundle", "raw width", found="entry")
def run_bundle(vector, _):
    for parse in (tiling.parse_bundle, coffer_audit.log.tiles.parse_bundle):

        def action(parse=parse):
            return parse(vector.bytes("raw"), vector.int("width"), "bundle")

        if not vector.is_refused(action):
            assert action() == vector.many("entry")
    if vector.expect == "ok":
        assert tiling.format_bundle(vector.many("entry")) == vector.bytes("raw")


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
