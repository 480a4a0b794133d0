"""A custodian's public keys as a file, for the person who proposes a roster. Pure.

Implements ``docs/formats/vault.md``, "Custodian's public keys".
"""

from dataclasses import dataclass
from typing import Final, Self

from coffer import wire
from coffer.errors import MalformedInput
from coffer.ledger.rules import parse_custodian_name
from coffer.notes.keys import HPKE_PUBLIC_BYTES, VerifyKey, parse_vkey

FORMAT: Final = "coffer.custodian-keys/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKeys:
    """Name, ``auth`` and ``resp`` Ed25519 keys (named by it), ``req`` HPKE key of 1,216 B."""

    name: str
    auth: VerifyKey
    resp: VerifyKey
    req: bytes

    def format(self) -> bytes:
        """The file."""
        lines = [FORMAT, f"name: {self.name}", f"auth: {self.auth.format()}", f"resp: {self.resp.format()}"]
        return ("\n".join([*lines, f"req: {wire.format_base64(self.req)}"]) + "\n").encode("ascii")

    @classmethod
    def parse(cls, raw: bytes, place: str) -> Self:
        """Strict inverse of ``format``; raises ``MalformedInput``."""
        fields = wire.Fields(wire.parse_lines(raw, place), place)
        fields.literal(FORMAT)
        name = parse_custodian_name(fields.one("name"), fields.place("name"))
        auth = parse_vkey(fields.one("auth"), fields.place("auth"))
        resp = parse_vkey(fields.one("resp"), fields.place("resp"))
        req = wire.parse_base64(fields.one("req"), fields.place("req"), size=HPKE_PUBLIC_BYTES)
        fields.end()
        if (auth.name, resp.name) != (f"{name}/auth", f"{name}/resp") or auth.public == resp.public:
            raise MalformedInput(f"{place}: expected two keys named {name}/auth and {name}/resp")
        return cls(name=name, auth=auth, resp=resp, req=req)
