"""Policy files: which logs and witnesses are known, and which of these must have cosigned. Pure.

Source: C2SP tlog-policy; docs/formats/proof.md, "Policy".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coffer_audit.errors import MalformedInput
from coffer_audit.notes import COSIGNATURES, VerifyKey, parse_vkey
from coffer_audit.wire import parse_decimal

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

MAX_POLICY_BYTES = 1 << 20
TEXT = re.compile(rb"(?:[\t\x20-\x7e\x80-\xff]*\n)*")
NONE = "none"
"""The quorum that asks for nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """At least `needed` of `members`, which are witnesses or groups that stand before it."""

    needed: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The logs by origin; witnesses and groups by the names that the file gives them, in its order."""

    logs: dict[str, VerifyKey]
    witnesses: dict[str, VerifyKey]
    groups: dict[str, Group]
    quorum: str

    def is_satisfied(self, cosigned: AbstractSet[str]) -> bool:
        """Whether the quorum is among those that cosigned (names of the file)."""
        witnessed = {NONE} | (cosigned & self.witnesses.keys())
        for name, group in self.groups.items():
            if len(witnessed.intersection(group.members)) >= group.needed:
                witnessed.add(name)
        return self.quorum in witnessed


class _Reader:
    """Takes the lines of a policy in order; each may name only what stands before it."""

    def __init__(self) -> None:
        self.logs: dict[str, VerifyKey] = {}
        self.witnesses: dict[str, VerifyKey] = {}
        self.groups: dict[str, Group] = {}
        self.quorum: str | None = None
        self._members: set[str] = set()

    def take(self, words: list[str], place: str) -> None:
        match words:
            case ["log", vkey, *url] if len(url) <= 1:
                key = parse_vkey(vkey, place)
                self._verify_new(key, self.logs, place)
                if key.name in self.logs:
                    raise MalformedInput(f"{place}: found a second key of one log, expected one")
                self.logs[key.name] = key
            case ["witness", name, vkey, *url] if len(url) <= 1:
                key = parse_vkey(vkey, place, kinds=COSIGNATURES)
                self._verify_new(key, self.witnesses, place)
                self._verify_free(name, place)
                self.witnesses[name] = key
            case ["group", name, needed, *members] if members:
                group = self._group(needed, tuple(members), place)
                self._verify_free(name, place)
                self.groups[name] = group
            case ["quorum", name] if self.quorum is None:
                if name != NONE:
                    self._verify_known(name, place)
                self.quorum = name
            case _:
                raise MalformedInput(
                    f"{place}: found another line, expected log, witness, group or the only quorum, with their words"
                )

    def _group(self, needed: str, members: tuple[str, ...], place: str) -> Group:
        for name in members:
            self._verify_known(name, place)
            if name in self._members:
                raise MalformedInput(f"{place}: found a member that has a group already, expected each in one")
            self._members.add(name)
        least = {"any": 1, "all": len(members)}.get(needed)
        return Group(needed=least or parse_decimal(needed, place, low=1, high=len(members)), members=members)

    def _verify_known(self, name: str, place: str) -> None:
        if name not in self.witnesses and name not in self.groups:
            raise MalformedInput(f"{place}: found a name that no line before it has, expected a witness or group")

    def _verify_free(self, name: str, place: str) -> None:
        if name == NONE or name in self.witnesses or name in self.groups:
            raise MalformedInput(f"{place}: found a name that is taken, expected another")

    @staticmethod
    def _verify_new(key: VerifyKey, known: dict[str, VerifyKey], place: str) -> None:
        if key.public in {one.public for one in known.values()}:
            raise MalformedInput(f"{place}: found a key that stands before, expected each once")


def parse_policy(raw: bytes, place: str) -> Policy:
    """Decode a policy file.

    Names are compared octet by octet. Raises: MalformedInput.
    """
    if len(raw) > MAX_POLICY_BYTES or not TEXT.fullmatch(raw):
        raise MalformedInput(
            f"{place}: found {len(raw)} B, a control character or no last LF, expected at most {MAX_POLICY_BYTES} B "
            "of lines, each ended by LF"
        )
    reader = _Reader()
    for number, line in enumerate(raw.decode("latin-1").split("\n"), 1):
        words = [word for word in re.split(r"[ \t]+", line) if word]
        if words and not words[0].startswith("#"):
            reader.take(words, f"{place} line {number}")
    if reader.quorum is None:
        raise MalformedInput(f"{place}: found no quorum, expected one line of it")
    return Policy(logs=reader.logs, witnesses=reader.witnesses, groups=reader.groups, quorum=reader.quorum)
