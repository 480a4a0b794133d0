"""The one place where a bundle is opened: what does not open, and what opens to other subkeys than the header commits to."""

import datetime as dt

import pytest

from coffer.errors import MalformedInput, NotProven
from coffer.notes.keys import SealKey, Secret, seal
from coffer.segments.bundle import bundle_info, format_bundle, open_bundle, seal_bundle
from coffer.segments.header import PADDED_ROWS, Header, SegmentCore
from coffer.segments.prf import subkey_commitment

CORE = SegmentCore(
    day=dt.date(2016, 9, 1),
    kind=1,
    layout=0,
    custodians=3,
    clauses=3,
    part=0,
    rule="base",
    feed="calls",
    roster=bytes(32),
    origin=bytes(32),
    nonce=b"n" * 32,
)
KEY, OTHER_KEY = SealKey.generate(), SealKey.generate()
SUBKEYS = {clause: Secret(bytes([clause]) * 32, "subkey") for clause in (3, 5, 6)}
HELD = (3, 5)
"""Of custodian 1: the clauses with bit 0."""


def held(**changed):
    return {clause: SUBKEYS[clause] for clause in HELD} | {int(name[1:]): key for name, key in changed.items()}


def header(bundle, *, committed=SUBKEYS):
    return Header(
        core=CORE,
        commitments=tuple((clause, subkey_commitment(CORE.seg_id, clause, key)) for clause, key in committed.items()),
        bundles=(bundle, b"", b""),
        rows=PADDED_ROWS,
        manifest_hash=bytes(32),
        supersedes=bytes(32),
        epoch_hashes=(bytes(32),) * 3,
    )


def opened(header, key=KEY, *, index=1, clauses=HELD):
    return {
        clause: subkey.unsafe_bytes()
        for clause, subkey in open_bundle(header, key, index=index, clauses=clauses).items()
    }


def test_bundle_opens_to_the_subkeys_that_were_sealed():
    sealed = seal_bundle(held(), KEY.public, seg_id=CORE.seg_id, index=1)
    assert opened(header(sealed)) == {3: b"\3" * 32, 5: b"\5" * 32}


def test_bundle_that_does_not_open_is_refused():
    sealed = seal_bundle(held(), KEY.public, seg_id=CORE.seg_id, index=1)
    with pytest.raises(NotProven, match="bundle: does not unseal"):
        opened(header(sealed), OTHER_KEY)
    with pytest.raises(NotProven, match="bundle: does not unseal"):
        opened(header(sealed[:-1] + bytes([sealed[-1] ^ 1])))
    for_second = seal_bundle(held(), KEY.public, seg_id=CORE.seg_id, index=2)
    with pytest.raises(NotProven, match="bundle: does not unseal"):
        opened(header(for_second))
    of_another = seal_bundle(held(), KEY.public, seg_id=bytes(32), index=1)
    with pytest.raises(NotProven, match="bundle: does not unseal"):
        opened(header(of_another))


@pytest.mark.parametrize("index", [0, 4])
def test_custodian_that_the_header_does_not_know_has_no_bundle(index):
    sealed = seal_bundle(held(), KEY.public, seg_id=CORE.seg_id, index=1)
    with pytest.raises(NotProven, match=f"none for custodian {index}"):
        opened(header(sealed), index=index)


def test_bundle_with_other_clauses_than_those_held_is_refused():
    plain = format_bundle(SUBKEYS)
    info = bundle_info(CORE.seg_id, 1)
    with pytest.raises(MalformedInput, match="bundle"):
        opened(header(seal(plain, KEY.public, info=info)))
    with pytest.raises(MalformedInput, match="bundle: a subkey of another clause"):
        opened(header(seal(format_bundle({3: SUBKEYS[3], 6: SUBKEYS[6]}), KEY.public, info=info)))
    assert set(opened(header(seal(plain, KEY.public, info=info)), clauses=(3, 5, 6))) == {3, 5, 6}  # the twin holds all


@pytest.mark.parametrize("clause", HELD)
def test_subkey_that_is_not_the_committed_one_is_refused(clause):
    false = Secret(b"f" * 32, "subkey")
    sealed = seal_bundle(held(**{f"c{clause}": false}), KEY.public, seg_id=CORE.seg_id, index=1)
    with pytest.raises(NotProven, match=f"the subkey of clause {clause} is not the one"):
        opened(header(sealed))
    assert opened(header(sealed, committed=SUBKEYS | {clause: false}))[clause] == b"f" * 32  # the twin commits to it


def test_subkey_of_a_clause_without_a_commitment_is_refused():
    sealed = seal_bundle(held(), KEY.public, seg_id=CORE.seg_id, index=1)
    with pytest.raises(NotProven, match="the subkey of clause 5 is not the one"):
        opened(header(sealed, committed={3: SUBKEYS[3], 6: SUBKEYS[6]}))
