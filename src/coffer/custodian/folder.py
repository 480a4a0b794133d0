"""What a custodian keeps on its own disk: keys, epoch keys, approvals, lists, and what it remembers.

See ``docs/formats/vault.md``.
"""

import datetime as dt
import hmac
import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from coffer import wire
from coffer.authority.known import Authorities
from coffer.custodian.approvals import Approvals, Decision, format_decision, parse_approvals
from coffer.custodian.hold_files import HoldFiles
from coffer.custodian.keys import CustodianKeys
from coffer.custodian.known import format_known, parse_known
from coffer.custodian.memory import Memory
from coffer.custodian.outcomes import Outcomes
from coffer.custodian.people import Event
from coffer.custodian.people_file import History, format_event, parse_people
from coffer.custodian.requests import Requests
from coffer.custodian.token import Token, parse_token
from coffer.custodian.wrapping import unwrap, wrap
from coffer.custody.protected import ProtectedList, format_protected, parse_protected
from coffer.disk import Disk
from coffer.entropy import Entropy
from coffer.errors import MalformedInput, NotProven, Refused, Unavailable
from coffer.ledger.entries import Commitment
from coffer.ledger.rules import parse_custodian_name, variable_name
from coffer.notes.keyfile import (
    STANDARD,
    Opener,
    PassphraseCost,
    format_keys,
    format_wrapped_keys,
    parse_keys,
)
from coffer.notes.keys import SealKey, Secret

_LOCK_WAIT_S: Final = 20.0
"""Another process of the same custodian may hold the folder for so long, while it reads a long log for the first time."""


