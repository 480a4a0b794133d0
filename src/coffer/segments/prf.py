"""Subkeys, labels and pads.

The PRF of ``docs/formats/segment.md``, for whole columns and, as a reference, for one row.

y = XOR over clauses c of AES-256-CMAC(ek_c, msg); label = y[:8]; pad_j = AES-256(pi, z_j) XOR z_j with z_j = y XOR j. CMAC: NIST SP 800-38B; the
messages are two whole blocks, so only its first subkey K1 is used. The finish is Matyas-Meyer-Oseas (Guo, Katz, Wang, Yu 2020): a forged partial
randomises the row.

Blocks are held as little-endian u64 pairs of the raw bytes, shape (n, 2): XOR does not care, and no byte is moved.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.cmac import CMAC

from coffer import wire
from coffer.notes.keys import Secret

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Blocks = npt.NDArray[np.uint64]
    """16-byte blocks: shape (n, 2), little-endian u64 of their bytes."""
    Ranks = npt.NDArray[np.uint32]
else:  # who only signs or reads the log loads no library of arrays
    Blocks = Ranks = Any

LABEL_LANE: Final = 1
DATA_LANE: Final = 2
KEY_BYTES: Final = 32
MAX_RANK: Final = 2**24
CANARY_SID: Final = b"\xf0" + bytes(15)


def subkey_commitment(seg_id: bytes, clause: int, subkey: Secret) -> bytes:
    """com_c = H(T("subkey-commit") || seg_id || u16 c || K_c)."""
    return wire.digest(wire.tag("subkey-commit"), seg_id, clause.to_bytes(2, "big"), subkey.unsafe_bytes())


def effective_key(seg_id: bytes, clause: int, subkey: Secret) -> Secret:
    """ek_c = HMAC-SHA256(K_c, T("effkey") || seg_id || u16 c).

    A bundle used under another header gives an unrelated PRF.
    """
    message = wire.tag("effkey") + seg_id + clause.to_bytes(2, "big")
    return Secret(hmac.digest(subkey.unsafe_bytes(), message, "sha256"), "effective key")


def public_permutation_key(seg_id: bytes) -> bytes:
    """The key pi = H(T("pi") || seg_id), which is no secret."""
    return wire.digest(wire.tag("pi"), seg_id)


def message(sid: bytes, *, lane: int, kind: int, rank: int) -> bytes:
    """msg(sid, lane, kind, rank), 32 bytes."""
    return sid + b"C1" + bytes((lane, kind)) + bytes(8) + rank.to_bytes(4, "big")


def reference_partial(key: Secret, sid: bytes, *, lane: int, kind: int, rank: int) -> bytes:
    """p_c for one row, by the library's own CMAC. The vectorised path must equal it."""
    mac = CMAC(AES256(key.unsafe_bytes()))
    mac.update(message(sid, lane=lane, kind=kind, rank=rank))
    return mac.finalize()


def reference_partials(key: Secret, sids: Sequence[bytes], ranks: Sequence[int], *, lane: int, kind: int) -> bytes:
    """p_c of rows one after the other, as ``reference_partial``. The cipher is set up once."""
    empty, partials = CMAC(AES256(key.unsafe_bytes())), []
    for sid, rank in zip(sids, ranks, strict=True):
        mac = empty.copy()
        mac.update(message(sid, lane=lane, kind=kind, rank=rank))
        partials.append(mac.finalize())
    return b"".join(partials)


class ClausePrf:
    """The PRF under the effective key of one clause, for rows of some sids (distinct, shape (u, 2)).

    The first CBC block is computed once per sid, for both lanes and all ranks. Give some ten thousand rows at a time: then the data stays in the
    processor's cache, which is several times faster than whole columns.
    """

    __slots__ = ("_encryptor", "_first")

    def __init__(self, key: Secret, sids: Blocks) -> None:
        import numpy as np

        self._encryptor = encryptor(key.unsafe_bytes())
        subkey = np.frombuffer(_double(self._encryptor.update(bytes(16))), "<u8")
        self._first = _encrypt(self._encryptor, np.ascontiguousarray(sids)) ^ subkey

    def partials(self, owners: npt.NDArray[np.int32], ranks: Ranks, *, lane: int, kind: int) -> Blocks:
        """p_c of rows, each of the sid ``owners[i]`` with rank ``ranks[i]``; shape (n, 2)."""
        import numpy as np

        blocks = self._first.take(owners, axis=0)
        tail = np.frombuffer(b"C1" + bytes((lane, kind)) + bytes(12), "<u8")
        blocks[:, 0] ^= tail[0]
        blocks[:, 1] ^= tail[1] ^ (ranks.byteswap().astype(np.uint64) << np.uint64(32))
        return _encrypt(self._encryptor, blocks)


def encryptor(key: bytes) -> CipherContext:
    """AES-256 on blocks that stand alone."""
    return Cipher(AES256(key), ECB()).encryptor()


def tail_masks(clause: CipherContext, kind: int) -> Blocks:
    """By lane, what XOR adds to a message's first block besides the rank; shape (2, 2).

    That is K1 and the bytes of the second block. ``clause``: AES under the effective key of a clause.
    """
    import numpy as np

    subkey = np.frombuffer(_double(clause.update(bytes(16))), "<u8")
    tails = b"".join(b"C1" + bytes((lane, kind)) + bytes(12) for lane in (LABEL_LANE, DATA_LANE))
    masks: Blocks = np.frombuffer(tails, "<u8").reshape(2, 2) ^ subkey
    return masks


