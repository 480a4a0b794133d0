"""Where TAP3 and NRTRDE keep what a record needs, as trees of BER tags. Values only.

All tags are of the class application. Source: GSMA TD.57 (TAP 3.12) and TD.35 (NRTRDE 2.1), as compiled from their ASN.1.
"""

from dataclasses import dataclass
from typing import Final

from coffer.records.readers.threegpp.tbcd import Column

Tree = dict[int, "str | Tree"]
"""By tag the name of a field, or what stands within."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One format.

    ``events``: the tag of the list of events; ``count``: the way to how many the file says that it has. ``originated``,
    ``terminated``: tags of the events that become records. ``skipped``: words of the others. ``offsets``: the tag of
    what tells the offsets from UTC by code, 0 where each event has its own. ``has_packed_numbers``: numbers are packed
    digits, else characters. ``fields``: within an event.
    """

    events: int
    count: tuple[int, ...]
    originated: int
    terminated: int
    skipped: dict[int, str]
    offsets: int
    has_packed_numbers: bool
    fields: Tree


_SUBSCRIBER: Final[Tree] = {199: {129: "imsi", 152: "msisdn"}}
_BASIC: Final[Tree] = {
    427: _SUBSCRIBER,
    **_SUBSCRIBER,
    89: {407: "called", 279: "dialled", 419: "text_called"},
    41: {405: "calling", 425: "text_calling"},
    44: {16: "start", 232: "offset_code"},
    223: "duration",
    58: "cause",
}
_SERVICE: Final[Tree] = {426: {218: "service"}, 218: "service"}
TAP3: Final = Layout(
    events=3,
    count=(15, 43),
    originated=9,
    terminated=10,
    skipped={
        11: "supplementary-service",
        12: "text-centre",
        14: "packet-switched",
        17: "content",
        297: "location-service",
        433: "messaging-event",
        434: "mobile-session",
    },
    offsets=6,
    has_packed_numbers=True,
    fields={147: _BASIC, 153: _BASIC, 429: {128: "imei"}, 128: "imei", 38: {39: {36: _SERVICE}}, 209: "supplementary"},
)
"""``TransferBatch``. Before release 11 the subscriber and the service stood there without the tag around them."""
OFFSETS: Final[Tree] = {232: "code", 231: "offset"}
OFFSET_LIST: Final = 234
NRTRDE: Final = Layout(
    events=2,
    count=(20,),
    originated=3,
    terminated=4,
    skipped={5: "packet-switched"},
    offsets=0,
    has_packed_numbers=False,
    fields={
        34: "imsi",
        33: "imei",
        21: "start",
        45: "offset",
        19: "duration",
        24: "cause",
        46: {43: "service"},
        42: "supplementary",
        27: "called",
        30: "dialled",
        22: "calling",
    },
)
NAMES: Final = (
    "imsi", "msisdn", "imei", "called", "dialled", "text_called", "calling", "text_calling", "start", "offset", "offset_code",
    "duration", "cause", "service", "supplementary",
)  # fmt: skip
Fields = dict[str, Column]
"""The fields of some events by name: shape (n,) each, of size 0 where an event has none."""
