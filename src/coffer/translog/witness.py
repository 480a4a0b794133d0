"""What a witness decides, and the request that it answers. Pure.

A witness cosigns a checkpoint if the log's key signed it and if it continues the last checkpoint that this witness
cosigned. The witness does not know what the entries mean.

Source: C2SP tlog-witness.
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
"""Hashes of a consistency proof (C2SP). A tree of 2^62 leaves needs no more."""
MAX_ASK_BYTES: Final = 4_096 + MAX_CHECKPOINT_BYTES
"""Bytes of a request: a proof of 63 hashes takes 2.9 kB, beside the largest checkpoint. A longer body is not parsed."""


Proof = Callable[[int], Sequence[wire.Hash]]
"""Gives the consistency proof from an older size to the size of a checkpoint."""


LONGER: Final = "it has seen a longer log"
"""The message for a witness that knows more entries than it is asked to cosign: this log is an old copy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """The witnesses' answers.

    ``lines``: proven cosignatures. ``failed``: witness name to what went wrong.
    """

    lines: tuple[SignatureLine, ...]
    failed: Mapping[str, str]


Gather = Callable[[Note, int, Proof, Sequence[CosignKey], Mapping[str, str]], Gathered]
"""Asks witnesses. Arguments: the checkpoint, its size, the proof, the witnesses' keys, their addresses by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request to cosign: ``old <size>``, the consistency proof from there, and the checkpoint."""

    old_size: int
    proof: tuple[wire.Hash, ...]
    checkpoint: bytes

    def format(self) -> bytes:
        """The body of ``POST /add-checkpoint``."""
        lines = [f"old {self.old_size}", *(wire.format_base64(item) for item in self.proof)]
        return "\n".join(lines).encode("ascii") + b"\n\n" + self.checkpoint

    @property
    def origin(self) -> str:
        """The first line of the checkpoint, unproven."""
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
    """200: store this checkpoint durably, then cosign it."""

    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """409: the asker's old size is not the size that this witness knows. The answer tells that ``size``."""

    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    """Two checkpoints that the log signed and that cannot both be true.

    The witness keeps both and never cosigns this log again.

    ``size``: the size that this witness knows, told with a 409. None if the asker named that size already: then no
    proof can ever hold, and the answer is a 422.
    """

    remembered: bytes
    offered: bytes
    size: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deny:
    """A refusal. ``status``: 400 malformed, 403 not the log's signature, 422 the proof does not hold."""

    status: int
    reason: str


Outcome = Cosign | Conflict | Fork | Deny


def decide_cosign(ask: Ask, log_key: VerifyKey, remembered: bytes | None) -> Outcome:
    """What a witness does with a request.

    ``remembered``: the newest checkpoint of this log that this witness cosigned, raw; None before the first.
    """
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
