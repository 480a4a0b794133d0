"""What is known of one signature within a file. Pure."""

import json
from dataclasses import dataclass
from typing import Final

from coffer.errors import MalformedInput

MAX_SIGNATURES: Final = 20
"""Signatures that are looked at. A file with more is told to have too many, since each costs time."""
MAX_NAME: Final = 200
"""Characters that are shown of a signer's name."""
_FIELDS: Final = ("signer", "is_intact", "is_trusted", "is_whole")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One signature.

    ``signer``: as the certificate names it, which anybody can write unless it is trusted. ``is_intact``: what it covers is
    as it was signed. ``is_trusted``: an anchor leads to its certificate, which is in force now; whether it was revoked is
    not known. ``is_whole``: it covers the whole file, with nothing added later.
    """

    signer: str
    is_intact: bool
    is_trusted: bool
    is_whole: bool

    def sentence(self) -> str:
        """For people, without a full stop."""
        if not self.is_intact:
            return f"a signature that names {self.signer} does not hold"
        whole = "it covers the whole file" if self.is_whole else "it covers a part of the file only"
        trusted = "an anchor leads to it" if self.is_trusted else "no anchor leads to it, or it is not in force now"
        return f"signed by {self.signer}; {whole}; {trusted}"


def format_findings(findings: list[Finding]) -> bytes:
    """Their JSON; ``parse_findings`` is the strict inverse."""
    return json.dumps([{name: getattr(one, name) for name in _FIELDS} for one in findings]).encode("ascii")


def parse_findings(raw: bytes) -> tuple[Finding, ...]:
    """The findings; raises ``MalformedInput``. A process that read a stranger's file wrote them."""
    try:
        items = json.loads(raw)
    except (ValueError, RecursionError):
        raise MalformedInput("signatures: not JSON") from None
    if not isinstance(items, list) or len(items) > MAX_SIGNATURES:
        raise MalformedInput("signatures: not a list of findings")
    return tuple(_finding(item) for item in items)


def _finding(item: object) -> Finding:
    if not isinstance(item, dict) or tuple(item) != _FIELDS:
        raise MalformedInput("signatures: a finding with other fields")
    signer, *flags = item.values()
    if not isinstance(signer, str) or len(signer) > MAX_NAME or not all(isinstance(flag, bool) for flag in flags):
        raise MalformedInput("signatures: a finding with other values")
    return Finding(signer=signer, is_intact=flags[0], is_trusted=flags[1], is_whole=flags[2])
