"""Cosigning checkpoints: a custodian vouches to the others for the history that it follows.

Promises: it cosigns only what it has remembered durably, in the same memory as for answering, so never two histories. Anybody can ask: what the log did
not sign costs one verification, and one signature is handed out again for a while.
"""

import datetime as dt
from collections.abc import Callable
from typing import Final

from coffer.custodian.folder import CustodianFolder
from coffer.custodian.follow import Follower
from coffer.custodian.keyring import KeyRing
from coffer.errors import MalformedInput, NotProven
from coffer.ledger.known import BEGINNING
from coffer.notes.cosign import Cosigner
from coffer.notes.keys import VerifyKey
from coffer.notes.note import parse_note
from coffer.translog.checkpoint import verify_checkpoint

HANDED_OUT_FOR: Final = dt.timedelta(seconds=30)
"""How long the same cosignature is handed out: strangers cannot make it sign more often."""


class Cosigning:
    """Any thread may call ``recent``; one at a time calls ``follow_and_cosign``."""

    def __init__(
        self,
        folder: CustodianFolder,
        ring: KeyRing,
        following: Follower,
        clock: Callable[[], dt.datetime],
        log_key: VerifyKey,
    ) -> None:
        self._folder = folder
        self._ring = ring
        self._following = following
        self._clock = clock
        self._log_key = log_key
        self._last = (b"", b"", BEGINNING)

    def recent(self, checkpoint: bytes) -> bytes | None:
        """The answer that needs no following; None where the checkpoint must be followed first.

        It is the line handed out just now, or nothing for what the log did not sign.
        """
        try:
            offered = verify_checkpoint(checkpoint, self._log_key, "checkpoint")
        except (MalformedInput, NotProven):
            return b""
        text, line, at = self._last
        is_recent = text == offered.note.text and abs(self._clock() - at) < HANDED_OUT_FOR
        return line if is_recent and not self._folder.memory.is_frozen() else None

    def follow_and_cosign(self, checkpoint: bytes) -> bytes:
        """The line of a checkpoint, which is followed and remembered first; nothing if that fails."""
        try:
            self._following.accept(checkpoint)
        except (MalformedInput, NotProven) as error:
            self._folder.outcomes.count(f"step 2 {type(error).__name__}", self._clock())
            return b""
        note, resp = parse_note(checkpoint, "checkpoint", may_be_cosigned=True), self._ring.keys.resp
        line = f"{Cosigner(resp.verify_key.name, resp.seed).cosign(note.text, self._clock()).format()}\n".encode()
        self._last = (note.text, line, self._clock())
        return line
