"""What a custodian keeps of holds on its disk: notes, values of each segment, the key it dies with.

Promises: values are sealed under the hold's own key, and worthless once that is destroyed. Source:
``docs/formats/hold.md``.
"""

import datetime as dt
import re
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from coffer import wire
from coffer.authority.hold import Hold, parse_hold
from coffer.custodian.keys import CustodianKeys
from coffer.custodian.sealed_files import SealedFiles
from coffer.custodian.wrapping import unwrap, wrap
from coffer.disk import Disk
from coffer.entropy import Entropy
from coffer.errors import MalformedInput, NotProven, Refused, Unavailable
from coffer.ledger.entries import Commitment
from coffer.ledger.state import State
from coffer.notes.keyfile import NONCE_BYTES
from coffer.notes.keys import Secret

HOLDS: Final = "holds"
WAITING: Final = "holds-waiting"
MOST_KEPT: Final = 1_024
"""Holds that one custodian keeps at once: 32 of each day of a month. More are refused until some have ended."""
_HEX: Final = re.compile("[0-9a-f]{64}")
_NOTE: Final = "note"
_KEY: Final = "key"
_EXTENDS: Final = "extends-"
_KEY_BYTES: Final = 32


class HoldFiles:
    """The holds in one custodian's folder, each under the commitment of its first note."""

    def __init__(self, path: Path, disk: Disk, name: str, context: bytes) -> None:
        self._path = path
        self._disk = disk
        self._name = name
        self._context = context
        self._sealed = SealedFiles(path, disk, name)

    def wait(self, hold: Hold, state: State, now: dt.datetime, keys: CustodianKeys) -> None:
        """Keep a note until people decide on it; those that ended go.

        The log bounds how many there are, and how long each lasts.

        Raises:
            Refused: the log has no such hold, or it ended.
            Unavailable: too many wait.
        """
        clock = max(now, state.newest)
        if not _is_open(hold, state, clock):
            raise Refused("hold: the log has no such hold, or it ended", code="log")
        for waiting in self.waiting(keys):
            if not _is_open(waiting, state, clock):
                self._disk.remove(self._path / WAITING / waiting.commitment.hex())
        if self._disk.is_file(self._path / WAITING / hold.commitment.hex()):
            return
        if len(self._sealed.files(WAITING)) >= MOST_KEPT:
            raise Unavailable(f"custodian {self._name}: {MOST_KEPT} holds wait to be reviewed")
        self._sealed.write(WAITING, hold.commitment.hex(), hold.note.raw, keys)

    def waiting(self, keys: CustodianKeys) -> list[Hold]:
        """The notes that wait for people, or were decided on, those that end first at the head."""
        notes = []
        for path in self._sealed.files(WAITING):
            with suppress(MalformedInput, NotProven, Unavailable):  # not its own, or gone just now
                notes.append(parse_hold(self._sealed.read(WAITING, path.name, keys), WAITING))
        return sorted(notes, key=lambda hold: (hold.terms.until, hold.commitment))

    def waiting_commitments(self) -> list[Commitment]:
        """Of the notes that wait or were decided on, without reading one."""
        names = [path.name for path in self._sealed.files(WAITING)]
        return [Commitment(bytes.fromhex(name)) for name in names if _HEX.fullmatch(name)]

    def waiting_note(self, commitment: Commitment, keys: CustodianKeys) -> Hold | None:
        """One of these; None if there is none that can be read."""
        try:
            return parse_hold(self._sealed.read(WAITING, commitment.hex(), keys), WAITING)
        except (MalformedInput, NotProven, Unavailable):
            return None

    def commitments(self) -> list[Commitment]:
        """Of the holds of which a folder lies here, in order."""
        kept = []
        for name in self._disk.names(self._path / HOLDS):
            try:
                kept.append(Commitment(wire.parse_hex(name, HOLDS, size=32)))
            except MalformedInput:
                continue  # not ours, and it does no harm
        return sorted(kept)

    def begin(self, hold: Hold, keys: CustodianKeys, entropy: Entropy) -> None:
        """Keep the note, with a fresh key, unless it is kept already.

        Raises:
            Unavailable: too many holds are kept.
        """
        commitment = hold.commitment
        if self.has_key(commitment):
            return
        if len(self.commitments()) >= MOST_KEPT:
            raise Unavailable(f"custodian {self._name}: keeps for {MOST_KEPT} holds already")
        folder = self._folder(commitment)
        self._disk.make_folder(folder, private=True)
        self._sealed.write(_folder_name(commitment), _NOTE, hold.note.raw, keys)
        key = Secret(entropy(_KEY_BYTES), "hold key")
        self._disk.write(folder / _KEY, wrap(key, keys, self._aad(commitment), entropy), private=True)

    def has_key(self, commitment: Commitment) -> bool:
        """Whether its key is here."""
        return self._disk.is_file(self._folder(commitment) / _KEY)

    def key(self, commitment: Commitment, keys: CustodianKeys) -> Secret | None:
        """Its key; None if it was destroyed or never made.

        Raises:
            NotProven: its file was changed.
        """
        if not self.has_key(commitment):
            return None
        raw = self._disk.read(self._folder(commitment) / _KEY)
        key = unwrap(raw, keys, self._aad(commitment), "hold key")
        if key is None:
            raise NotProven(f"custodian {self._name}: the key of a hold was changed")
        return key

    def note(self, commitment: Commitment, keys: CustodianKeys) -> Hold | None:
        """Its first note; None if it is not kept."""
        if not self._disk.is_file(self._folder(commitment) / _NOTE):
            return None
        return parse_hold(self._sealed.read(_folder_name(commitment), _NOTE, keys), HOLDS)

    def keep_extension(self, hold: Hold, first: Commitment, keys: CustodianKeys) -> None:
        """Keep a note that extends the hold."""
        self._sealed.write(_folder_name(first), f"{_EXTENDS}{hold.commitment.hex()}", hold.note.raw, keys)

    def has_extension(self, first: Commitment, note: Commitment) -> bool:
        """Whether a note that extends the hold is kept."""
        return self._disk.is_file(self._folder(first) / f"{_EXTENDS}{note.hex()}")

    def has_values(self, commitment: Commitment, seg_id: bytes) -> bool:
        """Whether values of a segment are kept."""
        return self._disk.is_file(self._folder(commitment) / seg_id.hex())

    def segments(self, commitment: Commitment) -> frozenset[bytes]:
        """The segments of which values are kept."""
        names = self._disk.names(self._folder(commitment))
        return frozenset(bytes.fromhex(name) for name in names if _HEX.fullmatch(name))

    def size_bytes(self, commitment: Commitment) -> int:
        """Of the values that are kept, on the disk."""
        folder = self._folder(commitment)
        return sum(self._disk.size(folder / seg_id.hex()) for seg_id in self.segments(commitment))

    def write_values(self, commitment: Commitment, seg_id: bytes, values: bytes, key: Secret, entropy: Entropy) -> None:
        """Keep the values of one segment, durably."""
        nonce = entropy(NONCE_BYTES)
        sealed = AESGCM(key.unsafe_bytes()).encrypt(nonce, values, _values_aad(commitment, seg_id))
        self._disk.write(self._folder(commitment) / seg_id.hex(), nonce, sealed, private=True)

    def read_values(self, commitment: Commitment, seg_id: bytes, key: Secret) -> bytes:
        """What was kept of one segment.

        Raises:
            NotProven: the file was changed, or is another segment's.
            Unavailable: it is not there.
        """
        raw = self._disk.read(self._folder(commitment) / seg_id.hex())
        try:
            return AESGCM(key.unsafe_bytes()).decrypt(
                raw[:NONCE_BYTES], raw[NONCE_BYTES:], _values_aad(commitment, seg_id)
            )
        except (InvalidTag, ValueError):
            raise NotProven(f"custodian {self._name}: values of a hold were changed") from None

    def staged(self, keys: CustodianKeys, entropy: Entropy, without: Collection[Commitment]) -> list[tuple[Path, Path]]:
        """Every key wrapped under the present wrapping key, but for those ``without``; to be published.

        A damaged key stays as it is.
        """
        staged = []
        for commitment in self.commitments():
            if commitment in without:
                continue
            try:
                key = self.key(commitment, keys)
            except NotProven:
                continue  # lost before; reading it will say so
            if key is not None:
                path = self._folder(commitment) / _KEY
                raw = wrap(key, keys, self._aad(commitment), entropy)
                staged.append((self._disk.stage(path, raw, private=True), path))
        return staged

    def destroy(self, commitment: Commitment) -> None:
        """Destroy its key, then forget the rest: the values are worthless from the first step on."""
        folder = self._folder(commitment)
        if self.has_key(commitment):
            self._disk.destroy(folder / _KEY)
        self._disk.remove_folder(folder)

    def _folder(self, commitment: Commitment) -> Path:
        return self._path / HOLDS / commitment.hex()

    def _aad(self, commitment: Commitment) -> bytes:
        return wire.tag("hold-key") + self._context + b"\n" + commitment


def _is_open(hold: Hold, state: State, clock: dt.datetime) -> bool:
    """Whether the log has it with this end, and it is begun or in force."""
    logged = state.hold_of(hold.commitment)
    term = None if logged is None else logged.term(hold.commitment)
    if logged is None or term is None or term.until != hold.terms.until:
        return False
    return clock < term.until and logged.is_open(state.rosters[logged.entry.roster], clock)


def _folder_name(commitment: Commitment) -> str:
    return f"{HOLDS}/{commitment.hex()}"


def _values_aad(commitment: Commitment, seg_id: bytes) -> bytes:
    return wire.tag("held") + commitment + seg_id
