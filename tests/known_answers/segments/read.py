import hashlib
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

import coffer_audit.answer.rows
import coffer_audit.errors
import coffer_audit.segments
import reference as ref
from coffer import wire
from coffer.errors import MalformedInput
from coffer.identity.cells import format_cell, pack_cell
from coffer.identity.identifier import pack_short_code, unpack_short_code
from coffer.ledger.rules import parse_rule
from coffer.notes.keys import Secret
from coffer.segments import header, prf, seal
from coffer.segments import manifest as manifests
from coffer.segments.bundle import format_bundle, parse_bundle
from coffer.segments.locate import Finder
from coffer.segments.rows import FLAG_LAST, RowColumns, pack_dialled, pack_rows, parse_row, unpack_dialled
from known_answers.vector import runner

CORE_KEYS = "version origin rule feed day kind layout n clause-count part roster nonce"


def core_of(vector):
    return header.SegmentCore(
        day=wire.day_from_number(vector.int("day"), "day"),
        kind=vector.int("kind"),
        layout=vector.int("layout"),
        custodians=vector.int("n"),
        clauses=vector.int("clause-count"),
        part=vector.int("part"),
        rule=vector.word("rule"),
        feed=vector.word("feed"),
        roster=vector.bytes("roster"),
        origin=header.origin_hash(vector.word("origin")),
        nonce=vector.bytes("nonce"),
        version=vector.int("version"),
    )


@runner("core", CORE_KEYS, found="raw seg-id pi")
def run_core(vector, _):
    core = core_of(vector)
    assert (core.raw, core.seg_id, prf.public_permutation_key(core.seg_id)) == (
        vector.bytes("raw"),
        vector.bytes("seg-id"),
        vector.bytes("pi"),
    )


@runner("subkey", "seg-id mask subkey", found="commitment effective")
def run_subkey(vector, _):
    arguments = vector.bytes("seg-id"), vector.int("mask"), Secret(vector.bytes("subkey"), "subkey")
    assert prf.subkey_commitment(*arguments) == vector.bytes("commitment")
    assert prf.effective_key(*arguments).unsafe_bytes() == vector.bytes("effective")


@runner("bundle-plaintext", "mask subkey", found="bundle")
def run_bundle_plaintext(vector, _):
    subkeys = {
        mask: Secret(key, "subkey") for mask, key in zip(vector.many("mask", int), vector.many("subkey"), strict=True)
    }
    for index, raw in enumerate(vector.many("bundle"), 1):
        held = {mask: key for mask, key in subkeys.items() if mask >> (index - 1) & 1}
        assert format_bundle(held) == raw
        assert list(parse_bundle(raw, tuple(sorted(held)), "bundle")) == sorted(held)
        for wrong in (raw + b"\0", raw[:-1], b"\0" + raw[1:-1] + b"\0\0"):
            with pytest.raises(MalformedInput, match=r"^bundle: "):
                parse_bundle(wrong, tuple(sorted(held)), "bundle")


@runner("prf", "seg-id mask subkey sid lane kind rank", found="message partial y pad")
def run_prf(vector, _):
    seg_id, sid = vector.bytes("seg-id"), vector.bytes("sid")
    lane, kind, rank = (vector.int(key) for key in ("lane", "kind", "rank"))
    assert prf.message(sid, lane=lane, kind=kind, rank=rank) == vector.bytes("message")
    keys = [
        prf.effective_key(seg_id, mask, Secret(key, "subkey"))
        for mask, key in zip(vector.many("mask", int), vector.many("subkey"), strict=True)
    ]
    # The column has the rank twice, and another sid between.
    blocks = np.frombuffer(sid + bytes(16) + sid, "<u8").reshape(3, 2)
    columns = np.array([0, 1, 1, 2], np.int32), np.array([rank, 0, 1, rank], np.uint32)
    values = [prf.ClausePrf(key, blocks).partials(*columns, lane=lane, kind=kind) for key in keys]
    assert (
        values[0][0].tobytes()
        == prf.reference_partial(keys[0], sid, lane=lane, kind=kind, rank=rank)
        == vector.bytes("partial")
    )
    y = prf.combine(values)
    assert y[0].tobytes() == y[3].tobytes() == vector.bytes("y")
    assert prf.pads(vector.bytes("seg-id")[:32], y, 1).shape == (4, 2)
    assert prf.pads(prf.public_permutation_key(seg_id), y, 3)[0].tobytes() == b"".join(vector.many("pad"))


