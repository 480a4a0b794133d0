"""Rows sealed by the compiled kernels and without them: the same bytes (docs/formats/segment.md)."""

import datetime as dt
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reference as ref
from coffer import kernels
from coffer.notes.keys import Secret
from coffer.segments import fused, prf, seal
from coffer.segments.header import SegmentCore
from coffer.segments.rows import PackedRows

ROOT = Path(__file__).parent.parent.parent
compiled = pytest.mark.skipif(kernels.sealing is None, reason="no kernels here: no compiler, or COFFER_PURE is 1")
SUBKEYS = {mask: Secret(bytes([mask]) * 32, "subkey") for mask in (3, 5, 6)}
HIGH = [1 << 56, 3 << 56 | 7, 4 << 56 | 9, 1 << 56 | 1]
LOW = [0, 33612345678, 33612345679, 1 << 63, (1 << 64) - 1]


def core_of(layout, kind=1):
    return SegmentCore(
        day=dt.date(2016, 9, 1), kind=kind, layout=layout, custodians=3, clauses=3, part=0, rule="base", feed="calls",
        roster=bytes(32), origin=bytes(32), nonce=bytes(32), home="FR",
    )  # fmt: skip


def rows_of(core, sids, seed):
    words = np.random.default_rng(seed).integers(0, 1 << 63, (len(sids), core.row_bytes // 8 + 1), np.uint64)
    words[:, :2] = np.array(sids, np.uint64).reshape(-1, 2)
    words[:, 3] &= ~np.uint64(1 << 24)
    return PackedRows(words=words)


def dummies(size):
    return ref.stream(b"dummies", size)


def sealed(core, rows, *, is_pure=False):
    with pytest.MonkeyPatch.context() as patch:
        if is_pure:
            patch.setattr(kernels, "sealing", None)
        return bytes(seal.seal_rows(core, rows, subkeys=SUBKEYS, entropy=dummies))


SIDS = st.lists(st.tuples(st.sampled_from(HIGH), st.sampled_from(LOW)), max_size=200)


@compiled
@given(SIDS, st.integers(0, 31), st.integers(1, 3), st.integers(0, 1000))
def test_both_ways_give_the_same_bytes(sids, layout, kind, seed):
    core = core_of(layout, kind)
    rows = rows_of(core, sids, seed)
    assert sealed(core, rows) == sealed(core, rows, is_pure=True)


@compiled
@settings(max_examples=10, deadline=None)
@given(st.integers(1, 400), st.integers(2_000, 9_000), st.sampled_from([0, 1, 9, 31]))
def test_both_ways_give_the_same_bytes_with_slices_and_buckets(subjects, count, layout):
    core = core_of(layout)
    draws = np.random.default_rng(count).integers(0, subjects, count)
    rows = rows_of(core, [(HIGH[d % 4], int(d)) for d in draws], subjects)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fused, "SLICE_ROWS", 1_000)
        patch.setattr(fused, "BUCKET_ROWS", 64)
        patch.setattr(fused, "PARTS", 16)
        assert fused.fused_rows(core, rows, [SUBKEYS[3]], dummies) is not None
        assert sealed(core, rows) == sealed(core, rows, is_pure=True)


@compiled
def test_bucket_that_runs_over_is_sealed_the_other_way(monkeypatch):
    core = core_of(1)
    rows = rows_of(core, [(HIGH[0], n) for n in range(5_000)], 1)
    monkeypatch.setattr(fused, "_room", lambda padded, buckets: padded // buckets)
    assert fused.fused_rows(core, rows, [SUBKEYS[3]], dummies) is None
    assert len(sealed(core, rows)) == 5_120 * core.row_bytes


@compiled
def test_sids_that_share_a_slot_and_a_tag_are_told_apart():
    mix = 0x9E3779B97F4A7C15
    high = [2 << 56 | 5, 3 << 56 | 11]
    low = [0x1234, (0x1234 ^ high[0] * mix ^ high[1] * mix) & (1 << 64) - 1]
    core = core_of(0)
    rows = rows_of(core, [(high[i % 2], low[i % 2]) for i in range(40)], 3)
    assert sealed(core, rows) == sealed(core, rows, is_pure=True)


@compiled
def test_sid_with_too_many_rows_is_refused(monkeypatch):
    core = core_of(0)
    rows = rows_of(core, [(HIGH[0], 1)] * 10, 1)
    monkeypatch.setattr(prf, "MAX_RANK", 10)
    assert sealed(core, rows)
    monkeypatch.setattr(prf, "MAX_RANK", 9)
    with pytest.raises(RuntimeError, match="grown past its bounds"):
        sealed(core, rows)


@compiled
def test_index_beside_an_array_is_an_error():
    two = np.zeros((2, 4), np.uint64)
    with pytest.raises(IndexError, match="Out of bounds"):
        kernels.sealing.sid_blocks(two, np.zeros((1, 2), np.uint64))
    kernels.sealing.sid_blocks(two, np.zeros((2, 2), np.uint64))
    with pytest.raises(IndexError, match="Out of bounds"):
        kernels.sealing.place_whole(two, np.zeros((8, 2), np.uint64), np.zeros(1, np.int64))
    with pytest.raises(ValueError, match="power of two"):
        kernels.sealing.rank_rows(two, np.zeros((2, 2), np.uint64), np.zeros(2, np.uint32), 1)


def longest_run(filled):
    """How many filled slots stand side by side at most."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], filled, [False]]).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max())


@compiled
def test_numbers_chosen_to_meet_in_one_slot_do_not_meet_in_a_segment_whose_nonce_nobody_knew(monkeypatch):
    known, count = 0x9E3779B97F4A7C15, 500
    inverse = pow(known, -1, 1 << 64)
    chosen = [low for low in (place * inverse % (1 << 64) for place in range(4 * count)) if low < 1 << 63][:count]
    rows, runs, multipliers = rows_of(core_of(0), [(1 << 56, low) for low in chosen], 1), [], []
    rank_rows = kernels.sealing.rank_rows

    def watched(rows, slots, ranks, multiplier):
        highest = rank_rows(rows, slots, ranks, multiplier)
        multipliers.append(multiplier)
        runs.append(longest_run(slots[:, 1] > 0))
        return highest

    watched(rows.words, np.zeros((1024, 2), np.uint64), np.zeros(count, np.uint32), known)
    assert runs == [count]  # one after the other: each is compared with all before it
    monkeypatch.setattr(kernels, "sealing", SimpleNamespace(**vars(kernels.sealing) | {"rank_rows": watched}))
    for nonce in range(20):
        assert sealed(replace(core_of(0), nonce=bytes([nonce]) * 32), rows)
    assert len(set(multipliers)) == 21
    assert [one % 2 for one in multipliers] == [1] * 21
    assert max(runs[1:]) < count // 4


@pytest.mark.slow
def test_sealing_and_ingest_without_kernels():
    tests = ["tests/test_vectors.py", "tests/procedures/test_ingest.py", "tests/attacks/test_receipts.py"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests],
        cwd=ROOT, env=os.environ | {"COFFER_PURE": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3_000:]
