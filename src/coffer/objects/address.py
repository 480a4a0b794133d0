"""Where objects lie in a store: ``objects.toml`` of a vault, and addresses of single objects. Pure.

Implements ``docs/formats/vault.md``, "Object stores".
"""

import re
from dataclasses import dataclass
from typing import Final, Self

from coffer.errors import MalformedInput
from coffer.toml import parse_toml

OBJECTS: Final = "objects.toml"
FORMAT: Final = "coffer.objects/v1"
SCHEMES: Final = ("s3",)
"""Those that the contract's tests run on. fsspec knows more, and of those nobody has seen what a failed write leaves."""
_ADDRESS: Final = re.compile(r"([a-z][a-z0-9]{0,15})://([A-Za-z0-9][A-Za-z0-9._/=-]{0,500})")
_EXPECTED: Final = "expected s3://BUCKET/PREFIX, of letters, digits and . _ = - /"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreAddress:
    """A place in a store. ``root``: the bucket and the prefix, without a slash at the end."""

    scheme: str
    root: str

    def __str__(self) -> str:
        """The address as people write it. It holds no credentials: ``parse_address`` takes none."""
        return f"{self.scheme}://{self.root}"

    def format(self) -> bytes:
        """The text of ``objects.toml``."""
        return f'format = "{FORMAT}"\naddress = "{self}"\n'.encode("ascii")

    @classmethod
    def parse(cls, raw: bytes, place: str) -> Self:
        """The inverse of ``format``, except that people may add spaces and comments."""
        table = parse_toml(raw, place, encoding="ascii")
        table.literal("format", FORMAT)
        address = parse_address(table.text("address"), f"{place}: address")
        table.end()
        return cls(scheme=address.scheme, root=address.root)


def parse_address(text: str, place: str) -> StoreAddress:
    """An address in a store.

    Raises:
        MalformedInput: it is none, it holds credentials or a query, or nobody has tried such a store.
    """
    match = _ADDRESS.fullmatch(text)
    if match is None:
        hint = "credentials come from the environment or the files of the store's own tools, never from an address"
        raise MalformedInput(f"{place}: not an address of a store, {_EXPECTED}", hint=hint)
    scheme, root = match[1], match[2].rstrip("/")
    if scheme not in SCHEMES:
        raise MalformedInput(f"{place}: {scheme}: not a kind of store that is known here", hint=_EXPECTED)
    if any(part in {"", ".", ".."} for part in root.split("/")):
        raise MalformedInput(f"{place}: an empty part, . or .. in the address", hint=_EXPECTED)
    return StoreAddress(scheme=scheme, root=root)
