"""A custodian's approvals file: what its people approved, and what they withdrew. Pure.

Each line carries a MAC over itself and the MAC of the line before it, under a key that only the custodian has. So nobody else can add a line, change
one, or take one from the middle. Implements ``docs/formats/authorization.md``, "Approvals file".
"""

import datetime as dt
import hmac
from dataclasses import dataclass
from typing import Final

from coffer import wire
from coffer.errors import NotProven
from coffer.ledger.entries import Commitment
from coffer.notes.keys import Secret

_WITHDRAWN: Final = "withdrawn"
_NO_LINE: Final = bytes(32)
"""Stands for the MAC of the line before the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approvals:
    """A proven file.

    ``size``: bytes of its whole lines. ``chain``: the MAC of the last one, which the next line continues.
    """

    approved: frozenset[Commitment]
    withdrawn: frozenset[Commitment]
    size: int
    chain: bytes

    @property
    def in_force(self) -> frozenset[Commitment]:
        """Approved and not withdrawn. A withdrawal is final, whatever is approved later."""
        return self.approved - self.withdrawn


def parse_approvals(raw: bytes, key: Secret, place: str) -> Approvals:
    """Read and prove a file.

    A last line without its end is left out: a crash cut it before anybody acted on it.

    Raises:
        NotProven: a line was changed, added or taken from the middle.
    """
    chain, size = _NO_LINE, 0
    approved: set[Commitment] = set()
    withdrawn: set[Commitment] = set()
    for number, line in enumerate(raw.split(b"\n")[:-1], 1):
        text, _, mac = line.rpartition(b" ")
        chain = _mac(key, chain, text)
        if not hmac.compare_digest(mac, chain.hex().encode("ascii")):
            raise NotProven(
                f"{place}: approvals line {number} is not its own",
                hint="somebody changed the approvals file: nothing is answered",
            )
        words = text.decode("ascii").split(" ")
        commitment = Commitment(wire.parse_hex(words[0], f"approvals line {number}", size=32))
        (withdrawn if words[2:] == [_WITHDRAWN] else approved).add(commitment)
        size += len(line) + 1
    return Approvals(approved=frozenset(approved), withdrawn=frozenset(withdrawn), size=size, chain=chain)


def format_decision(
    commitment: Commitment, now: dt.datetime, key: Secret, chain: bytes, *, is_withdrawal: bool
) -> bytes:
    """The next line of a file of which the last line has the MAC ``chain``."""
    words = [commitment.hex(), wire.format_time(now)] + ([_WITHDRAWN] if is_withdrawal else [])
    text = " ".join(words).encode("ascii")
    return text + b" " + _mac(key, chain, text).hex().encode("ascii") + b"\n"


def _mac(key: Secret, chain: bytes, text: bytes) -> bytes:
    return hmac.digest(key.unsafe_bytes(), chain + text, "sha256")
