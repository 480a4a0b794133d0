"""Message tracking as administrators export it from PowerShell or the cloud. Pure.

An export has the same columns under other names, and times as the country writes them.

Source: the properties of ``Get-MessageTrackingLog``'s events; the extended message trace report of Exchange Online.
"""

from typing import Final

import polars as pl

from coffer.records.feed import Feed
from coffer.records.readers.text import stamps
from coffer.records.readers.text.headed import header_names
from coffer.records.readers.text.times import Times
from coffer.records.rejects import Reason

_NAMES: Final = {
    "timestamp": "date-time",
    "date-time-utc": "date-time",
    "eventid": "event-id",
    "messageid": "message-id",
    "networkmessageid": "network-message-id",
    "recipients": "recipient-address",
    "relatedrecipientaddress": "related-recipient-address",
    "sender": "sender-address",
    "returnpath": "return-path",
}
_MONTH_FIRST: Final = ("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M")
_DAY_FIRST: Final = ("%d/%m/%Y %I:%M:%S %p", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M")
_CERTAIN: Final = (
    "%d.%m.%Y %H:%M:%S",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y/%m/%d %H:%M:%S",
)
_SLASHED: Final = r"^([0-9]{1,2})/([0-9]{1,2})/[0-9]{4} "


def own_names(names: list[str]) -> list[str]:
    """The log's own names for those of an export; others as they are, in small letters with hyphens."""
    plain = [name.strip().lower().replace("_", "-") for name in names]
    return [_NAMES.get(name, name) for name in plain]


def export_columns(line: bytes, required: tuple[str, ...]) -> list[str] | None:
    """The columns that a header without ``#Fields`` names, if it is one of an export; else None."""
    names = own_names(header_names(line))
    return names if all(names.count(name) == 1 for name in required) else None


class DayOrder:
    """Whether an export writes the day or the month first.

    The feed says it, or the first stamp that has a number over twelve.
    """

    def __init__(self, setting: str) -> None:
        self._setting = setting
        self.order = setting

    def learn(self, text: pl.Series) -> None:
        """Look at more stamps; what is known stays."""
        if self.order:
            return
        parts = text.str.extract_groups(_SLASHED).struct.rename_fields(["one", "two"]).struct.unnest()
        parts = parts.select(pl.all().cast(pl.Int64))
        if (parts["two"] > 12).any():
            self.order = "month-first"
        elif (parts["one"] > 12).any():
            self.order = "day-first"

    def needs_more(self, text: pl.Series) -> bool:
        """Whether these stamps can be read two ways."""
        return not self.order and bool(text.str.contains(_SLASHED).any())

    def read(self, text: pl.Series, feed: Feed) -> Times:
        """Stamps to UTC; where nobody knows which of two numbers is the month they are ambiguous."""
        text = text.str.replace_all("\u202f", " ", literal=True)
        formats = {"month-first": _MONTH_FIRST, "day-first": _DAY_FIRST}.get(self.order, ())
        times = stamps.parse_stamps(text, (*stamps.WITH_ZONE, *_CERTAIN, *formats), feed)
        if self.order:
            return times
        is_open = text.str.contains(_SLASHED).fill_null(value=False)
        return Times(
            start=times.start,
            fault=times.fault.set(is_open, int(Reason.AMBIGUOUS_TIME)),
            is_ambiguous=times.is_ambiguous,
        )

    def forget(self) -> None:
        """The next file may come from another country."""
        self.order = self._setting
