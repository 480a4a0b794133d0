"""Charging records of other domains than the circuit-switched one, by their tags. Values only.

Source: TS 32.298 (``GPRSRecord``, ``IMSRecord``, ``MMTelServiceRecord``, ``LCSRecord``, ``POCRecord`` and their likes), TS 32.297 section
6.1.2 for the numbers of specifications.
"""

from dataclasses import dataclass
from typing import Final

_BYTES: Final = "they tell of data traffic, not of calls or texts"
_IMS: Final = "they tell of calls over IP (VoLTE) by SIP addresses, and no reader takes them yet"
_OTHER: Final = "they tell of no calls or texts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """``word``: under which such records are counted as skipped. ``title`` and ``meaning``: for people."""

    word: str
    title: str
    meaning: str


PACKET: Final = Domain(word="packet-switched", title="packet-switched", meaning=_BYTES)
IMS: Final = Domain(word="ims", title="IMS", meaning=_IMS)
MMS: Final = Domain(word="mms", title="MMS", meaning=_OTHER)
LOCATION: Final = Domain(word="location-service", title="location service", meaning=_OTHER)
PUSH_TO_TALK: Final = Domain(word="push-to-talk", title="push-to-talk", meaning=_OTHER)
TEXT_SERVICE: Final = Domain(
    word="sms-service",
    title="SMS service",
    meaning="those of the switches tell of the same texts, and no reader takes these yet",
)

BY_TAG: Final[dict[int, tuple[str, Domain]]] = {
    20: ("an SGSN PDP", PACKET), 21: ("a GGSN PDP", PACKET), 22: ("an SGSN mobility", PACKET), 23: ("an SGSN text", PACKET),
    24: ("an SGSN text", PACKET), 25: ("an SGSN location", PACKET), 26: ("an SGSN location", PACKET), 27: ("an SGSN location", PACKET),
    **dict.fromkeys(range(30, 63), ("an MMS", MMS)),
    63: ("an S-CSCF", IMS), 64: ("a P-CSCF", IMS), 65: ("an I-CSCF", IMS), 66: ("an MRFC", IMS), 67: ("an MGCF", IMS), 68: ("a BGCF", IMS),
    69: ("an application server", IMS), 70: ("a GGSN PDP", PACKET), **dict.fromkeys(range(71, 76), ("a location service", LOCATION)),
    76: ("an MBMS", PACKET), 77: ("an MBMS", PACKET), 78: ("a serving gateway", PACKET), 79: ("a packet gateway", PACKET),
    80: ("a push-to-talk", PUSH_TO_TALK), 81: ("a push-to-talk", PUSH_TO_TALK), 82: ("an IBCF", IMS), 83: ("an MMTel", IMS),
    86: ("an MBMS", PACKET), 89: ("a TRF", IMS), 90: ("a transit function", IMS), 91: ("an ATCF", IMS), 92: ("a traffic detection", PACKET),
    93: ("an SMS centre", TEXT_SERVICE), 94: ("an SMS centre", TEXT_SERVICE), 95: ("an IP edge", PACKET), 96: ("an ePDG", PACKET),
    97: ("a trusted WLAN gateway", PACKET),
}  # fmt: skip
"""By the tag of a record: what it is, and its domain. 20 to 22 of the circuit-switched domain have the same numbers.

70 was that of older GGSN records before IMS took it too.
"""
BY_SERVICE: Final[dict[int, Domain]] = {
    1: PACKET, 3: PACKET, 7: PACKET, 4: IMS, 9: IMS, 14: IMS, 5: MMS, 10: MMS, 11: LOCATION, 12: PUSH_TO_TALK, 15: TEXT_SERVICE,
}  # fmt: skip
"""By the number that a CDR header gives a specification: 7 is TS 32.251, 9 TS 32.260, 10 TS 32.270."""