def columns_of(rows):
    """Rows of the reference as the columns that sealing takes."""
    high = np.array([int.from_bytes(row["sid"][:8], "big") for row in rows], np.uint64)
    low = np.array([int.from_bytes(row["sid"][8:], "big") for row in rows], np.uint64)
    flags = [row["direction"] << 3 | row["is_answered"] << 2 | (row["duration_s"] > 2**20 - 1) << 1 for row in rows]
    return RowColumns(
        sid_high=high,
        sid_low=low,
        peer_type=np.array([row["peer_type"] for row in rows], np.uint8),
        peer=np.array([row["peer"] for row in rows], np.uint64),
        second=np.array([row["second"] for row in rows], np.uint32),
        duration_s=np.array([min(row["duration_s"], 2**20 - 1) for row in rows], np.uint32),
        flags=np.array(flags, np.uint8),
        cell=np.array([row["cell"] for row in rows], np.uint64),
        imei=np.array([row["imei"] for row in rows], np.uint64),
        imsi=np.array([row["imsi"] for row in rows], np.uint64),
        peer_text=pa.array([(row["short"] or row["long"]) or None for row in rows], pa.string()),
        peer_is_long=np.array([bool(row["long"]) for row in rows], np.bool_),
        own=np.array([row["own"] for row in rows], np.uint64),
    )


ROW_KEYS = "peer_type peer second duration_s direction is_answered is_last cell imei imsi own short long"


@runner("row", "layout core extra", found=ROW_KEYS.replace("_", "-"))
def run_row(vector, _):
    core, extra, bits = vector.bytes("core"), vector.bytes("extra"), vector.int("layout")
    if vector.is_refused(lambda: parse_row(core, extra, bits, "row")):
        return
    numbers = {
        key: vector.int(key.replace("_", "-"))
        for key in ("peer_type", "peer", "second", "duration_s", "direction", "cell", "imei", "imsi", "own")
    }
    row = numbers | {
        "sid": bytes(16),
        "is_answered": vector.word("is-answered") == "yes",
        "short": vector.text("short"),
        "long": vector.text("long"),
    }
    is_last = vector.word("is-last") == "yes"
    columns = columns_of([row])
    plain = pack_rows(columns, bits).plain.tobytes()
    assert plain == core[:11] + bytes([core[11] & ~FLAG_LAST]) + core[12:] + extra
    found = parse_row(core, extra, bits, "row")
    saturated = row["duration_s"] > 2**20 - 1
    for name in ("peer_type", "peer", "second", "direction", "is_answered", "cell", "imei", "imsi"):
        assert getattr(found, name) == row[name], name
    assert (found.own_type << 60 | found.own << 10) == row["own"]
    assert (found.is_last, found.is_saturated, found.duration_s) == (
        is_last,
        saturated,
        min(row["duration_s"], 2**20 - 1),
    )
    text = row["short"] or row["long"]
    if len(text.encode()) > 63:
        raw = text.encode()
        assert (
            found.peer_text.encode("utf-8", "surrogateescape")
            == raw[:31] + b"~" + hashlib.sha256(raw).hexdigest().encode()
        )
    else:
        assert found.peer_text == text
    assert found.is_long == bool(row["long"])
    assert "333" not in repr(found)


@runner("cell", "text", found="packed")
def run_cell(vector, _):
    packed = pack_cell(vector.text("text").encode())
    if vector.expect == "parse":
        assert packed is None
        return
    assert packed.to_bytes(8, "big") == vector.bytes("packed")
    assert format_cell(packed) == vector.text("text")


@runner("short-peer", "packed", found="country digits")
def run_short_peer(vector, _):
    packed = vector.int("packed")
    if not vector.is_refused(lambda: unpack_short_code(packed)):
        country, digits = vector.word("country"), vector.text("digits")
        assert (pack_short_code(country, digits), unpack_short_code(packed)) == (packed, (country, digits))


@runner("dialled-peer", "type peer", found="digits shown")
def run_dialled_peer(vector, _):
    kind, peer = vector.int("type"), vector.int("peer")
    if not vector.is_refused(lambda: unpack_dialled(kind, peer, "row")):
        assert pack_dialled(vector.text("digits")) == (kind, peer)
        assert unpack_dialled(kind, peer, "row") == vector.text("shown")

    def audit():
        return coffer_audit.answer.rows._format_dialled(kind, peer, "DE")

    if not vector.is_refused(audit):
        assert audit() == f"dialled:DE/{vector.text('shown')}"
        with pytest.raises(coffer_audit.errors.NotProven, match="without a home country"):
            coffer_audit.answer.rows._format_dialled(kind, peer, "")


@runner("header", "raw", found="seg-id stripped hash")
def run_header(vector, _):
    raw = vector.bytes("raw")
    if not vector.is_refused(lambda: header.parse_header(raw, "header")):
        found = header.parse_header(raw, "header")
        assert (found.raw, found.stripped, found.hash, found.core.seg_id) == (
            raw,
            vector.bytes("stripped"),
            vector.bytes("hash"),
            vector.bytes("seg-id"),
        )
        for audited in (
            coffer_audit.segments.parse_header(raw, stripped=False),
            coffer_audit.segments.parse_header(vector.bytes("stripped"), stripped=True),
        ):
            assert (audited.header_hash, audited.seg_id) == (found.hash, found.core.seg_id)


