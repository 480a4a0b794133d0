"""What a custodian keeps on its own disk: keys under a passphrase, epoch keys, approvals, the newest checkpoint.

See ``docs/formats/vault.md``.
"""

import datetime as dt
import hmac
import json
import threading
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from coffer import wire
from coffer.custodian.evident import Evident
from coffer.custodian.token import Token, parse_token
from coffer.custody.protected import ProtectedList, format_protected, parse_protected
from coffer.custody.public import PublicKeys
from coffer.disk import Disk
from coffer.entropy import Entropy
from coffer.errors import MalformedInput, NotProven, Unavailable
from coffer.ledger.entries import Commitment
from coffer.ledger.rules import parse_custodian_name
from coffer.notes.keyfile import NONCE_BYTES, format_keys, format_wrapped_keys, parse_keys
from coffer.notes.keys import SealKey, Secret, SigningKey

_LOCK_WAIT_S: Final = 20.0
"""The longest that another process of the same custodian holds the folder is while it reads a long log for the first time."""
MAX_COSIGNED_BYTES: Final = 8 * 2**20
"""Some 10,000 checkpoints with their cosignatures; as many older ones are kept beside them."""
_MAC_LINE_BYTES: Final = len("mac: ") + 64 + 1
_WITHDRAWN: Final = "withdrawn"
SUMMED_OVER: Final = dt.timedelta(minutes=1)
"""What strangers cause takes one line of its record in this time: some 150 bytes, 220 KB a day."""


@dataclass(frozen=True, slots=True)
class CustodianKeys:
    """A custodian's keys, unlocked.

    ``wrapping`` changes at each retirement; ``retiring`` is the one before it, there only while epoch keys are being
    wrapped anew. Everything that must outlive a retirement derives from ``approvals``. ``version``: of the file they were read from.
    """

    auth: SigningKey
    resp: SigningKey
    req: SealKey
    approvals: Secret
    wrapping: Secret
    retiring: Secret | None = None
    version: bytes = b""

    @property
    def snapshots(self) -> Secret:
        """What authenticates this custodian's snapshots."""
        return Secret(hmac.digest(self.approvals.unsafe_bytes(), wire.tag("snapshot-key"), "sha256"), "snapshot key")

    @property
    def protected(self) -> Secret:
        """What the protected list is hashed and authenticated with."""
        return Secret(hmac.digest(self.approvals.unsafe_bytes(), wire.tag("protected-key"), "sha256"), "protected key")

    @property
    def acknowledging(self) -> Secret:
        """What authenticates up to which entry its people read of the roster."""
        return Secret(hmac.digest(self.approvals.unsafe_bytes(), wire.tag("acknowledged-key"), "sha256"), "own key")

    @property
    def evident(self) -> Secret:
        """What authenticates this custodian's memory of the time."""
        return Secret(hmac.digest(self.approvals.unsafe_bytes(), wire.tag("evident-key"), "sha256"), "evident key")

    def public(self, name: str) -> PublicKeys:
        """The public halves, which a roster holds under its name."""
        return PublicKeys(name=name, auth=self.auth.verify_key, resp=self.resp.verify_key, req=self.req.public)

    @classmethod
    def generate(cls, name: str, entropy: Entropy) -> Self:
        """Fresh, independent keys."""
        return cls(
            auth=SigningKey.generate(f"{name}/auth"),
            resp=SigningKey.generate(f"{name}/resp"),
            req=SealKey.generate(),
            approvals=Secret(entropy(32), "approvals key"),
            wrapping=Secret(entropy(32), "wrapping key"),
        )


