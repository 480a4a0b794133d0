"""What every party and every auditor of a vault pins: ``vault.toml``. Pure.

Implements ``docs/formats/vault.md``.
"""

from dataclasses import dataclass
from typing import Final

from coffer import wire
from coffer.errors import MalformedInput
from coffer.notes.keys import VerifyKey, parse_key_name, parse_vkey
from coffer.toml import parse_toml

FORMAT: Final = "coffer.vault/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pins:
    """What every party and every auditor of a vault pins."""

    origin: str
    log_key: VerifyKey
    genesis: bytes

    def format(self) -> bytes:
        """The text of ``vault.toml``."""
        lines = [
            f'format = "{FORMAT}"',
            f'origin = "{self.origin}"',
            f'log = "{self.log_key.format()}"',
            f'genesis = "{self.genesis.hex()}"',
        ]
        return ("\n".join(lines) + "\n").encode("ascii")


def parse_pins(raw: bytes, place: str) -> Pins:
    """The inverse of ``Pins.format``."""
    table = parse_toml(raw, place, encoding="ascii")
    table.literal("format", FORMAT)
    pins = Pins(
        origin=parse_key_name(table.text("origin"), f"{place}: origin"),
        log_key=parse_vkey(table.text("log"), f"{place}: log"),
        genesis=wire.parse_hex(table.text("genesis"), f"{place}: genesis", size=32),
    )
    table.end()
    if pins.log_key.name != pins.origin:
        raise MalformedInput(f"{place}: the log's key is not named by the origin")
    if pins.format() != raw:
        raise MalformedInput(f"{place}: not in canonical form: written again it would differ")
    return pins
