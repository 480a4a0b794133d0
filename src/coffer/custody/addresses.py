"""Where remote custodians are: ``custodians.toml`` of a vault. Pure.

Implements ``docs/formats/custodian.md``.
"""

import re
import tomllib
from dataclasses import dataclass
from typing import Final

from coffer import wire
from coffer.errors import MalformedInput
from coffer.ledger.rules import parse_custodian_name

_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
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
    try:
        document = tomllib.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        at = re.search(
            r"at line [0-9]+, column [0-9]+", str(error)
        )  # only the position: the rest of the message may quote the file
        raise MalformedInput(
            f"{place}: not TOML{f' {at[0]}' if at else ''}",
            hint='expected tables such as [judge] with url = "https://..."',
        ) from None
    return tuple(_parse_address(name, table, f"{place}: {name[:32]}") for name, table in document.items())


def _parse_address(name: str, table: object, place: str) -> Address:
    if not isinstance(table, dict) or any(not isinstance(value, str) for value in table.values()):
        raise MalformedInput(f"{place}: expected url and fingerprint or ca")
    if not set(table) <= {"url", "fingerprint", "ca"} or "url" not in table:
        raise MalformedInput(f"{place}: expected url and fingerprint or ca")
    url = table["url"].rstrip("/")
    match = _URL.fullmatch(url)
    if match is None:
        raise MalformedInput(f"{place}: url: expected https://host:port")
    port = url.rpartition(":")[2]
    if port.isdigit() and int(port) > MAX_PORT:
        raise MalformedInput(f"{place}: url: port over {MAX_PORT}")
    is_plain = url.startswith("http://")
    if is_plain and match[1].strip("[]") not in _LOOPBACK:
        raise MalformedInput(f"{place}: url: plain http is for this machine only", hint="use https and a fingerprint")
    if len({"fingerprint", "ca"} & set(table)) != (0 if is_plain else 1):
        raise MalformedInput(f"{place}: expected either a fingerprint or a ca with https, and neither with http")
    fingerprint = table.get("fingerprint")
    return Address(
        name=parse_custodian_name(name, place),
        url=url,
        fingerprint=None if fingerprint is None else wire.parse_hex(fingerprint, f"{place}: fingerprint", size=32),
        authorities=table.get("ca"),
    )
