"""What a witness decides, and the text it is asked in. Pure. Source: C2SP tlog-witness.

A witness cosigns a checkpoint if the log's key signed it and it continues the last one that this witness cosigned. It knows nothing of what is logged.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from coffer import wire
from coffer.errors import MalformedInput, NotProven
from coffer.notes.cosign import CosignKey
from coffer.notes.keys import VerifyKey
from coffer.notes.note import MAX_CHECKPOINT_BYTES, Note, SignatureLine
from coffer.translog.checkpoint import EMPTY, Checkpoint, TreeHead, verify_checkpoint
from coffer.translog.merkle import EMPTY_ROOT, verify_consistency

MAX_PROOF: Final = 63
"""Hashes of a consistency proof (C2SP): a tree of 2^62 leaves needs no more."""
MAX_ASK_BYTES: Final = 4_096 + MAX_CHECKPOINT_BYTES
"""A proof of 63 hashes takes 2.9 kB, beside the largest checkpoint; a longer body is refused unread."""


Proof = Callable[[int], Sequence[wire.Hash]]
"""The consistency proof from an older size to a checkpoint's."""


LONGER: Final = "it has seen a longer log"
"""What is said of a witness that knows more entries than it is asked to cosign: this log is an old copy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What witnesses answered. ``lines``: proven cosignatures. ``failed``: witness name to what went wrong."""

    lines: tuple[SignatureLine, ...]
    failed: Mapping[str, str]


Gather = Callable[[Note, int, Proof, Sequence[CosignKey], Mapping[str, str]], Gathered]
"""Asks witnesses: checkpoint, its size, proof, the witnesses' keys, their addresses by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """``old <size>``, the consistency proof from there, and the checkpoint."""

    old_size: int
    proof: tuple[wire.Hash, ...]
    checkpoint: bytes

    def format(self) -> bytes:
        """The body of ``POST /add-checkpoint``."""
        lines = [f"old {self.old_size}", *(wire.format_base64(item) for item in self.proof)]
        return "\n".join(lines).encode("ascii") + b"\n\n" + self.checkpoint

    @property
    def origin(self) -> str:
        """What the checkpoint's first line says, unproven."""
        return self.checkpoint.partition(b"\n")[0].decode("ascii", "replace")


def parse_ask(raw: bytes) -> Ask:
    """Strict inverse of ``Ask.format``; raises ``MalformedInput``."""
    if len(raw) > MAX_ASK_BYTES:
        raise MalformedInput(f"request: {len(raw)} bytes, expected at most {MAX_ASK_BYTES}")
    head, separator, checkpoint = raw.partition(b"\n\n")
    if not separator:
        raise MalformedInput("request: no empty line before the checkpoint")
    first, *rest = wire.parse_lines(head + b"\n", "request")
    if not first.startswith("old ") or len(rest) > MAX_PROOF:
        raise MalformedInput(f"request: expected 'old SIZE' and at most {MAX_PROOF} hashes")
    proof = tuple(wire.Hash(wire.parse_base64(line, "request: proof", size=32)) for line in rest)
    old_size = wire.parse_decimal(first.removeprefix("old "), "request: old", high=2**62)
    return Ask(old_size=old_size, proof=proof, checkpoint=checkpoint)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosign:
    """Remember this checkpoint durably, then cosign it."""

    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """409: the asker's old size is not the one this witness knows, which it is told."""

    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    """Two checkpoints that the log signed and that cannot both be true: keep both, cosign nothing any more.

    ``size``: what this witness knows; None if the asker knew it, so that no proof can ever hold (422 instead of 409).
    """

    remembered: bytes
    offered: bytes
    size: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deny:
    """``status``: 400 malformed, 403 not the log's signature, 422 the proof does not hold."""

    status: int
    reason: str


Outcome = Cosign | Conflict | Fork | Deny


def decide_cosign(ask: Ask, log_key: VerifyKey, remembered: bytes | None) -> Outcome:
    """``remembered``: the newest checkpoint of this log that this witness cosigned, raw."""
    try:
        offered = verify_checkpoint(ask.checkpoint, log_key, "checkpoint", may_be_extended=True)
    except MalformedInput as error:
        return Deny(status=400, reason=error.message)
    except NotProven as error:
        return Deny(status=403, reason=error.message)
    known = EMPTY
    if remembered is not None:
        known = verify_checkpoint(remembered, log_key, "remembered checkpoint", may_be_extended=True).head
    if ask.old_size > offered.head.size:
        return Deny(status=400, reason="request: old is above the checkpoint's size")
    if remembered is not None and offered.head.size == known.size and offered.head.root != known.root:
        size = None if ask.old_size == known.size else known.size
        return Fork(remembered=remembered, offered=ask.checkpoint, size=size)
    if ask.old_size != known.size:
        return Conflict(size=known.size)
    try:
        _verify_continues(ask, known, offered.head)
    except NotProven as error:
        return Deny(status=422, reason=error.message)
    return Cosign(checkpoint=offered)


def _verify_continues(ask: Ask, known: TreeHead, offered: TreeHead) -> None:
    if known.size == 0:
        if ask.proof or (offered.size == 0 and offered.root != EMPTY_ROOT):
            raise NotProven("consistency proof: from an empty tree, expected none")
        return
    verify_consistency(old_size=known.size, old_root=known.root, size=offered.size, root=offered.root, proof=ask.proof)
