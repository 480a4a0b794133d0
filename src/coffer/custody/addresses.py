"""Where remote custodians are: ``custodians.toml`` of a vault. Pure.

Implements ``docs/formats/custodian.md``.
"""

import re
from dataclasses import dataclass
from typing import Final

from coffer import wire
from coffer.bounds import LOOPBACK
from coffer.errors import MalformedInput
from coffer.ledger.rules import parse_custodian_name
from coffer.toml import Table, parse_toml

MAX_PORT: Final = 65_535
_URL: Final = re.compile(
    r"https?://([A-Za-z0-9.-]{1,253}|\[[0-9a-fA-F:]{2,45}\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._/-]{0,200})?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One remote custodian.

    ``fingerprint``: SHA-256 of its certificate. ``authorities``: a file of the certificates that may have signed it.

    Over https exactly one of the two is set.
    """

    name: str
    url: str
    fingerprint: bytes | None
    authorities: str | None

    @property
    def is_plain(self) -> bool:
        """Whether nothing protects the connection. Only connections to this machine itself may be so."""
        return self.url.startswith("http://")


def parse_addresses(raw: bytes, place: str) -> tuple[Address, ...]:
    """The remote custodians, in the order of the file; raises ``MalformedInput``."""
    document = parse_toml(raw, place, hint='expected tables such as [judge] with url = "https://..."')
    return tuple(_parse_address(name, document.table(name)) for name in document.values)


def _parse_address(name: str, table: Table) -> Address:
    place = table.place
    url = table.text("url").rstrip("/")
    fingerprint, authorities = (table.text(key) if key in table.values else None for key in ("fingerprint", "ca"))
    table.end()
    match = _URL.fullmatch(url)
    if match is None:
        raise MalformedInput(f"{place}: url: expected https://host:port")
    port = url.rpartition(":")[2]
    if port.isdigit() and int(port) > MAX_PORT:
        raise MalformedInput(f"{place}: url: port over {MAX_PORT}")
    is_plain = url.startswith("http://")
    if is_plain and match[1].strip("[]") not in LOOPBACK:
        raise MalformedInput(f"{place}: url: plain http is for this machine only", hint="use https and a fingerprint")
    if sum(value is not None for value in (fingerprint, authorities)) != (0 if is_plain else 1):
        raise MalformedInput(f"{place}: expected either a fingerprint or a ca with https, and neither with http")
    return Address(
        name=parse_custodian_name(name, place),
        url=url,
        fingerprint=None if fingerprint is None else wire.parse_hex(fingerprint, f"{place}: fingerprint", size=32),
        authorities=authorities,
    )
