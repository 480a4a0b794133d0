"""The partials of many short runs, and rows decrypted together, against the scalar functions."""

import pytest

import reference as ref
from coffer.notes.keys import Secret
from coffer.segments.prf import (
    DATA_LANE,
    LABEL_LANE,
    MAX_RANK,
    Runs,
    decrypt_rows,
    reference_pads,
    reference_partial,
    run_partials,
)

KEYS = [Secret(ref.stream(bytes([number]), 32), "effective key") for number in range(60)]
"""So many that the subkey of CMAC has its highest bit set under some and not under others."""


@pytest.mark.parametrize("lane", [LABEL_LANE, DATA_LANE])
def test_runs_equal_the_cmac_of_the_library(lane):
    counts = [1 + number % 5 for number in range(len(KEYS))]
    starts = [0, 64, 255, 256, MAX_RANK - 5] * 12
    sids = [ref.stream(b"sid" + bytes([number % 7]), 16) for number in range(len(KEYS))]
    kinds = [1 + number % 3 for number in range(len(KEYS))]
    found = run_partials(Runs(keys=KEYS, sids=sids, kinds=kinds, starts=starts, counts=counts), lane=lane)
    expected = [
        reference_partial(key, sid, lane=lane, kind=kind, rank=start + offset)
        for key, sid, kind, start, count in zip(KEYS, sids, kinds, starts, counts, strict=True)
        for offset in range(count)
    ]
    assert len(expected) > len(KEYS)
    assert found.tobytes() == b"".join(expected)


@pytest.mark.parametrize("size", [16, 24, 40, 88])
def test_rows_decrypted_together_are_as_each_alone(size):
    seg_id = ref.stream(b"segment", 32)
    rows = [ref.stream(b"row" + bytes([number]), 8 + size) for number in range(5)]
    values = [ref.stream(b"y" + bytes([number]), 16) for number in range(5)]
    pads = [reference_pads(ref.permutation_key(seg_id), y, size) for y in values]
    expected = [bytes(a ^ b for a, b in zip(row[8:], pad, strict=True)) for row, pad in zip(rows, pads, strict=True)]
    assert decrypt_rows(seg_id, rows, b"".join(values)) == expected
