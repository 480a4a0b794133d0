"""Commitments to the lines of an authorization: hidden in the log, revealed line by line afterwards.

commitment = H(T("auth") || roster hash || h_0 || h_1 ...), h_i = H(T("line") || HMAC-SHA256(salt, u32 i) || line_i),
without the salt line.
Source: ``docs/formats/authorization.md``, "Commitment" (hiding by a 256-bit salt, binding by SHA-256).
"""

import hmac
from collections.abc import Iterable

from coffer import wire
from coffer.ledger.entries import Commitment

_LINE_TAG = wire.tag("line")


def line_key(salt: bytes, index: int) -> bytes:
    """The HMAC that opens line ``index`` (counted from 0 over all lines) and no other."""
    return hmac.digest(salt, index.to_bytes(4, "big"), "sha256")


def line_hash(key: bytes, line: str) -> bytes:
    """h_i of one line."""
    return wire.digest(_LINE_TAG, key, line.encode("utf-8"))


def commitment_of_lines(roster_hash: bytes, lines: Iterable[tuple[int, bytes, str | None]]) -> Commitment:
    """From (index, HMAC, line) for shown lines and (index, hash, None) for hidden ones, by index."""
    hashes = [proof if line is None else line_hash(proof, line) for _, proof, line in lines]
    return Commitment(wire.digest(wire.tag("auth"), roster_hash, *hashes))
