"""Seals the cells of the desk's database, and derives the keys that do it.

Promises: a sealed cell opens only at its own table, row, column and version, under its own key. It tells the length of
its content in steps. Implements ``docs/formats/desk.md``, "Sealing".
"""

import hmac
from dataclasses import dataclass
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from coffer import wire
from coffer.entropy import Entropy
from coffer.errors import NotProven
from coffer.notes.keys import Secret

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
CELL_STEP: Final = 256
"""The content of a cell is padded to a multiple of this many bytes, so that a length tells little."""
PART_STEP: Final = 4_096
"""The same for a part of a document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A place in the database.

    ``row``: the row's key as bytes. ``version``: of the row; 0 where rows do not change.
    """

    table: str
    row: bytes
    column: str = "sealed"
    version: int = 0

    @property
    def context(self) -> bytes:
        """The associated data of its seal."""
        parts = (self.table.encode("ascii"), self.row, self.column.encode("ascii"))
        return wire.tag("desk-cell") + b"".join(map(wire.lp, parts)) + self.version.to_bytes(8, "big")


class Cipher(Protocol):
    """How a cell is sealed: AES-GCM, but in the tests that show that a search finds what is not sealed."""

    def seal(self, key: Secret, content: bytes, context: bytes) -> bytes:
        """The sealed content."""

    def unseal(self, key: Secret, sealed: bytes, context: bytes) -> bytes | None:
        """The content; None if it was sealed under another key or context, or was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AesGcm:
    """AES-256-GCM with random nonces: nonce (12 B) and ciphertext."""

    entropy: Entropy

    def seal(self, key: Secret, content: bytes, context: bytes) -> bytes:
        """As the port."""
        nonce = self.entropy(NONCE_BYTES)
        return nonce + AESGCM(key.unsafe_bytes()).encrypt(nonce, content, context)

    def unseal(self, key: Secret, sealed: bytes, context: bytes) -> bytes | None:
        """As the port."""
        try:
            return AESGCM(key.unsafe_bytes()).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context)
        except (InvalidTag, ValueError):
            return None


class DeskKeys:
    """The keys of a desk's database, all derived from the vault's database key by HKDF-SHA-256.

    ``root``: ``Vault.database_key()``. A case has a random key of its own, which is stored sealed under ``cases``: once
    that row is gone, nobody can read the case, with any key.
    """

    def __init__(self, root: Secret) -> None:
        self._root = root
        self.people = self._subkey("people")
        self.cases = self._subkey("cases")
        self.queue = self._subkey("queue")
        self._tags = self._subkey("tags")

    def blind(self, kind: str, value: bytes) -> bytes:
        """A name for a value that rows can be found by, and that tells nothing without the key; 32 B."""
        return hmac.digest(self._tags.unsafe_bytes(), wire.lp(kind.encode("ascii")) + value, "sha256")

    def _subkey(self, name: str) -> Secret:
        info = wire.tag("desk-key") + name.encode("ascii")
        raw = HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=info).derive(self._root.unsafe_bytes())
        return Secret(raw, f"desk key {name}")

    def __repr__(self) -> str:
        return "<desk keys>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealer:
    """Seals and unseals cells, padded."""

    cipher: Cipher

    def seal(self, key: Secret, cell: Cell, content: bytes, *, step: int = CELL_STEP) -> bytes:
        """u32 length || content || zeros to a multiple of ``step``, sealed for its place."""
        padded = len(content).to_bytes(4, "big") + content
        padded += bytes(-len(padded) % step)
        return self.cipher.seal(key, padded, cell.context)

    def unseal(self, key: Secret, cell: Cell, sealed: bytes) -> bytes:
        """The inverse of ``seal``.

        Raises:
            NotProven: the cell was changed, or comes from another place, version or key.
        """
        padded = self.cipher.unseal(key, sealed, cell.context)
        length = int.from_bytes(padded[:4], "big") if padded is not None else 0
        if padded is None or len(padded) < 4 + length or any(padded[4 + length :]):
            raise NotProven(
                f"database: {cell.table}: a row does not open at its place: it was changed, moved, or another key sealed it",
                hint="keep a copy of the database as evidence; is it this vault's?",
            )
        return padded[4 : 4 + length]
