"""Trees and proofs of every size up to 70, against the recursive definition of RFC 6962 and the auditor's tree."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reference as ref
from coffer.errors import NotProven
from coffer.translog import merkle
from coffer_audit.log.tree import Tree, is_included

SIZES = range(71)
LEAVES = [merkle.leaf_hash(bytes([i])) for i in range(71)]
ROOTS = [ref.root(LEAVES[:size]) for size in range(71)]
FEW = settings(max_examples=60, deadline=None)


def test_roots():
    frontier = merkle.Frontier()
    for size in SIZES:
        assert (
            merkle.root_hash(LEAVES[:size])
            == frontier.root()
            == frontier.copy().root()
            == Tree(LEAVES).root_at(size)
            == ROOTS[size]
        )
        frontier.append(LEAVES[size])
    assert merkle.leaf_hash(b"x") == ref.leaf(b"x")


def test_inclusion_proofs():
    for size in SIZES:
        for index in range(size):
            proof = merkle.inclusion_path(index, size, subtree)
            assert proof == ref.inclusion(LEAVES[:size], index)
            merkle.verify_inclusion(leaf=LEAVES[index], index=index, size=size, root=ROOTS[size], proof=proof)
            assert is_included(LEAVES[index], index, size, proof, ROOTS[size])


def test_consistency_proofs():
    for size in SIZES:
        for old in range(1, size + 1):
            proof = merkle.consistency_path(old, size, subtree)
            assert proof == ref.consistency(LEAVES[:size], old)
            merkle.verify_consistency(old_size=old, old_root=ROOTS[old], size=size, root=ROOTS[size], proof=proof)


def subtree(level, at):
    return ref.root(LEAVES[at << level : at + 1 << level])


@FEW
@given(st.data())
def test_an_inclusion_proof_proves_nothing_else(data):
    size = data.draw(st.integers(1, 70))
    index = data.draw(st.integers(0, size - 1))
    good = {
        "leaf": LEAVES[index],
        "index": index,
        "size": size,
        "root": ROOTS[size],
        "proof": ref.inclusion(LEAVES[:size], index),
    }
    others = {
        "leaf": [LEAVES[i] for i in range(71) if i != index],
        "index": [i for i in range(-1, 80) if i != index],
        "root": [ROOTS[i] for i in range(71) if i != size],
        "proof": changed_proofs(good["proof"]),
    }
    name = data.draw(st.sampled_from(sorted(others)))
    bad = good | {name: data.draw(st.sampled_from(others[name]))}
    assert not is_included(bad["leaf"], bad["index"], bad["size"], bad["proof"], bad["root"])
    with pytest.raises(NotProven, match=r"^inclusion proof: "):
        merkle.verify_inclusion(**bad)


@FEW
@given(st.data())
def test_a_consistency_proof_proves_nothing_else(data):
    size = data.draw(st.integers(1, 70))
    old = data.draw(st.integers(1, size))
    good = {
        "old_size": old,
        "old_root": ROOTS[old],
        "size": size,
        "root": ROOTS[size],
        "proof": ref.consistency(LEAVES[:size], old),
    }
    others = {
        "old_root": [ROOTS[i] for i in range(71) if i != old],
        "root": [ROOTS[i] for i in range(71) if i != size],
        "proof": changed_proofs(good["proof"]),
        "old_size": [0, -1, size + 1],
    }
    name = data.draw(st.sampled_from(sorted(others)))
    with pytest.raises(NotProven, match=r"^consistency proof: "):
        merkle.verify_consistency(**(good | {name: data.draw(st.sampled_from(others[name]))}))


def changed_proofs(proof):
    found = [
        [*proof, ROOTS[3]],
        [ROOTS[3], *proof],
        *([*proof[:i], ref.h(proof[i]), *proof[i + 1 :]] for i in range(len(proof))),
    ]
    return [*found, proof[:-1], proof[1:]] if proof else found
