"""Where the checkpoints of a log are compared and swapped: ``checkpoints.toml`` of a vault. Pure.

Implements ``docs/formats/vault.md``, "Several machines".
"""

import re
from dataclasses import dataclass
from typing import Final, Self

from coffer.errors import MalformedInput
from coffer.toml import parse_toml

CHECKPOINTS: Final = "checkpoints.toml"
FORMAT: Final = "coffer.checkpoints/v1"
POSTGRESQL: Final = "postgresql"
SQLITE: Final = "sqlite"
_PARAMETERS: Final = "host|port|service|sslmode|sslrootcert|sslcert|sslkey"
"""Those of libpq that hold no secret."""
_POSTGRESQL: Final = re.compile(
    r"postgresql://([A-Za-z0-9._-]{1,63}@)?[A-Za-z0-9._:,\[\]-]{0,200}/[A-Za-z0-9_-]{0,63}"
    rf"(\?(?:{_PARAMETERS})=[A-Za-z0-9._/%:,-]{{1,200}}(&(?:{_PARAMETERS})=[A-Za-z0-9._/%:,-]{{1,200}})*)?"
)
_SQLITE: Final = re.compile(r"sqlite:(/[A-Za-z0-9._/ -]{1,500})")
_EXPECTED: Final = "expected postgresql://[USER@][HOST]/DATABASE or sqlite:/PATH"
_HINT: Final = "credentials come from ~/.pgpass, the environment or the machine, never from an address"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointAddress:
    """Where a checkpoint store is.

    ``kind``: ``POSTGRESQL`` or ``SQLITE``. ``text``: the address as people write it, without credentials.
    """

    kind: str
    text: str

    def __str__(self) -> str:
        """The address."""
        return self.text

    @property
    def path(self) -> str:
        """The file of an SQLite store."""
        return self.text.removeprefix(f"{SQLITE}:")

    def format(self) -> bytes:
        """The text of ``checkpoints.toml``."""
        return f'format = "{FORMAT}"\naddress = "{self.text}"\n'.encode("ascii")

    @classmethod
    def parse(cls, raw: bytes, place: str) -> Self:
        """The inverse of ``format``, except that people may add spaces and comments."""
        table = parse_toml(raw, place, encoding="ascii")
        table.literal("format", FORMAT)
        address = parse_checkpoint_address(table.text("address"), f"{place}: address")
        table.end()
        return cls(kind=address.kind, text=address.text)


def parse_checkpoint_address(text: str, place: str) -> CheckpointAddress:
    """The address of a checkpoint store.

    Raises:
        MalformedInput: it is none, or it may hold a password. The message does not repeat it.
    """
    if _POSTGRESQL.fullmatch(text):
        return CheckpointAddress(kind=POSTGRESQL, text=text)
    if _SQLITE.fullmatch(text):
        return CheckpointAddress(kind=SQLITE, text=text)
    raise MalformedInput(f"{place}: not an address of a checkpoint store, {_EXPECTED}", hint=_HINT)
