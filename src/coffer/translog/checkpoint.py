"""Checkpoints: what the log's operator signs. Pure. Source: C2SP tlog-checkpoint."""

from dataclasses import dataclass
from typing import Final

from coffer import wire
from coffer.errors import MalformedInput, NotProven
from coffer.notes.keys import SigningKey, VerifyKey
from coffer.notes.note import Note, parse_note, sign_note
from coffer.translog.merkle import EMPTY_ROOT


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeHead:
    """Size and root of a tree."""

    size: int
    root: wire.Hash


EMPTY: Final = TreeHead(size=0, root=EMPTY_ROOT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A tree head whose log signature was verified.

    Only ``verify_checkpoint`` and ``sign_checkpoint`` make one.
    """

    head: TreeHead
    note: Note


def sign_checkpoint(head: TreeHead, key: SigningKey) -> Checkpoint:
    """A checkpoint of this tree head, signed. Its origin is the key's name."""
    text = f"{key.verify_key.name}\n{head.size}\n{wire.format_base64(head.root)}\n".encode("ascii")
    return Checkpoint(head=head, note=sign_note(text, key))


def verify_checkpoint(raw: bytes, log_key: VerifyKey, place: str, *, may_be_extended: bool = False) -> Checkpoint:
    """Read a checkpoint and prove that the log signed it.

    Coffer's own logs write three lines. A witness also serves logs that add extension lines under their signature;
    ``may_be_extended`` accepts those.

    Raises:
        MalformedInput: it is not a checkpoint, or it has another origin.
        NotProven: the log's signature is missing or wrong.
    """
    note = parse_note(raw, place, may_be_cosigned=True)
    head, extension = _split_extension(note.text) if may_be_extended else (note.text, b"")
    lines = wire.parse_lines(head, place)
    if len(lines) != 3:
        raise MalformedInput(f"{place}: {len(lines)} lines, expected origin, size and root")
    if extension.startswith(b"\n") or b"\n\n" in extension:
        raise MalformedInput(f"{place}: an empty line, expected extension lines without one")
    if lines[0] != log_key.name:
        raise MalformedInput(f"{place}: line 1: another origin, expected {log_key.name}")
    size = wire.parse_decimal(lines[1], f"{place}: size", high=2**62)
    root = wire.Hash(wire.parse_base64(lines[2], f"{place}: root", size=32))
    try:
        note.verify_signed_by(log_key)
    except NotProven as error:
        raise NotProven(
            f"{place}: {error.message}", hint="is it this log's? a damaged one is restored from a mirror"
        ) from None
    return Checkpoint(head=TreeHead(size=size, root=root), note=note)


def _split_extension(text: bytes) -> tuple[bytes, bytes]:
    """The three lines that every checkpoint has, and the extension lines after them."""
    lines = text.splitlines(keepends=True)
    return b"".join(lines[:3]), b"".join(lines[3:])
