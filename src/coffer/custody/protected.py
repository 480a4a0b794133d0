"""A custodian's own list of people whose records need every custodian's signature. Pure.

It holds no identity, only keyed hashes under a key that never leaves the custodian. The whole file is authenticated: if a line is added, changed or cut
off, the custodian answers nothing. Implements ``docs/formats/people.md``.
"""

import hmac
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from coffer import wire
from coffer.errors import MalformedInput, NotProven
from coffer.notes.keys import Secret

CATEGORIES: Final = ("head-of-state", "member-of-parliament", "lawyer", "doctor", "journalist", "other")
_FIRST: Final = "coffer.protected/v1"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ProtectedList:
    """``members``: category by keyed hash of a sid. ``key`` makes those hashes."""

    key: Secret
    members: Mapping[bytes, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<protected list of {len(self.members)}>"

    def has(self, sid: bytes) -> bool:
        """Whether a subject is on the list. One HMAC and one look-up, whatever the list holds."""
        return _blind(self.key, sid) in self.members

    def with_members(self, joining: Iterable[tuple[bytes, str]]) -> "ProtectedList":
        """The list with more sids and their categories. A sid that is on it already gets the new category."""
        more = {_blind(self.key, sid): category for sid, category in joining}
        return ProtectedList(key=self.key, members={**self.members, **more})

    def without(self, leaving: Iterable[bytes]) -> "ProtectedList":
        """The list without those subjects."""
        gone = {_blind(self.key, sid) for sid in leaving}
        return ProtectedList(key=self.key, members={name: c for name, c in self.members.items() if name not in gone})

    def counts(self) -> dict[str, int]:
        """How many of each category that occurs, in the order of ``CATEGORIES``."""
        counts = Counter(self.members.values())
        return {category: counts[category] for category in CATEGORIES if counts[category]}


def parse_category(text: str, place: str) -> str:
    """One of ``CATEGORIES``."""
    if text not in CATEGORIES:
        raise MalformedInput(f"{place}: unknown category", hint=f"one of: {', '.join(CATEGORIES)}")
    return text


def format_protected(protected: ProtectedList, *, context: bytes) -> bytes:
    """The file. ``context`` binds it to its custodian."""
    lines = [_FIRST, *(f"{name.hex()} {category}" for name, category in sorted(protected.members.items()))]
    text = ("\n".join(lines) + "\n").encode("ascii")
    return text + f"mac: {_mac(protected.key, context, text).hex()}\n".encode("ascii")


def parse_protected(raw: bytes, key: Secret, *, context: bytes, place: str) -> ProtectedList:
    """The inverse of ``format_protected``.

    Raises:
        NotProven: it was not written with this key for this custodian, or changed since.
        MalformedInput: of another version.
    """
    start = raw.rfind(b"\n", 0, -1) + 1
    text = raw[:start]
    if not hmac.compare_digest(raw[start:], f"mac: {_mac(key, context, text).hex()}\n".encode("ascii")):
        raise NotProven(
            f"{place}: not its own, or changed",
            hint="changed by somebody or damaged: nothing is answered; --start-anew of coffer protect, or coffer custodian protect, begins an empty one",
        )
    first, *lines = wire.parse_lines(text, place)
    if first != _FIRST:
        raise MalformedInput(f"{place}: line 1: unknown version, expected {_FIRST}")
    members = {}
    for number, line in enumerate(lines, 2):
        name, _, category = line.partition(" ")
        members[wire.parse_hex(name, f"{place}: line {number}", size=32)] = parse_category(
            category, f"{place}: line {number}"
        )
    protected = ProtectedList(key=key, members=members)
    if format_protected(protected, context=context) != raw:
        raise MalformedInput(f"{place}: not in canonical form: written again it would differ")
    return protected


def _blind(key: Secret, sid: bytes) -> bytes:
    return hmac.digest(key.unsafe_bytes(), wire.tag("protected") + sid, "sha256")


def _mac(key: Secret, context: bytes, text: bytes) -> bytes:
    return hmac.digest(key.unsafe_bytes(), wire.tag("protected-list") + wire.lp(context) + text, "sha256")
