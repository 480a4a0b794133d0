"""The operator's own keys, and the keys that are derived from them.

Implements ``docs/formats/vault.md``, "Operator's keys". Whoever has them can log, ingest and ask; nobody opens a record
with them alone.
"""

import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from coffer import wire
from coffer.disk import Disk
from coffer.errors import Refused, Unavailable
from coffer.notes.keyfile import Opener, StretchedKey, format_keys, parse_keys
from coffer.notes.keys import Secret, SigningKey
from coffer.vault.memory import MemoryKey
from coffer.vault.outside import Outside

INGESTER: Final = "ingester"
DESK: Final = "desk"
OPERATOR_KEYS: Final = ("log", INGESTER, DESK, "file", "wrapping")
_HINT: Final = "set COFFER_PASSPHRASE_OPERATOR"


class OperatorKeys:
    """The keys of ``operator/keys``, which is read when the first one is needed.

    ``path``: the vault's folder. ``passphrase``: what opens the file if it is sealed; None if none was given.
    """

    def __init__(self, path: Path, disk: Disk, *, origin: str, passphrase: Opener | None, outside: Outside) -> None:
        self._path = path / "operator" / "keys"
        self._disk = disk
        self._origin = origin
        self._passphrase = passphrase
        self._outside = outside
        self._secrets: Mapping[str, Secret] = {}

    def secret(self, name: str) -> Secret:
        """One of ``OPERATOR_KEYS``.

        Raises:
            Unavailable: the file is not here.
            Refused: it is sealed, and the passphrase is wrong or was not given (code ``form``).
        """
        if not self._secrets:
            self._secrets = self._read()
        return self._secrets[name]

    def signing(self, name: str) -> SigningKey:
        """One of the signing keys: the log's (named by the origin), ``ingester`` or ``desk``."""
        return SigningKey(name, self.secret("log" if name == self._origin else name))

    def database_key(self) -> Secret:
        """The key from which the desk derives those of its database (``docs/formats/desk.md``)."""
        return database_key(self.secret("wrapping"), self._origin)

    def memory_key(self) -> MemoryKey:
        """The key that seals the memory of ingested files."""
        return MemoryKey(self.secret("file"), self._origin)

    def snapshot_key(self) -> Secret | None:
        """The key of snapshots; None if the operator's keys are sealed and no passphrase was given.

        Then there are no snapshots.
        """
        try:
            wrapping = self.secret("wrapping")
        except Refused:
            return None
        return Secret(hmac.digest(wrapping.unsafe_bytes(), wire.tag("snapshot-key"), "sha256"), "snapshot key")

    def write(self, secrets: Mapping[str, Secret]) -> None:
        """Store new keys, sealed if a passphrase was given for them."""
        assert not isinstance(self._passphrase, StretchedKey), "what opens one key file seals no other"
        self._disk.write(self._path, self._format(secrets, self._passphrase), private=True)

    def change_passphrase(self, new: Secret) -> None:
        """Seal the keys under this passphrase; the old file is overwritten.

        Raises:
            Refused: the old one, with which the vault was opened, is wrong (code ``form``).
        """
        secrets = {name: self.secret(name) for name in OPERATOR_KEYS}
        self._disk.replace(self._path, self._format(secrets, new))

    def _read(self) -> Mapping[str, Secret]:
        if not self._disk.is_file(self._path):
            raise Unavailable(
                "operator/keys: not in the vault's folder", hint="a backup holds no keys: put your copy of them there"
            )
        return parse_keys(
            self._disk.read(self._path),
            self._given,
            names=OPERATOR_KEYS,
            context=self._context(),
            place="operator's keys",
            hint=_HINT,
            may_be_plain=True,
        )

    def _given(self) -> Opener:
        if self._passphrase is None:
            raise Refused("operator's keys: sealed", code="form", hint=_HINT)
        return self._passphrase

    def _format(self, secrets: Mapping[str, Secret], passphrase: Secret | None) -> bytes:
        entropy, cost = self._outside.entropy, self._outside.costs.passphrase
        return format_keys(secrets, passphrase, context=self._context(), entropy=entropy, cost=cost)

    def _context(self) -> bytes:
        return f"{self._origin}\noperator".encode("ascii")


def database_key(wrapping: Secret, origin: str) -> Secret:
    """HKDF-SHA-256 of the operator's wrapping key with info T("desk-database") || origin; 32 B."""
    info = wire.tag("desk-database") + origin.encode("ascii")
    raw = HKDF(hashes.SHA256(), 32, salt=None, info=info).derive(wrapping.unsafe_bytes())
    return Secret(raw, "desk database key")