class CustodianFolder:
    """One custodian's files. Everything secret is encrypted; everything that decides is authenticated."""

    def __init__(
        self, path: Path, disk: Disk, *, origin: str, name: str | None = None, cost: PassphraseCost = STANDARD
    ) -> None:
        self.path = path
        self._cost = cost
        self._disk = disk
        self._origin = origin
        self.name = parse_custodian_name(path.name if name is None else name, "custodian's folder")
        self._proven_approvals: tuple[tuple[bytes, bytes, bytes], Approvals] | None = None
        self._proven_people: tuple[tuple[bytes, bytes], History] | None = None
        self._proven_assertions: set[bytes] = set()
        self.requests = Requests(path, disk, self.name)
        self.holds = HoldFiles(path, disk, self.name, self._context())
        self.memory = Memory(path, disk)
        self.outcomes = Outcomes(path / "audit.log", disk)

    @property
    def key_file(self) -> Path:
        """Where its sealed keys are."""
        return self.path / "keys"

    def create(self, keys: CustodianKeys, passphrase: Secret, entropy: Entropy, *, token: Token | None = None) -> None:
        """Store the keys under a passphrase, or wrapped by a key on a token whose PIN is the passphrase."""
        if not passphrase.unsafe_bytes():
            raise MalformedInput(f"passphrase of {self.name}: empty")
        if token is not None:
            token.make_key(passphrase, is_first=True)
        self._disk.make_folder(self.path / "epoch", private=True)
        self._disk.write(self.path / "keys", self._format(keys, passphrase, token, entropy), private=True)
        self.write_protected(ProtectedList(key=keys.protected))

    def _format(self, keys: CustodianKeys, passphrase: Secret, token: Token | None, entropy: Entropy) -> bytes:
        if token is None:
            return format_keys(keys.secrets, passphrase, context=self._context(), entropy=entropy, cost=self._cost)
        return format_wrapped_keys(
            keys.secrets,
            lambda plain, nonce, aad: token.wrap(plain, passphrase, nonce=nonce, aad=aad),
            where=token.fields,
            context=self._context(),
            entropy=entropy,
        )

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        """Hold this folder alone. The service and its people's commands write to the same files."""
        with self._disk.locked(self.path / "lock", what=f"custodian {self.name}", wait_s=_LOCK_WAIT_S):
            yield

    @contextmanager
    def deciding(self) -> Iterator[None]:
        """Hold the approvals file alone; the lock of the folder may be held long, by a slow log."""
        with self._disk.locked(self.path / "approvals.lock", what=f"custodian {self.name}", wait_s=_LOCK_WAIT_S):
            yield

    def unlock(self, opener: Opener) -> CustodianKeys:
        """The keys. ``opener``: the passphrase, or what it gives for this key file.

        Raises:
            Refused: wrong passphrase, or the key file was written anew (code ``form``).
            MalformedInput: the key file is damaged.
            Unavailable: it is not there.
        """
        place, raw = f"custodian {self.name}", self._disk.read(self.path / "keys")
        secrets = parse_keys(
            raw,
            lambda: opener,
            names=("auth", "resp", "req", "approvals", "wrapping"),
            optional=("retiring",),
            context=self._context(),
            place=place,
            unwrap=lambda fields, sealed, nonce, aad: parse_token(fields, place).unwrap(
                sealed, _pin(opener, place), nonce=nonce, aad=aad
            ),
            hint=f"it is read from --passphrase-file, else from COFFER_PASSPHRASE_{variable_name(self.name)} or COFFER_PASSPHRASE, else typed",
        )
        return CustodianKeys.of(self.name, secrets, version=wire.digest(raw))

    def change_passphrase(self, old: Opener, new: Secret, entropy: Entropy) -> None:
        """Seal the key file under another passphrase; the old file is overwritten.

        Raises:
            Refused: the old one is wrong, or a token wraps the keys, whose own tools change its PIN (code ``form``).
        """
        keys = self.unlock(old)
        if self._token() is not None:
            raise Refused(
                f"custodian {self.name}: a token wraps the keys", code="form", hint="change its PIN by its own tools"
            )
        self._disk.replace(self.path / "keys", self._format(keys, new, None, entropy))

    def has_epoch_key(self, day: dt.date) -> bool:
        """Whether a key of that day is there."""
        return self._disk.is_file(self._epoch_path(day))

    def write_epoch_key(self, day: dt.date, key: SealKey, keys: CustodianKeys, entropy: Entropy) -> None:
        """Store a day's private key under the wrapping key; an existing one is never overwritten."""
        if self.has_epoch_key(day):
            raise Unavailable(f"custodian {self.name}: a key of {day} is there already")
        self._disk.write(self._epoch_path(day), self._wrap(day, key, keys, entropy), private=True)

    def keys_version(self) -> bytes:
        """Changes whenever the key file is written anew; 32 B."""
        return wire.digest(self._disk.read(self.path / "keys"))

    def read_epoch_key(self, day: dt.date, keys: CustodianKeys) -> SealKey | None:
        """A day's private key, or None if it is not there."""
        if not self.has_epoch_key(day):
            return None
        raw = self._disk.read(self._epoch_path(day))
        key = unwrap(raw, keys, self._epoch_aad(day), "HPKE private key")
        if key is None:
            raise NotProven(f"custodian {self.name}: the epoch key of {day} was changed")
        return SealKey(key)

    def remove_epoch_key(self, day: dt.date) -> None:
        """Forget a day's key, overwriting its file: what was sealed to it stays sealed."""
        self._disk.destroy(self._epoch_path(day))

    def epoch_days(self) -> list[dt.date]:
        """The days of which a key file lies here, in order."""
        days = []
        for path in self._disk.children(self.path / "epoch"):
            try:
                days.append(wire.parse_day(path.name, "epoch"))
            except MalformedInput:
                continue  # a leftover of a crash, or not ours: it does no harm
        return days

    def rotate_wrapping(
        self,
        passphrase: Secret,
        entropy: Entropy,
        *,
        without: Collection[dt.date] = (),
        holds_without: Collection[Commitment] = (),
    ) -> CustodianKeys:
        """Wrap every epoch key and key of a hold under a fresh wrapping key, except those ``without``.

        The old wrapping key is forgotten, so that backups of the epoch folder, and the files of those days, are worthless. If a token wraps the key
        file, a fresh key on the token does so from now on, and the old one is destroyed: backups of the key file are worthless too, even with the
        PIN. Whatever fails, every key stays readable: the key file holds both wrapping keys until the last epoch key is wrapped anew, and the next
        rotation finishes one that was cut short. A damaged epoch key stays as it is.

        Raises:
            Refused: wrong passphrase (code ``form``); nothing is changed.
        """
        keys = self.unlock(passphrase)
        token = self._token()
        if keys.retiring is not None:
            keys = self._finish_rotation(keys, passphrase, token, entropy, (without, holds_without))
        if token is not None:
            token = token.successor(entropy)
            token.make_key(passphrase)
        keys = replace(keys, wrapping=Secret(entropy(32), "wrapping key"), retiring=keys.wrapping)
        self._disk.replace(self.path / "keys", self._format(keys, passphrase, token, entropy))
        keys = self._finish_rotation(keys, passphrase, token, entropy, (without, holds_without))
        if token is not None:
            token.destroy_predecessors(passphrase)
        return replace(keys, version=self.keys_version())

    def _token(self) -> Token | None:
        """The token that wraps the key file, which was unlocked just now."""
        fields = json.loads(self._disk.read(self.path / "keys"))
        return parse_token(fields, f"custodian {self.name}") if "wrapped-by" in fields else None

    def _finish_rotation(
        self,
        keys: CustodianKeys,
        passphrase: Secret,
        token: Token | None,
        entropy: Entropy,
        without: tuple[Collection[dt.date], Collection[Commitment]],
    ) -> CustodianKeys:
        staged = self.holds.staged(keys, entropy, without[1])
        for day in sorted(set(self.epoch_days()) - set(without[0])):
            try:
                key = self.read_epoch_key(day, keys)
            except NotProven:
                continue  # lost before; reading it will say so
            assert key is not None, "its file was listed just now"
            path = self._epoch_path(day)
            staged.append((self._disk.stage(path, self._wrap(day, key, keys, entropy), private=True), path))
        self._disk.publish(staged)
        keys = replace(keys, retiring=None)
        self._disk.replace(self.path / "keys", self._format(keys, passphrase, token, entropy))
        return keys

    def approvals(self, keys: CustodianKeys) -> frozenset[Commitment]:
        """Every commitment that this custodian's people approved and did not withdraw.

        It is the one gate of every answer.

        Raises:
            NotProven: a line was changed, added or taken from the middle; then nothing is approved.
        """
        return self.decided(keys).in_force

    def is_withdrawn(self, commitment: Commitment, keys: CustodianKeys) -> bool:
        """Whether its people said no to it; that is final, whatever they say later."""
        return commitment in self.decided(keys).withdrawn

    def decided(self, keys: CustodianKeys) -> Approvals:
        """The approvals file as it is now, proven, with every agreement that stands.

        Raises:
            NotProven: as ``approvals``.
        """
        raw = self._read_if_there("approvals")  # before the people, who are written first
        history = self.people(keys)
        # Strangers make this be asked. Comparing costs a hundredth of proving every line again.
        seen = (raw, history.chain, keys.approvals.unsafe_bytes())
        if self._proven_approvals is None or self._proven_approvals[0] != seen:
            approvals = parse_approvals(
                raw,
                keys.decisions,
                history,
                custodian=self.name,
                place=f"custodian {self.name}",
                proven=self._proven_assertions,
            )
            self._proven_approvals = (seen, approvals)
        return self._proven_approvals[1]

    def append_decision(self, decision: Decision, now: dt.datetime, keys: CustodianKeys) -> Approvals:
        """Add what was decided, durably when this returns; what stands then.

        Only then may the custodian act on it.

        The caller holds ``deciding``.

        Raises:
            Refused, MalformedInput: the rule of the file does not allow it; nothing is written.
        """
        history, approvals = self.people(keys), self.decided(keys)
        line, after = format_decision(approvals, decision, now, keys.decisions, history, custodian=self.name)
        self._append(self.path / "approvals", line, approvals.size)
        return after

    def people(self, keys: CustodianKeys) -> History:
        """The custodian's people, now and after each line of their file.

        Raises:
            NotProven: a line was changed, added or taken from the middle.
        """
        seen = (self._read_if_there("people"), keys.approvals.unsafe_bytes())
        if self._proven_people is None or self._proven_people[0] != seen:
            history = parse_people(seen[0], keys.people, context=self._context(), place=f"custodian {self.name}")
            self._proven_people = (seen, history)
        return self._proven_people[1]

    def append_event(self, event: Event, now: dt.datetime, keys: CustodianKeys, entropy: Entropy) -> History:
        """Add what happened to the custodian's people, durably when this returns.

        The caller holds ``deciding``.

        Raises:
            Refused, MalformedInput: it may not happen; nothing is written.
        """
        self.decided(keys)  # a people's file that was cut, which the approvals show, is not continued
        history = self.people(keys)
        line, after = format_event(history, event, now, keys.people, context=self._context(), entropy=entropy)
        self._append(self.path / "people", line, history.size)
        return after

    def _append(self, path: Path, line: bytes, size: int) -> None:
        """Add to a file of which ``size`` bytes are whole lines; what a crash left behind them goes."""
        raw = self._read_if_there(path.name)
        if raw and len(raw) == size:
            self._disk.append(path, line)
        else:
            self._disk.write(path, raw[:size] + line, private=True)

    def _read_if_there(self, name: str) -> bytes:
        path = self.path / name
        return self._disk.read(path) if self._disk.is_file(path) else b""

    def protected(self, keys: CustodianKeys) -> ProtectedList:
        """This custodian's protected list.

        Raises:
            NotProven: it is not there, or not as the custodian wrote it; then nothing is answered.
        """
        path = self.path / "protected"
        raw = self._disk.read(path) if self._disk.is_file(path) else b""
        return parse_protected(
            raw, keys.protected, context=self._context(), place=f"custodian {self.name}: protected list"
        )

    def write_protected(self, protected: ProtectedList) -> None:
        """Keep the list, durably."""
        self._disk.write(self.path / "protected", format_protected(protected, context=self._context()), private=True)

    def authorities(self, keys: CustodianKeys) -> Authorities | None:
        """The authorities that its people know; None without a list, and then nobody is verified.

        Raises:
            NotProven: the list is not as the custodian wrote it; then nothing is answered.
        """
        raw = self._read_if_there("authorities")
        place = f"custodian {self.name}: list of authorities"
        return parse_known(raw, keys.authorities, context=self._context(), place=place) if raw else None

    def write_authorities(self, raw: bytes, keys: CustodianKeys) -> None:
        """Keep a list of authorities, durably; raises ``MalformedInput`` if it is none."""
        self._disk.write(
            self.path / "authorities", format_known(raw, keys.authorities, context=self._context()), private=True
        )

    def remove_authorities(self) -> None:
        """Forget the list: nobody is verified any more."""
        self._disk.remove(self.path / "authorities")

    def acknowledged(self, keys: CustodianKeys) -> int | None:
        """The newest roster entry that its people acknowledged.

        None if there is none, or if the file is not its own: then they are told again.
        """
        path = self.path / "acknowledged"
        text, _, mac = (self._disk.read(path) if self._disk.is_file(path) else b"").removesuffix(b"\n").partition(b" ")
        own = hmac.digest(keys.acknowledging.unsafe_bytes(), text, "sha256").hex().encode("ascii")
        return int(text) if text.isdigit() and len(text) < 20 and hmac.compare_digest(mac, own) else None

    def acknowledge(self, index: int, keys: CustodianKeys) -> None:
        """Its people have read what changed up to this entry."""
        text = b"%d" % index
        mac = hmac.digest(keys.acknowledging.unsafe_bytes(), text, "sha256").hex().encode("ascii")
        self._disk.write(self.path / "acknowledged", text + b" " + mac + b"\n", private=True)

    def _wrap(self, day: dt.date, key: SealKey, keys: CustodianKeys, entropy: Entropy) -> bytes:
        return wrap(key.secret, keys, self._epoch_aad(day), entropy)

    def _epoch_path(self, day: dt.date) -> Path:
        return self.path / "epoch" / day.isoformat()

    def _context(self) -> bytes:
        return f"{self._origin}\ncustodian {self.name}".encode("ascii")

    def _epoch_aad(self, day: dt.date) -> bytes:
        return wire.tag("epoch") + f"{self._origin}\n{self.name}\n{day}".encode("ascii")


def _pin(opener: Opener, place: str) -> Secret:
    """The PIN of a token, which is given anew each time."""
    if not isinstance(opener, Secret):
        raise Refused(f"{place}: key file is wrapped by a token now", code="form", hint="run the command again")
    return opener
