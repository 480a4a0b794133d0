"""Sealing: rows and fresh subkeys to the bytes of a segment. Pure but for the entropy it is given. Source.

Specification, section 5 ("Writing").
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from coffer import wire
from coffer.notes.keys import Secret, seal
from coffer.segments import prf
from coffer.segments.header import BATCH_ROWS, Header, SegmentCore, format_manifest, manifest_hash
from coffer.segments.rows import FLAG_LAST, RowColumns, pack_cores, pack_extras

CANARY_SID: Final = b"\xf0" + bytes(15)
SELF_CHECKED_ROWS: Final = 100
"""Rows recomputed one by one before a segment is written.

A fault of memory or of the vectorised path shows before it is logged.
"""
MAX_ROWS: Final = 2**28

Entropy = Callable[[int], bytes]
"""Cryptographically strong random bytes: ``os.urandom``, or fixed ones in test vectors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Custodian ``index`` (from 1) with its public epoch key of the day, or None if it holds no clause."""

    index: int
    epoch_key: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedSegment:
    """The three files of a segment. ``rows`` are raw fixed-width rows, sorted."""

    header: Header
    rows: memoryview
    manifest: bytes


def seal_segment(
    core: SegmentCore,
    rows: RowColumns,
    *,
    clauses: tuple[int, ...],
    holders: tuple[Holder, ...],
    supersedes: bytes,
    entropy: Entropy,
) -> SealedSegment:
    """Seal rows under fresh subkeys, which are forgotten when this returns.

    Raises:
        RuntimeError: a recomputed row differs; nothing must be written then.
    """
    seg_id = core.seg_id
    subkeys = {clause: Secret(entropy(prf.KEY_BYTES), "subkey") for clause in clauses}
    sealed = seal_rows(core, rows, subkeys=subkeys, entropy=entropy)
    manifest = format_manifest(sealed, seg_id=seg_id, row_bytes=core.row_bytes)
    bundles = tuple(_bundle(holder, seg_id, subkeys) for holder in holders)
    header = Header(
        core=core,
        commitments=tuple((clause, prf.subkey_commitment(seg_id, clause, subkeys[clause])) for clause in clauses),
        bundles=bundles,
        rows=len(sealed) // core.row_bytes,
        manifest_hash=manifest_hash(manifest, seg_id=seg_id, rows=len(sealed) // core.row_bytes),
        supersedes=supersedes,
        epoch_hashes=tuple(
            wire.digest(h.epoch_key) if h.epoch_key and b else bytes(32) for h, b in zip(holders, bundles, strict=True)
        ),
    )
    return SealedSegment(header=header, rows=sealed, manifest=manifest)


def _bundle(holder: Holder, seg_id: bytes, subkeys: dict[int, Secret]) -> bytes:
    held = {clause: key for clause, key in subkeys.items() if clause >> (holder.index - 1) & 1}
    if not held:
        return b""
    assert holder.epoch_key is not None, "a holder without an epoch key must be refused before sealing"
    return seal(prf.format_bundle(held), holder.epoch_key, info=prf.bundle_info(seg_id, holder.index))


def seal_rows(core: SegmentCore, rows: RowColumns, *, subkeys: dict[int, Secret], entropy: Entropy) -> memoryview:
    """Labels and pads for every row, the canary, dummies up to a multiple of 1,024, sorted by bytes."""
    seg_id = core.seg_id
    sids, ranks, last = _rank(rows)
    count = len(rows) + 1
    padded = -(-count // BATCH_ROWS) * BATCH_ROWS
    if padded > MAX_ROWS or int(ranks.max(initial=0)) >= prf.MAX_RANK:
        raise RuntimeError("a segment has grown past its bounds: it should have been flushed to another part")
    keys = [prf.effective_key(seg_id, clause, subkey) for clause, subkey in sorted(subkeys.items())]
    labels = prf.combine([prf.partials(key, sids, ranks, lane=prf.LABEL_LANE, kind=core.kind) for key in keys])
    secrets = prf.combine([prf.partials(key, sids, ranks, lane=prf.DATA_LANE, kind=core.kind) for key in keys])

    words = core.row_bytes // 8
    out = np.empty((padded, words), np.uint64)
    out[:count, 0] = labels[:, 0]
    plain = out[:count, 1:]
    plain[:-1, :2] = pack_cores(rows, last[:-1]).byteswap()
    plain[:-1, 2:] = pack_extras(rows, core.layout)
    plain[-1] = 0
    plain[-1, 1] = np.uint64(FLAG_LAST << 32).byteswap()
    plain ^= prf.pads(prf.public_permutation_key(seg_id), secrets, -(-(words - 1) // 2))[:, : words - 1]
    del secrets, labels
    out[count:] = np.frombuffer(entropy((padded - count) * core.row_bytes), "<u8").reshape(-1, words)
    ordered = _sorted(out)
    _self_check(ordered, core, rows, sids=sids, ranks=ranks, last=last, keys=keys, entropy=entropy)
    return prf.as_bytes(ordered)


def _rank(rows: RowColumns) -> tuple[prf.Sids, npt.NDArray[np.uint32], npt.NDArray[np.bool_]]:
    """Each row's distinct sid and rank within it, with the canary appended as the last row."""
    canary_high, canary_low = (np.frombuffer(CANARY_SID, ">u8").astype(np.uint64)[i] for i in (0, 1))
    high, low = rows.sid_high, rows.sid_low
    if len(high) and (high == high[0]).all():
        distinct_low, index = np.unique(low, return_inverse=True)
        distinct = np.stack([np.full(len(distinct_low), high[0]), distinct_low], axis=1)
    else:
        order = np.lexsort((low, high))
        changes = np.ones(len(order), np.bool_)
        changes[1:] = (np.diff(high[order]) != 0) | (np.diff(low[order]) != 0)
        index = np.empty(len(order), np.int64)
        index[order] = np.cumsum(changes) - 1
        distinct = np.stack([high[order][changes], low[order][changes]], axis=1)
    counts = np.bincount(index, minlength=len(distinct))
    order = np.argsort(index, kind="stable")
    ranks = np.empty(len(index), np.uint32)
    ranks[order] = np.arange(len(index)) - np.repeat(np.cumsum(counts) - counts, counts)
    last = ranks == counts[index] - 1
    blocks = np.concatenate([distinct, np.array([[canary_high, canary_low]], np.uint64)]).byteswap()
    sids = prf.Sids(distinct=blocks, index=np.append(index, len(distinct)))
    return sids, np.append(ranks, np.uint32(0)), np.append(last, np.True_)


