"""Sealing: rows and fresh subkeys to the bytes of a segment. Pure but for the entropy it is given.

Source: ``docs/formats/segment.md``, "Rows of a segment".
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from coffer import wire
from coffer.bounds import MAX_ROWS
from coffer.entropy import Entropy
from coffer.notes.keys import Secret
from coffer.segments import prf
from coffer.segments.bundle import seal_bundle
from coffer.segments.fused import SLICE_ROWS, fused_rows
from coffer.segments.header import Header, SegmentCore
from coffer.segments.manifest import format_manifest, manifest_hash
from coffer.segments.rows import LAST_WORD, PackedRows, take_words
from coffer.segments.selfcheck import Checked, canary_row, draw_places, padded_count, too_many_rows


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
    rows: PackedRows,
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
    manifest = format_manifest(sealed, core)
    bundles = tuple(_bundle(holder, seg_id, subkeys) for holder in holders)
    header = Header(
        core=core,
        commitments=tuple((clause, prf.subkey_commitment(seg_id, clause, subkeys[clause])) for clause in clauses),
        bundles=bundles,
        rows=len(sealed) // core.row_bytes,
        manifest_hash=manifest_hash(manifest, core, len(sealed) // core.row_bytes),
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
    return seal_bundle(held, holder.epoch_key, seg_id=seg_id, index=holder.index)


def seal_rows(core: SegmentCore, rows: PackedRows, *, subkeys: dict[int, Secret], entropy: Entropy) -> memoryview:
    """Labels and pads for every row, the canary, dummies up to a multiple of 1,024, sorted by bytes."""
    if padded_count(len(rows)) > MAX_ROWS:
        raise too_many_rows()
    keys = [prf.effective_key(core.seg_id, clause, subkey) for clause, subkey in sorted(subkeys.items())]
    ordered = fused_rows(core, rows, keys, entropy)
    return prf.as_bytes(ordered if ordered is not None else _rows_by_columns(core, rows, keys, entropy))


def _rows_by_columns(
    core: SegmentCore, rows: PackedRows, keys: list[Secret], entropy: Entropy
) -> npt.NDArray[np.uint64]:
    """What ``fused_rows`` gives, without kernels."""
    plain_rows = _by_sid(rows)
    count, padded = len(plain_rows.plain), padded_count(len(rows))
    if int(plain_rows.ranks.max()) >= prf.MAX_RANK:
        raise too_many_rows()
    at = draw_places(count, entropy)
    checked = Checked(
        sids=plain_rows.sids[plain_rows.owners[at]], ranks=plain_rows.ranks[at], plain=plain_rows.plain[at]
    )
    words = core.row_bytes // 8
    out = np.empty((padded, words), np.uint64)
    _fill(out[:count], plain_rows, core, keys)
    out[count:] = np.frombuffer(entropy((padded - count) * core.row_bytes), "<u8").reshape(-1, words)
    ordered = _sorted(out)
    checked.verify(ordered, core, keys)
    return ordered


def _fill(out: npt.NDArray[np.uint64], rows: "_PlainRows", core: SegmentCore, keys: list[Secret]) -> None:
    """Label, and core and extra under their pads, of every row; a slice at a time."""
    clauses = [prf.ClausePrf(key, rows.sids) for key in keys]
    pi, words = prf.public_permutation_key(core.seg_id), out.shape[1]
    for start in range(0, len(out), SLICE_ROWS):
        part = slice(start, start + SLICE_ROWS)
        owners, ranks = rows.owners[part], rows.ranks[part]
        labels, secrets = (
            prf.combine([clause.partials(owners, ranks, lane=lane, kind=core.kind) for clause in clauses])
            for lane in (prf.LABEL_LANE, prf.DATA_LANE)
        )
        out[part, 0] = labels[:, 0]
        pads = prf.pads(pi, secrets, -(-(words - 1) // 2))
        np.bitwise_xor(rows.plain[part], pads[:, : words - 1], out=out[part, 1:])


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _PlainRows:
    """Rows in the order of their sids, the canary last. ``sids``: distinct, shape (u, 2), as blocks.

    Of each row, shape (n,): ``owners`` the place of its sid, ``ranks`` from 0 within its sid, ``plain`` its words, LAST set on the highest rank.
    """

    sids: prf.Blocks
    owners: npt.NDArray[np.int32]
    ranks: npt.NDArray[np.uint32]
    plain: npt.NDArray[np.uint64]


def _by_sid(rows: PackedRows) -> _PlainRows:
    # Sorting one mixed word is enough, unless two sids share that word. A sid's rows keep their order, so that their
    # ranks are those that the kernel gives.
    mixed = rows.sid_low ^ rows.sid_high
    order = np.argsort(mixed, kind="stable")
    low, high, mixed = rows.sid_low.take(order), rows.sid_high.take(order), mixed.take(order)
    changes = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    if (changes & (mixed[1:] == mixed[:-1])).any():
        order = np.lexsort((rows.sid_low, rows.sid_high))
        low, high = rows.sid_low[order], rows.sid_high[order]
        changes = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    starts = np.flatnonzero(np.concatenate(([len(low) > 0], changes)))
    counts = np.append(np.diff(starts, append=len(low)) if len(low) else starts, 1)
    distinct = np.stack([high[starts], low[starts]], axis=1) if len(low) else np.zeros((0, 2), np.uint64)
    canary = canary_row(0)[:, :2]
    plain = np.empty((len(low) + 1, rows.plain.shape[1]), np.uint64)
    rows.plain.take(order, axis=0, out=plain[:-1], mode="clip")  # checking each index first would need a copy
    plain[-1] = 0
    ends = np.cumsum(counts)
    plain[ends - 1, 1] |= LAST_WORD
    return _PlainRows(
        sids=np.concatenate([distinct, canary]).byteswap(),
        owners=np.repeat(np.arange(len(counts), dtype=np.int32), counts),
        ranks=np.arange(len(plain), dtype=np.uint32) - np.repeat((ends - counts).astype(np.uint32), counts),
        plain=plain,
    )


def _sorted(rows: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Rows sorted by their bytes.

    Labels are random, so they nearly always decide. The whole row decides between equal labels.
    """
    keys = rows[:, 0].byteswap()
    order = np.argsort(keys)
    sorted_keys = keys.take(order)
    if (sorted_keys[1:] == sorted_keys[:-1]).any():
        order = np.lexsort(tuple(rows[:, word].byteswap() for word in reversed(range(rows.shape[1]))))
    return take_words(rows, order)
