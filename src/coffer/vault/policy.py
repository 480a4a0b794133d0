"""A vault's policy, ``policy.toml``: how long receipts may be missing, and where witnesses are.

Pure. Implements ``docs/formats/vault.md``.
"""

import datetime as dt
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from coffer.errors import MalformedInput
from coffer.wire import verify_format

POLICY: Final = "policy.toml"
POLICY_FORMAT: Final = "coffer.policy/v1"
_ADDRESS: Final = re.compile(r"https?://[A-Za-z0-9.:/_\[\]-]{1,200}")
MAX_HOURS: Final = 8_784
"""A year. A longer wait is a typing mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A vault's policy.

    ``receipts_within``: ingest stops once a receipt is missing for longer; with None it only warns. ``witnesses``: name
    to address.
    """

    receipts_within: dt.timedelta | None = None
    witnesses: Mapping[str, str] = field(default_factory=dict)

    def format(self) -> bytes:
        """The text of ``policy.toml``."""
        lines = [f'format = "{POLICY_FORMAT}"']
        if self.receipts_within is not None:
            lines.append(f"receipts-within-hours = {self.receipts_within // dt.timedelta(hours=1)}")
        if self.witnesses:
            lines += ["[witnesses]", *(f'"{name}" = "{address}"' for name, address in self.witnesses.items())]
        return ("\n".join(lines) + "\n").encode("ascii")

    @classmethod
    def parse(cls, raw: bytes, place: str) -> Self:
        """Strict inverse of ``format``, except that people may add spaces and comments."""
        try:
            document = tomllib.loads(raw.decode("ascii"))
        except (ValueError, RecursionError):
            raise MalformedInput(f"{place}: not TOML in ASCII") from None
        if isinstance(document.get("format"), str):
            verify_format(document["format"], POLICY_FORMAT, f"{place}: format")
        hours = document.pop("receipts-within-hours", None)
        witnesses = document.pop("witnesses", {})
        if not isinstance(witnesses, dict) or not all(_ADDRESS.fullmatch(str(item)) for item in witnesses.values()):
            raise MalformedInput(
                f"{place}: witnesses: expected names with addresses that begin with https:// or http://"
            )
        if document != {"format": POLICY_FORMAT}:
            raise MalformedInput(
                f'{place}: expected format = "{POLICY_FORMAT}", and at most receipts-within-hours and a table [witnesses]'
            )
        within = None if hours is None else parse_hours(hours, f"{place}: receipts-within-hours")
        return cls(receipts_within=within, witnesses={str(name): str(url) for name, url in witnesses.items()})


def parse_hours(hours: object, place: str) -> dt.timedelta:
    """A number of whole hours, 1 to a year."""
    if not isinstance(hours, int) or isinstance(hours, bool) or not 1 <= hours <= MAX_HOURS:
        raise MalformedInput(f"{place}: expected a whole number from 1 to {MAX_HOURS}")
    return dt.timedelta(hours=hours)
