"""A proof's bytes: an entry's place, the hashes up to the root, and the checkpoint. Pure.

Source: C2SP tlog-proof; docs/formats/proof.md, "Proof".
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coffer_audit.errors import MalformedInput, verify_that
from coffer_audit.log.checkpoint import Checkpoint, parse_checkpoint
from coffer_audit.log.tree import hash_leaf, is_included
from coffer_audit.notes import MAX_CHECKPOINT_BYTES, MAX_NOTE_BYTES, parse_exact
from coffer_audit.wire import parse_base64, parse_decimal

if TYPE_CHECKING:
    from coffer_audit.log.folder import LogCopy

FIRST = "c2sp.org/tlog-proof@v1"
MAX_HASHES = 64
MAX_PROOF_BYTES = MAX_CHECKPOINT_BYTES + 4 * MAX_NOTE_BYTES // 3 + 4_096
"""Room for the checkpoint, an entry in base64, and the hashes, which take 2.9 kB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A parsed proof; nothing in it is verified yet. `extra` is None where there is none."""

    extra: bytes | None
    index: int
    path: tuple[bytes, ...]
    checkpoint: Checkpoint


def format_proof(log: LogCopy, index: int) -> bytes:
    """Give the proof of an entry under the log's newest checkpoint; the entry itself is its extra data.

    Raises: MalformedInput if there is no such entry; NotProven if what is stored does not give the checkpoint's root.
    """
    size = log.checkpoint.size
    if not index < min(size, len(log.entries)):
        raise MalformedInput(f"INDEX: found {index}, expected at most {size - 1}, the log's last entry")
    path = log.tree.prove_included(index, size)
    verify_that(
        is_included(hash_leaf(log.entries[index]), index, size, path, log.checkpoint.root),
        f"entry {index}: found no inclusion in the checkpoint",
    )
    lines = [FIRST, f"extra {_encode(log.entries[index])}", f"index {index}"]
    lines += map(_encode, path)
    return "\n".join(lines).encode("ascii") + b"\n\n" + log.checkpoint.note.raw


def parse_proof(raw: bytes, place: str) -> Proof:
    """Decode a proof, whose checkpoint has three lines as Coffer's have. Raises: MalformedInput."""
    if len(raw) > MAX_PROOF_BYTES:
        raise MalformedInput(f"{place}: found {len(raw)} B, expected at most {MAX_PROOF_BYTES}")
    head, separator, checkpoint = raw.partition(b"\n\n")
    lines = head.decode("ascii", "replace").split("\n")
    if not separator or lines.pop(0) != FIRST:
        raise MalformedInput(f"{place}: found another form, expected {FIRST} and an empty line before the checkpoint")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = parse_exact(lines.pop(0).removeprefix("extra "), f"{place} extra")
    if not lines or not lines[0].startswith("index "):
        raise MalformedInput(f"{place}: found another line, expected index")
    index = parse_decimal(lines.pop(0).removeprefix("index "), f"{place} index")
    if len(lines) > MAX_HASHES:
        raise MalformedInput(f"{place}: found {len(lines)} hashes, expected at most {MAX_HASHES}")
    return Proof(
        extra=extra,
        index=index,
        path=tuple(parse_base64(line, 32, f"{place} hash") for line in lines),
        checkpoint=parse_checkpoint(checkpoint, f"{place} checkpoint"),
    )


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