@runner("sealed", CORE_KEYS + " expression seed records subjects", found="rows rows-hash manifest manifest-hash")
def run_sealed(vector, _):
    core, seed, count = core_of(vector), vector.bytes("seed"), vector.int("records")
    names = [chr(97 + i) for i in range(core.custodians)]
    masks = parse_rule("base", vector.text("expression"), names, "rule").clauses
    subkeys = {mask: Secret(ref.stream(seed + ref.u16(mask), 32), "subkey") for mask in masks}
    rows = ref.sample_rows(seed, count, kind=core.kind, layout=core.layout, subjects=vector.int("subjects"))

    def dummies(size):
        return ref.stream(seed + b"dummies", size)

    packed = pack_rows(columns_of(rows), core.layout)
    sealed = bytes(seal.seal_rows(core, packed, subkeys=subkeys, entropy=dummies))
    assert len(sealed) // core.row_bytes == vector.int("rows")
    raw_keys = {mask: key.unsafe_bytes() for mask, key in subkeys.items()}
    rows = in_order_of_ranks(core, raw_keys, rows, sealed)
    assert ref.seal_rows(core.seg_id, core.kind, core.layout, rows, raw_keys, dummies) == sealed
    if len({row["sid"] for row in rows}) < len(rows):
        return find_every_row(core, subkeys, rows, sealed, manifests.format_manifest(sealed, core))
    assert hashlib.sha256(sealed).digest() == vector.bytes("rows-hash")
    manifest = manifests.format_manifest(sealed, core)
    assert manifest == vector.bytes("manifest")
    assert manifests.manifest_hash(manifest, core, vector.int("rows")) == vector.bytes("manifest-hash")
    find_every_row(core, subkeys, rows, sealed, manifest)
    return None


def in_order_of_ranks(core, subkeys, rows, sealed):
    """The rows in an order in which the reference gives each the rank it was sealed with (the specification leaves the order of a sid's ranks open)."""
    effectives = [ref.effective_key(core.seg_id, mask, subkeys[mask]) for mask in sorted(subkeys)]
    by_label = {sealed[i : i + 8]: sealed[i : i + core.row_bytes] for i in range(0, len(sealed), core.row_bytes)}
    waiting = {}
    for row in rows:
        waiting.setdefault(row["sid"], {}).setdefault(ref.plain_row(row, core.layout, is_last=False), []).append(row)
    ordered = []
    for sid, plains in waiting.items():
        for rank in range(sum(map(len, plains.values()))):
            found = by_label[ref.combined(effectives, sid, ref.LABEL, core.kind, rank)[:8]]
            bits, extra = coffer_audit.answer.rows.decrypt_row(
                found, ref.combined(effectives, sid, ref.DATA, core.kind, rank), core.seg_id
            )
            ordered.append(plains[(bits & ~(1 << 32)).to_bytes(16, "big") + extra].pop())
    assert len(ordered) == len(rows)
    return ordered


def find_every_row(core, subkeys, rows, sealed, manifest):
    """Each row is found by its label and opens to what went in, by the finder and by the auditor; the canary too."""
    whole = header.Header(
        core=core,
        commitments=(),
        bundles=(),
        rows=len(sealed) // core.row_bytes,
        manifest_hash=manifests.manifest_hash(manifest, core, len(sealed) // core.row_bytes),
        supersedes=bytes(32),
        epoch_hashes=(),
    )
    size = core.batch_rows * core.row_bytes
    head = manifest[: manifests.head_bytes(core, whole.rows)]

    def page(index):
        start, length = manifests.page_range(whole, index)
        return manifest[start : start + length]

    finder = Finder(whole, head, page, lambda index: sealed[index * size : (index + 1) * size])
    entries = manifests.verify_manifest(manifest, whole)
    assert len(entries) == 40 * whole.rows // core.batch_rows
    audited = coffer_audit.segments.Header(
        core=core.raw,
        seg_id=core.seg_id,
        header_hash=bytes(32),
        layout=core.layout,
        masks=(),
        bundles=(),
        rows=whole.rows,
        manifest_hash=whole.manifest_hash,
        supersedes=bytes(32),
        epochs=(),
    )
    assert b"".join(map(b"".join, coffer_audit.segments.verify_whole_manifest(manifest, audited))) == entries
    effectives = [ref.effective_key(core.seg_id, mask, subkeys[mask].unsafe_bytes()) for mask in sorted(subkeys)]
    last = {row["sid"]: at for at, row in enumerate(rows)}
    ranks = Counter()
    canary = (
        ref.CANARY,
        ref.core(peer_type=0, peer=0, second=0, duration_s=0, direction=0, is_answered=False, is_last=True)
        + bytes(core.row_bytes - 24),
    )
    for sid, plain in [
        *((row["sid"], ref.plain_row(row, core.layout, last[row["sid"]] == at)) for at, row in enumerate(rows[:80])),
        canary,
    ]:
        rank = ranks[sid]
        ranks[sid] += 1
        (row,) = finder.find(ref.combined(effectives, sid, ref.LABEL, core.kind, rank)[:8])
        opened = coffer_audit.answer.rows.decrypt_row(
            row, ref.combined(effectives, sid, ref.DATA, core.kind, rank), core.seg_id
        )
        assert opened == (int.from_bytes(plain[:16], "big"), plain[16:])
    assert finder.find(bytes(8)) == []
