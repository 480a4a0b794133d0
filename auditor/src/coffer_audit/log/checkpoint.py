"""Checkpoints: their form, and the log's signature on them (docs/formats/log.md). Pure."""

from __future__ import annotations

from dataclasses import dataclass

from coffer_audit.errors import MalformedInput, NotProven, verify_that
from coffer_audit.log.tree import hash_leaf, is_included
from coffer_audit.notes import Note, VerifyKey, parse_note, verify_signers
from coffer_audit.wire import KEY_NAME, parse_base64, parse_decimal, parse_match


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A parsed checkpoint; only `verify_checkpoint` verifies its signature."""

    note: Note
    origin: str
    size: int
    root: bytes


def parse_checkpoint(raw: bytes, place: str) -> Checkpoint:
    """Decode the three lines and the signatures of a checkpoint."""
    note = parse_note(raw, place, cosigned=True)
    if len(note.lines) != 3:
        raise MalformedInput(f"{place}: found {len(note.lines)} lines, expected origin, size, root")
    return Checkpoint(
        note=note,
        origin=parse_match(KEY_NAME, note.lines[0], f"{place} origin", "an origin"),
        size=parse_decimal(note.lines[1], f"{place} size"),
        root=parse_base64(note.lines[2], 32, f"{place} root"),
    )


def verify_checkpoint(checkpoint: Checkpoint, key: VerifyKey, place: str) -> None:
    """Raise NotProven unless the log's key, which bears the origin's name, signed it."""
    if checkpoint.origin != key.name:
        raise NotProven(f"{place}: found origin {checkpoint.origin}, expected {key.name}")
    if not verify_signers(checkpoint.note, [key], place):
        raise NotProven(f"{place}: found no signature of the log's key, expected one")


def verify_included(raw: bytes, index: int, proof: object, checkpoint: Checkpoint) -> None:
    """Raise NotProven unless the proof leads from the entry to the checkpoint.

    `proof`: an entry's value in proofs.json.
    """
    if not isinstance(proof, list) or len(proof) > 64 or not all(isinstance(item, str) for item in proof):
        raise MalformedInput(f"proofs.json {index}: found no list of base64, expected one")
    path = [parse_base64(item, 32, "proofs.json") for item in proof]
    verify_that(
        is_included(hash_leaf(raw), index, checkpoint.size, path, checkpoint.root),
        f"entry {index}: found no inclusion in the checkpoint",
    )