def _sorted(rows: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Rows sorted by their bytes. Labels are random, so they nearly always decide.

    Equal ones are settled by the whole row.
    """
    keys = rows[:, 0].byteswap()
    order = np.argsort(keys)
    sorted_keys = keys[order]
    if (sorted_keys[1:] == sorted_keys[:-1]).any():
        order = np.lexsort(tuple(rows[:, word].byteswap() for word in reversed(range(rows.shape[1]))))
    items = rows.view(np.dtype((np.void, rows.shape[1] * 8))).ravel()
    return items[order].view(np.uint64).reshape(rows.shape)


def _self_check(
    ordered: npt.NDArray[np.uint64],
    core: SegmentCore,
    rows: RowColumns,
    *,
    sids: prf.Sids,
    ranks: npt.NDArray[np.uint32],
    last: npt.NDArray[np.bool_],
    keys: list[Secret],
    entropy: Entropy,
) -> None:
    """Recompute random rows with the library's CMAC and find them among the sorted bytes."""
    labels = ordered[:, 0].byteswap()
    draws = np.frombuffer(entropy(8 * SELF_CHECKED_ROWS), "<u8") % np.uint64(len(rows) + 1)
    cores, extras = pack_cores(rows, last[:-1]).byteswap(), None
    for at in np.unique(draws).astype(np.int64).tolist():
        sid, rank = sids.distinct[sids.index[at]].tobytes(), int(ranks[at])
        label = _xor(keys, sid, lane=prf.LABEL_LANE, kind=core.kind, rank=rank)[:8]
        y = _xor(keys, sid, lane=prf.DATA_LANE, kind=core.kind, rank=rank)
        pad = reference_pads(prf.public_permutation_key(core.seg_id), y, core.row_bytes - 8)
        if at == len(rows):
            plain = bytes(11) + bytes([FLAG_LAST]) + bytes(core.row_bytes - 20)
        else:
            extras = pack_extras(rows, core.layout) if extras is None else extras
            plain = cores[at].tobytes() + extras[at].tobytes()
        expected = label + bytes(a ^ b for a, b in zip(plain, pad, strict=True))
        first = int(np.searchsorted(labels, np.uint64(int.from_bytes(label, "big"))))
        while first < len(labels) and ordered[first].tobytes()[:8] == label and ordered[first].tobytes() != expected:
            first += 1
        if first == len(labels) or ordered[first].tobytes() != expected:
            raise RuntimeError("a recomputed row differs from the sealed one: the segment must not be written")


def _xor(keys: list[Secret], sid: bytes, *, lane: int, kind: int, rank: int) -> bytes:
    total = 0
    for key in keys:
        total ^= int.from_bytes(prf.reference_partial(key, sid, lane=lane, kind=kind, rank=rank), "big")
    return total.to_bytes(16, "big")


def reference_pads(pi: bytes, y: bytes, size: int) -> bytes:
    """The first ``size`` bytes of pad_0 || pad_1 ... for one row."""
    blocks = np.frombuffer(y, "<u8").reshape(1, 2)
    return prf.pads(pi, blocks, -(-size // 16)).tobytes()[:size]