class CustodianFolder:
    """One custodian's files. Everything secret is encrypted; everything that decides is authenticated."""

    def __init__(self, path: Path, disk: Disk, *, origin: str, name: str | None = None) -> None:
        self.path = path
        self._disk = disk
        self._origin = origin
        self.name = parse_custodian_name(path.name if name is None else name, "custodian's folder")
        self._proven_decisions: tuple[bytes, bytes, frozenset[Commitment], frozenset[Commitment]] | None = None
        self._counting = threading.Lock()
        self._counted: Counter[str] = Counter()
        self._summed_up: dt.datetime | None = None

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
        secrets = {
            "auth": keys.auth.seed,
            "resp": keys.resp.seed,
            "req": keys.req.secret,
            "approvals": keys.approvals,
            "wrapping": keys.wrapping,
        }
        if keys.retiring is not None:
            secrets["retiring"] = keys.retiring
        if token is None:
            return format_keys(secrets, passphrase, context=self._context(), entropy=entropy)
        return format_wrapped_keys(
            secrets,
            lambda plain, nonce, aad: token.wrap(plain, passphrase, nonce=nonce, aad=aad),
            where=token.fields,
            context=self._context(),
            entropy=entropy,
        )

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        """Hold this folder alone: the service and its people's commands write to the same files."""
        with self._disk.locked(self.path / "lock", what=f"custodian {self.name}", wait_s=_LOCK_WAIT_S):
            yield

    @contextmanager
    def deciding(self) -> Iterator[None]:
        """Hold the approvals file alone. A lock of its own: whoever follows a slow log holds the other one."""
        with self._disk.locked(self.path / "approvals.lock", what=f"custodian {self.name}", wait_s=_LOCK_WAIT_S):
            yield

    def unlock(self, passphrase: Secret) -> CustodianKeys:
        """The keys.

        Raises:
            Refused: wrong passphrase (code ``form``).
            MalformedInput: the key file is damaged.
            Unavailable: it is not there.
        """
        place, raw = f"custodian {self.name}", self._disk.read(self.path / "keys")
        parts = parse_keys(
            raw,
            lambda: passphrase,
            names=("auth", "resp", "req", "approvals", "wrapping"),
            optional=("retiring",),
            context=self._context(),
            place=place,
            unwrap=lambda fields, sealed, nonce, aad: parse_token(fields, place).unwrap(
                sealed, passphrase, nonce=nonce, aad=aad
            ),
            hint=f"set COFFER_PASSPHRASE_{variable_name(self.name)} or type it again",
        )
        return CustodianKeys(
            auth=SigningKey(f"{self.name}/auth", parts["auth"]),
            resp=SigningKey(f"{self.name}/resp", parts["resp"]),
            req=SealKey(parts["req"]),
            approvals=parts["approvals"],
            wrapping=parts["wrapping"],
            retiring=parts.get("retiring"),
            version=wire.digest(raw),
        )

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
        for wrapping in (keys.wrapping, keys.retiring):
            if wrapping is None:
                continue
            try:
                aes = AESGCM(wrapping.unsafe_bytes())
                plain = aes.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], self._epoch_aad(day))
            except (InvalidTag, ValueError):
                continue  # not wrapped anew yet, or changed: the next key tells
            return SealKey(Secret(plain, "HPKE private key"))
        raise NotProven(f"custodian {self.name}: the epoch key of {day} was changed")

    def remove_epoch_key(self, day: dt.date) -> None:
        """Forget a day's key, overwriting its file: what was sealed to it stays sealed."""
        self._disk.destroy(self._epoch_path(day))

    def epoch_days(self) -> list[dt.date]:
        """The days of which a key file lies here, in order."""
        found = []
        for path in self._disk.children(self.path / "epoch"):
            try:
                found.append(wire.parse_day(path.name, "epoch"))
            except MalformedInput:
                continue  # a leftover of a crash, or not ours: it stands in nobody's way
        return found

    def rotate_wrapping(
        self, passphrase: Secret, entropy: Entropy, *, without: Collection[dt.date] = ()
    ) -> CustodianKeys:
        """Wrap every epoch key but those of days ``without`` under a fresh wrapping key and forget the old one.

        Backups of the epoch folder, and the files of those days, are worthless then.

        Where a token wraps the key file, a fresh key on the token does from now on and the old one is destroyed: backups
        of the key file are worthless then too, whoever knows the PIN. Whatever fails, every key stays readable: the key
        file holds both wrapping keys until the last is wrapped anew, and the next rotation finishes one that was cut
        short. A key file that is damaged stays as it is.

        Raises:
            Refused: wrong passphrase (code ``form``); nothing is changed.
        """
        keys = self.unlock(passphrase)
        token = self._token()
        if keys.retiring is not None:
            keys = self._finish_rotation(keys, passphrase, token, entropy, without)
        if token is not None:
            token = token.successor(entropy)
            token.make_key(passphrase)
        keys = replace(keys, wrapping=Secret(entropy(32), "wrapping key"), retiring=keys.wrapping)
        self._disk.replace(self.path / "keys", self._format(keys, passphrase, token, entropy))
        keys = self._finish_rotation(keys, passphrase, token, entropy, without)
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
        without: Collection[dt.date],
    ) -> CustodianKeys:
        staged = []
        for day in sorted(set(self.epoch_days()) - set(without)):
            try:
                key = self.read_epoch_key(day, keys)
            except NotProven:
                continue  # lost before: whoever needs it is told so when it is read
            assert key is not None, "its file was listed just now"
            path = self._epoch_path(day)
            staged.append((self._disk.stage(path, self._wrap(day, key, keys, entropy), private=True), path))
        self._disk.publish(staged)
        keys = replace(keys, retiring=None)
        self._disk.replace(self.path / "keys", self._format(keys, passphrase, token, entropy))
        return keys

    def approvals(self, keys: CustodianKeys) -> frozenset[Commitment]:
        """Every commitment that this custodian's people approved and did not withdraw.

        Raises:
            NotProven: a line was changed, added or taken from the middle; then nothing is approved.
        """
        approved, withdrawn = self._decisions(keys)
        return approved - withdrawn

    def is_withdrawn(self, commitment: Commitment, keys: CustodianKeys) -> bool:
        """Whether its people said no to it; that is final, whatever they say later."""
        return commitment in self._decisions(keys)[1]

    def append_approval(self, commitment: Commitment, now: dt.datetime, keys: CustodianKeys) -> None:
        """Approve: durable when this returns, and only then may the custodian sign."""
        self._append_decision(f"{commitment.hex()} {wire.format_time(now)}", keys)

    def append_withdrawal(self, commitment: Commitment, now: dt.datetime, keys: CustodianKeys) -> None:
        """Say no, before or after an approval: from here on, nothing is answered to it."""
        self._append_decision(f"{commitment.hex()} {wire.format_time(now)} {_WITHDRAWN}", keys)

    def _decisions(self, keys: CustodianKeys) -> tuple[frozenset[Commitment], frozenset[Commitment]]:
        """What was approved, what was withdrawn."""
        path = self.path / "approvals"
        raw = self._disk.read(path) if self._disk.is_file(path) else b""
        proven, key = self._proven_decisions, keys.approvals.unsafe_bytes()
        if proven is not None and proven[0] == raw and hmac.compare_digest(proven[1], key):
            return proven[2], proven[3]  # strangers make this be asked: comparing costs a hundredth of proving
        chain = bytes(32)
        approved: set[Commitment] = set()
        withdrawn: set[Commitment] = set()
        lines = raw.split(b"\n")
        # A last line that a crash cut was never acted on: the signature comes after the sync.
        for number, line in enumerate(lines[:-1], 1):
            text, _, mac = line.rpartition(b" ")
            chain = _approval_mac(keys.approvals, chain, text)
            if not hmac.compare_digest(mac, chain.hex().encode("ascii")):
                raise NotProven(
                    f"custodian {self.name}: approvals line {number} is not its own",
                    hint="somebody changed the approvals file: nothing is answered",
                )
            words = text.decode("ascii").split(" ")
            commitment = Commitment(wire.parse_hex(words[0], f"approvals line {number}", size=32))
            (withdrawn if words[2:] == [_WITHDRAWN] else approved).add(commitment)
        self._proven_decisions = (raw, key, frozenset(approved), frozenset(withdrawn))
        return frozenset(approved), frozenset(withdrawn)

    def _append_decision(self, said: str, keys: CustodianKeys) -> None:
        path = self.path / "approvals"
        raw = self._disk.read(path) if self._disk.is_file(path) else b""
        self._decisions(keys)
        whole = raw[: raw.rfind(b"\n") + 1]
        chain = bytes.fromhex(whole.rstrip(b"\n").rpartition(b" ")[2].decode("ascii")) if whole else bytes(32)
        text = said.encode("ascii")
        line = text + b" " + _approval_mac(keys.approvals, chain, text).hex().encode("ascii") + b"\n"
        if whole == raw:
            self._disk.append(path, line)
        else:
            self._disk.write(path, whole + line, private=True)

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

    def acknowledged(self, keys: CustodianKeys) -> int | None:
        """The newest roster entry that its people acknowledged; None if none, or if the file is not its own: then they are told again."""
        path = self.path / "acknowledged"
        text, _, mac = (self._disk.read(path) if self._disk.is_file(path) else b"").removesuffix(b"\n").partition(b" ")
        own = hmac.digest(keys.acknowledging.unsafe_bytes(), text, "sha256").hex().encode("ascii")
        return int(text) if text.isdigit() and len(text) < 20 and hmac.compare_digest(mac, own) else None

    def acknowledge(self, index: int, keys: CustodianKeys) -> None:
        """Its people have read what changed up to this entry."""
        text = b"%d" % index
        mac = hmac.digest(keys.acknowledging.unsafe_bytes(), text, "sha256").hex().encode("ascii")
        self._disk.write(self.path / "acknowledged", text + b" " + mac + b"\n", private=True)

    def remembered(self) -> bytes | None:
        """The newest checkpoint this custodian accepted, raw."""
        path = self.path / "remembered"
        return self._disk.read(path) if self._disk.is_file(path) else None

    def remember(self, checkpoint: bytes) -> None:
        """Keep a checkpoint, durably, before acting on it."""
        self._disk.write(self.path / "remembered", checkpoint, private=True)

    def snapshot(self) -> bytes | None:
        """This custodian's replay of the log as it was some time ago, raw; ``Replica.restore`` proves it."""
        path = self.path / "snapshot"
        return self._disk.read(path) if self._disk.is_file(path) else None

    def keep_snapshot(self, raw: bytes) -> None:
        """Keep a newer one."""
        self._disk.write(self.path / "snapshot", raw, private=True)

    def evident(self, keys: CustodianKeys) -> Evident | None:
        """What it knew of the time when it looked last; None if that is not there or not its own: then less is known, and less destroyed."""
        path = self.path / "evident"
        raw = self._disk.read(path) if self._disk.is_file(path) else b""
        text, mac = raw[:-_MAC_LINE_BYTES], raw[-_MAC_LINE_BYTES:]
        if not hmac.compare_digest(mac, _mac_line(keys.evident, text)):
            return None
        return Evident.parse(text, "evident")

    def keep_evident(self, evident: Evident, keys: CustodianKeys) -> None:
        """Keep it, durably."""
        text = evident.format()
        self._disk.write(self.path / "evident", text + _mac_line(keys.evident, text), private=True)

    def is_frozen(self) -> bool:
        """Whether a fork was seen."""
        return self._disk.is_file(self.path / "frozen")

    def freeze(self, remembered: bytes, offered: bytes) -> None:
        """Answer nothing from now on, and keep both checkpoints."""
        self._disk.write(self.path / "frozen", wire.lp(remembered) + wire.lp(offered), private=True)

    def keep_cosigned(self, checkpoint: bytes) -> None:
        """Add a checkpoint to those that were answered under, durably; the oldest go once there are very many."""
        path = self.path / "cosigned"
        if self._disk.is_file(path) and self._disk.size(path) > MAX_COSIGNED_BYTES:
            self._disk.publish([(path, path.with_name("cosigned.old"))])
        self._disk.append(path, wire.lp(checkpoint))

    def note_outcome(self, line: str) -> None:
        """Add to its own record of requests; never an identifier."""
        self._disk.append(self.path / "audit.log", line.encode("ascii") + b"\n")

    def count_outcome(self, kind: str, now: dt.datetime) -> None:
        """Count what anybody can cause. The first is noted at once; those of the minute after it are summed up in one line.

        A stranger must not fill the disk, or wait for it. ``kind``: our own words, few of them.
        """
        with self._counting:
            self._counted[kind] += 1
            if self._summed_up is None or not dt.timedelta(0) <= now - self._summed_up < SUMMED_OVER:
                self._sum_up(now)

    def sum_up_outcomes(self, now: dt.datetime) -> None:
        """Note what was counted and not noted yet."""
        with self._counting:
            self._sum_up(now)

    def _sum_up(self, now: dt.datetime) -> None:
        counted, self._counted = self._counted, Counter()
        if not counted:
            return
        self._summed_up = now
        said = ", ".join(kind if count == 1 else f"{kind} {count} times" for kind, count in sorted(counted.items()))
        self.note_outcome(f"{wire.format_time(now)} {said}")

    def _wrap(self, day: dt.date, key: SealKey, keys: CustodianKeys, entropy: Entropy) -> bytes:
        nonce = entropy(NONCE_BYTES)
        return nonce + AESGCM(keys.wrapping.unsafe_bytes()).encrypt(
            nonce, key.secret.unsafe_bytes(), self._epoch_aad(day)
        )

    def _epoch_path(self, day: dt.date) -> Path:
        return self.path / "epoch" / day.isoformat()

    def _context(self) -> bytes:
        return f"{self._origin}\ncustodian {self.name}".encode("ascii")

    def _epoch_aad(self, day: dt.date) -> bytes:
        return wire.tag("epoch") + f"{self._origin}\n{self.name}\n{day}".encode("ascii")


def variable_name(name: str) -> str:
    """A custodian's name as environment variables write it."""
    return name.upper().replace("-", "_")


def _mac_line(key: Secret, text: bytes) -> bytes:
    return b"mac: " + hmac.digest(key.unsafe_bytes(), text, "sha256").hex().encode("ascii") + b"\n"


def _approval_mac(key: Secret, chain: bytes, text: bytes) -> bytes:
    return hmac.digest(key.unsafe_bytes(), chain + text, "sha256")
