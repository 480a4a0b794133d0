"""Time zones and moments as people type them."""

import datetime as dt
import re
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from coffer.authority.period import settled
from coffer.errors import MalformedInput

_TYPED: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2})(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_ZONE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+/-]{0,63}")


def parse_zone(text: str, place: str) -> ZoneInfo:
    """A time zone by its IANA name."""
    try:
        if not _ZONE.fullmatch(text):
            raise ValueError
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise MalformedInput(f"{place}: unknown time zone", hint="use an IANA name, like Europe/Paris or UTC") from None


def parse_typed(text: str, zone: dt.tzinfo | None, place: str) -> dt.datetime:
    """A moment on the clock of ``zone``, or with the offset that stands behind it.

    Raises:
        MalformedInput: no moment, no zone for it, or one that this zone's clocks skip or show twice.
    """
    match = _TYPED.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        local = dt.datetime.fromisoformat(match[1] + (match[2] or ":00"))
        if match[3]:
            return dt.datetime.fromisoformat(local.isoformat() + match[3].replace("Z", "+00:00"))
    except ValueError:
        raise MalformedInput(
            f"{place}: not a moment, expected YYYY-MM-DDThh:mm", hint="like 2016-09-01T08:00, or 2016-09-01T08:00+02:00"
        ) from None
    if zone is None:
        raise MalformedInput(
            f"{place}: the clock of which zone?", hint="add --time-zone, for example Europe/Paris or UTC"
        )
    readings = [settled(local.replace(tzinfo=zone, fold=fold)) for fold in (0, 1)]
    if readings[0] != readings[1] or readings[0].replace(tzinfo=None) != local:
        raise MalformedInput(
            f"{place}: clocks of that zone skip this moment, or show it twice",
            hint=f"write it with its offset: {text[:16]}{readings[0].isoformat()[-6:]} or {text[:16]}{readings[1].isoformat()[-6:]}",
        )
    return readings[0]