def encrypt_into(cipher: CipherContext, blocks: Blocks, out: Blocks) -> Blocks:
    """The blocks encrypted, written to the beginning of ``out``, which has room for one block more."""
    cipher.update_into(as_bytes(blocks), as_bytes(out))
    return out[: len(blocks)]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Runs:
    """Ranks to compute partials for: one run of ranks per entry, each under a key of its own.

    ``keys``: effective keys. ``sids``: 16 B each. ``kinds``: kind numbers. ``starts``, ``counts``: the first rank and
    the number of ranks. All have one entry a run.
    """

    keys: Sequence[Secret]
    sids: Sequence[bytes]
    kinds: Sequence[int]
    starts: Sequence[int]
    counts: Sequence[int]


def run_partials(runs: Runs, *, lane: int) -> Blocks:
    """p_c of the rows of all runs, one run after the other; shape (n, 2).

    An opening has many keys with few rows each, so a key costs two calls of the cipher and everything else is done for
    all rows at once. ``ClausePrf`` is for one key with many rows.
    """
    import numpy as np

    # One call gives both: E(0), from which CMAC's subkey K1 follows, and the first CBC block.
    encryptors = [Cipher(AES256(key.unsafe_bytes()), ECB()).encryptor() for key in runs.keys]
    heads = b"".join(encryptor.update(bytes(16) + sid) for encryptor, sid in zip(encryptors, runs.sids, strict=True))
    zeros, firsts = np.frombuffer(heads, "<u8").reshape(-1, 2, 2).swapaxes(0, 1)
    tails = np.frombuffer(b"".join(b"C1" + bytes((lane, kind)) + bytes(12) for kind in runs.kinds), "<u8").reshape(
        -1, 2
    )
    counts = np.asarray(runs.counts, np.int64)
    ends = np.cumsum(counts)
    blocks = np.repeat(firsts ^ _doubled(zeros) ^ tails, counts, axis=0)
    offsets = np.asarray(runs.starts, np.int64) - (ends - counts)
    ranks = (np.arange(len(blocks), dtype=np.int64) + np.repeat(offsets, counts)).astype(np.uint32)
    blocks[:, 1] ^= ranks.byteswap().astype(np.uint64) << np.uint64(32)
    out = bytearray(blocks.nbytes + 15)  # the library asks for room for one more block, of which it writes nothing
    given, taken = as_bytes(blocks), memoryview(out)
    at = 0
    for encryptor, end in zip(encryptors, (16 * ends).tolist(), strict=True):
        encryptor.update_into(given[at:end], taken[at : end + 15])
        at = end
    return np.frombuffer(out, "<u8", count=2 * len(blocks)).reshape(-1, 2)


def _doubled(blocks: Blocks) -> Blocks:
    """``_double`` of every block."""
    import numpy as np

    high, low = blocks.byteswap().T
    top = high >> np.uint64(63)
    doubled = np.stack(
        [high << np.uint64(1) | low >> np.uint64(63), low << np.uint64(1) ^ top * np.uint64(0x87)], axis=1
    )
    return doubled.byteswap()


def combine(values: list[Blocks]) -> Blocks:
    """y: the XOR over all clauses."""
    total = values[0].copy()
    for value in values[1:]:
        total ^= value
    return total


def pads(pi: bytes, y: Blocks, count: int) -> npt.NDArray[np.uint64]:
    """pad_0 || pad_1 ... of each row; shape (n, 2 * count)."""
    import numpy as np

    permutation = encryptor(pi)
    out = np.empty((len(y), 2 * count), np.uint64)
    for j in range(count):
        z = y.copy()
        z[:, 1] ^= np.uint64(j << 56)
        out[:, 2 * j : 2 * j + 2] = _encrypt(permutation, z) ^ z
    return out


def reference_pads(pi: bytes, y: bytes, size: int) -> bytes:
    """The first ``size`` bytes of pad_0 || pad_1 ... for one row."""
    import numpy as np

    blocks = np.frombuffer(y, "<u8").reshape(1, 2)
    return pads(pi, blocks, -(-size // 16)).tobytes()[:size]


def decrypt_rows(seg_id: bytes, rows: Sequence[bytes], y: bytes) -> list[bytes]:
    """Core and extra of sealed rows of one segment.

    ``y``: that of lane 2 of each row, 16 B, one after the other.
    """
    import numpy as np

    sealed = np.frombuffer(b"".join(rows), "<u8").reshape(len(rows), -1)[:, 1:]
    words = sealed.shape[1]
    key = pads(public_permutation_key(seg_id), np.frombuffer(y, "<u8").reshape(-1, 2), -(-words // 2))
    plain, size = (sealed ^ key[:, :words]).tobytes(), 8 * words
    return [plain[at : at + size] for at in range(0, len(plain), size)]


def as_bytes(array: npt.NDArray[np.uint64]) -> memoryview:
    """The bytes of a C-contiguous array, without a copy."""
    import numpy as np

    return memoryview(array.reshape(-1).view(np.uint8))  # type: ignore[arg-type]  # numpy arrays are buffers


def _encrypt(cipher: CipherContext, blocks: Blocks) -> Blocks:
    import numpy as np

    return np.frombuffer(cipher.update(as_bytes(blocks)), "<u8").reshape(-1, 2)


def _double(block: bytes) -> bytes:
    """Multiplication by x in GF(2^128) (SP 800-38B section 6.1)."""
    value = int.from_bytes(block, "big") << 1
    if value >> 128:
        value = value & (1 << 128) - 1 ^ 0x87
    return value.to_bytes(16, "big")
