"""How a custodian on another machine stands, as its own service says.

Pure; nothing in it is proven but the cosignature.

Implements ``docs/formats/custodian.md``, "HTTP": the gauges of ``/metrics``.
"""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from coffer.errors import MalformedInput

MAX_METRICS_BYTES: Final = 65_536
_GAUGE: Final = re.compile(r"coffer_([a-z_]{1,60}) (0|[1-9][0-9]{0,17})")
_NEEDED: Final = ("log_size", "waiting_entries", "is_frozen", "unacknowledged_changes", "is_behind")


class Trouble(StrEnum):
    """Why a custodian did not answer."""

    NOBODY = "nobody"
    CERTIFICATE = "certificate"
    BUSY = "busy"
    SLOW = "slow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """A custodian that was looked at.

    ``trouble``: why it did not answer; None if it did, and only then the rest says something. ``took_s``: until all was
    there. ``log_size``: entries that it accepted. ``waiting``: entries that it signed and that are not logged.
    ``clock_off_s``: how far its clock is ahead of ours, to the second; None if it did not cosign. ``certificate_ends``:
    None over plain http.
    """

    name: str
    trouble: Trouble | None = None
    took_s: float = 0.0
    log_size: int = 0
    waiting: int = 0
    is_frozen: bool = False
    is_behind: bool = False
    unacknowledged: int = 0
    clock_off_s: int | None = None
    certificate_ends: dt.datetime | None = None


def parse_gauges(raw: bytes, place: str) -> Mapping[str, int]:
    """The gauges of a custodian's metrics, without the prefix ``coffer_``.

    Counters with labels are left out.

    Raises:
        MalformedInput: it is no such text, or a gauge is missing or said twice.
    """
    try:
        text = raw.decode("ascii")
    except UnicodeDecodeError:
        raise MalformedInput(f"{place}: metrics: not ASCII") from None
    gauges: dict[str, int] = {}
    for line in text.splitlines():
        match = _GAUGE.fullmatch(line)
        if match is None:
            continue
        if match[1] in gauges:
            raise MalformedInput(f"{place}: metrics: {match[1]} is said twice")
        gauges[match[1]] = int(match[2])
    missing = [name for name in _NEEDED if name not in gauges]
    if missing:
        raise MalformedInput(f"{place}: metrics: without {missing[0]}")
    return gauges
