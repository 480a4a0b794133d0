"""What the operator's desk keeps of its authorizations: living seal keys, used notes, who was told.

Promises: everything that names a person or unseals a reply is encrypted under the operator's wrapping key, and is bound
to its authorization.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from coffer import wire
from coffer.disk import Disk
from coffer.errors import MalformedInput, NotProven, Unavailable
from coffer.ledger.entries import Commitment
from coffer.ledger.state import State
from coffer.notes.keyfile import NONCE_BYTES
from coffer.notes.keys import SealKey, Secret

KEPT_AFTER: Final = dt.timedelta(days=92)
"""How long the desk's own copy of a request is kept after it expired: as long as custodians keep what they decided."""
_PARTS: Final = {
    "sent": wire.tag("desk-sent"),
    "reports": wire.tag("desk-reports"),
    "explained": wire.tag("desk-explained"),
}
"""What is kept beside the desk's own copy of a request, with what each is sealed to. They may name persons."""


class Desk:
    """The folder ``desk`` of a vault.

    ``wrapping`` gives the operator's wrapping key. It is called only when the key is needed.
    """

    def __init__(
        self, folder: Path, disk: Disk, *, wrapping: Callable[[], Secret], entropy: Callable[[int], bytes]
    ) -> None:
        self._folder = folder
        self._disk = disk
        self._wrapping = wrapping
        self._entropy = entropy

    def write_seal_key(self, commitment: Commitment, key: SealKey, expires: dt.datetime) -> None:
        """Store the seal key of an authorization while it lives."""
        sealed = self._wrapped(key.secret.unsafe_bytes(), commitment)
        self._write(commitment, "seal", f"{wire.format_base64(sealed)}\n{wire.format_time(expires)}\n".encode("ascii"))

    def read_seal_key(self, commitment: Commitment) -> SealKey:
        """The seal key of an authorization that was requested here.

        Raises:
            Unavailable: it was requested elsewhere, or has ended.
        """
        path = self._path(commitment, "seal")
        if not self._disk.is_file(path):
            raise Unavailable(
                "authorization: its seal key is not here",
                hint="only the vault that made the request can open it, and only until it ends",
            )
        sealed = wire.parse_base64(wire.parse_lines(self._disk.read(path), path.name)[0], path.name)
        raw = self._unwrapped(sealed, commitment, "authorization: its seal key was changed")
        return SealKey(Secret(raw, "HPKE private key"))

    def has_seal_key(self, commitment: Commitment) -> bool:
        """Whether something may still be opened under an authorization that was requested here."""
        return self._disk.is_file(self._path(commitment, "seal"))

    def forget_ended(self, state: State, shown: dt.datetime) -> int:
        """Remove what is kept for what has ended; returns how many seal keys were removed.

        These are authorizations, requests and holds.
        ``shown``: the time that has evidently come (``Vault.shown``).
        """
        count = self.remove_ended_seal_keys(state, shown)
        self.remove_ended_requests(shown)
        ends = {hold.entry.note: max(term.until for term in hold.terms) for hold in state.holds.values()}
        self.remove_ended_holds(ends, shown)
        return count

    def remove_ended_seal_keys(self, state: State, shown: dt.datetime) -> int:
        """Remove the seal keys of authorizations that expired or were revoked; returns how many.

        ``shown``: the time that has evidently come (``Vault.shown``). A clock that is ahead for a moment must not end
        what is in force.
        Replies under them can never be unsealed again. This needs no lock: two commands may remove the same file at
        once, and an authorization that has ended never comes back.
        """
        count = 0
        for path in self._disk.children(self._folder):
            if path.suffix != ".seal":
                continue
            try:
                commitment = wire.parse_hex(path.stem, path.name, size=32)
                lines = wire.parse_lines(self._disk.read(path), path.name)
                is_ended = len(lines) == 2 and (
                    shown >= wire.parse_time(lines[1], path.name) or commitment in state.revoked
                )
            except MalformedInput:
                continue  # not ours, or damaged: it matters only when its authorization is opened
            except Unavailable:
                if self._disk.is_file(path):
                    raise
                continue  # another command has just removed it
            if is_ended:
                self._disk.remove(path.with_suffix(".opening"))
                self._disk.remove(path.with_suffix(".nonces"))
                self._disk.remove(path.with_suffix(".short"))
                self._disk.remove(path.with_suffix(".owed"))
                self._disk.remove(path)
                count += 1
        return count

    def remove_seal_key(self, commitment: Commitment) -> None:
        """Remove the seal key of an authorization under which nothing more can be opened."""
        self._disk.remove(self._path(commitment, "nonces"))
        self._disk.remove(self._path(commitment, "short"))
        self._disk.remove(self._path(commitment, "owed"))
        self._disk.remove(self._path(commitment, "seal"))

    def has(self, commitment: Commitment) -> bool:
        """Whether an authorization was requested or used here."""
        return any(path.name.startswith(commitment.hex()) for path in self._disk.children(self._folder))

    def keep_note(self, commitment: Commitment, raw: bytes) -> None:
        """Keep an authorization that is about to be used: the person must be told later."""
        if self.read_note(commitment) != raw:
            self._write(commitment, "note", self._wrapped(raw, wire.tag("note") + commitment))

    def read_note(self, commitment: Commitment) -> bytes | None:
        """An authorization that was used here; None if it was not.

        Raises ``NotProven`` if its file was changed.
        """
        path = self._path(commitment, "note")
        if not self._disk.is_file(path):
            return None
        changed = f"desk: {path.name[:16]}...: the authorization kept there was changed"
        return self._unwrapped(self._disk.read(path), wire.tag("note") + commitment, changed)

    def kept_names(self) -> tuple[str, ...]:
        """The commitments of the authorizations that were used here, as hex, in order. None is read."""
        return tuple(path.stem for path in self._disk.children(self._folder) if path.suffix == ".note")

    def kept_notes(self) -> list[bytes]:
        """Every authorization that was used here, in order of commitment."""
        notes = [self.read_note(Commitment(wire.parse_hex(name, "desk", size=32))) for name in self.kept_names()]
        return [raw for raw in notes if raw is not None]

    def keep_nonces(self, commitment: Commitment, nonces: Mapping[str, bytes]) -> None:
        """Keep the nonce of each custodian's first check words, as long as the seal key is here."""
        if not self._disk.is_file(self._path(commitment, "seal")):
            return
        text = "".join(f"{name} {nonce.hex()}\n" for name, nonce in sorted(nonces.items()))
        self._write(commitment, "nonces", self._wrapped(text.encode("ascii"), wire.tag("nonces") + commitment))

    def read_nonces(self, commitment: Commitment) -> dict[str, bytes]:
        """The nonces that were kept, by custodian; raises ``NotProven`` if their file was changed."""
        path = self._path(commitment, "nonces")
        if not self._disk.is_file(path):
            return {}
        changed = f"desk: {path.name[:16]}...: the nonces kept there were changed"
        text = self._unwrapped(self._disk.read(path), wire.tag("nonces") + commitment, changed)
        pairs = (line.split(" ") for line in text.decode("ascii").splitlines())
        return {name: bytes.fromhex(nonce) for name, nonce in pairs}

    # The desk's own copy of a request: the note, what custodians reported last, and what was explained to them.

    def keep_request(self, commitment: Commitment, raw: bytes, expires: dt.datetime) -> None:
        """Keep a request as it is now, with the signatures that arrived."""
        expiry = wire.format_time(expires).encode("ascii")
        sealed = self._wrapped(raw, wire.tag("desk-request") + commitment + expiry)
        self._write(commitment, "request", expiry + b"\n" + sealed)

    def read_request(self, commitment: Commitment) -> bytes | None:
        """A request that was made here; None if it is forgotten.

        Raises ``NotProven`` if its file was changed.
        """
        path = self._path(commitment, "request")
        if not self._disk.is_file(path):
            return None
        expiry, _, sealed = self._disk.read(path).partition(b"\n")
        changed = f"desk: {path.name[:16]}...: the request kept there was changed"
        return self._unwrapped(sealed, wire.tag("desk-request") + commitment + expiry, changed)

    def request_commitments(self) -> tuple[Commitment, ...]:
        """The commitments of the requests that are kept, ascending. None is read."""
        names = [path for path in self._disk.children(self._folder) if path.suffix == ".request"]
        return tuple(Commitment(wire.parse_hex(path.stem, path.name, size=32)) for path in sorted(names))

    # The first notes of holds: which parts of an order to preserve have one.

    def keep_hold(self, commitment: Commitment, raw: bytes, until: dt.datetime) -> None:
        """Keep the first note of a hold, as it was logged."""
        expiry = wire.format_time(until).encode("ascii")
        sealed = self._wrapped(raw, wire.tag("desk-hold") + commitment + expiry)
        self._write(commitment, "hold", expiry + b"\n" + sealed)

    def kept_holds(self) -> list[bytes]:
        """The first note of every hold that was made here and is not forgotten, in order of commitment.

        Raises ``NotProven`` if a file was changed.
        """
        notes = []
        for path in sorted(path for path in self._disk.children(self._folder) if path.suffix == ".hold"):
            expiry, _, sealed = self._disk.read(path).partition(b"\n")
            context = wire.tag("desk-hold") + wire.parse_hex(path.stem, path.name, size=32) + expiry
            changed = f"desk: {path.name[:16]}...: the hold kept there was changed"
            notes.append(self._unwrapped(sealed, context, changed))
        return notes

    def remove_ended_holds(self, ends: Mapping[Commitment, dt.datetime], shown: dt.datetime) -> None:
        """Remove the notes of holds that evidently ended long ago.

        ``ends``: by first note, the last end that a note of the hold names.
        """
        for path in self._disk.children(self._folder):
            if path.suffix != ".hold":
                continue
            try:
                commitment = Commitment(wire.parse_hex(path.stem, path.name, size=32))
                expiry = self._disk.read(path).partition(b"\n")[0].decode("ascii", "replace")
                end = max(
                    wire.parse_time(expiry, path.name), ends.get(commitment, dt.datetime.min.replace(tzinfo=dt.UTC))
                )
            except (MalformedInput, Unavailable):
                continue  # not ours, damaged, or removed just now by another command
            if shown - end >= KEPT_AFTER:
                self._disk.remove(path)

    def keep_parts(self, commitment: Commitment, what: str, parts: Sequence[bytes]) -> None:
        """Keep something beside a request that is kept.

        ``what``: to whom it was ``sent``, ``reports`` of custodians, or what was ``explained``.

        Parts that are there already are not written again.
        """
        if self._disk.is_file(self._path(commitment, "request")) and self.read_parts(commitment, what) != tuple(parts):
            raw = b"".join(wire.lp(part) for part in parts)
            self._write(commitment, what, self._wrapped(raw, _PARTS[what] + commitment))

    def read_parts(self, commitment: Commitment, what: str) -> tuple[bytes, ...]:
        """What was kept so; raises ``NotProven`` if the file was changed."""
        path = self._path(commitment, what)
        if not self._disk.is_file(path):
            return ()
        changed = f"desk: {path.name[:16]}...: the {what} kept there were changed"
        cursor = wire.Cursor(self._unwrapped(self._disk.read(path), _PARTS[what] + commitment, changed), what)
        parts = []
        while not cursor.at_end():
            parts.append(cursor.lp())
        return tuple(parts)

    def forget_request(self, commitment: Commitment) -> None:
        """Remove the desk's own copy of a request."""
        for what in (*_PARTS, "request"):
            self._disk.remove(self._path(commitment, what))

    def remove_ended_requests(self, shown: dt.datetime) -> None:
        """Remove the desk's copies of requests that evidently expired long ago, and what lies beside none."""
        for path in self._disk.children(self._folder):
            if path.suffix[1:] in _PARTS and not self._disk.is_file(path.with_suffix(".request")):
                self._disk.remove(path)  # its request was forgotten while a report of it was written
            if path.suffix != ".request":
                continue
            try:
                commitment = Commitment(wire.parse_hex(path.stem, path.name, size=32))
                expiry = self._disk.read(path).partition(b"\n")[0].decode("ascii", "replace")
                is_old = shown >= wire.parse_time(expiry, path.name) + KEPT_AFTER
            except (MalformedInput, Unavailable):
                continue  # not ours, damaged, or removed just now by another command
            if is_old:
                self.forget_request(commitment)

    def mark_told(self, commitment: Commitment, now: dt.datetime) -> None:
        """Store that the person was told, and when. The file holds no identifier."""
        self._write(commitment, "told", f"{wire.format_time(now)}\n".encode("ascii"))

    def told(self) -> dict[Commitment, dt.datetime]:
        """When the person was told, by authorization."""
        times = {}
        for path in self._disk.children(self._folder):
            if path.suffix == ".told":
                commitment = Commitment(wire.parse_hex(path.stem, path.name, size=32))
                times[commitment] = wire.parse_time(wire.parse_lines(self._disk.read(path), path.name)[0], path.name)
        return times

    def read_opening(self, commitment: Commitment) -> bytes | None:
        """The opening in progress; None without one."""
        path = self._path(commitment, "opening")
        return self._disk.read(path) if self._disk.is_file(path) else None

    def write_opening(self, commitment: Commitment, raw: bytes) -> None:
        """Keep an opening in progress, durably."""
        self._write(commitment, "opening", raw)

    def remove_opening(self, commitment: Commitment) -> None:
        """Remove the opening in progress, because it has ended."""
        self._disk.remove(self._path(commitment, "opening"))

    def read_owed(self, commitment: Commitment) -> bytes | None:
        """The cells that the last opening left unconfirmed; None without one."""
        path = self._path(commitment, "owed")
        return self._disk.read(path) if self._disk.is_file(path) else None

    def write_owed(self, commitment: Commitment, raw: bytes) -> None:
        """Keep the cells that an opening left unconfirmed, durably."""
        self._write(commitment, "owed", raw)

    def mark_short(self, commitment: Commitment, needed: int) -> None:
        """Store which ``max-records`` an opening would have needed that was over its budget.

        A command that runs each day then logs no further intent in vain. Custodians judge the budget by the log alone.
        """
        self._write(commitment, "short", f"{needed}\n".encode("ascii"))

    def read_short(self, commitment: Commitment) -> int:
        """What ``mark_short`` stored; 0 without a file."""
        path = self._path(commitment, "short")
        if not self._disk.is_file(path):
            return 0
        line = wire.parse_lines(self._disk.read(path), path.name)[0]
        return wire.parse_decimal(line, path.name, low=0, high=2**62)

    def _path(self, commitment: Commitment, what: str) -> Path:
        return self._folder / f"{commitment.hex()}.{what}"

    def _write(self, commitment: Commitment, what: str, raw: bytes) -> None:
        self._disk.make_folder(self._folder, private=True)
        self._disk.write(self._path(commitment, what), raw, private=True)

    def _wrapped(self, raw: bytes, context: bytes) -> bytes:
        nonce = self._entropy(NONCE_BYTES)
        return nonce + AESGCM(self._wrapping().unsafe_bytes()).encrypt(nonce, raw, context)

    def _unwrapped(self, sealed: bytes, context: bytes, changed: str) -> bytes:
        """The inverse of ``_wrapped``; raises ``NotProven`` with the words ``changed``."""
        try:
            return AESGCM(self._wrapping().unsafe_bytes()).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context)
        except (InvalidTag, ValueError):
            raise NotProven(changed) from None
